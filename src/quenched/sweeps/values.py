"""The values of one axis of a sweep: numbers, or arrays of numbers of one shape."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from quenched import checks

_NUMBERS = (int, np.integer, np.floating)


def read_values(name: str, values: Any) -> list[Any]:
    """A list of numbers or of arrays; what a parameter allows is for its own check to judge."""
    what = f"The values of {name!r} in Argument `over`"
    checks.refuse_masks_and_units(what, values)
    depth = _depth(values)
    if depth is None:
        raise ValueError(f"Argument `over` must give a list of numbers for {name!r}, but gives {values!r}.")
    if depth > 1 or hasattr(values, "__array__"):
        values = checks.numbers(what, values)
    listed = [float(value) if isinstance(value, _NUMBERS) and not isinstance(value, bool) else value for value in values]
    if not listed:
        raise ValueError(f"Argument `over` must give at least one value for {name!r}, but gives none.")
    times = Counter(map(_written, listed))
    for value in listed if len(times) < len(listed) else ():
        if times[_written(value)] > 1:
            raise ValueError(f"Argument `over` must not repeat a value, but gives {value} for {name!r} twice.")
    return listed


def _written(value: Any) -> Any:
    return value.tobytes() if isinstance(value, np.ndarray) else repr(value)


def _depth(values: Any) -> int | None:
    """How deep the lists are, or None if it is no list, or one of lists that differ in length."""
    try:
        return None if isinstance(values, str | bytes) else np.ndim(values) or None
    except ValueError:
        return None
