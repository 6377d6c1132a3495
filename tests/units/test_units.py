"""One contract for every unit: what it says of its derivatives, its states of rest, its answers and its steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import quenched as qd
from quenched.units import AbstractUnit, Adaptive, Discrete, Leaky, LotkaVolterra, Mixed, Reservoir, Unit

NEURONS = 5


def fitzhugh_nagumo(state: Any, h: Any) -> Any:
    v, w = state
    return v - v**3 / 3 - w + h, 0.5 * (v + 0.7 - 0.8 * w) + 0.1 * h


UNITS: dict[str, AbstractUnit] = {
    "leaky": Leaky(),
    "slow": Leaky(qd.Erf(), 0.6, 0.4),
    "discrete": Discrete(qd.Erf(), 0.7),
    "reservoir": Reservoir(leak=0.7),
    "adaptive": Adaptive(adaptation_rate=0.4, adaptation_strength=0.8),
    "species": LotkaVolterra(0.8, 1.3),
    "rare species": LotkaVolterra(0.8, 1.3, 0.05),
    "own": Unit(lambda x, h: -(x**3) - x + jnp.tanh(h), jnp.sin),
    "own of two": Unit(fitzhugh_nagumo, lambda state: jnp.tanh(state[0]) + 0.2 * state[1], 2),
    "mixed": Mixed((Leaky(), Leaky(qd.Erf(), 3.0, 0.2)), np.array([0, 1, 0, 1, 1])),
    "mixed of two": Mixed((Adaptive(), Adaptive(qd.Erf(), 0.7, 0.2)), np.array([0, 1, 0, 1, 1])),
}
FLOWS = [name for name, unit in UNITS.items() if unit.kind == "flow"]
STEP = 0.1


def state_of(unit: AbstractUnit) -> Any:
    shape = (NEURONS,) if unit.state_size == 1 else (unit.state_size, NEURONS)
    return jnp.asarray(np.random.default_rng(0).uniform(0.2, 1.4, shape))


def differences(function: Any, at: Any, along: Any) -> Any:
    return (function(at + 1e-5 * along) - function(at - 1e-5 * along)) / 2e-5


@pytest.mark.parametrize("name", UNITS)
def test_derivatives_are_those_of_differences(name: str) -> None:
    unit = UNITS[name]
    close: dict[str, Any] = {"rtol": 1e-7, "atol": 1e-8}
    with jax.enable_x64(True):
        state, field = state_of(unit), jnp.linspace(-0.4, 0.5, NEURONS)
        for function, slopes in ((unit.drift, unit.drift_slopes), (unit.speed, unit.speed_slopes)):
            along, of_field = slopes(state, field)
            np.testing.assert_allclose(
                of_field, differences(lambda h, f=function: f(state, h), field, jnp.ones(NEURONS)), **close
            )
            for variable in range(unit.state_size):
                one = jnp.ones(NEURONS) if unit.state_size == 1 else jnp.zeros_like(state).at[variable].set(1.0)
                found = along if unit.state_size == 1 else along[:, variable]
                np.testing.assert_allclose(found, differences(lambda x, f=function: f(x, field), state, one), **close)
                slope = unit.rate_slope(state) if unit.state_size == 1 else unit.rate_slope(state)[variable]
                np.testing.assert_allclose(slope, differences(unit.rate, state, one), **close)
        speed, change = unit.speed(state, field), jnp.cos(state)
        for scheme in ("euler", "second_order"):

            def ahead(x: Any, s: Any, scheme: str = scheme) -> Any:
                return unit.advance(x, s, STEP, scheme)

            _, moved = jax.jvp(ahead, (state, speed), (change, speed))
            small = (
                ahead(state + 1e-5 * change, speed * (1 + 1e-5)) - ahead(state - 1e-5 * change, speed * (1 - 1e-5))
            ) / 2e-5
            np.testing.assert_allclose(moved, small, **close)


@pytest.mark.parametrize("name", UNITS)
def test_states_of_rest_rest(name: str) -> None:
    """f(x(p), h(p)) = 0, of maps x(p); the slopes along the curve are those of differences, and its place is found again."""
    unit = UNITS[name]
    with jax.enable_x64(True):
        place = jnp.linspace(-0.8, 1.1, NEURONS) + 0.013
        state, field = unit.resting_state(place), unit.resting_field(place)
        assert np.isfinite(np.asarray(state)).all()
        still = state if unit.kind == "map" else jnp.zeros_like(state)
        np.testing.assert_allclose(unit.drift(state, field), still, atol=1e-12)
        np.testing.assert_allclose(unit.place(state, field), place, atol=1e-12)
        if isinstance(unit, Mixed):
            return
        ones = jnp.ones(NEURONS)
        close: dict[str, Any] = {"rtol": 1e-6, "atol": 1e-8}
        of_field, of_rate = unit.resting_slopes(place)
        np.testing.assert_allclose(of_field, differences(unit.resting_field, place, ones), **close)
        np.testing.assert_allclose(of_rate, differences(lambda p: unit.rate(unit.resting_state(p)), place, ones), **close)


@pytest.mark.parametrize("name", [name for name, unit in UNITS.items() if not isinstance(unit, Mixed)])
def test_a_small_wave_of_input_is_answered_by_the_transfer(name: str) -> None:
    """Of a neuron that is driven for long by h + e cos(w t): the rate's wave, by Fourier sums over whole periods."""
    unit, steps = UNITS[name], 256
    place = 0.4
    with jax.enable_x64(True):
        frequency = 2 * np.pi * (1 if unit.kind == "flow" else 5) / (8.0 if unit.kind == "flow" else steps)
        step = 8.0 / steps if unit.kind == "flow" else 1.0
        rest, field = unit.resting_state(jnp.asarray([place])), float(unit.resting_field(jnp.asarray([place]))[0])

        def wave(time: Any) -> Any:
            return field + 1e-4 * jnp.cos(frequency * time)

        def one(x: Any, index: Any) -> Any:
            time = step * index
            if unit.kind == "map":
                return unit.drift(x, wave(time)[None]), unit.rate(x)
            k1 = unit.drift(x, wave(time)[None])
            k2 = unit.drift(x + step / 2 * k1, wave(time + step / 2)[None])
            k3 = unit.drift(x + step / 2 * k2, wave(time + step / 2)[None])
            k4 = unit.drift(x + step * k3, wave(time + step)[None])
            return x + step / 6 * (k1 + 2 * k2 + 2 * k3 + k4), unit.rate(x)

        periods = 20
        _, rates = jax.lax.scan(one, rest, jnp.arange(periods * steps))
        last = np.asarray(rates)[-steps:, 0]
        times = step * np.arange((periods - 1) * steps, periods * steps)
        measured = 2.0 * np.mean((last - last.mean()) * np.exp(-1j * frequency * times)) / 1e-4
        expected = np.asarray(unit.transfer(jnp.asarray(place), unit.waves(jnp.asarray([frequency]))))[0]
    assert abs(expected) > 0.01
    assert abs(measured - expected) < 1e-3 * abs(expected)


@pytest.mark.parametrize("name", FLOWS)
def test_heun_is_of_second_order_and_euler_of_first(name: str) -> None:
    """Errors against steps 64 times shorter, on halving the step."""
    unit = UNITS[name]
    weights = 0.8 * np.random.default_rng(1).normal(size=(NEURONS, NEURONS))
    network = qd.Network(-np.abs(weights) / 2 if unit.nonnegative else weights, field=0.3, unit=unit)
    with jax.enable_x64(True):
        start = np.asarray(state_of(unit)).reshape(*(() if unit.state_size == 1 else (unit.state_size, 1)), NEURONS)

    def last(step: float, scheme: str) -> np.ndarray:
        run = qd.simulate.integrate(network, 1.0, step, initial=start, scheme=scheme)
        return (run.state_trajectory[:, -1] if unit.state_size > 1 else run.trajectory[-1]).values

    exact = last(2.0**-11, "second_order")
    for scheme, order in (("euler", 1), ("second_order", 2)):
        errors = [np.abs(last(2.0**-power, scheme) - exact).max() for power in (4, 5)]
        assert np.log2(errors[0] / errors[1]) == pytest.approx(order, abs=0.25), scheme


ASKED: dict[str, Callable[[AbstractUnit, Any, Any], Any]] = {
    "drift": lambda unit, state, h: unit.drift(state, h),
    "rate": lambda unit, state, h: unit.rate(state),
    "rate_slope": lambda unit, state, h: unit.rate_slope(state),
    "speed": lambda unit, state, h: unit.speed(state, h),
    "advance": lambda unit, state, h: unit.advance(state, unit.speed(state, h), STEP, "second_order"),
    "drift_slopes": lambda unit, state, h: unit.drift_slopes(state, h)[0],
    "resting_field": lambda unit, state, h: unit.resting_field(h),
    "resting_state": lambda unit, state, h: unit.resting_state(h),
    "place": lambda unit, state, h: unit.place(state, h),
}


@pytest.mark.parametrize("asked", ASKED)
@pytest.mark.parametrize("name", ["mixed", "mixed of two"])
def test_mixed_is_each_unit_on_its_own_neurons(name: str, asked: str) -> None:
    mixed, ask = UNITS[name], ASKED[asked]
    assert isinstance(mixed, Mixed)
    with jax.enable_x64(True):
        state, field = state_of(mixed), jnp.linspace(-1.0, 1.0, NEURONS)
        for row, unit in enumerate(mixed.units):
            mine = np.asarray(mixed.population) == row
            found, alone = (np.asarray(ask(each, state, field))[..., mine] for each in (mixed, unit))
            np.testing.assert_array_equal(found, alone)


def test_discrete_is_eulers_step_of_leaky() -> None:
    with jax.enable_x64(True):
        state, field = state_of(Leaky()), jnp.linspace(-1.0, 1.0, NEURONS)
        step = Leaky().advance(state, Leaky().speed(state, field), 0.3, "euler")
        np.testing.assert_allclose(Discrete(leak=0.3).drift(state, field), step, atol=1e-15)


@pytest.mark.parametrize("scheme", ["euler", "second_order"])
@pytest.mark.parametrize("immigration", [0.0, 0.1])
def test_abundances_cannot_leave_their_domain(scheme: str, immigration: float) -> None:
    """At any state, speed and step."""
    unit = LotkaVolterra(1.0, 1.0, immigration)
    with jax.enable_x64(True):
        state, speed = jnp.asarray([0.0, 1e-300, 1.0, 50.0]), jnp.asarray([[-100.0], [0.0], [3.0]])
        for step in (0.01, 1.0):
            ahead = np.asarray(unit.advance(state, speed, step, scheme))
            assert (ahead >= step * immigration * (1.0 if scheme == "euler" else 0.5)).all()


def test_a_unit_of_ones_own_may_know_more() -> None:
    """A subclass of the contract in a few lines: everything else follows."""

    class Cubic(AbstractUnit):
        def drift(self, state: Any, field: Any) -> Any:
            return -(state**3) + field

        def rate(self, state: Any) -> Any:
            return jnp.tanh(state)

    network = qd.Network(np.array([[0.0, 1.0], [1.0, 0.0]]), unit=Cubic())
    found = qd.landscape.find_fixed_points(network, 20, paths=0)
    assert found.sizes["fixed_point"] == 3
    rest = found.state.values[found.stable.values]
    np.testing.assert_allclose(rest**3, np.tanh(rest), atol=1e-10)
    run = qd.simulate.integrate(network, 20.0, 0.05, initial=np.full(2, 0.1))
    np.testing.assert_allclose(run.trajectory[-1, 0], np.max(rest, axis=0), atol=1e-4)
    top = qd.observables.lyapunov_spectrum(network, 60.0, 0.05, initial=np.full(2, 0.1)).lyapunov_exponent[0]
    values = found.eigenvalue_real.values[found.stable.values]
    assert float(top) == pytest.approx(values.max(), abs=5e-3)
