"""Networks of every couplings and unit in time, against closed forms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad, solve_ivp

import quenched as qd
from quenched.couplings import Blocks, Elliptic, Redrawn
from quenched.simulate import Trajectories, integrate
from quenched.units import Adaptive, Discrete, Leaky, LotkaVolterra, Reservoir, Unit

SIZES = np.array([25, 50, 100])
ROWS = np.array([[0.5, -1.5], [1.0, -1.0]])


def limits(model: qd.RandomNetwork, name: str, neurons: int, **options: Any) -> tuple[np.ndarray, np.ndarray]:
    """Along sizes to N = infinity, a + b/N by weighted least squares, and the error."""
    found = [qd.solve(model, Trajectories(int(size), neurons // int(size), **options), key=int(size)) for size in SIZES]
    values, errors = (np.array([solution.arrays[each] for solution in found]) for each in (name, f"{name}_error"))
    design = np.stack([np.ones(len(SIZES)), 1.0 / SIZES], axis=1)
    shape = values.shape[1:]
    limit, error = np.empty(shape), np.empty(shape)
    for place in np.ndindex(shape):
        rows = design / errors[:, *place][:, None]
        covariance = np.linalg.inv(rows.T @ rows)
        limit[place] = (covariance @ rows.T @ (values[:, *place] / errors[:, *place]))[0]
        error[place] = np.sqrt(covariance[0, 0])
    return limit, error


def agrees(limit: np.ndarray, error: np.ndarray, exact: Any, within: float) -> None:
    assert np.all(error < within * np.abs(exact))  # else it could not fail
    assert np.all(np.abs(limit - exact) < 3.5 * error), (limit, exact, error)


def test_excitatory_and_inhibitory_linear_networks_at_rest() -> None:
    """m_a = b_a + sum_b M_ab f_b m_b and <x_a^2> - m_a^2 = sum_b g_ab^2 f_b <x_b^2>."""
    fractions, gain, field = np.array([0.6, 0.4]), np.array([[0.4, 0.6], [0.7, 0.3]]), np.array([1.0, 0.4])
    model = qd.RandomNetwork(
        couplings=Blocks(fractions, gain, mean=ROWS), unit=(Leaky(qd.Linear()), Leaky(qd.Linear(), 0.5)), field=field
    )
    mean = np.linalg.solve(np.eye(2) - ROWS * fractions, field)
    square = np.linalg.solve(np.eye(2) - gain**2 * fractions, mean**2)
    options: dict[str, Any] = {"neurons": 3000, "duration": 30.0, "step": 0.25, "burn_in": 25.0}
    agrees(*limits(model, "mean_state", **options), mean, 0.02)
    agrees(*limits(model, "mean_square_state", **options), square, 0.05)


def test_two_populations_have_the_axis_first() -> None:
    model = qd.RandomNetwork(couplings=Blocks((0.5, 0.5), 1.0), noise=(0.5, 0.1))
    found = qd.solve(model, Trajectories(10, 2, 4.0, 0.1, trials=2, record=True))
    assert found["mean_state"].dims == ("population",)
    assert found["mean_state_error"].dims == ("population",)
    kept = found["trajectory"].values
    for row, neurons in enumerate((slice(0, 5), slice(5, 10))):
        assert np.mean(kept[..., neurons] ** 2) == pytest.approx(float(found["mean_square_state"][row]), rel=1e-12)


def test_an_empty_population_is_nan_and_spoils_nothing() -> None:
    """Also where so few neurons are in one that it rounds to none."""
    for fractions in ((1.0, 0.0), (0.99, 0.01)):
        model = qd.RandomNetwork(couplings=Blocks(fractions, 0.5), noise=0.3)
        found = qd.solve(model, Trajectories(10, 2, 4.0, 0.1, richardson=True))
        for name in ("mean_square_state", "mean_square_state_error", "kinetic_energy"):
            first, second = found.arrays[name]
            assert np.isfinite(first)
            assert np.isnan(second)


def test_maps_without_symmetry_have_the_variance_of_theory() -> None:
    """Delta = g^2 <phi^2> + sigma^2 at leak 1."""

    def closed(variance: float) -> float:
        return (
            4.0 * quad(lambda z: np.tanh(np.sqrt(variance) * z) ** 2 * np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi), -12, 12)[0]
        )

    exact = 1.0
    for _ in range(200):
        exact = closed(exact) + 0.25
    model = qd.RandomNetwork(2.0, noise=0.5, unit=Discrete())
    agrees(*limits(model, "mean_square_state", 6400, duration=120.0, step=1.0, burn_in=40.0), exact, 0.02)


def test_fresh_couplings_remember_nothing() -> None:
    """Linear map with noise: <x^2> = sigma^2/(1 - g^2) at symmetry 1 too, where lasting couplings add to it."""
    law = Elliptic(0.6, 1.0)
    options: dict[str, Any] = {"duration": 40.0, "step": 1.0, "burn_in": 15.0}
    fresh = qd.RandomNetwork(couplings=Redrawn(law), noise=1.0, unit=Discrete(qd.Linear()))
    agrees(*limits(fresh, "mean_square_state", 1600, **options), 1.0 / (1.0 - 0.36), 0.02)


def test_linear_networks_under_sinusoids() -> None:
    """<x^2> = (I^2/2)/(1 + w^2 - g^2) at symmetry 0, averaged over phases."""
    model = qd.RandomNetwork(0.7, field=qd.Sinusoid(1.5, 2.0), activation=qd.Linear())
    options: dict[str, Any] = {"duration": 20.0 + 4 * np.pi, "step": np.pi / 40, "burn_in": 20.0}
    options["burn_in"] = round(20.0 / options["step"]) * options["step"]
    options["duration"] = options["burn_in"] + 160 * options["step"]
    agrees(*limits(model, "mean_square_state", 6400, **options), 0.5 * 1.5**2 / (1 + 4 - 0.49), 0.02)


def test_a_drive_reaches_each_population_at_its_time() -> None:
    """Gain 0: x' = -x + b(t), with the burn-in before the average."""
    couplings = Blocks((0.5, 0.5), 0.0)
    model = qd.RandomNetwork(
        couplings=couplings, field=lambda time: jnp.stack([jnp.cos(time), time]), activation=qd.Linear()
    )
    found = qd.solve(model, Trajectories(4, 2, 6.0, 0.01, burn_in=2.0, initial=qd.Normal(0.0, 0.0)))
    time = np.arange(200, 600) * 0.01
    exact = [0.5 * (np.cos(time) + np.sin(time) - np.exp(-time)), time - 1 + np.exp(-time)]
    np.testing.assert_allclose(found.arrays["mean_state"], np.mean(exact, axis=1), atol=1e-4)


@pytest.mark.parametrize("name", ["adaptive", "own"])
def test_states_of_several_variables_follow_their_equations(name: str) -> None:
    """Three neurons against SciPy; the second variable begins at 0, or where it is told to."""

    def fitzhugh_nagumo(state: Any, h: Any) -> Any:
        v, w = state
        return v - v**3 / 3 - w + h, 0.1 * (v + 0.7 - 0.8 * w)

    unit = Adaptive(adaptation_rate=0.3) if name == "adaptive" else Unit(fitzhugh_nagumo, lambda s: jnp.tanh(s[0]), 2)
    weights = np.random.default_rng(1).normal(size=(3, 3))
    network = qd.Network(weights, field=0.5, unit=unit)
    start = np.array([0.2, -0.4, 0.9])

    def flat(_: float, y: np.ndarray) -> np.ndarray:
        v, w = y.reshape(2, 3)
        h = weights @ np.tanh(v) + 0.5
        two = (-v - w + h, 0.3 * (-w + v)) if name == "adaptive" else fitzhugh_nagumo((v, w), h)
        return np.concatenate(two)

    for initial, second in ((start, np.zeros(3)), ([[start], [start**2]], start**2)):
        exact = solve_ivp(flat, (0, 4), np.concatenate([start, second]), rtol=1e-10, atol=1e-10).y[:, -1].reshape(2, 3)
        run = integrate(network, 4.0, 2.0**-8, initial=np.asarray(initial))
        assert run.state_trajectory.dims == ("variable", "time", "trial", "neuron")
        np.testing.assert_allclose(run.state_trajectory[:, -1, 0], exact, atol=2e-5)
        np.testing.assert_array_equal(run.trajectory, run.state_trajectory[0])


def test_a_tuple_of_distributions_starts_each_variable() -> None:
    network = qd.Network(np.zeros((500, 500)), unit=Adaptive())
    run = integrate(network, 0.1, 0.1, initial=(qd.Normal(1.0, 0.0), qd.Uniform(2.0, 3.0)), trials=2)
    np.testing.assert_array_equal(run.state_trajectory[0, 0], 1.0)
    second = run.state_trajectory[1, 0].values
    assert second.min() > 2.0
    assert second.mean() == pytest.approx(2.5, abs=5 / np.sqrt(12 * second.size))


def test_leaky_by_euler_is_the_discrete_map() -> None:
    weights, start = np.random.default_rng(0).normal(size=(6, 6)), np.linspace(-1, 1, 6)
    flow = integrate(qd.Network(weights, field=0.3), 5.0, 0.25, initial=start, scheme="euler")
    for scheme in ("euler", "second_order"):  # a map is the map in any scheme
        steps = integrate(qd.Network(weights, field=0.3, unit=Discrete(leak=0.25)), 20, 1.0, initial=start, scheme=scheme)
        np.testing.assert_allclose(steps.trajectory, flow.trajectory, atol=1e-13)


def test_a_reservoir_hears_its_stream() -> None:
    weights, stream = np.array([[0.5, -0.2], [0.1, 0.4]]), np.random.default_rng(2).normal(size=5)
    network = qd.Network(weights, unit=Reservoir(leak=0.6))
    run = integrate(network, 5, 1.0, initial=np.zeros(2), field=lambda time: jnp.asarray(stream)[time.astype(int)])
    rate = np.zeros(2)
    for step, heard in enumerate(stream):
        rate = 0.4 * rate + 0.6 * np.tanh(weights @ rate + heard)
        np.testing.assert_allclose(run.trajectory[step + 1, 0], rate, atol=1e-14)


def test_a_map_has_no_step_to_leave_out_of_errors() -> None:
    flow, steps = qd.RandomNetwork(1.0), qd.RandomNetwork(1.0, unit=Discrete())
    for model, outside in ((flow, "the step, O(step^2); finite size"), (steps, "finite size")):
        found = qd.solve(model, Trajectories(5, 2, 4.0, 1.0))
        assert found.attributes()["outside_errors"].startswith(outside)


def test_noise_of_a_map_is_that_of_each_step() -> None:
    run = integrate(qd.Network(np.zeros((2, 2)), unit=Discrete()), 4000, 1.0, noise=np.array([0.5, 2.0]))
    spread = run.trajectory[1:, 0].std("time")
    np.testing.assert_allclose(spread, [0.5, 2.0], rtol=5 / np.sqrt(2 * 4000))


@pytest.mark.parametrize("scheme", ["euler", "second_order"])
def test_abundances_stay_above_zero(scheme: str) -> None:
    """Steps so long that any plain scheme would leave the domain."""
    weights = -3.0 * np.random.default_rng(3).uniform(size=(20, 20))
    run = integrate(qd.Network(weights, unit=LotkaVolterra()), 200.0, 1.0, scheme=scheme, trials=3)
    assert float(run.trajectory.min()) >= 0.0
    assert float(run.trajectory[-1].min()) < 1e-10


@pytest.mark.parametrize("immigration", [0.0, 1e-4])
def test_who_can_live_is_told_from_who_cannot(immigration: float) -> None:
    """K + h of either sign, however small, in a constant field: at every time after the first few."""
    field = -2.0 + np.array([-1.0, -0.1, -0.003, 0.003, 0.1, 1.0])
    unit = LotkaVolterra(growth=0.7, capacity=2.0, immigration=immigration)
    run = integrate(qd.Network(np.zeros((6, 6)), unit=unit, field=field), 1500.0, 0.05, initial=np.full(6, 2.0))
    with jax.enable_x64(True):
        below = np.asarray(unit.extinct_below(run.time.values))
    lives = run.trajectory[:, 0].values > below[:, None]
    np.testing.assert_array_equal(lives[2000:], np.broadcast_to(field + 2.0 > 0.0, lives[2000:].shape))
    couplings = Blocks((0.75, 0.25), 0.0)
    model = qd.RandomNetwork(couplings=couplings, field=(-1.02, -0.98), unit=LotkaVolterra())
    found = qd.solve(model, Trajectories(8, 2, 60.0, 0.1, burn_in=50.0))
    np.testing.assert_array_equal(found.arrays["surviving_fraction"], [0.0, 1.0])


def test_abundances_that_grow_without_bound_are_told() -> None:
    model = qd.RandomNetwork(couplings=Elliptic(0.1, 0.0, 3.0), unit=LotkaVolterra())
    found = qd.solve(model, Trajectories(20, 2, 50.0, 0.1), throw=False)
    assert qd.Status(int(found.status)) is qd.Status.diverged


def test_each_neuron_does_what_its_unit_says() -> None:
    """Two populations that do not hear each other are two networks."""
    weights = np.random.default_rng(4).normal(size=(6, 6))
    weights[:4, 4:] = weights[4:, :4] = 0.0
    units, start = (Leaky(qd.Tanh(), 2.0, 0.5), Leaky(qd.ReLU())), np.linspace(-1, 1, 6)
    mixed = qd.Network(weights, unit=qd.units.Mixed(units, np.array([0, 0, 0, 0, 1, 1])))
    both = integrate(mixed, 2.0, 0.1, initial=start).trajectory.values
    for unit, neurons in zip(units, (slice(0, 4), slice(4, 6)), strict=True):
        alone = integrate(qd.Network(weights[neurons, neurons], unit=unit), 2.0, 0.1, initial=start[neurons])
        np.testing.assert_allclose(both[..., neurons], alone.trajectory, atol=1e-13)


OPTIONS: dict[str, Any] = {"size": 10, "networks": 2, "duration": 10.0}
SPECIES = qd.RandomNetwork(couplings=Elliptic(0.5), unit=LotkaVolterra())


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        (qd.RandomNetwork(1.0, unit=Discrete()), {}, "`step` must be 1 for units that are maps, .* but is 0.1"),
        (qd.RandomNetwork(1.0, unit=Discrete()), {"step": 1.0, "richardson": True}, "`richardson` must be False"),
        (qd.RandomNetwork(couplings=Redrawn(Elliptic(1.0))), {}, "`couplings` must last for .*; use units that are maps"),
        (qd.RandomNetwork(couplings=Elliptic(1.0), unit=LotkaVolterra(), noise=0.1), {}, "`noise` must be 0 for abundances"),
        (SPECIES, {"initial": qd.Normal()}, "`initial` must be at least 0 for abundances, but reaches -8"),
        (SPECIES, {"initial": (qd.Uniform(), qd.Uniform())}, "each of the 1 variables of a state, but holds 2"),
        (qd.RandomNetwork(1.0, unit=Leaky(time_constant=0.05)), {}, "at most the shortest time constant, 0.05, but is 0.1"),
    ],
)
def test_what_cannot_be_run_is_refused(model: qd.RandomNetwork, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        qd.solve(model, Trajectories(**OPTIONS, **options))


ONE = qd.Network(np.zeros((3, 3)))
FEW = qd.Network(np.zeros((3, 3)), unit=LotkaVolterra())


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda: integrate(qd.Network(np.eye(3), unit=Discrete()), 2.0, 0.5), "`step` must be 1 for units that are maps"),
        (lambda: integrate(FEW, 1.0, 0.1, initial=-np.ones(3)), "`initial` must be at least 0 for abundances, but holds -1"),
        (lambda: integrate(FEW, 1.0, 0.1, noise=0.1), "`noise` must be 0 for abundances"),
        (lambda: integrate(ONE, 1.0, 0.1, noise=np.ones(2)), r"`noise` must have shape \(3,\), but has \(2,\)"),
        (lambda: integrate(ONE, 1.0, 0.1, noise=-np.ones(3)), r"`noise\[0\]` must be a finite number at least 0"),
        (lambda: integrate(ONE, 1.0, 0.1, field=lambda time: jnp.ones(2)), "one number or one for each of the 3 neurons"),
    ],
)
def test_integrate_refuses_what_a_unit_cannot_bear(ask: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ask()
