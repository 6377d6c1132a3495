"""Stationary states without memory on a ring: other theories, closed forms, SciPy, finite networks."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from late_networks import extrapolated
from scipy import integrate, optimize

import quenched as qd
from quenched.couplings import Blocks, Elliptic, LowRank
from quenched.units import Adaptive, Discrete, Leaky, LotkaVolterra, Reservoir, Unit
from quenched.units.filters import shape_of

LAGS, FREQUENCIES = (0.0, 1.0, 2.5, 8.0), (0.0, 0.7)
RING = qd.dmft.StationaryFilters(LAGS, FREQUENCIES)
COARSE = qd.dmft.StationaryFilters(LAGS, FREQUENCIES, step=0.25)
SAME = (
    "state_correlation",
    "correlation",
    "response",
    "state_response",
    "power_spectrum",
    "rate_spectrum",
    "kinetic_energy",
)


def solved(couplings: Any, unit: Any = None, theory: Any = RING, start: Any = None, **others: Any) -> dict[str, Any]:
    return qd.solve(qd.RandomNetwork(couplings=couplings, unit=unit, **others), theory, start=start).arrays


@pytest.mark.parametrize(
    "model", [qd.RandomNetwork(1.5), qd.RandomNetwork(1.2, noise=0.5), qd.RandomNetwork(1.3, noise=0.3, field=0.3)]
)
def test_one_population_is_the_particle_in_a_potential(model: qd.RandomNetwork) -> None:
    """Within the errors, which are small."""
    exact = qd.solve(model, qd.dmft.StationaryGaussian(LAGS, FREQUENCIES)).arrays
    found = qd.solve(model, RING).arrays
    for name in (*SAME, "lyapunov_exponent", "mean_rate", "mean_square_state"):
        off, error = np.abs(found[name] - exact[name]), found[f"{name}_error"] + exact[f"{name}_error"]
        assert np.all(off <= 1.5 * error + 1e-9), name
        if "spectrum" not in name:
            assert np.max(error) < 3e-3, name


@pytest.mark.slow
def test_equal_models_have_equal_states() -> None:
    """Two equal blocks are one; a rank of no strength is none; another time constant is another unit of time."""
    one = solved(Elliptic(1.2), noise=0.5, field=0.2)
    ones = np.ones((2, 2))
    own = Unit(lambda x, h: -x + h, jnp.tanh)
    for found in (
        solved(Blocks((0.3, 0.7), 1.2 * ones) + LowRank(np.zeros((2, 2))), noise=[0.5, 0.5], field=0.2),
        solved(Elliptic(1.2), own, noise=0.5, field=0.2),
    ):
        for name in (*SAME, "lyapunov_exponent"):
            for values in np.atleast_2d(found[name]) if np.ndim(one[name]) else np.ravel(found[name]):
                np.testing.assert_allclose(values, one[name], atol=1e-8, err_msg=name)
    twice = qd.dmft.StationaryFilters((0.0, 2.0, 5.0, 16.0), (0.0, 0.35), step=0.25, window=256.0)
    slow = solved(Elliptic(1.2), Leaky(time_constant=2.0), twice, noise=0.5 * np.sqrt(0.5), field=0.2)
    np.testing.assert_allclose(slow["state_correlation"], one["state_correlation"], atol=1e-8)
    assert slow["lyapunov_exponent"] == pytest.approx(0.5 * one["lyapunov_exponent"], abs=1e-8)


@pytest.mark.parametrize(("gain", "noise"), [(1.5, 0.0), (0.8, 0.3), (2.0, 0.5)])
def test_the_plain_map(gain: float, noise: float) -> None:
    """Delta(0) = g^2 <phi^2> + sigma^2, nothing at later lags, exponent ln(g^2 <phi'^2>)/2 (1992)."""
    average = qd.gaussian.average

    def missing(variance: float) -> float:
        return gain**2 * float(average(lambda x: jnp.tanh(x) ** 2, 0.0, variance)) + noise**2 - variance

    variance = optimize.brentq(missing, 1e-3, gain**2 + noise**2, xtol=1e-14)
    whole = qd.dmft.StationaryFilters((0.0, 1.0, 5.0), FREQUENCIES)
    found = solved(Elliptic(gain), Discrete(), whole, noise=noise)
    np.testing.assert_allclose(found["state_correlation"], [variance, 0.0, 0.0], atol=1e-9)
    slope = float(average(lambda x: (1 - jnp.tanh(x) ** 2) ** 2, 0.0, variance))
    assert found["lyapunov_exponent"] == pytest.approx(0.5 * np.log(gain**2 * slope), abs=1e-9)
    # One field pulse enters the next state.
    np.testing.assert_allclose(found["state_response"], [0.0, 1.0, 0.0], atol=1e-12)


def test_the_exponent_is_known_at_every_gain() -> None:
    """Of values that are equal but for rounding the largest was not found again by its derivative, at 3 gains of 100."""
    theory = qd.dmft.Stationary(lags=(0,), frequencies=(0,))
    for gain in np.geomspace(1.2, 10.0, 60):
        model = qd.RandomNetwork(couplings=Elliptic(float(gain)), unit=Discrete())
        assert np.isfinite(float(qd.solve(model, theory)["lyapunov_exponent"]))


@pytest.mark.slow
def test_linear_networks_under_a_sinusoid() -> None:
    """The weight of C_x at the drive's frequency is (I^2/2)/(1 + w^2 - g^2)."""
    found = solved(Elliptic(0.7), Leaky(qd.Linear()), field=qd.Sinusoid(0.8, 1.3, mean=0.0))
    assert found["periodic_square_state"] == pytest.approx(0.5 * 0.8**2 / (1 + 1.3**2 - 0.7**2), rel=3e-5)
    assert abs(found["chaotic_square_state"]) < 1e-9
    assert found["lyapunov_exponent"] == pytest.approx(0.7 - 1.0, abs=1e-5)


def test_a_drive_silences_chaos() -> None:
    """Rajan, Abbott & Sompolinsky 2010: the part that is forgotten and the exponent fall with the amplitude."""
    weak, strong = (solved(Elliptic(1.5), theory=COARSE, field=qd.Sinusoid(amplitude, 1.0)) for amplitude in (0.4, 1.6))
    assert weak["lyapunov_exponent"] > 0.02
    assert weak["chaotic_square_state"] > 0.6
    assert strong["lyapunov_exponent"] < -0.1
    assert abs(strong["chaotic_square_state"]) < 1e-8


@pytest.mark.slow
def test_where_nothing_is_forgotten_the_causal_theory_comes_to_the_same_state() -> None:
    strong = solved(Elliptic(1.5), theory=COARSE, field=qd.Sinusoid(1.6, 1.0))
    few = qd.dmft.Population(trajectories=1024, scramblings=6, richardson=True)
    model = qd.RandomNetwork(1.5, field=qd.Sinusoid(1.6, 1.0))
    late = qd.solve(model, qd.dmft.TwoTime(24.0, 0.25, response=False), solver=few).arrays
    for name in ("mean_square_state", "mean_square_rate"):
        found, error = np.mean(late[name][60:]), np.mean(late[f"{name}_error"][60:])
        assert error < 0.004, name
        assert abs(found - strong[name]) < 3 * error, name


@pytest.mark.slow
def test_waves_before_and_after_the_function() -> None:
    """With h = J x + b the network dx/dt = -x + tanh(h) is dh/dt = -h + J tanh(h) + b + db/dt: a rate network under a drive
    sqrt(1 + w^2) times as strong, whose Gaussian part is g^2 times the covariance of x."""
    gain, amplitude, frequency = 1.8, 0.5, 1.3
    own_unit = Unit(lambda x, h: -x + jnp.tanh(h), lambda x: x)
    before = solved(Elliptic(gain), own_unit, COARSE, field=qd.Sinusoid(amplitude, frequency))
    after = solved(Elliptic(gain), theory=COARSE, field=qd.Sinusoid(amplitude * np.sqrt(1 + frequency**2), frequency))
    wave = 0.5 * amplitude**2 * np.cos(frequency * np.array(LAGS))
    pairs = (
        (gain**2 * before["correlation"] + wave, "state_correlation"),
        (gain**2 * before["chaotic_square_state"], "chaotic_square_state"),
        (before["lyapunov_exponent"], "lyapunov_exponent"),
    )
    for found, name in pairs:
        error = after[f"{name}_error"]
        assert np.all(np.abs(found - after[name]) < 3 * error + 1e-8), name
        assert np.max(error) < 2e-3, name


@pytest.mark.slow
def test_a_longer_ring_moves_states_under_a_sinusoid_within_their_errors() -> None:
    """Most near the amplitude at which chaos is silent, where short rings say that they are too short."""
    for amplitude in (0.5, 0.9):
        model = qd.RandomNetwork(1.5, field=qd.Sinusoid(amplitude, 1.0))
        short, middle, long = (
            qd.solve(model, qd.dmft.StationaryFilters(LAGS, FREQUENCIES, window=window), throw=False)
            for window in (64.0, 128.0, 256.0)
        )
        assert short.status == qd.Status.not_stationary
        for name in ("chaotic_square_state", "periodic_square_state", "mean_square_state", "lyapunov_exponent"):
            assert abs(middle[name] - long[name]) < 1.1 * middle[f"{name}_error"] + 1e-9, (amplitude, name)


@pytest.mark.slow
def test_networks_under_a_sinusoid_tend_to_theory() -> None:
    """Exponent and mean square of the state, along sizes, extrapolated in 1/N."""
    sizes = np.array([200, 400, 800])
    for amplitude, frequency in ((1.5, 1.0), (4.0, 1.5)):
        model = qd.RandomNetwork(2.5, field=qd.Sinusoid(amplitude, frequency))
        theory = solved(Elliptic(2.5), theory=COARSE, field=model.field)
        values, errors = [], []
        for size in map(int, sizes):
            count = max(12, 6400 // size)
            exponent = qd.observables.lyapunov_spectrum(model, 120.0, 0.1, size=size, networks=count, exponents=1)
            run = qd.solve(model, qd.simulate.Trajectories(size, count, 80.0, 0.1, burn_in=40.0)).arrays
            values.append([float(exponent.lyapunov_exponent[0]), run["mean_square_state"]])
            errors.append([float(exponent.lyapunov_exponent_error[0]), run["mean_square_state_error"]])
        for place, name in enumerate(("lyapunov_exponent", "mean_square_state")):
            found, error = np.array(values)[:, place], np.array(errors)[:, place]
            fit, spread = np.polyfit(1 / sizes, found, 1, w=1 / error, cov="unscaled")
            assert abs(fit[1] - theory[name]) < 3 * np.sqrt(spread[1, 1]), (amplitude, name, fit[1], theory[name])
            assert np.sqrt(spread[1, 1]) < 0.02 * max(1.0, theory["mean_square_state"]), name


def test_what_is_constant_in_a_drift_is_a_field() -> None:
    field = solved(Elliptic(1.0), Unit(lambda x, h: -x + h, jnp.tanh), COARSE, noise=0.3, field=0.5)
    within = solved(Elliptic(1.0), Unit(lambda x, h: -x + h + 0.5, jnp.tanh), COARSE, noise=0.3)
    for name in ("mean_state", "mean_square_state", "mean_square_rate", "lyapunov_exponent"):
        assert within[name] == pytest.approx(float(field[name]), abs=1e-10), name


@pytest.mark.slow
def test_a_constant_beside_the_function_of_the_input_is_its_own() -> None:
    """At rest without noise: 2 x = tanh(h) + 0.6, <h^2> = g^2 <x^2>."""
    offset = Unit(lambda x, h: -2.0 * x + jnp.tanh(h) + 0.6, lambda x: x)
    found = solved(Elliptic(0.5), offset, COARSE)
    square = optimize.brentq(
        lambda square: 0.25 * float(qd.gaussian.average(lambda h: (jnp.tanh(h) + 0.6) ** 2, 0.0, 0.25 * square)) - square,
        0.0,
        1.0,
    )
    assert found["mean_square_state"] == pytest.approx(square, abs=1e-9)
    assert found["mean_state"] == pytest.approx(0.3, abs=1e-9)


@pytest.mark.slow
def test_the_order_of_variables_does_not_matter() -> None:
    """Input enters both, and both are read."""
    one = Unit(lambda s, h: (-s[0] + jnp.tanh(h), -2 * s[1] + s[0] + jnp.tanh(h)), lambda s: s[0] + s[1] + 0.1, state_size=2)
    other = Unit(
        lambda s, h: (-2 * s[0] + s[1] + jnp.tanh(h), -s[1] + jnp.tanh(h)), lambda s: s[0] + s[1] + 0.1, state_size=2
    )
    first, second = (solved(Elliptic(0.5), unit, COARSE, field=0.3) for unit in (one, other))
    for name in ("mean_rate", "correlation", "response", "lyapunov_exponent"):
        np.testing.assert_allclose(first[name], second[name], atol=1e-9, err_msg=name)
    # At rest x = tanh(h), a = x: the rate is 2 tanh(h) + 0.1.
    square = optimize.brentq(
        lambda c: float(qd.gaussian.average(lambda h: (2 * jnp.tanh(h) + 0.1) ** 2, 0.3, 0.25 * c)) - c, 0.0, 5.0
    )
    assert first["mean_square_rate"] == pytest.approx(square, abs=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize(
    "model",
    [
        qd.RandomNetwork(
            couplings=Elliptic(1.5),
            unit=Unit(
                lambda s, h: (-s[0] + jnp.tanh(h), -2 * s[1] + s[0] + jnp.tanh(h)), lambda s: s[0] + s[1], state_size=2
            ),
            noise=0.2,
            field=0.3,
        ),
        qd.RandomNetwork(
            couplings=Blocks((0.7, 0.3), [[0.8, 1.2], [1.0, 0.7]], mean=[[0.5, -1.0], [1.0, -0.5]]), noise=0.3, field=0.2
        ),
        qd.RandomNetwork(couplings=Elliptic(0.9) + LowRank([[1.0, 0.5], [0.5, 1.0]], [0.5, 0.8]), noise=0.3, field=0.2),
        qd.RandomNetwork(couplings=Elliptic(1.2), unit=Adaptive(adaptation_rate=0.4), noise=0.4, field=0.2),
    ],
    ids=["read off two variables", "populations", "low rank", "adaptation"],
)
def test_networks_tend_to_theory(model: qd.RandomNetwork) -> None:
    theory = qd.solve(model, RING).arrays
    for name, (values, errors) in extrapolated(model, ("mean_square_state", "mean_square_rate")).items():
        assert np.all(np.abs(values - theory[name]) < 4 * errors), (name, values, theory[name], errors)
        # Each network has a latent of its own.
        assert np.all(errors < (0.06 if model.couplings.rank else 0.03) * values), name


@pytest.mark.parametrize("couplings", [Elliptic(0.0), pytest.param(Blocks((0.5, 0.5), 0.0), marks=pytest.mark.slow)])
def test_without_gain_each_neuron_forgets_alone(couplings: Any) -> None:
    alone = solved(couplings, noise=0.3)
    np.testing.assert_allclose(alone["mean_square_state"], 0.3**2 / 2, rtol=1e-4)
    np.testing.assert_allclose(alone["lyapunov_exponent"], -1.0, atol=1e-12)


def test_a_low_rank_part_alone_is_the_static_theory() -> None:
    couplings = LowRank([[1.0, 2.0], [2.0, 5.0]], [0.3, 0.2])
    static = qd.solve(qd.RandomNetwork(couplings=couplings), qd.dmft.Static(), start="structured").arrays
    found = solved(couplings, theory=COARSE, start="structured")
    for name in ("mean_rate", "latent", "mean_square_rate", "mean_square_state"):
        np.testing.assert_allclose(found[name], static[name], rtol=1e-9, err_msg=name)


@pytest.mark.slow
def test_exponents_of_steep_rates_are_within_their_errors() -> None:
    """The series for <phi' phi'> is too short there, and says so."""
    short = qd.dmft.StationaryFilters((0.0,), (0.0,), window=64.0)
    for gain in (3.0, 10.0):
        exact = qd.solve(qd.RandomNetwork(gain), qd.dmft.StationaryGaussian((0.0,), (0.0,))).arrays["lyapunov_exponent"]
        found = qd.solve(qd.RandomNetwork(gain), short).arrays
        error = float(found["lyapunov_exponent_error"])
        assert abs(float(found["lyapunov_exponent"]) - float(exact)) < error < (1e-3 if gain < 5 else 0.1)


def test_a_function_that_bends_far_out_is_not_linear() -> None:
    assert shape_of(Unit(lambda x, h: -x + h, jnp.tanh)) == "rate"
    assert shape_of(Unit(lambda x, h: -x + h - 5 * jnp.maximum(jnp.abs(x) - 20.0, 0.0), jnp.tanh)) is None
    assert shape_of(Unit(lambda s, h: (-s[0] + jnp.tanh(h), -s[1] + jnp.sin(h)), lambda s: s[0], state_size=2)) is None


@pytest.mark.slow
def test_linear_populations_by_another_route() -> None:
    """(1 + (tau_a w)^2) S_a = sum_b g_ab^2 f_b S_b + (tau_a noise_a)^2, solved at each frequency, integrated by SciPy."""
    gain, fractions, noise, times = (
        np.array([[0.3, 0.9], [0.5, 0.2]]),
        np.array([0.6, 0.4]),
        np.array([0.4, 0.7]),
        [1.0, 0.5],
    )
    handed = gain**2 * fractions

    def power(frequency: float) -> np.ndarray:
        inverse = 1 + (np.array(times) * frequency) ** 2
        return np.linalg.solve(np.diag(inverse) - handed, (noise * times) ** 2)

    squares = [integrate.quad(lambda w, row=row: power(w)[row], 0, np.inf)[0] / np.pi for row in range(2)]
    units = tuple(Leaky(qd.Linear(), time_constant=time) for time in times)
    found = solved(Blocks(fractions, gain), units, noise=noise)
    np.testing.assert_allclose(found["mean_square_state"], squares, rtol=1e-4)
    np.testing.assert_allclose(found["power_spectrum"], np.transpose([power(w) for w in FREQUENCIES]), rtol=2e-3)
    assert np.all(np.abs(found["mean_square_state"] - squares) < 1.5 * found["mean_square_state_error"] + 1e-8)


@pytest.mark.slow
def test_linear_adaptation_by_another_route() -> None:
    """S = |T|^2 (g^2 S + sigma^2) with Muscinelli's T."""
    rate, strength, gain, noise = 0.3, 1.5, 0.8, 0.4

    def power(w: float) -> float:
        answer = abs((rate + 1j * w) / ((1 + 1j * w) * (rate + 1j * w) + strength * rate)) ** 2
        return noise**2 * answer / (1 - gain**2 * answer)

    found = solved(Elliptic(gain), Adaptive(qd.Linear(), rate, strength), noise=noise)
    square = integrate.quad(power, 0, np.inf, limit=400)[0] / np.pi
    assert found["mean_square_state"] == pytest.approx(square, rel=1e-4)
    model = qd.RandomNetwork(couplings=Elliptic(1.0), unit=Adaptive(qd.Linear(), rate, strength))
    # At the transition nothing is forgotten.
    rest = qd.solve(model.replace(gain=float(model.critical_gain)), RING, throw=False).arrays
    assert abs(float(rest["lyapunov_exponent"])) < float(rest["lyapunov_exponent_error"]) < 3e-3


@pytest.mark.slow
def test_a_low_rank_part_at_rest_is_the_static_theory() -> None:
    couplings = Elliptic(0.8) + LowRank([[1.0, 2.0], [2.0, 5.0]], [0.3, 0.2])
    static = qd.solve(qd.RandomNetwork(couplings=couplings), qd.dmft.Static(), start="structured").arrays
    found = solved(couplings, start="structured")
    for name in ("mean_rate", "latent", "mean_square_rate", "mean_square_state"):
        np.testing.assert_allclose(found[name], static[name], rtol=1e-9, err_msg=name)
    # Chaos and structure together, above gain 1, and chaos alone.
    strong = Elliptic(1.6) + LowRank([[1.0, 2.5], [2.5, 9.0]])
    structured, alone = (solved(strong, start=start) for start in ("structured", "unstructured"))
    assert structured["latent"][0] > 0.5
    assert alone["latent"][0] == 0.0
    assert structured["lyapunov_exponent"] < alone["lyapunov_exponent"]
    plain = qd.solve(qd.RandomNetwork(1.6), qd.dmft.StationaryGaussian(LAGS, FREQUENCIES)).arrays
    assert alone["mean_square_state"] == pytest.approx(float(plain["mean_square_state"]), abs=1e-5)


def run_maps(couplings: Any, unit: Any, size: int, noise: float, draws: int) -> np.ndarray:
    """Mean squares of the states of each population, and their products one step apart, late in each network."""
    population = np.asarray(qd.RandomNetwork(couplings=couplings, unit=unit).population(size))
    member = jnp.asarray([population == row for row in (0, 1)], float)
    member = member / member.sum(axis=1, keepdims=True)

    @jax.jit
    @jax.vmap
    def run(key: Any) -> Any:
        draw_key, start_key, noise_key = jax.random.split(key, 3)
        weights = couplings.draw(size, draw_key)

        def step(state: Any, key: Any) -> Any:
            new = unit.drift(state, weights @ unit.rate(state)) + noise * jax.random.normal(key, (size,))
            return new, jnp.stack([member @ new**2, member @ (new * state)])

        _, kept = jax.lax.scan(step, jax.random.normal(start_key, (size,)), jax.random.split(noise_key, 600))
        return kept[200:].mean(axis=0)

    with jax.enable_x64(True):
        return np.asarray(run(jax.random.split(jax.random.key(size), draws)))


@pytest.mark.slow
@pytest.mark.parametrize("unit", [Discrete(leak=0.6), Reservoir(leak=0.6)])
def test_maps_of_two_populations_tend_to_theory(unit: Any) -> None:
    """Along sizes, extrapolated in 1/N, within 4 errors."""
    couplings, noise = Blocks((0.6, 0.4), [[1.6, 0.9], [1.2, 0.5]]), 0.1
    theory = solved(couplings, unit, qd.dmft.StationaryFilters((0.0, 1.0), FREQUENCIES), noise=noise)["state_correlation"].T
    sizes, draws = np.array([100, 200, 400]), 16
    runs = np.array([run_maps(couplings, unit, int(size), noise, draws) for size in sizes])
    means, errors = runs.mean(axis=1), runs.std(axis=1) / np.sqrt(draws)
    for place in np.ndindex(theory.shape):
        fit, spread = np.polyfit(1 / sizes, means[:, *place], 1, w=1 / errors[:, *place], cov="unscaled")
        assert abs(fit[1] - theory[place]) < 4 * np.sqrt(spread[1, 1]), (place, fit[1], theory[place])


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (qd.RandomNetwork(couplings=Blocks((0.5, 0.5), 1.0, [[0.0, 0.5], [0.5, 0.0]])), "`symmetry` must be 0 everywhere"),
        (qd.RandomNetwork(couplings=Elliptic(0.5, mean=-1.0), unit=LotkaVolterra()), "`unit` must be linear but for one"),
        (qd.RandomNetwork(couplings=Elliptic(1.5), unit=Leaky(self_coupling=0.5)), "`unit` must be linear but for one"),
        (qd.RandomNetwork(couplings=Elliptic(1.5), unit=Discrete(), field=qd.Sinusoid(0.1, 1.0)), "must not be a sinusoid"),
        (qd.RandomNetwork(couplings=Elliptic(1.5), unit=Discrete()), "`lags` must be whole numbers for maps"),
        (
            qd.RandomNetwork(couplings=Blocks((0.5, 0.5), 0.5), activation=qd.Linear(), field=qd.Sinusoid(0.1, [1.0, 2.0])),
            "must be one number",
        ),
    ],
)
def test_what_is_not_covered_is_refused(model: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        qd.solve(model, qd.dmft.StationaryFilters(LAGS))


@pytest.mark.parametrize(
    ("numerics", "frequency", "message"),
    [
        ({"window": 32.0}, 0.5, "`window` must be at least 8 periods of the sinusoid, 101,"),
        ({"step": 0.5}, 4.0, "`step` must be at most 1/angular_frequency = 0.25"),
    ],
)
def test_a_sinusoid_that_the_ring_does_not_resolve_is_refused(numerics: Any, frequency: float, message: str) -> None:
    model = qd.RandomNetwork(1.5, field=qd.Sinusoid(0.5, frequency))
    with pytest.raises(ValueError, match=message):
        qd.solve(model, qd.dmft.Stationary(LAGS), solver=qd.dmft.Ring(**numerics))
