"""Zarr stores that a sweep fills as it goes and finds again after an interruption."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from quenched.status import Status
from quenched.storage import without_zarr_warning
from quenched.sweeps.damage import DamagedStoreError, damaged_arrays, open_arrays, read_array, read_status
from quenched.sweeps.plan import FORMAT
from quenched.sweeps.table import Table

if TYPE_CHECKING:
    import xarray as xr

_OFFER = "pass force=True (--force on the command line) to compute it afresh"


def claim(path: Path, definition: Mapping[str, Any], resume: bool, force: bool) -> bool:
    """Whether the store at `path` is to be continued. Changes nothing.

    Raises FileExistsError for a store of another sweep, for one of this sweep unless `resume` or `force` is given, and for
    anything else that is in the way, which no option removes.
    """
    stored = existing(path)
    if stored is None or force:
        return False
    refuse_other_formats(path, stored)
    if stored != json.loads(json.dumps(definition)):
        raise FileExistsError(f"The store {str(path)!r} exists and differs: {_difference(stored, definition)}; {_OFFER}.")
    if resume:
        return True
    left, points = _left(path)
    if left:
        raise FileExistsError(
            f"The store {str(path)!r} exists and is incomplete, {left} of {points} points to do: pass resume=True (--resume "
            f"on the command line) to compute those, or {_OFFER}."
        )
    raise FileExistsError(
        f"The store {str(path)!r} exists and is complete: pass resume=True (--resume on the command line) to take it as it "
        f"is, or {_OFFER}."
    )


def refuse_other_formats(path: Path, stored: Mapping[str, Any]) -> None:
    """A store that another version of the package wrote in another way."""
    there = stored.get("format", 1)
    if there == FORMAT or "theories" in stored:
        return
    newer = isinstance(there, int) and there > FORMAT
    way = "pip install --upgrade quenched" if newer else f"choose another place, or {_OFFER}"
    raise FileExistsError(
        f"The store {str(path)!r} is of {'a newer' if newer else 'an older'} version of quenched (format {there}, and this "
        f"one writes {FORMAT}): {way}; xarray.open_zarr reads the numbers."
    )


def existing(path: Path) -> dict[str, Any] | None:
    """What the store at `path` says it holds; None where there is nothing, FileExistsError where there is something else."""
    if not path.exists() or (path.is_dir() and not any(path.iterdir())):
        return None
    stored = read_definition(path)
    if stored is None:
        raise FileExistsError(
            f"{str(path)!r} exists and is not a store of a sweep, or its zarr.json is damaged; "
            "choose another place for the store, or remove it by hand."
        )
    return stored


def remove(path: Path) -> None:
    """Make room, if what is there is a store of a sweep."""
    path = path.resolve()
    if path.is_dir() and read_definition(path) is not None:
        shutil.rmtree(path)


def read_definition(path: Path) -> dict[str, Any] | None:
    """What the store at `path` says it holds, or None if it is no store of a sweep.

    Raises DamagedStoreError where what it says is torn.
    """
    import zarr

    try:
        definition = zarr.open_group(path, mode="r").attrs.get("definition")
    except Exception:  # no group, or something else altogether, for which every library has its own
        return None
    if not isinstance(definition, str):
        return None
    try:
        stored = json.loads(definition)
    except ValueError:
        stored = None
    if not isinstance(stored, dict):
        raise DamagedStoreError(
            f"The store {str(path)!r} is damaged: the attribute 'definition' in its zarr.json must be a table in JSON, but "
            f"is {_short(definition)}; xarray.open_zarr still reads the numbers; choose another place for a new sweep, or "
            "remove the store by hand."
        )
    return stored


def create_group(path: Path, definition: Mapping[str, Any], **attributes: Any) -> None:
    """A group to hold several sweeps."""
    import zarr

    make_folder(path)
    zarr.open_group(path, mode="a").attrs.update({"definition": json.dumps(definition), **attributes})
    consolidate(path)


def consolidate(path: Path) -> None:
    """Put the metadata of all arrays into one place again."""
    import zarr

    with without_zarr_warning():
        zarr.consolidate_metadata(path)


def open_sweep(path: Path) -> xr.Dataset:
    """A stored sweep, read into memory. Raises DamagedStoreError where points that count as done have lost something."""
    import xarray as xr

    for name, lost in damaged_arrays(path).items():
        raise DamagedStoreError(
            f"The store {str(path)!r} is damaged: the array {name!r} has lost {lost}; continue the sweep with "
            "resume=True (--resume on the command line), which mends it."
        )
    try:
        with xr.open_zarr(path, consolidated=False, chunks=None) as stored:  # none of Dask's arrays
            return stored.load()
    except MemoryError:
        raise
    except Exception as error:  # the arrays are whole, but do not make a dataset
        raise DamagedStoreError(f"The store {str(path)!r} is damaged: {error}; {_OFFER}.") from None


def load_into(table: Table, path: Path) -> None:
    """Take over what an earlier run has left. Points of which something is missing or unreadable count as not run, which is
    told on stderr; what else is known of them stays as it is until they are computed again."""
    group, grid = open_arrays(path), table.plan.grid.shape
    for name, values in table.to_dataset().variables.items():
        if name not in group:
            raise DamagedStoreError(f"The store {str(path)!r} has no array {str(name)!r}; {_OFFER}.")
        if group[name].shape != values.shape:
            raise DamagedStoreError(
                f"The store {str(path)!r} is damaged: the array {str(name)!r} must have shape {values.shape}, but has "
                f"{group[name].shape}; {_OFFER}."
            )
    stored = {name: read_array(path, group[name], len(grid)) for name in table.rows}
    versions = str(group["version"].attrs.get("versions", ""))
    table.load({name: values for name, (values, _) in stored.items()}, versions)
    status, unknown = table.on_grid("status"), stored["status"][1]
    lost = np.zeros(grid, bool)
    for name, (_, damaged) in stored.items():
        here = damaged & ((status != Status.not_run) | unknown)
        if here.any():
            lost |= here
            print(
                f"The store {str(path)!r} is damaged: the array {name!r} has lost {here.sum()} of {here.size} points, which "
                "are computed again.",
                file=sys.stderr,
            )
    status[lost | unknown] = Status.not_run


def read_sweeps(path: Path) -> dict[str, xr.Dataset]:
    """All sweeps of a store by name: those of `qd.sweeps.run_file`, or the one of `qd.sweep`.

    Raises FileNotFoundError or ValueError for what is no store of a sweep.
    """
    if not path.exists():
        raise FileNotFoundError(f"There is no store {str(path)!r}.")
    definition = read_definition(path)
    if definition is None:
        raise ValueError(f"{str(path)!r} is not a store of a sweep.")
    if "theories" not in definition:
        refuse_other_formats(path, definition)
        return {path.stem: open_sweep(path)}
    begun = [name for name in definition["theories"] if (path / name).exists()]
    return {name: open_sweep(path / name) for name in begun}


def make_folder(path: Path) -> None:
    """Where a store can be written."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OSError(f"The store {str(path)!r} cannot be written: {error.strerror}.") from None


def _left(path: Path) -> tuple[int, int]:
    status = read_status(path)
    return int(np.isin(status, (Status.not_run, Status.failed)).sum()), status.size


def _difference(stored: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    """The first thing in which two definitions differ."""
    for name in sorted({**wanted, **stored}, key=lambda name: (name != "theory", name != "over")):
        if stored.get(name) != wanted.get(name):
            if isinstance(stored.get(name), dict) and isinstance(wanted.get(name), dict):
                return f"{name}.{_difference(stored[name], wanted[name])}"
            return f"{name} is {_short(stored.get(name))} there and {_short(wanted.get(name))} here"
    return "its definition"


def _short(value: Any) -> str:
    text = "not given" if value is None else repr(value)
    return text if len(text) < 60 else f"{text[:40]} ... {text[-12:]}"
