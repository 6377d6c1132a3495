"""Zero temperature with overlaps: the limit of low ones, and static DMFT where there is one fixed point."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import quenched as qd

NAMES = ("self_overlap", "overlap", "local_response", "mean_square_state", "replicon_eigenvalue")
TEMPERATURES = 10.0 ** -np.arange(2.0, 7.0)
# gain, symmetry, field: one fixed point or many
ONE = [(0.8, 0.5, 0.5), (1.2, 0.0, 0.3), (2.0, -0.5, 0.3)]
MANY = [(1.2, 0.5, 0.3), (2.0, 0.0, 0.3)]
# Once for the whole file: each activation of one's own is compiled anew.
STEEPER = qd.Activation(lambda x: 0.5 * jnp.tanh(1.7 * x))
WITHOUT_OVERLAP = [(1.5, 0.0, 0.0), (1.2, 0.5, 0.0), (1.0, 1.0, 0.0)]


def extrapolated(values: list[float]) -> float:
    """By the polynomial through all of them, to T = 0 (Neville)."""
    T, column = TEMPERATURES, list(values)
    for order in range(1, len(T)):
        column = [(T[i + order] * column[i] - T[i] * column[i + 1]) / (T[i + order] - T[i]) for i in range(len(T) - order)]
    return column[0]


@pytest.mark.parametrize(
    "point",
    [*WITHOUT_OVERLAP, *(pytest.param(p, marks=pytest.mark.slow) for p in (*ONE, *MANY))],
    ids=str,
)
def test_it_is_what_low_temperatures_tend_to(point: tuple[float, float, float]) -> None:
    gain, symmetry, field = point
    model = qd.RandomNetwork(gain, symmetry, field=field)
    limit = qd.solve(model, qd.replica.ZeroTemperature())
    power = float(limit["spread_exponent"])
    assert power == (1.0 if point in ONE else 0.0)
    found = [qd.solve(model, qd.replica.FiniteTemperature(T)) for T in TEMPERATURES]
    cooling = {name: [float(at[name]) for at in found] for name in NAMES}
    cooling["zero_overlap_eigenvalue"] = [float(at["zero_overlap_eigenvalue"]) for at in found] if field == 0.0 else []
    cooling["spread_prefactor"] = [
        float(at["self_overlap"] - at["overlap"]) / T**power for at, T in zip(found, TEMPERATURES, strict=True)
    ]
    cooling["energy_per_temperature"] = [float(at["energy"]) / T for at, T in zip(found, TEMPERATURES, strict=True)]
    for name, values in cooling.items():
        if values:
            assert extrapolated(values) == pytest.approx(float(limit[name]), abs=1e-10), name
    # What is left falls with T, decade by decade.
    left = np.abs(np.array(cooling["self_overlap"]) - float(limit["self_overlap"]))
    np.testing.assert_allclose(-np.diff(np.log10(left)), 1.0, atol=30 * TEMPERATURES[0])
    np.testing.assert_allclose(-np.diff(np.log10(left))[-1], 1.0, atol=1e-3)
    # These are quotients of small differences: rounding.
    scaled = {"conjugate_overlap": [float(at["conjugate_overlap"]) for at in found]}
    for name, of in (
        ("scaled_response_overlap", "response_overlap"),
        ("scaled_self_response_overlap", "self_response_overlap"),
    ):
        scaled[name] = [float(at[of]) / T**0.5 for at, T in zip(found, TEMPERATURES, strict=True)]
    for name, values in scaled.items():
        if name in limit:
            assert extrapolated(values) == pytest.approx(float(limit[name]), abs=2e-8), name


def test_one_fixed_point_is_that_of_static_mean_field_theory() -> None:
    for gain, symmetry, field in ONE:
        model = qd.RandomNetwork(gain, symmetry, field=field)
        replica, dynamics = qd.solve(model, qd.replica.ZeroTemperature()), qd.solve(model, qd.dmft.Static())
        assert float(replica["overlap"]) == pytest.approx(float(dynamics["correlation"]), rel=1e-12)
        assert float(replica["local_response"]) == pytest.approx(float(dynamics["integrated_response"]), rel=1e-12)
        assert float(replica["mean_square_state"]) == pytest.approx(float(dynamics["mean_square_state"]), rel=1e-10)
        assert float(replica["replicon_eigenvalue"]) == pytest.approx(float(dynamics["stability_margin"]), rel=1e-9)


@pytest.mark.parametrize(
    ("gain", "symmetry", "power"),
    [
        *((0.5, 0.5, 1.0), (0.75, 0.5, 0.5), (0.9, 0.0, 1.0), (1.5, -0.5, 1.0), (1.0, 0.5, 0.0)),
        # From rest to q > 0 where both are solutions: cooling leads to the one or the other.
        *((1.45, -0.5, 1.0), (1.55, -0.5, 1.0), (1.6, -0.5, 0.0), (1.65, -0.5, 0.0), (1.75, -0.5, 0.0)),
    ],
)
def test_powers_of_the_temperature_without_overlap(gain: float, symmetry: float, power: float) -> None:
    for activation, slope in ((qd.Tanh(), 1.0), (qd.Erf(), 1.0), (STEEPER, 0.85)):
        model = qd.RandomNetwork(gain / slope, symmetry, activation=activation)
        limit = qd.solve(model, qd.replica.ZeroTemperature())
        assert float(limit["spread_exponent"]) == power
        warm, cold = (qd.solve(model, qd.replica.FiniteTemperature(T)) for T in (1e-8, 1e-10))
        # Corrections are of order sqrt(T) between the lines, of order T elsewhere.
        share = 1 / 9 if power == 0.5 else 1 / 99
        scaled = [float(at["self_overlap"]) / T**power for at, T in ((warm, 1e-8), (cold, 1e-10))]
        expected = scaled[1] + (scaled[1] - scaled[0]) * share
        assert float(limit["spread_prefactor"]) == pytest.approx(expected, rel=2e-6)
        for name in ("local_response", "zero_overlap_eigenvalue"):
            expected = float(cold[name]) + float(cold[name] - warm[name]) * share
            assert float(limit[name]) == pytest.approx(expected, abs=1e-7), name


def test_derivatives_pass_through_each_law() -> None:
    names = ("local_response", "spread_prefactor", "zero_overlap_eigenvalue")

    def of(gain: Any, symmetry: Any) -> Any:
        arrays = qd.solve(qd.RandomNetwork(gain, symmetry), qd.replica.ZeroTemperature()).arrays
        return jnp.stack([arrays[name] for name in names])

    step = 1e-5
    with jax.enable_x64(True):
        values, slopes = jax.jit(of), jax.jit(jax.jacrev(of))
        for gain, symmetry in [(0.5, 0.5), (0.75, 0.5), (1.0, 0.5), (1.5, -0.5)]:
            differences = (values(gain + step, symmetry) - values(gain - step, symmetry)) / (2 * step)
            np.testing.assert_allclose(slopes(gain, symmetry), differences, rtol=1e-7, atol=1e-8)


def test_where_cooling_leads_between_rest_and_more() -> None:
    """Symmetry -0.5: to rest up to a gain of 1.594, and beyond to q > 0, never to the solution between them."""
    rest, active, beyond = (
        qd.solve(qd.RandomNetwork(gain, -0.5), qd.replica.ZeroTemperature()) for gain in (1.593, 1.595, 1.6)
    )
    assert float(rest["self_overlap"]) == 0.0
    assert float(active["self_overlap"]) == pytest.approx(0.1333, abs=1e-4)
    assert float(beyond["self_overlap"]) == pytest.approx(0.1365, abs=1e-4)
    cold = qd.solve(qd.RandomNetwork(1.6, -0.5), qd.replica.FiniteTemperature(1e-4))
    assert float(cold["self_overlap"]) == pytest.approx(0.1363, abs=1e-4)


@pytest.mark.parametrize(
    ("gain", "symmetry", "response"),
    [(2 / 3, 0.5, 1.5), (1.5**-0.5, 0.5, 1.0), (1.0, 0.0, 1.0), (0.5, 1.0, 2.0)],
)
def test_on_the_lines_there_is_no_such_power(gain: float, symmetry: float, response: float) -> None:
    limit = qd.solve(qd.RandomNetwork(gain, symmetry), qd.replica.ZeroTemperature())
    assert np.isnan(float(limit["spread_exponent"]))
    assert np.isnan(float(limit["spread_prefactor"]))
    assert float(limit["self_overlap"]) == 0.0
    assert float(limit["local_response"]) == pytest.approx(response, abs=1e-7)
    assert float(limit["zero_overlap_eigenvalue"]) == pytest.approx(0.0, abs=1e-7)


@pytest.mark.parametrize(
    ("gain", "field"),
    [(0.0, -2.0), (0.05, 0.3), *(pytest.param(*p, marks=pytest.mark.slow) for p in ((0.0, 0.3), (1e-3, -2.0)))],
)
def test_weakly_coupled_neurons_follow_their_own_field(gain: float, field: float) -> None:
    """Their states lie close together and far from 0: x = b + O(g), <phi^2> = tanh(b)^2 + O(g^2)."""
    model = qd.RandomNetwork(gain, 0.3, field=field)
    # At gain 0 the field's deviation is taken as 1e-6, of which rounding in x is 1e-10.
    static, limit = qd.solve(model, qd.dmft.Static()), qd.solve(model, qd.replica.ZeroTemperature())
    assert float(static["correlation"]) == pytest.approx(np.tanh(field) ** 2, abs=2 * gain**2 + 1e-9)
    assert float(limit["overlap"]) == pytest.approx(float(static["correlation"]), rel=1e-10)
    cold = qd.solve(model, qd.replica.FiniteTemperature(1e-6))
    assert float(cold["overlap"]) == pytest.approx(float(limit["overlap"]), abs=2e-6)
    assert float(static["stability_margin"]) == pytest.approx(1.0, abs=gain**2 + 1e-12)


@pytest.mark.parametrize(("gain", "field"), [(0.05, 1e-5), (1e-3, 1e-4), (0.0, 1e-6), (1e-3, 5.0)])
def test_weak_fields_are_not_lost_beside_the_narrowest(gain: float, field: float) -> None:
    """Symmetry 0, to the second order of the field's deviation and the fourth of a weak b."""
    static = qd.solve(qd.RandomNetwork(gain, field=field), qd.dmft.Static())
    rate, slope = np.tanh(field), 1 / np.cosh(field) ** 2
    # E tanh^2 = tanh(b)^2 + s^2 (tanh'^2 + tanh tanh''), s^2 = g^2 C
    bend = slope**2 - 2 * rate**2 * slope
    expected = rate**2 / (1 - gain**2 * bend)
    assert float(static["correlation"]) == pytest.approx(expected, rel=1e-9 + 10 * (gain * rate) ** 4)


@pytest.mark.parametrize(
    "activation",
    [qd.Activation(lambda x: x / (1 + jnp.abs(x)), breakpoints=(0.0,)), qd.Activation(lambda x: jnp.tanh(x + x**3 / 3))],
    ids=["kink in the slope", "no third derivative"],
)
def test_another_power_is_not_named_as_one_that_it_is_not(activation: qd.Activation) -> None:
    """q falls as T^(2/3) and as T^(1/3): S alone is in closed form, 1/(g^2 (1 + symmetry))."""
    model = qd.RandomNetwork(0.75, 0.5, activation=activation)
    limit = qd.solve(model, qd.replica.ZeroTemperature())
    assert float(limit["self_overlap"]) == 0.0
    assert np.isnan(float(limit["spread_exponent"]))
    assert np.isnan(float(limit["spread_prefactor"]))
    assert float(limit["local_response"]) == pytest.approx(1 / (0.75**2 * 1.5), rel=1e-12)
    cold = qd.solve(model, qd.replica.FiniteTemperature(1e-10))
    assert float(cold["local_response"]) == pytest.approx(float(limit["local_response"]), abs=1e-3)


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
