"""The package reproduces every exactly known answer, the errors it reports are honest, and the table itself is right."""

from __future__ import annotations

from functools import cache, partial
from math import log, pi

import jax
import numpy as np
import pytest
from scipy import integrate

import closed_forms as exact
import quenched as qd
from exact_cases import AVERAGE_CASES, CASES, LAYER_CASES, WIDTH_CASES, AverageCase, Case, LayerCase
from quenched.theory import AbstractTheory

# Newton stops at 1e-11, relative. Near the transition, where the slope of the equations is of order (g - g_c), and in the
# difference of logarithms of the free energy, a few digits of that are lost.
RELATIVE = {"easy": 1e-10, "hard": 1e-9}

EVERY_CASE: list[Case | AverageCase | LayerCase] = [*CASES, *AVERAGE_CASES, *LAYER_CASES, *WIDTH_CASES]

by_name = partial(pytest.mark.parametrize, "case", ids=lambda case: case.name)


@cache
def solve(model: tuple[float, ...], activation: type, theory: AbstractTheory, start: str | None) -> qd.Solution:
    gain, symmetry, field = model
    return qd.solve(qd.RandomNetwork(gain, symmetry, field=field, activation=activation()), theory, start=start)


def solution(case: Case) -> qd.Solution:
    model = case.model
    numbers = tuple(float(number) for number in (model.gain, model.symmetry, model.field))
    return solve(numbers, type(model.activation), case.theory, case.start)


@by_name(CASES)
def test_every_case_is_reproduced(case: Case) -> None:
    value = float(solution(case).arrays[case.quantity])
    assert value == pytest.approx(case.value, rel=RELATIVE[case.difficulty], abs=1e-12)


@by_name(CASES)
def test_the_reported_error_is_honest(case: Case) -> None:
    arrays = solution(case).arrays
    value, error = float(arrays[case.quantity]), float(arrays[f"{case.quantity}_error"])
    # Both the answer and the table are rounded to some 1e-12 of their size.
    assert abs(value - case.value) <= 3 * error + 1e-12 * max(1.0, abs(case.value))


COARSE_CASES = [
    case for case in CASES if case.name.startswith(("static-tanh", "replica-tanh")) and float(case.model.symmetry) == 0.0
]


@by_name(COARSE_CASES)
def test_the_error_is_honest_where_the_quadrature_is_coarse(case: Case) -> None:
    """With 10 nodes for 48 the error is far above rounding, and must still cover the truth."""
    found = qd.solve(case.model, case.theory, solver=qd.Newton(nodes=10), throw=False)
    assert int(found.status) in (qd.Status.solved, qd.Status.coarse_quadrature)
    value, error = float(found.arrays[case.quantity]), float(found.arrays[f"{case.quantity}_error"])
    assert abs(value - case.value) <= error + 1e-12 * max(1.0, abs(case.value))


@by_name(AVERAGE_CASES)
def test_every_average_is_reproduced(case: AverageCase) -> None:
    with jax.enable_x64(True):
        value = float(case.average())
    assert value == pytest.approx(case.value, rel=1e-10, abs=1e-11)


@by_name(LAYER_CASES)
def test_every_layer_is_reproduced_with_an_honest_error(case: LayerCase) -> None:
    value, error = case.number()
    assert value == pytest.approx(case.value, rel=RELATIVE[case.difficulty])
    assert abs(value - case.value) <= 3 * error + 1e-12


@by_name(WIDTH_CASES)
def test_every_width_is_reproduced_within_errors(case: LayerCase) -> None:
    value, error = case.number()
    assert abs(value - case.value) < 4 * error
    assert error < 0.15 * (case.value - 1)


# The table itself.


def test_names_are_unique_and_sources_given() -> None:
    names = [case.name for case in EVERY_CASE]
    assert len(set(names)) == len(names)
    assert all(len(case.source) > 5 for case in EVERY_CASE)
    assert {case.difficulty for case in EVERY_CASE} == {"easy", "hard"}


def test_quantities_are_words_of_the_vocabulary() -> None:
    assert {case.quantity for case in CASES} <= qd.VOCABULARY.keys()
    assert all(np.isfinite(case.value) for case in EVERY_CASE)


@pytest.mark.parametrize("variance", [0.3, 1.0, 10.0, 100.0])
def test_closed_averages_of_erf_agree_with_quadrature(variance: float) -> None:
    from scipy.special import erf

    scale = np.sqrt(np.pi) / 2
    assert exact.erf_square(variance) == pytest.approx(
        exact.gaussian_average(lambda x: erf(scale * x) ** 2, variance), rel=1e-12
    )
    slope = exact.gaussian_average(lambda x: np.exp(-np.pi * x**2 / 4), variance)
    assert exact.erf_slope(variance) == pytest.approx(slope, rel=1e-12)


@pytest.mark.parametrize("variance", [0.5, 5.0, 50.0])
def test_quadrature_of_tanh_agrees_with_a_fine_trapezoid(variance: float) -> None:
    # The trapezoid converges exponentially for analytic integrands: 40 000 points are far past the poles of tanh.
    z = np.linspace(-12, 12, 40_001)
    weights = np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi) * (z[1] - z[0])
    trapezoid = float(np.sum(weights * np.tanh(np.sqrt(variance) * z) ** 2))
    assert exact.tanh_square(variance) == pytest.approx(trapezoid, rel=1e-12)
    assert exact.tanh_slope(variance) == pytest.approx(1 - trapezoid, rel=1e-11)


@pytest.mark.parametrize("correlation", [-0.9, 0.0, 0.4, 0.95])
def test_pair_kernels_agree_with_two_dimensional_quadrature(correlation: float) -> None:
    from scipy.special import erf

    first, second = 0.7, 2.0
    covariance = correlation * np.sqrt(first * second)
    z, weights = np.polynomial.hermite_e.hermegauss(120)
    weights = weights / np.sqrt(2 * pi)
    x = np.sqrt(first) * z[:, None]
    y = covariance / np.sqrt(first) * z[:, None] + np.sqrt(second - covariance**2 / first) * z[None, :]
    phi_x, phi_y = erf(np.sqrt(pi) / 2 * x), erf(np.sqrt(pi) / 2 * y)
    assert exact.erf_pair(first, second, covariance) == pytest.approx(weights @ (phi_x * phi_y) @ weights, abs=1e-8)

    # In polar coordinates the kink of ReLU is a limit of integration.
    def ring(angle: float) -> float:
        along = np.sqrt(first) * np.cos(angle)
        across = covariance / np.sqrt(first) * np.cos(angle) + np.sqrt(second - covariance**2 / first) * np.sin(angle)
        return max(along, 0.0) * max(across, 0.0)

    # <r^2> of the radial part is 2.
    kernel = 2 * integrate.quad(ring, -pi, pi, points=[-pi / 2, pi / 2], limit=400, epsabs=1e-13)[0] / (2 * pi)
    assert exact.relu_pair(first, second, covariance) == pytest.approx(kernel, abs=1e-9)


def test_moments_of_the_rectified_gaussian_agree_with_quadrature() -> None:
    moments = exact.relu_moments(0.4, 1.7)
    functions = (lambda x: max(x, 0.0), lambda x: max(x, 0.0) ** 2, lambda x: float(x > 0))
    for moment, function in zip(moments, functions, strict=True):
        assert moment == pytest.approx(exact.gaussian_average(function, 1.7, 0.4), rel=1e-11)


@pytest.mark.parametrize(("gain", "symmetry"), [(0.6, 0.0), (0.5, 0.5), (0.35, 1.0), (0.9, -0.5)])
def test_linear_statistics_agree_with_matrices(gain: float, symmetry: float) -> None:
    """ln|det(1 - J)|, tr (1 - J)^-1 and tr ((1 - J)^T (1 - J))^-1 along a size series, extrapolated in 1/N."""
    sizes, draws = (100, 200), 60
    response = exact.rest_response(gain, symmetry)
    expected = [exact.log_determinant(gain, symmetry), response, exact.linear_self_overlap(gain, symmetry, 1.0)]
    random = np.random.default_rng(5)
    measured = np.array([[_matrix_statistics(gain, symmetry, size, random) for _ in range(draws)] for size in sizes])
    extrapolated = 2 * measured[1] - measured[0]
    mean, error = extrapolated.mean(axis=0), extrapolated.std(axis=0, ddof=1) / np.sqrt(draws)
    # Four standard errors, and what is left of order 1/N^2.
    assert np.all(np.abs(mean - expected) < 4 * error + 20 / sizes[0] ** 2)


def _matrix_statistics(gain: float, symmetry: float, size: int, random: np.random.Generator) -> tuple[float, float, float]:
    normal = random.normal(size=(2, size, size))
    even = (normal[0] + normal[0].T) / np.sqrt(2)
    odd = (normal[1] - normal[1].T) / np.sqrt(2)
    couplings = gain / np.sqrt(size) * (np.sqrt((1 + symmetry) / 2) * even + np.sqrt((1 - symmetry) / 2) * odd)
    inverse = np.linalg.inv(np.eye(size) - couplings)
    log_determinant = np.linalg.slogdet(np.eye(size) - couplings)[1]
    return log_determinant / size, np.trace(inverse) / size, float(np.sum(inverse**2)) / size


def test_a_gaussian_measure_has_the_free_energy_of_its_determinant() -> None:
    """One neuron, no approximation: Z = int exp(-(1 - J)^2 x^2/(2T)) dx."""
    coupling, temperature = 0.3, 0.2
    norm = integrate.quad(lambda x: np.exp(-(((1 - coupling) * x) ** 2) / (2 * temperature)), -20, 20, points=[0])[0]
    assert -temperature * log(norm) == pytest.approx(-temperature * (log(2 * pi * temperature) / 2 - log(1 - coupling)))
