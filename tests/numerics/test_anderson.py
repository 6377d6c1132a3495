"""Fixed points with many unknowns: found, differentiated, and not found where there are none to stay at."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from quenched.numerics.anderson import Anderson, fixed_point

MIX = np.random.default_rng(3).normal(size=(30, 30)) / np.sqrt(30) * 0.9


def test_a_point_and_its_derivatives_in_both_modes() -> None:
    with jax.enable_x64(True):

        def settled(strength: jax.Array) -> jax.Array:
            found = fixed_point(lambda u: jnp.tanh(strength * (jnp.asarray(MIX) @ u) + 0.5), jnp.zeros(30), Anderson())
            return found.unknowns

        u = settled(jnp.asarray(0.8))
        np.testing.assert_allclose(u, np.tanh(0.8 * MIX @ u + 0.5), atol=1e-11)
        slope = 1.0 - np.asarray(u) ** 2
        exact = np.linalg.solve(np.eye(30) - 0.8 * slope[:, None] * MIX, slope * (MIX @ u))
        np.testing.assert_allclose(jax.jacfwd(settled)(0.8), exact, rtol=1e-9)
        np.testing.assert_allclose(jax.jacrev(settled)(0.8), exact, rtol=1e-9)


def test_extrapolation_needs_far_fewer_steps() -> None:
    with jax.enable_x64(True):

        def slow(u: jax.Array) -> jax.Array:
            return jnp.linspace(0.5, 0.99, 8) * u + 1.0

        quick = fixed_point(slow, jnp.zeros(8), Anderson(extrapolate_below=1e9, depth=8))
        plain = fixed_point(slow, jnp.zeros(8), Anderson(extrapolate_below=1e-30, max_steps=4000))
    np.testing.assert_allclose(quick.unknowns, 1.0 / (1.0 - np.linspace(0.5, 0.99, 8)), rtol=1e-9)
    assert int(quick.steps) < 0.05 * int(plain.steps)


def test_it_does_not_settle_where_the_map_leaves() -> None:
    # 0 repels, 1 attracts.
    with jax.enable_x64(True):
        found = fixed_point(lambda u: u * (2.0 - u), jnp.full(4, 0.05), Anderson())
    np.testing.assert_allclose(found.unknowns, 1.0, rtol=1e-10)


@pytest.mark.parametrize("factor", [3.0, np.nan])
def test_growth_and_nan_end_it(factor: float) -> None:
    with jax.enable_x64(True):
        found = fixed_point(lambda u: factor * u, jnp.ones(3), Anderson(extrapolate_below=1e-30))
    assert int(found.steps) < 40
    assert not float(found.residual) < 1.0
