"""What stationary states must obey whatever the numbers."""

from __future__ import annotations

import numpy as np
import pytest

import quenched as qd


@pytest.mark.slow
def test_the_two_transitions_under_noise() -> None:
    """Local growth first, then chaos; the exponent crosses zero where c'(lag) is the ground state."""
    found = qd.dmft.transitions(qd.RandomNetwork(1.0, noise=0.5))
    local, chaos = float(found.instability_gain), float(found.chaos_gain)
    assert 1.0 < local < chaos
    theory = qd.dmft.StationaryGaussian((0.0,), (0.0,), centred=True)
    over = qd.sweep(
        qd.RandomNetwork(1.0, noise=0.5), theory, {"gain": [local, chaos * (1 - 1e-6), chaos, chaos * (1 + 1e-6)]}
    )
    assert float(over.local_instability[0]) == pytest.approx(1.0, abs=1e-9)
    exponent = over.lyapunov_exponent.values
    assert exponent[1] < 0 < exponent[3]
    assert abs(exponent[2]) < 1e-11
    assert float(found.chaos_gain_error) < 1e-8


def test_without_noise_both_transitions_are_one() -> None:
    found = qd.dmft.transitions(qd.RandomNetwork(1.0, activation=qd.Erf()))
    assert float(found.instability_gain) == pytest.approx(1.0, abs=1e-12)
    assert float(found.chaos_gain) == float(found.instability_gain)


@pytest.mark.slow
@pytest.mark.parametrize("noise", [0.0, 0.6])
def test_the_spectrum_adds_up_to_the_variance_and_the_lags_obey_the_equation(noise: float) -> None:
    # omega = tan(angle): an analytic integrand on a finite interval.
    nodes, weights = np.polynomial.legendre.leggauss(80)
    angle = np.pi / 4 * (nodes + 1)
    step = 0.02
    lags = step * np.arange(200)
    theory = qd.dmft.StationaryGaussian(lags, np.tan(angle), centred=True)
    arrays = qd.solve(qd.RandomNetwork(1.5, noise=noise), theory).arrays
    whole = np.sum(np.pi / 4 * weights * arrays["power_spectrum"] / np.cos(angle) ** 2) / np.pi
    assert whole == pytest.approx(float(arrays["mean_square_state"]), rel=1e-8)
    # c'' = c - g^2 C by fourth-order differences, whose error is step^4 c^(6)/90.
    c = arrays["state_correlation"]
    second = (-c[:-4] + 16 * c[1:-3] - 30 * c[2:-2] + 16 * c[3:-1] - c[4:]) / (12 * step**2)
    np.testing.assert_allclose(second, (c - 1.5**2 * arrays["correlation"])[2:-2], atol=1e-7)
    # c'(0+) = -noise^2/2.
    kick = (-25 * c[0] + 48 * c[1] - 36 * c[2] + 16 * c[3] - 3 * c[4]) / (12 * step)
    assert kick == pytest.approx(-(noise**2) / 2, abs=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("noise", [0.0, 0.5])
def test_finite_networks_tend_to_it(noise: float) -> None:
    """Along N = 200, 400, 800, extrapolated in 1/N; Heun's error at this step is below a tenth of the error bar."""
    model = qd.RandomNetwork(2.0, noise=noise)
    exact = qd.solve(model, qd.dmft.Stationary()).arrays
    sizes, networks = (200, 400, 800), (32, 16, 8)
    runs = [
        qd.solve(model, qd.simulate.Trajectories(size, count, duration=300, step=0.1, burn_in=60), key=size).arrays
        for size, count in zip(sizes, networks, strict=True)
    ]
    for name in ("mean_square_state", "mean_square_rate", "kinetic_energy"):
        means = np.array([float(run[name]) for run in runs])
        errors = np.array([float(run[f"{name}_error"]) for run in runs])
        design = np.stack([np.ones(3), 1 / np.array(sizes)], axis=1) / errors[:, None]
        covariance = np.linalg.inv(design.T @ design)
        limit = (covariance @ design.T @ (means / errors))[0]
        assert abs(limit - float(exact[name])) < 3.5 * np.sqrt(covariance[0, 0]), (name, means, errors, float(exact[name]))
