"""Infinitely many layers: where lengths and overlaps settle, and within how many."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from quenched.layers.maps import Maps
from quenched.numerics.bracket import illinois

Number = Float[Array, ""]

# How far ln q goes on the way to its fixed point, and steps to that in the interval where it lies.
_LADDER, _NARROWINGS = np.linspace(0.0, np.log(1e28), 281), 60
# A length below counts as none, and the overlaps there are those of a slightly larger one.
_NOTHING = 1e-12
# Most steps to the fixed overlap, and one that is no step.
_STEPS, _RESTING = 80, 1e-15
# A slope as near to 1 as this is 1.
_EDGE = 1e-9


class Limits(NamedTuple):
    """Where many layers lead."""

    length: Number
    """Infinite where it grows without bound, and nothing else is known then."""
    overlap: Number
    """NaN where the length is 0."""
    slope: Number
    length_depth_scale: Number
    overlap_depth_scale: Number
    gradient_depth_scale: Number


def limits(maps: Maps, length: Number) -> Limits:
    """From inputs of this length, that differ."""
    found = fixed_length(maps, length)
    bounded, alive = jnp.isfinite(found), found > 0.0
    at = jnp.where(bounded, jnp.maximum(found, _NOTHING), 1.0)
    overlap = fixed_overlap(maps, at)
    slope = maps.slope(at)
    scales = (maps.length_slope(at), maps.product_slope(at, at * overlap), maps.gradient(at))
    length_scale, overlap_scale, gradient_scale = (depth_scale(jnp.abs(each)) for each in scales)
    # What vanishes has no direction.
    overlap, overlap_scale = (jnp.where(alive, each, jnp.nan) for each in (overlap, overlap_scale))
    rest = (overlap, slope, length_scale, overlap_scale, gradient_scale)
    return Limits(found, *(jnp.where(bounded, each, jnp.nan) for each in rest))


def depth_scale(factor: Number) -> Number:
    """-1/ln(factor): layers in which what is multiplied with it in each falls to 1/e; negative where it grows."""
    edge = jnp.abs(factor - 1.0) < _EDGE
    return jnp.where(edge, jnp.inf, -1.0 / jnp.log(jnp.where(edge, 0.5, factor)))


def fixed_length(maps: Maps, length: Number) -> Number:
    """q* = q'(q*), the first on the way from `length` up or down; its derivative by the implicit function theorem."""
    start = jax.lax.stop_gradient(jnp.maximum(length, _NOTHING))
    fixed = maps._replace(network=jax.lax.stop_gradient(maps.network))

    def growth(log_length: Number) -> Number:
        """ln(q'/q)."""
        return jnp.log(jnp.maximum(fixed.length(jnp.exp(log_length)), 1e-300)) - log_length

    here = jnp.log(start)
    upwards = growth(here) > 0.0
    places = jnp.where(upwards, here + _LADDER, here - _LADDER)
    values = jax.vmap(growth)(places)
    turned = jnp.where(upwards, values <= 0.0, values >= 0.0)
    last = jnp.argmax(turned)
    near, far = places[jnp.maximum(last - 1, 0)], places[last]
    low, high = jnp.minimum(near, far), jnp.maximum(near, far)
    # On the way ln(q'/q) falls with q, up to where it is 0.
    root, _, _ = illinois(lambda place: (-growth(place), ()), low, high, _NARROWINGS)
    resting = jnp.abs(values[0]) < 1e-14
    ends = jnp.where(upwards, jnp.inf, 0.0)
    found = jnp.where(resting, start, jnp.where(jnp.any(turned), jnp.exp(root), ends))
    found = jnp.where(found <= 2.0 * _NOTHING, 0.0, found)
    # One step of Newton's method, which has the derivative.
    slope = jax.lax.stop_gradient(maps.length_slope(found))
    moves = jnp.isfinite(found) & (found > 0.0) & (jnp.abs(1.0 - slope) > 1e-12)
    safe = jnp.where(moves, found, 1.0)
    step = (maps.length(safe) - safe) / jnp.where(moves, 1.0 - slope, 1.0)
    return jnp.where(moves, safe + step, found)


def fixed_overlap(maps: Maps, length: Number) -> Number:
    """c*, of inputs that differ at first: 1 in order; in chaos the root below 1 of a convex function, by Newton's method
    from 0, which comes from below."""
    fixed = maps._replace(network=jax.lax.stop_gradient(maps.network))
    at = jax.lax.stop_gradient(length)

    def excess(overlap: Number) -> tuple[Number, Number]:
        value = fixed.product(at, at * overlap) / at - overlap
        return value, fixed.product_slope(at, at * overlap) - 1.0

    def advance(state: tuple[Number, Number, Array]) -> tuple[Number, Number, Array]:
        overlap, _, steps = state
        value, slope = excess(overlap)
        step = jnp.where(slope < 0.0, -value / jnp.where(slope < 0.0, slope, 1.0), 0.0)
        moved = jnp.clip(overlap + jnp.maximum(step, 0.0), 0.0, 1.0)
        return moved, moved - overlap, steps + 1

    def moving(state: tuple[Number, Number, Array]) -> Array:
        return (state[1] > _RESTING) & (state[2] < _STEPS)

    # Of equal inputs averages over one field will do.
    ordered = (fixed.slope(at) - 1.0 <= _EDGE) & (fixed.alike(at) / at - 1.0 > -1e-12)
    start = (jnp.where(ordered, 1.0, 0.0), jnp.where(ordered, 0.0, 1.0), jnp.asarray(0))
    root, _, _ = jax.lax.while_loop(moving, advance, start)
    slope = jax.lax.stop_gradient(excess(root)[1])
    moves = ~ordered & (jnp.abs(slope) > 1e-12)
    step = maps.product(length, length * root) / length - root
    return root - jnp.where(moves, step / jnp.where(moves, slope, 1.0), 0.0)
