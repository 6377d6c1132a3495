"""The command line: flags or a TOML file in, tables and files out. What takes time to import is imported by `main`, which
hears Ctrl-C meanwhile."""

from __future__ import annotations

import sys

TYPE_CHECKING = False  # `typing` takes longer to import than all that is needed before Ctrl-C is heard
if TYPE_CHECKING:
    from collections.abc import Sequence


def main() -> None:
    """The program: run the command line that it was called with, and end."""
    from quenched.cli import interrupts

    interrupts.listen()
    code = run(sys.argv[1:])
    interrupts.end(code)


def run(arguments: Sequence[str]) -> int:
    """Run one command and return the exit code: 0 solved, 1 not solved, 2 bad input, 130 interrupted."""
    from quenched.cli import app

    return app.run(arguments)
