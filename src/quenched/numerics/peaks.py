"""Integrals of exp(-height(x)) that may have several narrow peaks anywhere.

Panels are halved where the height changes much within them and forgotten where the weight is nothing; what is left is
integrated by Gauss-Legendre, each panel of a weight that changes by some e^8 at most. No peak has to be known before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from quenched.numerics.quadrature import gauss_legendre

Height = Callable[[Array], Array]
Carry = tuple[Array, Array, Array, Array, Array, Array, Array]

# A weight below exp(-42) of the largest is nothing; and how much the height may change within a panel at a peak.
_NOTHING, _SMOOTH = 42.0, 8.0
_PIECES, _MOST_HALVINGS = 4, 40


class Nodes(NamedTuple):
    """A quadrature rule."""

    x: Float[Array, " node"]
    weights: Float[Array, " node"]
    fits: Bool[Array, ""]
    """Whether the panels were enough, and nothing lies beyond the outermost edges."""


def peak_nodes(height: Height, edges: Float[Array, " edge"], panels: int, count: int) -> Nodes:
    """Nodes for integrals with the weight exp(-height) between the outermost edges, `count` on each panel.

    Arguments:
        height: a function of arrays of x. It carries no derivative.
        edges: where to begin, in increasing order: kinks, and no further apart than anything that is wide.
        panels: how many panels there may be at once.
    """
    grid = jnp.asarray(np.linspace(0.0, 1.0, _PIECES + 1))

    def look(left: Array, width: Array, best: Array) -> tuple[Array, Array, Array]:
        """The lowest height so far, which panels may matter, and which should be halved."""
        seen = height(left[:, None] + width[:, None] * grid)
        low, change = jnp.min(seen, axis=1), jnp.max(seen, axis=1) - jnp.min(seen, axis=1)
        there = width > 0.0
        best = jnp.minimum(best, jnp.min(jnp.where(there, low, jnp.inf)))
        # Between samples it may go below them by about as much as it changes between them.
        matters = there & (low - 0.5 * change < best + _NOTHING)
        return best, matters, matters & (change > _SMOOTH + 0.5 * (low - best))

    def unfinished(carry: Carry) -> Array:
        return jnp.any(carry[3]) & (carry[5] < _MOST_HALVINGS)

    def halve(carry: Carry) -> Carry:
        left, width, matters, coarse, fits, steps, best = carry
        half = jnp.where(coarse, 0.5 * width, width)
        lefts, widths = jnp.concatenate([left, left + half]), jnp.concatenate([half, half])
        wanted = jnp.concatenate([matters, coarse])
        place = jnp.where(wanted, jnp.cumsum(wanted) - 1, panels)
        left = jnp.zeros(panels).at[place].set(lefts, mode="drop")
        width = jnp.zeros(panels).at[place].set(widths, mode="drop")
        best, matters, coarse = look(left, width, best)
        return left, width, matters, coarse, fits & (jnp.sum(wanted) <= panels), steps + 1, best

    first = len(edges) - 1
    left = jnp.zeros(panels).at[:first].set(edges[:-1])
    width = jnp.zeros(panels).at[:first].set(jnp.diff(edges))
    best, matters, coarse = look(left, width, jnp.asarray(jnp.inf))
    start = (left, width, matters, coarse, jnp.asarray(True), jnp.asarray(0), best)
    left, width, matters, coarse, fits, _, best = jax.lax.while_loop(unfinished, halve, start)
    width = jnp.where(matters, width, 0.0)
    inside = jnp.all(height(jnp.stack([edges[0], edges[-1]])) > best + _NOTHING)
    abscissae, gauss = gauss_legendre(count)
    x = left[:, None] + 0.5 * width[:, None] * (1.0 + abscissae)
    return Nodes(x.reshape(-1), (0.5 * width[:, None] * gauss).reshape(-1), fits & inside & ~jnp.any(coarse))
