"""Every combination of the swept values, checked before any work."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any

import jax
import numpy as np

from quenched.checks import nearest
from quenched.models import AbstractModel
from quenched.models.parameters import Path, find_path, value_at
from quenched.numerics.memory import refuse_what_does_not_fit
from quenched.solve import chosen_way
from quenched.sweeps.family import (
    Family,
    arguments_of,
    models_by_function,
    models_by_name,
    refuse_missing,
    theories_by_name,
)
from quenched.sweeps.values import read_values
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
# Axes of the values of a parameter that is an array itself.
_ENTRIES = {1: ("entry",), 2: ("row", "column")}
# Of elliptic couplings, those that have a critical gain.
_GAIN = ("couplings", "gain")

Model = AbstractModel | Callable[..., AbstractModel]


@dataclass(frozen=True)
class Grid:
    """Points in the order of nested loops, the last axis fastest."""

    axes: dict[str, np.ndarray]
    """The values along each, (value, ...)."""
    models: Family
    theories: Family
    solver: Any
    """That of the ways chosen."""
    asked: Any
    """That of the theory, which the ways were chosen by."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Values along each axis."""
        return tuple(len(values) for values in self.axes.values())

    def places(self, family: Family) -> np.ndarray:
        """Which of a family each point has, (point,)."""
        own = [len(values) if name in family.names else 1 for name, values in self.axes.items()]
        return np.broadcast_to(np.arange(math.prod(own)).reshape(own), self.shape).ravel()

    @cached_property
    def points(self) -> list[tuple[AbstractModel, AbstractTheory | AbstractExperiment]]:
        """Model and theory of every point."""
        models, theories = self.models.records, self.theories.records
        pairs = zip(self.places(self.models), self.places(self.theories), strict=True)
        return [(models[model], theories[theory]) for model, theory in pairs]

    def stacked(self, indices: Sequence[int] | np.ndarray) -> tuple[Any, Any]:
        """Model and theory of some points as records of arrays, whose first axis is the point."""
        chosen = [(family.stacked, self.places(family)[indices]) for family in (self.models, self.theories)]
        model, theory = (jax.tree.map(lambda leaf, rows=rows: leaf[rows], record) for record, rows in chosen)
        return model, theory

    def coordinates(self) -> dict[str, Any]:
        """The axes with their symbols, as xarray wants them. Of values that are arrays the axis is their number, and they
        are beside it; so are the parameters that a function made of its arguments."""
        found: dict[str, Any] = {}
        for name, values in self.axes.items():
            attributes = _described(name)
            if values.ndim == 1:
                found[name] = (name, values, attributes)
            else:
                found[name] = (name, np.arange(len(values)), {"long_name": f"number of the value of {name}"})
                found[f"{name}_values"] = ((name, *_entries(name, values.ndim - 1)), values, attributes)
        return found | self._made()

    def _made(self) -> dict[str, Any]:
        """Parameters that are no axis themselves, over the axes that they change along."""
        over = self.models.names
        lengths = tuple(len(self.axes[name]) for name in over)
        return {
            name: ((*over, *_entries(name, values.ndim - 1)), values.reshape(*lengths, *values.shape[1:]), _described(name))
            for name, values in self.models.varied.items()
            if name not in self.models.swept.values() and name not in self.axes
        }

    def critical_gain(self) -> tuple[tuple[str, ...], np.ndarray]:
        """g_c over the axes along which it may change: not those of the gain, the noise and the field."""
        family = self.models
        paths = family.records[0].parameters
        changing = [name for name in family.varied if paths[name][0] in ("couplings", "unit") and paths[name] != _GAIN]
        over = tuple(name for name in family.names if changing and family.swept.get(name, changing[0]) in changing)
        rows = self.places(family).reshape(self.shape)[tuple(slice(None) if name in over else 0 for name in self.axes)]
        found: dict[bytes, float] = {}

        def of(row: int) -> float:
            key = b"".join(family.varied[name][row].tobytes() for name in changing)
            if key not in found:
                found[key] = float(family.records[row].critical_gain)
            return found[key]

        return over, np.reshape([of(row) for row in rows.ravel().tolist()], rows.shape)


def make_grid(model: Model, theory: Theory, over: Mapping[str, Any], solver: Any = None) -> Grid:
    """Build every model and theory by the constructors, so that each value meets the checks it always meets."""
    if not isinstance(over, Mapping) or not over:
        raise ValueError(
            f"Argument `over` must map parameters to the values to sweep, such as {{'gain': [0.5, 1.0]}}, but is {over!r}."
        )
    of_theory = [name for name in over if name in _numbers(theory)]
    for name in over:
        _check_name(name, model, theory)
    raw = {name: read_values(name, values) for name, values in over.items()}
    points = math.prod(map(len, raw.values()))
    refuse_what_does_not_fit(_BYTES_OF_A_POINT * points, f"A grid of {points} points", "the number of values in `over`")
    own = {name: values for name, values in raw.items() if name not in of_theory}
    if isinstance(model, AbstractModel):
        models = models_by_name(model, own)
    else:
        refuse_missing(model, own)
        models = models_by_function(model, own)
    theories = theories_by_name(theory, {name: raw[name] for name in of_theory})
    # One method for the whole grid: what it returns has one shape.
    ways = [chosen_way(each, models.records, solver) for each in theories.records]
    theories = replace(theories, records=[way.theory for way in ways])
    return Grid({name: np.asarray(values, dtype=np.float64) for name, values in raw.items()}, models, theories, *ways[0][1:])


def _check_name(name: str, model: Model, theory: Theory) -> None:
    """Refuse what is neither a parameter of the theory nor one of the model, or cannot be swept."""
    of_theory, known = _numbers(theory), model.parameters if isinstance(model, AbstractModel) else {}
    allowed = [each for each, path in known.items() if _sweepable(model, path)]
    if not isinstance(model, AbstractModel):
        allowed = arguments_of(model)
    if name in of_theory and name in allowed:
        raise ValueError(
            f"Argument `over` names {name!r}, which both the model and the theory have: rename that of the model."
        )
    if name in of_theory or name in allowed:
        return
    if name in (field.name for field in fields(theory)):
        raise ValueError(
            f"Argument `over` cannot vary {name!r}, which fixes the shape of the computation; sweep once for each value."
        )
    if any(name == path[-1] or name == ".".join(path) for path in known.values()):
        if _sweepable(model, find_path(known, name)):
            return
        raise ValueError(
            f"Argument `over` cannot vary {name!r}, which is no number, or fixes the structure of the model; "
            "sweep once for each."
        )
    words = [*allowed, *of_theory]
    if not words:
        raise ValueError(
            f"Argument `over` names {name!r}, but the model is a function of nothing, and the theory has no number."
        )
    raise ValueError(
        f"Argument `over` must name parameters out of {', '.join(words)}, but names {name!r}."
        f"{nearest(name, [*words, *map('.'.join, known.values())])}"
    )


def _sweepable(model: Any, path: Path) -> bool:
    """Numbers, arrays of them, and what was left out, unless they are part of the structure."""
    owner, value = value_at(model, path[:-1]), value_at(model, path)
    static = any(each.name == path[-1] and each.metadata.get("static", False) for each in fields(owner))
    number = not isinstance(value, bool) and isinstance(value, int | float | np.number | np.ndarray)
    return not static and (value is None or number)


def _numbers(theory: Theory) -> list[str]:
    """Parameters that hold one number and are no part of a compiled shape."""
    return [
        field.name
        for field in fields(theory)
        if not field.metadata.get("static", False) and isinstance(getattr(theory, field.name), int | float | np.number)
    ]


def _entries(name: str, count: int) -> list[str]:
    """Names of the axes of an array parameter."""
    return [f"{name}_{each}" for each in _ENTRIES.get(count, range(count))]


def _described(name: str) -> dict[str, str]:
    symbol, meaning = SWEPT.get(name.rpartition(".")[2], (name, name))
    return {"symbol": symbol, "long_name": meaning}
