"""The Gaussian pair of fields (M, h) that the others exert on a neuron, on the nodes of its average.

E M^2 = g^2 Q,   E h^2 = V,   E M h = gamma g^2 tau
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from quenched.models import RandomNetwork

# Beyond these standard deviations lies 6e-14 of a Gaussian.
REACH = 7.5


class Overlaps(NamedTuple):
    """What replicas have in common, or one group of them beyond what all have."""

    overlap: Array  # Q
    cross_response: Array  # tau
    reaction: Array  # a V


class Fields(NamedTuple):
    """Values of the pair, and their weights."""

    drive: Float[Array, " node"]
    reaction: Float[Array, " node"]
    weights: Float[Array, " node"]


def no_fields() -> Fields:
    """One node, where replicas have nothing in common."""
    return Fields(jnp.zeros(1), jnp.zeros(1), jnp.ones(1))


def field_grid(
    model: RandomNetwork,
    overlaps: Overlaps,
    width: Array,
    nodes: tuple[int, int],
    reach: Array | float = REACH,
    even: bool = False,
) -> Fields:
    """M = m z and h = k z + l y on a grid of standard normal z and y, by the trapezoidal rule out to `reach`; of what is
    even only one half."""
    reach = jax.lax.stop_gradient(jnp.asarray(reach))
    z, y = (reach * each for each in _disc(*nodes, even))
    weights = jax.nn.softmax(-0.5 * (z**2 + y**2))
    m = model.gain * _root(overlaps.overlap)
    k = model.symmetry * model.gain**2 * overlaps.cross_response * _inverse(m)
    # In the scale of a V, which rounding leaves near 0 where it vanishes.
    left = _root(overlaps.reaction - width * k**2) / jnp.sqrt(width)
    return Fields(m * z, k * z + left * y, weights)


def _disc(first: int, second: int, half: bool) -> tuple[np.ndarray, np.ndarray]:
    """An even grid in [-1, 1] x [-1, 1], without the corners."""
    # Of an even number of nodes none lies on the axis between the halves.
    first += first % 2
    z, y = np.meshgrid(np.linspace(-1.0, 1.0, first), np.linspace(-1.0, 1.0, second), indexing="ij")
    kept = (z**2 + y**2 <= 1.05) & ((z > 0.0) | (not half))
    return z[kept], y[kept]


def _root(square: Array) -> Array:
    """0 on the wrong side of 0, where Newton's method may pass: no solution is there, since Q = E<phi>^2, and
    V = g^2 E<e>^2/a^2 with tau = E<e><phi>/a leaves V - k^2 >= 0 (Cauchy and Schwarz). Where a field vanishes so does its
    derivative: averages are even in it."""
    there = square > 1e-20
    return jnp.where(there, jnp.sqrt(jnp.where(there, square, 1.0)), 0.0)


def _inverse(value: Array) -> Array:
    return jnp.where(value > 0.0, 1.0 / jnp.where(value > 0.0, value, 1.0), 0.0)
