"""One root between two bounds, and Newton's method from where that ends: each function compiled once, not once a use."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from quenched.numerics.linear import solve_small
from quenched.numerics.self_consistency import Residual

Found = tuple[Float[Array, ""], tuple[Array, ...]]


def illinois(
    excess: Callable[[Array], Found], low: Float[Array, ""], high: Float[Array, ""], steps: int
) -> tuple[Float[Array, ""], tuple[Array, ...], Float[Array, ""]]:
    """Where `excess`, negative at low, positive at high, vanishes: regula falsi, a bound that stays losing half its weight.

    `excess` returns a number and whatever else is wanted with it. Returns the last place, what came with it, and the width
    of the bracket. No derivative.
    """

    def narrow(_: Array, state: tuple[Array, ...]) -> tuple[Array, ...]:
        low, high, below, above, _middle, *_rest = state
        middle = (low * above - high * below) / (above - below)
        middle = jnp.where((middle >= low) & (middle <= high), middle, 0.5 * (low + high))
        value, rest = excess(middle)
        under = value < 0.0
        return (
            jnp.where(under, middle, low),
            jnp.where(under, high, middle),
            jnp.where(under, value, 0.5 * below),
            jnp.where(under, 0.5 * above, value),
            middle,
            *rest,
        )

    empty = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), jax.eval_shape(excess, low)[1])
    # The values at the bounds are not known: equal weights begin with a bisection.
    first = (low, high, -jnp.ones_like(low), jnp.ones_like(low), low, *empty)
    low, high, _, _, middle, *rest = jax.lax.fori_loop(0, steps, narrow, first)
    return middle, tuple(rest), high - low


class Near(NamedTuple):
    """An approximate root and the Jacobian one step before it."""

    unknowns: Float[Array, " unknown"]
    jacobian: Float[Array, "unknown unknown"]
    residual: Float[Array, ""]
    """One step before, too: the root's own is about its square."""
    steps: Int[Array, ""]


def newton_nearby(residual: Residual, guess: Float[Array, " unknown"], tolerance: float, max_steps: int) -> Near:
    """Plain Newton steps from a guess that is close already, the last one from below the tolerance. No derivative."""
    eye = jnp.eye(guess.size)

    def advance(state: tuple[Array, Array, Array, Array]) -> tuple[Array, Array, Array, Array]:
        trial, _, _, steps = state
        value, push = jax.linearize(residual, trial)
        jacobian = jax.vmap(push, out_axes=1)(eye)
        size = jnp.where(jnp.all(jnp.isfinite(value)), jnp.max(jnp.abs(value)), jnp.inf)
        return trial - solve_small(jacobian, value), jacobian, size, steps + 1

    def unfinished(state: tuple[Array, Array, Array, Array]) -> Array:
        _, _, size, steps = state
        return (size > tolerance) & (steps < max_steps) & ((steps == 0) | jnp.isfinite(size))

    first = (guess, eye, jnp.asarray(jnp.inf), jnp.zeros((), jnp.int32))
    return Near(*jax.lax.while_loop(unfinished, advance, first))
