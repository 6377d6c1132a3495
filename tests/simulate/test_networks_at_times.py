"""`qd.simulate.Trajectories(times=...)`: correlation and response of finite networks, against exact cases and theory."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import quenched as qd
from quenched.models.populations import OverNeurons
from quenched.simulate.integrate import run
from quenched.simulate.two_times import two_times
from quenched.solve import _samples_compiled

ASKED = [0.0, 0.5, 1.0, 3.0]


def networks(size: int, networks: int, duration: float, step: float = 0.1, **options: Any) -> qd.simulate.Trajectories:
    return qd.simulate.Trajectories(size, networks, duration, step, **options)


# One network.


def advanced(weights: np.ndarray, x: np.ndarray, steps: int, step: float, scheme: str) -> np.ndarray:
    """tanh neurons, as written in a textbook."""

    def velocity(x: np.ndarray) -> np.ndarray:
        return -x + weights @ np.tanh(x)

    for _ in range(steps):
        ahead = x + step * velocity(x)
        x = ahead if scheme == "euler" else x + 0.5 * step * (velocity(x) + velocity(ahead))
    return x


@pytest.mark.parametrize("scheme", ["euler", "second_order"])
def test_tangents_are_small_differences_of_two_runs(scheme: str) -> None:
    size, step, outputs, small = 7, 0.2, (1, 4, 9), 1e-5
    random = np.random.default_rng(2)
    weights, start = random.normal(size=(size, size)), random.normal(size=size)
    signs = np.where(random.normal(size=(3, 1, size)) > 0.0, 1.0, -1.0)
    kinds: dict[str, Any] = {"step": step, "noise": 0.0, "scheme": scheme, "key": jax.random.key(0)}
    with jax.enable_x64(True):
        network, state = qd.Network(weights), jnp.asarray(start)[None]
        advance = partial(run, network, state, **kinds)
        states, found = two_times(
            network, state, outputs, OverNeurons((1.0,), size), jnp.asarray(signs), scheme == "euler", advance
        )
    of_state, of_rate = np.zeros((3, 3)), np.zeros((3, 3))
    for column, since in enumerate(outputs):
        kick = small * signs[column, 0]
        x = advanced(weights, start, since, step, scheme)
        np.testing.assert_allclose(states[column, 0], x, rtol=1e-12)
        for row in range(column, 3):
            ahead = outputs[row] - since
            if scheme == "euler":
                # A field over one step, divided by it.
                if ahead == 0:
                    continue
                after = advanced(weights, x, 1, step, scheme)
                ends = [advanced(weights, after + way * kick, ahead - 1, step, scheme) for way in (1, -1)]
            else:
                ends = [advanced(weights, x + way * kick, ahead, step, scheme) for way in (1, -1)]
            of_state[row, column] = np.mean(signs[column, 0] * (ends[0] - ends[1])) / (2 * small)
            of_rate[row, column] = np.mean(signs[column, 0] * (np.tanh(ends[0]) - np.tanh(ends[1]))) / (2 * small)
    np.testing.assert_allclose(found["state_response"], of_state, atol=1e-8)
    np.testing.assert_allclose(found["response"], of_rate, atol=1e-8)


@pytest.mark.parametrize("scheme", ["euler", "second_order"])
def test_without_couplings_a_kick_decays_as_a_step_does(scheme: str) -> None:
    found = qd.solve(qd.RandomNetwork(0.0, noise=0.5), networks(40, 3, 3.0, scheme=scheme, times=ASKED, response=True))
    lag = np.subtract.outer(np.array([0, 5, 10, 30]), np.array([0, 5, 10, 30]))
    if scheme == "euler":
        exact = np.where(lag > 0, 0.9 ** (lag - 1.0), 0.0)
    else:
        exact = np.where(lag >= 0, (1.0 - 0.1 + 0.1**2 / 2) ** np.maximum(lag, 0), 0.0)
    np.testing.assert_allclose(found["state_response"], exact, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(found["state_response_error"], 0.0, atol=1e-14)
    # No neuron knows of another: R = R_x <phi'(x(t))>, and <phi'> = 1 - <phi^2>.
    slope = 1.0 - found["mean_square_rate"].values
    np.testing.assert_allclose(found["response"], exact * slope[:, None], rtol=1e-10, atol=1e-14)


def test_what_is_returned_goes_together() -> None:
    """At equal times a correlation is a mean square; it is symmetric; a run without `times` finds the same at its end."""
    found = qd.solve(qd.RandomNetwork(1.5, 0.3), networks(12, 3, 4.0, times=[0.0, 2.5, 3.9], trials=2), key=5)
    for pair, square in (("correlation", "mean_square_rate"), ("state_correlation", "mean_square_state")):
        np.testing.assert_allclose(np.diag(found[pair]), found[square], rtol=1e-12)
        np.testing.assert_allclose(found[pair], found[pair].values.T, rtol=1e-12)
    assert found["correlation"].dims == ("time", "earlier_time")
    np.testing.assert_allclose(found["correlation"].earlier_time, [0.0, 2.5, 3.9])
    plain = qd.solve(qd.RandomNetwork(1.5, 0.3), networks(12, 3, 4.0, burn_in=3.9, trials=2), key=5)
    for name in ("mean_state", "mean_rate", "mean_square_state", "mean_square_rate", "kinetic_energy"):
        assert float(found[name][-1]) == pytest.approx(float(plain[name]), rel=1e-10)
        assert float(found[f"{name}_error"][-1]) == pytest.approx(float(plain[f"{name}_error"]), rel=1e-8)


def test_a_shorter_list_of_times_returns_the_same_numbers() -> None:
    model = qd.RandomNetwork(1.5, noise=0.4)
    many = qd.solve(model, networks(10, 2, 4.0, times=[0.0, 1.0, 2.0, 4.0]))
    few = qd.solve(model, networks(10, 2, 4.0, times=[1.0, 2.0]))
    np.testing.assert_allclose(few["correlation"], many["correlation"].values[1:3, 1:3], rtol=1e-12)


def test_neurons_of_populations_are_averaged_apart() -> None:
    """Without couplings from one to another and back, each is an ensemble of its own."""
    couplings = qd.couplings.Blocks([0.5, 0.5], [[0.9, 0.0], [0.0, 0.0]])
    found = qd.solve(
        qd.RandomNetwork(couplings=couplings, activation=qd.Linear()), networks(200, 8, 3.0, times=ASKED, response=True)
    )
    assert found["response"].dims == ("population", "time", "earlier_time")
    assert found["mean_rate"].dims == ("population", "time")
    decay = (1.0 - 0.1 + 0.1**2 / 2) ** np.subtract.outer([0, 5, 10, 30], [0, 5, 10, 30])
    np.testing.assert_allclose(found["response"][1], np.tril(decay), rtol=1e-12)
    # The first feels its own kicks come back at random: not the same, and not far from it.
    apart = (found["response"][0].values - np.tril(decay))[np.tril_indices(4, -1)]
    error = found["response_error"][0].values[np.tril_indices(4, -1)]
    assert np.all(error > 0.0)
    assert np.max(np.abs(apart) / error) < 4.0


def test_states_of_several_variables_abundances_and_latents() -> None:
    tired = qd.solve(qd.RandomNetwork(1.2, unit=qd.units.Adaptive()), networks(10, 2, 2.0, times=[0.0, 1.9]))
    plain = qd.solve(qd.RandomNetwork(1.2, unit=qd.units.Adaptive()), networks(10, 2, 2.0, burn_in=1.9))
    assert float(tired["kinetic_energy"][-1]) == pytest.approx(float(plain["kinetic_energy"]), rel=1e-10)
    assert float(tired["state_correlation"][-1, -1]) == pytest.approx(float(plain["mean_square_state"]), rel=1e-10)
    species = qd.RandomNetwork(0.3, unit=qd.units.LotkaVolterra())
    times, late = networks(10, 2, 2.0, times=[0.0, 1.9]), networks(10, 2, 2.0, burn_in=1.9)
    alive = qd.solve(species, times)["surviving_fraction"]
    assert float(alive[-1]) == pytest.approx(float(qd.solve(species, late)["surviving_fraction"]), rel=1e-12)
    low = qd.RandomNetwork(couplings=qd.couplings.LowRank([[1.0, 0.5], [0.5, 1.0]]))
    found, at_end = qd.solve(low, times), qd.solve(low, late)
    assert found["latent"].dims == ("rank", "time")
    for name in ("latent", "mean_square_latent"):
        np.testing.assert_allclose(found[name][:, -1], at_end[name][:, -1], rtol=1e-10)


def test_another_key_is_no_other_program() -> None:
    model, experiment = qd.RandomNetwork(1.3), networks(9, 2, 1.0, times=[0.0, 1.0], response=True)
    qd.solve(model, experiment, key=0)
    before = len(_samples_compiled.programs)
    first, second = (qd.solve(model, experiment, key=seed)["response"].values for seed in (0, 1))
    assert len(_samples_compiled.programs) == before
    assert np.max(np.abs(first - second)) > 1e-3


# Many networks.


def limit(values: np.ndarray, errors: np.ndarray, sizes: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """To 1/N = 0 by a line through all sizes, weighted by their mean errors."""
    scale = np.sqrt(np.mean(errors.reshape(len(sizes), -1) ** 2, axis=1))
    design = np.stack([np.ones(len(sizes)), 1.0 / np.array(sizes)], axis=1) / scale[:, None]
    weights = (np.linalg.pinv(design) / scale)[0]
    return np.tensordot(weights, values, 1), np.sqrt(np.tensordot(weights**2, errors**2, 1))


def at_infinite_size(found: list[qd.Solution], sizes: list[int], name: str) -> tuple[np.ndarray, np.ndarray]:
    """Also where s is later than t, where responses are 0 without an error."""
    return limit(
        np.array([one[name].values for one in found]), np.array([one[f"{name}_error"].values for one in found]), sizes
    )


def deviations(found: list[qd.Solution], sizes: list[int], name: str, value: np.ndarray, error: np.ndarray) -> np.ndarray:
    """Of the limit from the theory, in errors of both; 0 where both are certain and agree."""
    of_networks, own = at_infinite_size(found, sizes, name)
    total = np.hypot(own, error)
    apart = of_networks - value
    np.testing.assert_allclose(apart[total < 1e-12], 0.0, atol=1e-10)
    return np.where(total < 1e-12, 0.0, apart / np.where(total < 1e-12, 1.0, total))


@pytest.mark.parametrize("scheme", ["euler", "second_order"])
def test_linear_networks_without_symmetry_tend_to_averages_that_are_not_sampled(scheme: str) -> None:
    # Heun's scheme and that of the theory leave different parts of order step^2, below the errors here.
    step, asked = (0.1, ASKED) if scheme == "euler" else (0.05, ASKED)
    model = qd.RandomNetwork(0.9, noise=0.5, activation=qd.Linear())
    theory = qd.solve(model, qd.dmft.TwoTime(3.0, step, scheme=scheme), solver=qd.dmft.Quadrature(richardson=False))
    sizes = [50, 100, 200]
    found = [
        qd.solve(model, networks(n, 12800 // n, 3.0, step, scheme=scheme, times=asked, response=True), key=n) for n in sizes
    ]
    rows = np.round(np.array(asked) / step).astype(int)
    for name in ("correlation", "state_correlation", "response", "state_response"):
        value = theory[name].values[np.ix_(rows, rows)]
        apart = deviations(found, sizes, name, value, np.zeros_like(value))
        assert np.max(np.abs(apart)) < 4.0, name
        error = at_infinite_size(found, sizes, name)[1]
        assert np.max(error) < 0.03 * np.max(value)
        assert np.max(error) > 1e-4


@pytest.mark.slow
def test_symmetric_networks_tend_to_theory_on_a_thinned_past() -> None:
    model, asked = qd.RandomNetwork(1.5, 1.0), [0.5, 1.0, 2.0, 5.0, 10.0, 20.0]
    theory = qd.solve(
        model,
        qd.dmft.TwoTime(20.0, 0.1, scheme="euler", times=asked),
        solver=qd.dmft.ThinnedPopulation(populations=16, knots=4),
    )
    sizes = [100, 200, 400]
    found = [
        qd.solve(model, networks(n, count, 20.0, scheme="euler", times=asked, response=True, trials=4), key=n)
        for n, count in zip(sizes, (256, 128, 96), strict=True)
    ]
    for name in ("correlation", "response", "mean_square_state", "kinetic_energy"):
        value, error = theory[name].values, theory[f"{name}_error"].values
        apart = deviations(found, sizes, name, value, error)
        assert np.max(np.abs(apart)) < 4.0, name
        assert np.max(at_infinite_size(found, sizes, name)[1]) < 0.015 * max(1.0, np.max(value))
    # The smallest are not in the limit.
    small = found[0]
    off = small["correlation"].values - at_infinite_size(found, sizes, "correlation")[0]
    assert np.max(np.abs(off) / small["correlation_error"].values) > 4.0


# What is refused.


@pytest.mark.usefixtures("unchecked_types")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"times": [0.0, 12.0]}, r"`times` must lie between 0 and the duration 10, but reaches from 0 to 12"),
        ({"times": [2.0, 1.0]}, r"`times` must rise, each later than the one before"),
        ({"times": [0.0, 0.25]}, r"`times` must be multiples of `step` = 0\.1, but contains 0\.25"),
        ({"times": 1}, r"`times` must be at least 2, but is 1"),
        ({"times": 8, "burn_in": 5.0}, r"`burn_in` must be left out with `times`, .*, but is 5; leave out early times"),
        ({"times": 8, "record": True}, r"`record` must be False with `times`, .*; leave out `times` for whole trajectories"),
        ({"times": 8, "richardson": True}, r"`richardson` must be False with `times`, .*; halve `step`"),
        ({"response": True}, r"`response` must be False without `times`, .*; try times=24"),
    ],
)
def test_arguments_that_do_not_go_together(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        networks(10, 2, 10.0, **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"unit": qd.units.Adaptive()}, r"`unit` must be qd.units.Leaky for the response .*, but is .*Adaptive"),
        ({"unit": qd.units.Leaky(time_constant=2.0)}, r"`time_constant` must be left out for the response"),
        ({"unit": qd.units.Leaky(self_coupling=0.5)}, r"`self_coupling` must be left out for the response"),
        ({"activation": qd.Activation(jnp.sign, breakpoints=(0.0,))}, r"`activation` must not jump for the response"),
    ],
)
def test_units_without_a_response_are_refused_by_name(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        qd.solve(qd.RandomNetwork(1.2, **options), networks(10, 2, 1.0, times=4, response=True))
    assert np.isfinite(float(qd.solve(qd.RandomNetwork(1.2, **options), networks(10, 2, 1.0, times=4))["mean_rate"][-1]))


def test_states_without_bound_are_named() -> None:
    with pytest.raises(qd.SolveError, match="diverged"):
        qd.solve(qd.RandomNetwork(4.0, activation=qd.Linear()), networks(20, 2, 400.0, times=5))


def test_memory_grows_with_times_trials_and_tangents() -> None:
    def needed(**options: Any) -> int:
        return networks(100, 2, 10.0, **options).bytes_measuring(qd.RandomNetwork(1.0), None)

    row = 8 * 100 * 3
    assert needed(trials=3, times=40) - needed(trials=3, times=20) >= 15 * row
    more = needed(trials=3, times=40, response=True) - needed(trials=3, times=40)
    assert more >= 2 * 30 * row
    with pytest.raises(MemoryError, match="lower `size`, `trials` or `duration`"):
        qd.solve(qd.RandomNetwork(1.0), networks(100, 2, 10.0, times=20, trials=10**8))


def test_the_result_says_what_its_errors_leave_out() -> None:
    found = qd.solve(qd.RandomNetwork(0.5), networks(10, 2, 1.0, times=[0.0, 1.0]))
    assert found.to_dataset().attrs["outside_errors"] == "the step, O(step^2); finite size, O(1/size)"
