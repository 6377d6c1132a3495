# %% [markdown]
# # Inverse design
#
# Which gain gives a wanted fluctuation? Newton's method, with the derivative of the theory.
#
# Theories are differentiable: `jax.value_and_grad` through `qd.solve` gives $\langle x^2\rangle$ of the chaotic state
# and its slope in the gain. Four steps from $g=1.5$ find the gain at which $\langle x^2\rangle=2$. Networks with this
# gain are then simulated: they tend to the wanted value as they grow. {doc}`../stationary` says what is solved.

# %%
from typing import Any

import jax
import matplotlib.pyplot as plt
import numpy as np

import quenched as qd

jax.config.update("jax_enable_x64", True)
theory, wanted = qd.dmft.StationaryGaussian(lags=(0.0,), frequencies=(0.0,)), 2.0


def fluctuation(gain: Any) -> Any:
    return qd.solve(qd.RandomNetwork(gain), theory).arrays["mean_square_state"]


with_slope = jax.jit(jax.value_and_grad(fluctuation))
gain, tried, reached = 1.5, [], []
for _ in range(5):
    value, slope = with_slope(gain)
    tried.append(gain)
    reached.append(float(value))
    gain += (wanted - float(value)) / float(slope)

# %%
gains, sizes = np.linspace(1.2, 2.6, 40), (50, 100, 200)
figure, (left, right) = plt.subplots(1, 2, figsize=(8.4, 3.3))
left.plot(gains, qd.sweep(qd.RandomNetwork(1.5), theory, {"gain": gains}).mean_square_state, label="theory")
left.plot(tried, reached, "o--", color="C1", linewidth=1, label="steps of Newton's method")
left.set(xlabel="gain $g$", ylabel=r"$\langle x^2\rangle$", title=f"found $g={tried[-1]:.6f}$")
model = qd.RandomNetwork(tried[-1])
runs = [qd.solve(model, qd.simulate.Trajectories(size, 3200 // size, 100, 0.1, burn_in=30), key=size) for size in sizes]
values, errors = ([float(run[name]) for run in runs] for name in ("mean_square_state", "mean_square_state_error"))
right.errorbar(1 / np.array(sizes), values, errors, fmt="o", color="C2", label="networks")
right.plot([0], [wanted], "s", color="black", mfc="none", markersize=8, clip_on=False, label="wanted")
for axes in (left, right):
    axes.axhline(wanted, color="0.6", linewidth=0.8, zorder=0)
    axes.legend(loc="lower right" if axes is left else "lower left")
right.set(xlabel="$1/N$", ylabel=r"$\langle x^2\rangle$", xlim=(0, 0.021))
plt.show()
