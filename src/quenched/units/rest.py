"""Where a neuron with a constant input comes to rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from quenched.numerics.linear import solve_small

if TYPE_CHECKING:
    from quenched.units.base import AbstractUnit

# Newton steps, and the velocity that is none, relative to the input.
_STEPS, _AT_REST = 60, 1e-10


def state_at_rest(unit: AbstractUnit, fields: Float[Array, "..."]) -> Float[Array, "..."]:
    """The state, (variable, ...) where there are several, that Newton's method finds from zero; NaN where it finds none.

    A step that does not slow the neuron down is quartered. The derivative is that of the implicit function.
    """
    states = jax.vmap(lambda field: _of_one(unit, field))(jnp.ravel(fields))
    return jnp.moveaxis(states, 0, -1).reshape(*states.shape[1:], *fields.shape)


def _of_one(unit: AbstractUnit, field: Float[Array, ""]) -> Float[Array, "..."]:
    size = unit.state_size
    still = jnp.eye(size) if unit.kind == "map" else jnp.zeros((size, size))

    def velocity(state: Array, field: Array) -> Array:
        moved = jnp.reshape(unit.drift(state if size > 1 else state[0], field), (size,))
        return moved - state if unit.kind == "map" else moved

    def linearised(state: Array) -> Array:
        along, _ = unit.drift_slopes(state if size > 1 else state[0], fixed)
        return jnp.reshape(along, (size, size)) - still

    def speed(state: Array) -> Array:
        return jnp.max(jnp.abs(velocity(state, fixed)))

    def one(_: Any, carry: tuple[Array, Array]) -> tuple[Array, Array]:
        state, fraction = carry
        trial = state - fraction * solve_small(linearised(state), velocity(state, fixed))
        better = speed(trial) < speed(state)
        return jnp.where(better, trial, state), jnp.where(better, 1.0, 0.25 * fraction)

    fixed = jax.lax.stop_gradient(field)
    state, _ = jax.lax.fori_loop(0, _STEPS, one, (jnp.zeros(size), jnp.ones(())))
    found = speed(state) < _AT_REST * (1.0 + jnp.abs(fixed))
    state = jax.lax.stop_gradient(jnp.where(found, state, jnp.nan))
    state = state - solve_small(jax.lax.stop_gradient(linearised(state)), velocity(state, field))
    return state if size > 1 else state[0]
