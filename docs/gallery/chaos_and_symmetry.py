# %% [markdown]
# # Chaos against symmetry
#
# Symmetric couplings make a network more chaotic than antisymmetric ones, whose activity rotates and hardly grows.
#
# The exponent of infinitely many neurons is that of perturbations on a ring of time, with a memory of their own past: no
# Schrödinger equation exists but at symmetry 0 (cross). Networks of finite size approach it from below. Errors are
# standard errors, over samples of the theory and over networks. {doc}`../lyapunov` says what is solved.

# %%
import matplotlib.pyplot as plt
import numpy as np

import quenched as qd

symmetries = np.array([-0.5, -0.3, -0.1, 0.1, 0.3])
solver = qd.dmft.RingPopulation(scramblings=4)
theory = [qd.solve(qd.RandomNetwork(2.5, eta), qd.dmft.Stationary(), solver=solver, throw=False) for eta in symmetries]
names = ("lyapunov_exponent", "lyapunov_exponent_error")
value, error = (np.array([float(each[name]) for each in theory]) for name in names)

figure, axes = plt.subplots(figsize=(7.4, 3.4))
axes.errorbar(symmetries, value, error, color="0.2", linewidth=1, capsize=2, label="theory, by samples")
exact = qd.solve(qd.RandomNetwork(2.5), qd.dmft.Stationary())["lyapunov_exponent"]
axes.plot(0.0, float(exact), "x", color="C3", markersize=9, markeredgewidth=2, label="theory, Schrödinger equation")
for index, (size, networks) in enumerate(((100, 12), (400, 4))):
    found = [
        qd.observables.lyapunov_spectrum(
            qd.RandomNetwork(2.5, eta), 150, 0.1, exponents=1, size=size, networks=networks, key=size
        )
        for eta in symmetries
    ]
    axes.errorbar(
        symmetries + 0.008 * (2 * index - 1),
        [float(each.lyapunov_exponent[0]) for each in found],
        [float(each.lyapunov_exponent_error[0]) for each in found],
        fmt=("s", "o")[index],
        color=f"C{index}",
        markersize=4,
        capsize=2,
        label=f"networks, $N={size}$",
    )
axes.axhline(0.0, color="0.7", linewidth=0.8)
axes.set(xlabel=r"symmetry $\eta$", ylabel=r"exponent $\lambda_{\max}$ (1/leak time)", title="gain $g=2.5$")
axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
plt.show()
