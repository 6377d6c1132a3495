"""The causal sweep of `population` over long times, on a past that is thinned.

What is needed of the past at each step is linear in it, and is kept for some k times (`numerics.thinning`) instead of all:

    C(t, s) = <phi(x(t)) phi(x(s))>             phi(x(s)) of each trajectory,
    gamma(t), Gaussian, given its past          gamma(s) = L z with z orthonormal over the trajectories,
    int R(t, u) phi(x(u)) du                    phi(x(u)) du of each trajectory, merged,
    int R(t, u) phi'(x(u)) chi(u, s) du         phi'(x(u)) chi(u, s) du of each tangent and each s, merged over u.

The last is in the response chi(t, s) = dx(t)/db(s) of a trajectory, which obeys

    dchi(t, s)/dt = -chi(t, s) + g^2 eta int_s^t R(t, u) phi'(x(u)) chi(u, s) du.

Each s is a column of its own, so that those of dropped times are just left out. gamma is conditioned on its values at the
kept times alone, which is an approximation where older ones would say more; what is new in it is made orthogonal to them, so
that second moments of the population are exact with fewer trajectories than steps.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from quenched.dmft.growing import next_row
from quenched.dmft.linearised import shares, with_means
from quenched.dmft.schemes import Scheme
from quenched.models import RandomNetwork
from quenched.numerics.thinning import NEVER, interpolating, thin

# Steps between thinnings: the longer, the more times are kept; the shorter, the more often all are written anew.
BLOCK = 16


class Start(NamedTuple):
    """Where a population begins; one column a trajectory."""

    initial: Float[Array, " trajectory"]
    normals: Float[Array, "row trajectory"]
    """Orthonormal over the trajectories: what is new in a step is made orthogonal to these too."""
    key: Key[Array, ""]
    """Of what is new."""


class Size(NamedTuple):
    """Of the arrays."""

    steps: int
    knots: int
    places: int
    """For times that are kept."""
    tangents: int
    """With 0 of which the memory is left out."""


class Seen(NamedTuple):
    """What is returned, at the times asked for."""

    state: Float[Array, "time trajectory"]
    response: Float[Array, "time earlier_time"]
    state_response: Float[Array, "time earlier_time"]
    kinetic_energy: Float[Array, " time"]


class _Past(NamedTuple):
    """At kept times, then zero (of L the unit matrix) at places for times to come."""

    times: Int[Array, " knot"]
    number: Int[Array, ""]
    """How many times are kept."""
    rates: Float[Array, "knot trajectory"]
    measure: Float[Array, "knot trajectory"]
    """phi(x(u)) du."""
    normals: Float[Array, "knot trajectory"]
    factor: Float[Array, "knot knot"]
    """L^T, as in `growing`."""
    columns: Float[Array, "knot tangent"]
    """chi(t, s) at each s."""
    pushes: Float[Array, "knot tangent"]
    """What drove chi(t, s) a step before."""
    recent: Float[Array, "recent knot tangent"]
    """phi'(x(u)) chi(u, s) du at each s, and each u since the past was thinned. Those before do not change in between and
    are kept apart, since a large array that changes in a loop is copied at each step."""


class _Now(NamedTuple):
    """What one step hands to the next."""

    state: Float[Array, " trajectory"]
    force: Float[Array, " trajectory"]
    """Field, memory and gamma a step before."""
    conditioning: Float[Array, ""]


def long_sweep(
    model: RandomNetwork,
    scheme: Scheme,
    step: float,
    start: Start,
    outputs: Int[Array, " time"],
    size: Size,
    field_at: Callable[[Any], Any],
) -> tuple[Seen, Float[Array, ""]]:
    """What is seen at `outputs`, counted in steps, and the conditioning."""
    steps, knots, places, tangents = size
    count, several = start.initial.size, tangents + 2 if tangents else 0
    of_all, of_few = jnp.zeros((places, count)), jnp.zeros((places, several))
    past = _Past(
        jnp.full(places, NEVER),
        jnp.asarray(0),
        rates=of_all,
        measure=of_all,
        normals=of_all,
        factor=jnp.eye(places),
        columns=of_few,
        pushes=of_few,
        recent=jnp.zeros((BLOCK, places, several)),
    )
    measures = jnp.zeros((places, places, several))
    now = _Now(start.initial, jnp.zeros(count), jnp.asarray(jnp.inf))
    square = jnp.zeros((len(outputs), len(outputs)))
    seen = Seen(jnp.zeros((len(outputs), count)), square, square, jnp.zeros(len(outputs)))

    def advance(measures: Array, carry: tuple[_Past, _Now, Seen], index: Array) -> tuple[tuple[_Past, _Now, Seen], None]:
        past, now, seen = carry
        field = field_at(step * index)
        following, ahead, shown = _advance(model, scheme, step, tangents, field, start, measures, past, now, index)
        place = jnp.searchsorted(outputs, index)
        is_asked = outputs[jnp.minimum(place, len(outputs) - 1)] == index

        def recorded() -> Seen:
            there = jnp.arange(places) < following.number
            weights = interpolating(following.times, there, outputs) * (outputs <= index)[:, None]
            state_response, response, energy = shown
            rows = (now.state, weights @ response, weights @ state_response, energy)
            return Seen(*(each.at[place].set(row) for each, row in zip(seen, rows, strict=True)))

        return (following, ahead, jax.lax.cond(is_asked, recorded, lambda: seen)), None

    def block(carry: tuple[_Past, Array, _Now, Seen], first: Array) -> tuple[tuple[_Past, Array, _Now, Seen], None]:
        past, measures, now, seen = carry
        past, measures = _thinned(past, measures, first, knots)
        before = past.number
        steps = first + jnp.arange(BLOCK)
        (past, now, seen), _ = jax.lax.scan(partial(advance, measures), (past, now, seen), steps)
        return (past, jax.lax.dynamic_update_slice_in_dim(measures, past.recent, before, 0), now, seen), None

    (_, _, now, seen), _ = jax.lax.scan(block, (past, measures, now, seen), jnp.arange(0, steps + 1, BLOCK))
    return seen, now.conditioning


def _thinned(past: _Past, measures: Array, index: Array, knots: int) -> tuple[_Past, Array]:
    """Without what is not kept at `index`"""
    times, places, there, merging = thin(past.times, index, knots)

    def left(values: Array) -> Array:
        return jnp.where(there[:, None], values[places], 0.0)

    # L without rows is no longer lower triangular: L = L' Q^T, and z' = Q^T z.
    orthonormal, triangle = jnp.linalg.qr(left(past.factor.T).T)
    signs = jnp.where(jnp.diagonal(triangle) < 0.0, -1.0, 1.0)
    # Those that stay are as they were; few are dropped, and shared out.
    count = jnp.sum(there)
    first = jnp.minimum(count, len(places) - BLOCK)
    dropped = jax.lax.dynamic_slice_in_dim(places, first, BLOCK)
    shared = there[:, None] & (first + jnp.arange(BLOCK) >= count)

    def merged(values: Array) -> Array:
        return left(values) + jnp.where(shared, merging[:, dropped], 0.0) @ values[dropped]

    measures = jnp.where(there[:, None], measures[:, places], 0.0)
    past = _Past(
        times,
        count,
        left(past.rates),
        merged(past.measure),
        jnp.where(there[:, None], signs[:, None] * (orthonormal.T @ past.normals), 0.0),
        jnp.where(there, signs[:, None] * triangle, jnp.eye(len(places))),
        left(past.columns),
        left(past.pushes),
        jnp.zeros_like(past.recent),
    )
    return past, merged(measures.reshape(len(places), -1)).reshape(measures.shape)


def _advance(
    model: RandomNetwork,
    scheme: Scheme,
    step: float,
    tangents: int,
    field: Any,
    start: Start,
    measures: Array,
    past: _Past,
    now: _Now,
    index: Array,
) -> tuple[_Past, _Now, tuple[Array, Array, Array]]:
    """Also R_x and R at kept times, and the kinetic energy."""
    state, place, count = now.state, past.number, now.state.size
    rate = model.activation(state)
    rates = past.rates.at[place].set(rate)
    (known,), deviation, pivot = next_row(past.factor, model.gain**2 * (rates @ rate)[None] / count, place)
    fresh, kick = _new(jax.random.fold_in(start.key, index), start.normals, past.normals)
    past = past._replace(
        times=past.times.at[place].set(index),
        number=place + 1,
        rates=rates,
        normals=past.normals.at[place].set(fresh),
        factor=past.factor.at[:, place].set(known.at[place].set(jnp.where(deviation > 0.0, deviation, 1.0))),
    )
    force = field + known.at[place].set(deviation) @ past.normals
    response = state_response = jnp.zeros(len(rates))
    if tangents:
        slope = with_means(model.activation.slope(state), tangents)
        past, state_response, response, memory = _remembered(model, scheme, step, measures, past, rate, slope, index)
        force = force + memory
    before = jnp.where(index == 0, force, now.force)
    ahead = scheme.leak * state + scheme.now * force + scheme.before * before + model.noise * scheme.kick * kick
    shown = (state_response, response, 0.5 * jnp.mean((force - state) ** 2))
    return past, _Now(ahead, force, jnp.minimum(now.conditioning, pivot)), shown


def _remembered(
    model: RandomNetwork,
    scheme: Scheme,
    step: float,
    measures: Array,
    past: _Past,
    rate: Array,
    slope: Array,
    index: Array,
) -> tuple[_Past, Array, Array, Array]:
    """With the step of all columns; R_x and R at kept times, and the memory of each trajectory.

    By the trapezoidal rule the present counts half, and wholly from the next step on, but for the first time. A kick at a
    time changes the half that comes after it. In Euler's scheme a field acts from the next step on, and so does memory.
    """
    place, share = past.number - 1, shares(slope.size - 2)
    at_once = 0.0 if scheme.delayed else 1.0
    columns = past.columns.at[place].set(at_once)
    state_response, response = columns @ share, columns @ (share * slope)
    kernel = model.gain**2 * model.symmetry * response
    end = jnp.where(index > 0, 0.5 * step * at_once, 0.0)
    memory = kernel @ past.measure + end * kernel[place] * rate

    changed, since = slope * columns, index % BLOCK
    of_recent = jax.lax.dynamic_slice_in_dim(kernel, place - since, BLOCK)
    earlier = kernel @ measures.reshape(len(columns), -1) + of_recent @ past.recent.reshape(BLOCK, -1)
    # A kick of now has not changed anything yet.
    pushes = (earlier.reshape(columns.shape) + end * kernel[place] * changed).at[place].set(0.0)
    following = scheme.leak * columns + scheme.now * pushes + scheme.before * past.pushes
    past = past._replace(
        measure=past.measure.at[place].set(jnp.where(index > 0, step, step * (1.0 - 0.5 * at_once)) * rate),
        columns=following.at[place].set(1.0) if scheme.delayed else following,
        pushes=pushes,
        recent=past.recent.at[since].set((step * changed).at[place].multiply(0.5)),
    )
    return past, state_response, response, memory


def _new(
    key: Array, always: Float[Array, "row trajectory"], past: Float[Array, "knot trajectory"]
) -> tuple[Float[Array, " trajectory"], Float[Array, " trajectory"]]:
    """Two rows of normal numbers orthonormal to all these and to each other, over the trajectories."""
    drawn = jax.random.normal(key, (2, past.shape[1]))
    for rows in (always, past):
        drawn = drawn - (drawn @ rows.T / past.shape[1]) @ rows
    first = drawn[0] / jnp.sqrt(jnp.mean(drawn[0] ** 2))
    second = drawn[1] - jnp.mean(first * drawn[1]) * first
    return first, second / jnp.sqrt(jnp.mean(second**2))
