"""Tables made from the package: references readable and in order, names as code."""

from __future__ import annotations

import re

import pytest
import tables
from docutils import nodes

import quenched as qd
from quenched.citation import BIBTEX

PRINTED = {key: tables._reference(key, tables._fields(entry)) for key, entry in BIBTEX.items()}


def text_of(key: str) -> str:
    return str(PRINTED[key].children[1].astext())


def test_references_are_written_out() -> None:
    assert text_of("marti2018").startswith("Martí, Daniel; Brunel, Nicolas; Ostojic, Srdjan (2018). Correlations between")
    assert text_of("marti2018").rstrip().endswith("Physical Review E 97, 062314.")
    assert (
        text_of("kaplan1979")
        .rstrip()
        .endswith(
            "In Functional Differential Equations and Approximation of Fixed Points, Lecture Notes in Mathematics 730, "
            "204–227, Springer."
        )
    )
    assert text_of("schoenholz2017").rstrip().endswith("In International Conference on Learning Representations.")
    assert text_of("jax2018").startswith("Bradbury, James and others (2018).")


def test_an_accent_becomes_a_letter() -> None:
    latex = r"""Mart{\'i}, Poincar\'e, Erd{\"o}s, Ib\'{a}\~nez, {Levenberg--Marquardt}"""
    assert tables._plain(latex) == "Martí, Poincaré, Erdös, Ibáñez, Levenberg–Marquardt"


@pytest.mark.parametrize("key", BIBTEX)
def test_a_reference_has_no_latex_and_says_where(key: str) -> None:
    assert not re.search(r"[\\{}]|--", text_of(key))
    assert BIBTEX[key].startswith("@software") or re.search(r"\. \S.*[A-Za-z]{4}.*\.\s*$", text_of(key).split("). ", 1)[1])


def test_references_are_in_the_order_of_authors() -> None:
    directive = tables.References.__new__(tables.References)
    (listed,) = directive.run()
    names = [item.children[1].astext() for item in listed.children]
    assert len(names) == len(BIBTEX)
    surnames = [re.sub(r"^de ", "", name).split(",")[0].casefold() for name in names]
    assert surnames == sorted(surnames)


def test_backticks_become_code() -> None:
    text = qd.VOCABULARY["chosen_branch"].meaning
    assert "`branch`" in text
    cell = tables._words(text)
    assert [node.astext() for node in cell if isinstance(node, nodes.literal)] == ["branch"]
    for directive in (tables.Vocabulary, tables.Statuses, tables.Outcomes):
        (table,) = directive.__new__(directive).run()
        assert "`" not in table.astext()
