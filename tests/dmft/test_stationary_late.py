"""Stationary states by the two-time theory at late times: against closed forms, other ways, and networks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from late_networks import extrapolated
from scipy import integrate

import quenched as qd
from quenched.couplings import Blocks, Elliptic, LowRank
from quenched.dmft.late_averages import LateSteps, lasting_of, transform
from quenched.dmft.stationary_late import StationaryLate
from quenched.units import Adaptive, Discrete, Leaky, LotkaVolterra, Reservoir, Unit

LAGS, FREQUENCIES = tuple(np.arange(0.0, 5.1, 0.25)), tuple(np.linspace(0.0, 6.0, 13))
THEORY = qd.dmft.Stationary(LAGS, FREQUENCIES)
# Enough for what forgets within a few units of time.
SHORT: dict[str, Any] = {"settling": 10.0, "window": 20.0, "scramblings": 8}
OF_TWO = ("correlation", "state_correlation", "response", "state_response")
SLOWLY_SETTLING = qd.RandomNetwork(couplings=Elliptic(1.3, -0.4), unit=Discrete(), noise=0.4)
EVERY = (*OF_TWO, "power_spectrum", "rate_spectrum", "mean_state", "mean_rate", "mean_square_state", "mean_square_rate")


def late(model: qd.RandomNetwork, theory: qd.dmft.Stationary = THEORY, **options: Any) -> dict[str, Any]:
    solution = qd.solve(model, theory, solver=qd.dmft.LateTimes(**(SHORT | options)), key=1)
    return dict(solution.arrays)


def agree(found: dict[str, Any], truth: dict[str, Any], largest: float, names: tuple[str, ...] = EVERY) -> None:
    """Within 4 combined errors, of which those but of spectra are small."""
    for name in names:
        if name not in truth:
            continue
        error = np.hypot(found[f"{name}_error"], truth.get(f"{name}_error", 0.0))
        off = np.abs(np.asarray(found[name]) - np.asarray(truth[name]))
        assert np.all(off <= 4.0 * error + 1e-9), (name, np.max(off / (error + 1e-12)))
        if "spectrum" not in name:
            assert np.max(error) < largest, name


# Closed forms.


@pytest.mark.parametrize(
    ("symmetry", "parts"), [(-0.5, False), (0.5, True), pytest.param(-0.5, True, marks=pytest.mark.slow)]
)
def test_linear_networks_are_exact(symmetry: float, parts: bool) -> None:
    """By the engine for leaky neurons, and by that for any parts."""
    usual = qd.RandomNetwork(0.4, symmetry, noise=1.0, field=0.3, activation=qd.Linear())
    made = qd.RandomNetwork(couplings=Blocks([1.0], 0.4, symmetry), noise=1.0, field=0.3, activation=qd.Linear())
    exact = dict(qd.solve(usual, THEORY).arrays)
    found = late(made if parts else usual)
    agree(found, exact, largest=6e-3 if parts else 1e-3)
    assert found["kinetic_energy"] == pytest.approx(
        float(exact["kinetic_energy"]), abs=4 * float(found["kinetic_energy_error"])
    )


@pytest.mark.parametrize("users", [pytest.param(False, marks=pytest.mark.slow), True])
def test_self_coupling_of_a_linear_neuron_is_another_leak(users: bool) -> None:
    """-x + s x is a leak 1 - s: in units of its time gain/(1 - s) and noise/sqrt(1 - s)."""
    own, gain, symmetry, noise = 0.5, 0.2, 0.5, 0.6
    unit = Unit(lambda x, h: -(1.0 - own) * x + h, lambda x: x) if users else Leaky(qd.Linear(), self_coupling=own)
    found = late(qd.RandomNetwork(couplings=Elliptic(gain, symmetry), unit=unit, noise=noise))
    slower = tuple((1.0 - own) * np.array(LAGS))
    scaled = qd.RandomNetwork(gain / (1.0 - own), symmetry, noise=noise / np.sqrt(1.0 - own), activation=qd.Linear())
    exact = dict(qd.solve(scaled, qd.dmft.Stationary(slower)).arrays)
    agree(found, exact, 6e-3, OF_TWO)


@pytest.mark.slow
def test_linear_networks_under_a_sinusoid_are_exact() -> None:
    """Periodic is all of it, of weight (I^2/2)/(1 + w^2 - g^2)."""
    model = qd.RandomNetwork(0.4, field=qd.Sinusoid(0.8, 1.3, mean=0.2), activation=qd.Linear())
    found = late(model, window=24.0)
    exact = 0.5 * 0.8**2 / (1.0 + 1.3**2 - 0.4**2)
    assert abs(found["periodic_square_state"] - exact) < 3.0 * found["periodic_square_state_error"] < 3e-3
    assert abs(found["chaotic_square_state"]) < 1e-4
    assert found["mean_state"] == pytest.approx(0.2, abs=1e-3)


def test_a_linear_map_under_a_sinusoid_is_exact() -> None:
    """x' = J x + I cos(w n + theta): <x x'> = (I^2/2) cos(w lag)/(1 - g^2)."""
    model = qd.RandomNetwork(couplings=Elliptic(0.5), unit=Discrete(qd.Linear()), field=qd.Sinusoid(0.8, 1.3))
    found = late(model, qd.dmft.Stationary(range(6), (0.0,)))
    exact = 0.5 * 0.8**2 / (1.0 - 0.5**2)
    np.testing.assert_allclose(found["correlation"], exact * np.cos(1.3 * np.arange(6)), atol=1e-3)
    assert found["periodic_square_state"] == pytest.approx(exact, abs=1e-3)


@pytest.mark.slow
def test_species_that_come_to_rest_are_in_the_static_state() -> None:
    """With symmetry and immigration: C(lag) = q at every lag."""
    model = qd.RandomNetwork(couplings=Elliptic(0.4, 0.5, mean=-2.0), unit=LotkaVolterra(growth=2.0, immigration=0.05))
    static = qd.solve(model, qd.dmft.Static()).arrays
    found = late(model, qd.dmft.Stationary(np.arange(0.0, 8.1, 0.25)), settling=16.0, window=16.0)
    for name in ("mean_rate", "mean_square_rate"):
        assert abs(found[name] - static[name]) < 4.0 * found[f"{name}_error"] < 2e-3, name
    np.testing.assert_allclose(found["correlation"], found["correlation"][0], atol=1e-4)
    # The response to a field that lasts, but for what is left beyond the longest lag.
    integral, left = integrate.simpson(found["response"], dx=0.25), float(found["response"][-1]) / 0.1
    assert abs(integral - float(static["integrated_response"])) < left + 0.25 * float(np.sum(found["response_error"])) < 0.1


# Other ways.


@pytest.mark.slow
@pytest.mark.parametrize("symmetry", [-0.5, 0.5])
def test_one_population_is_that_of_the_ring(symmetry: float) -> None:
    model = qd.RandomNetwork(0.7, symmetry, noise=0.5, field=0.2)
    sampled = dict(qd.solve(model, THEORY, solver=qd.dmft.RingPopulation(trajectories=64)).arrays)
    found = late(model, window=40.0)
    agree(found, sampled, largest=6e-3)
    agree(found, sampled, 1e-3, ("kinetic_energy",))


@pytest.mark.parametrize(
    "model",
    [
        pytest.param(
            qd.RandomNetwork(
                couplings=Blocks((0.6, 0.4), [[0.8, 0.6], [1.0, 0.5]], 0.0, [[0.5, -1.5], [1.0, -1.0]]),
                noise=[0.3, 0.5],
                field=[0.2, -0.1],
            ),
            marks=pytest.mark.slow,
        ),
        qd.RandomNetwork(couplings=Elliptic(0.9, mean=-0.5), unit=Discrete(leak=0.6), noise=0.3, field=0.2),
        qd.RandomNetwork(couplings=Elliptic(1.5), unit=Reservoir(), noise=0.2),
    ],
    ids=["populations", "map", "reservoir"],
)
def test_without_memory_it_is_the_fixed_point_on_a_ring(model: qd.RandomNetwork) -> None:
    theory = THEORY if model.kind == "flow" else qd.dmft.Stationary(range(9), FREQUENCIES)
    ring = dict(qd.solve(model, theory, solver=qd.dmft.Ring()).arrays)
    assert not isinstance(theory.choose([model]), StationaryLate)
    found = late(model, theory, window=40.0)
    agree(found, ring, largest=2e-2)


@pytest.mark.slow
def test_two_equal_blocks_are_one() -> None:
    one = late(qd.RandomNetwork(0.7, 0.5, noise=0.5, field=0.2))
    two = late(qd.RandomNetwork(couplings=Blocks((0.3, 0.7), 0.7, 0.5), noise=0.5, field=0.2))
    for population in (0, 1):
        of_one = {name: values[population] for name, values in two.items() if np.ndim(values) > np.ndim(one.get(name, 0.0))}
        agree(of_one, one, largest=1.5e-2)


def test_a_mean_of_the_initial_state_leads_to_the_structured_state() -> None:
    """Centred populations go either way, each by chance."""
    couplings = Elliptic(0.6) + LowRank([[1.0, 1.4], [1.4, 2.5]], [0.5, 0.8])
    model = qd.RandomNetwork(couplings=couplings)
    ring = dict(qd.solve(model, THEORY, start="structured").arrays)
    found = late(model)
    agree(found, ring, 3e-2, ("latent", "mean_rate", "mean_square_rate"))
    either = late(model, initial=qd.Normal())
    assert abs(either["latent"][0]) < 0.9 * found["latent"][0]
    assert either["latent_error"][0] > 0.1


# Networks.


@pytest.mark.slow
@pytest.mark.parametrize(
    "model",
    [
        qd.RandomNetwork(couplings=Elliptic(1.3, 0.4), unit=Discrete(leak=0.7), noise=0.4, field=0.2),
        SLOWLY_SETTLING,
        qd.RandomNetwork(couplings=Elliptic(0.8, -0.4), unit=Leaky(self_coupling=0.5), noise=0.6),
        qd.RandomNetwork(1.2, -0.3, noise=0.3, field=qd.Sinusoid(0.8, 1.0)),
        qd.RandomNetwork(
            couplings=Blocks((0.7, 0.3), [[0.6, 0.9], [0.8, 0.5]], symmetry=0.4, mean=[[0.5, -1.0], [1.0, -0.5]]),
            noise=0.4,
            field=0.2,
        ),
        qd.RandomNetwork(couplings=Elliptic(0.7, 0.4) + LowRank([[1.0, 0.5], [0.5, 1.0]], [0.5, 0.8]), noise=0.4, field=0.2),
        qd.RandomNetwork(couplings=Elliptic(0.9, -0.4), unit=Adaptive(adaptation_rate=0.4), noise=0.4, field=0.2),
        qd.RandomNetwork(
            couplings=Elliptic(0.6, 0.3), unit=Unit(lambda x, h: -x - 0.5 * jnp.sin(x) + h, jnp.tanh), noise=0.5
        ),
        qd.RandomNetwork(couplings=Elliptic(0.4, 0.3, mean=-1.0), unit=LotkaVolterra(immigration=0.05)),
    ],
    ids=[
        "leaky map",
        "map",
        "self-coupling",
        "sinusoid and symmetry",
        "populations",
        "low rank",
        "adaptation",
        "a unit of one's own",
        "species",
    ],
)
def test_late_networks_extrapolate_to_it(model: qd.RandomNetwork) -> None:
    lags = range(5) if model.kind == "map" else LAGS
    chosen = qd.dmft.Stationary(lags, FREQUENCIES).choose([model])
    assert isinstance(chosen, StationaryLate)
    found = late(
        model, qd.dmft.Stationary(lags, FREQUENCIES), settling=80.0 if model is SLOWLY_SETTLING else 20.0, window=40.0
    )
    for name, (values, errors) in extrapolated(model, ("mean_square_state", "mean_square_rate")).items():
        common = np.hypot(errors, found[f"{name}_error"])
        assert np.all(np.abs(values - found[name]) < 4.0 * common), (name, values, found[name], common)
        # Each network has a latent of its own.
        assert np.all(common < (0.06 if model.couplings.rank else 0.03) * values), name


# Averages over late times.


def test_averages_over_late_times() -> None:
    """Of functions that depend on the lag alone, exactly; of others their change."""
    late_steps, times = LateSteps(8, 24), np.arange(33.0)
    lag = times[:, None] - times
    mean, change = late_steps.means_at_lags(jnp.asarray(np.exp(-0.2 * np.abs(lag))))
    np.testing.assert_allclose(mean, np.exp(-0.2 * np.arange(13)), rtol=1e-6)
    np.testing.assert_allclose(change, 0.0, atol=1e-6)
    # t itself, over 8 + lag to 32, of which the halves are (25 - lag)/2 long.
    mean, change = late_steps.means_at_lags(jnp.asarray(np.broadcast_to(times[:, None], lag.shape)))
    np.testing.assert_allclose(mean, 20.0 + 0.5 * np.arange(13), rtol=1e-6)
    np.testing.assert_allclose(change, [25 - step - (25 - step) // 2 for step in range(13)], rtol=1e-6)
    np.testing.assert_allclose(late_steps.means(jnp.asarray(times)), [20.0, 13.0], rtol=1e-6)


@pytest.mark.parametrize("step", [0.25, 0.125])
def test_the_transform_of_an_exponential(step: float) -> None:
    """2/(1 + w^2) of exp(-|lag|), whose kink is taken account of: of order step^4."""
    frequencies = np.linspace(0.0, 10.0, 21)
    falling = jnp.asarray(np.exp(-np.arange(0.0, 40.0, step)))
    found = transform(falling, step, frequencies, True)
    np.testing.assert_allclose(found, 2.0 / (1.0 + frequencies**2), atol=0.8 * step**4 + 1e-6)


def test_what_follows_a_sinusoid_is_told_apart() -> None:
    lags = 0.25 * np.arange(81)
    whole = np.exp(-2.0 * lags) + 0.3 * np.cos(1.3 * lags) + 0.1 * np.cos(3.9 * lags) + 0.2
    lasting = lasting_of(jnp.asarray(np.stack([whole, 2.0 * whole])), 0.25, 1.3)
    np.testing.assert_allclose(lasting.periodic[1], 2.0 * (0.3 * np.cos(1.3 * lags) + 0.1 * np.cos(3.9 * lags)), atol=1e-5)
    np.testing.assert_allclose(lasting.whole[:, 0] - lasting.periodic[:, 0], [0.2, 0.4], atol=1e-5)
    np.testing.assert_allclose(whole - lasting.whole[0], np.exp(-2.0 * lags), atol=1e-5)


# How it ends.


def test_what_still_moves_is_not_stationary() -> None:
    model = qd.RandomNetwork(couplings=Elliptic(0.5, 0.4), noise=0.2)
    early = qd.dmft.LateTimes(settling=0.0, window=10.0, scramblings=4)
    solution = qd.solve(model, THEORY, solver=early, throw=False)
    assert qd.Status(int(solution.status)) is qd.Status.not_stationary
    # And its errors say so: the first half is from where it began.
    assert float(solution.arrays["mean_square_state_error"]) > 0.1


def test_a_slow_approach_is_noticed_where_equal_times_have_settled() -> None:
    """An oscillation of C over the lag that is still damped: by 6 % of it at lag 8, more than C(0) has moved."""
    asked, soon = qd.dmft.Stationary(range(9)), qd.dmft.LateTimes(settling=20.0, window=40.0, scramblings=16)
    early = qd.solve(SLOWLY_SETTLING, asked, solver=soon, throw=False, key=1)
    assert qd.Status(int(early.status)) is qd.Status.not_stationary
    settled = qd.solve(SLOWLY_SETTLING, asked, solver=qd.dmft.LateTimes(settling=200.0, scramblings=16), key=2)
    off = np.abs(early.arrays["correlation"] - settled.arrays["correlation"])
    assert np.all(off < 3.0 * np.hypot(early.arrays["correlation_error"], settled.arrays["correlation_error"]))


def test_rest_is_stationary() -> None:
    found = late(qd.RandomNetwork(couplings=Elliptic(0.3, 0.4), unit=Leaky(time_constant=0.5)), settling=16.0, scramblings=4)
    assert 0.0 <= float(found["mean_square_rate"]) <= float(found["mean_square_rate_error"]) < 1e-6


def test_a_precision_that_is_missed_and_a_state_without_bound() -> None:
    model = qd.RandomNetwork(couplings=Elliptic(0.5, 0.4), noise=0.5)
    asked = qd.dmft.LateTimes(settling=4.0, window=10.0, trajectories=64, scramblings=4, precision=1e-6)
    assert qd.Status(int(qd.solve(model, THEORY, solver=asked, throw=False).status)) is qd.Status.imprecise
    grows = qd.RandomNetwork(couplings=Elliptic(1.2, 0.4), unit=Leaky(qd.Linear()), noise=0.5)
    few = qd.dmft.LateTimes(settling=30.0, window=10.0, trajectories=64, scramblings=2)
    assert qd.Status(int(qd.solve(grows, THEORY, solver=few, throw=False).status)) is qd.Status.diverged


def test_a_sweep_keeps_the_solver_with_its_distribution(tmp_path: Path) -> None:
    few = qd.dmft.LateTimes(0.25, 2.0, 8.0, 32, scramblings=2, richardson=False, initial=qd.Normal(0.1, 0.5))
    asked: dict[str, Any] = {"over": {"noise": [0.4]}, "solver": few, "store": tmp_path / "late.zarr"}
    found = qd.sweep(PAIR, qd.dmft.Stationary((0.0, 1.0), (0.0,)), **asked)
    assert found.correlation.dims == ("noise", "population", "lag")
    assert found.attrs["initial"] == "Normal(0.1, 0.5)"
    again = qd.sweep(PAIR, qd.dmft.Stationary((0.0, 1.0), (0.0,)), **asked, resume=True)
    np.testing.assert_array_equal(again.correlation, found.correlation)


PAIR = qd.RandomNetwork(couplings=Blocks((0.5, 0.5), 0.5, 0.5))
MAP = qd.RandomNetwork(couplings=Elliptic(0.5, 0.5), unit=Discrete())


@pytest.mark.usefixtures("unchecked_types")
@pytest.mark.parametrize(
    ("model", "theory", "options", "message"),
    [
        (PAIR, THEORY, {"window": 8.0}, r"`lags` must be at most window/2 = 4, but goes up to 5"),
        (PAIR, THEORY, {"step": 0.2}, r"`lags` must be whole multiples of `step` = 0\.2, but has 0\.25"),
        (
            PAIR,
            qd.dmft.Stationary((0.0,)),
            {"step": 0.5},
            r"`frequencies` must be at most pi/step = 6\.28319, but goes up to 10",
        ),
        (PAIR, THEORY, {"settling": 0.3}, r"`settling` must be a multiple of `step` = 0\.25, but is 0\.3"),
        (PAIR, THEORY, {"memory_limit": 1e-3}, r"`memory_limit` must allow \S+ GiB for 240 steps with"),
        (MAP, THEORY, {}, r"`lags` must be whole numbers for maps"),
        (MAP, qd.dmft.Stationary((0.0, 1.0)), {"richardson": True}, r"`richardson` must be False for units that are maps"),
        (MAP, qd.dmft.Stationary((0.0, 1.0)), {"window": 10.0}, r"`window` must be at least 16 steps = 16, but is 10"),
        (
            qd.RandomNetwork(1.5, field=qd.Sinusoid(0.5, 0.5)),
            THEORY,
            {"window": 40.0},
            r"`window` must be at least 4 periods of the sinusoid = 50\.27, but is 40",
        ),
        (
            qd.RandomNetwork(couplings=Blocks((0.5, 0.5), 0.5, 0.5), field=qd.Sinusoid(0.1, [1.0, 2.0])),
            THEORY,
            {},
            r"`angular_frequency` must be one number for dmft\.Stationary, but is \[1\.0, 2\.0\]",
        ),
        (qd.RandomNetwork(0.5, field=jnp.sin), THEORY, {}, r"`field` must be a number for dmft\.Stationary"),
        (
            qd.RandomNetwork(couplings=Elliptic(0.5, 0.5), unit=Leaky(time_constant=0.1)),
            THEORY,
            {},
            r"`step` must be at most the shortest time constant, 0\.1, but is 0\.25",
        ),
        (
            qd.RandomNetwork(couplings=Elliptic(0.5, 0.5), unit=LotkaVolterra()),
            THEORY,
            {"initial": qd.Normal()},
            r"`initial` must be at least 0 for abundances",
        ),
    ],
)
def test_bad_input(model: qd.RandomNetwork, theory: qd.dmft.Stationary, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        qd.solve(model, theory, solver=qd.dmft.LateTimes(**options))


@pytest.mark.usefixtures("unchecked_types")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"settling": -1.0}, "`settling` must be a finite number at least 0, but is -1"),
        ({"window": 0.0}, "`window` must be a finite number greater than 0, but is 0"),
        ({"scramblings": 1}, "`scramblings` must be at least 2"),
        ({"scheme": "heun"}, "`scheme` must be one of"),
        ({"precision": 0.0}, "`precision` must be a finite number greater than 0, but is 0"),
    ],
)
def test_bad_numbers(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        qd.dmft.LateTimes(**options)
