"""Tables made from the package itself: the vocabulary, the statuses, the references."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Any

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

import quenched as qd
from quenched.citation import BIBTEX

Cell = list[nodes.Node]


def table(header: list[str], rows: Iterable[list[Cell]], widths: list[int]) -> nodes.table:
    group = nodes.tgroup("", *[nodes.colspec(colwidth=width) for width in widths], cols=len(header))
    group += nodes.thead("", _row([[nodes.Text(words)] for words in header]))
    group += nodes.tbody("", *map(_row, rows))
    return nodes.table("", group)


def _row(cells: list[Cell]) -> nodes.row:
    return nodes.row("", *[nodes.entry("", nodes.paragraph("", "", *cell)) for cell in cells])


def _code(words: str) -> nodes.Node:
    return nodes.literal(words, words)


def _words(text: str) -> Cell:
    """Plain text, with what stands between backticks as code."""
    return [_code(part) if place % 2 else nodes.Text(part) for place, part in enumerate(text.split("`"))]


class Vocabulary(SphinxDirective):
    """Every stored quantity, from `qd.VOCABULARY`."""

    def run(self) -> list[nodes.Node]:
        rows = [
            [
                [_code(each.name)],
                _symbol(each.symbol),
                [nodes.Text(_dims(each))],
                [nodes.Text(each.units)],
                _words(each.meaning),
            ]
            for each in qd.VOCABULARY.values()
        ]
        return [table(["name", "symbol", "axes", "unit", "meaning"], rows, [22, 14, 18, 8, 38])]


def _symbol(symbol: str) -> Cell:
    return [nodes.Text("")] if symbol == "-" else [nodes.math(symbol, symbol)]


def _dims(quantity: Any) -> str:
    return "; ".join(", ".join(dims) if dims else "none" for dims in quantity.dims)


class Statuses(SphinxDirective):
    """Every status with its advice, from `qd.Status`."""

    def run(self) -> list[nodes.Node]:
        rows = [[[nodes.Text(str(each.value))], [_code(each.name)], _words(each.advice)] for each in qd.Status]
        return [table(["code", "status", "what it means and what to try"], rows, [8, 22, 70])]


class Outcomes(SphinxDirective):
    """Every outcome of a search, from `qd.landscape.Outcome`."""

    def run(self) -> list[nodes.Node]:
        rows = [[[nodes.Text(str(each.value))], [_code(each.name)], _words(each.meaning)] for each in qd.landscape.Outcome]
        return [table(["code", "outcome", "meaning"], rows, [8, 22, 70])]


class References(SphinxDirective):
    """Every paper known to `qd.cite`, readable, in the order of authors and years."""

    def run(self) -> list[nodes.Node]:
        entries = sorted(((key, _fields(entry)) for key, entry in BIBTEX.items()), key=_order)
        return [nodes.definition_list("", *[_reference(key, fields) for key, fields in entries])]


# Combining characters of LaTeX's accents.
_ACCENTS = {"'": "\u0301", "`": "\u0300", '"': "\u0308", "^": "\u0302", "~": "\u0303"}


def _plain(text: str) -> str:
    """LaTeX as Unicode: accents, dashes, no braces."""

    def composed(found: re.Match[str]) -> str:
        return unicodedata.normalize("NFC", found[2] + _ACCENTS[found[1]])

    accented = re.sub(r"""\\(['`"^~])\{?(\w)\}?""", composed, text)
    return re.sub(r"[{}]", "", accented).replace("--", "–")


def _fields(entry: str) -> dict[str, str]:
    return {name: _plain(value) for name, value in re.findall(r"(\w+)\s*=\s*\{(.*)\}", entry)}


def _order(entry: tuple[str, dict[str, str]]) -> tuple[str, str]:
    """By surname, without what stands before it in small letters, then by year."""
    fields = entry[1]
    return re.sub(r"^([a-z]\w* )+", "", fields["author"]).casefold(), fields["year"]


def _reference(key: str, fields: dict[str, str]) -> nodes.definition_list_item:
    parts = [f"{_authors(fields['author'])} ({fields['year']}). ", nodes.emphasis("", fields["title"]), ". "]
    if where := _where(fields):
        parts.append(f"{where}. ")
    if "eprint" in fields:
        parts.append(f"arXiv:{fields['eprint']}.")
    words = [nodes.Text(part) if isinstance(part, str) else part for part in parts]
    return nodes.definition_list_item(
        "", nodes.term("", "", _code(key)), nodes.definition("", nodes.paragraph("", "", *words))
    )


def _authors(names: str) -> str:
    """All of them, or the first where the entry itself ends in "others"."""
    return f"{names.split(' and ')[0]} and others" if names.endswith(" and others") else names.replace(" and ", "; ")


def _where(fields: dict[str, str]) -> str:
    """Journal, or book and series, with the volume of the last of them, then pages and publisher."""
    places = [fields.get("journal"), "booktitle" in fields and f"In {fields['booktitle']}", fields.get("series")]
    printed = ", ".join(place for place in places if place)
    volume = fields.get("volume") or fields.get("number")
    parts = (f"{printed} {volume}" if volume else printed, fields.get("pages"), fields.get("publisher"))
    return ", ".join(part for part in parts if part)


def setup(app: Any) -> dict[str, bool]:
    app.add_directive("vocabulary", Vocabulary)
    app.add_directive("statuses", Statuses)
    app.add_directive("outcomes", Outcomes)
    app.add_directive("references", References)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
