"""Neurons that are linear but for one function of one number: their answer to a wave, in time steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from quenched.numerics.linear import exponential, solve_columns, solve_small
from quenched.precision import own_settings
from quenched.units.base import AbstractUnit

# Where functions are compared: random numbers of every size between these powers of ten.
_SEED, _POINTS, _SIZES = 0, 40, (-2.0, 3.0)
# How alike is the same.
_SAME = 1e-9


class LinearPart(NamedTuple):
    """dx/dt = matrix x + drive f + constant, or x' likewise, where f is the input, or a function of it; and what is read."""

    matrix: Float[Array, "variable variable"]
    drive: Float[Array, " variable"]
    constant: Float[Array, " variable"]
    readout: Float[Array, " variable"]
    """Of the state the rate is a function of readout . x: the first variable, or the rate itself but for a constant."""


class WaveAnswer(NamedTuple):
    """What waves of f, piecewise linear between time steps, and white noise become."""

    state: Complex[Array, "frequency variable"]
    noise: Complex[Array, "frequency variable kick"]
    """Of independent kicks of unit variance in each step."""


class LinearSteps(NamedTuple):
    """The linear part from one time step to the next."""

    linear: LinearPart
    carried: Float[Array, "variable variable"]
    """What the state becomes."""
    level: Float[Array, " variable"]
    """What a constant f adds."""
    ramp: Float[Array, " variable"]
    """What f adds that grows by 1 from the step's beginning to its end."""
    kicks: Float[Array, "variable kick"]
    """A root of the covariance that white noise adds."""

    def answer(self, waves: Complex[Array, " frequency"]) -> WaveAnswer:
        """To f_n = wave^n."""
        size = self.level.size
        forcing = self.level + self.ramp * (waves[:, None] - 1.0)
        pushes = jnp.concatenate(
            [forcing[..., None], jnp.broadcast_to(self.kicks + 0j, (waves.size, *self.kicks.shape))], axis=2
        )
        found = jax.vmap(lambda wave, push: solve_columns(wave * jnp.eye(size) - self.carried, push))(waves, pushes)
        return WaveAnswer(found[..., 0], found[..., 1:])


class _Slopes(NamedTuple):
    """Derivatives at random states and inputs."""

    along: np.ndarray
    of_field: np.ndarray
    elsewhere: np.ndarray
    """By the input again, at other states."""
    rate: np.ndarray
    fields: np.ndarray


def _probed(unit: AbstractUnit) -> _Slopes:
    """A unit whose parameters are traced is taken for what it is with others."""
    concrete = jax.tree.map(lambda leaf: np.ones(np.shape(leaf)) if isinstance(leaf, jax.core.Tracer) else leaf, unit)
    random = np.random.default_rng(_SEED)
    size = concrete.state_size

    def numbers(*shape: int) -> np.ndarray:
        return random.normal(size=shape) * 10.0 ** random.uniform(*_SIZES, size=shape)

    with own_settings(), jax.ensure_compile_time_eval():
        states, fields = jnp.asarray(numbers(size, _POINTS)), jnp.asarray(numbers(_POINTS))
        states = states if size > 1 else states[0]
        along, of_field = concrete.drift_slopes(states, fields)
        elsewhere = concrete.drift_slopes(states[..., ::-1], fields)[1]
        rate = concrete.rate_slope(states)
    along, of_field, elsewhere, rate = (np.asarray(each).reshape(-1, _POINTS) for each in (along, of_field, elsewhere, rate))
    return _Slopes(along, of_field, elsewhere, rate, np.asarray(fields))


def shape_of(unit: AbstractUnit) -> str | None:
    """Where the one nonlinear function is: "rate" after the linear part, "input" before it, None if that is not so."""
    slopes = _probed(unit)

    def constant(values: np.ndarray) -> bool:
        return bool(np.all(np.ptp(values, axis=-1) < _SAME))

    if not constant(slopes.along):
        return None
    if constant(slopes.of_field) and np.all(slopes.rate[1:] == 0.0):
        return "rate"
    row, column = _strongest(slopes)
    direction = slopes.of_field[:, column] / (slopes.of_field[row, column] or 1.0)
    one = np.allclose(slopes.of_field, np.outer(direction, slopes.of_field[row]), atol=_SAME)
    same = np.allclose(slopes.of_field, slopes.elsewhere, atol=_SAME)
    return "input" if one and same and constant(slopes.rate) else None


def _strongest(slopes: _Slopes) -> tuple[int, int]:
    """The variable and the point where the input does most."""
    row, column = np.unravel_index(np.argmax(np.abs(slopes.of_field)), slopes.of_field.shape)
    return int(row), int(column)


def driving(unit: AbstractUnit) -> Callable[[Array], Array]:
    """f, where it is of the input."""
    row, _ = _strongest(_probed(unit))

    def function(field: Array) -> Array:
        size = unit.state_size
        zero = jnp.zeros((size, *field.shape)) if size > 1 else jnp.zeros_like(field)
        moved = unit.drift(zero, field)
        return moved[row] if size > 1 else moved

    return function


def linear_part(unit: AbstractUnit) -> LinearPart:
    """Of a unit that has one."""
    size = unit.state_size
    zero = jnp.zeros((size,) if size > 1 else ())
    along, of_field = unit.drift_slopes(zero, jnp.zeros(()))
    constant = jnp.reshape(unit.drift(zero, jnp.zeros(())), (size,))
    matrix, drive, readout = jnp.reshape(along, (size, size)), jnp.reshape(of_field, (size,)), jnp.eye(size)[0]
    if shape_of(unit) == "input":
        slopes = _probed(unit)
        row, column = _strongest(slopes)
        drive = jnp.reshape(unit.drift_slopes(zero, jnp.asarray(slopes.fields[column]))[1], (size,))
        drive = drive / jnp.where(drive[row] == 0.0, 1.0, drive[row])
        # What is constant in f itself is counted with f.
        constant, readout = constant - drive * constant[row], jnp.reshape(unit.rate_slope(zero), (size,))
    return LinearPart(matrix, drive, constant, readout)


def resting_mean(linear: LinearPart, level: Array, is_map: bool) -> Float[Array, " variable"]:
    """The state at a constant f."""
    matrix = jnp.eye(linear.drive.size) - linear.matrix if is_map else -linear.matrix
    return solve_small(matrix, linear.drive * level + linear.constant)


def in_steps(linear: LinearPart, step: Any) -> LinearSteps:
    """Of a flow in time steps `step`, exact for what is linear between them; of a map if that is None."""
    size = linear.drive.size
    if step is None:
        return LinearSteps(linear, linear.matrix, linear.drive, jnp.zeros(size), jnp.eye(size)[:, :1])
    # The exponential of the linear part beside what a constant and a growing f add to it.
    both = jnp.zeros((size + 2, size + 2)).at[:size, :size].set(linear.matrix).at[:size, size].set(linear.drive)
    whole = exponential(step * both.at[size, size + 1].set(1.0))
    carried, level, ramp = whole[:size, :size], whole[:size, size], whole[:size, size + 1] / step
    return LinearSteps(linear, carried, level, ramp, _kicks(linear.matrix, step))


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
