"""Fixed points that are all there, certified, and weighted as exp(-E/T) leaves them."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import optimize, sparse

import quenched as qd
from quenched.fixed_points.collection import Collection
from quenched.landscape import LevenbergMarquardt, Outcome, find_fixed_points


def _random_weights(size: int, gain: float, seed: int) -> np.ndarray:
    return gain / np.sqrt(size) * np.random.default_rng(seed).normal(size=(size, size))


def test_two_neurons_against_a_scalar_root() -> None:
    found = find_fixed_points(qd.Network(np.array([[0.0, 2.0], [2.0, 0.0]])), starts=20)
    root = optimize.brentq(lambda x: 2 * np.tanh(x) - x, 1.0, 3.0, xtol=1e-15)
    expected = np.array([[-root, -root], [root, root]])
    np.testing.assert_allclose(np.sort(found.state.values[:2], axis=0), expected, atol=1e-14)
    np.testing.assert_allclose(found.state.values[2], 0.0, atol=1e-15)
    # At the origin F' = -1 + J has eigenvalues 1 and -3, so |det| = 3.
    np.testing.assert_allclose(found.eigenvalue_real.values[2], [1.0, -3.0], atol=1e-12)
    assert float(found.log_weight[2]) == pytest.approx(-np.log(3.0), abs=1e-12)
    assert found.unstable_directions.values.tolist() == [0, 0, 1]
    assert int(found.starts_reaching.sum()) == int((found.outcome == Outcome.fixed_point).sum())


@pytest.mark.parametrize("size", [5, 12])
@pytest.mark.parametrize("gain", [pytest.param(1.5, marks=pytest.mark.slow), 2.5])
def test_index_sum_is_one_where_the_search_is_exhaustive(size: int, gain: float) -> None:
    for seed in range(4):
        network = qd.Network(_random_weights(size, gain, 100 * size + seed), field=0.1 * np.arange(size))
        found = find_fixed_points(network, starts=300, key=seed)
        assert float(found.index_sum) == 1.0
        more = find_fixed_points(network, starts=1500, key=seed + 50)
        assert more.sizes["fixed_point"] == found.sizes["fixed_point"]


def test_every_listed_point_is_a_root_by_another_route() -> None:
    weights = _random_weights(10, 2.0, 7)
    weights = weights + weights.T
    found = find_fixed_points(qd.Network(weights), starts=200)
    assert found.sizes["fixed_point"] > 3
    for state in found.state.values:
        again = optimize.root(lambda x: weights @ np.tanh(x) - x, state, tol=1e-14)
        np.testing.assert_allclose(again.x, state, atol=1e-10)
    assert float(found.certificate.max()) < 1e-6
    assert float(found.residual.max()) < 1e-13


def test_mirror_images_are_completed_only_for_odd_networks_without_field() -> None:
    weights = _random_weights(6, 2.5, 1)
    states = find_fixed_points(qd.Network(weights), starts=5).state.values
    for state in states:
        assert np.min(np.max(np.abs(states + state), axis=1)) < 1e-9
    biased = find_fixed_points(qd.Network(weights, field=0.3), starts=100).state.values
    assert max(np.min(np.max(np.abs(biased + state), axis=1)) for state in biased) > 1e-3


def _fold(distance: float) -> tuple[qd.Network, float]:
    """One neuron, x = 2 tanh(x) + b, `distance` beyond the field at which two of its three roots vanish."""
    at_fold = np.arccosh(np.sqrt(2.0))
    return qd.Network(np.array([[2.0]]), field=2 * np.tanh(at_fold) - at_fold + distance), -at_fold


def test_a_ghost_is_named_and_not_listed() -> None:
    network, ghost = _fold(0.01)
    starts = np.linspace(-4.0, 4.0, 81)[:, None]
    found = find_fixed_points(network, starts)
    outcome = found.outcome.values
    assert found.sizes["fixed_point"] == 1
    assert float(found.index_sum) == 1.0
    assert np.sum(outcome == Outcome.slow_point) > 5
    assert set(outcome) <= {Outcome.fixed_point, Outcome.slow_point}
    # On the near side of the fold the same starts end at roots.
    before, _ = _fold(-0.01)
    assert find_fixed_points(before, starts).sizes["fixed_point"] == 3
    assert float(qd.landscape.energy(network.velocity, np.array([ghost]))) == pytest.approx(0.5 * 0.01**2, rel=1e-9)


def test_a_singular_root_is_not_certified() -> None:
    found = find_fixed_points(qd.Network(np.array([[1.0]])), np.array([[0.5], [0.0]]))
    assert found.sizes["fixed_point"] == 0
    assert not np.any(found.outcome == Outcome.fixed_point)


def test_kinks_are_not_certified_across() -> None:
    # relu: x = 0.5 relu(x) + 1 has the root 2; x = 0.5 relu(x) - 1 the root -1; at field 0 the root is the kink itself.
    for field, root in ((1.0, 2.0), (-1.0, -1.0)):
        found = find_fixed_points(qd.Network(np.array([[0.5]]), qd.ReLU(), field), starts=10)
        np.testing.assert_allclose(found.state.values, [[root]], atol=1e-14)
    assert find_fixed_points(qd.Network(np.array([[0.5]]), qd.ReLU()), starts=10).sizes["fixed_point"] == 0


@pytest.mark.slow
def test_sparse_weights_give_the_dense_answer() -> None:
    weights = _random_weights(12, 2.0, 3) * (np.random.default_rng(0).random((12, 12)) < 0.4)
    dense = find_fixed_points(qd.Network(weights), starts=40)
    thin = find_fixed_points(qd.Network(sparse.csr_matrix(weights)), starts=40)
    np.testing.assert_allclose(thin.state.values, dense.state.values, atol=1e-10)


def test_out_of_steps_is_said() -> None:
    found = find_fixed_points(qd.Network(_random_weights(20, 3.0, 0)), 30, solver=LevenbergMarquardt(max_steps=2))
    assert np.sum(found.outcome == Outcome.out_of_steps) >= 28


def test_more_lanes_or_fewer_change_nothing() -> None:
    network = qd.Network(_random_weights(10, 2.0, 5))
    one = find_fixed_points(network, 50, solver=LevenbergMarquardt(lanes=1))
    many = find_fixed_points(network, 50, solver=LevenbergMarquardt(lanes=64))
    np.testing.assert_array_equal(one.outcome, many.outcome)
    np.testing.assert_allclose(one.state, many.state, atol=1e-10)


def test_an_interrupted_search_keeps_what_it_found() -> None:
    network, solver = qd.Network(_random_weights(8, 2.0, 5)), LevenbergMarquardt(lanes=2)

    def interrupt(done: int, total: int) -> None:
        assert total == 60
        if done >= 16:
            raise KeyboardInterrupt

    part = find_fixed_points(network, 60, paths=0, solver=solver, progress=interrupt)
    whole = find_fixed_points(network, 60, paths=0, rounds=0, solver=solver)
    run = part.outcome.values != Outcome.not_run
    np.testing.assert_array_equal(part.outcome[run], whole.outcome[run])
    assert 16 <= np.sum(run) < 60
    assert part.attrs["interrupted"] == 1
    assert part.sizes["fixed_point"] >= 1


def test_progress_counts_the_searches_that_the_result_counts() -> None:
    shown: list[tuple[int, int]] = []
    found = find_fixed_points(qd.Network(np.array([[0.0, 2.0], [2.0, 0.0]])), 20, progress=lambda *each: shown.append(each))
    searches = found.sizes["start"] + found.sizes["path"] + found.attrs["searches_between"]
    # Three points have three middles.
    assert shown[-1] == (searches, searches) == (39, 39)


def test_pairs_to_search_between_follow_from_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    middles, chosen = Collection.middles, []

    def watched(*arguments: Any) -> Any:
        found = middles(*arguments)
        chosen.append(found[0])
        return found

    monkeypatch.setattr(Collection, "middles", watched)
    # With their mirror images far more pairs than starts, of which as many are chosen.
    starts = 2.0 * np.array([[1, 1, 1], [1, 1, -1], [1, -1, 1], [-1, 1, 1], [1, 1, 0], [1, 0, 1]])
    for key in (0, 0, 1):
        find_fixed_points(qd.Network(2.0 * np.eye(3)), starts, rounds=1, paths=0, key=key)
    assert all(len(each) == len(starts) for each in chosen)
    np.testing.assert_array_equal(chosen[0], chosen[1])
    assert np.max(np.abs(chosen[2] - chosen[0])) > 0.1


def test_gradient_of_the_energy() -> None:
    network = qd.Network(_random_weights(5, 1.5, 2), field=0.2)
    state = np.linspace(-1, 1, 5)
    gradient = np.asarray(qd.landscape.energy_gradient(network.velocity, state, confinement=0.3))
    for neuron in range(5):
        nudge = 1e-5 * np.eye(5)[neuron]
        ahead, behind = (float(qd.landscape.energy(network.velocity, state + sign * nudge, 0.3)) for sign in (1, -1))
        assert gradient[neuron] == pytest.approx((ahead - behind) / 2e-5, abs=1e-8)


def test_response_of_the_weighted_average_is_its_own_finite_difference() -> None:
    """S = (1/N) sum_i d<phi_i>/df_i with the weights 1/|det F'| moving too; <phi_i> by a search of its own."""
    from quenched.dynamics.network_flow import NetworkFlow
    from quenched.fixed_points.collection import certify
    from quenched.fixed_points.descent import search
    from quenched.fixed_points.ensemble import _responses, weighted_averages

    size, weights = 5, _random_weights(5, 2.2, 11)
    model = qd.RandomNetwork(1.0)

    def weighted_rates(field: np.ndarray) -> np.ndarray:
        found = find_fixed_points(qd.Network(weights, field=field), starts=200)
        assert float(found.index_sum) == 1.0
        log_weight = found.log_weight.values
        weight = np.exp(log_weight - log_weight.max())
        return weight / weight.sum() @ np.tanh(found.state.values)

    base, nudge = 0.1 * np.arange(size), 1e-5
    slopes = [
        (weighted_rates(base + nudge * unit)[i] - weighted_rates(base - nudge * unit)[i]) / (2 * nudge)
        for i, unit in enumerate(np.eye(size))
    ]
    with jax.enable_x64(True):
        network = qd.Network(weights, field=base)
        dynamics = NetworkFlow(network)
        starts = jnp.asarray(np.random.default_rng(0).normal(size=(200, size)))
        found = search(dynamics, starts, None, LevenbergMarquardt())
        catalogue = certify(dynamics, found.state, found.outcome == Outcome.fixed_point)
        responses = jax.vmap(partial(_responses, network))(catalogue.roots.state)
        averages = weighted_averages(model, catalogue, responses)
    assert float(averages["local_response"]) == pytest.approx(np.mean(slopes), rel=1e-6)


@pytest.mark.parametrize(
    ("starts", "message"),
    [(0, "`starts` must be at least 1, but is 0"), (np.zeros((2, 5)), r"must have shape \(any, 3\), but has \(2, 5\)")],
)
def test_bad_starts(starts: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        find_fixed_points(qd.Network(np.eye(3)), starts)


@pytest.mark.usefixtures("unchecked_types")
def test_an_ensemble_is_not_a_network() -> None:
    with pytest.raises(TypeError, match=r"`dynamics` must be a qd.Network"):
        find_fixed_points(qd.RandomNetwork(1.0))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"find_fixed_points\(network\)"):
        qd.solve(qd.Network(np.eye(3)), qd.landscape.FixedPoints(3, 2))  # type: ignore[arg-type]


@pytest.mark.usefixtures("unchecked_types")
@pytest.mark.parametrize(
    ("velocity", "state", "message"),
    [
        (
            qd.Network(np.eye(2)),
            np.ones(2),
            r"`velocity` must be a function, but is Network.*give its method, network.velocity",
        ),
        (lambda x: -x, np.ones((2, 2)), r"`state` must have shape \(neuron,\), but has \(2, 2\); use jax.vmap for many"),
        (lambda x: -x, 1.0, r"`state` must have shape \(neuron,\), but has \(\)"),
        (qd.Network(np.eye(2)).velocity, np.ones(3), r"`state` must have shape \(2,\), but has \(3,\)"),
    ],
)
def test_the_energy_is_that_of_one_state(velocity: Any, state: Any, message: str) -> None:
    for function in (qd.landscape.energy, qd.landscape.energy_gradient):
        with pytest.raises((TypeError, ValueError), match=message):
            function(velocity, state)
