"""Three descriptions of one transition, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from quenched.plots.curves import curve, mark_transition
from quenched.plots.style import in_order, label, styles

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes

_RESPONSES = ("integrated_response", "local_response")


def edge_of_chaos(results: xr.DataTree | Mapping[str, xr.Dataset]) -> np.ndarray[Any, np.dtype[Any]]:
    """Fluctuation and response against the gain, one column for each symmetry.

    Upper row: `mean_square_rate`, which is C of static DMFT and q of the replica theory. Lower row: `integrated_response`
    (R_int) and `local_response` (S), whichever a description gives. Fixed points have both averages: filled markers with
    the weight 1/|det F'| of the replica theory, open ones with the index sign det(-F') of static DMFT. The lower scale is
    that of the theories: responses near a bifurcation have long tails, and a triangle at the edge stands for a point beyond
    it. The vertical line is g_c.

    Arguments:
        results: sweeps over `gain`, and `symmetry` where wanted, by name; a DataTree as `qd.sweeps.run_file` returns.

    Returns:
        Axes, (row, column); `axes[0, 0].figure.savefig(...)` writes the figure.

    Raises:
        ValueError: nothing was swept over `gain`.
    """
    from matplotlib.figure import Figure

    datasets = in_order(_datasets(results))
    symmetries = sorted({float(value) for dataset in datasets.values() for value in _symmetries(dataset)})
    figure = Figure(figsize=(1.2 + 2.9 * len(symmetries), 5.8), layout="constrained")
    axes = figure.subplots(2, len(symmetries), sharex=True, sharey="row", squeeze=False)
    looks = styles(datasets)
    for column, symmetry in enumerate(symmetries):
        upper, lower = axes[:, column]
        for name, dataset in datasets.items():
            if symmetry in _symmetries(dataset):
                chosen = dataset.sel(symmetry=symmetry) if "symmetry" in dataset.dims else dataset
                _draw(chosen, upper, lower, looks[name])
        critical = _critical_gain(datasets, symmetry)
        upper.set_title(f"$\\eta = {symmetry:g}$", loc="left")
        for each in (upper, lower):
            mark_transition(each, critical)
            each.label_outer()
    _scale_by_theory(axes[1])
    upper, lower = axes[:, 0]
    upper.set_ylabel("fluctuation $\\langle\\phi^2\\rangle$")
    lower.set_ylabel("response $R_\\mathrm{int}$, $S$")
    _legend(figure, axes)
    return axes


def _datasets(results: Any) -> dict[str, xr.Dataset]:
    found = results
    if hasattr(results, "children"):
        found = {name: node.to_dataset() for name, node in results.children.items()}
    found = {name: dataset for name, dataset in found.items() if "gain" in dataset.dims}
    if not found:
        raise ValueError("Argument `results` must hold at least one sweep over 'gain', but holds none.")
    return found


def _symmetries(dataset: xr.Dataset) -> list[float]:
    if "symmetry" in dataset.dims:
        return [float(value) for value in dataset["symmetry"]]
    return [float(dataset.attrs["symmetry"])]


def _draw(dataset: xr.Dataset, upper: Axes, lower: Axes, look: dict[str, Any]) -> None:
    both = {"correlation", "self_overlap"} <= set(dataset)
    if both:
        by_index = f"{label(dataset.attrs)}, by $\\mathrm{{sign}}\\,\\det$"
        by_index_look = {**look, "markerfacecolor": "white", "label": by_index}
        look = {**look, "label": f"{label(dataset.attrs)}, by $1/|\\det|$"}
        curve(dataset, "correlation", axes=upper, **by_index_look)
        curve(dataset, "integrated_response", axes=lower, **by_index_look)
    curve(dataset, "mean_square_rate", axes=upper, **look)
    for name in _RESPONSES:
        if name in dataset and not (both and name == "integrated_response"):
            curve(dataset, name, axes=lower, **look)


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
    entries: dict[str, Any] = {}
    for each in axes.flat:
        for handle, name in zip(*each.get_legend_handles_labels(), strict=True):
            entries.setdefault(name, handle)
    figure.legend(entries.values(), entries.keys(), loc="outside lower center", ncols=min(3, len(entries)), frameon=False)
