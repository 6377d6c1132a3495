"""Many starts worked off side by side: a fixed number of lanes, and a lane that has finished takes the next start, so that a
batch never waits for its slowest member."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int

GOES_ON = -1


class Step(NamedTuple):
    """What one step of every lane has done."""

    lanes: Any
    """Their new states, the lane as the first axis of everything."""
    outcome: Int[Array, " lane"]
    """How a lane has ended, or GOES_ON."""
    results: Any
    """What is known of all starts, updated; rows beyond the last start are dropped."""


def work_off(
    fresh: Callable[[Array], Any],
    advance: Callable[[Any, Array, Any], Step],
    nothing: Any,
    count: int,
    lanes: int,
) -> tuple[Any, Int[Array, " start"], Int[Array, ""]]:
    """Follow every start to its end. Returns the results, the outcomes, and how many steps were taken in all.

    Arguments:
        fresh: from the numbers of starts (lane) to lanes at their beginning.
        advance: one step, from lanes, the starts that they work on (`count` where none is left), and the results so far.
        nothing: the results before any work.
    """

    def unfinished(carry: tuple[Any, ...]) -> Array:
        return jnp.any(carry[1] < count)

    def body(carry: tuple[Any, ...]) -> tuple[Any, ...]:
        working, start, queue, results, outcomes, steps = carry
        step = advance(working, start, results)
        ended = step.outcome != GOES_ON
        outcomes = outcomes.at[jnp.where(ended, start, count)].set(step.outcome, mode="drop")
        taken = jnp.cumsum(ended)
        following = jnp.where(ended, jnp.minimum(queue + taken - 1, count), start)
        renewed = fresh(jnp.minimum(following, count - 1))
        working = jax.tree.map(
            lambda new, old: jnp.where(ended.reshape(-1, *[1] * (new.ndim - 1)), new, old), renewed, step.lanes
        )
        steps = steps + jnp.sum(start < count, dtype=jnp.int32)
        return working, following, jnp.minimum(queue + taken[-1], count), step.results, outcomes, steps

    first = jnp.arange(lanes)
    begin = (
        fresh(jnp.minimum(first, count - 1)),
        jnp.minimum(first, count),
        jnp.asarray(lanes),
        nothing,
        jnp.full(count, GOES_ON, jnp.int32),
        jnp.zeros((), jnp.int32),
    )
    _, _, _, results, outcomes, steps = jax.lax.while_loop(unfinished, body, begin)
    return results, outcomes, steps
