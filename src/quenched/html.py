"""A solution in a notebook: what was solved and how it went, numbers with their errors, arrays folded away."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

import jax

from quenched.records import record_html
from quenched.vocabulary import describe

if TYPE_CHECKING:
    from quenched.solution import Solution


def solution_html(solution: Solution) -> str:
    """HTML with LaTeX in it, which notebooks typeset. No script and nothing loaded from elsewhere."""
    if isinstance(solution.status, jax.core.Tracer):
        return f"<code>{html.escape(repr(solution))}</code>"
    rows = "".join(
        f"<tr><td style='text-align:left'><code>{name}</code></td><td>${html.escape(describe(name).symbol)}$</td>"
        f"<td style='text-align:right'>{html.escape(text)}</td>"
        f"<td style='text-align:left'>{html.escape(describe(name).meaning)}</td></tr>"
        for name, text, is_number in solution._rows()
        if is_number
    )
    folded = any(not is_number for *_, is_number in solution._rows())
    arrays = solution.to_dataset()._repr_html_() if folded else ""
    return (
        f"<div>{record_html(solution.model)}{record_html(solution.theory)}"
        f"<p>{html.escape((solution._how_it_went() + solution._branch_text()).replace('status ', '', 1))}</p>"
        f"<table><thead><tr><th>quantity</th><th></th><th>value</th><th>meaning</th></tr></thead><tbody>{rows}</tbody></table>"
        f"{f'<details><summary>Arrays</summary>{arrays}</details>' if folded else ''}</div>"
    )
