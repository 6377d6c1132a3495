"""Minimising E = |F|^2/2 from many starts at once by Levenberg-Marquardt.

Strongly damped at first, it follows the gradient into the basin that the start is in, and ends in fewer ghosts; damped in
proportion to |F| it converges quadratically to a root (Yamashita & Fukushima 2001).
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from functools import partial
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from quenched import checks
from quenched.dynamics.base import AbstractDynamics, batched, without_derivatives
from quenched.fixed_points.krylov import Krylov, Linearised, linearised_by_products
from quenched.fixed_points.lanes import GOES_ON, TO_THE_END, Step, Work, nothing_done, work_off

# The state, and F'^T F' there.
NormalMatrix = Callable[[Float[Array, " neuron"]], Float[Array, "neuron neuron"]]


class Outcome(IntEnum):
    """How the search from one start ended. Only `fixed_point` is a certified one; a small E alone proves nothing."""

    fixed_point = 0
    slow_point = 1
    stalled = 2
    escaped = 3
    out_of_steps = 4
    not_run = 5
    uncertified = 6
    estimated = 7

    @property
    def meaning(self) -> str:
        """What it says of the start."""
        return _MEANINGS[self]


_MEANINGS = {
    Outcome.fixed_point: "a certified fixed point",
    Outcome.slow_point: "a local minimum of E above zero, a ghost",
    Outcome.stalled: "no step leads on, as at a saddle of E; what is left of F is more than rounding",
    Outcome.escaped: "the state grew without bound, or the dynamics returned no number",
    Outcome.out_of_steps: "not settled after max_steps",
    Outcome.not_run: "the search was interrupted before this start",
    Outcome.uncertified: "a root to rounding that cannot be certified: on a kink, or where F' is singular, as on a line of "
    "fixed points",
    Outcome.estimated: "a root to rounding, found without a Jacobian (qd.landscape.Krylov): how far it is off is estimated, "
    "not proven",
}


class LevenbergMarquardt(eqx.Module):
    """How fixed points are searched; changes nothing physical.

    Arguments:
        max_steps: steps a start may take, rejected ones included.
        lanes: starts worked on side by side.
        tolerance: largest velocity of any neuron, relative to |F| at the start and to |F'|, at which the final Newton steps
            take over.

    Raises:
        ValueError, TypeError: steps or lanes that are no whole numbers above 0, a tolerance outside (0, 0.001].

    Example:
        >>> import numpy as np, quenched as qd
        >>> pair, few = qd.Network(np.array([[0.0, 2.0], [2.0, 0.0]])), qd.landscape.LevenbergMarquardt(max_steps=1)
        >>> found = qd.landscape.find_fixed_points(pair, starts=np.full((1, 2), 3.0), paths=0, rounds=0, solver=few)
        >>> qd.landscape.Outcome(int(found.outcome[0])).name
        'out_of_steps'

    Source: Yamashita & Fukushima 2001 (`yamashita2001`, the damping).
    """

    max_steps: int = eqx.field(static=True, default=400)
    lanes: int = eqx.field(static=True, default=16)
    tolerance: float = eqx.field(static=True, default=1e-6)

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
    fastest: Float[Array, " lane"]
    """|F| at the start."""


class Descended(NamedTuple):
    """One row a start."""

    state: Float[Array, "start neuron"]
    outcome: Int[Array, " start"]
    steps: Int[Array, ""]


_FIRST_DAMPING, _STUCK_DAMPING, _FAR = 1.0, 1e12, 1e8
# |grad E| / (|F| |F'|) below which a point with F != 0 counts as a stationary point of E.
_FLAT = 1e-6
# What rounding leaves of F, relative to F' and the state.
_FLOOR = 1e-14
# How exactly the equations of a step are solved without Jacobians: far from a root, and next to one.
_ROUGH, _FINE = 1e-1, 1e-8
# Longest step to a root that Newton's method may take over, relative to the state.
_SHORT = 1e-3


def nothing_searched(starts: Float[Any, "start neuron"], solver: LevenbergMarquardt | Krylov) -> Work:
    """Before any step."""
    lanes = min(solver.lanes, len(starts))
    return nothing_done(partial(_fresh, starts), starts, len(starts), lanes)


def search_on(
    dynamics: AbstractDynamics,
    starts: Float[Any, "start neuron"],
    inputs: Float[Any, "start input"] | None,
    solver: LevenbergMarquardt | Krylov,
    work: Work,
    wanted: Any,
    most: Any,
) -> Work:
    """Follow the first `wanted` starts to their ends, or for `most` steps of all lanes. Carries no derivatives."""
    dynamics, starts, inputs = without_derivatives((dynamics, jnp.asarray(starts), inputs))
    count, linearised = len(starts), _linearised(dynamics, solver)

    def advance(working: Lanes, start: Array, ended_at: Array) -> Step:
        given = None if inputs is None else jnp.asarray(inputs)[jnp.minimum(start, count - 1)]
        working, outcome = _step(dynamics, working, given, solver, linearised)
        row = jnp.where(outcome != GOES_ON, start, count)
        return Step(working, outcome, ended_at.at[row].set(working.state, mode="drop"))

    return work_off(partial(_fresh, starts), advance, work, wanted, most)


def search(
    dynamics: AbstractDynamics,
    starts: Float[Array, "start neuron"],
    inputs: Float[Array, "start input"] | None,
    solver: LevenbergMarquardt,
) -> Descended:
    """Follow every start to the end. Carries no derivatives."""
    begin = nothing_searched(jax.lax.stop_gradient(starts), solver)
    ended = search_on(dynamics, starts, inputs, solver, begin, len(starts), TO_THE_END)
    return Descended(ended.results, ended.outcome, ended.steps)


def _fresh(starts: Float[Any, "start neuron"], start: Any) -> Lanes:
    ones = jnp.ones(len(start))
    steps = jnp.zeros(len(start), jnp.int32)
    return Lanes(jnp.asarray(starts)[start], _FIRST_DAMPING * ones, 2.0 * ones, steps, 0.0 * ones)


def _step(
    dynamics: AbstractDynamics,
    lanes: Lanes,
    inputs: Array | None,
    solver: LevenbergMarquardt | Krylov,
    linearised: Callable[..., Linearised],
) -> tuple[Lanes, Int[Array, " lane"]]:
    """One step of every lane, and how each that has ended did so."""
    residual = batched(dynamics.residual, inputs)
    speed = residual(lanes.state, inputs)
    linear = linearised(lanes.state, speed, inputs)
    gradient = linear.gradient
    length = jnp.linalg.norm(speed, axis=1)
    fastest = jnp.where(lanes.steps == 0, length, lanes.fastest)
    largest, reach = jnp.max(jnp.abs(speed), axis=1), 1.0 + jnp.max(jnp.abs(lanes.state), axis=1)
    # What F' is like here; at a ghost it may vanish, but F does not.
    scale = jnp.sqrt(linear.mean_square) + largest / reach
    # In proportion to |F| the damping leaves Newton's steps quadratic at a root; so does an accuracy in proportion to |F|.
    slowed = length / jnp.maximum(fastest, 1e-300)
    damping = lanes.damping * scale**2 * slowed
    direction = -linear.solve(damping, jnp.clip(_ROUGH * slowed, _FINE, _ROUGH))
    trial = lanes.state + direction
    energy = 0.5 * jnp.sum(speed**2, axis=1)
    trial_speed = residual(trial, inputs)
    trial_energy = 0.5 * jnp.sum(trial_speed**2, axis=1)
    predicted = 0.5 * jnp.sum(direction * (damping[:, None] * direction - gradient), axis=1)
    ratio = (energy - trial_energy) / jnp.maximum(predicted, 1e-300)
    better = trial_energy < energy

    # Nielsen's rule: the damping follows how well the quadratic model predicted the step.
    relaxed = lanes.damping * jnp.maximum(1.0 / 3.0, 1.0 - (2.0 * ratio - 1.0) ** 3)
    # Where F is small but a step would be long, as where gates saturate, no root is near.
    short = jnp.max(jnp.abs(direction), axis=1) <= _SHORT * reach
    remains = jnp.where(better, jnp.max(jnp.abs(trial_speed), axis=1), largest)
    close = short & (remains <= solver.tolerance * jnp.minimum(fastest, scale))
    flat = jnp.max(jnp.abs(gradient), axis=1) <= _FLAT * largest * scale
    ended = jnp.select(
        [
            close | (largest <= _FLOOR * scale * reach),
            ~jnp.isfinite(energy) | (jnp.max(jnp.abs(lanes.state), axis=1) > _FAR),
            flat,
            lanes.damping > _STUCK_DAMPING,
            lanes.steps >= solver.max_steps,
        ],
        [Outcome.fixed_point, Outcome.escaped, Outcome.slow_point, Outcome.stalled, Outcome.out_of_steps],
        GOES_ON,
    ).astype(jnp.int32)
    move = better & ((ended == GOES_ON) | close)
    moved = Lanes(
        jnp.where(move[:, None], trial, lanes.state),
        jnp.where(better, jnp.maximum(relaxed, 1e-14), lanes.damping * lanes.growth),
        jnp.where(better, 2.0, 2.0 * lanes.growth),
        lanes.steps + 1,
        fastest,
    )
    return moved, ended


def _linearised(dynamics: AbstractDynamics, solver: LevenbergMarquardt | Krylov) -> Callable[..., Linearised]:
    """F at states and speeds of all lanes, to first order."""
    if isinstance(solver, Krylov):
        return partial(linearised_by_products, dynamics, solver)
    return partial(_linearised_by_matrices, dynamics, dynamics.normal_matrix())


def _linearised_by_matrices(
    dynamics: AbstractDynamics, normal_matrix: NormalMatrix | None, states: Array, speeds: Array, inputs: Array | None
) -> Linearised:
    square, gradient = _normal_equations(dynamics, states, speeds, inputs, normal_matrix)

    def solve(damping: Array, _: Array) -> Array:
        factor = jnp.linalg.cholesky(square + damping[:, None, None] * jnp.eye(dynamics.size))
        return jax.vmap(lambda lower, right: jax.scipy.linalg.cho_solve((lower, True), right))(factor, gradient)

    return Linearised(gradient, jnp.trace(square, axis1=1, axis2=2) / dynamics.size, solve)


def _normal_equations(
    dynamics: AbstractDynamics, states: Array, speeds: Array, inputs: Array | None, normal_matrix: NormalMatrix | None
) -> tuple[Float[Array, "lane neuron neuron"], Float[Array, "lane neuron"]]:
    """F'^T F' and F'^T F of every lane."""
    if normal_matrix is not None:

        def pull_back(state: Array, speed: Array, given: Array | None) -> Array:
            found: Array = jax.vjp(lambda x: dynamics.residual(x, given), state)[1](speed)[0]
            return found

        rows = (0, 0, None if inputs is None else 0)
        return jax.vmap(normal_matrix)(states), jax.vmap(pull_back, rows)(states, speeds, inputs)
    jacobian = batched(dynamics.jacobian, inputs)(states, inputs)
    # Otherwise XLA writes the Jacobian's formula into the loops of the product below.
    jacobian = jax.lax.optimization_barrier(jacobian)
    return jnp.swapaxes(jacobian, 1, 2) @ jacobian, jnp.einsum("lij,li->lj", jacobian, speeds)
