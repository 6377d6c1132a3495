"""Results from files: `qd.load(path)`."""

from __future__ import annotations

import warnings
from json import JSONDecodeError
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from quenched import checks
from quenched.solution import Solution, Values
from quenched.storage import MODEL, SOLVER, THEORY
from quenched.stored_records import NotDefinedError, from_json

if TYPE_CHECKING:
    import xarray as xr

_HOW_IT_WENT = ("status", "residual", "steps")


def load(path: str | Path) -> Any:
    """Read what this package wrote.

    Arguments:
        path: of a netCDF file (`.nc`) or a Zarr store (`.zarr`).

    Returns:
        A `Solution` where `solution.save`, or `quenched solve --output`, wrote one: as before, and good as a `start=`. Of a
        function of your own (an activation, a field in time) a file holds the name only: numbers are there, but solving
        anew needs a model with the function. A class of your own (couplings, a unit) is found if the program has defined or
        imported it before; otherwise the numbers come as a Dataset, with a UserWarning that names the class. A Dataset of
        what else was written, such as fixed points or a sweep; of a store of several sweeps a dictionary of them. The data
        are read into memory.

    Raises:
        FileNotFoundError: there is nothing.
        ValueError: it is no netCDF file and no Zarr store, or a piece of it is lost or altered, or it was stored by a
            version whose models and theories have other parameters; `xarray.open_dataset` still reads the numbers.

    Example:
        >>> import pathlib, tempfile, quenched as qd
        >>> solution = qd.solve(qd.RandomNetwork(gain=1.5), qd.dmft.Static())
        >>> path = solution.save(pathlib.Path(tempfile.mkdtemp()) / "static.nc")
        >>> again = qd.load(path)
        >>> print(again.theory, f"{float(again.correlation):.6f}")
        dmft.Static() 0.352602
    """
    from quenched.sweeps.store import read_definition, read_sweeps

    path = checks.place("path", path)
    if not path.exists():
        raise FileNotFoundError(f"There is no file {str(path)!r}.")
    if path.is_dir() and read_definition(path) is not None:
        sweeps = read_sweeps(path)
        return next(iter(sweeps.values())) if len(sweeps) == 1 else sweeps
    dataset = _open(path)
    if MODEL in dataset.attrs:
        try:
            return _solution(path, dataset)
        except NotDefinedError as error:
            warnings.warn(f"Of the solution in {str(path)!r} only the numbers are loaded: {error}.", stacklevel=2)
            return dataset
    if "fixed_point" in dataset.dims and "end_state" in dataset:
        from quenched.fixed_points.dataset import FixedPointDataset

        return FixedPointDataset(dataset.data_vars, dataset.coords, dataset.attrs)  # which draws itself
    return dataset


def _open(path: Path) -> xr.Dataset:
    import xarray as xr

    from quenched.sweeps.damage import DamagedStoreError, refuse_damage

    try:
        if path.is_dir():
            refuse_damage(path)
            with xr.open_zarr(path, consolidated=False, chunks=None) as stored:
                found = stored.load()
        else:
            with xr.open_dataset(path) as stored:
                found = stored.load()
    except (DamagedStoreError, MemoryError):
        raise
    except Exception as error:  # of a torn file every library has its own
        raise ValueError(
            f"{str(path)!r} must be a netCDF file or a Zarr store that this package wrote, but is something else or damaged."
        ) from error
    return found


def _solution(path: Path, dataset: xr.Dataset) -> Solution:
    try:
        return _made(dataset)
    except (KeyError, TypeError, AttributeError, JSONDecodeError) as error:
        raise ValueError(
            f"The solution in {str(path)!r} is damaged, its attributes or its arrays are not those of a solution: "
            f"{type(error).__name__} {error}; xarray still reads the numbers that are there."
        ) from None


def _made(dataset: xr.Dataset) -> Solution:
    attributes = dataset.attrs
    status, residual, steps = (dataset[name].values for name in _HOW_IT_WENT)
    quantities = [str(name) for name in dataset.data_vars if name not in _HOW_IT_WENT]
    arrays: dict[str, Values] = {name: dataset[name].values for name in quantities}
    coordinates: dict[str, Any] = {str(name): np.asarray(values) for name, values in dataset.coords.items()}
    seed = attributes.get("seed")
    return Solution(
        from_json(attributes[MODEL]),
        from_json(attributes[THEORY]),
        arrays,
        status,
        residual,
        steps,
        coordinates,
        None if seed is None else int(seed),
        float(attributes["wall_time_seconds"]),
        attributes.get("branch"),
        from_json(attributes[SOLVER]) if SOLVER in attributes else None,
    )
