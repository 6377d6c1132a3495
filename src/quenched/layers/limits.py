"""Infinitely many layers: where lengths and overlaps settle, and within how many."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from quenched.layers.maps import Maps
from quenched.models import FeedforwardNetwork
from quenched.numerics.bracket import illinois
from quenched.numerics.implicit import implicit

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
    """NaN where the length is 0, and where every overlap stays."""
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
    # Of equal inputs <phi' phi'> is <phi'^2>.
    alike = ~(overlap < 1.0)
    apart = maps.product_slope(at, at * jnp.where(alike, 0.0, overlap))
    scales = (maps.length_slope(at), jnp.where(alike, slope, apart), maps.gradient(at))
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
    """q* = q'(q*), the first on the way from `length` up or down; with derivatives by the network's parameters."""
    start = jax.lax.stop_gradient(jnp.maximum(length, _NOTHING))
    fixed = maps._replace(network=jax.lax.stop_gradient(maps.network))

    def growth(log_length: Number) -> Number:
        """ln(q'/q)."""
        return jnp.log1p(jnp.maximum(fixed.growth(jnp.exp(log_length)), -1.0 + 1e-300))

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
    alive = jnp.isfinite(found) & (found > 0.0)

    def moved(network: FeedforwardNetwork, length: Number) -> Number:
        return Maps(network, maps.nodes).length(length) - length

    return jnp.where(alive, implicit(moved, maps.network, jnp.where(alive, found, 1.0)), found)


def fixed_overlap(maps: Maps, length: Number) -> Number:
    """c*, of inputs that differ at first: 1 in order; in chaos the root below 1 of a convex function, by Newton's method
    from 0, which comes from below. NaN where every overlap stays. With derivatives by parameters and length."""

    def excess(parameters: tuple[FeedforwardNetwork, Number], overlap: Number) -> Number:
        network, length = parameters
        return Maps(network, maps.nodes).product(length, length * overlap) / length - overlap

    parameters = (maps.network, length)
    fixed = jax.lax.stop_gradient(parameters)

    def advance(state: tuple[Number, Number, Array]) -> tuple[Number, Number, Array]:
        overlap, _, steps = state
        value, slope = jax.jvp(lambda overlap: excess(fixed, overlap), (overlap,), (jnp.ones_like(overlap),))
        step = jnp.where(slope < 0.0, -value / jnp.where(slope < 0.0, slope, 1.0), 0.0)
        moved = jnp.clip(overlap + jnp.maximum(step, 0.0), 0.0, 1.0)
        return moved, moved - overlap, steps + 1

    def moving(state: tuple[Number, Number, Array]) -> Array:
        return (state[1] > _RESTING) & (state[2] < _STEPS)

    # Of equal inputs averages over one field will do.
    at_one = jax.lax.stop_gradient(maps.alike(length) / length - 1.0)
    slope_at_one = jax.lax.stop_gradient(maps.slope(length))
    ordered = (slope_at_one <= 1.0 + _EDGE) & (at_one > -1e-12)
    start = (jnp.where(ordered, 1.0, 0.0), jnp.where(ordered, 0.0, 1.0), jnp.asarray(0))
    root, _, _ = jax.lax.while_loop(moving, advance, start)
    # A convex function with both ends on the diagonal and the slope 1 at one of them is the diagonal.
    every = ordered & (jnp.abs(slope_at_one - 1.0) < _EDGE) & (jnp.abs(excess(fixed, jnp.zeros(()))) < 1e-12)
    with_slopes = implicit(excess, parameters, jnp.where(ordered, 0.0, root))
    return jnp.where(every, jnp.nan, jnp.where(ordered, 1.0, with_slopes))
