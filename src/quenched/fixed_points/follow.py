"""Trajectories followed to where they end, each with a step of its own."""

from __future__ import annotations

from enum import IntEnum
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from quenched.dynamics.base import AbstractDynamics
from quenched.fixed_points.lanes import GOES_ON, Step, Work, nothing_done, work_off

if TYPE_CHECKING:
    from quenched.solve import Progress

# A trajectory this near a fixed point, relative to its size, has come to it if that is stable; near a saddle it may only
# pass, and must have stayed for some time.
NEAR = 1e-4
# Largest error of a step.
_RELATIVE, _ABSOLUTE = 1e-8, 1e-10
# A state as large as this has run away.
_AWAY = 1e6
# So much slower than at its fastest a trajectory rests.
_RESTS = 1e-6
# The first step of a flow, by how much steps change at most, and the step, relative to the time, at which it is given up.
_FIRST, _LESS, _MORE, _LEAST = 1e-2, 0.2, 10.0, 1e-14
# Trajectories side by side, in a batch, and steps between two looks at them.
_LANES, _BATCH, _STEPS = 32, 512, 1000

UNDER_WAY = GOES_ON


class End(IntEnum):
    """How a trajectory has ended."""

    fixed_point = 0
    escaped = 1
    at_rest = 2
    out_of_time = 3
    failed = 4


class Places(NamedTuple):
    """Fixed points where a trajectory may end."""

    state: Float[Any, "fixed_point neuron"]
    stable: Bool[Any, " fixed_point"]
    near: Float[Any, " fixed_point"]
    """Within which a trajectory has come to it."""


class Ends(NamedTuple):
    """Of each trajectory."""

    row: Int[np.ndarray, " trajectory"]
    """At which fixed point it is, -1 for elsewhere."""
    time: Float[np.ndarray, " trajectory"]
    end: Int[np.ndarray, " trajectory"]


class _Lanes(NamedTuple):
    """One row a lane."""

    place: Float[Array, "lane neuron"]
    time: Float[Array, " lane"]
    step: Float[Array, " lane"]
    fastest: Float[Array, " lane"]


def nothing_reached(count: int) -> Ends:
    """Before any step."""
    return Ends(np.full(count, -1), np.zeros(count), np.full(count, UNDER_WAY))


def follow_trajectories(
    dynamics: AbstractDynamics,
    inputs: Any,
    begin: np.ndarray,
    places: Places,
    duration: float,
    ends: Ends,
    progress: Progress | None,
) -> None:
    """Trajectories from `begin` (trajectory, neuron), into `ends`."""
    if not len(places.state):
        places = Places(np.full((1, dynamics.size), np.inf), np.zeros(1, bool), np.zeros(1))
    for first in range(0, len(begin), _BATCH):
        rows = np.arange(first, min(first + _BATCH, len(begin)))
        # As many rows whatever their number: nothing is compiled anew.
        starts = begin[np.resize(rows, min(_BATCH, -(-len(rows) // _LANES) * _LANES))]
        work, known = _nothing_followed(starts), -1
        while known != len(rows):
            work = _follow_compiled(dynamics, inputs, starts, places, np.asarray(duration), work, np.int32(len(rows)))
            (row, time), end = jax.device_get((work.results, work.outcome))
            ends.row[rows], ends.time[rows], ends.end[rows] = row[: len(rows)], time[: len(rows)], end[: len(rows)]
            before, known = known, int(np.sum(ends.end[rows] != UNDER_WAY))
            if progress is not None and known > max(before, 0):
                progress(first + known, len(begin))


def _nothing_followed(starts: np.ndarray) -> Work:
    nowhere = (np.full(len(starts), -1, np.int32), np.zeros(len(starts)))
    return nothing_done(partial(_fresh, starts), nowhere, len(starts), min(_LANES, len(starts)))


def _fresh(starts: Any, start: Any) -> _Lanes:
    zero = jnp.zeros(len(start))
    return _Lanes(jnp.asarray(starts)[start], zero, zero + _FIRST, zero)


@eqx.filter_jit
def _follow_compiled(
    dynamics: AbstractDynamics, inputs: Any, starts: Any, places: Places, duration: Any, work: Work, wanted: Any
) -> Work:
    known = jax.tree.map(jnp.asarray, places)

    def advance(lanes: _Lanes, start: Array, results: tuple[Array, Array]) -> Step:
        moved, end, row = jax.vmap(partial(_step, dynamics, inputs, known, duration))(lanes)
        over = jnp.where(end == GOES_ON, len(starts), start)
        rows, times = results
        return Step(moved, end, (rows.at[over].set(row, mode="drop"), times.at[over].set(moved.time, mode="drop")))

    return work_off(partial(_fresh, starts), advance, work, wanted, _STEPS)


def _step(
    dynamics: AbstractDynamics, inputs: Any, places: Places, duration: Any, lane: _Lanes
) -> tuple[_Lanes, Array, Array]:
    """One step of one trajectory, how it has ended, and at which fixed point."""

    def velocity(place: Array) -> Array:
        return dynamics.residual(place, inputs)

    here = velocity(lane.place)
    apart = jnp.max(jnp.abs(lane.place - places.state), axis=1) - places.near
    speed, fastest = jnp.max(jnp.abs(here)), jnp.fmax(lane.fastest, jnp.max(jnp.abs(here)))
    settled = jnp.min(jnp.where(places.stable, apart, jnp.inf)) < 0.0
    late = lane.time >= duration
    # Near a saddle it may still leave.
    rests = (speed < _RESTS * fastest) & jnp.all(apart > 0.0)
    small = (lane.step < _LEAST * (1.0 + lane.time)) & (dynamics.kind == "flow")
    end = jnp.select(
        [settled, ~(jnp.max(jnp.abs(lane.place)) < _AWAY), rests, late | small],
        [End.fixed_point, End.escaped, End.at_rest, jnp.where(late, End.out_of_time, End.failed)],
        GOES_ON,
    )
    # In the end a saddle may hold it.
    held = (end >= End.out_of_time) & jnp.any(apart < 0.0)
    end = jnp.where(held, End.fixed_point, end).astype(jnp.int32)
    row = jnp.argmin(jnp.where(places.stable | held, apart, jnp.inf))
    if dynamics.kind == "map":
        moved = lane._replace(place=lane.place + here, time=lane.time + 1.0)
    else:
        moved = _runge_kutta(velocity, here, lane, jnp.minimum(lane.step, duration - lane.time))
    moved = jax.tree.map(lambda new, old: jnp.where(end == GOES_ON, new, old), moved._replace(fastest=fastest), lane)
    return moved, end, jnp.where(end == End.fixed_point, row, -1).astype(jnp.int32)


def _runge_kutta(velocity: Any, here: Array, lane: _Lanes, step: Array) -> _Lanes:
    """A step of order 8 (Dormand & Prince, SciPy's coefficients), or none and a shorter next one."""
    from scipy.integrate import DOP853

    slopes = [here]
    for row in DOP853.A[1:]:
        rises = sum(weight * slope for weight, slope in zip(row, slopes, strict=False) if weight)
        slopes.append(velocity(lane.place + step * rises))
    place = lane.place + step * sum(weight * slope for weight, slope in zip(DOP853.B, slopes, strict=True) if weight)
    slopes.append(velocity(place))
    scale = _ABSOLUTE + _RELATIVE * jnp.maximum(jnp.abs(lane.place), jnp.abs(place))
    fifth, third = (
        jnp.sum((sum(weight * slope for weight, slope in zip(row, slopes, strict=True) if weight) / scale) ** 2)
        for row in (DOP853.E5, DOP853.E3)
    )
    both = fifth + 0.01 * third
    error = step * fifth / jnp.sqrt(jnp.where(both > 0.0, both, 1.0) * len(place))
    accepted = error <= 1.0
    # NaN, where the trajectory has left the domain, is a step that was too long.
    factor = jnp.where(jnp.isfinite(error), jnp.clip(0.9 * jnp.maximum(error, 1e-30) ** -0.125, _LESS, _MORE), _LESS)
    return _Lanes(
        jnp.where(accepted, place, lane.place),
        jnp.where(accepted, lane.time + step, lane.time),
        step * jnp.where(accepted, factor, jnp.minimum(factor, 1.0)),
        lane.fastest,
    )
