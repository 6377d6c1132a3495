"""Fixed points of maps with very many unknowns: repeated application, extrapolated by Anderson's method (1965)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from quenched import checks

Map = Callable[[Array], Array]

# The least-squares problem of the extrapolation, its columns of unit length, is damped by this much.
_DAMPING = 1e-12
# Root mean square change, in units of the unknowns, from which there is no way back.
_RUNAWAY = 1e8


class Anderson(eqx.Module):
    """How a self-consistent sample is found; changes nothing physical.

    Arguments:
        tolerance: root mean square change of the unknowns, in their own units, that counts as solved.
        max_steps: applications of the map before a sample is given the status `out_of_steps`.
        depth: earlier steps used in the extrapolation. Each keeps two copies of the unknowns.
        extrapolate_below: change below which steps are extrapolated; above it the map is only applied. Extrapolation may
            end at a fixed point from which the map itself moves away, such as the state of rest of a chaotic network.

    Raises:
        ValueError, TypeError: a tolerance outside (0, 0.001], a change that is not above 0, numbers of steps that are not
            whole or below 1.

    Example:
        >>> import quenched as qd
        >>> theory = qd.dmft.StationarySampled((0.0, 1.0), window=32, trajectories=8, scramblings=2, scheme="euler")
        >>> solution = qd.solve(qd.RandomNetwork(gain=0.5, symmetry=0.5, noise=0.5), theory, solver=qd.dmft.Anderson(1e-6))
        >>> bool(solution.residual < 1e-6)
        True

    Source: Anderson 1965, Journal of the ACM 12, 547.
    """

    tolerance: float = eqx.field(static=True, default=1e-12)
    max_steps: int = eqx.field(static=True, default=400)
    depth: int = eqx.field(static=True, default=6)
    extrapolate_below: float = eqx.field(static=True, default=1e-2)

    def __check_init__(self) -> None:
        checks.number("tolerance", self.tolerance, above=0.0, high=1e-3)
        checks.count("max_steps", self.max_steps)
        checks.count("depth", self.depth)
        checks.number("extrapolate_below", self.extrapolate_below, above=0.0)


class FixedPoint(NamedTuple):
    """Where the iteration ended."""

    unknowns: Array
    residual: Float[Array, ""]
    """Root mean square of the last application's change."""
    steps: Array


class _Carry(NamedTuple):
    unknowns: Array
    step: Array
    """The one that led here."""
    change: Array
    """What the map did where that step began."""
    past_steps: Array
    past_changes: Array
    size: Float[Array, ""]
    steps: Array


def fixed_point(update: Map, guess: Array, solver: Anderson) -> FixedPoint:
    """Find u = update(u), beginning at `guess`.

    Its derivative with respect to whatever `update` depends on is that of the implicit function, in forward and in reverse
    mode: (1 - d update / d u)^-1 applied by the same iteration, so that no step is stored.
    """

    def solve(change: Map, first: Array) -> tuple[Array, tuple[Array, Array]]:
        found = _iterate(change, first, solver)
        return found.unknowns, (found.residual, found.steps.astype(float))

    def solve_linear(change: Map, target: Array) -> Array:
        size = jnp.sqrt(jnp.mean(target**2))
        size = jnp.where(size > 0.0, size, 1.0)
        always = Anderson(min(solver.tolerance, 1e-12), solver.max_steps, solver.depth, 1e30)
        return size * _iterate(lambda v: change(v) - target / size, -target / size, always).unknowns

    def tangent(change: Map, target: Array) -> Array:
        return jax.lax.custom_linear_solve(change, target, solve_linear, transpose_solve=solve_linear)

    unknowns, (residual, steps) = jax.lax.custom_root(lambda u: update(u) - u, guess, solve, tangent, has_aux=True)
    return FixedPoint(unknowns, jax.lax.stop_gradient(residual), jax.lax.stop_gradient(steps).astype(jnp.int32))


def _iterate(change: Map, guess: Array, solver: Anderson) -> FixedPoint:
    """`change(u)` is update(u) - u."""

    def advance(carry: _Carry) -> _Carry:
        now = change(carry.unknowns)
        size = _size(now)
        # The first application has nothing before it to compare with.
        before, began = (carry.steps - 1) % solver.depth, jnp.where(carry.steps > 0, 1.0, 0.0)
        past_steps = carry.past_steps.at[before].set(carry.step)
        past_changes = carry.past_changes.at[before].set(began * (now - carry.change))
        weights = _extrapolation(now, past_changes)
        weights = jnp.where(size < solver.extrapolate_below, weights, 0.0)
        step = now - jnp.tensordot(weights, past_steps + past_changes, 1)
        return _Carry(carry.unknowns + step, step, now, past_steps, past_changes, size, carry.steps + 1)

    def unfinished(carry: _Carry) -> Array:
        return (carry.size > solver.tolerance) & (carry.size < _RUNAWAY) & (carry.steps < solver.max_steps)

    past, nothing = jnp.zeros((solver.depth, *guess.shape)), jnp.zeros_like(guess)
    first = _Carry(guess, nothing, nothing, past, past, jnp.asarray(0.1 * _RUNAWAY), jnp.zeros((), jnp.int32))
    last: Any = jax.lax.while_loop(unfinished, advance, first)
    return FixedPoint(last.unknowns, last.size, last.steps)


def _extrapolation(change: Array, past_changes: Float[Array, "depth ..."]) -> Float[Array, " depth"]:
    """The combination of past changes nearest to the present one."""
    columns = past_changes.reshape(past_changes.shape[0], -1)
    length = jnp.sqrt(jnp.sum(columns**2, axis=1))
    unit = jnp.where(length > 0.0, 1.0 / jnp.where(length > 0.0, length, 1.0), 0.0)
    gram = unit[:, None] * (columns @ columns.T) * unit + _DAMPING * jnp.eye(len(columns))
    return unit * jnp.linalg.solve(gram, unit * (columns @ change.reshape(-1)))


def _size(change: Array) -> Float[Array, ""]:
    # XLA's comparisons may pass over NaN: an infinite size ends the iteration.
    square = jnp.mean(change**2)
    return jnp.where(jnp.isfinite(square), jnp.sqrt(square), jnp.inf)
