"""Weights with names: tables of pandas, arrays of xarray, graphs of NetworkX, lists of edges."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from numbers import Real
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from quenched import checks

if TYPE_CHECKING:
    import pandas as pd

Names = tuple[str, ...] | None

# Above so many nodes a list of edges becomes a sparse matrix: dense ones of this size take 128 MiB.
_DENSE = 4096


class Labelled(NamedTuple):
    """Weights [to, from], dense or sparse, and the neurons' names, where there are any."""

    weights: Any
    names: Names


def labelled(weights: Any) -> Labelled:
    """A table, a list of edges or a graph as weights and names; anything else as it is, without names."""
    if (networkx := sys.modules.get("networkx")) and isinstance(weights, networkx.Graph):
        return from_graph(weights)
    if (pandas := sys.modules.get("pandas")) is None:
        return Labelled(weights, None)
    if hasattr(weights, "to_pandas") and getattr(weights, "ndim", 2) == 2:  # of xarray, Polars and others
        weights = weights.to_pandas()
    if not isinstance(weights, pandas.DataFrame):
        return Labelled(weights, None)
    return from_edges(weights) if lists_edges(weights) else from_table(weights)


def from_table(table: pd.DataFrame) -> Labelled:
    """A square table, its columns in the order of its rows.

    Raises ValueError where rows and columns have other names, or one name is there twice.
    """
    rows, columns = tuple(map(str, table.index)), tuple(map(str, table.columns))
    for names in (rows, columns):
        _refuse_twins(names)
    named = None not in (_own_names(rows), _own_names(columns))
    if rows != columns and (named or set(rows) == set(columns)):
        for one, other, words in ((rows, columns, ("rows", "columns")), (columns, rows, ("columns", "rows"))):
            alone = sorted(set(one) - set(other))
            if alone:
                raise ValueError(
                    f"Argument `weights` must have the same names for its rows and its columns, but {alone[0]!r} is among "
                    f"the {words[0]} and not among the {words[1]} ({len(alone)} such)."
                )
        order = {name: place for place, name in enumerate(columns)}
        table = table.iloc[:, [order[name] for name in rows]]
        columns = rows
    return Labelled(_cells(table), _own_names(rows) or _own_names(columns))


def lists_edges(table: pd.DataFrame) -> bool:
    """Whether a table is a list of edges: by its columns, unless its rows have the same names."""
    square = sorted(map(str, table.index)) == sorted(map(str, table.columns))
    return edge_columns(table.columns) is not None and not square


def edge_columns(columns: Iterable[Any]) -> tuple[Any, Any] | None:
    """Which columns of a table are where an edge comes from and where it goes to; None if it is no list of edges."""
    columns, found = list(columns), []
    for words, beginning in ((("source", "from", "sender", "src"), "pre"), (("target", "to", "receiver", "dst"), "post")):
        matching = [each for each in columns if str(each).strip().lower() in words]
        matching = matching or [each for each in columns if _begins_with(beginning, str(each).strip())]
        if len(matching) != 1:
            return None
        found.append(matching[0])
    return found[0], found[1]


def _begins_with(word: str, column: str) -> bool:
    """pre, pre_id, preId, presynaptic; not prefrontal."""
    column = column.lower() if column.isupper() else column
    return re.match(rf"{word}(?![a-z])|{word}-?syn", column[:1].lower() + column[1:]) is not None


def from_edges(edges: pd.DataFrame, array: str | None = None, sign: str | None = None) -> Labelled:
    """A list of edges with columns such as `source`, `target`, `weight`; edges that are listed several times add up.

    `array` is the column of weights, the only third one or the one called `weight` if left out, 1 where there is none;
    `sign` a column to multiply by. The neurons are those that are named, numbers in their order.
    """
    import pandas as pd

    ends = edge_columns(edges.columns)
    assert ends is not None
    others = [each for each in edges.columns if each not in ends]
    if array is None and len(others) > 1:
        called = [each for each in others if str(each).strip().lower() in ("weight", "weights")]
        if len(called) != 1:
            raise ValueError(
                f"Argument `array` must name the column of weights, one of {', '.join(repr(str(each)) for each in others)}."
            )
        array = str(called[0])
    elif array is None and others:
        array = str(others[0])
    values = np.ones(len(edges))
    for label, chosen in (("array", array), ("sign", sign)):
        if chosen is not None:
            values = values * _cells(edges[[_column(label, chosen, others)]])[:, 0]
    nodes = pd.concat([edges[ends[0]], edges[ends[1]]], ignore_index=True)
    if nodes.isna().any() or (nodes.astype(str) == "").any():
        raise ValueError("Argument `weights` must name both ends of every edge, but one is empty.")
    if nodes.dtype.kind == "f" and (nodes == nodes.astype(np.int64)).all():
        nodes = nodes.astype(np.int64)
    elif nodes.dtype.kind == "f":
        raise ValueError("Argument `weights` must number the ends of its edges by whole numbers, or name them.")
    codes, names = pd.factorize(nodes, sort=nodes.dtype.kind in "iu")
    source, target = np.split(codes, 2)
    return Labelled(_summed(target, source, values, len(names)), _own_names(names))


def from_graph(graph: Any, array: str | None = None, sign: str | None = None) -> Labelled:
    """A graph of NetworkX: an edge u -> v with weight w is weights[v, u] = w, parallel edges add up, and one without
    direction goes both ways. `array` is the edges' attribute that holds the weights, `weight` or the only number if left
    out, 1 where edges have none; `sign` one to multiply by.
    """
    nodes = {node: place for place, node in enumerate(graph)}
    rows, columns, values = [], [], []
    having = Counter(str(name) for *_, data in graph.edges(data=True) for name in data)
    chosen = [name for name in (_weight_of_edges(graph) if array is None else array, sign) if name is not None]
    for name in chosen:
        if having[name] != graph.number_of_edges():
            raise ValueError(
                f"Every edge of the graph must have the attribute {name!r}, but {graph.number_of_edges() - having[name]} of "
                f"{graph.number_of_edges()} do not. Attributes are: {', '.join(having) or 'none'}."
            )
    for source, target, data in graph.edges(data=True):
        weight = 1.0
        for name in chosen:
            what = f"The attribute {name!r} of the edge {source!r} -> {target!r}"
            weight *= float(checks.real_array(what, data.get(name, 1.0), ()))
        ways = [(source, target)] if graph.is_directed() or source == target else [(source, target), (target, source)]
        for begin, end in ways:
            rows.append(nodes[end])
            columns.append(nodes[begin])
            values.append(weight)
    names = _node_names(graph)
    _refuse_twins(names)
    return Labelled(_summed(np.array(rows, int), np.array(columns, int), np.array(values), len(nodes)), names)


def _weight_of_edges(graph: Any) -> str | None:
    """The attribute that holds the weights: `weight`, in capitals or not, or else the only one that holds numbers."""
    present: dict[str, list[Any]] = {}
    for *_, data in graph.edges(data=True):
        for name, value in data.items():
            present.setdefault(str(name), []).append(value)
    called = [name for name in present if name.lower() in ("weight", "weights")]
    found = called or [name for name in present if name.lower() not in ("id", "key") and all(map(_counts, present[name]))]
    if len(found) > 1:
        raise ValueError(
            f"The edges of the graph have several numbers that may be weights, {', '.join(map(repr, sorted(found)))}: "
            "choose one by `array` where the graph is in a file, or keep only that one."
        )
    return found[0] if found else None


def _counts(value: Any) -> bool:
    """Whether it is a number, NumPy's of any width too, and no truth value."""
    return isinstance(value, Real) and not isinstance(value, bool)


def read_names(names: Any, own: Names, size: int) -> Names:
    """The names given, or the weights' own; refused where there is not one for each neuron."""
    if names is None:
        return own
    if isinstance(names, str) or not hasattr(names, "__len__"):
        raise TypeError(f"Argument `names` must be a list of the neurons' names, but is {names!r}.")
    given = tuple(str(name) for name in names)
    if len(given) != size:
        raise ValueError(f"Argument `names` must have one name for each of the {size} neurons, but has {len(given)}.")
    _refuse_twins(given, "Argument `names`")
    if own is not None and given != own:
        raise ValueError(
            "Argument `names` must be left out where the weights have names of their own, but differs from them."
        )
    return given


def in_order(what: str, values: Any, names: Names) -> Any:
    """Labelled values, (neuron) or (any, neuron), in the order of the network's neurons; others as they are."""
    pandas = sys.modules.get("pandas")
    if names is None or pandas is None:
        return values
    if hasattr(values, "to_pandas"):
        values = values.to_pandas()
    if not isinstance(values, pandas.Series | pandas.DataFrame):
        return values
    labels = values.axes[-1]
    own = tuple(map(str, labels))
    if own == names or (_own_names(own) is None and set(own) != set(names)):
        return values
    if isinstance(labels, pandas.RangeIndex):
        raise ValueError(
            f"{what} has no labels of its own, and the neurons are called {names[0]}, {names[1]}, ...: give a plain array "
            "in their order, or their names as the index."
        )
    if set(own) != set(names) or len(own) != len(names):
        odd = sorted(set(own) ^ set(names))
        raise ValueError(f"{what} must be labelled by the names of the network's neurons, but differs in {odd[0]!r}.")
    order = [own.index(name) for name in names]
    return values.iloc[order] if values.ndim == 1 else values.iloc[:, order]


def _own_names(labels: Iterable[Any]) -> Names:
    """None for labels that only count."""
    names = tuple(str(label) for label in labels)
    return None if names == tuple(map(str, range(len(names)))) else names


def named(dataset: Any, dynamics: Any) -> Any:
    """A result with the names of a network's neurons, if it has any, as the coordinate `neuron`."""
    names = getattr(dynamics, "names", None)
    # Of states of several variables `neuron` counts them all.
    if names is None or dataset.sizes.get("neuron") != len(names):
        return dataset
    return dataset.assign_coords(neuron=list(names))


def _refuse_twins(names: Names, what: str = "Argument `weights`") -> None:
    if names is not None and len(set(names)) < len(names):
        twin = Counter(names).most_common(1)[0][0]
        raise ValueError(f"{what} must have a name of its own for each neuron, but {twin!r} is there twice.")


def _cells(table: pd.DataFrame) -> np.ndarray:
    """The numbers of a table; the first cell that is none is named."""
    import pandas as pd

    for place, kind in enumerate(table.dtypes):
        if kind.kind not in "iufb":
            column = table.iloc[:, place]
            # A column with one word is read as words throughout.
            wrong = pd.to_numeric(column, errors="coerce").isna()
            wrong = wrong if wrong.any() else column.map(lambda cell: isinstance(cell, str))
            if wrong.any():
                cell, row = str(column[wrong].iloc[0]), column.index[wrong][0]
                raise ValueError(
                    f"Argument `weights` must hold numbers, but row {row}, column {table.columns[place]} holds {cell!r}."
                )
    if all(kind.kind == "b" for kind in table.dtypes):
        table = table.astype(float)
    return checks.numbers("Argument `weights`", table)


def _column(label: str, chosen: str, columns: Sequence[Any]) -> Any:
    known = {str(each): each for each in columns}
    return known[checks.one_of(label, chosen, known)]


def _node_names(graph: Any) -> Names:
    """The attribute `name` or `label`, where every node has one of its own; else what the graph calls them."""
    for attribute in ("name", "label"):
        called = [data.get(attribute) for _, data in graph.nodes(data=True)]
        if None not in called and len({str(each) for each in called}) == len(called):
            return tuple(str(each) for each in called)
    return _own_names(graph)


def _summed(rows: np.ndarray, columns: np.ndarray, values: np.ndarray, size: int) -> Any:
    from scipy import sparse

    matrix = sparse.coo_array((values, (rows, columns)), shape=(size, size)).tocsr()
    return matrix.toarray() if size <= _DENSE else matrix
