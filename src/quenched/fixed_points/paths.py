"""Fixed points by following paths (a homotopy that cannot fail for bounded dynamics).

From any x_0 the equation is deformed into one whose only solution is x_0,

    (1 - t) (x_0 - x) + t F(x) = 0,     t = 0: x = x_0,     t = 1: F(x) = 0.

Its solutions form a smooth curve in (x, t), for almost every x_0. Where F(x) = -x + G(x) with G bounded (a network of
bounded rates, a map into a bounded set) the curve through (x_0, 0) stays bounded and cannot return to t = 0: it must reach
t = 1, at a fixed point. It is followed by arc length, through its folds; beyond t = 1 it often turns back and meets more.

Levenberg-Marquardt, which only goes down in E, ends in a ghost from nearly every start once a network is large and chaotic.

Source: Chow, Mallet-Paret & Yorke 1978 (`chow1978`).
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from quenched import checks
from quenched.dynamics.base import AbstractDynamics, batched, without_derivatives
from quenched.fixed_points.descent import Outcome
from quenched.fixed_points.lanes import GOES_ON, Step, Work, nothing_done, work_off


class Homotopy(eqx.Module):
    """How paths are followed from a start x_0 at t = 0 to fixed points at t = 1; changes nothing physical.

        (1 - t) (x_0 - x) + t F(x) = 0.

    Arguments:
        max_steps: linear systems of size N + 1 a path may cost.
        most_points: fixed points after which a path is left.
        lanes: paths followed side by side.
        furthest: t at which a path is left, above 1. Further out it meets fewer points for each step, though it may come
            back.

    Raises:
        ValueError, TypeError: numbers that are not whole or below 1, `furthest` not above 1.

    Example:
        >>> import numpy as np, quenched as qd
        >>> pair, one = qd.Network(np.array([[0.0, 2.0], [2.0, 0.0]])), qd.landscape.Homotopy(most_points=1)
        >>> found = qd.landscape.find_fixed_points(pair, starts=np.full((1, 2), 3.0), paths=1, rounds=0, follow=one)
        >>> found.path_points.values.tolist()  # left after the first fixed point
        [1]

    Source: Chow, Mallet-Paret & Yorke 1978 (`chow1978`).
    """

    max_steps: int = eqx.field(static=True, default=3000)
    most_points: int = eqx.field(static=True, default=32)
    lanes: int = eqx.field(static=True, default=4)
    furthest: float = eqx.field(static=True, default=1.1)

    def __check_init__(self) -> None:
        checks.count("max_steps", self.max_steps)
        checks.count("most_points", self.most_points)
        checks.count("lanes", self.lanes)
        checks.number("furthest", self.furthest, above=1.0)


class _Lanes(NamedTuple):
    """One row a lane; a place on a path is (x, t) in one row."""

    origin: Float[Array, "lane neuron"]
    place: Float[Array, "lane place"]
    tangent: Float[Array, "lane place"]
    bend: Float[Array, "lane place"]
    """How fast the tangent turns."""
    trial: Float[Array, "lane place"]
    length: Float[Array, " lane"]
    """Of the step that leads from `place` to `trial`."""
    corrections: Int[Array, " lane"]
    last: Float[Array, " lane"]
    """Size of the correction before."""
    points: Int[Array, " lane"]
    steps: Int[Array, " lane"]


# A trial is accepted once a correction is below this part of the step: Newton's next would be its square.
_LOOSE, _CLOSE = 0.1, 0.3
_MOST_CORRECTIONS, _SHORTEST, _LONGEST, _FIRST = 4, 1e-8, 20.0, 1.0
_BEHIND, _FAR = -0.5, 1e6


def nothing_followed(starts: Float[Any, "start neuron"], solver: Homotopy) -> Work:
    """Before any step; the results are what each path meets, (start, point, neuron) and not yet polished, and how many
    points these are."""
    count, size = starts.shape
    results = (np.zeros((count, solver.most_points, size)), np.zeros(count, np.int32))
    return nothing_done(partial(_fresh, starts), results, count, min(solver.lanes, count))


def follow_on(
    dynamics: AbstractDynamics,
    starts: Float[Any, "start neuron"],
    inputs: Float[Any, "start input"] | None,
    solver: Homotopy,
    work: Work,
    wanted: Any,
    most: Any,
) -> Work:
    """Follow the paths from the first `wanted` starts to their ends, or for `most` steps of all lanes. Carries no
    derivatives."""
    dynamics, starts, inputs = without_derivatives((dynamics, jnp.asarray(starts), inputs))
    count = len(starts)

    def advance(working: _Lanes, start: Array, results: tuple[Array, Array]) -> Step:
        given = None if inputs is None else jnp.asarray(inputs)[jnp.minimum(start, count - 1)]
        moved, met, outcome = batched(partial(_step, dynamics, solver), inputs)(working, given)
        states, points = results
        # A path that is left has no further points; rows beyond the last start are dropped.
        row = jnp.where(met, start, count)
        states = states.at[row, working.points].set(_crossing(working, moved), mode="drop")
        points = points.at[start].set(moved.points, mode="drop")
        outcome = jnp.where((outcome != GOES_ON) & (moved.points > 0), Outcome.fixed_point, outcome)
        return Step(moved, outcome, (states, points))

    return work_off(partial(_fresh, starts), advance, work, wanted, most)


def _fresh(starts: Float[Any, "start neuron"], start: Any) -> _Lanes:
    origin = jnp.asarray(starts)[start]
    lanes, size = origin.shape
    place = jnp.concatenate([origin, jnp.zeros((lanes, 1))], axis=1)
    # The first tangent is corrected by the first solve; t grows.
    tangent = jnp.zeros((lanes, size + 1)).at[:, -1].set(1.0)
    none, far = jnp.zeros(lanes, jnp.int32), jnp.full(lanes, jnp.inf)
    straight = jnp.zeros_like(tangent)
    return _Lanes(origin, place, tangent, straight, place, jnp.zeros(lanes), none, far, none, none)


def _step(
    dynamics: AbstractDynamics, solver: Homotopy, lane: _Lanes, inputs: Array | None
) -> tuple[_Lanes, Bool[Array, ""], Int[Array, ""]]:
    """One linear system: it corrects the trial and gives the tangent. Whether a fixed point was passed, and the end."""
    correction, tangent = _correction(dynamics, lane, inputs)
    size = jnp.linalg.norm(correction)
    begins = lane.length == 0.0
    away = ~(size <= _CLOSE * lane.length) | (size > 0.5 * lane.last)
    close = begins | (size < jnp.minimum(_LOOSE * lane.length, _CLOSE))
    # Too sharp a turn may be another branch.
    accepted = close & (begins | (~away & (tangent @ lane.tangent > 0.5)))
    rejected = ~accepted & (close | away | (lane.corrections + 1 >= _MOST_CORRECTIONS))
    corrected = lane.trial - correction

    longer = jnp.where(lane.corrections == 0, jnp.minimum(1.5 * lane.length, _LONGEST), lane.length)
    length = jnp.select([begins, accepted, rejected], [_FIRST, longer, 0.5 * lane.length], lane.length)
    place = jnp.where(accepted & ~begins, corrected, lane.place)
    direction = jnp.where(accepted, tangent, lane.tangent)
    covered = jnp.where(lane.length > 0.0, lane.length, 1.0)
    bend = jnp.where(accepted, jnp.where(begins, 0.0, (tangent - lane.tangent) / covered), lane.bend)
    restart = accepted | rejected
    met = accepted & ~begins & ((lane.place[-1] < 1.0) != (place[-1] < 1.0))
    moved = _Lanes(
        lane.origin,
        place,
        direction,
        bend,
        jnp.where(restart, place + length * (direction + 0.5 * length * bend), corrected),
        length,
        jnp.where(restart, 0, lane.corrections + 1),
        jnp.where(restart, jnp.inf, size),
        lane.points + met,
        lane.steps + 1,
    )
    left = (place[-1] > solver.furthest) | (place[-1] < _BEHIND) | ~(jnp.max(jnp.abs(place)) < _FAR)
    outcome = jnp.select(
        [left, length < _SHORTEST, moved.points >= solver.most_points, moved.steps >= solver.max_steps],
        [Outcome.escaped, Outcome.stalled, Outcome.fixed_point, Outcome.out_of_steps],
        GOES_ON,
    )
    return moved, met, outcome.astype(jnp.int32)


def _correction(dynamics: AbstractDynamics, lane: _Lanes, inputs: Array | None) -> tuple[Array, Array]:
    """Newton's step back to the path, at right angles to the last tangent, and the unit tangent at the trial."""
    state, share = lane.trial[:-1], lane.trial[-1]
    velocity, jacobian = dynamics.residual(state, inputs), dynamics.jacobian(state, inputs)
    by_state = (1.0 - share) * jnp.eye(dynamics.size) - share * jacobian
    by_share = lane.origin - state - velocity
    matrix = jnp.block([[by_state, by_share[:, None]], [lane.tangent[None]]])
    off_path = (1.0 - share) * (state - lane.origin) - share * velocity
    along = lane.tangent @ (lane.trial - lane.place) - lane.length
    nowhere = jnp.zeros_like(state)
    right = jnp.stack([jnp.append(off_path, along), jnp.append(nowhere, 1.0)], axis=1)
    correction, tangent = jnp.linalg.solve(matrix, right).T
    return correction, tangent / jnp.linalg.norm(tangent)


def _crossing(before: _Lanes, after: _Lanes) -> Float[Array, "lane neuron"]:
    """Where the chord between two places meets t = 1."""
    rise = after.place[:, -1] - before.place[:, -1]
    share = (1.0 - before.place[:, -1]) / jnp.where(rise == 0.0, 1.0, rise)
    return before.place[:, :-1] + share[:, None] * (after.place - before.place)[:, :-1]
