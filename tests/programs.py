"""What a traced program holds."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np


def largest_array(jaxpr: Any) -> int:
    """How many numbers it has, in a program and those within it."""
    found = 0
    for equation in jaxpr.eqns:
        found = max([found, *(np.prod(each.aval.shape, dtype=int) for each in equation.outvars)])
        for inner in jax.tree.leaves(equation.params, is_leaf=lambda each: hasattr(each, "eqns") or hasattr(each, "jaxpr")):
            inner = getattr(inner, "jaxpr", inner)
            found = max(found, largest_array(inner)) if hasattr(inner, "eqns") else found
    return found
