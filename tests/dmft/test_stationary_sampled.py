"""Sampled stationary states against closed forms, a potential, finite networks, and their own error bars."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import integrate, optimize

import quenched as qd
from quenched.dmft import StationarySampled
from quenched.models import RandomNetwork

LAGS = (0.0, 1.0, 4.0)


def sampled(step: float = 0.25, window: float = 64.0, trajectories: int = 8, scramblings: int = 2, **options: Any) -> Any:
    options = {"lags": LAGS, "frequencies": (0.0, 0.5), "richardson": False, **options}
    return StationarySampled(step=step, window=window, trajectories=trajectories, scramblings=scramblings, **options)


def linear_correlation(gain: float, symmetry: float, noise: float) -> np.ndarray:
    """C(tau) of the linear network from R(s) = [(1+s) - sqrt((1+s)^2 - 4 eta g^2)] / (2 eta g^2), at LAGS."""

    def excess(frequency: float, lag: float) -> float:
        s = 1.0 + 1j * frequency
        memory = 2.0 * gain * np.sqrt(symmetry + 0j)
        # (s - sqrt)/(memory^2/2) = 2/(s + sqrt) has no cancellation; the branch that decays has a root like s.
        response = 2.0 / (s + np.sqrt(s - memory) * np.sqrt(s + memory))
        power = abs(response) ** 2
        free = 1.0 / (1.0 + frequency**2)
        return float((power / (1.0 - gain**2 * power) - free) * np.cos(frequency * lag))

    parts = [
        sum(integrate.quad(excess, *piece, args=(lag,), limit=500)[0] for piece in ((0, 2), (2, 20), (20, 400)))
        for lag in LAGS
    ]
    return noise**2 * (np.asarray(parts) / np.pi + 0.5 * np.exp(-np.asarray(LAGS)))


@pytest.mark.slow
@pytest.mark.parametrize("symmetry", [0.5, -0.5, 1.0])
def test_a_linear_network_is_its_closed_form_at_second_order(symmetry: float) -> None:
    model = RandomNetwork(0.35, symmetry, 0.8, activation=qd.Linear())
    exact = linear_correlation(0.35, symmetry, 0.8)
    coarse, fine = (qd.solve(model, sampled(step)) for step in (0.5, 0.25))
    errors = [solution.arrays["correlation"] - exact for solution in (coarse, fine)]
    # Nothing is left to chance: the noise is of exact power, and a linear neuron makes no other use of it.
    assert np.all(fine.arrays["correlation_error"] < 1e-8)
    order = np.log2(np.linalg.norm(errors[0]) / np.linalg.norm(errors[1]))
    assert 1.9 < order < 2.1
    # Removing step^2 leaves step^4 times the square of a coefficient of order one.
    np.testing.assert_allclose((4 * errors[1] - errors[0]) / 3, 0.0, atol=0.25**4 * np.abs(errors[1]).max() / 0.25**2)


@pytest.mark.parametrize(("gain", "symmetry"), [(0.35, 0.5), (1.5, -0.5), (0.46, 1.0)])
def test_the_error_of_a_linear_network_contains_step_and_window(gain: float, symmetry: float) -> None:
    """Nothing is left to chance. The second oscillates at a rate of 2; of the last 0.4 % have not decayed in the window."""
    model, lags, waves = RandomNetwork(gain, symmetry, 0.8, activation=qd.Linear()), (0.0, 1.0, 4.0, 16.0), (0.0, 0.5, 2.0)
    exact = qd.solve(model, qd.dmft.StationaryLinear(lags, waves)).arrays
    np.testing.assert_allclose(exact["correlation"][:3], linear_correlation(gain, symmetry, 0.8), rtol=1e-5)
    found = qd.solve(model, sampled(lags=lags, frequencies=waves, richardson=True)).arrays
    for name in ("correlation", "state_correlation", "response", "state_response", "power_spectrum", "kinetic_energy"):
        off, error = np.abs(found[name] - exact[name]), found[f"{name}_error"]
        assert np.all(off <= error + 1e-9), (name, off / error)
        if gain == 0.35:
            # And is a third of what was extrapolated, without which it would be wrong.
            changed = np.max(np.abs(found[f"{name}_discretisation"]))
            assert np.all(error <= 0.3 * changed)
            assert np.max(np.abs(found[name] - found[f"{name}_discretisation"] - exact[name])) > 0.9 * changed


def impulse(scheme: str, memory: float, step: float, count: int) -> np.ndarray:
    """The response of a linear neuron with memory g^2 eta R, by its recursion in time."""
    leak = 1.0 - step if scheme == "euler" else np.exp(-step)
    level, slope = 1.0 - leak, (step - 1.0 + np.exp(-step)) / step
    now, before = (step, 0.0) if scheme == "euler" else (level + slope, -slope)
    y, force = np.zeros(count + 1), np.zeros(count + 1)
    y[1 if scheme == "euler" else 0] = 1.0
    for n in range(count):
        past = y[n::-1].copy()
        if scheme == "euler":
            force[n] = memory * step * np.dot(y[1 : n + 1], past[1:])
        elif n:
            # Trapezoidal from the kick to now.
            terms = y[: n + 1] * past
            force[n] = memory * step * (terms.sum() - 0.5 * (terms[0] + terms[-1]))
        y[n + 1] += leak * y[n] + now * force[n] + before * (force[n - 1] if n else 0.0)
    return y


@pytest.mark.parametrize("scheme", ["euler", "extrapolated"])
def test_the_linear_response_is_that_of_the_scheme_step_by_step(scheme: str) -> None:
    for symmetry in (0.5, -1.0):
        solution = qd.solve(RandomNetwork(0.4, symmetry, 1.0, activation=qd.Linear()), sampled(scheme=scheme))
        exact = impulse(scheme, 0.4**2 * symmetry, 0.25, 16)[[0, 4, 16]]
        np.testing.assert_allclose(solution.arrays["response"], exact, rtol=1e-8, atol=1e-12)
        np.testing.assert_allclose(solution.arrays["state_response"], exact, rtol=1e-8, atol=1e-12)


def potential_variance(gain: float, noise: float) -> float:
    """Delta_0 of tanh at symmetry 0: the solution comes to rest at Delta = 0 after starting with slope -noise^2/2."""
    z, weights = np.polynomial.hermite_e.hermegauss(120)
    weights = weights / weights.sum()

    def energy(variance: float) -> float:
        integral = np.log(np.cosh(np.sqrt(variance) * z))
        return float(-0.5 * variance**2 + gain**2 * (weights @ integral**2 - (weights @ integral) ** 2) + noise**4 / 8)

    return float(optimize.brentq(energy, 1e-3 + noise**2 / 2, 5.0, xtol=1e-13))


@pytest.mark.parametrize("noise", [0.0, 0.5])
def test_symmetry_zero_is_the_potential_method_without_sampling_error(noise: float) -> None:
    exact = potential_variance(2.0, noise)
    coarse, fine = (qd.solve(RandomNetwork(2.0, 0.0, noise), sampled(step)) for step in (0.5, 0.25))
    of_window = fine.arrays["mean_square_state"] * fine.arrays["undecayed"] ** 2
    assert fine.arrays["mean_square_state_error"] < 1.001 * of_window + 1e-9
    errors = [float(solution.arrays["mean_square_state"]) - exact for solution in (coarse, fine)]
    assert 1.8 < np.log2(errors[0] / errors[1]) < 2.2
    assert abs(4 * errors[1] - errors[0]) / 3 < 0.1 * abs(errors[1])


def test_below_the_transition_without_noise_the_network_rests() -> None:
    solution = qd.solve(RandomNetwork(0.6, 0.5), sampled())
    for name in ("correlation", "state_correlation", "mean_state", "kinetic_energy", "power_spectrum"):
        assert np.all(solution.arrays[name] == 0.0), name
    # A neuron at rest is linear with slope 1.
    linear = qd.solve(RandomNetwork(0.6, 0.5, 1.0, activation=qd.Linear()), sampled())
    np.testing.assert_allclose(solution.arrays["response"], linear.arrays["response"], rtol=1e-9)


def test_a_linear_network_above_its_transition_has_no_stationary_state() -> None:
    for noise in (0.5, 0.0):
        model = RandomNetwork(0.9, 0.5, noise, activation=qd.Linear())
        solution = qd.solve(model, sampled(), throw=False)
        assert solution.status == qd.Status.diverged


def test_a_window_that_the_correlation_outlives_is_not_solved() -> None:
    solution = qd.solve(RandomNetwork(0.8, 0.5, 0.1), sampled(), throw=False)
    assert solution.status != qd.Status.solved
    assert solution.arrays["undecayed"] > 0.05


@pytest.mark.slow
def test_what_is_left_in_the_window_bounds_what_the_window_changes() -> None:
    model = RandomNetwork(1.5)
    long, short = (qd.solve(model, sampled(window=window), throw=False) for window in (128.0, 64.0))
    left = float(short.arrays["undecayed"])
    assert short.status != qd.Status.solved
    assert long.status == qd.Status.solved
    before, after = (np.asarray(solution.arrays["correlation"]) for solution in (short, long))
    moved = np.abs(before - after) / after[0]
    assert 0.0 < moved[0] < left**2
    assert np.all(moved < left / 8)


@pytest.mark.slow
def test_kinked_slopes_settle_as_far_as_they_can() -> None:
    solution = qd.solve(RandomNetwork(0.8, -0.5, 0.3, 0.3, qd.ReLU()), sampled())
    assert solution.residual < 1e-3


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        ({"lags": (0.0, 0.3)}, r"`lags` must be whole multiples of `step` = 0.25"),
        ({"lags": (0.0, 20.0)}, r"`lags` must be at most window/4 = 16"),
        ({"lags": (1.0, 0.0)}, r"`lags` must be increasing"),
        ({"frequencies": (20.0,)}, r"`frequencies` must be at most pi/step"),
        ({"step": 2.0}, r"`step` must be"),
        ({"window": 64.1}, r"`window` must be"),
        ({"window": 64.25}, r"`window` must be an even multiple"),
        ({"trajectories": 4}, r"`trajectories` must be at least 8"),
        ({"scramblings": 1}, r"`scramblings` must be at least 2"),
        ({"scheme": "euller"}, r"Did you mean 'euler'"),
    ],
)
def test_bad_arguments_are_refused(wrong: dict[str, Any], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        sampled(**wrong)


def test_models_that_it_does_not_cover_are_refused() -> None:
    with pytest.raises(ValueError, match="slope jumps at 0"):
        qd.solve(RandomNetwork(0.5, 0.5, activation=qd.ReLU()), sampled())
    with pytest.raises(ValueError, match=r"must be a number for dmft\.Stationary"):
        qd.solve(RandomNetwork(0.5, 0.5, field=lambda time: 0.1 * time), sampled())


@pytest.mark.slow
def test_the_truth_lies_within_two_errors_as_often_as_student_says() -> None:
    model = RandomNetwork(0.6, 0.5, 0.5)
    lags = (0.0, 0.5, 1.0, 2.0, 4.0)
    truth = qd.solve(model, sampled(trajectories=128, scramblings=64, lags=lags), key=1000).arrays
    names = ("correlation", "state_correlation", "response", "state_response", "mean_square_state", "kinetic_energy")
    inside: list[bool] = []
    for key in range(40):
        arrays = qd.solve(model, sampled(trajectories=32, scramblings=10, lags=lags), key=key).arrays
        for name in names:
            # The response of the state to a kick begins at 1 whatever the sample.
            spread = np.hypot(arrays[f"{name}_error"], truth[f"{name}_error"])
            inside += np.atleast_1d(np.abs(arrays[name] - truth[name]) < 2.0 * spread)[spread.ravel() > 1e-12].tolist()
    assert 0.90 <= np.mean(inside) <= 0.99


@pytest.mark.slow
def test_finite_networks_tend_to_it() -> None:
    model = RandomNetwork(0.5, 0.5, 0.5)
    names = ("mean_square_rate", "mean_square_state", "kinetic_energy")
    theory = qd.solve(model, sampled(step=0.125, trajectories=64, scramblings=8)).arrays
    sizes, networks = np.array([200, 400, 800]), (96, 48, 24)
    runs = [
        qd.solve(model, qd.simulate.Trajectories(int(size), count, 60.0, 0.05, burn_in=15.0), key=3).arrays
        for size, count in zip(sizes, networks, strict=True)
    ]
    for name in names:
        values, errors = (np.array([float(run[key]) for run in runs]) for key in (name, f"{name}_error"))
        design = np.stack([np.ones(3), 1.0 / sizes], axis=1) / errors[:, None]
        covariance = np.linalg.inv(design.T @ design)
        limit = (covariance @ design.T @ (values / errors))[0]
        # The steps, 0.125 and 0.05, change both by less than 1e-3 of the value.
        assert abs(limit - theory[name]) < 3.0 * np.sqrt(covariance[0, 0]) + 1e-3 * theory[name], name
        assert np.sqrt(covariance[0, 0]) < 0.01 * theory[name]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("gain", "symmetry", "noise", "schemes"),
    [
        (0.5, 0.5, 0.5, ("second_order", "extrapolated")),
        (1.2, -0.5, 0.5, ("second_order", "extrapolated")),
        (0.7, 1.0, 1.0, ("euler", "euler")),
    ],
)
def test_the_two_time_equations_tend_to_it_in_the_same_scheme(
    gain: float, symmetry: float, noise: float, schemes: tuple[str, str]
) -> None:
    model, lags = RandomNetwork(gain, symmetry, noise), (0.0, 1.0, 2.0, 4.0)
    moving = qd.solve(model, qd.dmft.TwoTime(12.0, 0.25, scheme=schemes[0]), solver=qd.dmft.Population(512)).arrays
    theory = sampled(trajectories=32, scramblings=10, lags=lags, scheme=schemes[1])
    still = qd.solve(model, theory).arrays
    ago = 48 - np.rint(np.asarray(lags) / 0.25).astype(int)
    off = []
    for name in ("correlation", "state_correlation", "response", "state_response"):
        error = np.hypot(moving[f"{name}_error"][48, ago], still[f"{name}_error"])
        off.append((moving[name][48, ago] - still[name]) / error)
    # Lags share their samples: 16 numbers, of which some 8 are independent. What is left of the start is e^-12.
    assert np.max(np.abs(off)) < 4.0
    assert np.sqrt(np.mean(np.square(off))) < 1.8


@pytest.mark.slow
def test_the_error_of_a_nonlinear_network_contains_the_step() -> None:
    """Chaotic, with negative symmetry. The step is four times the truth's, and the random numbers are others."""
    model = RandomNetwork(3.0, -0.3, 0.4)
    truth = qd.solve(model, sampled(0.125, trajectories=128, scramblings=16, richardson=True), key=1000).arrays
    few: dict[str, Any] = {"trajectories": 32, "scramblings": 6}
    names = ("correlation", "state_correlation", "response", "mean_square_state", "kinetic_energy")
    covered = {}
    for richardson in (True, False):
        inside: list[bool] = []
        for key in range(10):
            found = qd.solve(model, sampled(0.5, richardson=richardson, **few), key=key, throw=False).arrays
            for name in names:
                spread = np.hypot(found[f"{name}_error"], truth[f"{name}_error"])
                inside += np.atleast_1d(np.abs(found[name] - truth[name]) < 2.0 * spread).tolist()
        covered[richardson] = np.mean(inside)
    # Of Student's t with 5 degrees of freedom, 90 % lies within two errors.
    assert covered[True] >= 0.88
    assert covered[False] < 0.6


@pytest.mark.slow
@pytest.mark.parametrize(
    ("scheme", "order", "model", "longest"),
    [("second_order", 2.0, RandomNetwork(3.0, -0.3, 0.4), 0.25), ("euler", 1.0, RandomNetwork(1.2, -0.5, 0.5), 0.125)],
)
def test_what_is_extrapolated_is_of_the_order_of_the_scheme(
    scheme: str, order: float, model: RandomNetwork, longest: float
) -> None:
    """The memory and all: both steps have the same random numbers, so that few samples tell."""
    few: dict[str, Any] = {"window": 32.0, "trajectories": 32, "scramblings": 4, "scheme": scheme, "richardson": True}
    steps = [qd.solve(model, sampled(longest / part, **few), throw=False).arrays for part in (1, 2, 4)]
    for name in ("mean_square_rate", "mean_square_state", "kinetic_energy"):
        changed = [float(arrays[f"{name}_discretisation"]) for arrays in steps]
        assert np.log2(changed[0] / changed[1]) == pytest.approx(order, abs=0.3), name
        assert np.log2(changed[1] / changed[2]) == pytest.approx(order, abs=0.2), name
