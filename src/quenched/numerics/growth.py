"""How fast powers and exponentials of a small matrix grow, without its eigenvalues.

LAPACK's nonsymmetric solver does not run in a batch. Squaring a matrix forty times raises it to 2^40, whose norm gives the
rate to twelve digits, whether the leading eigenvalue is real or a pair.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

_SQUARINGS, _TERMS = 40, 14


def spectral_radius(matrix: Float[Array, "row row"]) -> Float[Array, ""]:
    """The largest modulus of an eigenvalue."""
    return jnp.exp(_log_growth(matrix))


def spectral_abscissa(matrix: Float[Array, "row row"]) -> Float[Array, ""]:
    """The largest real part of an eigenvalue: the rate at which exp(matrix t) grows."""
    step = 1.0 / jnp.maximum(jnp.max(jnp.sum(jnp.abs(matrix), axis=1)), 1e-300)
    term = exponential = jnp.eye(len(matrix))
    for order in range(1, _TERMS + 1):
        term = term @ (matrix * step) / order
        exponential = exponential + term
    return _log_growth(exponential) / step


def _log_growth(matrix: Float[Array, "row row"]) -> Float[Array, ""]:
    """ln of the spectral radius; minus infinity where a power is zero."""

    def square(_: Array, carry: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        power, log_norm, weight = carry
        norm = jnp.max(jnp.abs(power))
        scaled = power / jnp.where(norm > 0.0, norm, 1.0)
        return scaled @ scaled, log_norm + weight * jnp.log(norm), 0.5 * weight

    power, log_norm, weight = jax.lax.fori_loop(0, _SQUARINGS, square, (matrix, jnp.zeros(()), jnp.ones(())))
    return log_norm + weight * jnp.log(jnp.max(jnp.abs(power)))
