# %% [markdown]
# # One large network is its own average
#
# A chaotic network of 20 000 neurons with 50 partners each, beside the theory of infinitely many.
#
# On the left the autocorrelation $\langle x(t)x(t+\tau)\rangle$ of single networks, averaged over their neurons and 28
# leak times: the small one is far from the line, the large one follows it. On the right how far $\langle x^2\rangle$
# of single networks scatters: as $1/\sqrt N$, the dashed line through the last point. Weights are sparse from the draw
# on. With all 20 000 partners they would take 3 GiB; {doc}`../large_networks` says how to run those.

# %%
import matplotlib.pyplot as plt
import numpy as np

import quenched as qd

model = qd.RandomNetwork(couplings=qd.couplings.Sparse(degree=50, couplings=qd.couplings.Elliptic(gain=2.0)))
lags, figure, (left, right) = np.arange(0.0, 12.1, 0.2), *plt.subplots(1, 2, figsize=(8.6, 3.3), width_ratios=(1.4, 1))
theory = qd.solve(qd.RandomNetwork(gain=2.0), qd.dmft.Stationary(lags=lags))
left.plot(lags, theory["state_correlation"], color="black", label="theory")
for index, size in enumerate((200, 20_000)):
    states = qd.simulate.integrate(model.draw(size, 3), 80, 0.2, key=4).trajectory.values[200:, 0]
    times = len(states) - len(lags)
    found = [np.mean(states[:times] * states[lag : lag + times]) for lag in range(len(lags))]
    left.plot(lags, found, color=f"C{index}", linestyle=("--", ":")[index], linewidth=2, label=f"one network, $N={size}$")
sizes, networks = np.array([200, 2000, 20_000]), 4
solved = [qd.solve(model, qd.simulate.Trajectories(int(n), networks, 30, 0.2), key=int(n)) for n in sizes]
spread = np.array([float(each["mean_square_state_error"]) * np.sqrt(networks) for each in solved])
right.errorbar(sizes, spread, spread / np.sqrt(2 * (networks - 1)), fmt="o", color="C2")
right.plot(sizes, spread[-1] * np.sqrt(sizes[-1] / sizes), color="0.5", linestyle="--")
left.set(ylim=(0, None), xlabel=r"lag $\tau$ (leak times)", ylabel=r"autocorrelation $\langle x(t)x(t+\tau)\rangle$")
right.set(xscale="log", yscale="log", xlabel="neurons $N$", ylabel=r"scatter of $\langle x^2\rangle$ over networks")
left.legend()
plt.show()
