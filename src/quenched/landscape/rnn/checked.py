"""Refusing arrays that are not what they must be."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array


def real_array(what: str, values: Any, shape: tuple[int | None, ...]) -> np.ndarray:
    """A copy in float64, finite and of this shape, where None is any length; `what` begins the sentence of the refusal."""
    try:
        array = np.asarray(values)
    except ValueError:
        raise ValueError(f"{what} must be an array, but its rows differ in length.") from None
    # JAX's notion of a number knows bfloat16.
    if not (jnp.issubdtype(array.dtype, jnp.floating) or jnp.issubdtype(array.dtype, jnp.integer)):
        raise TypeError(f"{what} must hold real numbers, but holds {array.dtype}.")
    if array.ndim != len(shape) or any(must not in (None, found) for must, found in zip(shape, array.shape, strict=True)):
        must = ", ".join("any" if length is None else str(length) for length in shape) + ("," if len(shape) == 1 else "")
        raise ValueError(f"{what} must have shape ({must}), but has {array.shape}.")
    # NumPy, as `qd.Network`: in a program that keeps JAX in 32 bits it stays as it is.
    array = np.array(array, dtype=np.float64)
    if not np.isfinite(array).all():
        raise ValueError(f"{what} must be finite, but holds NaN or infinity.")
    return array


def one_vector(name: str, values: Any, size: int) -> Array:
    """What a step is called with: one state or one input, in float64."""
    array = jnp.asarray(values, float)
    if array.shape != (size,):
        raise ValueError(f"Argument `{name}` must have shape ({size},), but has {array.shape}; use jax.vmap for many.")
    return array
