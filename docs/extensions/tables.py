"""Tables made from the package itself: the vocabulary, the statuses, the references."""

from __future__ import annotations

import re
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


class Vocabulary(SphinxDirective):
    """Every stored quantity, from `qd.VOCABULARY`."""

    def run(self) -> list[nodes.Node]:
        rows = [
            [
                [_code(each.name)],
                _symbol(each.symbol),
                [nodes.Text(_dims(each))],
                [nodes.Text(each.units)],
                [nodes.Text(each.meaning)],
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
        rows = [[[nodes.Text(str(each.value))], [_code(each.name)], [nodes.Text(each.advice)]] for each in qd.Status]
        return [table(["code", "status", "what it means and what to try"], rows, [8, 22, 70])]


class Outcomes(SphinxDirective):
    """Every outcome of a search, from `qd.landscape.Outcome`."""

    def run(self) -> list[nodes.Node]:
        rows = [
            [[nodes.Text(str(each.value))], [_code(each.name)], [nodes.Text(each.meaning)]] for each in qd.landscape.Outcome
        ]
        return [table(["code", "outcome", "meaning"], rows, [8, 22, 70])]


class References(SphinxDirective):
    """Every paper known to `qd.cite`, readable."""

    def run(self) -> list[nodes.Node]:
        return [nodes.definition_list("", *[_reference(key, entry) for key, entry in BIBTEX.items()])]


def _reference(key: str, entry: str) -> nodes.definition_list_item:
    found = {name: re.sub(r"[{}]", "", value) for name, value in re.findall(r"(\w+)\s*=\s*\{(.*)\}", entry)}
    where = [
        found.get("journal", ""),
        found.get("volume") or found.get("number", ""),
        found.get("pages", "").replace("--", "–"),
    ]
    printed = (
        " ".join(found["author"].split(" and ")[:1])
        if " others" in found["author"]
        else found["author"].replace(" and ", "; ")
    )
    if " others" in found["author"]:
        printed += " and others"
    parts = [f"{printed} ({found['year']}). ", nodes.emphasis("", found["title"]), ". "]
    parts.append(", ".join(part for part in where if part) + ("." if any(where) else ""))
    if "eprint" in found:
        parts.append(f" arXiv:{found['eprint']}.")
    words = [nodes.Text(part) if isinstance(part, str) else part for part in parts]
    return nodes.definition_list_item(
        "", nodes.term("", "", _code(key)), nodes.definition("", nodes.paragraph("", "", *words))
    )


def setup(app: Any) -> dict[str, bool]:
    app.add_directive("vocabulary", Vocabulary)
    app.add_directive("statuses", Statuses)
    app.add_directive("outcomes", Outcomes)
    app.add_directive("references", References)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
