"""phi(x) = max(x, 0): unbounded, not odd, with a kink at zero."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from quenched.activations.activation import AbstractActivation


class ReLU(AbstractActivation):
    """phi(x) = max(x, 0): unbounded, not odd, with a kink at 0, where the slope is taken as 0.

    Half of a Gaussian state of mean 0 is silent: <phi^2> = v/2 for x ~ N(0, v).

    Example:
        >>> import quenched as qd
        >>> relu = qd.ReLU()
        >>> print(f"{qd.gaussian.average(lambda x: relu(x) ** 2, variance=2.0, breakpoints=relu.breakpoints):.6f}")
        1.000000
    """

    name = "relu"
    odd = False
    bounded = False
    breakpoints = (0.0,)

    def __call__(self, state: Float[Array, "..."]) -> Float[Array, "..."]:
        return jax.nn.relu(state)

    def slope(self, state: Float[Array, "..."]) -> Float[Array, "..."]:
        return jnp.where(state > 0, 1.0, 0.0)

    def gaussian_product(self, variance: Array, covariance: Array) -> Array:
        """(s + c (pi - theta))/(2 pi) with c = v cos(theta), s = v sin(theta): Cho & Saul 2009."""
        return _arccosine_kernel(jnp.asarray(variance), jnp.asarray(covariance))


@jax.custom_jvp
def _arccosine_kernel(variance: Array, covariance: Array) -> Array:
    height, angle = _sides(variance, covariance)
    return (height + covariance * (jnp.pi - angle)) / (2.0 * jnp.pi)


@_arccosine_kernel.defjvp
def _(primals: tuple[Array, Array], tangents: tuple[Array, Array]) -> tuple[Array, Array]:
    # By autodiff infinities would meet at c = v.
    variance, covariance = primals
    height, angle = _sides(variance, covariance)
    by_variance = height / jnp.where(variance > 0.0, variance, 1.0)
    slope = by_variance * tangents[0] + (jnp.pi - angle) * tangents[1]
    return _arccosine_kernel(variance, covariance), slope / (2.0 * jnp.pi)


def _sides(variance: Array, covariance: Array) -> tuple[Array, Array]:
    """v sin(theta) and theta."""
    square = jnp.maximum((variance - covariance) * (variance + covariance), 0.0)
    height = jnp.where(square > 0.0, jnp.sqrt(jnp.where(square > 0.0, square, 1.0)), 0.0)
    return height, jnp.arctan2(height, covariance)
