"""What the figures of this chapter share in looks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from quenched.plots.style import COLOURS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SYMMETRIES = {0.0: (COLOURS[3], "v"), 0.2: (COLOURS[0], "o"), 0.5: (COLOURS[1], "s"), 0.8: (COLOURS[2], "^")}


def panels(rows: int, columns: int, width: float, height: float, **options: Any) -> tuple[Figure, Any]:
    """A figure and its axes, an array of them; nothing of pyplot's."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, **options)
    for each in axes.flat:
        each.spines[["top", "right"]].set_visible(False)
    return figure, axes


def line_of(symmetry: float) -> dict[str, Any]:
    """Matplotlib's options for a curve at this symmetry."""
    return {"color": _SYMMETRIES[symmetry][0], "linewidth": 1.8}


def points_of(symmetry: float) -> dict[str, Any]:
    """Matplotlib's options for readings at this symmetry."""
    colour, marker = _SYMMETRIES[symmetry]
    return {"color": colour, "linestyle": "none", "marker": marker, "markersize": 4.5, "markerfacecolor": "none"}


def legend_of_symmetries(figure: Figure, symmetries: Any, title: str) -> None:
    """Above the panels, so that it covers nothing."""
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], **{**points_of(each), "linestyle": "-"}) for each in symmetries]
    labels = [rf"$\gamma = {each:g}$" for each in symmetries]
    figure.legend(handles, labels, loc="outside upper center", ncols=len(handles), title=title, frameon=False)


def mark_critical(axes: Axes, symmetry: float) -> None:
    """A dotted line where g (1 + symmetry) = 1."""
    axes.axvline(1 / (1 + symmetry), linestyle=":", linewidth=1.0, color=_SYMMETRIES[symmetry][0])
