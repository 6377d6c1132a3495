"""(1/N) ln|det(1 - J diag(d))| for a large elliptic J, d independent of J: the logarithmic potential of J diag(d) at 1.

With c >= 0 the chirality and u the resolvent (saddle-point parameters of the doubled, Hermitian problem, both in units of
the gain: g^2 c and u/g stand for them otherwise),

    L = < ln spread >/2 + (gamma u^2 - c)/2,    spread = g^2 c d^2 + (1 - gamma g u d)^2,

stationary in u and, where c > 0, in c:

    u = < g d (1 - gamma g u d) / spread >,
    1 = < g^2 d^2 / spread >     (1 within the spectrum of J diag(d)),      or c = 0     (outside of it).

docs/derivations/complexity.md derives them. In place of c the code has a depth t: c = t within the spectrum, and
-t = 1 - < g^2 d^2 / spread > outside, so that one unknown covers both.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from quenched.numerics.quadrature import Scalar
from quenched.numerics.self_consistency import Newton, Root, newton

# Steps of the averaged map, and how far off the real axis it is taken.
_APPROACH, _OFF_AXIS = 60, 1e-2


class Slopes(NamedTuple):
    """A distribution of the slopes d = phi'(x), on nodes."""

    values: Float[Array, " node"]
    weights: Float[Array, " node"]

    def mean(self, function: Float[Array, " node"]) -> Float[Array, ""]:
        """The average of a function of d, given on the nodes."""
        return jnp.sum(self.weights * function)


def spread(slopes: Float[Array, " node"], gain: Scalar, symmetry: Scalar, depth: Scalar, resolvent: Scalar) -> Array:
    """The square of what 1 - J diag(d) does to a neuron of slope d."""
    scaled = gain * slopes
    return jnp.maximum(depth, 0.0) * scaled**2 + (1.0 - symmetry * resolvent * scaled) ** 2


def constant(symmetry: Scalar, depth: Scalar, resolvent: Scalar) -> Array:
    """What stands in L beside the average."""
    return 0.5 * (symmetry * resolvent**2 - jnp.maximum(depth, 0.0))


def log_determinant(slopes: Slopes, gain: Scalar, symmetry: Scalar, depth: Scalar, resolvent: Scalar) -> Array:
    """L at given (t, u)."""
    logarithms = jnp.log(spread(slopes.values, gain, symmetry, depth, resolvent))
    return 0.5 * slopes.mean(logarithms) + constant(symmetry, depth, resolvent)


def residuals(
    slopes: Slopes, gain: Scalar, symmetry: Scalar, depth: Array, resolvent: Array
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """Of the equations for t and for u."""
    inside, found = _averages(slopes, gain, symmetry, depth, resolvent)
    misfit = (resolvent - found) / jnp.maximum(1.0, jnp.abs(resolvent))
    return 1.0 - inside - jnp.maximum(-depth, 0.0), misfit


def saddle(slopes: Slopes, gain: Scalar, symmetry: Scalar, solver: Newton) -> Root:
    """(t, u) for these slopes."""

    def residual(unknowns: Array) -> Array:
        return jnp.stack(residuals(slopes, gain, symmetry, unknowns[0], unknowns[1]))

    return newton(residual, approach(slopes, gain, symmetry), solver)


def approach(slopes: Slopes, gain: Scalar, symmetry: Scalar) -> Float[Array, " 2"]:
    """Nearly (t, u), for Newton's method to begin with.

    At a distance epsilon off the real axis, w = epsilon + w <g^2 d^2/spread>, c = w^2, the averaged map converges (Helton,
    Rashidi Far & Speicher 2007).
    """

    def improve(_: Array, pair: tuple[Array, Array]) -> tuple[Array, Array]:
        w, u = pair
        inside, found = _averages(slopes, gain, symmetry, w**2, u)
        return 0.5 * (w + _OFF_AXIS + w * inside), 0.5 * (u + found)

    w, u = jax.lax.fori_loop(0, _APPROACH, improve, (jnp.ones(()), jnp.zeros(())))
    # w (1 - <g^2 d^2/spread>) = epsilon.
    return jnp.stack([jnp.where(w**3 > _OFF_AXIS, w**2, -_OFF_AXIS / w), u])


def of_equal_slopes(slope: Scalar, gain: Scalar, symmetry: Scalar) -> Array:
    """L where all d are the same: the elliptic law's own potential, c and u in closed form."""
    strength = (gain * slope) ** 2
    inside = strength * (1.0 + symmetry) ** 2 > 1.0
    within = jnp.where(inside, strength, 1.0)
    potential = 0.5 * (jnp.log(within) - 1.0 + 1.0 / (within * (1.0 + jnp.where(inside, symmetry, 0.0))))
    # u/(g d) = f with f = 1/(1 - gamma g^2 d^2 f)
    root = jnp.sqrt(jnp.where(inside, 1.0, 1.0 - 4.0 * symmetry * strength))
    response = 2.0 / (1.0 + root)
    return jnp.where(inside, potential, 0.5 * symmetry * strength * response**2 - jnp.log(response))


def _averages(
    slopes: Slopes, gain: Scalar, symmetry: Scalar, depth: Array, resolvent: Array
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """<g^2 d^2 / spread> and <g d (1 - gamma g u d) / spread>."""
    scaled = gain * slopes.values
    each = scaled / spread(slopes.values, gain, symmetry, depth, resolvent)
    return slopes.mean(each * scaled), slopes.mean(each * (1.0 - symmetry * resolvent * scaled))
