"""The error of an average over time, of a series that remembers."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

# Standard errors that make a slope certain. Of series whose blocks hardly remember each other, one in 200 exceeds it.
_CERTAIN = 4.0


def error_of_time_average(series: Float[np.ndarray, "block ..."]) -> Float[np.ndarray, "..."]:
    """Standard error of the mean over the first axis of a stationary series, from its own autocovariance gamma_j,

        error^2 = (gamma_0 + 2 sum_j gamma_j) / n,

    the sum cut where pairs gamma_2m + gamma_2m+1, made decreasing, cease to be positive (Geyer 1992), and corrected for the
    mean that was subtracted. Anticorrelation is not counted on: never below the error of an uncorrelated series.

    At least 16 blocks are wanted. A memory longer than an eighth of the series is not seen, and the error then too small.

    Source: Geyer 1992 (`geyer1992`).
    """
    count = len(series)
    if count < 2:
        return np.full(series.shape[1:], np.nan)
    with np.errstate(invalid="ignore"):  # what is not finite has the error NaN
        # Less its first value a constant is 0 exactly.
        deviation = series - series[0]
        deviation = deviation - deviation.mean(axis=0)
    lags = 2 * max(1, count // 8)
    covariance = np.stack([np.sum(deviation[: count - lag] * deviation[lag:], axis=0) / count for lag in range(lags)])
    pairs = np.minimum.accumulate(covariance[0::2] + covariance[1::2], axis=0)
    kept = pairs > 0.0
    variance = (2.0 * np.sum(np.where(kept, pairs, 0.0), axis=0) - covariance[0]) / count
    # Fewer than 8 blocks are shorter than the shortest window.
    window = np.clip(4 * np.sum(kept, axis=0) - 1, 1, count - 1)
    uncorrelated = covariance[0] / (count - 1)
    return np.asarray(np.sqrt(np.maximum(variance / (1.0 - window / count), uncorrelated)))


def left_by_transient(series: Float[np.ndarray, "block ..."], ages: Float[np.ndarray, " block"]) -> Float[np.ndarray, "..."]:
    """How much c/t leaves in the mean over the first axis, c fitted to a series with the ages t; 0 unless c is certain.

    An average that approaches its limit like 1/t has errors that look small: all of its blocks are off to the same side.
    """
    inverse = 1.0 / ages
    centred = inverse - inverse.mean()
    square = centred @ centred
    if not square > 0.0:
        return np.zeros(series.shape[1:])
    slope = np.tensordot(centred, series, 1) / square
    shape = (-1,) + (1,) * (series.ndim - 1)
    rest = series - series.mean(axis=0) - centred.reshape(shape) * slope
    error = error_of_time_average(centred.reshape(shape) * rest) * len(series) / square
    return np.asarray(np.where(np.abs(slope) > _CERTAIN * error, np.abs(slope) * inverse.mean(), 0.0))
