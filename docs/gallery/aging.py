# %% [markdown]
# # Aging
#
# The longer a network with symmetric couplings has relaxed, the longer it remembers where it was.
#
# The normalised correlation $C(t_w+\tau,t_w)/C(t_w,t_w)$ would not depend on the waiting time $t_w$ in a stationary
# state. At symmetry $\eta=1$ and $g=2$, without noise, it decays more slowly the longer the network has waited; at
# $\eta=0$, a chaotic network, the lines of later waiting times coincide. Lines are the two-time theory, points are
# networks of 400 with standard errors. {doc}`../two_time` has the equations.

# %%
import matplotlib.pyplot as plt
import numpy as np

import quenched as qd

figure, panels = plt.subplots(1, 2, figsize=(8.6, 3.3), sharey=True)
for axes, symmetry in zip(panels, (1.0, 0.0), strict=True):
    model = qd.RandomNetwork(gain=2.0, symmetry=symmetry)
    theory = qd.solve(model, qd.dmft.TwoTime(duration=36, step=0.2), key=1)
    runs = qd.solve(model, qd.simulate.Trajectories(400, 12, duration=36, step=0.2, burn_in=0, record=True), key=2)
    rates = np.tanh(runs.trajectory.values[:, :, 0])
    for index, waited in enumerate((2, 6, 18)):
        start = 5 * waited
        C = theory.correlation.values[start:, start] / theory.correlation.values[start, start]
        axes.plot(0.2 * np.arange(len(C)), C, color=f"C{index}", label=f"$t_w={waited}$")
        each = np.einsum("nti,ni->nt", rates[:, start::10], rates[:, start]) / np.sum(rates[:, start] ** 2, axis=1)[:, None]
        error = each.std(axis=0, ddof=1) / np.sqrt(len(each))
        axes.errorbar(
            2 * np.arange(each.shape[1]), each.mean(axis=0), error, fmt="osD"[index], color=f"C{index}", markersize=4
        )
    axes.set(xlabel=r"lag $\tau$ (leak times)", title=rf"symmetry $\eta={symmetry:g}$")
panels[0].set_ylabel(r"$C(t_w+\tau,t_w)\,/\,C(t_w,t_w)$")
panels[1].legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
plt.show()
