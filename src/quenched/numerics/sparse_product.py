"""Products of a sparse matrix with many vectors at once.

Rows of about the same number of entries make a group, and each group is stored as a full table, its short rows filled up
with zeros: a product only gathers. JAX's own (BCOO) scatters, and is up to twenty times as slow for 16 vectors or more.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir
from jaxtyping import Array, Float, Int

# The longest row of a group has at most so many times the entries of the shortest, and one more.
_WIDER = 1.25
# Entries of a row that are worked on together: fewer passes through the sums.
_TOGETHER = 4
# Bytes of an entry here, what fills up short rows included, as measured for Poisson numbers of entries.
BYTES_OF_AN_ENTRY = 15


class GroupedRows(NamedTuple):
    """A sparse matrix, or several of one shape with that axis first. A group is (place, row) of columns and of values."""

    columns: tuple[Int[Array, "... place row"], ...]
    values: tuple[Float[Array, "... place row"], ...]
    position: Int[Array, "... row"]
    """Where each row stands among those of the groups."""


def grouped(matrices: Sequence[Any]) -> GroupedRows:
    """SciPy's sparse matrices of one shape, stacked."""
    matrices = [each.tocsr() for each in matrices]
    lengths = np.stack([np.diff(each.indptr) for each in matrices])
    orders = np.argsort(lengths, axis=1, kind="stable")
    # All have the same groups: as wide as the widest of them needs.
    widths = np.max(np.take_along_axis(lengths, orders, axis=1), axis=0)
    columns, values, first = [], [], 0
    while first < len(widths):
        width = _rounded_up(int(_WIDER * widths[first]) + 1)
        last = int(np.searchsorted(widths, width, side="right"))
        width = _rounded_up(int(widths[last - 1]))
        tables = [_table(each, order[first:last], width) for each, order in zip(matrices, orders, strict=True)]
        columns.append(jnp.asarray(np.stack([table for table, _ in tables])))
        values.append(jnp.asarray(np.stack([table for _, table in tables])))
        first = last
    position = np.argsort(orders, axis=1, kind="stable").astype(np.int32)
    return GroupedRows(tuple(columns), tuple(values), jnp.asarray(position))


def _rounded_up(width: int) -> int:
    """To whole passes through the sums."""
    return -(-width // _TOGETHER) * _TOGETHER


def _table(matrix: Any, rows: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Columns and values of these rows, (place, row)."""
    place = np.arange(width)[:, None]
    there = place < np.diff(matrix.indptr)[rows]
    entry = (matrix.indptr[rows] + place)[there]
    columns, values = np.zeros((width, len(rows)), np.int32), np.zeros((width, len(rows)))
    columns[there], values[there] = matrix.indices[entry], matrix.data[entry]
    return columns, values


def multiply(matrix: GroupedRows, vectors: Float[Array, "column vector"]) -> Float[Array, "row vector"]:
    """One matrix times vectors."""
    sums = [_group_times(*group, vectors) for group in zip(matrix.columns, matrix.values, strict=True)]
    return jnp.concatenate(sums)[matrix.position]


def _group_times(columns: Array, values: Array, vectors: Array) -> Array:
    total = jnp.zeros((columns.shape[1], vectors.shape[1]), jnp.result_type(values, vectors))
    if not len(columns):
        return total

    def some(number: Array, total: Array) -> Array:
        here = jax.lax.dynamic_slice_in_dim(columns, _TOGETHER * number, _TOGETHER)
        weights = jax.lax.dynamic_slice_in_dim(values, _TOGETHER * number, _TOGETHER)
        return total + sum(weights[place, :, None] * vectors[here[place]] for place in range(_TOGETHER))

    found: Array = jax.lax.fori_loop(0, len(columns) // _TOGETHER, some, total)
    return found


class SparseMatrix(eqx.Module):
    """A sparse matrix that multiplies vectors and has derivatives, forward and backward, with respect to them.

    Arguments:
        matrix: SciPy's sparse matrix.
    """

    rows: GroupedRows
    columns: GroupedRows
    """The rows of the transposed matrix."""
    shape: tuple[int, int] = eqx.field(static=True)

    def __init__(self, matrix: Any):
        self.rows, self.columns = (jax.tree.map(lambda leaf: leaf[0], grouped([each])) for each in (matrix, matrix.T))
        self.shape = tuple(matrix.shape)

    def __matmul__(self, vectors: Array) -> Array:
        """Times one vector (column), or several (column, vector)."""
        vectors = jnp.asarray(vectors)
        both, structure = jax.tree.flatten((self.rows, self.columns))
        table = vectors if vectors.ndim == 2 else vectors[:, None]
        found: Array = _product.bind(table, *both, structure=structure)
        return found if vectors.ndim == 2 else found[:, 0]


# Linear in the vectors, with a transpose of its own: that of a gather would be the scatter that is to be avoided.
_product = Primitive("sparse_product")


def _compute(vectors: Array, *both: Array, structure: Any) -> Array:
    return multiply(jax.tree.unflatten(structure, both)[0], vectors)


def _shape(vectors: Any, *both: Any, structure: Any) -> Any:
    rows, _ = jax.tree.unflatten(structure, both)
    return vectors.update(shape=(rows.position.shape[0], vectors.shape[1]), weak_type=False)


def _forward(primals: Any, tangents: Any, *, structure: Any) -> tuple[Array, Any]:
    vectors, *both = primals
    along, *others = tangents
    if any(type(each) is not ad.Zero and each.dtype != jax.dtypes.float0 for each in others):
        raise NotImplementedError("A SparseMatrix has no derivative with respect to its entries.")
    value = _product.bind(vectors, *both, structure=structure)
    return value, _product.bind(along, *both, structure=structure)


def _backward(cotangent: Any, vectors: Any, *both: Any, structure: Any) -> list[Any]:
    rows, columns = jax.tree.unflatten(structure, both)
    turned, structure = jax.tree.flatten((columns, rows))
    if type(cotangent) is ad.Zero:
        return [ad.Zero(vectors.aval)] + [None] * len(both)
    return [_product.bind(cotangent, *turned, structure=structure)] + [None] * len(both)


def _batched(arguments: Any, axes: Any, *, structure: Any) -> tuple[Array, int]:
    """Further vectors beside the others."""
    vectors, *both = arguments
    axis, *others = axes
    if any(each is not None for each in others):
        raise NotImplementedError("Several matrices are multiplied one after the other.")
    table = jnp.moveaxis(vectors, axis, 1)
    found = _product.bind(table.reshape(table.shape[0], -1), *both, structure=structure)
    return found.reshape(-1, *table.shape[1:]), 1


_product.def_impl(jax.jit(_compute, static_argnames="structure"))
_product.def_abstract_eval(_shape)
mlir.register_lowering(_product, mlir.lower_fun(_compute, multiple_results=False))
ad.primitive_jvps[_product] = _forward
ad.primitive_transposes[_product] = _backward
batching.primitive_batchers[_product] = _batched
