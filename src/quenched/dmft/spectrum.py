"""The spectrum of infinitely many neurons: pieces of the bulk, their farthest points, and outliers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from quenched.couplings.base import AbstractCouplings, Rates
from quenched.dmft import edge
from quenched.dmft.bulk import Bulk, Neurons
from quenched.dmft.one_neuron import Neuron, states_and_weights
from quenched.dmft.outliers import MeanField, Resting
from quenched.dmft.static_populations import Unknowns, least_variance, neurons_of, rates_of
from quenched.models import RandomNetwork
from quenched.numerics.zeros import Zeros, distinct, from_starts, winding
from quenched.status import Status
from quenched.units.base import AtRest

# Places on a curve from which outliers are looked for, and how far from the middle of the piece, in units of the curve's.
_ANGLES, _FACTORS = 16, np.array([1.02, 1.15, 1.5, 2.5, 6.0])
# Around a place that neurons keep to themselves: radii of circles in units of what averages move; and the radius, likewise,
# within which an outlier is not told from it.
_CIRCLES, _SMALLEST = np.array([0.02, 0.2, 1.0, 2.0]), 1e-6
# Places that are looked at together.
_TOGETHER = 64
# A determinant this near 1 is 1: nothing is there to move averages.
_NOTHING = 1e-13
# How much closer points of a curve are laid where the determinant turns fast, and how often.
_CLOSER, _TIMES = 4, 3
# Two quadratures that differ by more than this, in units of 1 + the value, are not believed; and what rounding does.
_COARSE, _ROUNDING = 1e-6, 1e-12


_NO_OUTLIERS = Zeros(np.zeros(0, complex), np.zeros(0))


class Theory(NamedTuple):
    """A spectrum, and how far each number may be off."""

    boundary: Complex[np.ndarray, "piece point"]
    boundary_error: Float[np.ndarray, "piece point"]
    rightmost_edge: tuple[float, float]
    bulk_radius: tuple[float, float]
    outliers: Zeros
    expected: float
    """How many outliers there are, counted along the boundary; NaN where that is not known."""
    status: Status


def of_couplings(couplings: AbstractCouplings, neurons: Sequence[Neurons]) -> MeanField:
    """Of neurons at rest at 0, or of which nothing is known but how they answer."""
    populations, rank = len(neurons), couplings.rank
    none = jnp.zeros(populations)
    fractions = jnp.asarray(couplings.population_fractions, float)
    rates = Rates(fractions, none, none, none, jnp.zeros(rank), jnp.zeros((populations, rank)))
    return MeanField(Bulk.of(couplings, rates, neurons), couplings, rates, ())


def plain(populations: int) -> list[Neurons]:
    """Neurons whose rate is what they have received one step before: their Jacobian is J itself."""
    one = AtRest(jnp.ones((1, 1)), jnp.zeros((1, 1)))
    return [Neurons(one, jnp.ones(1))] * populations


def of_rest(model: RandomNetwork, unknowns: Unknowns, nodes: int) -> MeanField:
    """Of a state of rest with these order parameters."""
    rates, inputs = rates_of(model, unknowns), neurons_of(model, unknowns)
    narrow = np.asarray(inputs.variance <= least_variance(inputs.field))
    neurons, resting = [], []
    for row, unit in enumerate(model.units):
        neuron = jax.tree.map(jnp.asarray, Neuron(unit, *(values[row] for values in inputs)))
        places, weights = _states_and_weights(neuron, nodes)
        if narrow[row]:  # all alike
            places, weights = (weights @ places / jnp.sum(weights))[None], jnp.ones(1)
        linear, rate, score = _there(neuron, places)
        neurons.append(Neurons(linear, weights))
        variance = jnp.where(narrow[row], 0.0, neuron.variance)
        resting.append(Resting(rate, jnp.zeros_like(score) if narrow[row] else score, variance))
    return MeanField(Bulk.of(model.couplings, rates, neurons), model.couplings, rates, resting)


_states_and_weights = eqx.filter_jit(states_and_weights)


@eqx.filter_jit
def _there(neuron: Neuron, places: Any) -> tuple[AtRest, Array, Array]:
    """How neurons in these states answer, their rates, and the scores of their fields."""
    score = (neuron.own_field(places) - neuron.field) / neuron.variance
    return neuron.unit.at_rest(places), neuron.unit.rate(neuron.unit.resting_state(places)), score


def spectrum_of(state: MeanField, finer: MeanField, others: Sequence[MeanField], points: int) -> Theory:
    """The spectrum on the finer quadrature, found on the other one. `others` differ from that by one standard error each of
    what the state was estimated from."""
    # Numbers of Python's would be part of the programs that are compiled.
    state, finer, others = jax.tree.map(jnp.asarray, (_as_long_as(state, finer), finer, list(others)))
    together, _ = edge.groups(state.bulk)
    curves = [piece for members in together for piece in edge.pieces(state.bulk, members, points)]
    single = edge.alone(state.bulk)
    variants = [finer.bulk, *(each.bulk for each in others)]
    rightmost_edge, bulk_radius = (_farthest(state.bulk, variants, curves, single, height) for height in (np.real, np.abs))
    closed = all(piece.closed for piece in curves)
    outliers, expected = _outliers(state, [finer, *others], curves, single) if closed else (_NO_OUTLIERS, np.nan)
    exact = [edge.moved(finer.bulk, piece) for piece in curves]
    shifts = [_distance(edge.moved(bulk, piece), piece) for piece in curves for bulk in variants]
    boundary = np.stack([piece.growth for piece in exact] + [np.full(points, place) for place in single], axis=0)
    error = np.zeros(boundary.shape)
    for row in range(len(curves)):
        error[row] = _together(shifts[row * len(variants) : (row + 1) * len(variants)], curves[row].growth)
    of_quadrature = [shifts[row * len(variants)] / (1.0 + np.abs(piece.growth)) for row, piece in enumerate(curves)]
    coarse = max((float(np.max(each)) for each in of_quadrature), default=0.0)
    status = Status.solved if len(outliers.places) == expected or np.isnan(expected) else Status.imprecise
    status = status if coarse <= _COARSE else Status.coarse_quadrature
    status = status if closed else Status.out_of_steps
    return Theory(boundary, error, rightmost_edge, bulk_radius, outliers, expected, status)


def _as_long_as(state: MeanField, finer: MeanField) -> MeanField:
    """With nodes without weight, so that both have the same shapes and one program is compiled for both."""

    def longer(values: Array, model: Array) -> Array:
        pad = model.shape[-1] - values.shape[-1] if values.ndim else 0
        return jnp.pad(values, [(0, 0)] * (values.ndim - 1) + [(0, pad)], "edge") if pad else values

    neurons = []
    for own, other in zip(state.bulk.neurons, finer.bulk.neurons, strict=True):
        weights = jnp.pad(own.weights, (0, len(other.weights) - len(own.weights)))
        neurons.append(Neurons(jax.tree.map(longer, own.linear, other.linear), weights))
    resting = jax.tree.map(longer, state.resting, finer.resting)
    return state._replace(bulk=state.bulk._replace(neurons=neurons), resting=resting)


def _distance(one: edge.Piece, other: edge.Piece) -> np.ndarray:
    return np.abs(one.growth - other.growth)


def _together(shifts: Any, places: Any) -> Any:
    """Independent errors, along the first axis, and rounding."""
    return np.sqrt(np.sum(np.square(shifts), axis=0)) + _ROUNDING * (1.0 + np.abs(places))


def _farthest(
    bulk: Bulk,
    variants: Sequence[Bulk],
    curves: Sequence[edge.Piece],
    single: np.ndarray,
    height: Callable[[np.ndarray], np.ndarray],
) -> tuple[float, float]:
    """The largest height of the bulk, and its error."""
    found = [(float(height(place)), 0.0) for place in single]
    for piece in curves:
        extreme = edge.farthest(bulk, piece, height)
        heights = [float(height(edge.moved(each, extreme.at).growth)[0]) for each in variants]
        found.append((heights[0], float(_together(np.array(heights) - extreme.value, heights[0]))))
    return max(found, default=(np.nan, np.nan))


def _outliers(
    state: MeanField, variants: Sequence[MeanField], curves: Sequence[edge.Piece], single: np.ndarray
) -> tuple[Zeros, float]:
    middles = [complex(np.mean(piece.growth)) for piece in curves] + list(single)
    if not middles:
        return _NO_OUTLIERS, 0.0
    middle = complex(np.mean(middles))
    size = max([float(np.max(np.abs(piece.growth - middle))) for piece in curves] + [0.0])
    far = 1e6 * (1.0 + size + float(np.max(np.abs(middles))))
    at_far = _determinants(state, np.array([far, 1j * far]))
    # What averages move alone falls as 1/z.
    moves = float(np.max(np.abs(at_far - 1.0))) * far
    probes = middle + (size + moves + 1e-3) * np.exp(1j * np.arange(1.0, 8.0))
    if np.all(np.abs(_determinants(state, probes) - 1.0) < _NOTHING):
        return _NO_OUTLIERS, 0.0
    reach = max(size, moves)
    expected = _expected(state, curves, single, reach)
    turns = np.exp(2j * np.pi * (np.arange(_ANGLES) + 0.25) / _ANGLES)
    starts = [place + reach * radius * turns for place in single for radius in _CIRCLES]
    for piece, centre in zip(curves, middles, strict=False):
        chosen = piece.growth[np.linspace(0, len(piece.growth), _ANGLES, endpoint=False).astype(int)] - centre
        starts += [centre + factor * chosen for factor in _FACTORS]
        starts += [centre + np.array([-1.0, 1.0]) * reach * factor for factor in (1.0, 1.5, 3.0)]
    function = partial(_values_and_slopes, state)
    places, steps = from_starts(function, np.concatenate(starts), middle, reach)
    outside = edge.outside(state.bulk, places) & _apart(places, single, _SMALLEST * reach)
    found = distinct(function, places[outside], steps[outside], middle, reach)
    if not len(found.places):
        return found, expected
    # One step of Newton's method leads to those of the others.
    moved = np.stack([found.places - np.divide(*_values_and_slopes(each, found.places)) for each in variants])
    shifts = np.sqrt(np.sum(np.abs(moved - found.places) ** 2, axis=0))
    order = np.argsort(-moved[0].real, kind="stable")
    return Zeros(moved[0][order], (found.errors + shifts)[order]), expected


def _apart(places: np.ndarray, single: np.ndarray, distance: float) -> np.ndarray:
    found: np.ndarray = np.all(np.abs(places[:, None] - single) > distance, axis=1)
    return found


def _expected(state: MeanField, curves: Sequence[edge.Piece], single: np.ndarray, reach: float) -> float:
    """By the argument principle: zeros outside of the bulk are as many as the determinant turns along its boundary."""
    total = 0.0
    for piece in curves:
        own = set(piece.populations)
        others = [row for row in range(len(state.bulk.neurons)) if row not in own]
        if others and not np.all(edge.outside(edge.part(state.bulk, others), piece.growth)):
            return np.nan
        sign, times = 1.0 if edge.outside_is_left(state.bulk, piece) else -1.0, np.nan
        for power in range(_TIMES):
            closer = edge.more_points(state.bulk, piece, len(piece.growth) * _CLOSER**power) if power else piece
            times = winding(_on_curve(state, closer))
            if np.isfinite(times):
                break
        total += sign * times
    for place in single:
        circle = place + _SMALLEST * reach * np.exp(2j * np.pi * np.arange(64) / 64)
        total -= winding(_determinants(state, circle))
    return total


def _on_curve(state: MeanField, piece: edge.Piece) -> np.ndarray:
    """The determinant along a curve, with the <chi> that belongs to it."""
    responses = np.full((len(piece.growth), len(state.bulk.neurons)), np.nan + 0j)
    responses[:, list(piece.populations)] = piece.response
    return _values_and_slopes(state, piece.growth, responses)[0]


def _determinants(state: MeanField, growths: np.ndarray) -> np.ndarray:
    return _values_and_slopes(state, growths)[0]


def _values_and_slopes(
    state: MeanField, growths: np.ndarray, responses: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The determinant and its derivative; so many at a time, for which one program is compiled. <chi> as it is given, or
    where it is NaN as it is outside of the bulk."""
    count = len(growths)
    given = np.full((count, len(state.bulk.neurons)), np.nan + 0j) if responses is None else responses
    rows = np.resize(np.arange(count), -(-count // _TOGETHER) * _TOGETHER).reshape(-1, _TOGETHER)
    found = [_values_and_slopes_compiled(state, growths[each], given[each]) for each in rows]
    value, slope = (np.concatenate([np.asarray(each[which]) for each in found])[:count] for which in (0, 1))
    return value, slope


@eqx.filter_jit
def _values_and_slopes_compiled(state: MeanField, growths: Any, responses: Any) -> tuple[Array, Array]:
    def one(growth: Array, given: Array) -> tuple[Array, Array]:
        def determinant(growth: Array) -> Array:
            response = jnp.where(jnp.isnan(given), state.bulk.solved(growth)[0], given)
            return state.determinant(growth, response)

        value, slope = jax.jvp(determinant, (growth,), (jnp.ones_like(growth),))
        return value, slope

    found: tuple[Array, Array] = jax.vmap(one)(jnp.asarray(growths), jnp.asarray(responses))
    return found
