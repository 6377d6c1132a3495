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

Carry = tuple[Array, Array, Array, Array, Array, Array]

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
        here, forces, responses, after, afterwards, _ = carry
        first = here * block

        def from_later(later: Array, source: Array) -> Array:
            tile = jax.lax.dynamic_slice(kernel, (later * block, first), (block, block))
            return source + tile.T @ jax.lax.dynamic_slice(forces, (later * block, 0), (block, count))

        source = jax.lax.fori_loop(here + 1, index // block + 1, from_later, jnp.zeros((block, count)))
        own = jax.lax.dynamic_slice(kernel, (first, first), (block, block))
        slope = jax.lax.dynamic_slice(slopes, (first, 0), (block, count))
        force = jax.lax.dynamic_slice(forces, (first, 0), (block, count))

        def one(back: Array, carry: tuple[Array, ...]) -> tuple[Array, ...]:
            force, response, after, afterwards = carry
            row = block - 1 - back
            time = first + row
            # u at this time needs the two G after it; W(m, s) reaches it through m = s.
            push = jnp.where(time < index, scheme.now * after + scheme.before * afterwards, 0.0)
            force = force.at[row].set(push)
            felt = source[row] + own[:, row] @ force
            green = jnp.where(time == index, 1.0, scheme.leak * after) + slope[row] * felt
            green = jnp.where(time > index, 0.0, green)
            if scheme.delayed:
                kicked = after
            else:
                # A kick at s changes phi(x_s) for the half of the trapezoid that lies after s; at 0 that is all there is.
                half = 0.5 * slope[row] * (felt + own[row, row] * push)
                kicked = green - jnp.where((time > 0) & (time <= index), half, 0.0)
            return force, response.at[row].set(kicked), green, after

        force, response, after, afterwards = jax.lax.fori_loop(
            0, block, one, (force, jnp.zeros((block, count)), after, afterwards)
        )
        size = jnp.maximum(jnp.max(jnp.abs(response)), jnp.max(jnp.abs(after)))
        return (
            here - 1,
            jax.lax.dynamic_update_slice(forces, force, (first, 0)),
            jax.lax.dynamic_update_slice(responses, response, (first, 0)),
            after,
            afterwards,
            # NaN goes on, to be seen.
            (here == index // block) | ~(size < _DECAYED),
        )

    empty = jnp.zeros((times, count))
    none = jnp.zeros(count)
    start = (index // block, empty, empty, none, none, jnp.asarray(True))
    return jax.lax.while_loop(lambda carry: (carry[0] >= 0) & carry[5], blockwise, start)[2]
