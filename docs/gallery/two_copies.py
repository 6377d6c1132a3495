# %% [markdown]
# # Two copies of one network
#
# How fast two almost equal states part, and what mean-field theory says about it.
#
# A chaotic network that has settled on its attractor goes on from two states that differ by $10^{-8}$. Once the
# directions that shrink have died out, the distance grows as $\mathrm e^{\lambda t}$, with $\lambda$ the largest
# Lyapunov exponent, until both are as far apart as any two states. Dashed: slopes of $\lambda$ for infinitely many
# neurons. One network of 1000 grows in fits and starts, and a little more slowly. {doc}`../lyapunov` measures whole
# spectra, along sizes and with errors.

# %%
import jax
import matplotlib.pyplot as plt
import numpy as np

import quenched as qd

figure, axes = plt.subplots(figsize=(6.4, 3.6))
for index, gain in enumerate((3.0, 2.0, 1.5)):
    model = qd.RandomNetwork(gain)
    network = model.draw(1000, jax.random.key(index))
    settled = qd.simulate.integrate(network, duration=50, step=0.1, key=1).trajectory.values[-1]
    nudge = np.random.default_rng(0).normal(size=settled.shape)
    both = np.concatenate([settled, settled + 1e-8 * nudge])
    run = qd.simulate.integrate(network, duration=120, step=0.1, initial=both, trials=2)
    distance = np.sqrt(np.mean((run.trajectory[:, 1] - run.trajectory[:, 0]) ** 2, axis=-1))
    axes.semilogy(run.time, distance, color=f"C{index}", label=f"two runs, $g={gain}$")
    exponent = float(qd.solve(model, qd.dmft.Stationary(lags=(0.0,))).lyapunov_exponent)
    time = np.linspace(0, min(120, np.log(1e8) / exponent))
    theory = 1e-8 * np.exp(exponent * time)
    axes.semilogy(time, theory, "--", color=f"C{index}", linewidth=1.0, label=rf"theory, $\lambda={exponent:.3f}$")
axes.set(xlabel="time (leak times)", ylabel="distance, root mean square", ylim=(1e-9, 10))
axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
plt.show()
