"""Three descriptions of one transition, side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from quenched.plots.curves import curve, mark_transition
from quenched.plots.style import ENSEMBLES, in_order, of_colour, styles
from quenched.words import shown

if TYPE_CHECKING:
    import xarray as xr

_ROWS = {
    "mean_square_rate": "fluctuation $\\langle\\phi^2\\rangle$",
    "integrated_response": "response $R_\\mathrm{int}$",
    "local_response": "response $S$",
}


def edge_of_chaos(
    results: xr.DataTree | Mapping[str, xr.Dataset], quantities: Sequence[str] = tuple(_ROWS)
) -> np.ndarray[Any, np.dtype[Any]]:
    """Fluctuation and responses against the gain, one column for each symmetry, one row for each quantity.

    A colour says what is averaged over. Black: a network in time (trajectories, stationary DMFT). Blue: fixed points, each
    with its index sign det(-F'), as static DMFT counts them. Orange: the measure exp(-E/T) of the replica theory, which
    leaves each fixed point the weight 1/|det F'| as T goes to 0. Lines are theories, markers are networks: markers go with
    the line of their colour.

    By that weight fixed points are drawn only where no `qd.landscape.Sampling` is: at T = 0 networks small enough to list
    all fixed points are far from the theory of infinitely many neurons, and at T > 0 sampled networks may be large.

    Rows: `mean_square_rate`, which is C of static DMFT and q of the replica theory; `integrated_response` (R_int), by index;
    `local_response` (S), by weight. The scale of a response is that of the theories: responses near a bifurcation have long
    tails, and a triangle at the edge stands for a marker beyond it. The vertical line is g_c.

    Arguments:
        results: sweeps over `gain`, and `symmetry` where wanted, by name; a DataTree as `qd.sweeps.run_file` returns.
        quantities: the rows wanted, of the three; one that no sweep has is left out.

    Returns:
        Axes, (row, column); `axes[0, 0].figure.savefig(...)` writes the figure.

    Raises:
        ValueError: nothing was swept over `gain`, or none of the quantities is there.
        TypeError: what is given holds no sweeps by name.

    Example:
        >>> import quenched as qd
        >>> found = qd.sweep(qd.RandomNetwork(gain=1.0), qd.dmft.Static(), over={"gain": [0.5, 1.0, 1.5]})
        >>> axes = qd.plots.edge_of_chaos({"static": found})
        >>> axes.shape, axes[-1, 0].get_xlabel()  # the mean square rate, and the response
        ((2, 1), 'gain $g$')
    """
    from matplotlib.figure import Figure

    datasets = in_order(_datasets(results))
    rows = [name for name in quantities if name in _ROWS and any(name in dataset for dataset in datasets.values())]
    if not rows:
        raise ValueError(
            f"Argument `quantities` must name some of {tuple(_ROWS)} that were solved for, but is {quantities}."
        )
    symmetries = sorted({float(value) for dataset in datasets.values() for value in _symmetries(dataset)})
    figure = Figure(figsize=(1.2 + 2.9 * len(symmetries), 1.4 + 2.1 * len(rows)), layout="constrained")
    axes = figure.subplots(len(rows), len(symmetries), sharex=True, sharey="row", squeeze=False)
    for row, quantity in zip(axes, rows, strict=True):
        for each, symmetry in zip(row, symmetries, strict=True):
            shown = {name: dataset for name, dataset in datasets.items() if symmetry in _symmetries(dataset)}
            sampled = any(dataset.attrs.get("theory") == "landscape.Sampling" for dataset in shown.values())
            for name, dataset in shown.items():
                chosen = dataset.sel(symmetry=symmetry) if "symmetry" in dataset.dims else dataset
                for variable in _variables(chosen, quantity, sampled):
                    curve(chosen, variable, axes=each, **styles(datasets, variable)[name])
            mark_transition(each, _critical_gain(datasets, symmetry))
            each.set(xlabel="gain $g$", ylabel=_ROWS[quantity])
            each.label_outer()
        if quantity != "mean_square_rate":
            _scale_by_theory(row)
    for each, symmetry in zip(axes[0], symmetries, strict=True):
        each.set_title(f"symmetry $\\eta = {symmetry:g}$", loc="left")
    _legend(figure, axes)
    return axes


def _variables(dataset: xr.Dataset, quantity: str, sampled: bool) -> Iterator[str]:
    """Fixed points have the mean square rate by both weights: q, and C by index."""
    if quantity == "mean_square_rate" and {"correlation", "self_overlap"} <= set(dataset):
        yield "correlation"
    small = dataset.attrs.get("theory") == "landscape.FixedPoints" and quantity != "integrated_response"
    if quantity in dataset and not (small and sampled):
        yield quantity


def _datasets(results: Any) -> dict[str, xr.Dataset]:
    found = results
    if hasattr(results, "children"):
        found = {name: node.to_dataset() for name, node in results.children.items()}
    if not isinstance(found, Mapping) or not all(hasattr(each, "data_vars") for each in found.values()):
        raise TypeError(
            "Argument `results` must hold sweeps by name, as qd.sweeps.run_file returns them or {'name': qd.sweep(...)}, "
            f"but is {shown(results)}."
        )
    found = {name: dataset for name, dataset in found.items() if "gain" in dataset.dims}
    if not found:
        raise ValueError("Argument `results` must hold at least one sweep over 'gain', but holds none.")
    return found


def _symmetries(dataset: xr.Dataset) -> list[float]:
    if "symmetry" in dataset.dims:
        return [float(value) for value in dataset["symmetry"]]
    return [float(dataset.attrs["symmetry"])]


def _scale_by_theory(row: np.ndarray[Any, np.dtype[Any]]) -> None:
    """Limits from the theories' lines, and a triangle at the edge for every point beyond them."""
    curves = [
        line.get_ydata()
        for axes in row
        for line in axes.lines
        if line.get_label() != "_g_c" and line.get_linestyle() != "None"
    ]
    if not curves:
        return
    largest = np.nanmax(np.concatenate(curves))
    low, high = -0.15 * largest, 1.6 * largest
    row[0].set_ylim(low, high)
    for axes in row:
        for points in (container[0] for container in axes.containers):
            positions, values = points.get_data()
            for edge, beyond, marker in ((high, values > high, "^"), (low, values < low, "v")):
                if beyond.any():
                    at_edge = np.full(beyond.sum(), edge)
                    axes.plot(positions[beyond], at_edge, marker, color=points.get_color(), clip_on=False, markersize=6)


def _critical_gain(datasets: Mapping[str, xr.Dataset], symmetry: float) -> float:
    for dataset in datasets.values():
        if symmetry in _symmetries(dataset):
            critical = dataset["critical_gain"]
            return float(critical.sel(symmetry=symmetry) if critical.dims else critical)
    return np.nan


def _legend(figure: Any, axes: np.ndarray[Any, np.dtype[Any]]) -> None:
    """Each ensemble's name, and its theories and networks below it; side by side where there is room."""
    from matplotlib.lines import Line2D

    found: dict[str, dict[str, Any]] = {name: {} for name in ENSEMBLES.values()}
    for each in axes.flat:
        for handle, name in zip(*each.get_legend_handles_labels(), strict=True):
            line = handle if isinstance(handle, Line2D) else handle[0]
            found[ENSEMBLES[of_colour(line.get_color())]].setdefault(name, handle)
    found = {heading: entries for heading, entries in found.items() if entries}
    blank = Line2D([], [], linestyle="none")
    wide, length = axes.shape[1] > 1, max(map(len, found.values()))
    rows: list[tuple[Any, str]] = []
    for heading, entries in found.items():
        rows += [(blank, heading), *((handle, name) for name, handle in entries.items())]
        rows += [(blank, "")] * (length - len(entries)) * wide
    legend = figure.legend(
        *zip(*rows, strict=True),
        loc="outside lower center",
        ncols=len(found) if wide else 1,
        frameon=False,
        fontsize="small",
    )
    for text in legend.get_texts():
        if text.get_text() in found:
            text.set_fontweight("bold")
