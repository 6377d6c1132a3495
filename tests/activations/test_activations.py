"""Slopes, symmetry, and functions of the user's own."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import quenched as qd
from quenched.activations import AbstractActivation

BUILT_IN = [qd.Tanh(), qd.Erf(), qd.ReLU(), qd.Linear()]
OWN = [qd.Activation(jnp.tanh), qd.Activation(lambda x: x / (1 + jnp.abs(x)), "softsign", breakpoints=(0.0,))]
# Away from kinks, where a difference quotient across them would mean nothing.
POINTS = np.array([-30.0, -3.1, -0.7, -1e-3, 2e-3, 0.4, 1.9, 25.0])

by_name = pytest.mark.parametrize(
    "activation", [*BUILT_IN, *OWN], ids=lambda activation: f"{type(activation).__name__}-{activation.name}"
)


@by_name
def test_the_slope_is_the_derivative(activation: AbstractActivation) -> None:
    step = 1e-4
    with jax.enable_x64(True):
        x = jnp.asarray(POINTS)
        slope = activation.slope(x)
        autodiff = jax.vmap(jax.grad(lambda at: activation(at)))(x)
        difference = (activation(x + step) - activation(x - step)) / (2 * step)
    np.testing.assert_allclose(slope, autodiff, rtol=1e-13, atol=1e-15)
    # Truncation: step^2/6 of a third derivative of at most 2 (6 for softsign); rounding 1e-15 |x|/step.
    np.testing.assert_allclose(slope, difference, atol=2e-8)


@by_name
def test_what_it_says_of_itself_is_true(activation: AbstractActivation) -> None:
    with jax.enable_x64(True):
        x = jnp.asarray(POINTS)
        mirrored = bool(jnp.all(activation(-x) == -activation(x)))
        far = float(jnp.max(jnp.abs(activation(jnp.asarray([-1e5, 1e5])))))
    assert activation.odd == mirrored
    assert activation.bounded == (far < 2.0)


def test_values() -> None:
    with jax.enable_x64(True):
        x = jnp.asarray([-1.3, 0.0, 0.8])
        np.testing.assert_allclose(
            qd.Erf()(x), [math.erf(math.sqrt(math.pi) * at / 2) for at in (-1.3, 0.0, 0.8)], rtol=1e-15
        )
        np.testing.assert_array_equal(qd.ReLU()(x), [0.0, 0.0, 0.8])
        np.testing.assert_array_equal(qd.ReLU().slope(x), [0.0, 0.0, 1.0])
        np.testing.assert_array_equal(qd.Linear()(x), x)


def test_a_users_tanh_gives_the_answers_of_the_built_in_one() -> None:
    own, built_in = (qd.solve(qd.RandomNetwork(1.5, 0.3, activation=phi), qd.dmft.Static()) for phi in (OWN[0], qd.Tanh()))
    for name, array in built_in.arrays.items():
        np.testing.assert_allclose(own.arrays[name], array, rtol=1e-11, atol=1e-13, err_msg=name)


def test_a_users_function_is_described() -> None:
    shifted = qd.Activation(lambda x: jnp.tanh(x - 0.5), "shifted", breakpoints=(2.0, -1.0))
    assert (shifted.name, shifted.odd, shifted.bounded, shifted.breakpoints) == ("shifted", False, True, (-1.0, 2.0))
    assert not qd.Activation(lambda x: x**3).bounded
    assert qd.Activation(lambda x: x**3, bounded=True).bounded
    assert qd.Activation(jnp.sin).name == "sin"


@pytest.mark.usefixtures("unchecked_types")
@pytest.mark.parametrize(
    ("function", "error", "message"),
    [
        (3.0, TypeError, r"`function` must be a function of x, but is 3\.0"),
        (lambda x: math.tanh(x), TypeError, r"JAX can trace"),
        (lambda x: jnp.sum(x), TypeError, r"element by element"),
        (jax.nn.softmax, TypeError, r"act element by element, but makes 1 of"),
        (lambda x: x - jnp.mean(x), TypeError, r"act element by element"),
        (jnp.sort, TypeError, r"act element by element"),
        (jax.lax.cummax, TypeError, r"act element by element"),
        (lambda x: "rate", TypeError, r"JAX can trace|element by element"),
        (lambda x: 1 / x, ValueError, r"finite for every x, but is .* at x = 0"),
        (lambda x: jnp.sqrt(x), ValueError, r"finite for every x, but is .* at x = -0\.1"),
    ],
)
def test_unusable_functions_are_refused(function: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        qd.Activation(function)


@pytest.mark.parametrize(
    ("function", "places", "jumps", "odd"),
    [
        (jnp.sign, (0.0,), ((0.0, 2.0),), True),
        # Written as a comparison, and with another value on the jump itself.
        (lambda x: x >= 0.5, (0.5,), ((0.5, 1.0),), False),
        (lambda x: jnp.where(x >= 0, 1, -1), (0.0,), ((0.0, 2.0),), True),
        (lambda x: jnp.tanh(x) + 0.01 * jnp.sign(x - 1 / 3), (1 / 3, 2.0), ((1 / 3, 0.02),), False),
        (lambda x: jnp.sign(x) * jnp.sqrt(jnp.abs(x)), (0.0,), (), True),
        (jax.nn.relu, (0.0,), (), False),
        (lambda x: jnp.tanh(1e5 * x), (), (), True),
    ],
)
def test_jumps_are_seen(function: Any, places: Any, jumps: Any, odd: bool) -> None:
    activation = qd.Activation(function, "own", breakpoints=places)
    assert [place for place, _ in activation.jumps] == [place for place, _ in jumps]
    # Limits from two points 1e-7 away.
    np.testing.assert_allclose([size for _, size in activation.jumps], [size for _, size in jumps], atol=1e-12)
    assert activation.odd == odd
    with jax.enable_x64(True):
        assert activation(jnp.array([-0.2, 0.7])).dtype == activation.slope(jnp.array([-0.2, 0.7])).dtype == jnp.float64


@pytest.mark.parametrize(
    ("function", "places", "named"),
    [
        (jnp.sign, (), "x = 0:"),
        (jnp.floor, (0.0,), "x = -29, -28, "),
        (lambda x: jnp.tanh(x) + 0.01 * jnp.sign(x - 1 / 3), (0.3333,), "x = 0.333333:"),
    ],
)
def test_a_jump_has_to_be_named(function: Any, places: Any, named: str) -> None:
    with pytest.raises(ValueError, match=rf"`breakpoints` must name where own jumps.*{named}"):
        qd.Activation(function, "own", breakpoints=places)


def test_kinks_are_found() -> None:
    """Where no name says so, whatever the place; of smooth functions none, be they as steep as can be."""
    kinked = {
        (-1.3, 0.123, 0.7): lambda x: jnp.clip(x, -1.3, 0.7) + 0.2 * jnp.abs(x - 0.123),
        (-3.0, 3.0): jax.nn.hard_swish,
        (1 / 3,): lambda x: jnp.maximum(x - 1 / 3, 0.0),
        (): lambda x: jnp.tanh(1e5 * x) + jnp.exp(-(x**2)),
    }
    for places, function in kinked.items():
        np.testing.assert_allclose(qd.Activation(function).breakpoints, places, atol=1e-10)
    named = qd.Activation(lambda x: jnp.abs(x - 1 / 3) + jnp.abs(x), breakpoints=(1 / 3,))
    assert named.breakpoints == (0.0, 1 / 3)
    # Of very many none: averages would be split at each.
    assert qd.Activation(lambda x: jnp.abs((x % 2.0) - 1.0)).breakpoints == ()


def _symlog(x: Any) -> Any:
    return jnp.sign(x) * jnp.log1p(jnp.abs(x))


@pytest.mark.parametrize(
    ("function", "places", "at", "slope", "kinked"),
    [
        (_symlog, (0.0,), 0.0, 1.0, False),
        (_symlog, (), 0.0, 1.0, False),
        (lambda x: 1e-4 * _symlog(x - 0.3), (), 0.3, 1e-4, False),
        (lambda x: _symlog(x - 0.123), (0.123,), 0.123, 1.0, False),
        (lambda x: jnp.sign(x) * (1.0 - jnp.exp(-jnp.abs(x))), (), 0.0, 1.0, False),
        # NaN by autodiff.
        (lambda x: x / jnp.sqrt(1.0 + jnp.sqrt(x * x)), (0.0,), 0.0, 1.0, False),
        (lambda x: jnp.sqrt(x * x), (0.0,), 0.0, 0.0, True),
        # A kink, where 0 is neither side's slope.
        (lambda x: _symlog(x) + jax.nn.relu(x), (0.0,), 0.0, 1.5, True),
        # What autodiff says stays.
        (jax.nn.relu, (0.0,), 0.0, 0.0, True),
        (lambda x: jnp.tanh(1e9 * x), (), 0.0, 1e9, False),
        (lambda x: jnp.tanh(x) + 0.5 * (x > 0.4), (0.4,), 0.4, 1.0 - math.tanh(0.4) ** 2, False),
    ],
)
def test_slopes_that_are_artefacts_are_those_beside(
    function: Any, places: Any, at: float, slope: float, kinked: bool
) -> None:
    activation = qd.Activation(function, "own", breakpoints=places)
    with jax.enable_x64(True):
        x = jnp.asarray([at, at + 0.07])
        found, autodiff = activation.slope(x), jax.vmap(jax.grad(lambda x: activation(x)))(x)
        beside = jax.grad(function)(x[1])
    np.testing.assert_allclose(found, [slope, beside], rtol=1e-13)
    np.testing.assert_allclose(autodiff, found, rtol=1e-15)
    assert activation.kinked_at(at) == kinked


def test_what_is_mended_has_the_derivatives_beside() -> None:
    """exp(x - 0.3) - 1, smooth at 0.3, written so that autodiff has 0 there."""
    activation = qd.Activation(lambda x: jnp.sign(x - 0.3) * jnp.where(x > 0.3, jnp.expm1(x - 0.3), -jnp.expm1(x - 0.3)))
    with jax.enable_x64(True):
        derivatives = [activation.slope, jax.grad(activation.slope), jax.grad(jax.grad(activation.slope))]
        np.testing.assert_allclose([each(jnp.asarray(0.3)) for each in derivatives], 1.0, rtol=1e-8)


def test_rest_at_an_artefact_has_the_slope_of_its_sides() -> None:
    """x = 0 of sign(x) log(1 + |x|), whose slope is 1: stable up to gain 1."""
    phi = qd.Activation(_symlog, "symlog", breakpoints=(0.0,))
    assert float(qd.RandomNetwork(1.0, 0.25, activation=phi).critical_gain) == 1.0 / 1.25
    for gain, margin in ((0.5, 0.75), (3.0, -8.0)):
        rest = qd.solve(qd.RandomNetwork(gain, activation=phi), qd.dmft.Static(), start="quiescent")
        np.testing.assert_allclose(rest.arrays["stability_margin"], margin, rtol=1e-13)
    assert float(qd.solve(qd.RandomNetwork(3.0, activation=phi), qd.dmft.Static())["correlation"]) > 1.0
    network = qd.Network(np.diag([3.0, 2.0]), phi)
    np.testing.assert_array_equal(network.jacobian(np.zeros(2)), np.diag([2.0, 1.0]))
    found = qd.observables.lyapunov_spectrum(network, 50.0, 0.05, initial=np.zeros(2))
    # Heun's: ln(1 + h mu + (h mu)^2/2)/h.
    exact = [math.log(1.0 + 0.05 * mu + (0.05 * mu) ** 2 / 2) / 0.05 for mu in (2.0, 1.0)]
    np.testing.assert_allclose(found.lyapunov_exponent, exact, rtol=1e-12)


@pytest.mark.usefixtures("unchecked_types")
def test_a_bare_function_is_no_activation() -> None:
    with pytest.raises(TypeError, match=r"wrap a function of your own in qd\.Activation"):
        qd.RandomNetwork(1.0, activation=jnp.tanh)  # type: ignore[arg-type]
