"""Paths along which the dynamics is switched on: they reach fixed points where descents of the speed do not."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest
from scipy import optimize

import quenched as qd
from quenched.landscape import Flow, Homotopy, Outcome, find_fixed_points


def weights_of(size: int, gain: float, seed: int) -> np.ndarray:
    return gain / np.sqrt(size) * np.random.default_rng(seed).normal(size=(size, size))


def test_one_neuron_by_its_own_folds() -> None:
    """(1 - t)(x_0 - x) + t F(x) = 0 is solved by t(x): the number of times it passes 1 is known from a picture."""
    flow = Flow(lambda x: 2.0 * jnp.tanh(x) - x + 0.1, size=1)
    roots = np.sort([optimize.brentq(lambda x: 2 * np.tanh(x) - x + 0.1, *ends) for ends in ((-3, -1), (-1, 0.5), (1, 4))])
    starts = np.array([[-3.0], [0.05], [2.5]])
    found = find_fixed_points(flow, starts, paths=3, follow=Homotopy(furthest=2.0))
    np.testing.assert_allclose(np.sort(found.state.values.ravel()), roots, atol=1e-12)
    for start, points in zip(starts.ravel(), found.path_points.values, strict=True):
        # Where the path ends: along x(t) from x_0, t = (x - x_0)/(x - x_0 + F(x)).
        x = np.linspace(-8, 8, 400001)
        velocity = 2 * np.tanh(x) - x + 0.1
        share = (x - start) / (x - start + velocity)
        begin = np.argmin(np.abs(x - start))
        ahead = 1 if velocity[begin] > 0 else -1
        along = share[begin:] if ahead > 0 else share[begin::-1]
        until = np.flatnonzero((along > 2.0) | (along < -0.5))
        along = along[: until[0] + 1] if until.size else along
        assert points == np.sum((along[1:-1] < 1.0) != (along[2:] < 1.0)), start


@pytest.mark.slow
def test_every_path_of_a_bounded_network_reaches_a_fixed_point() -> None:
    for seed in range(3):
        network = qd.Network(weights_of(30, 1.8, seed), field=0.1)
        found = find_fixed_points(network, 40, paths=40, key=seed)
        assert np.all(found.path_outcome == Outcome.fixed_point)
        # From t = 0 to beyond 1: an odd number of passages, unless it was left for having met enough.
        points = found.path_points.values
        assert np.all((points % 2 == 1) | (points == Homotopy().most_points))
        assert float(found.index_sum) == 1.0


@pytest.mark.slow
def test_paths_find_what_descents_find_and_nothing_else() -> None:
    network = qd.Network(weights_of(12, 2.5, 4))
    by_descent = find_fixed_points(network, 3000, paths=0, key=1)
    by_path = find_fixed_points(network, 1, paths=1, key=2, solver=qd.landscape.LevenbergMarquardt(max_steps=1))
    many = find_fixed_points(network, 100, paths=100, key=3, solver=qd.landscape.LevenbergMarquardt(max_steps=1))
    assert many.sizes["fixed_point"] == by_descent.sizes["fixed_point"]
    for state in by_path.state.values:
        assert np.min(np.max(np.abs(by_descent.state.values - state), axis=1)) < 1e-9


@pytest.mark.slow
def test_in_large_chaotic_networks_each_path_meets_several_points() -> None:
    """N = 100, gain 2: descents from 200 starts and 16 paths; N = 200: paths and descents from the same 8 starts."""
    found = find_fixed_points(qd.Network(weights_of(100, 2.0, 0)), 200)
    assert found.sizes["fixed_point"] >= 30
    assert float(found.index_sum) == 1.0
    assert float(found.residual.max()) < 1e-12
    large = qd.Network(weights_of(200, 2.0, 1))
    descents = find_fixed_points(large, 8, paths=0)
    paths = find_fixed_points(large, 8, paths=8, solver=qd.landscape.LevenbergMarquardt(max_steps=1))
    assert paths.sizes["fixed_point"] > 2 * descents.sizes["fixed_point"]


def test_what_leaves_the_path_is_named() -> None:
    # F = 1 has no root: (1 - t)(x_0 - x) + t = 0 runs away in x as t comes near 1.
    found = find_fixed_points(Flow(lambda x: jnp.ones_like(x), size=1), 4, paths=4)
    assert found.sizes["fixed_point"] == 0
    assert set(found.path_outcome.values) <= {Outcome.escaped, Outcome.stalled, Outcome.out_of_steps}
    away = np.random.default_rng(0).normal(size=(4, 30))
    few = find_fixed_points(qd.Network(weights_of(30, 2.0, 0)), away, paths=4, follow=Homotopy(max_steps=3))
    assert np.all(few.path_outcome == Outcome.out_of_steps)


def test_an_interruption_keeps_the_paths_that_are_done() -> None:
    network = qd.Network(weights_of(8, 2.0, 5))

    def interrupt(done: int, total: int) -> None:
        assert total == 60
        if done >= 8:
            raise KeyboardInterrupt

    part = find_fixed_points(network, 40, paths=20, progress=interrupt, follow=Homotopy(lanes=1))
    assert 8 <= np.sum(part.path_outcome != Outcome.not_run) < 20
    assert np.all(part.outcome == Outcome.not_run)
    assert part.sizes["fixed_point"] >= 1
