"""Mehler's series against quadrature."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import roots_hermitenorm

import quenched as qd
from quenched.activations import AbstractActivation
from quenched.gaussian.hermite import averages_under_a_wave, rate_averages

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


@pytest.mark.parametrize(("amplitude", "variance", "rho"), [(0.5, 0.3, 0.6), (3.0, 2.0, -0.3), (10.0, 0.3, 0.6)])
def test_waves_of_random_phase_by_another_rule(amplitude: float, variance: float, rho: float) -> None:
    """Both Gaussian numbers by Gauss-Hermite nodes, the phase by 300 equal steps."""
    mean, angle = 0.2, 0.7
    nodes, weights = roots_hermitenorm(200)
    weights = weights / weights.sum()
    with jax.enable_x64(True):
        covariance = variance * jnp.asarray([1.0, rho])
        found = np.asarray(
            averages_under_a_wave(
                jnp.tanh, jnp.asarray(mean), covariance, jnp.asarray(amplitude), jnp.asarray([0.0, angle]), ()
            )[1]
        )
    exact, own = [], np.sqrt(variance) * nodes
    other = np.sqrt(variance) * (rho * nodes[:, None] + np.sqrt(1 - rho**2) * nodes)
    for phase in 2 * np.pi * np.arange(300) / 300:
        first = np.tanh(mean + amplitude * np.cos(phase) + own)
        second = np.tanh(mean + amplitude * np.cos(phase + angle) + other) @ weights
        exact.append([weights @ first**2, weights @ (first * second)])
    np.testing.assert_allclose(found, np.mean(exact, axis=0), atol=1e-11)
