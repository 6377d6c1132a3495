"""Where results may be written; loads nothing that takes time."""

from __future__ import annotations

import os
from pathlib import Path

ENDINGS = (".nc", ".zarr")


def check_path(path: Path, force: bool, name: str = "Argument `path`") -> None:
    """Refuse a place that could not be written, before any work; `name` begins the sentence of the refusal."""
    if path.suffix not in ENDINGS:
        raise ValueError(f"{name} must end in {' or '.join(ENDINGS)}, but is {str(path)!r}.")
    if not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
        raise OSError(f"The folder {str(path.parent)!r} does not exist or cannot be written; choose another.")
    if path.exists() and not force:
        raise FileExistsError(f"{str(path)!r} exists; force=True (--force on the command line) replaces it.")
    if path.is_dir() and not (path / "zarr.json").exists():
        raise FileExistsError(f"{str(path)!r} is a folder that holds no Zarr store; choose another place.")


def check_store(path: Path, name: str) -> Path:
    """The path of a Zarr store, refused where its ending promises a file of another kind; what is there keeps its name. A
    link is followed."""
    if path.name in ("", ".."):
        raise ValueError(f"{name} must name a folder of its own, such as sweep.zarr, but is {str(path)!r}.")
    path = path.resolve() if path.is_symlink() else path
    number = path.suffix[1:].isdigit()  # of gain_1.5
    if path.suffix not in ("", ".zarr") and not number and not path.exists():
        raise ValueError(f"{name} must end in .zarr, for it is a folder in Zarr's format, but is {str(path)!r}.")
    return path
