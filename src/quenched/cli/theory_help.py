"""Help on theories: all in one line each, and one with its own options."""

from __future__ import annotations

import inspect
import re
import shutil
import textwrap
from itertools import groupby
from typing import Any

from quenched.sweeps.registry import THEORIES, full_name, word

_CHAPTERS = {
    "dmft": "Infinitely many neurons, in real time",
    "replica": "Infinitely many neurons, the measure exp(-E/T) of the speed landscape",
    "simulate": "Finite networks, in real time",
    "landscape": "Finite networks, fixed points and the measure exp(-E/T)",
    "layers": "Deep networks: --weight-std, --bias-std, --activation, --keep, --residual",
}
_KINDS = {"float": "number", "int": "whole number", "bool": "true or false", "str": "word", "Any": "number"}
_WIDEST = 100


def all_theories() -> str:
    """Every theory in one line, by chapters."""
    lines = ["Theories, each with options of its own (quenched solve THEORY --help):"]
    for chapter, members in groupby(THEORIES, lambda name: name.partition(".")[0]):
        lines += ["", f"  {_CHAPTERS[chapter]}", *(f"    {name:<27} {THEORIES[name]}" for name in members)]
    return "\n".join(lines)


def one_theory(name: str) -> str:
    """What a theory is, and its options with types and defaults."""
    from quenched.sweeps.registry import theories

    name = full_name(name)
    kind = theories()[name]
    document = inspect.getdoc(kind) or ""
    described = _arguments(document)
    first, *others = document.split("\n\n")
    lines = [*_wrapped(f"quenched solve {name}: {THEORIES[name]}"), "", *_wrapped(" ".join(first.split()), "  ")]
    if others and others[0].startswith("    "):
        lines += ["", *_equations(others[0])]
    lines += ["", "Options of its own:" if inspect.signature(kind).parameters else "It has no options of its own."]
    options = inspect.signature(kind).parameters.items()
    for text, some in groupby(options, lambda option: described.get(option[0], "")):
        for option in some:
            lines += _wrapped(_head(*option), "  ", " " * 6)
        lines += _wrapped(text, " " * 6)
    solvers = getattr(kind, "solvers", ())
    if solvers:
        lines += ["", *_wrapped("For --solver '{ NAME = { ARGUMENT = ... } }'; left out, the model decides:")]
        for each in solvers:
            arguments = ", ".join(inspect.signature(each).parameters)
            lines += _wrapped(f"{word(each.__name__)} = {{ {arguments} }}", "  ", " " * 6)
    branches = getattr(kind, "branches", ())
    if len(branches) > 1:
        lines += ["", *_wrapped(f"Branches, for --start: {', '.join(branches)}", further="  ")]
    return "\n".join([*lines, "", *_wrapped("Options of the model and of the output: quenched solve --help")])


def _equations(text: str) -> list[str]:
    """As they are; those that stand side by side below each other where they are too long."""
    lines: list[str] = []
    for line in textwrap.dedent(text).splitlines():
        whole = _wrapped(line, " " * 6)
        apart = [line] if len(whole) == 1 else re.split(r"   +", line)
        lines += [part for equation in apart for part in _wrapped(equation, " " * 6, " " * 10)]
    return lines


def _head(name: str, parameter: inspect.Parameter) -> str:
    annotation = str(parameter.annotation).removesuffix(" | None")
    if name == "initial":
        kind = "'{normal = [mean, std]}' or '{uniform = [low, high]}'"
    elif annotation.startswith("Iterable"):
        kind = "numbers, as '[0, 0.5, 1]'"
    else:
        kind = " or ".join(_KINDS.get(each, each) for each in annotation.split(" | "))
    if parameter.default is parameter.empty:
        kind += "; must be given"
    elif parameter.default is not None:
        kind += f"; {_plain(parameter.default)} if left out"
    return f"--{name.replace('_', '-')}  {kind}"


def _wrapped(text: str, indent: str = "", further: str | None = None) -> list[str]:
    """As wide as the terminal; `further` is the indent of all lines but the first."""
    width = max(min(shutil.get_terminal_size().columns, _WIDEST), 20)
    further = indent if further is None else further
    return textwrap.wrap(text, width, initial_indent=indent, subsequent_indent=further, break_on_hyphens=False)


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "no limit" if value == float("inf") else f"{value:g}" if isinstance(value, float) else str(value)


def _arguments(document: str) -> dict[str, str]:
    """The text on each argument, from the docstring's section; several names may share one."""
    section = re.search(r"^Arguments:\n((?:[ ]+.*\n?|\n(?=[ ]))*)", document, flags=re.MULTILINE)
    found: dict[str, str] = {}
    names: list[str] = []
    for line in textwrap.dedent(section.group(1)).splitlines() if section else []:
        entry = re.match(r"([a-z_]+(?:, [a-z_]+)*): (.*)", line)
        if entry and not line.startswith(" "):
            names, text = entry.group(1).split(", "), entry.group(2)
        else:
            text = line.strip()
        for name in names:
            found[name] = f"{found.get(name, '')} {text}".strip()
    return found
