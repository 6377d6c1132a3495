"""Results into files: `solution.save(path)`. How they are read again: `reading.py`."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quenched import checks
from quenched.numerics.interrupts import held_interrupts
from quenched.outputs import check_path
from quenched.solution import Solution
from quenched.stored_records import to_json

if TYPE_CHECKING:
    import xarray as xr

# Attributes that hold the model, the theory and the solver of a solution.
MODEL, THEORY, SOLVER = "stored_model", "stored_theory", "stored_solver"


def write(dataset: xr.Dataset, path: Path) -> None:
    """As netCDF or Zarr, by the ending."""
    with held_interrupts() as held:  # half a file is none
        if path.suffix == ".zarr":
            write_whole_zarr(dataset, path)
        else:
            dataset.to_netcdf(path)
    if held.arrived:
        raise KeyboardInterrupt


def write_zarr(
    dataset: xr.Dataset,
    path: Path,
    encoding: Mapping[str, Any] | None = None,
    finish: Callable[[Path], object] = lambda beside: None,
) -> None:
    """A store that is there whole or not at all, with all its metadata in one place, so that `xarray.open_zarr` opens it
    without a warning. `finish` may do something with it before it is in its place."""
    beside = path.with_name(f".{path.name}.partial")
    with without_zarr_warning():
        dataset.to_zarr(beside, mode="w", zarr_format=3, consolidated=True, encoding=encoding)
    finish(beside)
    if path.exists():
        shutil.rmtree(path)
    beside.rename(path)


def write_whole_zarr(dataset: xr.Dataset, path: Path) -> None:
    """With every piece of every array, so that one that is lost is missed, and checksums, so that an altered one is."""
    import zarr

    # Zarr leaves out what holds nothing but its filling: then nobody could tell what is lost from what is 0 or NaN.
    with zarr.config.set({"array.write_empty_chunks": True}):
        write_zarr(dataset, path, {str(name): {"compressors": with_checksum()} for name in dataset.variables})


def with_checksum() -> Any:
    """A compression of which a byte that was flipped on the disk is noticed."""
    from zarr.codecs import ZstdCodec

    return ZstdCodec(checksum=True)


@contextmanager
def without_zarr_warning() -> Iterator[None]:
    """Consolidated metadata are an extension of the format's third version, which xarray looks for and Zarr warns of."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Consolidated metadata is currently not part")
        yield


def to_stored(solution: Solution) -> xr.Dataset:
    """The solution as a dataset that `qd.load` makes a solution of."""
    stored = {MODEL: to_json(solution.model), THEORY: to_json(solution.theory)}
    if solution.solver is not None:
        stored[SOLVER] = to_json(solution.solver)
    return solution.to_dataset().assign_attrs(stored)


def save(solution: Solution, path: str | Path, force: bool = False) -> Path:
    """See `Solution.save`."""
    path = checks.place("path", path)
    check_path(path, checks.flag("force", force))
    write(to_stored(solution), path)
    return path
