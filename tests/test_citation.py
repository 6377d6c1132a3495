"""References are complete, and asked for by keys that exist."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import xarray as xr

import quenched as qd
from quenched.citation import BIBTEX, bibtex


@pytest.mark.parametrize("key", BIBTEX)
def test_every_entry_is_whole(key: str) -> None:
    entry = BIBTEX[key]
    assert re.match(rf"@\w+\{{{key},\n", entry)
    assert entry.count("{") == entry.count("}")
    for field in ("author", "title", "year"):
        assert re.search(rf"^  {field} += \{{", entry, re.MULTILINE)


def test_each_is_printed_once_in_a_fixed_order() -> None:
    keys = list(BIBTEX)
    text = bibtex([keys[2], keys[0], keys[2]])
    assert re.findall(r"@\w+\{(\w+),", text) == [keys[0], keys[2]]


NETWORK = qd.Network(2.0 * np.eye(1))
LAG = np.linspace(0.0, 20.0, 401)
DECAYS = {"state_correlation": ("lag", 0.5 * np.exp(-LAG)), "state_response": ("lag", np.exp(-LAG))}
RESULTS: dict[str, tuple[Callable[[], Any], str]] = {
    "fixed points": (lambda: qd.landscape.find_fixed_points(NETWORK, 10, paths=2), "chow1978 sussillo2013"),
    "fluctuations": (
        lambda: qd.observables.fluctuation_dissipation(xr.Dataset(DECAYS, {"lag": LAG}), temperature=0.5),
        "zou2024 cugliandolo1997",
    ),
    "a solution's dataset": (
        lambda: qd.solve(qd.RandomNetwork(1.5), qd.dmft.Static()).to_dataset(),
        "zou2024 qiu2025 sompolinsky1988",
    ),
}


def test_parts_of_a_model_have_papers_too() -> None:
    """In solutions, in their datasets, and in sweeps; of plain ones there are none."""
    model = qd.RandomNetwork(couplings=qd.couplings.Elliptic(0.5) + qd.couplings.LowRank([[1.0, 0.2], [0.2, 1.0]]))
    assert model.citations == ("mastrogiuseppe2018",)
    assert qd.RandomNetwork(1.5).citations == ()
    solution = qd.solve(model, qd.dmft.Static(), throw=False)
    swept = qd.sweep(model, qd.dmft.Static(), {"field": [0.0, 0.1]})
    for thing in (solution, solution.to_dataset(), swept):
        keys = re.findall(r"@\w+\{(\w+),", qd.cite(thing))
        assert set(keys) == {*qd.dmft.Static.citations, "mastrogiuseppe2018"}
    assert "rajan2010" in qd.cite(qd.RandomNetwork(1.0, field=qd.Sinusoid(0.5, 1.0)))


@pytest.mark.parametrize("name", RESULTS)
def test_a_dataset_has_the_papers_behind_it(name: str) -> None:
    make, keys = RESULTS[name]
    assert re.findall(r"@\w+\{(\w+),", qd.cite(make())) == keys.split()


@pytest.mark.parametrize(
    "thing", [NETWORK, xr.Dataset({"mine": ("x", [1.0, 2.0])}), 3], ids=["network", "dataset", "number"]
)
def test_what_has_no_papers_is_refused_in_one_line(thing: Any) -> None:
    with pytest.raises(TypeError, match=r"Only results, theories and BibTeX keys carry references") as refused:
        qd.cite(thing)
    assert "\n" not in str(refused.value)


def test_an_unknown_key_is_refused() -> None:
    with pytest.raises(KeyError, match="nobody1900"):
        bibtex(["nobody1900"])
