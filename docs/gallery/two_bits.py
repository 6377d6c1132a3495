# %% [markdown]
# # The skeleton of a memory
#
# Two bits are four valleys; saddles between them decide which one is reached.
#
# Two neurons that excite themselves hold two bits, a small coupling between them spoils the symmetry. Where the speed
# $|F|$ is low the state lingers; the fixed points are its zeros. `connections` follows each unstable direction to
# where it leads, and the lines are paths from a little beside the saddles. {doc}`../trained_networks` finds the same
# skeleton, a cube of 27 points, in a network that was trained to remember three bits.

# %%
import matplotlib.pyplot as plt
import numpy as np

import quenched as qd

network = qd.Network(np.array([[2.0, 0.3], [0.1, 2.0]]))
found = qd.landscape.find_fixed_points(network, starts=100)
graph = qd.landscape.connections(network, found)

side = np.linspace(-2.6, 2.6, 161)
plane = np.stack(np.meshgrid(side, side), axis=-1)
speed = np.linalg.norm(-plane + np.tanh(plane) @ np.asarray(network.weights).T, axis=-1)

# %%
figure, axes = plt.subplots(figsize=(6.4, 4.2))
image = axes.pcolormesh(side, side, speed, cmap="Greys_r", rasterized=True, vmax=1.0)
figure.colorbar(image, ax=axes, label="speed $|F|$ (1/leak time)", extend="max")
for tail, known in ((tail, known) for tail, _, known in graph.edges(data=True)):
    direction = found.unstable_modes.values[tail, known["mode"]]
    start = found.state.values[tail] + known["side"] * 1e-3 * direction
    path = qd.simulate.integrate(network, duration=30, step=0.05, initial=start[None]).trajectory.values[:, 0]
    axes.plot(*path.T, color="C4", linewidth=1.4)
looks = (("stable", "C0", "o"), ("one unstable direction", "C1", "D"), ("two unstable directions", "C2", "s"))
for count, (name, colour, marker) in enumerate(looks):
    chosen = found.state.values[found.unstable_directions.values == count]
    axes.plot(*chosen.T, marker, color=colour, markeredgecolor="white", markersize=8, label=name)
axes.set(xlabel="state $x_1$", ylabel="state $x_2$", aspect="equal")
figure.legend(loc="outside lower center", ncols=3, fontsize="small")
plt.show()
