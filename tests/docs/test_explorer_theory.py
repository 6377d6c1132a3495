"""The table of theory that the explorer draws is what its script computes today."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = runpy.run_path(str(ROOT / "examples" / "explorer_theory.py"))
TABLE = ROOT / "docs" / "static" / "explorer" / "theory.js"
# Half a unit of the tenth digit, and the errors of the solver.
DIGITS: dict[str, Any] = {"rtol": 5e-10, "atol": 2e-11}


@pytest.fixture(scope="module")
def kept() -> dict[str, Any]:
    found: dict[str, Any] = SCRIPT["read"](TABLE)
    return found


def test_the_page_says_which_command_wrote_the_table(kept: dict[str, Any]) -> None:
    command = TABLE.read_text().splitlines()[0].removeprefix("// Written by: ")
    assert command == f"python examples/explorer_theory.py {TABLE.relative_to(ROOT).as_posix()}"
    assert f"`{command}`" in (ROOT / "docs" / "explorer.md").read_text()


def test_some_points_of_the_table_are_computed_again(kept: dict[str, Any]) -> None:
    """On both sides of the edge, and on it."""
    points, rows = [3, 24, 25, 60], [0, 5, 10, 14]
    part = kept["static"]
    found = SCRIPT["static"](np.asarray(points, float), [part["symmetry"][row] for row in rows])
    np.testing.assert_allclose(np.array(part["gain"])[np.ix_(rows, points)], found.gain, **DIGITS)
    for ours, name in SCRIPT["STATIC"].items():
        np.testing.assert_allclose(np.array(part[ours]["values"])[np.ix_(rows, points)], found[name], **DIGITS)
    part, rows = kept["stationary"], [0, 3]
    found = SCRIPT["stationary"](np.asarray(points, float), [part["noise"][row] for row in rows])
    for ours, name in SCRIPT["STATIONARY"].items():
        np.testing.assert_allclose(np.array(part[ours]["values"])[np.ix_(rows, points)], found[name], **DIGITS)


def test_errors_of_the_solvers_are_as_small_as_the_page_says(kept: dict[str, Any]) -> None:
    for part in kept.values():
        for name in ("fluctuation", "response"):
            assert 0 < part[name]["solver_error"] < 1e-10


def test_interpolation_is_measured_halfway() -> None:
    """Of s^4 through points at s = 0, 1, ... the cubic errs by the product of the distances: 9/16 within, 15/16 at an end of
    a smooth piece; at a kink, which is a point, by nothing more."""
    points, halves = np.arange(61.0), np.arange(60) + 0.5
    cubic, quartic, kink = (lambda s: 1e-3 * s**3), (lambda s: s**4), (lambda s: np.abs(s - 24.0))
    found = SCRIPT["interpolation_errors"](
        np.array([f(points) for f in (cubic, quartic, kink)]),
        np.array([f(halves) for f in (cubic, quartic, kink)]),
        [24] * 3,
    )
    np.testing.assert_allclose(found, [0.0, 15 / 16, 0.0], atol=1e-8)


@pytest.mark.slow
def test_the_whole_table_is_computed_again(kept: dict[str, Any]) -> None:
    now = SCRIPT["table"]()
    for name, part in kept.items():
        assert part.keys() == now[name].keys()
        for column, values in part.items():
            if column not in ("fluctuation", "response"):
                np.testing.assert_allclose(now[name][column], values, **DIGITS)
                continue
            np.testing.assert_allclose(now[name][column]["values"], values["values"], **DIGITS)
            # Two digits are kept; differences of values that agree to 1e-10 are rounding.
            errors = now[name][column]["interpolation_error"]
            np.testing.assert_allclose(errors, values["interpolation_error"], 0.1, 1e-9)
