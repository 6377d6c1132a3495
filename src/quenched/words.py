"""One word out of several, and the one that a misspelt word may have meant; loads nothing that takes time."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any


def one_of(name: str, value: Any, allowed: Iterable[str]) -> str:
    """One of the allowed words, the nearest suggested when it is none of them."""
    words = list(allowed)
    if value not in words:
        raise ValueError(
            f"Argument `{name}` must be one of {', '.join(map(repr, words))}, but is {value!r}.{nearest(value, words)}"
        )
    return str(value)


def nearest(value: Any, words: Iterable[str]) -> str:
    """' Did you mean ...?' or nothing."""
    close = difflib.get_close_matches(str(value), list(words), n=1)
    return f" Did you mean {close[0]!r}?" if close else ""
