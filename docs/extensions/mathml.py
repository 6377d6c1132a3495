"""Formulas as MathML, which browsers draw by themselves: no script, and nothing loaded from elsewhere.

A formula that cannot be read is a warning with its page and line, so that a strict build fails.
"""

from __future__ import annotations

import re
from html import escape, unescape
from typing import Any

from docutils import nodes
from math_core import LatexError, LatexToMathML
from sphinx.util import logging

_LOGGER = logging.getLogger(__name__)
_CONVERTER = LatexToMathML(fancy_error=False)
_ENVIRONMENT = re.compile(r"\\begin\{(\w+\*?)\}(?:(?!\\begin\{).)*?\\end\{\1\}", re.DOTALL)
# U+0332 is wider than what is below it and lies on it; site.css keeps the other at a distance.
_OVERLINE = ('<mo stretchy="true">\u0332</mo></mover>', '<mo stretchy="true" class="overline">\u203e</mo></mover>')
_BY_HAND = re.compile(r"\\[bB]igg?[lmr]?(?![a-zA-Z])")
_IN_HTML = re.compile(r"(?<=>)(\$\$?)([^$<]+)\1(?=<)")


def mathml(tex: str, *, display: bool, where: nodes.Node) -> str:
    """One formula; where it has lines or columns of its own, these are lined up."""
    if _BY_HAND.search(tex):  # such brackets are drawn beside their line
        _LOGGER.warning("Formula %r sizes brackets by hand: write \\left and \\right", tex, location=where, type="mathml")
    try:
        return _CONVERTER.convert_with_local_state(_aligned(tex), displaystyle=display).replace(*_OVERLINE)
    except LatexError as error:
        _LOGGER.warning("Formula %r cannot be read: %s", tex, error, location=where, type="mathml")
        return f"<code>{escape(tex)}</code>"


def _aligned(tex: str) -> str:
    """LaTeX drops a line break that stands in no environment without a word."""
    outside, within = tex, 1
    while within:  # from the innermost environment outwards
        outside, within = _ENVIRONMENT.subn("", outside)
    return rf"\begin{{aligned}}{tex}\end{{aligned}}" if "&" in outside or r"\\" in outside else tex


def visit_math(self: Any, node: nodes.math) -> None:
    self.body.append(mathml(node.astext(), display=False, where=node))
    raise nodes.SkipNode


def visit_displaymath(self: Any, node: nodes.math_block) -> None:
    number = f'<span class="eqno">({node["number"]})</span>' if node.get("number") else ""
    anchor = f' id="{node["ids"][0]}"' if node.get("ids") else ""
    self.body.append(f'<div class="math"{anchor}>{number}{mathml(node.astext(), display=True, where=node)}</div>')
    raise nodes.SkipNode


def draw_outputs(app: Any, doctree: nodes.document, docname: str) -> None:
    """In the HTML of outputs, formulas between tags, as notebooks typeset them."""
    for node in doctree.findall(nodes.raw):

        def draw(found: re.Match[str], node: nodes.Node = node) -> str:
            return mathml(unescape(found[2]), display=found[1] == "$$", where=node)

        node[:] = [nodes.Text(_IN_HTML.sub(draw, node.astext()))]


def setup(app: Any) -> dict[str, bool]:
    app.add_html_math_renderer("mathml", (visit_math, None), (visit_displaymath, None))
    app.connect("doctree-resolved", draw_outputs)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
