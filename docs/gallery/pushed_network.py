# %% [markdown]
# # A push, and what is left of it
#
# A field comes and goes: symmetric couplings keep its trace longest.
#
# All neurons receive the field $b(t)$, drawn in grey. Symmetry $\eta>0$ sends back to each neuron some of what it
# said, $\eta<0$ sends it back with the opposite sign, so that the mean rate rises to less and returns sooner. Lines
# are the two-time theory of infinitely many neurons, points are networks of two sizes with standard errors.
# {doc}`../two_time` has the equations.

# %%
from typing import Any

import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

import quenched as qd


def push(time: Any) -> Any:
    return 0.5 * jnp.exp(-(((time - 5.0) / 1.5) ** 2))


figure, axes = plt.subplots(figsize=(6.8, 3.6))
time = np.linspace(0, 16, 161)
axes.fill_between(time, push(time), color="0.9", zorder=0, label="field $b$")
for index, symmetry in enumerate((0.8, 0.0, -0.8)):
    model = qd.RandomNetwork(gain=0.5, symmetry=symmetry, noise=0.3, field=push)
    theory = qd.solve(model, qd.dmft.TwoTime(duration=16, step=0.1, initial=qd.Normal(0, 0.5)), key=1)
    axes.plot(theory.mean_rate.time, theory.mean_rate, color=f"C{index}", label=rf"theory, $\eta={symmetry}$")
    for size, count, marker, first in ((25, 320, "^", 0), (400, 20, "o", 5)):
        run = qd.simulate.Trajectories(size, count, 16, 0.1, burn_in=0, initial=qd.Normal(0, 0.5), record=True)
        states: Any = qd.solve(model, run, key=2).trajectory[:, first::10]
        rates = np.tanh(states).mean(("trial", "neuron"))
        mean, error = rates.mean("network"), rates.std("network", ddof=1) / count**0.5
        axes.errorbar(states.time, mean, error, fmt=marker, color=f"C{index}", mfc="none", markersize=4)
axes.plot([], [], "k^", mfc="none", markersize=4, label="$N=25$")
axes.plot([], [], "ko", mfc="none", markersize=4, label="$N=400$")
axes.set(xlabel="time (leak times)", ylabel=r"mean rate $\langle\phi\rangle$, field $b$")
axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
plt.show()
