"""The run-time type checker of the tests: whole numbers pass where a float is asked for, as they do in Python."""

from __future__ import annotations

from beartype import BeartypeConf, beartype

checked = beartype(conf=BeartypeConf(is_pep484_tower=True))
