"""The dimension of recordings: known covariances, no bias, coverage of the error, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr

import quenched as qd
from quenched.observables import dimension
from quenched.observables.recordings import participation_ratio, products_of_blocks

SPECTRUM = np.exp(-np.arange(12) / 3.0)
EXACT = SPECTRUM.sum() ** 2 / np.sum(SPECTRUM**2) / len(SPECTRUM)
MIXING = np.linalg.qr(np.random.default_rng(5).normal(size=(12, 12)))[0]


def recording(rng: np.random.Generator, trials: int, times: int, memory: float) -> np.ndarray:
    """(trial, time, neuron): Gaussian, of this covariance, of memory^lag in time, and of a mean that is not 0."""
    states = rng.normal(size=(trials, times, len(SPECTRUM)))
    for time in range(1, times):
        states[:, time] = memory * states[:, time - 1] + np.sqrt(1.0 - memory**2) * states[:, time]
    return np.asarray((states * np.sqrt(SPECTRUM)) @ MIXING + 2.0)


@pytest.mark.parametrize(("trials", "times", "memory"), [(1, 48, 0.0), (1, 320, 0.8), (4, 60, 0.6), (40, 10, 0.6)])
def test_no_bias_and_errors_that_are_true(trials: int, times: int, memory: float) -> None:
    rng, sets = np.random.default_rng(trials + times), 800
    found = [participation_ratio(recording(rng, trials, times, memory), 16) for _ in range(sets)]
    values, errors, plain = (np.array([getattr(one, name) for one in found]) for name in ("value", "error", "plain"))
    standard = values.std(ddof=1) / np.sqrt(sets)
    # The inverse is without a bias; the average of its inverse is larger by the square of the relative error.
    assert abs(np.mean(1.0 / values) - 1.0 / EXACT) < 3.5 * np.std(1.0 / values) / np.sqrt(sets)
    assert abs(values.mean() - np.mean(errors**2 / values) - EXACT) < 3.5 * standard
    # The plain estimate is too small, by far more than that.
    assert plain.mean() - EXACT < -5.0 * standard
    assert plain.mean() < 0.98 * EXACT
    # A normal error holds the truth in 68 and 95 of 100 sets; one from 16 blocks in a few less.
    inside = [np.mean(np.abs(values - EXACT) < times * errors) for times in (1, 2)]
    assert 0.58 < inside[0] < 0.78
    assert 0.88 < inside[1] < 0.99


def test_fewer_samples_than_directions() -> None:
    # A sampled covariance of 32 samples has 31 directions; there are 60.
    rng = np.random.default_rng(0)
    found = [participation_ratio(rng.normal(size=(1, 32, 60)), 16) for _ in range(200)]
    inverse = np.array([1.0 / one.value for one in found])
    assert abs(inverse.mean() - 1.0) < 3.5 * inverse.std(ddof=1) / np.sqrt(200)
    assert np.mean([one.plain for one in found]) < 0.36


def test_what_changes_nothing() -> None:
    states = recording(np.random.default_rng(1), 2, 80, 0.5)
    whole = participation_ratio(states, 16)
    turned = np.linalg.qr(np.random.default_rng(2).normal(size=(12, 12)))[0]
    for other in (states + 100.0, -3.0 * states, states @ turned, states[::-1], states[:, ::-1]):
        np.testing.assert_allclose(participation_ratio(other, 16), whole, rtol=1e-7)
    # Directions in which nothing moves: of twice as many neurons it is half.
    still = np.concatenate([states, np.ones_like(states)], axis=-1)
    np.testing.assert_allclose(np.array(participation_ratio(still, 16)[:3]), 0.5 * np.array(whole[:3]), rtol=1e-9)


def test_products_over_neurons_are_those_over_times() -> None:
    states = recording(np.random.default_rng(3), 1, 96, 0.3)
    few = products_of_blocks(states, 8)
    parts = np.array_split(states[0] - states[0].mean(axis=0), 8)
    matrices = [part.T @ part / len(part) for part in parts]
    np.testing.assert_allclose(few.squares, [[np.sum(a * b) for b in matrices] for a in matrices], rtol=1e-12)
    means = np.array([part.mean(axis=0) for part in parts])
    np.testing.assert_allclose(few.shifts, np.einsum("ai,bij,cj->abc", means, matrices, means), rtol=1e-9, atol=1e-15)
    # Twice as many neurons as samples go the other way.
    wide = np.concatenate([states, np.zeros((1, 96, 180))], axis=-1)
    np.testing.assert_allclose(products_of_blocks(wide, 8).squares, few.squares, rtol=1e-12)


def test_one_direction_is_one() -> None:
    line = np.random.default_rng(4).normal(size=(1, 200, 1)) * np.linspace(0.5, 2.0, 10)
    found = participation_ratio(line, 16)
    assert abs(10 * found.value - 1.0) < 3.0 * 10 * found.error + 1e-9
    assert 10 * found.plain == pytest.approx(1.0, rel=1e-12)


def test_long_memory_is_told() -> None:
    # Blocks of 20 samples, of a memory of 10 and of 100.
    rng = np.random.default_rng(6)
    for memory, least, most in ((0.9, 0, 0), (0.99, 16, 20)):
        found = [dimension(recording(rng, 1, 320, memory)[0], throw=False) for _ in range(20)]
        assert least <= sum(one.status.item() == qd.Status.imprecise for one in found) <= most


def test_axes_by_name() -> None:
    states = recording(np.random.default_rng(7), 2, 64, 0.5)
    whole = dimension(np.moveaxis(states, 0, 1), activation=np.tanh)
    named = xr.DataArray(states, dims=("trial", "time", "neuron"))
    for other in (named, named.transpose("neuron", "time", "trial"), named.to_dataset(name="trajectory")):
        xr.testing.assert_identical(dimension(other, activation=np.tanh).drop_attrs(), whole.drop_attrs())
    assert whole.attrs["trials"] == 2
    assert whole.attrs["samples"] == 64
    assert "rate_dimension" not in dimension(named)
    rates = dimension(np.tanh(named))
    assert rates.state_dimension == pytest.approx(whole.rate_dimension.item(), rel=1e-12)
    one = dimension(named.isel(trial=0))
    np.testing.assert_array_equal(one.state_dimension, dimension(states[0]).state_dimension)


def test_networks_are_averaged_and_resting_ones_left_out() -> None:
    rng = np.random.default_rng(8)
    each = [recording(rng, 1, 160, 0.3) for _ in range(3)]
    rest = np.ones((1, 160, 12)) * rng.normal(size=12)
    both = xr.DataArray([*each, rest], dims=("network", "trial", "time", "neuron"))
    found, alone = dimension(both), [participation_ratio(one, 16) for one in each]
    values, errors = ([getattr(one, name) for one in alone] for name in ("value", "error"))
    assert found.state_dimension.item() == pytest.approx(np.mean(values), rel=1e-12)
    least = max(np.std(values, ddof=1) / np.sqrt(3), np.sqrt(np.sum(np.square(errors))) / 3)
    assert found.state_dimension_error.item() == pytest.approx(least, rel=1e-12)
    assert (found.attrs["networks"], found.attrs["resting_networks"]) == (4, 1)
    still = dimension(both.isel(network=[3]))
    assert np.isnan(still.state_dimension)
    assert still.status == qd.Status.solved


def test_a_network_that_comes_to_rest_is_left_out() -> None:
    """Small networks may: what was recorded before is no part of the attractor, and its dimension has no meaning."""
    rng = np.random.default_rng(11)
    moving = recording(rng, 2, 160, 0.3)
    settling = recording(rng, 2, 160, 0.3) * np.exp(-np.maximum(np.arange(160) - 80, 0) / 5.0)[:, None]
    one_of_two = np.stack([moving[0], settling[1]])
    found = dimension(xr.DataArray([moving, settling], dims=("network", "trial", "time", "neuron")))
    assert (found.attrs["resting_networks"], found.status.item()) == (1, qd.Status.solved)
    assert found.state_dimension.item() == pytest.approx(participation_ratio(moving, 16).value, rel=1e-12)
    assert np.isnan(dimension(np.moveaxis(settling, 0, 1)).state_dimension)
    assert np.isfinite(participation_ratio(one_of_two, 16).value)


def test_too_little_is_told() -> None:
    few = recording(np.random.default_rng(9), 1, 32, 0.999)
    assert dimension(few[0], throw=False).status == qd.Status.imprecise
    with pytest.raises(qd.SolveError, match="or a block is shorter than the memory; record for longer, or more trials"):
        dimension(few[0])


NETWORKS = qd.simulate.Trajectories(8, 2, 4.0, 0.5)
NAN = np.where(np.arange(64 * 3).reshape(64, 3) == 17, np.nan, 1.0)
REFUSED: dict[str, tuple[type[Exception], Any, str]] = {
    "nothing": (TypeError, lambda: dimension(None), "`activity` must be a Solution of qd.dmft.Stationary or of"),
    "text": (TypeError, lambda: dimension("run.nc"), "`activity` must be a Solution"),
    "network": (
        TypeError,
        lambda: dimension(qd.Network(np.zeros((2, 2)))),
        "`activity` must be a Solution .* but is Network",
    ),
    "complex": (
        TypeError,
        lambda: dimension(np.ones((64, 3)) * 1j),
        "`activity` must hold real numbers, but holds complex128",
    ),
    "one axis": (ValueError, lambda: dimension(np.ones(64)), r"must have the axes \(time, neuron\).* but has shape \(64,\)"),
    "other axes": (
        ValueError,
        lambda: dimension(xr.DataArray(np.ones((64, 3)), dims=("time", "mode"))),
        r"must have the axes time and neuron, and may have trial and network, but has \(time, mode\)",
    ),
    "other quantity": (
        TypeError,
        lambda: dimension(xr.Dataset({"correlation": ("lag", np.ones(3))})),
        "but is a Dataset without trajectory, of correlation",
    ),
    "NaN": (ValueError, lambda: dimension(NAN), "must be finite, but is nan at network 0, trial 0, time 5, neuron 2"),
    "few samples": (ValueError, lambda: dimension(np.ones((9, 3))), "must have at least 16 samples in time of each trial"),
    "no neurons": (ValueError, lambda: dimension(np.ones((64, 0))), "must hold samples"),
    "activation": (TypeError, lambda: dimension(np.ones((64, 3)), activation="tanh"), "`activation` must be a function"),  # type: ignore[arg-type]
    "blocks": (ValueError, lambda: dimension(np.ones((64, 3)), blocks=40), "`blocks` must be at most 32, but is 40"),
    "not recorded": (
        ValueError,
        lambda: dimension(qd.solve(qd.RandomNetwork(0.5), NETWORKS)),
        "they were not recorded; give qd.simulate.Trajectories",
    ),
}


@pytest.mark.usefixtures("unchecked_types")
@pytest.mark.parametrize("name", REFUSED)
def test_bad_input_is_refused(name: str) -> None:
    kind, call, message = REFUSED[name]
    with pytest.raises(kind, match=message):
        call()


def test_recorded_networks_bring_their_rate() -> None:
    experiment = qd.simulate.Trajectories(8, 2, 24.0, 0.5, record=True)
    solution = qd.solve(qd.RandomNetwork(0.5, noise=1.0, activation=qd.Erf()), experiment)
    by_hand = dimension(solution["trajectory"], activation=qd.Erf(), throw=False)
    mine = dimension(solution, throw=False)
    for name in ("state_dimension", "rate_dimension", "state_dimension_error", "rate_dimension_error"):
        assert mine[name].item() == pytest.approx(by_hand[name].item(), rel=1e-12)
    assert mine.attrs["gain"] == 0.5
    assert mine.attrs["networks"] == 2
