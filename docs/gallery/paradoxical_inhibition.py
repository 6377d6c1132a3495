# %% [markdown]
# # The paradoxical effect
#
# Inhibitory neurons are driven harder, and fire less.
#
# Where recurrent excitation alone would run away and inhibition holds it (Tsodyks and others 1997), more input to the
# inhibitory neurons silences the excitatory ones, and with them most of what drives the inhibitory neurons
# themselves: on the right both rates fall. With weak recurrent excitation, on the left, the inhibitory rate rises.
# Lines are the static theory of two populations, points are networks of two sizes with standard errors,
# drawn side by side. {doc}`../excitatory_inhibitory` has the equations.

# %%
import matplotlib.pyplot as plt
import numpy as np

import quenched as qd

inputs = np.linspace(0.5, 1.0, 6)
cases = {"weak excitation": [[0.8, -2.0], [1.5, -1.0]], "strong excitation": [[2.5, -8.0], [2.6, -5.0]]}
figure, panels = plt.subplots(1, 2, figsize=(8.6, 3.3), sharey=True)
for axes, (title, mean) in zip(panels, cases.items(), strict=True):
    couplings = qd.couplings.Blocks((0.8, 0.2), gain=0.4, mean=mean)
    models = [
        qd.RandomNetwork(couplings=couplings, unit=qd.units.Leaky(qd.ReLU()), field=[1.0, float(one)]) for one in inputs
    ]
    theory = [qd.solve(model, qd.dmft.Static()) for model in models]
    networks = {
        size: [qd.solve(model, qd.simulate.Trajectories(size, count, 40, 0.1, burn_in=30), key=size) for model in models]
        for size, count in ((50, 64), (400, 8))
    }
    for population, name in enumerate(("excitatory", "inhibitory")):
        colour = f"C{population}"
        axes.plot(inputs, [float(one.mean_rate[population]) for one in theory], color=colour, label=f"{name}, theory")
        for runs, marker, shift in zip(networks.values(), ("^", "o"), (-0.008, 0.008), strict=True):
            values, errors = ([float(one[q][population]) for one in runs] for q in ("mean_rate", "mean_rate_error"))
            axes.errorbar(inputs + shift, values, errors, fmt=marker, color=colour, mfc="none", markersize=5)
    for size, marker in ((50, "^"), (400, "o")):
        axes.plot([], [], marker, color="black", mfc="none", markersize=5, label=f"$N={size}$")
    axes.set(xlabel="input to the inhibitory neurons", title=title, ylim=(0, None))
panels[0].set_ylabel(r"mean rate $\langle\phi\rangle$")
panels[1].legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
plt.show()
