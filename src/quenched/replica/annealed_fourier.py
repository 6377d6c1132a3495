"""The average of Z over couplings without symmetry, for a network of any size, by a Fourier integral for q = |phi|^2/N.

At given a = T + g^2 q neurons are independent with x = sqrt(a) z, z normal:

    E[Z] / (2 pi T)^(N/2) = int dq (N/2 pi a) int dw exp(i N w y) G(w)^N,   G(w) = < exp(-i w phi^2/a) >,   y = q/a.

The contour of w is moved by i theta to where the mean of phi^2/a is y, so that nothing cancels.
"""

# In small networks the density of q jumps or has kinks at q = 0, and G^N falls as a power of w only. So the integral over q
# goes on to q < 0, where the density is 0, and both integrals end smoothly.

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from scipy.special import erfc

Rate = Callable[[np.ndarray], np.ndarray]

# z beyond this weighs exp(-50).
_REACH = 10.0
# Nodes in z without oscillation, and for each radian of it.
_NODES, _NODES_A_RADIAN = 128, 0.5
# The window in ln a begins at this part of T, and ends this far above the largest a.
_LOWEST, _ABOVE = 0.2, 0.6
# Of its rise and of its fall, one width of erfc, and nodes in it.
_WIDTH, _NODES_A_WIDTH = 1.0 / 12.0, 2.0
# Means of phi^2/a wanted below this part of the mean, q < 0 included, are replaced by it.
_LEAST_MEAN = 0.1
# Integrands below exp(-40) of the largest are left out.
_NEGLIGIBLE = 40.0
# The largest N w, at gain 1.3, and in standard deviations of a Gaussian; where it is cut, and how smoothly, in parts of it.
_LARGEST, _DEVIATIONS, _CUT, _CUT_WIDTH = 200.0, 15.0, 0.55, 0.1


class Tilted(NamedTuple):
    """Weights of z moved by theta to where phi^2/a has the wanted mean y, for one a."""

    log_width: float
    log_step: float
    """Logarithm of the measure of q."""
    theta: float
    target: float
    """y."""
    mean: float
    variance: float
    exponent: float
    """(1/N) ln of the integrand at w = 0."""


def any_size(
    rate: Rate, gain: float, temperature: float, size: int, largest_square: float, fineness: float
) -> tuple[float, float]:
    """(1/N) ln E[Z] and E[Z q]/E[Z] by trapezoidal rules in ln a and w, both finer by `fineness`."""
    points = [
        _tilted(rate, log_width, log_step, (1.0 - temperature * np.exp(-log_width)) / gain**2)
        for log_width, log_step in _log_widths(gain, temperature, size, largest_square, fineness)
    ]
    heights = np.array([size * point.exponent + point.log_step for point in points])
    height = heights.max()
    kept = [(point, own) for point, own in zip(points, heights, strict=True) if height - own < _NEGLIGIBLE]
    largest = fineness * _LARGEST * max(1.0, gain**2 / 1.3**2)
    weight = np.array(
        [
            np.exp(own - height) * _density(rate, size, point, largest_square, 1.0 / gain**2, largest, fineness)
            for point, own in kept
        ]
    )
    q = (np.exp([point.log_width for point, _ in kept]) - temperature) / gain**2
    log_average = np.log(weight.sum()) + height
    return float(log_average / size + 0.5 * np.log(2.0 * np.pi * temperature)), float(weight @ q / weight.sum())


def _log_widths(
    gain: float, temperature: float, size: int, largest_square: float, fineness: float
) -> Iterator[tuple[float, float]]:
    """ln a, and ln of its weight, dy included: the window is 1 from q = 0 to the largest q."""
    coldest, below = np.log(temperature), -np.log(_LOWEST)
    hottest = np.log(temperature + gain**2 * largest_square)
    step = min(_WIDTH * _ABOVE / _NODES_A_WIDTH, 0.5 / np.sqrt(size)) / fineness
    for log_width in np.arange(coldest - below, hottest + _ABOVE, step):
        rise = erfc((coldest - 0.5 * below - log_width) / (_WIDTH * below))
        fall = erfc((log_width - hottest - 0.5 * _ABOVE) / (_WIDTH * _ABOVE))
        yield float(log_width), float(np.log(0.25 * rise * fall * step / gain**2))


def _tilted(rate: Rate, log_width: float, log_step: float, target: float) -> Tilted:
    """Newton's method for theta. Any theta gives the same integral, and means out of reach are brought within it."""
    a = np.exp(log_width)
    z, weight = _normal(_NODES)
    square = rate(np.sqrt(a) * z) ** 2 / a
    within = np.clip(target, _LEAST_MEAN * (weight @ square), 0.95 * square.max())
    theta = 0.0
    for _ in range(60):
        density = weight * np.exp(-theta * square)
        norm = density.sum()
        mean = density @ square / norm
        variance = density @ square**2 / norm - mean**2
        change = (mean - within) / max(variance, 1e-12)
        if abs(change) < 1e-6:
            break
        theta += np.clip(change, -2.0, 2.0)
    return Tilted(log_width, log_step, theta, target, mean, variance, np.log(norm) + theta * target)


def _density(
    rate: Rate, size: int, at: Tilted, largest_square: float, below: float, largest: float, fineness: float
) -> float:
    """The density of y divided by exp(N exponent), (1/2 pi) int dv exp(i v y) [G/G(0)]^N, v = N w.

    v goes up to `largest`, and y down to -`below`.
    """
    a, spread = np.exp(at.log_width), np.sqrt(at.variance)
    end = max(largest, fineness * _DEVIATIONS * np.sqrt(size) / spread)
    highest = min(largest_square / a, at.mean + 12.0 * spread / np.sqrt(size) + 40.0 * max(at.mean, spread) / size)
    # A sum over v has the period 2 pi/step in y, and values of y must not meet themselves.
    step = 2.0 * np.pi / (1.2 * (max(highest, at.target) + below))
    # v in steps of two sizes: exponentials of sums are products, and all of G one product of matrices.
    count = int(np.ceil(np.sqrt(end / step)))
    radians = count**2 * step / size * min(largest_square / a, _REACH**2)
    z, normal = _normal(int(2 ** np.ceil(np.log2(_NODES + _NODES_A_RADIAN * fineness * radians))))
    square = rate(np.sqrt(a) * z) ** 2 / a
    weight = normal * np.exp(-at.theta * square)
    phases = -1j * step / size * np.outer(np.arange(count), square)
    table = np.exp(count * phases) @ (np.exp(phases) * (weight / weight.sum())).T
    v = step * np.arange(count**2)
    cut = 0.5 * erfc((v - _CUT * end) / (_CUT_WIDTH * end))
    terms = (cut * table.ravel() ** size * np.exp(1j * v * at.target)).real
    return float((2.0 * terms.sum() - terms[0]) * step / (2.0 * np.pi))


_RULES: dict[int, tuple[np.ndarray, np.ndarray]] = {}


def _normal(nodes: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes of z > 0 and their weights; both signs of z weigh the same, for odd phi."""
    if nodes not in _RULES:
        t, weights = np.polynomial.legendre.leggauss(nodes)
        z = 0.5 * _REACH * (t + 1.0)
        _RULES[nodes] = z, _REACH * weights * np.exp(-0.5 * z**2) / np.sqrt(2.0 * np.pi)
    return _RULES[nodes]
