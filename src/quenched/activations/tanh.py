"""phi(x) = tanh(x), the field's usual choice."""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Float

from quenched.activations.activation import AbstractActivation


class Tanh(AbstractActivation):
    """phi(x) = tanh(x): odd, bounded by 1, slope 1 at zero.

    Example:
        >>> import jax.numpy as jnp, quenched as qd
        >>> print(f"{float(qd.Tanh()(jnp.asarray(0.5))):.6f} {float(qd.Tanh().slope(jnp.asarray(0.0))):.0f}")
        0.462117 1
    """

    name = "tanh"
    odd = True
    bounded = True
    breakpoints = ()

    def __call__(self, state: Float[Array, "..."]) -> Float[Array, "..."]:
        return jnp.tanh(state)

    def slope(self, state: Float[Array, "..."]) -> Float[Array, "..."]:
        return 1.0 - jnp.tanh(state) ** 2
