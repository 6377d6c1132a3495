"""The speed of the dynamics as an energy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from quenched import checks
from quenched.models import Network
from quenched.precision import double_precision

State = Float[Array | np.ndarray, " neuron"]


@double_precision
def energy(velocity: Callable[[Any], Any], state: State, confinement: float = 0.0) -> Float[Array, ""]:
    """E(x) = |F(x)|^2/2 + confinement |x|^2; zero, without confinement, exactly at the fixed points.

    Arguments:
        velocity: F, such as `network.velocity`.
        state: x, (neuron).
        confinement: strength of the term that keeps states near 0.

    Returns:
        E, one number; `energy / N` is what samplers and theories call `energy`.

    Raises:
        TypeError: no function, or no numbers.
        ValueError: the next state of a map instead of a velocity; a state of another shape.

    Source: Qiu & Huang 2025 (`qiu2025`), the optimisation-based Hamiltonian.

    Example:
        >>> import numpy as np, quenched as qd
        >>> float(qd.landscape.energy(qd.Network(np.zeros((2, 2))).velocity, np.ones(2)))
        1.0
    """
    state = _checked(velocity, state, confinement)
    return 0.5 * jnp.sum(velocity(state) ** 2) + confinement * jnp.sum(state**2)


@double_precision
def energy_gradient(velocity: Callable[[Any], Any], state: State, confinement: float = 0.0) -> State:
    """grad E = F'(x)^T F(x) + 2 confinement x: one vector-Jacobian product, never a full Jacobian.

    Arguments:
        velocity, state, confinement: as of `qd.landscape.energy`.

    Returns:
        The gradient, (neuron).

    Raises:
        TypeError, ValueError: as `qd.landscape.energy`.

    Example:
        >>> import numpy as np, quenched as qd
        >>> qd.landscape.energy_gradient(qd.Network(np.zeros((2, 2))).velocity, np.ones(2)).tolist()
        [1.0, 1.0]
    """
    state = _checked(velocity, state, confinement)
    speed, pull_back = jax.vjp(velocity, state)
    return pull_back(speed)[0] + 2.0 * confinement * state


def _checked(velocity: Any, state: Any, confinement: Any) -> Array:
    """One state; refused is what is no function of it."""
    if not callable(velocity):
        instead = "its method, network.velocity" if isinstance(velocity, Network) else "a function of the state"
        raise TypeError(f"Argument `velocity` must be a function, but is {velocity!r}; give {instead}.")
    owner = getattr(velocity, "__self__", None)
    if isinstance(owner, Network) and owner.unit.kind == "map":
        raise ValueError(
            f"Argument `velocity` must be that of a flow, but is the next state of the map {owner.unit!r}; give "
            "lambda x: network.velocity(x) - x, whose energy is that of a step."
        )
    checks.number("confinement", confinement)
    array: Array = jnp.asarray(checks.traceable_numbers("Argument `state`", state))
    if array.ndim != 1:
        raise ValueError(f"Argument `state` must have shape (neuron,), but has {array.shape}; use jax.vmap for many.")
    return array
