"""Formulas as MathML, which browsers draw by themselves: no script, and nothing loaded from elsewhere.

A formula that cannot be read is a warning with its page and line, so that a strict build fails.
"""

from __future__ import annotations

import re
from html import escape, unescape
from typing import Any
from xml.etree import ElementTree

from docutils import nodes
from math_core import LatexError, LatexToMathML
from sphinx.util import logging

_LOGGER = logging.getLogger(__name__)
_CONVERTER = LatexToMathML(fancy_error=False)
_ENVIRONMENT = re.compile(r"\\begin\{(\w+\*?)\}(?:(?!\\begin\{).)*?\\end\{\1\}", re.DOTALL)
# U+0332 is wider than what is below it and lies on it; site.css keeps the other at a distance.
_OVERLINE = ('<mo stretchy="true">\u0332</mo></mover>', '<mo stretchy="true" class="overline">\u203e</mo></mover>')
# The primes of the font are raised and small already: raised again as a superscript they meet the line above.
_PRIMES = frozenset("\u2032\u2033\u2034\u2057")
_BY_HAND = re.compile(r"\\[bB]igg?[lmr]?(?![a-zA-Z])")
_ENTITY = re.compile(r"&(?!lt|gt|amp|#)\w+;")
# A line may break between a formula and what follows it.
_BEFORE, _AFTER = re.compile(r"[(\[]$"), re.compile(r"^[.,;:!?)\]'\u2019-]+")
_IN_HTML = re.compile(r"(?<=>)(\$\$?)([^$<]+)\1(?=<)")


def mathml(tex: str, *, display: bool, where: nodes.Node) -> str:
    """One formula; where it has lines or columns of its own, these are lined up."""
    if _BY_HAND.search(tex):  # such brackets are drawn beside their line
        _LOGGER.warning("Formula %r sizes brackets by hand: write \\left and \\right", tex, location=where, type="mathml")
    try:
        return _with_primes(_CONVERTER.convert_with_local_state(_aligned(tex), displaystyle=display).replace(*_OVERLINE))
    except LatexError as error:
        _LOGGER.warning("Formula %r cannot be read: %s", tex, error, location=where, type="mathml")
        return f"<code>{escape(tex)}</code>"


def _with_primes(html: str) -> str:
    """Primes follow what they belong to in its line; indices and powers stand at both."""
    if not _PRIMES.intersection(html):
        return html
    root = ElementTree.fromstring(_ENTITY.sub(lambda entity: unescape(entity[0]), html))
    for element in [each for each in root.iter() if each.tag in ("msup", "msubsup")]:
        base, *lower, upper = element
        power = upper if upper.tag == "mrow" else [upper]
        if not len(power) or power[0].tag != "mo" or power[0].text not in _PRIMES:
            continue
        prime, *rest = power
        prime.attrib |= {"form": "postfix", "lspace": "0", "rspace": "0"}
        primed = ElementTree.Element("mrow")
        primed.extend([base, prime])
        scripts = [*lower]
        if rest:
            scripts.append(ElementTree.Element("mrow"))
            scripts[-1].extend(rest)
        element[:] = [primed, *scripts] if scripts else [*primed]
        element.tag = {(0, 0): "mrow", (0, 1): "msup", (1, 0): "msub", (1, 1): "msubsup"}[len(lower), int(bool(rest))]
    return ElementTree.tostring(root, encoding="unicode")


def _aligned(tex: str) -> str:
    """LaTeX drops a line break that stands in no environment without a word."""
    outside, within = tex, 1
    while within:  # from the innermost environment outwards
        outside, within = _ENVIRONMENT.subn("", outside)
    return rf"\begin{{aligned}}{tex}\end{{aligned}}" if "&" in outside or r"\\" in outside else tex


def visit_math(self: Any, node: nodes.math) -> None:
    drawn = mathml(node.astext(), display=False, where=node)
    before, after = node.get("before", ""), node.get("after", "")
    self.body.append(f'<span class="together">{before}{drawn}{after}</span>' if before or after else drawn)
    raise nodes.SkipNode


def hold_together(app: Any, doctree: nodes.document, docname: str) -> None:
    """Brackets and punctuation beside a formula in a line of text stay with it."""
    for node in list(doctree.findall(nodes.math)):
        siblings = node.parent.children
        place = siblings.index(node)
        if place and isinstance(siblings[place - 1], nodes.Text):
            text = siblings[place - 1].astext()
            if found := _BEFORE.search(text):
                node["before"] = found[0]
                siblings[place - 1] = nodes.Text(text[: found.start()])
        if place + 1 < len(siblings) and isinstance(siblings[place + 1], nodes.Text):
            text = siblings[place + 1].astext()
            if found := _AFTER.match(text):
                node["after"] = found[0]
                siblings[place + 1] = nodes.Text(text[found.end() :])


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
    app.connect("doctree-resolved", hold_together)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
