"""Extrapolation to step 0 from two steps, and what it leaves over (Richardson 1911)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import jax
import jax.numpy as jnp

# Errors are of this order in the step.
ORDERS = {"euler": 1, "second_order": 2, "extrapolated": 2}


def extrapolated(order: int, arrays: dict[str, Any], finer: dict[str, Any]) -> dict[str, Any]:
    """To step 0 from the errors a step^p and a (step/2)^p; what that changed is in `<name>_discretisation`."""
    share = 1.0 / (2.0**order - 1.0)
    changes = {name: share * (finer[name] - values) for name, values in arrays.items()}
    found = {name: finer[name] + change for name, change in changes.items()}
    return found | {f"{name}_discretisation": change for name, change in changes.items()}


def with_remainders(
    arrays: dict[str, Any], step: float, spectra: Collection[str] = (), apart: bool = False
) -> dict[str, Any]:
    """Errors that contain what the extrapolation leaves over: the share `step`, in leak times, of what it changed.

    The share left over is of order step^2 or step, but not at every lag: what the extrapolation changed crosses zero where
    what it leaves over does not. So it is the largest change at any lag or time that counts, and of `spectra`, which fall by
    orders of magnitude, the largest at this frequency or above. Where entries are `apart`, such as one for each population,
    each counts alone.
    """
    found = dict(arrays)
    for name in [name for name in arrays if f"{name}_discretisation" in arrays]:
        changed = jnp.abs(jnp.asarray(arrays[f"{name}_discretisation"]))
        whole = changed if apart else jnp.max(changed)
        largest = jax.lax.cummax(changed, reverse=True) if name in spectra else whole
        found[f"{name}_error"] = both_errors(arrays[f"{name}_error"], step * largest)
    return found


def both_errors(first: Any, second: Any) -> Any:
    """Independent errors together; errors have no derivatives, which at 0 would be NaN."""
    return jax.lax.stop_gradient(jnp.hypot(jnp.asarray(first), jnp.asarray(second)))
