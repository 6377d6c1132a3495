"""Ctrl-C while results are put together must not lose them."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

_in_hand: list[Callable[[], bool]] = []


@contextmanager
def results_in_hand(there_are: Callable[[], bool]) -> Iterator[None]:
    """Inside, KeyboardInterrupt is caught and what `there_are` by then is kept, so that nobody ends the program before."""
    _in_hand.append(there_are)
    try:
        yield
    finally:
        _in_hand.remove(there_are)


def anything_to_lose() -> bool:
    """Whether ending the program now would lose results."""
    return any(there_are() for there_are in _in_hand)


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
        with results_in_hand(lambda: True):
            yield held
    finally:
        signal.signal(signal.SIGINT, before)
