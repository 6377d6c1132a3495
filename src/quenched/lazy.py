"""Packages whose public names are imported when they are first used.

`import quenched` and `quenched --help` then load neither JAX nor a theory, and a theory loads only its own chapter's files.
"""

from __future__ import annotations

import ast
import gc
import importlib
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any


class LazyPackage(ModuleType):
    """A package that looks its public names up in `__init__.pyi`, which type checkers read too."""

    __all__: list[str]
    _sources: dict[str, str]
    """Public names, and the module that each is imported from."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        with _collector_paused():
            if name in self._sources and self._sources[name] != self.__name__:
                value = getattr(importlib.import_module(self._sources[name]), name)
            elif importlib.util.find_spec(f"{self.__name__}.{name}") is not None:
                value = importlib.import_module(f"{self.__name__}.{name}")
            else:
                raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        vars(self)[name] = value
        return value

    def __setattr__(self, name: str, value: Any) -> None:
        # Importing `quenched.solve` would put that module in the place of the function.
        if isinstance(value, ModuleType) and self._sources.get(name, self.__name__) != self.__name__:
            return
        super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        return sorted({*vars(self), *self.__all__})


def lazy_package(name: str) -> None:
    """Make the package of this name, which is being imported, a lazy one."""
    package = sys.modules[name]
    stub = Path(str(package.__file__)).with_suffix(".pyi").read_text()
    imports = [node for node in ast.parse(stub).body if isinstance(node, ast.ImportFrom)]
    sources = {alias.name: str(node.module) for node in imports for alias in node.names}
    vars(package).update(_sources=sources, __all__=sorted(sources))
    package.__class__ = LazyPackage


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Loading JAX makes so many objects, all of them to stay, that collecting garbage meanwhile is a sixth of its time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
