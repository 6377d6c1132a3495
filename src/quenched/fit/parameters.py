"""The free parameters of a fit: their names, where they are in a model, where they begin and what bounds them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from quenched import checks
from quenched.models import AbstractModel
from quenched.models.parameters import Path, find_path, rebuilt, value_at

Place = tuple[int, ...]

# Limits of a parameter by the last word of its path, where it has any.
_LIMITS: Mapping[str, tuple[float, float]] = {
    **dict.fromkeys(("gain", "noise", "time_constant", "amplitude", "growth", "capacity", "immigration"), (0.0, np.inf)),
    **dict.fromkeys(("adaptation_rate", "weight_std", "bias_std", "angular_frequency", "degree"), (0.0, np.inf)),
    **dict.fromkeys(("leak", "keep"), (0.0, 1.0)),
    "symmetry": (-1.0, 1.0),
    "adaptation_strength": (-1.0, np.inf),
}
# What a parameter that begins at 0 is moved to when it is asked which theory serves all values.
_BESIDE = 0.1


class Named(eqx.Module):
    """A model with other values of some of its parameters, or of entries of them."""

    model: AbstractModel
    paths: tuple[Path, ...] = eqx.field(static=True)
    places: tuple[Place | None, ...] = eqx.field(static=True)

    def __call__(self, values: Float[Array, " parameter"] | np.ndarray) -> AbstractModel:
        changes: dict[Path, Any] = {}
        for index, (path, place) in enumerate(zip(self.paths, self.places, strict=True)):
            if place is None:
                changes[path] = values[index]
                continue
            whole = jnp.asarray(changes.get(path, value_at(self.model, path)), float)
            for each in {place, place[::-1]} if path[-1] == "symmetry" else {place}:
                whole = whole.at[each].set(values[index])
            changes[path] = whole if isinstance(values, jnp.ndarray) else np.asarray(whole)
        made: AbstractModel = rebuilt(self.model, changes)
        return made


class Made(eqx.Module):
    """What a function of the parameters returns."""

    function: Callable[..., AbstractModel] = eqx.field(static=True)
    names: tuple[str, ...] = eqx.field(static=True)

    def __call__(self, values: Float[Array, " parameter"] | np.ndarray) -> AbstractModel:
        return self.function(**{name: values[index] for index, name in enumerate(self.names)})


class Free(NamedTuple):
    """What is fitted."""

    names: tuple[str, ...]
    build: Named | Made
    """The model with such values."""
    first: np.ndarray
    """Where the search begins."""
    low: np.ndarray
    high: np.ndarray

    def models(self) -> list[AbstractModel]:
        """The model where the search begins, and one in which no free parameter is 0: what serves both serves all."""
        beside = np.where(self.first == 0.0, np.clip(_BESIDE, self.low, self.high), self.first)
        return [self.build(self.first), self.build(beside)]


def read_free(model: Any, free: Any, bounds: Any) -> Free:
    """The parameters named, each entry of an array by itself."""
    starts = _starts(free)
    build, names, first, words = _of_function(model, starts) if _is_function(model) else _of_model(model, starts)
    limits = [_LIMITS.get(word, (-np.inf, np.inf)) for word in words]
    low, high = (np.array([each[side] for each in limits], float) for side in (0, 1))
    for name, own in _read_bounds(bounds, names).items():
        place = names.index(name)
        low[place], high[place] = max(low[place], own[0]), min(high[place], own[1])
        if not low[place] < high[place]:
            raise ValueError(f"Argument `bounds` must leave room for {name!r}, but allows {own}, outside of what it may be.")
    for name, value, lowest, highest in zip(names, first, low, high, strict=True):
        if not lowest <= value <= highest:
            raise ValueError(
                f"Argument `free` must begin {name!r} between {lowest:g} and {highest:g}, but begins it at {value:g}; "
                f"try free={{{name!r}: {np.clip(value, lowest, highest):g}}}."
            )
    return Free(names, build, first, low, high)


def _is_function(model: Any) -> bool:
    return callable(model) and not isinstance(model, AbstractModel | type)


def _starts(free: Any) -> dict[str, float | None]:
    """Names, and where each begins if that is given."""
    if isinstance(free, str):
        free = [free]
    if not isinstance(free, Mapping | Sequence) or not all(isinstance(name, str) for name in free):
        raise TypeError(
            'Argument `free` must be names of parameters, such as ["gain", "noise"], or a mapping from names to where each '
            f"begins, but is {checks.shown(free)}."
        )
    if not len(free):
        raise ValueError('Argument `free` must name at least one parameter, but names none; try ["gain"].')
    if len(set(free)) < len(free):
        raise ValueError(f"Argument `free` must name a parameter once, but is {checks.shown(list(free))}.")
    if not isinstance(free, Mapping):
        return dict.fromkeys(free)
    return {name: float(checks.number(f"free[{name!r}]", value)) for name, value in free.items()}


def _of_function(
    function: Callable[..., Any], starts: Mapping[str, float | None]
) -> tuple[Made, tuple[str, ...], np.ndarray, list[str]]:
    known = inspect.signature(function).parameters
    for name in starts:
        if name not in known:
            raise ValueError(
                f"Argument `free` names {name!r}, which the function that is the model does not take."
                f"{checks.nearest(name, known) or ' It takes ' + ', '.join(known) + '.'}"
            )
    for name, each in known.items():
        if each.default is each.empty and starts.get(name) is None:
            raise ValueError(
                f"Argument `free` must say where {name!r} begins, an argument of the function that is the model; "
                f"try free={{{name!r}: 1.0}}, or give it a default."
            )
    first = [float(known[name].default) if value is None else value for name, value in starts.items()]
    made = function(**dict(zip(starts, first, strict=True)))
    if not isinstance(made, AbstractModel):
        raise TypeError(
            f"Argument `model` must be a function that returns a qd.RandomNetwork, but returns {checks.shown(made)}."
        )
    # A name says nothing about what a function makes of it: what the model refuses is not stepped to.
    return Made(function, tuple(starts)), tuple(starts), np.array(first, float), [""] * len(first)


def _of_model(
    model: AbstractModel, starts: Mapping[str, float | None]
) -> tuple[Named, tuple[str, ...], np.ndarray, list[str]]:
    names: list[str] = []
    paths: list[Path] = []
    places: list[Place | None] = []
    first: list[float] = []
    for name, value in starts.items():
        path, place, now = _find(model, name)
        own: list[Place | None] = [place]
        if place is None and np.ndim(now):
            whole = np.ndindex(np.shape(now))
            own = [each for each in whole if path[-1] != "symmetry" or each == tuple(sorted(each))]
        for each in own:
            names.append(name if each is None or place is not None else f"{name}{_written(each)}")
            paths.append(path)
            places.append(each)
            first.append(float(now if each is None else np.asarray(now)[each]) if value is None else value)
    if len(set(zip(paths, places, strict=True))) < len(paths):
        raise ValueError(f"Argument `free` must name a parameter once, but is {checks.shown(list(starts))}.")
    return Named(model, tuple(paths), tuple(places)), tuple(names), np.array(first, float), [path[-1] for path in paths]


def _find(model: AbstractModel, name: str) -> tuple[Path, Place | None, Any]:
    """Where a parameter is, which entry of it is meant, and what it is now."""
    matched = re.fullmatch(r"(.+?)\s*\[([\d\s,]+)\]", name)
    try:
        path = find_path(model.parameters, matched[1] if matched else name)
    except ValueError as error:
        raise ValueError(f"Argument `free` names {name!r}: {error}") from None
    now = value_at(model, path)
    if now is None:
        raise ValueError(
            f"Argument `free` names {name!r}, which the model leaves out; give the model a value of it to begin with."
        )
    if np.asarray(now).dtype.kind not in "fiu":
        raise ValueError(f"Argument `free` must name parameters that are numbers, but {name!r} is {checks.shown(now)}.")
    if matched is None:
        return path, None, now
    place = tuple(int(each) for each in matched[2].split(",") if each.strip())
    if len(place) != np.ndim(now) or any(each >= size for each, size in zip(place, np.shape(now), strict=True)):
        raise ValueError(
            f"Argument `free` names {name!r}, but {matched[1]!r} has shape {np.shape(now)}; give the model an array of it, "
            "one number for each entry."
        )
    return path, place, now


def _written(place: Place) -> str:
    return f"[{', '.join(map(str, place))}]"


def _read_bounds(bounds: Any, names: Sequence[str]) -> dict[str, tuple[float, float]]:
    if bounds is None:
        return {}
    if not isinstance(bounds, Mapping):
        raise TypeError(
            'Argument `bounds` must be a mapping from names to pairs, such as {"gain": (0, 3)}, but is '
            f"{checks.shown(bounds)}."
        )
    found = {}
    for name, pair in bounds.items():
        if name not in names:
            raise ValueError(
                f"Argument `bounds` must name free parameters, {', '.join(names)}, but names {name!r}."
                f"{checks.nearest(name, names)}"
            )
        values = checks.numbers(f"The bounds of {name!r}", pair)
        if values.shape != (2,) or not values[0] < values[1]:
            raise ValueError(
                f"Argument `bounds` must give {name!r} a lower and a higher number, but gives {checks.shown(pair)}."
            )
        found[name] = (float(values[0]), float(values[1]))
    return found
