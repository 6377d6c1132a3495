"""What every result says of itself: the seed, and the versions that computed it."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import jax
import numpy as np


def seed_of(key: Any) -> int | None:
    """The seed that an argument `key` stands for: 0 if left out; None for a JAX key, of which no seed is known."""
    if key is None:
        return 0
    return int(key) if isinstance(key, int | np.integer) else None


def stamp(seed: int | None = None) -> dict[str, Any]:
    """Attributes of a dataset."""
    known = {} if seed is None else {"seed": seed}
    return {**known, "quenched_version": version("quenched"), "jax_version": jax.__version__}


def made_by() -> str:
    """The versions in one line."""
    return ", ".join(f"{name.removesuffix('_version')} {number}" for name, number in stamp().items())
