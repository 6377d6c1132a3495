"""Integrals with narrow peaks, against SciPy told where they are."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad

from quenched.numerics.peaks import peak_nodes

CASES = [(1.0, 0.0, 0.0), (1e-2, 0.5, 0.3), (1e-6, 0.5, 0.3), (1e-4, 1.5, 0.01), (1e-6, 1.5, 0.0), (1e-8, -2.0, 0.7)]


def squared_misfit(width: float, memory: float, field: float) -> Callable[[jax.Array], jax.Array]:
    return lambda x: (x - memory * jnp.tanh(x) - field) ** 2 / (2 * width)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_one_peak_or_several_of_any_width(case: tuple[float, float, float]) -> None:
    width, memory, field = case
    with jax.enable_x64(True):
        height = squared_misfit(*case)
        nodes = peak_nodes(height, jnp.linspace(-10.0, 10.0, 9), 48, 16)
        found = float(jnp.sum(nodes.weights * jnp.exp(-height(nodes.x))))
        second = float(jnp.sum(nodes.weights * nodes.x**2 * jnp.exp(-height(nodes.x)))) / found
    assert bool(nodes.fits)
    fine = np.linspace(-10, 10, 2000001)
    misfit = fine - memory * np.tanh(fine) - field
    centres = fine[1:][misfit[1:] * misfit[:-1] <= 0]
    # Of a double root the peak is wider than that of a single one: the fourth root of the width.
    reach = 9 * max(np.sqrt(width), width**0.25 if abs(memory) > 1 else 0.0)
    edges = np.unique(np.clip(np.concatenate([centres - reach, centres, centres + reach, [-10, 10]]), -10, 10))

    def weight(x: float) -> float:
        return float(np.exp(-((x - memory * np.tanh(x) - field) ** 2) / (2 * width)))

    pieces = list(itertools.pairwise(edges))
    exact = sum(quad(weight, *piece, epsabs=0, epsrel=1e-13, limit=500)[0] for piece in pieces)
    square = sum(quad(lambda x: x**2 * weight(x), *piece, epsabs=0, epsrel=1e-13, limit=500)[0] for piece in pieces) / exact
    assert found == pytest.approx(exact, rel=1e-11)
    assert second == pytest.approx(square, rel=1e-10)


def test_too_few_panels_are_said() -> None:
    with jax.enable_x64(True):
        nodes = peak_nodes(squared_misfit(1e-6, 1.5, 0.0), jnp.linspace(-10.0, 10.0, 9), 12, 16)
    assert not bool(nodes.fits)


def test_a_weight_that_reaches_beyond_the_edges_is_said() -> None:
    with jax.enable_x64(True):
        nodes = peak_nodes(squared_misfit(1.0, 0.0, 0.0), jnp.linspace(-5.0, 5.0, 9), 48, 16)
    assert not bool(nodes.fits)
