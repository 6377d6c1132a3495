# %% [markdown]
# # The right initial weights, seen from inside
#
# Do two different inputs stay different through fifty layers, and do gradients come back?
#
# For two activations, weights from `critical_initialisation` (solid) and the same weights five per cent smaller and
# larger (dashed, dotted). Too small: inputs become alike sooner and gradients vanish. Too large: gradients explode.
# Lines are the theory of infinite width, points networks of width 200 with standard errors over 12. What they miss
# beyond those is of order depth over width, here a quarter. {doc}`../initial_weights` hands the weights on to
# PyTorch, JAX and Keras.

# %%
import matplotlib.pyplot as plt

import quenched as qd

depth, bias = 50, 0.5
figure, panels = plt.subplots(2, 2, figsize=(7.6, 4.8), sharex=True, sharey="row")
for column, name in enumerate(("tanh", "gelu")):
    phi = qd.activations.common(name)
    critical = qd.layers.critical_initialisation(phi, bias)
    for index, factor in enumerate((0.95, 1.0, 1.05)):
        network = qd.FeedforwardNetwork(factor * critical.weight_std, bias, phi)
        theory = qd.solve(network, qd.layers.Propagation(depth, critical.length, overlap=0.0))
        drawn = qd.solve(network, qd.layers.Forward(200, 12, depth, critical.length, overlap=0.0), key=1)
        for row, each in enumerate(("overlap_coefficient", "gradient_norm")):
            axes, some = panels[row, column], slice(0, None, 7)
            label = rf"${factor:g}\,\sigma_w$"
            axes.plot(theory[each].layer, theory[each], color=f"C{index}", linestyle=("--", "-", ":")[index], label=label)
            values, errors = drawn[each][some], drawn[f"{each}_error"][some]
            axes.errorbar(drawn[each].layer[some], values, errors, fmt="^os"[index], markersize=3.5, color=f"C{index}")
    panels[0, column].set_title(rf"{name}, critical $\sigma_w={critical.weight_std:.3f}$")
    panels[1, column].set(xlabel="layer", yscale="log")
panels[0, 0].set_ylabel("overlap of two inputs")
panels[1, 0].set_ylabel("gradient norm")
figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
plt.show()
