"""Products of sparse matrices with vectors, and their derivatives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import sparse

from quenched.numerics.sparse_product import SparseMatrix, grouped, multiply
from quenched.precision import double_precision


def uneven(rows: int, columns: int, seed: int = 0) -> Any:
    """Rows without entries, rows with few, and one with all."""
    random = np.random.default_rng(seed)
    matrix = sparse.random_array((rows, columns), density=0.05, rng=random, data_sampler=random.normal).tolil()
    matrix[3] = random.normal(size=columns)
    matrix[5] = 0.0
    return matrix.tocsr()


@double_precision
def test_product_and_derivatives_are_those_of_the_dense_matrix() -> None:
    matrix = uneven(60, 40)
    dense, mine = matrix.toarray(), SparseMatrix(matrix)
    vectors = jnp.asarray(np.random.default_rng(1).normal(size=(40, 7)))
    back = jnp.asarray(np.random.default_rng(2).normal(size=(60, 7)))
    np.testing.assert_allclose(mine @ vectors, dense @ vectors, atol=1e-14)
    np.testing.assert_allclose(mine @ vectors[:, 0], dense @ vectors[:, 0], atol=1e-14)

    def one(vector: Any) -> Any:
        return mine @ jnp.tanh(vector)

    def same(vector: Any) -> Any:
        return jnp.asarray(dense) @ jnp.tanh(vector)

    for function in (jax.jacfwd, jax.jacrev, jax.hessian):
        np.testing.assert_allclose(function(one)(vectors[:, 0]), function(same)(vectors[:, 0]), atol=1e-13)

    def both_ways(function: Callable[[Any], Any]) -> Any:
        def of_one(vector: Any, cotangent: Any) -> Any:
            value, forward = jax.linearize(function, vector)
            return value, forward(vector), jax.vjp(function, vector)[1](cotangent)[0]

        return jax.jit(jax.vmap(of_one, in_axes=1, out_axes=1))(vectors, back)

    for found, expected in zip(both_ways(one), both_ways(same), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-13)


@double_precision
def test_several_matrices_share_their_groups() -> None:
    matrices = [uneven(50, 50, seed) for seed in (1, 2)]
    stacked = grouped(matrices)
    vectors = jnp.asarray(np.random.default_rng(3).normal(size=(2, 50, 4)))
    found = jax.vmap(multiply)(stacked, vectors)
    np.testing.assert_allclose(found, [a.toarray() @ v for a, v in zip(matrices, vectors, strict=True)], atol=1e-14)


@double_precision
def test_no_derivative_with_respect_to_the_entries() -> None:
    mine, vector = SparseMatrix(uneven(20, 20)), jnp.ones(20)
    values, rest = mine.rows.values, mine

    def of_values(values: Any) -> Any:
        return jnp.sum(eqx.tree_at(lambda each: each.rows.values, rest, values) @ vector)

    with pytest.raises(NotImplementedError, match="entries"):
        jax.grad(of_values)(values)
