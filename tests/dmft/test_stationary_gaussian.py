"""Stationary states at symmetry 0 against closed forms of erf and equations integrated by SciPy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from math import asin, pi, sqrt
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, linalg, optimize, special, stats

import closed_forms
import quenched as qd
from quenched.dmft.equal_pairs import pair_of_same

LAGS = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 100.0)
FREQUENCIES = (0.0, 0.3, 2.0)
THEORY = qd.dmft.StationaryGaussian(LAGS, FREQUENCIES, centred=True)
POINTS = [(1.001, 0.0), (1.1, 0.0), (1.5, 0.0), (3.0, 0.0), (10.0, 0.0), (0.5, 0.5), (1.001, 0.01), (1.5, 0.5), (10.0, 1.0)]


def solved(theory: Any, points: Sequence[tuple[float, ...]], activation: Any) -> list[dict[str, Any]]:
    """Points (gain, noise, field) in one vmapped call."""

    def one(gain: Any, noise: Any, field: Any = 0.0) -> dict[str, Any]:
        solution = qd.solve(qd.RandomNetwork(gain, noise=noise, field=field, activation=activation), theory)
        return {**solution.arrays, "status": solution.status, "residual": solution.residual}

    with jax.enable_x64(True):
        columns = [jnp.asarray(column) for column in zip(*points, strict=True)]
        rows = jax.device_get(jax.jit(jax.vmap(one))(*columns))
    return [{name: array[index] for name, array in rows.items()} for index in range(len(points))]


@cache
def table() -> list[dict[str, Any]]:
    return solved(THEORY, POINTS, qd.Erf())


def erf_rates(covariance: Any, variance: float) -> Any:
    """<phi phi'> of erf(sqrt(pi) x/2)."""
    return 2 / pi * np.arcsin(pi / 2 * covariance / (1 + pi / 2 * variance))


def erf_slopes(covariance: Any, variance: float) -> Any:
    """Its derivative with respect to the covariance."""
    whole = 1 + pi / 2 * variance
    return 1 / np.sqrt(whole**2 - (pi / 2 * covariance) ** 2)


def erf_work(covariance: float, variance: float) -> float:
    """int_0^c <phi phi'>, the integral of the arcsine; its series where that would be a difference of equal numbers."""
    whole = 1 + pi / 2 * variance
    ratio = pi / 2 * covariance / whole
    series = ratio**2 / 2 + ratio**4 / 24 + ratio**6 / 80 + 5 * ratio**8 / 896
    exact = ratio * asin(ratio) + sqrt(1 - ratio**2) - 1
    return 2 / pi * whole * 2 / pi * (series if ratio < 0.02 else exact)


def erf_variance(gain: float, noise: float) -> float:
    """v^2 - 2 g^2 int_0^v <phi phi'> dc = noise^4/4."""

    def excess(variance: float) -> float:
        return 1 - 2 * gain**2 * erf_work(variance, variance) / variance**2 - noise**4 / (4 * variance**2)

    low = noise**2 / 2 if noise else 0.3 * (gain - 1)
    return float(optimize.brentq(excess, low, gain**2 + noise**2, xtol=1e-15, rtol=1e-14))


def erf_path(gain: float, noise: float, variance: float, end: float) -> Callable[[Any], Any]:
    """c(lag): the second-order equation up to lag 2, where its errors have not grown, then the energy, which is stable."""

    def fall(_: float, state: np.ndarray) -> list[float]:
        return [state[1], state[0] - gain**2 * float(erf_rates(state[0], variance))]

    def slide(_: float, state: np.ndarray) -> list[float]:
        return [-sqrt(max(state[0] ** 2 - 2 * gain**2 * erf_work(state[0], variance), 0.0))]

    options: dict[str, Any] = {"method": "DOP853", "rtol": 1e-12, "atol": 1e-16, "dense_output": True}
    early = integrate.solve_ivp(fall, (0, 2.0), [variance, -(noise**2) / 2], **options)
    late = integrate.solve_ivp(slide, (2.0, end), early.y[:1, -1], **options)
    return lambda lags: np.where(
        np.less(lags, 2.0), early.sol(np.minimum(lags, 2.0))[0], late.sol(np.clip(lags, 2.0, end))[0]
    )


@pytest.mark.parametrize("index", range(len(POINTS)), ids=str)
def test_the_variance_is_that_of_the_closed_potential(index: int) -> None:
    row, exact = table()[index], erf_variance(*POINTS[index])
    assert row["status"] == qd.Status.solved
    # Next to the transition both lose the digits of g - 1.
    assert row["mean_square_state"] == pytest.approx(exact, rel=1e-11 if POINTS[index][0] != 1.001 else 1e-10, abs=0)
    assert abs(row["mean_square_state"] - exact) <= 1e-9
    assert abs(row["mean_square_state"] - exact) <= row["mean_square_state_error"] + 1e-11


@pytest.mark.parametrize(("gain", "noise"), [(1.5, 0.0), (3.0, 0.0), (0.5, 0.5), (1.5, 0.5), (10.0, 1.0)])
def test_the_correlation_is_that_of_an_integrated_orbit(gain: float, noise: float) -> None:
    row = table()[POINTS.index((gain, noise))]
    variance = erf_variance(gain, noise)
    # Errors of the start grow as exp(kappa lag) towards the unstable rest: 1e-15 becomes 1e-12 by lag 8.
    lags = np.asarray(LAGS[:6])
    path = erf_path(gain, noise, variance, 8.0)
    tolerance = 1e-7 * variance if gain == 10.0 else 2e-9 * variance
    np.testing.assert_allclose(row["state_correlation"][:6], path(lags), atol=tolerance, rtol=0)
    np.testing.assert_allclose(row["correlation"][:6], erf_rates(path(lags), variance), atol=tolerance, rtol=0)
    assert np.all(np.abs(row["state_correlation"][:6] - path(lags)) <= row["state_correlation_error"][:6] + 1e-10)


@pytest.mark.parametrize(("gain", "noise"), [(1.5, 0.0), (3.0, 0.0), (1.5, 0.5)])
def test_the_exponent_is_the_ground_state_of_a_matrix(gain: float, noise: float) -> None:
    """Second differences on a fine grid, extrapolated to a vanishing step."""
    row = table()[POINTS.index((gain, noise))]
    variance, reach = erf_variance(gain, noise), 80.0
    path = erf_path(gain, noise, variance, reach)

    def ground(count: int) -> float:
        step = reach / count
        diagonal = 2 / step**2 + 1 - gain**2 * erf_slopes(path(step * (np.arange(count) + 0.5)), variance)
        diagonal[0] -= 1 / step**2  # mirror at lag 0
        beside = np.full(count - 1, -1 / step**2)
        energy = linalg.eigh_tridiagonal(diagonal, beside, eigvals_only=True, select="i", select_range=(0, 0))[0]
        return sqrt(1 - energy) - 1

    rough, middle, fine = (ground(count) for count in (2000, 4000, 8000))
    extrapolated = fine + (fine - middle) / 3
    left = abs(extrapolated - (middle + (middle - rough) / 3))
    # Bisection of the tridiagonal matrix is good to its norm 2/step^2 times 1e-16.
    assert row["lyapunov_exponent"] == pytest.approx(extrapolated, abs=2 * left + 1e-9)


@pytest.mark.parametrize(("gain", "noise"), [(0.5, 0.5), (1.001, 0.01)])
def test_the_exponent_of_a_shallow_state_too(gain: float, noise: float) -> None:
    """Riccati's equation for psi'/psi from 0 at lag 0 to its decay behind the well; wider than any grid at (0.5, 0.5)."""
    row = table()[POINTS.index((gain, noise))]
    variance = erf_variance(gain, noise)
    floor = gain**2 * float(erf_slopes(0.0, variance))
    end = 17.0 / sqrt(1 - floor)
    path = erf_path(gain, noise, variance, end)

    def mismatch(raised: float) -> float:
        """(1 + lambda)^2 = floor + raised."""

        def riccati(lag: float, q: np.ndarray) -> list[float]:
            well = gain**2 * float(erf_slopes(path(lag), variance)) - floor
            return [raised - well - q[0] ** 2]

        def blown(_: float, q: np.ndarray) -> float:
            return q[0] + 30.0

        blown.terminal = True  # type: ignore[attr-defined]
        q = integrate.solve_ivp(riccati, (0, end), [0.0], method="DOP853", rtol=1e-10, atol=1e-14, events=blown)
        return float(q.y[0, -1]) + sqrt(raised)

    raised = optimize.brentq(mismatch, 1e-12, gain**2 * float(erf_slopes(variance, variance)) - floor, xtol=1e-13)
    assert row["lyapunov_exponent"] == pytest.approx(sqrt(floor + raised) - 1, abs=2e-9)


@pytest.mark.parametrize("index", range(len(POINTS)), ids=str)
def test_identities_between_what_is_returned(index: int) -> None:
    gain, noise = POINTS[index]
    row = table()[index]
    variance, square = row["mean_square_state"], row["mean_square_rate"]
    assert row["state_correlation"][0] == pytest.approx(variance, rel=1e-13)
    assert row["correlation"][0] == pytest.approx(square, rel=1e-8)
    assert row["kinetic_energy"] == pytest.approx((gain**2 * square - variance + noise**2) / 2, abs=1e-9 * variance)
    assert row["residual"] < 1e-9
    np.testing.assert_allclose(row["state_response"], np.exp(-np.asarray(LAGS)))
    np.testing.assert_allclose(row["response"], sqrt(1 / (1 + pi / 2 * variance)) * row["state_response"], rtol=1e-9)
    omega = np.asarray(FREQUENCIES)
    filtered = (noise**2 + gain**2 * row["rate_spectrum"]) / (1 + omega**2)
    np.testing.assert_allclose(row["power_spectrum"], filtered)


# With a field: neurons have places of their own, and part of the covariance never decays.

FIELD = qd.dmft.StationaryGaussian((0.0, 1.0, 500.0), (0.0,))
FIELD_POINTS = [
    (1.5, 0.0, 0.2), (1.5, 0.3, 0.2), (1.001, 0.0, 0.0), (3.0, 0.0, 0.0), (10.0, 0.0, 0.0), (0.9, 0.0, 0.0),
    (1.1, 0.01, 0.0), (10.0, 1.0, 0.0), (100.0, 0.0, 0.0),
]  # fmt: skip


@cache
def with_field() -> dict[tuple[float, ...], dict[str, Any]]:
    return dict(zip(FIELD_POINTS, solved(FIELD, FIELD_POINTS, qd.Tanh()), strict=True))


@pytest.mark.slow
@pytest.mark.parametrize(("gain", "noise"), [(1.001, 0.0), (3.0, 0.0), (10.0, 0.0), (1.1, 0.01), (10.0, 1.0)])
def test_the_variance_of_tanh_solves_the_energy_of_the_integrated_rate(gain: float, noise: float) -> None:
    row, exact = with_field()[gain, noise, 0.0], closed_forms.stationary_variance(gain, noise)
    assert row["status"] == qd.Status.solved
    assert abs(row["mean_square_state"] - exact) <= 1e-9


@pytest.mark.slow
def test_the_variance_of_a_rate_with_kinks_too() -> None:
    points = [(1.001, 0.0), (1.5, 0.0), (3.0, 0.0), (10.0, 0.0), (0.5, 0.5), (10.0, 1.0)]
    clip = qd.Activation(lambda x: jnp.clip(x, -1.0, 1.0), name="clip", breakpoints=(-1.0, 1.0))
    for row, point in zip(solved(THEORY, points, clip), points, strict=True):
        exact = closed_forms.stationary_variance(*point, lambda x: 0.5 * x**2 if abs(x) < 1 else abs(x) - 0.5)
        assert row["status"] == qd.Status.solved
        assert row["mean_square_state"] == pytest.approx(exact, rel=1e-9, abs=1e-9)


def test_next_to_the_transition_chaos_is_weak_as_the_expansion_says() -> None:
    """tanh: Delta_0 = e + 7/6 e^2, lambda = e^2/2 to leading order, c = Delta_0/cosh(e lag/sqrt 3), with e = g - 1."""
    row, excess = with_field()[1.001, 0.0, 0.0], 1e-3
    assert row["mean_square_state"] == pytest.approx(excess + 7 / 6 * excess**2, rel=2 * excess**2)
    assert row["lyapunov_exponent"] == pytest.approx(excess**2 / 2, rel=5 * excess)
    shape = 1 / np.cosh(excess * np.asarray(FIELD.lags) / sqrt(3))
    np.testing.assert_allclose(row["state_correlation"] / row["mean_square_state"], shape, rtol=5 * excess)


def test_large_gains_are_those_of_a_sign() -> None:
    """phi -> sign: v = 2 g^2 (1 - 2/pi), approached as 1/v."""
    limit = 2 * (1 - 2 / pi)
    below = {gain: limit - with_field()[gain, 0.0, 0.0]["mean_square_state"] / gain**2 for gain in (3.0, 10.0)}
    assert 0 < below[10.0] < 0.02 * limit
    assert below[3.0] / below[10.0] == pytest.approx(100 / 9, rel=0.25)


def test_below_the_transition_it_rests() -> None:
    row = with_field()[0.9, 0.0, 0.0]
    assert row["status"] == qd.Status.solved
    assert row["mean_square_state"] == row["kinetic_energy"] == 0.0
    assert row["lyapunov_exponent"] == pytest.approx(-0.1)


def test_far_too_large_gains_are_called_coarse() -> None:
    assert with_field()[100.0, 0.0, 0.0]["status"] == qd.Status.coarse_quadrature


def hermite_solution(gain: float, noise: float, field: float) -> tuple[float, float]:
    """v and c_inf of tanh, by fsolve around quad around Gauss-Hermite."""
    z, weights = np.polynomial.hermite_e.hermegauss(100)
    weights = weights / sqrt(2 * pi)

    def rates(covariance: float, variance: float) -> float:
        shared, private = sqrt(covariance), sqrt(max(variance - covariance, 0.0))
        smoothed = np.tanh(field + shared * z[:, None] + private * z) @ weights
        return float(weights @ smoothed**2)

    def equations(unknowns: np.ndarray) -> list[float]:
        variance, rest = unknowns
        work = integrate.quad(lambda c: c - gain**2 * rates(c, variance), rest, variance, epsabs=1e-13)[0]
        return [work - noise**4 / 8, rest - gain**2 * rates(rest, variance)]

    found = optimize.root(equations, [1.02, 0.6], tol=1e-13) if noise else optimize.root(equations, [0.817, 0.5], tol=1e-13)
    return tuple(found.x)


@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_a_field_leaves_a_covariance_that_never_decays(noise: float) -> None:
    row = with_field()[1.5, noise, 0.2]
    variance, rest = hermite_solution(1.5, noise, 0.2)
    assert row["mean_state"] == 0.2
    # Two rules for functions analytic within pi/2: 100 Hermite nodes give 1e-8.
    assert row["mean_square_state"] == pytest.approx(variance + 0.04, abs=1e-7)
    assert row["state_correlation"][-1] == pytest.approx(rest + 0.04, abs=1e-7)
    assert variance - rest > 0.1


@pytest.mark.slow
@pytest.mark.parametrize("gain", [0.8, 1.5, 3.0])
def test_at_rest_it_is_static_dmft(gain: float) -> None:
    model = qd.RandomNetwork(gain, field=0.7)
    rest, static = qd.solve(model, FIELD, start="quiescent"), qd.solve(model, qd.dmft.Static(), start="active")
    for name in ("mean_square_state", "mean_square_rate", "mean_rate", "mean_state"):
        assert float(rest.arrays[name]) == pytest.approx(float(static.arrays[name]), rel=1e-10), name
    # The margin of static DMFT is 1 - g^2 <phi'^2> at symmetry 0.
    assert float(rest.arrays["local_instability"]) == pytest.approx(1 - float(static.arrays["stability_margin"]), abs=1e-10)
    assert np.all(rest.arrays["correlation"] == rest.arrays["correlation"][0])


@pytest.mark.parametrize(
    ("gain", "noise", "start"),
    [
        pytest.param(0.9, 0.0, "chaotic", marks=pytest.mark.slow),
        pytest.param(0.9, 0.1, "chaotic", marks=pytest.mark.slow),
        (0.9, 0.1, "quiescent"),
    ],
)
def test_a_branch_that_does_not_exist_is_no_number(gain: float, noise: float, start: str) -> None:
    found = qd.solve(qd.RandomNetwork(gain, noise=noise, activation=qd.Erf()), THEORY, start=start, throw=False)
    assert qd.Status(int(found.status)) is qd.Status.no_such_branch
    assert all(np.all(np.isnan(array)) for array in found.arrays.values())


@pytest.mark.slow
def test_branches_that_exist() -> None:
    model = qd.RandomNetwork(1.5, activation=qd.Erf())
    rest, chaos = (qd.solve(model, THEORY, start=start).arrays for start in ("quiescent", "chaotic"))
    assert float(rest["lyapunov_exponent"]) == pytest.approx(0.5)
    stable = table()[POINTS.index((1.5, 0.0))]
    assert float(chaos["lyapunov_exponent"]) == pytest.approx(stable["lyapunov_exponent"], rel=1e-9)


@pytest.mark.slow
def test_without_a_bounded_state_it_says_so() -> None:
    found = qd.solve(qd.RandomNetwork(2.0, noise=1.0, activation=qd.Linear()), FIELD, throw=False)
    assert qd.Status(int(found.status)) is qd.Status.diverged
    assert np.isnan(found.arrays["mean_square_state"])


@pytest.mark.slow
def test_derivatives_by_noise_and_field() -> None:
    names = ("state_correlation", "power_spectrum", "lyapunov_exponent", "kinetic_energy", "mean_rate")

    def values(at: Any) -> Any:
        arrays = qd.solve(qd.RandomNetwork(at[0], noise=at[1], field=at[2]), FIELD).arrays
        return jnp.concatenate([jnp.ravel(arrays[name]) for name in names])

    with jax.enable_x64(True):
        at, step = jnp.asarray([1.5, 0.4, 0.3]), 1e-3
        compiled = jax.jit(values)
        forward, reverse = jax.jit(jax.jacfwd(values))(at), jax.jit(jax.jacrev(values))(at)
        for column in range(3):
            shift = step * jnp.eye(3)[column]
            points = {k: compiled(at + k * shift) for k in (-2, -1, 1, 2)}
            difference = (points[-2] - 8 * points[-1] + 8 * points[1] - points[2]) / (12 * step)
            np.testing.assert_allclose(forward[:, column], difference, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(reverse, forward, rtol=1e-8, atol=1e-10)


@pytest.mark.slow
def test_relu_with_noise_has_the_arc_cosine_kernel() -> None:
    gain, noise = 1.0, 0.5

    def rates(covariance: float, variance: float) -> float:
        angle = np.arccos(np.clip(covariance / variance, -1, 1))
        return variance / (2 * pi) * (np.sin(angle) + (pi - angle) * np.cos(angle))

    def rest(variance: float) -> float:
        return float(optimize.brentq(lambda c: c - gain**2 * rates(c, variance), 0, variance, xtol=1e-15))

    def excess(variance: float) -> float:
        work = integrate.quad(lambda c: c - gain**2 * rates(c, variance), rest(variance), variance, epsabs=1e-15)[0]
        return work - noise**4 / 8

    variance = optimize.brentq(excess, 0.125, 1.0, xtol=1e-14)
    found = qd.solve(qd.RandomNetwork(gain, noise=noise, activation=qd.ReLU()), FIELD)
    assert float(found.arrays["mean_square_state"]) == pytest.approx(variance, abs=1e-8)
    assert float(found.arrays["state_correlation"][-1]) == pytest.approx(rest(variance), abs=1e-8)
    assert float(found.arrays["local_instability"]) == pytest.approx(0.5, abs=1e-12)


PLACE, SIZE = 0.4, 0.5
BUMP = qd.Activation(lambda x: jnp.tanh(x) + SIZE * jnp.where(x > PLACE, 1.0, 0.0), "tanh and a step", breakpoints=(PLACE,))


def bump_rates(covariance: float, variance: float, field: float) -> float:
    """<phi phi'> of tanh and a step: over a shared z, the step smoothed in closed form."""
    shared, private = sqrt(covariance), sqrt(variance - covariance)
    nodes, weights = np.polynomial.legendre.leggauss(300)
    middle, width = (PLACE - field) / shared, min(private / shared, 5.0)
    low, high = (np.arcsinh((end - middle) / width) for end in (-9.0, 9.0))
    t = 0.5 * (high - low) * nodes + 0.5 * (high + low)
    z, share = middle + width * np.sinh(t), 0.5 * (high - low) * weights * width * np.cosh(t)
    w, w_weights = np.polynomial.hermite_e.hermegauss(100)
    mean = np.tanh(field + shared * z[:, None] + private * w) @ w_weights / sqrt(2 * pi)
    mean += SIZE * special.ndtr((field + shared * z - PLACE) / private)
    return float(np.sum(share * stats.norm.pdf(z) * mean**2))


@pytest.mark.parametrize(
    ("gain", "noise", "field"),
    [(0.5, 0.5, 0.6), (1.3, 0.5, 2.0), *(pytest.param(g, 0.5, 0.6, marks=pytest.mark.slow) for g in (1.3, 2.0))],
)
def test_a_step_beside_a_smooth_rate_in_a_field(gain: float, noise: float, field: float) -> None:
    """The particle of its v and c_inf starts with the speed of the noise, and comes to rest."""
    theory = qd.dmft.StationaryGaussian(lags=(0.0, 1e-6, 400.0), frequencies=(0.0,))
    found = qd.solve(qd.RandomNetwork(gain, noise=noise, field=field, activation=BUMP), theory).arrays
    total, next_to_it, lasting = (float(each) - field**2 for each in found["state_correlation"])
    error = float(found["mean_square_state_error"])
    assert total - next_to_it == pytest.approx(0.5 * noise**2 * 1e-6, rel=1e-4)
    assert lasting == pytest.approx(gain**2 * bump_rates(lasting, total, field), abs=1e-9 + 10 * error)
    # c = v - y0 u^2 takes the square root of v - c out.
    u, weights = np.polynomial.legendre.leggauss(40)
    path = [(0.5 * (1 + at), total - (total - lasting) * (0.5 * (1 + at)) ** 2) for at in u]
    forces = [2 * at * (c - gain**2 * bump_rates(c, total, field)) for at, c in path]
    work = 0.5 * (total - lasting) * float(weights @ forces)
    assert work == pytest.approx(noise**4 / 8, abs=1e-9 + 10 * error)


@pytest.mark.parametrize("covariance", [0.0, 1e-30, 1e-20])
def test_pairs_that_share_nothing_are_products(covariance: float) -> None:
    """In a field, where a covariance is less than rounding of the field leaves."""
    with jax.enable_x64(True):
        found = float(pair_of_same(jax.nn.relu, 0.6, covariance, 1.0, (0.0,), 48))
    assert found == pytest.approx((0.6 * stats.norm.cdf(0.6) + stats.norm.pdf(0.6)) ** 2, rel=1e-11)
