"""A page is executed again when what it ran has changed: its key covers every function of the package that it called."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import gallery
import page_keys
import pytest

PACKAGE = Path(page_keys.__file__).parents[2] / "src" / "quenched"
PAGES = {
    "theory": """
import quenched as qd
found = qd.solve(qd.RandomNetwork(gain=1.5), qd.dmft.Static())
print(found, found.to_dataset())
""",
    "network": """
from quenched.landscape import find_fixed_points
import numpy as np
import quenched as qd
found = find_fixed_points(qd.Network(2 * np.eye(2), qd.Tanh()), starts=np.eye(2))
found.plot()
""",
}
RECORD = """
import sys
import quenched as qd

def importing(frame):
    while frame and not (frame.f_code.co_name == "<module>" and "quenched" in frame.f_code.co_filename):
        frame = frame.f_back
    return frame is not None

def record(frame, event, argument):
    if event == "call" and "quenched" in frame.f_code.co_filename and not importing(frame):
        called.add(frame.f_code.co_filename)

called = set()
sys.setprofile(record)
exec(sys.argv[1])
sys.setprofile(None)
print("\\n".join(called))
"""


def page(code: str) -> str:
    return f"# Title\n\n```{{code-cell}} ipython3\n{code}```\n"


@pytest.mark.parametrize("name", PAGES)
def test_every_function_called_lies_in_a_file_of_the_key(name: str) -> None:
    """Calls while a module is imported aside: they are the same whatever the page."""
    program = [sys.executable, "-c", RECORD, PAGES[name]]
    lines = subprocess.run(program, capture_output=True, text=True, check=True).stdout.splitlines()
    called = {Path(line) for line in lines if line.startswith(str(PACKAGE))}
    called -= {PACKAGE / "lazy.py"}  # finds names
    assert len(called) > 10
    assert called <= set(page_keys.files(page(PAGES[name])))


def test_what_a_page_does_not_reach_leaves_its_key() -> None:
    files = page_keys.files(page(PAGES["theory"]))
    assert PACKAGE / "dmft" / "static.py" in files
    for room in ("dynamics", "fixed_points", "landscape"):
        assert not [path for path in files if path.is_relative_to(PACKAGE / room)]
    assert len(files) < len(list(PACKAGE.rglob("*.py"))) / 2


@pytest.mark.parametrize("name", PAGES)
def test_a_script_depends_on_what_a_page_with_the_same_cells_depends_on(name: str) -> None:
    """Its text, in comments, is no code: what is only told of is not executed."""
    script = f"# %% [markdown]\n# # Title\n#\n# `qd` and `qd.layers.Forward`.\n\n# %%{PAGES[name]}"
    assert page_keys.files(script) == page_keys.files(page(PAGES[name]))


@pytest.mark.parametrize(
    "code", ["%%bash\nquenched --help\n", "import quenched as qd\nprint(vars(qd))\n", "import quenched\n"]
)
def test_a_command_and_the_package_as_a_whole_reach_everything(code: str) -> None:
    assert set(page_keys.files(page(code))) >= set(PACKAGE.rglob("*.py"))


def test_tables_and_figures_of_the_papers_belong_to_the_key() -> None:
    page = "```{code-cell} ipython3\nfound = qd.papers.reproduce('qiu2025', 5)\n```\n"
    reached = {path.name for path in page_keys.files(page)}
    assert {"readings.csv", "order_parameters.py", "two_time.py"} <= reached


def test_a_value_stands_for_where_it_was_looked_for() -> None:
    assert PACKAGE / "vocabulary.py" in page_keys.files(page("import quenched as qd\nqd.VOCABULARY\n"))
    assert PACKAGE / "status.py" in page_keys.files(page("import quenched as qd\nqd.Status.solved\n"))


def test_a_key_changes_with_a_file_that_the_page_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("docs/data", "examples"):
        (tmp_path / folder).mkdir(parents=True)
    monkeypatch.setattr(page_keys, "DOCS", tmp_path / "docs")
    (tmp_path / "docs" / "data" / "table.csv").write_text("1")
    reads = page('open("data/table.csv")\n')
    before, other = page_keys.key(reads), page_keys.key(page("1\n"))
    (tmp_path / "docs" / "data" / "table.csv").write_text("2")
    assert page_keys.key(reads) != before
    assert page_keys.key(page("1\n")) == other


def test_the_kernel_of_a_script_is_described_by_its_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """That description is what myst-nb keeps outputs under, so that a script whose sources changed is executed again."""
    script = "# %% [markdown]\n# # Title\n\n# %%\nqd.dmft.Static()\n"
    before = gallery.read(script).metadata["kernelspec"]["display_name"]
    assert before == page_keys.key(script)
    contents = Path.read_bytes
    changed = PACKAGE / "dmft" / "static.py"
    monkeypatch.setattr(Path, "read_bytes", lambda path: contents(path) + b"#" * (path == changed))
    assert gallery.read(script).metadata["kernelspec"]["display_name"] != before


def test_lines_keep_their_numbers() -> None:
    source = ["---\nfile_format: mystnb\nkernelspec:\n  name: python3\n---\n\n# Title\n"]
    before = source[0].splitlines()
    page_keys.describe_kernel(None, "page", source)
    assert [a == b for a, b in zip(before, source[0].splitlines(), strict=True)] == [True] * 3 + [False] + [True] * 3
    assert re.fullmatch(r"  \{name: python3, language: ipython3, display_name: \w{16}\}", source[0].splitlines()[3])


@pytest.mark.slow
def test_all_pages_that_fail_are_named_and_what_is_kept_is_not_executed_again(tmp_path: Path) -> None:
    head = "---\nfile_format: mystnb\nkernelspec:\n  name: python3\n---\n\n"
    for name, code in {"index": "2 + 2", "first": "missing_one", "second": "missing_two"}.items():
        (tmp_path / f"{name}.md").write_text(
            head + page(code + "\n") + "\n```{toctree}\n:glob:\n*\n```\n" * (name == "index")
        )
    settings = {"extensions": ["myst_nb", "page_keys"], "nb_execution_show_tb": True, "nb_execution_mode": "cache"}
    settings["nb_execution_cache_path"] = str(tmp_path / "cache")
    (tmp_path / "conf.py").write_text("\n".join(f"{name} = {value!r}" for name, value in settings.items()))
    build = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-E", "-b", "html", str(tmp_path), str(tmp_path / "html")]
    extensions = {**os.environ, "PYTHONPATH": f"{Path(page_keys.__file__).parent}:{PACKAGE.parent}"}
    first, second = (subprocess.run(build, capture_output=True, text=True, env=extensions) for _ in range(2))
    for ran in (first, second):
        assert ran.returncode == 1
        for name, cell in (("first", "missing_one"), ("second", "missing_two")):
            assert re.search(rf"{name}.md: WARNING: Executing notebook failed(?s:.*)-\n{cell}\n-", ran.stderr)
    assert "index.md: Executing notebook" in first.stdout
    assert "index.md: Executing notebook" not in second.stdout
    assert "index.md: Using cached notebook" in second.stdout
