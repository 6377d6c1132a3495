"""Every combination of the swept values, checked before any work."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from quenched import checks
from quenched.checks import nearest
from quenched.models import RandomNetwork
from quenched.numerics.memory import refuse_what_does_not_fit
from quenched.solve import chosen_way
from quenched.theory import AbstractExperiment, AbstractTheory, Theory

# Model and theory of a point, as Python objects.
_BYTES_OF_A_POINT = 4000
# Symbol and meaning of what can be swept, for the coordinates of a dataset.
SWEPT = {
    "gain": ("g", "coupling scale"),
    "symmetry": (r"\eta", "correlation of J_ij and J_ji"),
    "noise": (r"\sigma", "strength of white noise"),
    "field": ("b", "constant input"),
    "temperature": ("T", "temperature of exp(-E/T)"),
}


@dataclass(frozen=True)
class Grid:
    """Points in the order of nested loops, the last axis fastest."""

    axes: dict[str, np.ndarray]
    points: list[tuple[RandomNetwork, AbstractTheory | AbstractExperiment]]

    @property
    def shape(self) -> tuple[int, ...]:
        """Values along each axis."""
        return tuple(len(values) for values in self.axes.values())

    def coordinates(self) -> dict[str, Any]:
        """The axes with their symbols, as xarray wants them."""
        found: dict[str, Any] = {}
        for name, values in self.axes.items():
            symbol, meaning = SWEPT.get(name, (name, name))
            found[name] = (name, values, {"symbol": symbol, "long_name": meaning})
        return found

    def critical_gain(self) -> tuple[tuple[str, ...], np.ndarray]:
        """g_c, which the symmetry alone changes."""
        model = self.points[0][0]
        if "symmetry" not in self.axes:
            return (), np.asarray(model.critical_gain)
        models = (model.replace(symmetry=value) for value in self.axes["symmetry"])
        return ("symmetry",), np.array([float(each.critical_gain) for each in models])


def make_grid(model: RandomNetwork, theory: Theory, over: Mapping[str, Any]) -> Grid:
    """Build every point by the constructors, so that each value meets the checks it always meets."""
    if not isinstance(over, Mapping) or not over:
        raise ValueError(
            f"Argument `over` must map parameters to the values to sweep, such as {{'gain': [0.5, 1.0]}}, but is {over!r}."
        )
    names = {"model": _numbers(model), "theory": _numbers(theory)}
    raw = {name: _values(name, values, names, theory) for name, values in over.items()}
    points = math.prod(map(len, raw.values()))
    refuse_what_does_not_fit(_BYTES_OF_A_POINT * points, f"A grid of {points} points", "the number of values in `over`")
    asked: list[tuple[RandomNetwork, Theory]] = []
    for combination in itertools.product(*raw.values()):
        chosen = dict(zip(raw, combination, strict=True))
        asked.append(
            tuple(
                _replaced(owner, {name: chosen[name] for name in raw if name in names[role]})
                for role, owner in (("model", model), ("theory", theory))
            )
        )
    # One method for the whole grid: what it returns has one shape.
    models = [model for model, _ in asked]
    chosen_points = [(model, chosen_way(theory, models)) for model, theory in asked]
    axes = {name: np.asarray(values, dtype=np.float64) for name, values in raw.items()}
    return Grid(axes, chosen_points)


def _numbers(owner: Any) -> list[str]:
    """Parameters that hold one number and are no part of a compiled shape."""
    if isinstance(owner, RandomNetwork):
        return [name for name, value in owner.values().items() if isinstance(value, int | float | np.number)]
    return [
        field.name
        for field in fields(owner)
        if not field.metadata.get("static", False) and isinstance(getattr(owner, field.name), int | float | np.number)
    ]


def _values(name: str, values: Any, names: Mapping[str, list[str]], theory: Theory) -> Sequence[Any]:
    allowed = [*names["model"], *names["theory"]]
    if name not in allowed:
        if name in (field.name for field in fields(theory)):
            raise ValueError(
                f"Argument `over` cannot vary {name!r}, which fixes the shape of the computation; sweep once for each value."
            )
        raise ValueError(
            f"Argument `over` must name parameters out of {', '.join(allowed)}, but names {name!r}.{nearest(name, allowed)}"
        )
    what = f"The values of {name!r} in Argument `over`"
    checks.refuse_masks_and_units(what, values)
    if not _is_list(values):
        raise ValueError(f"Argument `over` must give a list of numbers for {name!r}, but gives {values!r}.")
    # What is in a list is for the parameter's own check to judge.
    values = checks.numbers(what, values) if hasattr(values, "__array__") else values
    listed = [float(value) if isinstance(value, _NUMBERS) and not isinstance(value, bool) else value for value in values]
    if not listed:
        raise ValueError(f"Argument `over` must give at least one value for {name!r}, but gives none.")
    times = Counter(value if isinstance(value, Hashable) else repr(value) for value in listed)
    repeated = [value for value in times if times[value] > 1]
    if repeated:
        raise ValueError(f"Argument `over` must not repeat a value, but gives {repeated[0]!r} for {name!r} twice.")
    return listed


_NUMBERS = (int, np.integer, np.floating)


def _is_list(values: Any) -> bool:
    try:
        return not isinstance(values, str | bytes) and np.ndim(values) == 1
    except ValueError:  # of lists that differ in length
        return False


def _replaced(owner: Any, changes: dict[str, Any]) -> Any:
    if isinstance(owner, RandomNetwork):
        return owner.replace(**changes)
    return replace(owner, **changes) if changes else owner
