"""phi(x) = erf(sqrt(pi) x / 2): close to tanh, and its Gaussian averages have closed forms."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from quenched.activations.activation import AbstractActivation


class Erf(AbstractActivation):
    """phi(x) = erf(sqrt(pi) x / 2): odd, bounded by 1, slope 1 at zero.

    Its averages over Gaussian states have a closed form: <phi^2> = (2/pi) arcsin(v/(2/pi + v)) for x ~ N(0, v).

    Example:
        >>> import numpy as np, quenched as qd
        >>> mean_square = qd.gaussian.average(lambda x: qd.Erf()(x) ** 2, variance=2.0)
        >>> print(f"{float(mean_square):.6f} {2 / np.pi * np.arcsin(2 / (2 / np.pi + 2)):.6f}")
        0.548181 0.548181
    """

    name = "erf"
    odd = True
    bounded = True
    breakpoints = ()

    def __call__(self, state: Float[Array, "..."]) -> Float[Array, "..."]:
        return jax.scipy.special.erf(0.5 * math.sqrt(math.pi) * state)

    def slope(self, state: Float[Array, "..."]) -> Float[Array, "..."]:
        return jnp.exp(-0.25 * math.pi * state**2)

    def gaussian_product(self, variance: Array, covariance: Array) -> Array:
        """(2/pi) arcsin(c/(2/pi + v)): Williams 1998."""
        return 2.0 / math.pi * jnp.arcsin(covariance / (2.0 / math.pi + variance))
