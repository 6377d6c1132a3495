"""The two schemes have the orders they claim, without and with noise."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import linalg

import quenched as qd


def _final_state(scheme: str, step: float) -> np.ndarray:
    weights = np.random.default_rng(3).normal(size=(6, 6))
    run = qd.simulate.integrate(qd.Network(weights), 2.0, step, initial=np.linspace(-1.0, 1.0, 6), scheme=scheme)
    return run.trajectory.values[-1, 0]


@pytest.mark.parametrize(("scheme", "order"), [("euler", 1), ("second_order", 2)])
def test_order_without_noise(scheme: str, order: int) -> None:
    exact = _final_state("second_order", 2.0**-13)
    errors = [np.max(np.abs(_final_state(scheme, 2.0**-power) - exact)) for power in (6, 7, 8)]
    fitted = np.polyfit([6, 7, 8], -np.log2(errors), 1)[0]
    assert fitted == pytest.approx(order, abs=0.1)


def _stationary_variance(scheme: str, step: float, noise: float) -> float:
    """Exact variance of one step x' = a x + b xi repeated for ever, for dx = -x dt + noise dW."""
    if scheme == "euler":
        decay, kick = 1.0 - step, noise * np.sqrt(step)
    else:
        decay, kick = 1.0 - step + step**2 / 2, noise * np.sqrt(step) * (1.0 - step / 2)
    return kick**2 / (1.0 - decay**2)


@pytest.mark.parametrize("scheme", ["euler", "second_order"])
def test_discrete_process_with_noise_is_exactly_the_schemes_own(scheme: str) -> None:
    step, noise = 0.5, 0.7
    experiment = qd.simulate.Trajectories(400, 16, 220.0, step, burn_in=20.0, scheme=scheme)
    found = qd.solve(qd.RandomNetwork(0.0, noise=noise), experiment, key=1)
    value, error = float(found["mean_square_state"]), float(found["mean_square_state_error"])
    assert error < 0.004 * value
    assert abs(value - _stationary_variance(scheme, step, noise)) < 4 * error
    # The two schemes differ by more than that, so this can fail.
    other = "euler" if scheme == "second_order" else "second_order"
    assert abs(value - _stationary_variance(other, step, noise)) > 20 * error


def test_one_network_with_noise_against_the_lyapunov_equation() -> None:
    size, step, noise = 20, 0.1, 0.5
    weights = np.random.default_rng(0).normal(size=(size, size)) * 0.6 / np.sqrt(size)
    network = qd.Network(weights, qd.Linear())
    run = qd.simulate.integrate(
        network, 60.0, step, initial=qd.Normal(0, 0), trials=4000, noise=noise, scheme="euler", key=2
    )
    sampled = run.trajectory.values[-1]
    propagate = np.eye(size) + step * (weights - np.eye(size))
    exact = linalg.solve_discrete_lyapunov(propagate, noise**2 * step * np.eye(size))
    variances, spread = np.mean(sampled**2, axis=0), np.diag(exact) * np.sqrt(2 / 4000)
    pulls = (variances - np.diag(exact)) / spread
    assert np.abs(pulls).max() < 4.5
    assert np.mean(pulls**2) == pytest.approx(1.0, abs=5 * np.sqrt(2 / size))
