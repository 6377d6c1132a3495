"""Means with their errors, and numbers printed to the digits they justify."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float


class RunningMean:
    """Mean and standard error of samples that come a few at a time and are not kept (Chan, Golub and LeVeque 1979)."""

    def __init__(self) -> None:
        self.count = 0
        self.mean: np.ndarray = np.zeros(())
        self.squares: np.ndarray = np.zeros(())
        """Sum of squared deviations from the mean."""

    def add(self, values: Float[np.ndarray, "sample ..."]) -> None:
        """Take in some more samples."""
        with np.errstate(invalid="ignore", over="ignore"):  # the mean and error of what is not finite are NaN
            for value in values:
                self.count += 1
                shift = value - self.mean
                self.mean = self.mean + shift / self.count
                self.squares = self.squares + shift * (value - self.mean)

    def mean_and_error(self) -> tuple[Float[np.ndarray, "..."], Float[np.ndarray, "..."]]:
        """As `mean_and_error` of all samples at once; no error of one sample."""
        spread = self.squares / (self.count - 1) if self.count > 1 else np.full_like(self.squares, np.nan)
        return np.asarray(self.mean), np.asarray(np.sqrt(spread / self.count))


def mean_and_error(values: Float[Array, "network ..."]) -> tuple[Float[Array, "..."], Float[Array, "..."]]:
    """Mean over the first axis and its standard error, from independent samples."""
    count = values.shape[0]
    return jnp.mean(values, axis=0), jnp.std(values, axis=0, ddof=1) / jnp.sqrt(count)


def mean_of_present(values: Float[Array, "network ..."]) -> tuple[Float[Array, "..."], Float[Array, "..."]]:
    """Mean and standard error of the samples that are not NaN."""
    if values.ndim > 1:
        return jax.vmap(mean_of_present, 1, 0)(values)
    return _mean_between(values, 0)


def trimmed_mean_of_present(values: Float[Array, "network ..."]) -> tuple[Float[Array, "..."], Float[Array, "..."]]:
    """Mean of the middle half of the samples that are not NaN.

    For tails so heavy that the mean has no finite variance. Its error is from the winsorised variance (Tukey and McLaughlin
    1963). With fewer than four samples it is the plain mean.
    """
    if values.ndim > 1:
        return jax.vmap(trimmed_mean_of_present, 1, 0)(values)
    return _mean_between(values, jnp.sum(~jnp.isnan(values)) // 4)


def _mean_between(values: Float[Array, " network"], cut: Array | int) -> tuple[Float[Array, ""], Float[Array, ""]]:
    ordered = jnp.sort(values)  # NaN last
    present, rank = jnp.sum(~jnp.isnan(values)), jnp.arange(values.size)
    kept = (rank >= cut) & (rank < present - cut)
    mean = jnp.sum(jnp.where(kept, ordered, 0.0)) / jnp.sum(kept)
    # Winsorised: what is cut off counts as the last value that is kept.
    lowest, highest = ordered[jnp.minimum(cut, values.size - 1)], ordered[jnp.maximum(present - cut - 1, 0)]
    winsorised = jnp.where(jnp.isnan(ordered), 0.0, jnp.clip(ordered, lowest, highest))
    centre = jnp.sum(winsorised) / present
    variance = jnp.sum(jnp.where(rank < present, (winsorised - centre) ** 2, 0.0)) / (present - 1)
    # One sample has no error, and a number without one is not reported.
    return jnp.where(present > 1, mean, jnp.nan), jnp.sqrt(variance * present) / (present - 2 * cut)


def with_error(value: float | np.floating, error: float | np.floating | None = None) -> str:
    """A number with its error in parentheses, only as many digits as the error justifies: 0.494(13), 1.2(3)e-05.

    >>> with_error(0.49437, 0.0131), with_error(1.2345e-5, 3e-6), with_error(0.5), with_error(1e-17, 2e-17)
    ('0.494(13)', '1.2(3)e-05', '0.5', '0')
    """
    value = float(value)
    if not math.isfinite(value):
        return str(value)
    if error is not None and not math.isfinite(error):
        return f"{value:.6g}(?)"
    if error is not None and abs(value) <= 2.0 * error <= 1e-12:
        return "0"  # but for rounding
    if error is None or error <= 0.0 or error < 1e-9 * max(abs(value), 1e-6):
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
