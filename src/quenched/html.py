"""A solution in a notebook: what was solved and how it went, numbers with their errors, arrays folded away."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

import jax

from quenched.records import record_html
from quenched.vocabulary import describe

if TYPE_CHECKING:
    from quenched.solution import Solution


# So that columns stay apart where the page has no style of its own for tables.
_APART = "padding:0 0.7em"


def solution_html(solution: Solution) -> str:
    """HTML with LaTeX in it, which notebooks typeset. No script and nothing loaded from elsewhere."""
    if isinstance(solution.status, jax.core.Tracer):
        return f"<code>{html.escape(repr(solution))}</code>"
    rows = "".join(
        f"<tr>{_cell(f'<code>{name}</code>')}<td>${html.escape(describe(name).symbol)}$</td>"
        f"{_cell(html.escape(text), 'right')}{_cell(html.escape(describe(name).meaning))}</tr>"
        for name, text, is_number in solution._rows()
        if is_number
    )
    heads = "".join(f"<th style='{_APART}'>{words}</th>" for words in ("quantity", "", "value", "meaning"))
    folded = any(not is_number for *_, is_number in solution._rows())
    arrays = solution.to_dataset()._repr_html_() if folded else ""
    return (
        f"<div>{record_html(solution.model)}{record_html(solution.theory)}"
        f"<p>{html.escape((solution._how_it_went() + solution._branch_text()).replace('status ', '', 1))}</p>"
        f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"
        f"{f'<details><summary>Arrays</summary>{arrays}</details>' if folded else ''}</div>"
    )


def _cell(content: str, side: str = "left") -> str:
    return f"<td style='text-align:{side};{_APART}'>{content}</td>"
