# %% [markdown]
# # Lyapunov spectra of growing networks
#
# Drawn against $i/N$, the spectra of growing networks approach one curve, which begins at the exponent of mean-field
# theory.
#
# Where they have reached it chaos is extensive: twice the neurons are twice the directions that grow, and the
# dimension of the attractor is proportional to $N$. Small networks are less chaotic than their share, or not at all:
# the dimension per neuron, on the right, still rises along these sizes. Errors are standard errors over networks; the
# dotted line is for infinitely many neurons. {doc}`../lyapunov` says what is measured.

# %%
import matplotlib.pyplot as plt
import numpy as np

import quenched as qd

model = qd.RandomNetwork(gain=6.0)
largest = float(qd.solve(model, qd.dmft.Stationary(lags=(0.0,))).lyapunov_exponent)
figure, (left, right) = plt.subplots(1, 2, figsize=(8.6, 3.3), width_ratios=(1.6, 1))
for index, (size, networks) in enumerate(((25, 16), (50, 8), (100, 4))):
    found = qd.observables.lyapunov_spectrum(model, 60, 0.05, size=size, networks=networks, key=size)
    value, error = found.lyapunov_exponent, found.lyapunov_exponent_error
    place = (np.arange(size) + 0.5) / size
    left.plot(place, value, color=f"C{index}", linestyle=("-.", "--", "-")[index], label=f"$N={size}$")
    left.fill_between(place, value - error, value + error, color=f"C{index}", alpha=0.25, linewidth=0)
    dimension, error = float(found.lyapunov_dimension), float(found.lyapunov_dimension_error)
    right.errorbar(size, dimension / size, error / size, fmt="o", color=f"C{index}", markersize=5)
left.axhline(largest, color="0.3", linestyle=":", linewidth=1.2, label=r"theory, $\lambda_{\max}$")
left.set(xlabel="place in the spectrum $(i-1/2)/N$", ylabel=r"exponent $\lambda_i$ (1/leak time)")
right.set(xlabel="neurons $N$", ylabel="dimension $/N$", xlim=(0, 110), ylim=(-0.005, None))
left.legend(loc="lower left")
plt.show()
