"""Ctrl-C while results are put together must not lose them."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any


@contextmanager
def held_interrupts() -> Iterator[SimpleNamespace]:
    """Inside, the first Ctrl-C is only noted (`arrived`); a second one raises KeyboardInterrupt as ever."""
    held = SimpleNamespace(arrived=False)

    def note(*_: Any) -> None:
        held.arrived = True
        signal.signal(signal.SIGINT, before)

    before = signal.getsignal(signal.SIGINT)
    # Elsewhere no Ctrl-C arrives: not in the main thread, not where it is ignored or another's business.
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield held
        return
    signal.signal(signal.SIGINT, note)
    try:
        yield held
    finally:
        signal.signal(signal.SIGINT, before)
