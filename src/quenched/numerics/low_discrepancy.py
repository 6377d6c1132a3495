"""Points that fill the unit cube more evenly than random ones, scrambled afresh for every key."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

# Binary digits of a point.
_DIGITS = 32
# What SciPy has direction numbers for (Joe and Kuo 2008).
MOST_DIMENSIONS = 21201


@functools.lru_cache(maxsize=8)
def _directions(dimensions: int, levels: int) -> np.ndarray:
    """Sobol's direction numbers (dimension, level), digits as bits, the first the highest: the points with Gray code
    2^level."""
    from scipy.stats import qmc  # slow to import

    found = np.empty((dimensions, levels), np.uint32)
    for level in range(levels):
        points = qmc.Sobol(dimensions, scramble=False, bits=_DIGITS)
        # The first point is the origin.
        points.fast_forward(2 ** (level + 1) - 1)
        found[:, level] = points.random(1)[0] * 2.0**_DIGITS
    return found


def scrambled_sobol(dimensions: int, count: int, key: Key[Array, ""]) -> Float[Array, "dimension point"]:
    """`count` points (a power of 2) uniform in the open cube.

    Scrambled by a random lower triangular matrix on the digits and a random digital shift (Matousek 1998): each point is
    uniform, so every key gives an independent unbiased average, and the spread over keys is its error.
    """
    levels = count.bit_length() - 1
    if count != 2**levels:
        raise ValueError(f"The number of points must be a power of 2, but is {count}.")
    bits = jax.random.bits(key, (dimensions, _DIGITS + 1), jnp.uint32)
    matrix, points = bits[:, :-1], bits[:, -1:]
    place = 2 ** np.arange(_DIGITS - 1, -1, -1, dtype=np.uint64)
    earlier = (2**_DIGITS - 2 * place).astype(np.uint32)
    matrix = (matrix & earlier) | place.astype(np.uint32)
    # A digit of the product with the matrix, modulo 2, is the parity of the digits that its row picks.
    mixed = jax.lax.population_count(matrix[:, None, :] & jnp.asarray(_directions(dimensions, levels))[:, :, None]) & 1
    directions = jnp.sum(mixed * place.astype(np.uint32), axis=-1, dtype=jnp.uint32)
    for level in range(levels):
        points = jnp.concatenate([points, points ^ directions[:, level : level + 1]], axis=1)
    return (points.astype(jnp.float64) + 0.5) * 2.0**-_DIGITS


def standard_normals(uniforms: Float[Array, "dimension point"]) -> Float[Array, "dimension point"]:
    """Standard normal numbers out of uniform ones.

    Where there are at least twice as many points as dimensions, their sample mean and covariance are made exact: averages
    of products, the larger part of any correlation, then have no sampling error.
    """
    normals = jax.scipy.special.ndtri(uniforms)
    dimensions, count = normals.shape
    if count < 2 * dimensions:
        return normals
    centred = normals - jnp.mean(normals, axis=1, keepdims=True)
    factor = jnp.linalg.cholesky(centred @ centred.T / count)
    return jax.scipy.linalg.solve_triangular(factor, jnp.eye(dimensions), lower=True) @ centred
