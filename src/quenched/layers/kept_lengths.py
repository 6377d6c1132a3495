"""Weights with which a length stays from layer to layer: of each length they are known, and what they do to gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from quenched.activations import AbstractActivation
from quenched.compiled import compiled
from quenched.gaussian.kernels import mean_square, slope_square
from quenched.layers.limits import fixed_overlap
from quenched.layers.maps import Maps
from quenched.models import FeedforwardNetwork

Lengths = Float[np.ndarray, " length"]

# Lengths that are looked at together, and how often those around the best are looked at again.
_POINTS, _CLOSER = 64, 6
# Between which the edge of chaos is looked for.
_SMALLEST, _LARGEST = 1e-2, 1e4
# How far below 1 a slope is to be, and rounding of a bias variance relative to the length.
_MARGIN, _ROUNDING = 1e-9, 1e-11
# Of averages over two fields in a search.
_FEW_NODES = 16
# Averages below it have too few digits.
_FLAT = 1e-6


class Averages(NamedTuple):
    """Of one phi, at each length."""

    lengths: Lengths
    squares: Lengths
    """<phi^2>"""
    growth: Lengths
    """d<phi^2>/dq"""
    slopes: Lengths
    """<phi'^2>"""


class Kept(NamedTuple):
    """A length, and the weights that keep it."""

    length: float
    weight_variance: float
    """sigma_w^2, without dropout."""
    length_slope: float
    """dq'/dq"""
    slope: float
    """chi_1"""


@compiled(static=("nodes",), hurried=True)
def _averages(phi: AbstractActivation, lengths: Float[Array, " length"], nodes: int) -> tuple[Array, Array, Array]:
    def each(length: Array) -> tuple[Array, Array, Array]:
        square, growth = jax.value_and_grad(lambda length: mean_square(phi, length, nodes))(length)
        return square, growth, slope_square(phi, length, nodes)

    squares, growth, slopes = jax.vmap(each)(lengths)
    return squares, growth, slopes


def averages(phi: AbstractActivation, lengths: Lengths, nodes: int) -> Averages:
    """At all of these lengths, `_POINTS` of them."""
    return Averages(lengths, *map(np.asarray, _averages(phi, jnp.asarray(lengths), nodes)))


def keeping(at: Averages, bias_std: float) -> tuple[Lengths, Lengths, Lengths]:
    """sigma_w^2 = (q - sigma_b^2)/<phi^2>, which keeps each length, and dq'/dq and chi_1 with it; all without dropout, which
    changes sigma_w^2/keep only."""
    weights = (at.lengths - bias_std**2) / at.squares
    return weights, weights * at.growth, weights * at.slopes


def least_bad(
    phi: AbstractActivation, bias_std: float, keep: float, lengths: tuple[float, float], nodes: int
) -> Kept | None:
    """Of the weights that keep a length in this range those with the longest depth scale, which is the shortest of those of
    gradients, of leaving an unstable length, and with dropout of overlaps. None where no signal passes."""

    def layers(at: Averages) -> Lengths:
        weights, length_slope, slope = keeping(at, bias_std)
        scale = 1.0 / np.maximum(np.abs(np.log(slope)), _ROUNDING)
        scale = np.minimum(scale, 1.0 / np.maximum(np.log(np.maximum(length_slope, 1.0)), _ROUNDING))
        if keep < 1.0:
            numbers = map(jnp.asarray, (keep * weights, bias_std, keep, at.lengths))
            shared = _overlap_slopes(phi, *numbers)
            scale = np.minimum(scale, 1.0 / np.maximum(np.abs(np.log(np.asarray(shared))), _ROUNDING))
        return np.where((weights > 0.0) & (slope > 0.0), scale, np.nan)

    best = _largest(phi, layers, (max(lengths[0], bias_std**2), lengths[1]), nodes)
    return None if best is None else kept_at(phi, bias_std, best, nodes)


def kept_at(phi: AbstractActivation, bias_std: float, length: float, nodes: int) -> Kept:
    """The weights that keep one length."""
    at = averages(phi, np.full(_POINTS, length), nodes)
    return Kept(length, *(float(each[0]) for each in keeping(at, bias_std)))


@compiled(hurried=True)
def _overlap_slopes(
    phi: AbstractActivation,
    weights: Float[Array, " length"],
    bias_std: Float[Array, ""],
    keep: Float[Array, ""],
    lengths: Float[Array, " length"],
) -> Array:
    """sigma_w^2 <phi' phi'> at the fixed overlap, to the few digits that a search needs."""

    def each(variance: Array, length: Array) -> Array:
        network = FeedforwardNetwork(jnp.sqrt(variance), bias_std, phi, keep)
        maps = Maps(network, _FEW_NODES)
        return maps.product_slope(length, length * fixed_overlap(maps, length))

    return jax.vmap(each)(weights, lengths)


def smallest_bias(phi: AbstractActivation, nodes: int) -> float | None:
    """The smallest sigma_b at which a point of the edge of chaos, sigma_b^2 = q - <phi^2>/<phi'^2>, has a stable length."""

    def minus_bias(at: Averages) -> Lengths:
        variance = at.lengths - at.squares / at.slopes
        stable = at.growth / at.slopes < 1.0 - _MARGIN
        return np.where(stable & (at.slopes > _FLAT) & (variance > -_ROUNDING * at.lengths), -variance, np.nan)

    best = _largest(phi, minus_bias, (_SMALLEST, _LARGEST), nodes)
    if best is None:
        return None
    return float(np.sqrt(max(-minus_bias(averages(phi, np.full(_POINTS, best), nodes))[0], 0.0)))


def _largest(
    phi: AbstractActivation, value: Callable[[Averages], Lengths], between: tuple[float, float], nodes: int
) -> float | None:
    """The length at which the value is largest, NaN being none: on a grid in ln q, then closer and closer."""
    low, high = np.log(between)
    best = None
    for _ in range(1 + _CLOSER):
        lengths = np.exp(np.linspace(low, high, _POINTS))
        with np.errstate(divide="ignore", invalid="ignore"):
            values = value(averages(phi, lengths, nodes))
        values = np.where(np.isfinite(values), values, -np.inf)
        place = int(np.argmax(values))
        if values[place] == -np.inf:
            break
        best = float(lengths[place])
        low, high = np.log(lengths[[max(place - 1, 0), min(place + 1, _POINTS - 1)]])
    return best
