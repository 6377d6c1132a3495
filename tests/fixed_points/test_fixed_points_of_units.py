"""Fixed points of networks of every unit and couplings."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import quenched as qd
from quenched.couplings import Blocks, Elliptic, LowRank, Redrawn
from quenched.dynamics.network_function import NetworkFunction
from quenched.fixed_points.of_units import own_responses
from quenched.landscape import FixedPoints, find_fixed_points
from quenched.units import Adaptive, Discrete, Leaky, LotkaVolterra, Mixed, Reservoir, Unit

WEIGHTS = 1.1 * np.random.default_rng(5).normal(size=(4, 4))
CURVED = {
    "slow": Leaky(qd.Tanh(), 0.6, 0.3),
    "discrete": Discrete(qd.Erf(), 0.4),
    "reservoir": Reservoir(leak=0.4),
    "adaptive": Adaptive(adaptation_strength=0.3),
    "own": Unit(lambda s, h: (-s[0] - s[1] ** 3 + h, s[0] - 2.0 * s[1]), lambda s: jnp.tanh(s[0]), 2),
    "species": LotkaVolterra(0.7, 1.3, 0.02),
    "mixed": Mixed((Discrete(), Reservoir(leak=0.5)), np.array([0, 0, 1, 1])),
}


@pytest.mark.parametrize(
    "name",
    [name if name in ("reservoir", "own", "species") else pytest.param(name, marks=pytest.mark.slow) for name in CURVED],
)
def test_derivatives_and_responses(name: str) -> None:
    """The Jacobian against autodiff, at any state; the response against a root that a small field moved."""
    unit = CURVED[name]
    network = qd.Network(-0.3 * np.abs(WEIGHTS) if unit.nonnegative else 0.3 * WEIGHTS, field=0.2, unit=unit)
    function, inputs = NetworkFunction(network), np.linspace(0.1, 0.3, 4)
    with jax.enable_x64(True):
        state = jnp.linspace(0.2, 0.9, network.state_size)
        np.testing.assert_allclose(
            function.jacobian(state, inputs), jax.jacfwd(lambda x: function(x, inputs))(state), atol=1e-13
        )
    root = find_fixed_points(network, 10, paths=0).state.values[0]
    moved = []
    for neuron in range(4):
        for sign in (1, -1):
            near = find_fixed_points(network, root[None], inputs=sign * 1e-4 * np.eye(4)[neuron], paths=0, rounds=0)
            with jax.enable_x64(True):
                moved.append(float(function.rate(near.state.values[0])[neuron]))
    with jax.enable_x64(True):
        found = np.asarray(own_responses(function, jnp.asarray(root)))
    np.testing.assert_allclose(found, np.subtract(moved[::2], moved[1::2]) / 2e-4, rtol=1e-5)


@pytest.mark.parametrize(
    "unit",
    [
        pytest.param(Leaky(time_constant=3.0), marks=pytest.mark.slow),
        pytest.param(Discrete(leak=0.3), marks=pytest.mark.slow),
        Reservoir(leak=0.7),
        Adaptive(adaptation_strength=0.0),
    ],
)
def test_units_that_rest_alike_have_the_same_averages(unit: Any) -> None:
    model, experiment = qd.RandomNetwork(0.6, 0.4, field=0.3), FixedPoints(6, 2, starts=4)
    usual = qd.solve(model, experiment).arrays
    found = qd.solve(qd.RandomNetwork(0.6, 0.4, field=0.3, unit=unit), experiment).arrays
    assert "energy" not in found
    names = ["mean_rate", "mean_square_rate", "correlation", "integrated_response", "index_sum", "completeness"]
    for name in names + (["mean_state", "mean_square_state"] if not isinstance(unit, Reservoir) else []):
        np.testing.assert_allclose(found[name], usual[name], atol=1e-12, err_msg=name)


@pytest.mark.parametrize("name", ["self-coupled", "own"])
def test_neurons_with_two_stable_states(name: str) -> None:
    """Without couplings every combination: 3^2 points, 2^2 of them stable."""
    own = Unit(lambda x, h: x - x**3 + h, jnp.tanh)
    found = find_fixed_points(qd.Network(np.zeros((2, 2)), unit=Leaky(self_coupling=2.0) if name == "self-coupled" else own))
    assert found.sizes["fixed_point"] == 9
    assert int(found.stable.sum()) == 4
    assert float(found.index_sum) == 1.0


def test_periods_of_maps() -> None:
    """x' = -2 tanh(x) goes to and fro between two states; its fixed point is unstable."""
    found = find_fixed_points(qd.Network(-2.0 * np.eye(1), unit=Discrete()), 20, period=2)
    assert sorted(found.smallest_period.values) == [1, 2, 2]
    assert found.stable.values.tolist() == [True, True, False]
    assert found.kind == "map"


def saturated(weights: np.ndarray, capacity: np.ndarray) -> list[np.ndarray]:
    """Of every set of species the state where these live, kept if they do and no other could invade."""
    found = []
    for alive in product([False, True], repeat=len(weights)):
        there, state = np.flatnonzero(alive), np.zeros(len(weights))
        state[there] = np.linalg.solve(np.eye(len(there)) - weights[np.ix_(there, there)], capacity[there])
        invasion = capacity + weights @ state - state
        if np.all(state >= 0.0) and np.all(invasion[~np.array(alive)] <= 0.0):
            found.append(state)
    return found


@pytest.mark.parametrize("seed", [2, 4])
def test_species_rest_where_no_other_can_invade(seed: int) -> None:
    """Every solution of the linear complementarity problem, by enumeration, and nothing else."""
    weights = -2.5 * np.random.default_rng(seed).uniform(size=(6, 6))
    np.fill_diagonal(weights, 0.0)
    exact = saturated(weights, np.full(6, 1.2))
    found = find_fixed_points(qd.Network(weights, field=0.2, unit=LotkaVolterra()), 100)
    assert len(exact) > 1
    assert found.sizes["fixed_point"] == len(exact)
    for state in exact:
        assert np.abs(found.state.values - state).max(axis=1).min() < 1e-10
    assert float(found.index_sum) == 1.0
    eigenvalues = found.eigenvalue_real.values
    np.testing.assert_array_equal(found.stable.values, (eigenvalues < 0).all(axis=1))


@pytest.mark.slow
def test_species_under_inputs_and_with_immigration() -> None:
    pair = np.array([[0.0, -2.0], [-2.0, 0.0]])
    found = find_fixed_points(qd.Network(pair, unit=LotkaVolterra()), 40, inputs=[0.0, 1.5])
    np.testing.assert_allclose(found.state, [[0.0, 2.5]], atol=1e-12)  # the second shuts the first out
    rare = find_fixed_points(qd.Network(pair, unit=LotkaVolterra(immigration=1e-3)), 40)
    assert rare.sizes["fixed_point"] == 3
    assert float(rare.state.min()) > 5e-4
    with jax.enable_x64(True):
        x = rare.state.values
        np.testing.assert_allclose(x * (1.0 - x - 2.0 * x[:, ::-1]) + 1e-3, 0.0, atol=1e-12)


def test_an_ensemble_of_species_has_the_states_of_its_networks() -> None:
    model = qd.RandomNetwork(couplings=Elliptic(0.9, 0.3, -1.0), unit=LotkaVolterra())
    found = qd.solve(model, FixedPoints(7, 2, starts=10), key=4)
    states = []
    for key in jax.random.split(jax.random.key(4), 2):
        with jax.enable_x64(True):
            weights = np.asarray(model.draw(7, jax.random.split(key)[0]).weights)
        exact = saturated(weights, np.ones(7))
        assert len(exact) == 1
        states.append(exact[0])
    assert np.mean(np.array(states) > 0) < 1.0
    assert float(found["surviving_fraction"]) == pytest.approx(np.mean(np.array(states) > 0))
    assert float(found["mean_square_state"]) == pytest.approx(np.mean(np.square(states)), rel=1e-12)


def test_populations_come_first_and_an_empty_one_is_nan() -> None:
    couplings = Blocks((0.5, 0.5, 0.0), 0.3) + LowRank(0.1 * np.eye(2))
    model = qd.RandomNetwork(couplings=couplings, field=(1.0, -0.5, 0.0), activation=qd.Linear())
    found = qd.solve(model, FixedPoints(6, 2, starts=3))
    assert found["correlation"].dims == ("population",)
    states = []
    for key in jax.random.split(jax.random.key(0), 2):
        with jax.enable_x64(True):
            network = model.draw(6, jax.random.split(key)[0])
            states.append(np.linalg.solve(np.eye(6) - np.asarray(network.weights), np.asarray(network.field)))
    exact = np.reshape(states, (2, 2, 3))
    np.testing.assert_allclose(found.arrays["mean_state"][:2], exact.mean(axis=(0, 2)), atol=1e-12)
    np.testing.assert_allclose(found.arrays["mean_square_rate"][:2], (exact**2).mean(axis=(0, 2)), atol=1e-12)
    assert np.isnan(found.arrays["mean_state"][2])


@pytest.mark.slow
def test_names_stay_with_neurons_of_one_variable() -> None:
    pair = qd.Network(np.array([[0.0, 2.0], [2.0, 0.0]]), names=["a", "b"], unit=Leaky(time_constant=2.0))
    assert find_fixed_points(pair, 10).neuron.values.tolist() == ["a", "b"]
    two = qd.Network(np.eye(2), names=["a", "b"], unit=Adaptive())
    assert find_fixed_points(two, 10).sizes["neuron"] == 4


@pytest.mark.slow
@pytest.mark.parametrize(
    "model",
    [
        qd.RandomNetwork(couplings=Elliptic(0.6, 0.4, -2.0), unit=LotkaVolterra()),
        qd.RandomNetwork(
            couplings=Blocks((0.6, 0.4), [[0.4, 0.6], [0.7, 0.3]], 0.3, [[1.0, -2.0], [1.5, -1.0]]), field=(1.0, 0.4)
        ),
    ],
)
def test_networks_meet_static_theory_along_sizes(model: qd.RandomNetwork) -> None:
    theory, sizes = qd.solve(model, qd.dmft.Static()), np.array([20, 40, 80])
    found = [qd.solve(model, FixedPoints(int(size), 4800 // int(size), starts=16), key=int(size)) for size in sizes]
    names = ["mean_rate", "mean_square_rate", "mean_state", "integrated_response"]
    for name in names + (["surviving_fraction"] if model.units[0].nonnegative else []):
        values, errors = (np.array([each.arrays[key] for each in found]) for key in (name, f"{name}_error"))
        design = np.stack([np.ones(3), 1.0 / sizes], axis=1)
        for place in np.ndindex(values.shape[1:]):
            rows = design / errors[:, *place][:, None]
            covariance = np.linalg.inv(rows.T @ rows)
            limit = (covariance @ rows.T @ (values[:, *place] / errors[:, *place]))[0]
            error, exact = np.sqrt(covariance[0, 0]), float(np.asarray(theory.arrays[name])[place])
            assert error < 0.06 * abs(exact), name
            assert abs(limit - exact) < 3.5 * error, (name, limit, error, exact)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (qd.RandomNetwork(couplings=Redrawn(Elliptic(1.0)), unit=Discrete()), "must last for qd.landscape.FixedPoints"),
        (qd.RandomNetwork(1.0, field=jnp.cos), "`field` must be a number for qd.landscape.FixedPoints"),
        (qd.RandomNetwork(1.0, field=qd.Sinusoid(1.0, 1.0)), "but is a sinusoid"),
        (
            qd.RandomNetwork(couplings=Blocks((0.5, 0.5), 1.0), noise=(0.0, 0.2)),
            "`noise` must be 0 for fixed points, but is 0.2",
        ),
    ],
)
def test_what_has_no_fixed_points_is_refused(model: qd.RandomNetwork, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        qd.solve(model, FixedPoints(4, 2))


@pytest.mark.parametrize("ask", [lambda network: find_fixed_points(network, inputs=np.ones(4))])
def test_inputs_are_as_many_as_neurons(ask: Callable[[Any], Any]) -> None:
    with pytest.raises(ValueError, match="must have 2 entries"):
        ask(qd.Network(np.eye(2), unit=Adaptive()))


@pytest.mark.slow
def test_who_lives_in_the_long_run_is_who_lives_at_rest() -> None:
    """The same networks by both experiments; at time 300 a species in a hundred at most is not decided."""
    model = qd.RandomNetwork(couplings=Elliptic(0.8, 0.3, -3.0), unit=LotkaVolterra())
    run = qd.solve(model, qd.simulate.Trajectories(60, 8, 400.0, 0.2, burn_in=300.0), key=3)
    rest = qd.solve(model, FixedPoints(60, 8, starts=4), key=3)
    assert float(run["mean_state"]) == pytest.approx(float(rest["mean_state"]), rel=1e-3)
    assert abs(float(run["surviving_fraction"]) - float(rest["surviving_fraction"])) < 0.01
    assert 0.6 < float(rest["surviving_fraction"]) < 0.8
