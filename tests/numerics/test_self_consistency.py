"""Newton's method and the derivative of what it finds."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import quenched as qd
from quenched.numerics.continuation import follow
from quenched.numerics.self_consistency import correct, newton, polish


@pytest.fixture(autouse=True)
def _float64() -> Any:
    with jax.enable_x64(True):
        yield


def circle(radius: Any) -> Any:
    """x^2 + y^2 = radius^2 and y = x^3."""
    return lambda u: jnp.stack([u[0] ** 2 + u[1] ** 2 - radius**2, u[1] - u[0] ** 3])


def test_a_root_is_found_to_its_tolerance() -> None:
    found = newton(circle(1.3), jnp.asarray([1.0, 1.0]), qd.Newton())
    assert bool(found.converged)
    assert float(found.residual) < 1e-11
    assert float(jnp.max(jnp.abs(circle(1.3)(found.unknowns)))) == float(found.residual)


def test_overshooting_steps_are_shortened() -> None:
    # From 3 the full Newton steps of arctan grow without bound.
    found = newton(jnp.arctan, jnp.asarray([3.0]), qd.Newton())
    assert bool(found.converged)
    assert abs(float(found.unknowns[0])) < 1e-11


def test_nan_is_not_progress() -> None:
    # A full step leaves the domain of the logarithm.
    found = newton(jnp.log, jnp.asarray([8.0]), qd.Newton())
    assert bool(found.converged)
    assert float(found.unknowns[0]) == pytest.approx(1.0, abs=1e-10)


@pytest.mark.parametrize("max_steps", [1, 5])
def test_no_root_is_no_convergence(max_steps: int) -> None:
    found = newton(lambda u: 1.0 + u**2, jnp.asarray([1.0]), qd.Newton(max_steps=max_steps))
    assert not bool(found.converged)
    assert int(found.steps) <= max_steps
    assert float(found.residual) >= 1.0


def test_a_start_that_is_nan_is_no_convergence() -> None:
    assert not bool(newton(circle(1.0), jnp.asarray([jnp.nan, 0.0]), qd.Newton()).converged)


@pytest.mark.parametrize("mode", [jax.jacfwd, jax.jacrev])
def test_the_derivative_is_that_of_the_implicit_function(mode: Any) -> None:
    def root(radius: Any) -> Any:
        found = newton(circle(jax.lax.stop_gradient(radius)), jnp.asarray([1.0, 1.0]), qd.Newton())
        return polish(circle(radius), found.unknowns)

    x, y = root(1.3)
    # 2x x' + 2y y' = 2 radius, y' = 3 x^2 x'.
    slope = 2 * 1.3 / (2 * x + 6 * y * x**2)
    np.testing.assert_allclose(mode(root)(1.3), [slope, 3 * x**2 * slope], rtol=1e-12)


def test_polishing_squares_the_error() -> None:
    exact = newton(circle(1.3), jnp.asarray([1.0, 1.0]), qd.Newton()).unknowns
    errors = [float(jnp.max(jnp.abs(polish(circle(1.3), exact + offset) - exact))) for offset in (1e-2, 1e-3)]
    assert errors[1] == pytest.approx(1e-2 * errors[0], rel=0.1)


def test_the_root_of_a_finer_rule_by_the_coarser_jacobian() -> None:
    """The first step of a chord method: what is left is the step times the difference of the Jacobians."""
    coarse = newton(circle(1.3), jnp.asarray([1.0, 1.0]), qd.Newton()).unknowns
    for shift in (1e-3, 1e-4):
        expected = newton(circle(1.3 + shift), coarse, qd.Newton()).unknowns
        found = correct(circle(1.3), circle(1.3 + shift), coarse)
        assert float(jnp.max(jnp.abs(found - expected))) < 2 * shift**2
        assert float(jnp.max(jnp.abs(coarse - expected))) > 0.1 * shift


def test_the_orientation_of_a_root() -> None:
    """(x - 1)(x - 2)(x - 3) falls through 2 and rises through the others."""
    cubic = lambda u: (u - 1.0) * (u - 2.0) * (u - 3.0)  # noqa: E731
    found = [newton(cubic, jnp.asarray([begin]), qd.Newton()) for begin in (0.9, 2.05, 3.2)]
    assert [round(float(root.unknowns[0])) for root in found] == [1, 2, 3]
    assert [float(root.orientation) for root in found] == [1.0, -1.0, 1.0]


@pytest.mark.parametrize("tilt", [0.1, 0.01, 1e-3, -1e-3, -0.01, -0.1])
def test_a_branch_is_followed_past_a_cusp(tilt: float) -> None:
    """u^3 + p u = tilt: for p < 0 three roots, of which the one with the sign of the tilt goes on from p > 0."""
    found = follow(
        lambda p, u: u**3 + p * u - tilt, jnp.zeros(1), jnp.asarray(1.0), jnp.asarray(-1.0), qd.Newton(), longest=3.0
    )
    assert bool(found.converged)
    expected = np.roots([1.0, 0.0, -1.0, -tilt]).real
    assert float(found.unknowns[0]) == pytest.approx(expected[np.argmax(np.sign(tilt) * expected)], rel=1e-9)


def test_a_branch_that_ends_is_not_converged() -> None:
    """u^3 - 3 u = p folds at p = 2, u = -1 coming from below; the other branch is far."""
    found = follow(
        lambda p, u: u**3 - 3.0 * u - p, -1.9 * jnp.ones(1), jnp.asarray(-1.0), jnp.asarray(3.0), qd.Newton(), longest=0.5
    )
    assert not bool(found.converged)
    assert float(found.unknowns[0]) == pytest.approx(-1.0, abs=0.03)


def test_a_batch_is_its_members() -> None:
    radii = jnp.asarray([0.5, 1.3, 4.0])
    start = jnp.asarray([1.0, 1.0])
    batch = jax.vmap(lambda radius: newton(circle(radius), start, qd.Newton()).unknowns)(radii)
    single = jnp.stack([newton(circle(radius), start, qd.Newton()).unknowns for radius in radii])
    np.testing.assert_allclose(batch, single, rtol=1e-13)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"tolerance": 0.0}, "`tolerance`"),
        ({"tolerance": 1.0}, "`tolerance`"),
        ({"max_steps": 0}, "`max_steps`"),
        ({"nodes": 4}, "`nodes`"),
    ],
)
def test_unusable_solvers_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"Argument {message} must"):
        qd.Newton(**arguments)
