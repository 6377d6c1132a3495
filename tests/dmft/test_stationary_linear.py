"""Stationary linear networks against Fourier integrals, Bessel functions and matrices of finite size."""

from __future__ import annotations

from math import sqrt
from typing import Any

import jax
import numpy as np
import pytest
from scipy import integrate, linalg, special

import quenched as qd
from quenched.couplings import Elliptic
from quenched.numerics.threads import one_blas_thread

LAGS = (0.0, 0.5, 1.0, 3.0)
FREQUENCIES = (0.0, 0.4, 3.0)
THEORY = qd.dmft.StationaryLinear(LAGS, FREQUENCIES)
FIELD, NOISE = 0.3, 0.8
# Both sheets of the pole, both signs of the symmetry, near and far from the limit g (1 + eta) = 1.
POINTS = [(0.5, 0.0), (0.95, 0.0), (0.6, 0.5), (0.45, 1.0), (0.499, 1.0), (0.9, -0.5), (1.9, -0.5), (1.5, -1.0), (0.9, 0.05)]


def linear(gain: float, symmetry: float, **options: Any) -> qd.RandomNetwork:
    return qd.RandomNetwork(gain, symmetry, **{"noise": NOISE, "field": FIELD, **options}, activation=qd.Linear())


@pytest.mark.parametrize(("gain", "symmetry"), POINTS)
def test_it_is_the_fourier_transform_of_its_spectrum(gain: float, symmetry: float) -> None:
    arrays = qd.solve(linear(gain, symmetry), THEORY).arrays

    def response(omega: float) -> complex:
        # The quadratic equation eta g^2 R^2 - (1 + s) R + 1 = 0, its root that is small at large s.
        roots = np.roots([symmetry * gain**2, -(1 + 1j * omega), 1.0]) if symmetry else np.array([1 / (1 + 1j * omega)])
        return complex(roots[np.argmin(np.abs(roots))])

    def spectrum(omega: float) -> float:
        squared = abs(response(omega)) ** 2
        return NOISE**2 * squared / (1 - gain**2 * squared)

    at_rest = response(0.0).real
    lasting = (at_rest * FIELD) ** 2 / (1 - (gain * at_rest) ** 2)
    np.testing.assert_allclose(arrays["power_spectrum"], [spectrum(omega) for omega in FREQUENCIES], rtol=1e-10)
    pieces = ((0, 1), (1, 50), (50, np.inf))
    whole = sum(integrate.quad(spectrum, *piece, epsabs=1e-12, limit=400)[0] for piece in pieces) / np.pi
    assert arrays["mean_square_state"] == pytest.approx(whole + lasting, abs=1e-9)
    later = [integrate.quad(spectrum, 0, np.inf, weight="cos", wvar=lag, epsabs=1e-10, limit=400)[0] for lag in LAGS[1:]]
    np.testing.assert_allclose(arrays["state_correlation"][1:], np.array(later) / np.pi + lasting, atol=1e-9)


@pytest.mark.parametrize(("gain", "symmetry"), POINTS)
def test_the_response_is_a_bessel_function(gain: float, symmetry: float) -> None:
    lags, rate = np.asarray(LAGS[1:]), gain * sqrt(abs(symmetry))
    bessel = special.iv if symmetry > 0 else special.jv
    exact = np.exp(-lags) * (bessel(1, 2 * rate * lags) / (rate * lags) if rate else 1.0)
    arrays = qd.solve(linear(gain, symmetry), THEORY).arrays
    np.testing.assert_allclose(arrays["response"], [1.0, *exact], atol=1e-13)


@pytest.mark.parametrize(("gain", "symmetry"), [(0.5, 0.3), (0.4, 1.0), (0.9, -0.5)])
def test_finite_networks_tend_to_it(gain: float, symmetry: float) -> None:
    """Covariances of finite networks from Lyapunov's equation, extrapolated in 1/N."""
    arrays = qd.solve(linear(gain, symmetry), THEORY).arrays
    expected = [float(arrays[name]) for name in ("mean_square_state", "kinetic_energy")]
    sizes, draws = (60, 120), 12
    measured = np.zeros((2, draws, 2))
    with one_blas_thread():
        for row, size in enumerate(sizes):
            for draw in range(draws):
                couplings = np.asarray(Elliptic(gain, symmetry).draw(size, jax.random.key(draw + 100 * row)))
                drift = couplings - np.eye(size)
                covariance = linalg.solve_continuous_lyapunov(drift, -(NOISE**2) * np.eye(size))
                rest = linalg.solve(-drift, np.full(size, FIELD))
                moved = drift @ covariance @ drift.T
                measured[row, draw] = (np.trace(covariance) + rest @ rest) / size, np.trace(moved) / (2 * size)
    extrapolated = 2 * measured[1] - measured[0]
    error = extrapolated.std(axis=0, ddof=1) / sqrt(draws)
    assert np.all(np.abs(extrapolated.mean(axis=0) - expected) < 4 * error + 20 / sizes[0] ** 2)


@pytest.mark.parametrize("gain", [0.1, 0.4, 0.499])
def test_a_symmetric_network_is_thermal(gain: float) -> None:
    """R_x = -(2/noise^2) dC_x/dlag, and one temperature at every frequency."""
    lags = np.linspace(0.0, 4.0, 401)
    theory = qd.dmft.StationaryLinear(lags, FREQUENCIES)
    arrays = qd.solve(linear(gain, 1.0, field=0.0), theory).arrays
    np.testing.assert_allclose(arrays["effective_temperature"], NOISE**2 / 2, rtol=1e-12)
    slope = np.gradient(arrays["state_correlation"], lags, edge_order=2)
    # Central differences: step^2/6 times the third derivative.
    np.testing.assert_allclose(-2 / NOISE**2 * slope[2:-2], arrays["state_response"][2:-2], atol=1e-4)
    assert float(arrays["kinetic_energy"]) == pytest.approx(NOISE**2 / 4, rel=1e-12)


def test_other_symmetries_are_not() -> None:
    for symmetry in (-0.5, 0.0, 0.5):
        found = qd.solve(linear(0.6, symmetry), THEORY).arrays["effective_temperature"]
        assert np.ptp(found) > 0.01
        assert np.all(found > NOISE**2 / 2)


@pytest.mark.parametrize(("gain", "symmetry"), [(1.0, 0.0), (0.7, 0.5), (2.1, -0.5), (50.0, 0.2)])
def test_beyond_the_limit_of_stability_there_is_no_answer(gain: float, symmetry: float) -> None:
    found = qd.solve(linear(gain, symmetry), THEORY, throw=False)
    assert qd.Status(int(found.status)) is qd.Status.diverged
    assert all(np.all(np.isnan(array)) for array in found.arrays.values())


@pytest.mark.slow
def test_without_symmetry_it_is_the_gaussian_theory() -> None:
    """Two programs with nothing in common."""
    gaussian = qd.dmft.StationaryGaussian(LAGS, FREQUENCIES)
    one, other = (qd.solve(linear(0.8, 0.0), theory).arrays for theory in (THEORY, gaussian))
    for name in other.keys() & one.keys():
        if not name.endswith("_error"):
            np.testing.assert_allclose(one[name], other[name], rtol=1e-9, atol=1e-12, err_msg=name)
