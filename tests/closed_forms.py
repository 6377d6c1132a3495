"""Formulas the package is judged by: closed forms, and equations solved by SciPy. Nothing here calls the package."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from math import acos, asin, exp, log, pi, sin, sqrt

import numpy as np
from scipy import integrate, optimize, stats

Phi = Callable[[float], float]

# A quadrature asked for this much relative accuracy; brentq is asked for less than it.
TIGHT = 1e-13


def gaussian_average(function: Phi, variance: float, mean: float = 0.0) -> float:
    """<f(x)>, x ~ N(mean, variance), by adaptive quadrature, split where tanh-like functions turn and at the mean."""
    deviation = sqrt(variance)
    edges = [mean - 12 * deviation, mean, mean + 12 * deviation, 0.0, -1.0, 1.0, -4.0, 4.0]
    edges = sorted({min(max(edge, edges[0]), edges[2]) for edge in edges})

    def density(x: float) -> float:
        return function(x) * exp(-0.5 * ((x - mean) / deviation) ** 2) / sqrt(2 * pi * variance)

    return sum(integrate.quad(density, *piece, epsabs=1e-15, epsrel=TIGHT, limit=200)[0] for piece in pairwise(edges))


def self_consistent(square: Callable[[float], float], gain: float, extra: float = 0.0, most: float = 1.0) -> float:
    """The positive root q of q = square(extra + gain^2 q), at most `most`, which is 1 where |phi| is."""
    return float(optimize.brentq(lambda q: square(extra + gain**2 * q) - q, 1e-8, most, xtol=1e-15, rtol=1e-14))


def tanh_square(variance: float) -> float:
    return gaussian_average(lambda x: np.tanh(x) ** 2, variance)


def tanh_slope(variance: float) -> float:
    return gaussian_average(lambda x: 1 - np.tanh(x) ** 2, variance)


def erf_square(variance: float) -> float:
    return erf_pair(variance, variance, variance)


def erf_slope(variance: float) -> float:
    return 1 / sqrt(1 + pi * variance / 2)


def erf_pair(first: float, second: float, covariance: float) -> float:
    """<phi(x) phi(y)> for phi = erf(sqrt(pi) x/2) and the two variances (Williams 1997)."""
    return 2 / pi * asin(pi / 2 * covariance / sqrt((1 + pi * first / 2) * (1 + pi * second / 2)))


def relu_pair(first: float, second: float, covariance: float) -> float:
    """The arc-cosine kernel <relu(x) relu(y)> (Cho & Saul 2009)."""
    size = sqrt(first * second)
    angle = acos(min(1.0, max(-1.0, covariance / size)))
    return size / (2 * pi) * (sin(angle) + (pi - angle) * covariance / size)


def relu_moments(mean: float, variance: float) -> tuple[float, float, float]:
    """<relu>, <relu^2>, <relu'> of x ~ N(mean, variance): moments of a rectified Gaussian."""
    deviation = sqrt(variance)
    below, density = float(stats.norm.cdf(mean / deviation)), float(stats.norm.pdf(mean / deviation))
    first = mean * below + deviation * density
    return first, (mean**2 + variance) * below + mean * deviation * density, below


def rest_response(gain: float, symmetry: float) -> float:
    """R = 1 + g^2 eta R^2, the root that is 1 at g = 0, summed as Catalan numbers where cancellation would bite."""
    coupling = symmetry * gain**2
    if abs(coupling) < 1e-2:
        return sum(catalan * coupling**order for order, catalan in enumerate([1, 1, 2, 5, 14, 42, 132, 429, 1430]))
    return (1 - sqrt(1 - 4 * coupling)) / (2 * coupling)


def log_determinant(gain: float, symmetry: float) -> float:
    """<ln |det(1 - J)|>/N for the elliptic ensemble below g_c: its logarithmic potential at 1."""
    response = rest_response(gain, symmetry)
    return symmetry * (gain * response) ** 2 / 2 + log(1 - symmetry * gain**2 * response)


def linear_free_energy(gain: float, symmetry: float, temperature: float) -> float:
    """Z = (2 pi T)^(N/2) / |det(1 - J)|, an ordinary Gaussian integral for every J."""
    return -temperature * (log(2 * pi * temperature) / 2 - log_determinant(gain, symmetry))


def linear_self_overlap(gain: float, symmetry: float, temperature: float) -> float:
    """T <tr ((1 - J)^T (1 - J))^-1>/N = T S^2/(1 - g^2 S^2)."""
    response = rest_response(gain, symmetry)
    return temperature * response**2 / (1 - (gain * response) ** 2)
