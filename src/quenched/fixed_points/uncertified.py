"""Roots to rounding that have no certificate: on a kink, or where F' is singular, as on a line or a ring of fixed points."""

from __future__ import annotations

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from quenched.dynamics.base import AbstractDynamics
from quenched.dynamics.flow_and_map import Map
from quenched.fixed_points.certificates import CLOSER, smoothness
from quenched.fixed_points.collection import AT_ONCE, SAME_ROOT, Collection, where_wanted
from quenched.fixed_points.descent import Outcome
from quenched.fixed_points.describe import Descents, Followed

# What rounding leaves of F, relative to F' nearby and the state.
_FLOOR = 1e-14
# How far around F' is looked at, relative to the state: at a root where F' vanishes it says how large F' is.
_AROUND = 1e-2
# Steps end where |F| shrinks to this part under no damping up to this many times the usual one, or is this part of what
# rounding leaves.
_SHRINKS, _MOST_CAUTION, _ENOUGH, _MOST_STEPS = 0.9, 1e6, 1e-4, 40
# The least damping, relative to F', without which rounding would move a root along its line.
_LEAST_DAMPING = 1e-12
# |F| relative to F' and the state, below which a search may have ended at a root.
_NEAR = 1e-6
# Singular values of F' below this part of F' nearby are zero.
_FLAT = 1e-7


class Uncertified:
    """Roots without a certificate, as they are found, on the host. All that are found on a line of roots are kept."""

    def __init__(self, collection: Collection):
        self.collection = collection
        self.states: list[np.ndarray] = []
        self.of_input: list[int] = []

    def add(self, candidates: np.ndarray, of_input: np.ndarray, within: float = _NEAR) -> tuple[np.ndarray, ...]:
        """Take in candidates of which no certified root is known. For each the row of the certified root and of the root
        here that it is at, -1 for none, and where it ended: with |F| above `within` it stays where it is."""
        states, is_root = candidates.copy(), np.zeros(len(candidates), bool)
        for first in range(0, len(candidates), AT_ONCE):
            rows = slice(first, first + AT_ONCE)
            found = self.collection.at_once(_settle_all, candidates[rows], of_input[rows], within)
            states[rows], is_root[rows] = found.state, found.is_root
        at_certified, here = np.full(len(candidates), -1), np.full(len(candidates), -1)
        roots = np.flatnonzero(is_root)
        at_certified[roots] = self.collection.add(states[roots], of_input[roots])
        for row in roots[at_certified[roots] < 0]:
            here[row] = self._place(states[row], int(of_input[row]))
        return at_certified, here, states

    def add_mirror_images(self) -> None:
        """-x for every x, where it is a root too."""
        if self.states:
            self.add(-np.array(self.states), np.array(self.of_input))

    def add_orbits(self, single: Map, period: int) -> None:
        """Where the map leads from points of a period."""
        images, of_input = self.states.copy(), np.array(self.of_input, int)
        for _ in range(period - 1):
            images = self.collection.moved(single, images, of_input)
            if images:
                self.add(np.array(images), of_input)

    def described(self) -> dict[str, np.ndarray]:
        """What is known of each, by the names of the vocabulary."""
        found = [self._explained(state, row) for state, row in zip(self.states, self.of_input, strict=True)]
        return {
            "uncertified_state": np.array(self.states).reshape(-1, self.collection.dynamics.size),
            "uncertified_residual": np.array([residual for residual, _, _ in found]),
            "on_kink": np.array([on_kink for _, on_kink, _ in found], bool),
            "flat_directions": np.array([flat for _, _, flat in found], int),
        }

    def _place(self, state: np.ndarray, of_input: int) -> int:
        if self.states:
            apart = np.max(np.abs(np.array(self.states) - state), axis=1)
            apart[np.array(self.of_input) != of_input] = np.inf
            if np.min(apart) <= SAME_ROOT * (1.0 + np.max(np.abs(state))):
                return int(np.argmin(apart))
        self.states.append(state)
        self.of_input.append(of_input)
        return len(self.states) - 1

    def _explained(self, state: np.ndarray, of_input: int) -> tuple[float, bool, int]:
        """The residual, whether F' or F jumps there, and how many singular values of F' are zero."""
        dynamics, given = self.collection.dynamics, self.collection.given(of_input)
        residual, jacobian, around, valid = jax.device_get(_looked_at(dynamics, state, given))
        lengths, size = np.linalg.svd(jacobian, compute_uv=False), 1.0 + float(np.max(np.abs(state)))
        flat = int(np.sum(lengths <= _FLAT * around))
        # How far off the root may be; of a line of them there is no saying.
        off = CLOSER * size if flat else max(CLOSER * size, 2.0 * _FLOOR * float(around) * size / float(lengths[-1]))
        return float(residual), bool(valid <= off), flat


def settle_starts(
    uncertified: Uncertified, descents: Descents, of_start: np.ndarray, belongs: np.ndarray, here: np.ndarray
) -> None:
    """Of descents that are not known to have ended at a certified root: which root of either kind each is at, if any."""
    outcome = descents.outcome
    may_be = (outcome == Outcome.fixed_point) | (outcome == Outcome.stalled) | (outcome == Outcome.slow_point)
    lost = np.flatnonzero(may_be & (belongs < 0))
    for first in range(0, len(lost), AT_ONCE):
        rows = lost[first : first + AT_ONCE]
        belongs[rows], here[rows], descents.state[rows] = uncertified.add(descents.state[rows], of_start[rows])
        none = np.where(outcome[rows] == Outcome.slow_point, Outcome.slow_point, Outcome.stalled)
        outcome[rows] = np.select(
            [belongs[rows] >= 0, here[rows] >= 0], [Outcome.fixed_point, Outcome.uncertified], default=none
        )


def settle_paths(uncertified: Uncertified, followed: Followed, of_path: np.ndarray, done: np.ndarray) -> None:
    """Of what each path passed, count what is certified; `done` says of which paths that is known, for an interruption."""
    met = np.arange(followed.state.shape[1]) < followed.points[:, None]
    states, path = followed.state[met], np.nonzero(met)[0]
    belongs = uncertified.collection.add(states, of_path[path])
    lost = np.flatnonzero(belongs < 0)
    # Where a chord passes is near a root only if the path is straight.
    at_certified, here, _ = uncertified.add(states[lost], of_path[path[lost]], within=np.inf)
    belongs[lost] = at_certified
    certified = np.bincount(path[belongs >= 0], minlength=len(met))
    others = np.bincount(path[lost[here >= 0]], minlength=len(met))
    ended = np.select([certified > 0, others > 0], [Outcome.fixed_point, Outcome.uncertified], default=Outcome.stalled)
    followed.outcome[:] = np.where(followed.points > 0, ended, followed.outcome)
    followed.points[:] = certified
    done[:] = True


@eqx.filter_jit
def _settle_all(dynamics: AbstractDynamics, states: Any, inputs: Any, wanted: Any, within: Any) -> _Settled:
    """Where `wanted`, states after `settle`."""
    found: _Settled = where_wanted(lambda state, given: settle(dynamics, state, given, within), states, inputs, wanted)
    return found


@eqx.filter_jit
def _looked_at(dynamics: AbstractDynamics, state: Any, inputs: Any) -> tuple[Array, ...]:
    """|F|, F', how large F' is nearby, and how far it is smooth."""
    state = jnp.asarray(state)
    residual, (_, valid) = jnp.max(jnp.abs(dynamics.residual(state, inputs))), smoothness(dynamics, state, inputs)
    return residual, dynamics.jacobian(state, inputs), _steepness_around(dynamics, state, inputs), valid


class _Settled(NamedTuple):
    state: Float[Array, " neuron"]
    is_root: Bool[Array, ""]


def settle(
    dynamics: AbstractDynamics, state: Float[Array, " neuron"], inputs: Array | None, within: float | Array
) -> _Settled:
    """Levenberg-Marquardt steps as long as |F| shrinks, and whether it ended at rounding. Damped in proportion to |F|^2 they
    go to the nearest of a line of roots. Nothing is done where |F| is above `within`, relative to F' and the state."""
    size, around = 1.0 + jnp.max(jnp.abs(state)), _steepness_around(dynamics, state, inputs)
    unit = around * size

    def goes_on(carry: tuple[Array, Array, Array, Array]) -> Array:
        _, speed, caution, steps = carry
        return (speed > _ENOUGH * _FLOOR * unit) & (caution < _MOST_CAUTION) & (steps < _MOST_STEPS)

    def again(carry: tuple[Array, Array, Array, Array]) -> tuple[Array, Array, Array, Array]:
        at, speed, caution, steps = carry
        jacobian, velocity = dynamics.jacobian(at, inputs), dynamics.residual(at, inputs)
        damping = caution * jnp.maximum(speed / size, _LEAST_DAMPING * around)
        # By QR: a product of F' with itself would hide small singular values.
        orthogonal, upper = jnp.linalg.qr(jnp.concatenate([jacobian, damping * jnp.eye(len(at))]))
        moved = at - jax.scipy.linalg.solve_triangular(upper, orthogonal[: len(at)].T @ velocity)
        after = jnp.max(jnp.abs(dynamics.residual(moved, inputs)))
        better = after < _SHRINKS * speed
        caution = jnp.where(better, jnp.maximum(0.1 * caution, 1.0), 10.0 * caution)
        return jnp.where(better, moved, at), jnp.where(better, after, speed), caution, steps + 1

    first = jnp.max(jnp.abs(dynamics.residual(state, inputs)))
    begin = (state, first, jnp.where(first <= within * unit, 1.0, jnp.inf), jnp.asarray(0))
    state, speed, _, _ = jax.lax.while_loop(goes_on, again, begin)
    return _Settled(state, (speed <= _FLOOR * unit) & dynamics.may_rest(state))


def _steepness_around(dynamics: AbstractDynamics, state: Float[Array, " neuron"], inputs: Array | None) -> Float[Array, ""]:
    """The largest |F'| at a state and on either side."""
    corner = jax.random.rademacher(jax.random.key(0), state.shape, dtype=float)
    reach = _AROUND * (1.0 + jnp.max(jnp.abs(state)))
    places = state + reach * jnp.array([0.0, 1.0, -1.0])[:, None] * corner
    return jnp.max(jax.lax.map(lambda at: jnp.max(jnp.sum(jnp.abs(dynamics.jacobian(at, inputs)), axis=1)), places))
