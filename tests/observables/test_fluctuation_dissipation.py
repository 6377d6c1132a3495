"""Against linear networks, known by closed forms at N = infinity and by SciPy at finite N."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import xarray as xr
from scipy import integrate, linalg, special

import quenched as qd
from quenched.observables import fluctuation_dissipation, measure_response

LINEAR = {"noise": 1.0, "activation": "linear", "field": 0.0}
TEMPERATURE = 0.5


def known(lag: np.ndarray, correlation: Any, response: Any, **attributes: Any) -> xr.Dataset:
    variables = {"state_correlation": ("lag", correlation), "state_response": ("lag", response)}
    return xr.Dataset(variables, {"lag": lag}, LINEAR | attributes)


def rest_kernel(lag: Any, gain: float, symmetry: float) -> np.ndarray:
    """R_x(tau) = exp(-tau) I_1(a tau) 2/(a tau), a = 2 g sqrt(eta): the inverse of R(s) = 1/(1 + s - eta g^2 R(s))."""
    reach = 2 * gain * np.sqrt(symmetry) * np.maximum(lag, 1e-30)
    return 2 * special.ive(1, reach) * np.exp(reach - lag) / reach


@cache
def thermal(step: float = 0.1, length: float = 30.0, gain: float = 0.4) -> xr.Dataset:
    """Symmetry 1: C_x(tau) = T int_tau^infinity R_x, by adaptive quadrature."""
    lag = step * np.arange(round(length / step) + 1)
    edges = [*lag, np.inf]
    options = {"epsabs": 1e-16, "epsrel": 1e-13}
    pieces = [integrate.quad(rest_kernel, low, high, (gain, 1.0), **options)[0] for low, high in pairwise(edges)]
    correlation = TEMPERATURE * np.cumsum(pieces[::-1])[::-1]
    return known(lag, correlation, rest_kernel(lag, gain, 1.0), gain=gain, symmetry=1.0)


def asymmetric(lag: np.ndarray, gain: float) -> xr.Dataset:
    """Symmetry 0: R_x = exp(-tau), C_x = sigma^2/(2 k) exp(-k tau), k = sqrt(1 - g^2)."""
    rate = np.sqrt(1 - gain**2)
    return known(lag, 0.5 / rate * np.exp(-rate * lag), np.exp(-lag), gain=gain, symmetry=0.0)


def test_symmetric_linear_network_obeys_it_to_rounding() -> None:
    found = fluctuation_dissipation(thermal(0.05))
    assert float(abs(found.fluctuation_dissipation_violation).max()) < 1e-11
    assert float(found.fluctuation_dissipation_violation_error.max()) < 1e-9
    # Where chi no longer moves its slope is a ratio of rounding errors.
    np.testing.assert_allclose(found.parametric_temperature[found.lag < 8], TEMPERATURE, rtol=1e-9)
    np.testing.assert_allclose(found.effective_temperature, TEMPERATURE, rtol=1e-9)
    assert found.attrs["expected"].startswith("thermal")


def test_cut_short_it_is_thermal_all_the_same() -> None:
    found = fluctuation_dissipation(thermal(0.05, 4.0), frequencies=[0.0, 0.3, 5.0])
    np.testing.assert_allclose(found.effective_temperature, TEMPERATURE, rtol=1e-9)
    assert float(found.effective_temperature_error[0]) > 0.01


def test_asymmetric_linear_network_violates_it_as_known() -> None:
    gain, lag = 0.6, np.linspace(0.0, 40.0, 401)
    found = fluctuation_dissipation(asymmetric(lag, gain))
    rate = np.sqrt(1 - gain**2)
    lost, chi = 0.5 / rate * (1 - np.exp(-rate * lag)), 1 - np.exp(-lag)
    np.testing.assert_allclose(found.parametric_response, chi, atol=1e-9)
    np.testing.assert_allclose(found.fluctuation_dissipation_violation, (lost - TEMPERATURE * chi) / (0.5 / rate), atol=1e-9)
    # T_eff = (sigma^2/2) (1 - eta g^2 |R|^2) / (1 - g^2 |R|^2), |R|^2 = 1/(1 + omega^2)
    exact = TEMPERATURE / (1 - gain**2 / (1 + found.frequency**2))
    np.testing.assert_allclose(found.effective_temperature, exact, rtol=1e-8)
    assert bool((abs(found.effective_temperature - exact) <= found.effective_temperature_error + 1e-12).all())
    # A secant over two steps: step^2/6 (1 - k^2) off. At long lags chi no longer moves.
    slope = TEMPERATURE * np.exp((1 - rate) * lag[50:150])
    np.testing.assert_allclose(found.parametric_temperature[50:150], slope, rtol=1e-3)
    assert "not symmetric" in found.attrs["expected"]


def test_between_the_two_the_effective_temperature_is_the_closed_form() -> None:
    """C_x by numerical Fourier transform of sigma^2 |R|^2/(1 - g^2 |R|^2)."""
    gain, symmetry, lag = 0.5, 0.5, np.linspace(0.0, 60.0, 301)

    def square(omega: Any) -> Any:
        s, coupling = 1 - 1j * np.asarray(omega), symmetry * gain**2
        return abs(2 / (s + np.sqrt(s**2 - 4 * coupling))) ** 2

    # Less a Lorentzian whose transform is known, the rest falls as omega^-4. The period 2 pi/0.04 is far beyond the lags.
    omega = 0.04 * np.arange(30_000)
    rest = square(omega) / (1 - gain**2 * square(omega)) - 1 / (1 + omega**2)
    rest[0] *= 0.5
    correlation = np.exp(-lag) / 2 + np.cos(np.outer(lag, omega)) @ rest * 0.04 / np.pi
    found = fluctuation_dissipation(known(lag, correlation, rest_kernel(lag, gain, symmetry), gain=gain, symmetry=symmetry))
    exact = TEMPERATURE * (1 - symmetry * gain**2 * square(found.frequency)) / (1 - gain**2 * square(found.frequency))
    assert float(exact[0]) > 1.1 * TEMPERATURE
    np.testing.assert_allclose(found.effective_temperature, exact, rtol=1e-6)
    assert bool((abs(found.effective_temperature - exact) <= found.effective_temperature_error + 1e-9).all())


def matrices(weights: np.ndarray, step: float, scheme: str) -> tuple[np.ndarray, np.ndarray]:
    """One step of the linear network, x' = M x + B xi, noise 1."""
    one = np.eye(len(weights))
    rate = one - weights
    if scheme == "euler":
        return one - step * rate, np.sqrt(step) * one
    return one - step * rate + 0.5 * step**2 * rate @ rate, np.sqrt(step) * (one - 0.5 * step * rate)


def stationary(weights: np.ndarray, step: float, scheme: str, lags: int) -> tuple[np.ndarray, np.ndarray]:
    """C_x and R_x of one linear network as its scheme has them."""
    move, kick = matrices(weights, step, scheme)
    powers = [np.linalg.matrix_power(move, n) for n in range(lags + 1)]
    covariance = linalg.solve_discrete_lyapunov(move, kick @ kick.T)
    responses = np.array([np.trace(power) for power in powers]) / len(weights)
    if scheme == "euler":
        responses = np.append(0.0, responses[:-1])
    return np.array([np.trace(power @ covariance) for power in powers]) / len(weights), responses


def drawn(size: int, symmetric: bool, gain: float = 0.4, seed: int = 1) -> np.ndarray:
    weights = gain * np.random.default_rng(seed).normal(size=(size, size)) / np.sqrt(size)
    return (weights + weights.T) / np.sqrt(2) if symmetric else weights


@pytest.mark.parametrize("scheme", ["euler", "second_order"])
def test_of_a_scheme_what_its_step_breaks_is_known(scheme: str) -> None:
    """One rate of relaxation a: V at long lags is h a/2 for Euler, -(5/12) (h a)^2 for Heun."""
    step, lags = 0.1, 400
    correlation, response = stationary(np.array([[0.2]]), step, scheme, lags)
    data = known(step * np.arange(lags + 1), correlation, response, gain=0.2, symmetry=1.0, scheme=scheme)
    found = fluctuation_dissipation(data)
    exact = step * 0.8 / 2 if scheme == "euler" else -5 / 12 * (step * 0.8) ** 2
    # The next order: relative h a.
    assert float(found.fluctuation_dissipation_violation[-1]) == pytest.approx(exact, rel=0.1)
    if scheme == "euler":  # The sum is exact: chi = (1 - M^n)/a.
        np.testing.assert_allclose(found.parametric_response, (1 - 0.92 ** np.arange(lags + 1)) / 0.8, atol=1e-12)


def in_two_times(solution: xr.Dataset, count: int) -> xr.Dataset:
    shift = np.subtract.outer(np.arange(count), np.arange(count))
    times = ("time", "earlier_time")
    variables = {
        name: (times, np.where(shift >= 0, solution[name].values[abs(shift)], 0.0))
        for name in ("state_correlation", "state_response")
    }
    time = solution.lag.values[:count]
    return xr.Dataset(variables, {"time": time, "earlier_time": time}, solution.attrs)


@pytest.mark.parametrize("step", [0.2, 0.1])
def test_of_two_times_within_its_error_and_to_fourth_order(step: float) -> None:
    count = round(6.0 / step) + 1
    found = fluctuation_dissipation(in_two_times(thermal(step), count))
    violation, error = found.fluctuation_dissipation_violation, found.fluctuation_dissipation_violation_error
    assert violation.dims == ("time", "earlier_time")
    later = np.triu(np.ones((count, count)), 1) > 0
    np.testing.assert_array_equal(np.isnan(violation), later)
    assert np.all(abs(violation.values[~later]) <= error.values[~later] + 1e-15)
    # The rule with its correction, three points or more: a fourth-order remainder, below the correction.
    assert float(abs(violation[2:]).max()) < 0.6 * step**3
    lags = fluctuation_dissipation(thermal(step))
    chi = lags.parametric_response.values[count - 1 :: -1]
    np.testing.assert_allclose(found.parametric_response[-1], chi[-count:], atol=step**4)
    np.testing.assert_allclose(found.parametric_temperature[5:, :1].values, TEMPERATURE, rtol=step**2)


def test_two_times_that_are_not_stationary() -> None:
    """An Ornstein-Uhlenbeck process from rest: C = T (e^{-(t-s)} - e^{-(t+s)}), R = e^{-(t-s)}, thermal once t >> 1."""
    time = np.linspace(0.0, 5.0, 101)
    late, early = time[:, None], time[None, :]
    past = late >= early
    apart, together = np.exp(-np.abs(late - early)), np.exp(-late - early)
    times = ("time", "earlier_time")
    data = xr.Dataset(
        {
            "state_correlation": (times, np.where(past, TEMPERATURE * (apart - together), 0.0)),
            "state_response": (times, np.where(past, apart, 0.0)),
        },
        {"time": time, "earlier_time": time},
    )
    found = fluctuation_dissipation(data, temperature=TEMPERATURE)
    start = 1 - np.exp(-2 * late[1:])
    exact = (start - (apart - together)[1:] - (1 - apart[1:])) / start
    assert abs(exact[20, 0]) > 0.1
    assert abs(exact[-1, -20]) < 1e-3
    off = np.where(past[1:], found.fluctuation_dissipation_violation[1:] - exact, 0.0)
    assert np.all(abs(off) <= np.where(past[1:], found.fluctuation_dissipation_violation_error[1:], 0.0) + 1e-15)
    assert found.attrs["expected"].startswith("unknown")


def test_bounds_contain_what_errors_of_the_input_do() -> None:
    data = thermal(0.1, 6.0)
    exact = fluctuation_dissipation(data)
    generator = np.random.default_rng(0)
    for trial in range(20):
        shaken = data.copy()
        for name, error in {"state_correlation": 2e-3, "state_response": 1e-3}.items():
            # As correlated as it gets, and not at all.
            signs = generator.choice([-1.0, 1.0], size=1 if trial % 2 else data.lag.size)
            shaken[name] = data[name] + error * signs
            shaken[f"{name}_error"] = 0.0 * data[name] + error
        found = fluctuation_dissipation(shaken)
        for name in map(str, exact):
            if f"{name}_error" in exact:
                # To first order in the errors.
                assert np.all(abs(found[name] - exact[name])[:40] <= 1.05 * found[f"{name}_error"][:40] + 1e-15), name


@pytest.mark.parametrize("scheme", ["euler", "second_order"])
def test_tangent_with_every_neuron_is_exact(scheme: str) -> None:
    weights = drawn(9, symmetric=False)
    network = qd.Network(weights, qd.Linear())
    found = measure_response(network, 2.0, 0.1, noise=1.0, probes="all", scheme=scheme, stretches=1, trials=2)
    _, exact = stationary(weights, 0.1, scheme, 20)
    np.testing.assert_allclose(found.state_response, exact, atol=1e-13)
    np.testing.assert_allclose(found.response, exact, atol=1e-13)


# One network and one ensemble, each compiled once, for what follows.
SIZE, LAGS, STEP = 12, 40, 0.1


def one_network(key: int, method: str = "tangent", **options: Any) -> xr.Dataset:
    settings = {"noise": 1.0, "stretches": 20, "trials": 16, "probes": 2} | options
    network = qd.Network(drawn(SIZE, symmetric=True), settings.pop("activation", qd.Linear()))
    return measure_response(network, LAGS * STEP, STEP, method=method, key=key, **settings)


@pytest.mark.parametrize("scheme", ["second_order", "euler"])
def test_the_error_of_a_measured_response_contains_the_step_where_it_is_extrapolated(scheme: str) -> None:
    """R_x(tau) = tr exp((J - 1) tau)/N of a linear network, exactly; its C_x solves Lyapunov's equation."""
    network = qd.Network(0.4 * np.random.default_rng(2).normal(size=(6, 6)), qd.Linear())
    drift = np.asarray(network.weights) - np.eye(6)
    options: dict[str, Any] = {"noise": 1.0, "probes": "all", "scheme": scheme, "stretches": 100, "trials": 6}
    found, plain = (measure_response(network, 2.0, 0.25, richardson=both, **options) for both in (True, False))
    exact = np.array([np.trace(linalg.expm(drift * lag)) / 6 for lag in found.lag.values])
    variance = np.trace(linalg.solve_continuous_lyapunov(drift, -np.eye(6))) / 6
    # Euler's response is 0 at lag 0, where it jumps.
    assert np.all(np.abs(found.state_response - exact)[1:] <= found.state_response_error[1:] + 1e-12)
    assert np.max(np.abs(plain.state_response - exact)[1:]) > 1e-3 > 1e6 * np.max(plain.state_response_error)
    assert abs(float(found.state_correlation[0]) - variance) < 3 * float(found.state_correlation_error[0])
    # What the same noise makes of two steps is known better than either.
    assert float(found.state_correlation_discretisation_error[0]) < 0.5 * float(plain.state_correlation_error[0])
    assert "step" in plain.attrs["outside_errors"]
    assert "step" not in found.attrs["outside_errors"]
    # And it is carried on.
    chi = [fluctuation_dissipation(each).parametric_response_error for each in (found, plain)]
    assert float(chi[0][-1]) > float(chi[1][-1])


def test_sampled_response_and_correlation_are_the_exact_ones_within_their_errors() -> None:
    """16 runs: the deviations in units of the error follow Student's t with 15 degrees of freedom: 93.6 % within 2."""
    correlation, response = stationary(drawn(SIZE, symmetric=True), STEP, "second_order", LAGS)
    scores = []
    for key in range(80):
        found = one_network(key)
        np.testing.assert_allclose(found.state_response[0], 1.0, atol=1e-14)
        for name, exact in (("state_correlation", correlation), ("state_response", response)):
            scores.append(((found[name] - exact) / found[f"{name}_error"]).values[[5, 30]])
        assert found.correlation.equals(found.state_correlation)  # linear
    assert 0.90 <= np.mean(abs(np.array(scores)) < 2.0) <= 0.99
    assert abs(np.mean(scores)) < 5 / np.sqrt(80)


def test_violation_of_a_sampled_symmetric_network_is_what_its_step_makes() -> None:
    """The exact V of the scheme, -(5/12) h^2 a^2 at long lags, within the errors."""
    exact = fluctuation_dissipation(
        known(STEP * np.arange(LAGS + 1), *stationary(drawn(SIZE, symmetric=True), STEP, "second_order", LAGS))
    ).fluctuation_dissipation_violation
    assert float(abs(exact).max()) < 6e-3
    scores = []
    for key in range(24):
        found = fluctuation_dissipation(one_network(key))
        assert found.attrs["expected"].startswith("thermal")
        error = found.fluctuation_dissipation_violation_error
        scores.append(((found.fluctuation_dissipation_violation - exact) / error).values[[1, 5, 20, 40]])
    assert float(error[20]) < 0.05
    assert 0.86 <= np.mean(abs(np.array(scores)) < 2.13) <= 1.0


@pytest.mark.slow
def test_kicks_agree_with_tangents_and_say_where_they_are_not_linear() -> None:
    tangent, kicks = (one_network(3, method, activation=qd.Tanh(), noise=0.5) for method in ("tangent", "kick"))
    # The same noise and probes: only the size of the kick is between them, kick^4.
    np.testing.assert_allclose(kicks.state_response, tangent.state_response, atol=1e-7)
    np.testing.assert_allclose(kicks.response, tangent.response, atol=1e-7)
    np.testing.assert_array_equal(kicks.state_correlation, tangent.state_correlation)
    assert 0 < float(kicks.kick_nonlinearity.max()) < 1e-4
    strong = one_network(3, "kick", activation=qd.Tanh(), noise=0.5, kick=0.5)
    off = abs(strong.state_response - tangent.state_response)
    assert float(off[10]) > 1e-4
    assert bool((off <= strong.state_response_error + 1e-12).all())
    assert float(strong.kick_nonlinearity[10]) > 1e-3
    assert bool((fluctuation_dissipation(strong).parametric_response_error[1:] > strong.kick_nonlinearity[1:] * 0.01).all())


def ensemble(gain: float, symmetry: float) -> xr.Dataset:
    model = qd.RandomNetwork(gain, symmetry, noise=1.0, activation=qd.Linear())
    return measure_response(model, 6.0, 0.05, size=30, networks=16, probes=2, stretches=16)


def test_sampled_ensembles_obey_it_at_symmetry_1_and_violate_it_at_symmetry_0() -> None:
    symmetric, asymmetric = (fluctuation_dissipation(ensemble(*at)) for at in ((0.4, 1.0), (0.6, 0.0)))
    late = slice(20, None)  # from lag 1 on the statistical error is above that of the step
    step_error = 5 / 12 * 0.05**2 / 1.25  # averaged over rates a: <a>/<1/a>, 1/1.25

    def score(found: xr.Dataset) -> xr.DataArray:
        return abs(found.fluctuation_dissipation_violation) / found.fluctuation_dissipation_violation_error

    assert step_error < 0.5 * float(symmetric.fluctuation_dissipation_violation_error[late].min())
    assert float(score(symmetric)[late].max()) < 3.0
    assert float(score(asymmetric)[late].min()) > 6.0
    at_rest = abs(symmetric.effective_temperature - TEMPERATURE) / symmetric.effective_temperature_error
    assert float(at_rest.max()) < 3.0
    exact = TEMPERATURE / (1 - 0.6**2 / (1 + asymmetric.frequency**2))
    # Finite N: relative 1/N.
    assert bool((abs(asymmetric.effective_temperature - exact) < 3 * asymmetric.effective_temperature_error + 0.02).all())


@pytest.mark.parametrize(
    ("attributes", "words"),
    [
        ({"symmetry": 1.0, "activation": "linear"}, "thermal at noise.*symmetric J"),
        ({"symmetry": 0.9, "activation": "linear"}, "not thermal: J is not symmetric"),
        ({"symmetry": 1.0, "activation": "tanh"}, "not thermal.*even for symmetric J.*small"),
        ({"symmetry": 0.0, "activation": "tanh"}, "not thermal.*and J is not symmetric"),
        ({"gain": 0.0}, "thermal at noise.*gain 0"),
        ({"noise": 0.0}, "not thermal: without noise"),
        ({"field": "sine"}, "changes in time"),
    ],
)
def test_says_what_is_expected(attributes: dict[str, Any], words: str) -> None:
    import re

    from quenched.observables.equilibrium import expectation

    said = expectation({"gain": 0.5, "symmetry": 0.5, "noise": 1.0, "activation": "tanh", "field": 0.0} | attributes)
    assert re.match(words, said) or re.search(words, said)
    assert said.startswith("thermal") == words.startswith("thermal")


def test_without_noise_there_is_an_effective_temperature_but_no_violation() -> None:
    data = thermal()
    data = data.assign_attrs(noise=0.0)
    found = fluctuation_dissipation(data)
    assert "fluctuation_dissipation_violation" not in found
    np.testing.assert_allclose(found.effective_temperature, TEMPERATURE, rtol=1e-8)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("name", ["state_correlation", "state_response"])
def test_what_is_no_number_is_named_with_its_lag(name: str, value: float) -> None:
    lag = np.linspace(0.0, 20.0, 41)
    broken = known(lag, np.exp(-lag), np.exp(-lag))
    broken[name].values[3] = value
    with pytest.raises(ValueError, match=rf"must hold finite numbers, but {name} is {value} at lag 1\.5; leave out"):
        fluctuation_dissipation(broken, temperature=1.0)
    whole = known(lag, np.exp(-lag), np.exp(-lag))
    whole["state_response_error"] = ("lag", np.where(lag == 2.5, np.nan, 0.0))
    with pytest.raises(ValueError, match=r"state_response_error is nan at lag 2\.5"):
        fluctuation_dissipation(whole, temperature=1.0)


def test_names_and_dimensions_are_in_the_vocabulary() -> None:
    for found in (
        one_network(0),
        one_network(0, "kick", activation=qd.Tanh(), noise=0.5),
        fluctuation_dissipation(thermal()),
        fluctuation_dissipation(in_two_times(thermal(), 30)),
    ):
        for name, variable in found.items():
            assert variable.dims in qd.VOCABULARY[str(name).removesuffix("_error")].dims
            assert variable.attrs["symbol"]


def test_the_same_key_gives_the_same_bits() -> None:
    first, again, other = (one_network(key) for key in (5, 5, 6))
    assert first.equals(again)
    assert not first.equals(other)


def broken(**changes: Any) -> Callable[[], Any]:
    return lambda: fluctuation_dissipation(thermal().assign(**changes))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: fluctuation_dissipation(thermal().drop_vars("state_response")), "must hold state_response, but holds"),
        (lambda: fluctuation_dissipation(thermal().isel(lag=slice(1, None))), "lags that increase from 0"),
        (lambda: fluctuation_dissipation(thermal().isel(lag=slice(3))), "at least four lags"),
        (lambda: fluctuation_dissipation(thermal().expand_dims("gain")), "select one point of a sweep"),
        (
            lambda: fluctuation_dissipation(thermal(), frequencies=[1000.0]),
            "`frequencies` must be .* which the lags resolve",
        ),
        (lambda: fluctuation_dissipation(thermal(), temperature=-1.0), "`temperature` must be"),
        (lambda: fluctuation_dissipation(xr.Dataset(thermal().variables)), "`temperature` must be given"),
        (lambda: fluctuation_dissipation(in_two_times(thermal(), 9), frequencies=[1.0]), "`frequencies` must be left out"),
        (lambda: measure_response(qd.RandomNetwork(0.5), 1.0, 0.1), "`size` and `networks` must be given"),
        (lambda: measure_response(qd.RandomNetwork(0.5), 1.0, 0.1, size=3, networks=1), "`networks` must be at least 2"),
        (lambda: measure_response(qd.RandomNetwork(0.5), 1.0, 0.1, size=3, networks=2, noise=1.0), "`noise` must be left"),
        (lambda: measure_response(qd.Network(np.eye(2)), 1.0, 0.1, size=3), "`size` must be left out"),
        (lambda: measure_response(qd.Network(np.eye(2)), 1.0, 0.1, trials=1), "`trials` must be at least 2"),
        (lambda: measure_response(qd.Network(np.eye(2)), 1.05, 0.1), "`longest_lag` must be a multiple"),
        (lambda: measure_response(qd.Network(np.eye(2)), 0.2, 0.1), "`longest_lag` must be at least 3 steps"),
        (lambda: measure_response(qd.Network(np.eye(2)), 1.0, 0.1, method="tangents"), "Did you mean 'tangent'"),
        (
            lambda: measure_response(qd.Network(np.eye(2)), 1.0, 0.1, probes="some"),
            "`probes` must be a whole number or 'all'",
        ),
        (lambda: measure_response(qd.Network(np.eye(2)), 1.0, 0.1, kick=0.0), "`kick` must be"),
    ],
)
def test_bad_input_is_refused(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.usefixtures("unchecked_types")
def test_other_things_are_no_network() -> None:
    with pytest.raises(TypeError, match=r"`network` must be a qd\.Network or a qd\.RandomNetwork"):
        measure_response(np.eye(3), 1.0, 0.1)  # type: ignore[arg-type]


def test_divergence_is_named() -> None:
    with pytest.raises(FloatingPointError, match="diverged"):
        one_network(0, activation=qd.Linear(), noise=1e200)
