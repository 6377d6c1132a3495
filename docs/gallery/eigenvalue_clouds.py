# %% [markdown]
# # Eigenvalue clouds
#
# The symmetry of the couplings squeezes their eigenvalues from a disc to a line, and a mean sets one apart.
#
# With $\mathrm{Var}\,J_{ij}=g^2/N$ and $\mathrm E[J_{ij}J_{ji}]=\eta g^2/N$ the eigenvalues of large $J$ fill an
# ellipse with half axes $g(1+\eta)$ and $g(1-\eta)$ (Girko 1986; Sommers and others 1988). A mean $M/N$ of all
# couplings adds one at $M+\eta g^2/M$, if $|M|>g$. Rest of a network with $\phi'(0)=1$ is lost where the first
# eigenvalue passes the dashed line: at $g=0.8$, $M=-1.2$ only on the right. Dots are one matrix of 500 neurons, lines and
# diamonds infinitely many. {doc}`../spectrum` has Jacobians, other couplings and other neurons.

# %%
import matplotlib.pyplot as plt

import quenched as qd

figure, panels = plt.subplots(1, 3, figsize=(9.0, 3.2), sharex=True, sharey=True)
for axes, symmetry in zip(panels, (-0.6, 0.0, 0.6), strict=True):
    couplings = qd.couplings.Elliptic(0.8, symmetry, mean=-1.2)
    network = qd.RandomNetwork(couplings=couplings).draw(500, 5)
    qd.plots.spectrum(qd.observables.spectrum(network, couplings=couplings), axes=axes)
    axes.axvline(1.0, color="0.5", linestyle="--", linewidth=1.0, label="rest is lost")
    axes.set_title(rf"$\eta={symmetry}$")
    axes.get_legend().remove()
    axes.label_outer()
figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
plt.show()
