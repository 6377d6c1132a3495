# %% [markdown]
# # A connectome beside its theory
#
# A sparse wiring diagram is read from a file, and compared with the theory of its statistics.
#
# No measured connectome comes with the package. This one is drawn here and written as a list of edges: 800 neurons,
# of which a fifth inhibits, each pair connected with probability 0.1, strengths log-normal, twice as large onto
# inhibitory neurons. What is read back is treated as data: for each pair of populations the mean and the variance of
# the weights are taken from the matrix and given to `qd.couplings.Blocks`. Lines are the mean rates of infinitely
# many neurons, grey dots the rates of every neuron of the file, spread a little sideways, and points their means,
# with standard errors over neurons. Right: the eigenvalues of the file's weights, and where the theory has them.
# {doc}`../own_network` reads other files, {doc}`../excitatory_inhibitory` and {doc}`../spectrum` have the equations.

# %%
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import quenched as qd

N, split, random = 800, 640, np.random.default_rng(1)
edges = np.argwhere(random.random((N, N)) < 0.1)
strength = (
    random.lognormal(-4.0, 0.6, len(edges))
    * np.where(edges[:, 0] < split, 1.0, -4.5)
    * np.where(edges[:, 1] < split, 1.0, 2.0)
)
path = Path(tempfile.mkdtemp()) / "connectome.csv"
pd.DataFrame({"source": edges[:, 0], "target": edges[:, 1], "weight": strength}).to_csv(path, index=False)

# %%
weights = np.asarray(qd.Network.from_file(path).weights)
groups = (slice(0, split), slice(split, N))
mean = [[N * weights[a, b].mean() for b in groups] for a in groups]
gain = [[np.sqrt(N) * weights[a, b].std() for b in groups] for a in groups]
couplings = qd.couplings.Blocks((split / N, 1 - split / N), gain, mean=mean)

inputs = np.linspace(0.0, 2.0, 9)
figure, (*panels, right) = plt.subplots(1, 3, figsize=(11.0, 3.2))
theory = [qd.solve(qd.RandomNetwork(couplings=couplings, field=float(one)), qd.dmft.Static()) for one in inputs]
runs = [qd.simulate.integrate(qd.Network(weights, field=float(one)), 60, 0.1, key=1) for one in inputs]
for population, (axes, group) in enumerate(zip(panels, groups, strict=True)):
    rates = np.tanh([run.trajectory.values[-1, 0, group] for run in runs])
    axes.plot(inputs + 0.02 * random.normal(size=(len(rates.T), 1)), rates.T, ".", color="0.75", markersize=1.5, zorder=1)
    error = rates.std(axis=1) / np.sqrt(rates.shape[1])
    axes.errorbar(inputs, rates.mean(axis=1), error, fmt="o", color="C0", label="mean of the file's neurons")
    axes.plot(inputs, [float(one.mean_rate[population]) for one in theory], color="C1", label="theory")
    axes.set(xlabel="input $b$ to all neurons", title=("excitatory", "inhibitory")[population])
panels[0].set_ylabel(r"rate $\phi(x_i)$")
panels[1].sharey(panels[0])
panels[0].legend(loc="lower right", fontsize="small")
qd.plots.spectrum(qd.observables.spectrum(qd.Network(weights), couplings=couplings), axes=right)
right.legend(loc="upper left", fontsize="small")
plt.show()
