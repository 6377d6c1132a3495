"""Roots to rounding that cannot be certified: on kinks, on lines and rings of fixed points, and where points merge."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

import quenched as qd
from quenched.dynamics.rnn import continuous_time, leaky
from quenched.landscape import Flow, Map, Outcome, find_fixed_points


def clip(x: Any) -> Any:
    return jnp.clip(x, -1.0, 1.0)


NAMED, UNNAMED = qd.Activation(clip, "hard_tanh", breakpoints=(-1.0, 1.0)), qd.Activation(clip, "hard_tanh")
LINE = np.linspace(-2.0, 2.0, 41)[:, None]


def check_counts(found: Any) -> None:
    """What is counted in several places is the same."""
    outcomes = found.outcome.values
    assert int(found.starts_reaching.sum()) == np.sum(outcomes == Outcome.fixed_point)
    assert int(found.uncertified_starts_reaching.sum()) == np.sum(outcomes == Outcome.uncertified)
    assert np.all((found.path_points.values > 0) == (found.path_outcome.values == Outcome.fixed_point))
    says = "alone" in found.attrs["index_sum_means"]
    assert says == (found.sizes["uncertified_point"] > 0)


@pytest.mark.parametrize(
    ("dynamics", "options"),
    [
        (qd.Network(np.eye(1), NAMED), {}),
        (qd.Network(np.eye(1), UNNAMED), {}),
        (Flow(lambda x: clip(x) - x, 1), {}),
        (leaky(np.eye(1), leak=0.5, activation=UNNAMED), {}),
        (continuous_time(np.eye(1), activation=NAMED, form="current"), {}),
        (leaky(np.eye(1), leak=0.5, activation=NAMED), {"period": 2}),
    ],
    ids=["named", "unnamed", "flow", "leaky", "continuous", "period"],
)
def test_a_line_of_rest_is_kept_as_one_and_its_ends_are_not_certified(dynamics: Any, options: dict[str, Any]) -> None:
    """x = clip(x): every state between the kinks, and no other."""
    found = find_fixed_points(dynamics, LINE, paths=3, rounds=0, **options)
    check_counts(found)
    assert found.sizes["fixed_point"] == 0
    assert found.attrs["outcomes"] == "uncertified 41"
    places = found.uncertified_state.values.ravel()
    assert np.max(np.abs(places)) == 1.0
    on_kink = np.abs(places) == 1.0
    np.testing.assert_array_equal(found.on_kink, on_kink)
    assert np.all(found.flat_directions.values[~on_kink] == 1)
    # A start on the line stays where it is; one outside goes to an end.
    np.testing.assert_allclose(found.end_state, np.clip(LINE, -1.0, 1.0), atol=1e-12)
    assert float(found.end_speed.max()) < 1e-14
    # 21 of the starts are on the line.
    assert len(places) >= 21


def test_beside_its_kinks_an_activation_of_ones_own_is_certified() -> None:
    """x = clip(x)/2 + b: x = 2b inside, b + 1/2 beyond the kink; however near to it, but not on it."""
    for field in (0.3, 0.5 - 1e-7, 0.5 + 1e-7, 0.8):
        for activation in (NAMED, UNNAMED):
            found = find_fixed_points(qd.Network(np.array([[0.5]]), activation, field), LINE, paths=0, rounds=0)
            np.testing.assert_allclose(found.state, [[2 * field if field < 0.5 else field + 0.5]], atol=1e-14)
            assert found.stable.values.tolist() == [True]
    on_it = find_fixed_points(qd.Network(np.array([[0.5]]), NAMED, 0.5), LINE, paths=0, rounds=0)
    assert on_it.sizes["fixed_point"] == 0
    np.testing.assert_allclose(on_it.uncertified_state, [[1.0]], atol=1e-14)
    assert on_it.on_kink.values.tolist() == [True]


def test_a_neuron_that_drives_none_may_rest_on_its_kink() -> None:
    """The first neuron rests at b = 0, the kink, and nothing listens; the second at relu(0) + 1."""
    listens = np.array([[0.0, 0.0], [0.0, 0.5]])
    for activation in (qd.ReLU(), qd.Activation(lambda x: jnp.maximum(x, 0.0), breakpoints=(0.0,))):
        found = find_fixed_points(qd.Network(listens, activation, np.array([0.0, 1.0])), 10, paths=0, rounds=0)
        np.testing.assert_allclose(found.state, [[0.0, 2.0]], atol=1e-14)


def test_where_phi_jumps_nothing_is_certified() -> None:
    """x = step(x)/2: the root 1/2, and x = 0 if the step is 0 there, with another value on the other side."""
    flow = qd.landscape.Flow(lambda x: 0.5 * jnp.where(x > 0.0, 1.0, 0.0) - x, size=1)
    found = find_fixed_points(flow, LINE, paths=0, rounds=0)
    check_counts(found)
    np.testing.assert_allclose(found.state, [[0.5]], atol=1e-15)
    np.testing.assert_allclose(found.uncertified_state, [[0.0]], atol=1e-15)
    assert found.on_kink.values.tolist() == [True]


def test_the_rest_of_a_relu_network_is_on_its_kink() -> None:
    weights = np.random.default_rng(0).normal(size=(10, 10)) / 4.0
    for activation in (qd.ReLU(), qd.Activation(lambda x: jnp.maximum(x, 0.0), "own", breakpoints=(0.0,))):
        found = find_fixed_points(qd.Network(weights, activation), 20, paths=4)
        check_counts(found)
        assert found.sizes["fixed_point"] == 0
        np.testing.assert_allclose(found.uncertified_state, np.zeros((1, 10)), atol=1e-14)
        assert found.attrs["outcomes"] == "uncertified 20"
        # Followed across kinks a path may be lost, but it meets no other root.
        assert np.sum(found.path_outcome == Outcome.uncertified) >= 3
        assert not np.any(found.path_outcome == Outcome.fixed_point)
        assert found.on_kink.values.tolist() == [True]


def ring(gain: float, size: int = 64) -> qd.Network:
    """Cosine connectivity: x = a cos(theta - psi) for every psi, as far as size points see no harmonics of that order."""
    angle = 2.0 * np.pi * np.arange(size) / size
    return qd.Network(2.0 * gain / size * np.cos(angle[:, None] - angle))


def test_a_ring_of_fixed_points_is_seen_as_one() -> None:
    """Its radius solves a = 2 gain <cos tanh(a cos)>, here by quadrature; the angles that are found go all around."""
    from scipy import optimize

    found = find_fixed_points(ring(1.3), 60, paths=4)
    check_counts(found)
    np.testing.assert_allclose(found.state, np.zeros((1, 64)), atol=1e-14)
    assert found.attrs["index_sum_means"].startswith("that of the certified fixed points alone")
    angle = np.linspace(0.0, 2.0 * np.pi, 4001)[:-1]
    radius = optimize.brentq(lambda a: 2.6 * np.mean(np.cos(angle) * np.tanh(a * np.cos(angle))) - a, 0.1, 5.0, xtol=1e-14)
    wave = found.uncertified_state.values @ np.exp(2j * np.pi * np.arange(64) / 64) / 32
    assert len(wave) > 20
    np.testing.assert_allclose(np.abs(wave), radius, atol=1e-12)
    assert np.max(np.diff(np.sort(np.angle(wave)))) < 1.5
    assert not found.on_kink.any()
    np.testing.assert_array_equal(found.flat_directions, 1)
    # -x is on the ring too.
    for state in found.uncertified_state.values:
        assert np.min(np.max(np.abs(found.uncertified_state.values + state), axis=1)) < 1e-3
    drawn = {line.get_label(): np.size(line.get_xdata()) for line in found.plot().lines}
    assert drawn["no certificate: $F'$ singular"] == len(wave)


def test_a_line_attractor_is_kept_and_drawn_level() -> None:
    """An integrator, eigenvalue 1 along (1, ..., 1) and less elsewhere: the line of multiples of it."""
    found = find_fixed_points(qd.Network(np.full((5, 5), 0.2), qd.Linear()), 30, paths=0)
    check_counts(found)
    states = found.uncertified_state.values
    assert len(states) > 30
    np.testing.assert_allclose(states, np.repeat(states[:, :1], 5, axis=1), atol=1e-13)
    # The search changes only what is not along the line.
    np.testing.assert_array_equal(found.flat_directions, 1)
    axes = found.plot()
    (line,) = (each for each in axes.lines if "singular" in str(each.get_label()))
    low, high = axes.get_ylim()
    assert np.ptp(line.get_ydata()) < 1e-9 * (high - low)


@pytest.mark.parametrize(
    ("dynamics", "flat"),
    [
        (Flow(lambda x: x**2, 1), 1),
        (Flow(lambda x: -(x**3), 1), 1),
        (Flow(lambda x: jnp.array([-x[0] + x[1], -(x[1] ** 3)]), 2), 1),
        (qd.Network(np.eye(1)), 1),
    ],
    ids=["double", "triple", "plane", "tanh"],
)
def test_points_that_merge_are_one_root_that_cannot_be_certified(dynamics: Any, flat: int) -> None:
    found = find_fixed_points(dynamics, 30, paths=0)
    check_counts(found)
    assert found.sizes["fixed_point"] == 0
    np.testing.assert_allclose(found.uncertified_state, np.zeros((1, found.sizes["neuron"])), atol=1e-5)
    assert found.on_kink.values.tolist() == [False]
    assert found.flat_directions.values.tolist() == [flat]


def test_a_map_that_turns_every_state_back_has_a_plane_of_period_two() -> None:
    found = find_fixed_points(Map(lambda x: -x, 2), 20, paths=0, period=2)
    np.testing.assert_array_equal(found.flat_directions, 2)
    assert np.sum(found.outcome == Outcome.uncertified) == 20
    # Every start, and -x of every start.
    assert found.sizes["uncertified_point"] == 39


def test_a_gate_that_is_open_to_rounding_leaves_its_root_without_a_certificate() -> None:
    """A GRU whose update gate is 1 - 4e-18: h' = h + 4e-18 (n - h), n = 0, rests at 0 alone, but h' - h is rounding."""
    arrays = {
        "weight_ih_l0": np.zeros((6, 1)),
        "weight_hh_l0": np.zeros((6, 2)),
        "bias_ih_l0": np.repeat([0.0, 40.0, 0.0], 2),
    }
    starts = np.array([[0.0, 0.0], [0.5, -0.25], [-1.0, 1.0], [1.5, 0.0]])
    found = find_fixed_points(qd.landscape.rnn.from_arrays(arrays), starts, paths=0)
    check_counts(found)
    assert found.attrs["outcomes"] == "uncertified 4"
    np.testing.assert_allclose(found.uncertified_state, [[0.0, 0.0]], atol=1e-12)
    np.testing.assert_array_equal(found.flat_directions, 2)
    # As a map that nothing is known of, it keeps every state.
    step = qd.landscape.rnn.from_arrays(arrays).step
    kept = find_fixed_points(Map(lambda h: step(h), 2), starts, paths=0)
    np.testing.assert_array_equal(kept.end_state, starts)


def test_each_input_has_its_own_line() -> None:
    line = Flow(lambda x, u: jnp.array([u[0] - x[0], 0.0 * x[1]]), 2)
    found = find_fixed_points(line, inputs=np.repeat([[0.0], [1.0]], 10, axis=0), starts=20, paths=0)
    np.testing.assert_allclose(found.uncertified_state[:, 0], found.uncertified_condition, atol=1e-14)


def test_slow_states_that_are_no_roots_stay_apart() -> None:
    """exp(-5) + x^2 has no root; its minimum is a ghost, with the speed that is left."""
    found = find_fixed_points(Flow(lambda x: jnp.exp(-5.0) + x**2, 1), LINE, paths=0)
    assert found.sizes["uncertified_point"] == 0
    assert found.attrs["outcomes"] == "slow_point 41"
    np.testing.assert_allclose(found.end_speed, np.exp(-5.0), rtol=1e-6)
    axes = found.plot()
    assert np.shape(axes.collections[0].get_offsets()) == (41, 2)


def test_an_ensemble_on_its_kinks_says_so() -> None:
    solution = qd.solve(qd.RandomNetwork(0.5, activation=qd.ReLU()), qd.landscape.FixedPoints(4, 2, starts=6), throw=False)
    assert int(solution.status) == qd.Status.uncertified
    assert (float(solution["uncertified_points"]), float(solution["completeness"])) == (1.0, 0.0)
