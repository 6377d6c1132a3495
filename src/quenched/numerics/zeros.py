"""Zeros of an analytic function outside of closed curves: how many there are, and where."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Complex

# Values and derivatives at many places.
Function = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]

# Newton's steps, none longer than the distance from the middle times this; and the step that counts as none, likewise.
_STEPS, _LONGEST, _NONE = 60, 0.3, 1e-10
# Zeros nearer than this, relative to their distance from the middle, are one; and points of the circle around it.
_SAME, _ON_CIRCLE = 1e-6, 32


class Zeros(NamedTuple):
    """Places, each as often as it is a zero."""

    places: Complex[np.ndarray, " zero"]
    errors: np.ndarray
    """The last step of Newton's method, and what rounding may do."""


def winding(values: Complex[np.ndarray, " point"]) -> float:
    """How often they turn about 0, in order and back to the first; NaN where two neighbours are too far apart to tell."""
    turns = np.angle(np.roll(values, -1) / values)
    sure = bool(np.isfinite(turns).all() and np.max(np.abs(turns), initial=0.0) < 0.5 * np.pi)
    return float(np.round(np.sum(turns) / (2.0 * np.pi))) if sure else np.nan


def from_starts(function: Function, starts: np.ndarray, middle: complex, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """Where Newton's method leads from each start, and its last step."""
    places, steps = np.array(starts, complex), np.full(len(starts), np.inf)
    going = np.arange(len(starts))
    for _ in range(_STEPS):
        value, slope = function(places[going])
        with np.errstate(all="ignore"):
            step = np.nan_to_num(value / slope, nan=np.inf, posinf=np.inf, neginf=np.inf)
            size = np.abs(places[going] - middle) + 1e-3 * scale
            steps[going] = np.abs(step)
            short = np.minimum(1.0, _LONGEST * size / np.maximum(np.abs(step), 1e-300))
            moved = np.where(np.isfinite(step), step * short, 0.0)
        places[going] -= moved
        going = going[(np.abs(moved) > _NONE * 1e-3 * size) & np.isfinite(step)]
        if not len(going):
            break
    return places, steps


def distinct(function: Function, places: np.ndarray, steps: np.ndarray, middle: complex, scale: float) -> Zeros:
    """The zeros among the places that Newton's method led to, each as often as a small circle around it counts."""
    kept: list[complex] = []
    errors: list[float] = []
    for place, step in sorted(zip(places, steps, strict=True), key=lambda pair: pair[1]):
        size = abs(place - middle) + 1e-3 * scale
        if not step <= _NONE * size or any(abs(place - other) < _SAME * size for other in kept):
            continue
        circle = place + 0.3 * _SAME * size * np.exp(2j * np.pi * np.arange(_ON_CIRCLE) / _ON_CIRCLE)
        times = winding(function(circle)[0])
        if times >= 1.0:
            kept += [complex(place)] * int(times)
            errors += [float(step) + 1e-15 * size] * int(times)
    return Zeros(np.array(kept, complex), np.array(errors))
