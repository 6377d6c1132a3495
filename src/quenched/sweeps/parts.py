"""A model out of tables, as a TOML file or the command line writes them.

    couplings = { blocks = { fractions = [0.8, 0.2], gain = [[1.0, 2.0], [1.0, 1.0]] } }     a list of such tables is a sum
    unit = { leaky = { activation = "relu", time_constant = 2.0 } }                          a list: one for each population
    field = { sinusoid = { amplitude = 0.5, angular_frequency = 1.0 } }

The words are the public classes in lower case, and their arguments those of the constructors, which check them: a new class
needs nothing here.
"""

from __future__ import annotations

import inspect
import operator
from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any

import quenched as qd
from quenched.sweeps.registry import build_activation, call, word
from quenched.words import one_of

ARGUMENTS = ("gain", "symmetry", "noise", "field", "activation", "couplings", "unit")
"""Those of `qd.RandomNetwork`."""
LAYERED = ("weight_std", "bias_std", "activation", "keep", "residual")
"""Those of `qd.FeedforwardNetwork`."""
# Made of functions, or by the package itself.
_NOT_WRITTEN = ("Unit", "Mixed")


def part_classes(argument: str) -> dict[str, type]:
    """The classes that an argument may be made of, by the words for them; all that there are for arguments of parts."""
    of_chapter = {"couplings": qd.couplings, "unit": qd.units}
    found: dict[str, type] = {"sinusoid": qd.Sinusoid} if argument not in of_chapter else {}
    if argument == "field":
        return found
    for chapter in (of_chapter[argument],) if argument in of_chapter else of_chapter.values():
        found |= {word(name): kind for name in chapter.__all__ if _is_part(name, kind := getattr(chapter, name))}
    return found


def part_arguments() -> set[str]:
    """Every argument that some part has."""
    return {name for kind in part_classes("").values() for name in inspect.signature(kind).parameters}


def build_model(
    settings: Mapping[str, Any], changes: Mapping[str, Any] | None = None, swept: Mapping[str, Any] | None = None
) -> qd.RandomNetwork:
    """The model of these arguments of `qd.RandomNetwork`, with other values of some parameters, by their names or paths.

    `gain`, `symmetry` and `activation` beside parts are parameters of these. What a part must be given may be among the
    changes, or among what is swept.
    """
    from quenched.models.parameters import find_path, rebuilt  # which computes; the help on options does not wait for it

    changes = changes or {}
    given = {**settings, **{name: value for name, value in changes.items() if name in ARGUMENTS}}
    given = {name: value for name, value in given.items() if value is not None}
    of_parts = [name for part, names in _OF_PARTS.items() if part in given for name in names]
    other = {name: given.pop(name) for name in of_parts if name in given}
    other |= {name: value for name, value in changes.items() if name not in ARGUMENTS}
    late = {name.rpartition(".")[2]: value for name, value in {**(swept or {}), **other}.items()}
    if "couplings" not in given and "gain" in late:
        given.setdefault("gain", late["gain"])
    model = qd.RandomNetwork(**{name: _read(name, value, late) for name, value in given.items()})
    known = model.parameters
    values = {find_path(known, name): _read(name.rpartition(".")[2], value, late) for name, value in other.items()}
    changed: qd.RandomNetwork = rebuilt(model, values)
    return changed


def build_layers(
    settings: Mapping[str, Any], changes: Mapping[str, Any] | None = None, swept: Mapping[str, Any] | None = None
) -> qd.FeedforwardNetwork:
    """The deep network of these arguments of `qd.FeedforwardNetwork`; `changes` and `swept` as of `build_model`."""
    takes = inspect.signature(qd.FeedforwardNetwork).parameters
    given = {name: value for name, value in {**settings, **(changes or {})}.items() if value is not None}
    given |= {name: value for name, value in (swept or {}).items() if name in takes and name not in given}
    read = {name: _read(name, value, {}) for name, value in given.items()}
    network: qd.FeedforwardNetwork = call(qd.FeedforwardNetwork, "FeedforwardNetwork", read)
    return network


_OF_PARTS = {"couplings": ("gain", "symmetry"), "unit": ("activation",)}


def _read(argument: str, value: Any, late: Mapping[str, Any]) -> Any:
    """A value of a file: a part, several of them, an activation, or what it is."""
    if argument == "activation" and isinstance(value, str):
        return build_activation(value)
    if isinstance(value, Mapping):
        return _part(argument, value, late)
    if isinstance(value, str) and argument in ("couplings", "unit"):
        return _part(argument, {value: {}}, late)
    if isinstance(value, Sequence) and not isinstance(value, str) and any(isinstance(each, Mapping | str) for each in value):
        parts = [_read(argument, each, late) for each in value]
        return reduce(operator.add, parts) if isinstance(parts[0], qd.couplings.AbstractCouplings) else tuple(parts)
    return value


def _part(argument: str, table: Mapping[str, Any], late: Mapping[str, Any]) -> Any:
    classes = part_classes(argument)
    if len(table) != 1:
        raise ValueError(
            f"Argument `{argument}` must be a table with one entry out of {', '.join(classes)}, such as "
            f"{{ {next(iter(classes))} = {{ ... }} }}, or a list of such tables, but has {len(table)}: {', '.join(table)}."
        )
    ((word, arguments),) = table.items()
    kind = classes[one_of(argument, word, classes)]
    if not isinstance(arguments, Mapping):
        raise TypeError(f"Argument `{argument}`: {word} must be a table of its arguments, but is {arguments!r}.")
    missing = {
        name: late[name]
        for name, parameter in inspect.signature(kind).parameters.items()
        if parameter.default is parameter.empty and name not in arguments and name in late
    }
    return call(kind, word, {name: _read(name, value, late) for name, value in {**arguments, **missing}.items()})


def _is_part(name: str, kind: Any) -> bool:
    bases = (qd.couplings.AbstractCouplings, qd.units.AbstractUnit)
    return issubclass(kind, bases) and kind not in bases and name not in _NOT_WRITTEN
