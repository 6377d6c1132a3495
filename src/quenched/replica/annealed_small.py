"""The average of Z over the couplings of a small network: one sum over all choices of N nodes, repetitions allowed.

Given x, the velocity F is Gaussian over couplings. With q = |phi|^2/N the covariance of J phi is g^2 q (1 + gamma u u^T), u
the direction of phi, so that with a = T + g^2 q, a' = T + g^2 (1 + gamma) q, m = |x|^2/N and p = x.phi/N

    E exp(-|F|^2/2T) = (T/a)^((N-1)/2) (T/a')^(1/2) exp( -N m/(2a) + N g^2 gamma p^2/(2 a a') ).
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain, combinations_with_replacement
from math import comb

import numpy as np
from scipy.special import gammaln

# Where exp(-x^2/2a) with the largest a has fallen by exp(-40).
_REACH = 9.0


def small(
    rate: Callable[[np.ndarray], np.ndarray],
    gain: float,
    symmetry: float,
    temperature: float,
    size: int,
    largest_square: float,
    nodes: int,
) -> tuple[float, float]:
    """(1/N) ln E[Z] and E[Z q]/E[Z]; the trapezoidal rule in t, x = s sinh(t), for one sign of each x_i: odd phi.

    The integrand depends on sums over the neurons alone, so that each set of N nodes is counted once, with its multiplicity.
    """
    scale = 0.7 * np.sqrt(temperature)
    largest = temperature + gain**2 * (1.0 + max(symmetry, 0.0)) * largest_square
    t = np.linspace(0.0, np.arcsinh(_REACH * np.sqrt(largest) / scale), nodes)
    x, step = scale * np.sinh(t), 2.0 * scale * np.cosh(t) * t[1]
    step[0] /= 2.0
    flat = np.fromiter(chain.from_iterable(combinations_with_replacement(range(nodes), size)), np.int16)
    chosen = flat.reshape(comb(nodes + size - 1, size), size)
    # N! divided by the factorials of how often each node is there: a run of equal nodes adds ln 1 + ln 2 + ...
    run, log_repeats = np.ones(len(chosen)), np.zeros(len(chosen))
    for place in range(1, size):
        run = np.where(chosen[:, place] == chosen[:, place - 1], run + 1.0, 1.0)
        log_repeats += np.log(run)
    f = rate(x)
    q, square, p = (np.mean(values[chosen], axis=1) for values in (f**2, x**2, x * f))
    across = temperature + gain**2 * q
    along = across + gain**2 * symmetry * q
    stretch = gain**2 * symmetry * p**2 / (across * along)
    log_density = (size - 1) * np.log(temperature / across) + np.log(temperature / along)
    log_density = 0.5 * (log_density - size * (square / across - stretch))
    log_weight = log_density + np.log(step)[chosen].sum(axis=1) + gammaln(size + 1.0) - log_repeats
    height = log_weight.max()
    weight = np.exp(log_weight - height)
    total = weight.sum()
    return float((np.log(total) + height) / size), float(weight @ q / total)
