"""One solution, a panel for each kind of quantity."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from quenched import checks
from quenched.plots.style import COLOURS, LINES
from quenched.solution import Solution
from quenched.vocabulary import VOCABULARY

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes

_ASIDE = ("status", "residual", "steps")
# Quantities that share a panel share the last word of this.
_KINDS = ("response", "correlation", "spectrum")
# More curves than this are named in the legend alone.
_LISTED = 3
# Axes along which each entry is a curve, or a map, of its own.
_APART = ("population", "rank")


def solution(found: Solution | xr.Dataset, *names: str) -> dict[str, Axes]:
    """Draw a solution: functions of the time, the lag or the frequency as curves with their errors.

    Functions of two times are drawn as maps, each population apart; a solution of numbers alone as points with error bars.

    Arguments:
        found: what `qd.solve` returned, or its dataset.
        names: the quantities to draw; if left out all that have an axis, or all numbers where none has.

    Returns:
        The axes of each quantity, by its name; quantities of one kind share theirs.

    Raises:
        ValueError: a quantity is not there, or has more axes than can be drawn.

    Example:
        >>> import quenched as qd
        >>> axes = qd.solve(qd.RandomNetwork(gain=1.5), qd.dmft.Static()).plot()
        >>> axes["correlation"].get_xlabel()
        'value'
    """
    dataset: xr.Dataset = found.to_dataset() if isinstance(found, Solution) else found
    checks.dataset("found", dataset, "a solution, or the solution itself", "status", "residual", "steps")
    dataset, parts = _apart(dataset)
    known = [name for name in VOCABULARY if name in parts and name not in _ASIDE]
    for name in names:
        checks.one_of("names", name, known)
        if dataset[parts[name][0]].ndim > 2:
            dims = ", ".join(map(str, dataset[parts[name][0]].dims))
            raise ValueError(f"{name!r} has the axes {dims}, more than can be drawn; choose a part, and xarray's .plot().")
    drawable = [name for name in known if 1 <= dataset[parts[name][0]].ndim <= 2]
    chosen = list(names) or drawable or [name for name in known if dataset[parts[name][0]].ndim == 0]
    panels: dict[tuple[Any, ...], list[str]] = {}
    for name in chosen:
        for part in parts[name]:
            panels.setdefault(_panel(part, dataset), []).append(part)
    drawn: dict[str, Axes] = {}
    longest = len(panels.get(("numbers",), ()))
    for axes, (key, members) in zip(panel_axes(len(panels), longest), panels.items(), strict=True):
        _DRAW[key[0]](axes, dataset[members], dataset)
        drawn |= {name: axes for name in chosen if set(parts[name]) & set(members)}
    return drawn


def _apart(dataset: xr.Dataset) -> tuple[xr.Dataset, dict[str, list[str]]]:
    """The dataset with a variable for each population, and the names of those that each variable has become."""
    parts: dict[str, list[str]] = {}
    for name in map(str, dataset.data_vars):
        quantity = dataset[name]
        axis = str(quantity.dims[0]) if quantity.dims else ""
        if axis not in _APART:
            parts[name] = [name]
            continue
        parts[name] = [f"{axis} {place}: {name}" for place in range(quantity.sizes[axis])]
        for place, part in enumerate(parts[name]):
            symbol = rf"{quantity.attrs.get('symbol', '-')},\ \mathrm{{{axis}}}\ {place}"
            dataset = dataset.assign({part: quantity.isel({axis: place}, drop=True).assign_attrs(symbol=symbol)})
    return dataset, parts


def _panel(name: str, dataset: xr.Dataset) -> tuple[Any, ...]:
    """Which panel a quantity goes to: how it is drawn, its axes and its kind."""
    dims = dataset[name].dims
    if not dims:
        return ("numbers",)
    if len(dims) == 2:
        return ("map", name)
    kind = next((kind for kind in _KINDS if name.endswith(kind)), dataset[name].attrs.get("units", "1"))
    return ("curves", dims, kind)


def panel_axes(count: int, longest: int = 0) -> list[Axes]:
    """As many axes, two side by side at most, tall enough for a list of numbers: of pyplot if the program uses it."""
    import sys

    from matplotlib.figure import Figure

    columns = min(count, 2)
    rows = -(-count // columns)
    size = ((6.0 if longest else 4.2) * columns, max(3.2, 0.28 * longest + 0.8) * rows)
    pyplot = sys.modules.get("matplotlib.pyplot")
    figure = Figure(size, layout="constrained") if pyplot is None else pyplot.figure(figsize=size, layout="constrained")
    return [figure.add_subplot(rows, columns, place + 1) for place in range(count)]


def _symbol(quantity: xr.DataArray) -> str:
    return f"${quantity.attrs.get('symbol', '-')}$".replace("$-$", str(quantity.name))


def _numbers(axes: Axes, quantities: xr.Dataset, dataset: xr.Dataset) -> None:
    names = [str(name) for name in quantities.data_vars]
    places = np.arange(len(names))[::-1]
    errors = [float(dataset[f"{name}_error"]) if f"{name}_error" in dataset else 0.0 for name in names]
    values = [float(quantities[name]) for name in names]
    axes.errorbar(values, places, xerr=errors, linestyle="none", marker="o", capsize=3.0, color=COLOURS[0])
    axes.axvline(0.0, color="0.7", linewidth=0.8, zorder=0)
    words = [name.split(": ")[-1].replace("_", " ") for name in names]
    axes.set_yticks(places, [f"{word}  {_symbol(quantities[name])}" for word, name in zip(words, names, strict=True)])
    axes.set_xlabel("value")


def _curves(axes: Axes, quantities: xr.Dataset, dataset: xr.Dataset) -> None:
    names = [str(name) for name in quantities.data_vars]
    (along,) = quantities[names[0]].dims
    positions = dataset[along].values if along in dataset.coords else np.arange(dataset.sizes[along])
    few = len(positions) <= 40 and along not in dataset.coords
    for place, name in enumerate(names):
        values = quantities[name].values
        colour, line = COLOURS[place % len(COLOURS)], LINES[place % len(LINES)]
        marker = "o" if few else None
        axes.plot(positions, values, color=colour, linestyle=line, marker=marker, label=_symbol(quantities[name]))
        if f"{name}_error" in dataset:
            error = dataset[f"{name}_error"].values
            axes.fill_between(positions, values - error, values + error, color=colour, alpha=0.25, linewidth=0.0)
    axes.set_xlabel(str(along).replace("_", " "))
    if along == "frequency" and all((quantities[name].values > 0.0).all() for name in names):
        axes.set_yscale("log")
    # Populations share their symbol.
    symbols = dict.fromkeys(_symbol(dataset[name.split(": ")[-1]]) for name in names)
    axes.set_ylabel(", ".join(symbols) if len(symbols) <= _LISTED else "value")
    if len(names) > 1:
        axes.legend()


def _map(axes: Axes, quantities: xr.Dataset, dataset: xr.Dataset) -> None:
    (name,) = map(str, quantities.data_vars)
    quantity = quantities[name]
    vertical, horizontal = (str(dim) for dim in quantity.dims)
    across, upwards = _positions(dataset, horizontal), _positions(dataset, vertical)
    values = quantity.values
    if horizontal == "earlier_time" and name.endswith("response"):
        # A response to what comes later is 0 by causality: left white.
        values = np.where(across[None, :] > upwards[:, None], np.nan, values)
    image = axes.pcolormesh(across, upwards, values, shading="nearest", rasterized=True)
    axes.figure.colorbar(image, ax=axes, label=_symbol(quantity))
    axes.set_xlabel(horizontal.replace("_", " "))
    axes.set_ylabel(vertical.replace("_", " "))


def _positions(dataset: xr.Dataset, dim: str) -> np.ndarray:
    found: np.ndarray = dataset[dim].values if dim in dataset.coords else np.arange(dataset.sizes[dim])
    return found


_DRAW = {"numbers": _numbers, "curves": _curves, "map": _map}
