# %% [markdown]
# # What the network remembers of one neuron
#
# A neuron is added to a running network; what comes back to it is what mean-field theory calls memory.
#
# Its presence changes the field that it receives by $m$, the difference of two simulations. The theory says
# $m(t)=\eta g^2\int R(t,s)\,\phi(x_0(s))\,\mathrm ds$. Each point is one added neuron at the last time: on the
# diagonal in large networks of symmetry $\eta=0.7$, scattered in small ones, and nothing but scatter at $\eta=0$,
# where no memory is predicted. {doc}`../cavity` has the argument, the kernel, and how the scatter falls with the
# size.

# %%
import matplotlib.pyplot as plt

import quenched as qd

figure, panels = plt.subplots(1, 2, figsize=(8.4, 3.6), sharey=True)
for axes, symmetry in zip(panels, (0.7, 0.0), strict=True):
    model = qd.RandomNetwork(gain=0.9, symmetry=symmetry, noise=0.5)
    for index, (size, networks) in enumerate(((20, 24), (200, 24))):
        found = qd.solve(model, qd.simulate.Cavity(size, networks, duration=4, step=0.2, record=True), key=size)
        predicted, measured = (found[name][:, -1].values.ravel() for name in ("predicted_memory_field", "memory_field"))
        axes.plot(predicted, measured, "^o"[index], color=f"C{index}", markersize=3, label=f"$N={size}$", zorder=2 + index)
    axes.axline((0, 0), slope=1, color="0.5", linestyle="--", linewidth=1.0, zorder=1, label="equal")
    axes.set(xlabel=r"predicted $\eta g^2\int R\,\phi(x_0)\,\mathrm{d}s$", title=rf"symmetry $\eta={symmetry}$")
    axes.set(xlim=(-1, 1), ylim=(-1, 1), aspect="equal")
panels[0].set_ylabel("measured memory $m$")
panels[1].legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
plt.show()
