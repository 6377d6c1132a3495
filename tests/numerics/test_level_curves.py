"""Curves are followed to where they began, whatever they look like from one side."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from quenched.numerics.level_curves import corrected, evenly, follow

ONES = np.ones(2)


def ellipse(width: float, height: float) -> Any:
    def equations(point: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        x, y = point
        return np.array([(x / width) ** 2 + (y / height) ** 2 - 1.0]), np.array([[2 * x / width**2, 2 * y / height**2]])

    return equations


@pytest.mark.parametrize("height", [1.0, 0.3, 0.03])
def test_an_ellipse_is_followed_once_around(height: float) -> None:
    curve = follow(ellipse(1.0, height), np.array([1.0, 0.0]), ONES)
    assert curve.closed
    x, y = curve.points.T
    np.testing.assert_allclose(x**2 + (y / height) ** 2, 1.0, atol=1e-10)
    # Once: the angle grows from point to point and ends below a whole turn.
    turned = np.unwrap(np.arctan2(y / height, x))
    assert np.all(np.diff(turned) * np.sign(turned[-1]) > 0.0)
    assert 1.5 * np.pi < abs(turned[-1]) < 2.0 * np.pi


def test_points_are_laid_evenly_and_moved_onto_the_curve() -> None:
    curve = follow(ellipse(2.0, 1.0), np.array([2.0, 0.0]), ONES)
    even = evenly(curve.points, ONES, 50)
    gaps = np.linalg.norm(np.roll(even, -1, axis=0) - even, axis=1)
    assert gaps.max() < 1.02 * gaps.min()

    def one(point: Any) -> Any:
        return jnp.array([(point[0] / 2.0) ** 2 + point[1] ** 2 - 1.0])

    with jax.enable_x64(True):
        exact, left = (np.asarray(each) for each in corrected(one, even, ONES))
    np.testing.assert_allclose(left, 0.0, atol=1e-12)
    # By no more than the polygon misses of the curve, which is a quarter of the square of its longest side.
    assert 1e-6 < np.linalg.norm(exact - even, axis=1).max() < 0.15**2


def test_a_curve_that_ends_is_not_closed() -> None:
    def parabola(point: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        x, y = point
        return np.array([y - x**2 if abs(x) < 3.0 else np.nan]), np.array([[-2.0 * x, 1.0]])

    assert not follow(parabola, np.zeros(2), ONES).closed
