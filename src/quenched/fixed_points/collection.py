"""From candidates to the list of distinct, certified fixed points."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Key

from quenched.dynamics.base import AbstractDynamics, batched
from quenched.dynamics.flow_and_map import Map
from quenched.fixed_points.certificates import CLOSER, CertifiedRoot, examine, ghost, polish
from quenched.fixed_points.equation import equation_of

# Half of the default starts have followed the dynamics, at most for this long.
_MOST_STEPS = 50
_AWAY = 1e6
# Candidates closer than this, relative to their size, are likely to be at the same root; and roots without a certificate are
# taken for one: where |F| grows as the third power, rounding parts them so far.
SAME_ROOT = 1e-4


class Catalogue(NamedTuple):
    """Fixed points of one network. Rows of `roots`: one a candidate, and one its mirror image; only those marked distinct
    are filled."""

    roots: CertifiedRoot
    distinct: Bool[Array, " row"]
    proven: Bool[Array, " row"]
    """Which candidates are at a certified root, be it another row's."""
    uncertified: Bool[Array, " row"]
    """Of the candidates that are not, one for each root that they may be at."""


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
    proven = (settled & proven)[: len(candidates)]
    # Where Newton's steps are of no use, the search has ended at a root all the same.
    uncertified = _first_of_each(candidates, valid & ~proven, jnp.full(len(candidates), SAME_ROOT))
    return Catalogue(roots, distinct, proven, uncertified)


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
        self.equation = equation_of(dynamics, inputs)
        self.roots: list[Any] = []
        self.of_input: list[int] = []

    def add(self, candidates: np.ndarray, of_input: np.ndarray, belongs: np.ndarray | None = None) -> np.ndarray:
        """Take in candidates, each under one of the inputs; which root each belongs to, -1 for none. Written into `belongs`
        as it becomes known, so that an interruption leaves what is known by then."""
        belongs = np.full(len(candidates), -1) if belongs is None else belongs
        belongs[:] = self._surely(candidates, of_input)
        waiting = np.flatnonzero(belongs < 0)
        rows = waiting[_some_apart(candidates[waiting], of_input[waiting], SAME_ROOT)]
        while waiting.size:
            belongs[rows] = self._add_some(candidates[rows], of_input[rows])
            waiting = np.setdiff1d(waiting, rows)
            belongs[waiting] = self._surely(candidates[waiting], of_input[waiting])
            waiting = waiting[belongs[waiting] < 0]
            rows = waiting[:AT_ONCE]
        return belongs

    def add_mirror_images(self) -> None:
        """-x for every x, where it is a fixed point too."""
        if self.roots:
            self.add(np.array([-root.state for root in self.roots]), np.array(self.of_input))

    def add_orbits(self, single: Map, period: int) -> None:
        """Of points of a period, where the map leads from them: these are points of that period too."""
        images = [np.asarray(root.state) for root in self.roots]
        of_input = np.array(self.of_input, int)
        for _ in range(period - 1):
            images = self.moved(single, images, of_input)
            if images:
                self.add(np.array(images), of_input)

    def moved(self, single: Map, states: list[np.ndarray], of_input: np.ndarray) -> list[np.ndarray]:
        """Where a map leads from these states."""
        return [
            state + np.asarray(residual_compiled(single, state, self.given(row)))
            for state, row in zip(states, of_input, strict=True)
        ]

    def adds_up(self) -> bool:
        """Whether the signs of det(-F') add up to 1 under every input."""
        count = 1 if self.inputs is None else len(self.inputs)
        sums = np.bincount(np.array(self.of_input, int), [float(root.sign) for root in self.roots], minlength=count)
        return bool(np.all(sums == 1.0))

    def middles(self, most: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """States in the middle between random pairs of points of one input, and that input."""
        of_input = np.array(self.of_input, int)
        one, other = np.triu_indices(len(of_input), 1)
        together = np.flatnonzero(of_input[one] == of_input[other])
        chosen = together if len(together) <= most else random.choice(together, most, replace=False)
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
            unknowns, given = self.equation.unknowns(state[None])[0], self.equation.conditions
            inputs = None if given is None else given[of_input[row]]
            place, lowest = jax.device_get(_ghost_compiled(self.equation.dynamics, unknowns, inputs))
            if not lowest:
                continue
            place = self.equation.states(place[None], of_input[row : row + 1])[0]
            belongs[row] = known(place, int(of_input[row]), _SAME_GHOST)
            if belongs[row] < 0:
                belongs[row] = len(places)
                places, of_place = np.append(places, place[None], axis=0), np.append(of_place, of_input[row])
        return places, of_place, belongs

    def _add_some(self, candidates: np.ndarray, of_input: np.ndarray) -> np.ndarray:
        """Polish candidates, certify what is new, and say which root each belongs to, -1 for none."""
        states, settled = self.at_once(_polish_all, candidates, of_input)
        belongs = self._known(states, of_input)
        belongs[~(settled & np.isfinite(states).all(axis=1))] = _NONE
        while (new := np.flatnonzero(belongs == -1)).size:
            rows = new[_some_apart(states[new], of_input[new], CLOSER)]
            examined = self.at_once(_examine_all, states[rows], of_input[rows])
            for place, row in enumerate(rows):
                root = jax.tree.map(lambda leaf, place=place: leaf[place], examined)
                belongs[row] = self._place(root, int(of_input[row]))
            rest = np.setdiff1d(new, rows)
            belongs[rest] = self._known(states[rest], of_input[rest])
        return np.maximum(belongs, -1)

    def at_once(self, function: Any, states: np.ndarray, of_input: np.ndarray, *others: Any) -> Any:
        """A compiled function of states, of which it always takes the same number."""
        rows = np.resize(np.arange(len(states)), AT_ONCE)
        wanted = np.arange(AT_ONCE) < len(states)
        found = function(self.dynamics, states[rows], self.given(of_input[rows]), wanted, *others)
        return jax.tree.map(lambda leaf: leaf[: len(states)], jax.device_get(found))

    def _surely(self, states: np.ndarray, of_input: np.ndarray) -> np.ndarray:
        """Which root candidates belong to that need not be polished: the nearest, if Newton's method surely leads there."""
        belongs = self._known(states, of_input)
        waiting = np.flatnonzero(belongs < 0)
        if not self.roots or not waiting.size:
            return belongs
        apart = self._apart(states[waiting], of_input[waiting])
        nearest, within = np.argmin(apart, axis=1), np.isfinite(apart).any(axis=1)
        roots, stretch = self._of_roots("state"), self._of_roots("stretch")
        for first in range(0, len(waiting), _COMPARED_AT_ONCE):
            some = np.resize(np.arange(first, min(first + _COMPARED_AT_ONCE, len(waiting))), _COMPARED_AT_ONCE)
            at, rows = nearest[some], waiting[some]
            bent = np.asarray(bent_compiled(self.dynamics, roots[at], states[rows], self.given(of_input[rows])))
            same = within[some] & (stretch[at] * bent <= _BENT * apart[some, at])
            belongs[rows[same]] = at[same]
        return belongs

    def _known(self, states: np.ndarray, of_input: np.ndarray) -> np.ndarray:
        """Which root each state is at, -1 for none that is known."""
        if not self.roots or not len(states):
            return np.full(len(states), -1)
        apart = self._apart(states, of_input)
        apart[apart > self._reach(self._of_roots("near"), self._of_roots("radius"))] = np.inf
        return np.where(np.isfinite(apart).any(axis=1), np.argmin(apart, axis=1), -1)

    def _apart(self, states: np.ndarray, of_input: np.ndarray) -> np.ndarray:
        """How far each state is from each root, (state, root); from roots of another input infinitely far."""
        # Not at the top: `import quenched` should be quick.
        from scipy.spatial.distance import cdist

        apart = cdist(states, self._of_roots("state"), "chebyshev")
        return np.where(np.array(self.of_input) == of_input[:, None], apart, np.inf)

    def _of_roots(self, name: str) -> np.ndarray:
        return np.array([getattr(root, name) for root in self.roots])

    def _reach(self, near: Any, radius: Any) -> Any:
        """Within which another state is at the same root: where no other can be, if that is proven."""
        return np.maximum(2.0 * near, radius if self.dynamics.bound == "activation" else 0.0)

    def given(self, of_input: Any) -> Any:
        """The inputs of these rows."""
        return None if self.inputs is None else self.inputs[of_input]

    def _place(self, root: CertifiedRoot, of_input: int) -> int:
        """Enter a root into the list unless it is there, or is not certain."""
        if not root.certificate < 0.5:
            return _NONE
        if self.roots:
            apart = self._apart(np.asarray(root.state)[None], np.array([of_input]))[0]
            # Which may be within the new one's radius, but not the other way round.
            reach = self._reach(root.near, root.radius)
            same = apart <= np.maximum(reach, self._reach(self._of_roots("near"), self._of_roots("radius")))
            if same.any():
                return int(np.argmin(np.where(same, apart, np.inf)))
        self.of_input.append(of_input)
        self.roots.append(root)
        return len(self.roots) - 1


# A candidate that is at no root for certain.
_NONE = -2
AT_ONCE, _COMPARED_AT_ONCE = 64, 256
# Of Newton's step from a candidate to a root, the part by which it may miss it.
_BENT = 0.1
# Minima of E closer than this are one, for Newton's steps have settled at each; and a descent that ended so near to one is
# not looked at again.
_SAME_GHOST, _NEAR_GHOST = 1e-7, 1e-5


@eqx.filter_jit
def bent_compiled(dynamics: AbstractDynamics, roots: Any, states: Any, inputs: Any) -> Array:
    """|F(x) - F'(r)(x - r)| at states x next to roots r, in the largest entry."""

    def bent(root: Array, state: Array, given: Any) -> Array:
        _, linear = jax.jvp(lambda x: dynamics.residual(x, given), (root,), (state - root,))
        return jnp.max(jnp.abs(dynamics.residual(state, given) - linear))

    return jax.vmap(bent, (0, 0, None if inputs is None else 0))(jnp.asarray(roots), jnp.asarray(states), inputs)


@eqx.filter_jit
def _polish_all(dynamics: AbstractDynamics, states: Any, inputs: Any, wanted: Any) -> Any:
    """Where `wanted`, states after Newton's method and whether it settled."""
    return where_wanted(lambda state, given: polish(dynamics, state, given), states, inputs, wanted)


@eqx.filter_jit
def _examine_all(dynamics: AbstractDynamics, states: Any, inputs: Any, wanted: Any) -> CertifiedRoot:
    """Where `wanted`, what is known of the roots at these states."""
    found: CertifiedRoot = where_wanted(lambda state, given: examine(dynamics, state, given), states, inputs, wanted)
    return found


def where_wanted(function: Any, states: Any, inputs: Any, wanted: Any) -> Any:
    """One after the other; the others cost nothing and give zeros."""

    def one(row: Any) -> Any:
        *given, this = row
        nothing = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), jax.eval_shape(function, *given))
        return jax.lax.cond(this, function, lambda *_: nothing, *given)

    return jax.lax.map(one, (jnp.asarray(states), inputs, wanted))


def _some_apart(states: np.ndarray, of_input: np.ndarray, within: float) -> np.ndarray:
    """The first states that differ by more than this, relative to their size; as many as are worked on at once."""
    chosen: list[int] = []
    left = np.arange(len(states))
    while left.size and len(chosen) < AT_ONCE:
        state = states[left[0]]
        chosen.append(int(left[0]))
        apart = np.max(np.abs(states[left] - state), axis=1)
        left = left[(apart > within * (1.0 + np.max(np.abs(state)))) | (of_input[left] != of_input[left[0]])]
    return np.array(chosen, int)


residual_compiled = eqx.filter_jit(lambda dynamics, state, inputs: dynamics.residual(jnp.asarray(state), inputs))
_ghost_compiled = eqx.filter_jit(ghost)
