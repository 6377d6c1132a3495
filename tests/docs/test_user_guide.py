"""The skeleton of the user guide: its listings run, one after the other, and what it cites is in the bibliography."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAPER = Path(__file__).parents[2] / "paper"


def test_listings_run_and_citations_exist(capsys: pytest.CaptureFixture[str]) -> None:
    guide = (PAPER / "user_guide.tex").read_text()
    listings = re.findall(r"\\begin\{lstlisting\}\n(.*?)\\end\{lstlisting\}", guide, flags=re.DOTALL)
    assert len(listings) == 4
    scope: dict[str, object] = {}
    for listing in listings:
        exec(listing, scope)
    printed = capsys.readouterr().out
    assert "('time', 'earlier_time')" in printed
    cited = {key for group in re.findall(r"\\cite\{(.*?)\}", guide) for key in group.split(",")}
    known = set(re.findall(r"^@\w+\{(\w+),", (PAPER / "paper.bib").read_text(), flags=re.MULTILINE))
    assert cited
    assert cited <= known
    opened, closed = re.findall(r"\\begin\{(\w+)\}", guide), re.findall(r"\\end\{(\w+)\}", guide)
    assert sorted(opened) == sorted(closed)
