"""Each page is executed again when something that it depends on changes, and only then.

myst-nb keeps the outputs of a page under a hash of its cells and of its kernel's description. That description gets a key
here: of the modules of the package that the page reaches, of the files that it names, and of the pinned versions.
"""

from __future__ import annotations

import ast
import hashlib
import pkgutil
import re
import sys
from collections.abc import Iterable
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parents[1]
ALWAYS = (DOCS.parent / "constraints.txt", DOCS / "matplotlibrc", DOCS / "extensions" / "shell.py")
_KERNEL = "kernelspec:\n  name: python3\n"


def key(page: str) -> str:
    """Changes with any of `files(page)`, and with the version of Python."""
    found = hashlib.sha256(repr(sys.version_info[:2]).encode())
    for path in files(page):
        found.update(path.name.encode() + path.read_bytes())
    return found.hexdigest()[:16]


def files(page: str) -> list[Path]:
    """What the outputs of a page may depend on besides its own cells."""
    code = _code(page)
    named = [path for folder in ("docs/data", "examples") for path in (DOCS.parent / folder).iterdir() if path.name in page]
    reached, waiting = set[Path](), _named(code)
    while waiting:
        reached |= waiting
        waiting = set().union(*map(_imported, waiting)) - reached
    tables = {table for module in reached for table in module.parent.glob("*.csv")}
    return sorted({*ALWAYS, *named, *reached, *tables})


def _code(page: str) -> str:
    """The cells of a page; of a script, which begins with a cell in percent format, all but its comments."""
    if page.startswith("# %%"):
        return re.sub(r"^#.*$", "", page, flags=re.MULTILINE)
    return "\n".join(re.findall(r"```\{code-cell\}.*?\n(.*?)```", page, flags=re.DOTALL))


def _named(code: str) -> set[Path]:
    """Modules of what the cells name as `qd.chapter.name`, or import."""
    # A command, or the package as a whole, may reach anything.
    if re.search(r"%%bash|(?<!as )\bqd\b(?!\.)|import quenched$", code, flags=re.MULTILINE):
        return _defined(["quenched"])
    chains = re.findall(r"\bqd((?:\.\w+)+)", code)
    without_magics = re.sub(r"^(?:[%!]|:\w+:).*$", "", code, flags=re.MULTILINE)  # nor options of a cell
    return _defined({"quenched" + chain for chain in chains} | _imports(without_magics) - {"quenched"})


@cache
def _imported(module: Path) -> set[Path]:
    return _defined(_imports(module.read_text()))


def _imports(code: str) -> set[str]:
    """Full names in import statements, those inside of functions included."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            found |= {each.name for each in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{each.name}" for each in node.names}
    return {name for name in found if name.split(".")[0] == "quenched"}


def _defined(names: Iterable[str]) -> set[Path]:
    """The files that define what is named; a package stands for all below it."""
    homes = {Path(str(import_module(_module(name)).__file__)) for name in names}
    return {path for home in homes for path in (home.parent.rglob("*.py") if home.name == "__init__.py" else [home])}


def _module(name: str) -> str:
    """Of a class or a function, where it is written; of a value or of what is missing, where it was looked for."""
    try:
        thing: Any = pkgutil.resolve_name(name)
    except AttributeError:
        thing = None
    home = thing.__module__ if hasattr(thing, "__qualname__") else getattr(thing, "__name__", None)
    return str(home) if str(home).split(".")[0] == "quenched" else _module(name.rpartition(".")[0])


def describe_kernel(app: Any, docname: str, source: list[str]) -> None:
    """On as many lines as before, so that warnings keep theirs; pages that are not executed get their language from here."""
    described = f"kernelspec:\n  {{name: python3, language: ipython3, display_name: {key(source[0])}}}\n"
    source[0] = source[0].replace(_KERNEL, described, 1)


def setup(app: Any) -> dict[str, bool]:
    app.connect("source-read", describe_kernel)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
