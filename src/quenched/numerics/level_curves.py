"""Closed curves on which some functions vanish, one fewer than there are unknowns, followed by arclength.

A curve is followed in the space of all unknowns, in which it has no corners: where two of the unknowns fold onto a line, or
come to a point, the others go on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

Point = Float[np.ndarray, " unknown"]
# Value, (unknown - 1), and its derivatives, (unknown - 1, unknown).
Equations = Callable[[Point], tuple[np.ndarray, np.ndarray]]

# What is left of the equations at a point that counts as on the curve.
_ON_CURVE = 1e-11
# Angle between two tangents above which a step is taken again, half as long, and below which the next may be longer.
_SHARP, _STRAIGHT = 0.3, 0.1
_LONGEST, _SHORTEST, _MOST_STEPS, _CORRECTIONS = 0.15, 1e-7, 4000, 6


class Curve(NamedTuple):
    """Points on it, in order, the first not repeated."""

    points: Float[np.ndarray, "point unknown"]
    closed: bool


def follow(equations: Equations, start: Point, scale: Point) -> Curve:
    """From a point on the curve until it comes back; lengths are measured in units of `scale`."""

    def at(point: Point) -> tuple[np.ndarray, np.ndarray]:
        value, jacobian = equations(point * scale)
        return np.asarray(value), np.asarray(jacobian) * scale

    here = np.asarray(start, float) / scale
    tangent = _tangent(at(here)[1], None)
    first, points, step = here, [here], 0.3 * _LONGEST
    for count in range(_MOST_STEPS):
        found = _corrected(at, here + step * tangent)
        turned = None if found is None else _tangent(found[1], tangent)
        if found is None or turned is None or turned @ tangent < np.cos(_SHARP) or _far(found[0], here, step):
            step *= 0.5
            if step < _SHORTEST:
                return Curve(np.array(points) * scale, False)
            continue
        there = found[0]
        if count > 2 and _passes(here, there, first):
            return Curve(np.array(points) * scale, True)
        straight = turned @ tangent > np.cos(_STRAIGHT)
        here, tangent, points = there, turned, [*points, there]
        step = min(1.5 * step, _LONGEST) if straight else step
    return Curve(np.array(points) * scale, False)


def _far(there: Point, here: Point, step: float) -> bool:
    """Whether a correction has led elsewhere."""
    return bool(np.linalg.norm(there - here) > 1.5 * step)


def _passes(here: Point, there: Point, first: Point) -> bool:
    """Whether the first point is between two, on the same strand."""
    along = there - here
    share = (first - here) @ along / (along @ along)
    return bool(0.0 < share <= 1.0 and np.linalg.norm(first - here - share * along) < 0.3 * np.linalg.norm(along))


def _tangent(jacobian: np.ndarray, before: np.ndarray | None) -> np.ndarray:
    """Of unit length, in the direction of the one before."""
    _, _, rows = np.linalg.svd(jacobian)
    found: np.ndarray = rows[-1]
    return -found if before is not None and found @ before < 0.0 else found


def _corrected(at: Equations, point: Point) -> tuple[Point, np.ndarray] | None:
    """The point of the curve that Newton's method finds, the shortest steps there are; None where it finds none."""
    for _ in range(_CORRECTIONS):
        value, jacobian = at(point)
        if not np.isfinite(value).all() or not np.isfinite(jacobian).all():
            return None
        if np.max(np.abs(value)) < _ON_CURVE:
            return point, jacobian
        point = point - np.linalg.lstsq(jacobian, value, rcond=None)[0]
    return None


def corrected(
    equations: Callable[[Array], Array], points: Any, scale: Any, steps: int = _CORRECTIONS
) -> tuple[Array, Array]:
    """The same for many points at once, by equations that JAX can trace; and what is left of them."""

    def once(_: Any, point: Array) -> Array:
        value, jacobian = equations(point * scale), jax.jacfwd(equations)(point * scale) * scale
        # The shortest step, where rows may be nearly dependent.
        gram = jacobian @ jacobian.T
        return point - jacobian.T @ jnp.linalg.solve(gram, value)

    def one(point: Array) -> tuple[Array, Array]:
        found = jax.lax.fori_loop(0, steps, once, point / scale) * scale
        return found, jnp.max(jnp.abs(equations(found)))

    found: tuple[Array, Array] = jax.vmap(one)(jnp.asarray(points))
    return found


def evenly(points: Float[np.ndarray, "point unknown"], scale: Point, count: int) -> Float[np.ndarray, "even unknown"]:
    """So many points along the polygon through these, evenly by its length; near the curve, and to be corrected."""
    closed = np.concatenate([points, points[:1]])
    lengths = np.linalg.norm(np.diff(closed / scale, axis=0), axis=1)
    along = np.concatenate([[0.0], np.cumsum(lengths)])
    wanted = np.arange(count) * along[-1] / count
    return np.stack([np.interp(wanted, along, column) for column in closed.T], axis=1)
