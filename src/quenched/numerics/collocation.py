"""Polynomials on [0, 1] by their values at Gauss-Legendre nodes: integrals, averages from either end.

Averages from an end, as (1/x) int_0^x, are exact for polynomials and as accurate near the end as anywhere: a difference of
integrals divided by x would not be.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from quenched.numerics.memory import BATCH_BYTES, refuse_what_does_not_fit
from quenched.numerics.quadrature import gauss_legendre


class Collocation(NamedTuple):
    """Nodes on [0, 1] and matrices that act on values at them."""

    nodes: np.ndarray
    weights: np.ndarray
    """Integral from 0 to 1."""
    average_below: np.ndarray
    """(1/x) int_0^x h."""
    moment_below: np.ndarray
    """(1/x^2) int_0^x x' h dx'."""
    average_above: np.ndarray
    """1/(1 - x) int_x^1 h."""
    at_zero: np.ndarray
    """Row that extrapolates to 0."""
    to_legendre: np.ndarray
    from_legendre: np.ndarray
    """Between values and coefficients of P_k(2 x - 1)."""


def refuse_large_rule(count: int) -> None:
    """Making a rule takes polynomials at the nodes of an interval up to every node, a few times over; points share it."""
    needed = 8 * 5 * count**3
    if needed > BATCH_BYTES:
        refuse_what_does_not_fit(needed, f"Collocation at {count} points", "the solver's `nodes`")


@lru_cache
def collocation(count: int) -> Collocation:
    """The rule with `count` nodes."""
    abscissae, weights = gauss_legendre(count)
    nodes, weights = 0.5 * (abscissae + 1.0), 0.5 * weights
    polynomials = np.polynomial.legendre.legvander(abscissae, count - 1)
    fractions = nodes  # of the way to a node; the same rule integrates the interpolant exactly
    below = _basis(nodes, nodes[:, None] * fractions)
    above = _basis(nodes, 1.0 - (1.0 - nodes)[:, None] * fractions)
    return Collocation(
        nodes,
        weights,
        np.einsum("k,ikj->ij", weights, below),
        np.einsum("k,ikj->ij", weights * fractions, below),
        np.einsum("k,ikj->ij", weights, above),
        _basis(nodes, np.zeros(1))[0],
        (2 * np.arange(count) + 1)[:, None] * weights * polynomials.T,
        polynomials,
    )


def power_average(
    rule: Collocation, values: Float[Array, " node"], power: Float[Array, ""]
) -> tuple[Float[Array, " node"], Float[Array, ""]]:
    """y(x) = x^-a int_0^x t^(a - 1) h(t) dt, a > 0, at the nodes and at 1: exact for polynomials h, however small a is.

    y solves x y' + a y = h, which is triangular for Legendre polynomials: x P_k' = k P_k + sum_{j<k} (2 j + 1) P_j.
    """
    coefficients = jnp.asarray(rule.to_legendre) @ values

    def back(above: Array, term: tuple[Array, Array]) -> tuple[Array, Array]:
        degree, coefficient = term
        solved = (coefficient - (2.0 * degree + 1.0) * above) / (degree + power)
        return above + solved, solved

    degrees = jnp.arange(float(len(rule.nodes)))
    at_one, solved = jax.lax.scan(back, jnp.zeros_like(power), (degrees, coefficients), reverse=True)
    return jnp.asarray(rule.from_legendre) @ solved, at_one


def interpolation(rule: Collocation, points: Float[Array, " point"]) -> Float[Array, "point node"]:
    """The matrix from values to those of their polynomial at other points of [0, 1]: barycentric."""
    gap = points[:, None] - rule.nodes
    hit = gap == 0.0
    share = jnp.where(jnp.any(hit, -1, keepdims=True), hit, _barycentric(rule.nodes) / jnp.where(hit, 1.0, gap))
    return share / jnp.sum(share, -1, keepdims=True)


@lru_cache
def _barycentric_of(count: int) -> np.ndarray:
    abscissae, weights = gauss_legendre(count)
    return (-1.0) ** np.arange(count) * np.sqrt((1.0 - abscissae**2) * weights)


def _barycentric(nodes: np.ndarray) -> np.ndarray:
    return _barycentric_of(len(nodes))


def _basis(nodes: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Lagrange polynomials at points, along a new last axis."""
    gap = points[..., None] - nodes
    hit = gap == 0.0
    share = np.where(hit.any(-1, keepdims=True), hit, _barycentric(nodes) / np.where(hit, 1.0, gap))
    return share / share.sum(-1, keepdims=True)
