"""A network with and without one neuron more, and its response to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from quenched.models import RandomNetwork
from quenched.simulate.draws import normal_rows
from quenched.simulate.schemes import SCHEMES

State = Float[Array, "trial neuron"]


class Added(NamedTuple):
    """The couplings of a network, and of neurons that are added to it, each alone."""

    weights: Float[Array, "neuron neuron"]
    outgoing: Float[Array, "trial neuron"]
    """J_i0, from the added neuron to the others."""
    incoming: Float[Array, "trial neuron"]
    """J_0i, from the others to it."""


def draw_one_neuron(
    symmetry: Any, shape: tuple[int, int], key: Key[Array, ""]
) -> tuple[Float[Array, "trial neuron"], Float[Array, "trial neuron"]]:
    """J_i0 and J_0i over gain, for several added neurons: variance 1/N, covariance symmetry/N."""
    first, second = normal_rows(key, 2, shape[0] * shape[1]).reshape(2, *shape) / jnp.sqrt(shape[1])
    half_sum, half_difference = 0.5 * jnp.sqrt(1.0 + symmetry), 0.5 * jnp.sqrt(1.0 - symmetry)
    direct, crossed = half_sum + half_difference, half_sum - half_difference
    return direct * first + crossed * second, crossed * first + direct * second


def run_with_and_without(
    model: RandomNetwork,
    added: Added,
    start: Float[Array, " everyone"],
    kicks: Float[Array, "step everyone"],
    step: float,
    scheme: str,
) -> tuple[Float[Array, "time neuron"], Float[Array, "time trial neuron"], Float[Array, "time trial"]]:
    """The same noise and initial states throughout; `start` and `kicks` list the N neurons, then the added ones.

    Returns the states without any added neuron, the states beside each of them, and the rates of the added neurons.
    """
    count, size = added.incoming.shape
    # One row a network; the first has no added neuron, and its last column is not coupled to the others.
    own = jnp.concatenate([jnp.zeros((*kicks.shape[:1], 1)), kicks[:, size:]], axis=1)
    shaken = jnp.concatenate([jnp.broadcast_to(kicks[:, None, :size], (*own.shape, size)), own[:, :, None]], axis=2)
    first = jnp.pad(jnp.broadcast_to(start[:size], (count + 1, size)), ((0, 0), (0, 1))).at[1:, size].set(start[size:])
    weights = jnp.pad(added.weights, (0, 1))
    outgoing, incoming = (jnp.pad(each, ((1, 0), (0, 1))) for each in (added.outgoing, added.incoming))
    last = jnp.arange(size + 1) == size

    def velocity(x: State, time: Array) -> State:
        rate = model.units[0].rate(x)
        field = jnp.sum(incoming * rate, axis=1, keepdims=True)
        received = rate @ weights.T + rate[:, size:] * outgoing + jnp.where(last, field, 0.0)
        return model.units[0].drift(x, received + model.field_at(time))

    def one(x: State, each: tuple[Array, Array]) -> tuple[State, State]:
        index, kick = each
        drift = velocity(x, step * index)
        return SCHEMES[scheme](lambda ahead: velocity(ahead, step * (index + 1)), x, drift, step, kick), x

    end, kept = jax.lax.scan(one, first, (jnp.arange(kicks.shape[0]), shaken))
    states = jnp.concatenate([kept, end[None]])
    return states[:, 0, :size], states[:, 1:, :size], model.units[0].rate(states[:, 1:, size])


def respond(
    model: RandomNetwork,
    added: Added,
    states: Float[Array, "time neuron"],
    kicks: Float[Array, "step everyone"],
    signs: Float[Array, "time probe neuron"],
    step: float,
    scheme: str,
) -> tuple[Float[Array, "time earlier_time"], Float[Array, "time earlier_time"]]:
    """R(t,s), by Hutchinson's trace, and the mean over the added neurons of K(t,s) = sum_ij J_0i dphi_i(t)/db_j(s) J_j0.

    From every time s on, the derivative of the scheme carries the perturbations along the same trajectory.
    """
    size, probes = states.shape[1], signs.shape[1]
    late = scheme == "euler"

    def velocity(x: State, time: Array) -> State:
        return model.units[0].drift(x, model.units[0].rate(x) @ added.weights.T + model.field_at(time))

    def step_from(index: Array, kick: Array) -> Callable[[State], State]:
        def ahead(x: State) -> State:
            drift = velocity(x, step * index)
            return SCHEMES[scheme](lambda after: velocity(after, step * (index + 1)), x, drift, step, kick)

        return ahead

    def read(change: Array, x: Array) -> tuple[Array, Array]:
        rate_change = model.units[0].rate_slope(x) * change
        trace = jnp.mean(jnp.sum(signs * rate_change[:, :probes], axis=2), axis=1) / size
        return trace, jnp.mean(jnp.sum(added.incoming * rate_change[:, probes:], axis=2), axis=1)

    def perturb(change: Array, index: Array, sign: Array) -> Array:
        return change.at[index].set(jnp.concatenate([sign, added.outgoing]))

    def one(change: Array, each: tuple[Array, ...]) -> tuple[Array, tuple[Array, Array]]:
        index, x, kick, sign = each
        # A field of Euler's scheme acts on the next state; otherwise the state itself is kicked.
        change = change if late else perturb(change, index, sign)
        seen = read(change, x)
        _, linear = jax.linearize(step_from(index, kick[None]), x[None])
        change = jax.vmap(jax.vmap(linear))(change[:, :, None])[:, :, 0]
        return perturb(change, index, sign) if late else change, seen

    times = states.shape[0]
    nobody = jnp.zeros((times, probes + added.incoming.shape[0], size))
    each = jnp.arange(times - 1), states[:-1], kicks[:, :size], signs[:-1]
    change, seen = jax.lax.scan(one, nobody, each)
    change = change if late else perturb(change, jnp.asarray(times - 1), signs[-1])
    last = read(change, states[-1])
    response, kernel = (jnp.concatenate([before, now[None]]) for before, now in zip(seen, last, strict=True))
    return response, kernel


def past_weights(times: int, step: float, scheme: str) -> Float[Array, "time earlier_time"]:
    """Weights of the integral over the past of each time: the trapezoidal rule; for Euler the plain sum before it."""
    weights = step * jnp.tril(jnp.ones((times, times)), -1)
    if scheme == "euler":
        return weights
    ends = 0.5 * step * jnp.eye(times)
    return (weights + ends).at[:, 0].multiply(0.5).at[0, 0].set(0.0)
