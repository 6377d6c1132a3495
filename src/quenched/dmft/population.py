"""The causal sweep: a population of neurons in the mean field that they themselves make, step by step.

Everything at a time follows from the past, so nothing is iterated. At step n, in this order: C(n, .) is measured; it gives
the next row of the Cholesky factor of C, hence the Gaussian field; the response row R(n, .) gives the memory; x_{n+1}.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from quenched.dmft.schemes import BLOCK, Scheme, memory_weights, stretches
from quenched.dmft.tangent import response_row
from quenched.models import RandomNetwork

# Relative size below which a pivot of C counts as zero: a field that is a combination of its own past (no noise).
NUGGET = 1e-8
# Stands for the variance of a field that is zero.
_NOTHING = 1e-200

Square = Float[Array, "time earlier_time"]


class Draws(NamedTuple):
    """What is random in a population; one column a trajectory."""

    initial: Float[Array, " trajectory"]
    field: Float[Array, "time trajectory"]
    noise: Float[Array, "time trajectory"] | None


class Swept(NamedTuple):
    """What the sweep has found; times by rows, earlier times by columns, zero where later."""

    correlation: Square
    state_correlation: Square
    response: Square
    state_response: Square
    averages: dict[str, Float[Array, " time"]]
    conditioning: Float[Array, ""]


class _Past(NamedTuple):
    """All that later times need to know; rows for times to come are zero (of `factor`: those of the unit matrix)."""

    rates: Array
    slopes: Array
    factor: Array
    kernel: Array


class _Rows(NamedTuple):
    """What one step leaves behind."""

    state: Array
    correlation: Array
    response: Array
    state_response: Array
    averages: dict[str, Array]


def sweep(
    model: RandomNetwork, scheme: Scheme, step: float, draws: Draws, tangents: int, field_at: Callable[[Any], Any]
) -> Swept:
    """Run the population. `tangents` of its trajectories give the response; with 0 the memory is left out."""
    times, count = draws.field.shape
    nothing = _Past(jnp.zeros((0, count)), jnp.zeros((0, tangents + 2)), jnp.zeros((0, 0)), jnp.zeros((0, 0)))
    carry = (nothing, draws.initial, jnp.zeros(count), jnp.asarray(jnp.inf))
    found: list[_Rows] = []
    for begin, end in stretches(times):
        carry = (_room(carry[0], _padded(end)), *carry[1:])
        normals = _zero_padded(draws.field[: _padded(end)], _padded(end))

        def advance(carry: Any, each: tuple[Array, Array], normals: Array = normals) -> tuple[Any, _Rows]:
            index, kick = each
            return _advance(model, scheme, step, tangents, field_at(step * index), normals, carry, index, kick)

        kicks = jnp.zeros(end - begin) if draws.noise is None else draws.noise[begin:end]
        carry, rows = jax.lax.scan(advance, carry, (jnp.arange(begin, end), kicks))
        wide: dict[str, Any] = {
            name: _zero_padded(getattr(rows, name).T, times).T for name in ("correlation", "response", "state_response")
        }
        found.append(rows._replace(**wide))
    rows = jax.tree.map(lambda *parts: jnp.concatenate(parts), *found)
    state_correlation = jnp.tril(rows.state @ rows.state.T / count)
    return Swept(rows.correlation, state_correlation, rows.response, rows.state_response, rows.averages, carry[3])


def _padded(times: int) -> int:
    return BLOCK * -(-times // BLOCK)


def _zero_padded(rows: Array, count: int) -> Array:
    """The first `count` rows, zeros where there are fewer."""
    return jnp.pad(rows, ((0, max(count - rows.shape[0], 0)), (0, 0)))[:count]


def _room(past: _Past, times: int) -> _Past:
    """The past with room for `times` rows."""
    before, more = past.rates.shape[0], times - past.rates.shape[0]
    new = jnp.arange(before, times)
    return _Past(
        _zero_padded(past.rates, times),
        _zero_padded(past.slopes, times),
        jnp.pad(past.factor, (0, more)).at[new, new].set(1.0),
        jnp.pad(past.kernel, (0, more)),
    )


def _advance(
    model: RandomNetwork,
    scheme: Scheme,
    step: float,
    tangents: int,
    field: Any,
    normals: Array,
    carry: tuple[_Past, Array, Array, Array],
    index: Array,
    kick: Array,
) -> tuple[tuple[_Past, Array, Array, Array], _Rows]:
    past, state, force_before, conditioning = carry
    size, count = past.rates.shape
    rate = model.activation(state)
    rates = past.rates.at[index].set(rate)

    row = rates @ rate / count
    # notation: C = L L^T, and the field gamma = g L z.
    known = jax.scipy.linalg.solve_triangular(past.factor, row, lower=True)
    known = jnp.where(jnp.arange(size) < index, known, 0.0)
    left_over = row[index] - known @ known
    pivot = left_over / jnp.where(row[index] > 0.0, row[index], 1.0)
    new = known.at[index].set(jnp.sqrt(jnp.maximum(left_over, jnp.maximum(NUGGET * row[index], _NOTHING))))
    force = field + model.gain * (new @ normals)

    slopes, kernel = past.slopes, past.kernel
    response = state_response = jnp.zeros(size)
    if tangents:
        slope = model.activation.slope(state)
        # Two more tangents see the mean slope, of all trajectories and of those with tangents: what the few misjudge of the
        # mean is put right to first order.
        means = jnp.stack([jnp.mean(slope), jnp.mean(slope[:tangents])])
        seen = jnp.concatenate([slope[:tangents], means])
        share = jnp.concatenate([jnp.full(tangents, 1.0 / tangents), jnp.array([1.0, -1.0])])
        slopes = slopes.at[index].set(seen)
        chi = response_row(scheme, kernel, slopes, index, BLOCK)
        state_response, response = chi @ share, chi @ (share * seen)
        remembered = model.gain**2 * model.symmetry * memory_weights(scheme.delayed, index, size, step) * response
        kernel = kernel.at[index].set(remembered)
        force = force + remembered @ rates
    force_before = jnp.where(index == 0, force, force_before)
    averages = {
        "mean_state": jnp.mean(state),
        "mean_rate": jnp.mean(rate),
        "mean_square_state": jnp.mean(state**2),
        "mean_square_rate": row[index],
        "kinetic_energy": 0.5 * jnp.mean((force - state) ** 2),
    }
    ahead = scheme.leak * state + scheme.now * force + scheme.before * force_before + model.noise * scheme.kick * kick
    now = _Past(rates, slopes, past.factor.at[index].set(new), kernel)
    return (now, ahead, force, jnp.minimum(conditioning, pivot)), _Rows(state, row, response, state_response, averages)
