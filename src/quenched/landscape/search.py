"""Minimising E = |F|^2/2 from many starts at once by Levenberg-Marquardt.

The starts wait in a queue. A fixed number of lanes work side by side, and a lane that has finished takes the next start, so
that a batch never waits for its slowest member.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from quenched import checks
from quenched.models import Network


class Outcome(IntEnum):
    """How the search from one start ended. Only `fixed_point` is one; a small E alone proves nothing."""

    fixed_point = 0
    slow_point = 1
    """A local minimum of E above zero, a ghost."""
    stalled = 2
    """No step decreases E any more, or a root that could not be certified."""
    escaped = 3
    """The state grew without bound."""
    out_of_steps = 4
    not_run = 5
    """The search was interrupted before this start."""


class LevenbergMarquardt(eqx.Module):
    """How fixed points are searched; changes nothing physical.

    Arguments:
        max_steps: steps a start may take, rejected ones included.
        lanes: starts worked on side by side.
        tolerance: largest velocity of any neuron at which the final Newton steps take over.
    """

    max_steps: int = eqx.field(static=True, default=200)
    lanes: int = eqx.field(static=True, default=16)
    tolerance: float = eqx.field(static=True, default=1e-8)

    def __check_init__(self) -> None:
        checks.count("max_steps", self.max_steps)
        checks.count("lanes", self.lanes)
        checks.number("tolerance", self.tolerance, above=0.0, high=1e-3)


class Lanes(NamedTuple):
    """One row a lane."""

    state: Float[Array, "lane neuron"]
    damping: Float[Array, " lane"]
    growth: Float[Array, " lane"]
    steps: Int[Array, " lane"]
    start: Int[Array, " lane"]


class Found(NamedTuple):
    """One row a start."""

    state: Float[Array, "start neuron"]
    outcome: Int[Array, " start"]
    steps: Int[Array, ""]


_FIRST_DAMPING, _STUCK_DAMPING, _FAR = 1e-2, 1e12, 1e8
# |grad E| / |F| below which a point with F != 0 counts as a minimum of E.
_FLAT = 1e-6


def search(network: Network, starts: Float[Array, "start neuron"], solver: LevenbergMarquardt) -> Found:
    """Follow every start to the end. Carries no derivatives."""
    network, starts = jax.lax.stop_gradient((network, starts))
    count = len(starts)
    lanes = min(solver.lanes, count)

    def fresh(start: Array) -> Lanes:
        rows = starts[jnp.minimum(start, count - 1)]
        ones = jnp.ones(lanes)
        return Lanes(rows, _FIRST_DAMPING * ones, 2.0 * ones, jnp.zeros(lanes, jnp.int32), start)

    def unfinished(carry: tuple[Lanes, Found, Array]) -> Array:
        return jnp.any(carry[0].start < count)

    def advance(carry: tuple[Lanes, Found, Array]) -> tuple[Lanes, Found, Array]:
        working, found, queue = carry
        working, outcome = _step(network, working, solver)
        ended = outcome >= 0
        # A lane without a start left has start >= count and writes nowhere.
        row = jnp.where(ended, working.start, count)
        found = Found(
            found.state.at[row].set(working.state, mode="drop"),
            found.outcome.at[row].set(outcome, mode="drop"),
            found.steps + jnp.sum(jnp.where(working.start < count, 1, 0), dtype=jnp.int32),
        )
        taken = jnp.cumsum(ended)
        renewed = fresh(jnp.where(ended, jnp.minimum(queue + taken - 1, count), working.start))
        working = jax.tree.map(
            lambda new, old: jnp.where(ended.reshape(-1, *[1] * (new.ndim - 1)), new, old), renewed, working
        )
        return working, found, jnp.minimum(queue + taken[-1], count)

    nothing = Found(starts, jnp.full(count, Outcome.out_of_steps, jnp.int32), jnp.zeros((), jnp.int32))
    first = fresh(jnp.arange(lanes))
    return jax.lax.while_loop(unfinished, advance, (first, nothing, jnp.asarray(lanes)))[1]


def _step(network: Network, lanes: Lanes, solver: LevenbergMarquardt) -> tuple[Lanes, Int[Array, " lane"]]:
    """One step of every lane, and how each that has ended did so (-1 where it goes on)."""
    speed = jax.vmap(network.velocity)(lanes.state)
    jacobian = jax.vmap(network.jacobian)(lanes.state)
    gradient = jnp.einsum("lij,li->lj", jacobian, speed)
    normal = jnp.swapaxes(jacobian, 1, 2) @ jacobian + lanes.damping[:, None, None] * jnp.eye(network.size)
    factor = jnp.linalg.cholesky(normal)
    direction = -jax.vmap(lambda lower, right: jax.scipy.linalg.cho_solve((lower, True), right))(factor, gradient)
    trial = lanes.state + direction
    energy = 0.5 * jnp.sum(speed**2, axis=1)
    trial_energy = 0.5 * jnp.sum(jax.vmap(network.velocity)(trial) ** 2, axis=1)
    predicted = 0.5 * jnp.sum(direction * (lanes.damping[:, None] * direction - gradient), axis=1)
    ratio = (energy - trial_energy) / jnp.maximum(predicted, 1e-300)
    better = trial_energy < energy

    # Nielsen's rule: the damping follows how well the quadratic model predicted the step.
    relaxed = lanes.damping * jnp.maximum(1.0 / 3.0, 1.0 - (2.0 * ratio - 1.0) ** 3)
    largest = jnp.max(jnp.abs(speed), axis=1)
    flat = jnp.max(jnp.abs(gradient), axis=1) <= _FLAT * largest
    ended = jnp.select(
        [
            largest <= solver.tolerance,
            ~jnp.isfinite(energy) | (jnp.max(jnp.abs(lanes.state), axis=1) > _FAR),
            flat,
            lanes.damping > _STUCK_DAMPING,
            lanes.steps >= solver.max_steps,
        ],
        [Outcome.fixed_point, Outcome.escaped, Outcome.slow_point, Outcome.stalled, Outcome.out_of_steps],
        -1,
    ).astype(jnp.int32)
    move = better & (ended < 0)
    moved = Lanes(
        jnp.where(move[:, None], trial, lanes.state),
        jnp.where(better, jnp.maximum(relaxed, 1e-14), lanes.damping * lanes.growth),
        jnp.where(better, 2.0, 2.0 * lanes.growth),
        lanes.steps + 1,
        lanes.start,
    )
    return moved, ended
