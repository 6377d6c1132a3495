"""What rounding does to a frame of tangent vectors: a small perturbation carried along with it.

A perturbed frame Q (1 + S), S antisymmetric, becomes Q' R (1 + S) after a stretch in which Q becomes Q' R. To first order it
turns by S' and its growth changes,

    S' = R L R^-1 below the diagonal,    d ln R_ii = (R L R^-1)_ii,    L what of S is below the diagonal.

To this comes what leaves the span of the frame, one direction b with the share c_j of each vector: b moves as tangent
vectors do, c as R^-T. Rounding adds to L in each stretch; here what it adds is of order one. Where the result times the
precision is not small, rounding decides where the vectors point, and the growths are those of another network.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from quenched.observables.blocks import Layout


class Turn(NamedTuple):
    """A perturbation of the frame, of each network or of one."""

    inside: Float[Array, "... mode mode"]
    """L: by how much vector j turns towards vector i > j."""
    outside: Float[Array, "... direction neuron"]
    """b, of length one in each block; 0 in a block that its modes span, where what is left of b is rounding."""
    share: Float[Array, "... direction mode"]
    """c."""


class Effect(NamedTuple):
    """Of a perturbation of size one, on one network."""

    growth: Float[Array, " mode"]
    """Sum of |d ln R_ii|."""
    largest: Float[Array, " mode"]
    """The largest turn of a vector or change of its growth in a stretch, of each vector and those before it."""


def begin_turn(outside: Float[Array, "direction neuron"], layout: Layout) -> Turn:
    """No turn, and one direction out of the frame with the share 1 of each vector, in blocks that modes do not span."""
    blocks, modes = outside.shape[1], len(layout.block_of_mode)
    in_block = layout.block_of_mode == jnp.arange(blocks)[:, None]
    open_block = jnp.sum(in_block, axis=1) < jnp.bincount(layout.block_of_neuron, length=blocks)
    share = jnp.where(open_block[layout.block_of_mode], 1.0, 0.0) * jnp.ones((len(outside), 1))
    return Turn(jnp.zeros((modes, modes)), jnp.where(open_block[layout.block_of_neuron], outside, 0.0), share)


def carry_turn(
    turn: Turn, frame: Float[Array, "mode neuron"], triangle: Float[Array, "mode mode"], layout: Layout
) -> tuple[Turn, Effect]:
    """From before a stretch to after it, `turn.outside` as it has moved. `triangle` has no zero on its diagonal."""
    same = layout.block_of_mode[:, None] == layout.block_of_mode
    along = frame @ turn.outside.T
    outside = turn.outside - along.T @ frame
    share = _solve(triangle, turn.share.T).T
    # What rounding does to a vector is relative to its length. Its direction is any.
    rounding = jnp.linalg.norm(triangle, axis=0) / jnp.sqrt(frame.shape[1])
    moved = _solve(triangle, (triangle @ turn.inside + rounding).T).T + along @ share
    moved = jnp.where(same, moved, 0.0)
    inside = jnp.tril(moved, -1)

    square = jax.vmap(lambda each: jax.ops.segment_sum(each, layout.block_of_neuron, len(each)))(outside**2)
    # A direction that came to nothing takes its share with it.
    length = jnp.sqrt(square)
    share = share * jnp.where(layout.block_of_mode < 0, 0.0, length[:, layout.block_of_mode])
    outside = outside / jnp.where(length > 0.0, length, 1.0)[:, layout.block_of_neuron]

    change = jnp.abs(jnp.diagonal(moved))
    each = jnp.maximum(jnp.max(jnp.abs(jnp.concatenate([inside, share])), axis=0), change)
    farthest = jnp.max(jnp.tril(jnp.where(same, each, 0.0)), axis=1)
    return Turn(inside, outside, share), Effect(change, farthest)


def _solve(triangle: Array, right: Array) -> Array:
    """R^-T times the right-hand side."""
    return jax.scipy.linalg.solve_triangular(triangle, right, trans=1)
