"""Zero temperature with overlaps: the limit of low ones, and static DMFT where there is one fixed point."""

from __future__ import annotations

import jax.numpy as jnp
import pytest

import quenched as qd

NAMES = ("self_overlap", "overlap", "local_response", "conjugate_overlap", "mean_square_state", "replicon_eigenvalue")
# gain, symmetry, field: one fixed point or many
ONE = [(0.8, 0.5, 0.5), (1.2, 0.0, 0.3), (2.0, -0.5, 0.3)]
MANY = [(1.2, 0.5, 0.3), (2.0, 0.0, 0.3)]


@pytest.mark.parametrize("point", [ONE[0], *(pytest.param(p, marks=pytest.mark.slow) for p in (*ONE[1:], *MANY))], ids=str)
def test_it_is_what_low_temperatures_tend_to(point: tuple[float, float, float]) -> None:
    gain, symmetry, field = point
    model = qd.RandomNetwork(gain, symmetry, field=field)
    limit = qd.solve(model, qd.replica.ZeroTemperature())
    power = float(limit["spread_exponent"])
    assert power == (1.0 if point in ONE else 0.0)
    warm, cold = (qd.solve(model, qd.replica.FiniteTemperature(T)) for T in (1e-5, 1e-6))

    def straight(warm: float, cold: float) -> float:
        """Along a line in T to T = 0."""
        return cold + (cold - warm) / 9

    for name in NAMES:
        assert straight(float(warm[name]), float(cold[name])) == pytest.approx(float(limit[name]), abs=2e-8), name
    spread = [float(at["self_overlap"] - at["overlap"]) / T**power for at, T in ((warm, 1e-5), (cold, 1e-6))]
    assert straight(*spread) == pytest.approx(float(limit["spread_prefactor"]), rel=1e-6)
    for name, of in (
        ("scaled_response_overlap", "response_overlap"),
        ("scaled_self_response_overlap", "self_response_overlap"),
    ):
        scaled = [float(at[of]) / T**0.5 for at, T in ((warm, 1e-5), (cold, 1e-6))]
        assert straight(*scaled) == pytest.approx(float(limit[name]), abs=1e-7), name
    energy = [float(at["energy"]) / T for at, T in ((warm, 1e-5), (cold, 1e-6))]
    assert straight(*energy) == pytest.approx(float(limit["energy_per_temperature"]), abs=1e-6)


def test_one_fixed_point_is_that_of_static_mean_field_theory() -> None:
    for gain, symmetry, field in ONE:
        model = qd.RandomNetwork(gain, symmetry, field=field)
        replica, dynamics = qd.solve(model, qd.replica.ZeroTemperature()), qd.solve(model, qd.dmft.Static())
        assert float(replica["overlap"]) == pytest.approx(float(dynamics["correlation"]), rel=1e-12)
        assert float(replica["local_response"]) == pytest.approx(float(dynamics["integrated_response"]), rel=1e-12)
        assert float(replica["mean_square_state"]) == pytest.approx(float(dynamics["mean_square_state"]), rel=1e-10)
        assert float(replica["replicon_eigenvalue"]) == pytest.approx(float(dynamics["stability_margin"]), rel=1e-9)


@pytest.mark.parametrize(("gain", "symmetry"), [(0.5, 0.5), (0.75, 0.5), (0.9, 0.0), (1.5, -0.5), (1.0, 0.5)])
def test_powers_of_the_temperature_without_overlap(gain: float, symmetry: float) -> None:
    for activation in (qd.Tanh(), qd.Erf(), qd.Activation(lambda x: 0.5 * jnp.tanh(1.7 * x))):
        slope = 0.85 if activation.name not in ("tanh", "erf") else 1.0
        model = qd.RandomNetwork(gain / slope, symmetry, activation=activation)
        limit = qd.solve(model, qd.replica.ZeroTemperature())
        power = float(limit["spread_exponent"])
        assert power == (0.5 if (gain, symmetry) == (0.75, 0.5) else 0.0 if gain == 1.0 else 1.0)
        theories = [qd.replica.FiniteTemperature(T) for T in (1e-8, 1e-10)]
        warm, cold = (float(qd.solve(model, theory)["self_overlap"]) / theory.temperature**power for theory in theories)
        # Corrections are of order sqrt(T) between the lines, of order T elsewhere.
        expected = cold + (cold - warm) / (9 if power == 0.5 else 99)
        assert float(limit["spread_prefactor"]) == pytest.approx(expected, rel=2e-6)


def test_bad_arguments_are_refused() -> None:
    theory = qd.replica.ZeroTemperature()
    with pytest.raises(ValueError, match="OneStepRSB"):
        qd.solve(qd.RandomNetwork(3.0, -0.5), theory, start="ordered")
    with pytest.raises(ValueError, match="smooth"):
        qd.solve(qd.RandomNetwork(1.0, field=0.3, activation=qd.ReLU()), theory)
    with pytest.raises(ValueError, match="`field` must be 0"):
        qd.solve(qd.RandomNetwork(1.0, field=0.3), theory, start="zero_overlap")
    with pytest.raises(ValueError, match="`noise`"):
        qd.solve(qd.RandomNetwork(1.0, noise=0.3), theory)


def test_order_parameters_to_start_from_are_refused() -> None:
    earlier = qd.solve(qd.RandomNetwork(1.2, 0.5), qd.replica.FiniteTemperature(1e-3))
    with pytest.raises(ValueError, match="`start` must be the name of a branch"):
        qd.solve(qd.RandomNetwork(1.2, 0.5), qd.replica.ZeroTemperature(), start=earlier)


@pytest.mark.parametrize("theory", [qd.replica.FiniteTemperature, qd.replica.OneStepRSB])
@pytest.mark.parametrize("temperature", [0, 0.0, -1, -0.5])
def test_temperatures_that_are_not_positive_lead_to_the_limit(theory: type, temperature: float) -> None:
    with pytest.raises(ValueError, match=r"`temperature` must be greater than 0, but is .*ZeroTemperature"):
        theory(temperature)


def test_averages_that_diverge_are_named() -> None:
    with pytest.raises(ValueError, match=r"replica\.ZeroTemperature with linear phi.*diverges"):
        qd.solve(qd.RandomNetwork(2.0, 0.5, activation=qd.Linear()), qd.replica.ZeroTemperature())
