"""One network: what it refuses, and the velocity it computes."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import sparse

import quenched as qd

WEIGHTS = np.array([[0.5, 2.0, 0.0], [0.0, -1.0, 0.3], [1.5, 0.0, 0.1]])


@pytest.mark.usefixtures("unchecked_types")
@pytest.mark.parametrize(
    ("weights", "error", "message"),
    [
        (np.ones((2, 3)), ValueError, r"`weights` must be a square matrix .* but has shape \(2, 3\)"),
        (np.ones(4), ValueError, r"`weights` must be a square matrix .* but has shape \(4,\)"),
        (np.ones((0, 0)), ValueError, r"`weights` must be a square matrix"),
        ([[1.0, 2.0], [3.0]], ValueError, r"`weights` must be an array, but its rows differ"),
        (np.array([[0.0, np.nan], [0.0, 0.0]]), ValueError, r"must be finite, but weights\[0, 1\] is nan"),
        (sparse.csr_matrix([[0.0, 0.0], [np.inf, 0.0]]), ValueError, r"must be finite, but weights\[1, 0\] is inf"),
        (sparse.csr_matrix(np.ones((2, 3))), ValueError, r"`weights` must be a square matrix"),
        ([["a", "b"], ["c", "d"]], TypeError, r"`weights` must hold real numbers"),
        (np.eye(2) * 1j, TypeError, r"`weights` must hold real numbers, but holds complex"),
    ],
)
def test_unusable_weights_are_refused(weights: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        qd.Network(weights)


@pytest.mark.parametrize(
    ("field", "message"),
    [
        (np.ones(2), r"`field` must be one number or one per neuron \(3\), but has shape \(2,\)"),
        (np.array([0.0, np.inf, 0.0]), r"`field` must be finite, but field\[1\] is not"),
        (float("nan"), r"Argument `field` must be a finite number"),
    ],
)
def test_unusable_fields_are_refused(field: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        qd.Network(WEIGHTS, field=field)


@pytest.mark.parametrize(
    "weights", [WEIGHTS, sparse.csr_matrix(WEIGHTS), sparse.coo_array(WEIGHTS)], ids=["dense", "csr", "coo"]
)
def test_velocity_and_jacobian(weights: Any) -> None:
    field = np.array([0.1, 0.0, -0.2])
    with jax.enable_x64(True):
        state = jax.numpy.asarray([0.3, -1.0, 2.0])
        network = qd.Network(weights, field=field)
        velocity, jacobian = network.velocity(state), network.jacobian(state)
        autodiff = jax.jacobian(network.velocity)(state)
    at = np.array([0.3, -1.0, 2.0])
    np.testing.assert_allclose(velocity, -at + WEIGHTS @ np.tanh(at) + field, rtol=1e-14)
    np.testing.assert_allclose(jacobian, WEIGHTS * (1 - np.tanh(at) ** 2) - np.eye(3), rtol=1e-14)
    np.testing.assert_allclose(jacobian, autodiff, rtol=1e-14)


def test_the_jacobian_on_a_jump_is_no_number() -> None:
    """And beside it that of the smooth part."""
    phi = qd.Activation(lambda x: jnp.tanh(x) + 0.5 * (x > 0.4), "tanh and a step", breakpoints=(0.4,))
    state = np.array([0.4, 0.3, 0.0])
    expected = WEIGHTS * (1 - np.tanh(state) ** 2) - np.eye(3)
    expected[:, 0] = np.nan
    np.testing.assert_allclose(qd.Network(WEIGHTS, phi).jacobian(state), expected, rtol=1e-14)


def test_weights_keep_double_precision_in_a_program_of_single() -> None:
    assert qd.Network(WEIGHTS).weights.dtype == np.float64
    assert qd.Network(sparse.csr_matrix(WEIGHTS)).weights.data.dtype == np.float64


def test_the_callers_array_is_not_shared() -> None:
    weights = WEIGHTS.copy()
    network = qd.Network(weights)
    weights[0, 0] = 99.0
    assert float(network.weights[0, 0]) == 0.5


@pytest.mark.usefixtures("unchecked_types")
@pytest.mark.parametrize("state", [1.0, np.ones(1), np.ones((3, 1)), np.ones((3, 3)), np.ones(4)])
@pytest.mark.parametrize("traced", [False, True], ids=["plain", "traced"])
@pytest.mark.parametrize("weights", [WEIGHTS, sparse.csr_matrix(WEIGHTS)], ids=["dense", "sparse"])
def test_a_state_has_one_number_per_neuron(weights: Any, traced: bool, state: Any) -> None:
    network = qd.Network(weights, field=np.ones(3))
    with jax.enable_x64(True):
        for function in (network.velocity, network.jacobian):
            with pytest.raises(ValueError, match=r"`state` must have shape \(3,\), but has .*use jax.vmap for many"):
                (jax.jit(lambda x, of=function: of(x)) if traced else function)(state)
        assert jax.vmap(network.jacobian)(np.ones((5, 3))).shape == (5, 3, 3)
