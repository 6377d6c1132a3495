"""Every public name is in the reference, docs/api.md, and its docstring is complete.

The public names are those of `quenched.__all__`, of the `__all__` of each chapter, and of `quenched.landscape.rnn`; the
public methods are the `:members:` of docs/api.md. What a docstring must have follows from the kind of the thing:

    function      summary, Arguments, Returns (unless None), Example; with a solver or `throw` also "When it fails"
    theory        summary, equation, Arguments, Returns, "When it fails", Source, Example; experiments and choices too
    part          summary, equation, Arguments, Example: models, couplings, units, activations, initial states, dynamics
    solver        summary, Arguments, Example
    record        summary, Arguments (a record's are its fields), Example
    method        summary, Arguments, Returns (unless it returns None or is a property)
    abstract      summary, and a docstring for each abstract method
    enumeration   summary, and a sentence for each member
    exception     summary, Arguments
    data          its place in docs/api.md

A summary is one line. Arguments name exactly the parameters of the signature. What raises errors in its own file, or calls
the checks of arguments, has Raises, which names each class of error raised there and says when. Source names the keys of the
class's `citations`, and the key of every paper that `quenched.citation` knows. An example prints a number, a word or a
verdict, not the printed form of an object.
"""

from __future__ import annotations

import ast
import builtins
import doctest
import inspect
import re
import textwrap
from dataclasses import is_dataclass
from enum import Enum
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import equinox as eqx
import pytest

import quenched as qd
from quenched.citation import BIBTEX
from quenched.theory import AbstractLevel

API = (Path(__file__).parents[2] / "docs" / "api.md").read_text()
PARTS = {"models", "couplings", "units", "activations", "dynamics"}
NEEDED = {
    "function": {"Arguments", "Returns", "Example"},
    "theory": {"Arguments", "Returns", "When it fails", "Source", "Example", "equation"},
    "part": {"Arguments", "Example", "equation"},
    "solver": {"Arguments", "Example"},
    "record": {"Arguments", "Example"},
    "method": {"Arguments", "Returns"},
    "exception": {"Arguments"},
    "abstract": set(),
    "enumeration": set(),
}
# Methods of a class that look at what it is made of, or at the model that it is solved with.
REFUSING = {"__init__", "__check_init__", "__new__", "check", "covers", "choose", "checked_solver"}
HEAD = re.compile(r"^(Arguments|Returns|Raises|Example|When it fails|Source)\b(.*)$")
ERROR = r"[A-Z]\w*(?:Error|Interrupt)"
# A paper: the surname of its first author, the year, and the key in brackets where there is one.
PAPER = re.compile(r"([A-Z][\w-]+)(?:, [^.;:]*?)?(?: & [A-Z][\w -]+)?(?: et al\.)? ((?:19|20)\d\d)\b(?: \(`(\w+)`[,)])?")
REPR = re.compile(r"<.* at 0x|\bnp\.\w+\(|^[A-Za-z.]+\(\w+=|\bArray\(")


def public() -> dict[str, Any]:
    """Every public thing by its shortest name; of one that has several names once."""
    found: dict[int, tuple[str, Any]] = {}
    packages = [qd, *(value for value in vars_of(qd).values() if isinstance(value, ModuleType)), qd.landscape.rnn]
    for package in packages:
        prefix = "quenched.landscape.rnn" if package is qd.landscape.rnn else package.__name__
        for name, value in vars_of(package).items():
            if not isinstance(value, ModuleType):
                found.setdefault(id(value), (f"{prefix}.{name}", value))
    return dict(found.values())


def vars_of(package: ModuleType) -> dict[str, Any]:
    return {name: getattr(package, name) for name in package.__all__}


def methods() -> dict[str, Any]:
    """The members that docs/api.md lists of each class."""
    found: dict[str, Any] = {}
    for path, wanted in re.findall(r"autoclass:: (quenched[\w.]+)\n(?: +:members:(.*)\n)", API):
        owner = NAMES[path]
        if not issubclass(owner, Enum):
            listed = [each.strip() for each in wanted.split(",") if each.strip()]
            members = {name: vars_of_class(owner, name) for name in listed or vars(owner) if not name.startswith("_")}
            found |= {f"{path}.{name}": each for name, each in members.items() if _is_method(each)}
    return found


def _is_method(member: Any) -> bool:
    return isinstance(member, property | classmethod) or callable(member)


def vars_of_class(owner: type, name: str) -> Any:
    return next(vars(base)[name] for base in owner.__mro__ if name in vars(base))


NAMES = public()
METHODS = methods()


def kind_of(name: str, thing: Any) -> str:
    if name in METHODS:
        return "method"
    if not isinstance(thing, type):
        return "function" if callable(thing) else "data"
    if issubclass(thing, Exception):
        return "exception"
    if issubclass(thing, Enum):
        return "enumeration"
    if getattr(thing, "__abstractmethods__", ()):
        return "abstract"
    if issubclass(thing, AbstractLevel):
        return "theory"
    if issubclass(thing, tuple) or thing is qd.Solution or (is_dataclass(thing) and not issubclass(thing, eqx.Module)):
        return "record"
    return "part" if thing.__module__.split(".")[1] in PARTS else "solver"


def unwrapped(thing: Any) -> Any:
    """The function in a property, a class method or a decorator."""
    thing = getattr(thing, "method", thing)  # Equinox's wrapper of methods
    if isinstance(thing, property):
        thing = thing.fget
    return inspect.unwrap(getattr(thing, "__func__", thing))


def parameters(kind: str, thing: Any) -> list[str]:
    if isinstance(thing, property):
        return []
    names = list(inspect.signature(unwrapped(thing) if kind == "method" else thing).parameters)
    return names[1:] if kind == "method" else names


def sections(document: str) -> dict[str, list[str]]:
    """The lines of each section, without their common indent; what stands on the line of the head comes first."""
    found: dict[str, list[str]] = {"text": []}
    current = "text"
    for line in document.splitlines():
        head = HEAD.match(line)
        if head:
            current = head[1]
            found.setdefault(current, [head[2].strip(" :")] if head[1] in ("When it fails", "Source") else [])
            if head[1] in ("Arguments", "Raises", "Example") and head[2] != ":":
                found.setdefault("bad heads", []).append(line)
        elif line and not line.startswith(" ") and current not in ("When it fails", "Source"):
            current = "text"
            found[current].append(line)
        elif not line and current in ("When it fails", "Source"):
            current = "text"
        else:
            found[current].append(line)
    return found


def entries(lines: list[str]) -> list[tuple[list[str], str]]:
    """(names, text) of each entry of a section such as Arguments."""
    found: list[tuple[list[str], str]] = []
    for line in textwrap.dedent("\n".join(lines)).splitlines():
        head = re.match(r"(\w+(?:, \w+)*): (.+)", line)
        if head:
            found.append((head[1].split(", "), head[2]))
        elif line.startswith(" ") and found:
            found[-1] = (found[-1][0], f"{found[-1][1]} {line.strip()}")
        elif line:
            found.append(([], line))
    return found


@cache
def definitions(path: str) -> dict[str, ast.stmt]:
    tree = ast.parse(Path(path).read_text())
    return {each.name: each for each in tree.body if isinstance(each, ast.FunctionDef | ast.ClassDef)}


def refusals(thing: Any) -> tuple[set[str], bool]:
    """The classes of errors that it raises in its own file, and whether it calls any check."""
    function = unwrapped(thing)
    defined = definitions(str(inspect.getsourcefile(function)))
    owner, _, name = function.__qualname__.partition(".")
    start: ast.AST = defined[owner]
    if name:
        start = next(each for each in ast.walk(start) if isinstance(each, ast.FunctionDef) and each.name == name)
    waiting, seen, errors, checked = [start], set[str](), set[str](), False
    while waiting:
        for node in _nodes(waiting.pop()):
            if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and isinstance(node.exc.func, ast.Name):
                errors.add(node.exc.func.id)
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "checks":
                checked |= node.attr not in ("shown", "nearest")
            if isinstance(node, ast.Call) and re.match(r"check|read_|refuse", getattr(node.func, "id", "")):
                checked = True
            if isinstance(node, ast.Name) and node.id in defined and node.id not in seen:
                seen.add(node.id)
                if isinstance(defined[node.id], ast.FunctionDef):
                    waiting.append(defined[node.id])
    return {error for error in errors if hasattr(builtins, error)}, checked


def _nodes(node: ast.AST) -> list[ast.AST]:
    """All nodes; of a class those of its methods that may refuse."""
    inside: list[ast.AST] = list(ast.iter_child_nodes(node))
    if isinstance(node, ast.ClassDef):
        inside = [each for each in node.body if isinstance(each, ast.FunctionDef) and each.name in REFUSING]
    return [node, *(each for child in inside for each in _nodes(child))]


def faults(kind: str, thing: Any) -> list[str]:
    """What the docstring lacks, in words."""
    document = inspect.cleandoc((vars(thing) if isinstance(thing, type) else {"__doc__": _doc(thing)}).get("__doc__") or "")
    if not document:
        return ["no docstring"]
    found = sections(document)
    wrong = [f"head not on a line of its own: {line}" for line in found.get("bad heads", ())]
    first, _, second = document.partition("\n")
    if not re.search(r"[.:,]$", first) or (second and second[0] != "\n"):
        wrong.append(f"no summary of one line: {first}")
    if kind in ("abstract", "enumeration"):
        return wrong
    named = [name for names, _ in entries(found.get("Arguments", [])) for name in names]
    taken = parameters(kind, thing)
    needed = NEEDED[kind] - ({"Arguments"} if not taken else set())
    if kind in ("function", "method") and (isinstance(thing, property) or _returns_nothing(thing)):
        needed = needed - {"Returns"}
    if kind == "function" and {"throw", "solver"} & set(taken):
        needed = needed | {"When it fails"}
    wrong += [f"no section {each}" for each in sorted(needed - {"equation"}) if not "".join(found.get(each, [])).strip()]
    if "equation" in needed and not re.search(r"[=~]|->", "\n".join(found["text"])):
        wrong.append("no equation")
    if sorted(named) != sorted(taken):
        wrong.append(f"Arguments are {named}, parameters are {taken}")
    return wrong + _wrong_raises(kind, thing, taken, found) + _wrong_source(thing, found) + _wrong_example(document)


def _doc(thing: Any) -> str | None:
    document: str | None = unwrapped(thing).__doc__
    return document


def _returns_nothing(thing: Any) -> bool:
    return unwrapped(thing).__annotations__.get("return") in ("None", None)


def _wrong_raises(kind: str, thing: Any, taken: list[str], found: dict[str, list[str]]) -> list[str]:
    wrong = []
    raised = entries(found.get("Raises", []))
    names = {name for each, _ in raised for name in each}
    errors, checked = refusals(thing) if taken and kind not in ("record", "exception") else (set(), False)
    if checked and not names & {"ValueError", "TypeError"}:
        wrong.append("no Raises, although arguments are checked")
    if errors - names:
        wrong.append(f"Raises does not name {sorted(errors - names)}")
    wrong += [
        f"no error: {name}" for name in names if not (hasattr(builtins, name) or name in ("SolveError", "StoppedSweepError"))
    ]
    wrong += [f"Raises: no entry: {text}" for each, text in raised if not each or re.search(rf"\. {ERROR}: ", text)]
    wrong += [f"Raises does not say when: {text}" for _, text in raised if re.match(r"(a )?(bad|wrong) arguments?\b", text)]
    return wrong


def _wrong_source(thing: Any, found: dict[str, list[str]]) -> list[str]:
    source = " ".join(" ".join(found.get("Source", [])).split())
    keys = re.findall(r"`([a-z-]+\d{4}\w?)`", source)
    wrong = [f"no such reference: {key}" for key in keys if key not in BIBTEX]
    of_class = vars(thing).get("citations", ()) if isinstance(thing, type) else ()
    wrong += [f"Source does not name {key}" for key in (of_class if isinstance(of_class, tuple) else ()) if key not in keys]
    for surname, year, key in PAPER.findall(source):
        expected = f"{surname.lower()}{year}"
        if expected in BIBTEX and key != expected:
            wrong.append(f"Source gives {surname} {year} without its key `{expected}`")
    return wrong


def _wrong_example(document: str) -> list[str]:
    wants = [each.want.strip() for each in doctest.DocTestParser().get_examples(document) if each.want]
    wrong = [f"printed form of an object: {want}" for want in wants if REPR.search(want)]
    if ">>>" in document and not any(re.search(r"\d|True|False|'", want) for want in wants):
        wrong.append("an example that shows nothing")
    return wrong


def test_every_public_name_is_in_the_reference() -> None:
    missing = [name for name in NAMES if not re.search(rf"{re.escape(name)}(?![\w.])", API)]
    assert not missing


def test_what_the_reference_lists_is_public() -> None:
    listed = re.findall(r"auto(?:function|class|exception):: (quenched[\w.]+)", API)
    assert len(listed) == len(set(listed))
    assert set(listed) <= set(NAMES)


DOCUMENTED = {name: thing for name, thing in {**NAMES, **METHODS}.items() if kind_of(name, thing) != "data"}


@pytest.mark.parametrize("name", DOCUMENTED)
def test_docstring_is_complete(name: str) -> None:
    assert faults(kind_of(name, DOCUMENTED[name]), DOCUMENTED[name]) == []


@pytest.mark.parametrize("name", [name for name, thing in NAMES.items() if kind_of(name, thing) == "abstract"])
def test_methods_that_one_has_to_write_are_described(name: str) -> None:
    for method in NAMES[name].__abstractmethods__:
        assert _doc(vars_of_class(NAMES[name], method)), method


def test_members_of_enumerations_are_described() -> None:
    assert all(each.advice for each in qd.Status)
    assert all(each.meaning for each in qd.landscape.Outcome)


@pytest.mark.parametrize("name", [name for name, thing in NAMES.items() if kind_of(name, thing) == "theory"])
def test_theory_names_the_statuses_that_it_ends_with(name: str) -> None:
    text = " ".join(sections(inspect.cleandoc(NAMES[name].__doc__))["When it fails"])
    known = {status.name for status in qd.Status}
    assert known & set(re.findall(r"`(\w+)`", text))
    assert set(re.findall(r"`(\w+)`:", text)) <= known


WHOLE = """Half of a number.

Arguments:
    number: what is halved.

Returns:
    The half.

Raises:
    ValueError: the number is below 0.

Source: Parisi 1980 (`parisi1980`).

Example:
    >>> 4 / 2
    2.0
"""


def half(number: float) -> float:
    if number < 0:
        raise ValueError
    if number > 1e300:
        raise ValueError("Argument `number` is too large.")
    return number / 2


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("", "", ""),
        ("Half of a number.", "Half of a\nnumber.", "no summary of one line"),
        ("    number: what is halved.", "    value: what is halved.", "Arguments are ['value'], parameters are ['number']"),
        ("    number: what is halved.", "    number:", "Arguments are [], parameters are ['number']"),
        ("Returns:\n    The half.\n", "", "no section Returns"),
        ("ValueError: the", "TypeError: the", "Raises does not name ['ValueError']"),
        ("Raises:\n    ValueError: the", "Raises: ValueError: the", "head not on a line of its own"),
        ("below 0.", "below 0. TypeError: no number.", "Raises: no entry"),
        ("the number is below 0.", "bad arguments.", "Raises does not say when"),
        (" (`parisi1980`)", "", "without its key `parisi1980`"),
        ("parisi1980", "parisi1979", "no such reference"),
        ("Example:", "Examples here", "no section Example"),
        ("    2.0", "    np.float64(2.0)", "printed form of an object"),
        ("    2.0", "", "an example that shows nothing"),
    ],
)
def test_what_is_missing_is_seen(old: str, new: str, fault: str) -> None:
    half.__doc__ = WHOLE.replace(old, new)
    found = faults("function", half)
    assert any(fault in each for each in found) if fault else found == []
