"""References are complete, and asked for by keys that exist."""

from __future__ import annotations

import re

import pytest

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


def test_an_unknown_key_is_refused() -> None:
    with pytest.raises(KeyError, match="nobody1900"):
        bibtex(["nobody1900"])
