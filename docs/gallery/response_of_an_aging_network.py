# %% [markdown]
# # The response of an aging network
#
# A network that has relaxed for a time $t_w$ answers a small field at once like a solid, and later by flowing.
#
# Symmetric couplings, $g=1.5$, no noise. Left: the response of the rates to a constant field since $t_w$, against the
# correlation $C(t_w+t,t_w)$; time goes from right to left along each line. In equilibrium all would lie on one line,
# whose slope is $-1/T$. Here $C$ hardly moves at first, the response of a state that stays where it is; then both move,
# with a ratio that depends on the waiting time. Right: the speed of the network decays as a power of the time, with
# networks of 100 and 400 neurons. Lines are the two-time theory, solved in steps that grow with the time; bars and the band
# are standard errors. {doc}`../long_times` has the equations.

# %%
import matplotlib.pyplot as plt
import numpy as np

import quenched as qd

model = qd.RandomNetwork(gain=1.5, symmetry=1.0)
waiting = np.array([0.2, 2.0, 20.0])
since_waiting = [np.round(waited + np.geomspace(0.2, 60.0 - waited, 14), 1) for waited in waiting]
times = np.unique(np.concatenate([[0.0], waiting, *since_waiting]))
solver = qd.dmft.GrowingSteps(trajectories=512, populations=4)
theory = qd.solve(model, qd.dmft.TwoTime(60.0, 0.1, times=times), solver=solver, key=1)
C, chi, energy = (theory[name].values for name in ("correlation", "integrated_response", "kinetic_energy"))
C_error, chi_error, energy_error = (
    theory[f"{name}_error"].values for name in ("correlation", "integrated_response", "kinetic_energy")
)

figure, (left, right) = plt.subplots(1, 2, figsize=(8.6, 3.6), layout="constrained")
for index, (waited, later) in enumerate(zip(waiting, since_waiting, strict=True)):
    row, at = np.searchsorted(times, waited - 1e-9), np.searchsorted(times, later - 1e-9)
    left.errorbar(
        C[at, row], chi[at, row], chi_error[at, row], C_error[at, row], fmt="osD"[index] + "-", color=f"C{index}",
        markersize=4, linewidth=1, label=f"$t_w={waited:g}$",
    )  # fmt: skip
left.set(xlabel="correlation $C(t_w+t,\\,t_w)$", ylabel="response to a field since $t_w$")
left.legend()

right.fill_between(times, energy - energy_error, energy + energy_error, color="black", alpha=0.3, linewidth=0)
right.plot(times, energy, color="black", linewidth=1, label="theory")
for size, networks, marker in ((100, 48, "^"), (400, 24, "o")):
    run = qd.simulate.Trajectories(size, networks, 60.0, 0.1, trials=2, times=times[1::3])
    found = qd.solve(model, run, key=size)
    right.errorbar(
        times[1::3], found.kinetic_energy, found.kinetic_energy_error, fmt=marker, markersize=4, label=f"$N={size}$"
    )
right.set(xscale="log", yscale="log", xlabel="time (leak times)", ylabel="kinetic energy a neuron", ylim=(1e-5, 1.0))
right.legend()
plt.show()
