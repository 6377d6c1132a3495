"""Lyapunov exponents of flows and maps that are given as functions, driven or not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

import quenched as qd
from quenched.landscape import Flow, Map, rnn
from quenched.observables import tangent

lyapunov_spectrum: Any = qd.observables.lyapunov_spectrum  # called with what its annotations forbid, too

RANDOM = np.random.default_rng(0)
WEIGHTS = 1.8 * RANDOM.normal(size=(12, 12)) / np.sqrt(12)
STATE = RANDOM.normal(size=12)


def test_a_network_written_as_a_function_has_the_same_exponents() -> None:
    """Along the same noisy trajectory, of a flow by either scheme and of a map."""
    for scheme in ("second_order", "euler"):
        options: dict[str, Any] = {"initial": STATE, "scheme": scheme, "noise": 0.3, "key": 3}
        one = lyapunov_spectrum(qd.Network(WEIGHTS, field=0.2), 40.0, 0.1, **options)
        other = lyapunov_spectrum(Flow(lambda x: -x + WEIGHTS @ jnp.tanh(x) + 0.2, size=12), 40.0, 0.1, **options)
        np.testing.assert_allclose(other.lyapunov_exponent, one.lyapunov_exponent, atol=1e-8)
        np.testing.assert_allclose(other.lyapunov_exponent_error, one.lyapunov_exponent_error, rtol=1e-4)
    one = lyapunov_spectrum(qd.Network(WEIGHTS, unit=qd.units.Discrete()), 200, initial=STATE, exponents=3)
    other = lyapunov_spectrum(Map(lambda x: WEIGHTS @ jnp.tanh(x), size=12), 200, initial=STATE, exponents=3)
    np.testing.assert_allclose(other.lyapunov_exponent, one.lyapunov_exponent, atol=1e-8)


def test_the_flow_of_lorenz() -> None:
    """Its volumes shrink at the constant rate sigma + 1 + beta; one exponent is 0."""

    def velocity(x: Any) -> Any:
        return jnp.array([10.0 * (x[1] - x[0]), x[0] * (28.0 - x[2]) - x[1], x[0] * x[1] - 8.0 / 3.0 * x[2]])

    found = lyapunov_spectrum(Flow(velocity, size=3), 400.0, 0.005, initial=[1.0, 1.0, 20.0])
    values, errors = found.lyapunov_exponent.values, found.lyapunov_exponent_error.values
    coarse = lyapunov_spectrum(Flow(velocity, size=3), 400.0, 0.01, initial=[1.0, 1.0, 20.0])
    # Heun's scheme is off by the square of its step, 0.017 here, and by higher powers.
    limit = (4.0 * values.sum() - float(coarse.lyapunov_exponent.sum())) / 3.0
    assert limit == pytest.approx(-(10.0 + 1.0 + 8.0 / 3.0), abs=4e-3)
    # 0.9056 (Sprott 2003).
    assert abs(values[0] - 0.9056) < 3.0 * errors[0]
    assert errors[0] < 0.04
    assert abs(values[1]) < 3.0 * errors[1] + 1e-3
    assert float(found.lyapunov_dimension) == pytest.approx(2.0 + values[0] / -values[2], abs=0.01)


def test_maps_of_one_and_two_numbers() -> None:
    logistic = lyapunov_spectrum(Map(lambda x: 4.0 * x * (1.0 - x), size=1), 20000, initial=[0.3])
    assert abs(float(logistic.lyapunov_exponent[0]) - np.log(2.0)) < 3.0 * float(logistic.lyapunov_exponent_error[0])
    assert float(logistic.lyapunov_exponent_error[0]) < 0.01
    henon = Map(lambda x: jnp.array([1.0 - 1.4 * x[0] ** 2 + x[1], 0.3 * x[0]]), size=2)
    found = lyapunov_spectrum(henon, 5000, initial=[0.1, 0.1])
    assert float(found.lyapunov_exponent.sum()) == pytest.approx(np.log(0.3), abs=1e-10)


@pytest.mark.parametrize("how", ["rows", "a function", "the same for all time"])
def test_a_driven_map_has_the_exponents_of_the_network_under_the_drive(how: str) -> None:
    weights_in, frequency = RANDOM.normal(size=(12, 2)), 0.3

    def signal(time: Any) -> Any:
        return jnp.stack([jnp.cos(frequency * time), jnp.sin(2.0 * frequency * time)])

    time = np.arange(300.0)
    rows = np.stack([np.cos(frequency * time), np.sin(2.0 * frequency * time)], axis=1)
    inputs: Any = {"rows": rows, "a function": signal, "the same for all time": rows[7]}[how]
    constant = how == "the same for all time"

    def field(time: Any) -> Any:
        return weights_in @ (rows[7] if constant else signal(time))

    driven = Map(lambda x, u: WEIGHTS @ jnp.tanh(x) + weights_in @ u, size=12)
    found = lyapunov_spectrum(driven, 300, inputs=inputs, initial=STATE, exponents=2)
    network = qd.Network(WEIGHTS, unit=qd.units.Discrete())
    other = lyapunov_spectrum(network, 300, field=field, initial=STATE, exponents=2)
    np.testing.assert_allclose(found.lyapunov_exponent, other.lyapunov_exponent, atol=1e-8)


def test_a_flow_that_is_driven_forgets_by_its_leak() -> None:
    """dx/dt = -x + u(t): all exponents -1, whatever u is; by Heun's scheme ln(1 - h + h^2/2)/h."""
    found = lyapunov_spectrum(Flow(lambda x, u: -x + u, size=3), 20.0, 0.1, inputs=lambda time: jnp.sin(time) * jnp.ones(3))
    np.testing.assert_allclose(found.lyapunov_exponent, np.log(1.0 - 0.1 + 0.005) / 0.1, atol=1e-12)


def test_a_trained_network() -> None:
    """A layer of PyTorch's kind h' = tanh(W u + V h + b), with inputs in time, against the frame followed by hand."""
    arrays = {
        "weight_ih_l0": RANDOM.normal(size=(6, 2)),
        "weight_hh_l0": 1.5 * RANDOM.normal(size=(6, 6)) / np.sqrt(6),
        "bias_ih_l0": RANDOM.normal(size=6),
        "bias_hh_l0": np.zeros(6),
    }
    inputs = RANDOM.normal(size=(400, 2))
    found = lyapunov_spectrum(rnn.from_arrays(arrays), 400, inputs=inputs, initial=np.zeros(6), burn_in=100, key=1)
    state, frame, growth = np.zeros(6), np.linalg.qr(RANDOM.normal(size=(6, 6)))[0], np.zeros(6)
    for step, each in enumerate(inputs):
        state = np.tanh(arrays["weight_ih_l0"] @ each + arrays["weight_hh_l0"] @ state + arrays["bias_ih_l0"])
        frame, triangle = np.linalg.qr((1.0 - state**2)[:, None] * (arrays["weight_hh_l0"] @ frame))
        if step >= 112:  # 300 steps hold 32 blocks of 9; what is left over is burnt in, too
            growth += np.log(np.abs(np.diagonal(triangle)))
    np.testing.assert_allclose(found.lyapunov_exponent, np.sort(growth / 288)[::-1], atol=1e-7)


def test_functions_of_one_program_are_compiled_once() -> None:
    def of(strength: float) -> Flow:
        weights = strength * WEIGHTS
        return Flow(lambda x: -x + weights @ jnp.tanh(x), size=12)

    lyapunov_spectrum(of(0.3), 10.0, 0.1, initial=STATE)
    compiled: Any = tangent._advance
    programs = compiled._cache_size()
    lyapunov_spectrum(of(0.5), 10.0, 0.1, initial=STATE)
    assert compiled._cache_size() == programs


GROWING = Flow(lambda x: 0.5 * x, size=2)
DRIVEN = Map(lambda x, u: 0.5 * x + u, size=2)
REFUSED: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: lyapunov_spectrum(GROWING, 2000.0, 0.5), qd.SolveError, "diverged"),
    (lambda: lyapunov_spectrum(GROWING, 10.0, field=jnp.cos), ValueError, "`field` is about networks"),
    (lambda: lyapunov_spectrum(GROWING, 10.0, size=3), ValueError, "`size` is about a qd.RandomNetwork"),
    (lambda: lyapunov_spectrum(GROWING, 10.0, initial=np.zeros(3)), ValueError, r"`initial` must be .* has shape \(3,\)"),
    (lambda: lyapunov_spectrum(DRIVEN, 10, 0.5, inputs=np.zeros(2)), ValueError, "`step` must be 1 for a map"),
    (lambda: lyapunov_spectrum(DRIVEN, 40, inputs=np.zeros((30, 2))), ValueError, "a row for each of the 40 steps"),
    (lambda: lyapunov_spectrum(DRIVEN, 40, inputs=np.full((40, 2), np.nan)), ValueError, "`inputs` must be finite"),
    (lambda: lyapunov_spectrum(DRIVEN, 40, inputs=np.zeros((2, 2, 2))), ValueError, r"`inputs` must be \(input\)"),
    (lambda: lyapunov_spectrum(DRIVEN, 40, inputs=lambda time: 0.0 * time), ValueError, "must return a vector"),
    (lambda: lyapunov_spectrum(DRIVEN, 40, inputs=lambda: 0.0), TypeError, "`inputs` must be .*calling it failed"),
    (lambda: lyapunov_spectrum(DRIVEN, 40), TypeError, "calling it failed"),
    (
        lambda: lyapunov_spectrum(qd.Network(WEIGHTS), 10.0, inputs=STATE),
        ValueError,
        "`inputs` is about a qd.landscape.Flow",
    ),
    (lambda: lyapunov_spectrum(jnp.tanh, 10.0), TypeError, "qd.landscape.Flow or a qd.landscape.Map"),
]


@pytest.mark.parametrize(("ask", "error", "message"), REFUSED)
def test_bad_input_is_refused(ask: Callable[[], Any], error: type[Exception], message: str, unchecked_types: None) -> None:
    with pytest.raises(error, match=message):
        ask()
