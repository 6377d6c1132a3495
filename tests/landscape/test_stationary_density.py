"""The stationary density on a grid, against potentials, Gaussians and trajectories."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, linalg, sparse
from scipy.sparse.linalg import splu

import quenched as qd
from quenched.dynamics.read import read_dynamics
from quenched.landscape import Flow, Map, find_fixed_points
from quenched.landscape.fokker_planck import stationary_density
from quenched.landscape.fokker_planck.grid import Grid, work
from quenched.landscape.fokker_planck.hopping import generator, hops
from quenched.numerics.markov_chain import log_probabilities

TILT = 0.05
ROTATION = np.array([[0.0, 1.0], [-1.0, 0.0]])


def well(x: Any) -> Any:
    return x**4 / 4 - x**2 / 2 - TILT * x


DOUBLE_WELL = Flow(lambda x: x - x**3 + TILT, size=1)


def meshed(found: Any) -> tuple[np.ndarray, np.ndarray, float]:
    """x, y and the area of a cell."""
    x, y = np.meshgrid(found.x.values, found.y.values, indexing="ij")
    return x, y, float((found.x[1] - found.x[0]) * (found.y[1] - found.y[0]))


@pytest.mark.parametrize("noise", [0.7, 0.2, 0.05])
def test_one_variable_against_quadrature(noise: float) -> None:
    # Walls where nothing is: sums over cells are then integrals, to rounding.
    found = stationary_density(DOUBLE_WELL, noise, (-2.6, 2.6), cells=520)
    lowest = well(np.linspace(0.9, 1.1, 10001)).min()

    def average(weight: Callable[[float], float]) -> float:
        # Between 0.5 and 1.5 where little else weighs, so that the quadrature sees the peak.
        pieces = [(-2.6, -1.3), (-1.3, -0.7), (-0.7, 0.7), (0.7, 1.0), (1.0, 1.1), (1.1, 1.4), (1.4, 2.6)]
        each = [
            integrate.quad(lambda x: weight(x) * np.exp(-2 * (well(x) - lowest) / noise**2), *piece, epsabs=1e-14)[0]
            for piece in pieces
        ]
        return float(sum(each))

    total = average(lambda x: 1.0)
    exact = np.exp(-2 * (well(found.x.values) - lowest) / noise**2) / total
    np.testing.assert_allclose(found.density, exact, rtol=1e-9, atol=1e-300)
    for name, weight in (("mean_state", lambda x: x), ("mean_square_state", lambda x: x**2)):
        assert abs(float(found[name]) - average(weight) / total) <= float(found[f"{name}_error"]), name
    assert abs(float(found.density.sum()) * 0.01 - 1) < 1e-12
    assert float(abs(found.current).max()) < 1e-12
    assert 0 <= float(found.entropy_production) < 1e-20
    assert found.attrs["status"] == "solved"
    assert found.density.dims == ("x",)
    assert found.current.dims == ("component", "x")


def gaussian(matrix: np.ndarray, noise: float) -> tuple[np.ndarray, np.ndarray, float]:
    """Covariance of dx = A x dt + sigma dW, the matrix of its velocity j/p, and its entropy production."""
    covariance = linalg.solve_continuous_lyapunov(matrix, -(noise**2) * np.eye(2))
    half = noise**2 / 2
    drift = matrix + half * np.linalg.inv(covariance)
    return covariance, drift, float(np.trace(drift.T @ drift @ covariance)) / half


def gaussian_errors(found: Any, matrix: np.ndarray, noise: float) -> dict[str, float]:
    covariance, drift, entropy = gaussian(matrix, noise)
    x, y, _ = meshed(found)
    states = np.stack([x, y], axis=-1)
    exponent = np.einsum("xyi,ij,xyj->xy", states, np.linalg.inv(covariance), states)
    density = np.exp(-0.5 * exponent) / (2 * np.pi * np.sqrt(np.linalg.det(covariance)))
    current = np.einsum("ij,xyj->ixy", drift, states) * density
    return {
        "density": float(np.max(np.abs(found.density.values - density))) / float(density.max()),
        "current": float(np.max(np.abs(found.current.values - current))),
        "entropy_production": abs(float(found.entropy_production) - entropy),
        "mean_square_state": abs(float(found.mean_square_state) - float(np.trace(covariance)) / 2),
    }


SHEARED = np.array([[-1.0, 2.0], [-0.5, -1.5]])


def test_linear_flow_with_a_current_converges_to_its_gaussian_in_second_order() -> None:
    counts = np.array([32, 64, 128])
    found = [stationary_density(Flow(lambda x: SHEARED @ x, size=2), 1.0, (-5.0, 5.0), cells=int(each)) for each in counts]
    errors = [gaussian_errors(each, SHEARED, 1.0) for each in found]
    for name in errors[0]:
        order = -np.polyfit(np.log(counts), np.log([each[name] for each in errors]), 1)[0]
        assert 1.8 < order < 2.3, (name, order)
    assert errors[-1]["density"] < 0.005
    assert gaussian(SHEARED, 1.0)[2] > 1.0
    for each, error in zip(found, errors, strict=True):
        for name in ("entropy_production", "mean_square_state"):
            assert error[name] <= float(each[f"{name}_error"]), name


def test_symmetric_linear_flow_is_exact_and_at_rest() -> None:
    matrix = np.array([[-1.0, 0.4], [0.4, -0.7]])
    found = stationary_density(Flow(lambda x: matrix @ x, size=2), 0.6, ((-4.5, 4.5), (-5.0, 5.0)), cells=60)
    errors = gaussian_errors(found, matrix, 0.6)
    assert errors["density"] < 1e-7, errors
    assert errors["current"] < 1e-12
    assert float(found.entropy_production) < 1e-20
    assert errors["mean_square_state"] <= float(found.mean_square_state_error)


def test_the_default_temperature_makes_both_measures_agree_for_a_leak() -> None:
    found = stationary_density(Flow(lambda x: -x, size=2), 0.5, (-2.5, 2.5), cells=40)
    assert found.attrs["temperature"] == 0.125
    np.testing.assert_allclose(found.boltzmann_density, found.density, rtol=1e-9)
    assert float(found.divergence_from_boltzmann) < 1e-12
    # exp(-(1/2 + confinement) x^2 / T): the total variation of two Gaussians about the origin, in two variables.
    narrow = stationary_density(Flow(lambda x: -x, size=2), 0.5, (-2.5, 2.5), cells=80, confinement=0.5)
    # Of exp(-r^2/a)/(pi a), a = 1/4 and 1/8, they cross where r^2 = ln 2/8: exp(-r^2/a) differs there by 1/4.
    difference = abs(float(narrow.divergence_from_boltzmann) - 0.25)
    assert difference <= float(narrow.divergence_from_boltzmann_error)


def pushed_out(x: Any) -> Any:
    return jnp.stack([2.0 + jnp.sin(3 * x[1]), x[0] * x[1] + 3.0 * x[1]])


@pytest.mark.parametrize("noise", [0.05, 1.0])
def test_no_probability_is_lost_though_the_drift_pushes_through_the_walls(noise: float) -> None:
    flow = Flow(pushed_out, size=2)
    found = stationary_density(flow, noise, ((0.0, 1.0), (-1.0, 1.0)), cells=40)
    area = meshed(found)[2]
    assert abs(float(found.density.sum()) * area - 1) < 1e-12
    assert float(found.density.min()) >= 0
    assert found.attrs["status"] == "box_too_small"
    assert float(found.wall_probability) > 0.1
    operator = generator(hopping(flow, Grid(np.array([0.0, -1.0]), np.array([1.0, 1.0]), 40), noise))
    assert np.max(np.abs(operator.sum(axis=0))) < 1e-12 * np.max(np.abs(operator.diagonal()))
    # div j = 0 and nothing passes the walls: what flows through every line across the box adds up to nothing.
    faces = hops_of(flow, Grid(np.array([0.0, -1.0]), np.array([1.0, 1.0]), 40), noise).one_way_fluxes(found.density.values)
    for axis, (forward, backward) in enumerate(faces):
        across = (forward - backward).sum(axis=1 - axis)
        assert np.max(np.abs(across)) < 1e-11 * np.max(forward + backward)


def test_a_constant_drift_rests_at_the_wall() -> None:
    drift = np.array([0.7, -0.3])
    found = stationary_density(Flow(lambda x: drift + 0 * x, size=2), 0.8, (0.0, 1.0), cells=30)
    x, y, area = meshed(found)
    exact = np.exp((drift[0] * x + drift[1] * y) / 0.32)
    np.testing.assert_allclose(found.density, exact / exact.sum() / area, rtol=1e-11)
    assert float(abs(found.current).max()) < 1e-12


def hops_of(flow: Flow, grid: Grid, noise: float) -> Any:
    with jax.enable_x64(True):
        return hops(grid, work(flow, grid, None), noise**2 / 2)


def hopping(flow: Flow, grid: Grid, noise: float) -> Any:
    return hops_of(flow, grid, noise).rates()


def two_wells(state: Any, turn: float) -> Any:
    """-grad U + turn J grad U for U = the tilted double well of x, and y^2/2."""
    slope = jnp.stack([state[0] ** 3 - state[0] - TILT, state[1]])
    return -slope + turn * ROTATION @ slope


def test_turning_the_gradient_adds_a_current_and_leaves_the_density() -> None:
    noise, turn = 0.7, 1.0
    errors = []
    for cells in (48, 96):
        found = stationary_density(Flow(lambda x: two_wells(x, turn), size=2), noise, (-2.4, 2.4), cells=cells)
        still = stationary_density(Flow(lambda x: two_wells(x, 0.0), size=2), noise, (-2.4, 2.4), cells=cells)
        x, y, area = meshed(found)
        density = np.exp(-2 * (well(x) + y**2 / 2) / noise**2)
        density /= density.sum() * area
        np.testing.assert_allclose(still.density, density, rtol=1e-6)
        slope = np.stack([x**3 - x - TILT, y])
        current = turn * np.einsum("ij,jxy->ixy", ROTATION, slope) * density
        # int j.j/(D p) = turn^2 <|grad U|^2> / D
        entropy = 2 * (turn / noise) ** 2 * float((np.sum(slope**2, axis=0) * density).sum()) * area
        assert abs(float(found.entropy_production) - entropy) <= float(found.entropy_production_error)
        assert float(still.entropy_production) < 1e-18
        errors.append((np.abs(found.density.values - density).sum() * area, np.abs(found.current.values - current).max()))
    assert errors[1][0] < 0.01
    for rough, fine in zip(*errors, strict=True):
        assert 3.0 < rough / fine < 5.0, errors


def test_where_a_central_scheme_turns_negative() -> None:
    flow, noise = Flow(lambda x: two_wells(x, 1.0), size=2), 0.12
    grid = Grid(np.full(2, -1.8), np.full(2, 1.8), 30)
    # The same cells, fluxes F (p + p')/2 - D (p' - p)/h: the hops D/h^2 +- F/(2h) are negative downstream.
    half = noise**2 / 2
    rates = hops_of(flow, grid, noise)
    with jax.enable_x64(True):
        along = [each / grid.widths[0] ** 2 for each in work(flow, grid, None)]
    central = rates._replace(
        forward=[half / grid.widths[0] ** 2 + each / 2 for each in along],
        backward=[half / grid.widths[0] ** 2 - each / 2 for each in along],
    )
    operator = generator(central.rates()).tolil()
    operator[0, :] = 1.0
    naive = splu(sparse.csc_array(operator)).solve(np.eye(900)[0])
    assert naive.min() < -1e-3 * naive.max()
    found = stationary_density(flow, noise, (-1.8, 1.8), cells=30)
    assert float(found.density.min()) >= 0
    assert found.attrs["status"] == "cells_too_wide"
    assert abs(float(found.density.sum()) * grid.volume - 1) < 1e-12


@pytest.mark.slow
def test_masses_of_two_wells_as_the_noise_vanishes() -> None:
    """D ln(mass right / mass left) goes to U(left) - U(right); a general LU has lost it where exp(-barrier/D) is 1e-16."""
    box = (-1.8, 1.8)
    for noise in (0.3, 0.1, 0.04):
        found = stationary_density(Flow(lambda x: two_wells(x, 0.0), size=2), noise, box, cells=60)
        mass = found.density.sum("y")
        ratio = float(mass[found.x > 0].sum()), float(mass[found.x < 0].sum())
        exact = np.exp(-2 * (well(found.x.values) - well(1.0)) / noise**2)
        expected = exact[found.x > 0].sum(), exact[found.x < 0].sum()
        np.testing.assert_allclose(ratio[1] / ratio[0], expected[1] / expected[0], rtol=1e-6)
    fixed = find_fixed_points(DOUBLE_WELL, 40).state.values.ravel()
    difference = well(fixed.min()) - well(fixed.max())
    fine = stationary_density(DOUBLE_WELL, 0.04, box, cells=1200)
    fine_ratio = float(fine.density[fine.x > 0].sum() / fine.density[fine.x < 0].sum())
    # Curvatures 3 x^2 - 1 at both minima, and corrections of order D.
    curvatures = 3 * np.sort(fixed)[[0, -1]] ** 2 - 1
    assert abs(np.log(fine_ratio) - 2 * difference / 0.04**2 - 0.5 * np.log(curvatures[0] / curvatures[1])) < 0.01
    assert np.log(fine_ratio) > 100


def test_the_landscape_weighs_every_fixed_point_by_the_inverse_determinant() -> None:
    points = find_fixed_points(DOUBLE_WELL, 40)
    order = np.argsort(points.state.values.ravel())
    weights = np.exp(points.log_weight.values[order])
    weights /= weights.sum()
    deviations = []
    for temperature in (4e-4, 1e-4):
        found = stationary_density(DOUBLE_WELL, 0.1, (-2.0, 2.0), cells=2000, temperature=temperature)
        pieces = [found.x < -0.5, (found.x > -0.5) & (found.x < 0.5), found.x > 0.5]
        masses = np.array([float(found.boltzmann_density[piece].sum()) for piece in pieces]) * 0.002
        deviations.append(np.max(np.abs(masses - weights)))
        # The saddle, of a third to a half of the landscape's weight, is empty; and so is the higher well.
        assert masses[1] > 0.4
        assert float(found.density[pieces[1]].sum()) * 0.002 < 1e-10
        assert float(found.divergence_from_boltzmann) > 0.7
    # Weights are reached as T goes to 0, with corrections of order T.
    assert deviations[1] < 0.001
    assert 3.0 < deviations[0] / deviations[1] < 5.0, deviations


PAIR = qd.Network(np.array([[1.6, -1.2], [1.2, 1.6]]))


def test_a_network_against_its_trajectories() -> None:
    """Within 3.5 standard errors over trials of the numbers, 5 of the histogram, and what half as many cells change."""
    fine, coarse = (stationary_density(PAIR, 0.6, (-5.0, 5.0), cells=cells) for cells in (100, 50))
    run = qd.simulate.integrate(PAIR, 30.0, 0.02, trials=500, noise=0.6, key=3)
    late = run.trajectory.values[500:]
    drift = -late + np.tanh(late) @ PAIR.weights.T

    def turning(found: Any) -> float:
        """int x j_y - y j_x, which is <x F_y - y F_x>."""
        x, y, area = meshed(found)
        return float((x * found.current.values[1] - y * found.current.values[0]).sum()) * area

    def masses(found: Any) -> np.ndarray:
        """In 10 x 10 squares of width 1."""
        parts = found.sizes["x"] // 10
        return np.asarray(found.density.values.reshape(10, parts, 10, parts).mean(axis=(1, 3)))

    compared = {
        "mean_state": (late.mean(axis=-1), float(fine.mean_state), float(fine.mean_state_error)),
        "mean_square_state": (
            (late**2).mean(axis=-1),
            float(fine.mean_square_state),
            float(fine.mean_square_state_error),
        ),
        "turning": (
            late[..., 0] * drift[..., 1] - late[..., 1] * drift[..., 0],
            turning(fine),
            abs(turning(fine) - turning(coarse)),
        ),
    }
    for name, (values, number, error) in compared.items():
        samples = values.mean(axis=0)
        spread = samples.std(ddof=1) / np.sqrt(len(samples))
        assert abs(samples.mean() - number) < 3.5 * spread + error, name
        assert name == "mean_state" or error + spread < 0.05 * number, name
    place = np.floor(late + 5.0).astype(int) @ np.array([10, 1])
    counts = np.stack([np.bincount(place[:, trial], minlength=100) for trial in range(500)]).reshape(-1, 10, 10) / len(late)
    spread = counts.std(axis=0, ddof=1) / np.sqrt(500)
    # A square that hardly any trial visits has no spread to go by.
    often = np.sum(counts > 0, axis=0) > 20
    allowed = 5 * spread + np.abs(masses(fine) - masses(coarse))
    assert np.all(np.abs(counts.mean(axis=0) - masses(fine))[often] < allowed[often])
    assert masses(fine)[often].sum() > 0.99


@pytest.mark.parametrize("flows", [12, pytest.param(200, marks=pytest.mark.slow)])
def test_the_truth_lies_within_the_errors(flows: int) -> None:
    """Of random stable linear flows, whose answers are known."""
    random = np.random.default_rng(11)
    ratios: dict[str, list[float]] = {"mean_square_state": [], "entropy_production": []}
    for _ in range(flows):
        matrix = 0.8 * random.normal(size=(2, 2))
        matrix -= (0.4 + np.linalg.eigvals(matrix).real.max()) * np.eye(2)
        covariance, _, entropy = gaussian(matrix, 0.5)
        box = 7.0 * np.sqrt(np.diag(covariance))[:, None] * np.array([-1.0, 1.0])
        found = stationary_density(Flow(_linear(matrix), size=2), 0.5, box, cells=int(random.integers(32, 80)))
        for name, exact in (("mean_square_state", np.trace(covariance) / 2), ("entropy_production", entropy)):
            ratios[name].append(abs(float(found[name]) - exact) / float(found[f"{name}_error"]))
    for name, each in ratios.items():
        assert np.mean(np.array(each) <= 1.0) >= 0.95, (name, sorted(each)[-10:])
        # Second order leaves a third of the difference, and the errors are not wider than that says.
        assert 0.2 < np.median(each) < 0.5, name


def _linear(matrix: np.ndarray) -> Callable[[Any], Any]:
    return lambda state: matrix @ state


def test_inputs_are_added_to_the_field() -> None:
    pushed = stationary_density(PAIR, 0.8, (-4.0, 4.5), cells=24, inputs=np.array([0.3, 0.2]))
    built_in = stationary_density(qd.Network(PAIR.weights, field=np.array([0.3, 0.2])), 0.8, (-4.0, 4.5), cells=24)
    np.testing.assert_array_equal(pushed.density, built_in.density)
    assert float(pushed.mean_state) > 0.05


def test_no_grid_compiles_anew() -> None:
    calls = []

    def leak(x: Any) -> Any:
        calls.append(1)
        return -x

    flow = Flow(leak, size=2)
    stationary_density(flow, 0.5, (-2.0, 2.0), cells=20)
    before = len(calls)
    read_dynamics(flow)
    to_read = len(calls) - before
    stationary_density(flow, 0.7, (-3.0, 3.0), cells=33)
    assert len(calls) - before == 2 * to_read


def test_a_chain_of_hops_against_its_dense_null_vector() -> None:
    random = np.random.default_rng(7)
    dense = sparse.random_array((40, 40), density=0.3, rng=random).toarray() + np.eye(40, k=1) + np.eye(40, k=-1)
    np.fill_diagonal(dense, 0.0)
    null = linalg.null_space((dense - np.diag(dense.sum(axis=1))).T)[:, 0]
    found = np.exp(log_probabilities(sparse.csr_array(dense)))
    np.testing.assert_allclose(found / found.sum(), null / null.sum(), rtol=1e-11)


def test_probabilities_further_apart_than_float64_reaches() -> None:
    """Hops 1e150 times likelier up than down, then the other way: ln p is a sum of logarithms."""
    up, down = np.r_[np.ones(5), np.full(8, 1e-150)], np.r_[np.full(5, 1e-150), np.ones(8)]
    found = log_probabilities(sparse.csr_array(np.diag(up, 1) + np.diag(down, -1)))
    exact = np.r_[0.0, np.cumsum(np.log(up / down))]
    np.testing.assert_allclose(found, exact - exact.max(), rtol=1e-13)


def test_cells_too_far_apart_for_the_noise_are_refused() -> None:
    with pytest.raises(FloatingPointError, match="noise is too small for these cells"):
        stationary_density(DOUBLE_WELL, 0.005, (-2.0, 2.0), cells=20)


def test_status_says_what_to_change() -> None:
    found = stationary_density(Flow(lambda x: SHEARED @ x, size=2), 1.0, (-5.0, 5.0), cells=20)
    assert found.attrs["status"] == "cells_too_wide"
    assert "cells" in found.attrs["advice"]
    found = stationary_density(Flow(lambda x: -x, size=1), 1.0, (-1.0, 1.0), cells=20)
    assert found.attrs["status"] == "box_too_small"
    # exp(-E/T) alone may be cut off: it is wider than p where F is flat.
    found = stationary_density(Flow(lambda x: -x, size=1), 0.3, (-1.5, 1.5), cells=60, temperature=0.5)
    assert float(found.wall_probability) < 1e-10
    assert float(found.boltzmann_wall_probability) > 1e-3
    assert found.attrs["status"] == "box_too_small"


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((DOUBLE_WELL, 0.0, (-1.0, 1.0)), {}, "`noise` must be a finite number greater than 0"),
        ((DOUBLE_WELL, -1.0, (-1.0, 1.0)), {}, "`noise` must be"),
        ((DOUBLE_WELL, 1.0, (1.0, -1.0)), {}, "each low below its high"),
        ((DOUBLE_WELL, 1.0, (-1.0, np.inf)), {}, "`box` must be finite"),
        ((DOUBLE_WELL, 1.0, ((-1.0, 1.0), (-1.0, 1.0))), {}, r"have shape \(1, 2\), but has shape \(2, 2\)"),
        ((DOUBLE_WELL, 1.0, (-1.0, 0.0, 1.0)), {}, r"but has shape \(3,\)"),
        ((DOUBLE_WELL, 1.0, (-1.0, 1.0)), {"cells": 8}, "`cells` must be at least 16"),
        ((DOUBLE_WELL, 1.0, (-1.0, 1.0)), {"temperature": 0.0}, "`temperature` must be"),
        ((DOUBLE_WELL, 1.0, (-1.0, 1.0)), {"confinement": -0.1}, "`confinement` must be"),
        ((PAIR, 1.0, (-1.0, 1.0)), {"inputs": np.zeros((3, 2))}, r"one row of inputs, .* shape \(3, 2\)"),
        ((Map(jnp.cos, size=1), 1.0, (-1.0, 1.0)), {}, "a map: it jumps"),
        ((qd.Network(np.zeros((3, 3))), 1.0, (-1.0, 1.0)), {}, "of size 3: too many cells.*qd.simulate"),
        ((Flow(lambda x: 1 / (x - 0.5) ** 0.5, size=1), 1.0, (-1.0, 1.0)), {}, "finite numbers in the whole box"),
    ],
)
def test_bad_input_is_refused(arguments: tuple[Any, ...], options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        stationary_density(*arguments, **options)


def test_what_is_no_flow_or_no_box(unchecked_types: None) -> None:
    with pytest.raises(TypeError, match="wrap it as"):
        stationary_density(jnp.tanh, 1.0, (-1.0, 1.0))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="`box` must hold real numbers"):
        stationary_density(DOUBLE_WELL, 1.0, "wide")


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(MemoryError, match="20000 cells along 2 axes"):
        stationary_density(PAIR, 1.0, (-1.0, 1.0), cells=20000)
