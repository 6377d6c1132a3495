"""Normal numbers whose first and second moments are what they should be."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

# As many numbers a dimension as this leave the matrix that makes moments exact well conditioned.
ENOUGH = 1.1


def stratified(count: int, key: Key[Array, ""]) -> Float[Array, " point"]:
    """Uniform numbers in the open interval (0, 1), one in each of `count` equal parts, in random order."""
    order_key, place_key = jax.random.split(key)
    place = jax.random.uniform(place_key, (count,), float, 1e-16)
    return (jax.random.permutation(order_key, count) + place) / count


def with_exact_moments(normals: Float[Array, "dimension point"]) -> Float[Array, "dimension point"]:
    """The numbers, mean and covariance over the points made 0 and 1 where there are enough points: averages of products, the
    larger part of any correlation, then have no sampling error.

    Each row gives up what it shares with those before it (Gram and Schmidt): the first keeps its order.
    """
    dimensions, count = normals.shape
    if count < ENOUGH * dimensions:
        return normals
    centred = normals - jnp.mean(normals, axis=1, keepdims=True)
    factor = jnp.linalg.cholesky(centred @ centred.T / count)
    return jax.scipy.linalg.solve_triangular(factor, jnp.eye(dimensions), lower=True) @ centred
