"""Recordings: what their autocorrelation is, how uncertain, and that fits to networks drawn anew recover the truth."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pytest
import xarray as xr

import quenched as qd
from quenched.fit.recording import read_recording

TRUTH = qd.RandomNetwork(0.6, noise=1.0, activation=qd.Linear())
THEORY = qd.dmft.StationaryLinear(lags=(0.0, 0.5, 1.0, 2.0))


def independent(times: int, neurons: int, step: float, seed: int, spread: float = 0.0) -> np.ndarray:
    """Ornstein-Uhlenbeck processes, exact in the step, of variance 1/2; each with an amplitude of its own if asked."""
    random = np.random.default_rng(seed)
    kept = np.exp(-step)
    states = np.empty((times, neurons))
    states[0] = np.sqrt(0.5) * random.standard_normal(neurons)
    for time in range(1, times):
        states[time] = kept * states[time - 1] + np.sqrt(0.5 * (1.0 - kept**2)) * random.standard_normal(neurons)
    return states * (1.0 + spread * random.standard_normal(neurons))


@pytest.mark.parametrize("spread", [0.0, 0.3])
def test_correlation_and_covariance_of_independent_neurons(spread: float) -> None:
    """Bartlett's formula for exponential correlations, and what neurons that differ for all time add."""
    times, neurons, step, lags = 1200, 30, 0.25, (0.0, 0.5, 1.0)
    found = [
        read_recording(independent(times, neurons, step, seed, spread), "states", step, lags, TRUTH) for seed in range(150)
    ]
    values = np.array([each.values for each in found])
    amplitude = 1.0 + spread**2
    expected = 0.5 * amplitude * np.exp(-np.array(lags))
    scatter = np.cov(values.T)
    np.testing.assert_allclose(values.mean(axis=0), expected, atol=4.0 * np.sqrt(scatter.max() / len(found)))
    used = times - 4
    apart = step * np.arange(-200, 201)
    correlation = lambda lag: 0.5 * np.exp(-np.abs(lag))  # noqa: E731
    fourth = 1.0 + 6.0 * spread**2 + 3.0 * spread**4
    bartlett = [
        np.sum(correlation(apart) * correlation(apart + b - a) + correlation(apart + b) * correlation(apart - a))
        for a in lags
        for b in lags
    ]
    differ = (fourth - amplitude**2) * np.outer(correlation(np.array(lags)), correlation(np.array(lags))) / neurons
    true = np.reshape(bartlett, (3, 3)) * fourth / (used * neurons) + differ
    mean = np.mean([each.covariance for each in found], axis=0)
    # Never too small, and by 1.5 at most too large: neither anticorrelation nor what is below 0 by chance is counted on.
    assert np.all((mean / true > 0.95) & (mean / true < 1.55))
    assert found[0].quantity == "state_correlation"


def test_rates_have_another_quantity_and_lags_are_whole_steps() -> None:
    found = read_recording(independent(600, 10, 0.2, 0), "rates", 0.2, (0.0, 0.25, 0.5), TRUTH)
    assert found.quantity == "correlation"
    np.testing.assert_allclose(found.lags, [0.0, 0.2, 0.4])


def test_plain_arrays_and_labelled_ones_give_the_same() -> None:
    states = independent(800, 12, 0.25, 5)
    labelled = xr.DataArray(states.T, {"time": 0.25 * np.arange(800)}, ("neuron", "time"))
    begin = TRUTH.replace(gain=0.3)
    one = qd.fit(begin, THEORY, states, ["gain", "noise"], step=0.25, networks=0)
    other = qd.fit(begin, THEORY, labelled, ["gain", "noise"], networks=0)
    assert one.estimate == other.estimate
    assert one.error == other.error
    assert "finite size" in repr(one)


def test_trials_lengthen_and_networks_average() -> None:
    """Two trials count as twice the time; two networks as a mean, of half the variance."""
    states = np.stack([independent(800, 12, 0.25, seed) for seed in (5, 6)])
    lags = (0.0, 0.5, 1.0)

    def read(axis: str) -> Any:
        labelled = xr.DataArray(states, {"time": 0.25 * np.arange(800)}, (axis, "time", "neuron"))
        return read_recording(labelled, "states", None, lags, TRUTH)

    apart = [read_recording(each, "states", 0.25, lags, TRUTH) for each in states]
    networks, trials = read("network"), read("trial")
    np.testing.assert_allclose(networks.values, (apart[0].values + apart[1].values) / 2.0)
    np.testing.assert_allclose(networks.covariance, (apart[0].covariance + apart[1].covariance) / 4.0)
    np.testing.assert_allclose(trials.values, networks.values, rtol=0.02)
    assert 0.5 < np.trace(trials.covariance) / np.trace(networks.covariance) < 2.0


def test_populations_are_apart() -> None:
    couplings = qd.couplings.Blocks((0.6, 0.4), gain=[[0.4, 0.2], [0.3, 0.5]])
    model = qd.RandomNetwork(couplings=couplings, noise=(1.0, 0.5), activation=qd.Linear())
    states = np.concatenate([independent(800, 12, 0.25, 1), 2.0 * independent(800, 8, 0.25, 2)], axis=1)
    found = read_recording(states, "states", 0.25, (0.0, 0.5), model)
    assert found.values.shape == (2, 2)
    assert found.covariance.shape == (4, 4)
    assert found.values[1, 0] / found.values[0, 0] == pytest.approx(4.0, rel=0.2)


def recorded(truth: qd.RandomNetwork, size: int, duration: float, seed: int, settling: float = 20.0) -> Any:
    """States of a network drawn anew, after they have settled."""
    network = truth.draw(size, jax.random.key(seed))
    run = qd.simulate.integrate(network, settling + duration, 0.125, noise=float(truth.noise), key=seed)
    return run.trajectory.isel(trial=0, time=slice(round(settling / 0.125), None))


def coverage(truth: qd.RandomNetwork, theory: Any, size: int, duration: float, rates: bool) -> tuple[np.ndarray, np.ndarray]:
    """Whether gain and noise are within two errors of the truth in 100 recordings, each of a network of its own; and all
    chances of a larger chi-square."""
    within, chances = [], []
    for seed in range(100):
        states = recorded(truth, size, duration, seed)
        data = np.tanh(states) if rates else states
        begin = truth.replace(gain=0.8 * float(truth.gain), noise=1.3 * float(truth.noise))
        kind = "rates" if rates else "states"
        found = qd.fit(begin, theory, data, ["gain", "noise"], recorded=kind, starts=1, key=seed)
        true = {"gain": float(truth.gain), "noise": float(truth.noise)}
        within.append([abs(found.estimate[name] - value) < 2.0 * found.error[name] for name, value in true.items()])
        chances.append(found.p_value)
    return np.mean(within, axis=0), np.array(chances)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The model does not describe", "ignore:The data cannot tell")
def test_gain_and_noise_of_linear_networks_are_within_two_errors() -> None:
    """Of networks drawn anew for each of 100 recordings."""
    within, chances = coverage(TRUTH, THEORY, 100, 100.0, rates=False)
    assert np.all((within >= 0.9) & (within <= 0.99)), within
    assert np.mean(chances < 0.05) < 0.15


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The model does not describe", "ignore:The data cannot tell")
def test_gain_and_noise_of_chaotic_networks_are_within_two_errors() -> None:
    theory = qd.dmft.Stationary(lags=(0.0, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0))
    within, chances = coverage(qd.RandomNetwork(1.6, noise=0.8), theory, 100, 100.0, rates=True)
    assert np.all((within >= 0.9) & (within <= 0.99)), within
    assert np.mean(chances < 0.05) < 0.15
