"""Correlation and response of one network between chosen times.

Each neuron is kicked by v_i = +1 or -1 at each of these times s, and the small change chi of all neurons that follows is
carried on by the derivative of each step. Signs of different neurons are independent: <v_i chi_i(t)> is R_x(t, s), and
<v_i phi'(x_i(t)) chi_i(t)> is R(t, s). Additive noise is the same with and without the kick, and drops out.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from quenched.models import Network
from quenched.models.populations import OverNeurons
from quenched.simulate.integrate import State

Rows = Float[Array, "time trial neuron"]
Signs = Float[Array, "earlier_time trial neuron"]


class _Seen(NamedTuple):
    """Rows are output times: written as they are passed."""

    states: Float[Array, "time ... trial neuron"]
    rows: dict[str, Array]
    """Averages that need more than the states."""
    tangents: Signs
    """chi, a row for each time of a kick; 0 before it."""
    steps: Int[Array, ""]
    """Taken so far."""


def two_times(
    network: Network,
    state: State,
    outputs: tuple[int, ...],
    average: OverNeurons,
    signs: Signs,
    delayed: bool,
    advance: Callable[..., tuple[State, Any, Any]],
) -> tuple[Array, dict[str, Array]]:
    """States at `outputs`, counted in steps, and the averages with time as their first axis.

    With `signs` also responses, to fields that act on the state after a step if `delayed`, or on the present one. `advance`
    is `integrate.run`, given everything but `steps`, `observe`, `carry` and `follow`.
    """
    unit, times = network.unit, jnp.asarray(outputs)

    def at(steps: Array) -> tuple[Array, Array]:
        """The row of this time or of the next, and whether it is this."""
        row = jnp.minimum(jnp.searchsorted(times, steps), len(times) - 1)
        return row, times[row] == steps

    def written(rows: Array, new: Array, steps: Array) -> Array:
        row, asked = at(steps)
        return rows.at[row].set(jnp.where(asked, new, rows[row]))

    def measured(x: State, drift: State, tangents: Signs) -> dict[str, Array]:
        found = {}
        if unit.kind == "flow":
            found["kinetic_energy"] = 0.5 * average(drift**2 if unit.state_size == 1 else jnp.sum(drift**2, axis=0))
        if len(signs):
            found["state_response"] = jax.vmap(average)(signs * tangents)
            found["response"] = jax.vmap(average)(signs * tangents * unit.rate_slope(x))
        return found

    def observe(seen: _Seen, x: State, drift: State, time: Any) -> tuple[_Seen, None]:
        del time
        tangents, steps = seen.tangents, seen.steps
        if len(signs):
            kicked = steps - 1 if delayed else steps
            tangents = written(tangents, signs[at(kicked)[0]], kicked)
        now = jax.lax.cond(
            at(steps)[1],
            partial(measured, x, drift, tangents),
            lambda: {name: jnp.zeros_like(rows[0]) for name, rows in seen.rows.items()},
        )
        rows = {name: written(seen.rows[name], row, steps) for name, row in now.items()}
        return _Seen(written(seen.states, x, steps), rows, tangents, steps + 1), None

    def follow(seen: _Seen, ahead: Callable[[State], State], x: State) -> tuple[State, _Seen]:
        def of_one(tangent: State) -> tuple[State, State]:
            return jax.jvp(ahead, (x,), (tangent,))

        following, tangents = jax.vmap(of_one, out_axes=(None, 0))(seen.tangents)
        return following, seen._replace(tangents=tangents)

    def nothing(one: Any) -> Array:
        return jnp.zeros((len(outputs), *one.shape), one.dtype)

    rows = jax.tree.map(nothing, jax.eval_shape(measured, state, state, signs))
    _, seen, _ = advance(
        # With that of the last time.
        steps=outputs[-1] + 1,
        observe=observe,
        carry=_Seen(nothing(state), rows, jnp.zeros_like(signs), jnp.asarray(0)),
        follow=follow if len(signs) else None,
    )
    return seen.states, seen.rows


def moments(states: Rows, rates: Rows, average: OverNeurons) -> dict[str, Array]:
    """Averages at one time and between two; times are the first axes."""

    def correlation(values: Array) -> Array:
        return jax.lax.map(lambda now: jax.vmap(average)(now * values), values)

    return {
        "mean_state": jax.vmap(average)(states),
        "mean_rate": jax.vmap(average)(rates),
        "mean_square_state": jax.vmap(average)(states**2),
        "mean_square_rate": jax.vmap(average)(rates**2),
        "correlation": correlation(rates),
        "state_correlation": correlation(states),
    }
