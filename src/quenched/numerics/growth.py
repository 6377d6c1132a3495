"""How fast powers and exponentials of a small matrix grow, without its eigenvalues.

LAPACK's nonsymmetric solver does not run in a batch. Squaring a matrix forty times raises it to 2^40, whose norm gives the
rate to twelve digits, whether the leading eigenvalue is real or a pair.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from quenched.numerics.extremes import largest

_SQUARINGS, _TERMS, _BALANCINGS = 40, 14, 20


def spectral_radius(matrix: Float[Array, "row row"]) -> Float[Array, ""]:
    """The largest modulus of an eigenvalue."""
    if len(matrix) == 1:
        return jnp.abs(matrix[0, 0])
    return jnp.exp(_log_growth(matrix))


def spectral_abscissa(matrix: Float[Array, "row row"]) -> Float[Array, ""]:
    """The largest real part of an eigenvalue: the rate at which exp(matrix t) grows."""
    matrix = _balanced(matrix)
    # Any step gives the same.
    step = jax.lax.stop_gradient(1.0 / jnp.maximum(jnp.max(jnp.sum(jnp.abs(matrix), axis=1)), 1e-300))
    term = exponential = jnp.eye(len(matrix))
    for order in range(1, _TERMS + 1):
        term = term @ (matrix * step) / order
        exponential = exponential + term
    return _log_growth(exponential) / step


def _balanced(matrix: Float[Array, "row row"]) -> Float[Array, "row row"]:
    """The same eigenvalues, in units of its variables in which rows are about as large as columns."""

    def rescale(_: Array, matrix: Array) -> Array:
        off = jnp.abs(matrix * (1.0 - jnp.eye(len(matrix))))
        rows, columns = jnp.sum(off, axis=1), jnp.sum(off, axis=0)
        # Half of the way: all at once would swing to and fro.
        units = jnp.where((rows > 0.0) & (columns > 0.0), (rows / jnp.where(columns > 0.0, columns, 1.0)) ** 0.25, 1.0)
        # What nothing comes back from may be as small as one likes.
        units = jnp.where((rows > 0.0) & (columns == 0.0), 8.0, jnp.where((rows == 0.0) & (columns > 0.0), 0.125, units))
        return matrix / units[:, None] * units

    return jax.lax.fori_loop(0, _BALANCINGS, rescale, matrix)


def _log_growth(matrix: Float[Array, "row row"]) -> Float[Array, ""]:
    """ln of the spectral radius; minus infinity where a power is zero."""

    def square(_: Array, carry: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        power, log_norm, weight = carry
        norm = largest(jnp.abs(power).ravel())
        scaled = power / jnp.where(norm > 0.0, norm, 1.0)
        return scaled @ scaled, log_norm + weight * jnp.log(norm), 0.5 * weight

    power, log_norm, weight = jax.lax.fori_loop(0, _SQUARINGS, square, (matrix, jnp.zeros(()), jnp.ones(())))
    return log_norm + weight * jnp.log(largest(jnp.abs(power).ravel()))
