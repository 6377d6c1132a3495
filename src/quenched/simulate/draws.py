"""Random numbers drawn in a loop: otherwise XLA draws them anew at each use, and takes several times as long to compile."""

from __future__ import annotations

import jax
from jaxtyping import Array, Float, Key


def normal_rows(key: Key[Array, ""], rows: int, width: int) -> Float[Array, "row column"]:
    """Independent normal numbers."""
    return jax.lax.map(lambda row: jax.random.normal(row, (width,)), jax.random.split(key, rows))


def random_signs(key: Key[Array, ""], rows: int, width: int) -> Float[Array, "row column"]:
    """Independent, +1 or -1."""
    bits = jax.lax.map(lambda row: jax.random.bits(row, (width,), "uint32"), jax.random.split(key, rows))
    return 1.0 - 2.0 * (bits & 1)
