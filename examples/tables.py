"""What the scripts that sample many networks share: their arguments, and the table that they write."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np


def options(description: str, default: str, arguments: list[str] | None) -> argparse.Namespace:
    """`path` of the table and `quick`."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("path", type=Path, nargs="?", default=Path(default), help="where to write the table")
    parser.add_argument("--quick", action="store_true", help="few small networks")
    return parser.parse_args(arguments)


def write(
    chosen: argparse.Namespace, what: str, columns: Sequence[str], rows: list[list[float]], formats: Sequence[str]
) -> None:
    """One row of numbers a line, seconds last; above, what they are and the command that made them."""
    total = f"{sum(row[-1] for row in rows):.0f} s of one core"
    command = f"python examples/{Path(sys.argv[0]).name} {chosen.path.as_posix()}{' --quick' if chosen.quick else ''}"
    head = f"{what}; {total}\n{command}\n{','.join(columns)}"
    np.savetxt(chosen.path, rows, fmt=list(formats), delimiter=",", header=head)
    print(f"table written to {chosen.path}; {total}")
