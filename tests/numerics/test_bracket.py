"""Roots between two bounds, and nearby."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from quenched.numerics.bracket import illinois, newton_nearby


@pytest.mark.parametrize("root", [0.01, 0.5, 0.99])
def test_a_root_between_bounds(root: float) -> None:
    with jax.enable_x64(True):
        found, (squared,), width = illinois(
            lambda x: (jnp.exp(3 * x) - jnp.exp(3 * root), (x**2,)), jnp.zeros(()), jnp.ones(()), 30
        )
    assert float(found) == pytest.approx(root, abs=1e-10)
    assert float(squared) == pytest.approx(float(found) ** 2, rel=1e-15)
    assert float(width) < 1.0


def test_newton_nearby_squares_the_last_residual() -> None:
    with jax.enable_x64(True):
        near = newton_nearby(lambda u: jnp.stack([u[0] ** 2 - u[1] + 1, u[0] * u[1] - 2]), jnp.asarray([1.1, 1.8]), 1e-5, 20)
    np.testing.assert_allclose(near.unknowns, [1.0, 2.0], atol=1e-9)
    assert float(near.residual) <= 1e-5
    assert int(near.steps) < 8


def test_it_ends_where_there_is_no_root() -> None:
    with jax.enable_x64(True):
        near = newton_nearby(lambda u: u**2 + 1, jnp.asarray([0.3]), 1e-9, 15)
        broken = newton_nearby(lambda u: u * jnp.nan, jnp.asarray([0.3]), 1e-9, 15)
    assert int(near.steps) == 15
    assert int(broken.steps) == 1
