"""One writer for a store at a time."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

# Seconds; nobody who only looks whether there is a lock holds it for so long.
_PATIENCE = 1.0


class LockedStoreError(BlockingIOError):
    """Another sweep writes into the store."""


def lock_file(path: Path) -> Path:
    """It lies beside the store, and is there while a sweep writes. Of a file with several sweeps there is one for all."""
    path = path.resolve()
    store = path.parent if (path.parent / "zarr.json").exists() else path
    return store.with_name(f".{store.name}.lock")


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Inside, no other process writes into the store. The lock is the system's: it ends with the process, however that ends.

    Raises LockedStoreError where another sweep writes into it, and OSError where the folder cannot be written.
    """
    from filelock import FileLock, Timeout

    place = lock_file(path)
    lock = FileLock(place, timeout=_PATIENCE, thread_local=False)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        raise LockedStoreError(
            f"The store {str(path)!r} is being written by {holder(path) or 'another process'}; wait for it, or choose "
            "another place."
        ) from None
    except OSError as error:
        raise OSError(f"The store {str(path)!r} cannot be written: {error.strerror}.") from None
    try:
        place.write_text(json.dumps({"host": platform.node(), "process": os.getpid()}))
        yield
    finally:
        with suppress(OSError):
            place.unlink()  # while it is held: who waits for the old file sees that it is gone
        lock.release()


def holder(path: Path) -> str | None:
    """Who writes into the store now, by process and host; None if nobody does."""
    from filelock import FileLock, Timeout

    place = lock_file(path)
    if not place.exists():
        return None
    lock = FileLock(place, timeout=0, thread_local=False)
    try:
        lock.acquire()
    except Timeout:
        return _told(place)
    except OSError:  # another user's
        return f"{_told(place)}, unless that was killed"
    with suppress(OSError):
        place.unlink()  # left by a process that was killed
    lock.release()
    return None


def _told(place: Path) -> str:
    try:
        about = json.loads(place.read_text())
        return f"process {about['process']} on {about['host']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"
