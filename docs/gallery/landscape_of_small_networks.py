# %% [markdown]
# # The landscape of small networks
#
# How many neurons does a network need until replica theory describes its speed landscape?
#
# The measure is $\exp(-E/T)$, $E=\frac12|F|^2$, and $q=\frac1N\sum_i\phi(x_i)^2$ its mean square rate. What is missing
# to the theory of infinitely many neurons is drawn against $N$, in two averages. Weighted by their norm $Z$, networks
# have an exact integral at every size (lines). Counted alike, they are sampled (points, with standard errors over 24
# and 8 networks), and lack several times as much: the few with the largest $Z$ are not typical. The dotted line falls
# as $1/N$. {doc}`../finite_size` has lower temperatures and $T=0$.

# %%
import matplotlib.pyplot as plt
import numpy as np

import quenched as qd

model, T = qd.RandomNetwork(gain=1.3), 0.1
limit = float(qd.solve(model, qd.replica.FiniteTemperature(T)).self_overlap)
sizes, drawn = np.array([25, 50, 100, 200]), np.array([50, 200])
exact = qd.replica.finite_size(model, sizes, T).self_overlap
solver = qd.landscape.HMC(preconditioner="none", leapfrogs=16)
found = [
    qd.solve(
        model, qd.landscape.Sampling(int(size), networks, T, chains=4, draws=400, warm_up=300), solver=solver, throw=False
    )
    for size, networks in zip(drawn, (24, 8), strict=True)  # what mixes slowest is the sign of x, and q does not see it
]
missing, error = limit - np.array([float(each.self_overlap) for each in found]), [each.self_overlap_error for each in found]
figure, axes = plt.subplots(figsize=(5.4, 3.6))
axes.errorbar(drawn, missing, error, fmt="o", markersize=5, capsize=3, label="networks that count alike")
axes.plot(sizes, limit - exact, "s-", color="C1", markersize=4, label="networks weighted by $Z$, exact")
axes.plot(sizes, missing[0] * drawn[0] / sizes, ":", color="0.3", label="$1/N$")
axes.set(xscale="log", yscale="log", xlabel="neurons $N$", ylabel="missing to the theory, $q_\\infty-q$")
axes.set_xticks(sizes, [str(size) for size in sizes])
axes.set_yticks([0.003, 0.01, 0.03], ["0.003", "0.01", "0.03"])
axes.minorticks_off()
axes.legend()
plt.show()
