"""Branches of fixed points: folds, branch points and oscillations where the eigenvalues say."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

import quenched as qd
from quenched.landscape import Flow, Map, continue_fixed_points


def events(found: Any) -> list[tuple[str, float]]:
    return list(zip(found.event_kind.values.tolist(), found.event_parameter.values.tolist(), strict=True))


def check_points(found: Any, residual: Any) -> None:
    for along, states in zip(found.parameter.values, found.branch_state.values, strict=True):
        for parameter, state in zip(along, states, strict=True):
            if np.isfinite(parameter):
                assert np.max(np.abs(residual(state, parameter))) < 1e-9


def test_a_pitchfork_and_both_its_arms() -> None:
    found = continue_fixed_points(lambda p: Flow(lambda x: p * x - x**3, size=1), np.zeros((1, 1)), -0.5, -1.0, 1.0)
    ((kind, where),) = events(found)
    assert kind == "branch_point"
    assert abs(where) < 1e-6
    check_points(found, lambda x, p: p * x - x**3)
    # The straight one, and the parabola with both of its arms.
    ends = {(round(float(p), 9), round(float(x), 9)) for p, x in zip(*last_points(found), strict=True)}
    assert ends == {(-1.0, 0.0), (1.0, 0.0), (1.0, 1.0), (1.0, -1.0)}
    unstable = found.branch_unstable_directions.values[0]
    straight = found.parameter.values[0]
    assert np.all(unstable[straight < -1e-6] == 0)
    assert np.all(unstable[straight > 1e-6] == 1)


def last_points(found: Any) -> tuple[np.ndarray, np.ndarray]:
    """First and last point of every branch."""
    parameters, states = [], []
    for along, branch in zip(found.parameter.values, found.branch_state.values[..., 0], strict=True):
        there = np.flatnonzero(np.isfinite(along))[[0, -1]]
        parameters += along[there].tolist()
        states += branch[there].tolist()
    return np.array(parameters), np.array(states)


def test_folds_where_the_slope_vanishes() -> None:
    found = continue_fixed_points(
        lambda p: Flow(lambda x: p + x - x**3 / 3, size=1), np.array([[-np.sqrt(3)]]), 0.0, -1.0, 1.0
    )
    assert sorted(events(found)) == [("fold", pytest.approx(-2 / 3, abs=1e-8)), ("fold", pytest.approx(2 / 3, abs=1e-8))]
    np.testing.assert_allclose(np.sort(found.event_state.values.ravel()), [-1.0, 1.0], atol=1e-4)
    assert found.sizes["branch"] == 1


def test_oscillations_begin_where_a_pair_crosses() -> None:
    def family(p: Any) -> Flow:
        return Flow(lambda x: jnp.array([p * x[0] - x[1] - x[0] ** 3, x[0] + p * x[1] - x[1] ** 3]), size=2)

    found = continue_fixed_points(family, np.zeros((1, 2)), -0.5, -1.0, 1.0)
    assert events(found) == [("hopf", pytest.approx(0.0, abs=1e-7))]


def test_a_map_doubles_its_period() -> None:
    """Logistic: the fixed point 1 - 1/r loses its stability at r = 3, and meets the origin at 1."""
    found = continue_fixed_points(lambda r: Map(lambda x: r * x * (1 - x), size=1), np.array([[0.5]]), 2.0, 0.5, 3.5)
    by_kind = dict(events(found))
    assert by_kind == {"flip": pytest.approx(3.0, abs=1e-7), "branch_point": pytest.approx(1.0, abs=1e-5)}
    check_points(found, lambda x, r: r * x * (1 - x) - x)


def test_the_state_of_rest_of_a_random_network_loses_stability_where_its_eigenvalues_say() -> None:
    couplings = np.random.default_rng(0).normal(size=(20, 20)) / np.sqrt(20)
    found = continue_fixed_points(lambda g: qd.Network(g * couplings), np.zeros((1, 20)), 0.5, 0.1, 3.0)
    values = np.linalg.eigvals(couplings)
    values = values[(1 / values.real > 0.1) & (1 / values.real < 3.0) & (values.imag >= 0)]
    expected = sorted(("hopf" if value.imag > 1e-9 else "branch_point", 1 / value.real) for value in values)
    at_rest = np.max(np.abs(found.event_state.values), axis=1) < 1e-3
    listed = sorted(event for event, rests in zip(events(found), at_rest, strict=True) if rests)
    assert len(expected) >= 4
    assert [kind for kind, _ in listed] == [kind for kind, _ in expected]
    np.testing.assert_allclose([where for _, where in listed], [where for _, where in expected], atol=1e-6)
    # Each branch point has a branch of its own, and mirror images of everything on it.
    assert found.sizes["branch"] == 1 + sum(kind == "branch_point" for kind, _ in expected)
    away = [event for event, rests in zip(events(found), at_rest, strict=True) if not rests]
    for kind, where in set(away):
        assert sum(kind == other and abs(where - place) < 1e-6 for other, place in away) % 2 == 0


def test_real_eigenvalues_that_cross_one_after_the_other_are_branch_points() -> None:
    """Symmetric couplings: nothing oscillates, however near two crossings are."""
    couplings = np.random.default_rng(0).normal(size=(20, 20)) / np.sqrt(20)
    couplings = (couplings + couplings.T) / np.sqrt(2)
    found = continue_fixed_points(lambda g: qd.Network(g * couplings), np.zeros((1, 20)), 0.3, 0.1, 1.5, most_branches=1)
    values = np.linalg.eigvalsh(couplings)
    expected = np.sort(1 / values[(values > 0) & (1 / np.maximum(values, 1e-9) < 1.5)])
    assert len(expected) >= 4
    assert set(found.event_kind.values.tolist()) == {"branch_point"}
    np.testing.assert_allclose(np.sort(found.event_parameter), expected, atol=1e-6)


def test_a_closed_branch_ends_where_it_began() -> None:
    """x^2 + p^2 = 1, with a fold at either end."""
    found = continue_fixed_points(lambda p: Flow(lambda x: x**2 + p**2 - 1, size=1), np.array([[1.0]]), 0.0, -2.0, 2.0)
    assert found.branch_end.values.tolist() == [["closed", "closed"]]
    assert sorted(events(found)) == [("fold", pytest.approx(-1.0)), ("fold", pytest.approx(1.0))]
    check_points(found, lambda x, p: x**2 + p**2 - 1)


def test_each_side_says_how_it_ended() -> None:
    """A square root ends at 0, where its slope has no limit."""
    found = continue_fixed_points(
        lambda p: Flow(lambda x: jnp.sqrt(jnp.maximum(x, 0.0)) - p, size=1), np.array([[0.25]]), 0.5, -1.0, 1.0
    )
    assert sorted(found.branch_end.values[0].tolist()) == ["left_the_range", "stuck"]
    short = continue_fixed_points(lambda p: Flow(lambda x: p - x, size=1), np.array([[0.99]]), 0.99, -9.0, 1.0, max_steps=5)
    assert sorted(short.branch_end.values[0].tolist()) == ["left_the_range", "out_of_steps"]


def test_branches_that_are_left_out_are_counted() -> None:
    def family(p: Any) -> Flow:
        return Flow(lambda x: p * x - x**3, size=1)

    found = continue_fixed_points(family, np.zeros((1, 1)), -0.5, -1.0, 1.0, most_branches=1)
    assert found.sizes["branch"] == 1
    assert found.attrs["not_followed"] == 2
    assert continue_fixed_points(family, np.zeros((1, 1)), -0.5, -1.0, 1.0).attrs["not_followed"] == 0


def test_an_interruption_keeps_the_branches_that_are_done() -> None:
    def interrupt(done: int, known: int) -> None:
        assert (done, known) == (1, 3)
        raise KeyboardInterrupt

    found = continue_fixed_points(
        lambda p: Flow(lambda x: p * x - x**3, size=1), np.zeros((1, 1)), -0.5, -1.0, 1.0, progress=interrupt
    )
    assert (found.sizes["branch"], found.attrs["interrupted"], found.attrs["not_followed"]) == (1, 1, 2)


def test_a_centre_does_not_flicker() -> None:
    """Frequencies change with p, and nothing ever decays or grows: no event."""

    def family(p: Any) -> Flow:
        return Flow(lambda x: jnp.array([x[1] + 0.3 * p * x[2], -(1 + p) * x[0], x[3] - 0.3 * p * x[0], -2 * x[2]]), size=4)

    found = continue_fixed_points(family, np.zeros((1, 4)), 0.5, 0.1, 1.0)
    assert events(found) == []


def test_a_fold_in_the_last_step_is_seen() -> None:
    def family(p: Any) -> Flow:
        return Flow(lambda x: x**2 - 0.001 - p, size=1)

    found = continue_fixed_points(
        lambda p: Flow(lambda x: x**2 - 0.001 - p, size=1), np.array([[-1.0]]), 0.999, -0.00101, 2.0
    )
    assert events(found) == [("fold", pytest.approx(-0.001, abs=1e-8))]


def test_families_made_anew_are_compiled_once() -> None:
    from quenched.fixed_points import continuation

    compiled: Any = continuation._bordered
    sizes = []
    for scale in (1.0, 2.0):
        weights = scale * np.array([[0.0, 1.0], [1.0, 0.0]])
        # Of a new function every time.
        family = (lambda w: lambda g: qd.Network(g * w))(weights)
        found = continue_fixed_points(family, np.zeros((1, 2)), 0.2, 0.1, 1.5)
        assert events(found) == [("branch_point", pytest.approx(1 / scale, abs=1e-5))]
        sizes.append(compiled._cached._cache_size())
    assert sizes[0] == sizes[1]


@pytest.mark.usefixtures("unchecked_types")
@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"start": 2.0}, ValueError, "`start` must lie between `low` = -1 and `high` = 1, but is 2"),
        ({"states": np.ones((1, 1))}, ValueError, "`states` must be fixed points at `start` = -0.5"),
        ({"states": np.ones((1, 3))}, ValueError, r"`states` must have shape \(any, 1\), but has \(1, 3\)"),
        ({"family": lambda p: 3}, TypeError, "`family` must turn the parameter into dynamics"),
        ({"start": 0.0}, ValueError, "branches cross or turn at `start`"),
        ({"family": 3}, TypeError, "`family` must be a function of the parameter, but is 3"),
        ({"step": 0.0}, ValueError, "`step` must be"),
    ],
)
def test_bad_input_is_refused(options: dict[str, Any], error: type[Exception], message: str) -> None:
    known: dict[str, Any] = {
        "family": lambda p: Flow(lambda x: p * x - x**3, size=1),
        "states": np.zeros((1, 1)),
        "start": -0.5,
        "low": -1.0,
        "high": 1.0,
    }
    with pytest.raises(error, match=message):
        continue_fixed_points(**(known | options))


def test_what_jumps_at_a_kink_is_no_bifurcation() -> None:
    """x = p - x/2 left of 0 and p - 2x right of it: the slope passes -1 without being -1."""

    def family(p: Any) -> Map:
        return Map(lambda x: p - jnp.where(x < 0.0, 0.5, 2.0) * x, size=1)

    found = continue_fixed_points(family, np.array([[-2 / 3]]), -1.0, -1.0, 1.0)
    ((kind, where),) = events(found)
    assert (kind, abs(where) < 1e-8) == ("kink", True)
    check_points(found, lambda x, p: p - np.where(x < 0.0, 0.5, 2.0) * x - x)
    along, unstable = found.parameter.values[0], found.branch_unstable_directions.values[0]
    np.testing.assert_array_equal(unstable[along < -1e-6], 0.0)
    np.testing.assert_array_equal(unstable[along > 1e-6], 1.0)


def test_on_a_kink_no_stability_is_claimed() -> None:
    """The rest of a ReLU network without field, stable at one gain and not at another, as phi'(0) = 0 cannot say."""
    weights = np.array([[0.0, 2.0], [2.0, 0.0]])
    found = continue_fixed_points(lambda p: qd.Network(p * weights, qd.ReLU()), np.zeros((1, 2)), 0.2, 0.1, 1.0)
    assert np.all(np.isnan(found.branch_unstable_directions))
    assert len(qd.plots.branches(found).lines) > 0
