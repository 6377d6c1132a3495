"""How many fixed points: the log-determinant against sampled matrices, the count against counts at finite N, and laws."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr
from scipy.integrate import quad
from scipy.optimize import fsolve
from scipy.special import logsumexp
from scipy.stats import norm

import quenched as qd
from quenched.numerics.self_consistency import Newton
from quenched.replica.complexity import complexity
from quenched.replica.log_determinant import Slopes, log_determinant, of_equal_slopes, saddle

SYMMETRIES = [-0.5, 0.0, 0.5, 1.0]


def couplings(rng: np.random.Generator, gain: float, symmetry: float, size: int) -> np.ndarray:
    independent = rng.normal(size=(size, size))
    a, b = np.sqrt(1 + symmetry) / 2, np.sqrt(1 - symmetry) / 2
    return gain / np.sqrt(size) * ((a + b) * independent + (a - b) * independent.T)


def quantiles(width: float, size: int) -> np.ndarray:
    """Slopes of tanh at Gaussian states, the same distribution at every size."""
    return 1 - np.tanh(width * norm.ppf((np.arange(size) + 0.5) / size)) ** 2


@pytest.fixture(scope="module")
def potential() -> Any:
    def solve(slopes: jax.Array, gain: jax.Array, symmetry: jax.Array) -> tuple[jax.Array, ...]:
        each = Slopes(slopes, jnp.full(slopes.shape, 1.0 / slopes.size))
        found = saddle(each, gain, symmetry, Newton())
        value = log_determinant(each, gain, symmetry, found.unknowns[0], found.unknowns[1])
        return value, found.unknowns[0], found.unknowns[1], found.converged

    compiled = jax.jit(solve)

    def call(slopes: np.ndarray, gain: float, symmetry: float) -> tuple[float, float, float]:
        with jax.enable_x64(True):
            value, depth, resolvent, converged = compiled(*(jnp.asarray(each) for each in (slopes, gain, symmetry)))
        assert bool(converged)
        return float(value), float(depth), float(resolvent)

    return call


@pytest.mark.parametrize("symmetry", SYMMETRIES)
@pytest.mark.parametrize(("gain", "width"), [(0.4, 1.0), (2.0, 0.5)], ids=["outside", "inside"])
def test_the_log_determinant_is_that_of_sampled_matrices(potential: Any, gain: float, width: float, symmetry: float) -> None:
    """Extrapolated in 1/N from sizes N."""
    value, depth, _ = potential(quantiles(width, 2000), gain, symmetry)
    # The ellipse of J has the half axis g (1 + gamma): at symmetry -0.5 a gain of 2 leaves 1 outside.
    assert (depth > 0) == (gain == 2.0 and symmetry > -0.5)
    rng = np.random.default_rng(7)
    sizes = np.array([32, 64, 128])
    means, errors = [], []
    for size in sizes:
        slopes = quantiles(width, size)
        draws = [
            np.linalg.slogdet(np.eye(size) - couplings(rng, gain, symmetry, size) * slopes)[1] / size
            for _ in range(28000 // size)
        ]
        means.append(np.mean(draws))
        errors.append(np.std(draws) / np.sqrt(len(draws)))
    (_, limit), covariance = np.polyfit(1 / sizes, means, 1, w=1 / np.array(errors), cov="unscaled")
    assert value == pytest.approx(limit, abs=4 * np.sqrt(covariance[1, 1]))
    # The error is small enough to see the symmetry, the gain and the slopes.
    assert np.sqrt(covariance[1, 1]) < 2e-3


@pytest.mark.parametrize("symmetry", SYMMETRIES)
@pytest.mark.parametrize("gain", [0.3, 0.45, 2.1, 5.0])
def test_equal_slopes_are_the_elliptic_law(potential: Any, gain: float, symmetry: float) -> None:
    """Its potential at z = 1/d is the integral of ln|z - w| over the ellipse."""
    slope = 0.9
    value, _, _ = potential(np.full(3, slope), gain, symmetry)
    with jax.enable_x64(True):
        assert value == pytest.approx(float(of_equal_slopes(slope, gain, symmetry)), abs=1e-12)
    a, b, z = gain * (1 + symmetry), gain * (1 - symmetry), 1 / slope
    if symmetry == 1.0:
        # Wigner's semicircle of radius 2 g = a.
        points = [z] if z < a else None

        def density(x: float) -> float:
            return 2 / (np.pi * a**2) * np.sqrt(max(a**2 - x**2, 0.0)) * np.log(abs(z - x))

        expected = quad(density, -a, a, points=points, limit=400)[0]
    else:
        # Ellipses of radius s in [0, 1], each an angle's average: ln|z - w| over the confocal parametrisation.
        theta = 2 * np.pi * (np.arange(2000) + 0.5) / 2000
        s, weights = np.polynomial.legendre.leggauss(200)
        s, weights = (s + 1) / 2, weights / 2
        w = s[:, None] * (a * np.cos(theta) + 1j * b * np.sin(theta))
        expected = np.sum(weights * 2 * s * np.mean(np.log(np.abs(z - w)), axis=1))
    assert value - np.log(slope) == pytest.approx(expected, abs=2e-4)


def without_symmetry(slopes: np.ndarray, weights: np.ndarray, gain: float) -> tuple[float, float]:
    """L and c by bisection: <g^2 d^2/(1 + c g^2 d^2)> = 1."""
    strength, (low, high) = gain**2 * slopes**2, (0.0, 1.0)
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if weights @ (strength / (1 + middle * strength)) > 1 else (low, middle)
    return float(weights @ np.log(1 + low * strength) / 2 - low / 2), low


def test_without_symmetry_the_log_determinant_is_in_closed_form(potential: Any) -> None:
    slopes = quantiles(0.7, 2000)
    assert potential(slopes, 0.9, 0.0)[0] == pytest.approx(0.0, abs=1e-14)
    expected, chirality = without_symmetry(slopes, np.full(2000, 1 / 2000), 3.0)
    value, depth, _ = potential(slopes, 3.0, 0.0)
    assert (value, depth) == (pytest.approx(expected, abs=1e-12), pytest.approx(chirality, abs=1e-10))


BEYOND = np.array([0.004, 0.008, 0.016])


def at_the_transition(values: np.ndarray) -> float:
    """Extrapolated to r = 1 by the parabola through what was found at r - 1 = BEYOND."""
    return float(np.polyval(np.polyfit(BEYOND, values, 2), 0.0))


@pytest.fixture(scope="module")
def curves() -> dict[float, xr.Dataset]:
    """One compilation for all that is asked of it."""
    found = {}
    for symmetry in (-0.5, 0.0, 0.5, 1.0):
        gains = np.array([0.5, 0.999, *(1 + BEYOND), 1.2, 1.5, 2.0, 3.0, 10.0]) / (1 + symmetry)
        which = "both" if symmetry >= 0 else "annealed"
        found[symmetry] = complexity(qd.RandomNetwork(1.0, symmetry), gains, which=which)
    return found


def test_nothing_below_the_transition(curves: dict[float, xr.Dataset]) -> None:
    for symmetry, found in curves.items():
        rest = found.isel(gain=slice(0, 2))
        assert (rest.annealed_complexity == 0).all()
        assert (rest.annealed_mean_square_rate == 0).all()
        assert (rest.annealed_complexity_error == 0).all()
        assert (found.annealed_complexity[2:] > 0).all()
        if symmetry >= 0:
            # x = 0 goes on to dominate up to 1/sqrt(1 + gamma).
            at_rest = found.gain <= 1 / np.sqrt(1 + symmetry)
            assert (found.dominating_complexity[at_rest.values] == 0).all()
            assert (found.dominating_complexity[~at_rest.values] > 0).all()


def test_more_fixed_points_than_dominate_and_more_at_larger_gain(curves: dict[float, xr.Dataset]) -> None:
    for symmetry, found in curves.items():
        assert (np.diff(found.annealed_complexity) >= 0).all()
        if symmetry >= 0:
            assert (found.dominating_complexity <= found.annealed_complexity).all()
            assert (found.dominating_log_determinant[4:] < found.annealed_log_determinant[4:]).all()


def test_the_count_begins_with_the_third_power(curves: dict[float, xr.Dataset]) -> None:
    """(16/81) (1 + gamma)^2 (r - 1)^3; typical fixed points have two thirds of the <phi^2> of static DMFT."""
    for symmetry, found in curves.items():
        begins = at_the_transition(found.annealed_complexity.values[2:5] / BEYOND**3)
        assert begins == pytest.approx(16 / 81 * (1 + symmetry) ** 2, rel=1e-3)
        assert at_the_transition(found.annealed_mean_square_rate.values[2:5] / BEYOND) == pytest.approx(2 / 3, rel=1e-3)


def test_without_symmetry_the_dominating_states_are_gaussian(curves: dict[float, xr.Dataset]) -> None:
    """Their variance is that of static DMFT, Z = 1, and they begin as (4/9) (g - 1)^4."""
    found, z = curves[0.0], np.linspace(-9, 9, 2001)
    weights = np.exp(-(z**2) / 2)
    weights /= np.sum(weights)
    for gain in (1.5, 3.0):
        static = qd.solve(qd.RandomNetwork(gain), qd.dmft.Static())
        here = found.sel(gain=gain)
        assert float(here.dominating_mean_square_rate) == pytest.approx(float(static["correlation"]), abs=1e-10)
        slopes = 1 / np.cosh(gain * np.sqrt(float(static["correlation"])) * z) ** 2
        expected, _ = without_symmetry(slopes, weights, gain)
        assert float(here.dominating_complexity) == pytest.approx(expected, abs=1e-10)
        assert float(here.dominating_log_determinant) == pytest.approx(expected, abs=1e-10)
    assert at_the_transition(found.dominating_complexity.values[2:5] / BEYOND**4) == pytest.approx(4 / 9, rel=1e-3)


@pytest.mark.parametrize("symmetry", [0.5, pytest.param(1.0, marks=pytest.mark.slow)])
def test_the_dominating_states_are_the_limit_of_the_measure(curves: dict[float, xr.Dataset], symmetry: float) -> None:
    """-F/(NT) - ln(2 pi T)/2 at small T is the complexity less L, linearly in T."""
    model = qd.RandomNetwork(2.0 / (1 + symmetry), symmetry)
    here = curves[symmetry].sel(gain=model.gain)
    temperatures = np.array([1e-5, 2e-5])
    cold = qd.sweep(model, qd.replica.FiniteTemperature(0.1), {"temperature": temperatures})
    logarithms = -cold.free_energy.values / temperatures - np.log(2 * np.pi * temperatures) / 2
    expected = float(here.dominating_complexity - here.dominating_log_determinant)
    assert 2 * logarithms[0] - logarithms[1] == pytest.approx(expected, abs=1e-7)
    assert abs(logarithms[0] - expected) < 1e-3


@pytest.mark.slow
def test_the_dominating_states_are_those_at_zero_temperature(curves: dict[float, xr.Dataset]) -> None:
    """One branch is cooled, the other followed from symmetry 0."""
    for symmetry in (0.0, 0.5, 1.0):
        found = curves[symmetry]
        zero = qd.sweep(qd.RandomNetwork(1.0, symmetry), qd.replica.ZeroTemperature(), {"gain": found.gain.values})
        np.testing.assert_allclose(found.dominating_mean_square_rate, zero.self_overlap, rtol=0, atol=1e-9)


STATE = np.linspace(-1.0, 1.0, 6001)


class Counted:
    """The five equations again, in NumPy, on a uniform grid, without scaled unknowns: tanh only."""

    def __init__(self, gain: float, symmetry: float, power: float = 1.0, q: float = 0.4):
        self.gain, self.symmetry, self.power = gain, symmetry, power
        guess = np.array([gain**2 * q, 0.8 / gain, 0.2, 0.4 * gain**2, 0.6 / gain])
        self.unknowns, _, ended, _ = fsolve(self.residuals, guess, xtol=1e-13, full_output=True)
        assert ended == 1
        assert np.max(np.abs(self.residuals(self.unknowns))) < 1e-9

    def log_weight(self, unknowns: np.ndarray, x: np.ndarray) -> np.ndarray:
        a, S, delta, c, u = unknowns
        g, gamma, d = self.gain, self.symmetry, 1 - np.tanh(x) ** 2
        pull = (x - gamma * g**2 * S * np.tanh(x)) ** 2 + g**2 * delta * np.tanh(x) ** 2
        return -pull / (2 * a) + self.power / 2 * np.log(c * d**2 + (1 - gamma * g**2 * u * d) ** 2)

    def density(self, unknowns: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
        x = STATE * (10 * np.sqrt(unknowns[0]) + 3)
        weight = np.exp(self.log_weight(unknowns, x))
        norm = np.sum(weight) * (x[1] - x[0])
        return x, weight / np.sum(weight), float(np.log(norm))

    def residuals(self, unknowns: np.ndarray) -> np.ndarray:
        a, S, delta, c, u = unknowns
        x, p, _ = self.density(unknowns)
        g, gamma, phi, d = self.gain, self.symmetry, np.tanh(x), 1 - np.tanh(x) ** 2
        e, b = x - gamma * g**2 * S * phi, 1 - gamma * g**2 * u * d
        spread = c * d**2 + b**2
        return np.array(
            [
                g**2 * (p @ phi**2) / a - 1,
                g * (S - p @ (e * phi) / a),
                delta - 1 + p @ e**2 / a,
                1 - g**2 * (p @ (d**2 / spread)),
                g * (u - p @ (d * b / spread)),
            ]
        )

    def log_determinant(self) -> float:
        *_, c, u = self.unknowns
        x, p, _ = self.density(self.unknowns)
        d = 1 - np.tanh(x) ** 2
        logarithm = p @ np.log(c * d**2 + (1 - self.symmetry * self.gain**2 * u * d) ** 2) / 2
        return float(logarithm - c / (2 * self.gain**2) + self.symmetry * self.gain**2 * u**2 / 2)

    def log_count(self, unknowns: np.ndarray) -> float:
        a, S, delta, c, u = unknowns
        g, gamma = self.gain, self.symmetry
        overlaps = delta / 2 - gamma * g**2 * S**2 / 2 - np.log(2 * np.pi * a) / 2
        return overlaps + self.density(unknowns)[2] + self.power * (gamma * g**2 * u**2 / 2 - c / (2 * g**2))

    def expected_at_size(self, size: int, draws: int, rng: np.random.Generator) -> tuple[float, float]:
        """ln of the expected number of fixed points of a network of `size` neurons beside x = 0, and the error of that.

        Kac and Rice's integral as it stands, J drawn given J phi(x) = x, and x from this density at several scales, since
        the integrand grows as |x|^(2-N) towards 0. Unbiased for any density.
        """
        g, gamma = self.gain, self.symmetry
        x, p, log_norm = self.density(self.unknowns)
        scales = np.array([1.0, *np.geomspace(0.02, 1.3, 12)])
        shares = np.array([0.4, *np.full(12, 0.05)])
        chosen = rng.choice(scales, draws, p=shares)
        states = chosen[:, None] * np.interp(rng.random((draws, size)), np.cumsum(p), x)
        densities = [
            np.log(share) + np.sum(self.log_weight(self.unknowns, states / scale) - log_norm - np.log(scale), axis=1)
            for scale, share in zip(scales, shares, strict=True)
        ]
        logarithms = -logsumexp(densities, axis=0)
        phi = np.tanh(states)
        square = np.sum(phi**2, axis=1)
        variance = g**2 * square / size
        # Cov(J phi) = variance (1 + gamma n n^T), n along phi.
        along = np.sum(states * phi, axis=1) ** 2 / square
        logarithms -= (np.sum(states**2, axis=1) - gamma / (1 + gamma) * along) / (2 * variance)
        logarithms -= size / 2 * np.log(2 * np.pi * variance) + np.log(1 + gamma) / 2
        for draw in range(draws):
            rate, free = phi[draw], couplings(rng, g, gamma, size)
            missing = states[draw] - free @ rate
            pull = (missing - gamma / (1 + gamma) * (missing @ rate) / square[draw] * rate) / variance[draw]
            given = free + g**2 / size * (np.outer(pull, rate) + gamma * np.outer(rate, pull))
            logarithms[draw] += np.linalg.slogdet(given * (1 - rate**2) - np.eye(size))[1]
        largest = np.max(logarithms)
        weights = np.exp(logarithms - largest)
        return float(largest + np.log(np.mean(weights))), float(np.std(weights) / np.mean(weights) / np.sqrt(draws))


@pytest.mark.parametrize("symmetry", [-0.5, 0.0, 0.5, 1.0])
def test_by_another_solver_and_another_quadrature(curves: dict[float, xr.Dataset], symmetry: float) -> None:
    gain = 3.0 / (1 + symmetry)
    here = curves[symmetry].sel(gain=gain)
    count = Counted(gain, symmetry)
    assert count.log_count(count.unknowns) == pytest.approx(float(here.annealed_complexity), abs=1e-10)
    assert count.log_determinant() == pytest.approx(float(here.annealed_log_determinant), abs=1e-9)
    assert count.unknowns[0] / gain**2 == pytest.approx(float(here.annealed_mean_square_rate), abs=1e-9)


@pytest.mark.parametrize("symmetry", [-0.5, 0.0, 0.5])
def test_the_count_is_stationary_and_its_derivative_is_the_determinant(symmetry: float) -> None:
    """In all five unknowns; and d Psi_k/dk = L."""
    gain = 3.0 / (1 + symmetry)
    count = Counted(gain, symmetry)
    # Without symmetry the responses S and u stand in nothing.
    for unknown in range(5) if symmetry else (0, 2, 3):
        step = np.zeros(5)
        step[unknown] = 1e-4 * count.unknowns[unknown]
        up, down = (count.log_count(count.unknowns + sign * step) for sign in (1, -1))
        curved = up + down - 2 * count.log_count(count.unknowns)
        assert abs(up - down) / 2e-4 < 1e-7
        assert abs(curved) / 1e-8 > 1e-4
    near = [Counted(gain, symmetry, 1 + change) for change in (-1e-3, 1e-3)]
    change = near[1].log_count(near[1].unknowns) - near[0].log_count(near[0].unknowns)
    assert change / 2e-3 == pytest.approx(count.log_determinant(), rel=1e-4)


# gain and symmetry, some times the gain of the transition
FINITE = [(4.0, 0.0), (2.0, 0.5), (10.0, -0.5)]


@pytest.mark.parametrize(("gain", "symmetry"), FINITE, ids=str)
def test_the_count_at_finite_sizes_tends_to_it(gain: float, symmetry: float) -> None:
    """ln E[number] = N Sigma + const + O(1/N): the slope between two sizes."""
    count = Counted(gain, symmetry)
    expected = count.log_count(count.unknowns)
    rng = np.random.default_rng(3)
    (small, small_error), (large, large_error) = (count.expected_at_size(size, 4000, rng) for size in (24, 48))
    slope, error = (large - small) / 24, np.hypot(small_error, large_error) / 24
    assert slope == pytest.approx(expected, abs=4 * error)
    assert error < 0.15 * expected


@pytest.mark.slow
@pytest.mark.parametrize(("gain", "symmetry"), FINITE, ids=str)
def test_certified_fixed_points_of_small_networks_are_as_many(gain: float, symmetry: float) -> None:
    """The same number counted: 8 neurons, complete lists."""
    expected, error = Counted(gain, symmetry).expected_at_size(8, 50_000, np.random.default_rng(4))
    numbers = []
    for seed in range(600):
        network = qd.RandomNetwork(gain, symmetry).draw(8, jax.random.key(seed))
        numbers.append(qd.landscape.find_fixed_points(network, 60, paths=8).sizes["fixed_point"])
    spread = np.hypot(np.std(numbers) / np.sqrt(len(numbers)), error * np.exp(expected))
    # x = 0 is one more.
    assert np.mean(numbers) == pytest.approx(1 + np.exp(expected), abs=3.5 * spread)
    assert spread < 0.05 * np.mean(numbers)


@pytest.mark.slow
def test_other_activations() -> None:
    """The scale of the state does not matter, and near the transition neither does phi."""
    steep = qd.Activation(lambda x: jnp.tanh(3.0 * x), name="steep")
    unscaled = complexity(qd.RandomNetwork(2.0, 0.5))
    scaled = complexity(qd.RandomNetwork(2.0 / 3.0, 0.5, activation=steep))
    for name in ("annealed_complexity", "dominating_complexity", "annealed_log_determinant"):
        assert float(scaled[name]) == pytest.approx(float(unscaled[name]), abs=1e-12)
    found = complexity(qd.RandomNetwork(1.0, activation=qd.Erf()), 1 + BEYOND, which="annealed")
    assert at_the_transition(found.annealed_complexity.values / BEYOND**3) == pytest.approx(16 / 81, rel=1e-3)


@pytest.mark.slow
def test_one_gain_or_several(curves: dict[float, xr.Dataset]) -> None:
    several = curves[0.0]
    assert several.annealed_complexity.dims == ("gain",)
    assert "gain" not in several.attrs
    one = complexity(qd.RandomNetwork(2.0))
    assert one.annealed_complexity.dims == ()
    assert one.attrs["gain"] == 2.0
    only = complexity(qd.RandomNetwork(2.0), which="dominating")
    assert "annealed_complexity" not in only
    for found, name in ((one, "annealed_complexity"), (one, "dominating_complexity"), (only, "dominating_complexity")):
        assert float(found[name]) == pytest.approx(float(several[name].sel(gain=2.0)), abs=1e-12)


@pytest.mark.slow
def test_a_quadrature_too_coarse_is_said() -> None:
    """And its error says by how much."""
    fine = complexity(qd.RandomNetwork(20.0), which="annealed")
    few = complexity(qd.RandomNetwork(20.0), which="annealed", solver=Newton(nodes=12), throw=False)
    assert qd.Status(int(few.status)) == qd.Status.coarse_quadrature
    change = abs(float(few.annealed_complexity - fine.annealed_complexity))
    assert change <= float(few.annealed_complexity_error)
    with pytest.raises(qd.SolveError, match="coarse_quadrature"):
        complexity(qd.RandomNetwork(20.0), which="annealed", solver=Newton(nodes=12))


@pytest.mark.slow
def test_between_the_transition_and_what_is_computed_the_error_holds_the_truth() -> None:
    """Below r = 1.003 values are interpolated; these laws are true there to a part in 100."""
    beyond = np.array([3e-4, 1e-3, 2.9e-3])
    for symmetry in (0.0, 0.5):
        found = complexity(qd.RandomNetwork(1.0, symmetry), (1 + beyond) / (1 + symmetry), which="annealed")
        laws = {
            "annealed_complexity": 16 / 81 * (1 + symmetry) ** 2 * beyond**3,
            "annealed_mean_square_rate": 2 / 3 * beyond,
        }
        for name, law in laws.items():
            assert (abs(found[name] - law) <= found[f"{name}_error"] + 0.03 * law).all()
            assert (found[f"{name}_error"] <= found[name]).all()


def test_antisymmetric_couplings_have_one_fixed_point() -> None:
    """x.phi(x) = phi(x).J phi(x) = 0."""
    found = complexity(qd.RandomNetwork(50.0, -1.0), which="annealed")
    assert float(found.annealed_complexity) == 0.0


def test_bad_arguments_are_refused(unchecked_types: None) -> None:
    with pytest.raises(ValueError, match=r"`field` must be 0 for replica\.complexity"):
        complexity(qd.RandomNetwork(2.0, field=0.3))
    with pytest.raises(ValueError, match=r"`field` must be a number for replica\.complexity"):
        complexity(qd.RandomNetwork(2.0, field=lambda t: 0.0 * t))
    with pytest.raises(ValueError, match=r"`noise` must be 0 for replica\.complexity"):
        complexity(qd.RandomNetwork(2.0, noise=0.1))
    with pytest.raises(ValueError, match="`activation` must be odd"):
        complexity(qd.RandomNetwork(2.0, activation=qd.ReLU()))
    with pytest.raises(ValueError, match="`activation` must be bounded"):
        complexity(qd.RandomNetwork(2.0, activation=qd.Linear()))
    flat = qd.Activation(lambda x: jnp.tanh(x**3), name="flat")
    with pytest.raises(ValueError, match="`activation` must be steepest at 0"):
        complexity(qd.RandomNetwork(2.0, activation=flat))
    wave = qd.Activation(jnp.sin, name="wave")
    with pytest.raises(ValueError, match="`activation` must be monotonic"):
        complexity(qd.RandomNetwork(2.0, activation=wave))
    with pytest.raises(ValueError, match=r"`symmetry` must be at least 0 .* which='annealed'"):
        complexity(qd.RandomNetwork(2.0, -0.2))
    with pytest.raises(ValueError, match="`which` must be one of"):
        complexity(qd.RandomNetwork(2.0), which="all")
    with pytest.raises(ValueError, match="`gains` must be at least 0"):
        complexity(qd.RandomNetwork(2.0), [1.0, -1.0])
    with pytest.raises(ValueError, match="`gains` must have shape"):
        complexity(qd.RandomNetwork(2.0), [[1.0]])
    with pytest.raises(TypeError, match="`solver` must be"):
        complexity(qd.RandomNetwork(2.0), solver=48)  # type: ignore[arg-type]


@pytest.mark.usefixtures("unchecked_types")
def test_what_is_no_model_and_no_gain_is_refused() -> None:
    nothing: Any = "network"
    with pytest.raises(TypeError, match=r"`model` must be a qd\.RandomNetwork"):
        qd.replica.complexity(nothing)
    with pytest.raises(ValueError, match="`gains` must hold at least one"):
        qd.replica.complexity(qd.RandomNetwork(2.0), [])
