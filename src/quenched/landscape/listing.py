"""Fixed points as a dataset, with what they are like."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array

from quenched.landscape.catalogue import Collection
from quenched.landscape.dynamics import AbstractDynamics, Map
from quenched.landscape.paths import Homotopy
from quenched.landscape.search import Outcome
from quenched.solution import labelled

if TYPE_CHECKING:
    from quenched.landscape.dataset import FixedPointDataset

# A state that the map returns to within this, relative to its size, has come back.
_BACK = 1e-8


class Descents(NamedTuple):
    """Where each start ended."""

    state: np.ndarray
    outcome: np.ndarray


class Followed(NamedTuple):
    """What each path met."""

    state: np.ndarray
    points: np.ndarray
    outcome: np.ndarray


def nothing_run(states: np.ndarray, paths: int, follow: Homotopy) -> tuple[Descents, Followed]:
    """What is known before any work."""
    size, waiting = states.shape[1], Outcome.not_run
    return (
        Descents(states.copy(), np.full(len(states), waiting, np.int32)),
        Followed(np.zeros((paths, follow.most_points, size)), np.zeros(paths, int), np.full(paths, waiting, np.int32)),
    )


def describe_points(
    collection: Collection,
    belongs: np.ndarray,
    descents: Descents,
    followed: Followed,
    of_start: np.ndarray,
    single: Map | None,
    period: int,
) -> FixedPointDataset:
    """Everything that is known of the fixed points of `collection` and of the starts; `single` is the map that was iterated.

    `belongs` says which root each start ended at, -1 for none.
    """
    from quenched.landscape.dataset import FixedPointDataset

    dynamics, conditions = collection.dynamics, collection.inputs
    states = np.array([root.state for root in collection.roots]).reshape(-1, dynamics.size)
    of_root = np.array(collection.of_input, int)
    inputs = None if conditions is None else conditions[of_root]
    eigenvalues, modes = _spectra(dynamics, states, inputs)
    grows = eigenvalues.real > 0.0 if dynamics.kind == "flow" else np.abs(eigenvalues) > 1.0
    unstable = grows.sum(axis=1)
    order = np.lexsort((np.mean(states**2, axis=1), unstable))

    def of_roots(name: str) -> np.ndarray:
        return np.array([float(getattr(root, name)) for root in collection.roots])

    columns: dict[str, np.ndarray] = {
        "state": states,
        "residual": of_roots("residual"),
        "certificate": of_roots("certificate"),
        "radius": np.minimum(of_roots("radius"), _nearest(states, of_root)),
        "stable": unstable == 0,
        "unstable_directions": unstable,
        "eigenvalues": eigenvalues,
        "unstable_modes": modes,
        "index": of_roots("sign"),
        "log_weight": of_roots("log_weight"),
        "starts_reaching": np.bincount(belongs[belongs >= 0], minlength=len(states)),
    }
    if single is not None and dynamics.kind == "map":
        columns["smallest_period"] = _smallest_periods(single, period, states, inputs)
    several = conditions is not None and len(conditions) > 1
    if several:
        columns["condition"] = of_root
    variables = {name: labelled(name, values[order]) for name, values in columns.items()}
    sums = np.bincount(of_root, of_roots("sign"), minlength=1 if conditions is None else len(conditions))
    slow = _slow_points(collection, descents, of_start)
    variables |= {
        "index_sum": labelled("index_sum", sums if several else sums[0]),
        "outcome": labelled("outcome", descents.outcome),
        "path_outcome": labelled("path_outcome", followed.outcome),
        "path_points": labelled("path_points", followed.points),
        "slow_state": labelled("slow_state", slow),
    }
    for name in ("outcome", "path_outcome"):
        variables[name][2]["codes"] = ", ".join(f"{outcome.value} {outcome.name}" for outcome in Outcome)
    if conditions is not None:
        variables["inputs"] = labelled("inputs", conditions)
    return FixedPointDataset(variables, attrs=_attributes(dynamics))


_COUNTS = {
    True: "1 if the list is complete",
    False: "not fixed: the dynamics is unbounded",
    None: "1 if the list is complete and F(x) + x is bounded, which is not known here",
}


def _attributes(dynamics: AbstractDynamics) -> dict[str, Any]:
    found: dict[str, Any] = {"size": dynamics.size, "kind": dynamics.kind, "certificate_bound": dynamics.bound}
    network = getattr(dynamics, "network", None)
    if network is not None:
        found["activation"] = network.activation.name
    return found | {"index_sum_means": _COUNTS[dynamics.bounded]}


def _nearest(states: np.ndarray, of_root: np.ndarray) -> np.ndarray:
    """The distance to the nearest other point under the same input: a sampled radius may be too large."""
    found = np.full(len(states), np.inf)
    for row, state in enumerate(states):
        others = (of_root == of_root[row]) & (np.arange(len(states)) != row)
        if others.any():
            found[row] = np.min(np.max(np.abs(states[others] - state), axis=1))
    return found


# Unstable directions that are kept for each fixed point.
_MODES = 3


def _spectra(dynamics: AbstractDynamics, states: np.ndarray, inputs: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues of F' of a flow, the fastest growing first, of S' of a map, the largest first; and unit vectors along the
    first that grow, NaN where there are none: of a complex pair the real and the imaginary part."""
    values = np.zeros((len(states), dynamics.size), complex)
    modes = np.full((len(states), _MODES, dynamics.size), np.nan)
    for row, state in enumerate(states):
        matrix = np.asarray(_jacobian_compiled(dynamics, state, None if inputs is None else inputs[row]))
        if dynamics.kind == "map":
            matrix = matrix + np.eye(dynamics.size)
        found = np.linalg.eigvals(matrix)
        size = found.real if dynamics.kind == "flow" else np.abs(found) - 1.0
        order = np.argsort(-size, kind="stable")
        values[row] = found[order]
        growing = [found[place] for place in order[: _MODES + 1] if size[place] > 0.0 and found[place].imag >= 0.0]
        parts = [part for value in growing for part in _mode(matrix, value)][:_MODES]
        modes[row, : len(parts)] = np.array(parts).reshape(-1, dynamics.size)
    return values, modes


def _mode(matrix: np.ndarray, value: complex) -> list[np.ndarray]:
    """The eigenvector of an eigenvalue by inverse iteration, of a complex one its real and imaginary part."""
    shifted = matrix - (value + 1e-10 * (1.0 + abs(value))) * np.eye(len(matrix))
    vector = np.ones(len(matrix), complex) + 0.1 * np.cos(np.arange(len(matrix)))
    for _ in range(3):
        vector = np.linalg.solve(shifted, vector)
        vector = vector / np.linalg.norm(vector)
    # The phase at which the real part is longest.
    vector = vector * np.exp(-0.5j * np.angle(np.sum(vector**2)))
    parts = [vector.real] if value.imag == 0.0 else [vector.real, vector.imag]
    return [part / np.linalg.norm(part) for part in parts if np.linalg.norm(part) > 1e-6]


def _smallest_periods(single: Map, period: int, states: np.ndarray, inputs: np.ndarray | None) -> np.ndarray:
    """After how many steps, a divisor of `period`, each state comes back for the first time."""
    periods = np.full(len(states), period)
    for row, state in enumerate(states):
        given, now = None if inputs is None else inputs[row], state
        for steps in range(1, period):
            now = now + np.asarray(_residual_compiled(single, now, given))
            if period % steps == 0 and np.max(np.abs(now - state)) < _BACK * (1.0 + np.max(np.abs(state))):
                periods[row] = steps
                break
    return periods


def _slow_points(collection: Collection, descents: Descents, of_start: np.ndarray) -> np.ndarray:
    """Distinct minima of E above zero. Starts that ended at another stationary point of E are `stalled`."""
    rows = np.flatnonzero(descents.outcome == Outcome.slow_point)
    if not rows.size:
        return np.zeros((0, collection.dynamics.size))
    which, lowest = collection.minima(descents.state[rows], of_start[rows])
    descents.outcome[rows[~lowest[which]]] = Outcome.stalled
    first = [rows[np.flatnonzero(which == place)[0]] for place in np.flatnonzero(lowest)]
    return descents.state[np.array(first, int)]


@eqx.filter_jit
def _jacobian_compiled(dynamics: AbstractDynamics, state: Array, inputs: Array | None) -> Array:
    return dynamics.jacobian(jax.numpy.asarray(state), inputs)


@eqx.filter_jit
def _residual_compiled(dynamics: AbstractDynamics, state: Array, inputs: Array | None) -> Array:
    return dynamics.residual(jax.numpy.asarray(state), inputs)
