"""Zeros are counted along curves and found from starts."""

from __future__ import annotations

import numpy as np

from quenched.numerics.zeros import distinct, from_starts, winding

ROOTS = np.array([0.5 + 0.2j, 0.5 - 0.2j, -1.3, -1.3, 2.0])
CIRCLE = np.exp(2j * np.pi * np.arange(200) / 200)


def polynomial(places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    coefficients = np.poly(ROOTS)
    return np.polyval(coefficients, places), np.polyval(np.polyder(coefficients), places)


def test_turns_count_what_is_inside() -> None:
    for radius in (0.3, 1.0, 1.7, 3.0):
        assert winding(polynomial(radius * CIRCLE)[0]) == np.sum(np.abs(ROOTS) < radius)
    assert np.isnan(winding(polynomial(3.0 * CIRCLE[::100])[0]))


def test_all_zeros_are_found_each_as_often_as_it_counts() -> None:
    starts = (3.0 * CIRCLE[::10, None] * np.array([0.3, 1.0])).ravel()
    found = distinct(polynomial, *from_starts(polynomial, starts, 0.0, 1.0), 0.0, 1.0)
    simple = np.sort_complex(found.places[np.abs(found.places + 1.3) > 0.1])
    np.testing.assert_allclose(simple, np.sort_complex(ROOTS[[0, 1, 4]]), atol=1e-12)
    # Newton's method comes to a double zero within the root of rounding.
    np.testing.assert_allclose(found.places[np.abs(found.places + 1.3) < 0.1], [-1.3, -1.3], atol=1e-6)
