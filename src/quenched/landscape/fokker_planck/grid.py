"""Equal cells in a box, and the velocity in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from quenched.dynamics.base import AbstractDynamics

# States whose velocity is computed at once: always as many, so that no grid compiles anew.
_TOGETHER = 4096
# Gauss-Legendre points between two centres: work along a path is then a potential difference up to O(width^6).
_NODES = 3


@dataclass(frozen=True)
class Grid:
    """The same number of cells along every axis; arrays over them have one axis each."""

    low: np.ndarray
    high: np.ndarray
    cells: int

    @property
    def size(self) -> int:
        return len(self.low)

    @property
    def widths(self) -> np.ndarray:
        widths: np.ndarray = (self.high - self.low) / self.cells
        return widths

    @property
    def volume(self) -> float:
        """Of one cell."""
        return float(np.prod(self.widths))

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.cells,) * self.size

    def centres(self, axis: int) -> np.ndarray:
        centres: np.ndarray = self.low[axis] + self.widths[axis] * (np.arange(self.cells) + 0.5)
        return centres

    def states(self) -> np.ndarray:
        """The centre of every cell, (x, [y,] neuron)."""
        return np.stack(np.meshgrid(*map(self.centres, range(self.size)), indexing="ij"), axis=-1)

    def at_wall(self) -> np.ndarray:
        """Whether a cell touches a wall."""
        inside = np.zeros(self.shape, bool)
        inside[(slice(1, -1),) * self.size] = True
        return ~inside


def velocities(dynamics: AbstractDynamics, states: np.ndarray, inputs: Any) -> np.ndarray:
    """F at many states, of the same shape."""
    flat = states.reshape(-1, dynamics.size)
    found = np.empty_like(flat)
    for first in range(0, len(flat), _TOGETHER):
        rows = flat[first : first + _TOGETHER]
        filled = np.resize(rows, (_TOGETHER, dynamics.size))
        found[first : first + len(rows)] = np.asarray(_velocities_compiled(dynamics, filled, inputs))[: len(rows)]
    bad = np.flatnonzero(~np.isfinite(found).all(axis=1))
    if bad.size:
        raise ValueError(
            f"Argument `velocity` must return finite numbers in the whole box, but does not at {flat[bad[0]].tolist()}; "
            "give a `box` inside of its domain."
        )
    return found.reshape(states.shape)


def work(dynamics: AbstractDynamics, grid: Grid, inputs: Any) -> list[np.ndarray]:
    """The integral of F from the centre of each cell to the next, for each axis: minus a potential difference, if any."""
    places, weights = np.polynomial.legendre.leggauss(_NODES)
    states, total = grid.states(), []
    for axis, width in enumerate(grid.widths):
        before = np.delete(states, -1, axis=axis)
        between = np.repeat(before[None], _NODES, axis=0)
        between[..., axis] += (0.5 * width * (1.0 + places)).reshape(-1, *[1] * grid.size)
        along = velocities(dynamics, between, inputs)[..., axis]
        total.append(0.5 * width * np.tensordot(weights, along, axes=1))
    return total


@eqx.filter_jit
def _velocities_compiled(dynamics: AbstractDynamics, states: Any, inputs: Any) -> Array:
    found: Array = jax.vmap(lambda state: dynamics.residual(state, inputs))(jnp.asarray(states))
    return found
