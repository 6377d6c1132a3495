"""quenched show."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from quenched.cli.checks import check_input
from quenched.vocabulary import VOCABULARY

if TYPE_CHECKING:
    import xarray as xr

# Attributes that are not parameters of the model or the theory.
_ASIDE = ("theory", "citations", "definition", "quenched_version", "jax_version")


def show(path: Path, /) -> None:
    """Show what a file holds: a store of `quenched sweep`, or what `--output` or `solution.save` wrote.

    Parameters
    ----------
    path:
        A folder ending in .zarr, or a file ending in .nc.
    """
    check_input(path, "file or store")
    import quenched as qd
    from quenched.cli.fixed_point_table import print_fixed_points
    from quenched.cli.tables import print_near_transition, print_numbers, print_statuses
    from quenched.fixed_points.dataset import FixedPointDataset
    from quenched.sweeps.lock import holder
    from quenched.sweeps.store import read_definition, read_sweeps

    if not path.is_dir() or read_definition(path) is None:
        found = qd.load(path)
        if isinstance(found, qd.Solution):
            print(found)
        elif isinstance(found, FixedPointDataset):
            print_fixed_points(found, Console())
        else:
            print_numbers(found, Console())
        return
    console = Console()
    if writer := holder(path):
        console.print(f"It is being written by {writer}.", highlight=False)
    found = read_sweeps(path)
    print_near_transition(found, console)
    for name, dataset in found.items():
        console.print()
        console.print(f"{name}: {dataset.attrs['theory']}", style="bold", highlight=False)
        console.print(f"  points      {_counts(dataset)}", highlight=False)
        for message, places in json.loads(dataset["status"].attrs.get("failures", "{}")).items():
            console.print(f"  failed      {len(places)}, by {message}", highlight=False)
        console.print(f"  swept       {_axes(dataset)}", highlight=False)
        fixed = ", ".join(f"{key}={value}" for key, value in dataset.attrs.items() if key not in _ASIDE)
        console.print(f"  fixed       {fixed}", highlight=False)
        console.print(f"  quantities  {', '.join(_quantities(dataset))}", highlight=False)
    for name in (read_definition(path) or {}).get("theories", ()):
        if name not in found:
            console.print(f"\n{name}: not begun", style="bold", highlight=False)
    print_statuses(found, console)


def _counts(dataset: xr.Dataset) -> str:
    """How many are solved, how many ended otherwise, and how many are left."""
    from quenched.status import Status

    status = dataset["status"].values
    solved, failed, left = (int((status == code).sum()) for code in (Status.solved, Status.failed, Status.not_run))
    others = status.size - solved - failed - left
    told = [f"{solved} of {status.size} solved"]
    told += [f"{count} {what}" for count, what in ((others, "not solved"), (failed, "failed"), (left, "left")) if count]
    return ", ".join(told)


def _axes(dataset: xr.Dataset) -> str:
    listed = (dataset[str(dim)].values for dim in dataset["status"].dims)
    ranges = (f"{values.min():g} to {values.max():g} ({len(values)} values)" for values in listed)
    return ", ".join(f"{dim} {values}" for dim, values in zip(dataset["status"].dims, ranges, strict=True))


def _quantities(dataset: xr.Dataset) -> list[str]:
    aside = ("status", "residual", "steps", "wall_time", "version")
    return [name for name in VOCABULARY if name in dataset.data_vars and name not in aside]
