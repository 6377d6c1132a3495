"""What the stationary theories are asked: lags and frequencies, known before anything is compiled, and a branch by name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from quenched import checks
from quenched.theory import Start

LAGS = tuple(np.linspace(0.0, 20.0, 81).tolist())
FREQUENCIES = tuple(np.linspace(0.0, 10.0, 101).tolist())


def read_axis(name: str, values: Iterable[Any] | None, default: tuple[float, ...]) -> tuple[float, ...]:
    """Increasing numbers from 0 on, hashable."""
    if values is None:
        return default
    if isinstance(values, str | bytes) or not isinstance(values, Iterable):
        raise TypeError(f"Argument `{name}` must be a sequence of numbers, but is {values!r}.")
    array = checks.numbers(f"Argument `{name}`", values if hasattr(values, "__array__") else list(values))
    if array.ndim != 1 or not array.size or not np.isfinite(array).all() or array[0] < 0.0 or np.any(np.diff(array) <= 0.0):
        raise ValueError(
            f"Argument `{name}` must be increasing finite numbers, none below 0, but is {values!r}; try numpy.linspace."
        )
    return tuple(array.tolist())


def refuse_values(start: Start) -> None:
    """Nothing is iterated from a guess here."""
    if start.values is not None:
        raise ValueError(
            "Argument `start` must name a branch for stationary states, whose equations are bracketed and need no guess; "
            "try start='chaotic', or leave it out."
        )
