"""Models and theories as text in a file, and back. Nothing of a file is run or imported: what is made is of classes of this
package, or of classes built on them that the program has defined or imported itself."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Mapping
from dataclasses import fields
from operator import attrgetter
from typing import Any

import equinox as eqx
import jax
import numpy as np

from quenched.records import printed


class NotInFile:
    """Stands for a function of the user's own, of which a file holds the name only."""

    def __init__(self, name: str):
        self.__name__ = name

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        raise TypeError(
            f"The function {self.__name__!r} is not in the file that this was loaded from, which holds its name only; "
            "make the model anew with the function."
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, NotInFile) and other.__name__ == self.__name__

    def __hash__(self) -> int:
        return hash(self.__name__)


class NotDefinedError(ValueError):
    """A file has a class of the user's own, which this program has not defined."""


def to_json(record: eqx.Module) -> str:
    """A record and all that is in it. Of functions the name only."""
    return json.dumps(_plain(record))


def from_json(text: str) -> Any:
    """The record again; none of its code is run. NotDefinedError if it has a class that is not there."""
    return _made(json.loads(text))


def _plain(value: Any) -> Any:
    if isinstance(value, eqx.Module):
        inside = {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
        return {"record": f"{type(value).__module__}:{type(value).__qualname__}", "fields": inside}
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, np.bool_):
        return bool(value)
    if isinstance(value, int | float) and not isinstance(value, np.generic):
        return value
    if isinstance(value, tuple | list):
        return {"tuple": [_plain(each) for each in value]}
    if isinstance(value, np.ndarray | np.generic | jax.Array):
        array = np.asarray(value)
        return {"array": array.tolist(), "dtype": array.dtype.name}
    if isinstance(value, Mapping):
        return {"mapping": {str(name): _plain(each) for name, each in value.items()}}
    if callable(value):
        return {"function": printed(value)}
    raise TypeError(f"A file cannot hold {value!r}.")


def _made(plain: Any) -> Any:
    if not isinstance(plain, dict):
        return plain
    if "function" in plain:
        return NotInFile(str(plain["function"]))
    if "tuple" in plain:
        return tuple(_made(each) for each in plain["tuple"])
    if "mapping" in plain:
        return {name: _made(each) for name, each in plain["mapping"].items()}
    if "array" in plain:
        return np.asarray(plain["array"], dtype=plain["dtype"])[()]
    kind = _class_of(str(plain["record"]))
    expected, stored = {field.name for field in fields(kind)}, plain["fields"]
    if expected != set(stored):
        raise ValueError(
            f"{kind.__name__} was stored by another version: its parameters were {', '.join(stored)} and now are "
            f"{', '.join(sorted(expected))}."
        )
    made = object.__new__(kind)
    for name, value in stored.items():
        object.__setattr__(made, name, _made(value))
    return made


def _is_ours(module: str) -> bool:
    return module.partition(".")[0] == "quenched"


def _named(module: Any, name: str) -> Any:
    """What has this name there, within a class too; None if nothing has."""
    try:
        return attrgetter(name)(module)
    except AttributeError:
        return None


def _class_of(path: str) -> Any:
    module, _, name = path.partition(":")
    kind = None
    if not _is_ours(module):
        kind = _named(sys.modules.get(module), name)
        bases = kind.__mro__ if isinstance(kind, type) and issubclass(kind, eqx.Module) else ()
        if any(_is_ours(base.__module__) for base in bases):
            return kind
        raise NotDefinedError(
            f"the class {name!r} of the module {module!r} is none of this package, and the program has defined none of that "
            "name that is built on one of it; define or import it, then load again"
        )
    try:
        kind = _named(importlib.import_module(module), name)
    except ImportError:
        kind = None
    if not (isinstance(kind, type) and issubclass(kind, eqx.Module)):
        raise ValueError(f"{path!r} is no model or theory that this version of the package knows.")
    return kind
