"""Low temperature without overlap where q vanishes: the two laws of a network that settles at x = 0.

With phi = s x - t x^3 + ..., s = phi'(0), and g_c = 1/(s (1 + gamma)):

    one fixed point:  q = c T,        c = S^2/(1 - g^2 S^2),                          S = s/(1 - gamma g^2 s S);
    marginal:         q = c sqrt(T),  c^2 = s^5 (1 - g_c^2/g^2)/(6 t [1/(1 + gamma) - s^2 g^2]),  S = 1/(s g^2 (1 + gamma)).
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array

from quenched.models import RandomNetwork

# Rounding.
_ON_THE_LINE = 1e-12


class Law(NamedTuple):
    """q = prefactor T^exponent, and what else has a limit."""

    exponent: float
    prefactor: Array
    """NaN where there is no such solution, infinite on the lines that end it, where q falls by another power."""
    response: Array  # S
    delta: Array  # a D


def one_fixed_point(model: RandomNetwork) -> Law:
    """x = 0 alone, and small thermal fluctuations around it; none where phi jumps there."""
    slope = model.activation.slope(jnp.zeros(()))
    under = 1.0 - 4.0 * model.symmetry * (model.gain * slope) ** 2
    root = jnp.where(under > 0.0, jnp.sqrt(jnp.where(under > 0.0, under, 1.0)), 0.0)
    response = 2.0 * slope / (1.0 + root)
    left = 1.0 - (model.gain * response) ** 2
    prefactor = jnp.where(left > _ON_THE_LINE, response**2 / jnp.where(left > _ON_THE_LINE, left, 1.0), jnp.inf)
    exists = (under > -_ON_THE_LINE) & (left > -_ON_THE_LINE) & ~_jumps_at_rest(model)
    return Law(1.0, jnp.where(exists, prefactor, jnp.nan), response, jnp.zeros_like(response))


def _jumps_at_rest(model: RandomNetwork) -> Array:
    return jnp.asarray(any(place == 0.0 for place, _ in model.activation.jumps))


def marginal(model: RandomNetwork) -> Law:
    """The curvature of phi holds q: x = 0 alone would be unstable, or on the line to it. Of phi without a third derivative
    only S is known."""
    origin = jnp.zeros(())
    slope = model.activation.slope(origin)
    strength, ratio = (model.gain * slope) ** 2, 1.0 + model.symmetry
    moves = strength * ratio > 0.0
    response = slope / jnp.where(moves, strength * ratio, 1.0)
    delta = 1.0 - 1.0 / jnp.where(moves, strength * ratio**2, 1.0)
    if 0.0 in model.activation.breakpoints:
        # phi'' may jump there, or phi itself.
        return Law(0.5, jnp.where(moves & ~_jumps_at_rest(model), jnp.inf, jnp.nan), response, delta)
    cubic = -jax.grad(jax.grad(model.activation.slope))(origin) / 6.0
    left = 1.0 / jnp.where(moves, ratio, 1.0) - strength
    open_ended = (jnp.abs(left) < _ON_THE_LINE) | (jnp.abs(cubic) < _ON_THE_LINE * jnp.abs(slope))
    square = slope**5 * delta / jnp.where(open_ended, 1.0, 6.0 * cubic * left)
    exists = moves & (open_ended | (square > 0.0))
    root = jnp.sqrt(jnp.where(exists & ~open_ended, square, 1.0))
    return Law(0.5, jnp.where(exists, jnp.where(open_ended, jnp.inf, root), jnp.nan), response, delta)
