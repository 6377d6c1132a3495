"""Writing a dataset to the file that a flag names."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from quenched.netcdf import without_complex

if TYPE_CHECKING:
    import xarray as xr


def check_input(path: Path, what: str) -> None:
    """Refuse a misspelt name before anything slow is imported."""
    if not path.exists():
        raise FileNotFoundError(f"There is no {what} {str(path)!r}.")


def check_output(path: Path | None, force: bool) -> None:
    """Refuse, before any work, an output that could not be written at the end."""
    if path is None:
        return
    if path.suffix not in (".nc", ".zarr"):
        raise ValueError(f"--output must end in .nc or .zarr, but is {str(path)!r}.")
    if not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
        raise OSError(f"The folder {str(path.parent)!r} does not exist or cannot be written; choose another --output.")
    if path.exists() and not force:
        raise FileExistsError(f"The output {str(path)!r} exists; --force replaces it.")
    if path.is_dir() and not (path / "zarr.json").exists():
        raise FileExistsError(f"The output {str(path)!r} is a folder that holds no Zarr store; choose another.")


def write(dataset: xr.Dataset, path: Path) -> None:
    """As netCDF or Zarr, by the ending; netCDF has no complex numbers, so they become a last axis (re, im)."""
    if path.suffix == ".zarr":
        if path.exists():
            shutil.rmtree(path)
        dataset.to_zarr(path, mode="w", zarr_format=3, consolidated=False)
        return
    without_complex(dataset).to_netcdf(path)
