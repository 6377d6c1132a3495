"""How fast a Jacobian changes, |F'(y) - F'(x)| <= L |y - x|, and how far from a state that holds: up to the next kink."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from quenched.activations import AbstractActivation, Activation
from quenched.dynamics.base import Matrix, Number, State

# Directions in which the Jacobian is compared, how far, and what the largest change seen is multiplied by.
_DIRECTIONS, _REACH, _SAFETY = 8, 1e-2, 2.0
# The part of its change that a smooth Jacobian may keep a tenth as far away.
_SHRINKS = 0.3
# Changes that may be rounding: relative to the Jacobian, and to numbers of order one that cancel in it.
_RELATIVE_NOISE, _NOISE = 1e-7, 1e-13
# The shortest reach that is tried, relative to the state.
_NARROWEST = 1e-10


def sampled_lipschitz(jacobian: Callable[[State], Matrix], state: State, within: Any = jnp.inf) -> tuple[Number, Number]:
    """As `AbstractDynamics.lipschitz`, seen in random directions; nothing is compared, nor holds, further than `within`.

    It holds as far as the change of the Jacobian shrinks with the distance. On a kink it never does: there it holds nowhere.
    """
    size = 1.0 + jnp.max(jnp.abs(state))
    here = jacobian(state)
    # Corners of the cube are where a change in the largest-entry norm is largest; the signs are the same at every call.
    signs = jax.random.rademacher(jax.random.key(0), (_DIRECTIONS, len(state)), dtype=float)

    def change(reach: Array, directions: Array) -> Array:
        def one(direction: Array) -> Array:
            return jnp.max(jnp.sum(jnp.abs(jacobian(state + reach * direction) - here), axis=1))

        return jnp.max(jax.lax.map(one, directions))

    # Either side of a kink, whichever of them the Jacobian at the kink itself is that of.
    either_side = jnp.stack([signs[0], -signs[0]])
    noise = _NOISE + _RELATIVE_NOISE * jnp.max(jnp.sum(jnp.abs(here), axis=1))

    def jumps(carry: tuple[Array, Array, Array]) -> Array:
        reach, further, nearer = carry
        return (nearer > jnp.maximum(_SHRINKS * further, noise)) & (reach > _NARROWEST * size)

    def closer(carry: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        reach, _, nearer = carry
        return 0.1 * reach, nearer, change(0.01 * reach, either_side)

    begin = jnp.clip(0.9 * within, _NARROWEST * size, _REACH * size)
    reach, _, _ = jax.lax.while_loop(jumps, closer, (begin, change(begin, either_side), change(0.1 * begin, either_side)))
    return _SAFETY * change(reach, signs) / reach, jnp.where(reach > _NARROWEST * size, reach, 0.0)


def bound_of(activation: AbstractActivation) -> str:
    """Of a function of the user's own phi'' is known on a grid only."""
    return "sampled" if isinstance(activation, Activation) else "activation"


def until_kink(activation: AbstractActivation, states: Array, matters: Array) -> Number:
    """How far the next kink of phi is, where the Jacobian jumps: nothing is proven across it. `matters` says of which
    neurons the rate goes anywhere."""
    away = [jnp.min(jnp.where(matters, jnp.abs(states - kink), jnp.inf)) for kink in activation.breakpoints]
    return jnp.min(jnp.stack(away)) if away else jnp.asarray(jnp.inf)


def until_kink_of_fields(activation: AbstractActivation, weights: Matrix, fields: Array) -> Number:
    """As `until_kink`, of phi(W h + ...), by how much h may change."""
    rows = jnp.sum(jnp.abs(weights), axis=1)
    scaled = [jnp.abs(fields - kink) / jnp.maximum(rows, 1e-300) for kink in activation.breakpoints]
    # A field that nothing changes stays on its side of the kink.
    away = [jnp.min(jnp.where(rows > 0.0, each, jnp.inf)) for each in scaled]
    return jnp.min(jnp.stack(away)) if away else jnp.asarray(jnp.inf)


def largest_curvature(activation: AbstractActivation) -> Number:
    """max |phi''| on a fine grid of [-30, 30]: sampled, not proven; exact for piecewise linear phi away from its kinks."""
    grid = jnp.asarray(np.linspace(-30.0, 30.0, 12001))
    return jnp.max(jnp.abs(jax.jvp(activation.slope, (grid,), (jnp.ones_like(grid),))[1]))
