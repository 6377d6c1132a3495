"""Ctrl-C while results are put together must not lose them."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any


@contextmanager
def held_interrupts() -> Iterator[SimpleNamespace]:
    """Inside, the first Ctrl-C is only noted (`arrived`); a second one raises KeyboardInterrupt as ever."""
    held = SimpleNamespace(arrived=False)
    before: Any = None

    def note(*_: Any) -> None:
        held.arrived = True
        signal.signal(signal.SIGINT, before)

    try:
        before = signal.signal(signal.SIGINT, note)
    except ValueError:
        # Not in the main thread, where no Ctrl-C arrives.
        yield held
        return
    try:
        yield held
    finally:
        signal.signal(signal.SIGINT, before)
