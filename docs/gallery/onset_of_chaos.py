# %% [markdown]
# # Onset of chaos
#
# The same couplings, twice as strong: rest becomes chaos.
#
# Both networks have the same random numbers $X_{ij}$ in $J=gX/\sqrt N$ and start from the same state. Below $g=1$
# rest is stable and all neurons return to it; above, they never settle, and never repeat. {doc}`../experiment` has
# the equations, {doc}`../learn/chaos` says why the border is at 1.

# %%
import jax
import matplotlib.pyplot as plt

import quenched as qd

figure, panels = plt.subplots(1, 2, figsize=(8.0, 3.0), sharey=True)
for axes, gain in zip(panels, (0.9, 1.8), strict=True):
    network = qd.RandomNetwork(gain).draw(400, jax.random.key(3))
    run = qd.simulate.integrate(network, duration=60, step=0.1, key=4)
    axes.plot(run.time, run.trajectory[:, 0, :6], linewidth=1.2)
    axes.set(xlabel="time (leak times)", title=f"gain $g={gain}$")
panels[0].set_ylabel("states $x_i$ of six neurons")
plt.show()
