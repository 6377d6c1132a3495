"""Refusing bad arguments before any work: which argument, what it must be, what it is."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from quenched.words import nearest as nearest
from quenched.words import one_of as one_of


def number(name: str, value: Any, *, low: float = -np.inf, high: float = np.inf, above: float = -np.inf) -> Any:
    """A finite real number within [low, high] and greater than `above`, as float64; a traced value passes unseen."""
    if isinstance(value, jax.core.Tracer):
        if value.ndim:
            raise ValueError(f"Argument `{name}` must be one number, but is traced with shape {value.shape}; use vmap.")
        return value
    try:
        array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise TypeError(f"Argument `{name}` must be a real number, but is {value!r}.") from None
    if value is None or isinstance(value, bool | np.bool_ | str):
        raise TypeError(f"Argument `{name}` must be a real number, but is {value!r}.")
    if array.ndim:
        raise ValueError(
            f"Argument `{name}` must be one number, but has shape {array.shape}; for several values use qd.sweep."
        )
    must = []
    if low > -np.inf and high < np.inf:
        must.append(f"between {low:g} and {high:g}")
    elif low > -np.inf:
        must.append(f"at least {low:g}")
    elif high < np.inf:
        must.append(f"at most {high:g}")
    if above > -np.inf:
        must.append(f"greater than {above:g}")
    if not np.isfinite(array) or array < low or array > high or array <= above:
        raise ValueError(f"Argument `{name}` must be a finite number {' and '.join(must)}, but is {float(array):g}.")
    return array[()]


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


def count(name: str, value: Any, *, low: int = 1) -> int:
    """A whole number, at least `low`."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"Argument `{name}` must be a whole number, but is {value!r}.")
    if value < low:
        raise ValueError(f"Argument `{name}` must be at least {low}, but is {value}.")
    return int(value)


def flag(name: str, value: Any) -> bool:
    """True or False."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"Argument `{name}` must be True or False, but is {value!r}.")
    return bool(value)
