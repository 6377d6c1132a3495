"""Writing a sweep into its store, as its points complete."""

from __future__ import annotations

import errno
import math
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from quenched.errors import StoppedSweepError
from quenched.status import Status
from quenched.storage import with_checksum, write_zarr
from quenched.sweeps.store import consolidate, make_folder, read_definition
from quenched.sweeps.table import Table
from quenched.sweeps.tasks import Part

_SECONDS_BETWEEN_WRITES = 1.0
# Of a piece of an array, as numbers: so much is written anew when one of its points completes.
_BYTES_OF_A_PIECE = 128 * 1024
_CONTINUE = "continue the sweep with resume=True (--resume on the command line)"


class Writer:
    """Fills a table and writes it into its store, about once a second, whether points complete or not, and at the end.

    The status goes last: a point that counts as done has its numbers in the store, whenever the program is killed. Of a
    file there is the old one or the new one, never half of one. A thread writes, so that Ctrl-C does not meet it.
    """

    def __init__(self, path: Path, table: Table, continued: bool):
        self.path, self.table = path, table
        self.pending: list[np.ndarray] = []
        self.problem: StoppedSweepError | None = None
        self.guard, self.over = threading.RLock(), threading.Event()
        dataset = table.to_dataset()
        names = list(map(str, dataset.coords))

        def write_axes(place: Path, *also: str) -> None:
            for name in (*names, *also):
                _arrays(place, [name])[name][...] = dataset[name].values

        make_folder(path)
        with self._told():
            if continued:
                write_axes(path)
            else:
                encoding = _encoding(table, names)
                write_zarr(dataset, path, encoding, lambda beside: write_axes(beside, "status"))
                self._consolidate(of_store=False)
        self.arrays, self.definition, self.notes = _arrays(path, list(table.rows)), read_definition(path), table.notes()
        self.written = time.monotonic()
        self.thread = threading.Thread(target=self._write_now_and_then, daemon=True)
        self.thread.start()

    def add(self, part: Part) -> None:
        """These points are done."""
        with self.guard:
            self.table.fill(part)
            self.pending.append(part.indices)
        if time.monotonic() - self.written > _SECONDS_BETWEEN_WRITES:
            self.flush()
        if self.problem is not None:
            raise self.problem

    def close(self) -> None:
        """Write what is left."""
        self.over.set()
        self.thread.join()
        if self.problem is None:
            self.flush()
        if self.problem is not None:
            raise self.problem

    def _write_now_and_then(self) -> None:
        while not self.over.wait(max(0.05, _SECONDS_BETWEEN_WRITES)) and self.problem is None:
            self.flush()

    def flush(self) -> None:
        """Write what is pending. What goes wrong is kept for the thread that computes."""
        with self.guard:
            if not self.pending:
                return
            done, self.pending = np.unique(np.concatenate(self.pending)), []
            try:
                with self._told():
                    self._write(done)
            except StoppedSweepError as error:
                self.problem = error
            self.written = time.monotonic()

    def _write(self, done: np.ndarray) -> None:
        self._refuse_another_store()
        if (notes := self.table.notes()) != self.notes:
            for name, told in notes.items():
                self.arrays[name].attrs.update(told)
            self._consolidate()
            self.notes = notes
        for name in sorted(self.table.rows, key="status".__eq__):
            values, stored = self.table.on_grid(name), self.arrays[name]
            for piece in _pieces(stored, np.unravel_index(done, self.table.plan.grid.shape)):
                stored[piece] = values[piece]

    def _consolidate(self, of_store: bool = True) -> None:
        if of_store:
            consolidate(self.path)
        if (self.path.parent / "zarr.json").exists():  # the group of a file with several sweeps
            consolidate(self.path.parent)

    def _refuse_another_store(self) -> None:
        """Zarr would write pieces into a folder that is a store no more."""
        if not (self.path / "zarr.json").exists():
            raise _ChangedStoreError("was removed while the sweep ran; compute it again")
        if read_definition(self.path) != self.definition:
            raise _ChangedStoreError(
                "was replaced by another while the sweep ran; choose another place and compute it again"
            )

    @contextmanager
    def _told(self) -> Iterator[None]:
        """What the system refuses, as a sentence, and with the results."""
        try:
            yield
        except OSError as error:
            what = str(error) if isinstance(error, _ChangedStoreError) else _sentence(error)
            done, points = len(self.table.rows["status"]) - len(self.table.not_run()), len(self.table.rows["status"])
            reason = f"The store {str(self.path)!r} {what}. {done} of {points} points were computed."
            raise StoppedSweepError(reason, self.table.to_dataset()) from None


def _arrays(path: Path, names: Iterable[str]) -> dict[str, Any]:
    """Arrays of a store, to be written whole: Zarr leaves out what holds nothing but its filling, and then nobody could tell
    what is lost from what is NaN."""
    import zarr

    with zarr.config.set({"array.write_empty_chunks": True}):
        group = zarr.open_group(path, mode="r+")
        return {name: group[name] for name in names}


class _ChangedStoreError(OSError):
    """The store is not the one that was made."""


def _sentence(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return f"cannot hold more ({error.strerror}): make room, and {_CONTINUE}"
    return f"cannot be written ({error.strerror or error}): mend that, and {_CONTINUE}"


def _pieces(array: Any, done: tuple[np.ndarray, ...]) -> Iterator[tuple[slice, ...]]:
    """The regions of an array's pieces that hold points which are done."""
    steps = array.chunks[: len(done)]
    numbers = np.unique(np.stack([places // step for places, step in zip(done, steps, strict=True)], axis=1), axis=0)
    for number in numbers:
        yield tuple(slice(at * step, (at + 1) * step) for at, step in zip(number.tolist(), steps, strict=True))


def piece_of_points(grid: tuple[int, ...], bytes_of_a_point: int) -> tuple[int, ...]:
    """How many points along each axis of the grid make a piece: neighbours along the last axes, which complete together."""
    points, found = max(1, _BYTES_OF_A_PIECE // max(1, bytes_of_a_point)), list[int]()
    for length in reversed(grid):
        found.append(max(1, min(length, points)))
        points = points // length if points >= length else 1
    return tuple(reversed(found))


def _encoding(table: Table, coordinates: Iterable[str]) -> dict[str, Any]:
    """Into which pieces the arrays are cut. A status that is lost is `not_run`."""
    shape, found = table.plan.grid.shape, dict[str, dict[str, Any]]()
    for name, rows in table.rows.items():
        own = rows.shape[1:]
        chunks = (*piece_of_points(shape, rows.itemsize * math.prod(own)), *(max(1, length) for length in own))
        found[name] = {"chunks": chunks, "compressors": with_checksum()}
    found["status"]["fill_value"] = int(Status.not_run)
    return found | {name: {"compressors": with_checksum()} for name in coordinates}
