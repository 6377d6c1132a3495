# %% [markdown]
# # A rhythm of rank two
#
# A structure of rank two beside random couplings makes two latents turn round each other.
#
# With $\mathrm{cov}(n^1,m^2)=-\mathrm{cov}(n^2,m^1)$ each of the latents $\kappa_r=\frac1N\sum_in_i^r\phi(x_i)$
# drives the other, with opposite signs. From a common start they wind up to a limit cycle. Black: the two-time theory
# of infinitely many neurons. Grey: single networks of 1000, whose frequencies differ a little; points: their average,
# with standard errors, which fades as they fall out of step. {doc}`../low_rank` has the equations.

# %%
import matplotlib.pyplot as plt
import numpy as np

import quenched as qd

own, turn = 1.8, 1.0
covariance = np.array([[1, 0, own, turn], [0, 1, -turn, own], [own, -turn, 9, 0], [turn, own, 0, 9]])
couplings = qd.couplings.Elliptic(0.5) + qd.couplings.LowRank(covariance, mean=[0, 0, 0.5, 0])
model, start = qd.RandomNetwork(couplings=couplings), qd.Normal(0.5, 0.5)
theory = qd.solve(model, qd.dmft.TwoTime(duration=24, step=0.1, initial=start), key=1)
run = qd.simulate.Trajectories(1000, 12, 24, 0.1, burn_in=0, initial=start, record=False)
networks = qd.solve(model, run, key=2)

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(8.6, 3.4), width_ratios=(1, 1.5))
left.plot(*theory.latent, color="black", label="theory")
right.plot(theory.latent.time, theory.latent[0], color="black", label="theory")
some = networks.latent[:, ::8]
error = networks.latent_error[:, ::8]
right.errorbar(some.time, some[0], error[0], fmt="o", markersize=4, label="$N=1000$")
left.set(xlabel=r"latent $\kappa_1$", ylabel=r"latent $\kappa_2$", aspect="equal")
right.set(xlabel="time (leak times)", ylabel=r"latent $\kappa_1$")
right.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
plt.show()
