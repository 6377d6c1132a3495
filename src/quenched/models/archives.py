"""Files that hold several arrays: NumPy's archives, MATLAB's of both kinds, HDF5. What is not asked for is not read."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

_OBJECTS = "it holds Python objects, which only unpickling could read; save plain numbers"
_INSTALL = 'needs the package h5py: pip install "quenched[files]"'

Shapes = dict[str, tuple[int, ...]]


class AbstractArchive(ABC):
    """Named arrays: `shapes` of those that are numbers, and what the `others` are."""

    shapes: Shapes
    others: dict[str, str]

    @abstractmethod
    def read(self, name: str) -> Any:
        """One array of numbers, dense or sparse."""


@contextmanager
def opened(path: Path) -> Iterator[AbstractArchive]:
    """The archive, as its ending says."""
    suffix = path.suffix.lower()
    if suffix == ".npz":
        with path.open("rb") as file:
            yield _NumPy(_npz(file))
    elif suffix == ".mat" and not _is_hdf5(path):
        yield _Matlab(path)
    else:
        with hdf5(path) as content:
            yield _HDF5(content, matlab=suffix == ".mat")


@contextmanager
def hdf5(path: Path, inside: Any = None) -> Iterator[Any]:
    """An HDF5 file, open for reading; `inside`, what it holds, where `path` is an archive around it."""
    try:
        import h5py
    except ImportError:
        raise ImportError(f"Reading {path.name!r}, which is HDF5, {_INSTALL}.") from None
    with h5py.File(path if inside is None else inside, "r") as file:
        yield file


class _NumPy(AbstractArchive):
    """An .npz: the header of each array tells what it is, and objects stay where they are."""

    def __init__(self, archive: Any):
        self.archive, self.shapes, self.others = archive, {}, {}
        for name in archive.files:
            shape, dtype = _header(archive, name)
            if dtype is not None and dtype.kind in "fiub":
                self.shapes[name] = shape
            else:
                self.others[name] = _OBJECTS if dtype is not None and dtype.hasobject else f"it is {dtype or 'no array'}"

    def read(self, name: str) -> Any:
        return self.archive[name]


class _Matlab(AbstractArchive):
    """A .mat before version 7.3, read by SciPy."""

    def __init__(self, path: Path):
        from scipy import io

        self.path, self.shapes, self.others = path, {}, {}
        for name, shape, kind in io.whosmat(path):
            if kind in ("char", "cell", "struct", "object", "function", "opaque", "unknown"):
                self.others[name] = f"it is a {kind}; save what is in it by itself"
            else:
                self.shapes[name] = tuple(shape)

    def read(self, name: str) -> Any:
        from scipy import io

        return io.loadmat(self.path, variable_names=[name])[name]


class _HDF5(AbstractArchive):
    """Datasets of numbers, by their paths. MATLAB writes columns first, so that its matrices come out transposed."""

    def __init__(self, file: Any, matlab: bool):
        self.file, self.matlab, self.shapes, self.others = file, matlab, {}, {}
        file.visititems(self._list)

    def _list(self, name: str, item: Any) -> None:
        if name.startswith("#") or (name.rpartition("/")[0] in self.shapes):  # MATLAB's own; the parts of a sparse matrix
            return
        kind = str(np.asarray(item.attrs.get("MATLAB_class", "")).astype(str)) if self.matlab else ""
        if "MATLAB_sparse" in item.attrs:
            self.shapes[name] = (int(item.attrs["MATLAB_sparse"]), len(item["jc"]) - 1)
        elif hasattr(item, "dtype"):
            if item.dtype.kind in "fiub" and kind not in ("char", "cell") and "MATLAB_empty" not in item.attrs:
                self.shapes[name] = item.shape[::-1] if self.matlab else item.shape
            else:
                self.others[name] = f"it is {kind or item.dtype}"

    def read(self, name: str) -> Any:
        from scipy import sparse

        item = self.file[name]
        if "MATLAB_sparse" in item.attrs:
            values = item["data"][()] if "data" in item else np.zeros(0)
            rows = item["ir"][()] if "ir" in item else np.zeros(0, int)
            return sparse.csc_array((values, rows.astype(int), item["jc"][()].astype(int)), shape=self.shapes[name])
        return item[()].T if self.matlab else item[()]


def _npz(file: Any) -> Any:
    archive = np.load(file, allow_pickle=False)
    if not isinstance(archive, np.lib.npyio.NpzFile):
        raise ValueError("it is a single array; rename it to .npy")
    return archive


def _header(archive: Any, name: str) -> tuple[tuple[int, ...], np.dtype[Any] | None]:
    """Shape and type of an array, without its numbers; no type if it is no array."""
    form = np.lib.format
    members = set(archive.zip.namelist())
    if f"{name}.npy" not in members:
        return (), None
    with archive.zip.open(f"{name}.npy") as member:
        version = form.read_magic(member)
        # Version 3 is for the names of fields alone, and an array with fields is no array of numbers.
        readers = {(1, 0): form.read_array_header_1_0, (2, 0): form.read_array_header_2_0}
        if version not in readers:
            return (), None
        shape, _, dtype = readers[version](member)
        return shape, dtype


def _is_hdf5(path: Path) -> bool:
    """By the signature, which MATLAB writes behind a text of 512 bytes."""
    with path.open("rb") as file:
        head = file.read(520)
    return b"\x89HDF\r\n\x1a\n" in (head[:8], head[512:520])
