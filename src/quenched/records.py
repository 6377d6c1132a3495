"""Models and theories as records: printed as one would type them, and shown in notebooks with their equation."""

from __future__ import annotations

import html
import inspect
from collections.abc import Sequence
from dataclasses import fields
from typing import Any, ClassVar

import equinox as eqx
import jax
import numpy as np

# A sequence longer than this is printed by its ends.
_LONG = 6
# Folders whose public names belong to another chapter, or ("") to the package itself.
_CHAPTERS = {"models": "", "activations": "", "dynamics": "landscape", "fixed_points": "landscape"}


class Record(eqx.Module):
    """A model or a theory: what it is, is in its fields."""

    equation: ClassVar[str] = ""
    """The equation in LaTeX, for notebooks."""

    def listed(self) -> dict[str, Any]:
        """What the printed form lists."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def __repr__(self) -> str:
        return one_line(self)

    def _repr_html_(self) -> str:
        return record_html(self)


def one_line(record: Record) -> str:
    """Name and parameters, as one would type them. Of a theory only those that differ from what is taken if left out."""
    package, _, chapter = type(record).__module__.partition(".")
    in_a_chapter = package == "quenched" and not chapter.startswith("models.")
    defaults = inspect.signature(type(record)).parameters if in_a_chapter else {}
    values = record.listed()

    def left_out(name: str) -> bool:
        return name in defaults and printed(values[name]) == printed(defaults[name].default)

    given = {name: value for name, value in values.items() if value is not None and not left_out(name)}
    listing = ", ".join(f"{name}={printed(value)}" for name, value in given.items())
    return f"{public_name(record)}({listing})"


def public_name(record: Any) -> str:
    """The name without the `qd.`, such as dmft.Static or RandomNetwork; of a class from elsewhere the class's own."""
    package, _, inside = type(record).__module__.partition(".")
    folder = inside.split(".")[0]
    chapter = _CHAPTERS.get(folder, folder) if package == "quenched" else ""
    return f"{chapter}.{type(record).__name__}" if chapter else type(record).__name__


def printed(value: Any) -> str:
    """A parameter, as one would type it; a long sequence by its first and last values."""
    if isinstance(value, jax.core.Tracer):
        return "traced"
    if hasattr(value, "name"):
        return str(value.name)
    if isinstance(value, Record) and public_name(value).startswith(("couplings.", "units.")):
        return one_line(value)
    if isinstance(value, eqx.Module):
        return f"{type(value).__name__}({', '.join(printed(getattr(value, field.name)) for field in fields(value))})"
    if isinstance(value, bool | np.bool_):
        return str(bool(value))
    if isinstance(value, float | np.floating) or (hasattr(value, "dtype") and np.ndim(value) == 0):
        return f"{float(value):g}"
    if isinstance(value, Sequence | np.ndarray | jax.Array) and not isinstance(value, str):
        if len(value) > _LONG:
            return f"({printed(value[0])}, {printed(value[1])}, ..., {printed(value[-1])}: {len(value)} values)"
        return f"({', '.join(map(printed, value))})"
    if callable(value):
        return str(getattr(value, "__name__", type(value).__name__))
    return repr(value)


def record_html(record: Any) -> str:
    """What it is, and its equation."""
    equation = f"<p>$$\\displaystyle {html.escape(record.equation)}$$</p>" if record.equation else ""
    return f"<div><code>{html.escape(repr(record))}</code>{equation}</div>"
