"""What a flow or a map receives in time."""

from __future__ import annotations

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from quenched import checks
from quenched.dynamics.traced_functions import TracedFunction, traced_function


class Rows(eqx.Module):
    """A row for each step."""

    values: Float[Array, "... time input"]

    def at(self, index: Array) -> Float[Array, " input"]:
        """The last row is kept on."""
        return self.values[index]


class Given(NamedTuple):
    """Inputs as they were given."""

    drive: TracedFunction | Rows | None
    """Of one network: arrays have an axis of length 1 before their own."""
    first: Any
    """At the beginning, None if there are none."""
    steps: int | None
    """How many steps they are for, None if for any."""


def read_inputs(inputs: Any) -> Given:
    """None, a vector, a row for each step, or a function of the time."""
    if inputs is None:
        return Given(None, None, None)
    if callable(inputs):
        return _of_function(inputs)
    values = checks.numbers("Argument `inputs`", inputs)
    if values.ndim not in (1, 2) or not values.size:
        raise ValueError(
            "Argument `inputs` must be (input), the same for all time, (step, input), or a function of the time, but has "
            f"shape {values.shape}."
        )
    if not np.isfinite(values).all():
        raise ValueError("Argument `inputs` must be finite, but holds NaN or infinity.")
    rows = np.atleast_2d(values)
    return Given(Rows(jnp.asarray(rows)[None]), rows[0], len(values) if values.ndim == 2 else None)


def _of_function(function: Any) -> Given:
    time = jax.ShapeDtypeStruct((), jnp.float64)
    try:
        traced = traced_function(lambda now: jnp.asarray(function(now), float), time)
        shape = jax.eval_shape(traced, time).shape
    except Exception as error:
        raise TypeError(
            "Argument `inputs` must be a vector, rows, or a function of the time that JAX can trace (jnp, not "
            f"np, inside), but calling it failed: {error}"
        ) from error
    if len(shape) != 1 or not shape[0]:
        raise ValueError(f"Argument `inputs` must return a vector (input), but returns the shape {shape}.")
    first = np.asarray(traced(jnp.zeros(())))
    return Given(TracedFunction(traced.program, [jnp.asarray(each)[None] for each in traced.constants]), first, None)
