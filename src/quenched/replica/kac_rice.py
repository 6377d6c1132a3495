"""Fixed points counted on average over the couplings, each as |det F'|^(k-1): one neuron, five unknowns.

k = 1 counts all alike; k = 0 is exp(-E/T) as T -> 0. With a = g^2 q, S in units of 1/g, (t, u) of `log_determinant` and
c = max(t, 0), the weight of one neuron is

    w(x) = exp( -[ e^2 + g^2 delta phi^2 ] / (2a) ) spread(phi')^(k/2),    e = x - gamma g S phi,

    Psi_k = (1/N) ln E sum |det F'|^(k-1) = [ delta - gamma S^2 - ln(2 pi a) ]/2 + ln int w dx + k [ gamma u^2 - c ]/2,

stationary in all five:  a = g^2 <phi^2>,  S = g <e phi>/a,  delta = 1 - <e^2>/a,  and the two equations for t and u.

docs/derivations/complexity.md derives them.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from quenched.models import RandomNetwork
from quenched.numerics.quadrature import Scalar, clip_breakpoints, outermost, sinh_legendre
from quenched.replica import log_determinant
from quenched.replica.log_determinant import Slopes

# The Gaussian part of the weight is cut where it has fallen by exp(-42) = 6e-19.
_REACH = 42.0


class Unknowns(NamedTuple):
    """The order parameters, scaled to be of order one."""

    log_width: Array  # ln a
    response: Array  # g S
    delta: Array  # a times the x-hat x-hat overlap
    depth: Array  # t
    resolvent: Array  # u


class Neuron(NamedTuple):
    """One neuron under the weight w."""

    slopes: Slopes
    rate_square: Array  # <phi^2>/a
    response: Array  # <e phi>/a
    error_square: Array  # <e^2>/a
    log_norm: Array  # ln int w dx


def neuron(model: RandomNetwork, power: Scalar, unknowns: Unknowns, nodes: int) -> Neuron:
    """The integrals over x > 0; the weight is even since phi is odd."""
    phi, gain, symmetry = model.activation, model.gain, model.symmetry
    width = jnp.exp(unknowns.log_width)

    def exponent(x: Array, width: Array, response: Array, delta: Array) -> Array:
        rate = phi(x)
        return 0.5 * ((x - symmetry * gain * response * rate) ** 2 + gain**2 * delta * rate**2) / width

    fixed = jax.lax.stop_gradient((width, unknowns.response, unknowns.delta))
    end = outermost(lambda x: exponent(x, *fixed) < _REACH, jnp.sqrt(fixed[0]))
    x, weights = sinh_legendre([0.0, *clip_breakpoints(phi.breakpoints, 0.0, end), end], nodes)
    slopes, rate = phi.slope(x), phi(x)
    spread = log_determinant.spread(slopes, gain, symmetry, unknowns.depth, unknowns.resolvent)
    height = exponent(x, width, unknowns.response, unknowns.delta) - 0.5 * power * jnp.log(spread)
    lowest = jax.lax.stop_gradient(jnp.min(height))
    weighted = weights * jnp.exp(lowest - height)
    total = jnp.sum(weighted)
    density = weighted / total
    error = x - symmetry * gain * unknowns.response * rate
    return Neuron(
        Slopes(slopes, density),
        jnp.sum(density * rate**2) / width,
        jnp.sum(density * error * rate) / width,
        jnp.sum(density * error**2) / width,
        jnp.log(2.0 * total) - lowest,
    )


def equations(model: RandomNetwork, power: Scalar, unknowns: Float[Array, " 5"], nodes: int) -> Float[Array, " 5"]:
    """Residuals in the order of `Unknowns`, each of order one where wrong."""
    u = Unknowns(*unknowns)
    found = neuron(model, power, u, nodes)
    return jnp.stack(
        [
            model.gain**2 * found.rate_square - 1.0,
            (u.response - model.gain * found.response) / jnp.maximum(1.0, jnp.abs(u.response)),
            (u.delta - 1.0 + found.error_square) / jnp.maximum(1.0, jnp.abs(u.delta)),
            *log_determinant.residuals(found.slopes, model.gain, model.symmetry, u.depth, u.resolvent),
        ]
    )


class Count(NamedTuple):
    """What a solution says."""

    log_count: Array  # Psi_k
    log_determinant: Array  # L at the fixed points so counted; d Psi_k / dk


def count(model: RandomNetwork, power: Scalar, unknowns: Float[Array, " 5"], nodes: int) -> Count:
    """Psi_k, stationary in the unknowns at a solution, and L."""
    u = Unknowns(*unknowns)
    found = neuron(model, power, u, nodes)
    overlaps = 0.5 * (u.delta - model.symmetry * u.response**2 - u.log_width - jnp.log(2.0 * jnp.pi))
    determinant = log_determinant.constant(model.symmetry, u.depth, u.resolvent)
    return Count(
        overlaps + found.log_norm + power * determinant,
        log_determinant.log_determinant(found.slopes, model.gain, model.symmetry, u.depth, u.resolvent),
    )


def with_determinant(model: RandomNetwork, overlaps: Float[Array, " 3"], nodes: int) -> Float[Array, " 5"]:
    """All unknowns at k = 0, where the first three do not depend on the other two; these only nearly."""
    zero = jnp.zeros(())
    slopes = neuron(model, 0.0, Unknowns(overlaps[0], overlaps[1], overlaps[2], zero, zero), nodes).slopes
    return jnp.concatenate([overlaps, log_determinant.approach(slopes, model.gain, model.symmetry)])
