"""What grows with time: arrays with room for later rows, and the Cholesky factor of a covariance measured row by row."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from quenched.dmft.schemes import BLOCK

# Where the past leaves less than this part of the variance open, as without noise, the nugget is added to it: small pivots
# that are kept as they are let rounding grow from step to step.
PREDICTED, NUGGET = 1e-4, 1e-8


def padded(times: int) -> int:
    """The next multiple of a block."""
    return BLOCK * -(-times // BLOCK)


def zero_padded(rows: Array, count: int) -> Array:
    """The first `count` rows, zeros where there are fewer."""
    missing = max(count - rows.shape[0], 0)
    return jnp.pad(rows, ((0, missing), *[(0, 0)] * (rows.ndim - 1)))[:count]


def next_row(
    factor: Float[Array, "time earlier_time"], covariances: Float[Array, "row earlier_time"], index: Int[Array, ""]
) -> tuple[Float[Array, "row earlier_time"], Float[Array, ""], Float[Array, ""]]:
    """How a Gaussian process L z goes on at `index`, by the first of `covariances`: with its past and itself.

    `factor` is L^T, since LAPACK reads L by columns, with rows of the unit matrix for times to come. Returns the next row of
    L before `index` (and such a row for the other covariances), the deviation of what is new, and its relative variance.
    """
    covariance = covariances[0]
    # notation: the covariance is L L^T.
    rows = jax.scipy.linalg.solve_triangular(factor.T, covariances.T, lower=True).T
    rows = jnp.where(jnp.arange(covariance.size) < index, rows, 0.0)
    left_over = covariance[index] - rows[0] @ rows[0]
    pivot = left_over / jnp.where(covariance[index] > 0.0, covariance[index], 1.0)
    variance = jnp.maximum(left_over, 0.0) + jnp.where(pivot < PREDICTED, NUGGET, 0.0) * covariance[index]
    # What is zero stays zero: instability would blow up anything put in its place.
    deviation = jnp.where(variance > 0.0, jnp.sqrt(jnp.where(variance > 0.0, variance, 1.0)), 0.0)
    return rows, deviation, pivot


def fewer_normals(
    combined: Float[Array, "row time"], normals: Float[Array, "time trajectory"]
) -> Float[Array, "row trajectory"]:
    """As many normal numbers z' as combinations B z of normals, with B z = L' z' and L' a Cholesky factor: B = L' Q^T."""
    orthonormal, triangle = jnp.linalg.qr(combined.T)
    signs = jnp.where(jnp.diagonal(triangle) < 0.0, -1.0, 1.0)
    return signs[:, None] * (orthonormal.T @ normals)
