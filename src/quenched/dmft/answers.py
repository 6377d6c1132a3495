"""How a population answers now to what happened to its single neurons before: their responses, averaged."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from quenched.dmft.growing import zero_padded
from quenched.dmft.linearised import Linearised, going_back, shares, with_means
from quenched.dmft.schemes import BLOCK
from quenched.dmft.tangent import response_row
from quenched.units import AbstractUnit

# Squares of the response of the neuron of mean slopes, relative to the mean response, up to which it is believed.
_TRUSTED = 2.0


class Stepping(NamedTuple):
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
    """Of a neuron with so many variables."""
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
    """How the mean of something now follows from what happened to single neurons before."""

    inputs: Float[Array, " earlier_time"]
    """To the input of each earlier step."""
    kicks: Float[Array, "earlier_time *variable tangent"]
    """To kicks of the state, of each tangent, times how much it counts."""


class Answers(NamedTuple):
    """Of the rate and of the state, the first variable."""

    of_rate: Answer
    of_state: Answer
    slopes: Float[Array, "time *variable tangent"]
    """d rate/dx of the tangents, up to now."""


def answers(unit: AbstractUnit, past: Past, state: Array, plan: Stepping, index: Int[Array, ""]) -> Answers:
    """Of one population."""
    slope = with_means(unit.rate_slope(state), plan.tangents)
    slopes = past.slopes.at[index].set(slope)
    back, share = going_back(past.steps, plan.scheme == "second_order"), shares(plan.tangents)

    def answer(kick: Array | float, weights: Array) -> Answer:
        return _averaged(*response_row(back, past.kernel, slopes, index, BLOCK, "kick", kick), weights)

    if unit.state_size == 1:
        # Both follow from the same row.
        row = response_row(back, past.kernel, slopes, index, BLOCK, "kick")
        return Answers(_averaged(*row, share * slope), _averaged(*row, share), slopes)
    of_rate = answer(slope, share)
    first = jnp.zeros_like(slope).at[0].set(1.0)
    return Answers(of_rate, answer(first, share) if plan.state_response else of_rate, slopes)


def _averaged(kicks: Array, inputs: Array, weights: Array) -> Answer:
    """Over the tangents. The correction is cut down where the neuron of mean slopes answers far more than neurons do.

    It may be unstable where each of them is stable, as between two states of rest.
    """
    mean, of_mean = inputs[:, :-2] @ weights[:-2], inputs[:, -1] * weights[-1]
    size = jnp.sum(of_mean**2)
    trust = jnp.minimum(1.0, _TRUSTED * jnp.sum(mean**2) / jnp.where(size > 0.0, size, 1.0))
    weights = weights.at[-2:].multiply(jnp.where(size > 0.0, trust, 1.0))
    return Answer(inputs @ weights, kicks * weights)


def reported(answer: Answer, direct: Array, plan: Stepping, index: Int[Array, ""]) -> Float[Array, " earlier_time"]:
    """R(n, .) for each unit of input and of time. `direct` is the derivative of the velocity by the input."""
    if plan.scheme != "second_order":
        return answer.inputs / plan.step
    times = jnp.arange(len(direct))
    ends = ((times == 0) | (times == index)).reshape(-1, *[1] * (direct.ndim - 1))
    # The scheme extrapolates to the middle of a step: a kick of the state counts as one half a step earlier.
    between = jnp.where(ends, answer.kicks, 0.5 * (answer.kicks + jnp.roll(answer.kicks, -1, axis=0)))
    return jnp.sum(between * direct, axis=tuple(range(1, direct.ndim)))


def beside_the_diagonal(response: Float[Array, "time earlier_time"]) -> Float[Array, "time earlier_time"]:
    """R one step after the kick, by its neighbours: there the scheme has no past of the kick to extrapolate from."""
    after = jnp.arange(2, len(response))
    return response.at[after, after - 1].set(0.5 * (response[after, after] + response[after, after - 2]))
