"""Weights of a batch of networks: dense and transposed, (network, from, to), or sparse."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from quenched.numerics.sparse_product import BYTES_OF_AN_ENTRY, GroupedRows, grouped, multiply


class Entries(NamedTuple):
    """Sparse weights as they are drawn, of one network. What stands in a place twice counts twice."""

    values: Float[Array, " entry"]
    sources: Int[Array, " entry"]
    targets: Int[Array, " entry"]


Drawn = Array | np.ndarray | Entries
Weights = Drawn | GroupedRows


def transposed(weights: Any) -> Drawn:
    """Of one network; JAX's sparse matrices (BCOO) stay sparse."""
    if not is_sparse(weights):
        return (weights.todense() if hasattr(weights, "todense") else weights).T
    return Entries(weights.data, weights.indices[:, 1], weights.indices[:, 0])


def is_sparse(weights: Any) -> bool:
    """Whether they are a plain list of entries."""
    from jax.experimental import sparse

    return isinstance(weights, sparse.BCOO) and weights.n_sparse == 2


def inputs_from(rates: Float[Array, "row neuron"], weights: Weights) -> Float[Array, "row neuron"]:
    """sum_j J_ij of each row of rates, of one network."""
    if isinstance(weights, GroupedRows):
        return multiply(weights, rates.T).T
    if not isinstance(weights, Entries):
        return rates @ weights
    sent = weights.values[:, None] * rates.T[weights.sources]
    return jnp.zeros_like(rates.T).at[weights.targets].add(sent).T


def bytes_of_entries(count: int, rows: int) -> int:
    """Memory for so many entries and their groups of rows: five copies, as measured; and, where they are multiplied as they
    are drawn, two of what they send for each row of rates."""
    return count * (8 * 5 * 3 + BYTES_OF_AN_ENTRY + 8 * 2 * rows)


def as_matrix(weights: Any, size: int) -> Any:
    """NumPy's array, or SciPy's sparse one without zeros, of one network."""
    if not isinstance(weights, Entries):
        return np.asarray(weights)
    from scipy.sparse import coo_array

    values, sources, targets = (np.asarray(each) for each in weights)
    # JAX fills lists of unequal length with places outside of the matrix.
    inside = (sources < size) & (targets < size)
    matrix = coo_array((values[inside], (sources[inside], targets[inside])), shape=(size, size)).tocsr()
    matrix.eliminate_zeros()
    return matrix


def ring(size: int) -> Any:
    """Each neuron drives the next, and the last the first, as SciPy's sparse matrix: everybody is of one block."""
    from scipy.sparse import csr_array

    neurons = np.arange(size)
    return csr_array((np.ones(size), (neurons, (neurons + 1) % size)), shape=(size, size))


def stacked(matrices: Sequence[Any]) -> Weights:
    """Those of several networks, dense or all sparse."""
    if isinstance(matrices[0], np.ndarray):
        return jnp.asarray(np.stack(matrices))
    return grouped([each.T for each in matrices])
