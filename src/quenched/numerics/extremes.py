"""Largest and smallest values, by their places.

XLA may compute the values anew for the derivative of `jnp.max`, and round them elsewhere: then none of them is the largest,
and the derivative is 0/0. Of several that are equal, the derivative is that of the first.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


def largest(values: Float[Array, "... value"]) -> Float[Array, "..."]:
    """Along the last axis."""
    place = jnp.argmax(jax.lax.stop_gradient(values), axis=-1)
    found: Array = jnp.take_along_axis(values, place[..., None], axis=-1)[..., 0]
    return found


def smallest(values: Float[Array, "... value"]) -> Float[Array, "..."]:
    """Along the last axis."""
    return -largest(-values)
