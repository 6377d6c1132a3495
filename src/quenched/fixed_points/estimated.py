"""The list of distinct roots of a search without Jacobians. Nothing of them is proven."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from quenched.dynamics.base import AbstractDynamics
from quenched.fixed_points.collection import Collection, bent_compiled, residual_compiled
from quenched.fixed_points.equation import equation_of
from quenched.fixed_points.krylov import Examined, Krylov, polish_and_examine

# Of Newton's step from a candidate to a root, the part by which it may miss it.
_BENT = 0.1
# Roots closer than this, relative to their size, are one, unless their estimated distances say that they may be further off.
_SAME = 1e-8
# A mirror image that moves faster than this, relative to its size, is no fixed point.
_RESTS = 1e-9


class EstimatedRoots(Collection):
    """Roots as they are found, on the host. Two are one if they are closer than each may be off."""

    def __init__(self, dynamics: AbstractDynamics, inputs: np.ndarray | None, solver: Krylov):
        self.dynamics, self.inputs, self.solver = dynamics, inputs, solver
        self.equation = equation_of(dynamics, inputs, reduced=False)
        self.roots: list[Examined] = []
        self.of_input = []

    def add(self, candidates: np.ndarray, of_input: np.ndarray, belongs: np.ndarray | None = None) -> np.ndarray:
        """As of `Collection`."""
        belongs = np.full(len(candidates), -1) if belongs is None else belongs
        for row, (state, condition) in enumerate(zip(candidates, of_input, strict=True)):
            belongs[row] = self._leads_to(state, int(condition))
            if belongs[row] < 0:
                found = jax.device_get(_examined_compiled(self.dynamics, state, self.given(condition), self.solver))
                belongs[row] = self._place(found, int(condition)) if found.is_root else -1
        return belongs

    def add_mirror_images(self) -> None:
        """-x for every x, where it is a fixed point too."""
        for root, condition in list(zip(self.roots, self.of_input, strict=True)):
            image = -np.asarray(root.state)
            speed = np.max(np.abs(residual_compiled(self.dynamics, image, self.given(condition))))
            if speed <= _RESTS * (1.0 + np.max(np.abs(image))):
                self.add(image[None], np.array([condition]))

    def _leads_to(self, state: np.ndarray, condition: int) -> int:
        """The root that Newton's method leads to from here, as far as the estimates say; -1 for none."""
        nearest, apart = self._nearest(state, condition)
        root, given = self.roots[nearest] if nearest >= 0 else None, self.given(np.array([condition]))
        # On a line of roots Newton's method leads to any of them.
        if root is None or not np.isfinite(root.distance):
            return -1
        bent = float(bent_compiled(self.dynamics, np.asarray(root.state)[None], state[None], given)[0])
        # Of all entries together, at most the square root of their number times the largest.
        off = np.sqrt(self.dynamics.size) * bent / max(float(root.smallest), 1e-300)
        return nearest if off <= _BENT * apart else -1

    def _nearest(self, state: np.ndarray, condition: int) -> tuple[int, float]:
        rows = np.flatnonzero(np.array(self.of_input, int) == condition)
        if not rows.size:
            return -1, np.inf
        apart = np.array([np.max(np.abs(np.asarray(self.roots[row].state) - state)) for row in rows])
        return int(rows[np.argmin(apart)]), float(np.min(apart))

    def _place(self, root: Any, of_input: int) -> int:
        state = np.asarray(root.state)
        nearest, apart = self._nearest(state, of_input)
        size = 1.0 + np.max(np.abs(state))
        # Of a line of roots, where the distance is infinite, those are listed that the search can tell apart.
        off = min(2.0 * float(root.distance), self.solver.tolerance * size)
        if nearest >= 0 and apart <= max(off, _SAME * size):
            return nearest
        self.of_input.append(of_input)
        self.roots.append(root)
        return len(self.roots) - 1


@eqx.filter_jit
def _examined_compiled(dynamics: AbstractDynamics, state: Any, inputs: Any, solver: Krylov) -> Examined:
    return polish_and_examine(dynamics, jnp.asarray(state), inputs, solver)
