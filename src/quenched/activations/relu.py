"""phi(x) = max(x, 0): unbounded, not odd, with a kink at zero."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from quenched.activations.activation import AbstractActivation


class ReLU(AbstractActivation):
    """phi(x) = max(x, 0). The slope at the kink itself is taken as 0."""

    name = "relu"
    odd = False
    bounded = False
    breakpoints = (0.0,)

    def __call__(self, state: Float[Array, "..."]) -> Float[Array, "..."]:
        return jax.nn.relu(state)

    def slope(self, state: Float[Array, "..."]) -> Float[Array, "..."]:
        return jnp.where(state > 0, 1.0, 0.0)
