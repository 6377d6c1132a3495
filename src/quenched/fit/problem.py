"""A theory as a function of the free parameters, with its derivatives, beside the data."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.linalg import cholesky, solve_triangular

from quenched.compiled import compiled
from quenched.fit.data import Measured
from quenched.fit.parameters import Free, Made, Named
from quenched.solution import Solution
from quenched.solve import solve
from quenched.status import Status
from quenched.theory import AbstractExperiment, AbstractTheory


class Asked(eqx.Module):
    """What is solved for the model at some values of its free parameters."""

    build: Named | Made
    way: AbstractTheory | AbstractExperiment
    solver: Any
    start: str | None = eqx.field(static=True)
    key: Array | None
    quantities: tuple[str, ...] = eqx.field(static=True)

    def solve(self, values: Array) -> Solution:
        """The solution, whatever its status."""
        return solve(self.build(values), self.way, solver=self.solver, start=self.start, key=self.key, throw=False)

    def row(self, arrays: Any, suffix: str = "") -> Array:
        """The quantities one after another; 0 for errors that there are not."""
        return jnp.concatenate([jnp.ravel(arrays.get(f"{name}{suffix}", 0.0 * arrays[name])) for name in self.quantities])


class Point(NamedTuple):
    """The theory at some values of the free parameters, against data."""

    values: np.ndarray
    predicted: np.ndarray
    slopes: np.ndarray
    """(number, parameter)."""
    errors: np.ndarray
    """Of the theory."""
    status: Status


def _linearised(asked: Asked, values: Array) -> tuple[Array, tuple[Array, Array, Array]]:
    def predict(values: Array) -> tuple[Array, tuple[Array, Array, Array]]:
        solution = asked.solve(values)
        row = asked.row(solution.arrays)
        # A theory's errors are numbers that it has found, not functions to be differentiated.
        errors = jax.lax.stop_gradient(asked.row(solution.arrays, "_error"))
        return row, (row, errors, jnp.max(jnp.asarray(solution.status)))

    slopes, rest = jax.jacfwd(predict, has_aux=True)(values)
    return slopes, rest


_linearised_compiled = compiled(hurried=True)(_linearised)


def _sampled(asked: Asked, values: Array, keys: Array) -> Array:
    """The quantities of each sample of a sampled theory."""
    way = asked.way
    assert isinstance(way, AbstractExperiment)
    measure = partial(way.measure, asked.build(values), asked.solver)
    return jax.lax.map(lambda key: asked.row(measure(key).arrays), keys)


_sampled_compiled = compiled(hurried=True)(_sampled)


class Problem:
    """Residuals in units of their errors, all independent, as the least squares want them. Counts how often it is asked."""

    def __init__(self, asked: Asked, measured: Measured, free: Free):
        self.asked, self.free = asked, free
        self.evaluations = 0
        self._last: Point | None = None
        self.measure(measured)

    def measure(self, measured: Measured) -> None:
        """Take these data from now on."""
        self.measured = measured
        self.data = measured.flat
        self.triangle = cholesky(measured.trusted, lower=True)

    def white(self, rows: np.ndarray) -> np.ndarray:
        """Numbers like the data, (number) or (number, ...), in units in which weights are 1."""
        return np.asarray(solve_triangular(self.triangle, rows, lower=True))

    def at(self, values: np.ndarray) -> Point:
        """The theory there; the last point is remembered, for residuals and slopes are asked for one after the other."""
        if self._last is None or not np.array_equal(self._last.values, values):
            self.evaluations += 1
            slopes, (predicted, errors, code) = jax.device_get(_linearised_compiled(self.asked, jnp.asarray(values)))
            status = Status(int(code))
            if status == Status.solved and not (np.isfinite(predicted).all() and np.isfinite(slopes).all()):
                status = Status.not_finite
            self._last = Point(np.array(values), predicted, slopes, errors, status)
        return self._last

    def residuals(self, values: np.ndarray) -> np.ndarray:
        """Infinite where the theory has no answer: no step leads there."""
        point = self.at(values)
        if point.status != Status.solved:
            return np.full(self.data.shape, np.inf)
        return self.white(point.predicted - self.data)

    def slopes(self, values: np.ndarray) -> np.ndarray:
        """Of the residuals, (number, parameter)."""
        return self.white(self.at(values).slopes)

    def sample_deviations(self, values: np.ndarray) -> Float[np.ndarray, "sample number"] | None:
        """How far each sample of a sampled theory is from their mean; None where nothing is sampled."""
        way = self.asked.way
        if not isinstance(way, AbstractExperiment) or self.asked.key is None:
            return None
        keys = jax.random.split(self.asked.key, way.samples)
        rows = jax.device_get(_sampled_compiled(self.asked, jnp.asarray(values), keys))
        return np.asarray(rows - rows.mean(axis=0))
