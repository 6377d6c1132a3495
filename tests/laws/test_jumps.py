"""phi that jumps: its slope counts with its delta functions, or it is refused by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad, solve_ivp
from scipy.optimize import brentq
from scipy.special import erf

import quenched as qd
from quenched.dmft.equal_pairs import slope_pair
from quenched.gaussian.averages import average_of_jumps

SIGN = qd.Activation(jnp.sign, breakpoints=(0.0,))
# A kink and a jump together, and a jump alone.
STAIRCASE = qd.Activation(
    lambda x: jnp.where(x > 0.7, x + 0.3, jnp.where(x < -1.1, -0.4, 0.0)) + jnp.tanh(x), "staircase", breakpoints=(-1.1, 0.7)
)
STEP = qd.Activation(lambda x: x > 1.0, "step", breakpoints=(1.0,))
# <sign sign> = (2/pi) arcsin(c/v), so that V(c) - V(0) is in closed form and v solves v^2/2 = g^2 (1 - 2/pi) v + noise^4/8.
SHARE = 1.0 - 2.0 / np.pi


def variance(gain: float, noise: float) -> float:
    return float(gain**2 * SHARE + np.sqrt((gain**2 * SHARE) ** 2 + noise**4 / 4))


def speed(gain: float, v: float, angle: Any) -> Any:
    """|dc/dtau| where c = v sin(angle)."""
    integral = v * (angle * np.sin(angle) + np.cos(angle) - 1.0)
    return np.sqrt((v * np.sin(angle)) ** 2 - gain**2 * (4.0 / np.pi) * integral)


def exponent(gain: float, noise: float) -> float:
    """sqrt(1 - E) - 1, E the ground state, by shooting in the angle: dtau = v cos/speed, W = (2/pi) g^2/(v cos)."""
    v = variance(gain, noise)
    at_infinity = 1.0 - (2.0 / np.pi) * gain**2 / v

    def miss(E: float) -> float:
        def equations(angle: float, psi: np.ndarray) -> list[float]:
            pace = v * np.cos(angle) / speed(gain, v, angle)
            pull = (1.0 - E) * pace - (2.0 / np.pi) * gain**2 / speed(gain, v, angle)
            return [-pace * psi[1], -pull * psi[0]]

        last = solve_ivp(equations, (np.pi / 2, 1e-5), [1.0, 0.0], rtol=1e-10, atol=1e-13).y[:, -1]
        return float(last[1] + np.sqrt(at_infinity - E) * last[0])

    return float(np.sqrt(1.0 - brentq(miss, -8.0, at_infinity - 1e-6, xtol=1e-10)) - 1.0)


@pytest.mark.parametrize(("phi", "mean", "v"), [(SIGN, 0.0, 1.7), (STAIRCASE, 0.6, 0.3)])
def test_the_identities_of_stein_and_price(phi: qd.Activation, mean: float, v: float) -> None:
    """<phi'> = <(x - <x>) phi>/v = d<phi>/d<x>, and <phi' phi'> = d<phi phi'>/dc."""
    kinks, covariance = phi.breakpoints, 0.6 * v
    with jax.enable_x64(True):
        smooth = qd.gaussian.average(phi.slope, mean, v, breakpoints=kinks)
        slope = float(smooth + average_of_jumps(phi.jumps, mean, v))
        stein = float(qd.gaussian.average(lambda x: (x - mean) * phi(x), mean, v, breakpoints=kinks)) / v
        by_mean = jax.grad(lambda m: qd.gaussian.average(phi, m, v, breakpoints=kinks))(mean)

        @jax.jit
        def pair(m: Any, w: Any, c: Any) -> Any:
            return qd.gaussian.pair_average(phi, phi, (m, mean), (w, v), c, breakpoints=kinks)

        gradient = jax.jit(jax.grad(pair, argnums=(0, 1, 2)))(mean, v, covariance)
        pairs = float(slope_pair(phi, mean, covariance, v - covariance, 64))
        # Fourth order: step^4 of a fifth derivative, and rounding over the step.
        step, at = 1e-3 * v, (mean, v, covariance)
        moved = {
            (k, s): float(pair(*(a + s * step * (k == i) for i, a in enumerate(at)))) for k in (0, 1) for s in (-2, -1, 1, 2)
        }
    assert slope == pytest.approx(stein, rel=1e-10)
    assert float(by_mean) == pytest.approx(stein, rel=1e-10)
    assert float(gradient[2]) == pytest.approx(pairs, rel=1e-10)
    for k in (0, 1):
        difference = (8 * (moved[k, 1] - moved[k, -1]) - moved[k, 2] + moved[k, -2]) / (12 * step)
        assert float(gradient[k]) == pytest.approx(difference, rel=1e-8, abs=1e-9)
    if phi is SIGN and mean == 0.0:
        assert slope == pytest.approx(np.sqrt(2 / (np.pi * v)), rel=1e-14)
        assert pairs == pytest.approx(2 / np.pi / np.sqrt(v**2 - covariance**2), rel=1e-13)


@pytest.mark.parametrize("correlation", [0.5, 0.999, 0.999999])
def test_the_arcsine_law(correlation: float) -> None:
    with jax.enable_x64(True):
        found = qd.gaussian.pair_average(SIGN, SIGN, covariance=correlation, breakpoints=(0.0,))
    assert float(found) == pytest.approx(2 / np.pi * np.arcsin(correlation), abs=1e-11)


@pytest.mark.parametrize(("gain", "noise"), [(1.7, 0.0), pytest.param(1.0, 0.3, marks=pytest.mark.slow), (1.0, 1.0)])
def test_chaos_of_a_sign(gain: float, noise: float) -> None:
    lags = (0.0, 0.5, 1.0, 2.0)
    found = qd.solve(qd.RandomNetwork(gain, noise=noise, activation=SIGN), qd.dmft.Stationary(lags=lags))
    v, arrays = variance(gain, noise), found.arrays
    assert float(arrays["mean_square_state"]) == pytest.approx(v, rel=1e-9)
    np.testing.assert_allclose(arrays["response"], np.sqrt(2 / (np.pi * v)) * np.exp(-np.array(lags)), rtol=1e-9)
    angles = np.arcsin(np.asarray(arrays["state_correlation"])[1:] / v)
    np.testing.assert_allclose(arrays["correlation"][1:], 2 / np.pi * angles, atol=1e-9)
    assert float(arrays["correlation"][0]) == pytest.approx(1.0, abs=1e-12)
    passed = [quad(lambda angle: v * np.cos(angle) / speed(gain, v, angle), *angles[[i + 1, i]])[0] for i in (0, 1)]
    np.testing.assert_allclose(passed, [0.5, 1.0], rtol=1e-8)
    assert arrays["local_instability"] == np.inf
    if noise == 0.0:
        assert arrays["lyapunov_exponent"] == np.inf
        rest = qd.solve(found.model, qd.dmft.Stationary(lags=lags), start="quiescent")
        assert float(rest["mean_square_state"]) == pytest.approx(gain**2, rel=1e-12)
    else:
        error = float(arrays["lyapunov_exponent_error"])
        assert float(arrays["lyapunov_exponent"]) == pytest.approx(exponent(gain, noise), abs=1e-7 + 2 * error)


@pytest.mark.parametrize("field", [0.0, 0.4])
def test_networks_of_signs_at_rest(field: float) -> None:
    gain = 1.3
    found = qd.solve(qd.RandomNetwork(gain, field=field, activation=SIGN), qd.dmft.Static()).arrays
    density = np.exp(-0.5 * (field / gain) ** 2) / np.sqrt(2 * np.pi) / gain
    assert float(found["correlation"]) == pytest.approx(1.0, abs=1e-12)
    assert float(found["integrated_response"]) == pytest.approx(2 * density, rel=1e-12)
    assert float(found["mean_rate"]) == pytest.approx(erf(field / gain / np.sqrt(2)), abs=1e-12)
    assert found["stability_margin"] == -np.inf
    # The same of the measure exp(-E/T), whose S is no slope of anything.
    T = 0.05
    cold = qd.solve(qd.RandomNetwork(gain, activation=SIGN), qd.replica.FiniteTemperature(T)).arrays
    assert float(cold["local_response"]) == pytest.approx(np.sqrt(2 / (np.pi * (gain**2 + T))), rel=1e-10)
    limit = qd.solve(qd.RandomNetwork(gain, activation=SIGN), qd.replica.ZeroTemperature()).arrays
    assert float(limit["local_response"]) == pytest.approx(np.sqrt(2 / np.pi) / gain, rel=1e-10)


def test_below_its_threshold_a_step_rests() -> None:
    for theory in (qd.dmft.Static(), qd.dmft.Stationary(lags=(0.0, 1.0))):
        found = qd.solve(qd.RandomNetwork(1.3, field=0.4, activation=STEP), theory).arrays
        assert float(found["mean_square_rate"]) == 0.0
        assert float(found["mean_square_state"]) == pytest.approx(0.16, rel=1e-12)


def test_two_times_end_in_the_stationary_state() -> None:
    model = qd.RandomNetwork(1.0, noise=0.5, activation=SIGN)
    found = qd.solve(model, qd.dmft.TwoTime(duration=8.0, step=0.25, initial=qd.Normal(0.0, 0.9))).arrays
    v = float(found["mean_square_state"][-1])
    assert float(found["response"][-1, -1]) == pytest.approx(np.sqrt(2 / (np.pi * v)), rel=1e-7)
    # What is left of the initial state and of the step.
    assert v == pytest.approx(variance(1.0, 0.5), rel=1e-2)
    # Starts that are not Gaussian are sampled, and without a response.
    theory, few = qd.dmft.TwoTime(4.0, 0.25, initial=qd.Uniform(-1, 1)), qd.dmft.Population(64, scramblings=3)
    assert "response" not in qd.solve(model, theory, solver=few).arrays
    assert "conditioning" in qd.solve(model, theory).arrays


@pytest.mark.slow
@pytest.mark.parametrize("phi", [SIGN, qd.ReLU()])
def test_derivatives_of_two_times_see_jumps_and_kinks(phi: Any) -> None:
    theory = qd.dmft.TwoTime(duration=0.75, step=0.25, initial=qd.Normal(0.1, 0.9))
    way, step = theory.choose([qd.RandomNetwork(1.0, activation=phi)]), 1e-3

    def at(gain: Any) -> Any:
        found = qd.solve(qd.RandomNetwork(gain, noise=0.5, activation=phi), way, throw=False).arrays
        return {name: found[name] for name in ("correlation", "response", "mean_rate")}

    moved = [at(1.1 + shift * step) for shift in (-2, -1, 1, 2)]
    with jax.enable_x64(True):
        slopes = jax.jacfwd(at)(1.1)
    for name, slope in slopes.items():
        difference = (moved[0][name] - 8 * moved[1][name] + 8 * moved[2][name] - moved[3][name]) / (12 * step)
        np.testing.assert_allclose(slope, difference, atol=1e-10, err_msg=name)


def test_the_critical_gain_of_a_sign_is_zero() -> None:
    assert float(qd.RandomNetwork(1.0, 0.3, activation=SIGN).critical_gain) == 0.0
    assert float(qd.RandomNetwork(1.0, -1.0, activation=SIGN).critical_gain) == np.inf


NETWORK = qd.Network(np.array([[0.0, 1.0], [-1.0, 0.5]]), SIGN)


@pytest.mark.parametrize(
    "call",
    [
        lambda: qd.solve(qd.RandomNetwork(1.3, 0.2, activation=SIGN), qd.dmft.Static()),
        lambda: qd.solve(qd.RandomNetwork(1.3, 0.2, activation=SIGN), qd.dmft.Stationary()),
        lambda: qd.solve(qd.RandomNetwork(1.3, 0.2, activation=SIGN), qd.dmft.TwoTime(1.0, 0.25)),
        lambda: qd.solve(
            qd.RandomNetwork(1.3, activation=SIGN), qd.dmft.TwoTime(1.0, 0.25, initial=qd.Uniform(-1, 1), response=True)
        ),
        lambda: qd.solve(qd.RandomNetwork(1.3, activation=SIGN), qd.dmft.TwoTime(1.0, 0.25, initial=qd.Normal(0.0, 0.0))),
        lambda: qd.solve(qd.RandomNetwork(1.3, activation=SIGN), qd.simulate.Cavity(8, 4, 1.0, 0.25)),
        lambda: qd.solve(qd.RandomNetwork(1.3, activation=SIGN), qd.landscape.FixedPoints(size=4, networks=2)),
        lambda: qd.solve(qd.RandomNetwork(1.3, activation=SIGN), qd.landscape.Sampling(4, 2, 0.5)),
        lambda: qd.replica.complexity(qd.RandomNetwork(1.3, activation=SIGN)),
        lambda: qd.observables.lyapunov_spectrum(NETWORK, 10.0, 0.1),
        lambda: qd.observables.measure_response(NETWORK, 1.0, 0.25),
        lambda: qd.landscape.find_fixed_points(NETWORK),
        lambda: qd.landscape.sample(NETWORK, 0.1),
    ],
)
def test_what_cannot_hold_a_jump_says_so(call: Callable[[], Any]) -> None:
    message = r"`activation` must not jump for .*, but sign has a jump at x = 0: .*; use .*continuous phi"
    with pytest.raises(ValueError, match=message):
        call()


def test_symmetry_that_is_traced_is_bad_input() -> None:
    def status(symmetry: Any) -> Any:
        return qd.solve(qd.RandomNetwork(1.3, symmetry, activation=SIGN), qd.dmft.Static()).status

    with jax.enable_x64(True):
        assert jax.vmap(status)(jnp.array([0.0, 0.2])).tolist() == [qd.Status.solved, qd.Status.bad_input]


def test_transitions_refuse_a_jump_by_name() -> None:
    with pytest.raises(ValueError, match=r"must not jump for dmft\.transitions"):
        qd.dmft.transitions(qd.RandomNetwork(1.5, activation=qd.Activation(jnp.sign, breakpoints=(0.0,))))
