# %% [markdown]
# # Inverse design
#
# Which gain gives a wanted fluctuation? A fit to the wish, through the derivative of the theory.
#
# `qd.fit` takes the wanted $\langle x^2\rangle=2$ of the chaotic state for a datum, with a tolerance for an error, and
# returns the gain. Networks with this gain are then simulated: they tend to the wanted value as they grow.
# {doc}`../fitting` says what is computed, {doc}`../stationary` what is solved.

# %%
import matplotlib.pyplot as plt
import numpy as np

import quenched as qd

wanted, theory = 2.0, qd.dmft.Stationary(lags=(0.0,), frequencies=(0.0,))
wish = {"mean_square_state": wanted, "mean_square_state_error": 1e-6}
found = qd.fit(qd.RandomNetwork(1.5), theory, wish, ["gain"], starts=1)
gain = found.estimate["gain"]

# %%
gains, sizes = np.linspace(1.2, 2.6, 40), (50, 100, 200)
figure, (left, right) = plt.subplots(1, 2, figsize=(8.4, 3.3))
left.plot(gains, qd.sweep(qd.RandomNetwork(1.5), theory, {"gain": gains}).mean_square_state, label="theory")
left.plot(gain, wanted, "o", color="C1", label="fitted")
left.set(xlabel="gain $g$", ylabel=r"$\langle x^2\rangle$", title=f"found $g={gain:.6f}$")
runs = [
    qd.solve(found.model, qd.simulate.Trajectories(size, 3200 // size, 100, 0.1, burn_in=30), key=size) for size in sizes
]
values, errors = ([float(run[name]) for run in runs] for name in ("mean_square_state", "mean_square_state_error"))
right.errorbar(1 / np.array(sizes), values, errors, fmt="o", color="C2", label="networks")
right.plot([0], [wanted], "s", color="black", mfc="none", markersize=8, clip_on=False, label="wanted")
for axes in (left, right):
    axes.axhline(wanted, color="0.6", linewidth=0.8, zorder=0)
    axes.legend(loc="lower right" if axes is left else "lower left")
right.set(xlabel="$1/N$", ylabel=r"$\langle x^2\rangle$", xlim=(0, 0.021))
plt.show()
