"""Where a solution begins: with another's order parameters, and inside a JAX transformation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import quenched as qd

THEORY = qd.replica.FiniteTemperature


@pytest.mark.parametrize(
    ("field", "temperatures"), [(0.0, (1.0, 1e-2, 1e-6)), pytest.param(0.3, (1e-4,), marks=pytest.mark.slow)]
)
def test_a_solution_is_a_start_at_any_other_temperature(field: float, temperatures: tuple[float, ...]) -> None:
    model = qd.RandomNetwork(1.2, 0.5, field=field)
    warm = qd.solve(model, THEORY(0.1))
    for temperature in temperatures:
        from_there, anew = qd.solve(model, THEORY(temperature), start=warm), qd.solve(model, THEORY(temperature))
        for name in anew.arrays:
            if not name.endswith("_error"):
                assert float(from_there[name]) == pytest.approx(float(anew[name]), rel=1e-8, abs=1e-10), name
        assert int(from_there.steps) < int(anew.steps) / 2


@pytest.mark.slow
def test_groups_are_a_start_at_another_temperature() -> None:
    model = qd.RandomNetwork(3.0, -0.5)
    warm = qd.solve(model, qd.replica.OneStepRSB(0.1), start="groups")
    cold = qd.solve(model, qd.replica.OneStepRSB(0.03), start=warm)
    anew = qd.solve(model, qd.replica.OneStepRSB(0.03), start="groups")
    assert float(cold["breaking_parameter"]) == pytest.approx(float(anew["breaking_parameter"]), rel=1e-8)
    assert float(cold["free_energy"]) == pytest.approx(float(anew["free_energy"]), rel=1e-8)


@pytest.mark.slow
def test_groups_that_do_not_overlap_are_a_start_in_a_field() -> None:
    apart = qd.solve(qd.RandomNetwork(3.0, -0.5), qd.replica.OneStepRSB(0.1), start="groups")
    model = qd.RandomNetwork(3.0, -0.5, field=0.3)
    found = qd.solve(model, qd.replica.OneStepRSB(0.1), start=apart)
    anew = qd.solve(model, qd.replica.OneStepRSB(0.1))
    assert float(found["overlap_between"]) == pytest.approx(float(anew["overlap_between"]), rel=1e-6)
    assert float(found["breaking_parameter"]) == pytest.approx(float(anew["breaking_parameter"]), rel=1e-6)


def test_a_solution_says_which_branch_it_is() -> None:
    apart, model = qd.solve(qd.RandomNetwork(1.2, 0.5), THEORY(0.1)), qd.RandomNetwork(1.2, 0.5, field=0.3)
    assert apart.branch == "zero_overlap"
    assert "branch zero_overlap" in repr(apart)
    ordered = qd.solve(model, THEORY(0.1))
    assert ordered.branch == qd.solve(model, THEORY(0.1), start=ordered).branch == "ordered"
    static = qd.solve(qd.RandomNetwork(1.2), qd.dmft.Static())
    assert static.branch == "stable"
    assert qd.solve(qd.RandomNetwork(1.25), qd.dmft.Static(), start=static).branch == "active"
    swept = qd.sweep(qd.RandomNetwork(1.2), THEORY(0.1), {"symmetry": [0.0, 0.5]})
    assert swept.attrs["branch"] == "zero_overlap"


def test_starts_that_lead_nowhere_are_refused() -> None:
    apart = qd.solve(qd.RandomNetwork(1.2, 0.5), THEORY(0.1))
    with pytest.raises(ValueError, match="`start` must hold an `overlap` above 0"):
        qd.solve(qd.RandomNetwork(1.2, 0.5, field=0.3), THEORY(0.1), start=apart)
    wrong = dict.fromkeys(qd.replica.OneStepRSB.unknowns, 0.3) | {"breaking_parameter": 1.5}
    with pytest.raises(ValueError, match=r"`start\['breaking_parameter'\]` must be .* at most 1"):
        qd.solve(qd.RandomNetwork(3.0, -0.5), qd.replica.OneStepRSB(0.1), start=wrong)


def overlap_in(field: Any, **options: Any) -> Any:
    return qd.solve(qd.RandomNetwork(1.2, 0.5, field=field), THEORY(0.1), **options).arrays["overlap"]


def test_a_traced_field_asks_for_the_branch() -> None:
    with jax.enable_x64(True), pytest.raises(ValueError, match=r'`start` must be "ordered" .* where `field` is traced'):
        jax.grad(overlap_in)(0.3)


@pytest.mark.slow
def test_the_derivative_by_a_field_is_its_difference() -> None:
    with jax.enable_x64(True):
        slope = float(jax.grad(lambda field: overlap_in(field, start="ordered"))(0.3))
    step = 1e-4
    assert slope == pytest.approx(float(overlap_in(0.3 + step) - overlap_in(0.3 - step)) / (2 * step), rel=1e-6)


CASES: dict[str, tuple[Callable[[Any], qd.Solution], float, float]] = {
    "temperature": (lambda value: qd.solve(qd.RandomNetwork(1.2), THEORY(value)), 0.1, 0.0),
    "confinement": (lambda value: qd.solve(qd.RandomNetwork(1.2), THEORY(0.1, value)), 0.1, -0.1),
    "gain": (lambda value: qd.solve(qd.RandomNetwork(value), THEORY(0.1)), 0.1, -0.1),
    "symmetry": (lambda value: qd.solve(qd.RandomNetwork(1.2, value), qd.dmft.Static()), 0.1, -1.1),
    "noise": (lambda value: qd.solve(qd.RandomNetwork(1.2, noise=value), qd.replica.ZeroTemperature()), 0.0, 0.1),
    "noise at rest": (lambda value: qd.solve(qd.RandomNetwork(1.2, noise=value), qd.dmft.Static()), 0.0, 0.1),
    "noise of fixed points": (
        lambda value: qd.solve(qd.RandomNetwork(0.5, noise=value), qd.landscape.FixedPoints(size=5, networks=2)),
        0.0,
        0.1,
    ),
    "field": (lambda value: qd.solve(qd.RandomNetwork(0.5, field=value), qd.dmft.Static()), 0.3, float("nan")),
    "nan": (lambda value: qd.solve(qd.RandomNetwork(value), THEORY(0.1)), 0.1, float("nan")),
}


@pytest.mark.parametrize("name", CASES)
def test_what_was_traced_and_is_out_of_range_has_a_status(name: str) -> None:
    solve, allowed, wrong = CASES[name]
    with jax.enable_x64(True):
        status = jax.jit(lambda value: solve(value).status)
        assert int(status(allowed)) == qd.Status.solved
        assert int(status(wrong)) == qd.Status.bad_input


def test_uncoupled_neurons_in_a_field_and_a_confinement() -> None:
    """Gain 0: exp(-(x - b)^2/(2T) - c x^2/T), a Gaussian of mean b/(1 + 2c) and variance T/(1 + 2c)."""
    b, c, T = 0.3, 0.1, 0.1
    for gain, allowed in ((0.0, 1e-12), (1e-3, 1e-5)):
        found = qd.solve(qd.RandomNetwork(gain, 0.5, field=b), THEORY(T, c))
        mean, variance = b / (1 + 2 * c), T / (1 + 2 * c)
        energy = T / 2 + b**2 * c / (1 + 2 * c)
        assert float(found["mean_square_state"]) == pytest.approx(mean**2 + variance, abs=allowed)
        assert float(found["energy"]) == pytest.approx(energy, abs=allowed)
        assert float(found["conjugate_overlap"]) == pytest.approx((b - mean) ** 2 / T**2, abs=10 * allowed)
        assert float(found["entropy"]) == pytest.approx(0.5 * np.log(2 * np.pi * np.e * variance), abs=10 * allowed)


LEAKY = qd.Activation(lambda x: x + 0.5 * jnp.tanh(x), bounded=False)


def test_averages_that_diverge_have_a_status() -> None:
    """phi tends to x: from gain (1 + symmetry) = 1 on no width is left; a confinement brings one back."""
    for gain, symmetry in ((1.0, 0.3), (1.4, -0.2)):
        found = qd.solve(qd.RandomNetwork(gain, symmetry, activation=LEAKY), THEORY(0.1), throw=False)
        assert found.status == qd.Status.diverged
        assert np.isnan(float(found["self_overlap"]))
        confined = qd.solve(qd.RandomNetwork(gain, symmetry, activation=LEAKY), THEORY(0.1, confinement=0.1))
        assert 0.0 < float(confined["self_overlap"]) < 10.0
    with pytest.raises(qd.SolveError, match=r"diverged: .*unbounded phi.*`confinement`"):
        qd.solve(qd.RandomNetwork(1.0, 0.3, activation=LEAKY), THEORY(0.1))
    assert qd.solve(qd.RandomNetwork(0.6, 0.3, activation=LEAKY), THEORY(0.1)).status == qd.Status.solved


@pytest.mark.slow
def test_relu_networks_are_solved_for_large_gains_too() -> None:
    """Without a field T sets the scale: q/T is a function of gain and symmetry alone, and finite for symmetry != 0."""
    for gain, symmetry in ((1.5, -0.5), (2.0, 0.3), (0.5, 0.5)):
        model = qd.RandomNetwork(gain, symmetry, activation=qd.ReLU())
        hot, cold = (qd.solve(model, THEORY(T)) for T in (1.0, 0.1))
        for name in ("self_overlap", "overlap", "energy"):
            assert float(cold[name]) / 0.1 == pytest.approx(float(hot[name]), rel=1e-6), name
        assert float(hot["energy"]) == pytest.approx(0.5, rel=1e-6)
        assert float(hot["replicon_eigenvalue"]) > 0.0
