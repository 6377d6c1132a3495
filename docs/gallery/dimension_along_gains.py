# %% [markdown]
# # In how many directions chaos moves
#
# The participation ratio per neuron of chaotic networks: a few percent of all directions, in finite networks and in the
# limit of many neurons.
#
# Near the transition neurons remember for long and go along with each other; far above it each goes more of its own way.
# Rates, which saturate, move in more directions than states. Bars are standard errors over networks. Small networks are
# above the limit, by an amount that shrinks as $1/N$. {doc}`../dimension` says what is computed, and why the plain
# participation ratio of a recording is too small.

# %%
import matplotlib.pyplot as plt
import numpy as np

import quenched as qd

gains = np.geomspace(1.05, 12.0, 24)
theory = [qd.observables.dimension(qd.solve(qd.RandomNetwork(gain), qd.dmft.Stationary())) for gain in gains]
figure, axes = plt.subplots(1, 2, figsize=(8.6, 3.4), sharey=True)
names = {"state_dimension": "states, $D_x$", "rate_dimension": r"rates, $D_\phi$"}
for axis, (name, title) in zip(axes, names.items(), strict=True):
    axis.plot(gains, [found[name] for found in theory], color="0.2", label=r"theory, $N=\infty$")
    axis.set(xscale="log", xlabel="gain $g$", title=title, ylim=(0, None))
    axis.set_xticks([1, 2, 4, 8], ["1", "2", "4", "8"])
    axis.minorticks_off()

for index, (size, networks) in enumerate(((50, 16), (100, 12), (200, 6))):
    runs = qd.simulate.Trajectories(size, networks, 240, 0.1, burn_in=80, trials=2, record=True)
    for place, gain in enumerate((2.0, 4.0, 8.0)):
        found = qd.observables.dimension(qd.solve(qd.RandomNetwork(gain), runs, key=size), throw=False)
        for axis, name in zip(axes, names, strict=True):
            at, label = gain * 1.06 ** (index - 1), f"$N={size}$" if place == 0 else None
            value, error = float(found[name]), float(found[f"{name}_error"])
            axis.errorbar(at, value, error, fmt="so^"[index], color=f"C{index}", markersize=4, capsize=2, label=label)
axes[0].set_ylabel("participation ratio per neuron")
axes[0].legend()
plt.show()
