"""phi(x) = sin(x): bounded and not monotonic; its Gaussian averages have closed forms."""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Float

from quenched.activations.activation import AbstractActivation


class Sine(AbstractActivation):
    """phi(x) = sin(x): odd, bounded by 1, not monotonic, slope 1 at zero.

    Its averages over Gaussian states have a closed form: <phi^2> = (1 - exp(-2 v))/2 for x ~ N(0, v).

    Example:
        >>> import numpy as np, quenched as qd
        >>> mean_square = qd.gaussian.average(lambda x: qd.Sine()(x) ** 2, variance=2.0)
        >>> print(f"{float(mean_square):.6f} {(1 - np.exp(-4.0)) / 2:.6f}")
        0.490842 0.490842
    """

    name = "sine"
    odd = True
    bounded = True
    breakpoints = ()

    def __call__(self, state: Float[Array, "..."]) -> Float[Array, "..."]:
        return jnp.sin(state)

    def slope(self, state: Float[Array, "..."]) -> Float[Array, "..."]:
        return jnp.cos(state)

    def gaussian_product(self, variance: Array, covariance: Array) -> Array:
        """exp(-v) sinh(c)."""
        negative = covariance < 0.0

        def positive(c: Array) -> Array:
            # Neither overflows nor cancels.
            return -0.5 * jnp.exp(c - variance) * jnp.expm1(-2.0 * c)

        above, below = jnp.where(negative, 0.0, covariance), jnp.where(negative, -covariance, 0.0)
        return jnp.where(negative, -positive(below), positive(above))
