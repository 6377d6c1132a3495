"""Following a solution of self-consistency equations while a parameter changes."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from quenched.numerics.self_consistency import Newton, Root, newton

# A branch that needs steps shorter than this has ended. No more Newton steps in all than this many times the solver's.
_SHORTEST, _PATIENCE = 1e-4, 40
# Farther from where the tangent leads, in units of the step along it and of the unknowns, lies another branch.
_ASTRAY, _FAR = 0.5, 0.25


def follow(
    residual: Callable[[Array, Float[Array, " unknown"]], Float[Array, " unknown"]],
    guess: Float[Array, " unknown"],
    begin: Array,
    end: Array,
    solver: Newton,
    longest: float,
) -> Root:
    """Solve residual(parameter, unknowns) = 0 at `begin` from a guess, and follow the solution to `end`, in steps of the
    parameter that shrink when Newton fails or leads astray and grow when not, up to `longest`. Not converged if the branch
    ends before."""
    way = jnp.where(end < begin, -1.0, 1.0)
    distance = jnp.abs(end - begin)

    def solve_at(travelled: Array, guess: Array) -> Root:
        return newton(lambda unknowns: residual(begin + way * travelled, unknowns), guess, solver)

    def unfinished(carry: tuple[Root, Array, Array, Array]) -> Array:
        here, travelled, _, step = carry
        return (travelled < distance) & (step > _SHORTEST) & (here.steps < _PATIENCE * solver.max_steps)

    def next_step(carry: tuple[Root, Array, Array, Array]) -> tuple[Root, Array, Array, Array]:
        here, travelled, tangent, step = carry
        begins = travelled < 0.0
        beyond = jnp.minimum(distance, travelled + step)
        ahead = tangent * (beyond - travelled)
        there = solve_at(beyond, here.unknowns + ahead)
        size = 1.0 + jnp.abs(here.unknowns)
        astray = jnp.max(jnp.abs(there.unknowns - here.unknowns - ahead) / size)
        near = astray < _FAR + _ASTRAY * jnp.max(jnp.abs(ahead) / size)
        on_branch = begins | (near & (there.orientation == here.orientation))
        there = there._replace(converged=there.converged & on_branch)
        slope = jnp.where(begins, 0.0, (there.unknowns - here.unknowns) / (beyond - travelled))
        steps = here.steps + there.steps
        arrived = jax.tree.map(lambda new, old: jnp.where(there.converged, new, old), there, here)
        longer = jnp.where(begins, step, jnp.minimum(1.5 * step, longest))
        return (
            arrived._replace(steps=steps),
            jnp.where(there.converged, beyond, travelled),
            jnp.where(there.converged, slope, tangent),
            # Without a solution to begin with there is none to follow.
            jnp.where(there.converged, longer, jnp.where(begins, 0.0, 0.25 * step)),
        )

    # The first step leads from one step before `begin` to it.
    step = jnp.asarray(min(1.0, longest))
    none = Root(guess, jnp.asarray(jnp.inf), jnp.zeros((), jnp.int32), jnp.asarray(False), jnp.zeros(()))
    last, travelled, _, _ = jax.lax.while_loop(unfinished, next_step, (none, -step, jnp.zeros_like(guess), step))
    return last._replace(converged=last.converged & (travelled >= distance))
