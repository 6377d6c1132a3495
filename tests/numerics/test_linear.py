"""Linear equations for a handful of unknowns, against NumPy."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from quenched.numerics.linear import solve_small, solve_with_sign


@pytest.mark.parametrize("size", [1, 2, 3, 6])
def test_a_batch_of_systems(size: int) -> None:
    generator = np.random.default_rng(size)
    matrices, rights = generator.normal(size=(200, size, size)), generator.normal(size=(200, size))
    with jax.enable_x64(True):
        found = jax.vmap(solve_small)(jnp.asarray(matrices), jnp.asarray(rights))
    expected = np.linalg.solve(matrices, rights[..., None])[..., 0]
    scale = np.linalg.cond(matrices)[:, None] * np.abs(expected).max(axis=1, keepdims=True)
    np.testing.assert_allclose(np.asarray(found) / scale, expected / scale, atol=1e-15)


@pytest.mark.parametrize("size", [1, 2, 3, 6])
def test_the_sign_of_the_determinant(size: int) -> None:
    matrices = np.random.default_rng(size).normal(size=(200, size, size))
    with jax.enable_x64(True):
        _, signs = jax.vmap(solve_with_sign)(jnp.asarray(matrices), jnp.ones((200, size)))
    np.testing.assert_array_equal(signs, np.sign(np.linalg.det(matrices)))


def test_zeros_on_the_diagonal_are_no_obstacle() -> None:
    matrix = np.array([[0.0, 2.0, 1.0], [3.0, 0.0, 0.0], [0.0, 1.0, 1e-12]])
    with jax.enable_x64(True):
        found = solve_small(jnp.asarray(matrix), jnp.asarray(matrix @ [1.0, 2.0, 3.0]))
    np.testing.assert_allclose(found, [1.0, 2.0, 3.0], rtol=1e-14)


def test_no_lapack_in_it() -> None:
    """Two LAPACK calls in batches, from two threads at once, wait for each other for ever on two cores."""
    with jax.enable_x64(True):
        text = jax.jit(jax.vmap(solve_small)).lower(jnp.ones((8, 4, 4)), jnp.ones((8, 4))).as_text()
    assert "custom_call" not in text
