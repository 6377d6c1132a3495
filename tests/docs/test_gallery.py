"""Each example of the gallery is a short script with a title and a download, and is in the grid."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import gallery
import pytest

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "gallery"
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
    # A figure is shown as it is at the end of the cell that makes it.
    assert not any("plt." in cell.source for cell in cells[1:-1])
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


def test_the_grid_shows_the_first_figure_and_else_an_empty_frame(tmp_path: Path) -> None:
    """Pages are not executed here, so that a figure in the text stands for one that a cell has drawn."""
    text = "# %% [markdown]\n# # {0}\n#\n# About {0}.\n{1}\n# %%\n1 + 1\n"
    shown = [(ROOT / "docs" / "images" / name) for name in ("quickstart.png", "edge_of_chaos.png")]
    figures = "".join(f"#\n# ![figure]({os.path.relpath(path, tmp_path)})\n" for path in shown)
    (tmp_path / "with_figures.py").write_text(text.format("Drawn", figures))
    (tmp_path / "without.py").write_text(text.format("Empty", ""))
    grid = "```{gallery}\nwith_figures\nwithout\n```\n\n```{toctree}\n:hidden:\n:glob:\n\n*\n```\n"
    (tmp_path / "index.md").write_text("# Gallery\n\n" + grid)
    settings = {
        "extensions": ["myst_nb", "sphinx_design", "gallery"],
        "exclude_patterns": ["conf.py", "html"],
        "myst_enable_extensions": ["colon_fence"],
        "nb_custom_formats": {".py": "gallery.read"},
        "nb_execution_mode": "off",
    }
    (tmp_path / "conf.py").write_text("\n".join(f"{name} = {value!r}" for name, value in settings.items()))
    build = [sys.executable, "-m", "sphinx", "-W", "-q", "-b", "html", str(tmp_path), str(tmp_path / "html")]
    extensions = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "docs" / "extensions"), *sys.path])}
    ran = subprocess.run(build, capture_output=True, text=True, env=extensions)
    assert ran.returncode == 0, ran.stderr
    page = (tmp_path / "html" / "index.html").read_text()
    assert re.findall(r'<img [^>]*alt="(\w+)"[^>]*src="_images/([\w.]+)"', page) == [("Drawn", "quickstart.png")]
    assert len(re.findall(r'class="gallery-picture', page)) == 2
    assert "About Drawn." in page
    assert "About Empty." in page
    assert "_downloads" in (tmp_path / "html" / "without.html").read_text()
