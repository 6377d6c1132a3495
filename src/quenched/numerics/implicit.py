"""Derivatives of what was found without them: the implicit function theorem."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

# A slope of the residual that is none: there is no derivative at a double root.
_FLAT = 1e-12


def implicit(
    residual: Callable[[Any, Float[Array, ""]], Float[Array, ""]], parameters: Any, found: Float[Array, ""]
) -> Float[Array, ""]:
    """`found`, where residual(parameters, x) vanishes, with dx = -(d residual/d parameters)/(d residual/dx) and all higher
    derivatives by the parameters; 0 at a double root. The residual may close over nothing that is differentiated."""

    @jax.custom_jvp
    def root(parameters: Any, found: Array) -> Array:
        return found

    @root.defjvp
    def _(primals: tuple[Any, Array], tangents: tuple[Any, Array]) -> tuple[Array, Array]:
        parameters, found = primals
        # The root again: its derivatives are in those of the next order.
        x = root(parameters, jax.lax.stop_gradient(found))
        missing = jax.jvp(lambda parameters: residual(parameters, x), (parameters,), (tangents[0],))[1]
        slope = jax.jvp(lambda x: residual(parameters, x), (x,), (jnp.ones_like(x),))[1]
        return x, -missing / jnp.where(jnp.abs(slope) > _FLAT, slope, jnp.inf)

    return root(parameters, jax.lax.stop_gradient(found))
