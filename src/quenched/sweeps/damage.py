"""What is missing or unreadable in a store, and which points that concerns."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np

from quenched.status import Status

_AFRESH = "force=True (--force on the command line) computes the sweep afresh"


class DamagedStoreError(ValueError):
    """A store that cannot be read as it is; the message names the array and what helps."""


def open_arrays(path: Path) -> Any:
    """The group of a sweep, with every array that it says it has."""
    import zarr

    group = zarr.open_group(path, mode="r")
    for name in {"status", *group.array_keys()}:
        try:
            # Its own metadata: those that the group has of all would not show that they are gone.
            zarr.open_array(path / name, mode="r")
        except Exception:  # of a torn file every library has its own
            raise DamagedStoreError(
                f"The store {str(path)!r} is damaged: what says how the array {name!r} is stored is lost or torn; {_AFRESH}."
            ) from None
    return group


def read_array(path: Path, array: Any, grid: int) -> tuple[np.ndarray, np.ndarray]:
    """The values of an array, and at which points, along its first `grid` axes, a piece of it is missing or unreadable;
    there the values are what the array is filled with."""
    damaged = np.zeros(array.shape[:grid], bool)
    pieces = []
    for corner in itertools.product(
        *(range(0, length, step) for length, step in zip(array.shape, array.chunks, strict=True))
    ):
        region = tuple(slice(at, at + step) for at, step in zip(corner, array.chunks, strict=True))
        number = tuple(at // step for at, step in zip(corner, array.chunks, strict=True))
        pieces.append(region)
        damaged[region[:grid]] |= not (path / array.basename / array.metadata.encode_chunk_key(number)).exists()
    try:
        return np.asarray(array[...]), damaged
    except Exception:  # of a torn file every library has its own
        values = np.full(array.shape, array.fill_value, array.dtype)
    for region in pieces:
        try:
            values[region] = array[region]
        except Exception:
            damaged[region[:grid]] = True
    return values, damaged


def read_status(path: Path) -> np.ndarray:
    """The status of every point, `not_run` where that is not known any more."""
    status = open_arrays(path)["status"]
    values, damaged = read_array(path, status, status.ndim)
    return np.where(damaged, Status.not_run, values)


def damaged_arrays(path: Path) -> dict[str, int]:
    """Of every array that is not whole, how many points that count as done have lost it."""
    group, done = open_arrays(path), read_status(path) != Status.not_run
    found = {}
    for name, array in group.arrays():
        if array.shape[: done.ndim] == done.shape:
            _, damaged = read_array(path, array, done.ndim)
            lost = int((damaged & (done | (name == "status"))).sum())
            if lost:
                found[name] = lost
    return found
