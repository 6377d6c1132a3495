"""A past of which fewer and fewer times are kept, the older they are, and what becomes of integrals over it.

Time m is kept at time n, both counted in steps, if m is a multiple of 2^l, where l = floor(log2(min(n - m, m) / knots)): the
gap between kept times is at most their age over `knots`, and at most the time since the start over `knots`. There are some
2 knots (1 + log2(n / (2 knots))) of them, instead of n. At each n at most one is dropped: that with n - m = knots 2^l is an
odd multiple of 2^(l-1), and so n is one too, for one l alone.

An integral of R(n, u) y(u) over the past u is a sum of R(n, u) Y(u) over kept times, where Y(u) begins as y(u) times the
step. When a time is dropped, R there is from now on the cubic polynomial through the four kept times around it; so these
four take over its Y, each with its Lagrange weight. R has to be smooth in u over a gap; y has not.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

# In place of times that are not there, after all that are.
NEVER = 2**30
# A cubic polynomial goes through so many.
NODES = 4


class Thinned(NamedTuple):
    """What is left of a past."""

    times: Int[Array, " knot"]
    """Those that are kept, in order, then `NEVER`."""
    places: Int[Array, " knot"]
    """Where they were."""
    there: Bool[Array, " knot"]
    """Which of these are times."""
    merging: Float[Array, "knot knot"]
    """From Y to Y: what each of the times takes over of each that was there."""


def kept(times: Int[Array, " knot"], now: Int[Array, ""], knots: int) -> Bool[Array, " knot"]:
    """Which times are kept at time `now`."""
    near = jnp.minimum(now - times, times) // min(knots, NEVER)
    # As integers: a logarithm may be rounded to either side of a power of two.
    gap = jnp.ones_like(times)
    for power in range(1, 31):
        gap = jnp.where(near >= 2**power, 2**power, gap)
    return (times < NEVER) & (times % gap == 0)


def thin(times: Int[Array, " knot"], now: Int[Array, ""], knots: int) -> Thinned:
    """Drop what is not kept at time `now`. `knots` is at least 4."""
    stays, size = kept(times, now, knots), times.size
    places = jnp.argsort(~stays, stable=True)
    count = jnp.sum(stays)
    there = jnp.arange(size) < count
    left = jnp.where(there, times[places], NEVER)
    # A dropped time has two kept times before it and two after, as far as there are any.
    last = jnp.cumsum(stays) - 1
    first = jnp.clip(last - 1, 0, jnp.maximum(count - NODES, 0))
    nodes, weights = _cubic(left, first, count, times)
    dropped = ~stays & (times < NEVER)
    merging = jnp.zeros((size, size)).at[nodes, jnp.arange(size)[:, None]].add(jnp.where(dropped[:, None], weights, 0.0))
    merging = merging.at[last, jnp.arange(size)].add(jnp.where(stays, 1.0, 0.0))
    return Thinned(left, places, there, merging)


def interpolating(
    times: Int[Array, " knot"], there: Bool[Array, " knot"], points: Int[Array, " point"]
) -> Float[Array, "point knot"]:
    """From values at times in order to values at points between the first and the last of them."""
    count = jnp.sum(there)
    after = jnp.searchsorted(jnp.where(there, times, NEVER), points, side="right")
    first = jnp.clip(after - 2, 0, jnp.maximum(count - NODES, 0))
    nodes, weights = _cubic(times, first, count, points)
    return jnp.zeros((len(points), times.size)).at[jnp.arange(len(points))[:, None], nodes].add(weights)


def _cubic(times: Array, first: Array, count: Array, points: Array) -> tuple[Array, Array]:
    """Places of the four times from `first` on, for each point, and the weights of the values there."""
    nodes = first[:, None] + jnp.arange(NODES)
    # Where there are fewer than four none is dropped yet: points are at times, and the weights of any others are 0.
    return nodes % times.size, lagrange(jnp.where(nodes < count, times[nodes % times.size], -1 - nodes), points)


def lagrange(nodes: Int[Array, "point node"], points: Int[Array, " point"]) -> Float[Array, "point node"]:
    """Weights of the values at the nodes in the value at each point."""
    nodes, points = nodes.astype(float), points.astype(float)
    own = jnp.eye(nodes.shape[1], dtype=bool)
    factors = (points[:, None, None] - nodes[:, None, :]) / jnp.where(own, 1.0, nodes[:, :, None] - nodes[:, None, :])
    return jnp.prod(jnp.where(own, 1.0, factors), axis=2)


@lru_cache(maxsize=64)
def most_kept(steps: int, knots: int, block: int) -> int:
    """How many times there are at most, where they are thinned once in every `block` steps, which drops at most as many."""
    with jax.ensure_compile_time_eval():
        now = block * (steps // block)
        return block + int(jnp.sum(kept(jnp.arange(now), jnp.asarray(now), knots)))
