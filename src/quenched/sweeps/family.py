"""Models and theories of a sweep: of one structure, one for each combination of the values that they depend on."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property, partial
from typing import Any

import jax
import numpy as np

from quenched.checks import nearest, shown
from quenched.models import AbstractModel
from quenched.models.parameters import Path, find_path, rebuilt, value_at

Values = Mapping[str, Sequence[Any]]


@dataclass(frozen=True)
class Family:
    """Records in the order of nested loops over the values of `names`, the last fastest."""

    names: tuple[str, ...]
    records: list[Any]
    columns: Any = None
    """The same as one record of arrays whose first axis is the record; stacked when asked for, if not known before."""
    varied: dict[str, np.ndarray] = field(default_factory=dict)
    """The parameters that differ from record to record, (record, ...), by their names."""
    swept: dict[str, str] = field(default_factory=dict)
    """Which of these each of `names` is; none where a function makes them."""

    @cached_property
    def stacked(self) -> Any:
        """One record of arrays, the first axis the record."""
        return jax.tree.map(lambda *values: np.stack(values), *self.records) if self.columns is None else self.columns


def combinations(values: Values) -> list[dict[str, Any]]:
    """All of them, the last name fastest."""
    return [dict(zip(values, each, strict=True)) for each in itertools.product(*values.values())]


def theories_by_name(theory: Any, values: Values) -> Family:
    """A theory with other parameters."""
    return Family(tuple(values), [replace(theory, **each) if each else theory for each in combinations(values)])


def models_by_name(model: AbstractModel, values: Values) -> Family:
    """A model with other parameters. Each part of it is built by its constructor for every combination of its own values;
    models are put together of parts that were checked."""
    known = model.parameters
    paths = {name: find_path(known, name) for name in values}
    if len(set(paths.values())) < len(paths):
        raise ValueError(f"Argument `over` must name a parameter once, but names {', '.join(map(repr, paths))}.")
    first = _named(lambda: rebuilt(model, {paths[name]: each[0] for name, each in values.items()}), values)
    shape = tuple(len(each) for each in values.values())
    count = int(np.prod(shape))
    parts: dict[str, list[Any]] = {}
    columns = {each: _repeated(getattr(first, each), count) for each in _names(first)}
    for part in dict.fromkeys(path[0] for path in paths.values()):
        own = {name: path[1:] for name, path in paths.items() if path[0] == part}
        made = _parts(first, part, own, values)
        places = np.arange(len(made)).reshape(
            [length if name in own else 1 for name, length in zip(values, shape, strict=True)]
        )
        order = np.broadcast_to(places, shape).ravel()
        columns[part] = jax.tree.map(lambda leaf, order=order: leaf[order], _stacked_alike(made))
        parts[part] = [made[place] for place in order]
    models = [_together(first, {name: each[row] for name, each in parts.items()}) for row in range(count)]
    stacked = _together(first, columns)
    names = {path: name for name, path in known.items()}
    swept = {name: names[path] for name, path in paths.items()}
    varied = {names[path]: value_at(stacked, path) for path in paths.values()}
    return Family(tuple(values), models, stacked, varied, swept)


def models_by_function(function: Callable[..., AbstractModel], values: Values) -> Family:
    """What a function returns for every combination of its arguments."""
    made = []
    for each in combinations(values):
        found = function(**each)
        if not isinstance(found, AbstractModel):
            raise TypeError(
                f"Argument `model` must be a function that returns a qd.RandomNetwork, but returns {shown(found)}."
            )
        made.append(found)
    stacked = _stacked_alike(made, values)
    leaves = {
        tuple(str(getattr(step, "name", getattr(step, "idx", ""))) for step in path): leaf
        for path, leaf in jax.tree_util.tree_flatten_with_path(stacked)[0]
    }
    varied = {
        name: leaves[path]
        for name, path in made[0].parameters.items()
        if path in leaves and np.ptp(leaves[path], axis=0).any()
    }
    return Family(tuple(values), made, stacked, varied)


def arguments_of(function: Callable[..., Any]) -> list[str]:
    """The names that a model's function takes; those without a default must be swept."""
    return list(inspect.signature(function).parameters)


def refuse_missing(function: Callable[..., Any], values: Values) -> None:
    """Refuse a sweep that leaves an argument of the model's function open."""
    for name, argument in inspect.signature(function).parameters.items():
        named = argument.kind in (argument.POSITIONAL_OR_KEYWORD, argument.KEYWORD_ONLY)
        if named and argument.default is argument.empty and name not in values:
            raise ValueError(
                f"Argument `model` is a function of {name!r}, but Argument `over` gives no values for it; sweep over it, or "
                f"give it a default.{nearest(name, values)}"
            )


def _names(model: AbstractModel) -> list[str]:
    return [each.name for each in fields(model)]


def _parts(first: AbstractModel, part: str, own: Mapping[str, Path], values: Values) -> list[Any]:
    """A part for every combination of the values of its own parameters."""
    whole = () in own.values()  # of noise and field, which are no parts

    def made(each: dict[str, Any]) -> Any:
        changes = {path: each[name] for name, path in own.items()}
        return getattr(rebuilt(first, {(part,): changes[()]}), part) if whole else rebuilt(getattr(first, part), changes)

    own_values = {name: values[name] for name in own}
    return [_named(partial(made, each), own_values) for each in combinations(own_values)]


def _named(make: Callable[[], Any], values: Values) -> Any:
    """What is made; an error says which parameter has the values where its own message would not."""
    try:
        return make()
    except (ValueError, TypeError) as error:
        shapes = {name: np.shape(each[0]) for name, each in values.items()}
        arrays = [f"arrays of shape {shape} for {name!r}" for name, shape in shapes.items() if shape]
        paths = [repr(name) for name in values if "." in name]
        if arrays:
            raise type(error)(f"Argument `over` gives {' and '.join(arrays)}: {error}") from None
        if paths:
            raise type(error)(f"In the values of {' and '.join(paths)} in Argument `over`: {error}") from None
        raise


def _together(model: AbstractModel, parts: Mapping[str, Any]) -> AbstractModel:
    """The model with parts that were checked before: its own constructor checks of them only how they are built, which is as
    in `model`."""
    made = object.__new__(type(model))
    for name in _names(model):
        object.__setattr__(made, name, parts.get(name, getattr(model, name)))
    return made


def _repeated(record: Any, count: int) -> Any:
    return jax.tree.map(lambda leaf: np.broadcast_to(leaf, (count, *np.shape(leaf))), record)


def _stacked_alike(records: Sequence[Any], values: Values | None = None) -> Any:
    """One record of arrays; refused where the records are not of one structure."""
    flat = [jax.tree.flatten(each) for each in records]
    kinds = [(tree, tuple(map(np.shape, leaves))) for leaves, tree in flat]
    for place, kind in enumerate(kinds):
        if kind != kinds[0]:
            points = [""] * len(records) if values is None else [f" at {_point(each)}" for each in combinations(values)]
            raise ValueError(
                "All points of a sweep must have models of one structure, with the same parts, functions and numbers of "
                f"populations, but there is {records[0]!r}{points[0]} and {records[place]!r}{points[place]}; "
                "make a sweep of each."
            )
    columns = [np.stack(column) for column in zip(*(leaves for leaves, _ in flat), strict=True)]
    return jax.tree.unflatten(flat[0][1], columns)


def _point(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} = {value:g}" if np.ndim(value) == 0 else name for name, value in values.items())
