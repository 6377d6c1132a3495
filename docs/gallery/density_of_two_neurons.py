# %% [markdown]
# # Where two noisy neurons are found
#
# A long simulation, the Fokker-Planck equation, and the measure $\exp(-E/T)$ of the speed landscape: only two of them
# agree.
#
# Two neurons excite themselves and each other. The simulation is found where the Fokker-Planck equation says, on the
# attractors with equal signs, which the couplings favour. The speed landscape, $E=|F|^2/2$ at $T=\sigma^2/2$, has
# weight at every place where the dynamics is slow, saddles and the origin among them: it is there to find fixed
# points, and does not say how often a network is near them. {doc}`../stationary_density` takes the noise to zero.

# %%
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import PowerNorm

import quenched as qd

network, noise, reach = qd.Network(np.array([[1.6, 0.2], [0.2, 1.6]])), 0.6, 3.2
theory = qd.landscape.stationary_density(network, noise, (-reach, reach), cells=120)
run = qd.simulate.integrate(network, duration=400, step=0.1, trials=500, noise=noise, key=1)
states = run.trajectory.values[500:].reshape(-1, 2)
edges = np.linspace(-reach, reach, 61)
counts = np.histogram2d(states[:, 0], states[:, 1], bins=[edges, edges], density=True)[0]

# %%
figure, panels = plt.subplots(1, 3, figsize=(9.6, 3.4), sharex=True, sharey=True)
scale = PowerNorm(0.5, vmin=0, vmax=float(theory.density.max()))
middle = 0.5 * (edges[1:] + edges[:-1])
pictures = (
    ("simulated, 500 runs", middle, counts),
    ("Fokker-Planck", theory.x, theory.density),
    (r"$\exp(-E/T)$", theory.x, theory.boltzmann_density),
)
for axes, (title, places, density) in zip(panels, pictures, strict=True):
    image = axes.pcolormesh(places, places, np.asarray(density).T, cmap="Blues", norm=scale, rasterized=True)
    axes.set(title=title, xlabel="state $x_1$", aspect="equal")
panels[0].set_ylabel("state $x_2$")
figure.colorbar(image, ax=panels, label="density", shrink=0.8, ticks=[0, 0.02, 0.1, 0.25])
plt.show()
