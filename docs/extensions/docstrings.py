"""Docstrings are written to be read in a terminal; this makes reStructuredText of them."""

from __future__ import annotations

from typing import Any


def prepare(app: Any, what: str, name: str, record: Any, options: Any, lines: list[str]) -> None:
    """Displayed formulas become literal blocks, branches a list, and |x| is no substitution."""
    prepared: list[str] = []
    before, displayed, branches = "", False, False
    for position, line in enumerate(lines):
        if line.startswith("Branches") and line.endswith(":"):
            prepared += [_escaped(line), ""]
            before, branches = line, True
            continue
        if line == "Returns:":  # else napoleon takes what stands before the first colon for a type
            prepared.append(":returns:")
            before = line
            continue
        branches = branches and line.startswith(" ")
        if branches:
            prepared.append(("  " if line.startswith("     ") else "- ") + _escaped(line.strip()))
            continue
        if not line.startswith(" "):
            displayed = displayed and not line
        elif before and not before.startswith(" ") and position and not lines[position - 1]:
            prepared += ["::", ""]
            displayed = True
        if what == "property":  # the same
            line = line.replace(": ", "; ")
        prepared.append(line if displayed or ">>>" in line else _escaped(line))
        before = line or before
    lines[:] = prepared


def _escaped(line: str) -> str:
    """| and * as themselves, except inside backticks."""
    pieces = line.split("`")
    return "`".join(
        piece.replace("|", r"\|").replace("*", r"\*") if place % 2 == 0 else piece for place, piece in enumerate(pieces)
    )


def setup(app: Any) -> dict[str, bool]:
    # Before napoleon, which listens with the priority 500.
    app.connect("autodoc-process-docstring", prepare, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
