"""Searches solve an equation that has the fixed points of the dynamics, and no others."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import quenched as qd
from quenched.dynamics.read import read_dynamics
from quenched.fixed_points.equation import equation_of
from quenched.landscape import LevenbergMarquardt, Outcome, find_fixed_points, rnn


def cell(kind: str, hidden: int, gain: float = 1.0, seed: int = 0) -> Any:
    """PyTorch's scale of weights, the recurrent ones times `gain`."""
    rows = {"rnn": 1, "gru": 3, "lstm": 4}[kind] * hidden
    generator = np.random.default_rng(seed)

    def uniform(*shape: int) -> np.ndarray:
        return generator.uniform(-1.0, 1.0, shape) / np.sqrt(hidden)

    weights = {"weight_ih": uniform(rows, 2), "weight_hh": gain * uniform(rows, hidden)}
    return rnn.from_arrays(weights | {"bias_ih": uniform(rows), "bias_hh": uniform(rows)})


def leaky(form: str) -> Any:
    generator = np.random.default_rng(1)
    weights, enter = generator.normal(size=(5, 5)), generator.normal(size=(5, 2))
    return rnn.leaky(weights, enter, generator.normal(size=5), leak=generator.uniform(0.1, 1.0, 5), form=form)


@pytest.mark.parametrize("saturation", [1.0, 30.0])
def test_jacobians_are_those_of_automatic_differentiation(saturation: float) -> None:
    inputs = np.array([0.3, -0.7])
    everything = [cell(kind, 5, 2.0).step for kind in ("rnn", "gru", "lstm")] + [leaky("rate").step, leaky("current").step]
    everything += [step.at_rest for step in everything if step.at_rest is not None]
    assert len(everything) == 7
    with jax.enable_x64(True):
        for function in everything:
            size = getattr(function, "size", None) or getattr(function, "state_size", 5)
            for given in (None, inputs):
                state = jnp.asarray(saturation * np.random.default_rng(2).normal(size=size))
                expected = jax.jacfwd(lambda x, function=function, given=given: function(x, given))(state)
                np.testing.assert_allclose(function.jacobian(state, given), expected, atol=1e-12)


def test_a_saturated_gate_leaves_numbers() -> None:
    hidden = 3
    weights = {"weight_ih": np.zeros((12, 1)), "weight_hh": np.zeros((12, hidden)), "bias_ih": np.zeros(12)}
    weights["bias_ih"][3:6] = 1000.0
    at_rest: Any = getattr(rnn.from_arrays(weights).step, "at_rest")  # noqa: B009
    with jax.enable_x64(True):
        assert np.isfinite(at_rest(jnp.ones(hidden))).all()
        assert np.isfinite(at_rest.jacobian(jnp.ones(hidden))).all()


@pytest.mark.parametrize(("kind", "gain", "seed"), [("gru", 6.0, 5), pytest.param("lstm", 10.0, 3, marks=pytest.mark.slow)])
def test_gated_cells_keep_their_fixed_points(kind: str, gain: float, seed: int) -> None:
    """From the same starts, by the step alone as a function of the user's own: nothing is known of that."""
    step = cell(kind, 6, gain, seed)
    plain = qd.landscape.Map(lambda x: step.step(x), size=step.size)
    by_equation, by_function = find_fixed_points(step, 300), find_fixed_points(plain, 300)
    assert by_equation.sizes["fixed_point"] >= by_function.sizes["fixed_point"] > 1
    assert float(by_equation.index_sum) == 1.0
    for state in by_function.state.values:
        assert np.min(np.max(np.abs(by_equation.state.values - state), axis=1)) < 1e-8
    # Gates that saturate far out leave a descent of the step's own speed without end.
    assert np.sum(by_equation.outcome == Outcome.out_of_steps) < 0.05 * by_equation.sizes["start"]


def chain_into_core_into_chain() -> qd.Network:
    """Two neurons that drive each other, two on the way to them, one between two cycles, two that only listen."""
    weights = np.zeros((9, 9))
    weights[1, 0], weights[2, 1] = 1.5, 0.7
    weights[2, 3] = weights[3, 2] = 2.0
    weights[4, 3], weights[5, 4] = 1.2, 0.8
    weights[5, 6] = weights[6, 5] = 1.7
    weights[7, 6], weights[8, 7] = 1.0, -2.0
    order = np.random.default_rng(0).permutation(9)
    return qd.Network(weights[np.ix_(order, order)], field=0.1 * np.arange(9)[order])


def test_neurons_on_no_cycle_follow_from_the_others() -> None:
    network = chain_into_core_into_chain()
    dynamics, _ = read_dynamics(network)
    with jax.enable_x64(True):
        equation = equation_of(dynamics, None)
        assert equation.dynamics.size == 5
        plain = find_fixed_points(qd.landscape.Flow(network.velocity, size=9), 200)
        for state in plain.state.values:
            back = equation.states(equation.unknowns(state[None]), np.zeros(1, int))[0]
            np.testing.assert_allclose(back, state, atol=1e-12)
    found = find_fixed_points(network, 200)
    assert found.sizes["fixed_point"] == plain.sizes["fixed_point"] > 1
    np.testing.assert_allclose(np.sort(found.state.values, axis=0), np.sort(plain.state.values, axis=0), atol=1e-9)
    # Inputs act through those on the way too.
    pushed = find_fixed_points(network, 50, inputs=0.3 * np.arange(9))
    for state in pushed.state.values:
        np.testing.assert_allclose(np.asarray(network.velocity(state)), -0.3 * np.arange(9), atol=1e-12)
    without = find_fixed_points(qd.Network(np.diag(np.ones(8), -1), field=1.0), 3)
    assert without.sizes["fixed_point"] == 1
    assert float(without.index_sum) == 1.0


def test_minima_of_the_speed_are_those_of_the_equation() -> None:
    step = cell("gru", 6, 6.0, 3)
    found = find_fixed_points(step, 300)
    with jax.enable_x64(True):
        rest = step.step.at_rest
        for ghost in found.slow_state.values:
            gradient = qd.landscape.energy_gradient(lambda h: rest(h), ghost)
            assert np.max(np.abs(gradient)) < 1e-10 < float(qd.landscape.energy(lambda h: rest(h), ghost))


def test_progress_is_told_of_no_points_where_there_are_none() -> None:
    shapes = []
    drift = qd.landscape.Flow(lambda x: 1.0 + 0.0 * x, size=2)
    find_fixed_points(drift, 4, paths=0, progress=lambda done, total, *, points: shapes.append(points.shape))
    assert set(shapes) == {(0, 2)}


def test_progress_may_ask_for_the_points() -> None:
    weights = 2.0 / np.sqrt(20) * np.random.default_rng(0).normal(size=(20, 20))
    told, plain = [], []

    def watch(done: int, total: int, *, points: np.ndarray) -> None:
        told.append((done, points.shape))

    found = find_fixed_points(qd.Network(weights), 100, progress=watch)
    assert [each for each, _ in told] == sorted(each for each, _ in told)
    assert all(shape[1] == 20 for _, shape in told if shape[0])
    assert 0 < told[-1][1][0] <= found.sizes["fixed_point"]
    # The first points are there before the search is over.
    assert told[0][1][0] > 0 or told[1][1][0] > 0
    find_fixed_points(qd.Network(weights), 100, progress=lambda *call: plain.append(call))
    assert all(len(call) == 2 for call in plain)


def test_a_time_limit_keeps_what_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock of the test moves by a second each time that it is looked at."""
    from quenched.fixed_points import find

    ticks = iter(range(10**6))
    monkeypatch.setattr(find.time, "monotonic", lambda: float(next(ticks)))
    network = qd.Network(2.0 / np.sqrt(30) * np.random.default_rng(1).normal(size=(30, 30)))
    few = LevenbergMarquardt(lanes=2)
    whole = find_fixed_points(network, 60, solver=few)
    part = find_fixed_points(network, 60, time_limit=6.5, solver=few)
    assert whole.attrs["interrupted"] == 0
    assert part.attrs["interrupted"] == 1
    run = part.outcome.values != Outcome.not_run
    assert 0 < part.sizes["fixed_point"] <= whole.sizes["fixed_point"]
    assert not run.all()
    np.testing.assert_array_equal(part.outcome[run], whole.outcome[run])
    none = find_fixed_points(network, 60, time_limit=1e-9)
    assert none.sizes["fixed_point"] == 0
    assert np.all(none.outcome == Outcome.not_run)
    for limit in (0.0, -1.0, np.nan):
        with pytest.raises(ValueError, match="`time_limit`"):
            find_fixed_points(network, 60, time_limit=limit)
