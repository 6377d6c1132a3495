# %% [markdown]
# # Who is common, who is rare
#
# Abundances of competing species follow a Gaussian that is cut at zero.
#
# In Lotka-Volterra communities with random interactions the cavity method gives each species an abundance
# $x=\max(0,(1+h)/(1-\gamma\sigma^2R))$ with a Gaussian field $h$. So the more the interactions differ (spread
# $\sigma$), the wider the curve and the more species are lost from it. Lines are the theory with the order parameters
# of `qd.dmft.Static`, points communities of 200 with standard errors. {doc}`../species` has the equations and the
# survivors.

# %%
import matplotlib.pyplot as plt
import numpy as np

import quenched as qd

symmetry, competition = -0.3, 4.0
run = qd.simulate.Trajectories(size=200, networks=24, duration=600, step=0.2, burn_in=599.8, record=True)
bins = np.linspace(0.02, 1.2, 25)
middle, width = 0.5 * (bins[1:] + bins[:-1]), bins[1] - bins[0]
x = np.linspace(0.0, 1.2, 200)
figure, axes = plt.subplots(figsize=(6.6, 3.6))
for index, spread in enumerate((0.5, 1.0, 1.5)):
    couplings = qd.couplings.Elliptic(spread, symmetry, mean=-competition)
    model = qd.RandomNetwork(couplings=couplings, unit=qd.units.LotkaVolterra())
    theory = qd.solve(model, qd.dmft.Static())
    scale = 1 - symmetry * spread**2 * float(theory.integrated_response)
    mean = (1 - competition * float(theory.mean_rate)) / scale
    deviation = spread * np.sqrt(float(theory.mean_square_rate)) / scale
    density = np.exp(-0.5 * ((x - mean) / deviation) ** 2) / np.sqrt(2 * np.pi) / deviation
    survive = f"{100 * float(theory.surviving_fraction):.0f} % survive"
    axes.plot(x, density, color=f"C{index}", label=rf"$\sigma={spread}$: {survive}")
    states = qd.solve(model, run, key=1).trajectory.values[:, -1, 0]
    each = np.array([np.histogram(row, bins)[0] / (200 * width) for row in states])
    error = each.std(axis=0, ddof=1) / np.sqrt(len(each))
    axes.errorbar(middle, each.mean(axis=0), error, fmt="osD"[index], markersize=4, color=f"C{index}")
axes.set(xlabel="abundance $x$ (capacity of a species alone = 1)", ylabel="density of species")
axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
plt.show()
