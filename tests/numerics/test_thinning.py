"""A past that is thinned: which times are kept, what becomes of integrals, and a glass whose energy is known."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from spherical_glass import BLOCK, energies

from quenched.numerics.thinning import NEVER, interpolating, kept, most_kept, thin


@pytest.fixture(autouse=True)
def _float64() -> Iterator[None]:
    with jax.enable_x64(True):
        yield


_kept, _thin = jax.jit(kept, static_argnums=2), jax.jit(thin, static_argnums=2)


def which(steps: int, knots: int, room: int = 5000) -> np.ndarray:
    """Times that are kept of so many; compiled for as many as there is room for."""
    times = np.arange(room)
    return times[np.asarray(_kept(np.where(times < steps, times, NEVER), steps, knots))]


@pytest.mark.parametrize("knots", [4, 5, 8])
@pytest.mark.parametrize("steps", [3, 100, 1000, 4321])
def test_gaps_are_a_share_of_the_age_and_of_the_time_since_the_start(steps: int, knots: int) -> None:
    times = which(steps, knots)
    early, late = times[:-1], times[1:]
    assert times[0] == 0
    assert times[-1] == steps - 1
    assert np.all(late - early <= np.maximum(1.0, np.minimum(steps - early, late) / knots))


@pytest.mark.parametrize("knots", [4, 5, 8])
def test_at_most_one_is_dropped_in_a_step_and_their_number_grows_as_the_logarithm(knots: int) -> None:
    counts = np.array([len(which(steps, knots)) for steps in range(400)])
    assert np.all(np.diff(counts) >= 0)
    numbers = np.array([len(which(1000 * 2**power, knots, 32000)) for power in range(6)])
    # One more octave on either side.
    assert np.all(np.abs(np.diff(numbers) - 2 * knots) <= knots)
    assert most_kept(32000, knots, BLOCK) == numbers[5] + BLOCK


def thinned_sum(weight: np.ndarray, knots: int) -> Callable[[Callable[[np.ndarray], np.ndarray]], float]:
    """sum_u f(u) weight(u) of functions f, by what is left of the past at its end."""
    steps = len(weight)
    room = most_kept(steps, knots, BLOCK)
    times, merged, count = np.full(room, NEVER), np.zeros(room), 0
    for now in range(steps):
        if now % BLOCK == 0:
            left = _thin(times, now, knots)
            times, merged, count = np.array(left.times), np.array(left.merging @ merged), int(left.there.sum())
        times[count], merged[count] = now, weight[now]
        count += 1
    return lambda function: float(function(times[:count].astype(float)) @ merged[:count])


def test_cubic_polynomials_are_summed_exactly_against_weights_as_rough_as_noise() -> None:
    times, weight = np.arange(700.0), np.random.default_rng(1).normal(size=700)
    found = thinned_sum(weight, 4)
    for power in range(4):
        exact = ((times / 700) ** power) @ weight
        assert abs(found(lambda u, power=power: (u / 700) ** power) - exact) < 1e-11  # type: ignore[misc]
    assert abs(found(lambda u: (u / 700) ** 8) - ((times / 700) ** 8) @ weight) > 1e-6


def test_power_laws_of_age_and_of_waiting_time_are_summed_with_an_error_of_fourth_order() -> None:
    times, weight = np.arange(700.0), np.ones(700)
    for law in (lambda u: (720.0 - u) ** -1.5, lambda u: 1.0 / (1.0 + u / 20.0)):
        errors = [abs(thinned_sum(weight, knots)(law) / (law(times) @ weight) - 1.0) for knots in (4, 8, 16)]
        # A factor of 16 each, as far as both ends have come to it.
        assert errors[0] < 5e-4
        assert errors[0] > 6 * errors[1] > 36 * errors[2]


def test_values_between_kept_times_are_those_of_the_cubic_polynomial() -> None:
    times = which(300, 4)
    points = np.arange(300)
    weights = np.asarray(interpolating(jnp.asarray(times), jnp.ones(len(times), bool), jnp.asarray(points)))
    cubic = [1.0, -2.0, 0.5, 3.0]
    np.testing.assert_allclose(weights @ np.polyval(cubic, times / 300), np.polyval(cubic, points / 300), atol=1e-12)


def full_energies(steps: int, step: float) -> np.ndarray:
    """The same glass on the square of all times, written down separately."""
    times = np.arange(steps + 1)
    correlation, response = (np.zeros((steps + 1, steps + 1)) for _ in range(2))
    found, before = np.zeros(steps + 1), np.zeros((2, 0))

    def over(begin: int, end: int) -> np.ndarray:
        ends = np.where((times == begin) | (times == end), 0.5, 1.0)
        return np.where((times >= begin) & (times <= end) & (end > begin), step * ends, 0.0)

    for now in range(steps + 1):
        correlation[now, now] = response[now, now] = 1.0
        correlation[:now, now] = correlation[now, :now]
        row, answer = correlation[now], response[now]
        pull = 4.5 * over(0, now) @ (row**2 * answer)
        found[now] = -pull / 3.0
        velocity = np.array(
            [
                (
                    -pull * row[s]
                    + 1.5 * over(0, s) @ (response[s] * row**2)
                    + 3.0 * over(0, now) @ (answer * row * correlation[:, s]),
                    -pull * answer[s] + 3.0 * over(s, now) @ (answer * row * response[:, s]),
                )
                for s in range(now + 1)
            ]
        ).T
        if now < steps:
            before = np.concatenate([before, velocity[:, -1:]], axis=1)
            ahead = np.stack([row, answer])[:, : now + 1] + step * (1.5 * velocity - 0.5 * before)
            correlation[now + 1, : now + 1], response[now + 1, : now + 1] = ahead
            before = velocity
    return found


def test_a_glass_is_that_of_the_square_of_all_times_to_fourth_order() -> None:
    exact = full_energies(160, 0.1)
    errors = [np.abs(energies(160, 0.1, knots) - exact).max() for knots in (4, 8, 80)]
    assert errors[0] < 3e-4
    assert errors[1] < errors[0] / 6
    assert errors[2] < 1e-13


def test_the_energy_of_a_quenched_glass_ages_towards_that_of_the_threshold() -> None:
    """E - E_th falls as t^(-2/3); what is left of it at infinite time tends to 0 along a series of times."""
    threshold = -np.sqrt(4.0 / 3.0)
    coarse, fine = energies(1000, 0.1, 8), energies(2000, 0.05, 8)[::2]
    above = (4.0 * fine - coarse) / 3.0 - threshold
    at = np.array([62, 125, 250, 500, 1000])
    ratio = 2.0 ** (-2.0 / 3.0)
    limits = above[at[1:]] - (above[at[:-1]] - above[at[1:]]) * ratio / (1.0 - ratio)
    # The next power is half as large or less at twice the time.
    assert np.all(np.abs(limits[1:]) < 0.55 * np.abs(limits[:-1]))
    assert abs(limits[-1]) < 5e-4
    assert above[1000] > 1.4e-2
