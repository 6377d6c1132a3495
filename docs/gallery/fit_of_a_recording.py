# %% [markdown]
# # Gain and noise from a recording
#
# The autocorrelation of a recorded network is fitted by stationary theory, with derivatives through the theory.
#
# Networks of 200 neurons with $g=1.6$ and $\sigma=0.8$ are recorded, each drawn anew; the fit knows the form of the
# equation and nothing of the two numbers. Least squares take their slopes from `jax.jacfwd` of `qd.solve`. On the
# right are the fits of six recordings, and their mean with standard errors beside the truth. What is left of a
# difference comes from the finite size of the recorded networks as well. {doc}`../stationary` says what is solved.

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
def predicted(parameters: jax.Array) -> jax.Array:
    return qd.solve(qd.RandomNetwork(parameters[0], noise=parameters[1]), theory).arrays["state_correlation"]


def recorded(seed: int) -> np.ndarray:
    run = qd.simulate.integrate(truth.draw(200, jax.random.key(seed)), 500, 0.125, noise=0.8, key=seed)
    states = run.trajectory.values[400:, 0]
    return np.array([np.mean(states[2 * k :] * states[: len(states) - 2 * k]) for k in range(len(lags))])


slopes, guess = jax.jit(jax.jacfwd(predicted)), np.array([1.0, 0.4])
recordings, fits = [recorded(seed) for seed in range(6)], np.empty((6, 2))
for data, fit in zip(recordings, fits, strict=True):
    fit[:] = least_squares(lambda p, data=data: predicted(p) - data, guess, slopes, bounds=([0.2, 0.1], [3.0, 2.0])).x

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(8.4, 3.3))
left.plot(lags, recordings[0], "o", markersize=4, color="C1", label="recording")
left.plot(lags, predicted(guess), ":", color="C0", label="first guess")
left.plot(lags, predicted(fits[0]), color="C0", label="fit")
left.set(xlabel=r"lag $\tau$ (leak times)", ylabel=r"autocorrelation $\langle x(t)x(t+\tau)\rangle$")
left.legend()
right.plot(*fits.T, "x", color="C0", markersize=7, label="fits")
mean, error = fits.mean(axis=0), fits.std(axis=0, ddof=1) / np.sqrt(len(fits))
right.errorbar(*mean, error[1], error[0], fmt="o", color="C0", label="mean of the fits")
right.plot(1.6, 0.8, "s", color="black", mfc="none", markersize=9, label="truth")
right.set(xlabel="gain $g$", ylabel=r"noise $\sigma$ (1/$\sqrt{\mathrm{leak\ time}}$)")
right.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
plt.show()
