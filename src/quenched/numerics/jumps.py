"""Where a function of one number jumps, and by how much."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

Function = Callable[[Array], Array]

# How far from a place its one-sided limits are taken, and the share of that at which a jump must still have its size.
_BESIDE, _CLOSER = 1e-7, 1e-4
# The smallest jump, in units of 1 + |f|.
_SMALLEST = 1e-9
# Pieces whose changes are compared, how many of them are looked at closely, and how often these are halved.
_PIECES, _CLOSELY, _HALVINGS = 2**15, 256, 32
# The smallest jump that is looked for, likewise; the share of the halvings after which its size must have settled.
_FOUND, _SETTLED = 1e-6, 22


def jump_sizes(function: Function, places: Sequence[float]) -> Float[Array, " place"]:
    """f(place + 0) - f(place - 0), exactly 0 where f is continuous. Traceable."""
    at = jnp.asarray(places, float)
    step = _BESIDE * jnp.maximum(1.0, jnp.abs(at))
    # At two scales, on both sides, from two points each.
    offsets = np.multiply.outer([1.0, _CLOSER], np.multiply.outer([1.0, -1.0], [1.0, 2.0]))
    values = function(at + offsets[..., None] * step)
    limits = 2.0 * values[:, :, 0] - values[:, :, 1]
    found, closer = limits[:, 0] - limits[:, 1]
    size = 1.0 + jnp.max(jnp.abs(values), axis=(0, 1, 2))
    return jnp.where((jnp.abs(closer) > 0.5 * jnp.abs(found)) & (jnp.abs(found) > _SMALLEST * size), found, 0.0)


def find_jumps(function: Callable[[np.ndarray], np.ndarray], reach: float) -> np.ndarray:
    """Where f jumps within [-reach, reach], in increasing order: not those smaller than 1e-6 of 1 + |f|, nor all of many.

    A piece whose change differs from its neighbours' is halved, towards the half whose change differs more from theirs:
    of a jump nothing is lost on the way, of a continuous function nearly all.
    """
    edges = np.linspace(-reach, reach, _PIECES + 1)
    values = function(edges)
    change = np.diff(values)
    around = 0.5 * (np.append(change[1:], change[-1]) + np.append(change[0], change[:-1]))
    odd = np.abs(change - around) / (1.0 + np.abs(values[1:]))
    chosen = np.sort(np.argsort(odd)[-_CLOSELY:])
    slope = around[chosen] / np.diff(edges)[chosen]
    low, high = edges[chosen], edges[chosen + 1]
    # f less the straight line that its neighbourhood follows
    low_value, high_value = values[chosen] - slope * low, values[chosen + 1] - slope * high
    settled = np.zeros_like(low)
    for halving in range(_HALVINGS):
        if halving == _SETTLED:
            settled = np.abs(high_value - low_value)
        middle = 0.5 * (low + high)
        value = function(middle) - slope * middle
        left = np.abs(value - low_value) > np.abs(high_value - value)
        low, high = np.where(left, low, middle), np.where(left, middle, high)
        low_value, high_value = np.where(left, low_value, value), np.where(left, value, high_value)
    size = np.abs(high_value - low_value)
    jumps = (size > 0.5 * settled) & (size > _FOUND * (1.0 + np.abs(high_value + slope * high)))
    places = low[jumps]
    return places[np.append(True, np.diff(places) > 1e-6)] if places.size else places
