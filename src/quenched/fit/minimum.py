"""Where the squares are least: bounded least squares from several starts."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.optimize import least_squares

from quenched.fit.parameters import Free
from quenched.fit.problem import Problem
from quenched.status import Status

# A step that changes a parameter by less than this part of it, or the squares by less, is the last.
_STEP, _SQUARES = 1e-11, 1e-13
# Spread of further starts around the first: of the logarithm of what cannot be below 0, otherwise of the value, relative to
# itself or to 1.
_SPREAD = 0.5
# Starts that are tried for each that is wanted, where the theory has no answer at many.
_TRIED = 5


class Minimum(NamedTuple):
    """One end of the search."""

    values: np.ndarray
    chi_square: float
    status: Status


def search(problem: Problem, starts: int, max_steps: int, fixed: dict[int, float] | None = None) -> list[Minimum]:
    """The ends of searches from several starts, the lowest first; empty where the theory has no answer at any start.

    `fixed` are parameters, by their place, that keep a value.
    """
    found: list[Minimum] = []
    for first in _starts(problem.free, starts):
        if len(found) >= starts:
            break
        end = descend(problem, first, max_steps, fixed)
        if end is not None:
            found.append(end)
    return sorted(found, key=lambda end: end.chi_square)


def descend(problem: Problem, first: np.ndarray, max_steps: int, fixed: dict[int, float] | None = None) -> Minimum | None:
    """The minimum that a search from here leads to, None where the theory has no answer at its start."""
    free = problem.free
    held = fixed or {}
    whole = np.array(first, float)
    for place, value in held.items():
        whole[place] = value
    moved = np.array([place for place in range(len(whole)) if place not in held], int)

    def at(values: np.ndarray) -> np.ndarray:
        every = whole.copy()
        every[moved] = values
        return every

    # A search begins inside of the bounds; SciPy moves it there, and so is it asked whether the theory has an answer.
    begin = np.clip(whole, free.low, free.high)[moved]
    inside = _inside(begin, free.low[moved], free.high[moved])
    if not np.isfinite(problem.residuals(at(inside))).all():
        return None
    if not moved.size:
        return Minimum(at(inside), float(np.sum(problem.residuals(at(inside)) ** 2)), Status.solved)
    # Where the data do not see a direction SciPy divides 0 by 0 on its way to a step that does without it.
    with np.errstate(invalid="ignore", divide="ignore"):
        found = least_squares(
            lambda values: problem.residuals(at(values)),
            inside,
            lambda values: problem.slopes(at(values))[:, moved],
            bounds=(free.low[moved], free.high[moved]),
            x_scale="jac",
            xtol=_STEP,
            ftol=_SQUARES,
            gtol=None,
            max_nfev=max_steps,
        )
    status = Status.solved if found.status > 0 else Status.out_of_steps
    return Minimum(at(found.x), 2.0 * float(found.cost), status)


def _inside(values: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Away from the bounds by a hundredth of the room, or of the scale of the parameter."""
    room = np.where(np.isfinite(high - low), high - low, np.maximum(1.0, np.abs(values)))
    return np.asarray(np.clip(values, low + 0.01 * room, high - 0.01 * room))


def _starts(free: Free, count: int) -> list[np.ndarray]:
    """The first as asked for, the others around it, always the same ones."""
    random = np.random.default_rng(0)
    starts = [free.first]
    for _ in range(_TRIED * count - 1):
        spread = _SPREAD * random.standard_normal(len(free.first))
        aside = free.first + spread * np.maximum(1.0, np.abs(free.first))
        times = np.where(free.first == 0.0, np.abs(spread), free.first * np.exp(spread))
        scattered = np.where(free.low >= 0.0, times, aside)
        starts.append(np.clip(scattered, free.low, free.high))
    return starts
