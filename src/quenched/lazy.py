"""Packages whose public names are imported when they are first used.

`import quenched` and `quenched --help` then load neither JAX nor a theory, and a theory loads only its own chapter's files.
Imported before Ctrl-C is heard, so this file itself imports next to nothing.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any
else:
    ModuleType = type(sys)


class LazyPackage(ModuleType):
    """A package that looks its public names up in `__init__.pyi`, which type checkers read too."""

    __all__: list[str]
    _sources: dict[str, str]
    """Public names, and the module that each is imported from."""

    def __getattr__(self, name: str) -> Any:
        if name in ("_sources", "__all__"):
            _read(self)
            return vars(self)[name]
        if name.startswith("_"):
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        import gc
        import importlib.util

        # Loading JAX makes so many objects, all of them to stay, that collecting garbage meanwhile is a sixth of its time.
        collecting = gc.isenabled()
        gc.disable()
        try:
            if self._sources.get(name, self.__name__) != self.__name__:
                # As an import statement has it: a file of that package too, though nothing has imported it yet.
                value = getattr(__import__(self._sources[name], fromlist=[name]), name)
            elif importlib.util.find_spec(f"{self.__name__}.{name}") is not None:
                value = importlib.import_module(f"{self.__name__}.{name}")
            else:
                raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}.{_suggestion(self, name)}")
        finally:
            if collecting:
                gc.enable()
        vars(self)[name] = value
        return value

    def __setattr__(self, name: str, value: Any) -> None:
        # Importing `quenched.solve` would put that module in the place of the function.
        of_a_file = isinstance(value, ModuleType) and name not in ("cli", "lazy")
        if not of_a_file or self._sources.get(name, self.__name__) == self.__name__:
            super().__setattr__(name, value)

    def __reduce__(self) -> Any:
        """By name, as a package is where a function or a class of the user's own is sent to another process."""
        import importlib

        return importlib.import_module, (self.__name__,)

    def __dir__(self) -> list[str]:
        return sorted({*vars(self), *self.__all__})


def lazy_package(name: str) -> None:
    """Make the package of this name, which is being imported, a lazy one."""
    sys.modules[name].__class__ = LazyPackage


def _read(package: ModuleType) -> None:
    import ast
    from pathlib import Path

    stub = Path(str(package.__file__)).with_suffix(".pyi").read_text()
    imports = [node for node in ast.parse(stub).body if isinstance(node, ast.ImportFrom)]
    sources = {alias.name: str(node.module) for node in imports for alias in node.names}
    vars(package).update(_sources=sources, __all__=sorted(sources))


def _suggestion(package: LazyPackage, name: str) -> str:
    """' Did you mean ...?' or nothing: a public name, or one of a chapter's where it is written without the chapter."""
    from pathlib import Path

    from quenched.words import nearest

    for stub in sorted(Path(str(package.__file__)).parent.glob("*/__init__.pyi")):
        if f'"{name}"' in stub.read_text():
            return f" Did you mean '{stub.parent.name}.{name}'?"
    return nearest(name, package.__all__)
