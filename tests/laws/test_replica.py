"""Laws of exp(-E/T): thermodynamics, the limit of zero temperature, and what happens between the two lines."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import quenched as qd
from quenched.replica.zero_overlap import free_energy

POINTS = [(0.5, 0.0, 0.1), (1.5, 0.0, 0.01), (1.2, 0.5, 0.05), (3.0, 1.0, 1.0), (1.5, -0.3, 0.3), (0.9, 0.5, 1e-4)]


def replica(
    gain: float, symmetry: float, temperature: float, activation: qd.activations.AbstractActivation | None = None
) -> dict[str, float]:
    model = qd.RandomNetwork(gain, symmetry, activation=activation)
    arrays = qd.solve(model, qd.replica.FiniteTemperature(temperature)).arrays
    return {name: float(array) for name, array in arrays.items()}


def exponent(values: list[float], arguments: list[float]) -> np.ndarray:
    """The local exponent between neighbours."""
    return np.diff(np.log(values)) / np.diff(np.log(arguments))


@pytest.mark.parametrize("point", POINTS, ids=str)
@pytest.mark.parametrize("activation", [qd.Tanh(), qd.Erf()], ids=lambda activation: activation.name)
def test_the_free_energy_is_stationary_at_the_answer(
    point: tuple[float, float, float], activation: qd.Tanh | qd.Erf
) -> None:
    gain, symmetry, temperature = point
    answer = replica(gain, symmetry, temperature, activation)
    width = temperature + gain**2 * answer["self_overlap"]
    delta = (1 - 2 * answer["energy"] / temperature) * width / temperature
    with jax.enable_x64(True):
        model = qd.RandomNetwork(gain, symmetry, activation=activation)
        unknowns = jnp.asarray([np.log(width), answer["local_response"], delta])
        value, slope = jax.jit(jax.value_and_grad(lambda u: free_energy(model, jnp.asarray(temperature), u, 96)))(unknowns)
        elsewhere = jax.jit(jax.grad(lambda u: free_energy(model, jnp.asarray(temperature), u, 96)))(unknowns + 0.01)
    assert float(value) == pytest.approx(answer["free_energy"], rel=1e-10)
    # Each partial derivative is T times a residual of the equations, solved to 1e-11.
    assert np.max(np.abs(slope)) / temperature < 1e-9
    assert np.max(np.abs(elsewhere)) / temperature > 1e-4


@pytest.mark.parametrize("point", POINTS, ids=str)
def test_the_energy_is_the_derivative_of_the_free_energy(point: tuple[float, float, float]) -> None:
    """d(F/T)/d(1/T) = E, by a fourth-order difference and by autodiff."""
    gain, symmetry, temperature = point
    inverse, step = 1 / temperature, 2e-3 / temperature

    def reduced(beta: float) -> float:
        return beta * replica(gain, symmetry, 1 / beta)["free_energy"]

    shifts = {shift: reduced(inverse + shift * step) for shift in (-2, -1, 1, 2)}
    slope = (shifts[-2] - 8 * shifts[-1] + 8 * shifts[1] - shifts[2]) / (12 * step)
    energy = replica(gain, symmetry, temperature)["energy"]
    # Truncation: (2e-3)^4 = 2e-11 of E times a fifth logarithmic derivative; rounding: 1e-14 |F|/(T 2e-3 E).
    assert slope == pytest.approx(energy, rel=1e-8)


def test_autodiff_in_temperature_gives_the_energy_too() -> None:
    model = qd.RandomNetwork(1.3, 0.4)
    with jax.enable_x64(True):

        def reduced(beta: jax.Array) -> jax.Array:
            return beta * jnp.asarray(qd.solve(model, qd.replica.FiniteTemperature(1 / beta)).arrays["free_energy"])

        slope = float(jax.grad(reduced)(jnp.asarray(20.0)))
    assert slope == pytest.approx(replica(1.3, 0.4, 0.05)["energy"], rel=1e-9)


@pytest.mark.parametrize("temperature", [1e-6, 1e-3, 0.1, 1.0, 10.0])
@pytest.mark.parametrize("activation", [qd.Tanh(), qd.Erf()], ids=lambda activation: activation.name)
def test_energy_is_half_the_temperature_without_symmetry(temperature: float, activation: qd.Tanh | qd.Erf) -> None:
    for gain in (0.5, 1.0, 2.0, 8.0):
        assert replica(gain, 0.0, temperature, activation)["energy"] == pytest.approx(temperature / 2, rel=1e-10)


@pytest.mark.parametrize("activation", [qd.Tanh(), qd.Erf()], ids=lambda activation: activation.name)
def test_without_symmetry_the_landscape_tends_to_static_dmft(activation: qd.Tanh | qd.Erf) -> None:
    """q(T) - C and S(T) - R are proportional to T: their exponent is 1, up to the next power of T."""
    static = qd.solve(qd.RandomNetwork(1.5, activation=activation), qd.dmft.Static()).arrays
    temperatures = [1e-3, 1e-4, 1e-5]
    found = [replica(1.5, 0.0, temperature, activation) for temperature in temperatures]
    for landscape, dynamics in (("self_overlap", "correlation"), ("local_response", "integrated_response")):
        differences = [abs(point[landscape] - float(static[dynamics])) for point in found]
        np.testing.assert_allclose(exponent(differences, temperatures), 1.0, atol=10 * temperatures[0])


@pytest.mark.parametrize(("gain", "symmetry"), [(1.5, 0.0), (1.2, 0.5), (1.0, 1.0), (2.0, 0.2)])
def test_zero_temperature_is_the_limit(gain: float, symmetry: float) -> None:
    """Richardson: 2 q(T) - q(2T) leaves T^2."""
    limit = qd.solve(qd.RandomNetwork(gain, symmetry), qd.replica.ZeroTemperature()).arrays
    temperature = 1e-6
    cold, warmer = replica(gain, symmetry, temperature), replica(gain, symmetry, 2 * temperature)
    for name in ("self_overlap", "local_response", "mean_square_state"):
        extrapolated = 2 * cold[name] - warmer[name]
        change = abs(warmer[name] - cold[name])
        assert extrapolated == pytest.approx(float(limit[name]), abs=1e-9)
        assert abs(cold[name] - float(limit[name])) < 1.1 * change + 1e-12


@pytest.mark.parametrize(("gain", "symmetry"), [(0.75, 0.5), (0.6, 1.0), (0.88, 0.2)])
def test_between_the_lines_the_overlap_falls_as_the_root_of_temperature(gain: float, symmetry: float) -> None:
    assert 1 / (1 + symmetry) < gain < 1 / np.sqrt(1 + symmetry)
    temperatures = [1e-8, 1e-9, 1e-10]
    found = [replica(gain, symmetry, temperature) for temperature in temperatures]
    # Corrections are one more power of q, itself sqrt(T).
    exponents = exponent([point["self_overlap"] for point in found], temperatures)
    np.testing.assert_allclose(exponents, 0.5, atol=0.02)
    limit = qd.solve(qd.RandomNetwork(gain, symmetry), qd.replica.ZeroTemperature()).arrays["local_response"]
    assert found[-1]["local_response"] == pytest.approx(float(limit), abs=1e-3)


@pytest.mark.parametrize("symmetry", [0.0, 0.2, 0.5])
def test_fluctuations_diverge_and_the_response_peaks_at_the_transition(symmetry: float) -> None:
    """beta q grows without bound at g_c as T falls, stays finite below; S at T = 0 is largest at g_c."""
    critical = 1 / (1 + symmetry)
    temperatures = [1e-4, 1e-6, 1e-8]
    at = [replica(critical, symmetry, temperature)["self_overlap"] / temperature for temperature in temperatures]
    below = [replica(0.8 * critical, symmetry, temperature)["self_overlap"] / temperature for temperature in temperatures]
    # q^2 ~ T at the transition for gamma = 0, and slower still for gamma > 0: at least a factor of 4 per two decades.
    assert at[1] > 4 * at[0]
    assert at[2] > 4 * at[1]
    assert below[2] == pytest.approx(below[1], rel=1e-3)
    gains = critical * np.array([0.95, 1.0, 1.05])
    responses = [
        float(qd.solve(qd.RandomNetwork(gain, symmetry), qd.replica.ZeroTemperature()).arrays["local_response"])
        for gain in gains
    ]
    assert responses[1] >= max(responses)
    assert responses[2] < responses[1]


def test_fluctuation_exponent_at_the_transition_without_symmetry() -> None:
    """x ~ N(0, a), a = T + q, q = a - 2 a^2 + ...: q^2 = T/2, so q ~ T^(1/2)."""
    temperatures = [1e-9, 1e-10]
    overlaps = [replica(1.0, 0.0, temperature)["self_overlap"] for temperature in temperatures]
    assert exponent(overlaps, temperatures)[0] == pytest.approx(0.5, abs=1e-3)
    assert overlaps[-1] == pytest.approx(np.sqrt(temperatures[-1] / 2), rel=1e-3)


@pytest.mark.parametrize("symmetry", [-0.5, 0.0, 0.5])
def test_hot_networks_are_gaussian_noise_with_rates_of_one(symmetry: float) -> None:
    """T to infinity: tanh is a sign, so <sech^2> = sqrt(2/(pi a)) is S and 1 - q; what is left of order one is
    <x^2> - a = 2 gamma g^2/pi."""
    g, T = 2.0, 1e6
    hot = qd.solve(qd.RandomNetwork(g, symmetry), qd.replica.FiniteTemperature(T))
    q, response, square = (float(hot[name]) for name in ("self_overlap", "local_response", "mean_square_state"))
    a = T + g**2 * q
    assert (1 - q) * np.sqrt(np.pi * a / 2) == pytest.approx(1.0, abs=1e-5)
    assert response * np.sqrt(np.pi * a / 2) == pytest.approx(1.0, abs=1e-5)
    assert float(hot["energy"]) / T == pytest.approx(0.5, abs=1e-6)
    assert float(hot["entropy"]) == pytest.approx(0.5 * np.log(2 * np.pi * np.e * T), abs=1e-9)
    assert square - a == pytest.approx(2 * symmetry * g**2 / np.pi, abs=1e-4)
