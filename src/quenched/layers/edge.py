"""The edge of chaos in the plane of weights and biases."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from quenched.activations import AbstractActivation
from quenched.gaussian.kernels import mean_square, slope_square
from quenched.numerics.bracket import illinois

Number = Float[Array, ""]

# ln q at which biases are looked at.
_LADDER = np.linspace(np.log(1e-10), np.log(1e6), 577)
# Roots that are looked for at one bias, and steps to each.
_ROOTS, _NARROWINGS = 4, 60
# Rounding of q - <phi^2>/<phi'^2>, of q.
_ROUNDING = 1e-12
# A length that has vanished, and one at which can be seen whether states vanish.
_VANISHED, _SMALL = 1e-26, 1e-5
# Rounding of by how much lengths grow.
_MARGIN = 1e-9


class Edge(NamedTuple):
    """The branches at one bias, NaN where there is none: first that of vanishing states, the others by increasing length."""

    weight_std: Float[Array, " branch"]
    fixed_length: Float[Array, " branch"]
    """q*; NaN beside a weight_std where every length will do."""
    length_slope: Float[Array, " branch"]
    """dq'/dq there."""
    stable_length: Float[Array, " branch"]
    """0 where lengths go away from the fixed one, 1 where they do not."""


def at_length(phi: AbstractActivation, length: Number, nodes: int) -> tuple[Number, Number]:
    """sigma_w^2 = 1/<phi'^2> and sigma_b^2 = q - sigma_w^2 <phi^2>, with which q is fixed and chi_1 is 1."""
    weights = 1.0 / slope_square(phi, length, nodes)
    return weights, length - weights * mean_square(phi, length, nodes)


def is_free_of_scale(phi: AbstractActivation, nodes: int) -> bool:
    """Whether phi is a multiple of x on either side of 0 (ReLU, leaky ReLU, linear): then every length is fixed at once."""
    lengths = jnp.asarray([0.1, 1.0, 10.0])
    left = jax.vmap(lambda length: at_length(phi, length, nodes)[1])(lengths)
    return bool(jnp.all(jnp.abs(left) < 1e-11 * lengths))


def edge(phi: AbstractActivation, bias_std: Number, nodes: int, free_of_scale: bool) -> Edge:
    """Every branch at this bias."""
    target = jnp.asarray(bias_std, float) ** 2
    first = _vanishing(phi, target, nodes, free_of_scale)
    if free_of_scale:
        return jax.tree.map(lambda value: value[None], first)
    fixed = jax.lax.stop_gradient(target)

    def excess(log_length: Number) -> Number:
        length = jnp.exp(log_length)
        return (at_length(phi, length, nodes)[1] - fixed) / length

    values = jax.vmap(excess)(jnp.asarray(_LADDER))
    known = jnp.isfinite(values) & (jnp.abs(values) > _ROUNDING)
    turns = (values[:-1] * values[1:] < 0.0) & known[:-1] & known[1:]
    order = jnp.argsort(~turns, stable=True)[:_ROOTS]
    low, high = jnp.asarray(_LADDER)[order], jnp.asarray(_LADDER)[order + 1]

    def root(low: Number, high: Number) -> Number:
        sign = jnp.where(excess(high) > 0.0, 1.0, -1.0)
        return jnp.exp(illinois(lambda place: (sign * excess(place), ()), low, high, _NARROWINGS)[0])

    def described(length: Number) -> Edge:
        # One step of Newton's method, which has the derivative by the bias.
        missing = at_length(phi, length, nodes)[1] - target
        steep = jax.grad(lambda q: at_length(phi, q, nodes)[1])(length)
        length = length - missing / jax.lax.stop_gradient(steep)
        weights = at_length(phi, length, nodes)[0]
        slope = weights * jax.grad(lambda q: mean_square(phi, q, nodes))(length)
        return Edge(jnp.sqrt(weights), length, slope, jnp.where(slope < 1.0 - _MARGIN, 1.0, 0.0))

    there = turns[order]
    lengths = jax.lax.stop_gradient(jax.vmap(root)(low, high))
    found = jax.vmap(described)(jnp.where(there, lengths, 1.0))
    return jax.tree.map(
        lambda one, others: jnp.concatenate([one[None], jnp.where(there, others, jnp.nan)]), first, Edge(*found)
    )


def _vanishing(phi: AbstractActivation, target: Number, nodes: int, free_of_scale: bool) -> Edge:
    """Without bias, and with phi(0) = 0, where q goes to 0."""
    weights = 1.0 / slope_square(phi, jnp.asarray(1.0 if free_of_scale else _VANISHED), nodes)
    there = (target == 0.0) & (phi(jnp.zeros(())) == 0.0) & jnp.isfinite(weights)
    stays = weights * mean_square(phi, jnp.asarray(_SMALL), nodes) < _SMALL * (1.0 + _MARGIN)
    length, stable = (jnp.nan, 1.0) if free_of_scale else (0.0, jnp.where(stays, 1.0, 0.0))
    every = (jnp.sqrt(weights), length, 1.0, stable)
    return Edge(*(jnp.where(there, jnp.asarray(each, float), jnp.nan) for each in every))
