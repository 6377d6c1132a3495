# %% [markdown]
# # The memory of a reservoir
#
# How long ago can an input be read out of an echo-state network?
#
# A map of 200 neurons is driven by independent random numbers $u_n$. For each delay $k$ a linear readout is fitted to
# give $u_{n-k}$ on 2000 steps, and tested on the next 1000. At small gain the input is soon lost in rounding and
# regularisation. Near $g=1$, where the reservoir is about to cease to follow its input, traces last longest; beyond,
# its own chaos covers them. Bars are standard errors over four reservoirs. {doc}`../maps` measures the exponent of
# driven reservoirs, which is what decides.

# %%
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

import quenched as qd


def at_step(stream: Any, time: Any) -> Any:
    return stream[time.astype(int)]


N, steps, delays = 200, 3100, np.arange(1, 41)
random = np.random.default_rng(0)
figure, axes = plt.subplots(figsize=(6.4, 3.6))
for index, gain in enumerate((0.5, 0.9, 1.2, 1.8)):
    model = qd.RandomNetwork(couplings=qd.couplings.Elliptic(gain), unit=qd.units.Reservoir())
    kept = []
    for seed in range(4):
        stream, weights_in = random.uniform(-1, 1, steps), 0.3 * random.normal(size=N)
        drive = jnp.asarray(np.outer(stream, weights_in))
        network = model.draw(N, jax.random.key(seed))
        run = qd.simulate.integrate(network, steps - 1, 1, field=partial(at_step, drive), key=seed)
        states, now = run.trajectory.values[1:, 0], np.arange(100, steps - 1)
        wanted = stream[now[:, None] - delays + 1]
        train, test = states[now[:2000]], states[now[2000:]]
        readout = np.linalg.solve(train.T @ train + 1e-6 * np.eye(N), train.T @ wanted[:2000])
        kept.append([np.corrcoef(pair)[0, 1] ** 2 for pair in zip((test @ readout).T, wanted[2000:].T, strict=True)])
    mean, error = np.mean(kept, axis=0), np.std(kept, axis=0, ddof=1) / 2
    axes.errorbar(delays, mean, error, fmt="osD^"[index] + "-", markersize=3, linewidth=1, label=f"$g={gain}$")
axes.set(xlabel="delay $k$ (steps)", ylabel="squared correlation of readout and input", ylim=(0, 1.05))
axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
plt.show()
