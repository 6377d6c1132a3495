"""Parameters of a model made of parts: where they are, what they are, and the model with others."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping
from functools import reduce
from typing import Any

from quenched.checks import nearest
from quenched.couplings.base import AbstractCouplings
from quenched.models.drive import Sinusoid
from quenched.units.base import AbstractUnit
from quenched.units.unit import Unit

Path = tuple[str, ...]
"""Steps from a model to a parameter: names of fields, and places in a tuple."""


def parameter_paths(model: Any) -> dict[str, Path]:
    """Every parameter under its last word where no other has that, under its whole path otherwise."""
    found = _paths(model)
    ends = Counter(path[-1] for path in found)
    return {path[-1] if ends[path[-1]] == 1 else ".".join(path): path for path in found}


def find_path(known: Mapping[str, Path], name: str) -> Path:
    """Where the parameter `name` is: the last word of its path, while that is unique, or the whole of it."""
    if name in known:
        return known[name]
    whole = tuple(name.split("."))
    if whole in known.values():
        return whole
    several = [each for each, path in known.items() if path[-1] == name]
    if several:
        raise ValueError(f"The model has several parameters {name!r}: say which, {' or '.join(map(repr, several))}.")
    words = [*known, *(".".join(path) for path in known.values())]
    has = f" It has {', '.join(known)}."
    raise ValueError(f"The model has no parameter {name!r}.{nearest(name, words) or has}")


def value_at(record: Any, path: Path) -> Any:
    """What is there."""
    return reduce(_inside, path, record)


def rebuilt(record: Any, changes: Mapping[Path, Any]) -> Any:
    """The record with other values at some paths: every record on the way is made anew by its constructor, which checks."""
    by_step: dict[str, dict[Path, Any]] = {}
    for (first, *rest), value in changes.items():
        by_step.setdefault(first, {})[tuple(rest)] = value
    inside = {
        step: deeper[()] if () in deeper else rebuilt(_inside(record, step), deeper) for step, deeper in by_step.items()
    }
    if isinstance(record, tuple):
        return tuple(inside.get(str(place), each) for place, each in enumerate(record))
    return dataclasses.replace(record, **inside)


def kinds_of_parts(record: Any, above: Path = ()) -> dict[str, Any]:
    """The parts that a model is made of, under their paths."""
    found = {".".join(above): record} if above and not isinstance(record, tuple) else {}
    for name, value in _fields(record).items():
        if _is_part(value, above):
            found |= kinds_of_parts(value, (*above, name))
    return found


def _paths(record: Any, above: Path = ()) -> list[Path]:
    found = []
    for name, value in _fields(record).items():
        path = (*above, name)
        found += _paths(value, path) if _is_part(value, above) else [path]
    return found


def _fields(record: Any) -> dict[str, Any]:
    if isinstance(record, tuple):
        return {str(place): each for place, each in enumerate(record)}
    # Functions are no parameters.
    return {} if isinstance(record, Unit) else {each.name: getattr(record, each.name) for each in dataclasses.fields(record)}


def _is_part(value: Any, above: Path) -> bool:
    # Of tuples only that of the units: those inside of a part are values.
    return isinstance(value, AbstractCouplings | AbstractUnit | Sinusoid) or (isinstance(value, tuple) and not above)


def _inside(record: Any, step: str) -> Any:
    return record[int(step)] if isinstance(record, tuple) else getattr(record, step)
