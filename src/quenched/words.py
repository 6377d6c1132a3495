"""One word out of several, and the one that a misspelt word may have meant; loads nothing that takes time."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any


def shown(value: Any) -> str:
    """As one would type it; what takes several lines, by its kind."""
    text = repr(value)
    return text if "\n" not in text else f"of type {type(value).__name__}"


def one_of(name: str, value: Any, allowed: Iterable[str]) -> str:
    """One of the allowed words, the nearest suggested when it is none of them."""
    words = list(allowed)
    if not isinstance(value, str) or value not in words:
        raise ValueError(
            f"Argument `{name}` must be one of {', '.join(map(repr, words))}, but is {shown(value)}.{nearest(value, words)}"
        )
    return str(value)


def nearest(value: Any, words: Iterable[str]) -> str:
    """' Did you mean ...?' or nothing."""
    close = difflib.get_close_matches(str(value), list(words), n=1)
    return f" Did you mean {close[0]!r}?" if close else ""
