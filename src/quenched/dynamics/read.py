"""The dynamics and its inputs as a user gives them, checked before any work."""

from __future__ import annotations

from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from quenched import checks
from quenched.activations import AbstractActivation, check_continuous
from quenched.dynamics.base import AbstractDynamics, Function
from quenched.dynamics.flow_and_map import Flow, Map, WrongPrecision, WrongShape, called
from quenched.dynamics.known_functions import AbstractKnownFunction, AbstractRateFunction
from quenched.dynamics.network_flow import NetworkFlow
from quenched.dynamics.network_function import NetworkFunction, network_dynamics
from quenched.dynamics.traced_functions import traced_function
from quenched.models import Network
from quenched.models.labels import in_order
from quenched.precision import double_precision
from quenched.units.with_activation import UnitWithActivation


@double_precision
def read_dynamics(dynamics: Any, inputs: Any = None) -> tuple[AbstractDynamics, Array | None]:
    """The dynamics, and its inputs as (input) or (start, input), both refused unless they fit together.

    Nothing is computed: shapes alone are traced.
    """
    if isinstance(dynamics, Network):
        inputs = in_order("Argument `inputs`", inputs, dynamics.names)
        dynamics = network_dynamics(dynamics)
    network = network_of(dynamics)
    owner = getattr(dynamics, "_function", None)
    for each in network.units if network is not None else (owner,):
        if isinstance(each, UnitWithActivation | AbstractRateFunction):
            check_velocity(each.activation)
    if not isinstance(dynamics, AbstractDynamics):
        wrap = "; wrap it as qd.landscape.Flow(velocity, size=...) or qd.landscape.Map(step, size=...)"
        raise TypeError(
            "Argument `dynamics` must be a qd.Network, qd.landscape.Flow or qd.landscape.Map, but is "
            f"{checks.shown(dynamics)}{wrap if callable(dynamics) else ''}."
        )
    given = None if inputs is None else _checked_inputs(inputs, dynamics)
    one = None if given is None else jax.ShapeDtypeStruct(given.shape[-1:], given.dtype)
    state = jax.ShapeDtypeStruct((dynamics.size,), jnp.float64)
    what = "velocity" if dynamics.kind == "flow" else "step"
    try:
        dynamics = _as_it_is_now(dynamics, state, one)
    except WrongShape as wrong:
        raise ValueError(
            f"Argument `{what}` must return a state of shape ({dynamics.size},), but returns {wrong.args[0]}."
        ) from None
    except WrongPrecision as wrong:
        raise TypeError(
            f"Argument `{what}` must compute in float64, as it is given, but returns {wrong.args[0]}: leave out casts, and "
            "give weights as NumPy arrays or float64."
        ) from None
    except Exception as error:
        raise TypeError(
            f"Argument `{what}` must be a function of a state ({dynamics.size})"
            f"{'' if one is None else f' and inputs {one.shape}'} that JAX can trace, but calling it failed: {error}"
        ) from error
    try:
        _trace(_derivatives, dynamics, state, one)
    except Exception as error:
        raise TypeError(f"Argument `{what}` must be differentiable by JAX in both modes, but is not: {error}") from error
    return dynamics, given


def network_of(dynamics: Any) -> Network | None:
    """The network whose dynamics it is, if any."""
    owner = dynamics if isinstance(dynamics, NetworkFlow) else getattr(dynamics, "_function", None)
    return owner.network if isinstance(owner, NetworkFlow | NetworkFunction) else None


def check_velocity(activation: AbstractActivation) -> None:
    """Refuse phi that jumps: nothing here holds it."""
    check_continuous(
        activation,
        "a landscape",
        "Newton's method, certificates, indices and the gradient of the energy need a velocity that does not jump",
        "qd.simulate.integrate for where a network goes, or ",
    )


def _checked_inputs(inputs: Any, dynamics: AbstractDynamics) -> Array:
    array = np.atleast_1d(checks.numbers("Argument `inputs`", inputs))
    if not len(array):
        raise ValueError(f"Argument `inputs` must hold at least one number, but has shape {array.shape}.")
    if array.ndim > 2:
        raise ValueError(f"Argument `inputs` must be (input) or (start, input), but has shape {array.shape}.")
    if not np.isfinite(array).all():
        raise ValueError("Argument `inputs` must be finite, but holds NaN or infinity.")
    network = network_of(dynamics)
    if network is not None and array.shape[-1] != network.size:
        raise ValueError(
            f"Argument `inputs` of a qd.Network is added to its field and must have {network.size} entries, "
            f"but has shape {array.shape}."
        )
    return jnp.asarray(array)


def _as_it_is_now(dynamics: AbstractDynamics, state: Any, inputs: Any) -> AbstractDynamics:
    """The same, its function traced anew for states and inputs of these shapes; our own close over nothing."""
    function: Any = getattr(dynamics, "_function", None)
    # A subclass may know more than its function.
    if type(dynamics) not in (Flow, Map) or isinstance(function, AbstractKnownFunction):
        _trace(_residual, dynamics, state, inputs)
        return dynamics
    given = (state,) if inputs is None else (state, inputs)
    now = traced_function(lambda *arguments: called(function, *arguments), *given)
    return Flow(now, dynamics.size) if dynamics.kind == "flow" else Map(now, dynamics.size)


def _residual(dynamics: AbstractDynamics, state: Array, inputs: Any) -> Any:
    return dynamics.residual(state, inputs)


def _derivatives(dynamics: AbstractDynamics, state: Array, inputs: Any) -> Any:
    """The Jacobian, and a derivative in either mode."""
    _, forward = jax.jvp(lambda x: dynamics.residual(x, inputs), (state,), (state,))
    _, backward = jax.vjp(lambda x: dynamics.residual(x, inputs), state)
    return dynamics.jacobian(state, inputs), forward, backward(state)


def _trace(function: Function, dynamics: AbstractDynamics, state: Any, inputs: Any) -> None:
    """Find out whether JAX can trace it; what is traced already is not again."""
    arrays, rest = eqx.partition(dynamics, eqx.is_array)
    leaves, structure = jax.tree.flatten(rest)
    _applied.eval_shape(function, structure, tuple(leaves), arrays, state, inputs)


@partial(jax.jit, static_argnums=(0, 1, 2))
def _applied(function: Function, structure: Any, leaves: tuple[Any, ...], arrays: Any, state: Array, inputs: Any) -> Any:
    return function(eqx.combine(arrays, jax.tree.unflatten(structure, leaves)), state, inputs)
