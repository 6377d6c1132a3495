"""The dimension of theory: closed forms, two frequencies by hand, laws near the transition, networks along sizes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr
from scipy import integrate, linalg, optimize

import quenched as qd
from quenched.observables import dimension

NAMES = ("state_dimension", "rate_dimension")
NOISE = np.linspace(-10.0, 10.0, 801)
WEIGHTS = np.exp(-0.5 * NOISE**2) / np.sum(np.exp(-0.5 * NOISE**2))


def solved(model: qd.RandomNetwork, **options: Any) -> qd.Solution:
    return qd.solve(model, qd.dmft.Stationary(lags=(0.0,), frequencies=(0.0,)), **options)


def found(model: qd.RandomNetwork, solver: Any = None, throw: bool = True) -> tuple[np.ndarray, np.ndarray]:
    dataset = dimension(solved(model, solver=solver), throw=throw)
    return values_of(dataset)


def values_of(dataset: xr.Dataset) -> tuple[np.ndarray, np.ndarray]:
    return np.array([dataset[name].item() for name in NAMES]), np.array([dataset[f"{name}_error"].item() for name in NAMES])


def map_of(gain: float, **options: Any) -> qd.RandomNetwork:
    return qd.RandomNetwork(couplings=qd.couplings.Elliptic(gain), unit=qd.units.Discrete(**options))


@pytest.mark.parametrize("gain", [1.2, 3.0])
def test_map_has_its_closed_form(gain: float) -> None:
    def excess(variance: float) -> float:
        return gain**2 * float(WEIGHTS @ np.tanh(np.sqrt(variance) * NOISE) ** 2) - variance

    variance = optimize.brentq(excess, 1e-3, gain**2, xtol=1e-14)
    slope = WEIGHTS @ (1.0 - np.tanh(np.sqrt(variance) * NOISE) ** 2)
    rest = 1.0 - (gain * slope) ** 4
    values, errors = found(map_of(gain))
    assert np.all(np.abs(values - [rest / (1.0 + rest), rest]) < errors + 1e-9)
    assert np.all(errors < 0.05 * values)


def test_map_under_a_field_has_one_too() -> None:
    # What falls is over in one step, and around what is static of a neuron all is Gaussian.
    gain, noise, field = 2.0, 0.3, 0.8

    def around(static: float, whole: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Of neurons at each static part: the mean rate, its variance in time, and the mean slope."""
        rate = np.tanh(field + np.sqrt(static) * NOISE[:, None] + np.sqrt(whole - static) * NOISE)
        mean = rate @ WEIGHTS
        return mean, rate**2 @ WEIGHTS - mean**2, (1.0 - rate**2) @ WEIGHTS

    static, whole = 0.5, 2.0
    for _ in range(60):
        mean, variance, slope = around(static, whole)
        static, whole = gain**2 * (WEIGHTS @ mean**2), gain**2 * (WEIGHTS @ (mean**2 + variance)) + noise**2
    rest = 1.0 - (gain**2 * (WEIGHTS @ slope**2)) ** 2
    met, falls = WEIGHTS @ variance**2 / rest, whole - static
    exact = np.array([falls**2 / (falls**2 + gain**4 * met), (WEIGHTS @ variance) ** 2 / met])
    # As if static parts were only subtracted.
    alike = 1.0 - (gain * (WEIGHTS @ slope)) ** 4
    assert abs(alike / exact[1] - 1.0) > 0.1
    model = qd.RandomNetwork(couplings=qd.couplings.Elliptic(gain), noise=noise, field=field, unit=qd.units.Discrete())
    values, errors = found(model)
    assert np.all(np.abs(values - exact) < errors + 1e-6)


@pytest.mark.parametrize("gain", [0.3, 0.8, 0.99])
def test_linear_flow_has_its_closed_form(gain: float) -> None:
    kappa = np.sqrt(1.0 - gain**2)
    exact = 8.0 * kappa**3 / (3.0 - 2.0 * kappa + 4.0 * kappa**2 + 2.0 * kappa**3 + kappa**4)
    values, errors = found(qd.RandomNetwork(gain, noise=0.7, field=0.4, activation=qd.Linear()))
    np.testing.assert_allclose(values, exact, rtol=1e-9)
    assert np.all(errors < 1e-8 * exact)


def test_linear_networks_tend_to_it() -> None:
    # Their covariance obeys a Lyapunov equation: nothing is sampled but the couplings.
    gain, sizes, rng = 0.7, np.array([40, 80, 160]), np.random.default_rng(0)
    means, errors = [], []
    for size in sizes:
        each = []
        for _ in range(6400 // size):
            drift = gain * rng.normal(size=(size, size)) / np.sqrt(size) - np.eye(size)
            sigma = linalg.solve_continuous_lyapunov(drift, -np.eye(size))
            each.append(np.trace(sigma) ** 2 / np.sum(sigma**2) / size)
        means.append(np.mean(each))
        errors.append(np.std(each, ddof=1) / np.sqrt(len(each)))
    limit, error = extrapolated(sizes, np.array(means), np.array(errors))
    exact = found(qd.RandomNetwork(gain, noise=1.0, activation=qd.Linear()))[0][0]
    assert abs(limit - exact) < 3.0 * error
    assert error < 0.03 * exact


def extrapolated(sizes: np.ndarray, means: np.ndarray, errors: np.ndarray) -> tuple[float, float]:
    """To infinitely many neurons, by a straight line in 1/N."""
    powers = np.stack([np.ones(len(sizes)), 1.0 / sizes], axis=1) / errors[:, None]
    covariance = np.linalg.inv(powers.T @ powers)
    return float((covariance @ powers.T @ (means / errors))[0]), float(np.sqrt(covariance[0, 0]))


def by_hand(model: qd.RandomNetwork, reach: float, count: int) -> np.ndarray:
    """Both dimensions by a plain sum over a grid of two frequencies."""
    half = np.linspace(0.0, reach, count)
    solution = qd.solve(model, qd.dmft.Stationary(lags=(0.0,), frequencies=half))
    whole = np.concatenate([-half[:0:-1], half])
    state, rate = (
        np.concatenate([spectrum[:0:-1], spectrum])
        for spectrum in (solution[name].values for name in ("power_spectrum", "rate_spectrum"))
    )
    square = (float(model.gain) * solution["response"].values[0]) ** 2
    sent, share = state - float(model.noise) ** 2 / (1.0 + whole**2), ((half[1] - half[0]) / (2.0 * np.pi)) ** 2
    of_states = of_rates = 0.0
    for rows in np.array_split(np.arange(len(whole)), 32):
        turned = square / ((1.0 - 1j * whole[rows])[:, None] * (1.0 + 1j * whole))
        kernel = 1.0 / np.abs(1.0 - turned) ** 2
        of_rates += share * rate[rows] @ kernel @ rate
        of_states += share * sent[rows] @ kernel @ sent
        of_states += share * state[rows] @ (kernel * (1.0 - np.abs(turned) ** 2)) @ state
    variances = np.array([solution[name].item() for name in ("mean_square_state", "mean_square_rate")])
    return variances**2 / np.array([of_states, of_rates])


@pytest.mark.parametrize(("gain", "reach", "count"), [(1.05, 0.4, 3000), (1.5, 12.0, 1500), (10.0, 40.0, 2500)])
def test_one_integral_is_that_over_two_frequencies(gain: float, reach: float, count: int) -> None:
    values, errors = found(qd.RandomNetwork(gain))
    np.testing.assert_allclose(values, by_hand(qd.RandomNetwork(gain), reach, count), rtol=2e-5)
    assert np.all(errors < 1e-4 * values)


def test_cube_of_the_distance_to_the_transition() -> None:
    # Delta_0/cosh(kappa lag), kappa = (g - 1)/sqrt(3): the kernel is a ridge of width kappa^2 + w^2 along w = w'.
    ridge = integrate.quad(lambda s: np.cosh(0.5 * np.pi * s) ** -2 / (1.0 + s**2), -20.0, 20.0)[0]
    off = []
    for distance in (1e-2, 1e-3, 1e-4):
        values, errors = found(qd.RandomNetwork(1.0 + distance))
        assert np.all(errors < 1e-6 * values)
        off.append(np.abs(values / distance**3 / (4.0 / (3.0 * np.sqrt(3.0) * np.pi * ridge)) - 1.0))
    assert np.all(off[-1] < 1e-3)
    np.testing.assert_allclose(np.array(off)[:-1] / np.array(off)[1:], 10.0, rtol=0.1)


def test_ring_of_time_agrees_within_its_error() -> None:
    model = qd.RandomNetwork(1.6, noise=0.4)
    exact, _ = found(model)
    for window in (64.0, 128.0):
        values, errors = found(model, qd.dmft.Ring(window=window))
        assert np.all(np.abs(values - exact) < errors)
    assert np.all(errors < 1e-3 * exact)


def test_short_window_is_told() -> None:
    # Nothing lasts longer than a step but the kernel: (g <phi'>)^(2 lag), as far as four windows of 128 steps.
    for gain, status in ((1.2, qd.Status.solved), (1.1, qd.Status.imprecise)):
        solution = solved(map_of(gain))
        assert dimension(solution, throw=False).status == status
    with pytest.raises(
        qd.SolveError, match=r"imprecise: the error is more than a quarter of the value; solve with a longer"
    ):
        dimension(solution)
    # A window of 512 steps holds the kernel.
    longer, errors = found(map_of(1.1), qd.dmft.Ring(window=512.0))
    slope = qd.solve(map_of(1.1), qd.dmft.Stationary(lags=(0.0, 1.0)))["response"].values[1]
    rest = 1.0 - (1.1 * slope) ** 4
    assert np.all(np.abs(longer - [rest / (1.0 + rest), rest]) < errors)


@pytest.mark.slow
def test_two_halves_are_one_population() -> None:
    whole = qd.RandomNetwork(couplings=qd.couplings.Elliptic(1.4), noise=0.3, unit=qd.units.Discrete(leak=0.7))
    halves = qd.RandomNetwork(couplings=qd.couplings.Blocks([0.5, 0.5], 1.4), noise=0.3, unit=qd.units.Discrete(leak=0.7))
    for mine, theirs in zip(found(whole), found(halves), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-8)


def test_populations_that_do_not_meet() -> None:
    # Two networks side by side: traces add.
    apart = qd.RandomNetwork(
        couplings=qd.couplings.Blocks([0.25, 0.75], [[1.6 / 0.5, 0.0], [0.0, 2.5 / np.sqrt(0.75)]]), unit=qd.units.Discrete()
    )
    variances, squares = np.zeros(2), np.zeros(2)
    for fraction, gain in ((0.25, 1.6), (0.75, 2.5)):
        solution = solved(map_of(gain))
        one = fraction * np.array([solution[name].item() for name in ("mean_square_state", "mean_square_rate")])
        variances += one
        squares += one**2 / (fraction * values_of(dimension(solution))[0])
    np.testing.assert_allclose(found(apart)[0], variances**2 / squares, rtol=1e-5)


def test_state_that_is_the_rate_has_one_dimension() -> None:
    unit = qd.units.Reservoir(leak=0.6)
    values, _ = found(qd.RandomNetwork(couplings=qd.couplings.Elliptic(1.5), noise=0.1, unit=unit))
    assert values[0] == pytest.approx(values[1], rel=1e-9)
    # Without leak it is the map seen one step later: its rates are the states here.
    reservoir, _ = found(qd.RandomNetwork(couplings=qd.couplings.Elliptic(1.5), unit=qd.units.Reservoir()))
    assert reservoir[0] == pytest.approx(found(map_of(1.5))[0][1], rel=1e-6)


def test_silent_and_resting_networks_have_none() -> None:
    for model in (qd.RandomNetwork(0.5), map_of(0.5), qd.RandomNetwork(0.5, activation=qd.Linear())):
        dataset = dimension(solved(model))
        assert dataset.status == qd.Status.solved
        assert all(np.isnan(dataset[name]) for name in NAMES)
    quiescent = qd.solve(qd.RandomNetwork(2.0), qd.dmft.Stationary(), start="quiescent")
    assert np.isnan(dimension(quiescent).rate_dimension)


def test_lonely_neurons_fill_all_directions() -> None:
    # Neither states nor rates of neurons without couplings covary.
    for model in (qd.RandomNetwork(0.0, noise=1.0), qd.RandomNetwork(0.0, noise=1.0, field=0.7)):
        values, _ = found(model)
        # The field makes all neurons alike, and leaves nothing static that differs.
        np.testing.assert_allclose(values, 1.0, rtol=1e-3)


REFUSED: dict[str, tuple[Any, str]] = {
    "symmetry": (
        lambda: qd.solve(qd.RandomNetwork(0.4, 0.5, noise=1.0, activation=qd.Linear()), qd.dmft.Stationary()),
        "must be of couplings of symmetry 0",
    ),
    "rest": (lambda: qd.solve(qd.RandomNetwork(1.5), qd.dmft.Static()), r"but is one of dmft\.Static; simulate: "),
    "low rank": (
        lambda: qd.solve(
            qd.RandomNetwork(
                couplings=qd.couplings.Elliptic(0.5) + qd.couplings.LowRank([[1.0, 0.5], [0.5, 1.0]]), noise=0.5
            ),
            qd.dmft.Stationary(),
        ),
        "without a low-rank part",
    ),
    "redrawn": (
        lambda: qd.solve(
            qd.RandomNetwork(couplings=qd.couplings.Redrawn(qd.couplings.Elliptic(1.5)), unit=qd.units.Discrete()),
            qd.dmft.Stationary(),
        ),
        "of couplings that stay",
    ),
    "sinusoid": (
        lambda: qd.solve(qd.RandomNetwork(0.5, field=qd.Sinusoid(0.5, 1.0)), qd.dmft.Stationary()),
        "must not be under a sinusoid",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_solutions_that_are_not_covered_are_refused(name: str) -> None:
    make, message = REFUSED[name]
    with pytest.raises(ValueError, match=message):
        dimension(make())


def test_unsolved_and_unsuitable_arguments_are_refused() -> None:
    unsolved = qd.solve(qd.RandomNetwork(2.0, activation=qd.ReLU()), qd.dmft.Stationary(), throw=False)
    with pytest.raises(ValueError, match="must be solved, but its status is diverged"):
        dimension(unsolved)
    with pytest.raises(ValueError, match="`activation` must be left out with a Solution"):
        dimension(solved(qd.RandomNetwork(2.0)), activation=qd.Tanh())
    with pytest.raises(ValueError, match="`blocks` must be at least 8"):
        dimension(solved(qd.RandomNetwork(2.0)), blocks=4)


MAPS = {
    "map": qd.RandomNetwork(couplings=qd.couplings.Elliptic(3.0), unit=qd.units.Discrete()),
    "field and noise": qd.RandomNetwork(
        couplings=qd.couplings.Elliptic(2.5), noise=0.3, field=1.0, unit=qd.units.Discrete()
    ),
    "populations": qd.RandomNetwork(
        couplings=qd.couplings.Blocks([0.3, 0.7], [[0.5, 2.0], [1.5, 1.0]]), noise=(0.3, 0.6), unit=qd.units.Discrete()
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", MAPS)
def test_networks_tend_to_theory(name: str) -> None:
    sizes = np.array([100, 200, 400])
    along = []
    for size, networks in zip(sizes, (16, 12, 8), strict=True):
        runs = qd.simulate.Trajectories(int(size), networks, 1100.0, 1.0, burn_in=100.0, trials=4, record=True)
        along.append(values_of(dimension(qd.solve(MAPS[name], runs))))
    exact, _ = found(MAPS[name])
    for place in range(2):
        means, errors = (np.array([each[part][place] for each in along]) for part in (0, 1))
        limit, error = extrapolated(sizes, means, errors)
        assert abs(limit - exact[place]) < 3.0 * error
        assert error < 0.06 * exact[place]
