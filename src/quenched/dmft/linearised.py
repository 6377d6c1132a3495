"""How a small change of a neuron's state, or of its input, moves on through one step of any unit.

A step is x_{n+1} = A(x_n, S_n) with the speed S_n = now s_n + before s_{n-1}, s_n = f(x_n, h_n), of the unit. Backwards from
a later time, with G(s) the response to a kick of the state at s, the response to the speed at s and to the input at s are

    p_s = now dA/dS_s G(s+1) + before dA/dS_{s+1} G(s+2),   u_s = df/dh_s p_s,

and the kick itself does, beside what the memory makes of it, a_s = dA/dx_s G(s+1) + df/dx_s p_s.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from quenched.units import AbstractUnit

# Of the linear extrapolation from two speeds to the middle of a step (Adams and Bashforth); there is none before the first.
EXTRAPOLATED = (1.5, -0.5)


class Linearised(NamedTuple):
    """Derivatives of one step of each trajectory; of several variables matrices (changed by, changed, trajectory)."""

    carried: Float[Array, "... trajectory"]
    """dA/dx."""
    driven: Float[Array, "... trajectory"]
    """dA/dS."""
    along: Float[Array, "... trajectory"]
    """df/dx."""
    of_input: Float[Array, "... trajectory"]
    """df/dh."""
    direct: Float[Array, "... trajectory"]
    """The derivative of the velocity by h."""

    def of_tangents(self, tangents: int) -> Linearised:
        """Of the first trajectories, and the means of all and of these."""
        return jax.tree.map(lambda each: with_means(each, tangents), self)

    def of_speed(self, state: Array, field: Array) -> Array:
        """The change of the speed s, of changes of the state and of the input."""
        return _pushed(self.along, state) + self.of_input * field

    def of_state(self, state: Array, speed: Array) -> Array:
        """The change of the state after the step, of changes of the state before it and of the speed S."""
        return _pushed(self.carried, state) + _pushed(self.driven, speed)


def with_means(values: Float[Array, "... trajectory"], tangents: int) -> Float[Array, "... tangent"]:
    """The first trajectories' values, the mean of all and the mean of these first: what the few misjudge of the mean."""
    first = values[..., :tangents]
    return jnp.concatenate([first, _mean(values), _mean(first)], axis=-1)


def shares(tangents: int) -> Float[Array, " tangent"]:
    """Weights of `with_means`: the mean over the first trajectories, put right to first order."""
    return jnp.concatenate([jnp.full(tangents, 1.0 / tangents), jnp.array([1.0, -1.0])])


def linearised(unit: AbstractUnit, state: Any, speed: Any, field: Any, step: float, scheme: str) -> Linearised:
    """The derivatives of a step from `state` at the (extrapolated) speed, with the input `field`."""
    size = unit.state_size

    def advanced(state: Array, speed: Array) -> Array:
        return unit.advance(state, speed, step, scheme)

    return Linearised(
        _by_variable(lambda x: advanced(x, speed), state, size),
        _by_variable(lambda s: advanced(state, s), speed, size),
        _by_variable(lambda x: unit.speed(x, field), state, size),
        jax.jvp(lambda h: unit.speed(state, h), (field,), (jnp.ones_like(field),))[1],
        jax.jvp(lambda h: unit.drift(state, h), (field,), (jnp.ones_like(field),))[1],
    )


def going_back(steps: Linearised, extrapolates: bool) -> Callable[[Array, Array, Array], tuple[Array, Array]]:
    """What `tangent.response_row` asks: of time s, G(s+1) and G(s+2), a_s and u_s. `steps` are those at all times."""

    def back(time: Array, after: Array, second: Array) -> tuple[Array, Array]:
        def at(values: Array, time: Array) -> Array:
            return jax.lax.dynamic_index_in_dim(values, time, keepdims=False)

        pushed = _pulled(at(steps.driven, time), after)
        if extrapolates:
            now, before = EXTRAPOLATED
            # After the last time there is nothing to push.
            following = jnp.minimum(time + 1, len(steps.driven) - 1)
            pushed = jnp.where(time == 0, 1.0, now) * pushed + before * _pulled(at(steps.driven, following), second)
        alone = _pulled(at(steps.carried, time), after) + _pulled(at(steps.along, time), pushed)
        return alone, summed(at(steps.of_input, time) * pushed)

    return back


def summed(values: Float[Array, "... trajectory"]) -> Float[Array, " trajectory"]:
    """Over the variables, where there are several."""
    return values if values.ndim == 1 else jnp.sum(values, axis=0)


def _pulled(derivative: Array, response: Array) -> Array:
    """The response to what is changed, as one to what changes it."""
    return derivative * response if response.ndim == 1 else jnp.einsum("vut,ut->vt", derivative, response)


def _pushed(derivative: Array, change: Array) -> Array:
    """The change of what is changed, by what changes it."""
    return derivative * change if change.ndim == 1 else jnp.einsum("vut,vt->ut", derivative, change)


def _by_variable(function: Callable[[Array], Array], at: Array, size: int) -> Array:
    if size == 1:
        return jax.jvp(function, (at,), (jnp.ones_like(at),))[1]
    units = [jnp.zeros_like(at).at[row].set(1.0) for row in range(size)]
    return jnp.stack([jax.jvp(function, (at,), (unit,))[1] for unit in units])


def _mean(values: Array) -> Array:
    return jnp.mean(values, axis=-1, keepdims=True)
