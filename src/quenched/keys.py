"""Seeds and keys of random numbers."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from quenched import checks


def check_key(key: int | Array | None) -> None:
    """Refuse what is neither a seed nor a key. A theory needs no more than this of it: making a key compiles a program."""
    if key is None:
        return
    if isinstance(key, int | np.integer) and not isinstance(key, bool):
        if not 0 <= key < 2**63:
            raise ValueError(f"Argument `key` must be between 0 and 2^63 - 1, but is {key}.")
        return
    if isinstance(key, np.ndarray) and key.ndim == 1 and key.dtype == np.uint32:  # the numbers of one
        return
    if isinstance(key, jax.Array) and (key.ndim == 0 if _is_new_style(key) else key.ndim == 1 and key.dtype == jnp.uint32):
        return
    raise TypeError(f"Argument `key` must be a whole number or one JAX key, but is {checks.shown(key)}.")


def read_key(key: int | Array | None) -> Array:
    """A JAX key from a seed, a key, or nothing."""
    check_key(key)
    if isinstance(key, np.ndarray):
        return jax.random.wrap_key_data(jnp.asarray(key))
    if isinstance(key, jax.Array):
        return key if _is_new_style(key) else jax.random.wrap_key_data(key)
    return jax.random.key(0 if key is None else int(key))


def _is_new_style(key: Array) -> bool:
    return bool(jnp.issubdtype(key.dtype, jax.dtypes.prng_key))
