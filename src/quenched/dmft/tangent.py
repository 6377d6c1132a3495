"""The response of single neurons, one row of R at a time, backwards from the present.

For one trajectory the response chi(n, s) of x_n to a kick of the state at s obeys, in s at fixed n,

    G(n, s) = delta_ns + leak G(n, s+1) + phi'(x_s) sum_{m>=s} u_m W(m, s),   u_m = now G(n, m+1) + before G(n, m+2),

which needs the memory kernel W of the past alone, so that it fits into the causal sweep, keeps nothing between times, and is
matrix products: W is the same for all trajectories. Running chi forward in n instead would need chi(m, s) of all earlier m.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from quenched.dmft.schemes import Scheme

Carry = tuple[Array, Array, Array, Array, Array]

# A response that has decayed below this everywhere in a block has no past to speak of.
_DECAYED = 1e-17


def response_row(
    scheme: Scheme,
    kernel: Float[Array, "earlier_time earlier_time"],
    slopes: Float[Array, "earlier_time trajectory"],
    index: Int[Array, ""],
    block: int,
) -> Float[Array, "earlier_time trajectory"]:
    """chi(index, s) for all s and each trajectory: dx(index) by a unit kick of x at s, or (Euler) by a field at s.

    `kernel` is W for the times before `index`, `slopes` is phi'(x) up to `index`; the number of times is a multiple of
    `block`. Cost: trajectories x index^2 operations, as products of `block` x `block` with `block` x trajectories.
    """
    times, count = slopes.shape

    def blockwise(carry: Carry) -> Carry:
        here, forces, responses, later, _ = carry
        first = here * block

        def from_later(later: Array, source: Array) -> Array:
            tile = jax.lax.dynamic_slice(kernel, (later * block, first), (block, block))
            return source + tile.T @ jax.lax.dynamic_slice(forces, (later * block, 0), (block, count))

        source = jax.lax.fori_loop(here + 1, index // block + 1, from_later, jnp.zeros((block, count)))
        own = jax.lax.dynamic_slice(kernel, (first, first), (block, block)).T
        slope = jax.lax.dynamic_slice(slopes, (first, 0), (block, count))

        def one(back: Array, carry: tuple[Array, Array]) -> tuple[Array, Array]:
            force, greens = carry
            row = block - 1 - back
            # u at this time needs the two G after it; W(m, s) reaches it through m = s.
            after = _row(greens, row + 1)
            push = scheme.now * after + scheme.before * _row(greens, row + 2)
            force = jax.lax.dynamic_update_index_in_dim(force, push, row, 0)
            kick = jnp.where(first + row == index, 1.0, 0.0)
            green = kick + scheme.leak * after + _row(slope, row) * (_row(source, row) + _row(own, row) @ force)
            return force, jax.lax.dynamic_update_index_in_dim(greens, green, row, 0)

        start = (jnp.zeros((block, count)), jnp.concatenate([jnp.zeros((block, count)), later]))
        force, greens = jax.lax.fori_loop(0, block, one, start)
        if scheme.delayed:
            response = greens[1 : block + 1]
        else:
            # A kick at s changes phi(x_s) for the half of the trapezoid that lies after s; at 0 that is all there is.
            half = 0.5 * slope * (source + own @ force + jnp.diagonal(own)[:, None] * force)
            response = greens[:block] - jnp.where((first + jnp.arange(block) > 0)[:, None], half, 0.0)
        size = jnp.maximum(jnp.max(jnp.abs(response)), jnp.max(jnp.abs(greens[0])))
        return (
            here - 1,
            jax.lax.dynamic_update_slice(forces, force, (first, 0)),
            jax.lax.dynamic_update_slice(responses, response, (first, 0)),
            greens[:2],
            # NaN goes on, to be seen.
            (here == index // block) | ~(size < _DECAYED),
        )

    empty = jnp.zeros((times, count))
    start = (index // block, empty, empty, jnp.zeros((2, count)), jnp.asarray(True))
    return jax.lax.while_loop(lambda carry: (carry[0] >= 0) & carry[4], blockwise, start)[2]


def _row(array: Array, row: Array) -> Array:
    """Without the bounds check that `array[row]` has in a loop."""
    return jax.lax.dynamic_index_in_dim(array, row, keepdims=False)
