"""The ensemble: its arguments, its couplings, its transition."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array

import quenched as qd
from quenched.couplings import Elliptic


@pytest.mark.usefixtures("unchecked_types")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"gain": -1.0}, r"Argument `gain` must be a finite number at least 0, but is -1"),
        ({"gain": float("nan")}, r"Argument `gain` must be a finite number at least 0, but is nan"),
        ({"gain": float("inf")}, r"Argument `gain` .* but is inf"),
        ({"gain": 1.0, "symmetry": 1.2}, r"Argument `symmetry` must be a finite number between -1 and 1, but is 1\.2"),
        ({"gain": 1.0, "symmetry": -1.01}, r"Argument `symmetry` .* but is -1\.01"),
        ({"gain": 1.0, "noise": -0.1}, r"Argument `noise` must be a finite number at least 0, but is -0\.1"),
        ({"gain": 1.0, "field": float("nan")}, r"Argument `field` must be a finite number.* but is nan"),
        ({"gain": np.array([1.0, 2.0])}, r"Argument `gain` must be one number, but has shape \(2,\); .* qd\.sweep"),
    ],
)
def test_values_out_of_range_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        qd.RandomNetwork(**arguments)


@pytest.mark.usefixtures("unchecked_types")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"gain": 1.0, "symmetry": qd.Tanh()},
            r"`symmetry` must be a number, but is the activation Tanh\(\); give `activation=`",
        ),
        ({"gain": 1.0, "field": qd.Tanh()}, "`field` must be a number, but is the activation"),
        ({"gain": abs}, "`gain` must be a real number, but is the function <built-in function abs>"),
    ],
)
def test_functions_are_no_numbers(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        qd.RandomNetwork(**arguments)


@pytest.mark.usefixtures("unchecked_types")
@pytest.mark.parametrize("gain", ["strong", "1.5", None, True, 1j, [1.0]])
def test_what_is_no_number_is_refused(gain: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="Argument `gain` must be"):
        qd.RandomNetwork(gain)


@pytest.mark.parametrize("temperature", [0.0, -0.1, float("nan"), float("inf")])
def test_temperatures_must_be_positive(temperature: float) -> None:
    with pytest.raises(ValueError, match=r"Argument `temperature` must be .*greater than 0, but is"):
        qd.replica.FiniteTemperature(temperature)


def test_zero_temperature_names_the_theory_of_it() -> None:
    with pytest.raises(ValueError, match=r"qd\.replica\.ZeroTemperature\(\)"):
        qd.replica.FiniteTemperature(0)


@pytest.mark.parametrize("theory", [qd.replica.FiniteTemperature(0.1), qd.replica.ZeroTemperature()])
def test_the_replica_theories_say_what_they_do_not_cover(theory: Any) -> None:
    # On the branch without overlap, which the limit has alone.
    for model, word in [
        (qd.RandomNetwork(1.0, activation=qd.ReLU()), "activation"),
        (qd.RandomNetwork(1.0, field=0.1), "field"),
        (qd.RandomNetwork(1.0, noise=0.1), "noise"),
    ]:
        with pytest.raises(ValueError, match=f"Argument `{word}` must be"):
            qd.solve(model, theory, start="zero_overlap")


def test_static_dmft_refuses_noise() -> None:
    with pytest.raises(ValueError, match="Argument `noise` must be 0"):
        qd.solve(qd.RandomNetwork(1.0, noise=0.1), qd.dmft.Static())


@pytest.mark.parametrize(("symmetry", "critical"), [(0.0, 1.0), (0.5, 2 / 3), (1.0, 0.5), (-0.5, 2.0)])
def test_critical_gain(symmetry: float, critical: float) -> None:
    assert float(qd.RandomNetwork(1.0, symmetry).critical_gain) == pytest.approx(critical, rel=1e-15)
    halved = qd.Activation(lambda x: jnp.tanh(x / 2))
    assert float(qd.RandomNetwork(1.0, symmetry, activation=halved).critical_gain) == pytest.approx(2 * critical, rel=1e-15)


@pytest.mark.parametrize("symmetry", [-1.0, -0.4, 0.0, 0.7, 1.0])
def test_couplings_have_the_covariance_they_are_named_for(symmetry: float, key: Array) -> None:
    gain, size = 1.7, 400
    with jax.enable_x64(True):
        couplings = np.asarray(Elliptic(gain, symmetry).draw(size, key))
    pairs = couplings[np.triu_indices(size, 1)], couplings.T[np.triu_indices(size, 1)]
    scale = gain**2 / size
    # Some 80 000 independent pairs: five standard errors of a second moment are 5 sqrt(2/80000) = 2.5 %.
    assert np.mean(pairs[0] ** 2) / scale == pytest.approx(1.0, abs=0.025)
    assert np.mean(pairs[0] * pairs[1]) / scale == pytest.approx(symmetry, abs=0.025)
    assert abs(np.mean(couplings)) < 5 * gain / size**1.5
    # 400 diagonal elements: five standard errors are 35 %.
    assert np.mean(np.diag(couplings) ** 2) / scale == pytest.approx(1 + symmetry, abs=0.36 * (1 + symmetry) + 1e-15)
    if abs(symmetry) == 1.0:
        np.testing.assert_allclose(couplings, symmetry * couplings.T, atol=1e-15)


def test_a_draw_has_the_models_activation_and_field(key: Array) -> None:
    network = qd.RandomNetwork(1.2, field=0.3, activation=qd.Erf()).draw(5, key)
    assert network.size == 5
    assert network.activation == qd.Erf()
    assert float(network.field) == 0.3
