"""Phases of the speed landscape's measure, in the plane of gain and symmetry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from quenched import checks

if TYPE_CHECKING:
    import xarray as xr

# Pale, so that lines stand out; the branch that comes from small gains, the other one without overlap, the ordered one.
_PHASES = {
    0: ("#DDEBF7", "no overlap"),
    1: ("#B5D1EA", "no overlap, other branch"),
    2: ("#F9DCC4", "replicas overlap"),
    -1: ("#FFFFFF", "no stable branch found"),
}
_LINES = {
    "critical_gain": ("#000000", "-", r"$g(1+\gamma)s=1$, response peaks"),
    "frozen_gain": ("#000000", ":", r"$g\sqrt{1+\gamma}\,s=1$, $q>0$ at $T=0$"),
    "almeida_thouless_gain": ("#D55E00", "--", "replica symmetry breaks"),
    "first_order_gain": ("#0072B2", "-.", "free energies equal"),
}


def phase_diagram(dataset: xr.Dataset) -> np.ndarray[Any, np.dtype[Any]]:
    """One panel for each temperature: the branch of `qd.replica.phase_diagram` that is believed, and the lines between.

    Arguments:
        dataset: what `qd.replica.phase_diagram` returns, of at least two symmetries.

    Returns:
        Axes, one for each temperature.

    Raises:
        ValueError: it is another dataset, or has one symmetry.
        TypeError: no dataset.

    Example:
        >>> import numpy as np, quenched as qd, xarray as xr
        >>> names = ("critical_gain", "frozen_gain", "almeida_thouless_gain", "first_order_gain")
        >>> symmetry = np.array([0.0, 1.0])
        >>> lines = {name: (("symmetry", "temperature"), 1 / (1 + symmetry[:, None])) for name in names}
        >>> chosen = {"chosen_branch": (("symmetry", "temperature", "gain"), np.zeros((2, 1, 3), int))}
        >>> axes = {"symmetry": symmetry, "temperature": [0.1], "gain": [0.5, 1.0, 1.5]}
        >>> drawn = qd.plots.phase_diagram(xr.Dataset(lines | chosen, axes))  # laid out as qd.replica.phase_diagram has them
        >>> len(drawn), drawn[0].lines[0].get_xdata().tolist()  # g_c = 1/(1 + gamma)
        (1, [1.0, 0.5])
    """
    from matplotlib.colors import BoundaryNorm, ListedColormap
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    checks.dataset("dataset", dataset, "qd.replica.phase_diagram")
    if "chosen_branch" not in dataset or dataset.sizes["symmetry"] < 2:
        raise ValueError("Argument `dataset` must come from qd.replica.phase_diagram, over at least two symmetries.")
    dataset = dataset.sortby("symmetry")
    panels = dataset.sizes["temperature"]
    figure = Figure(figsize=(2.0 + 2.9 * panels, 4.4), layout="constrained")
    axes = figure.subplots(1, panels, sharey=True, squeeze=False)[0]
    colours = ListedColormap([_PHASES[code][0] for code in (-1, 0, 1, 2)])
    for place, each in enumerate(axes):
        here = dataset.isel(temperature=place)
        norm = BoundaryNorm([-1.5, -0.5, 0.5, 1.5, 2.5], 4)
        each.pcolormesh(here["gain"], here["symmetry"], here["chosen_branch"], cmap=colours, norm=norm, shading="nearest")
        for name, (colour, style, words) in _LINES.items():
            each.plot(here[name], here["symmetry"], style, color=colour, linewidth=1.4, label=words)
        each.set(
            xlim=(float(here["gain"].min()), float(here["gain"].max())),
            xlabel="gain $g$",
            title=f"$T = {float(here['temperature']):g}$",
        )
    axes[0].set_ylabel(r"symmetry $\gamma$")
    shown = [code for code in _PHASES if bool((dataset["chosen_branch"] == code).any())]
    patches = [Patch(facecolor=_PHASES[code][0], edgecolor="0.6", label=_PHASES[code][1]) for code in shown]
    lines = axes[0].get_legend_handles_labels()[0]
    figure.legend(handles=patches + lines, loc="outside lower center", ncols=2, frameon=False)
    return axes
