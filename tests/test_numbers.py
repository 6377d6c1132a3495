"""What looks like numbers and is not: every reader of an array refuses it, and says what to do."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import quenched as qd
from quenched import checks
from quenched.landscape import rnn

pytestmark = pytest.mark.usefixtures("unchecked_types")

PAIR = qd.Network(np.array([[0.0, 2.0], [2.0, 0.0]]))
FLOW = qd.landscape.Flow(lambda x: -x, size=2)
DRIVEN = rnn.leaky(np.zeros((2, 2)), np.ones((2, 2)), leak=0.5)
CELL = {"weight_ih": np.ones((2, 2)), "weight_hh": np.ones((2, 2))}
MODEL, STATIC = qd.RandomNetwork(0.5), qd.dmft.Static()

# Each is given two numbers; where it wants a square, twice.
VECTORS: dict[str, Callable[[Any], Any]] = {
    "field": lambda v: qd.Network(np.eye(2), field=v),
    "state": PAIR.velocity,
    "state of the jacobian": PAIR.jacobian,
    "state of the energy": lambda v: qd.landscape.energy(PAIR.velocity, v),
    "state of the gradient": lambda v: qd.landscape.energy_gradient(PAIR.velocity, v),
    "state of a step": DRIVEN.step,
    "inputs of a step": lambda v: DRIVEN.step(np.ones(2), v),
    "inputs": lambda v: qd.landscape.find_fixed_points(PAIR, 3, inputs=v),
    "inputs of anneal": lambda v: qd.landscape.anneal(PAIR, 0.1, inputs=v),
    "initial": lambda v: qd.simulate.integrate(PAIR, 1.0, 0.1, initial=v),
    "initial of exponents": lambda v: qd.observables.lyapunov_spectrum(PAIR, 8.0, initial=v),
    "exponents": qd.observables.kaplan_yorke_dimension,
    "box": lambda v: qd.landscape.stationary_density(FLOW, 0.1, box=v),
    "lags": lambda v: qd.dmft.Stationary(lags=v),
    "frequencies": lambda v: qd.dmft.Stationary(frequencies=v),
    "breakpoints": lambda v: qd.Activation(jnp.tanh, breakpoints=v),
    "swept values": lambda v: qd.sweep(MODEL, STATIC, {"gain": v}),
    "gains": lambda v: qd.replica.complexity(MODEL, gains=v),
    "gains of the diagram": lambda v: qd.replica.phase_diagram(
        qd.RandomNetwork(1.0), gains=v, symmetries=[0.0], temperatures=[0.1]
    ),
    "leak": lambda v: rnn.leaky(np.eye(2), leak=v),
    "time constant": lambda v: rnn.continuous_time(np.eye(2), time_constant=v),
    "bias": lambda v: rnn.leaky(np.eye(2), bias=v, leak=0.5),
    "bias of a cell": lambda v: rnn.from_arrays(CELL | {"bias_ih": v}),
}
SQUARES: dict[str, Callable[[Any], Any]] = {
    "weights": qd.Network,
    "leaky weights": lambda m: rnn.leaky(m, leak=0.5),
    "input weights": lambda m: rnn.leaky(np.eye(2), m, leak=0.5),
    "recurrent weights": lambda m: rnn.from_arrays(CELL | {"weight_hh": m}),
    "PyTorch's names": lambda m: rnn.from_torch(CELL | {"weight_hh": m}),
    "starts": lambda m: qd.landscape.find_fixed_points(PAIR, starts=m),
    "starts of anneal": lambda m: qd.landscape.anneal(PAIR, 0.1, starts=m),
    "starts of samples": lambda m: qd.landscape.sample(PAIR, 0.1, starts=m),
    "states": lambda m: qd.landscape.continue_fixed_points(lambda p: qd.Network(p * np.eye(2)), m, 0.1, 0.0, 1.0),
    "rows of inputs": lambda m: qd.landscape.find_fixed_points(PAIR, 2, inputs=m),
}
NUMBERS: dict[str, Callable[[Any], Any]] = {
    "gain": qd.RandomNetwork,
    "temperature": lambda x: qd.replica.FiniteTemperature(temperature=x),
    "temperature of samples": lambda x: qd.landscape.sample(PAIR, x),
    "duration": lambda x: qd.simulate.integrate(PAIR, x, 0.1),
    "mean": lambda x: qd.Normal(mean=x),
    "field of all": lambda x: qd.Network(np.eye(2), field=x),
    "start": lambda x: qd.solve(MODEL, STATIC, start={"correlation": x, "integrated_response": 0.5}),
    "one swept value": lambda x: qd.sweep(MODEL, STATIC, {"gain": [0.5, x]}),
}


class Quantity:
    """Numbers with a unit, as pint and astropy have them, which `np.asarray` drops."""

    units = "millivolt"

    def __init__(self, values: Any):
        self.values = values

    def __array__(self, *_: Any, **__: Any) -> np.ndarray:
        return np.asarray(self.values)


class Variable:
    """As netCDF4 has it: NumPy would see the fill values."""

    dimensions = ("neuron",)
    units = "1"

    def __getitem__(self, _: Any) -> Any:
        return np.ma.array([0.5, 1.0], mask=[False, True])

    def __array__(self, *_: Any, **__: Any) -> np.ndarray:
        return np.array([0.5, 1e20])


@pytest.mark.parametrize("reader", VECTORS)
def test_masked_vectors_are_refused(reader: str) -> None:
    with pytest.raises(ValueError, match=r"1 of 2 are masked: give values to these, `\.filled\(value\)`"):
        VECTORS[reader](np.ma.array([0.5, 1.0], mask=[False, True]))


@pytest.mark.parametrize("reader", SQUARES)
def test_masked_squares_are_refused(reader: str) -> None:
    with pytest.raises(ValueError, match=r"1 of 4 are masked: give values to these, `\.filled\(value\)`"):
        SQUARES[reader](np.ma.array([[0.5, 0.1], [0.1, 1.0]], mask=[[False, True], [False, False]]))


@pytest.mark.parametrize("reader", NUMBERS)
def test_masked_numbers_are_refused(reader: str) -> None:
    with pytest.raises(ValueError, match="are masked"):
        NUMBERS[reader](np.ma.masked)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([np.ma.array([0.5, 1.0], mask=[False, True]), np.ma.array([0.5, 1.0])], "1 of 2 are masked"),
        (Variable(), "1 of 2 are masked"),
        (np.array([1j, 0.0]), "complex128; give its .real"),
        (np.array([1.0 + 0j, 0.0]), "complex128"),
        (np.array([True, False]), "bool; give .astype"),
        (["0.5", "1.0"], "text into numbers first"),
        (np.array([1.0, None]), "object; numbers alone"),
        (np.array([1, 2], "timedelta64[s]"), "timedelta64"),
        (Quantity([0.5, 1.0]), "has the unit 'millivolt'"),
        ([Quantity(0.5), Quantity(1.0)], "has the unit 'millivolt'"),
        (pd.Series(["0.5", "1.0"]), "must hold real numbers"),
        (pd.DataFrame({"a": [0.5], "b": ["1"]}), "must hold real numbers"),
        (sparse.eye_array(2), r"sparse matrix: give its \.toarray"),
        ([[1.0], [1.0, 2.0]], "rows differ in length"),
        ({"a": 1.0}, "object"),
        (jax.random.key(0), "must"),
    ],
)
def test_what_is_no_number(values: Any, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        checks.numbers("Argument `x`", values)


@pytest.mark.parametrize(
    "values",
    [
        np.ma.array([0.5, 1.0], mask=False),
        pd.array([0.5, 1.0], dtype="Float64"),
        pd.DataFrame({"a": pd.array([0.5], dtype="Float64"), "b": [1]}),
        jnp.array([0.5, 1.0], jnp.bfloat16),
        np.array([0.5, 1.0], np.float16),
        [np.float32(0.5), Fraction(1)],
    ],
)
def test_numbers_that_are(values: Any) -> None:
    if isinstance(values, list):
        values = [float(value) for value in values]
    np.testing.assert_array_equal(np.ravel(checks.numbers("Argument `x`", values)), [0.5, 1.0])


def test_missing_entries_of_pandas_are_not_zero() -> None:
    with pytest.raises(ValueError, match="must be finite, but holds NaN"):
        checks.real_array("Argument `x`", pd.array([1, None], dtype="Int64"), (2,))
    assert checks.number("x", Fraction(1, 2)) == 0.5


def test_tensors() -> None:
    torch = pytest.importorskip("torch")
    for tensor in (
        torch.tensor([0.5, 1.0], requires_grad=True),
        torch.tensor([0.5, 1.0], dtype=torch.bfloat16),
        torch.tensor([0.5, 1.0], dtype=torch.half),
        torch.nn.Parameter(torch.tensor([0.5, 1.0])),
    ):
        np.testing.assert_array_equal(checks.numbers("Argument `x`", tensor), [0.5, 1.0])
    for wrong in (torch.tensor([1j, 0.0]), torch.tensor([True]), torch.eye(2).to_sparse(), torch.ones(2, device="meta")):
        with pytest.raises(TypeError, match="must"):
            checks.numbers("Argument `x`", wrong)
    np.testing.assert_array_equal(qd.Network(torch.eye(2, requires_grad=True)).weights, np.eye(2))
