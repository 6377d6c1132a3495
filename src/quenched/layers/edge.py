"""The edge of chaos in the plane of weights and biases."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from quenched.activations import AbstractActivation
from quenched.gaussian.kernels import mean_square, slope_square

Number = Float[Array, ""]

# ln q at which biases are looked at.
_LADDER = np.linspace(np.log(1e-10), np.log(1e8), 721)
# Branches that are looked for at one bias, and steps to each.
BRANCHES, _HALVINGS = 4, 60
# Rounding of q - <phi^2>/<phi'^2>, of q.
_ROUNDING = 1e-12


class Edge(NamedTuple):
    """Where chi_1 = 1, along the lengths at which that is."""

    weight_std: Float[Array, " branch"]
    length: Float[Array, " branch"]
    """q*; 0 where the edge is reached at vanishing states, NaN where every length will do."""
    length_slope: Float[Array, " branch"]
    """dq'/dq there: the length is stable below 1."""


def at_length(phi: AbstractActivation, length: Number, nodes: int) -> tuple[Number, Number]:
    """sigma_w^2 and sigma_b^2 that make q the fixed length of a network at the edge: 1/<phi'^2> and q - sigma_w^2 <phi^2>."""
    weights = 1.0 / slope_square(phi, length, nodes)
    return weights, length - weights * mean_square(phi, length, nodes)


def is_free_of_scale(phi: AbstractActivation, nodes: int) -> bool:
    """Whether phi is a multiple of x on either side of 0 (ReLU, leaky ReLU, linear): then every length is fixed at once."""
    lengths = jnp.asarray([0.1, 1.0, 10.0])
    left = jax.vmap(lambda length: at_length(phi, length, nodes)[1])(lengths)
    return bool(jnp.all(jnp.abs(left) < 1e-11 * lengths))


def edge(phi: AbstractActivation, bias_std: Number, nodes: int) -> Edge:
    """Every branch at this bias, by increasing length; NaN beyond the last. Of phi that has a scale."""
    target = jnp.asarray(bias_std, float) ** 2
    fixed = jax.lax.stop_gradient(target)

    def excess(log_length: Number) -> Number:
        length = jnp.exp(log_length)
        return (at_length(phi, length, nodes)[1] - fixed) / length

    values = jax.vmap(excess)(jnp.asarray(_LADDER))
    known = jnp.isfinite(values) & (jnp.abs(values) > _ROUNDING)
    turns = (values[:-1] * values[1:] < 0.0) & known[:-1] & known[1:]
    order = jnp.argsort(~turns, stable=True)[:BRANCHES]
    there = turns[order]
    low, high = jnp.asarray(_LADDER)[order], jnp.asarray(_LADDER)[order + 1]

    def root(low: Number, high: Number) -> Number:
        rising = excess(high) > 0.0

        def halve(_: Array, bounds: tuple[Number, Number]) -> tuple[Number, Number]:
            low, high = bounds
            middle = 0.5 * (low + high)
            above = (excess(middle) > 0.0) == rising
            return jnp.where(above, low, middle), jnp.where(above, middle, high)

        return jnp.exp(0.5 * sum(jax.lax.fori_loop(0, _HALVINGS, halve, (low, high))))

    def described(length: Number) -> tuple[Number, Number, Number]:
        # One step of Newton's method, which has the derivative by the bias.
        missing = at_length(phi, length, nodes)[1] - target
        steep = jax.grad(lambda q: at_length(phi, q, nodes)[1])(length)
        length = length - missing / jax.lax.stop_gradient(steep)
        weights = at_length(phi, length, nodes)[0]
        slope = weights * jax.grad(lambda q: mean_square(phi, q, nodes))(length)
        return jnp.sqrt(weights), length, slope

    lengths = jax.lax.stop_gradient(jax.vmap(root)(low, high))
    found = jax.vmap(described)(jnp.where(there, lengths, 1.0))
    return Edge(*(jnp.where(there, each, jnp.nan) for each in found))
