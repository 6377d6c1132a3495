"""Options whose names are not known before: parameters of a model by their paths, arguments of a theory."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

# Cyclopts reads `--a.b` as a table a with an entry b; nothing else has this sign.
_STEP = ":"


def paths_as_names(arguments: Sequence[str]) -> list[str]:
    """The words of a command line in which no option has a dot."""
    return [_without_dots(word) if word.startswith("--") else word for word in arguments]


def read_options(options: Mapping[str, str]) -> dict[str, Any]:
    """Names with underscores and dots, and the values that their texts stand for."""
    return {name.replace("-", "_").replace(_STEP, "."): read_value(text) for name, text in options.items()}


def read_value(text: str) -> Any:
    """Numbers, true and false, lists and tables as in TOML or JSON; any other text is itself."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        try:
            return json.loads(text)
        except ValueError:
            return text


def _without_dots(word: str) -> str:
    name, equals, value = word.partition("=")
    return name.replace(".", _STEP) + equals + value
