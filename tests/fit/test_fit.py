"""Parameters from exact data: found again, with the errors and derivatives that they must have."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pytest

import quenched as qd
from quenched.fit.data import read_data
from quenched.fit.parameters import read_free
from quenched.fit.problem import Asked, Problem

LAGS = (0.0, 0.5, 1.0, 2.0, 3.0)
LINEAR = qd.dmft.StationaryLinear(lags=LAGS)
TRUTH = qd.RandomNetwork(0.5, noise=1.0, activation=qd.Linear())


def exact(model: Any, theory: Any, *names: str, error: float = 1e-3) -> dict[str, Any]:
    solution = qd.solve(model, theory)
    return {name: solution[name] for name in names} | {f"{name}_error": error for name in names}


@pytest.mark.parametrize("symmetry", [0.0, 0.3, -0.4])
def test_three_parameters_of_a_linear_network_are_found_again(symmetry: float) -> None:
    """Correlation and response together tell gain, symmetry and noise; the theory is exact for every symmetry."""
    truth = TRUTH.replace(symmetry=symmetry)
    data = exact(truth, LINEAR, "state_correlation", "response")
    found = qd.fit(truth.replace(gain=0.3, symmetry=0.1, noise=0.6), LINEAR, data, ["gain", "symmetry", "noise"])
    expected = {"gain": 0.5, "symmetry": symmetry, "noise": 1.0}
    for name, value in expected.items():
        assert found.estimate[name] == pytest.approx(value, abs=1e-8), name
        assert float(found.model.values()[name]) == found.estimate[name]
    assert found.chi_square < 1e-12
    assert found.degrees_of_freedom == pytest.approx(7.0)
    assert found.status == qd.Status.solved


def test_gain_and_noise_of_a_chaotic_network_are_found_again() -> None:
    theory = qd.dmft.Stationary(lags=(0.0, 1.0, 2.0, 4.0))
    data = exact(qd.RandomNetwork(1.6, noise=0.8), theory, "state_correlation")
    found = qd.fit(qd.RandomNetwork(1.2, noise=0.4), theory, data, ["gain", "noise"], starts=1)
    assert found.estimate["gain"] == pytest.approx(1.6, abs=1e-8)
    assert found.estimate["noise"] == pytest.approx(0.8, abs=1e-8)


def test_the_error_is_that_of_the_closed_form() -> None:
    """C(0) = noise^2/(2 sqrt(1 - gain^2)) of a linear network: one number, one parameter, its error divided by the slope."""
    value = 1.0 / (2.0 * np.sqrt(0.75))
    data = {"mean_square_state": value, "mean_square_state_error": 1e-4}
    found = qd.fit(TRUTH.replace(gain=0.4), LINEAR, data, ["gain"])
    slope = 0.5 * 0.5 * 0.75**-1.5
    assert found.estimate["gain"] == pytest.approx(0.5, abs=1e-8)
    assert found.error["gain"] == pytest.approx(1e-4 / slope, rel=1e-6)
    assert found.covariance.sel(parameter="gain", other_parameter="gain") == pytest.approx(found.error["gain"] ** 2)
    assert found.interval["gain"] == pytest.approx((0.5 - 1e-4 / slope, 0.5 + 1e-4 / slope), abs=1e-8)


def test_a_given_covariance_counts_in_full() -> None:
    """Two measurements of C(0) and C(1) with a common error: least squares by hand, linearised at the exact data."""
    theory = qd.dmft.StationaryLinear(lags=(0.0, 1.0))
    covariance = 1e-6 * np.array([[1.0, 0.9], [0.9, 1.0]])
    values = qd.solve(TRUTH, theory)["state_correlation"].values
    data = {"state_correlation": values, "state_correlation_covariance": covariance}
    found = qd.fit(TRUTH.replace(noise=0.7), theory, data, ["noise"])
    slopes = 2.0 * values  # C is noise^2 times a function of gain and lag, at noise 1
    assert found.error["noise"] == pytest.approx((slopes @ np.linalg.solve(covariance, slopes)) ** -0.5, rel=1e-6)
    apart = {"state_correlation": values, "state_correlation_error": 1e-3}
    alone = qd.fit(TRUTH.replace(noise=0.7), theory, apart, ["noise"])
    assert alone.error["noise"] == pytest.approx(1e-3 / np.linalg.norm(slopes), rel=1e-6)


@pytest.mark.filterwarnings("ignore:The model does not describe")
def test_errors_cover_noisy_data_as_often_as_they_should() -> None:
    """400 sets of five numbers with independent errors: 68 % within one error, chi-square uniform in its probability."""
    random = np.random.default_rng(1)
    values = qd.solve(TRUTH, LINEAR)["state_correlation"].values
    error = 0.005 * values
    within, chances = [], []
    for _ in range(400):
        data = {"state_correlation": values + error * random.standard_normal(5), "state_correlation_error": error}
        found = qd.fit(TRUTH, LINEAR, data, ["gain", "noise"], starts=1)
        within.append([abs(found.estimate[name] - now) < found.error[name] for name, now in (("gain", 0.5), ("noise", 1.0))])
        chances.append(found.p_value)
    # Two standard deviations of a fraction of 400 are 4.7 %.
    np.testing.assert_allclose(np.mean(within, axis=0), 0.683, atol=0.06)
    assert np.mean(np.array(chances) < 0.1) == pytest.approx(0.1, abs=0.04)
    assert np.mean(chances) == pytest.approx(0.5, abs=0.05)


def problem_of(model: Any, theory: Any, data: Any, free: list[str]) -> Problem:
    read = read_free(model, free, None)
    measured = read_data(data, None, "states", None, theory, model)
    solver = theory.default_solver()
    return Problem(Asked(read.build, theory, solver, None, None, measured.quantities), measured, read)


def test_slopes_are_those_of_differences() -> None:
    with jax.enable_x64(True):
        problem = problem_of(
            TRUTH.replace(symmetry=0.2), LINEAR, exact(TRUTH, LINEAR, "state_correlation"), ["gain", "symmetry", "noise"]
        )
        at = np.array([0.45, 0.2, 0.9])
        slopes = problem.slopes(at)
        for place in range(3):
            step = 1e-5 * np.eye(3)[place]
            difference = (problem.residuals(at + step) - problem.residuals(at - step)) / 2e-5
            np.testing.assert_allclose(slopes[:, place], difference, rtol=1e-6, atol=1e-5)


def test_one_program_serves_all_steps() -> None:
    from quenched.fit.problem import _linearised_compiled

    data = exact(TRUTH, LINEAR, "state_correlation")
    qd.fit(TRUTH.replace(gain=0.2), LINEAR, data, ["gain", "noise"])
    programs = len(_linearised_compiled)
    found = qd.fit(TRUTH.replace(gain=0.3, noise=0.8), LINEAR, data, ["gain", "noise"])
    assert found.evaluations > 4
    assert len(_linearised_compiled) == programs


FEW = qd.dmft.RingPopulation(step=0.5, window=32, trajectories=32, scramblings=4)


@pytest.mark.slow
def test_a_sampled_theory_keeps_its_random_numbers_and_adds_its_errors() -> None:
    """Found again with the same key, to what the solver leaves; with another within the errors, which are larger than those
    of the data alone."""
    truth = qd.RandomNetwork(gain=0.7, symmetry=0.4, noise=0.5)
    theory = qd.dmft.Stationary(lags=(0.0, 1.0, 2.0), frequencies=(0.0,))
    solution = qd.solve(truth, theory, solver=FEW, key=3)
    data = {"state_correlation": solution["state_correlation"], "state_correlation_error": 1e-5}
    begin = truth.replace(gain=0.5, symmetry=0.0)
    same = qd.fit(begin, theory, data, ["gain", "symmetry"], solver=FEW, key=3)
    assert same.estimate["gain"] == pytest.approx(0.7, abs=1e-5)
    assert same.estimate["symmetry"] == pytest.approx(0.4, abs=1e-4)
    other = qd.fit(truth.replace(gain=0.5), theory, data, ["gain"], solver=FEW, key=4)
    # The data alone would tell the gain to a few times their own error.
    assert other.error["gain"] > 20.0 * 1e-5
    assert other.estimate["gain"] == pytest.approx(0.7, abs=4.0 * other.error["gain"])


def test_blocks_and_time_constants_by_their_names() -> None:
    """Entries of a matrix and a parameter of one population's unit, as sweeps name them."""
    gains = np.array([[0.5, 0.8], [0.6, 0.4]])
    couplings = qd.couplings.Blocks((0.6, 0.4), gain=gains)
    units = (qd.units.Leaky(), qd.units.Leaky(time_constant=2.0))
    truth = qd.RandomNetwork(couplings=couplings, unit=units, noise=0.5)
    theory, solver = qd.dmft.Stationary(lags=(0.0, 1.0, 2.0, 4.0)), qd.dmft.Ring(step=0.5, window=32)
    solution = qd.solve(truth, theory, solver=solver)
    data = {"state_correlation": solution["state_correlation"], "state_correlation_error": 1e-4}
    begin = truth.replace(gain=np.array([[0.5, 0.6], [0.6, 0.4]]), **{"unit.1.time_constant": 1.6})
    found = qd.fit(begin, theory, data, ["gain[0, 1]", "unit.1.time_constant"], solver=solver, starts=1)
    assert list(found.estimate) == ["gain[0, 1]", "unit.1.time_constant"]
    assert found.estimate["gain[0, 1]"] == pytest.approx(0.8, abs=1e-7)
    assert found.estimate["unit.1.time_constant"] == pytest.approx(2.0, abs=1e-7)
    np.testing.assert_allclose(found.model.couplings.gain, gains, atol=1e-7)
    assert found.data.sizes == {"population": 2, "lag": 4}


def test_a_function_of_the_parameters_as_the_model() -> None:
    def tied(strength: Any, noise: float = 1.0) -> qd.RandomNetwork:
        return qd.RandomNetwork(strength**2, noise=noise, activation=qd.Linear())

    data = exact(TRUTH, LINEAR, "state_correlation")
    found = qd.fit(tied, LINEAR, data, {"strength": 0.5}, starts=1)
    assert abs(found.estimate["strength"]) == pytest.approx(np.sqrt(0.5), abs=1e-8)


def test_a_spectrum_is_fitted_at_its_own_frequencies() -> None:
    theory = qd.dmft.StationaryLinear(frequencies=(0.0, 0.3, 1.1))
    data = exact(TRUTH, theory, "power_spectrum")
    found = qd.fit(TRUTH.replace(gain=0.2, noise=0.7), qd.dmft.Stationary(), data, ["gain", "noise"])
    assert found.theory.frequencies == (0.0, 0.3, 1.1)
    assert found.estimate["gain"] == pytest.approx(0.5, abs=1e-8)
    assert found.data.power_spectrum_fitted.values == pytest.approx(data["power_spectrum"].values, abs=1e-9)


def test_printed_and_drawn() -> None:
    data = exact(TRUTH, LINEAR, "state_correlation", error=0.01)
    found = qd.fit(TRUTH.replace(gain=0.3), LINEAR, data, ["gain", "noise"])
    assert "  gain                     0.50(" in repr(found)
    assert "status solved" in repr(found)
    assert "<code>gain</code>" in found._repr_html_()
    axes = found.plot()["state_correlation"]
    assert axes.get_xlabel() == "lag"
    np.testing.assert_allclose(np.asarray(axes.lines[-1].get_ydata(), float), data["state_correlation"].values, atol=1e-8)
