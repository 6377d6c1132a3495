# %% [markdown]
# # A map of chaos
#
# The largest Lyapunov exponent over gain and noise: noise silences chaos.
#
# The solid line $\lambda=0$ bends to larger gains as the noise $\sigma$ grows. Between the dashed line and it small
# differences grow at first, $g^2\langle\phi'^2\rangle>1$, and are forgotten in the end. Without noise both begin at
# $g=1$. All 1281 theories are one call of `qd.sweep`. {doc}`../stationary` explains the two transitions,
# {doc}`../sweeps` what else a sweep does.

# %%
import matplotlib.pyplot as plt
import numpy as np

import quenched as qd

over = {"noise": np.linspace(0.0, 1.0, 21), "gain": np.linspace(0.6, 2.4, 61)}
found = qd.sweep(qd.RandomNetwork(gain=1.0), qd.dmft.Stationary(lags=(0.0,), frequencies=(0.0,)), over)
exponent = found.lyapunov_exponent

figure, axes = plt.subplots(figsize=(6.0, 4.0))
image = axes.pcolormesh(found.gain, found.noise, exponent, cmap="RdBu_r", vmin=-0.2, vmax=0.2, rasterized=True)
figure.colorbar(image, ax=axes, label=r"largest exponent $\lambda$ (1/leak time)", extend="both")
axes.contour(found.gain, found.noise, exponent, [0.0], colors="black", linewidths=1.6)
axes.contour(found.gain, found.noise, found.local_instability, [1.0], colors="black", linewidths=1.2, linestyles="--")
axes.text(1.9, 0.25, "chaos", ha="center")
axes.text(0.85, 0.8, "forgets", ha="center", color="white")
axes.set(xlabel="gain $g$", ylabel=r"noise $\sigma$ (leak time)$^{-1/2}$")
plt.show()
