"""Neurons that are linear but for one function of one number: their answer to a wave, in time steps."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from quenched.numerics.linear import exponential, solve_small
from quenched.precision import own_settings
from quenched.units.base import AbstractUnit

# Where functions are compared, and how alike is the same.
_SEED, _POINTS, _SAME = 0, 7, 1e-9


class LinearPart(NamedTuple):
    """dx/dt = matrix x + drive f, or x' = matrix x + drive f, where f is the input, or a function of it."""

    matrix: Float[Array, "variable variable"]
    drive: Float[Array, " variable"]


class WaveAnswer(NamedTuple):
    """What waves of f, piecewise linear between time steps, and white noise become."""

    state: Complex[Array, "frequency variable"]
    noise: Complex[Array, "frequency variable kick"]
    """Of independent kicks of unit variance in each step."""


def shape_of(unit: AbstractUnit) -> str | None:
    """Where the one nonlinear function is: "rate" after the linear part, "input" before it, None if that is not so.

    Compared at random states and inputs; a unit whose parameters are traced is taken for what it is with others.
    """
    concrete = jax.tree.map(lambda leaf: np.ones(np.shape(leaf)) if isinstance(leaf, jax.core.Tracer) else leaf, unit)
    random = np.random.default_rng(_SEED)
    size = concrete.state_size
    with own_settings(), jax.ensure_compile_time_eval():
        states = jnp.asarray(random.normal(size=(size, _POINTS) if size > 1 else _POINTS))
        fields = jnp.asarray(random.normal(size=_POINTS))
        along, of_field = concrete.drift_slopes(states, fields)
        other = concrete.drift_slopes(states[..., ::-1], fields)[1]
        rate_slope = jnp.reshape(concrete.rate_slope(states), (size, _POINTS))

    def constant(values: Any) -> bool:
        return bool(np.all(np.ptp(np.asarray(values), axis=-1) < _SAME))

    if not constant(along):
        return None
    if constant(of_field) and np.all(np.asarray(rate_slope)[1:] == 0.0):
        return "rate"
    return "input" if constant(rate_slope) and np.allclose(of_field, other, atol=_SAME) else None


def linear_part(unit: AbstractUnit) -> LinearPart:
    """Of a unit that has one; where the nonlinear function is of the input, that function drives the first variable."""
    size = unit.state_size
    zero = jnp.zeros((size,) if size > 1 else ())
    along, of_field = unit.drift_slopes(zero, jnp.zeros(()))
    if shape_of(unit) == "input":
        of_field = jnp.eye(size)[0]
    return LinearPart(jnp.reshape(along, (size, size)), jnp.reshape(of_field, (size,)))


def answer(linear: LinearPart, waves: Complex[Array, " frequency"], step: Any) -> WaveAnswer:
    """To f_n = wave^n: of a flow in time steps `step`, exact for what is linear between them; of a map if that is None."""
    size = linear.drive.size
    if step is None:
        carried, level, ramp, kicks = linear.matrix, linear.drive, jnp.zeros(size), jnp.eye(size)[:, :1]
    else:
        # The exponential of the linear part beside what a constant and a growing f add to it.
        both = jnp.zeros((size + 2, size + 2)).at[:size, :size].set(linear.matrix).at[:size, size].set(linear.drive)
        whole = exponential(step * both.at[size, size + 1].set(1.0))
        carried, level, ramp = whole[:size, :size], whole[:size, size], whole[:size, size + 1] / step
        kicks = _kicks(linear.matrix, step)
    forcing = level + ramp * (waves[:, None] - 1.0)
    pushes = jnp.concatenate([forcing[..., None], jnp.broadcast_to(kicks + 0j, (waves.size, *kicks.shape))], axis=2)
    found = jax.vmap(lambda wave, push: _solve(wave * jnp.eye(size) - carried, push))(waves, pushes)
    return WaveAnswer(found[..., 0], found[..., 1:])


def impulse(linear: LinearPart, times: Float[Array, " lag"], is_map: bool) -> Float[Array, "lag variable"]:
    """The state after a pulse of f at time 0; of a map after one at the step before."""
    if not is_map:
        return jax.vmap(lambda time: exponential(time * linear.matrix) @ linear.drive)(times)

    def power(time: Array) -> Array:
        return jax.lax.fori_loop(0, jnp.maximum(time - 1, 0).astype(int), lambda _, x: linear.matrix @ x, linear.drive)

    return jnp.where(times[:, None] > 0.0, jax.vmap(power)(times), 0.0)


def _kicks(matrix: Float[Array, "variable variable"], step: Any) -> Float[Array, "variable kick"]:
    """A root of the covariance that white noise on the first variable adds in a step."""
    size = len(matrix)
    white = jnp.zeros((size, size)).at[0, 0].set(1.0)
    whole = exponential(step * jnp.block([[-matrix, white], [jnp.zeros((size, size)), matrix.T]]))
    covariance = whole[size:, size:].T @ whole[:size, size:]
    # Written out: LAPACK does not run in a batch.
    columns = []
    for column in range(size):
        pivot = jnp.maximum(covariance[column, column], 0.0)
        each = covariance[:, column] / jnp.sqrt(jnp.where(pivot > 0.0, pivot, 1.0)) * jnp.where(pivot > 0.0, 1.0, 0.0)
        columns.append(each)
        covariance = covariance - jnp.outer(each, each)
    return jnp.stack(columns, axis=1)


def _solve(matrix: Complex[Array, "row row"], right: Complex[Array, "row column"]) -> Complex[Array, "row column"]:
    size = len(matrix)
    if size == 1:
        return right / matrix[0, 0]
    real = jnp.block([[matrix.real, -matrix.imag], [matrix.imag, matrix.real]])
    columns = jax.vmap(lambda column: solve_small(real, column))(jnp.concatenate([right.real, right.imag]).T)
    return (columns[:, :size] + 1j * columns[:, size:]).T
