"""The boundary of the bulk of the eigenvalues, piece by piece, and its points farthest to the right and from 0.

On the boundary <chi> = its image and the radius is 1 (bulk.py): one real equation less than there are unknowns, z and <chi>.
Populations that drive each other, directly or not, share their curves. Each piece of the bulk holds eigenvalues of neurons
that are alone, and most holes are where neurons do not answer: from these on curves are looked for, in four directions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from quenched.dmft.bulk import Bulk, Neurons
from quenched.numerics.level_curves import corrected, evenly, follow
from quenched.units.base import AtRest

# Distances from where neurons alone have eigenvalues, in units of how strongly they are coupled.
_DISTANCES = np.geomspace(1e-7, 1e3, 81)
_DIRECTIONS = np.array([1.0, -1.0, 1j, -1j])
# Of many such places, so many are begun from.
_BEGINNINGS = 8
# Each time a stretch is cut into as many parts as there are distances.
_CUTS = 9
_ON_CURVE = 1e-9
# A radius this little below 1, and so much left of the equation for <chi>, is outside.
_BELOW, _SETTLED = 1e-10, 1e-9
# How often a stretch of the curve around its farthest point is looked at closer.
_CLOSER = 4
# Places at which is asked on which side of a curve the bulk is; and a share of the neurons that counts as none.
_VOTES, _NO_WEIGHT = 5, 1e-12


class Piece(NamedTuple):
    """One closed curve around a part of the bulk, or around a hole in it."""

    populations: tuple[int, ...]
    growth: Complex[np.ndarray, " point"]
    response: Complex[np.ndarray, "point population"]
    """<chi> of these populations."""
    closed: bool

    @property
    def conjugate(self) -> Piece:
        """That of the complex conjugates, which are as good."""
        return self._replace(growth=self.growth.conj(), response=self.response.conj())

    @property
    def unknowns(self) -> Float[np.ndarray, "point unknown"]:
        """Real numbers: z, then <chi>."""
        return _flat(self.growth, self.response)


class Extreme(NamedTuple):
    """The farthest point of a piece in some respect."""

    value: float
    at: Piece
    """That point alone."""


def groups(bulk: Bulk) -> tuple[list[tuple[int, ...]], list[int]]:
    """Populations that drive each other, and those that drive nobody that drives them."""
    from scipy.sparse.csgraph import connected_components

    matrix = np.asarray(bulk.matrix)
    number, label = connected_components(matrix > 0.0, connection="strong")
    together, alone = [], []
    for each in range(number):
        members = tuple(int(row) for row in np.flatnonzero(label == each))
        if len(members) > 1 or matrix[members[0], members[0]] > 0.0:
            together.append(members)
        else:
            alone.append(members[0])
    return together, alone


def part(bulk: Bulk, members: Sequence[int]) -> Bulk:
    """Of some populations."""
    rows = np.array(members)
    chosen = np.ix_(rows, rows)
    return Bulk([bulk.neurons[row] for row in members], bulk.matrix[chosen], bulk.memory[chosen])


def poles(linear: AtRest) -> Complex[np.ndarray, " pole"]:
    """Eigenvalues of neurons that are alone."""
    denominator = np.asarray(linear.denominator)
    variables = len(denominator)
    companion = np.zeros((denominator[0].size, variables, variables))
    companion[:, 0], companion[:, 1:, :-1] = -denominator.reshape(variables, -1).T, np.eye(variables - 1)
    return np.linalg.eigvals(companion).ravel().astype(complex)


def strength(bulk: Bulk) -> float:
    """About how far the couplings move eigenvalues from those of neurons that are alone."""
    found = [0.0]
    for power in range(len(bulk.neurons[0].linear.numerator)):
        squares = [float(np.asarray(each.weights) @ np.asarray(each.linear.numerator[power]) ** 2) for each in bulk.neurons]
        handed_on = np.asarray(bulk.matrix) * squares
        found.append(float(np.max(np.abs(np.linalg.eigvals(handed_on)))) ** (0.5 / (power + 1)))
    return max(found)


def pieces(bulk: Bulk, members: tuple[int, ...], points: int) -> list[Piece]:
    """All curves of populations that drive each other, with so many points each."""
    own = part(bulk, members)
    scale = strength(own)
    if scale == 0.0:
        return []
    found: list[Piece] = []
    for seed in _seeds(own, scale):
        if not any(_on(piece, each) for piece in found for each in (seed, _conjugate(seed))):
            found.append(_piece(own, members, seed, points))
    below = [each.conjugate for each in found if not _on(each, each.conjugate.unknowns[0])]
    return found + below


def alone(bulk: Bulk) -> Complex[np.ndarray, " point"]:
    """Eigenvalues that neurons keep to themselves, outside of all else: of populations that hear nobody who hears them, and
    of neurons that do not answer."""
    together, apart = groups(bulk)
    found = [poles(bulk.neurons[row].linear) for row in apart if np.asarray(bulk.neurons[row].weights).any()]
    silent = [place for members in together for row in members for place in _silent(bulk.neurons[row])]
    if silent:
        places = _few(np.array(silent))
        found.append(places[_looked_at(bulk, places)[0]])
    return _few(np.concatenate([np.zeros(0, complex), *found]))


def _silent(neurons: Neurons) -> list[complex]:
    linear, weights = neurons
    numerator = np.asarray(linear.numerator).reshape(len(linear.numerator), -1)
    chosen = ~numerator.any(axis=0) & (np.asarray(weights) > _NO_WEIGHT)
    denominator = np.asarray(linear.denominator).reshape(len(numerator), -1)
    return list(poles(AtRest(*map(jnp.asarray, (numerator[:, chosen], denominator[:, chosen]))))) if chosen.any() else []


def _few(places: np.ndarray) -> np.ndarray:
    """The different ones; of many some, and those at the ends."""
    scale = np.max(np.abs(places), initial=1e-300)
    found = np.unique(np.round(places / scale, 12)) * scale
    if len(found) > _BEGINNINGS:
        found = found[np.linspace(0, len(found) - 1, _BEGINNINGS).round().astype(int)]
    return np.asarray(found)


def farthest(bulk: Bulk, piece: Piece, height: Callable[[np.ndarray], np.ndarray]) -> Extreme:
    """The point of a piece where a function of z is largest."""
    own, points = part(bulk, piece.populations), piece.unknowns
    scales = _scales(points, strength(own))
    best = int(np.argmax(height(piece.growth)))
    around = points[[best - 1, best, (best + 1) % len(points)]]
    share = np.linspace(-1.0, 1.0, len(_DISTANCES))[:, None]
    for _ in range(_CLOSER):
        before, here, after = around
        between = here + 0.5 * share * (after - before) + 0.5 * share**2 * (before - 2.0 * here + after)
        exact = _corrected(own, between, scales)[0]
        best = int(np.clip(np.argmax(height(_unflat(exact)[0])), 1, len(exact) - 2))
        around = exact[best - 1 : best + 2]
    growth, response = _unflat(around[1:2])
    return Extreme(float(height(growth)[0]), piece._replace(growth=growth, response=response))


def moved(bulk: Bulk, piece: Piece) -> Piece:
    """The points of a piece, where the bulk is nearly that of the piece: the shortest way to the new curve."""
    own, points = part(bulk, piece.populations), piece.unknowns
    exact, left = _corrected(own, points, _scales(points, strength(own)))
    exact = np.where(left[:, None] < _ON_CURVE, exact, np.nan)
    growth, response = _unflat(exact)
    return piece._replace(growth=growth, response=response)


def more_points(bulk: Bulk, piece: Piece, points: int) -> Piece:
    """The same curve with so many points."""
    own, scales = part(bulk, piece.populations), _scales(piece.unknowns, strength(part(bulk, piece.populations)))
    growth, response = _unflat(_corrected(own, evenly(piece.unknowns, scales, points), scales)[0])
    return piece._replace(growth=growth, response=response)


def outside_is_left(bulk: Bulk, piece: Piece) -> bool:
    """Whether who follows the curve has the bulk on the right."""
    own, votes = part(bulk, piece.populations), 0
    count, half = len(piece.growth), 2 * len(piece.populations)
    for row in np.linspace(0, count, _VOTES, endpoint=False).astype(int):
        _, slopes = (np.asarray(each) for each in _equations_and_slopes(own, piece.unknowns[row]))
        along = piece.growth[(row + 1) % count] - piece.growth[row - 1]
        left = np.array([-along.imag, along.real])
        response = -np.linalg.lstsq(slopes[:half, 2:], slopes[:half, :2] @ left, rcond=None)[0]
        votes += int(np.sign(slopes[half, :2] @ left + slopes[half, 2:] @ response))
    return votes > 0


def _seeds(bulk: Bulk, scale: float) -> list[np.ndarray]:
    """Points on the boundary on straight lines from neurons' own eigenvalues."""
    found = [_few(_above(np.concatenate([places(each) for each in bulk.neurons]))) for places in (_own, _holes)]
    middles = np.concatenate(found)
    lines = middles[:, None, None] + scale * _DIRECTIONS[:, None] * _DISTANCES
    beyond = _looked_at(bulk, lines)[0]
    change = np.argwhere(beyond[..., 1:] != beyond[..., :-1])
    if not len(change):
        return []
    near = [_crossing(bulk, lines[m, d, k], lines[m, d, k + 1]) for m, d, k in change]
    growth, response = (np.array(each) for each in zip(*near, strict=True))
    points = _flat(growth, response)
    exact, left = _corrected(bulk, points, _scales(points, scale))
    return list(exact[left < _ON_CURVE])


def _own(neurons: Neurons) -> Complex[np.ndarray, " place"]:
    return poles(neurons.linear)


def _holes(neurons: Neurons) -> Complex[np.ndarray, " place"]:
    """Where neurons do not answer."""
    numerator = np.asarray(neurons.linear.numerator)
    found = [np.roots(each) for each in numerator.reshape(len(numerator), -1).T]
    return np.concatenate([np.zeros(0), *found]).astype(complex)


def _above(places: Complex[np.ndarray, " place"]) -> Complex[np.ndarray, " upper"]:
    """Of conjugate pairs one."""
    return np.asarray(places[places.imag >= 0.0])


def _crossing(bulk: Bulk, first: complex, second: complex) -> tuple[complex, np.ndarray]:
    """Where a stretch of a line crosses the boundary, and <chi> outside of it."""
    for _ in range(_CUTS):
        places = np.linspace(first, second, len(_DISTANCES))
        beyond, response = _looked_at(bulk, places)
        last = int(np.argmax(beyond != beyond[0]))
        first, second = places[last - 1], places[last]
    chosen = last if beyond[last] else last - 1
    return complex(places[chosen]), response[chosen]


def outside(bulk: Bulk, growths: Complex[np.ndarray, " growth"]) -> np.ndarray:
    """Which of these are certainly outside of the bulk."""
    return _looked_at(bulk, np.asarray(growths))[0]


def _looked_at(bulk: Bulk, growths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Whether each is outside, and <chi> there; so many at a time, for which one program is compiled."""
    flat, count = growths.ravel(), len(_DISTANCES)
    padded = np.resize(flat, -(-len(flat) // count) * count)
    found = [_is_outside(bulk, padded[first : first + count]) for first in range(0, len(padded), count)]
    beyond, response = (np.concatenate([np.asarray(each[which]) for each in found])[: len(flat)] for which in (0, 1))
    return beyond.reshape(growths.shape), response.reshape(*growths.shape, -1)


def _piece(bulk: Bulk, members: tuple[int, ...], seed: np.ndarray, points: int) -> Piece:
    scales = _scales(seed[None], strength(bulk))

    def at(unknowns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        value, jacobian = _equations_and_slopes(bulk, unknowns)
        return np.asarray(value), np.asarray(jacobian)

    curve = follow(at, seed, scales)
    exact, left = _corrected(bulk, evenly(curve.points, scales, points), scales)
    closed = curve.closed and bool(np.max(left) < _ON_CURVE)
    growth, response = _unflat(exact)
    return Piece(members, growth, response, closed)


def _on(piece: Piece, seed: np.ndarray) -> bool:
    """Whether a point is on a curve, in all unknowns."""
    points = piece.unknowns
    scales = _scales(points, float(np.ptp(points[:, :2], axis=0).max()))
    gaps = np.linalg.norm((np.roll(points, -1, axis=0) - points) / scales, axis=1)
    return bool(np.min(np.linalg.norm((points - seed) / scales, axis=1)) < np.max(gaps))


def _conjugate(unknowns: np.ndarray) -> np.ndarray:
    growth, response = _unflat(unknowns)
    return _flat(growth[None].conj(), response[None].conj())[0]


def _scales(unknowns: np.ndarray, scale: float) -> np.ndarray:
    """Of z, and of <chi>."""
    half = unknowns.shape[1] - 2
    response = float(np.max(np.abs(unknowns[:, 2:]), initial=0.0)) or 1.0
    return np.concatenate([np.full(2, scale), np.full(half, response)])


def _flat(growth: np.ndarray, response: np.ndarray) -> np.ndarray:
    return np.concatenate([growth.real[:, None], growth.imag[:, None], response.real, response.imag], axis=1)


def _unflat(unknowns: Any) -> tuple[Any, Any]:
    half = (unknowns.shape[-1] - 2) // 2
    growth = unknowns[..., 0] + 1j * unknowns[..., 1]
    return growth, unknowns[..., 2 : 2 + half] + 1j * unknowns[..., 2 + half :]


def _equations(bulk: Bulk, unknowns: Array) -> Array:
    growth, response = _unflat(unknowns)
    left = response - bulk.image(growth, response)
    # Smoother than the radius, and 0 where that is 1.
    border = jnp.linalg.det(jnp.eye(len(response)) - bulk.amplified(growth, response))
    return jnp.concatenate([left.real, left.imag, border[None]])


@eqx.filter_jit
def _equations_and_slopes(bulk: Bulk, unknowns: Any) -> tuple[Array, Array]:
    equations = partial(_equations, bulk)
    return equations(jnp.asarray(unknowns)), jax.jacfwd(equations)(jnp.asarray(unknowns))


def _corrected(bulk: Bulk, unknowns: np.ndarray, scales: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The points of the curve next to these, and what is left of the equations; so many at a time, as `_looked_at`."""
    count = len(_DISTANCES)
    padded = np.concatenate([unknowns, np.repeat(unknowns[-1:], -len(unknowns) % count, axis=0)])
    found = [_corrected_compiled(bulk, padded[first : first + count], scales) for first in range(0, len(padded), count)]
    points, left = (np.concatenate([np.asarray(each[which]) for each in found])[: len(unknowns)] for which in (0, 1))
    return points, left


@eqx.filter_jit
def _corrected_compiled(bulk: Bulk, unknowns: Any, scales: Any) -> tuple[Array, Array]:
    return corrected(partial(_equations, bulk), unknowns, jnp.asarray(scales))


@eqx.filter_jit
def _is_outside(bulk: Bulk, growths: Any) -> tuple[Array, Array]:
    def one(growth: Array) -> tuple[Array, Array]:
        response, left = bulk.solved(growth)
        size = 1e-300 + jnp.max(jnp.abs(response))
        return (left < _SETTLED * size) & (bulk.radius(growth, response) < 1.0 - _BELOW), response

    found: tuple[Array, Array] = jax.vmap(one)(jnp.asarray(growths))
    return found
