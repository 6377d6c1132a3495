"""Lyapunov exponents: where they are exactly known, against independent routes, and what is refused."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pytest
import xarray as xr
from scipy import integrate, linalg, optimize

import quenched as qd
from quenched.observables import kaplan_yorke_dimension, lyapunov_spectrum
from quenched.observables.attractor import dimension, entropy
from quenched.observables.blocks import split
from quenched.observables.tangent import begin

SIZE = 6
RNG = np.random.default_rng(0)
BASIS = np.eye(SIZE) + 0.5 * RNG.normal(size=(SIZE, SIZE))
REAL = BASIS @ np.diag(np.linspace(-0.9, 0.8, SIZE)) @ np.linalg.inv(BASIS)
"""Not normal, its eigenvalues real."""
CHAOTIC = qd.Network(6.0 * np.random.default_rng(12).normal(size=(20, 20)) / np.sqrt(20))
"""A small chaotic network is rare: this one has the exponents 0.06, 0, -0.4, ..."""
SCHEMES = ("euler", "second_order")


def of_map(eigenvalues: np.ndarray, step: float, scheme: str) -> np.ndarray:
    """Exponents of the scheme on dv/dt = mu v, in decreasing order."""
    factor = 1 + step * eigenvalues + (0 if scheme == "euler" else (step * eigenvalues) ** 2 / 2)
    return np.sort(np.log(np.abs(factor)) / step)[::-1]


def _mixed(matrix: np.ndarray, seed: int) -> np.ndarray:
    """Similar to a matrix, by integers whose inverse are integers: exactly so where its entries are short."""
    rng, size = np.random.default_rng(seed), len(matrix)
    lower, upper = (np.eye(size) + part(rng.integers(-1, 2, (size, size)), k) for part, k in ((np.tril, -1), (np.triu, 1)))
    basis = lower @ upper
    return basis @ matrix @ np.round(np.linalg.inv(basis))


@pytest.mark.parametrize("scheme", SCHEMES)
def test_linear_network_has_the_exponents_of_the_discrete_map(scheme: str) -> None:
    network = qd.Network(REAL, qd.Linear())
    flow, errors = np.sort(np.linalg.eigvals(REAL).real - 1)[::-1], []
    for step in (0.2, 0.1, 0.05):
        found = lyapunov_spectrum(network, 200.0, step, scheme=scheme, burn_in=120.0)
        # The frame turns into place as exp(-gap time) = exp(-0.34 * 120), 1e-18.
        np.testing.assert_allclose(found.lyapunov_exponent, of_map(flow, step, scheme), rtol=0, atol=1e-12)
        assert np.all(found.lyapunov_exponent_error < 1e-12)
        errors.append(np.abs(found.lyapunov_exponent.values - flow))
    # Against the flow: the order of the scheme, approached like step.
    orders = np.log2(np.array(errors)[:-1] / np.array(errors)[1:])
    np.testing.assert_allclose(orders[-1], 1 if scheme == "euler" else 2, atol=0.15)


def test_rotating_pairs_share_their_growth() -> None:
    weights = np.zeros((SIZE, SIZE))
    weights[:2, :2] = [[0.6, 3.0], [-1.0, 0.6]]
    weights[2:, 2:] = np.diag([-0.2, -0.6, -1.0, -1.4])
    found = lyapunov_spectrum(qd.Network(weights, qd.Linear()), 200.0, 0.1, scheme="euler")
    exact = of_map(np.linalg.eigvals(weights) - 1, 0.1, "euler")
    difference = found.lyapunov_exponent.values - exact
    assert np.all(np.abs(difference[:2]) < 2 * found.lyapunov_exponent_error[:2])
    assert abs(difference[0] + difference[1]) < 1e-12
    np.testing.assert_allclose(difference[2:], 0, atol=1e-12)


def _one_step_jacobians(network: qd.Network, states: np.ndarray, step: float, scheme: str) -> list[np.ndarray]:
    weights, identity = np.asarray(network.weights), np.eye(network.size)

    def jacobian(state: np.ndarray) -> np.ndarray:
        return weights * (1 - np.tanh(state) ** 2) - identity

    maps = []
    for state in states:
        first = jacobian(state)
        if scheme == "euler":
            maps.append(identity + step * first)
        else:
            ahead = state + step * (weights @ np.tanh(state) - state)
            maps.append(identity + 0.5 * step * (first + jacobian(ahead) @ (identity + step * first)))
    return maps


def _same_frame(size: int) -> np.ndarray:
    """The frame that key 0 draws for one network."""
    with jax.enable_x64(True):
        frame_key = jax.random.split(jax.random.key(0), 4)[2]
        layout = split([np.ones((size, size))], size).layout
        bundle = begin(jax.numpy.zeros((1, size)), layout, size, jax.random.split(frame_key, 1))
        return np.asarray(bundle.frame[0]).T


def _plain_benettin(maps: list[np.ndarray], before: int, step: float) -> np.ndarray:
    frame, growth = _same_frame(len(maps[0])), np.zeros(len(maps[0]))
    for index, one in enumerate(maps):
        frame, triangle = np.linalg.qr(one @ frame)
        growth += np.log(np.abs(np.diag(triangle))) if index >= before else 0.0
    return growth / (step * (len(maps) - before))


@pytest.mark.parametrize("scheme", SCHEMES)
def test_chaotic_network_against_the_derivatives_along_its_trajectory(scheme: str) -> None:
    # Chaos multiplies the rounding of the trajectory: in 40 leak times from 1e-16 to 1e-12, in 120 to 1e-4.
    step, start = 0.1, np.linspace(-1, 1, CHAOTIC.size)
    run = qd.simulate.integrate(CHAOTIC, 40.0, step, initial=start, scheme=scheme)
    maps = _one_step_jacobians(CHAOTIC, run.trajectory.values[:-1, 0], step, scheme)
    found = lyapunov_spectrum(CHAOTIC, 40.0, step, initial=start, scheme=scheme)
    before = round(found.attrs["burn_in"] / step)
    # The sum of all exponents is the average rate of change of the volume, step by step: no transient.
    volume = np.mean([np.linalg.slogdet(one)[1] for one in maps[before:]]) / step
    assert float(found.lyapunov_exponent.sum()) == pytest.approx(volume, abs=1e-9)
    plain = np.sort(_plain_benettin(maps, before, step))[::-1]
    np.testing.assert_allclose(found.lyapunov_exponent, plain, rtol=0, atol=1e-9)
    # Other intervals give the same.
    every = lyapunov_spectrum(CHAOTIC, 40.0, step, initial=start, scheme=scheme, orthonormalise=1)
    np.testing.assert_allclose(every.lyapunov_exponent, found.lyapunov_exponent, rtol=0, atol=1e-9)
    assert every.attrs["orthonormalised_every"] == 1 < found.attrs["orthonormalised_every"]


def test_volume_rate_tends_to_the_average_divergence_as_step_squared() -> None:
    """-N + sum_i J_ii <phi'(x_i)> of the flow; Heun's volume rate differs by O(step^2)."""
    start, differences = np.linspace(-1, 1, CHAOTIC.size), []
    for step in (0.1, 0.05):
        run = qd.simulate.integrate(CHAOTIC, 40.0, step, initial=start)
        found = lyapunov_spectrum(CHAOTIC, 40.0, step, initial=start)
        states = run.trajectory.values[round(found.attrs["burn_in"] / step) :, 0]
        divergence = -CHAOTIC.size + (1 - np.tanh(states) ** 2) @ np.diag(np.asarray(CHAOTIC.weights))
        trapezoid = (divergence.sum() - 0.5 * (divergence[0] + divergence[-1])) / (len(divergence) - 1)
        differences.append(abs(float(found.lyapunov_exponent.sum()) - trapezoid))
    assert differences[0] < 0.2
    assert differences[0] / differences[1] == pytest.approx(4.0, abs=1.0)


def test_limit_cycle_has_an_exponent_zero() -> None:
    weights = np.zeros((SIZE, SIZE))
    weights[:2, :2] = [[2.0, -2.0], [2.0, 2.0]]
    network = qd.Network(weights)
    found = lyapunov_spectrum(network, 200.0, 0.1)
    # A tangent vector along the cycle grows as the speed does: ln(fastest/slowest)/time bounds what is not yet averaged out.
    run = qd.simulate.integrate(network, 60.0, 0.1).trajectory.values[300:, 0]
    speed = np.linalg.norm(np.tanh(run) @ weights.T - run, axis=1)
    assert abs(float(found.lyapunov_exponent[0])) < np.log(speed.max() / speed.min()) / found.attrs["time_averaged"]
    assert abs(float(found.lyapunov_exponent[0])) < 2 * float(found.lyapunov_exponent_error[0])
    assert float(found.lyapunov_exponent[1]) < -0.5
    np.testing.assert_allclose(found.lyapunov_exponent[2:], np.log(1 - 0.1 + 0.005) / 0.1, atol=1e-12)
    # Whether the dimension is 0 or 1 hangs on that zero.
    assert float(found.lyapunov_dimension_error) >= 1.0
    assert abs(float(found.lyapunov_dimension) - 1.0) <= 1.0


def test_networks_of_a_list_below_the_transition_have_the_exponents_of_rest() -> None:
    model = qd.RandomNetwork(0.6, 0.5)
    networks = [model.draw(SIZE, jax.random.key(index)) for index in range(3)]
    found = lyapunov_spectrum(networks, 400.0, 0.1, burn_in=200.0, exponents=2)
    assert found.lyapunov_exponent.dims == ("network", "mode")
    assert found.status.dims == ("network",)
    for index, network in enumerate(networks):
        exact = of_map(np.linalg.eigvals(np.asarray(network.weights)) - 1, 0.1, "second_order")[0]
        value, error = (float(found[f"lyapunov_exponent{end}"][index, 0]) for end in ("", "_error"))
        assert abs(value - exact) < max(2 * error, 1e-9)
        assert value < 0
    assert found.lyapunov_dimension.values.tolist() == found.entropy_rate.values.tolist() == [0.0] * 3


def test_chaos_above_the_transition_and_its_end_by_noise() -> None:
    options: dict[str, Any] = {"size": 100, "networks": 4, "exponents": 3}
    quiet, driven = (
        lyapunov_spectrum(qd.RandomNetwork(6.0, noise=noise), 60.0, 0.1, key=3, **options) for noise in (0.0, 20.0)
    )
    assert float(quiet.lyapunov_exponent[0]) > 4 * float(quiet.lyapunov_exponent_error[0])
    assert float(driven.lyapunov_exponent[0]) < -4 * float(driven.lyapunov_exponent_error[0])
    # Three exponents are too few for a dimension of this attractor, and all positive: NaN, not a number that is too small.
    assert np.isnan(float(quiet.lyapunov_dimension))
    assert np.isnan(float(quiet.entropy_rate))
    assert np.isnan(float(quiet.lyapunov_dimension_error))
    assert float(driven.entropy_rate) == 0.0


def _exponent_of_infinite_network(gain: float) -> float:
    """Sompolinsky, Crisanti & Sommers 1988 for phi = erf(sqrt(pi) x/2), whose averages are closed, by SciPy: Delta_0 from
    the potential, Delta(tau) down its slope, the ground state of -d^2/dtau^2 + 1 - g^2 <phi' phi'> by finite differences."""

    def scale(start: float) -> float:
        return 2 / np.pi + start

    def force_integral(delta: Any, start: float) -> Any:
        """Of <phi phi'> = (2/pi) asin(Delta/scale) from 0 to Delta."""
        ratio = delta / scale(start)
        return 2 / np.pi * scale(start) * (ratio * np.arcsin(ratio) + np.sqrt(1 - ratio**2) - 1)

    start = optimize.brentq(lambda delta: gain**2 * force_integral(delta, delta) - delta**2 / 2, 1e-3, 20 * gain**2)
    first = 1e-3
    acceleration = start - gain**2 * 2 / np.pi * np.arcsin(start / scale(start))
    path = integrate.solve_ivp(
        lambda lag, delta: -np.sqrt(np.maximum(delta**2 - 2 * gain**2 * force_integral(delta, start), 0)),
        (first, 40.0),
        [start + acceleration * first**2 / 2],
        rtol=1e-11,
        atol=1e-14,
        dense_output=True,
    )

    def exponent(count: int) -> float:
        spacing = 40.0 / count
        delta = path.sol((np.arange(count) + 0.5) * spacing)[0]
        slopes = 2 / np.pi / np.sqrt(scale(start) ** 2 - delta**2)
        diagonal = 2 / spacing**2 + 1 - gain**2 * slopes
        diagonal[0] -= 1 / spacing**2
        beside = np.full(count - 1, -1 / spacing**2)
        ground = linalg.eigvalsh_tridiagonal(diagonal, beside, select="i", select_range=(0, 0))[0]
        return float(np.sqrt(1 - ground) - 1)

    return (4 * exponent(8000) - exponent(4000)) / 3


@pytest.mark.slow
def test_largest_exponent_along_sizes_tends_to_mean_field_theory() -> None:
    exact = _exponent_of_infinite_network(3.0)
    assert exact == pytest.approx(0.254481, abs=1e-6)
    model, sizes = qd.RandomNetwork(3.0, activation=qd.Erf()), np.array([150, 300, 600])
    found = [
        lyapunov_spectrum(
            model, 200.0, 0.1, exponents=1, size=int(size), networks=networks, burn_in=50.0, key=int(size), orthonormalise=50
        )
        for size, networks in zip(sizes, (64, 32, 16), strict=True)
    ]
    values = np.array([float(each.lyapunov_exponent[0]) for each in found])
    errors = np.array([float(each.lyapunov_exponent_error[0]) for each in found])
    design = np.stack([np.ones(3), 1.0 / sizes], axis=1) / errors[:, None]
    covariance = np.linalg.inv(design.T @ design)
    limit, error = (covariance @ design.T @ (values / errors))[0], np.sqrt(covariance[0, 0])
    assert error < 0.01
    assert abs(limit - exact) < 3 * error
    # Without the extrapolation it would not be: 150 neurons are far from infinitely many.
    assert values[0] < exact - 5 * errors[0]


STEP, NOISE, SELF = 0.1, 0.8, np.array([0.9, 0.3, -0.8])


def _exact_of_one_neuron(weight: float) -> float:
    """<ln|1 + step F'(x)|>/step over the stationary density of Euler's map with noise, by its transfer matrix on a grid."""
    states = np.linspace(-7, 7, 1201)
    ahead = states + STEP * (weight * np.tanh(states) - states)
    transfer = np.exp(-((states[:, None] - ahead) ** 2) / (2 * NOISE**2 * STEP))
    transfer /= transfer.sum(axis=0)
    density = np.linalg.matrix_power(transfer, 4096)[:, 600]
    return float(density @ np.log(np.abs(1 + STEP * (weight * (1 - np.tanh(states) ** 2) - 1))) / STEP)


def test_truth_is_within_two_errors_of_a_time_average() -> None:
    """Independent neurons with noise: a nonlinear network whose exponents are known."""
    exact = np.array([_exact_of_one_neuron(weight) for weight in SELF])
    networks = [qd.Network(np.diag(SELF))] * 40
    found = lyapunov_spectrum(networks, 400.0, STEP, burn_in=20.0, noise=NOISE, scheme="euler", key=2)
    pulls = (found.lyapunov_exponent.values - exact) / found.lyapunov_exponent_error.values
    # 120 entries at 95 %: 90 % is two and a half deviations below.
    assert 0.90 <= np.mean(np.abs(pulls) < 2) <= 0.995
    assert np.all(found.lyapunov_exponent_error < 0.05)
    # All networks together: no bias beyond their common error.
    together = found.lyapunov_exponent.values
    assert np.all(np.abs(together.mean(axis=0) - exact) < 4 * together.std(axis=0) / np.sqrt(40))


def test_truth_is_within_two_errors_of_an_ensemble() -> None:
    """One linear neuron with a Gaussian coupling to itself, begun at zero: <ln|1 + step (J - 1)|>/step."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    exact = weights @ np.log(1 + 0.1 * (0.5 * nodes - 1)) / 0.1 / weights.sum()
    model = qd.RandomNetwork(0.5, activation=qd.Linear())
    pulls = []
    for key in range(40):
        found = lyapunov_spectrum(
            model, 4.0, 0.1, size=1, networks=16, initial=np.zeros(1), scheme="euler", key=key, burn_in=0.0
        )
        pulls.append(float((found.lyapunov_exponent[0] - exact) / found.lyapunov_exponent_error[0]))
    assert 0.85 <= np.mean(np.abs(pulls) < 2) <= 1.0
    assert np.mean(np.square(pulls)) == pytest.approx(1.15, abs=0.7)


def test_dimension_of_known_spectra() -> None:
    assert kaplan_yorke_dimension([-0.1, -3.0]) == 0.0
    assert kaplan_yorke_dimension([0.0, -1.0]) == 1.0
    assert kaplan_yorke_dimension([1.0, 0.5, -1.0, -4.0]) == pytest.approx(3 + 0.5 / 4)
    assert kaplan_yorke_dimension([-1.0, 1.0, -4.0, 0.5]) == pytest.approx(3 + 0.5 / 4)
    assert kaplan_yorke_dimension([1.0, 0.5, -1.0]) == 3.0
    assert np.isnan(kaplan_yorke_dimension([1.0, 0.5, -1.0], complete=False))
    with pytest.raises(ValueError, match="exponents"):
        kaplan_yorke_dimension([1.0, np.nan])
    with pytest.raises(ValueError, match="exponents"):
        kaplan_yorke_dimension([])


@pytest.mark.parametrize("function", [dimension, entropy])
def test_slopes_carry_the_errors_of_the_exponents(function: Any) -> None:
    spectrum = np.array([0.8, 0.3, -0.2, -1.3, -2.0])
    _, slopes = function(spectrum, True)
    for index in range(len(spectrum)):
        nudge = 1e-6 * np.eye(len(spectrum))[index]
        difference = (function(spectrum + nudge, True)[0] - function(spectrum - nudge, True)[0]) / 2e-6
        assert slopes[index] == pytest.approx(difference, abs=1e-8)


def test_frames_that_would_collapse_are_made_orthonormal_more_often() -> None:
    # In a block of 187 steps the largest and the smallest growth come to differ by exp(93).
    growth = np.array([21.0, 11.0, 1.0, -9.0, -19.0, -29.0])
    weights = _mixed(np.diag(growth), 0)
    exact = of_map(growth - 1, 0.01, "euler")
    found = lyapunov_spectrum(
        qd.Network(weights, qd.Linear()), 40.0, 0.01, scheme="euler", initial=np.zeros(SIZE), orthonormalise=400, blocks=16
    )
    assert np.all(np.abs(found.lyapunov_exponent - exact) < 2 * found.lyapunov_exponent_error)
    assert np.all(found.lyapunov_exponent_error < 1e-7)
    assert found.attrs["orthonormalised_every"] < 40
    assert found.attrs["condition"] < 1e6


def _chain(size: int, weight: float) -> np.ndarray:
    return np.diag(np.full(size - 1, weight), -1)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_feed_forward_networks_have_the_exponents_of_a_leak(scheme: str) -> None:
    """Triangular Jacobians with -1 on the diagonal, whatever phi, the weights and the order of the neurons."""
    rng, leak = np.random.default_rng(1), of_map(np.array([-1.0]), 0.1, scheme)[0]
    shuffled = rng.permutation(30)
    branched = _chain(30, 3.0)
    branched[20, 19], branched[20, 4] = 0.0, 10.0
    dense = np.tril(10.0 * rng.normal(size=(30, 30)), -1)
    weights = (_chain(30, 3.0), _chain(30, 10.0), branched, dense, dense[np.ix_(shuffled, shuffled)], np.zeros((30, 30)))
    for activation in (qd.Tanh(), qd.Linear()):
        # A linear chain passes through 1e29 on its way to rest.
        networks = [qd.Network(each, activation) for each in weights]
        for exponents in (30, 4):
            found = lyapunov_spectrum(networks, 200.0, 0.1, scheme=scheme, exponents=exponents)
            np.testing.assert_allclose(found.lyapunov_exponent, leak, rtol=0, atol=1e-13)
            assert np.all(found.lyapunov_exponent_error < 1e-13)
            for name in ("entropy_rate", "entropy_rate_error", "lyapunov_dimension", "lyapunov_dimension_error"):
                assert np.all(found[name] == 0.0)


def test_blocks_keep_the_exponents_that_they_have_alone() -> None:
    """A Jacobian that is block triangular: of chaos that feeds a chain and a linear block that is fed by it."""
    leak, size = of_map(np.array([-1.0]), 0.1, "second_order")[0], CHAOTIC.size
    weights, order = np.zeros((size + 12, size + 12)), np.random.default_rng(2).permutation(size + 12)
    weights[:size, :size], weights[size:, size:], weights[size, :size] = CHAOTIC.weights, _chain(12, 5.0), 3.0
    options: dict[str, Any] = {"duration": 400.0, "step": 0.1, "initial": np.linspace(-1, 1, size + 12)[order]}
    whole = lyapunov_spectrum(qd.Network(weights[np.ix_(order, order)]), **options)
    exponents, errors = whole.lyapunov_exponent.values, whole.lyapunov_exponent_error.values
    assert np.sum(np.abs(exponents - leak) < 1e-12) == 12
    assert np.all(np.diff(exponents) <= 0.0)
    alone = lyapunov_spectrum(CHAOTIC, 400.0, 0.1, initial=np.linspace(-1, 1, size + 12)[:size])
    rest = np.abs(exponents - leak) >= 1e-12
    difference = exponents[rest] - alone.lyapunov_exponent
    assert np.all(np.abs(difference) < 4 * np.hypot(errors[rest], alone.lyapunov_exponent_error))
    assert float(whole.entropy_rate) == pytest.approx(exponents[exponents > 0].sum(), abs=1e-12)
    # The largest three, and with them the dimension, need no more.
    few = lyapunov_spectrum(qd.Network(weights[np.ix_(order, order)]), exponents=3, **options)
    np.testing.assert_allclose(few.lyapunov_exponent, exponents[:3], rtol=0, atol=0.02)


def test_delay_lines_with_weak_feedback() -> None:
    """A ring: mu^N is the product of the weights. Out of even units rounding, 1e-16 3^29, would be the stronger feedback."""
    size, exact, networks = 30, [], []
    for weight, feedback in ((3.0, 1e-6), (3.0, 1e-12), (3.0, 1e-17), (10.0, 1e-12)):
        weights = _chain(size, weight)
        weights[0, -1] = feedback
        networks.append(qd.Network(weights, qd.Linear()))
        radius = (weight ** (size - 1) * feedback) ** (1 / size)
        exact.append(of_map(radius * np.exp(2j * np.pi * np.arange(size) / size) - 1, 0.1, "second_order"))
    found = lyapunov_spectrum(networks, 800.0, 0.1, initial=np.zeros(size))
    deviation = np.abs(found.lyapunov_exponent.values - np.array(exact))
    # A frame turns into place as exp(-2 gap t), gap (1 - cos(2 pi/N)) times the radius: exp(-7) for the smallest, 0.78.
    assert np.all(deviation[:, 0] < np.exp(-7) / 10)
    # Pairs of modes turn about each other, and share their growth up to ends of time.
    assert np.all(deviation < 0.005)
    assert np.mean(deviation < 2 * found.lyapunov_exponent_error.values) > 0.9
    assert np.all(np.diff(found.lyapunov_exponent, axis=1) <= 0.0)


def test_errors_contain_what_rounding_does() -> None:
    """Triangular matrices, hidden by an exact change of basis, from nearly normal ones to those that rounding changes:
    over ten orders of magnitude the error is as large as the deviation, and then the status says that it is not known."""
    size, growth = 6, np.arange(6) * 0.5 - 1.5
    exact, pulls, errors = of_map(growth - 1, 0.1, "second_order"), [], []
    for scale in (0.0, 1.0, 10.0, 100.0, 1000.0):
        networks = []
        for seed in range(4):
            rng = np.random.default_rng(seed)
            upper = np.diag(rng.permutation(growth)) + np.triu(scale * rng.integers(-4, 5, (size, size)), 1)
            networks.append(qd.Network(_mixed(upper, seed), qd.Linear()))
        for exponents in (size, 2):
            found = lyapunov_spectrum(
                networks, 400.0, 0.1, initial=np.zeros(size), burn_in=200.0, exponents=exponents, throw=False
            )
            error = found.lyapunov_exponent_error.values
            known = np.isfinite(error)
            pulls.append((np.abs(found.lyapunov_exponent.values - exact[:exponents]) / error)[known])
            errors.append(error[known])
            imprecise = found.status.values == qd.Status.imprecise
            np.testing.assert_array_equal(imprecise, np.isinf(error).any(axis=1))
            # NaN where more than two exponents are wanted for it.
            np.testing.assert_array_equal(imprecise, ~np.isfinite(found.lyapunov_dimension_error))
            if scale in (0.0, 1.0, 1000.0):
                assert np.all(imprecise == (scale == 1000.0))
    pull = np.concatenate(pulls)
    # Some 110 are known; at 95 % 90 % is two and a half deviations below.
    assert np.mean(pull < 2) > 0.9
    assert np.median(pull) > 0.05
    assert np.ptp(np.log10(np.concatenate(errors))) > 8


@pytest.mark.parametrize("exponents", [1, 3, 30])
def test_hidden_chains_are_imprecise(exponents: int) -> None:
    """All are -1 before rounding of the weights themselves makes of them a ring of radius 0.8."""
    basis = np.linalg.qr(np.random.default_rng(5).normal(size=(30, 30)))[0]
    network = qd.Network(basis @ _chain(30, 3.0) @ basis.T, qd.Linear())
    with pytest.raises(qd.SolveError, match=r"imprecise: .*rounding") as raised:
        lyapunov_spectrum(network, 200.0, 0.1, initial=np.zeros(30), exponents=exponents)
    found = raised.value.solution
    assert isinstance(found, xr.Dataset)
    leak = of_map(np.array([-1.0]), 0.1, "second_order")[0]
    assert np.all(np.abs(found.lyapunov_exponent - leak) < 2 * found.lyapunov_exponent_error)
    assert np.isinf(found.lyapunov_exponent_error).any()
    assert found.attrs["amplification"] > 1e10
    # Chaos of the same network breaks the chain: nothing is amplified.
    assert lyapunov_spectrum(qd.Network(network.weights), 60.0, 0.1, exponents=exponents).attrs["amplification"] < 1e6


def _pairs(drive: float) -> np.ndarray:
    """Ten rotating pairs, each driven by the one before."""
    return np.kron(np.diag(np.full(9, drive), -1), np.ones((2, 2))) + np.kron(np.eye(10), [[0.3, 0.5], [-0.5, 0.3]])


@pytest.mark.parametrize(
    ("weights", "largest"),
    [
        (_pairs(3.0), np.full(10, -0.7 + 0.5j)),
        (_pairs(0.0), np.full(10, -0.7 + 0.5j)),
        # Symmetric pairs, of eigenvalues +-w.
        (np.kron(np.diag(np.arange(1, 7) / 10), [[0.0, 1.0], [1.0, 0.0]]), np.arange(6, 0, -1) / 10 - 1.0),
    ],
)
def test_what_modes_span_has_no_direction_out_of_it(weights: np.ndarray, largest: np.ndarray) -> None:
    """Asked for some or for all, the same pairs amplify the same little."""
    network, exact = qd.Network(weights, qd.Linear()), of_map(largest, 0.05, "euler")
    rest = np.zeros(len(weights))
    for exponents in (2, 3, 5, len(weights) - 1):
        found = lyapunov_spectrum(network, 200.0, 0.05, initial=rest, scheme="euler", exponents=exponents)
        assert found.attrs["amplification"] < 30.0
        known = min(exponents, len(largest))
        deviation = np.abs(found.lyapunov_exponent.values[:known] - exact[:known])
        assert np.all(deviation < 2 * found.lyapunov_exponent_error.values[:known])


def test_errors_contain_a_slow_approach() -> None:
    """A hidden chain of three: growths tend to -1 as 1/t, all of them from the same side for half of the modes."""
    leak = of_map(np.array([-1.0]), 0.1, "second_order")[0]
    found = lyapunov_spectrum(qd.Network(_mixed(_chain(3, 3.0), 0), qd.Linear()), 200.0, 0.1)
    deviation = np.abs(found.lyapunov_exponent.values - leak)
    assert np.all(deviation < 2 * found.lyapunov_exponent_error.values)
    assert np.all(found.lyapunov_exponent_error < 0.1)
    assert deviation[0] > 0.005


def test_divergence_is_named_and_spares_the_others() -> None:
    safe, wild = qd.Network(REAL, qd.Linear()), qd.Network(3 * np.eye(SIZE), qd.Linear())
    with pytest.raises(qd.SolveError, match="1 diverged of 2 networks; diverged"):
        lyapunov_spectrum([safe, wild], 160.0, 0.1)
    found = lyapunov_spectrum([safe, wild], 160.0, 0.1, burn_in=100.0, throw=False)
    assert found.status.values.tolist() == [qd.Status.solved, qd.Status.diverged]
    assert np.isnan(found.lyapunov_exponent.values[1]).all()
    exact = of_map(np.linalg.eigvals(REAL).real - 1, 0.1, "second_order")
    np.testing.assert_allclose(found.lyapunov_exponent[0], exact, rtol=0, atol=1e-12)


def test_growth_of_nothing_is_named() -> None:
    """Euler's step of 1 forgets the state; without couplings nothing is left of any tangent vector."""
    weights = np.zeros((SIZE, SIZE))
    weights[0, 0] = 0.5
    with pytest.raises(qd.SolveError, match="not_finite") as raised:
        lyapunov_spectrum(qd.Network(weights, qd.Linear()), 100.0, 1.0, scheme="euler")
    found = raised.value.solution
    assert isinstance(found, xr.Dataset)
    assert float(found.lyapunov_exponent[0]) == pytest.approx(np.log(0.5), abs=1e-12)
    assert np.isneginf(found.lyapunov_exponent.values[1:]).all()
    assert np.isnan(float(found.lyapunov_dimension))
    silent = qd.RandomNetwork(0.0, activation=qd.Linear())
    options: dict[str, Any] = {"size": 1, "networks": 16, "scheme": "euler", "throw": False}
    ensemble = lyapunov_spectrum(silent, 100.0, 1.0, **options)
    assert int(ensemble.status) == qd.Status.not_finite
    assert np.isneginf(float(ensemble.lyapunov_exponent[0]))
    assert np.isnan(float(ensemble.lyapunov_exponent_error[0]))


def _interrupt(after: int) -> Any:
    def progress(done: int, total: int) -> None:
        if done == after:
            raise KeyboardInterrupt

    return progress


def test_progress_and_interruption_of_one_network() -> None:
    network, seen = qd.Network(REAL, qd.Linear()), []
    options: dict[str, Any] = {"burn_in": 120.0, "blocks": 20}
    whole = lyapunov_spectrum(network, 160.0, 0.1, progress=lambda *now: seen.append(now), **options)
    assert seen == [(done, 80) for done in range(1, 81)]
    part = lyapunov_spectrum(network, 160.0, 0.1, progress=_interrupt(70), **options)
    assert int(part.status) == qd.Status.interrupted
    assert part.attrs["time_averaged"] == pytest.approx(20.0)
    np.testing.assert_allclose(part.lyapunov_exponent, whole.lyapunov_exponent, atol=1e-12)
    with pytest.raises(KeyboardInterrupt):
        lyapunov_spectrum(network, 160.0, 0.1, progress=_interrupt(61), **options)


def test_interruption_keeps_the_networks_that_are_done(monkeypatch: pytest.MonkeyPatch) -> None:

    networks = [qd.Network(scale * REAL, qd.Linear()) for scale in (0.8, 0.9, 1.0, 0.7)]
    together = lyapunov_spectrum(networks, 100.0, 0.1)
    monkeypatch.setattr("quenched.numerics.memory.BATCH_BYTES", 1)
    apart = lyapunov_spectrum(networks, 100.0, 0.1)
    np.testing.assert_allclose(together.lyapunov_exponent, apart.lyapunov_exponent, atol=1e-9)
    # 1000 steps in 32 blocks of 23 and a burn-in of 264 steps in 12 parts: 44 a network.
    found = lyapunov_spectrum(networks, 100.0, 0.1, progress=_interrupt(100))
    assert found.status.values.tolist() == [qd.Status.solved] * 2 + [qd.Status.not_run] * 2
    np.testing.assert_array_equal(found.lyapunov_exponent[:2], apart.lyapunov_exponent[:2])
    assert np.isnan(found.lyapunov_exponent[2:]).all()


def test_the_same_key_gives_the_same_bits() -> None:
    networks = [qd.Network(np.diag(SELF))] * 40
    options: dict[str, Any] = {"noise": NOISE, "scheme": "euler"}
    first, again, other = (lyapunov_spectrum(networks, 10.0, STEP, key=key, **options) for key in (7, 7, 8))
    np.testing.assert_array_equal(first.lyapunov_exponent, again.lyapunov_exponent)
    assert not np.array_equal(first.lyapunov_exponent, other.lyapunov_exponent)
    # Networks that are alike have noise of their own.
    assert len(np.unique(first.lyapunov_exponent[:, 0])) == 40


def test_what_is_stored_is_in_the_vocabulary_with_its_error() -> None:
    found = lyapunov_spectrum(qd.Network(REAL, qd.Linear()), 20.0, 0.1)
    for name in ("lyapunov_exponent", "lyapunov_dimension", "entropy_rate"):
        assert found[name].dims in qd.VOCABULARY[name].dims
        assert found[name].dims == found[f"{name}_error"].dims
        assert found[name].dtype == np.float64
    assert "benettin1980" in qd.cite(found)
    assert found.attrs["seed"] == 0


def test_sparse_weights_and_fields_are_taken() -> None:
    from scipy import sparse

    found = lyapunov_spectrum(qd.Network(sparse.csr_matrix(REAL), qd.Linear(), np.ones(SIZE)), 160.0, 0.1, burn_in=100.0)
    exact = of_map(np.linalg.eigvals(REAL).real - 1, 0.1, "second_order")
    np.testing.assert_allclose(found.lyapunov_exponent, exact, rtol=0, atol=1e-12)


LINEAR = qd.Network(REAL, qd.Linear())


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((LINEAR, 100.0, 0.1), {"exponents": SIZE + 1}, "`exponents` must be at most the number of neurons, 6, but is 7"),
        ((LINEAR, 100.0, 0.1), {"exponents": 0}, "exponents"),
        ((LINEAR, 100.05, 0.1), {}, "`duration` must be a multiple"),
        ((LINEAR, 100.0, 1.5), {}, "step"),
        ((LINEAR, 100.0, 0.1), {"burn_in": 99.5}, "`blocks` must be at most"),
        ((LINEAR, 100.0, 0.1), {"burn_in": 120.0}, "`burn_in` must be shorter than `duration` = 100, but is 120"),
        ((LINEAR, 100.0, 0.1), {"blocks": 4}, "blocks"),
        ((LINEAR, 100.0, 0.1), {"noise": -1.0}, "noise"),
        ((LINEAR, 100.0, 0.1), {"scheme": "eulr"}, "Did you mean 'euler'"),
        ((LINEAR, 100.0, 0.1), {"orthonormalise": 0}, "orthonormalise"),
        ((LINEAR, 100.0, 0.1), {"initial": np.zeros(5)}, "initial"),
        ((LINEAR, 100.0, 0.1), {"initial": np.full(SIZE, np.inf)}, "initial"),
        ((LINEAR, 100.0, 0.1), {"size": SIZE}, "`size` is about a qd.RandomNetwork"),
        (([LINEAR, qd.Network(np.eye(2), qd.Linear())], 100.0, 0.1), {}, "of one size"),
        (([LINEAR, qd.Network(REAL)], 100.0, 0.1), {}, "of one activation"),
        ((qd.RandomNetwork(1.0), 100.0, 0.1), {}, "`size` and `networks`"),
        ((qd.RandomNetwork(1.0), 100.0, 0.1), {"size": 5, "networks": 1}, "networks"),
        ((qd.RandomNetwork(1.0), 100.0, 0.1), {"size": 5, "networks": 2, "noise": 0.1}, "noise"),
        ((qd.RandomNetwork(1.0), 100.0, 0.1), {"size": 5, "networks": 2, "field": np.cos}, "field"),
    ],
)
def test_bad_values_are_refused(arguments: tuple[Any, ...], options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        lyapunov_spectrum(*arguments, **options)


@pytest.mark.usefixtures("unchecked_types")
@pytest.mark.parametrize("dynamics", [np.eye(3), [], "network", [np.eye(3)], None])
def test_what_is_no_network_is_refused(dynamics: Any) -> None:
    with pytest.raises(TypeError, match="dynamics"):
        lyapunov_spectrum(dynamics, 100.0, 0.1)


def test_what_does_not_fit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setattr(sys.modules["quenched.observables.lyapunov"], "available_bytes", lambda: 1000)
    with pytest.raises(MemoryError, match="6 tangent vectors of 6 neurons"):
        lyapunov_spectrum(LINEAR, 100.0, 0.1)
