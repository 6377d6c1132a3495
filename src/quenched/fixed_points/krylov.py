"""The same search without Jacobians, for large systems: products of F' and its transpose with vectors are all it asks for.

A step minimises |F + F' d|^2 + damping |d|^2 by conjugate gradients on its normal equations, which from d = 0 never leave
the descent: every iterate lowers the model, however early it is taken (a truncated Gauss-Newton step).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from quenched import checks
from quenched.dynamics.base import AbstractDynamics

Vector = Float[Array, " neuron"]


class Krylov(eqx.Module):
    """How fixed points of large systems are searched, without a matrix of F'; changes nothing physical.

    Steps are those of `qd.landscape.LevenbergMarquardt`, their linear equations solved by conjugate gradients. A root is
    told with an estimate of how far it may be off, not proven.

    Arguments:
        max_steps: steps a start may take, rejected ones included.
        lanes: starts worked on side by side.
        tolerance: as of `qd.landscape.LevenbergMarquardt`.
        max_products: products with F' and with its transpose that a linear system may take, each.
        modes: eigenvalues at each fixed point, the fastest growing first.

    Raises:
        ValueError, TypeError: numbers that are not whole or below 1, a tolerance outside (0, 0.001].

    When it fails: products grow with the ratio of the largest singular value of F' to the smallest. Where eigenvalues of F'
    surround zero, as at the fixed points of a large chaotic network, there are about as many as neurons: `outcome` is then
    `out_of_steps` or `stalled`.

    Example:
        >>> import numpy as np, quenched as qd
        >>> pair = qd.Network(np.array([[0.0, 2.0], [2.0, 0.0]]))
        >>> found = qd.landscape.find_fixed_points(pair, starts=20, solver=qd.landscape.Krylov())
        >>> found.sizes["fixed_point"], found.stable.values.tolist(), found.certified.values.any().item()
        (3, [True, True, False], False)

    Source: Dembo & Steihaug 1983 (`dembo1983`, truncated steps); Yamashita & Fukushima 2001 (`yamashita2001`, the damping);
    Lehoucq, Sorensen & Yang 1998 (`lehoucq1998`, the eigenvalues).
    """

    max_steps: int = eqx.field(static=True, default=200)
    lanes: int = eqx.field(static=True, default=8)
    tolerance: float = eqx.field(static=True, default=1e-6)
    max_products: int = eqx.field(static=True, default=1000)
    modes: int = eqx.field(static=True, default=8)

    def __check_init__(self) -> None:
        for name in ("max_steps", "lanes", "max_products", "modes"):
            checks.count(name, getattr(self, name))
        checks.number("tolerance", self.tolerance, above=0.0, high=1e-3)


class Linearised(NamedTuple):
    """F at the states of all lanes, to first order."""

    gradient: Float[Array, "lane neuron"]
    """F'^T F."""
    mean_square: Float[Array, " lane"]
    """|F'|^2/N, in the norm of all entries."""
    solve: Callable[[Float[Array, " lane"], Float[Array, " lane"]], Float[Array, "lane neuron"]]
    """(F'^T F' + damping)^-1 F'^T F, given the damping and how exactly, relative to |F'^T F|."""


# Random vectors from which |F'|^2 is estimated; with one of N = 1000 numbers to some 3 %.
_PROBES = 2


def linearised_by_products(
    dynamics: AbstractDynamics, solver: Krylov, states: Array, speeds: Array, inputs: Array | None
) -> Linearised:
    """Without F'."""
    signs = jax.random.rademacher(jax.random.key(0), (_PROBES, dynamics.size), dtype=float)

    def begin(state: Array, speed: Array, given: Array | None) -> tuple[Array, Array]:
        forward, backward = products(dynamics, state, given)
        return backward(speed), jnp.mean(jax.vmap(forward)(signs) ** 2)

    def solved(state: Array, given: Array | None, right: Array, damping: Array, accuracy: Array) -> Array:
        return least_squares(*products(dynamics, state, given), right, damping, accuracy, solver.max_products)

    axis = None if inputs is None else 0
    gradient, mean_square = jax.vmap(begin, (0, 0, axis))(states, speeds, inputs)

    def solve(damping: Array, accuracy: Array) -> Array:
        return jax.vmap(solved, (0, axis, 0, 0, 0))(states, inputs, gradient, damping, accuracy)

    return Linearised(gradient, mean_square, solve)


def products(
    dynamics: AbstractDynamics, state: Vector, inputs: Array | None
) -> tuple[Callable[[Vector], Vector], Callable[[Vector], Vector]]:
    """Of F' and of its transpose with a vector."""
    _, forward = jax.linearize(lambda x: dynamics.residual(x, inputs), state)
    transposed = jax.linear_transpose(forward, state)
    return forward, lambda vector: transposed(vector)[0]


def least_squares(
    forward: Callable[[Vector], Vector],
    backward: Callable[[Vector], Vector],
    right: Vector,
    damping: Any,
    accuracy: Any,
    most: int,
) -> Vector:
    """(F'^T F' + damping)^-1 times the right-hand side, until so little of it is left, or after `most` products."""

    def normal(vector: Array) -> Array:
        return backward(forward(vector)) + damping * vector

    found: Vector = jax.scipy.sparse.linalg.cg(normal, right, tol=accuracy, maxiter=most)[0]
    return found


class Examined(NamedTuple):
    """A state after its last steps, and what is estimated there."""

    state: Vector
    residual: Float[Array, ""]
    """The largest velocity left."""
    smallest: Float[Array, ""]
    """The smallest singular value of F', from above."""
    distance: Float[Array, ""]
    """|F| and what rounding does to it, over that: how far the root is, to first order; infinite where F' is singular."""
    is_root: Bool[Array, ""]
    """Whether no more than rounding is left of F."""
    on_kink: Bool[Array, ""]
    """Whether F' jumps there."""


# Newton's steps go on as long as each leaves at most this part of F.
_SHRINKS, _MOST_STEPS = 0.5, 50
# Of a Newton step and of an inverse iteration, what its normal equations may leave.
_NEWTON, _INVERSE = 1e-8, 1e-4
_INVERSE_ITERATIONS = 6
# A singular value of this part of F' is as good as zero: inverse iteration is damped by it.
_NEGLIGIBLE = 1e-8
# What rounding may leave of F, relative to F' and the state; and what computing F loses.
_ROOT, _EPSILON = 1e-12, 1e-15
# How near a kink counts as at it, relative to the state, and the change of F' that a smooth one never has so near.
_AT, _JUMPS = 1e-8, 1e-4


def polish_and_examine(dynamics: AbstractDynamics, state: Vector, inputs: Array | None, solver: Krylov) -> Examined:
    """Newton's steps as long as they shrink F, and what is known of where they end."""
    most = 4 * solver.max_products

    def goes_on(carry: tuple[Array, Array, Array, Array]) -> Array:
        _, _, shrinks, steps = carry
        return shrinks & (steps < _MOST_STEPS)

    def again(carry: tuple[Array, Array, Array, Array]) -> tuple[Array, Array, Array, Array]:
        at, speed, _, steps = carry
        forward, backward = products(dynamics, at, inputs)
        moved = at - least_squares(forward, backward, backward(speed), 0.0, _NEWTON, most)
        after = dynamics.residual(moved, inputs)
        better = jnp.linalg.norm(after) < jnp.linalg.norm(speed)
        shrinks = jnp.linalg.norm(after) < _SHRINKS * jnp.linalg.norm(speed)
        return jnp.where(better, moved, at), jnp.where(better, after, speed), shrinks, steps + 1

    begin = (state, dynamics.residual(state, inputs), jnp.asarray(True), jnp.asarray(0))
    state, speed, _, _ = jax.lax.while_loop(goes_on, again, begin)
    forward, backward = products(dynamics, state, inputs)
    probe = jax.random.rademacher(jax.random.key(1), (dynamics.size,), dtype=float)
    scale, reach = jnp.sqrt(jnp.mean(forward(probe) ** 2)), 1.0 + jnp.max(jnp.abs(state))
    smallest = _smallest_singular_value(forward, backward, dynamics.size, (_NEGLIGIBLE * scale) ** 2, most)
    rounding = _EPSILON * (1.0 + scale) * reach * jnp.sqrt(dynamics.size)
    residual = jnp.max(jnp.abs(speed))
    is_root = (residual <= _ROOT * scale * reach) & dynamics.may_rest(state) & dynamics.admits(state, inputs)
    flat = smallest <= 10.0 * _NEGLIGIBLE * scale
    distance = jnp.where(flat, jnp.inf, (jnp.linalg.norm(speed) + rounding) / smallest)
    return Examined(state, residual, smallest, distance, is_root, _on_kink(dynamics, state, inputs, probe, reach))


def _smallest_singular_value(
    forward: Callable[[Vector], Vector], backward: Callable[[Vector], Vector], size: int, damping: Any, most: int
) -> Float[Array, ""]:
    """By inverse iteration on F'^T F': |F' v| of a unit vector v, hence never below the smallest; 0 where it fails."""

    def again(_: Array, vector: Array) -> Array:
        found = least_squares(forward, backward, vector, damping, _INVERSE, most)
        return found / jnp.linalg.norm(found)

    vector = jax.random.normal(jax.random.key(2), (size,))
    vector = jax.lax.fori_loop(0, _INVERSE_ITERATIONS, again, vector / jnp.linalg.norm(vector))
    return jnp.nan_to_num(jnp.linalg.norm(forward(vector)))


def _on_kink(dynamics: AbstractDynamics, state: Vector, inputs: Array | None, probe: Vector, reach: Array) -> Array:
    """Whether F' differs between two sides of the state, by more than a smooth one can."""

    def slope(at: Array) -> Array:
        return jax.jvp(lambda x: dynamics.residual(x, inputs), (at,), (probe,))[1]

    corner = jax.random.rademacher(jax.random.key(3), state.shape, dtype=float)
    one, other = (slope(state + side * _AT * reach * corner) for side in (1.0, -1.0))
    return jnp.max(jnp.abs(one - other)) > _JUMPS * jnp.max(jnp.abs(one))
