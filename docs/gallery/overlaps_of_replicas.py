# %% [markdown]
# # Overlaps of replicas
#
# Do two independent states of one network, drawn from $\exp(-E/T)$, resemble each other?
#
# Their overlap is $Q=\frac1N\sum_i\phi(x_i)\phi(x_i')$. With positive symmetry its distribution becomes narrow
# about zero as networks grow: there is one phase. With negative symmetry it keeps two peaks, at $\pm$ the overlap
# that replica theory finds within a group of replicas (dotted, one step of replica symmetry breaking). Each line is
# the average over sixteen networks, drawn by replica exchange; bands are standard errors over them. The chains are
# short, with $\hat R$ up to 1.3, and not mixed by the standard of {doc}`../sampling`, which goes along sizes with
# longer ones. Bands are over networks and contain what that adds. {doc}`../replica` has the theory.

# %%
import jax
import matplotlib.pyplot as plt
import numpy as np

import quenched as qd

bins = np.linspace(-1, 1, 32)
middle = 0.5 * (bins[1:] + bins[:-1])
figure, panels = plt.subplots(1, 2, figsize=(8.4, 3.2))
for axes, symmetry in zip(panels, (0.3, -0.5), strict=True):
    model = qd.RandomNetwork(gain=3.0, symmetry=symmetry)
    for index, size in enumerate((12, 30)):
        rows = []
        for seed in range(16):
            network = model.draw(size, jax.random.key(seed))
            found = qd.landscape.sample(
                network, 0.2, solver=qd.landscape.ReplicaExchange(), samples=500, key=seed, throw=False
            )
            rows.append(np.histogram(found.sampled_overlap, bins, density=True)[0])
        mean, error = np.mean(rows, axis=0), np.std(rows, axis=0, ddof=1) / len(rows) ** 0.5
        axes.plot(middle, mean, color=f"C{index}", linestyle=("--", "-")[index], label=f"$N={size}$")
        axes.fill_between(middle, mean - error, mean + error, color=f"C{index}", alpha=0.25, linewidth=0)
    axes.set(xlabel="overlap $Q$ of two replicas", title=rf"symmetry $\gamma={symmetry}$", ylim=(0, None))
theory = qd.solve(model, qd.replica.OneStepRSB(0.2), start="groups")
for sign in (-1, 1):
    label = "theory, within a group" if sign > 0 else None
    panels[1].axvline(sign * float(theory.overlap_within), color="0.3", linestyle=":", label=label)
panels[0].set_ylabel("density")
panels[1].legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
plt.show()
