"""Scrambled Sobol points: the net they are, the randomness they have, and what normal numbers are made of them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import jax
import numpy as np
import pytest
from scipy.stats import qmc

from quenched.numerics.low_discrepancy import MOST_DIMENSIONS, _directions, scrambled_sobol, standard_normals


@pytest.fixture(autouse=True)
def _float64() -> Iterator[None]:
    with jax.enable_x64(True):
        yield


scramble = jax.jit(scrambled_sobol, static_argnums=(0, 1))


def points(dimensions: int, count: int, seed: int) -> np.ndarray:
    return np.asarray(scramble(dimensions, count, jax.random.key(seed)))


def test_directions_are_scipys() -> None:
    """The exclusive or of directions, by the binary digits of a Gray code, is SciPy's sequence."""
    dimensions, levels = 7, 6
    directions = _directions(dimensions, levels)
    numbers = np.zeros((2**levels, dimensions), np.uint32)
    for index in range(2**levels):
        for level in range(levels):
            if (index ^ (index >> 1)) >> level & 1:
                numbers[index] ^= directions[:, level]
    np.testing.assert_array_equal(numbers * 2.0**-32, qmc.Sobol(dimensions, scramble=False, bits=32).random(2**levels))


@pytest.mark.parametrize("seed", [0, 1])
def test_every_scrambling_is_a_net(seed: int) -> None:
    """Each of M intervals of each coordinate holds one point; so does each box of volume 1/M of the first two."""
    count = 64
    found = points(9, count, seed)
    for row in found:
        np.testing.assert_array_equal(np.sort(np.floor(row * count)), np.arange(count))
    for columns in (1, 2, 4, 8, 16, 32, 64):
        boxes = np.floor(found[0] * columns) * (count // columns) + np.floor(found[1] * (count // columns))
        np.testing.assert_array_equal(np.sort(boxes), np.arange(count))


def test_points_are_inside_and_distinct() -> None:
    found = points(9, 64, 5)
    assert np.all((found > 0.0) & (found < 1.0))
    assert all(len(np.unique(row)) == 64 for row in found)


def test_another_key_is_another_scrambling() -> None:
    np.testing.assert_array_equal(points(9, 64, 1), points(9, 64, 1))
    assert not np.array_equal(points(9, 64, 1), points(9, 64, 2))


def test_every_point_is_uniform_over_keys() -> None:
    """And pairs of coordinates are independent, so that averages are unbiased."""
    many = jax.jit(jax.vmap(partial(scrambled_sobol, 3, 2)))
    found = np.asarray(many(jax.random.split(jax.random.key(3), 4000)))
    # 4000 keys: standard errors 0.289/63 of a mean, 1/12/63 of a covariance; 24 and 60 numbers are looked at.
    assert np.max(np.abs(found.mean(axis=0) - 0.5)) < 4 * 0.289 / np.sqrt(4000)
    for point in range(2):
        covariance = np.cov(found[:, :, point].T)
        np.testing.assert_allclose(covariance, np.eye(3) / 12, atol=5 / 12 / np.sqrt(4000))
    # Two points of one scrambling are not independent: they avoid each other.
    assert np.all(np.floor(2 * found[:, 0, 0]) != np.floor(2 * found[:, 0, 1]))


def test_averages_of_smooth_functions_converge_faster_than_at_random() -> None:
    def spread(count: int) -> float:
        values = [np.mean(np.exp(points(9, count, seed)[:5].sum(axis=0))) - (np.e - 1) ** 5 for seed in range(12)]
        return float(np.sqrt(np.mean(np.square(values))))

    # Random numbers: a factor 4 for 16 times as many; nets: up to 64.
    assert spread(64) / spread(1024) > 8.0


@pytest.mark.parametrize("count", [3, 1000])
def test_the_number_of_points_must_be_a_power_of_two(count: int) -> None:
    with pytest.raises(ValueError, match=f"must be a power of 2, but is {count}"):
        points(2, count, 0)


def test_one_point_and_as_many_dimensions_as_there_are() -> None:
    assert points(3, 1, 0).shape == (3, 1)
    assert MOST_DIMENSIONS == qmc.Sobol.MAXDIM


def normals(dimensions: int, count: int, seed: int = 0) -> np.ndarray:
    return np.asarray(jax.jit(standard_normals)(points(dimensions, count, seed)))


def test_enough_points_have_exact_first_and_second_moments() -> None:
    found = normals(8, 16)
    np.testing.assert_allclose(found.mean(axis=1), 0.0, atol=1e-14)
    np.testing.assert_allclose(found @ found.T / 16, np.eye(8), atol=1e-13)


def test_fewer_points_are_left_as_they_are() -> None:
    uniform = points(9, 16, 0)
    found = np.asarray(standard_normals(jax.numpy.asarray(uniform)))
    np.testing.assert_allclose(found, np.asarray(jax.scipy.special.ndtri(uniform)), rtol=1e-12)


def test_making_moments_exact_leaves_the_distribution_normal() -> None:
    """<z^4> = 3 and <|z|> = sqrt(2/pi), as the mean over scramblings, within four of its standard errors."""
    every = np.stack([normals(4, 256, seed) for seed in range(64)])
    for values, expected, spread in ((every**4, 3.0, 0.05), (np.abs(every), np.sqrt(2 / np.pi), 0.002)):
        means = values.mean(axis=-1)
        error = means.std(axis=0, ddof=1) / np.sqrt(len(means))
        assert np.all(error < spread)
        np.testing.assert_array_less(np.abs(means.mean(axis=0) - expected) / error, 4.0)
