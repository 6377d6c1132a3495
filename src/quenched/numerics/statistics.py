"""Means with their errors, and numbers printed to the digits they justify."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import jax.numpy as jnp
from jaxtyping import Array, Float

if TYPE_CHECKING:
    import numpy as np


def mean_and_error(values: Float[Array, "network ..."]) -> tuple[Float[Array, "..."], Float[Array, "..."]]:
    """Mean over the first axis and its standard error, from independent samples."""
    count = values.shape[0]
    return jnp.mean(values, axis=0), jnp.std(values, axis=0, ddof=1) / jnp.sqrt(count)


def trimmed_mean_and_error(values: Float[Array, "network ..."]) -> tuple[Float[Array, "..."], Float[Array, "..."]]:
    """Mean of the middle half of the samples, and its standard error from the winsorised variance (Tukey, McLaughlin 1963).

    For tails so heavy that the mean has no finite variance. With fewer than four samples it is the plain mean.
    """
    count = values.shape[0]
    cut = count // 4
    ordered = jnp.sort(values, axis=0)
    kept = ordered[cut : count - cut]
    winsorised = jnp.clip(values, kept[0], kept[-1])
    error = jnp.std(winsorised, axis=0, ddof=1) * jnp.sqrt(count) / (count - 2 * cut)
    return jnp.mean(kept, axis=0), error


def with_error(value: float | np.floating, error: float | np.floating | None = None) -> str:
    """A number with its error in parentheses, only as many digits as the error justifies: 0.494(13), 1.2(3)e-05.

    >>> with_error(0.49437, 0.0131), with_error(1.2345e-5, 3e-6), with_error(0.5)
    ('0.494(13)', '1.2(3)e-05', '0.5')
    """
    value = float(value)
    if not math.isfinite(value):
        return str(value)
    if error is None or not math.isfinite(error) or error <= 0.0 or error < 1e-9 * max(abs(value), 1e-6):
        return f"{value:.6g}" if abs(value) > 1e-12 or value == 0.0 else f"{value:.0e}"
    error = float(error)
    place = math.floor(math.log10(error))
    if error / 10.0**place < 1.95:  # keep two digits of an error that starts with 1
        place -= 1
    scale = math.floor(math.log10(abs(value))) if value else place
    if -4 <= max(scale, place) < 6 and place <= 0:
        return f"{value:.{-place}f}({round(error / 10.0**place)})"
    top = max(scale, place)
    return f"{value / 10.0**top:.{max(top - place, 0)}f}({round(error / 10.0**place)})e{top:+03d}"
