"""Many starts worked off side by side: a fixed number of lanes, and a lane that has finished takes the next start, so that a
batch never waits for its slowest member. The work may be left after some steps, and gone on with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int

GOES_ON = -1
TO_THE_END = np.iinfo(np.int32).max


class Step(NamedTuple):
    """What one step of every lane has done."""

    lanes: Any
    """Their new states, the lane as the first axis of everything."""
    outcome: Int[Array, " lane"]
    """How a lane has ended, or GOES_ON."""
    results: Any
    """What is known of all starts, updated; rows beyond the last start are dropped."""


class Work(NamedTuple):
    """How far the work has come."""

    lanes: Any
    start: Int[Any, " lane"]
    """Which start each lane works on; the number of rows where it is idle."""
    queue: Int[Any, ""]
    """The next start."""
    results: Any
    outcome: Int[Any, " start"]
    """How each start has ended, or GOES_ON."""
    steps: Int[Any, ""]


def nothing_done(fresh: Callable[[Any], Any], nothing: Any, count: int, lanes: int) -> Work:
    """Before any work: every lane is idle.

    Arguments:
        fresh: from the numbers of starts (lane) to lanes at their beginning.
        nothing: the results before any work.
        count: rows of starts.
    """
    idle = np.full(lanes, count, np.int32)
    empty = jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), jax.eval_shape(fresh, idle))
    zero = np.zeros((), np.int32)
    return Work(empty, idle, zero, nothing, np.full(count, GOES_ON, np.int32), zero)


def work_off(
    fresh: Callable[[Any], Any], advance: Callable[[Any, Array, Any], Step], work: Work, wanted: Any, most: Any
) -> Work:
    """Follow the first `wanted` starts to their ends, or for `most` steps of all lanes.

    Arguments:
        fresh: as for `nothing_done`.
        advance: one step, from lanes, the starts that they work on (the number of rows where idle), and the results so far.
    """
    count = len(work.outcome)

    def unfinished(carry: tuple[Work, Array]) -> Array:
        work, taken = carry
        return (jnp.any(work.start < count) | (work.queue < wanted)) & (taken < most)

    def body(carry: tuple[Work, Array]) -> tuple[Work, Array]:
        work, taken = carry
        idle = work.start >= count
        place = work.queue + jnp.cumsum(idle, dtype=jnp.int32) - 1
        start = jnp.where(idle, jnp.where(place < wanted, place, count), work.start)
        renewed = fresh(jnp.minimum(start, count - 1))
        lanes = jax.tree.map(
            lambda new, old: jnp.where(idle.reshape(-1, *[1] * (new.ndim - 1)), new, old), renewed, work.lanes
        )
        step = advance(lanes, start, work.results)
        ended = step.outcome != GOES_ON
        outcome = work.outcome.at[jnp.where(ended, start, count)].set(step.outcome, mode="drop")
        queue = jnp.minimum(work.queue + jnp.sum(idle, dtype=jnp.int32), wanted)
        steps = work.steps + jnp.sum(start < count, dtype=jnp.int32)
        following = jnp.where(ended, count, start).astype(jnp.int32)
        return Work(step.lanes, following, queue, step.results, outcome, steps), taken + 1

    begin = jax.tree.map(jnp.asarray, work)
    done, _ = jax.lax.while_loop(unfinished, body, (begin, jnp.zeros((), jnp.int32)))
    return done
