# %% [markdown]
# # Gain and noise from a recording
#
# The autocorrelation of a recorded network is fitted by stationary theory, with derivatives through the theory.
#
# Networks with $g=1.6$ and $\sigma=0.8$ are recorded, each drawn anew; the fit knows the form of the equation and
# nothing of the two numbers. Least squares take their slopes from `jax.jacfwd` of `qd.solve`. On the right each cross
# is a recording; circles are means over eight of them, with standard errors. A little more gain with a little less
# noise fits almost as well, so the crosses scatter along a line. The theory is that of infinitely many neurons: the
# larger the recorded networks, the closer are the fits to the truth. {doc}`../stationary` says what is solved.

# %%
import jax
import matplotlib.pyplot as plt
import numpy as np
from scipy.optimize import least_squares

import quenched as qd

jax.config.update("jax_enable_x64", True)
lags = np.arange(0, 6.25, 0.25)
theory = qd.dmft.StationaryGaussian(lags=tuple(lags), frequencies=(0.0,))
truth = qd.RandomNetwork(gain=1.6, noise=0.8)


@jax.jit
def predicted(parameters: jax.Array) -> jax.Array | np.ndarray:
    return qd.solve(qd.RandomNetwork(parameters[0], noise=parameters[1]), theory).arrays["state_correlation"]


def recorded(size: int, seed: int) -> np.ndarray:
    run = qd.simulate.integrate(truth.draw(size, jax.random.key(seed)), 500, 0.125, noise=0.8, key=seed)
    states = run.trajectory.values[400:, 0]
    return np.array([np.mean(states[2 * k :] * states[: len(states) - 2 * k]) for k in range(len(lags))])


def fitted(data: np.ndarray) -> np.ndarray:
    return least_squares(lambda parameters: predicted(parameters) - data, guess, slopes).x


slopes, guess = jax.jit(jax.jacfwd(predicted)), np.array([1.0, 0.4])
recordings = {size: [recorded(size, seed) for seed in range(8)] for size in (100, 400)}
fits = {size: np.array([fitted(data) for data in some]) for size, some in recordings.items()}

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(8.4, 3.3))
left.plot(lags, recordings[400][0], "o", markersize=4, color="C1", label="recording")
left.plot(lags, predicted(guess), ":", color="C0", label="first guess")
left.plot(lags, predicted(fits[400][0]), color="C0", label="fit")
left.set(xlabel=r"lag $\tau$ (leak times)", ylabel=r"autocorrelation $\langle x(t)x(t+\tau)\rangle$")
for index, (size, found) in enumerate(fits.items()):
    mean, error = found.mean(axis=0), found.std(axis=0, ddof=1) / np.sqrt(len(found))
    right.plot(*found.T, "x+"[index], color=f"C{2 - 2 * index}", label=f"fits, $N={size}$")
    right.errorbar(*mean, error[1], error[0], fmt="o", color=f"C{2 - 2 * index}", label="their mean")
right.plot(1.6, 0.8, "s", color="black", mfc="none", markersize=9, label="truth", zorder=5)
right.set(xlabel="gain $g$", ylabel=r"noise $\sigma$ (leak time)$^{-1/2}$")
for axes, where in ((left, (0.4, 1.0)), (right, (1.0, 1.0))):
    axes.legend(loc="upper left", bbox_to_anchor=where)
plt.show()
