"""The published iteration at symmetry 0, written anew, with averages that are exact or sampled.

Kept are q, Q and their conjugates; the responses do not act back. With exact averages it leads to the solution with Q = 0;
with sampled ones, as published, it leaves that solution above the transition (docs/published_figures.md says why).
"""

from __future__ import annotations

from typing import Any

import numpy as np

DAMPING = 0.2
"""The share of the old value that is kept."""
_GUARD = 1e-5
"""Stands in for an overlap that came out negative."""


class ExactAverages:
    """The trapezoidal rule over a neuron's state, and over its pairs of fields (u, v) unless they are given."""

    def __init__(self, u: np.ndarray | None = None, v: np.ndarray | None = None):
        if u is None or v is None:
            u, v = (each.ravel() for each in np.meshgrid(np.linspace(-7, 7, 29), np.linspace(-7, 7, 29)))
            weight = np.exp(-(u**2 + v**2) / 2)
            u, v, weight = (each[weight > 1e-16] for each in (u, v, weight))
        else:
            weight = np.ones(len(u))
        self.u, self.v, self.weight = u[:, None], v[:, None], weight / weight.sum()

    def states(self, a: float, mean: np.ndarray, h: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """States of each pair, and the logarithms of their weights in N(mean, a)."""
        x = mean + (8 * np.sqrt(a) + a * np.abs(h).max()) * np.linspace(-1, 1, 81)
        return x, -((x - mean) ** 2) / (2 * a)


class SampledAverages(ExactAverages):
    """As published: pairs, and for each its own states from N(0, a), drawn once, in single precision."""

    def __init__(self, pairs: int, states: int, seed: int):
        generator = np.random.default_rng(seed)
        u, v = generator.standard_normal((2, pairs), dtype=np.float32)
        super().__init__(u, v)
        self.z = generator.standard_normal((pairs, states), dtype=np.float32)

    def states(self, a: float, mean: np.ndarray, h: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        x = np.float32(np.sqrt(a)) * self.z
        return x, (mean / a).astype(np.float32) * x


def one_step(order: Any, gain: float, temperature: float, rule: ExactAverages) -> np.ndarray:
    """The next q, Q, q^ and Q^."""
    q, overlap, conjugate, reaction = order
    a = temperature + gain**2 * (q - overlap)
    mean, h = gain * np.sqrt(overlap) * rule.v, np.sqrt(reaction) * rule.u
    x, log_weight = rule.states(a, mean, h)
    phi = np.tanh(x)
    log_weight = log_weight + (x.dtype.type(conjugate - reaction / 2) * phi + h.astype(x.dtype)) * phi
    weight = np.exp(log_weight - log_weight.max(axis=1, keepdims=True))
    weight /= weight.sum(axis=1, keepdims=True)
    rate, state, rate_square, state_square = (np.einsum("ij,ij->i", weight, each) for each in (phi, x, phi**2, x**2))
    # The square of a sample mean stands for the square of an average.
    averages = (float(rule.weight @ each) for each in (rate_square, rate**2, state_square, state**2))
    phi_phi, phi_twice, x_x, x_twice = averages
    # <e^2> and <e>^2: the averages with v by partial integration, which takes <v^2> for 1.
    shared = gain**2 * overlap * (1 - 2 * (x_x - x_twice) / a)
    squares = [gain**2 / 2 * ((x_x + shared) / a - 1) / a, (gain / a) ** 2 * (x_twice + shared)]
    new = DAMPING * np.asarray(order) + (1 - DAMPING) * np.array([phi_phi, phi_twice, *squares])
    return np.where((new < 0) & [False, True, False, True], _GUARD, new)


def iterate(order: Any, gain: float, temperature: float, rule: ExactAverages, steps: int) -> np.ndarray:
    """All steps, (step, 4), the start first."""
    path = [np.asarray(order, float)]
    for _ in range(steps):
        path.append(one_step(path[-1], gain, temperature, rule))
    return np.array(path)
