# %% [markdown]
# # Eigenvalue clouds
#
# The symmetry of the couplings squeezes their eigenvalues from a disc to a line.
#
# With $\mathrm{Var}\,J_{ij}=g^2/N$ and $\mathrm E[J_{ij}J_{ji}]=\eta g^2/N$ the eigenvalues of large $J$ fill an
# ellipse with half axes $g(1+\eta)$ and $g(1-\eta)$ (Girko 1986; Sommers and others 1988). Rest of a network with
# $\phi'(0)=1$ is lost where the ellipse passes the dashed line, $g(1+\eta)=1$: at $g=0.8$ only on the right. Small
# matrices scatter beyond the border. {doc}`../dmft` describes large networks by no more than $g$ and $\eta$.

# %%
import jax
import matplotlib.pyplot as plt
import numpy as np

import quenched as qd

gain, angle = 0.8, np.linspace(0, 2 * np.pi, 200)
figure, panels = plt.subplots(1, 3, figsize=(9.0, 3.2), sharex=True, sharey=True)
for axes, symmetry in zip(panels, (-0.6, 0.0, 0.6), strict=True):
    for size, colour, marker in ((500, "C0", "."), (50, "C1", "s")):
        network = qd.RandomNetwork(gain, symmetry).draw(size, jax.random.key(5))
        values = np.linalg.eigvals(np.asarray(network.weights))
        axes.plot(values.real, values.imag, marker, color=colour, markersize=2.5, linestyle="none", label=f"$N={size}$")
    border = gain * (1 + symmetry) * np.cos(angle), gain * (1 - symmetry) * np.sin(angle)
    axes.plot(*border, color="black", linewidth=1.2, label="ellipse")
    axes.axvline(1.0, color="0.5", linestyle="--", linewidth=1.0, label="rest is lost")
    axes.set(xlabel=r"$\mathrm{Re}\,\mu$", title=rf"$\eta={symmetry}$", aspect="equal")
panels[0].set_ylabel(r"$\mathrm{Im}\,\mu$")
figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=4, markerscale=2.5)
plt.show()
