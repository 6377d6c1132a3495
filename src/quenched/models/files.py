"""Weights from files. Nothing is unpickled: a file that holds Python objects is refused."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from quenched import checks
from quenched.models.network import check_finite, check_real, check_square

_SUFFIXES = (".npy", ".npz", ".csv", ".mtx")


def read_weights(
    path: str | Path,
    *,
    array: str | None = None,
    sign: str | None = None,
    gain: float | None = None,
    transpose: bool = False,
) -> Any:
    """A square matrix of weights, J[i, j] from j to i, from a file.

    Arguments:
        path: `.npy`, `.npz` (dense arrays, or one matrix saved by scipy.sparse.save_npz), `.csv` (numbers, an optional
            header line), or `.mtx` (Matrix Market).
        array: which array of an `.npz` with several.
        sign: name of a second array of the `.npz` to multiply by, where magnitudes and signs are kept apart.
        gain: if given, the weights are scaled so that N Var(J) = gain^2, absent synapses counted as zeros; as they are
            in the file if left out.
        transpose: for files that store [from, to].

    Raises:
        FileNotFoundError: no such file.
        ValueError: an unknown ending; a file that is not what its name says; an array that is missing, or not named where
            there are several. That the matrix is square and finite is for `Network` to check.

    Example:
        >>> import numpy as np, tempfile, pathlib, quenched as qd
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "weights.npy"
        >>> np.save(path, np.eye(3))
        >>> qd.models.read_weights(path).shape
        (3, 3)
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"There is no file {str(path)!r}.")
    if path.suffix not in _SUFFIXES:
        hint = (
            " Formats that unpickle are not read, since they can run code; save the array with numpy.save instead."
            if path.suffix in (".pkl", ".pickle", ".pt", ".pth", ".joblib")
            else ""
        )
        raise ValueError(f"The file must end in one of {', '.join(_SUFFIXES)}, but is {path.name!r}.{hint}")
    if path.suffix != ".npz" and (array or sign):
        raise ValueError(f"Arguments `array` and `sign` choose arrays of an .npz file, but the file is {path.name!r}.")
    try:
        matrix = _READERS[path.suffix](path, array, sign)
    except _Chosen as wrong:
        raise ValueError(str(wrong)) from None
    except (ValueError, OSError, EOFError, zipfile.BadZipFile, KeyError) as error:
        objects = "pickle" in str(error) or "Object arrays" in str(error)
        why = "it holds Python objects, which only unpickling could read; save plain numbers" if objects else str(error)
        why = why.rstrip(".")
        raise ValueError(f"{path.name!r} cannot be read as {path.suffix}: {why}.") from None
    check_real(matrix.dtype)
    # Counts are often stored in small integers, whose squares overflow.
    matrix = matrix.astype(np.float64)
    check_square(matrix.shape)
    check_finite(matrix)
    if transpose:
        matrix = matrix.T
    return matrix if gain is None else _scaled(matrix, checks.number("gain", gain, low=0.0))


class _Chosen(Exception):
    """The wrong array was asked for."""


def _npy(path: Path, array: str | None, sign: str | None) -> Any:
    loaded = np.load(path, allow_pickle=False)
    if isinstance(loaded, np.lib.npyio.NpzFile):
        loaded.close()
        raise ValueError("it is an archive; rename it to .npz")
    return loaded


def _npz(path: Path, array: str | None, sign: str | None) -> Any:
    opened = np.load(path, allow_pickle=False)
    if not isinstance(opened, np.lib.npyio.NpzFile):
        raise ValueError("it is a single array; rename it to .npy")
    with opened as archive:
        names = list(archive.files)
        if {"format", "data", "shape"} <= set(names):
            from scipy import sparse

            if array or sign:
                raise _Chosen(f"Arguments `array` and `sign` do not apply: {path.name!r} is one scipy.sparse matrix.")
            return sparse.load_npz(path)
        shapes = {name: archive[name].shape for name in names if archive[name].dtype.kind in "fiub"}
        square = [name for name, shape in shapes.items() if len(shape) == 2 and shape[0] == shape[1]]
        listing = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        for label, chosen in (("array", array), ("sign", sign)):
            if chosen is not None and chosen not in shapes:
                raise _Chosen(
                    f"Argument `{label}` must name an array of {path.name!r}, but is {chosen!r}."
                    f"{checks.nearest(chosen, shapes)} It holds: {listing}."
                )
        if array is None and len(square) != 1:
            raise _Chosen(f"{path.name!r} holds {len(square)} square arrays; choose one by `array`. It holds: {listing}.")
        matrix = np.asarray(archive[array or square[0]], dtype=np.float64)
        if sign is not None:
            signs = np.asarray(archive[sign], dtype=np.float64)
            if signs.shape != matrix.shape:
                raise _Chosen(f"Argument `sign` must have the shape {matrix.shape} of the weights, but has {signs.shape}.")
            matrix = matrix * signs
        return matrix


def _csv(path: Path, array: str | None, sign: str | None) -> Any:
    # utf-8-sig: spreadsheets begin their files with a byte order mark.
    lines = [line for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    # A first line with no number at all is a header; one with some is a mistake to be named, not skipped.
    if lines and not any(_is_number(entry) for entry in lines[0].split(",")):
        if ";" in lines[0] or "\t" in lines[0]:
            raise ValueError("its columns must be separated by commas, not semicolons or tabs")
        lines = lines[1:]
    if not lines:
        raise ValueError("it holds no numbers")
    return np.loadtxt(lines, delimiter=",", ndmin=2)


def _is_number(entry: str) -> bool:
    try:
        float(entry)
    except ValueError:
        return False
    return True


def _mtx(path: Path, array: str | None, sign: str | None) -> Any:
    from scipy import io

    return io.mmread(path)


_READERS = {".npy": _npy, ".npz": _npz, ".csv": _csv, ".mtx": _mtx}


def _scaled(matrix: Any, gain: float) -> Any:
    size = matrix.shape[0]
    mean = matrix.sum() / size**2
    square = (matrix.multiply(matrix) if hasattr(matrix, "multiply") else matrix * matrix).sum() / size**2
    variance = square - mean**2
    if not variance > 0:
        raise ValueError("Argument `gain` cannot be applied: the weights in the file are all equal.")
    return matrix * (gain / np.sqrt(size * variance))
