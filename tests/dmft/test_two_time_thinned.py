"""`qd.dmft.ThinnedPopulation`: exact cases, the whole past, finite networks, honest errors, and what it refuses."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import closed_forms as exact
import quenched as qd
from quenched.dmft.thinned import BLOCK
from quenched.dmft.two_time_thinned import TwoTimeThinned
from quenched.numerics.output_times import output_steps
from quenched.numerics.thinning import most_kept

QUENCH = qd.RandomNetwork(1.5, 1.0)


def few(**options: Any) -> qd.dmft.ThinnedPopulation:
    return qd.dmft.ThinnedPopulation(**{"trajectories": 256, "tangents": 64, "populations": 4} | options)


# Exact cases.


@pytest.mark.parametrize("scheme", ["euler", "second_order"])
@pytest.mark.parametrize(("symmetry", "field"), [(1.0, 0.0), (-0.7, 0.3), (0.0, 0.2)])
def test_linear_networks_without_noise_are_exact_where_nothing_is_dropped(
    symmetry: float, field: float, scheme: str
) -> None:
    gain, step, steps, start = 0.45, 0.1, 60, qd.Normal(0.3, 0.7)
    kernel, response = exact.linear_kernel(gain, symmetry, steps, scheme, step)
    correlation, _, mean = exact.two_time_recursion(
        exact.linear_pair, gain, 0.0, np.full(steps + 1, field), 0.3, 0.49, scheme, step, kernel
    )
    asked = np.array([0, 1, 2, 17, 33, 60])
    theory = qd.dmft.TwoTime(6.0, 0.1, initial=start, scheme=scheme, response=True, times=step * asked)
    model = qd.RandomNetwork(gain, symmetry, field=field, activation=qd.Linear())
    found = qd.solve(model, theory, solver=few(knots=64, tangents=2))
    np.testing.assert_allclose(found["response"].time, step * asked)
    np.testing.assert_allclose(found["response"], response[np.ix_(asked, asked)], atol=1e-13)
    # The part 1e-8 of the variance that is added where the past says it all.
    np.testing.assert_allclose(found["correlation"], correlation[np.ix_(asked, asked)], atol=2e-8)
    np.testing.assert_allclose(found["mean_rate"], mean[asked], atol=1e-8)


def test_where_decay_is_a_power_law_the_error_of_thinning_is_of_fourth_order() -> None:
    """A linear network at its transition, R = e^-t I_1(t)/(t/2) ~ t^(-3/2), against the same recursion on all times."""
    steps, asked = 320, np.array([0, 20, 40, 80, 160, 320])
    _, response = exact.linear_kernel(0.5, 1.0, steps, "second_order", 0.1)
    truth = response[np.ix_(asked, asked)]
    below = np.tril_indices(len(asked))
    model, errors = qd.RandomNetwork(0.5, 1.0, activation=qd.Linear()), []
    for knots in (4, 8):
        theory = qd.dmft.TwoTime(32.0, 0.1, times=0.1 * asked)
        found = qd.solve(model, theory, solver=few(knots=knots, tangents=2, populations=2))
        errors.append(np.max(np.abs(found["response"].values[below] / truth[below] - 1.0)))
    assert errors[0] < 5e-3
    assert errors[1] < errors[0] / 8
    # What the step leaves, of continuous time.
    lag = 0.1 * (asked[1:] - asked[0])
    np.testing.assert_allclose(truth[1:, 0], exact.linear_response(0.5, 1.0, lag), rtol=5e-3)


# Other ways to the same numbers.


def deviations(found: qd.Solution, other: qd.Solution, name: str) -> np.ndarray:
    """Of entries at the same times, in standard errors of both."""
    at = np.searchsorted(other[name].time.values, found[name].time.values - 1e-9)
    chosen = np.ix_(at, at) if found[name].ndim == 2 else (at,)
    error = np.hypot(found[f"{name}_error"].values, other[f"{name}_error"].values[chosen])
    apart = found[name].values - other[name].values[chosen]
    return apart[error > 1e-9] / error[error > 1e-9]


def test_without_symmetry_it_agrees_with_averages_that_are_not_sampled() -> None:
    model, asked = qd.RandomNetwork(1.6, noise=0.3), [0.0, 1.0, 3.0, 6.0, 9.0, 12.0]
    found = qd.solve(model, qd.dmft.TwoTime(12.0, 0.1, response=True, times=asked), solver=few(populations=16, knots=4))
    truth = qd.solve(model, qd.dmft.TwoTime(12.0, 0.1))
    for name in ("correlation", "response", "mean_square_state"):
        apart = deviations(found, truth, name)
        assert np.max(np.abs(apart)) < 4.5, name
    assert found["correlation_error"].max() < 0.02


def test_with_symmetry_it_agrees_with_the_whole_past() -> None:
    asked = [0.0, 0.5, 1.0, 2.0, 4.0, 8.0]
    found = qd.solve(QUENCH, qd.dmft.TwoTime(8.0, 0.1, times=asked), solver=few(populations=16, knots=4))
    truth = qd.solve(QUENCH, qd.dmft.TwoTime(8.0, 0.1), solver=qd.dmft.Population(1024, 256, 8))
    for name in ("correlation", "response", "kinetic_energy"):
        apart = deviations(found, truth, name)
        assert np.max(np.abs(apart)) < 4.5, name
    assert found["correlation_error"].max() < 0.03


@partial(jax.jit, static_argnames=("size", "steps"))
def rates_of(size: int, steps: int, step: float, key: Any) -> Any:
    """<phi(x(t)) phi(x(s))> of one network of this size, by Euler's scheme."""
    draw_key, start_key = jax.random.split(key)
    weights = QUENCH.couplings.draw(size, draw_key)

    def one(state: Any, _: Any) -> Any:
        return state + step * (weights @ jnp.tanh(state) - state), jnp.tanh(state)

    rates = jax.lax.scan(one, jax.random.normal(start_key, (size,)), None, steps + 1)[1]
    return rates @ rates.T / size


@pytest.mark.slow
def test_it_is_the_limit_of_large_networks() -> None:
    asked, steps = np.array([5, 10, 20, 50, 100, 200]), 200
    theory = qd.dmft.TwoTime(20.0, 0.1, scheme="euler", times=0.1 * asked)
    found = qd.solve(QUENCH, theory, solver=qd.dmft.ThinnedPopulation(populations=16, knots=4))
    sizes, counts = np.array([100, 200, 400]), (256, 128, 96)
    means, errors = [], []
    for size, count in zip(sizes, counts, strict=True):
        keys = jax.random.split(jax.random.key(int(size)), count)
        with jax.enable_x64(True):
            each = np.array([rates_of(int(size), steps, 0.1, key)[np.ix_(asked, asked)] for key in keys])
        means.append(each.mean(axis=0))
        errors.append(each.std(axis=0, ddof=1) / np.sqrt(count))
    limit, error = extrapolated(sizes, np.array(means), np.array(errors))
    apart = (found["correlation"].values - limit) / np.hypot(found["correlation_error"].values, error)
    assert np.max(np.abs(apart)) < 4.0
    assert np.max(error) < 0.015
    assert found["correlation_error"].max() < 0.015
    # The smallest are not in the limit.
    assert np.max(np.abs(means[0] - limit) / errors[0]) > 4.0


def extrapolated(sizes: np.ndarray, values: np.ndarray, errors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """To 1/N = 0 by a line through all sizes, weighted by their mean errors."""
    scale = np.sqrt(np.mean(errors.reshape(len(sizes), -1) ** 2, axis=1))
    design = np.stack([np.ones(len(sizes)), 1.0 / sizes], axis=1) / scale[:, None]
    weights = (np.linalg.pinv(design) / scale)[0]
    return np.tensordot(weights, values, 1), np.sqrt(np.tensordot(weights**2, errors**2, 1))


@pytest.mark.slow
def test_errors_are_those_of_solutions_from_other_random_numbers() -> None:
    theory, solver = qd.dmft.TwoTime(10.0, 0.1, times=[2.0, 5.0, 10.0]), few(knots=4, populations=4)
    every = [qd.solve(QUENCH, theory, solver=solver, key=seed) for seed in range(32)]
    for name in ("correlation", "response"):
        spread = np.std([one[name].values for one in every], axis=0, ddof=1)
        claimed = np.sqrt(np.mean([one[f"{name}_error"].values ** 2 for one in every], axis=0))
        below = np.tril_indices(3)
        # 32 solutions know their spread to 13 %.
        np.testing.assert_allclose(claimed[below] / spread[below], 1.0, atol=0.4)


# What is refused, and what is chosen.


@pytest.mark.usefixtures("unchecked_types")
@pytest.mark.parametrize(
    ("times", "message"),
    [
        (1, r"`times` must be at least 2, but is 1"),
        ([], r"`times` must name at least one time, but is empty"),
        ([0.0, 12.0], r"`times` must lie between 0 and the duration 10, but reaches from 0 to 12"),
        ([-1.0, 2.0], r"`times` must lie between 0 and the duration 10, but reaches from -1 to 2"),
        ([2.0, 1.0], r"`times` must rise, each later than the one before"),
        ([1.0, 1.0], r"`times` must rise"),
        ([0.0, 0.25], r"`times` must be multiples of `step` = 0\.1, but contains 0\.25"),
    ],
)
def test_times_that_are_refused(times: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        qd.dmft.TwoTime(10.0, 0.1, times=times)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"knots": 3}, r"`knots` must be at least 4, but is 3"),
        ({"tangents": 512}, r"`tangents` must be at most the 256 trajectories, but is 512"),
        ({"populations": 1}, r"`populations` must be at least 2, but is 1"),
        ({"memory_limit": 0.0}, r"`memory_limit` must be a finite number greater than 0, but is 0"),
    ],
)
def test_numbers_that_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        few(**options)


def test_what_it_does_not_cover_is_refused_by_name() -> None:
    theory = qd.dmft.TwoTime(10.0, 0.1, times=8)
    for model, message in (
        (qd.RandomNetwork(1.5, 1.0, unit=qd.units.Leaky(time_constant=2.0)), "`time_constant` must be left out"),
        (qd.RandomNetwork(couplings=qd.couplings.Elliptic(1.5, mean=1.0)), "`mean` must be left out"),
        (
            qd.RandomNetwork(1.5, 1.0, activation=qd.Activation(jnp.sign, breakpoints=(0.0,))),
            "the response of a trajectory is a delta function where it passes the jump",
        ),
    ):
        with pytest.raises(ValueError, match=message):
            qd.solve(model, theory, solver=few())
    with pytest.raises(ValueError, match="`perturbation` must be False with a ThinnedPopulation"):
        qd.solve(QUENCH, qd.dmft.TwoTime(10.0, 0.1, perturbation=True), solver=few())
    with pytest.raises(ValueError, match="`times` must be left out with a Population, which returns every step"):
        qd.solve(QUENCH, theory, solver=qd.dmft.Population())


def test_too_few_trajectories_and_too_much_memory_are_refused_before_any_work() -> None:
    theory = qd.dmft.TwoTime(1000.0, 0.1)
    with pytest.raises(
        ValueError, match=r"`trajectories` must be at least \d+ for \d+ times that are kept at once, but is 64"
    ):
        qd.solve(QUENCH, theory, solver=qd.dmft.ThinnedPopulation(trajectories=64))
    with pytest.raises(ValueError, match=r"`memory_limit` must allow 0\.\d+ GiB for 10000 steps .*, but is 0\.1"):
        qd.solve(QUENCH, theory, solver=qd.dmft.ThinnedPopulation(memory_limit=0.1))


def test_memory_grows_as_the_logarithm_of_the_duration() -> None:
    def needed(duration: float) -> int:
        way = qd.dmft.TwoTime(duration, 0.1).choose([QUENCH], qd.dmft.ThinnedPopulation())
        assert isinstance(way, TwoTimeThinned)
        return way.bytes_per_sample(None)

    assert needed(10000.0) < 2.2 * needed(1000.0) < 2**31
    assert most_kept(100_000, 8, BLOCK) < 1.5 * most_kept(10_000, 8, BLOCK)


def test_times_choose_the_solver_and_are_evenly_spaced_in_their_logarithm() -> None:
    way = qd.dmft.TwoTime(1000.0, 0.1, times=30).choose([QUENCH])
    assert isinstance(way, TwoTimeThinned)
    assert way.trajectories == 1024
    assert way.tangents == 256
    steps = np.array(output_steps(30, 10_000, 0.1))
    assert (steps[0], steps[1], steps[-1]) == (0, 1, 10_000)
    late = steps[steps > 50]
    np.testing.assert_allclose(late[1:] / late[:-1], 10_000 ** (1 / 28), rtol=0.02)
    assert output_steps((0.0, 0.3, 2.0), 20, 0.1) == (0, 3, 20)
