"""Tables for the terminal, wide or narrow; nothing is cut off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table

from quenched.numerics.statistics import with_error
from quenched.status import Status

if TYPE_CHECKING:
    import xarray as xr

# What is worth a row, in this order, where a description has it.
_ROWS = ("correlation", "self_overlap", "mean_square_rate", "integrated_response", "local_response", "energy", "free_energy")
_NEAR = (0.75, 1.0, 1.35)
"""Gains to show, in units of g_c."""
_LISTED = 6


def print_table(console: Console, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Rows under their columns or, in a narrow terminal, one cell a line. A row with one cell is a heading."""
    widths = [max(map(len, cells)) for cells in zip(columns, *rows, strict=True)]
    console.print()
    if title:
        console.print(title, style="bold", highlight=False)
    if sum(widths) + 2 * len(widths) > console.width:
        for first, *others in rows:
            console.print(first, style="bold" if not any(others) else "", highlight=False)
            for column, cell in zip(columns[1:], others, strict=True):
                if cell:
                    console.print(f"    {column}: {cell}", highlight=False)
        return
    made = Table(box=box.SIMPLE_HEAD, padding=(0, 2, 0, 0), pad_edge=False, show_edge=False)
    for position, column in enumerate(columns):
        made.add_column(column, no_wrap=True, justify="left" if position == 0 else "right")
    for row in rows:
        made.add_row(*row, style="bold" if not any(row[1:]) else "")
    console.print(made)


def print_numbers(dataset: xr.Dataset, console: Console) -> None:
    """Every quantity of a result with its error, of a list the first entries, and then what it was computed with."""
    names = [str(name) for name, values in dataset.data_vars.items() if values.size]
    errors = {name for name in names if name.endswith("_error") and name.removesuffix("_error") in names}
    for name in sorted(set(names) - errors - {"status"}, key=lambda name: (dataset[name].ndim, names.index(name))):
        values = np.ravel(dataset[name].values)
        beside = np.ravel(dataset[f"{name}_error"].values) if f"{name}_error" in errors else [None] * len(values)
        listed = [
            with_error(float(value), None if error is None else float(error)) if values.dtype.kind == "f" else str(value)
            for value, error in zip(values[:_LISTED], beside, strict=False)
        ]
        shape = " x ".join(f"{size} {dim}" for dim, size in dataset[name].sizes.items())
        more = f", ... ({shape})" if len(values) > _LISTED else ""
        console.print(f"{name:<24} {', '.join(listed)}{more}", highlight=False)
    if "status" in names:
        counts = zip(*np.unique(dataset["status"].values, return_counts=True), strict=True)
        told = [Status(int(code)).name + (f" {count}" if dataset["status"].size > 1 else "") for code, count in counts]
        console.print(f"{'status':<24} {', '.join(told)}", highlight=False)
    attributes = [f"{name}={value}" for name, value in dataset.attrs.items() if not str(name).startswith("stored_")]
    console.print(", ".join(attributes), style="dim", highlight=False)


def print_near_transition(datasets: Mapping[str, xr.Dataset], console: Console) -> None:
    """For every symmetry, a few gains around g_c, all descriptions below each other."""
    swept = {name: dataset for name, dataset in datasets.items() if "gain" in dataset.dims}
    if not swept:
        return
    slices = [
        (name, float(part.attrs.get("symmetry", part.coords.get("symmetry", np.nan))), part)
        for name, dataset in swept.items()
        for part in _by_symmetry(dataset)
    ]
    for symmetry in sorted({each for _, each, _ in slices}):
        here = [(name, part) for name, each, part in slices if each == symmetry]
        critical = float(here[0][1]["critical_gain"])
        gains = _gains_near(critical, [part["gain"].values for _, part in here])
        cells: list[tuple[str, ...]] = []
        for quantity in _ROWS:
            given = [
                (f"  {name}", *(_cell(part, quantity, gain) for gain in gains))
                for name, part in here
                if _has(part, quantity)
            ]
            given = [row for row in given if any(row[1:])]
            if given:
                cells += [(quantity, *("" for _ in gains)), *given]
        title = f"symmetry {symmetry:g}, g_c = {critical:.4g}"
        print_table(console, title, ("", *(f"g = {gain:g}" for gain in gains)), cells)


def _has(part: xr.Dataset, quantity: str) -> bool:
    if quantity not in part or part[quantity].dims != ("gain",):
        return False
    # C and q are the mean square rate under names that say whose average it is.
    return quantity != "mean_square_rate" or not any(_has(part, name) for name in ("correlation", "self_overlap"))


def print_statuses(datasets: Mapping[str, xr.Dataset], console: Console) -> bool:
    """How many points ended how, where not all are solved; whether all are."""
    solved = True
    for name, dataset in datasets.items():
        codes = dataset["status"].values
        for status in Status:
            count = int((codes == status).sum())
            if count and status != Status.solved:
                solved = False
                console.print(f"{name}: {count} of {codes.size} points {status.name}: {status.advice}.", highlight=False)
    return solved


def _by_symmetry(dataset: xr.Dataset) -> list[xr.Dataset]:
    """One-dimensional in the gain; where something else was swept too, its first value."""
    others = {dim: 0 for dim in dataset["status"].dims if dim not in ("gain", "symmetry")}
    dataset = dataset.isel(others)
    if "symmetry" not in dataset.dims:
        return [dataset]
    return [dataset.isel(symmetry=index) for index in range(dataset.sizes["symmetry"])]


def _gains_near(critical: float, grids: list[np.ndarray]) -> list[float]:
    """Of the gains that most descriptions have."""
    every = np.unique(np.concatenate(grids))
    shared = [gain for gain in every if 2 * sum(np.isclose(grid, gain).any() for grid in grids) > len(grids)] or list(
        grids[0]
    )
    nearest = {min(shared, key=lambda gain: abs(gain - ratio * critical)) for ratio in _NEAR}
    return sorted(float(gain) for gain in nearest)


def _cell(part: xr.Dataset, quantity: str, gain: float) -> str:
    chosen = part.sel(gain=gain, method="nearest")
    if not np.isclose(chosen["gain"], gain):
        return ""
    status = Status(int(chosen["status"]))
    if status != Status.solved:
        return status.name
    error = f"{quantity}_error"
    return with_error(float(chosen[quantity]), float(chosen[error]) if error in chosen else None)
