"""What a Lyapunov spectrum says about the attractor."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float

from quenched import checks

Spectrum = Float[np.ndarray, " mode"]


def kaplan_yorke_dimension(exponents: Any, *, complete: bool = True) -> float:
    """Kaplan-Yorke dimension of an attractor, from its Lyapunov exponents in decreasing order,

        D = k + (lambda_1 + ... + lambda_k) / |lambda_(k+1)|,

    k the most leading exponents whose sum is not negative: volumes of D dimensions neither grow nor shrink. 0 where all
    decay, N where no sum is negative.

    Arguments:
        exponents: (mode), in any order.
        complete: whether these are all N of them. If not, and no sum is negative, D is not known: NaN.

    Returns:
        D, between 0 and the number of exponents; NaN where it is not known.

    Raises:
        ValueError: no exponents, or not finite ones.

    Source: Kaplan & Yorke 1979 (`kaplan1979`).

    Example:
        >>> import quenched as qd
        >>> print(f"{qd.observables.kaplan_yorke_dimension([0.906, 0.0, -14.572]):.3f}")  # those of the Lorenz attractor
        2.062
    """
    spectrum = checks.numbers("Argument `exponents`", exponents)
    if spectrum.ndim != 1 or not spectrum.size or not np.isfinite(spectrum).all():
        raise ValueError(f"Argument `exponents` must be finite numbers along one axis, but is {exponents!r}.")
    return dimension(np.sort(spectrum)[::-1], checks.flag("complete", complete))[0]


def dimension(spectrum: Spectrum, complete: bool) -> tuple[float, Spectrum]:
    """The Kaplan-Yorke dimension, and its derivative with respect to each exponent."""
    sums = np.cumsum(spectrum)
    negative = np.flatnonzero(sums < 0.0)
    slopes = np.zeros_like(spectrum)
    if not negative.size:
        return (float(spectrum.size) if complete else np.nan), slopes
    leading = int(negative[0])
    total, last = sums[leading] - spectrum[leading], spectrum[leading]
    slopes[:leading], slopes[leading] = -1.0 / last, total / last**2
    return float(leading - total / last), slopes


def entropy(spectrum: Spectrum, complete: bool) -> tuple[float, Spectrum]:
    """The sum of the positive exponents, and its derivative; NaN while the last one known is positive."""
    positive = spectrum > 0.0
    known = complete or not positive[-1]
    return (float(np.sum(spectrum[positive])) if known else np.nan), np.where(positive, 1.0, 0.0)
