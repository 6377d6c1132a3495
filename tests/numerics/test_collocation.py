"""Averages on [0, 1] against polynomials that are integrated by hand."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from quenched.numerics.collocation import collocation, interpolation, power_average

RULE = collocation(12)
X = RULE.nodes


@pytest.mark.parametrize("degree", [0, 1, 5, 11])
def test_averages_from_either_end_are_exact_for_polynomials(degree: int) -> None:
    values = X**degree
    assert np.sum(RULE.weights * values) == pytest.approx(1 / (degree + 1), rel=1e-13)
    np.testing.assert_allclose(RULE.average_below @ values, X**degree / (degree + 1), rtol=1e-11, atol=1e-15)
    np.testing.assert_allclose(RULE.moment_below @ values, X**degree / (degree + 2), rtol=1e-11, atol=1e-15)
    np.testing.assert_allclose(
        RULE.average_above @ (1 - X) ** degree, (1 - X) ** degree / (degree + 1), rtol=1e-11, atol=1e-15
    )
    assert RULE.at_zero @ values == pytest.approx(0.0**degree, abs=1e-12)
    np.testing.assert_allclose(RULE.from_legendre @ (RULE.to_legendre @ values), values, atol=1e-13)


@pytest.mark.parametrize("power", [1e-6, 0.3, 4.0])
@pytest.mark.parametrize("degree", [0, 3, 11])
def test_power_averages_are_exact_however_small_the_power(degree: int, power: float) -> None:
    with jax.enable_x64(True):
        values, at_one = power_average(RULE, jnp.asarray(X**degree), jnp.asarray(power))
    # Rounding of the constant is divided by the power.
    np.testing.assert_allclose(values, X**degree / (degree + power), atol=1e-13 / power, rtol=1e-11)
    assert float(at_one) == pytest.approx(1 / (degree + power), abs=1e-13 / power)


def test_interpolation_meets_the_nodes_and_the_ends() -> None:
    points = np.concatenate([[0.0], X[:3], [0.4, 1.0]])
    with jax.enable_x64(True):
        found = interpolation(RULE, jnp.asarray(points)) @ (X**4 - X)
    np.testing.assert_allclose(found, points**4 - points, atol=1e-13)
