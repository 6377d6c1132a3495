"""Stratified numbers, and normal numbers with exact moments."""

from __future__ import annotations

from collections.abc import Iterator

import jax
import numpy as np
import pytest

from quenched.numerics.exact_moments import stratified, with_exact_moments


@pytest.fixture(autouse=True)
def _float64() -> Iterator[None]:
    with jax.enable_x64(True):
        yield


def random_rows(dimensions: int, count: int, seed: int = 0) -> np.ndarray:
    return np.asarray(jax.random.normal(jax.random.key(seed), (dimensions, count)))


def exact(dimensions: int, count: int, seed: int = 0) -> np.ndarray:
    return np.asarray(jax.jit(with_exact_moments)(random_rows(dimensions, count, seed)))


@pytest.mark.parametrize("count", [1, 7, 64])
def test_every_part_of_the_interval_has_one_number(count: int) -> None:
    found = np.asarray(stratified(count, jax.random.key(count)))
    np.testing.assert_array_equal(np.sort(np.floor(found * count)), np.arange(count))
    assert np.all((found > 0.0) & (found < 1.0))


def test_numbers_are_in_random_order_and_random_within_their_parts() -> None:
    found = np.stack([np.asarray(stratified(16, jax.random.key(seed))) for seed in range(400)])
    within = np.sort(found, axis=1) * 16 % 1.0
    # Mean 1/2 and variance 1/12, within four standard errors.
    assert np.max(np.abs(within.mean(axis=0) - 0.5)) < 4 * np.sqrt(1 / 12 / 400)
    assert np.max(np.abs(found.mean(axis=0) - 0.5)) < 4 * np.sqrt(1 / 12 / 400)
    assert abs(np.mean(within**2) - 1 / 3) < 4 * np.sqrt(4 / 45 / within.size)


@pytest.mark.parametrize(("dimensions", "count"), [(8, 16), (58, 64), (900, 1000)])
def test_enough_numbers_have_exact_first_and_second_moments(dimensions: int, count: int) -> None:
    found = exact(dimensions, count)
    np.testing.assert_allclose(found.mean(axis=1), 0.0, atol=1e-12)
    np.testing.assert_allclose(found @ found.T / count, np.eye(dimensions), atol=1e-11)


def test_fewer_are_left_as_they_are() -> None:
    np.testing.assert_array_equal(exact(15, 16), random_rows(15, 16))


def test_the_first_row_keeps_its_order() -> None:
    np.testing.assert_array_equal(np.argsort(exact(8, 16)[0]), np.argsort(random_rows(8, 16)[0]))


@pytest.mark.parametrize("dimensions", [4, 200])
def test_making_moments_exact_leaves_the_distribution_normal(dimensions: int) -> None:
    """<z^4> = 3 (n - 1)/(n + 1), that of a direction drawn at random among those orthogonal to 1, in all rows alike."""
    count = 256
    every = np.stack([exact(dimensions, count, seed) for seed in range(64)])
    means = np.mean(every**4, axis=-1)
    error = means.std(axis=0, ddof=1) / np.sqrt(len(means))
    assert np.all(error < 0.1)
    apart = (means.mean(axis=0) - 3.0 * (count - 1) / (count + 1)) / error
    assert np.max(np.abs(apart)) < 4.5
    assert abs(np.mean(apart)) < 4.0 / np.sqrt(dimensions)
