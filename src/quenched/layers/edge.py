"""The edge of chaos in the plane of weights and biases."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from quenched.activations import AbstractActivation
from quenched.gaussian.kernels import left_out, mean_square, slope_square
from quenched.numerics.implicit import implicit

Number = Float[Array, ""]

# ln q at which the bias of the edge is looked at.
_LADDER = np.linspace(np.log(1e-10), np.log(1e6), 289)
# Newton steps from between two of them.
_STEPS = 4
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


class OnEdge(NamedTuple):
    """The network at the edge whose fixed length is q, and derivatives by q."""

    weights: Number
    """sigma_w^2 = 1/<phi'^2>"""
    biases: Number
    """sigma_b^2 = q - sigma_w^2 <phi^2>"""
    weights_slope: Number
    biases_slope: Number
    length_slope: Number
    """dq'/dq = sigma_w^2 d<phi^2>/dq"""


def on_edge(phi: AbstractActivation, length: Number, nodes: int) -> OnEdge:
    """Which variances make this length the fixed one, with chi_1 = 1."""

    def averages(length: Number) -> tuple[Number, Number]:
        return mean_square(phi, length, nodes), slope_square(phi, length, nodes)

    (square, slopes), (growth, bend) = jax.jvp(averages, (length,), (jnp.ones_like(length),))
    weights, weights_slope = 1.0 / slopes, -bend / slopes**2
    biases_slope = 1.0 - weights * growth - weights_slope * square
    return OnEdge(weights, length - weights * square, weights_slope, biases_slope, weights * growth)


def bias_variance(phi: AbstractActivation, length: Number, nodes: int) -> Number:
    """sigma_b^2 of the edge at this length, which `on_edge` has with derivatives."""
    return length - mean_square(phi, length, nodes) / slope_square(phi, length, nodes)


def ladder(phi: AbstractActivation, nodes: int) -> Float[Array, " step"]:
    """`bias_variance` at each length that is looked at, of which `edge` finds the roots between."""
    return jax.vmap(lambda length: bias_variance(phi, length, nodes))(jnp.exp(jnp.asarray(_LADDER)))


def is_free_of_scale(steps: np.ndarray) -> bool:
    """Whether every length is fixed at once, which is where phi is a multiple of x on either side of 0 (ReLU, linear)."""
    lengths = np.exp(_LADDER)
    return bool(np.all((np.abs(steps) < 1e-11 * lengths)[lengths > 0.1]))


def turns(steps: Float[Array, " step"], target: Number) -> Bool[Array, " cell"]:
    """Between which lengths of the ladder there is a root, of sigma_b^2 at this value; or at the lower of the two."""
    values = steps - target
    known = jnp.isfinite(values) & (jnp.abs(values) > _ROUNDING * jnp.exp(jnp.asarray(_LADDER)))
    signs = jnp.where(known, jnp.sign(values), 0.0)
    on_a_step = (signs[1:-1] == 0.0) & (signs[:-2] * signs[2:] < 0.0)
    return (signs[:-1] * signs[1:] < 0.0) | jnp.append(False, on_a_step)


def edge(
    phi: AbstractActivation, bias_std: Number, steps: Float[Array, " step"], roots: int, nodes: int, free_of_scale: bool
) -> tuple[Edge, Edge, Bool[Array, " branch"]]:
    """Every branch at this bias, of `roots` at most, its errors, and whether there is one."""
    bias_std = jnp.asarray(bias_std, float)
    target = jnp.where(bias_std >= 0.0, bias_std**2, jnp.nan)
    first, coarse = (_vanishing(phi, target, count, free_of_scale) for count in (2 * nodes, nodes))
    errors = jax.tree.map(lambda fine, coarse: jax.lax.stop_gradient(jnp.abs(fine - coarse)), first, coarse)
    first, errors = jax.tree.map(lambda value: value[None], (first, errors))
    exists = jnp.isfinite(first.weight_std)
    if free_of_scale:
        return first, errors, exists
    fixed = jax.lax.stop_gradient(target)
    there = turns(steps, fixed)
    cells = jnp.argsort(~there, stable=True)[:roots]
    lengths = jnp.exp(jnp.asarray(_LADDER))

    def missing(target: Number, length: Number) -> Number:
        return bias_variance(phi, length, 2 * nodes) - target

    def branch(cell: Array) -> tuple[Edge, Edge]:
        low, high = lengths[cell], lengths[cell + 1]
        below, above = steps[cell] - fixed, steps[cell + 1] - fixed

        def step(length: Number, _: None) -> tuple[Number, None]:
            at = on_edge(phi, length, nodes)
            moved = length - (at.biases - fixed) / at.biases_slope
            return jnp.where(jnp.isfinite(moved), jnp.clip(moved, low, high), length), None

        start = (low * above - high * below) / (above - below)
        length, _ = jax.lax.scan(step, jnp.clip(start, low, high), None, length=_STEPS)
        at = jax.lax.stop_gradient(on_edge(phi, length, 2 * nodes))
        length -= (at.biases - fixed) / at.biases_slope
        # Where there is no root nothing may be infinite: the derivative, which is not taken, would be no number.
        length = jnp.where(there[cell] & (length > 0.0) & jnp.isfinite(length), length, 1.0)
        return _described(phi, implicit(missing, target, length), fixed, nodes)

    found = jax.vmap(branch)(cells)
    found = jax.tree.map(lambda values: jnp.where(there[cells], values, jnp.nan), found)
    both = jax.tree.map(lambda one, others: jnp.concatenate([one, others]), (first, errors), found)
    return *both, jnp.concatenate([exists, there[cells]])


def _described(phi: AbstractActivation, length: Number, target: Number, nodes: int) -> tuple[Edge, Edge]:
    """The branch at a length that has been found, and its errors: what is left of the way, and what fewer nodes change."""
    at = on_edge(phi, length, 2 * nodes)
    coarse = on_edge(phi, jax.lax.stop_gradient(length), nodes)
    cut = at.weights * left_out(phi, length)
    away = (jnp.abs(coarse.biases - at.biases) + jnp.abs(at.biases - target) + cut) / jnp.abs(at.biases_slope)
    weights = jnp.abs(coarse.weights - at.weights) + jnp.abs(at.weights_slope) * away
    weight_std = jnp.sqrt(at.weights)
    found = Edge(weight_std, length, at.length_slope, jnp.where(at.length_slope < 1.0 - _MARGIN, 1.0, 0.0))
    errors = Edge(0.5 * weights / weight_std, away, jnp.abs(coarse.length_slope - at.length_slope), jnp.zeros(()))
    return found, jax.tree.map(jax.lax.stop_gradient, errors)


def _vanishing(phi: AbstractActivation, target: Number, nodes: int, free_of_scale: bool) -> Edge:
    """Without bias, and with phi(0) = 0, where q goes to 0."""
    weights = 1.0 / slope_square(phi, jnp.asarray(1.0 if free_of_scale else _VANISHED), nodes)
    there = (target == 0.0) & (phi(jnp.zeros(())) == 0.0) & jnp.isfinite(weights)
    stays = weights * mean_square(phi, jnp.asarray(_SMALL), nodes) < _SMALL * (1.0 + _MARGIN)
    length, stable = (jnp.nan, 1.0) if free_of_scale else (0.0, jnp.where(stays, 1.0, 0.0))
    every = (jnp.sqrt(weights), length, 1.0, stable)
    return Edge(*(jnp.where(there, jnp.asarray(each, float), jnp.nan) for each in every))
