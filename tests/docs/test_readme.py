"""Nothing stands in the README that no command reproduces."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

import quenched as qd
from quenched.cli.app import app

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
FIGURES = {path.stem: path for path in (ROOT / "docs" / "images").glob("*.png")}


def block(language: str, place: int = 0) -> str:
    found: list[str] = re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)
    return found[place]


def test_quickstart_prints_and_draws_what_the_readme_shows(tmp_path: Path) -> None:
    program = [sys.executable, "-c", "import matplotlib; matplotlib.use('agg')\n" + block("python")]
    ran = subprocess.run(program, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert ran.stdout == block("text")
    assert_same(imread(tmp_path / "quickstart.png"), imread(FIGURES["quickstart"]))


def test_other_networks_print_what_the_readme_shows() -> None:
    program = [sys.executable, "-c", "import quenched as qd\n" + block("python", 1) + block("python", 2)]
    assert subprocess.run(program, capture_output=True, text=True, check=True).stdout == block("text", 1) + block("text", 2)


@pytest.mark.slow
def test_demo_draws_what_the_readme_shows(tmp_path: Path) -> None:
    tree = qd.sweeps.run_file(ROOT / "examples" / "edge_of_chaos.toml", output=tmp_path)
    qd.plots.edge_of_chaos(tree)[0, 0].figure.savefig(tmp_path / "shown.png", dpi=80)
    assert_same(imread(tmp_path / "shown.png"), imread(FIGURES["edge_of_chaos"]))


def assert_same(drawn: np.ndarray, shown: np.ndarray) -> None:
    assert drawn.shape == shown.shape
    # Another version of a font may move letters; the curves stay.
    assert np.mean(np.abs(drawn - shown)) < 0.01


@pytest.mark.parametrize("name", FIGURES)
def test_figures_are_shown_and_small(name: str) -> None:
    assert f"]({FIGURES[name].relative_to(ROOT)})" in README
    assert FIGURES[name].stat().st_size < 100_000


def test_quickstart_is_five_lines() -> None:
    assert len(block("python").splitlines()) == 5


def shell_lines() -> list[list[str]]:
    return [line.split("#")[0].split() for line in re.findall(r"^    (\S.*)$", README, flags=re.MULTILINE)]


@pytest.mark.parametrize("words", shell_lines(), ids=" ".join)
def test_commands_exist(words: list[str]) -> None:
    if words[0] == "make":
        assert re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    else:
        assert words[0] == "quenched"
        _, bound, _ = app.parse_args(words[1:], exit_on_error=False, print_error=False)
        assert bound.arguments or bound.signature.parameters


def test_opens_with_the_two_commands() -> None:
    assert [words[:2] for words in shell_lines()[:2]] == [["make", "demo"], ["make", "test"]]


def test_files_named_exist() -> None:
    for name in re.findall(r"`((?:[A-Z]+|examples/\w+)\.(?:md|cff|toml))`", README):
        assert (ROOT / name).exists(), name
    assert (ROOT / "examples" / "edge_of_chaos.toml").exists()
