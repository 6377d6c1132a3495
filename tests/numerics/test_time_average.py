"""Errors of time averages contain the truth as often as they claim."""

from __future__ import annotations

import numpy as np
import pytest

from quenched.numerics.time_average import error_of_time_average, left_by_transient


def _autoregressive(memory: float, length: int, samples: int) -> np.ndarray:
    """Stationary x_n = memory x_(n-1) + noise; the mean is 0."""
    noise = np.random.default_rng(11).normal(size=(length, samples))
    series = np.empty_like(noise)
    series[0] = noise[0] / np.sqrt(1.0 - memory**2)
    for n in range(1, length):
        series[n] = memory * series[n - 1] + noise[n]
    return series


@pytest.mark.parametrize("memory", [0.0, 0.3, 0.6])
def test_truth_is_within_two_errors(memory: float) -> None:
    series = _autoregressive(memory, 64, 2000)
    errors = error_of_time_average(series)
    covered = np.mean(np.abs(series.mean(axis=0)) < 2 * errors)
    assert 0.91 < covered < 0.98
    naive = series.std(axis=0, ddof=1) / 8
    if memory == 0.6:  # what memory does to the plain standard error, so that the above can fail
        assert np.mean(np.abs(series.mean(axis=0)) < 2 * naive) < 0.75


def test_anticorrelation_is_not_counted_on() -> None:
    series = np.where(np.arange(32) % 2 == 0, 1.0, -1.0)
    assert error_of_time_average(series) == pytest.approx(series.std(ddof=1) / np.sqrt(32), rel=1e-12)


def test_a_constant_has_no_error_and_one_block_none_that_is_known() -> None:
    assert error_of_time_average(np.full((20, 3), 0.25)).tolist() == [0.0, 0.0, 0.0]
    assert np.isnan(error_of_time_average(np.ones((1, 2)))).all()


def test_constants_large_means_few_blocks_and_what_is_no_number() -> None:
    noise = np.random.default_rng(3).normal(size=(400, 2))
    # At 1e8 the noise is as small as the rounding of its sum with it.
    np.testing.assert_allclose(error_of_time_average(1e8 + 1e-8 * noise), 1e-8 / 20, rtol=0.3)
    assert error_of_time_average(np.full((41, 1), 1e8 + 0.1)).tolist() == [0.0]
    for count in range(2, 9):
        few = error_of_time_average(noise[:count])
        assert np.all(few >= noise[:count].std(axis=0, ddof=1) / np.sqrt(count) * (1.0 - 1e-12))
        assert np.isfinite(few).all()
        assert error_of_time_average(np.full((count, 1), 0.1)).tolist() == [0.0]
    for wrong in (np.nan, np.inf):
        noise[17, 1] = wrong
        assert np.isfinite(error_of_time_average(noise)).tolist() == [True, False]


def test_a_transient_is_told_from_noise() -> None:
    """c/t between the ages 50 and 200 leaves c times the mean of 1/t; in noise alone one in 200 is taken for one."""
    ages, rng = 50 + 150 * (np.arange(32) + 0.5) / 32, np.random.default_rng(0)
    left = left_by_transient(3.0 / ages - 1.0, ages)
    assert float(left) == pytest.approx(3.0 * np.log(4.0) / 150, rel=1e-3)
    assert np.mean(left_by_transient(rng.normal(size=(32, 4000)), ages) > 0) < 0.01
    np.testing.assert_array_equal(left_by_transient(rng.normal(size=(32, 2)), np.ones(32)), 0.0)
