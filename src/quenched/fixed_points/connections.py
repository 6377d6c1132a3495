"""Where the unstable directions of each fixed point lead: a graph of fixed points."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from quenched import checks
from quenched.dynamics.base import AbstractDynamics
from quenched.dynamics.read import read_dynamics
from quenched.fixed_points.follow import NEAR, UNDER_WAY, End, Places, follow_trajectories, nothing_reached
from quenched.fixed_points.stability import nearest, real_parts, spectrum
from quenched.models import Network
from quenched.numerics.memory import refuse_what_does_not_fit
from quenched.numerics.threads import one_blas_thread
from quenched.precision import double_precision

if TYPE_CHECKING:
    import networkx as nx
    import xarray as xr

    from quenched.solve import Progress

ELSEWHERE = "elsewhere"

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
    """Follow the unstable directions of each saddle to where they lead.

    Two trajectories begin beside the saddle x*, at x* + nudge v and at x* - nudge v, for each eigenvector v of a growing
    eigenvalue; of a complex pair v is its real and its imaginary part.

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
        A `networkx.MultiDiGraph`: one node a fixed point, its row in `fixed_points` (its state is
        `fixed_points.state[node]`), with `stable` and `unstable_directions`; an edge for each trajectory, with `mode` (which
        eigenvalue), `side` (+1 or -1), `rate` (the eigenvalue's growth), `time` (until the end) and `outcome`:
        "fixed_point"; or at the node "elsewhere" "escaped" (it ran away), "at_rest" (at a point that is not listed, or all
        but), "out_of_time" (cycles, chaos) or "failed" (the integration). All of these are plain numbers and words, so that
        `networkx.write_graphml`, `write_gexf` and, by `networkx.node_link_data`, JSON take the graph.

    Raises:
        ValueError: fixed points of another size or of several inputs.
        TypeError: other objects.
        MemoryError: the trajectories would not fit.

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

    wanted = ("state", "stable", "unstable_directions")
    checks.dataset("fixed_points", fixed_points, "qd.landscape.find_fixed_points", *wanted)
    progress = checks.progress(progress)
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
    unknown = np.flatnonzero(np.isnan(fixed_points["unstable_directions"].values))
    if unknown.size:
        raise ValueError(
            "Argument `fixed_points` must be points whose growing directions are all known, but those of point "
            f"{unknown[0]} are not; leave it out by .isel(fixed_point=[...]), or raise `modes` of qd.landscape.Krylov."
        )
    trajectories = 2 * int(fixed_points["unstable_directions"].values.sum())
    needed = 8 * way.size * (8 * trajectories + 4 * len(states) + 16 * way.size)
    what = f"{trajectories} trajectories of {way.size} neurons"
    refuse_what_does_not_fit(needed, what, "the number of `fixed_points`, by .isel(fixed_point=[...])")
    graph = nx.MultiDiGraph(interrupted=False)
    stable = fixed_points["stable"].values
    for row in range(len(states)):
        graph.add_node(
            row, stable=bool(stable[row]), unstable_directions=int(fixed_points["unstable_directions"].values[row])
        )
    with one_blas_thread():
        todo = [(row, *each) for row, state in enumerate(states) for each in _directions(way, state, given)]
        apart = nearest(states)
        nudges = np.minimum(nudge, 0.01 * apart)
        kicked = np.array([states[row] + side * nudges[row] * direction for row, _, side, _, direction in todo])
        near = np.minimum(NEAR * (1.0 + np.max(np.abs(states), axis=1, initial=0.0)), 0.1 * apart)
        ends = nothing_reached(len(todo))
        try:
            if todo:
                follow_trajectories(way, given, kicked, Places(states, stable, near), duration, ends, progress)
        except KeyboardInterrupt:
            graph.graph["interrupted"] = True
    for number, (row, mode, side, rate, _) in enumerate(todo):
        if ends.end[number] != UNDER_WAY:
            head = int(ends.row[number])
            known = {"mode": mode, "side": side, "rate": rate, "time": float(ends.time[number])}
            # `outcome`, not `end`, which GEXF takes for the date when an edge vanishes.
            outcome = End(ends.end[number]).name
            graph.add_edge(row, head if head >= 0 else ELSEWHERE, **known, outcome=outcome)
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
