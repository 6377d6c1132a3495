"""Fixed points without Jacobians: those of the dense search, closed forms in large networks, and what is not claimed."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.sparse import coo_array, csr_array, diags_array, eye_array
from scipy.sparse.linalg import spsolve

import quenched as qd
from programs import largest_array
from quenched.dynamics.read import read_dynamics
from quenched.fixed_points import find
from quenched.fixed_points.descent import nothing_searched, search_on
from quenched.fixed_points.large import with_fast_products
from quenched.fixed_points.rightmost import rightmost
from quenched.landscape import Flow, Krylov, LevenbergMarquardt, Map, Outcome, connections, find_fixed_points
from quenched.numerics import memory
from quenched.precision import double_precision

QUICK: dict[str, Any] = {"paths": 0, "rounds": 0}


def with_patterns(size: int, seed: int = 0) -> np.ndarray:
    """Three patterns stored in a network without symmetry."""
    random = np.random.default_rng(seed)
    patterns = random.choice([-1.0, 1.0], size=(3, size))
    return 2.0 * patterns.T @ patterns / size + 0.5 * random.normal(size=(size, size)) / np.sqrt(size)


def equal_inputs(size: int, partners: int, total: float) -> csr_array:
    """Every neuron receives from so many random others, and the weights of each add up to the same total."""
    columns = np.random.default_rng(0).integers(0, size, (size, partners))
    rows = np.repeat(np.arange(size), partners)
    return coo_array((np.full(rows.size, total / partners), (rows, columns.ravel())), shape=(size, size)).tocsr()


@pytest.mark.parametrize("symmetric", [False, True])
def test_roots_are_those_of_the_dense_search(symmetric: bool) -> None:
    """From the same starts, and what is known of them."""
    size = 120
    law = qd.couplings.Sparse(10, qd.couplings.Elliptic(1.1, symmetry=1.0))
    network = law.draw(size, jax.random.key(0)) if symmetric else csr_array(with_patterns(size))
    dense = find_fixed_points(qd.Network(network), 24, solver=LevenbergMarquardt(), **QUICK)
    found = find_fixed_points(qd.Network(network), 24, solver=Krylov(modes=12), **QUICK)
    assert found.sizes["fixed_point"] >= 4
    reached = (dense.outcome.values == Outcome.fixed_point) & (found.outcome.values == Outcome.estimated)
    assert reached.sum() >= (4 if symmetric else 24)
    if not symmetric:
        # Of few ghosts; among many of them a truncated step may end in another basin.
        np.testing.assert_allclose(found.end_state[reached], dense.end_state[reached], atol=1e-10)
        assert found.sizes["fixed_point"] == dense.sizes["fixed_point"]
    for point in range(found.sizes["fixed_point"]):
        ours = found.isel(fixed_point=point)
        apart = np.max(np.abs(dense.state.values - ours.state.values), axis=1)
        if symmetric and apart.min() > 0.1:
            continue
        theirs = dense.isel(fixed_point=int(apart.argmin()))
        assert apart.min() < 1e-10
        if np.isfinite(ours.unstable_directions):
            assert ours.unstable_directions == theirs.unstable_directions
            assert ours["index"] == theirs["index"]
            assert bool(ours.stable) == bool(theirs.stable)
        else:
            assert theirs.unstable_directions >= 12
        np.testing.assert_allclose(ours.eigenvalue_real, theirs.eigenvalue_real[:12], atol=1e-7)
        jacobian = qd.Network(network).jacobian(ours.state.values)
        smallest = np.linalg.svd(jacobian, compute_uv=False)[-1]
        assert smallest * (1.0 - 1e-9) <= float(ours.smallest_singular_value) < 1.2 * smallest
        assert np.linalg.norm(theirs.state - ours.state) < float(ours.estimated_distance) < 1e-9
    assert not found.certified.any()
    assert "certificate" not in found
    assert "radius" not in found


def linear_chain(size: int) -> qd.Network:
    """Neurons that receive from some at most five places away, by weights that a banded solver takes."""
    random = np.random.default_rng(0)
    bands = [0.12 * random.normal(size=size - abs(offset)) for offset in range(-5, 6)]
    weights = diags_array(bands, offsets=list(range(-5, 6)), shape=(size, size)).tocsr()
    return qd.Network(weights, qd.Linear(), field=random.normal(size=size))


def solved_directly(network: qd.Network) -> np.ndarray:
    rows, columns = np.asarray(network.weights.indices).T
    weights = coo_array((np.asarray(network.weights.data), (rows, columns)), shape=(network.size,) * 2).tocsc()
    solution: np.ndarray = spsolve(eye_array(network.size, format="csc") - weights, np.asarray(network.field))
    return solution


def check_against_direct_solution(network: qd.Network) -> None:
    found = find_fixed_points(network, 2, **QUICK)
    assert found.attrs["solver"] == "Krylov"
    assert found.sizes["fixed_point"] == 1
    np.testing.assert_allclose(found.state[0], solved_directly(network), atol=1e-12)
    assert (found.outcome == Outcome.estimated).all()


def test_linear_network_with_field_is_solved() -> None:
    check_against_direct_solution(linear_chain(2500))


def check_equal_inputs(size: int) -> None:
    """x = 0 and x = +-a, a = w tanh a, with the leading eigenvalue w phi'(x) - 1; the others are near w phi' / sqrt(20)."""
    total = 2.0
    starts = np.array([[-1.0], [1.0]]) + np.random.default_rng(1).normal(size=(2, size))
    found = find_fixed_points(qd.Network(equal_inputs(size, 20, total)), starts, rounds=1)
    level = 1.0
    for _ in range(200):
        level = total * np.tanh(level)
    states = found.state.values
    assert found.sizes["fixed_point"] == 3
    np.testing.assert_allclose(np.sort(states.mean(axis=1)), [-level, 0.0, level], atol=1e-12)
    np.testing.assert_allclose(np.std(states, axis=1), 0.0, atol=1e-12)
    leading = total / np.cosh(states.mean(axis=1)) ** 2 - 1.0
    np.testing.assert_allclose(found.eigenvalue_real[:, 0], leading, atol=1e-7)
    assert found.unstable_directions.values.tolist() == [0.0, 0.0, 1.0]
    assert found["index"].values.tolist() == [1.0, 1.0, -1.0]
    assert float(found.index_sum) == 1.0
    assert found.stable.values.tolist() == [True, True, False]
    assert (found.eigenvalue_residual[:, 0] < 1e-7).all()


def test_equal_inputs_have_closed_forms() -> None:
    check_equal_inputs(2500)


@pytest.mark.slow
def test_twenty_thousand_neurons() -> None:
    check_against_direct_solution(linear_chain(20_000))
    check_equal_inputs(20_000)


@pytest.mark.slow
def test_rightmost_eigenvalue_of_twenty_thousand_neurons_meets_the_circular_law() -> None:
    """Twenty Gaussian weights into each neuron, none both ways: at x = 0 eigenvalues fill a disc of radius g around -1, but
    for the power -1/2 of the size."""
    size, gain = 20_000, 0.9
    weights = equal_inputs(size, 20, 20.0)
    weights.data *= gain / np.sqrt(20) * np.random.default_rng(2).normal(size=weights.nnz)
    found = find_fixed_points(qd.Network(weights), np.zeros((1, size)), **QUICK)
    assert float(found.eigenvalue_real[0, 0]) == pytest.approx(gain - 1.0, abs=4.0 / np.sqrt(size))
    assert found.stable.values.tolist() == [True]


@pytest.mark.slow
def test_exponent_of_twenty_thousand_neurons_at_rest_is_the_rightmost_eigenvalue() -> None:
    size = 20_000
    law = qd.couplings.Sparse(20, qd.couplings.Elliptic(0.4, symmetry=1.0, mean=0.9))
    network = qd.Network(law.draw(size, jax.random.key(1)))
    leading = float(find_fixed_points(network, np.zeros((1, size)), **QUICK).eigenvalue_real[0, 0])
    exponents = qd.observables.lyapunov_spectrum(network, 400.0, 0.1, exponents=1, initial=np.zeros(size), burn_in=200.0)
    scheme = np.log(1.0 + 0.1 * leading + 0.5 * (0.1 * leading) ** 2) / 0.1
    assert float(exponents.lyapunov_exponent[0]) == pytest.approx(scheme, abs=1e-5)


def of_matrix(matrix: np.ndarray, kind: type) -> Any:
    return read_dynamics(kind(lambda x: jnp.asarray(matrix) @ x, size=len(matrix)))[0]


@double_precision
@pytest.mark.parametrize("kind", [Flow, Map])
def test_rightmost_eigenvalues_are_numpys(kind: type) -> None:
    matrix = 1.2 * np.random.default_rng(0).normal(size=(400, 400)) / 20.0
    if kind is Flow:
        matrix -= 1.1 * np.eye(400)
    values = np.linalg.eigvals(matrix)
    growth = values.real if kind is Flow else np.abs(values)
    expected = values[np.argsort(-growth, kind="stable")]
    found = rightmost(of_matrix(matrix, kind), np.zeros(400), None, 40)
    np.testing.assert_allclose(np.sort_complex(found.values[:20]), np.sort_complex(expected[:20]), atol=1e-8)
    border = 0.0 if kind is Flow else 1.0
    unstable = int(np.sum(growth > border))
    assert found.grows.sum() == min(unstable, len(found.values))
    assert found.complete == (unstable < len(found.values))
    few = rightmost(of_matrix(matrix, kind), np.zeros(400), None, 2)
    assert unstable > 3
    assert not few.complete


@double_precision
def test_equal_eigenvalues_are_all_counted() -> None:
    """Of six that are equal ARPACK finds three, beside others that decay more slowly than most."""
    values = np.concatenate([np.full(6, 0.5), np.linspace(0.4, -0.1, 6), -np.linspace(1.0, 2.0, 300)])
    values = np.random.default_rng(0).permutation(values - 0.05)
    diagonal = read_dynamics(Flow(lambda x: jnp.asarray(values) * x, size=len(values)))[0]
    found = rightmost(diagonal, np.zeros(len(values)), None, 8)
    assert found.complete
    assert found.grows.sum() == np.sum(values > 0.0) == 10
    np.testing.assert_allclose(found.values[:10], np.sort(values)[::-1][:10], atol=1e-9)


@double_precision
def test_programs_hold_no_matrix() -> None:
    size, lanes = 3000, 2
    dynamics, _ = read_dynamics(qd.Network(equal_inputs(size, 20, 2.0)))
    fast, solver, starts = with_fast_products(dynamics), Krylov(lanes=lanes), np.zeros((2, size))
    go = partial(search_on, fast, starts, None, solver)
    program = jax.make_jaxpr(lambda work: go(work, 2, 1))(nothing_searched(starts, solver))
    assert lanes * size <= largest_array(program.jaxpr) < size**2 / 50


def test_a_kink_and_a_line_of_roots_are_told() -> None:
    """At x = 0 of ReLU neurons F' jumps; and a line of fixed points, where an eigenvalue is zero."""
    size = 60
    random = np.random.default_rng(0)
    kink = find_fixed_points(
        qd.Network(0.5 * random.normal(size=(size, size)) / np.sqrt(size), qd.ReLU()), 2, solver=Krylov(), **QUICK
    )
    assert kink.at_kink.values.tolist() == [True]
    assert kink.stable.values.tolist() == [False]
    assert np.isnan(kink.unstable_directions).all()
    assert np.isnan(float(kink.index_sum))
    basis = np.linalg.qr(random.normal(size=(size, size)))[0]
    weights = basis @ np.diag(np.append(1.0, np.linspace(-0.5, 0.5, size - 1))) @ basis.T
    line = find_fixed_points(qd.Network(weights, qd.Linear()), 3, solver=Krylov(), **QUICK)
    assert line.sizes["fixed_point"] == 5  # the origin, two others, and their mirror images
    assert np.isinf(line.estimated_distance).all()
    assert (line.smallest_singular_value < 1e-8).all()
    assert (line.marginal_directions == 1).all()
    assert not line.stable.any()
    assert np.isnan(line["index"]).all()
    with pytest.raises(ValueError, match=r"`fixed_points` must be points whose growing directions are all known"):
        connections(qd.Network(weights, qd.Linear()), line)


def test_a_ghost_is_no_root() -> None:
    found = find_fixed_points(Flow(lambda x: x**2 + 0.01, size=3), 4, solver=Krylov(), **QUICK)
    assert found.sizes["fixed_point"] == 0
    assert found.attrs["outcomes"] == "stalled 4"
    assert float(found.index_sum) == 0.0


def test_maps_periods_and_inputs() -> None:
    """The logistic map: two fixed points and a cycle of two, in closed form, in each of two variables."""
    rate = 3.3
    logistic = Map(lambda x: rate * x * (1.0 - x), size=2)
    starts = np.random.default_rng(0).uniform(0.05, 0.95, size=(60, 2))
    found = find_fixed_points(logistic, starts, period=2, solver=Krylov(), **QUICK)
    root = np.sqrt((rate - 3.0) * (rate + 1.0))
    known = [0.0, 1.0 - 1.0 / rate, (rate + 1.0 - root) / (2.0 * rate), (rate + 1.0 + root) / (2.0 * rate)]
    nearest = np.min(np.abs(found.state.values[..., None] - np.array(known)), axis=-1)
    assert nearest.max() < 1e-12
    at_cycle = np.abs(found.state.values[..., None] - np.array(known[2:])).min(axis=-1) < 1e-6
    assert found.smallest_period.values.tolist() == np.where(at_cycle.any(axis=1), 2, 1).tolist()
    assert (found.stable.values == at_cycle.all(axis=1)).all()
    driven = Flow(lambda x, u: x - x**3 + u, size=1)
    inputs = np.repeat([[0.0], [0.3], [0.5]], 10, axis=0)
    points = find_fixed_points(driven, np.tile(np.linspace(-2.0, 2.0, 10), 3)[:, None], inputs=inputs, solver=Krylov())
    assert np.bincount(points.condition).tolist() == [3, 3, 1]
    assert points.index_sum.values.tolist() == [1.0, 1.0, 1.0]


def test_what_is_chosen_and_what_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def chosen(size: int) -> Any:
        dynamics, _ = read_dynamics(qd.Network(eye_array(size).tocsr()))
        return find._solver_for(dynamics, qd.landscape.Homotopy())

    assert isinstance(chosen(2001), Krylov)
    monkeypatch.setattr(find, "available_bytes", lambda: 2**40)
    assert isinstance(chosen(2000), LevenbergMarquardt)
    monkeypatch.setattr(find, "available_bytes", lambda: 2**20)
    assert isinstance(chosen(100), Krylov)
    network = qd.Network(eye_array(3000).tocsr())
    with pytest.raises(ValueError, match=r"`paths` must be 0 without Jacobians.* but is 4; leave it out"):
        find_fixed_points(network, 2, paths=4)
    wrong: Any = qd.landscape.Homotopy()
    with pytest.raises(TypeError, match=r"LevenbergMarquardt.* Krylov|LevenbergMarquardt.*Krylov"):
        find_fixed_points(network, 2, solver=wrong)
    with pytest.raises(ValueError, match=r"modes"):
        Krylov(modes=0)
    monkeypatch.setattr(memory, "available_bytes", lambda: 2**20)
    with pytest.raises(MemoryError, match=r"from 2 starts of 3000 numbers.* GiB are free; lower `starts` or the solver's"):
        find_fixed_points(network, 2)
    with pytest.raises(MemoryError, match=r"give solver=qd\.landscape\.Krylov\(\), which does without"):
        find_fixed_points(network, 2, solver=LevenbergMarquardt())


def test_a_search_that_ends_early_says_so() -> None:
    found = find_fixed_points(qd.Network(with_patterns(50)), 4, solver=Krylov(), time_limit=1e-9, **QUICK)
    assert found.attrs["interrupted"] == 1
    assert (found.outcome == Outcome.not_run).all()
