# %% [markdown]
# # All Lyapunov exponents of many neurons
#
# How fast do small differences grow or decay, in all directions? Theory of infinitely many neurons beside networks: of
# the flow exponents lie symmetrically about $-1$, of maps they reach down to minus infinity.
#
# Exponents above the grey line grow. The area between the curve and that line is the rate at which chaos makes
# information, per neuron; the dimension per neuron is where as much area lies below the line. Few neurons are less
# chaotic than many. {doc}`../lyapunov` has the figures, and a derivation that averages a determinant over couplings.

# %%
import matplotlib.pyplot as plt
import numpy as np

import quenched as qd

models = {
    "flow": qd.RandomNetwork(gain=4.0),
    "map": qd.RandomNetwork(couplings=qd.couplings.Elliptic(2.0), unit=qd.units.Discrete()),
}
runs = {"flow": (60.0, ((50, 6), (100, 3))), "map": (500.0, ((50, 8), (200, 2)))}
titles = {"flow": r"$\dot x=-x+J\tanh x$, $g=4$", "map": r"$x'=J\tanh x$, $g=2$"}

figure, axes = plt.subplots(1, 2, figsize=(8.6, 3.4))
for axis, (name, model) in zip(axes, models.items(), strict=True):
    duration, sizes = runs[name]
    for size, networks in sizes:
        found = qd.observables.lyapunov_spectrum(model, duration, size=size, networks=networks, throw=False)
        fractions = (np.arange(size) + 0.5) / size
        axis.plot(fractions, found.lyapunov_exponent, ".", markersize=3, label=f"$N={size}$")
    theory = qd.observables.lyapunov_spectrum(qd.solve(model, qd.dmft.Stationary()))
    axis.plot(theory.fraction, theory.lyapunov_exponent, color="0.2", linewidth=1, label=r"theory, $N=\infty$")
    axis.axhline(0, color="0.6", linewidth=0.8)
    dimension, entropy = theory.lyapunov_dimension.item(), theory.entropy_rate.item()
    axis.set(title=titles[name], xlabel=f"fraction of all exponents\ndimension {dimension:.3f}, entropy rate {entropy:.4f}")
axes[0].set(ylabel=r"exponent $\lambda$")
axes[1].set(ylim=(-3.0, 0.3))
axes[0].legend()
plt.show()
