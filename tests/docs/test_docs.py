"""The documentation names what exists, and all of it."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest

import quenched as qd
from quenched.theory import Theory

DOCS = Path(__file__).parents[2] / "docs"
PAGES = sorted(DOCS.glob("*.md"))
TEXTS = {page.stem: page.read_text() for page in PAGES}


def test_every_page_is_in_the_table_of_contents() -> None:
    listed = [name for tree in re.findall(r"```{toctree}(.*?)```", TEXTS["index"], flags=re.DOTALL) for name in tree.split()]
    assert TEXTS.keys() - {"index"} <= set(listed)


def test_every_theory_has_its_reference_and_is_on_the_page_for_choosing() -> None:
    for chapter in (qd.dmft, qd.replica, qd.simulate, qd.landscape, qd.layers):
        for name in chapter.__all__:
            member = getattr(chapter, name)
            if isinstance(member, type) and issubclass(member, Theory):
                full = f"{chapter.__name__.removeprefix('quenched.')}.{name}"
                assert f"quenched.{full}" in TEXTS["api"]
                assert f"qd.{full}" in TEXTS["which_theory"]


def test_every_public_name_has_its_reference() -> None:
    documented = TEXTS["api"]
    for name in qd.__all__:
        if not hasattr(getattr(qd, name), "__path__"):  # not a chapter
            assert re.search(rf"quenched\.{name}\b", documented), name


CHAPTERS = [qd.dmft, qd.replica, qd.simulate, qd.landscape, qd.layers, qd.observables, qd.gaussian, qd.plots, qd.papers]


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_every_public_name_of_a_chapter_has_its_reference(chapter: Any) -> None:
    for name in chapter.__all__:
        assert re.search(rf"{chapter.__name__}\.{name}\b", TEXTS["api"]), name


def test_the_start_page_in_chinese_keeps_step() -> None:
    """Cell by cell the same code, and as many headings."""
    pages = [(DOCS / name).read_text() for name in ("start.md", "start_zh.md")]
    cells = [re.findall(r"```\{code-cell\}.*?```", page, flags=re.DOTALL) for page in pages]
    assert cells[0] == cells[1]
    assert [page.count("\n## ") for page in pages] == [pages[0].count("\n## ")] * 2


def test_statuses_named_exist() -> None:
    known = {status.name for status in qd.Status} | {outcome.name for outcome in qd.landscape.Outcome}
    for page, text in TEXTS.items():
        for name in re.findall(r"[Ss]tatus (?:is )?`(\w+)`", text):
            assert name in known, (page, name)


def test_every_page_says_whose_it_is() -> None:
    assert re.search(r'^copyright = f?"\S', (DOCS / "conf.py").read_text(), flags=re.MULTILINE)


def test_pages_fetch_nothing() -> None:
    kinds = ("*.py", "extensions/*.py", "gallery/*", "static/*.css", "static/explorer/*")
    for path in [*PAGES, *(path for kind in kinds for path in DOCS.glob(kind))]:
        assert "://" not in path.read_text(), path.name


def figures_as_text(page: str) -> list[str]:
    """Cells that end in a figure before the notebook was told to show figures, by its magic or by a figure of pyplot's."""
    cells = re.findall(r"```\{code-cell\}[^\n]*\n((?::[^\n]*\n)*)(.*?)```", page, flags=re.DOTALL)
    found, shown = [], False
    for _, cell in cells:
        shown = shown or "%matplotlib inline" in cell
        plain = re.sub(r"^%.*$", "", cell, flags=re.MULTILINE)
        body = [] if cell.lstrip().startswith("%%") else ast.parse(plain).body
        last = body[-1].value if body and isinstance(body[-1], ast.Expr) else None
        name = getattr(last, "attr", getattr(last, "id", ""))
        if name == "figure" and not shown and "plt." not in cell:
            found.append(cell)
        shown = shown or "plt." in cell
    return found


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.md")), ids=lambda page: page.stem)
def test_a_cell_that_ends_in_a_figure_shows_it(page: Path) -> None:
    assert figures_as_text(page.read_text()) == []


def test_a_figure_as_text_is_noticed() -> None:
    alone = "```{code-cell} ipython3\n:tags: [x]\nimport quenched as qd\nqd.plots.phase_diagram(found)[0].figure\n```\n"
    assert len(figures_as_text(alone)) == 1
    assert len(figures_as_text("```{code-cell}\nimport matplotlib.pyplot as plt\n```\n" + alone)) == 1
    assert figures_as_text("```{code-cell}\nplt.figure()\n```\n" + alone) == []
    assert figures_as_text(alone.replace("import q", "%matplotlib inline\nimport q")) == []
