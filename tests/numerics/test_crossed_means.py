"""The covariance of a mean over blocks of time and neurons, against what it is by construction."""

from __future__ import annotations

import numpy as np
import pytest

from quenched.numerics.crossed_means import covariance_of_mean, shrunk

BLOCKS, UNITS, REPEATS = 32, 40, 400


@pytest.mark.parametrize(
    ("of_units", "of_blocks", "memory"),
    [(0.0, 0.0, 0.0), (0.5, 0.0, 0.0), (0.0, 0.5, 0.0), (0.4, 0.3, 0.0), (0.2, 0.6, 0.5)],
)
def test_variance_of_the_mean(of_units: float, of_blocks: float, memory: float) -> None:
    """Effects of neurons and of blocks, which may remember the block before: never too small on average, and by 1.5 at most
    too large."""
    random = np.random.default_rng(3)
    found, means = [], []
    for _ in range(REPEATS):
        shared = random.standard_normal((BLOCKS, 1, 1))
        for block in range(1, BLOCKS):
            shared[block] = memory * shared[block - 1] + np.sqrt(1.0 - memory**2) * shared[block]
        own = random.standard_normal((1, UNITS, 1))
        samples = of_units * own + of_blocks * shared + random.standard_normal((BLOCKS, UNITS, 1))
        found.append(covariance_of_mean([samples])[0, 0])
        means.append(samples.mean())
    lags = np.arange(1, BLOCKS)
    longer = 1.0 + 2.0 * np.sum((1.0 - lags / BLOCKS) * memory**lags)
    true = of_units**2 / UNITS + of_blocks**2 * longer / BLOCKS + 1.0 / (UNITS * BLOCKS)
    assert np.var(means) == pytest.approx(true, rel=0.3)  # that the formula is that of these samples
    assert 0.95 * true < np.mean(found) < 1.55 * true


def test_covariances_of_entries_and_of_groups() -> None:
    """Two entries that are one, and two groups of neurons that share the blocks and nothing else."""
    random = np.random.default_rng(4)
    found = []
    for _ in range(REPEATS):
        shared = 0.5 * random.standard_normal((BLOCKS, 1, 1))
        groups = [shared + random.standard_normal((BLOCKS, units, 1)) for units in (20, 30)]
        twice = [np.concatenate([each, 2.0 * each], axis=2) for each in groups]
        found.append(covariance_of_mean(twice))
    mean = np.mean(found, axis=0)
    within = [0.25 / BLOCKS + 1.0 / (BLOCKS * units) for units in (20, 30)]
    expected = np.full((2, 2), 0.25 / BLOCKS)
    expected[0, 0], expected[1, 1] = within
    ratio = mean / np.kron(expected, np.outer([1.0, 2.0], [1.0, 2.0]))
    assert ratio.min() > 0.95
    assert ratio.max() < 1.55
    np.testing.assert_allclose(mean[::2, ::2], mean[1::2, 1::2] / 4.0)


def test_a_constant_has_no_variance() -> None:
    assert np.all(covariance_of_mean([np.ones((BLOCKS, UNITS, 3))]) == 0.0)


def test_a_shrunk_covariance_keeps_its_diagonal_and_can_be_inverted() -> None:
    singular = np.ones((3, 3))
    np.testing.assert_array_equal(np.diagonal(shrunk(singular, 0.1)), np.ones(3))
    np.testing.assert_allclose(np.linalg.eigvalsh(shrunk(singular, 0.1)), [0.1, 0.1, 2.8])
