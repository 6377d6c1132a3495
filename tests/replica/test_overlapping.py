"""Replicas that overlap: six unknowns, against quadrature by SciPy, exact cases and laws."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad_vec
from scipy.special import roots_hermitenorm

import quenched as qd
from quenched.replica import overlapping
from quenched.replica.finite_temperature import FiniteTemperature

# gain, symmetry, field, temperature, confinement
POINTS = [(1.2, 0.5, 0.3, 0.1, 0.0), (2.0, -0.5, 0.3, 0.1, 0.0), (0.8, 0.5, 0.5, 1.0, 0.2), (1.2, 0.0, 0.3, 0.01, 0.0)]
Point = tuple[float, float, float, float, float]


def solved(point: Point, **options: Any) -> dict[str, float]:
    gain, symmetry, field, temperature, confinement = point
    model = qd.RandomNetwork(gain, symmetry, field=field)
    found = qd.solve(model, FiniteTemperature(temperature, confinement), **options)
    return {name: float(array) for name, array in found.arrays.items()}


def unknowns(point: Point, found: dict[str, float]) -> tuple[qd.RandomNetwork, jax.Array, jax.Array, jax.Array]:
    gain, symmetry, field, temperature, confinement = point
    model = qd.RandomNetwork(gain, symmetry, field=field)
    T, c = jnp.asarray(temperature), jnp.asarray(confinement)
    given = {name: jnp.asarray(value) for name, value in found.items()}
    return model, T, c, overlapping.unknowns_of(model, T, given)


@pytest.mark.parametrize(
    "point", [*(pytest.param(each, marks=pytest.mark.slow) for each in POINTS[:2]), *POINTS[2:]], ids=str
)
def test_the_free_energy_is_stationary_and_its_derivative_the_energy(point: Point) -> None:
    found = solved(point)
    with jax.enable_x64(True):
        model, temperature, confinement, u = unknowns(point, found)

        def reduced(u: jax.Array, temperature: jax.Array) -> jax.Array:
            return (
                overlapping.free_energy(
                    model, temperature, confinement, overlapping.replica_symmetric(u), overlapping.Rule(96)
                )
                / temperature
            )

        # tau and V are 0 at symmetry 0, where the fields' square root has no derivative.
        free = [0, 1, 2, 3] if point[1] == 0.0 else list(range(6))
        slope = np.asarray(jax.jit(jax.grad(reduced))(u, temperature))[free]
        elsewhere = np.asarray(jax.jit(jax.grad(reduced))(u * 1.01, temperature))[free]

        # ln a carries T: held are q, Q and S.
        def at_order_parameters(temperature: jax.Array) -> jax.Array:
            width = temperature + model.gain**2 * (found["self_overlap"] - found["overlap"])
            ratio = width / jnp.exp(u[0])
            scaled = u.at[0].set(jnp.log(width)).at[2].multiply(ratio).at[5].multiply(ratio)
            return reduced(scaled, temperature)

        by_temperature = float(jax.jit(jax.grad(at_order_parameters))(temperature))
    assert np.max(np.abs(slope)) < 1e-8
    assert np.max(np.abs(elsewhere)) > 1e-4
    # d(F/T)/d(1/T) = -T^2 d(F/T)/dT; the confinement stands in it as c/T.
    assert -by_temperature * point[3] ** 2 == pytest.approx(found["energy"], rel=1e-8)


def by_hermite(of: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """The average over two standard normal numbers."""
    z, weights = roots_hermitenorm(40)
    weights = weights / weights.sum()
    kept = [(i, j) for i in range(40) for j in range(40) if weights[i] * weights[j] > 1e-13]
    mass = np.array([weights[i] * weights[j] for i, j in kept])
    return mass @ np.array([of(np.array([z[i], z[j]])) for i, j in kept]) / mass.sum()


def by_nested_adaptive(of: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    def outer(z: float) -> np.ndarray:
        def inner(y: float) -> np.ndarray:
            return np.exp(-(z**2 + y**2) / 2) / (2 * np.pi) * of(np.array([z, y]))

        return quad_vec(inner, -8.0, 8.0, epsabs=1e-11, epsrel=0.0)[0]

    return quad_vec(outer, -8.0, 8.0, epsabs=1e-11, epsrel=0.0)[0]


@pytest.mark.parametrize("rule", [by_hermite, pytest.param(by_nested_adaptive, marks=pytest.mark.slow)])
@pytest.mark.parametrize("point", POINTS[:3], ids=str)
def test_the_averages_by_another_quadrature(point: Point, rule: Callable[..., np.ndarray]) -> None:
    """Adaptive inside, and outside too; from the solution's own numbers."""
    gain, symmetry, field, temperature, confinement = point
    found = solved(point)
    q, Q, S, V = (found[name] for name in ("self_overlap", "overlap", "local_response", "conjugate_overlap"))
    V, tau = V * gain**2, found["response_overlap"] / np.sqrt(temperature)
    a, G = temperature + gain**2 * (q - Q), symmetry * gain**2 * S
    speed = found["energy"] - confinement * found["mean_square_state"]
    D = (1 - 2 * speed / temperature) / temperature + V / gain**2
    assert found["conjugate_overlap"] - found["conjugate_self_overlap"] == pytest.approx(D, rel=1e-9)
    covariance = np.array([[gain**2 * Q, symmetry * gain**2 * tau], [symmetry * gain**2 * tau, V]])
    factor = np.linalg.cholesky(covariance)

    def averages(normal: np.ndarray) -> np.ndarray:
        M, h = factor @ normal

        def exponent(x: np.ndarray | float) -> np.ndarray | float:
            rate = np.tanh(x)
            e = x - G * rate - M - field
            return -(e**2) / (2 * a) + h * rate - gain**2 * D * rate**2 / 2 - confinement / temperature * x**2

        grid = np.linspace(M + field - 12, M + field + 12, 4001)
        heights = np.asarray(exponent(grid))
        highest = np.max(heights)
        near = grid[heights > highest - 42]

        def weighted(x: float) -> np.ndarray:
            rate = np.tanh(x)
            e = x - G * rate - M - field
            return np.exp(exponent(x) - highest) * np.array([1.0, rate, rate**2, e, e * rate])

        integrals = quad_vec(weighted, near[0] - 0.01, near[-1] + 0.01, epsabs=1e-12, epsrel=1e-11)[0]
        mean, square, misfit, product = integrals[1:] / integrals[0]
        return np.array([square, mean**2, (product - misfit * mean) / a, misfit * mean / a, gain**2 * misfit**2 / a**2])

    np.testing.assert_allclose(rule(averages), [q, Q, S, tau, V], rtol=0, atol=1e-10)


def test_without_symmetry_the_state_is_gaussian() -> None:
    for gain, temperature in [(0.5, 1.0), (2.0, 1e-2)]:
        found = solved((gain, 0.0, 0.3, temperature, 0.0))
        variance = temperature + gain**2 * found["self_overlap"]
        square = qd.gaussian.average(lambda x: jnp.tanh(x) ** 2, 0.3, variance)
        across = qd.gaussian.pair_average(jnp.tanh, jnp.tanh, (0.3, 0.3), (variance, variance), gain**2 * found["overlap"])
        assert found["self_overlap"] == pytest.approx(float(square), abs=1e-10)
        assert found["overlap"] == pytest.approx(float(across), abs=1e-10)
        assert found["energy"] == pytest.approx(temperature / 2, rel=1e-10)
        assert abs(found["response_overlap"]) < 1e-12


def test_an_overlap_from_zero_grows_as_the_eigenvalue_says() -> None:
    """In a weak field b the overlap is of order b^2/(what the eigenvalue leaves): the same field moves it further where
    it is nearer to 0."""
    # At symmetry 0 to first order in b^2: Q = S^2 b^2 + g^2 S^2 Q, hence Q (1 - g^2 S^2) = S^2 b^2.
    gain, temperature, field = 1.2, 0.1, 1e-3
    rest = {
        name: float(array) for name, array in qd.solve(qd.RandomNetwork(gain), FiniteTemperature(temperature)).arrays.items()
    }
    weak = solved((gain, 0.0, field, temperature, 0.0))
    expected = float(rest["local_response"] ** 2 * field**2 / rest["zero_overlap_eigenvalue"])
    assert weak["overlap"] == pytest.approx(expected, rel=1e-4)
    assert weak["replicon_eigenvalue"] == pytest.approx(float(rest["zero_overlap_eigenvalue"]), rel=1e-4)


def test_negative_symmetry_has_an_ordered_phase_and_it_breaks() -> None:
    model = qd.RandomNetwork(3.0, -0.5)
    ordered = qd.solve(model, FiniteTemperature(0.1), start="ordered", throw=False)
    assert float(ordered["overlap"]) > 0.3
    assert float(ordered["replicon_eigenvalue"]) < -0.1
    # In the space of overlaps the right solution has the larger free energy.
    cold = qd.solve(model, FiniteTemperature(0.1))
    assert float(cold["zero_overlap_eigenvalue"]) < 0.0
    assert float(ordered["free_energy"]) > float(cold["free_energy"])


@pytest.mark.slow
def test_there_is_no_ordered_phase_without_negative_symmetry() -> None:
    found = qd.solve(qd.RandomNetwork(1.2, 0.5), FiniteTemperature(0.1), start="ordered", throw=False)
    assert qd.Status(int(found.status)) == qd.Status.no_such_branch


@pytest.mark.slow
def test_a_solution_is_a_start() -> None:
    point = POINTS[0]
    model = qd.RandomNetwork(*point[:2], field=point[2])
    first = qd.solve(model, FiniteTemperature(0.1))
    again = qd.solve(model, FiniteTemperature(0.1), start=first)
    assert int(again.steps) <= 2
    for name in ("overlap", "energy", "conjugate_overlap"):
        assert float(again[name]) == pytest.approx(float(first[name]), rel=1e-10)


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="`confinement`"):
        FiniteTemperature(0.1, -1.0)
    with pytest.raises(ValueError, match="ZeroTemperature"):
        FiniteTemperature(0.0)
    with pytest.raises(ValueError, match="`field` must be 0"):
        qd.solve(qd.RandomNetwork(1.2, field=0.3), FiniteTemperature(0.1), start="zero_overlap")
    with pytest.raises(ValueError, match="`noise`"):
        qd.solve(qd.RandomNetwork(1.2, field=0.3, noise=0.1), FiniteTemperature(0.1))


def test_averages_that_diverge_are_named() -> None:
    theory = FiniteTemperature(0.1)
    with pytest.raises(ValueError, match=r"<phi\^2> diverges"):
        qd.solve(qd.RandomNetwork(1.5, activation=qd.ReLU(), field=0.3), theory)
    with pytest.raises(ValueError, match=r"<x\^2> = T <1/\|eigenvalue\|\^2> diverges"):
        qd.solve(qd.RandomNetwork(0.7, 0.5, activation=qd.Linear()), theory)
    # Up to there, and beyond in a confinement, they exist.
    below = qd.solve(qd.RandomNetwork(0.6, 0.5, activation=qd.Linear()), theory)
    S = float(below["local_response"])
    assert float(below["self_overlap"]) == pytest.approx(0.1 * S**2 / (1 - 0.36 * S**2), rel=1e-9)
    assert qd.solve(qd.RandomNetwork(0.9, 0.5, activation=qd.Linear()), FiniteTemperature(0.1, 0.2)).status == 0


@pytest.mark.parametrize("symmetry", [0.0, 0.3, -0.3, 1.0])
def test_the_eigenvalue_is_that_of_the_matrix_and_has_a_derivative(symmetry: float) -> None:
    gain, step = 1.2, 1e-5

    def eigenvalue(gain: float | jax.Array) -> jax.Array:
        found = qd.solve(qd.RandomNetwork(gain, symmetry), FiniteTemperature(0.1))
        return jnp.asarray(found.arrays["zero_overlap_eigenvalue"])

    found = {
        name: float(array)
        for name, array in qd.solve(qd.RandomNetwork(gain, symmetry), FiniteTemperature(0.1)).arrays.items()
    }
    # chi of (phi, i x-hat), and the change of a symmetric and of an antisymmetric overlap, entry by entry.
    fluctuation = (1 - 2 * found["energy"] / 0.1) / 0.1
    chi = np.array([[found["self_overlap"], found["local_response"]], [found["local_response"], -fluctuation]])
    changes = []
    for row in range(4):
        overlap = np.eye(4)[row].reshape(2, 2)
        K = gain**2 * np.array([[overlap[1, 1], symmetry * overlap[1, 0]], [symmetry * overlap[0, 1], overlap[0, 0]]])
        changes.append((chi @ K @ chi).ravel())
    growth = np.max(np.linalg.eigvals(np.array(changes).T).real)
    with jax.enable_x64(True):
        slope = float(jax.grad(eigenvalue)(jnp.asarray(gain)))
        difference = float(eigenvalue(gain + step) - eigenvalue(gain - step)) / (2 * step)
    # A double eigenvalue, as at symmetry 0, is known to the root of the rounding.
    assert found["zero_overlap_eigenvalue"] == pytest.approx(1 - growth, abs=3e-7 if symmetry == 0 else 1e-10)
    if symmetry == 0:
        assert found["zero_overlap_eigenvalue"] == pytest.approx(1 - (gain * found["local_response"]) ** 2, abs=1e-12)
    assert slope == pytest.approx(difference, rel=1e-5)


@pytest.mark.slow
def test_where_the_outer_rule_begins_to_lose_digits() -> None:
    """Gain 3, symmetry -0.5, as the page on the theory says."""
    errors = {}
    for temperature in (0.1, 0.03, 0.01):
        found = qd.solve(qd.RandomNetwork(3.0, -0.5), FiniteTemperature(temperature), start="ordered", throw=False)
        errors[temperature] = float(found["replicon_eigenvalue_error"])
        assert found.status == (qd.Status.solved if temperature == 0.1 else qd.Status.coarse_quadrature)
    assert errors[0.1] < 1e-7
    assert errors[0.03] == pytest.approx(3e-6, rel=0.5)
    assert errors[0.01] == pytest.approx(5e-5, rel=0.5)
