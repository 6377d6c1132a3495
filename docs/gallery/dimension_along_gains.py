# %% [markdown]
# # In how many directions chaos moves
#
# The participation ratio per neuron of chaotic maps $x'=J\tanh(x)$: a part of all directions, which grows with the
# gain.
#
# Near the transition neurons go along with each other; far above it each goes more of its own way. Rates, which
# saturate, move in more directions than states. Bars are standard errors over networks; sizes are drawn side by side.
# {doc}`../dimension` says what is computed, and why the plain participation ratio of a recording is too small.

# %%
import matplotlib.pyplot as plt
import numpy as np

import quenched as qd


def model(gain: float) -> qd.RandomNetwork:
    """Of maps."""
    return qd.RandomNetwork(couplings=qd.couplings.Elliptic(gain), unit=qd.units.Discrete())


gains = np.geomspace(1.2, 12.0, 16)
stationary = qd.dmft.Stationary(lags=(0.0,), frequencies=(0.0,))
solutions = [qd.solve(model(float(gain)), stationary, throw=False) for gain in gains]
solved = [place for place, solution in enumerate(solutions) if solution.status == qd.Status.solved]
theory = [qd.observables.dimension(solutions[place]) for place in solved]
figure, axes = plt.subplots(1, 2, figsize=(8.6, 3.4), sharey=True)
names = {"state_dimension": "states, $D_x$", "rate_dimension": r"rates, $D_\phi$"}
for axis, (name, title) in zip(axes, names.items(), strict=True):
    axis.plot(gains[solved], [found[name] for found in theory], color="0.2", label=r"theory, $N=\infty$")
    axis.set(xscale="log", xlabel="gain $g$", title=title)
    axis.set_xticks([1, 2, 4, 8], ["1", "2", "4", "8"])
    axis.minorticks_off()

for index, (size, networks) in enumerate(((50, 16), (100, 12), (200, 8))):
    runs = qd.simulate.Trajectories(size, networks, 700, 1.0, burn_in=100, trials=4, record=True)
    for gain in (3.0, 5.0, 9.0):
        found = qd.observables.dimension(qd.solve(model(gain), runs, key=size), throw=False)
        for axis, name in zip(axes, names, strict=True):
            value, error = float(found[name]), float(found[f"{name}_error"])
            bar = axis.errorbar(gain * 1.06 ** (index - 1), value, error, fmt="so^"[index], color=f"C{index}", capsize=2)
    bar.set_label(f"$N={size}$")
axes[0].set(ylabel="participation ratio per neuron", ylim=(0, None))
axes[1].legend(loc="lower right")
plt.show()
