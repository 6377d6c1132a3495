"""The causal sweep for populations of any units: a sub-population of trajectories each, in the mean field that all make.

As in `population`, everything at a time follows from the past. At step n, in this order: C(n, .) of each population is
measured; the responses of single neurons give R(n, .) and with it the latents; the couplings turn both into mean, covariance
and memory of the field; the next row of a Cholesky factor draws it; each unit takes its step,

    s_n = speed(x_n, h_n),   x_{n+1} = advance(x_n, now s_n + before s_{n-1}) + noise,   h = mean + gamma + memory + b,

and R counts inputs as they enter this step. So the sweep is, exactly and at any step, the limit of large networks that are
integrated by the same scheme: Euler's, that of Adams and Bashforth, or the map itself.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from quenched.dmft.answers import Answers, Past, Stepping, answers, beside_the_diagonal, no_past, reported, with_room
from quenched.dmft.growing import fewer_normals, next_row, padded, zero_padded
from quenched.dmft.linearised import EXTRAPOLATED, linearised, summed
from quenched.dmft.population import Swept
from quenched.dmft.received import Averages, latents_now, received
from quenched.dmft.schemes import stretches
from quenched.models import RandomNetwork, Sinusoid
from quenched.units import AbstractUnit


class PopulationDraws(NamedTuple):
    """What is random in one population; one column a trajectory."""

    initial: Float[Array, "*variable trajectory"]
    normals: Float[Array, "time trajectory"]
    """What the field is made of."""
    noise: Float[Array, "step trajectory"]
    """Standard normal; no rows without noise."""
    phases: Float[Array, " trajectory"]


class _Now(NamedTuple):
    """What one step hands to the next."""

    state: Array
    speed: Array
    """Of the step before."""
    conditioning: Array


class _Rows(NamedTuple):
    """What one step leaves behind."""

    state: Array
    correlation: Array
    response: Array
    state_response: Array
    averages: dict[str, Array]


def causal_sweep(
    model: RandomNetwork, plan: Stepping, draws: tuple[PopulationDraws, ...]
) -> tuple[tuple[Swept, ...], Float[Array, "rank time"]]:
    """Run all populations; and the latents."""
    times, units = len(draws[0].normals), model.units
    pasts = tuple(no_past(unit.state_size, each.phases.size, plan.tangents) for unit, each in zip(units, draws, strict=True))
    nows = tuple(_beginning(each) for each in draws)
    count = model.populations
    averages = Averages(jnp.zeros((count, 0)), jnp.zeros((count, 0)), jnp.zeros((model.couplings.rank, 0)))
    found: list[tuple[_Rows, ...]] = []
    for begin, end in stretches(times):
        size = padded(end)
        pasts = tuple(with_room(past, size) for past in pasts)
        averages = Averages(*(zero_padded(each.T, size).T for each in averages))
        part = tuple(each._replace(normals=zero_padded(each.normals[:size], size)) for each in draws)

        def advance(carry: Any, index: Array, part: tuple[PopulationDraws, ...] = part) -> tuple[Any, tuple[_Rows, ...]]:
            pasts, nows, averages = carry
            return _advance(model, plan, part, pasts, nows, averages, index)

        (pasts, nows, averages), rows = jax.lax.scan(advance, (pasts, nows, averages), jnp.arange(begin, end))
        found.append(tuple(_widened(each, times) for each in rows))
    together = jax.tree.map(lambda *parts: jnp.concatenate(parts), *found)
    swept = tuple(_swept(*each, times, plan) for each in zip(together, nows, pasts, strict=True))
    return swept, averages.latents[:, :times]


def with_twice_the_step(draws: PopulationDraws, factor: Float[Array, "time earlier_time"]) -> PopulationDraws:
    """Draws for half as many steps, with the same fields at every second time: the same neurons, seen less finely."""
    noise = (draws.noise[0::2] + draws.noise[1::2]) / jnp.sqrt(2.0)
    return draws._replace(normals=fewer_normals(factor[::2], draws.normals), noise=noise)


def _swept(rows: _Rows, now: _Now, past: Past, times: int, plan: Stepping) -> Swept:
    state_correlation = jnp.tril(rows.state @ rows.state.T / rows.state.shape[1])
    response, state_response = rows.response, rows.state_response
    if plan.scheme == "second_order":
        response, state_response = beside_the_diagonal(response), beside_the_diagonal(state_response)
    factor = past.factor[:times, :times].T
    return Swept(rows.correlation, state_correlation, response, state_response, rows.averages, now.conditioning, factor)


def _beginning(draws: PopulationDraws) -> _Now:
    return _Now(draws.initial, jnp.zeros_like(draws.initial), jnp.asarray(jnp.inf))


def _widened(rows: _Rows, times: int) -> _Rows:
    wide: dict[str, Any] = {
        name: zero_padded(getattr(rows, name).T, times).T for name in ("correlation", "response", "state_response")
    }
    return rows._replace(**wide)


def _advance(
    model: RandomNetwork,
    plan: Stepping,
    draws: tuple[PopulationDraws, ...],
    pasts: tuple[Past, ...],
    nows: tuple[_Now, ...],
    averages: Averages,
    index: Array,
) -> tuple[tuple[tuple[Past, ...], tuple[_Now, ...], Averages], tuple[_Rows, ...]]:
    units, couplings = model.units, model.couplings
    rates = [unit.rate(now.state) for unit, now in zip(units, nows, strict=True)]
    histories = [past.rates.at[index].set(rate) for past, rate in zip(pasts, rates, strict=True)]
    rows = jnp.stack([history @ rate / rate.size for history, rate in zip(histories, rates, strict=True)])
    answered: list[Answers | None] = [None] * len(units)
    inputs = jnp.zeros_like(rows)
    if plan.tangents:
        every = [answers(unit, past, now.state, plan, index) for unit, past, now in zip(units, pasts, nows, strict=True)]
        answered, inputs = list(every), jnp.stack([each.of_rate.inputs for each in every])
    averages = averages._replace(
        means=averages.means.at[:, index].set(jnp.stack([jnp.mean(rate) for rate in rates])),
        squares=averages.squares.at[:, index].set(rows[:, index]),
    )
    if couplings.rank:
        kappa = latents_now(couplings, averages, inputs, index)
        averages = averages._replace(latents=averages.latents.at[:, index].set(kappa))
    field = received(couplings, averages, rows, inputs, index)
    done = []
    for place, unit in enumerate(units):
        past = pasts[place]._replace(rates=histories[place])
        own = jax.tree.map(lambda each, place=place: each[place], field)
        outside = _outside(model, plan.step * index, place, draws[place].phases)
        done.append(_one(unit, plan, draws[place], past, nows[place], answered[place], own, outside, rows[place], index))
    noises = jnp.broadcast_to(jnp.asarray(model.noise, float), (len(units),))
    following, nows_after, left = zip(*done, strict=True)
    shaken = tuple(
        now._replace(state=_shaken(now.state, jnp.sqrt(plan.step) * noise * each.noise[index])) if each.noise.size else now
        for now, noise, each in zip(nows_after, noises, draws, strict=True)
    )
    return (following, shaken, averages), left


def _outside(model: RandomNetwork, time: Array, place: int, phases: Array) -> Array:
    """b(t) of one population; of a sinusoid that of each trajectory, which has a phase of its own."""

    def own(values: Any) -> Array:
        return jnp.broadcast_to(jnp.asarray(values, float), (model.populations,))[place]

    mean = own(model.field_at(time))
    if not isinstance(model.field, Sinusoid):
        return mean
    amplitude, frequency = own(model.field.amplitude), own(model.field.angular_frequency)
    return mean + amplitude * jnp.cos(frequency * time + phases)


def _one(
    unit: AbstractUnit,
    plan: Stepping,
    draws: PopulationDraws,
    past: Past,
    now: _Now,
    answered: Answers | None,
    field: Any,
    outside: Array,
    row: Array,
    index: Array,
) -> tuple[Past, _Now, _Rows]:
    """The step of one population."""
    state, times = now.state, len(past.rates)
    (known,), deviation, pivot = next_row(past.factor, field.covariance[None], index)
    force = field.mean + outside + known.at[index].set(deviation) @ draws.normals
    if answered is not None:
        force = force + field.memory @ past.rates
    speed = unit.speed(state, force)
    average = speed
    if plan.scheme == "second_order":
        current, before = EXTRAPOLATED
        average = jnp.where(index == 0, speed, current * speed + before * now.speed)
    ahead = unit.advance(state, average, plan.step, plan.scheme)
    response = state_response = jnp.zeros(times)
    if answered is not None:
        here = linearised(unit, state, average, force, plan.step, plan.scheme).of_tangents(plan.tangents)
        steps = jax.tree.map(lambda history, each: history.at[index].set(each), past.steps, here)
        past = past._replace(slopes=answered.slopes, steps=steps, kernel=past.kernel.at[index].set(field.memory))
        response, state_response = (reported(each, steps.direct, plan, index) for each in answered[:2])
    first = state if unit.state_size == 1 else state[0]
    averages = {
        "mean_state": jnp.mean(first),
        "mean_rate": jnp.mean(past.rates[index]),
        "mean_square_state": jnp.mean(first**2),
        "mean_square_rate": row[index],
    }
    if unit.kind == "flow":
        averages["kinetic_energy"] = 0.5 * jnp.mean(summed(unit.drift(state, force) ** 2))
    if unit.nonnegative:
        averages["surviving_fraction"] = jnp.mean(1.0 * (first > unit.extinct_below(plan.step * index)))
    column = known.at[index].set(jnp.where(deviation > 0.0, deviation, 1.0))
    # A field that is zero has no pivot to be small.
    pivot = jnp.where(field.covariance[index] > 0.0, pivot, 1.0)
    following = _Now(ahead, speed, jnp.minimum(now.conditioning, pivot))
    left = _Rows(first, row, response, state_response, averages)
    return past._replace(factor=past.factor.at[:, index].set(column)), following, left


def _shaken(state: Array, kick: Array) -> Array:
    """The state with noise in its first variable."""
    return state + kick if state.ndim == 1 else state.at[0].add(kick)
