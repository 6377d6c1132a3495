"""The whole Lyapunov spectrum of infinitely many neurons: laws, closed forms, the largest exponent, networks along sizes."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import optimize

import quenched as qd
from quenched.dmft.exponent_density import Slopes, constant_slopes, part_below
from quenched.dmft.slopes_in_time import draw_slopes, state_on_a_ring
from quenched.observables import lyapunov_spectrum, spectrum_of_theory
from quenched.precision import double_precision

NORMAL = np.linspace(-9.0, 9.0, 1801)
SHARES = np.exp(-0.5 * NORMAL**2) / np.sum(np.exp(-0.5 * NORMAL**2))


def solved(model: qd.RandomNetwork, **options: Any) -> qd.Solution:
    return qd.solve(model, qd.dmft.Stationary(lags=(0.0,), frequencies=(0.0,)), **options)


def map_of(gain: float, unit: Any = None, **options: Any) -> qd.RandomNetwork:
    return qd.RandomNetwork(couplings=qd.couplings.Elliptic(gain), unit=unit or qd.units.Discrete(), **options)


def test_linear_flow_has_the_semicircle() -> None:
    gain = 0.8
    found = lyapunov_spectrum(solved(qd.RandomNetwork(gain=gain, noise=1.0, activation=qd.Linear())))
    leak = (found.lyapunov_exponent.values + 1.0) / gain
    below = 0.5 + (leak * np.sqrt(1.0 - leak**2) + np.arcsin(leak)) / np.pi
    assert np.max(np.abs(below - (1.0 - found.fraction.values))) < 1e-5
    assert found.lyapunov_dimension == 0.0
    assert found.entropy_rate == 0.0
    assert found.status == 0


def test_linear_map_fills_a_disc() -> None:
    found = lyapunov_spectrum(solved(map_of(0.8, qd.units.Discrete(qd.Linear()), noise=1.0)))
    assert np.allclose(np.exp(2.0 * found.lyapunov_exponent), 0.64 * (1.0 - found.fraction), rtol=0.0, atol=1e-9)


def test_map_without_memory_follows_its_law() -> None:
    """States are independent at all times. With x the fraction above and e^(2 lambda) = g^2 (1 - x) s, the law of products
    of independent matrices is 1 = <D^2/(x D^2 + (1 - x) s)>."""
    gain = 2.0
    solution = solved(map_of(gain))
    found = lyapunov_spectrum(solution)
    squares = np.cosh(np.sqrt(solution["mean_square_state"].item()) * NORMAL) ** -4.0

    def law(fraction: float) -> float:
        def excess(scale: float) -> float:
            return float(SHARES @ (squares / (fraction * squares + (1.0 - fraction) * scale))) - 1.0

        return 0.5 * float(np.log(gain**2 * (1.0 - fraction) * optimize.brentq(excess, 1e-12, 2.0)))

    exact = np.array([law(fraction) for fraction in found.fraction.values])
    off = np.abs(found.lyapunov_exponent.values - exact)
    assert np.max(off[:90]) < 1e-2
    assert np.all(off < 1e-4 + 2.0 * found.lyapunov_exponent_error.values)
    assert abs(law(0.0) - solution["lyapunov_exponent"].item()) < 1e-6
    # Of products of matrices with squares all alike the exponents would be others.
    alike = 0.5 * np.log(gain**2 * (SHARES @ squares) * (1.0 - found.fraction.values))
    assert np.max(np.abs(alike - exact)[:90]) > 0.3
    grid = (np.arange(20000) + 0.5) / 20000
    curve = np.interp(grid, found.fraction.values, exact)
    assert abs(found.entropy_rate - np.mean(np.maximum(curve, 0.0))) < 1e-4
    dimension = found.lyapunov_dimension.item()
    assert abs(np.sum(curve[grid < dimension]) / 20000) < 1e-4
    assert 0.2 < dimension < 0.3


@double_precision
def test_ring_of_slopes_that_are_independent_in_time() -> None:
    gain, times = 2.0, 32
    slopes = np.exp(-(np.random.default_rng(0).normal(size=(64, times)) ** 2))
    of_one, squares = np.exp(-(NORMAL**2)), np.exp(-2.0 * NORMAL**2)
    product = np.full(times, (SHARES @ of_one) ** 2)
    product[0] = SHARES @ squares
    ring = Slopes(gain, None, jnp.asarray(slopes), jnp.asarray(product))
    begin = None
    for rate in (-1.2, -0.4, -0.1):
        found = part_below(ring, rate, begin)
        begin = found.logarithms
        exact = constant_slopes(squares, SHARES, gain, np.array([rate]), True)[0]
        # 2048 slopes tell an average to 1/45 of their spread, and near the largest exponent far better.
        assert found.solved
        assert abs(found.below - exact) < (5e-3 if rate < -1.0 else 1e-3)


@double_precision
def test_exponents_end_at_the_largest() -> None:
    """That of the Schroedinger equation, which knows nothing of the ring."""
    model = qd.RandomNetwork(gain=2.0)
    edge = solved(model)["lyapunov_exponent"].item()
    state = state_on_a_ring(model, "stable", 64, 0.5)
    slopes = draw_slopes(model, state, 0.5, 16, jax.random.key(0))
    near, nearer, outside = (part_below(slopes, edge - away) for away in (0.03, 0.015, -0.02))
    assert abs(outside.below - 1.0) < 1e-4
    # The part above grows linearly from there on.
    assert 2e-3 < 1.0 - near.below < 6e-3
    assert abs((1.0 - nearer.below) / (1.0 - near.below) - 0.5) < 0.05
    below = [part_below(slopes, -1.0 + sign * 0.5).below for sign in (-1.0, 1.0)]
    assert abs(sum(below) - 1.0) < 1e-12
    assert 0.82 < below[1] < 0.87


@pytest.mark.parametrize(
    ("model", "theory", "word"),
    [
        (qd.RandomNetwork(gain=1.5), qd.dmft.Static(), "qd.dmft.Stationary"),
        (map_of(1.5, qd.units.Discrete(leak=0.5)), qd.dmft.Stationary(), "maps x' = h"),
        (qd.RandomNetwork(couplings=qd.couplings.Elliptic(1.5), unit=qd.units.Leaky(time_constant=2.0)), None, "dx/dt = -x"),
        (qd.RandomNetwork(couplings=qd.couplings.Sparse(5, qd.couplings.Elliptic(0.5))), None, "Sparse"),
    ],
)
def test_others_are_refused_by_name(model: qd.RandomNetwork, theory: Any, word: str) -> None:
    solution = qd.solve(model, theory or qd.dmft.Stationary(lags=(0.0,)), throw=False)
    with pytest.raises(ValueError, match=word):
        lyapunov_spectrum(solution)


def test_arguments_of_networks_are_refused_with_a_solution() -> None:
    solution = solved(qd.RandomNetwork(gain=0.5))
    for options in ({"duration": 10.0}, {"size": 3}, {"scheme": "euler"}, {"blocks": 16}):
        with pytest.raises(ValueError, match="left out with a Solution"):
            lyapunov_spectrum(solution, **options)
    with pytest.raises(TypeError, match="`duration`"):
        lyapunov_spectrum(qd.RandomNetwork(gain=2.0), size=10, networks=2)


FRACTIONS = np.array([0.1, 0.2, 0.3])


def numbers_of(found: Any, size: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Dimension and entropy rate for each neuron, and exponents at some fractions; and their errors."""

    def at_fractions(name: str) -> np.ndarray:
        places = found.fraction.values if "fraction" in found.coords else (np.arange(found.sizes["mode"]) + 0.5) / size
        return np.interp(FRACTIONS, places, found[name].values)

    values, errors = (
        np.array([found[name + end].item() / size for name in ("lyapunov_dimension", "entropy_rate")])
        for end in ("", "_error")
    )
    exponents, their_errors = (at_fractions("lyapunov_exponent" + end) for end in ("", "_error"))
    return np.concatenate([values, exponents]), np.concatenate([errors, their_errors])


def limit_of_networks(model: qd.RandomNetwork) -> tuple[np.ndarray, np.ndarray]:
    """What they tend to as 1/N."""
    sizes, rows = np.array([50, 100, 200]), []
    for size, networks in zip(sizes, (64, 64, 32), strict=True):
        found = lyapunov_spectrum(model, 200, size=int(size), networks=networks, exponents=int(0.4 * size), key=int(size))
        rows.append(numbers_of(found, int(size)))
    limits = []
    for values, errors in zip(*(np.transpose([row[part] for row in rows]) for part in (0, 1)), strict=True):
        fit, spread = np.polyfit(1.0 / sizes, values, 1, w=1.0 / errors, cov="unscaled")
        limits.append((fit[1], np.sqrt(spread[1, 1])))
    limit, error = np.transpose(limits)
    return limit, error


@pytest.mark.slow
def test_networks_tend_to_a_map_in_closed_form() -> None:
    """Noise keeps small networks from falling silent; at different times states are independent all the same."""
    model = map_of(3.0, noise=0.5)
    exact, own = numbers_of(lyapunov_spectrum(solved(model)))
    limit, error = limit_of_networks(model)
    assert np.all(own < 1e-3)
    assert np.all(np.abs(limit - exact) < 3.0 * error)
    # Dimension, entropy rate, and the exponents.
    assert np.all(error < [0.02 * exact[0], 0.03 * exact[1], 0.02, 0.02, 0.02])


@pytest.mark.slow
def test_networks_tend_to_a_map_of_trajectories_that_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """A field leaves neurons with means of their own, so that slopes have a memory. Fewer times and trajectories than
    usual have errors that are larger, and cover."""
    model = map_of(3.0, field=0.5)
    limit, error = limit_of_networks(model)
    spreads = []
    for times, samples in ((64, 8), (128, 16)):
        monkeypatch.setattr(spectrum_of_theory, "_TIMES", times)
        monkeypatch.setattr(spectrum_of_theory, "_SAMPLES", samples)
        found, own = numbers_of(lyapunov_spectrum(solved(model), throw=False))
        assert np.all(np.abs(limit - found) < 3.0 * np.hypot(error, own))
        spreads.append(own)
    assert np.all(error[:2] < 0.03 * found[:2])
    assert np.all(own[:2] < [0.03 * found[0], 0.04 * found[1]])
    assert np.all(spreads[1][:2] < spreads[0][:2])
