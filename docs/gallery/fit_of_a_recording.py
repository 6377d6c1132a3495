# %% [markdown]
# # Gain and noise from a recording
#
# The autocorrelation of a recorded network is fitted by stationary theory, with gradients through the theory.
#
# A network of 400 neurons with $g=1.6$ and $\sigma=0.5$ is recorded; of what it was made of the fit knows nothing but
# the form. The two parameters go down the gradient of the squared misfit, by Gauss and Newton with `jax.jacfwd`. Four
# recordings, of networks drawn anew, tell how well the parameters are found: crosses on the right, beside the truth.
# {doc}`../stationary` says what is solved.

# %%
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

import quenched as qd

jax.config.update("jax_enable_x64", True)
lags = np.arange(0, 10.5, 0.5)
theory = qd.dmft.StationaryGaussian(lags=tuple(lags), frequencies=(0.0,))
truth = qd.RandomNetwork(gain=1.6, noise=0.5)


def predicted(parameters: jax.Array) -> jax.Array:
    return qd.solve(qd.RandomNetwork(parameters[0], noise=parameters[1]), theory).arrays["state_correlation"]


def recorded(seed: int) -> np.ndarray:
    run = qd.simulate.integrate(truth.draw(400, jax.random.key(seed)), 300, 0.1, noise=0.5, key=seed)
    states = run.trajectory.values[500:, 0]
    return np.array([np.mean(states[5 * k :] * states[: len(states) - 5 * k]) for k in range(len(lags))])


def fitted(data: np.ndarray) -> list[np.ndarray]:
    tried = [np.array([1.0, 1.0])]
    for _ in range(8):
        slopes, misfit = jax.jacfwd(predicted)(jnp.asarray(tried[-1])), data - predicted(jnp.asarray(tried[-1]))
        tried.append(np.maximum(tried[-1] + np.linalg.lstsq(slopes, misfit)[0], 0.05))
    return tried


recordings = [recorded(seed) for seed in range(4)]
fits = [fitted(data) for data in recordings]
figure, (left, right) = plt.subplots(1, 2, figsize=(8.4, 3.3))
left.plot(lags, recordings[0], "o", markersize=4, color="C1", label="recording")
for index, step in enumerate((0, 1, -1)):
    label = ("first guess", "after one step", "fit")[index]
    left.plot(lags, predicted(jnp.asarray(fits[0][step])), color="C0", linestyle=(":", "--", "-")[index], label=label)
left.set(xlabel=r"lag $\tau$ (leak times)", ylabel=r"autocorrelation $\langle x(t)x(t+\tau)\rangle$")
for path in fits:
    right.plot(*np.transpose(path), ".-", color="C0", linewidth=0.8, alpha=0.6)
    right.plot(*path[-1], "x", color="C0", markersize=8)
right.plot(1.6, 0.5, "s", color="black", mfc="none", markersize=9)
right.set(xlabel="gain $g$", ylabel=r"noise $\sigma$")
left.legend()
plt.show()
