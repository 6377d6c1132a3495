"""Mehler's series against quadrature."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import quenched as qd
from quenched.activations import AbstractActivation
from quenched.gaussian.hermite import rate_averages

RHO = (1.0, 0.9, -0.5)


@pytest.mark.parametrize(("phi", "variance"), [(qd.Tanh(), 2.0), (qd.ReLU(), 1.5)], ids=["tanh", "relu"])
def test_averages_are_those_of_quadrature(phi: AbstractActivation, variance: float) -> None:
    with jax.enable_x64(True):
        found = jax.device_get(jax.jit(rate_averages)(phi, jnp.asarray(0.4), variance * jnp.asarray(RHO)))
    kinks = phi.breakpoints
    for value, rho in zip(found.covariance, RHO, strict=True):
        pair = qd.gaussian.pair_average(phi, phi, (0.4, 0.4), (variance, variance), rho * variance, breakpoints=kinks)
        assert abs(value - np.asarray(pair)) < 1e-10
    assert abs(found.mean - np.asarray(qd.gaussian.average(phi, 0.4, variance, breakpoints=kinks))) < 1e-12
    assert abs(found.slope - np.asarray(qd.gaussian.average(phi.slope, 0.4, variance, breakpoints=kinks))) < 1e-12


@pytest.mark.slow
def test_no_variance_has_finite_derivatives() -> None:
    with jax.enable_x64(True):
        slopes = jax.grad(lambda c: jnp.sum(rate_averages(qd.Tanh(), jnp.asarray(0.3), c).covariance))(jnp.zeros(3))
        averages = rate_averages(qd.Tanh(), jnp.asarray(0.3), jnp.zeros(3))
    assert np.isfinite(slopes).all()
    np.testing.assert_allclose(averages.covariance, np.tanh(0.3) ** 2, rtol=1e-12)
