"""Times whose steps grow with the time, and the implicit scheme of second order on them (BDF2).

    x_n = a x_{n-1} + b x_{n-2} + c F(x_n)

with the derivative at t_n of the parabola through three points; the first step has two (implicit Euler).
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

# Of a step to the one before: BDF2 is stable up to 1 + sqrt(2).
_MOST = 2.2


class Backward(NamedTuple):
    """Coefficients of each time; those of the first are not used."""

    last: Float[np.ndarray, " time"]
    """a"""
    second: Float[np.ndarray, " time"]
    """b"""
    now: Float[np.ndarray, " time"]
    """c"""
    ratio: Float[np.ndarray, " time"]
    """Of the step to the one before: x_{n-1} + ratio (x_{n-1} - x_{n-2}) is where x_n is looked for first."""


def growing_grid(
    asked: Float[np.ndarray, " asked"], step: float, growth: float, halved: bool = False
) -> Float[np.ndarray, " time"]:
    """From 0 through all times asked for, by steps of at most `step`, or the part `growth` of the time where that is more;
    or by the halves of these.

    In s, which rises by 1 a step (t/step, and ln(t)/growth later), points are equally spaced between times asked for. Where
    two of these are close, steps grow again by `_MOST` at most.
    """
    turn = step / growth

    def place(time: Any) -> np.ndarray:
        return np.where(time < turn, time / step, 1.0 / growth * (1.0 + np.log(np.maximum(time, turn) / turn)))

    def time_at(place: Any) -> np.ndarray:
        return np.where(place < 1.0 / growth, place * step, turn * np.exp(np.minimum(growth * place - 1.0, 700.0)))

    found = [0.0]
    ends = np.unique(np.concatenate([[0.0], asked]))
    for begin, end in pairwise(ends):
        low, high = place(np.array([begin, end]))
        count = max(1, int(np.ceil(high - low - 1e-9)))
        for point in [*time_at(np.linspace(low, high, count + 1)[1:-1]), end]:
            _go_on(found, float(point))
    times = np.array(found)
    if not halved:
        return times
    between = time_at(0.5 * (place(times[1:]) + place(times[:-1])))
    return np.concatenate([times[:1], np.stack([between, times[1:]], axis=1).ravel()])


def _go_on(times: list[float], point: float) -> None:
    """To a further point, by steps that grow by `_MOST` at most."""
    while len(times) > 1 and point - times[-1] > _MOST * (1.0 + 1e-9) * (times[-1] - times[-2]):
        last = times[-1] - times[-2]
        # Twice as much is left at least: the steps after it have their own length again.
        times.append(times[-1] + min(2.0 * last, (point - times[-1]) / 3.0))
    times.append(point)


def backward(times: Float[np.ndarray, " time"]) -> Backward:
    """Coefficients of the scheme."""
    steps = np.diff(times)
    last, second, now = np.ones(len(times)), np.zeros(len(times)), np.zeros(len(times))
    now[1:2] = steps[:1]
    ratio = steps[1:] / steps[:-1]
    last[2:] = (1.0 + ratio) ** 2 / (1.0 + 2.0 * ratio)
    second[2:] = -(ratio**2) / (1.0 + 2.0 * ratio)
    now[2:] = steps[1:] * (1.0 + ratio) / (1.0 + 2.0 * ratio)
    return Backward(last, second, now, np.concatenate([np.zeros(2), ratio])[: len(times)])
