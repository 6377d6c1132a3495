"""The causal sweep with steps of any length: the mean field of networks that are integrated by an implicit scheme.

A network without noise, stepped by x_n = a x_{n-1} + b x_{n-2} + c (-x_n + J phi(x_n) + theta_n) (`numerics.growing_grid`),
has in the limit of many neurons the field

    (J phi)_n = gamma_n + g^2 eta sum_{m <= n} G(n, m) phi(x_m),   <gamma_n gamma_m> = g^2 <phi(x_n) phi(x_m)>,
    G(n, m) = < phi'(x_n) D(n, m) >,   D(n, m) = dx_n/dtheta_m.

Nothing is interpolated: this is exact for that network, whatever the steps. G(n, n) is what a network answers within a step,
and so all that is fast when steps are long. At each time x_n, C(n, .) and G(n, .) depend on each other. At given x_n the row
G(n, .) solves a triangular system of as many equations as there are times; x_n and C(n, .) are then iterated.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from quenched.dmft.growing import next_row, zero_padded
from quenched.dmft.linearised import shares, with_means
from quenched.models import RandomNetwork
from quenched.numerics.anderson import Anderson, FixedPoint, fixed_point
from quenched.numerics.growing_grid import Backward

# The first half of times has smaller arrays.
_STRETCHES = 2
# Change of the states, in parts of 1 and of themselves, and error of G(n, n) from which a step counts as not solved.
_LOST, _UNANSWERED = 1e-6, 1e-8
# Of all states of a step together, and Newton's method for each of them.
_SOLVER, _NEWTON = Anderson(tolerance=1e-9, max_steps=200, extrapolate_below=1e9), 5
# For G(n, n).
_AT_ONCE = 25


class Swept(NamedTuple):
    """What the sweep has found; times by rows."""

    state: Float[Array, "time trajectory"]
    rate: Float[Array, "time trajectory"]
    force: Float[Array, "time trajectory"]
    """F, the velocity."""
    response: Float[Array, "time earlier_time"]
    """G."""
    factor: Float[Array, "time earlier_time"]
    """L: gamma is L z."""
    conditioning: Float[Array, ""]
    lost: Float[Array, ""]
    """How many steps were not solved: from the first of them on there are no numbers."""


class _Past(NamedTuple):
    rates: Array
    factor: Array
    """L^T."""
    kicks: Array
    """phi'(x_k) D(k, m) by k, m and tangent."""


class _Now(NamedTuple):
    state: Array
    state_before: Array
    columns: Array
    """D of the last time, by kicks and tangents."""
    columns_before: Array


class _Rows(NamedTuple):
    state: Array
    rate: Array
    force: Array
    response: Array
    pivot: Array
    lost: Array


def implicit_sweep(
    model: RandomNetwork,
    coefficients: Backward,
    initial: Float[Array, " trajectory"],
    normals: Float[Array, "time trajectory"],
    tangents: int,
) -> Swept:
    """`normals` make gamma at each time. `tangents` of the trajectories give the response; with 0 the memory is left out."""
    times, count = normals.shape
    several = tangents + 2 if tangents else 0
    past = _Past(jnp.zeros((0, count)), jnp.zeros((0, 0)), jnp.zeros((0, 0, several)))
    now = _Now(initial, initial, jnp.zeros((0, several)), jnp.zeros((0, several)))
    found: list[_Rows] = []
    ends = sorted({-(-times * part // _STRETCHES) for part in range(1, _STRETCHES + 1)})
    for begin, end in zip([0, *ends[:-1]], ends, strict=True):
        past, now = (
            _with_room(past, end),
            now._replace(columns=zero_padded(now.columns, end), columns_before=zero_padded(now.columns_before, end)),
        )
        each = (jnp.arange(begin, end), *(jnp.asarray(values[begin:end]) for values in coefficients))
        advance = partial(_advance, model, normals[:end], tangents)
        (past, now), rows = jax.lax.scan(advance, (past, now), each)
        found.append(rows._replace(response=zero_padded(rows.response.T, times).T))
    rows = jax.tree.map(lambda *parts: jnp.concatenate(parts), *found)
    return Swept(rows.state, rows.rate, rows.force, rows.response, past.factor.T, jnp.min(rows.pivot), jnp.sum(rows.lost))


def _with_room(past: _Past, times: int) -> _Past:
    before, more = past.rates.shape[0], times - past.rates.shape[0]
    new = jnp.arange(before, times)
    return _Past(
        zero_padded(past.rates, times),
        jnp.pad(past.factor, (0, more)).at[new, new].set(1.0),
        jnp.pad(past.kicks, ((0, more), (0, more), (0, 0))),
    )


def _advance(model: RandomNetwork, normals: Array, tangents: int, carry: Any, each: Any) -> tuple[Any, _Rows]:
    (past, now), (index, last, second, weight, ahead) = carry, each
    phi, count, size = model.activation, normals.shape[1], normals.shape[0]
    feedback = model.gain**2 * model.symmetry
    earlier = jnp.arange(size) < index
    field = model.field_at(0.0)
    carried = last * now.state + second * now.state_before
    columns_carried = last * now.columns + second * now.columns_before

    def gamma(rate: Array) -> tuple[Array, Array, Array, Array]:
        rates = past.rates.at[index].set(rate)
        (known,), deviation, pivot = next_row(past.factor, model.gain**2 * (rates @ rate)[None] / count, index)
        row = known.at[index].set(deviation)
        return row @ normals, row, deviation, pivot

    def answers(state: Array) -> tuple[Array, Array]:
        """G(n, .) of these states, and the error of G(n, n)."""
        slope, share = with_means(phi.slope(state), tangents), shares(tangents)

        def own(at_once: Array) -> Array:
            return slope / (1.0 + weight - weight * feedback * at_once * slope)

        def left(at_once: Array) -> Array:
            return weight * own(at_once) @ share - at_once

        def newton(_: Any, at_once: Array) -> Array:
            return at_once - left(at_once) / (feedback * (weight * own(at_once)) ** 2 @ share - 1.0)

        # G(n, n) = < phi' c / (1 + c - c g^2 eta G(n, n) phi') >, convex in G(n, n): from below Newton's method does not
        # pass the solution.
        at_once = jax.lax.fori_loop(0, _AT_ONCE, newton, jnp.zeros(()))
        spread = own(at_once) * share
        through = jnp.where(earlier[:, None], past.kicks @ spread, 0.0)
        direct = columns_carried @ spread
        system = jnp.eye(size) - weight * feedback * through.T
        row = jax.scipy.linalg.solve_triangular(system, direct).at[index].set(at_once)
        return row, jnp.abs(left(at_once))

    def again(state: Array) -> Array:
        """States in the field and with the memory of these."""
        response = answers(state)[0] if tangents else jnp.zeros(size)
        at_once = feedback * response[index]
        remembered = feedback * jnp.where(earlier, response, 0.0) @ past.rates
        known = carried + weight * (field + remembered + gamma(phi(state))[0])

        def newton(_: Any, guess: Array) -> Array:
            over = (1.0 + weight) * guess - weight * at_once * phi(guess) - known
            return guess - over / (1.0 + weight - weight * at_once * phi.slope(guess))

        return jax.lax.fori_loop(0, _NEWTON, newton, state)

    guess = now.state + ahead * (now.state - now.state_before)
    # The first state is given.
    found = jax.lax.cond(
        index > 0,
        lambda: fixed_point(again, guess, _SOLVER),
        lambda: FixedPoint(guess, jnp.zeros(()), jnp.zeros((), jnp.int32)),
    )
    response, unanswered = answers(found.unknowns) if tangents else (jnp.zeros(size), jnp.zeros(()))
    settled = found.residual < _LOST * (1.0 + jnp.sqrt(jnp.mean(found.unknowns**2)))
    solved = settled & ((index == 0) | (unanswered < _UNANSWERED))
    state = jnp.where(solved, found.unknowns, jnp.nan)
    response = jnp.where((index > 0) & solved, response, 0.0)
    rate = phi(state)
    noise, row, deviation, pivot = gamma(rate)
    force = field + feedback * (response @ past.rates.at[index].set(rate)) + noise - state
    column = row.at[index].set(jnp.where(deviation > 0.0, deviation, 1.0))
    columns, kicks = columns_carried, past.kicks
    if tangents:
        slope = with_means(phi.slope(state), tangents)
        pushed = jnp.tensordot(jnp.where(earlier, response, 0.0), past.kicks, 1)
        columns = columns_carried + weight * feedback * pushed
        columns = columns.at[index].add(weight) / (1.0 + weight - weight * feedback * response[index] * slope)
        kicks = past.kicks.at[index].set(columns * slope)
    past = _Past(past.rates.at[index].set(rate), past.factor.at[:, index].set(column), kicks)
    now = _Now(state, now.state, columns, now.columns)
    return (past, now), _Rows(state, rate, force, response, pivot, ~solved)
