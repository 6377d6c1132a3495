"""Rates of growth against LAPACK's eigenvalues."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from quenched.numerics.growth import spectral_abscissa, spectral_radius


@pytest.mark.parametrize("size", [1, 2, 3, 6])
def test_real_and_complex_eigenvalues(size: int) -> None:
    matrices = np.random.default_rng(size).normal(size=(20, size, size))
    units = 10.0 ** np.random.default_rng(0).uniform(-4, 4, size)
    values = np.linalg.eigvals(matrices)
    with jax.enable_x64(True):
        for scaled in map(jnp.asarray, (matrices, matrices * units / units[:, None])):
            radii, rates = jax.vmap(spectral_radius)(scaled), jax.vmap(spectral_abscissa)(scaled)
            np.testing.assert_allclose(radii, np.abs(values).max(axis=1), rtol=1e-9)
            np.testing.assert_allclose(rates, values.real.max(axis=1), atol=1e-9)


def test_nothing_grows() -> None:
    with jax.enable_x64(True):
        assert spectral_radius(jnp.array([[0.0, 3.0], [0.0, 0.0]])) == 0.0
        assert spectral_abscissa(jnp.zeros((2, 2))) == 0.0
        assert float(spectral_abscissa(jnp.array([[-1.0, 1e6], [0.0, -2.0]]))) == pytest.approx(-1.0, abs=1e-8)
