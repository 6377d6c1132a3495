"""How a population answers now to what happened to its single neurons before: their responses, averaged."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from quenched.dmft.growing import zero_padded
from quenched.dmft.linearised import Linearised, going_back, shares, with_means
from quenched.dmft.schemes import BLOCK
from quenched.dmft.tangent import response_row
from quenched.units import AbstractUnit


class Plan(NamedTuple):
    """How the sweep is done."""

    step: float
    scheme: str
    tangents: int
    """Trajectories of each population that give the response; with 0 memory and latents are left out."""
    state_response: bool
    """Whether the response of the state is asked for, too."""


class Past(NamedTuple):
    """What later times need to know of a population; rows for times to come are zero (of L: those of the unit matrix)."""

    rates: Array
    factor: Array
    """L^T."""
    kernel: Array
    slopes: Array
    """d rate/dx of the tangents."""
    steps: Linearised


def no_past(variables: int, trajectories: int, tangents: int) -> Past:
    columns = tangents + 2 if tangents else 0
    one = () if variables == 1 else (variables,)
    vector, matrix = jnp.zeros((0, *one, columns)), jnp.zeros((0, *one, *one, columns))
    square, rates = jnp.zeros((0, 0)), jnp.zeros((0, trajectories))
    return Past(rates, square, square, vector, Linearised(matrix, matrix, matrix, vector, vector))


def with_room(past: Past, times: int) -> Past:
    """The past with room for `times` rows."""
    before, more = len(past.rates), times - len(past.rates)
    new = jnp.arange(before, times)
    return Past(
        zero_padded(past.rates, times),
        jnp.pad(past.factor, (0, more)).at[new, new].set(1.0),
        jnp.pad(past.kernel, (0, more)),
        zero_padded(past.slopes, times),
        jax.tree.map(lambda each: zero_padded(each, times), past.steps),
    )


class Answer(NamedTuple):
    """How a population answers now to what happened before."""

    pulses: Array
    """Mean rate now by the input of each earlier step."""
    kicks: Array
    state_pulses: Array
    state_kicks: Array
    weights: Array
    """How much each tangent counts in the mean rate, and, of one variable, by which slope."""
    slopes: Array
    """d rate/dx of the tangents, up to now."""


def answer(unit: AbstractUnit, past: Past, state: Array, plan: Plan, index: Array) -> Answer:
    size = len(past.rates)
    if not plan.tangents:
        none = jnp.zeros(size)
        return Answer(none, none, none, none, none, past.slopes)
    slope = with_means(unit.rate_slope(state), plan.tangents)
    slopes = past.slopes.at[index].set(slope)
    back = going_back(past.steps, plan.scheme == "second_order")
    share = shares(plan.tangents)
    if unit.state_size == 1:
        kicks, inputs = response_row(back, past.kernel, slopes, index, BLOCK, "kick")
        return Answer(inputs @ (share * slope), kicks, inputs @ share, kicks, share * slope, slopes)
    kicks, inputs = response_row(back, past.kernel, slopes, index, BLOCK, "kick", slope)
    of_state, of_state_inputs = kicks, jnp.zeros_like(inputs)
    if plan.state_response:
        first = jnp.zeros_like(slope).at[0].set(1.0)
        of_state, of_state_inputs = response_row(back, past.kernel, slopes, index, BLOCK, "kick", first)
    return Answer(inputs @ share, kicks, of_state_inputs @ share, of_state, share, slopes)


def reported(answer: Answer, direct: Array, plan: Plan, index: Array) -> tuple[Array, Array]:
    """R(n, .) of rates and of states, for each unit of input and of time."""
    if plan.scheme != "second_order":
        return answer.pulses / plan.step, answer.state_pulses / plan.step
    times = jnp.arange(len(direct))
    ends = ((times == 0) | (times == index)).reshape(-1, *[1] * (direct.ndim - 1))

    def mean(kicks: Array, weights: Array) -> Array:
        # The scheme extrapolates to the middle of a step: a kick of the state counts as one half a step earlier.
        between = jnp.where(ends, kicks, 0.5 * (kicks + jnp.roll(kicks, -1, axis=0)))
        moved = between * direct
        return (moved if moved.ndim == 2 else jnp.sum(moved, axis=1)) @ weights

    share = shares(plan.tangents)
    return mean(answer.kicks, answer.weights), mean(answer.state_kicks, share)


def beside_the_diagonal(response: Float[Array, "time earlier_time"]) -> Float[Array, "time earlier_time"]:
    """R one step after the kick, by its neighbours: there the scheme has no past of the kick to extrapolate from."""
    after = jnp.arange(2, len(response))
    return response.at[after, after - 1].set(0.5 * (response[after, after] + response[after, after - 2]))
