"""The causal sweep: a population of neurons in the mean field that they themselves make, step by step.

Everything at a time follows from the past, so nothing is iterated. At step n, in this order: C(n, .) is measured; it gives
the next row of the Cholesky factor of the drive's covariance, hence the drive; the response row R(n, .) gives the memory;
x_{n+1}. The drive is all that is Gaussian in a step, mean field and noise together:

    x_{n+1} = leak x_n + now h_n + before h_{n-1} + drive_n,    h = b + memory,
    drive_n = now gamma_n + before gamma_{n-1} + noise kick xi_n,    <gamma_n gamma_m> = g^2 C(n, m).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from quenched.dmft import perturbations
from quenched.dmft.growing import fewer_normals, next_row, padded, zero_padded
from quenched.dmft.perturbations import Perturbation, PerturbationDraws
from quenched.dmft.schemes import BLOCK, Scheme, memory_weights, stretches
from quenched.dmft.tangent import response_row
from quenched.models import RandomNetwork

Square = Float[Array, "time earlier_time"]


class Draws(NamedTuple):
    """What is random in a population; one column a trajectory."""

    initial: Float[Array, " trajectory"]
    normals: Float[Array, "step trajectory"]
    perturbation: PerturbationDraws | None = None
    """Where perturbations are followed."""


class Swept(NamedTuple):
    """What the sweep has found of a population; times by rows, earlier times by columns, zero where later."""

    correlation: Square
    state_correlation: Square
    response: Square
    state_response: Square
    averages: dict[str, Float[Array, " time"]]
    conditioning: Float[Array, ""]
    factor: Float[Array, "step step"]
    """L: the drive, or the Gaussian part of the field, is L z."""
    of_perturbation: Float[Array, "step step"] | None = None
    """L of the field of perturbations; how its rows are scaled does not matter."""


class _Now(NamedTuple):
    """What one step hands to the next."""

    state: Array
    force: Array
    """h of the step before."""
    row: Array
    """C of the step before."""
    conditioning: Array
    perturbation: Perturbation | None


class _Past(NamedTuple):
    """All that later times need to know; rows for times to come are zero (of L: those of the unit matrix)."""

    rates: Array
    slopes: Array
    factor: Array
    """L^T: LAPACK reads L by columns."""
    kernel: Array


class _Rows(NamedTuple):
    """What one step leaves behind."""

    state: Array
    correlation: Array
    response: Array
    state_response: Array
    averages: dict[str, Array]


def causal_sweep(
    model: RandomNetwork, scheme: Scheme, step: float, draws: Draws, tangents: int, field_at: Callable[[Any], Any]
) -> Swept:
    """Run the population. `tangents` of its trajectories give the response; with 0 the memory is left out."""
    steps, count = draws.normals.shape
    times = steps + 1
    past = _Past(jnp.zeros((0, count)), jnp.zeros((0, tangents + 2)), jnp.zeros((0, 0)), jnp.zeros((0, 0)))
    perturbed = None if draws.perturbation is None else perturbations.beginning(draws.perturbation.initial)
    now = _Now(draws.initial, jnp.zeros(count), jnp.zeros(0), jnp.asarray(jnp.inf), perturbed)
    found: list[_Rows] = []
    for begin, end in stretches(times):
        size = padded(end)
        past, now = _room(past, size), now._replace(row=jnp.pad(now.row, (0, size - now.row.size)))
        if now.perturbation is not None:
            now = now._replace(perturbation=perturbations.with_room(now.perturbation, size))
        part = jax.tree.map(lambda each, size=size: zero_padded(each[:size], size), _drawn_later(draws))

        def advance(carry: Any, index: Array, part: tuple[Array, Array | None] = part) -> tuple[Any, _Rows]:
            past, now = carry
            return _advance(model, scheme, step, tangents, field_at(step * index), part, past, now, index)

        (past, now), rows = jax.lax.scan(advance, (past, now), jnp.arange(begin, end))
        wide: dict[str, Any] = {
            name: zero_padded(getattr(rows, name).T, times).T for name in ("correlation", "response", "state_response")
        }
        found.append(rows._replace(**wide))
    rows = jax.tree.map(lambda *parts: jnp.concatenate(parts), *found)
    state_correlation = jnp.tril(rows.state @ rows.state.T / count)
    square = (rows.correlation, state_correlation, rows.response, rows.state_response)
    of_perturbation = None if now.perturbation is None else perturbations.lower_factor(now.perturbation, steps)
    return Swept(*square, rows.averages, now.conditioning, past.factor[:steps, :steps].T, of_perturbation)


def _drawn_later(draws: Draws) -> tuple[Array, Array | None]:
    """Normal numbers of each step, of the neurons and of their perturbations."""
    return draws.normals, None if draws.perturbation is None else draws.perturbation.normals


def with_twice_the_step(draws: Draws, swept: Swept, leak: float) -> Draws:
    """Draws for half as many steps, whose drive is that of two steps: the same neurons, seen less finely.

    The rows of L add up, two and two, within both steps.
    """
    found = draws._replace(normals=fewer_normals(leak * swept.factor[0::2] + swept.factor[1::2], draws.normals))
    if draws.perturbation is None or swept.of_perturbation is None:
        return found
    return found._replace(perturbation=perturbations.with_twice_the_step(draws.perturbation, swept.of_perturbation))


def _room(past: _Past, times: int) -> _Past:
    """The past with room for `times` rows."""
    before, more = past.rates.shape[0], times - past.rates.shape[0]
    new = jnp.arange(before, times)
    return _Past(
        zero_padded(past.rates, times),
        zero_padded(past.slopes, times),
        jnp.pad(past.factor, (0, more)).at[new, new].set(1.0),
        jnp.pad(past.kernel, (0, more)),
    )


def _advance(
    model: RandomNetwork,
    scheme: Scheme,
    step: float,
    tangents: int,
    field: Any,
    drawn: tuple[Array, Array | None],
    past: _Past,
    now: _Now,
    index: Array,
) -> tuple[tuple[_Past, _Now], _Rows]:
    (normals, of_perturbation), state, (size, count) = drawn, now.state, past.rates.shape
    rate = model.activation(state)
    rates = past.rates.at[index].set(rate)
    row = rates @ rate / count

    covariance, of_field = _covariances(model, scheme, index, row, now.row)
    # gamma_n = foreseen z + what x_n does not know of.
    (known, foreseen), deviation, pivot = next_row(past.factor, jnp.stack([covariance, of_field]), index)
    known = known.at[index].set(deviation)
    drive, expected = jnp.stack([known, foreseen]) @ normals

    force = jnp.broadcast_to(field, state.shape)
    slopes, kernel, remembered = past.slopes, past.kernel, None
    response = state_response = jnp.zeros(size)
    slope = model.activation.slope(state)
    if tangents:
        # Two more tangents see the mean slope, of all trajectories and of those with tangents: what the few misjudge of the
        # mean is put right to first order.
        means = jnp.stack([jnp.mean(slope), jnp.mean(slope[:tangents])])
        seen = jnp.concatenate([slope[:tangents], means])
        share = jnp.concatenate([jnp.full(tangents, 1.0 / tangents), jnp.array([1.0, -1.0])])
        slopes = slopes.at[index].set(seen)
        chi, _ = response_row(scheme.back, kernel, slopes, index, BLOCK, "kick after" if scheme.delayed else "kick between")
        state_response, response = chi @ share, chi @ (share * seen)
        remembered = model.gain**2 * model.symmetry * memory_weights(scheme.delayed, index, size, step) * response
        kernel = kernel.at[index].set(remembered)
        force = force + remembered @ rates
    force_before = jnp.where(index == 0, force, now.force)
    unforeseen = model.gain**2 * row[index] - foreseen @ foreseen
    averages = {
        "mean_state": jnp.mean(state),
        "mean_rate": jnp.mean(rate),
        "mean_square_state": jnp.mean(state**2),
        "mean_square_rate": row[index],
        "kinetic_energy": 0.5 * (jnp.mean((force + expected - state) ** 2) + unforeseen),
    }
    perturbation = now.perturbation
    if perturbation is not None and of_perturbation is not None:
        averages["log_perturbation"] = perturbation.log_size[index]
        perturbation = _perturbed(model, scheme, perturbation, slope, remembered, of_perturbation, index)
    ahead = scheme.leak * state + scheme.now * force + scheme.before * force_before + drive
    following = _Now(ahead, force, row, jnp.minimum(now.conditioning, pivot), perturbation)
    rows = _Rows(state, row, response, state_response, averages)
    column = known.at[index].set(jnp.where(deviation > 0.0, deviation, 1.0))
    return (_Past(rates, slopes, past.factor.at[:, index].set(column), kernel), following), rows


def _perturbed(
    model: RandomNetwork,
    scheme: Scheme,
    perturbation: Perturbation,
    slope: Array,
    memory: Array | None,
    normals: Array,
    index: Array,
) -> Perturbation:
    """The same step for perturbations: the noise is that of both neighbours."""
    perturbation, row = perturbations.measured(perturbation, slope * perturbation.state, index)
    perturbation, force = perturbations.received(perturbation, model.gain**2 * row, memory, normals, index)
    before = jnp.where(index == 0, force, perturbation.before)
    ahead = scheme.leak * perturbation.state + scheme.now * force + scheme.before * before
    (found,) = perturbations.in_units_of_all((perturbation._replace(state=ahead, before=force),), jnp.ones(1), index)
    return found


def _covariances(model: RandomNetwork, scheme: Scheme, index: Array, row: Array, row_before: Array) -> tuple[Array, Array]:
    """Of the drive at `index` with the drive at earlier times and itself; of gamma at `index` with them."""

    def with_drive(row: Array) -> Array:
        # Before the first gamma there is none: it stands in for it.
        return model.gain**2 * (scheme.now * row + scheme.before * jnp.roll(row, 1).at[0].set(row[0]))

    # C(n-1, n) is C(n, n-1).
    before = jnp.where(index == 0, row, row_before.at[index].set(row[index - 1]))
    of_field = with_drive(row)
    of_drive = scheme.now * of_field + scheme.before * with_drive(before)
    return of_drive.at[index].add((model.noise * scheme.kick) ** 2), of_field
