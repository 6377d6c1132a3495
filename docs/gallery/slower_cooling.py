# %% [markdown]
# # Slower cooling ends deeper
#
# Langevin dynamics on the speed landscape is cooled in 100 steps or in 10000: simulated annealing.
#
# The energy $E=|F|^2/2$ of a network above the transition has many valleys, and is zero at the fixed points. Chains
# that cool fast are caught where they are; those that have time find deeper valleys. All are cooled to $T=10^{-4}$,
# where a valley around a fixed point leaves $E/N\approx T/2$, the dotted line. {doc}`../sampling` explains the
# samplers, and says when chains have mixed.

# %%
import jax
import matplotlib.pyplot as plt
import numpy as np

import quenched as qd

network = qd.RandomNetwork(gain=2.0, symmetry=0.3).draw(60, jax.random.key(1))
figure, axes = plt.subplots(figsize=(6.4, 3.6))
for index, steps in enumerate((100, 1000, 10000)):
    cold = qd.landscape.anneal(network, 1e-4, count=100, steps=steps, solver=qd.landscape.Langevin(adjusted=True), key=2)
    energies = np.sort([float(qd.landscape.energy(network.velocity, state)) for state in cold]) / network.size
    share = np.arange(1, 101) / 100
    axes.step(energies, share, color=f"C{index}", linestyle=("-", "--", "-.")[index], label=f"cooled in {steps} steps")
axes.axvline(0.5e-4, color="0.4", linestyle=":", linewidth=1.2, label="$E/N=T/2$")
axes.set(xscale="log", xlabel="energy per neuron $E/N$ (1/leak time squared)", ylabel="share of chains below")
axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
plt.show()
