"""A field that changes in time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, Float

from quenched.precision import own_settings


class Drive(eqx.Module):
    """b(t), the same for every neuron. `qd.RandomNetwork(field=function)` makes one of any function.

    Arguments:
        function: of the time, one number, written with `jnp`.

    Raises:
        TypeError, ValueError: it cannot be traced by JAX, or does not return one finite number at time 0.

    Example:
        >>> import jax.numpy as jnp, quenched as qd
        >>> model = qd.RandomNetwork(0.8, field=lambda time: 0.5 * jnp.sin(time))
        >>> float(model.field_at(0.0))
        0.0
    """

    function: Callable[[Any], Any] = eqx.field(static=True)

    def __init__(self, function: Callable[[Any], Any]):
        self.function = function
        with own_settings(), jax.ensure_compile_time_eval():
            try:
                first = np.asarray(jax.jit(lambda time: function(time))(np.float64(0.0)), dtype=np.float64)
            except Exception as error:
                raise TypeError(
                    "Argument `field` must be a number or a function of the time that JAX can trace (jnp, not np, inside), "
                    f"but calling it failed: {error}"
                ) from error
        if first.shape or not np.isfinite(first):
            raise ValueError(f"Argument `field` must return one finite number, but returns {first} at time 0.")

    @property
    def name(self) -> str:
        """The function's name, for tables."""
        return str(getattr(self.function, "__name__", "function"))

    def __call__(self, time: Float[Array, ""] | float) -> Any:
        return self.function(time)
