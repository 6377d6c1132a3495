"""States of layer 0: one input, and others that overlap with it."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from quenched import checks


def read_overlap(overlap: Any) -> Any:
    """One number between -1 and 1, one for each pair, or None."""
    if overlap is None or np.ndim(overlap) == 0:
        return None if overlap is None else checks.number("overlap", overlap, low=-1.0, high=1.0)
    values = checks.real_array("Argument `overlap`", overlap, (None,))
    if not values.size:
        raise ValueError("Argument `overlap` must hold at least one number, but is empty.")
    for place, value in enumerate(values):
        checks.number(f"overlap[{place}]", float(value), low=-1.0, high=1.0)
    return values


def inputs_of(length: Any, overlaps: Float[Array, " pair"], width: int, key: Key[Array, ""]) -> Float[Array, "input neuron"]:
    """One input of mean square `length`, and of each pair the other; both exact, in random directions."""
    directions = jax.random.normal(key, (1 + overlaps.size, width))
    first = directions[0] / jnp.linalg.norm(directions[0])
    others = directions[1:] - (directions[1:] @ first)[:, None] * first
    others = others / jnp.linalg.norm(others, axis=1, keepdims=True)
    rest = jnp.sqrt(jnp.maximum(1.0 - overlaps**2, 0.0))[:, None]
    return jnp.sqrt(length * width) * jnp.concatenate([first[None], overlaps[:, None] * first + rest * others])
