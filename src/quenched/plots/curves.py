"""One quantity along one swept parameter."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from quenched import checks
from quenched.plots.style import is_experiment, label, styles

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes


def curve(dataset: xr.Dataset, name: str, along: str = "gain", axes: Axes | None = None, **style: Any) -> Axes:
    """Draw a quantity of a sweep: a line for a theory, points with error bars for an experiment.

    Points that are not solved are left out. Where a theory says `invertible` 0 its line is dotted: its answer there is one
    of several.

    Arguments:
        dataset: of `qd.sweep`, one-dimensional: choose the other parameters by `.sel` first.
        name: the quantity.
        along: the swept parameter on the horizontal axis.
        axes: where to draw; new ones if left out.
        style: matplotlib's options for a line or, for an experiment, for error bars.

    Returns:
        The axes.

    Raises:
        ValueError: no such quantity, or it does not depend on `along` alone.

    Example:
        >>> import quenched as qd
        >>> found = qd.sweep(qd.RandomNetwork(gain=1.0), qd.dmft.Static(), over={"gain": [0.5, 1.0, 1.5]})
        >>> axes = qd.plots.curve(found, "correlation")
        >>> axes.get_xlabel(), len(axes.lines)
        ('$g$', 1)
    """
    checks.dataset("dataset", dataset, "qd.sweep")
    if name not in dataset:
        raise ValueError(f"The dataset has no {name!r}.{checks.nearest(name, map(str, dataset.data_vars))}")
    quantity = dataset[name]
    if quantity.dims != (along,):
        raise ValueError(
            f"{name!r} must depend on {along!r} alone, but has the dimensions {quantity.dims}; choose by .sel(...)."
        )
    axes = new_axes() if axes is None else axes
    look = styles({name: dataset})[name]
    look.pop("linewidth", None)  # for curves that lie on others
    style = {"label": label(dataset.attrs), **look, **style}
    positions, solved = dataset[along].values, dataset["status"].values == 0
    values = np.where(solved, quantity.values, np.nan)
    if is_experiment(dataset.attrs):
        axes.errorbar(positions, values, dataset[f"{name}_error"].values, **style)
    else:
        trusted = dataset["invertible"].values > 0 if "invertible" in dataset else np.ones(len(values), bool)
        axes.plot(positions, np.where(trusted, values, np.nan), **style)
        # The dotted part begins where the drawn line ends.
        doubtful = ~trusted | np.append(~trusted[1:], False) | np.append(False, ~trusted[:-1])
        if not trusted.all():
            axes.plot(positions, np.where(doubtful, values, np.nan), **{**style, "linestyle": ":", "label": "_nolegend_"})
    axes.set_xlabel(f"${dataset[along].attrs.get('symbol', along)}$")
    axes.set_ylabel(f"${quantity.attrs.get('symbol', name)}$")
    return axes


def mark_transition(axes: Axes, critical_gain: float) -> Axes:
    """A vertical line at g_c with its name; nothing where it lies outside of the axes.

    Arguments:
        axes: of a figure against the gain.
        critical_gain: g_c.

    Returns:
        The same axes.

    Example:
        >>> import quenched as qd
        >>> from matplotlib.figure import Figure
        >>> axes = Figure().add_subplot(xlim=(0.0, 2.0))
        >>> critical_gain = qd.RandomNetwork(1.0, symmetry=0.25).critical_gain
        >>> qd.plots.mark_transition(axes, critical_gain).lines[0].get_xdata()[0].item()
        0.8
    """
    low, high = axes.get_xlim()
    if low <= critical_gain <= high:
        axes.axvline(critical_gain, color="0.6", linewidth=0.9, zorder=0, label="_g_c")
        axes.annotate(
            "$g_c$",
            (critical_gain, 1.0),
            (-3, -5),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            ha="right",
            va="top",
        )
    return axes


def new_axes(projection: str | None = None) -> Axes:
    """Axes on a figure of their own: of pyplot if the program uses it, so that notebooks and `plt.show()` show it; otherwise
    nothing global, and no window."""
    from matplotlib.figure import Figure

    pyplot = sys.modules.get("matplotlib.pyplot")
    figure = Figure(layout="constrained") if pyplot is None else pyplot.figure(layout="constrained")
    axes: Axes = figure.add_subplot(projection=projection)
    return axes
