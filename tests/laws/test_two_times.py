"""Two-time DMFT: exact cases, laws, honest errors, finite networks."""

from __future__ import annotations

from functools import cache
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

import closed_forms as exact
import quenched as qd
from quenched.dmft.two_time_solvers import extrapolates

STEP, STEPS = 0.1, 20
START = qd.Normal(0.3, 0.7)
LOWER = np.tril_indices(STEPS + 1)
SCHEMES = ("euler", "second_order")

# gain, symmetry, noise, field
LINEAR = [(0.5, 0.5, 0.6, 0.2), (0.4, 1.0, 0.3, 0.0), (0.9, -0.7, 0.6, -0.3), (1.4, -1.0, 0.2, 0.1), (0.7, 0.0, 0.5, 0.2)]


def linear_model(gain: float, symmetry: float, noise: float, field: float) -> qd.RandomNetwork:
    return qd.RandomNetwork(gain, symmetry, noise, field, qd.Linear())


def linear_truth(point: tuple[float, ...], scheme: str, start: qd.Normal = START) -> dict[str, np.ndarray]:
    gain, symmetry, noise, field = point
    kernel, response = exact.linear_kernel(gain, symmetry, STEPS, scheme, STEP)
    correlation, state_correlation, mean = exact.two_time_recursion(
        exact.linear_pair,
        gain,
        noise,
        np.full(STEPS + 1, field),
        float(start.mean),
        float(start.std) ** 2,
        scheme,
        STEP,
        kernel,
    )
    arrays = {"correlation": correlation, "state_correlation": state_correlation, "mean_state": mean, "mean_rate": mean}
    arrays |= {"response": response, "state_response": response, "mean_square_state": np.diag(state_correlation)}
    return arrays


def sampled(scheme: str, start: qd.Normal = START, **options: Any) -> dict[str, Any]:
    """Theory and solver. More than twice as many trajectories as dimensions: second moments of the draws are exact."""
    given = {"trajectories": 128, "tangents": 64, "scramblings": 2} | options
    theory = qd.dmft.TwoTime(STEPS * STEP, STEP, initial=start, scheme=scheme, response=True)
    return {"theory": theory, "solver": qd.dmft.Population(**given)}


# Exact cases.


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("point", LINEAR, ids=str)
def test_linear_networks_are_exact(point: tuple[float, ...], scheme: str) -> None:
    """Averages of products have no sampling error, and those are all that a linear network has."""
    found = qd.solve(linear_model(*point), **sampled(scheme), key=3).arrays
    for name, truth in linear_truth(point, scheme).items():
        # Rounding, multiplied along twenty steps and by the condition of the Cholesky factor.
        np.testing.assert_allclose(found[name], truth, atol=1e-11 * np.max(np.abs(truth)), err_msg=name)


@pytest.mark.parametrize("symmetry", [-0.5, 0.5])
def test_eulers_scheme_is_that_of_finite_networks_along_sizes(symmetry: float) -> None:
    """Without any field theory: powers of the matrices of finite networks, extrapolated in 1/N."""
    gain, noise, variance = 0.6, 0.5, 0.8
    start = qd.Normal(0.0, np.sqrt(variance))
    theory = qd.solve(linear_model(gain, symmetry, noise, 0.0), **sampled("euler", start)).arrays
    sizes, draws = np.array([50, 100, 200]), (16, 12, 8)
    measured, errors = [], []
    for size, count in zip(sizes, draws, strict=True):
        networks = np.array(
            [
                exact.linear_network(gain, symmetry, noise, variance, STEPS, STEP, int(size), 100 * int(size) + seed)
                for seed in range(count)
            ]
        )
        measured.append(networks.mean(axis=0))
        errors.append(networks.std(axis=0, ddof=1) / np.sqrt(count))
    limit, error = extrapolate(sizes, np.array(measured), np.array(errors))
    for found, spread, truth in zip(limit, error, (theory["correlation"], theory["response"]), strict=True):
        deviation = np.abs(found - truth)
        # Five standard errors, because a few hundred entries are looked at, and what is left of order 1/N^2.
        assert np.all(deviation < 5 * spread + 5 / sizes[0] ** 2)
        assert np.max(spread) < 0.02 * np.max(truth)


def extrapolate(sizes: np.ndarray, values: np.ndarray, errors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Entry by entry the value at N = infinity of a + b/N by least squares, weighted by sizes' mean error, and its error."""
    scale = np.sqrt(np.mean(errors.reshape(len(sizes), -1) ** 2, axis=1))
    design = np.stack([np.ones(len(sizes)), 1.0 / sizes], axis=1) / scale[:, None]
    weights = (np.linalg.pinv(design) / scale)[0]
    return np.tensordot(weights, values, 1), np.sqrt(np.tensordot(weights**2, errors**2, 1))


def continuous(point: tuple[float, float, float, float], times: np.ndarray) -> dict[str, np.ndarray]:
    mean, variance = float(START.mean), float(START.std) ** 2
    correlation = [[exact.linear_correlation(*point, mean, variance, a, b) for b in times] for a in times]
    lags = times[:, None] - times
    response = np.where(lags >= 0, exact.linear_response(point[0], point[1], np.maximum(lags, 0.0)), 0.0)
    return {"correlation": np.array(correlation), "response": response}


@pytest.mark.slow
@pytest.mark.parametrize("point", LINEAR[:3], ids=str)
def test_both_schemes_have_their_order_and_extrapolation_beats_them(point: tuple[float, float, float, float]) -> None:
    times = np.array([0.5, 1.0, 1.5, 2.0])
    truth, model = continuous(point, times), linear_model(*point)

    def off(scheme: str, steps: int, richardson: bool = False) -> list[float]:
        theory = qd.dmft.TwoTime(2.0, 2.0 / steps, initial=START, scheme=scheme, response=True)
        arrays = qd.solve(model, theory, solver=qd.dmft.Population(256, 64, 2, richardson=richardson)).arrays
        at = np.round(times * steps / 2.0).astype(int)
        found = {name: arrays[name][np.ix_(at, at)] - truth[name] for name in truth}
        # R(t, t) jumps: 0 by Euler's scheme.
        return [float(np.linalg.norm(found["correlation"])), float(np.linalg.norm(np.tril(found["response"], -1)))]

    for scheme, order in (("euler", 1), ("second_order", 2)):
        errors = np.array([off(scheme, steps) for steps in (12, 24, 48)])
        fitted = -np.polyfit(np.log([12, 24, 48]), np.log(errors), 1)[0]
        # The next order adds some step/1 = 1/6 ... 1/24 of the first.
        np.testing.assert_allclose(fitted, order, atol=0.25, err_msg=scheme)
        extrapolated = np.array(off(scheme, 24, richardson=True))
        assert np.all(extrapolated < 0.2 * errors[2])


@pytest.mark.parametrize("symmetry", [0.5, -0.5, 0.0])
def test_the_error_contains_the_step_and_a_precision_is_of_it_too(symmetry: float) -> None:
    """A linear network has no sampling error, and none of quadrature: what is left is what extrapolation leaves over."""
    point, times = (0.6, symmetry, 0.5, 0.2), np.array([0.5, 1.0, 1.5, 2.0])
    truth, at = continuous(point, times), np.arange(2, 9, 2)
    theory = qd.dmft.TwoTime(2.0, 0.25, initial=START)

    def by(precision: float | None) -> Any:
        return qd.dmft.Population(64, 8, 2, precision) if symmetry else qd.dmft.Quadrature(precision=precision)

    for precision, expected in ((3e-3, qd.Status.solved), (1e-4, qd.Status.imprecise)):
        solution = qd.solve(linear_model(*point), theory, solver=by(precision), throw=False)
        assert qd.Status(int(solution.status)) is expected
    for name, exactly in truth.items():
        error = solution.arrays[f"{name}_error"] + 1e-14  # rounding
        assert np.all(np.tril(np.abs(solution.arrays[name][np.ix_(at, at)] - exactly), -1) <= error[np.ix_(at, at)])
        assert np.max(error) < 0.3 * np.max(np.abs(solution.arrays[f"{name}_discretisation"])) + 1e-9
    # A step alone is outside its error, by far.
    plain = qd.solve(linear_model(*point), theory, solver=by(None)).arrays
    off = np.abs(plain["correlation"][np.ix_(at, at)] - truth["correlation"])
    assert np.max(off) > 1e-3 > 1e6 * np.max(plain["correlation_error"])
    # Euler's step is that of the networks it is compared with: extrapolated only where that is asked for.
    assert not extrapolates(by(1e-3), "euler")


def test_the_closed_form_in_continuous_time_is_the_limit_of_the_recursion() -> None:
    """Two formulas that have nothing in common, but for the neurons."""
    point = LINEAR[0]
    limit = continuous(point, np.array([2.0]))["correlation"][0, 0]
    coarse, fine = (
        exact.two_time_recursion(
            exact.linear_pair, point[0], point[2], np.full(n + 1, point[3]), 0.3, 0.49, "second_order", 2 / n,
            exact.linear_kernel(point[0], point[1], n, "second_order", 2 / n)[0],
        )[0][-1, -1]
        for n in (40, 80)
    )  # fmt: skip
    assert abs(fine - limit) < 1e-4
    # Third order is left: (1/80)^3.
    assert (4 * fine - coarse) / 3 == pytest.approx(limit, abs=2e-6)


# Without symmetry.

FEW = 12


@cache
def deterministic(activation: str, scheme: str, noise: float = 0.3, field: float = 0.2) -> qd.Solution:
    phi, start = (qd.Erf(), qd.Normal(0.0, 0.7)) if activation == "erf" else (qd.Tanh(), START)
    model = qd.RandomNetwork(1.5, 0.0, noise, field, phi)
    return qd.solve(model, qd.dmft.TwoTime(FEW * STEP, STEP, initial=start, scheme=scheme))


def check_deterministic(solution: qd.Solution, pair: exact.Pair, noise: float, field: float, scheme: str) -> None:
    start: Any = solution.theory.initial  # type: ignore[union-attr]
    correlation, state_correlation, mean = exact.two_time_recursion(
        pair, 1.5, noise, np.full(FEW + 1, field), float(start.mean), float(start.std) ** 2, scheme, STEP
    )
    arrays = solution.arrays
    for name, truth in (("correlation", correlation), ("state_correlation", state_correlation), ("mean_state", mean)):
        np.testing.assert_allclose(arrays[name], truth, atol=1e-8, err_msg=name)
        # The reported error covers it, beyond the 3e-12 of a Gaussian outside seven deviations, where no rule has nodes.
        assert np.all(np.abs(arrays[name] - truth) <= arrays[f"{name}_error"] + 1e-11)


@pytest.mark.parametrize("noise", [0.0, 0.3])
@pytest.mark.parametrize("scheme", ["second_order", pytest.param("euler", marks=pytest.mark.slow)])
def test_erf_without_symmetry_is_a_recursion_of_arcsines(scheme: str, noise: float) -> None:
    solution = deterministic("erf", scheme, noise, 0.0)
    check_deterministic(solution, exact.erf_pair_without_mean, noise, 0.0, scheme)
    variances = solution.arrays["mean_square_state"]
    lags = np.subtract.outer(np.arange(FEW + 1), np.arange(FEW + 1)) - (scheme == "euler")
    leak = exact.recursion(scheme, STEP).leak
    decay = np.where(lags >= 0, leak ** np.maximum(lags, 0.0), 0.0)
    slopes = np.array([exact.erf_slope(variance) for variance in variances])
    np.testing.assert_allclose(solution.arrays["state_response"], decay, atol=1e-14)
    np.testing.assert_allclose(solution.arrays["response"], slopes[:, None] * decay, atol=1e-10)
    if scheme == "second_order":
        np.testing.assert_allclose(np.diag(solution.arrays["response"]), slopes, atol=1e-10)


def test_tanh_without_symmetry_is_a_recursion_of_double_integrals() -> None:
    check_deterministic(deterministic("tanh", "second_order"), exact.tanh_pair, 0.3, 0.2, "second_order")


def numbers(solution: qd.Solution) -> dict[str, np.ndarray]:
    return {name: np.asarray(values) for name, values in solution.arrays.items()}


def scores(found: qd.Solution, truth: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Deviations in units of the reported error, where there is one beyond rounding."""
    result = {}
    for name, value in truth.items():
        estimate, error = (np.asarray(found.arrays[each]) for each in (name, f"{name}_error"))
        present = error > 1e-13
        if value.ndim == 2:
            present &= np.tri(*value.shape) > 0
        result[name] = (estimate - value)[present] / error[present]
    return result


def check_coverage(model: qd.RandomNetwork, theory: dict[str, Any], truth: dict[str, np.ndarray], keys: int = 40) -> None:
    """Over 40 keys the truth lies within two reported errors as often as Student's t with 15 degrees of freedom says,
    93.6 %, give or take what 40 keys leave open. Entries of one solution are correlated: names are looked at one by one
    only where they have many, and more keys are needed where all entries are wrong together."""
    found = [scores(qd.solve(model, **theory, key=key), truth) for key in range(keys)]
    every = np.concatenate([values for each in found for values in each.values()])
    assert 0.90 < np.mean(np.abs(every) < 2.0) < 0.99
    for name in ("correlation", "state_correlation"):
        values = np.concatenate([each[name] for each in found])
        assert 0.90 < np.mean(np.abs(values) < 2.0) < 0.99, name
        # Not because the errors are too large.
        assert 0.8 < np.sqrt(np.mean(np.minimum(np.abs(values), 4.0) ** 2)) < 1.3, name


@pytest.mark.slow
def test_errors_without_symmetry_are_honest() -> None:
    solution = deterministic("tanh", "second_order")
    theory = {"theory": qd.dmft.TwoTime(FEW * STEP, STEP, initial=START), "solver": qd.dmft.Population(128)}
    truth = {name: numbers(solution)[name] for name in ("correlation", "state_correlation", "mean_rate", "kinetic_energy")}
    check_coverage(solution.model, theory, truth)


@pytest.mark.slow
def test_errors_of_linear_networks_with_few_trajectories_are_honest() -> None:
    """So few that the second moments of the draws are not made exact."""
    truth = linear_truth(LINEAR[0], "euler")
    truth = {name: truth[name] for name in ("correlation", "state_correlation", "mean_rate")}
    check_coverage(linear_model(*LINEAR[0]), sampled("euler", trajectories=16, tangents=16, scramblings=16), truth)


@pytest.mark.slow
def test_errors_with_symmetry_are_honest() -> None:
    model = qd.RandomNetwork(1.2, 0.5, 0.3, 0.2)

    def theory(**options: Any) -> dict[str, Any]:
        uniform = qd.dmft.TwoTime(FEW * STEP, STEP, initial=qd.Uniform(0, 1))
        return {"theory": uniform, "solver": qd.dmft.Population(**options)}

    reference = numbers(qd.solve(model, **theory(trajectories=4096, tangents=4096, scramblings=64), key=99))
    names = ("correlation", "state_correlation", "response", "state_response", "mean_rate")
    few: dict[str, Any] = {"trajectories": 128, "tangents": 64}
    small = qd.solve(model, **theory(**few))
    for name in names[:4]:  # the reference's own error is not seen
        assert np.max(reference[f"{name}_error"]) < 0.15 * np.max(small.arrays[f"{name}_error"])
    check_coverage(model, theory(**few), {name: reference[name] for name in names}, keys=320)


@pytest.mark.slow
@pytest.mark.parametrize("noise", [0.0, 0.2])
def test_sampling_agrees_with_quadrature_for_any_start_and_field(noise: float) -> None:
    """Without noise too, where the field soon is a combination of its own past: reported, and right all the same."""
    model = qd.RandomNetwork(1.6, 0.0, noise, lambda time: 0.5 * jnp.sin(2.0 * time))
    options: dict[str, Any] = {"initial": qd.Uniform(-0.5, 1.0)}
    truth = numbers(qd.solve(model, qd.dmft.TwoTime(4.0, STEP, **options)))
    theory = qd.dmft.TwoTime(4.0, STEP, response=True, **options)
    found = qd.solve(model, theory, solver=qd.dmft.Population(), key=5)
    names = [name for name in truth if not name.endswith("_error")]
    deviations = scores(found, {name: truth[name] for name in names})
    for name in set(names) - {"state_response"}:  # which has no sampling error
        assert np.max(np.abs(deviations[name])) < 6.0, name
        if truth[name].ndim == 2:  # the mean state at all times is one number
            assert np.sqrt(np.mean(deviations[name] ** 2)) < 2.0, name
    conditioning = float(found["conditioning"])
    assert conditioning < 1e-6 if noise == 0.0 else conditioning > 1e-6


@pytest.mark.slow
def test_kinks_are_resolved() -> None:
    model = qd.RandomNetwork(0.9, 0.0, 0.3, 0.2, qd.ReLU())
    truth = numbers(qd.solve(model, qd.dmft.TwoTime(6 * STEP, STEP)))
    variance, mean = truth["mean_square_state"] - truth["mean_state"] ** 2, truth["mean_state"]
    for n in range(7):
        rate, square, slope = exact.relu_moments(float(mean[n]), float(variance[n]))
        at_once = truth["mean_rate"][n], truth["mean_square_rate"][n], truth["response"][n, n]
        np.testing.assert_allclose(at_once, (rate, square, slope), atol=1e-8)
    found = qd.solve(model, qd.dmft.TwoTime(6 * STEP, STEP), solver=qd.dmft.Population(256))
    for name, values in scores(found, {"correlation": truth["correlation"], "mean_rate": truth["mean_rate"]}).items():
        assert np.max(np.abs(values)) < 5.0, name


# Laws.


def test_correlations_are_positive_semidefinite() -> None:
    for solution in (deterministic("erf", "second_order", 0.0, 0.0), deterministic("tanh", "second_order")):
        for name in ("correlation", "state_correlation"):
            values = solution.arrays[name]
            np.testing.assert_allclose(values, values.T, rtol=1e-14)
            assert np.min(np.linalg.eigvalsh(values)) > -1e-10


def test_responses_are_causal() -> None:
    for scheme in SCHEMES:
        arrays = qd.solve(linear_model(*LINEAR[0]), **sampled(scheme)).arrays
        for name in ("response", "state_response", "response_error"):
            assert not np.any(np.triu(arrays[name], 0 if scheme == "euler" else 1)), name


def test_kinetic_energy_is_that_of_the_state_correlation() -> None:
    """Euler: <(x_{n+1} - x_n)^2> = h^2 <F^2> + sigma^2 h, of the exact averages that a linear network has."""
    noise = LINEAR[0][2]
    arrays = qd.solve(linear_model(*LINEAR[0]), **sampled("euler")).arrays
    square = arrays["state_correlation"]
    moved = np.diag(square)[1:] - 2 * np.diag(square, 1) + np.diag(square)[:-1]
    np.testing.assert_allclose(arrays["kinetic_energy"][:-1], (moved / STEP - noise**2) / (2 * STEP), atol=1e-10)


def kicked(
    solution: qd.Solution, at: int, kick: float, count: int
) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Single neurons by Euler's scheme in the mean field of `solution`, with a small field of either sign for one step:
    (response to it, its error) and (<phi phi'>, its error)."""
    model, arrays = solution.model, solution.arrays
    gain, symmetry, noise, field = (float(value) for value in (model.gain, model.symmetry, model.noise, model.field))
    times, random = len(arrays["correlation"]), np.random.default_rng(at)
    factor = np.linalg.cholesky(arrays["correlation"] + 1e-12 * np.eye(times))
    gamma, noises = gain * factor @ random.normal(size=(times, count)), random.normal(size=(times, count))
    start = float(START.mean) + float(START.std) * random.normal(size=count)

    def rates(kick: float) -> np.ndarray:
        state, found = start, np.zeros((times, count))
        for n in range(times):
            found[n] = np.tanh(state)
            memory = gain**2 * symmetry * STEP * arrays["response"][n] @ found
            drift = -state + gamma[n] + memory + field + (kick if n == at else 0.0)
            state = state + STEP * drift + noise * np.sqrt(STEP) * noises[n]
        return found

    plus, minus = rates(kick), rates(-kick)
    responses, products = (plus - minus) / (2 * kick * STEP), plus[at] * plus
    return _mean_and_error(responses), _mean_and_error(products)


def _mean_and_error(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return values.mean(axis=1), values.std(axis=1, ddof=1) / np.sqrt(values.shape[1])


@pytest.mark.slow
def test_the_response_is_its_finite_difference_and_the_solution_a_fixed_point() -> None:
    """One neuron is kicked, the others are not: C and R stay, and another program's population must show them again."""
    model = qd.RandomNetwork(1.3, 0.6, 0.4, 0.2)
    theory = qd.dmft.TwoTime(STEPS * STEP, STEP, initial=START, scheme="euler")
    solution = qd.solve(model, theory, solver=qd.dmft.Population(trajectories=1024, tangents=1024))
    for at in (0, 7, 15):
        response, product = kicked(solution, at, 1e-3, 40_000)
        for name, (value, error) in (("response", response), ("correlation", product)):
            found, own = solution.arrays[name][:, at], solution.arrays[f"{name}_error"][:, at]
            # The difference's own error is (kick step)^2 = 1e-8.
            assert np.all(np.abs(found - value) < 4.5 * np.hypot(error, own) + 1e-7), (name, at)
            assert np.max(error) < 0.02 * np.max(np.abs(value))


@pytest.mark.slow
def test_two_times_tend_to_the_stationary_state() -> None:
    """Without symmetry: variance by the energy of a particle; at late times only the lag matters."""
    gain, noise, duration = 0.5, 0.6, 16.0
    coarse, fine = (
        qd.solve(qd.RandomNetwork(gain, 0.0, noise), qd.dmft.TwoTime(duration, step)).arrays for step in (0.2, 0.1)
    )
    late = [float(arrays["mean_square_state"][-1]) for arrays in (coarse, fine)]
    truth = exact.stationary_variance(gain, noise)
    # Steps of order 2; what is left is of order step^3.
    assert abs(late[1] - truth) < 0.5 * abs(late[0] - truth)
    assert (4 * late[1] - late[0]) / 3 == pytest.approx(truth, abs=2e-5)
    lagged = [np.diag(fine["correlation"], 20)[-count] for count in (1, 20)]
    # What is left of the start decays at the rate 1 - g at least, squared here.
    assert lagged[0] == pytest.approx(lagged[1], abs=np.exp(-2 * (1 - gain) * (duration - 4.0)))


@pytest.mark.slow
def test_simulated_networks_meet_it_along_sizes() -> None:
    """Correlated couplings, noise, field and a start that is not Gaussian, all by Euler's scheme with the same step."""
    model = qd.RandomNetwork(1.2, 0.5, 0.4, 0.2)
    start = qd.Uniform(0.0, 1.0)
    theory = qd.dmft.TwoTime(STEPS * STEP, STEP, initial=start, scheme="euler")
    solution = qd.solve(model, theory, solver=qd.dmft.Population(4096))
    sizes, draws, trials = np.array([100, 200, 400, 800]), (64, 48, 32, 16), 8
    every = np.arange(0, STEPS + 1, 4)
    measured, errors = [], []
    for size, count in zip(sizes, draws, strict=True):
        networks = np.array(
            [_simulated(model, start, int(size), trials, seed)[:, every][:, :, every] for seed in range(count)]
        )
        measured.append(networks.mean(axis=0))
        errors.append(networks.std(axis=0, ddof=1) / np.sqrt(count))
    limit, error = extrapolate(sizes, np.array(measured), np.array(errors))
    lower = np.tril_indices(len(every))
    for found, spread, name in zip(limit, error, ("correlation", "state_correlation"), strict=True):
        own = solution.arrays[f"{name}_error"][np.ix_(every, every)][lower]
        deviation = (found - solution.arrays[name][np.ix_(every, every)])[lower]
        total = np.hypot(spread[lower], own)
        assert np.max(np.abs(deviation) / total) < 4.0, name
        assert np.max(total) < 0.02 * np.max(solution.arrays[name])


def _simulated(model: qd.RandomNetwork, start: qd.Uniform, size: int, trials: int, seed: int) -> np.ndarray:
    """(C, C_x) of one network."""
    import jax

    network_key, run_key = jax.random.split(jax.random.key(1000 * size + seed))
    run = qd.simulate.integrate(
        model.draw(size, network_key),
        STEPS * STEP,
        STEP,
        initial=start,
        trials=trials,
        noise=float(model.noise),
        scheme="euler",
        key=run_key,
    )
    states = run.trajectory.values.reshape(STEPS + 1, -1)
    rates = np.tanh(states)
    return np.stack([rates @ rates.T, states @ states.T]) / states.shape[1]
