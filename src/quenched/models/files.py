"""Weights from files. Nothing is unpickled: a file that holds Python objects is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import numpy as np

from quenched import checks
from quenched.models.archives import opened
from quenched.models.labels import Labelled, from_edges, from_graph, from_table, lists_edges
from quenched.models.tables import read_table
from quenched.models.weights import check_finite, check_real, check_square

_ARCHIVES = (".npz", ".mat", ".h5", ".hdf5")
_TABLES = (".csv", ".tsv", ".txt")
_GRAPHS = {".graphml": "read_graphml", ".gexf": "read_gexf", ".gml": "read_gml"}
_SUFFIXES = (".npy", *_ARCHIVES, *_TABLES, ".mtx", *_GRAPHS)
_PICKLES = (".pkl", ".pickle", ".pt", ".pth", ".joblib")
_INSTEAD = {
    **dict.fromkeys(
        _PICKLES, "Formats that unpickle are not read, since they can run code; save the array with numpy.save instead."
    ),
    **dict.fromkeys((".gz", ".bz2", ".xz", ".zip"), "Unpack it first."),
    **dict.fromkeys((".dat", ".edgelist", ".edges", ""), "Rename a table or a list of edges to .txt."),
    **dict.fromkeys((".xlsx", ".xls", ".ods"), "Save the sheet as .csv instead."),
    **dict.fromkeys((".parquet", ".feather"), "Read it with pandas, and give the table to qd.Network."),
    **dict.fromkeys((".rds", ".rdata"), "Write the matrix with R's write.csv instead."),
    **dict.fromkeys((".keras", ".safetensors"), "Trained weights are read by qd.landscape.rnn.from_file."),
}
_LAYOUTS = ("matrix", "edges")


def read_weights(
    path: str | Path,
    *,
    array: str | None = None,
    sign: str | None = None,
    gain: float | None = None,
    transpose: bool = False,
    layout: str | None = None,
) -> Any:
    """A square matrix of weights, J[i, j] from j to i, from a file.

    Arguments:
        path: an array, `.npy`; one of several, `.npz` (or one matrix saved by scipy.sparse.save_npz), `.mat` (MATLAB's, of
            every version; 7.3 needs h5py), `.h5`, `.hdf5`; a table, `.csv`, `.tsv`, `.txt`, with or without names of rows
            and columns; `.mtx` (Matrix Market); a graph, `.graphml`, `.gexf`, `.gml`.
        array: which array of several, column of a list of edges, or attribute of a graph's edges holds the weights; of edges
            the one called `weight`, or the only one that holds numbers, if left out.
        sign: name of a second one to multiply by, where magnitudes and signs are kept apart.
        gain: if given, the weights are scaled so that N Var(J) = gain^2, absent synapses counted as zeros; as they are
            in the file if left out.
        transpose: for files that store [from, to].
        layout: "matrix", or "edges", a list whose columns are where an edge comes from, where it goes to, and its weight, 1
            if there is none: the first columns, unless they are called so (source, from, pre...; target, to, post...).
            Columns called so need not be told, nor names in place of numbers. The neurons are those in the list; edges that
            are listed several times add up.

    Returns:
        J, (neuron, neuron), in float64: dense, or a sparse matrix of SciPy where the file holds one, or edges between more
        than 4096 neurons.

    Rows and columns that have names are put in one order, that of the rows.

    Raises:
        FileNotFoundError: no such file.
        ImportError: h5py is missing, and the file is HDF5.
        ValueError: an unknown ending; a file that is not what its name says; an array that is missing, or not named where
            there are several; rows and columns of different names; a table that may be a matrix as well as a list of two or
            three edges, and no `layout`; a matrix that is not square or not finite.

    Example:
        >>> import numpy as np, tempfile, pathlib, quenched as qd
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "weights.npy"
        >>> np.save(path, np.array([[0.0, 2.0], [1.0, 0.0]]))  # 2 from neuron 1 to neuron 0
        >>> qd.models.read_weights(path, transpose=True).tolist()
        [[0.0, 1.0], [2.0, 0.0]]
    """
    return read_file(path, array=array, sign=sign, gain=gain, transpose=transpose, layout=layout).weights


def read_file(
    path: str | Path,
    *,
    array: str | None = None,
    sign: str | None = None,
    gain: float | None = None,
    transpose: bool = False,
    layout: str | None = None,
) -> Labelled:
    """As `read_weights`, with the names of the neurons if the file has them."""
    path = checks.place("path", path)
    if not path.exists():
        raise FileNotFoundError(f"There is no file {str(path)!r}.")
    suffix = path.suffix.lower()
    if suffix not in _SUFFIXES:
        hint = f" {_INSTEAD[suffix]}" if suffix in _INSTEAD else ""
        raise ValueError(f"The file must end in one of {', '.join(_SUFFIXES)}, but is {path.name!r}.{hint}")
    layout = None if layout is None else checks.one_of("layout", layout, _LAYOUTS)
    try:
        content = _read(path, suffix, _Request(array, sign, layout))
    except _Chosen as wrong:
        raise ValueError(str(wrong)) from None
    except (ImportError, MemoryError):
        raise
    except Exception as error:  # of a torn file every library has its own
        objects = "pickle" in str(error) or "Object arrays" in str(error)
        why = "it holds Python objects, which only unpickling could read; save plain numbers" if objects else str(error)
        raise ValueError(f"{path.name!r} cannot be read as {path.suffix}: {why.rstrip('.')}.") from None
    weights, names = _as_weights(path, content, _Request(array, sign, layout))
    check_real(weights.dtype)
    # Counts are often stored in small integers, whose squares overflow.
    weights = weights.astype(np.float64)
    check_square(weights.shape)
    check_finite(weights)
    if checks.flag("transpose", transpose):
        weights = weights.T
    return Labelled(weights if gain is None else _scaled(weights, checks.number("gain", gain, low=0.0)), names)


class _Chosen(Exception):
    """The wrong array was asked for."""


class _Request(NamedTuple):
    """What is to be taken, and as what."""

    array: str | None
    sign: str | None
    layout: str | None


def _read(path: Path, suffix: str, request: _Request) -> Any:
    """A matrix, dense or sparse, a table or a graph."""
    if suffix in _ARCHIVES:
        return _from_archive(path, request.array, request.sign)
    if suffix in _TABLES:
        return read_table(path, edges=request.layout == "edges")
    if suffix in _GRAPHS:
        import networkx as nx

        return getattr(nx, _GRAPHS[suffix])(path)
    if suffix == ".mtx":
        from scipy import io

        return io.mmread(path)
    loaded = np.load(path, allow_pickle=False)
    if isinstance(loaded, np.lib.npyio.NpzFile):
        loaded.close()
        raise ValueError("it is an archive; rename it to .npz")
    return loaded


def _from_archive(path: Path, array: str | None, sign: str | None) -> Any:
    from scipy import sparse

    with opened(path) as archive:
        shapes, others = archive.shapes, archive.others
        array, sign = (name if name in shapes or name is None else name.strip("/") for name in (array, sign))
        if path.suffix.lower() == ".npz" and {"format", "data", "shape"} <= {*shapes, *others}:
            if array or sign:
                raise _Chosen(f"Arguments `array` and `sign` do not apply: {path.name!r} is one scipy.sparse matrix.")
            return sparse.load_npz(path)
        square = [name for name, shape in shapes.items() if len(shape) == 2 and shape[0] == shape[1] > 0]
        # MATLAB's numbers are matrices of one entry.
        square = [name for name in square if shapes[name] != (1, 1)] or square
        entries = [f"{name} {shape}" for name, shape in shapes.items()] + [
            f"{name} ({what})" for name, what in others.items()
        ]
        listing = ", ".join(entries) or "nothing"
        for label, chosen in (("array", array), ("sign", sign)):
            if chosen in others:
                raise _Chosen(f"Argument `{label}` must name an array of numbers, but {chosen!r} is none: {others[chosen]}.")
            if chosen is not None and chosen not in shapes:
                raise _Chosen(
                    f"Argument `{label}` must name an array of {path.name!r}, but is {chosen!r}."
                    f"{checks.nearest(chosen, shapes)} It holds: {listing}."
                )
        if array is None and len(shapes) == 1 and all(len(shape) == 2 for shape in shapes.values()):
            square = list(shapes)  # a list of edges, or what is refused by its shape
        if array is None and not shapes and len(others) == 1:
            raise ValueError(*(f"of its array {name!r}: {what}" for name, what in others.items()))
        if array is None and len(square) != 1:
            how = "choose one by `array`" if square else "save the matrix of weights by itself"
            raise _Chosen(f"{path.name!r} holds {len(square) or 'no'} square arrays; {how}. It holds: {listing}.")
        matrix = archive.read(array or square[0])
        if sign is None:
            return matrix
        if shapes[sign] != matrix.shape:
            raise _Chosen(f"Argument `sign` must have the shape {matrix.shape} of the weights, but has {shapes[sign]}.")
        # Signs of small integers as well as counts: a product of 8 bits overflows.
        signs = archive.read(sign).astype(np.float64)
        return matrix.multiply(signs) if hasattr(matrix, "multiply") else matrix * signs


def _as_weights(path: Path, content: Any, request: _Request) -> Labelled:
    suffix = path.suffix.lower()
    if hasattr(content, "is_directed"):
        return from_graph(content, request.array, request.sign)
    table = content if hasattr(content, "columns") else None
    if table is not None and request.layout != "matrix" and (request.layout == "edges" or lists_edges(table)):
        return from_edges(content, request.array, request.sign)
    if request.layout == "edges":
        import pandas as pd

        columns = ["source", "target", "weight"]
        width = content.shape[1] if content.ndim == 2 else 0
        if width not in (2, 3) or hasattr(content, "tocoo"):
            raise ValueError(
                f"The list of edges in {path.name!r} must have two or three columns, but the shape is {content.shape}; call "
                "its columns source, target and so on if it has more."
            )
        return from_edges(pd.DataFrame(content, columns=columns[:width]))
    if suffix not in _ARCHIVES and (request.array or request.sign):
        raise ValueError(
            f"Arguments `array` and `sign` choose arrays of an .npz file or of {', '.join(_ARCHIVES[1:])}, columns of a "
            f"list of edges or attributes of a graph, but the file is {path.name!r}."
        )
    if table is None:
        if request.layout is None:
            _refuse_what_may_be_edges(path, content)
        return Labelled(content, None)
    if _counted(table.index):
        square = table.shape[0] == table.shape[1]
        if request.layout is None:
            _refuse_what_may_be_edges(path, from_table(table).weights if square else table.to_numpy())
        if square:
            table.index = table.columns
    elif request.layout is None and table.shape[0] != table.shape[1] <= 3:
        _refuse_shape(path, table.shape)
    return from_table(table)


def _counted(labels: Any) -> bool:
    """Whether a table's rows have no names, as the file has none."""
    return type(labels).__name__ == "RangeIndex"


def _refuse_what_may_be_edges(path: Path, matrix: Any) -> None:
    """Two or three rows of whole numbers may be a matrix or edges; with a weight of zero or an edge twice, a matrix."""
    if hasattr(matrix, "tocoo") or matrix.ndim != 2 or matrix.shape[1] not in (2, 3) or matrix.dtype.kind not in "iuf":
        return
    ends, rest = matrix[:, :2], matrix[:, 2:]
    if not (np.all(ends >= 0) and np.all(ends == np.floor(ends))):
        return
    if matrix.shape[0] == matrix.shape[1]:
        if matrix.shape[1] == 2 and path.suffix.lower() not in _TABLES:  # lists without weights are written as text
            return
        if np.any(rest == 0) or len(np.unique(ends, axis=0)) < len(ends):
            return
        raise ValueError(
            f"{path.name!r} may hold a matrix or a list of {len(matrix)} edges: say layout='matrix' or layout='edges'."
        )
    _refuse_shape(path, matrix.shape)


def _refuse_shape(path: Path, shape: tuple[int, ...]) -> NoReturn:
    raise ValueError(
        f"Argument `weights` must be a square matrix (neuron, neuron), but {path.name!r} has shape {shape}; if it is a list "
        "of edges (from, to, weight) say layout='edges'."
    )


def _scaled(matrix: Any, gain: float) -> Any:
    size = matrix.shape[0]
    mean = matrix.sum() / size**2
    square = (matrix.multiply(matrix) if hasattr(matrix, "multiply") else matrix * matrix).sum() / size**2
    variance = square - mean**2
    if not variance > 0:
        raise ValueError("Argument `gain` cannot be applied: the weights in the file are all equal.")
    return matrix * (gain / np.sqrt(size * variance))
