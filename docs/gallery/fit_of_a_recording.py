# %% [markdown]
# # Gain and noise from a recording
#
# The autocorrelation of a recorded network is fitted by stationary theory, and the errors of the fit are put to the test.
#
# Networks of 100 neurons with $g=1.6$ and $\sigma=0.8$ are recorded, each drawn anew; `qd.fit` knows the form of the
# equation and nothing of the two numbers. A network of this size fluctuates less than theory says, and each in its own
# way: networks simulated with the parameters found tell both, and are taken into account. On the right each cross is
# the fit to one recording, with its errors. A little more gain with a little less noise fits almost as well, so the
# crosses scatter along a line. {doc}`../fitting` says what is computed.

# %%
import jax
import matplotlib.pyplot as plt
import numpy as np
import xarray as xr

import quenched as qd

truth, guess = qd.RandomNetwork(1.6, noise=0.8), qd.RandomNetwork(1.2, noise=0.5)
theory = qd.dmft.Stationary(lags=np.arange(0, 4.25, 0.25))


def recorded(seed: int) -> xr.DataArray:
    network = truth.draw(100, jax.random.key(seed))
    run = qd.simulate.integrate(network, 170, 0.125, noise=0.8, key=seed)
    return run.trajectory.isel(trial=0, time=slice(160, None))


fits = [qd.fit(guess, theory, recorded(seed), ["gain", "noise"], starts=1, key=seed) for seed in range(6)]

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(8.4, 3.3))
data = fits[0].data
left.errorbar(data.lag, data.state_correlation, data.state_correlation_error, fmt="o", ms=4, color="C1", label="recording")
left.plot(data.lag, data.state_correlation_fitted, color="C0", label="fit, with what 100 neurons change")
left.plot(data.lag, qd.solve(guess, theory).state_correlation, ":", color="C0", label="first guess")
left.set(xlabel=r"lag $\tau$ (leak times)", ylabel=r"autocorrelation $\langle x(t)x(t+\tau)\rangle$", ylim=(0, 1.7))
left.legend()
for found in fits:
    gain, noise = found.estimate.values()
    right.errorbar(gain, noise, found.error["noise"], found.error["gain"], fmt="x", color="C2", elinewidth=0.8)
right.plot(1.6, 0.8, "s", color="black", mfc="none", markersize=9, label="truth", zorder=5)
right.set(xlabel="gain $g$", ylabel=r"noise $\sigma$ (leak time)$^{-1/2}$")
right.legend()
plt.show()
