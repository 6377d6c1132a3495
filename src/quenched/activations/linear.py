"""phi(x) = x: every answer is known in closed form, so it tests everything."""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Float

from quenched.activations.activation import AbstractActivation


class Linear(AbstractActivation):
    """phi(x) = x: odd, unbounded, exactly solvable.

    Example:
        >>> import jax.numpy as jnp, quenched as qd
        >>> float(qd.Linear()(jnp.asarray(-3.0))), float(qd.Linear().slope(jnp.asarray(-3.0)))
        (-3.0, 1.0)
    """

    name = "linear"
    odd = True
    bounded = False
    breakpoints = ()

    def __call__(self, state: Float[Array, "..."]) -> Float[Array, "..."]:
        return state

    def slope(self, state: Float[Array, "..."]) -> Float[Array, "..."]:
        return jnp.ones_like(state)

    def gaussian_product(self, variance: Array, covariance: Array) -> Array:
        return covariance
