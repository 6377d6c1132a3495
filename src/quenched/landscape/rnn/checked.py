"""Refusing what a step cannot be called with."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array

from quenched import checks


def one_vector(name: str, values: Any, size: int) -> Array:
    """What a step is called with: one state or one input, in float64."""
    array = jnp.asarray(checks.traceable_numbers(f"Argument `{name}`", values))
    if array.shape != (size,):
        raise ValueError(f"Argument `{name}` must have shape ({size},), but has {array.shape}; use jax.vmap for many.")
    return array
