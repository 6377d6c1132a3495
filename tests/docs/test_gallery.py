"""Each example of the gallery is a short script with a title and a download, and is in the grid."""

from __future__ import annotations

import re
from pathlib import Path

import gallery
import pytest

FOLDER = Path(__file__).parents[2] / "docs" / "gallery"
SCRIPTS = sorted(FOLDER.glob("*.py"))
INDEX = (FOLDER / "index.md").read_text()


def test_the_grid_has_each_example_once() -> None:
    blocks = re.findall(r"```\{gallery\}\n(.*?)```", INDEX, flags=re.DOTALL)
    assert sorted(name for block in blocks for name in block.split()) == [path.stem for path in SCRIPTS]
    assert len(SCRIPTS) >= 16


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_an_example_is_short_and_says_what_it_shows(path: Path) -> None:
    script = path.read_text()
    assert len(script.splitlines()) < 60
    title, line = gallery.title_and_line(script)
    assert title
    assert line.endswith((".", "?"))
    cells = gallery.read(script).cells
    assert [cell.cell_type for cell in cells] == ["markdown"] + ["code"] * (len(cells) - 1)
    assert cells[-1].source.endswith("plt.show()")
    assert re.search(r"\{doc\}`\.\./\w+", cells[0].source), "no link to the page with the long version"


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_an_example_offers_itself_for_download(path: Path) -> None:
    source = [path.read_text()]
    before = gallery.read(source[0])
    gallery.offer_download(None, f"gallery/{path.stem}", source)
    cells = gallery.read(source[0]).cells
    assert f"<{path.name}>`" in cells[-1].source
    assert cells[-1].cell_type == "markdown"
    assert [cell.source for cell in cells[:-1]] == [cell.source for cell in before.cells]


def test_a_page_that_is_no_script_has_no_download() -> None:
    source = ["# Title\n\nText.\n"]
    gallery.offer_download(None, "page", source)
    assert source == ["# Title\n\nText.\n"]


def test_warnings_name_the_lines_of_the_script() -> None:
    script = "# %% [markdown]\n# # Title\n#\n# Line.\n\n# %%\nimport quenched as qd\n\n# %%\nqd.Tanh()\n"
    notebook = gallery.read(script)
    lines = script.splitlines()
    for cell, line in zip(notebook.cells, notebook.metadata["source_map"], strict=True):
        assert lines[line].removeprefix("# ") == cell.source.splitlines()[0]


def test_a_script_without_a_line_about_it_is_refused() -> None:
    with pytest.raises(ValueError, match="must begin with a cell of text"):
        gallery.title_and_line("# %%\nimport quenched as qd\n")
