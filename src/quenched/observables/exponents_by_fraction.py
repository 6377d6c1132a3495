"""From the part of all exponents that lies above a rate: exponents by their rank, dimension and entropy rate per neuron."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.interpolate import PchipInterpolator

# Middles of equal parts of all exponents.
FRACTIONS = (np.arange(100) + 0.5) / 100
_POINTS = 20000
# Parts that differ by less are one.
_ALIKE = 1e-9


class ByFraction(NamedTuple):
    """Of infinitely many neurons."""

    lyapunov_exponent: np.ndarray
    lyapunov_dimension: np.ndarray
    entropy_rate: np.ndarray


def by_fraction(rates: np.ndarray, above: np.ndarray, edge: float, is_map: bool, power: float = 1.0) -> ByFraction:
    """From the parts of all exponents above increasing rates, of flows from the middle of the spectrum on, the largest being
    `edge`.

    Exponents of flows are symmetric about -1, and near the largest the part above, x, falls as (edge - rate)^power: the
    rate is smooth in x^(1/power). Of maps rate - ln(1 - x)/2 is smooth in x.
    """
    # The largest exponent comes first. Of samples the last parts may be 0 or less.
    above, rates = above[::-1], rates[::-1]
    above = np.maximum.accumulate(np.maximum(above, 0.0))
    kept = (np.diff(above, prepend=0.0) > _ALIKE) & (above < (1.0 if is_map else 0.5) - _ALIKE)
    above, rates = above[kept], rates[kept]
    if is_map:
        levels = np.concatenate([[edge], rates - 0.5 * np.log1p(-above)])
        curve = PchipInterpolator(np.concatenate([[0.0], above, [1.0]]), np.append(levels, levels[-1]))
    else:
        places = np.concatenate([[0.0], above, [0.5]]) ** (1.0 / power)
        curve = PchipInterpolator(places, np.concatenate([[edge], rates, [-1.0]]))

    def exponent(fraction: np.ndarray) -> np.ndarray:
        if is_map:
            return curve(fraction) + 0.5 * np.log1p(-fraction)
        upper = curve(np.minimum(fraction, 1.0 - fraction) ** (1.0 / power))
        return np.where(fraction < 0.5, upper, -2.0 - upper)

    # Points lie closer together near the largest exponent.
    roots = np.arange(_POINTS + 1) / _POINTS
    ends, middles = roots**3, (0.5 * (roots[1:] + roots[:-1])) ** 3
    sums = np.concatenate([[0.0], np.cumsum(exponent(middles) * np.diff(ends))])
    most = int(np.argmax(sums))
    dimension = 0.0 if most == 0 else 1.0 if sums[-1] >= 0.0 else np.interp(0.0, -sums[most:], ends[most:])
    return ByFraction(exponent(FRACTIONS), np.asarray(dimension), np.asarray(sums[most]))
