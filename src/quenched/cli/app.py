"""The program `quenched`: its commands, and what becomes of errors."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from cyclopts import App, CycloptsError, Parameter
from rich.console import Console

import quenched as qd
from quenched.cli import interrupts
from quenched.cli.cite import cite
from quenched.cli.explore import explore
from quenched.cli.fixed_points import fixed_points
from quenched.cli.init import init
from quenched.cli.options import paths_as_names
from quenched.cli.reproduce import reproduce
from quenched.cli.show import show
from quenched.cli.solve import solve
from quenched.cli.sweep import sweep
from quenched.cli.theory_help import all_theories, one_theory

SOLVED, NOT_SOLVED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130

app = App(
    name="quenched",
    help="Steady states of large random neural networks: finite networks, mean-field theory and replica theory.",
    help_format="plaintext",
    default_parameter=Parameter(negative=()),
    suppress_keyboard_interrupt=False,
    result_action="return_value",
)
app.command(solve, help_epilogue=all_theories())
for command in (sweep, init, fixed_points, reproduce, explore, show, cite):
    app.command(command)


def run(arguments: Sequence[str]) -> int:
    """Run one command and return the exit code: 0 solved, 1 not solved, 2 bad input, 130 interrupted."""
    try:
        if arguments[:1] == ["solve"] and len(arguments) > 2 and {"--help", "-h"} & set(arguments):
            theory = next((word for word in arguments[1:] if not word.startswith("-")), None)
            if theory is not None:
                print(one_theory(theory))
                return SOLVED
        code = app(paths_as_names(arguments), console=Console(), exit_on_error=False, print_error=False)
    except KeyboardInterrupt as interruption:
        return _complain(str(interruption) or interrupts.line, INTERRUPTED)
    except CycloptsError as error:
        return _complain(f"{error} (quenched --help)", BAD_INPUT)
    except (ValueError, TypeError, OSError, MemoryError) as error:
        return _complain(getattr(error, "reason", "") if hasattr(error, "solution") else str(error), BAD_INPUT)
    except (qd.SolveError, FloatingPointError) as error:  # last: looking this name up imports NumPy
        return _complain(getattr(error, "reason", str(error)), NOT_SOLVED)
    return SOLVED if code is None else int(code)


def _complain(message: str, code: int) -> int:
    if interrupts.heard():
        interrupts.say(message)
        return INTERRUPTED
    print(message, file=sys.stderr)
    return code
