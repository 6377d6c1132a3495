"""Formulas the package is judged by: closed forms, and equations solved by SciPy. Nothing here calls the package."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from math import acos, asin, exp, log, pi, sin, sqrt

import numpy as np
from scipy import integrate, optimize, special, stats

Phi = Callable[[float], float]
Kernel = Callable[[float, float, float], float]
Edge = tuple[float, float]

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


def tanh_slope_square(variance: float) -> float:
    return gaussian_average(lambda x: (1 - np.tanh(x) ** 2) ** 2, variance)


def erf_slope_square(variance: float) -> float:
    """<phi'^2> for phi = erf(sqrt(pi) x/2): a Gaussian integral."""
    return 1 / sqrt(1 + pi * variance)


def edge_of_layers(square: Callable[[float], float], slope_square: Callable[[float], float], bias_variance: float) -> Edge:
    """sigma_w and q* of a deep network at the edge of chaos: sigma_w^2 <phi'^2> = 1, q = sigma_w^2 <phi^2> + sigma_b^2."""
    length = optimize.brentq(lambda q: q - square(q) / slope_square(q) - bias_variance, 1e-3, 50.0, xtol=1e-14, rtol=1e-14)
    return 1 / sqrt(slope_square(length)), float(length)


def through_layers(
    kernel: Kernel, weight_variance: float, bias_variance: float, overlap: float, depth: int
) -> tuple[float, float]:
    """q and the overlap of two inputs after so many layers, from q = 1; `kernel(v, w, c)` is <phi(x) phi(y)>."""
    length, product = 1.0, overlap
    for _ in range(depth):
        product = weight_variance * kernel(length, length, product) + bias_variance
        length = weight_variance * kernel(length, length, length) + bias_variance
    return length, product / length


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


# Two times.


def linear_mode(order: int, gain: float, symmetry: float, time: np.ndarray) -> np.ndarray:
    """Inverse Laplace transform of R(s)^order, R = [(1+s) - sqrt((1+s)^2 - 4 eta g^2)]/(2 eta g^2).

    A Bessel function: e^-t order (2/a)^order I_order(a t)/t with a = 2 g sqrt(eta), J for negative eta.
    """
    time = np.asarray(time, dtype=float)
    width = 2 * gain * sqrt(abs(symmetry))
    if symmetry == 0.0:
        return time ** (order - 1) * np.exp(-time - special.gammaln(order))
    safe = np.where(time == 0.0, 1.0, time)
    if symmetry > 0.0:
        bessel = special.ive(order, width * safe) * np.exp((width - 1.0) * safe)
    else:
        bessel = special.jv(order, width * safe) * np.exp(-safe)
    return np.where(time == 0.0, float(order == 1), order * (2 / width) ** order * bessel / safe)


def linear_response(gain: float, symmetry: float, lag: np.ndarray) -> np.ndarray:
    """R(t, s) = e^-tau I_1(2 g sqrt(eta) tau)/(g sqrt(eta) tau) of infinitely many linear neurons."""
    return linear_mode(1, gain, symmetry, lag)


def linear_correlation(
    gain: float, symmetry: float, noise: float, field: float, mean: float, variance: float, first: float, second: float
) -> float:
    """C(t, t') of linear neurons in continuous time, from x(0) of this mean and variance.

    Its double Laplace transform is that of the sources times R R'/(1 - g^2 R R'), a geometric series of `linear_mode`s.
    """
    orders = range(1, 40)
    nodes, weights = np.polynomial.legendre.leggauss(40)

    def until(end: float) -> tuple[np.ndarray, np.ndarray]:
        return 0.5 * end * (nodes + 1), 0.5 * end * weights

    def of(order: int, time: float) -> tuple[float, float]:
        """The mode at a time, and the mean state that start and field make of it."""
        points, share = until(time)
        now = float(linear_mode(order, gain, symmetry, np.array(time)))
        return now, mean * now + field * float(share @ linear_mode(order, gain, symmetry, points))

    total = 0.0
    past, share = until(min(first, second))
    for order in orders:
        (now, made), (other, made_other) = of(order, first), of(order, second)
        kicked = linear_mode(order, gain, symmetry, first - past) * linear_mode(order, gain, symmetry, second - past)
        total += gain ** (2 * order - 2) * (variance * now * other + made * made_other + noise**2 * float(share @ kicked))
    return total


@dataclass(frozen=True)
class Recursion:
    """x_{n+1} = leak x_n + now f_n + before f_{n-1} + kick xi_n, written down step by step."""

    step: float
    leak: float
    now: float
    before: float
    kick: float


def recursion(scheme: str, step: float) -> Recursion:
    """Euler-Maruyama, or leak and noise exactly with the forcing extrapolated linearly."""
    if scheme == "euler":
        return Recursion(step, 1 - step, step, 0.0, sqrt(step))
    leak = exp(-step)
    level, slope = 1 - leak, (step - 1 + leak) / step
    return Recursion(step, leak, level + slope, -slope, sqrt((1 - leak**2) / 2))


def linear_kernel(gain: float, symmetry: float, steps: int, scheme: str, step: float) -> tuple[np.ndarray, np.ndarray]:
    """(W, R) of linear neurons in discrete time, forwards in time: the kernel of the memory and the response.

    chi[n, s] is x_n by a unit kick of x_s. With Euler a field of step s acts on the state after it, and the memory is a
    plain sum; else the memory is the trapezoidal rule, over the times since the kick in chi.
    """
    rule, times = recursion(scheme, step), steps + 1
    response, kernel, chi, remembered = (np.zeros((times, times)) for _ in range(4))
    strength = gain**2 * symmetry * step
    for n in range(times):
        if n > 0:
            chi[n] = rule.leak * chi[n - 1] + rule.now * remembered[n - 1]
        if n > 1:
            chi[n] += rule.before * remembered[n - 2]
        chi[n, n] = 1.0
        if scheme == "euler":
            response[n, :n] = chi[n, 1 : n + 1]
            kernel[n] = strength * response[n]
            remembered[n] = kernel[n] @ chi
            continue
        response[n, : n + 1] = chi[n, : n + 1]
        for s in range(n):
            remembered[n, s] = strength * np.trapezoid(response[n, s : n + 1] * chi[s : n + 1, s])
        if n > 0:
            kernel[n, : n + 1] = strength * response[n, : n + 1]
            kernel[n, [0, n]] *= 0.5
    return kernel, response


Pair = Callable[[float, float, float, float, float], float]
"""<phi(x) phi(y)> from the two means, the two variances and the covariance."""


def two_time_recursion(
    pair: Pair,
    gain: float,
    noise: float,
    field: np.ndarray,
    mean: float,
    variance: float,
    scheme: str,
    step: float,
    kernel: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(C, C_x, mean x) where x is a linear function of Gaussian sources: no symmetry, or linear neurons with their kernel.

    Each row of `states` holds the coefficients of x_n in the sources: one, x_0, the kicks, the values of the field gamma.
    """
    rule, times = recursion(scheme, step), len(field)
    sources = 2 + 2 * times
    states, forces, covariance = np.zeros((times, sources)), np.zeros((times, sources)), np.eye(sources)
    covariance[1, 1] = variance
    covariance[2 + times :, 2 + times :] = 0.0
    states[0, :2] = mean, 1.0
    correlation, variances = np.zeros((times, times)), np.zeros(times)
    for n in range(times):
        spread = states[:, 1:] @ (covariance[1:, 1:] @ states[n, 1:])
        variances[n] = spread[n]
        for m in range(n + 1):
            at = float(states[n, 0]), float(states[m, 0])
            correlation[n, m] = correlation[m, n] = pair(*at, variances[n], variances[m], spread[m])
        gamma = 2 + times
        covariance[gamma + n, gamma : gamma + n + 1] = gain**2 * correlation[n, : n + 1]
        covariance[gamma : gamma + n + 1, gamma + n] = gain**2 * correlation[n, : n + 1]
        forces[n, gamma + n] = 1.0
        forces[n, 0] += field[n]
        if kernel is not None:
            forces[n] += kernel[n] @ states
        if n + 1 < times:
            states[n + 1] = rule.leak * states[n] + rule.now * forces[n] + rule.before * forces[max(n - 1, 0)]
            states[n + 1, 2 + n] += noise * rule.kick
    return correlation, states @ covariance @ states.T, states[:, 0]


def linear_pair(mean: float, other: float, variance: float, other_variance: float, covariance: float) -> float:
    return mean * other + covariance


def erf_pair_without_mean(mean: float, other: float, variance: float, other_variance: float, covariance: float) -> float:
    """For fields of mean zero; anything else has no closed form."""
    if mean or other:
        return float("nan")
    return erf_pair(variance, other_variance, covariance)


def tanh_pair(mean: float, other: float, variance: float, other_variance: float, covariance: float) -> float:
    """The trapezoidal rule in both fields: spectral while the deviation is below the poles at pi/2."""
    z = np.linspace(-8.5, 8.5, 121)
    weights = np.exp(-0.5 * z**2)
    weights /= weights.sum()
    deviation = sqrt(variance)
    slope = covariance / deviation if deviation else 0.0
    y = other + slope * z[:, None] + sqrt(max(other_variance - slope**2, 0.0)) * z
    return float(weights @ (np.tanh(mean + deviation * z) * (np.tanh(y) @ weights)))


def log_cosh(x: float) -> float:
    """The integral of tanh."""
    return float(np.logaddexp(x, -x)) - log(2)


def stationary_variance(gain: float, noise: float, integral: Callable[[float], float] = log_cosh) -> float:
    """<x^2> of the fluctuating state at symmetry 0, phi odd: the energy of a particle that comes to rest at the origin,

    sigma^4/8 = Delta_0^2/2 - g^2 (<Phi^2> - <Phi>^2) with x ~ N(0, Delta_0) and Phi' = phi (Schuecker et al. 2018).
    """

    def excess(variance: float) -> float:
        spread = gaussian_average(lambda x: integral(x) ** 2, variance) - gaussian_average(integral, variance) ** 2
        return 1 - 2 * (gain**2 * spread + noise**4 / 8) / variance**2

    low = 0.5 * noise**2 if noise else 0.3 * (gain - 1)
    return float(optimize.brentq(excess, low, 2 * gain**2 + noise**2, xtol=1e-14, rtol=1e-14))


def linear_network(
    gain: float, symmetry: float, noise: float, variance: float, steps: int, step: float, size: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """(C, R) of one finite linear network integrated by Euler's scheme, by powers of its matrix: no field theory, no noise
    drawn. A = 1 - h + h J; C(n, m) = tr[v A^n A^mT + h sigma^2 sum_j A^(n-j) A^(m-j)T]/N, R(n, m) = tr A^(n-m-1)/N."""
    normal = np.random.default_rng(seed).normal(size=(2, size, size))
    even, odd = (normal[0] + normal[0].T) / sqrt(2), (normal[1] - normal[1].T) / sqrt(2)
    couplings = gain / sqrt(size) * (sqrt((1 + symmetry) / 2) * even + sqrt((1 - symmetry) / 2) * odd)
    powers = [np.eye(size)]
    for _ in range(steps):
        powers.append((1 - step) * powers[-1] + step * couplings @ powers[-1])
    flat = np.stack(powers).reshape(steps + 1, -1)
    traces, gram = np.array([np.trace(power) for power in powers]) / size, flat @ flat.T / size
    correlation, response = variance * gram, np.zeros((steps + 1, steps + 1))
    kicked = np.zeros_like(gram)
    for n in range(1, steps + 1):
        response[n, :n] = traces[:n][::-1]
        # A kick of step j - 1 has been carried on n - j times.
        kicked[n, 1:] = kicked[n - 1, :-1] + gram[n - 1, :-1]
    return correlation + noise**2 * step * kicked, response
