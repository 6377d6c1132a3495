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

from quenched.dmft import perturbations
from quenched.dmft.answers import Answers, Past, Stepping, answers, beside_the_diagonal, no_past, reported, with_room
from quenched.dmft.growing import fewer_normals, next_row, padded, zero_padded
from quenched.dmft.linearised import EXTRAPOLATED, Linearised, linearised, summed
from quenched.dmft.perturbations import Perturbation, PerturbationDraws
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
    perturbation: PerturbationDraws | None = None
    """Where perturbations are followed."""


class _Now(NamedTuple):
    """What one step hands to the next."""

    state: Array
    speed: Array
    """Of the step before."""
    conditioning: Array
    perturbation: Perturbation | None


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
        part = tuple(_drawn_until(each, size) for each in draws)
        nows = _with_room(nows, size)

        def advance(carry: Any, index: Array, part: tuple[PopulationDraws, ...] = part) -> tuple[Any, tuple[_Rows, ...]]:
            pasts, nows, averages = carry
            return _advance(model, plan, part, pasts, nows, averages, index)

        (pasts, nows, averages), rows = jax.lax.scan(advance, (pasts, nows, averages), jnp.arange(begin, end))
        found.append(tuple(_widened(each, times) for each in rows))
    together = jax.tree.map(lambda *parts: jnp.concatenate(parts), *found)
    swept = tuple(_swept(*each, times, plan) for each in zip(together, nows, pasts, strict=True))
    return swept, averages.latents[:, :times]


def _drawn_until(draws: PopulationDraws, size: int) -> PopulationDraws:
    """With as many rows as the past has."""
    found = draws._replace(normals=zero_padded(draws.normals[:size], size))
    if draws.perturbation is None:
        return found
    normals = zero_padded(draws.perturbation.normals[:size], size)
    return found._replace(perturbation=draws.perturbation._replace(normals=normals))


def _with_room(nows: tuple[_Now, ...], size: int) -> tuple[_Now, ...]:
    """For perturbations at more times."""
    followed = [None if now.perturbation is None else perturbations.with_room(now.perturbation, size) for now in nows]
    return tuple(now._replace(perturbation=each) for now, each in zip(nows, followed, strict=True))


def with_twice_the_step(draws: PopulationDraws, swept: Swept) -> PopulationDraws:
    """Draws for half as many steps, with the same fields at every second time: the same neurons, seen less finely."""
    noise = (draws.noise[0::2] + draws.noise[1::2]) / jnp.sqrt(2.0)
    found = draws._replace(normals=fewer_normals(swept.factor[::2], draws.normals), noise=noise)
    if draws.perturbation is None or swept.of_perturbation is None:
        return found
    return found._replace(perturbation=perturbations.with_twice_the_step(draws.perturbation, swept.of_perturbation))


def _swept(rows: _Rows, now: _Now, past: Past, times: int, plan: Stepping) -> Swept:
    state_correlation = jnp.tril(rows.state @ rows.state.T / rows.state.shape[1])
    response, state_response = rows.response, rows.state_response
    if plan.scheme == "second_order":
        response, state_response = beside_the_diagonal(response), beside_the_diagonal(state_response)
    factor = past.factor[:times, :times].T
    of_perturbation = None if now.perturbation is None else perturbations.lower_factor(now.perturbation, times)
    square = (rows.correlation, state_correlation, response, state_response)
    return Swept(*square, rows.averages, now.conditioning, factor, of_perturbation)


def _beginning(draws: PopulationDraws) -> _Now:
    perturbed = None if draws.perturbation is None else perturbations.beginning(draws.perturbation.initial)
    return _Now(draws.initial, jnp.zeros_like(draws.initial), jnp.asarray(jnp.inf), perturbed)


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
    nows, of_perturbations = _perturbed(model, nows, index, len(rows[0]))
    done = []
    for place, unit in enumerate(units):
        past = pasts[place]._replace(rates=histories[place])
        own = jax.tree.map(lambda each, place=place: each[place], field)
        outside = _outside(model, plan.step * index, place, draws[place].phases)
        each = (draws[place], past, nows[place], answered[place], own, outside, rows[place], of_perturbations[place])
        done.append(_one(unit, plan, *each, index))
    noises = jnp.broadcast_to(jnp.asarray(model.noise, float), (len(units),))
    following, nows_after, left = zip(*done, strict=True)
    if followed := _followed(nows_after):
        scaled = perturbations.in_units_of_all(followed, couplings.population_fractions, index)
        nows_after = tuple(now._replace(perturbation=each) for now, each in zip(nows_after, scaled, strict=True))
    shaken = tuple(
        now._replace(state=_shaken(now.state, jnp.sqrt(plan.step) * noise * each.noise[index])) if each.noise.size else now
        for now, noise, each in zip(nows_after, noises, draws, strict=True)
    )
    return (following, shaken, averages), left


def _followed(nows: tuple[_Now, ...]) -> tuple[Perturbation, ...]:
    """Those of all populations; none where they are not followed."""
    return tuple(now.perturbation for now in nows if now.perturbation is not None)


def _perturbed(
    model: RandomNetwork, nows: tuple[_Now, ...], index: Array, times: int
) -> tuple[tuple[_Now, ...], Float[Array, "population earlier_time"]]:
    """With what the perturbations do to the rates now; and the covariance of the fields that these make."""
    followed, nothing = _followed(nows), jnp.zeros((model.populations, times))
    if not followed:
        return nows, nothing
    found = []
    for unit, now, each in zip(model.units, nows, followed, strict=True):
        found.append(perturbations.measured(each, summed(unit.rate_slope(now.state) * each.state), index))
    rows = jnp.stack([row for _, row in found])
    squares = jnp.stack([jnp.mean(each.rates**2, axis=1) for each, _ in found])
    # Perturbations have no mean, and no mean answer.
    none = Averages(nothing, squares, jnp.zeros((model.couplings.rank, times)))
    field = received(model.couplings, none, rows, nothing, index)
    nows = tuple(now._replace(perturbation=each) for now, (each, _) in zip(nows, found, strict=True))
    return nows, field.covariance


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
    of_perturbation: Array,
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
    derivatives = linearised(unit, state, average, force, plan.step, plan.scheme)
    perturbation = now.perturbation
    if perturbation is not None and draws.perturbation is not None:
        memory = None if answered is None else field.memory
        normals = draws.perturbation.normals
        perturbation, change = perturbations.received(perturbation, of_perturbation, memory, normals, index)
        perturbation = _moved(perturbation, derivatives, change, plan, index)
    if answered is not None:
        here = derivatives.of_tangents(plan.tangents)
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
    if perturbation is not None:
        averages["log_perturbation"] = perturbation.log_size[index]
    if unit.kind == "flow":
        averages["kinetic_energy"] = 0.5 * jnp.mean(summed(unit.drift(state, force) ** 2))
    if unit.nonnegative:
        averages["surviving_fraction"] = jnp.mean(1.0 * (first > unit.extinct_below(plan.step * index)))
    column = known.at[index].set(jnp.where(deviation > 0.0, deviation, 1.0))
    # A field that is zero has no pivot to be small.
    pivot = jnp.where(field.covariance[index] > 0.0, pivot, 1.0)
    following = _Now(ahead, speed, jnp.minimum(now.conditioning, pivot), perturbation)
    left = _Rows(first, row, response, state_response, averages)
    return past._replace(factor=past.factor.at[:, index].set(column)), following, left


def _moved(perturbation: Perturbation, derivatives: Linearised, change: Array, plan: Stepping, index: Array) -> Perturbation:
    """The step of a perturbation, by the derivatives of the neuron's own."""
    speed = average = derivatives.of_speed(perturbation.state, change)
    if plan.scheme == "second_order":
        current, before = EXTRAPOLATED
        average = jnp.where(index == 0, speed, current * speed + before * perturbation.before)
    return perturbation._replace(state=derivatives.of_state(perturbation.state, average), before=speed)


def _shaken(state: Array, kick: Array) -> Array:
    """The state with noise in its first variable."""
    return state + kick if state.ndim == 1 else state.at[0].add(kick)
