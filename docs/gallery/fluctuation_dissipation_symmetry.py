# %% [markdown]
# # How far from equilibrium?
#
# Only symmetric couplings let a linear network answer a push as it fluctuates by itself.
#
# In equilibrium at temperature $T=\sigma^2/2$ the fluctuation $C_x(0)-C_x(\tau)$ is $T$ times the response
# $\chi(\tau)$ to a field that has been on for a time $\tau$. The violation $V$ is the difference of both, divided by
# $C_x(0)$, here at $\tau=4$. It is zero at symmetry $\eta=1$ alone, and grows with the gain. Lines: infinitely many
# neurons in closed form; points: networks of two sizes at $g=0.45$. {doc}`../fluctuation_dissipation` draws one
# against the other.

# %%
from functools import partial

import matplotlib.pyplot as plt
import numpy as np

import quenched as qd

linear = partial(qd.RandomNetwork, noise=1.0, activation=qd.Linear())
symmetries = np.linspace(-1, 1, 21)
figure, axes = plt.subplots(figsize=(6.6, 3.6))
for index, gain in enumerate((0.45, 0.3, 0.15)):
    found = [qd.solve(linear(gain, float(one)), qd.dmft.Stationary(lags=np.linspace(0, 4, 81))) for one in symmetries]
    violation = [float(qd.observables.fluctuation_dissipation(one).fluctuation_dissipation_violation[-1]) for one in found]
    axes.plot(symmetries, violation, color=f"C{index}", linestyle=("-", "--", "-.")[index], label=f"theory, $g={gain}$")
for size, marker, shift in ((20, "^", -0.02), (100, "o", 0.02)):
    some = symmetries[::5]
    measured = [
        qd.observables.measure_response(linear(0.45, float(one)), longest_lag=4, step=0.05, size=size, networks=32, key=size)
        for one in some
    ]
    ends = [qd.observables.fluctuation_dissipation(one).isel(lag=-1) for one in measured]
    values = [float(one.fluctuation_dissipation_violation) for one in ends]
    errors = [float(one.fluctuation_dissipation_violation_error) for one in ends]
    axes.errorbar(some + shift, values, errors, fmt=marker, markersize=4, color="black", mfc="none", label=f"$N={size}$")
axes.axhline(0, color="0.7", linewidth=0.8, zorder=0)
axes.set(xlabel=r"symmetry $\eta$", ylabel="violation $V(4)$", xticks=some)
axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
plt.show()
