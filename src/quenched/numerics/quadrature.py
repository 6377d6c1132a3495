"""Nodes and weights on an interval whose ends may depend on traced values.

The rule is Gauss-Legendre in s on each piece between breakpoints, after x = centre + width sinh(s): a feature of size
`width` around `centre` is resolved however long the interval is, and kinks at the breakpoints cost nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from quenched import checks

Scalar = Float[Array, ""] | float

# Whatever is analytic between its breakpoints is resolved by far fewer.
MOST_NODES = 1000
# Up to here NumPy's own, whose time is the cube of the count: 2000 nodes take half a minute.
_FEW = 256


def check_nodes(name: str, value: Any, low: int = 8) -> int:
    """A number of quadrature nodes."""
    if checks.count(name, value, low=low) > MOST_NODES:
        raise ValueError(
            f"Argument `{name}` must be at most {MOST_NODES}, but is {value}: the error falls exponentially with the nodes, "
            "and what so many do not resolve is a kink or a jump that is not among the `breakpoints` of the activation."
        )
    return int(value)


@lru_cache
def gauss_legendre(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights on [-1, 1], in increasing order."""
    rule: tuple[np.ndarray, np.ndarray]
    if count <= _FEW:
        rule = np.polynomial.legendre.leggauss(count)
    else:
        from scipy.special import roots_legendre

        rule = roots_legendre(count)
    for each in rule:
        each.flags.writeable = False
    return rule


def sinh_legendre(
    edges: Sequence[Scalar], count: int, centre: Scalar = 0.0, width: Scalar = 1.0
) -> tuple[Float[Array, " node"], Float[Array, " node"]]:
    """Nodes and weights for the integral over [edges[0], edges[-1]], `count` nodes on each piece between edges.

    Error: rho^(-2 count) a piece, with rho the Bernstein ellipse of the integrand in s. Edges must not decrease; equal
    ones give an empty piece, so shapes never change with their values.
    """
    abscissae, gauss_weights = gauss_legendre(count)
    s_edges = jnp.arcsinh((jnp.stack([jnp.asarray(edge) for edge in edges]) - centre) / width)
    half, middle = 0.5 * jnp.diff(s_edges), 0.5 * (s_edges[1:] + s_edges[:-1])
    s = middle[:, None] + half[:, None] * abscissae
    nodes = centre + width * jnp.sinh(s)
    weights = half[:, None] * width * jnp.cosh(s) * gauss_weights
    return nodes.reshape(-1), weights.reshape(-1)


def clip_breakpoints(breakpoints: Sequence[Scalar], low: Scalar, high: Scalar) -> list[Array]:
    """The breakpoints in increasing order, those outside [low, high] moved onto its ends."""
    if not breakpoints:
        return []
    ordered = jnp.sort(jnp.clip(jnp.stack([jnp.asarray(point) for point in breakpoints]), low, high))
    return [ordered[index] for index in range(len(breakpoints))]


# The outermost-point search covers scale * [1e-4, 1e8] on a geometric grid.
_FIRST_DECADE, _LAST_DECADE, _GRID = -4.0, 8.0, 54


def outermost(inside: Callable[[Array], Array], scale: Scalar) -> Float[Array, ""]:
    """The distance t beyond which `inside(t)` stays False, within 2 % above it.

    Infinity if it is still True at 1e8 scale; the lower end of the range, 1e-4 scale, if it is never True.
    """
    step = (_LAST_DECADE - _FIRST_DECADE) / (_GRID - 1)
    hit = inside(scale * 10.0 ** jnp.asarray(np.linspace(_FIRST_DECADE, _LAST_DECADE, _GRID)))
    last = jnp.max(jnp.where(hit, jnp.arange(_GRID), -1))
    low = _FIRST_DECADE + step * last

    def bisect(_: Array, bracket: tuple[Array, Array]) -> tuple[Array, Array]:
        lower, upper = bracket
        middle = 0.5 * (lower + upper)
        within = inside(scale * 10.0**middle)
        return jnp.where(within, middle, lower), jnp.where(within, upper, middle)

    _, high = jax.lax.fori_loop(0, 5, bisect, (low, low + step))
    return jnp.where(last == _GRID - 1, jnp.inf, scale * 10.0**high)
