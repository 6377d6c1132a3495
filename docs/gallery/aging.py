# %% [markdown]
# # Aging
#
# The longer a network with symmetric couplings has relaxed, the longer it remembers where it was.
#
# $C(t_w+\tau,t_w)$, divided by the root of both variances, would not depend on the waiting time $t_w$ in a stationary
# state. At $\eta=0$ and $g=2$, a chaotic network, it approaches the dashed line of the stationary theory. At symmetry
# $\eta=1$ it decays more slowly the longer the network has waited, and no end of that is in sight. Lines and bands
# are the two-time theory with its standard error, points are networks of 400. {doc}`../two_time` has the equations.

# %%
import matplotlib.pyplot as plt
import numpy as np

import quenched as qd

figure, panels = plt.subplots(1, 2, figsize=(8.6, 3.3), sharey=True)
for axes, symmetry in zip(panels, (0.0, 1.0), strict=True):
    model = qd.RandomNetwork(gain=2.0, symmetry=symmetry)
    sampled = qd.dmft.Population(trajectories=768) if symmetry else None
    theory = qd.solve(model, qd.dmft.TwoTime(duration=36, step=0.2), solver=sampled, key=1)
    run = qd.simulate.Trajectories(400, 12, duration=36, step=0.2, burn_in=0, trials=4, record=True)
    rates = np.tanh(qd.solve(model, run, key=2).trajectory.values)
    for index, waited in enumerate((2, 6, 18)):
        start = 5 * waited
        diagonal = np.sqrt(np.diagonal(theory.correlation)[start:])
        C, error = (
            theory[name].values[start:, start] / (diagonal * diagonal[0]) for name in ("correlation", "correlation_error")
        )
        lag = 0.2 * np.arange(len(C))
        axes.plot(lag, C, color=f"C{index}", label=f"$t_w={waited}$")
        axes.fill_between(lag, C - error, C + error, color=f"C{index}", alpha=0.3, linewidth=0)
        later = rates[:, start::10] / np.linalg.norm(rates[:, start::10], axis=-1, keepdims=True)
        each = np.sum(later * later[:, :1], axis=-1).mean(axis=2)
        error = each.std(axis=0, ddof=1) / np.sqrt(len(each))
        axes.errorbar(
            2 * np.arange(each.shape[1]), each.mean(axis=0), error, fmt="osD"[index], color=f"C{index}", markersize=4
        )
    axes.set(xlabel=r"lag $\tau$ (leak times)", title=rf"symmetry $\eta={symmetry:g}$")
late = qd.solve(qd.RandomNetwork(gain=2.0), qd.dmft.Stationary(lags=np.linspace(0, 34, 69))).correlation
panels[0].plot(late.lag, late / late[0], "--", color="black", linewidth=1.2, label="stationary")
panels[0].set_ylabel(r"correlation of $\phi(t_w+\tau)$ and $\phi(t_w)$")
figure.legend(*panels[0].get_legend_handles_labels(), loc="outside right upper")
plt.show()
