"""Means, their errors, and how they are printed."""

from __future__ import annotations

import math
from typing import Any

import jax
import numpy as np
import pytest
from scipy import stats

from quenched.numerics.statistics import RunningMean, mean_and_error, mean_of_present, trimmed_mean_of_present, with_error


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (0.49437, 0.0131, "0.494(13)"),
        (0.49437, 0.031, "0.49(3)"),
        (1.2345e-5, 3e-6, "1.2(3)e-05"),
        (12345.678, 0.2, "12345.7(2)"),
        (-0.5, 0.0012, "-0.5000(12)"),
        (0.0, 0.01, "0.000(10)"),
        (0.5, None, "0.5"),
        (0.5, 0.0, "0.5"),
        (0.5, math.nan, "0.5(?)"),
        (math.nan, 0.1, "nan"),
        (1 / 3, 1e-14, "0.333333"),
        (3e-17, 1e-17, "3e-17"),
    ],
)
def test_only_justified_digits_are_printed(value: float, error: float | None, text: str) -> None:
    assert with_error(value, error) == text


@pytest.mark.parametrize(("value", "error"), [(1234567.0, 1000.0), (3.0e8, 2.5e7), (2.0, 30.0), (1e-9, 3e-6)])
def test_what_is_printed_reads_back(value: float, error: float) -> None:
    text = with_error(value, error)
    mantissa, rest = text.split("(")
    digits, exponent = rest.split(")")
    power = float(f"1{exponent}") if exponent else 1.0
    decimals = len(mantissa.split(".")[1]) if "." in mantissa else 0
    read_value, read_error = float(mantissa) * power, int(digits) * 10.0**-decimals * power
    assert read_error == pytest.approx(error, rel=0.2)
    assert read_value == pytest.approx(value, abs=0.51 * read_error)


def test_mean_and_standard_error() -> None:
    with jax.enable_x64(True):
        mean, error = mean_and_error(jax.numpy.asarray([[1.0, 10.0], [2.0, 10.0], [3.0, 10.0], [6.0, 10.0]]))
    np.testing.assert_allclose(mean, [3.0, 10.0])
    np.testing.assert_allclose(error, [np.sqrt(14 / 3 / 4), 0.0])


@pytest.mark.parametrize(
    ("estimate", "coverage"), [(mean_and_error, 0.667), (mean_of_present, 0.667), (trimmed_mean_of_present, 0.649)]
)
def test_the_truth_lies_within_the_error_as_often_as_it_should(estimate: Any, coverage: float) -> None:
    """One standard error of 16 Gaussian samples: Student's t with 15 degrees of freedom, or the 7 of the middle half.

    Over 8000 draws the share has a standard error of 0.005; that a winsorised variance is distributed as if by those 7
    degrees of freedom is an approximation, good to some 0.02 here.
    """
    with jax.enable_x64(True):
        samples = jax.random.normal(jax.random.key(3), (8000, 16))
        mean, error = jax.device_get(jax.vmap(estimate)(samples))
    covered = float(np.mean(np.abs(mean) < error))
    assert covered == pytest.approx(coverage, abs=0.035)


@pytest.mark.parametrize("count", [4, 9, 16])
def test_trimmed_mean_and_its_error_are_scipys(count: int) -> None:
    samples = np.random.default_rng(count).standard_cauchy(count)
    cut = (count // 4) / count
    with jax.enable_x64(True):
        mean, error = jax.device_get(trimmed_mean_of_present(jax.numpy.asarray(samples)))
    assert mean == pytest.approx(stats.trim_mean(samples, cut), rel=1e-12)
    assert error == pytest.approx(float(stats.mstats.trimmed_stde(samples, limits=(cut, cut))), rel=1e-12)


def test_a_trimmed_mean_survives_heavy_tails() -> None:
    with jax.enable_x64(True):
        samples = jax.random.cauchy(jax.random.key(4), (200, 400))
        trimmed, _ = jax.device_get(jax.vmap(trimmed_mean_of_present)(samples))
        plain, _ = jax.device_get(jax.vmap(mean_and_error)(samples))
    assert float(np.std(trimmed)) < 0.15
    assert float(np.std(plain)) > 1.0


@pytest.mark.parametrize("estimate", [mean_of_present, trimmed_mean_of_present])
def test_absent_samples_change_nothing(estimate: Any) -> None:
    with jax.enable_x64(True):
        samples = jax.random.normal(jax.random.key(5), (13,))
        with_gaps = jax.numpy.insert(samples, jax.numpy.asarray([0, 4, 13]), math.nan)
        np.testing.assert_allclose(jax.device_get(estimate(with_gaps)), jax.device_get(estimate(samples)), rtol=1e-14)
        assert np.isnan(jax.device_get(estimate(jax.numpy.full(5, math.nan)))).all()


@pytest.mark.parametrize("portions", [[13], [1] * 13, [4, 1, 8]])
def test_a_running_mean_is_that_of_all_at_once(portions: list[int]) -> None:
    samples = np.random.default_rng(6).normal(size=(13, 2, 3)) + 1e4
    running = RunningMean()
    for values in np.split(samples, np.cumsum(portions)[:-1]):
        running.add(values)
    mean, error = running.mean_and_error()
    np.testing.assert_allclose(mean, samples.mean(axis=0), rtol=1e-14)
    # Deviations of size 1 from 10^4 are known to 1e-12; a sum of squares less the square of the sum would lose 8 digits.
    np.testing.assert_allclose(error, samples.std(axis=0, ddof=1) / np.sqrt(13), rtol=1e-11)
    assert mean.shape == error.shape == (2, 3)


def test_one_sample_has_no_error_and_equal_ones_none_either() -> None:
    running = RunningMean()
    running.add(np.full((1, 2), 0.1))
    assert np.isnan(running.mean_and_error()[1]).all()
    running.add(np.full((3, 2), 0.1))
    mean, error = running.mean_and_error()
    np.testing.assert_array_equal(mean, 0.1)
    np.testing.assert_array_equal(error, 0.0)


def test_errors_of_constants_large_means_and_what_is_no_number() -> None:
    noise = np.random.default_rng(8).normal(size=64)
    with jax.enable_x64(True):
        for estimate in (mean_and_error, mean_of_present, trimmed_mean_of_present):
            mean, error = estimate(jax.numpy.full(64, 0.1))
            assert float(mean) == pytest.approx(0.1, rel=1e-15)
            assert float(error) < 1e-16
            # Rounding at 1e8 is 1.5e-8.
            _, error = estimate(jax.numpy.asarray(1e8 + 1e-6 * noise))
            assert float(error) == pytest.approx(float(estimate(jax.numpy.asarray(1e-6 * noise))[1]), rel=0.02)
    for values, finite in ((noise, True), (np.append(noise, np.nan), False), (np.append(noise, np.inf), False)):
        running = RunningMean()
        running.add(values)
        assert np.isfinite(running.mean_and_error()[1]) == finite
    running = RunningMean()
    running.add(np.full(9, 1e8 + 0.1))
    assert running.mean_and_error() == (1e8 + 0.1, 0.0)
