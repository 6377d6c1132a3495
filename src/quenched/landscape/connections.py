"""Where the unstable directions of each fixed point lead: a graph of fixed points."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from quenched import checks
from quenched.landscape.dynamics import AbstractDynamics, read_dynamics
from quenched.landscape.stability import nearest, real_parts, spectrum
from quenched.models import Network
from quenched.numerics.threads import one_blas_thread
from quenched.precision import double_precision

if TYPE_CHECKING:
    import networkx as nx
    import xarray as xr

    from quenched.solve import Progress

ELSEWHERE = "elsewhere"

# A trajectory this near a fixed point, relative to its size, has come to it if that is stable; near a saddle it may only
# pass, and must have stayed for some time.
_NEAR = 1e-4
_RELATIVE, _ABSOLUTE = 1e-8, 1e-10
_AWAY = 1e6
# So much slower than at its fastest a trajectory rests.
_RESTS = 1e-6
# A velocity above this, relative to the state, is none of a fixed point.
_MOVES = 1e-6


@double_precision
def connections(
    dynamics: Network | AbstractDynamics,
    fixed_points: xr.Dataset,
    *,
    inputs: Any = None,
    nudge: float = 1e-4,
    duration: float = 1000.0,
    progress: Progress | None = None,
) -> nx.MultiDiGraph:
    """From each saddle follow its unstable directions to where they lead: x* + nudge v and x* - nudge v, v an eigenvector of
    a growing eigenvalue; of a complex pair, its real and imaginary part.

    Arguments:
        dynamics: the `qd.Network`, `qd.landscape.Flow` or `qd.landscape.Map` of the fixed points.
        fixed_points: of `qd.landscape.find_fixed_points`, under one input.
        inputs: that input, (input); the one that `fixed_points` was found under if left out.
        nudge: how far from the saddle, in the norm of all neurons per square root of their number; at most a hundredth of
            the way to the next fixed point.
        duration: how long to follow, in units of time; of a map, in steps.
        progress: called with (trajectories done, trajectories in all). Ctrl-C returns the graph so far, its attribute
            `interrupted` True (`graph.graph["interrupted"]`).

    Returns:
        A `networkx.MultiDiGraph`: one node a fixed point, its row in `fixed_points`, with `stable`, `unstable_directions`
        and `state`; an edge for each trajectory, with `mode` (which eigenvalue), `side` (+1 or -1), `rate` (the eigenvalue's
        growth), `time` (until the end) and `end`: "fixed_point"; or at the node "elsewhere" "escaped" (it ran away),
        "at_rest" (at a point that is not listed, or all but), "out_of_time" (cycles, chaos) or "failed" (the integration).

    Raises: ValueError for fixed points of another size or of several inputs; TypeError for other objects.

    When it fails: edges to "elsewhere" where the time is too short (slow points on the way): raise `duration`. An edge from
    one saddle to another is exceptional, but for symmetric networks: a trajectory that only passes near a saddle does not
    end there.

    Example:
        >>> import numpy as np, quenched as qd
        >>> pair = qd.Network(np.array([[0.0, 2.0], [2.0, 0.0]]))
        >>> graph = qd.landscape.connections(pair, qd.landscape.find_fixed_points(pair, starts=20))
        >>> sorted((tail, head) for tail, head in graph.edges())
        [(2, 0), (2, 1)]
    """
    import networkx as nx

    missing = {"state", "stable", "unstable_directions"} - set(getattr(fixed_points, "data_vars", ()))
    if missing:
        raise TypeError(
            "Argument `fixed_points` must be the Dataset of qd.landscape.find_fixed_points, but lacks "
            f"{', '.join(sorted(missing))}."
        )
    if "condition" in fixed_points and np.unique(fixed_points["condition"]).size > 1:
        raise ValueError("Argument `fixed_points` must be those of one input: choose one by .isel(fixed_point=...).")
    if inputs is None and "inputs" in fixed_points:
        rows = np.ravel(fixed_points["condition"].values) if "condition" in fixed_points else np.zeros(0, int)
        row = int(rows[0]) if rows.size else 0
        inputs = fixed_points["inputs"].values[row]
    way, given = read_dynamics(dynamics, inputs)
    if given is not None and given.ndim != 1:
        raise ValueError(f"Argument `inputs` must be (input), but has shape {given.shape}.")
    states = fixed_points["state"].values
    if states.ndim != 2:
        raise ValueError("Argument `fixed_points` must be a list: choose from it by .isel(fixed_point=[...]).")
    if states.shape[1] != way.size:
        raise ValueError(f"Argument `fixed_points` must have states of size {way.size}, but has {states.shape[1]}.")
    speeds = np.max(np.abs(np.asarray(_residuals(way, states, given))), axis=1) if len(states) else np.zeros(0)
    moving = np.flatnonzero(~(speeds < _MOVES * (1.0 + np.max(np.abs(states), axis=1, initial=0.0))))
    if moving.size:
        raise ValueError(
            f"Argument `fixed_points` must be fixed points of `dynamics` under `inputs`, but point {moving[0]} moves at "
            f"{speeds[moving[0]]:.1e}; of points of a period give the map applied as many times."
        )
    nudge = float(checks.number("nudge", nudge, above=0.0))
    duration = float(checks.number("duration", duration, above=0.0))
    graph = nx.MultiDiGraph(interrupted=False)
    stable = fixed_points["stable"].values
    for row, state in enumerate(states):
        unstable = int(fixed_points["unstable_directions"].values[row])
        graph.add_node(row, stable=bool(stable[row]), unstable_directions=unstable, state=state)
    with one_blas_thread():
        todo = [(row, *each) for row, state in enumerate(states) for each in _directions(way, state, given)]
        apart = nearest(states)
        nudges = np.minimum(nudge, 0.01 * apart)
        kicked = np.array([states[row] + side * nudges[row] * direction for row, _, side, _, direction in todo])
        ends = _Ends(states, stable, apart, len(todo), progress)
        try:
            advance = _follow_maps if way.kind == "map" else _follow_flows
            if todo:
                advance(way, given, kicked, ends, duration)
        except KeyboardInterrupt:
            graph.graph["interrupted"] = True
    for number, (row, mode, side, rate, _) in enumerate(todo):
        if np.isfinite(ends.time[number]):
            head = int(ends.row[number])
            known = {"mode": mode, "side": side, "rate": rate, "time": ends.time[number], "end": ends.end[number]}
            graph.add_edge(row, head if head >= 0 else ELSEWHERE, **known)
    return graph


@eqx.filter_jit
def _residuals(dynamics: AbstractDynamics, states: Any, inputs: Array | None) -> Array:
    return jax.vmap(lambda state: dynamics.residual(state, inputs))(jnp.asarray(states))


def _directions(dynamics: AbstractDynamics, state: np.ndarray, inputs: Any) -> list[tuple[int, int, float, np.ndarray]]:
    """(mode, side, growth, direction) of everything that grows, the directions sqrt(N) long."""
    known = spectrum(dynamics, state, inputs)
    found = []
    # One of a complex pair stands for both.
    for mode in np.flatnonzero(known.grows & (known.values.imag >= 0.0)):
        for part in real_parts(known.vectors[:, mode]):
            found += [(int(mode), side, float(known.growth[mode]), np.sqrt(dynamics.size) * part) for side in (1, -1)]
    return found


class _Ends:
    """Where, when and how each trajectory has ended: at a row of the fixed points, or -1 for elsewhere; time NaN while under
    way."""

    def __init__(self, states: np.ndarray, stable: np.ndarray, apart: np.ndarray, count: int, progress: Progress | None):
        self.states, self.rows, self.progress = states, np.flatnonzero(stable), progress
        self.near = np.minimum(_NEAR * (1.0 + np.max(np.abs(states), axis=1, initial=0.0)), 0.1 * apart)
        self.row, self.time, self.end = np.full(count, -1), np.full(count, np.nan), np.full(count, "fixed_point")
        self.fastest = np.zeros(count)

    def done(self, numbers: np.ndarray, places: np.ndarray, speeds: np.ndarray, time: float) -> np.ndarray:
        """Which of these trajectories are over: at a stable fixed point, far away, or at rest where none is listed."""
        over = np.zeros(len(numbers), bool)
        if self.rows.size:
            over |= self._settle(numbers, places, time, self.rows)
        size, speed = np.max(np.abs(places), axis=1), np.max(np.abs(speeds), axis=1)
        self.fastest[numbers] = np.fmax(self.fastest[numbers], speed)
        away = ~(size < _AWAY)
        rests = ~over & ~away & (speed < _RESTS * self.fastest[numbers])
        # Near a saddle it may still leave.
        rests[rests] = np.min(self._apart(places[rests], np.arange(len(self.states))), axis=1) > 0.0
        for which, why in ((away, "escaped"), (rests, "at_rest")):
            self.time[numbers[which]], self.end[numbers[which]] = time, why
        return over | away | rests

    def give_up(self, numbers: np.ndarray, places: np.ndarray, time: float, why: str = "out_of_time") -> None:
        """The others end where they are: at a saddle that holds them, or elsewhere."""
        there = self._settle(numbers, places, time, np.arange(len(self.states)))
        self.time[numbers], self.end[numbers[~there]] = time, why

    def _apart(self, places: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """How far each is from each of these fixed points, beyond what counts as there."""
        return np.max(np.abs(places[:, None] - self.states[rows]), axis=2) - self.near[rows]

    def _settle(self, numbers: np.ndarray, places: np.ndarray, time: float, rows: np.ndarray) -> np.ndarray:
        apart = self._apart(places, rows)
        there = np.min(apart, axis=1) < 0.0
        self.row[numbers[there]] = rows[np.argmin(apart[there], axis=1)]
        self.time[numbers[there]] = time
        if there.any() and self.progress is not None:
            self.progress(int(np.isfinite(self.time).sum()), len(self.time))
        return there


def _follow_maps(dynamics: AbstractDynamics, inputs: Any, places: np.ndarray, ends: _Ends, duration: float) -> None:
    under_way = np.arange(len(places))
    for step in range(int(duration)):
        # As many rows as at first: nothing is compiled anew.
        padded = np.resize(places, (len(ends.row), dynamics.size))
        moves = np.asarray(_residuals(dynamics, padded, inputs))[: len(places)]
        kept = ~ends.done(under_way, places, moves, float(step))
        under_way, places = under_way[kept], (places + moves)[kept]
        if not under_way.size:
            return
    ends.give_up(under_way, places, duration)


def _follow_flows(dynamics: AbstractDynamics, inputs: Any, places: np.ndarray, ends: _Ends, duration: float) -> None:
    """All trajectories as one system, with the step that suits the most demanding."""
    from scipy.integrate import DOP853

    under_way, time = np.arange(len(places)), 0.0

    def velocity(_: float, flat: np.ndarray) -> np.ndarray:
        now = flat.reshape(-1, dynamics.size)
        padded = np.resize(now, (len(ends.row), dynamics.size))
        return np.asarray(_residuals(dynamics, padded, inputs))[: len(now)].reshape(-1)

    while under_way.size and time < duration:
        # The norm of the solver is an average: one trajectory of many may be wrong by this much more.
        strict = 1.0 / np.sqrt(len(under_way))
        solver = DOP853(velocity, time, places.reshape(-1), duration, rtol=_RELATIVE * strict, atol=_ABSOLUTE * strict)
        waiting, kept = len(under_way), np.ones(len(under_way), bool)
        while solver.status == "running" and 2 * kept.sum() > waiting:
            solver.step()
            places = solver.y.reshape(-1, dynamics.size)
            still = np.flatnonzero(kept)
            speeds = solver.f.reshape(-1, dynamics.size)
            kept[still[ends.done(under_way[still], places[still], speeds[still], float(solver.t))]] = False
            # One that runs away would stop all: the others go on without it.
            if not np.all(np.max(np.abs(places), axis=1) < _AWAY):
                break
        under_way, places, time = under_way[kept], places[kept], float(solver.t)
        if solver.status == "failed":
            ends.give_up(under_way, places, time, "failed")
            return
    ends.give_up(under_way, places, time)
