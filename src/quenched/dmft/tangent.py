"""The response of single neurons, one row of R at a time, backwards from the present.

For one trajectory let G(n, s) be the response of x_n to a kick of the state at s. In s at fixed n it obeys

    G(n, s) = kick delta_ns + a_s(n) + phi'(x_s) sum_{m>=s} u_m W(m, s),

where u_m is the response of x_n to an input at m, W the memory kernel of the past and a_s what the kick does beside the
memory. Of the neuron of `schemes` a_s = leak G(n, s+1) and u_m = now G(n, m+1) + before G(n, m+2); of any unit both are in
`linearised`. W is the same for all trajectories, so that the sum is matrix products; it needs the past alone, fits into the
causal sweep and keeps nothing between times. Running G forward in n instead would need G(m, s) of all earlier m.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

Carry = tuple[Array, Array, Array, Array, Array]
Back = Callable[[Array, Array, Array], tuple[Array, Array]]
"""From s, G(n, s+1) and G(n, s+2) to a_s and u_s."""

# A response that has decayed below this everywhere in a block has no past to speak of.
_DECAYED = 1e-17


def response_row(
    back: Back,
    kernel: Float[Array, "earlier_time earlier_time"],
    slopes: Float[Array, "earlier_time *variable trajectory"],
    index: Int[Array, ""],
    block: int,
    to: Literal["kick", "kick after", "kick between"],
    kick: Array | float = 1.0,
) -> tuple[Float[Array, "earlier_time *variable trajectory"], Float[Array, "earlier_time trajectory"]]:
    """The response at `index` of each trajectory to kicks of the state, and u, to inputs, at all earlier times.

    `kernel` is W for the times before `index`, `slopes` is phi'(x) up to `index`; the number of times is a multiple of
    `block`. `kick` is what is asked of x(index): 1, or the weight of each variable. Cost: trajectories x index^2 operations,
    as products of `block` x `block` with `block` x trajectories.

    Responses are `to` a kick at each time, or one step after it, or at a time that is the end of one part of a trapezoidal
    memory and the beginning of the next: a kick there changes phi for the half that lies after it.
    """
    times, count = slopes.shape[0], slopes.shape[-1]
    inside = slopes.shape[1:]

    def blockwise(carry: Carry) -> Carry:
        here, inputs, responses, later, _ = carry
        first = here * block

        def from_later(later: Array, source: Array) -> Array:
            tile = jax.lax.dynamic_slice(kernel, (later * block, first), (block, block))
            return source + tile.T @ jax.lax.dynamic_slice(inputs, (later * block, 0), (block, count))

        source = jax.lax.fori_loop(here + 1, index // block + 1, from_later, jnp.zeros((block, count)))
        own = jax.lax.dynamic_slice(kernel, (first, first), (block, block)).T
        slope = jax.lax.dynamic_slice_in_dim(slopes, first, block)

        def one(step: Array, carry: tuple[Array, Array]) -> tuple[Array, Array]:
            push, greens = carry
            row = block - 1 - step
            # u at this time needs the two G after it; W(m, s) reaches it through m = s.
            alone, of_input = back(first + row, _row(greens, row + 1), _row(greens, row + 2))
            push = jax.lax.dynamic_update_index_in_dim(push, of_input, row, 0)
            kicked = jnp.where(first + row == index, kick, 0.0)
            green = kicked + alone + _row(slope, row) * (_row(source, row) + _row(own, row) @ push)
            return push, jax.lax.dynamic_update_index_in_dim(greens, green, row, 0)

        start = (jnp.zeros((block, count)), jnp.concatenate([jnp.zeros((block, *inside)), later]))
        push, greens = jax.lax.fori_loop(0, block, one, start)
        if to == "kick after":
            response = greens[1 : block + 1]
        elif to == "kick":
            response = greens[:block]
        else:
            # At 0 the half after it is all there is.
            half = 0.5 * slope * (source + own @ push + jnp.diagonal(own)[:, None] * push)
            response = greens[:block] - jnp.where((first + jnp.arange(block) > 0)[:, None], half, 0.0)
        size = jnp.maximum(jnp.max(jnp.abs(response)), jnp.max(jnp.abs(greens[0])))
        return (
            here - 1,
            jax.lax.dynamic_update_slice(inputs, push, (first, 0)),
            jax.lax.dynamic_update_slice_in_dim(responses, response, first, 0),
            greens[:2],
            # NaN goes on, to be seen.
            (here == index // block) | ~(size < _DECAYED),
        )

    start = (
        index // block,
        jnp.zeros((times, count)),
        jnp.zeros((times, *inside)),
        jnp.zeros((2, *inside)),
        jnp.asarray(True),
    )
    _, inputs, responses, _, _ = jax.lax.while_loop(lambda carry: (carry[0] >= 0) & carry[4], blockwise, start)
    return responses, inputs


def _row(array: Array, row: Array) -> Array:
    """Without the bounds check that `array[row]` has in a loop."""
    return jax.lax.dynamic_index_in_dim(array, row, keepdims=False)
