"""Which neurons drive each other, and the units in which they do so evenly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from quenched.observables.entries import Weights, stacked

# Units that differ by less cost at most three digits, and are left alone.
_ALIKE = 1e3
# Beyond this units would overflow.
_WIDEST = 2.0**400


class Layout(NamedTuple):
    """Where the tangent vectors of each block are kept. A block is a strongly connected component of the weights: neurons
    that drive each other, directly or not. Vectors of different blocks share a row, each in its own neurons.

    Neurons that are alone have one vector of one entry, in row 0, and no mode here."""

    block_of_neuron: Int[Array, "network neuron"]
    alone: Bool[Array, "network neuron"]
    block_of_mode: Int[Array, "network mode"]
    """-1 for a mode that is there to fill the array."""
    row_of_mode: Int[Array, "network mode"]


class Blocks(NamedTuple):
    """Weights within the blocks, transposed, in even units; those of the whole network where they differ, else None."""

    within: Weights
    whole: Weights | None
    layout: Layout


def split(matrices: Sequence[Any], exponents: int, variables: int = 1, even: bool = True) -> Blocks:
    """Blocks of each network, and room for the `exponents` largest exponents of each block; of neurons with several
    `variables` a block has all of those.

    `matrices` are the transposed weights of each, NumPy's arrays or SciPy's sparse ones.

    The Jacobian is block triangular where the blocks are put in their order, so that the exponents are those of the blocks,
    taken together. In other units, v -> v/u, they are the same; such units are sought if they are to be `even`.
    """
    blocks = [_strong_components(each) for each in matrices]
    units = [_even_units(each, block) if even else np.ones(len(block)) for each, block in zip(matrices, blocks, strict=True)]
    whole, layout = stacked(matrices), _layout(blocks, exponents, variables)
    if all(block.max() == 0 and np.all(unit == 1.0) for block, unit in zip(blocks, units, strict=True)):
        return Blocks(whole, None, layout)
    within = [_within(*each) for each in zip(matrices, blocks, units, strict=True)]
    return Blocks(stacked(within), whole, layout)


def rows_of(layout: Layout, exponents: int) -> int:
    """How many rows hold the vectors."""
    return _rounded_up(int(np.max(np.asarray(layout.row_of_mode))) + 1, exponents)


def _strong_components(matrix: Any) -> Int[np.ndarray, " neuron"]:
    from scipy.sparse import csgraph, csr_array

    size, dense = matrix.shape[0], isinstance(matrix, np.ndarray)
    if dense and np.count_nonzero(matrix) > size * size - size + 1:
        # Fewer than N - 1 zeros cut nothing off.
        return np.zeros(size, int)
    coupled = csr_array(matrix != 0.0) if dense else matrix
    return np.asarray(csgraph.connected_components(coupled, connection="strong")[1], int)


def _within(matrix: Any, block: Int[np.ndarray, " neuron"], unit: Float[np.ndarray, " neuron"]) -> Any:
    """The weights within the blocks, in other units."""
    if isinstance(matrix, np.ndarray):
        return np.where(block[:, None] == block, matrix * (unit[:, None] / unit), 0.0)
    found = matrix.tocoo()
    source, target = found.row, found.col
    found.data = np.where(block[source] == block[target], found.data * (unit[source] / unit[target]), 0.0)
    within = found.tocsr()
    within.eliminate_zeros()
    return within


def _even_units(matrix: Any, block: Int[np.ndarray, " neuron"]) -> Float[np.ndarray, " neuron"]:
    """u such that rows and columns of |J_ij| u_j / u_i have like sums within each block: the least sum of all.

    A chain whose weights all exceed its feedback amplifies rounding as it amplifies all else. In these units it does not.
    """
    from scipy.optimize import minimize
    from scipy.sparse import csr_array

    within = abs(csr_array(_within(matrix, block, np.ones(len(block)))))
    within.setdiag(0.0)
    within.eliminate_zeros()
    if not within.nnz:
        return np.ones(len(block))

    def logarithm_of_sum(logarithms: np.ndarray) -> tuple[float, np.ndarray]:
        unit = np.exp(logarithms)
        out, into = unit * (within @ (1.0 / unit)), (within.T @ unit) / unit
        total = out.sum()
        return float(np.log(total)), (out - into) / total

    flat, bound = np.zeros(len(block)), np.log(_WIDEST)
    found = minimize(
        logarithm_of_sum,
        flat,
        jac=True,
        method="L-BFGS-B",
        bounds=[(-bound, bound)] * len(block),
        options={"gtol": 1e-9, "ftol": 1e-13, "maxiter": 10 * len(block), "maxcor": 30},
    )
    widest = max(np.ptp(found.x[block == each]) for each in np.unique(block))
    return np.exp2(np.round(found.x / np.log(2.0))) if widest > np.log(_ALIKE) else np.ones(len(block))


def _layout(blocks: Sequence[Int[np.ndarray, " neuron"]], exponents: int, variables: int) -> Layout:
    blocks = [np.tile(block, variables) for block in blocks]
    neurons = len(blocks[0])
    sizes = [np.bincount(block) for block in blocks]
    wanted = [np.where(size > 1, np.minimum(size, exponents), 0) for size in sizes]
    modes = _rounded_up(max(int(each.sum()) for each in wanted), neurons)
    of_mode, row = np.full((len(blocks), modes), -1), np.zeros((len(blocks), modes), int)
    for network, each in enumerate(wanted):
        count = each.sum()
        of_mode[network, :count] = np.repeat(np.arange(len(each)), each)
        row[network, :count] = np.concatenate([np.arange(number) for number in each])
    alone = [size[block] == 1 for size, block in zip(sizes, blocks, strict=True)]
    return Layout(*(jnp.asarray(each) for each in (np.stack(blocks), np.stack(alone), of_mode, row)))


def _rounded_up(count: int, most: int) -> int:
    """To a power of 2, so that few programs are compiled."""
    return min(most, 1 << max(0, count - 1).bit_length())
