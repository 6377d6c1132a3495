# %% [markdown]
# # A rhythm of rank two
#
# A structure of rank two beside random couplings makes two latents turn round each other.
#
# With $\mathrm{cov}(n^1,m^2)=-\mathrm{cov}(n^2,m^1)$ each of the latents $\kappa_r=\frac1N\sum_in_i^r\phi(x_i)$
# drives the other, with opposite signs. From a common start they wind up to a limit cycle. Lines are the two-time
# theory of infinitely many neurons, points are networks with standard errors. Each network turns at a frequency of
# its own, so that the average of $\kappa_1$ fades as they fall out of step; the radius, averaged as a square, does
# not. {doc}`../low_rank` has the equations.

# %%
import matplotlib.pyplot as plt
import numpy as np

import quenched as qd

own, turn = 1.8, 1.0
covariance = np.array([[1, 0, own, turn], [0, 1, -turn, own], [own, -turn, 9, 0], [turn, own, 0, 9]])
couplings = qd.couplings.Elliptic(0.5) + qd.couplings.LowRank(covariance, mean=[0, 0, 0.5, 0])
model, start = qd.RandomNetwork(couplings=couplings), qd.Normal(0.5, 0.5)
theory = qd.solve(model, qd.dmft.TwoTime(duration=24, step=0.1, initial=start), key=1)
networks = {
    size: qd.solve(model, qd.simulate.Trajectories(size, count, 24, 0.1, burn_in=0, initial=start), key=size)
    for size, count in ((100, 64), (1000, 12))
}

# %%
figure, (left, middle, right) = plt.subplots(1, 3, figsize=(10.6, 3.2), width_ratios=(1, 1.2, 1.2))
left.plot(*theory.latent, color="black", linewidth=1.2)
middle.plot(theory.latent.time, theory.latent[0], color="black", linewidth=1.2, label="theory")
right.plot(theory.latent.time, np.linalg.norm(theory.latent, axis=0), color="black", linewidth=1.2)
for (size, found), marker in zip(networks.items(), ("^", "o"), strict=True):
    some = found.to_dataset().isel(time=slice(None, None, 10))
    look = {"fmt": marker, "markersize": 4, "label": f"$N={size}$"}
    middle.errorbar(some.time, some.latent[0], some.latent_error[0], **look)
    # The error of the radius takes the two latents as independent.
    radius = np.sqrt(some.mean_square_latent.sum("rank"))
    right.errorbar(some.time, radius, np.linalg.norm(some.mean_square_latent_error, axis=0) / (2 * radius), **look)
left.set(xlabel=r"latent $\kappa_1$", ylabel=r"latent $\kappa_2$", aspect="equal")
middle.set(xlabel="time (leak times)", ylabel=r"latent $\kappa_1$")
right.set(xlabel="time (leak times)", ylabel=r"radius $(\kappa_1^2+\kappa_2^2)^{1/2}$", ylim=(0, None))
figure.legend(*middle.get_legend_handles_labels(), loc="outside lower center", ncols=3)
plt.show()
