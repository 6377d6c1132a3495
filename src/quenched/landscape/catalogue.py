"""From candidates to the list of distinct, certified fixed points."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Key

from quenched.landscape.certificates import CLOSER, Root, examine, ghost, polish
from quenched.landscape.dynamics import AbstractDynamics, Map, batched

# Half of the default starts have followed the dynamics, at most for this long.
_MOST_STEPS = 50
_AWAY = 1e6


class Catalogue(NamedTuple):
    """Fixed points of one network. Rows of `roots`: one a candidate, and one its mirror image; only those marked distinct
    are filled."""

    roots: Root
    distinct: Bool[Array, " row"]
    proven: Bool[Array, " row"]
    """Which candidates are at a certified root, be it another row's."""


def default_starts(
    dynamics: AbstractDynamics, inputs: Float[Array, "start input"] | None, count: int, key: Key[Array, ""]
) -> Float[Array, "start neuron"]:
    """The origin, Gaussian clouds of widths up to 2, and states on trajectories that began in them, early and late."""
    width_key, cloud_key, time_key = jax.random.split(key, 3)
    widths = jax.random.uniform(width_key, (count, 1), maxval=2.0)
    cloud = widths * jax.random.normal(cloud_key, (count, dynamics.size))
    forward = batched(dynamics.trajectory_step, inputs)
    duration = jax.random.randint(time_key, (count, 1), 1, _MOST_STEPS + 1) * (jnp.arange(count) % 2 == 0)[:, None]
    moved = jax.lax.fori_loop(0, _MOST_STEPS, lambda now, x: jnp.where(now < duration, forward(x, inputs), x), cloud)
    # A trajectory that has run away begins in its cloud.
    on_trajectory = jnp.all(jnp.abs(moved) < _AWAY, axis=1, keepdims=True)
    return jnp.where(on_trajectory, moved, cloud).at[0].set(0.0)


def certify(dynamics: AbstractDynamics, candidates: Float[Array, "row neuron"], valid: Bool[Array, " row"]) -> Catalogue:
    """Polish the valid candidates and their mirror images, certify them, and keep one of each; under transformations too."""
    # For odd phi without field -x is a fixed point whenever x is. Newton finds out whether it is.
    both, worth = jnp.concatenate([candidates, -candidates]), jnp.concatenate([valid, valid])
    polished, settled = jax.lax.map(partial(polish, dynamics, inputs=None), both)
    settled &= worth & jnp.all(jnp.isfinite(polished), axis=1)
    nearly = jnp.full(len(both), CLOSER)
    # Only one of each is worth an inverse Jacobian.
    candidate = _first_of_each(polished, settled, nearly)
    inspect = partial(examine, dynamics, inputs=None)
    unknown = jax.tree.map(lambda leaf: jnp.full(leaf.shape, jnp.inf), jax.eval_shape(inspect, polished[0]))
    roots = jax.lax.map(lambda row: jax.lax.cond(row[1], inspect, lambda _: unknown, row[0]), (polished, candidate))
    # A singular or unproven root is not listed as a fixed point.
    certain = candidate & (roots.certificate < 0.5)
    distinct = _first_of_each(polished, certain, jnp.where(certain, roots.radius, 0.0))
    proven = jax.lax.map(lambda state: jnp.any(certain & (_apart(polished, state) <= nearly)), polished)
    return Catalogue(roots, distinct, (settled & proven)[: len(candidates)])


def _apart(states: Array, state: Array) -> Array:
    return jnp.max(jnp.abs(states - state), axis=1)


def _first_of_each(states: Array, valid: Array, radii: Array) -> Array:
    """Marks, among the valid states, the first of every group within each other's radius."""
    rows = jnp.arange(len(states))

    def is_first(row: Array) -> Array:
        same = _apart(states, states[row]) <= jnp.maximum(radii, radii[row])
        return valid[row] & ~jnp.any((rows < row) & valid & same)

    return jax.lax.map(is_first, rows)


class Collection:
    """Certified fixed points as they are found, on the host. Two are one if either's radius, within which no other root can
    be, holds both; where the radius is not proven, only if they cannot be told apart."""

    def __init__(self, dynamics: AbstractDynamics, inputs: np.ndarray | None):
        self.dynamics, self.inputs = dynamics, inputs
        self.roots: list[Root] = []
        self.of_input: list[int] = []

    def add(self, candidates: np.ndarray, of_input: np.ndarray, belongs: np.ndarray | None = None) -> np.ndarray:
        """Take in candidates, each under one of the inputs; which root each belongs to, -1 for none. Written into `belongs`
        as it becomes known, so that an interruption leaves what is known by then."""
        belongs = np.full(len(candidates), -1) if belongs is None else belongs
        belongs[:] = self._surely(candidates, of_input)
        waiting = np.flatnonzero(belongs < 0)
        while waiting.size:
            rows, waiting = waiting[:_AT_ONCE], waiting[_AT_ONCE:]
            belongs[rows] = self._add_some(candidates[rows], of_input[rows])
            belongs[waiting] = self._surely(candidates[waiting], of_input[waiting])
            waiting = waiting[belongs[waiting] < 0]
        return belongs

    def add_mirror_images(self) -> None:
        """-x for every x, where it is a fixed point too."""
        if self.roots:
            self.add(np.array([-root.state for root in self.roots]), np.array(self.of_input))

    def add_orbits(self, single: Map, period: int) -> None:
        """Of points of a period, where the map leads from them: these are points of that period too."""
        images = [root.state for root in self.roots]
        of_input = np.array(self.of_input, int)
        for _ in range(period - 1):
            images = [
                image + np.asarray(_residual_compiled(single, image, self._given(row)))
                for image, row in zip(images, of_input, strict=True)
            ]
            if images:
                self.add(np.array(images), of_input)

    def adds_up(self) -> bool:
        """Whether the signs of det(-F') add up to 1 under every input."""
        count = 1 if self.inputs is None else len(self.inputs)
        sums = np.bincount(np.array(self.of_input, int), [float(root.sign) for root in self.roots], minlength=count)
        return bool(np.all(sums == 1.0))

    def middles(self, most: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """States in the middle between random pairs of points of one input, and that input."""
        of_input = np.array(self.of_input, int)
        one, other = np.triu_indices(len(of_input), 1)
        alike = np.flatnonzero(of_input[one] == of_input[other])
        chosen = alike if len(alike) <= most else np.random.default_rng(seed).choice(alike, most, replace=False)
        states = np.array([root.state for root in self.roots]).reshape(-1, self.dynamics.size)
        return 0.5 * (states[one[chosen]] + states[other[chosen]]), of_input[one[chosen]]

    def ghosts(self, states: np.ndarray, of_input: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The distinct minima of E above zero next to these states, the input of each, and at which one each state is, -1
        for none."""
        places, of_place = np.zeros((0, self.dynamics.size)), np.zeros(0, int)
        belongs = np.full(len(states), -1)

        def known(place: np.ndarray, of_input: int, within: float) -> int:
            apart = np.max(np.abs(places - place), axis=1) / (1.0 + np.max(np.abs(place)))
            same = (apart < within) & (of_place == of_input)
            return int(np.argmax(same)) if same.any() else -1

        for row, state in enumerate(states):
            belongs[row] = known(state, int(of_input[row]), _NEAR_GHOST)
            if belongs[row] >= 0:
                continue
            place, lowest = jax.device_get(_ghost_compiled(self.dynamics, state, self._given(of_input[row])))
            if not lowest:
                continue
            belongs[row] = known(place, int(of_input[row]), _SAME_GHOST)
            if belongs[row] < 0:
                belongs[row] = len(places)
                places, of_place = np.append(places, place[None], axis=0), np.append(of_place, of_input[row])
        return places, of_place, belongs

    def _add_some(self, candidates: np.ndarray, of_input: np.ndarray) -> np.ndarray:
        count = len(candidates)
        padded = np.resize(np.arange(count), _AT_ONCE)
        states, settled = jax.device_get(_polish_all(self.dynamics, candidates[padded], self._given(of_input[padded])))
        belongs = self._known(states[:count], of_input)
        belongs[~(settled[:count] & np.isfinite(states[:count]).all(axis=1))] = -2
        for row in np.flatnonzero(belongs == -1):
            belongs[row] = self._place(states[row], int(of_input[row]))
        return np.maximum(belongs, -1)

    def _surely(self, states: np.ndarray, of_input: np.ndarray) -> np.ndarray:
        """Which root candidates belong to that need not be polished: within the proven radius of one no other can be."""
        return self._known(states, of_input) if self.dynamics.bound == "activation" else np.full(len(states), -1)

    def _known(self, states: np.ndarray, of_input: np.ndarray) -> np.ndarray:
        """Which root each state is at, -1 for none that is known."""
        if not self.roots or not len(states):
            return np.full(len(states), -1)
        roots = np.array([root.state for root in self.roots])
        reach = np.array([self._reach(root) for root in self.roots])
        apart = np.array([np.max(np.abs(roots - state), axis=1) for state in states])
        apart[(apart > reach) | (np.array(self.of_input) != of_input[:, None])] = np.inf
        return np.where(np.isfinite(apart).any(axis=1), np.argmin(apart, axis=1), -1)

    def _reach(self, root: Root) -> float:
        """Within which another state is at the same root: where no other can be, if that is proven."""
        proven = float(root.radius) if self.dynamics.bound == "activation" else 0.0
        return max(2.0 * float(root.near), proven)

    def _given(self, of_input: Any) -> Any:
        return None if self.inputs is None else self.inputs[of_input]

    def _place(self, state: np.ndarray, of_input: int) -> int:
        known = int(self._known(state[None], np.array([of_input]))[0])
        if known >= 0:
            return known
        root = jax.device_get(_examine_one(self.dynamics, state, self._given(of_input)))
        if not root.certificate < 0.5:
            return -1
        where = np.flatnonzero(np.array(self.of_input, int) == of_input)
        apart = np.array([np.max(np.abs(self.roots[row].state - state)) for row in where])
        # One that is within the new one's radius, but not the other way round.
        if np.any(apart <= self._reach(root)):
            return int(where[np.argmin(apart)])
        self.of_input.append(of_input)
        self.roots.append(root)
        return len(self.roots) - 1


_AT_ONCE = 64
# Minima of E closer than this are one, for Newton's steps have settled at each; and a descent that ended so near to one is
# not looked at again.
_SAME_GHOST, _NEAR_GHOST = 1e-7, 1e-5


@eqx.filter_jit
def _polish_all(dynamics: AbstractDynamics, states: Any, inputs: Any) -> Any:
    if inputs is None:
        return jax.lax.map(lambda state: polish(dynamics, state, None), states)
    return jax.lax.map(lambda row: polish(dynamics, *row), (states, inputs))


_residual_compiled = eqx.filter_jit(lambda dynamics, state, inputs: dynamics.residual(jnp.asarray(state), inputs))
_ghost_compiled = eqx.filter_jit(ghost)


@eqx.filter_jit
def _examine_one(dynamics: AbstractDynamics, state: Any, inputs: Any) -> Root:
    return examine(dynamics, state, inputs)
