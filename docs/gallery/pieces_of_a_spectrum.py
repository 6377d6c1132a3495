# %% [markdown]
# # Pieces, holes and ovals
#
# Eigenvalues of a network at rest need not fill an ellipse: unequal neurons cut the cloud up or bend it.
#
# Left: two populations with the time constants 1 and 0.3, weakly coupled. Middle: neurons that tire answer to no input
# that grows as $\mathrm e^{-ct}$, so that the cloud has a hole at $-c=-0.5$. Right: with a field neurons have slopes
# $\phi'$ that differ, and their couplings are symmetric, $\eta=0.8$; the dotted ellipse has the same width but is higher.
# Dots are networks of 500 neurons, black lines infinitely many, and the grey line is the border of stability.
# {doc}`../spectrum` has the equation of the lines.

# %%
import matplotlib.pyplot as plt
import numpy as np

import quenched as qd

two_speeds = qd.RandomNetwork(
    couplings=qd.couplings.Blocks((0.5, 0.5), [[0.8, 0.3], [0.3, 0.8]]),
    unit=(qd.units.Leaky(), qd.units.Leaky(time_constant=0.3)),
)
tiring = qd.RandomNetwork(couplings=qd.couplings.Elliptic(1.95), unit=qd.units.Adaptive(None, 0.5, 1.0))
unequal = qd.RandomNetwork(gain=1.0, symmetry=0.8, field=1.0)
titles = ("two time constants", "neurons that tire", "slopes that differ")

figure, panels = plt.subplots(1, 3, figsize=(10.0, 3.6))
for axes, model, title in zip(panels, (two_speeds, tiring, unequal), titles, strict=True):
    start = "stable" if model is unequal else "unstructured"
    theory = qd.observables.spectrum(qd.solve(model, qd.dmft.Static(), start=start))
    network = model.draw(500, 1)
    rest = np.zeros(network.state_size)
    if model is unequal:
        rest = qd.simulate.integrate(network, 60, 0.2, key=1).trajectory.values[-1, 0]
    own = qd.observables.spectrum(network, at=rest, theory=False)
    qd.plots.spectrum(own.merge(theory.drop_vars("status"), combine_attrs="drop_conflicts"), axes=axes)
    axes.set_title(title)
    axes.get_legend().remove()
real = theory.boundary_real.values[0]
wide, angle = float(np.ptp(real)) / 2, np.linspace(0.0, 2.0 * np.pi, 200)
panels[2].plot(real.mean() + wide * np.cos(angle), wide * (1 - 0.8) / (1 + 0.8) * np.sin(angle), "k:", linewidth=1.2)
figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
plt.show()
