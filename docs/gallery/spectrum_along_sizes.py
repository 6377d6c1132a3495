# %% [markdown]
# # Lyapunov spectra of growing networks
#
# Drawn against $i/N$, the spectra of networks of different sizes fall on one line: chaos is extensive.
#
# Twice the neurons are twice the directions that grow, so that the dimension of the attractor and the entropy rate
# are proportional to $N$. The dotted line is the largest exponent of infinitely many neurons, by mean-field theory,
# which the first of each spectrum tends to. Bands are standard errors over networks. {doc}`../lyapunov` says what is
# measured.

# %%
import matplotlib.pyplot as plt
import numpy as np

import quenched as qd

model = qd.RandomNetwork(gain=6.0)
largest = float(qd.solve(model, qd.dmft.Stationary(lags=(0.0,))).lyapunov_exponent)
figure, (left, right) = plt.subplots(1, 2, figsize=(8.6, 3.3), width_ratios=(1.6, 1))
for index, (size, networks) in enumerate(((25, 16), (50, 8), (100, 4))):
    found = qd.observables.lyapunov_spectrum(model, 60, 0.05, size=size, networks=networks, key=size)
    place, value, error = (np.arange(size) + 0.5) / size, found.lyapunov_exponent, found.lyapunov_exponent_error
    left.plot(place, value, color=f"C{index}", linestyle=("-.", "--", "-")[index], label=f"$N={size}$")
    left.fill_between(place, value - error, value + error, color=f"C{index}", alpha=0.25, linewidth=0)
    dimension, error = float(found.lyapunov_dimension), float(found.lyapunov_dimension_error)
    right.errorbar(size, dimension / size, error / size, fmt="o", color=f"C{index}", markersize=5)
left.axhline(largest, color="0.3", linestyle=":", linewidth=1.2, label=r"theory, $\lambda_{\max}$")
left.set(xlabel="place in the spectrum $(i-1/2)/N$", ylabel=r"exponent $\lambda_i$ (1/leak time)")
right.set(xlabel="neurons $N$", ylabel="dimension $/N$", ylim=(0, None))
left.legend(loc="lower left")
plt.show()
