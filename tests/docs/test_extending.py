"""The page on couplings and units of one's own is as short as it says, and runs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest

PAGE = Path(__file__).parents[2] / "docs" / "extending.md"
CELLS = re.findall(r"```\{code-cell\} ipython3\n(.*?)```", PAGE.read_text(), re.DOTALL)


def test_it_is_short() -> None:
    assert sum(len([line for line in cell.splitlines() if line.strip()]) for cell in CELLS) < 60


@pytest.mark.slow
def test_networks_are_where_theory_says(capsys: pytest.CaptureFixture[str]) -> None:
    mpl.use("Agg")
    names: dict[str, Any] = {"__name__": "__main__"}
    exec(CELLS[0], names)
    theory, voltage = names["theory"], names["voltage"]
    expected = theory.mean_state.sel(time=voltage.time, method="nearest").values
    error = np.hypot(theory.mean_state_error.sel(time=voltage.time, method="nearest"), voltage.std("network") / 4)
    off = np.abs(voltage.mean("network").values - expected) / error.values
    assert np.max(off) < 4.5
    assert np.mean(off < 2) > 0.8
    exec(CELLS[1], names)
    told = capsys.readouterr().out
    expected, own, usual = (float(number) for number in re.findall(r"(?:field|OwnGains|Elliptic) +(0\.\d+)", told))
    # Fields that are not Gaussian: near, but not the theory's number.
    assert 0.01 < expected - own < 0.05
    assert abs(expected - usual) < 0.01
