"""Whether replicas stay alike: the map of a small difference between them onto itself.

dO -> E[chi K(dO) chi], chi what fluctuates within a replica, of phi and of e/a (docs/derivations/replica.md).
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

# A root of a cubic that is double but for rounding.
_DOUBLE = 1e-5


def replicon_eigenvalue(products: Float[Array, "3 3"], gain: Array, symmetry: Array) -> Array:
    """1 - the largest real part of an eigenvalue, from the averages E[chi_i chi_j] of the entries A = chi_phi,phi,
    B = chi_phi,e and C = chi_e,e; negative where replica symmetry breaks."""
    (aa, ab, ac), (_, bb, bc), (_, _, cc) = products
    # Of symmetric changes (dQ, ds, dY), and the one antisymmetric change.
    change = gain**2 * jnp.array(
        [[bb, 2.0 * symmetry * ab, aa], [bc, symmetry * (bb + ac), ab], [cc, 2.0 * symmetry * bc, bb]]
    )
    return 1.0 - jnp.maximum(_largest_real_part(change), symmetry * gain**2 * (bb - ac))


def zero_overlap_eigenvalue(gain: Array, symmetry: Array, square: Array, product: Array) -> Array:
    """The same in closed form where nothing is averaged: with B^2 = <e phi>^2/a^2 and A C = <phi^2> (<e^2>/a^2 - 1/a) the
    eigenvalues are g^2 times B^2 - A C, gamma (B^2 - A C), and the two roots of
    t^2 - (1 + gamma)(B^2 + A C) t + gamma (B^2 - A C)^2."""
    total, difference = (1.0 + symmetry) * (square + product), square - product
    under = total**2 - 4.0 * symmetry * difference**2
    real = under > 0.0
    root = jnp.where(real, jnp.sqrt(jnp.where(real, under, 1.0)), 0.0)
    larger = jnp.maximum(difference, symmetry * difference)
    return 1.0 - gain**2 * jnp.maximum(larger, 0.5 * (total + root))


def _largest_real_part(matrix: Float[Array, "3 3"]) -> Array:
    """Of the eigenvalues of a 3 x 3 matrix, by its characteristic polynomial; with derivatives, also where the largest two
    are equal: there of their mean."""
    shift = jnp.trace(matrix) / 3.0
    shifted = matrix - shift * jnp.eye(3)
    # t^3 + p t = q
    p, q = -0.5 * jnp.sum(shifted * shifted.T), jnp.linalg.det(shifted)
    turns = p < 0.0
    size = jnp.sqrt(jnp.where(turns, -p / 3.0, 1.0))
    cosine = jnp.where(turns, q / (2.0 * size**3), 1.0)
    single, double = _third_of_angle(cosine), _third_of_angle(-cosine)
    alone = (cosine >= -1.0) & (4.0 * single**2 - 1.0 > _DOUBLE)
    by_angle = size * jnp.where(alone, 2.0 * single, double)
    root = jnp.sqrt(jnp.where(turns, 1.0, (q / 2.0) ** 2 + (p / 3.0) ** 3 + 1e-300))
    real = jnp.cbrt(q / 2.0 + root) + jnp.cbrt(q / 2.0 - root)
    # Beside one real root, a complex pair has half of its opposite.
    return shift + jnp.where(turns, by_angle, jnp.maximum(real, -0.5 * real))


@jax.custom_jvp
def _third_of_angle(cosine: Array) -> Array:
    """c = cos(arccos(y)/3), the largest root of 4 c^3 - 3 c = y, and so for y > 1."""
    inside = jnp.cos(jnp.arccos(jnp.clip(cosine, -1.0, 1.0)) / 3.0)
    beyond = cosine > 1.0
    return jnp.where(beyond, jnp.cosh(jnp.arccosh(jnp.where(beyond, cosine, 1.0)) / 3.0), inside)


@_third_of_angle.defjvp
def _third_of_angle_derivative(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    root = _third_of_angle(*primals)
    slope = 12.0 * root**2 - 3.0
    steep = slope > _DOUBLE
    return root, jnp.where(steep, 1.0 / jnp.where(steep, slope, 1.0), 0.0) * tangents[0]
