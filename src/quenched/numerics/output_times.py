"""Times at which a long run returns its results."""

from __future__ import annotations

from typing import Any

import numpy as np

from quenched import checks

_USUAL = 48


def read_times(times: Any, steps: int, step: float) -> int | tuple[float, ...] | None:
    """How many, or a rising sequence of multiples of the step from 0 to the duration."""
    if times is None:
        return None
    if np.ndim(times) == 0:
        return checks.count("times", times, low=2)
    found = checks.real_array("Argument `times`", times, (None,))
    if found.size == 0:
        raise ValueError("Argument `times` must name at least one time, but is empty.")
    if found.min() < 0.0 or found.max() > step * steps * (1.0 + 1e-9):
        raise ValueError(
            f"Argument `times` must lie between 0 and the duration {step * steps:g}, but reaches from {found.min():g} to "
            f"{found.max():g}."
        )
    if np.any(np.diff(found) <= 0.0):
        raise ValueError("Argument `times` must rise, each later than the one before.")
    off = np.abs(step * np.round(found / step) - found) > 1e-9 * np.maximum(1.0, found)
    if off.any():
        raise ValueError(f"Argument `times` must be multiples of `step` = {step:g}, but contains {found[off][0]:g}.")
    return tuple(found.tolist())


def output_steps(times: int | tuple[float, ...] | None, steps: int, step: float) -> tuple[int, ...]:
    """The times, in steps. Where their number is asked for 0 and others up to the last, less those that round alike."""
    if isinstance(times, tuple):
        return tuple(round(time / step) for time in times)
    spaced = np.round(np.geomspace(1, steps, (times or _USUAL) - 1)).astype(int)
    return tuple(dict.fromkeys([0, *spaced.tolist()]))
