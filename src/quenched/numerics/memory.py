"""Memory that a computation may still take."""

from __future__ import annotations

import psutil


def available_bytes() -> int:
    """What the system can give without swapping."""
    return int(psutil.virtual_memory().available)
