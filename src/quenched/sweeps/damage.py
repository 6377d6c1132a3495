"""What is missing or unreadable in a store, and which points that concerns."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np

from quenched.status import Status

_AFRESH = "force=True (--force on the command line) computes the sweep afresh"
_AGAIN = "compute it and save it again"


class DamagedStoreError(ValueError):
    """A store that cannot be read as it is; the message names the array and what helps."""


def open_arrays(path: Path, needed: tuple[str, ...] = ("status",), helps: str = _AFRESH) -> Any:
    """The group of a store, with every array that it says it has, `needed` among them; `helps` ends the refusals."""
    import zarr

    try:
        group = zarr.open_group(path, mode="r")
    except Exception:  # of a torn file every library has its own
        if not (path / "zarr.json").exists():
            raise
        raise DamagedStoreError(f"The store {str(path)!r} is damaged: its zarr.json is lost or torn; {helps}.") from None
    for name in sorted({*needed, *group.array_keys()}):
        try:
            # Its own metadata: those that the group has of all would not show that they are gone.
            array = zarr.open_array(path / name, mode="r")
        except Exception:
            raise DamagedStoreError(
                f"The store {str(path)!r} is damaged: what says how the array {name!r} is stored is lost or torn; {helps}."
            ) from None
        if difference := _difference(array, group.get(name, array)):
            raise DamagedStoreError(
                f"The store {str(path)!r} is damaged: the zarr.json of the array {name!r} and that of the store differ, "
                f"{difference}; {helps}."
            )
    return group


def _difference(array: Any, expected: Any) -> str:
    """In what the metadata of an array differ from what its group has of it, notes of the user's aside; or nothing."""
    own, told = array.metadata.to_dict(), expected.metadata.to_dict()
    differing = (name for name in told if name != "attributes" and repr(own.get(name)) != repr(told[name]))
    return next((f"{name} {_text(own.get(name))} and {_text(told[name])}" for name in differing), "")


def _text(value: Any) -> str:
    return str(value if isinstance(value, tuple | list | int | float | str) else type(value).__name__)


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
        damaged[region[:grid]] |= not _is_file(path / array.basename / array.metadata.encode_chunk_key(number))
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


def _is_file(piece: Path) -> bool:
    if piece.is_dir():
        raise DamagedStoreError(
            f"A piece of a store, {str(piece)!r}, must be a file, but is a folder; remove it and try again."
        )
    return piece.exists()


def read_status(path: Path) -> np.ndarray:
    """The status of every point, `not_run` where that is not known any more."""
    status = open_arrays(path)["status"]
    values, damaged = read_array(path, status, status.ndim)
    return np.where(damaged, Status.not_run, values)


def damaged_arrays(path: Path) -> dict[str, str]:
    """Of every array of a sweep that is not whole, what it has lost: so many of the points that count as done, or a piece of
    what does not depend on what is done."""
    group, done = open_arrays(path), read_status(path) != Status.not_run
    swept, beside = _dims(group["status"]), _coordinates(group)
    found = {}
    for name, array in group.arrays():
        dims = _dims(array)
        # Of coordinates along the swept axes, such as g_c, nothing depends on what is done.
        by_point = dims[: done.ndim] == swept and dims != (name,) and name not in beside
        if by_point and array.shape[: done.ndim] != done.shape:
            raise DamagedStoreError(
                f"The store {str(path)!r} is damaged: the array {name!r} must have a shape that begins with that of the "
                f"status, {done.shape}, but has {array.shape}; {_AFRESH}."
            )
        _, damaged = read_array(path, array, done.ndim if by_point else 0)
        lost = int((damaged & (done | (name == "status"))).sum()) if by_point else 0
        if lost or (damaged.any() and not by_point):
            found[name] = f"{lost} points" if by_point else "a piece"
    return found


def _dims(array: Any) -> tuple[str, ...]:
    return tuple(array.metadata.dimension_names or ())


def _coordinates(group: Any) -> set[str]:
    """Names of arrays that xarray reads as coordinates, beside the axes themselves."""
    holders = (group, *(array for _, array in group.arrays()))
    return {name for holder in holders for name in str(holder.attrs.get("coordinates", "")).split()}


def refuse_damage(path: Path) -> None:
    """Refuse a store, no sweep, of which an array is lost or unreadable."""
    for name, array in open_arrays(path, (), _AGAIN).arrays():
        values, damaged = read_array(path, array, 0)
        if damaged and (_whole(array) or not _readable(array)):
            raise DamagedStoreError(
                f"The store {str(path)!r} is damaged: the array {name!r} has lost a piece of its {values.size} values; "
                f"{_AGAIN}."
            )


def _whole(array: Any) -> bool:
    """Whether every piece was written, as this package does, with a checksum: others leave out what holds only filling."""
    return any(codec.to_dict().get("configuration", {}).get("checksum") for codec in array.compressors)


def _readable(array: Any) -> bool:
    try:
        array[...]
    except Exception:  # of a torn file every library has its own
        return False
    return True
