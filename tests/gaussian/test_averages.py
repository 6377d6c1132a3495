"""Gaussian averages to 1e-10, and derivatives that are right where the standard deviation or the spread vanishes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.polynomial.hermite_e import hermegauss
from scipy import special

import closed_forms as exact
import quenched as qd

average, pair_average = qd.gaussian.average, qd.gaussian.pair_average


@pytest.fixture(autouse=True)
def _float64() -> Any:
    with jax.enable_x64(True):
        yield


@pytest.mark.parametrize("mean", [0.0, 1.5, -20.0])
@pytest.mark.parametrize("variance", [1e-4, 0.5, 7.0, 100.0])
def test_one_field_against_adaptive_quadrature(mean: float, variance: float) -> None:
    for smooth, plain in (
        (lambda x: jnp.tanh(x) ** 2, lambda x: np.tanh(x) ** 2),
        (lambda x: 1 - jnp.tanh(x) ** 2, lambda x: 1 - np.tanh(x) ** 2),
        (lambda x: jnp.log(jnp.cosh(x)), lambda x: np.logaddexp(x, -x) - np.log(2)),
    ):
        reference = exact.gaussian_average(plain, variance, mean)
        assert float(average(smooth, mean, variance)) == pytest.approx(reference, rel=1e-10, abs=1e-10)


@pytest.mark.parametrize("variance", [0.3, 10.0, 100.0])
def test_one_kinked_field(variance: float) -> None:
    relu = qd.ReLU()
    first, second, _ = exact.relu_moments(0.7, variance)
    assert float(average(relu, 0.7, variance, breakpoints=relu.breakpoints)) == pytest.approx(first, rel=1e-12)
    found = average(lambda x: relu(x) ** 2, 0.7, variance, breakpoints=relu.breakpoints)
    assert float(found) == pytest.approx(second, rel=1e-12)


@pytest.mark.parametrize("means", [(0.0, 0.0), (0.8, -1.1)])
@pytest.mark.parametrize("correlation", [-1.0, -0.6, 0.0, 0.5, 0.99999, 1.0])
@pytest.mark.parametrize("variances", [(1.0, 2.0), (100.0, 0.01), (100.0, 100.0)])
def test_two_fields_against_an_inner_adaptive_quadrature(
    means: tuple[float, float], correlation: float, variances: tuple[float, float]
) -> None:
    covariance = correlation * float(np.sqrt(variances[0] * variances[1]))
    found = float(pair_average(jnp.tanh, jnp.tanh, means, variances, covariance))
    spread = variances[1] * (1 - correlation**2)

    # <tanh x tanh y> = <tanh x <tanh y | x>>, the inner average by a fine trapezoid.
    z = np.linspace(-9, 9, 1201 if spread < 10 else 6001)
    inner_weights = np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi) * (z[1] - z[0])
    x = means[0] + np.sqrt(variances[0]) * z
    y = means[1] + covariance / variances[0] * (x - means[0])
    given = np.array([np.sum(inner_weights * np.tanh(at + np.sqrt(spread) * z)) for at in y]) if spread else np.tanh(y)
    if spread == 0.0 and variances[0] > 10:
        # Both fields at once turn over within 1/10 of z: the trapezoid is still exponentially good.
        z = np.linspace(-9, 9, 40_001)
        x = means[0] + np.sqrt(variances[0]) * z
        given = np.tanh(means[1] + covariance / variances[0] * (x - means[0]))
    weights = np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi) * (z[1] - z[0])
    assert found == pytest.approx(float(np.sum(weights * np.tanh(x) * given)), abs=1e-10)


def test_the_two_fields_are_interchangeable() -> None:
    one = pair_average(jnp.tanh, jnp.sin, (0.3, -0.2), (2.0, 0.4), 0.5)
    other = pair_average(jnp.sin, jnp.tanh, (-0.2, 0.3), (0.4, 2.0), 0.5)
    assert float(one) == pytest.approx(float(other), abs=1e-12)


def test_an_impossible_covariance_is_nan_where_it_is_traced() -> None:
    assert np.isnan(float(jax.jit(lambda c: pair_average(jnp.tanh, jnp.tanh, (0.0, 0.0), (1.0, 1.0), c))(1.1)))


@pytest.mark.usefixtures("unchecked_types")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"function": 3.0}, "`function` must be a function of a number, such as jnp.tanh or qd.Tanh(), but is 3.0"),
        ({"function": qd.Tanh}, "`function` must be a function of a number"),
        ({"mean": "a"}, "`mean` must be a real number, but is 'a'"),
        ({"variance": -1.0}, "`variance` must be a finite number at least 0, but is -1"),
        ({"variance": np.ones(2)}, "`variance` must be one number, but has shape (2,)"),
        ({"nodes": 0}, "`nodes` must be at least 1, but is 0"),
        ({"breakpoints": 0.0}, "`breakpoints` must have shape (any,), but has ()"),
        ({"second": None}, "`second` must be a function of a number"),
        ({"means": (3.0,)}, "`means` must be two numbers, those of x and y, but is (3.0,)"),
        ({"means": 3.0}, "`means` must be two numbers, those of x and y, but is 3.0"),
        ({"means": (0.0, np.nan)}, "`means[1]` must be a finite number, but is nan"),
        ({"variances": (1.0,)}, "`variances` must be two numbers"),
        ({"variances": (1.0, -1.0)}, "`variances[1]` must be a finite number at least 0, but is -1"),
        ({"covariance": 1.1}, "`covariance` must be at most sqrt(variances[0] variances[1]) = 1 in size, but is 1.1"),
        ({"variances": (0.0, 1.0), "covariance": -0.1}, "= 0 in size, but is -0.1"),
    ],
)
def test_bad_arguments_are_refused(arguments: dict[str, Any], message: str) -> None:
    one = {"function", "mean", "variance"} & set(arguments)
    given: dict[str, Any] = ({"function": jnp.tanh} if one else {"first": jnp.tanh, "second": jnp.tanh}) | arguments
    with pytest.raises((TypeError, ValueError)) as refused:
        (average if one else pair_average)(**given)
    assert message in str(refused.value)


@pytest.mark.usefixtures("unchecked_types")
def test_traced_arguments_pass_the_checks() -> None:
    def of(means: Any, variances: Any) -> Any:
        return pair_average(jnp.tanh, jnp.tanh, means, variances, 0.3) + average(jnp.tanh, means[0], variances[0])

    means, variances = jnp.asarray([0.1, 0.2]), jnp.asarray([1.0, 2.0])
    np.testing.assert_allclose(jax.jit(of)(means, variances), of(means, variances), rtol=1e-14)


@pytest.mark.parametrize(("mean", "variance"), [(0.3, 1.0), (-1.0, 30.0), (0.5, 1e-3)])
def test_derivatives_of_one_field(mean: float, variance: float) -> None:
    """<f'> and <f''>/2, in both modes, against differences."""
    step = 1e-4 * min(1.0, variance)
    for wanted, shift in ((0, (step, 0.0)), (1, (0.0, step))):
        up, down = (average(jnp.tanh, mean + sign * shift[0], variance + sign * shift[1]) for sign in (1, -1))
        difference = float(up - down) / (2 * step)
        for mode in (jax.jacfwd, jax.jacrev):
            slope = mode(lambda m, v: average(jnp.tanh, m, v), argnums=wanted)(mean, variance)
            assert float(slope) == pytest.approx(difference, abs=1e-7)


@pytest.mark.parametrize("mode", [jax.jacfwd, jax.jacrev])
def test_the_derivative_at_zero_variance_is_half_the_curvature(mode: Callable[..., Any]) -> None:
    """Price's theorem, where the root of the variance has an infinite slope."""
    mean = 0.4
    curvature = -2 * np.tanh(mean) * (1 - np.tanh(mean) ** 2)
    slope = float(mode(lambda variance: average(jnp.tanh, mean, variance))(0.0))
    assert slope == pytest.approx(curvature / 2, rel=1e-13)
    one_sided = float(average(jnp.tanh, mean, 1e-6) - average(jnp.tanh, mean, 0.0)) / 1e-6
    # The next term: the fourth derivative, of order one, times variance/8.
    assert slope == pytest.approx(one_sided, abs=1e-6)


@pytest.mark.parametrize("mode", [jax.jacfwd, jax.jacrev])
@pytest.mark.parametrize("correlation", [-1.0, 0.0, 0.5, 1.0])
def test_the_derivative_in_the_covariance(mode: Callable[..., Any], correlation: float) -> None:
    """For erf in closed form, also at full correlation, where the spread left over has an infinite slope."""
    variance = 1.7
    covariance = correlation * variance
    erf = qd.Erf()
    slope = mode(lambda c: pair_average(erf, erf, (0.0, 0.0), (variance, variance), c))(covariance)
    scale = 1 + np.pi * variance / 2
    closed = 1 / np.sqrt(scale**2 - (np.pi * covariance / 2) ** 2)
    assert float(slope) == pytest.approx(closed, rel=1e-10)


@pytest.mark.parametrize("mode", [jax.jacfwd, jax.jacrev])
def test_the_derivative_of_a_pair_in_its_variances_and_means(mode: Callable[..., Any]) -> None:
    def of(first: Any, second: Any, mean: Any) -> Any:
        return pair_average(jnp.tanh, jnp.sin, (mean, 0.2), (first, second), 0.4)

    at, step = (1.2, 0.8, -0.3), 1e-4
    for which in range(3):
        up, down = (of(*[value + sign * step * (index == which) for index, value in enumerate(at)]) for sign in (1, -1))
        assert float(mode(of, argnums=which)(*at)) == pytest.approx(float(up - down) / (2 * step), abs=1e-8)


@pytest.mark.parametrize("variance", [0.0, 0.5, 20.0])
def test_the_derivative_of_a_kinked_average(variance: float) -> None:
    """d<relu^2>/dv = step function's average: 1/2 at zero mean, where the second derivative jumps."""
    relu = qd.ReLU()

    def of(v: Any) -> Any:
        return average(lambda x: relu(x) ** 2, 0.0, v, breakpoints=(0.0,))

    if variance:
        assert float(jax.grad(of)(variance)) == pytest.approx(0.5, rel=1e-10)
    assert float(of(variance)) == pytest.approx(variance / 2, rel=1e-12)


def test_polynomials_as_gauss_hermite_does_them() -> None:
    nodes, weights = hermegauss(12)
    weights = weights / np.sqrt(2 * np.pi)
    x = 0.7 + np.sqrt(2.0) * nodes
    assert float(average(lambda at: at**6 - at**3, 0.7, 2.0)) == pytest.approx(float(weights @ (x**6 - x**3)), rel=1e-11)


def test_second_derivatives_count_kinks() -> None:
    """<clip(x)^2> in closed form: d/dv = P(|x| < 1) - 2 n(1), of which the derivative at v = 1 is -n(1); pairs, and jumps,
    by differences of first derivatives."""
    square = jax.grad(lambda v: average(lambda x: jnp.clip(x, -1.0, 1.0) ** 2, 0.0, v, breakpoints=(-1.0, 1.0)))
    density = np.exp(-0.5) / np.sqrt(2.0 * np.pi)
    assert float(square(1.0)) == pytest.approx(special.erf(np.sqrt(0.5)) - 2.0 * density, rel=1e-10)
    assert float(jax.grad(square)(1.0)) == pytest.approx(-density, rel=1e-9)

    def clipped(v: Any, c: Any) -> Any:
        clip = partial(jnp.clip, min=-1.0, max=1.0)
        return pair_average(clip, clip, (0.1, 0.0), (v, v), c, breakpoints=(-1.0, 1.0), nodes=48)

    def stepped(m: Any, v: Any) -> Any:
        return average(jnp.sign, m, v, breakpoints=(0.0,))

    for function, at in ((clipped, (1.3, 0.5)), (stepped, (0.3, 1.2))):
        slope = jax.jit(jax.grad(function, argnums=(0, 1)))
        differences = [
            (np.array(slope(*(np.array(at) + step))) - np.array(slope(*(np.array(at) - step)))) / 2e-4
            for step in 1e-4 * np.eye(2)
        ]
        np.testing.assert_allclose(jax.jit(jax.hessian(function, argnums=(0, 1)))(*at), differences, atol=1e-6)


def test_tiny_variances_are_numbers() -> None:
    """<x y> of what has nearly vanished is its covariance."""
    for variance in (1e-20, 1e-40, 1e-120):
        found = pair_average(jnp.tanh, jnp.tanh, (0.0, 0.0), (variance, variance), 0.4 * variance)
        assert float(found) == pytest.approx(0.4 * variance, rel=1e-9)
