"""Eigenvalues of the couplings and Jacobians of given networks: all of them, or those that grow fastest."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Complex, Float

from quenched.activations import Linear
from quenched.dynamics.base import AbstractDynamics
from quenched.dynamics.network_flow import NetworkFlow
from quenched.fixed_points.large import with_fast_products
from quenched.fixed_points.rightmost import rightmost
from quenched.fixed_points.stability import jacobian_compiled
from quenched.models import Network
from quenched.numerics.memory import refuse_what_does_not_fit
from quenched.numerics.threads import one_blas_thread

# Matrices of this size that LAPACK has at once.
_COPIES = 4
# Where products find too few, as of eigenvalues that lie close together, matrices up to this size are made after all.
_SMALL = 2000


class Eigenvalues(NamedTuple):
    """The fastest growing first."""

    values: Complex[np.ndarray, " mode"]
    residuals: Float[np.ndarray, " mode"]
    """How much the matrix would have to change for each to be exact."""
    complete: bool
    """Whether there are as many as were asked for."""

    def first(self, count: int) -> Eigenvalues:
        """So many of them."""
        return Eigenvalues(self.values[:count], self.residuals[:count], self.complete)


def of_weights(weights: Any, count: int | None) -> Eigenvalues:
    """Of J, all of them or some with the largest real parts."""
    if count is None:
        dense = np.asarray(weights.todense() if hasattr(weights, "todense") else weights)
        return _of_matrix(dense, False)
    # The flow of linear neurons has the Jacobian J - 1.
    found = _fastest(with_fast_products(NetworkFlow(Network(weights, Linear()))), np.zeros(weights.shape[0]), None, count)
    if not found.complete and weights.shape[0] <= _SMALL:
        return of_weights(weights, None).first(count)
    return found._replace(values=found.values + 1.0)


def of_states(dynamics: AbstractDynamics, states: list[Any], inputs: list[Any], count: int | None) -> list[Eigenvalues]:
    """Of the Jacobian at each state, under its inputs."""
    if count is not None:
        fast = with_fast_products(dynamics)
        with one_blas_thread():
            found = [_fastest(fast, state, given, count) for state, given in zip(states, inputs, strict=True)]
        if dynamics.size > _SMALL or all(each.complete for each in found):
            return found
        return [each.first(count) for each in of_states(dynamics, states, inputs, None)]
    refuse_matrix(dynamics.size)
    is_map, unit = dynamics.kind == "map", np.eye(dynamics.size)
    matrices = (np.asarray(jacobian_compiled(dynamics, state, given)) for state, given in zip(states, inputs, strict=True))
    # F' of a map is S' - 1.
    return [_of_matrix(matrix + unit if is_map else matrix, is_map) for matrix in matrices]


def refuse_matrix(size: int) -> None:
    """Refuse a matrix that would not fit."""
    refuse_what_does_not_fit(
        8 * _COPIES * size**2,
        f"All eigenvalues of {size} numbers",
        "their number, or give `rightmost=` for those that grow fastest",
    )


def _of_matrix(matrix: np.ndarray, is_map: bool) -> Eigenvalues:
    values = np.linalg.eigvals(matrix)
    order = np.argsort(-(np.abs(values) if is_map else values.real), kind="stable")
    size = len(matrix) * np.finfo(float).eps * np.linalg.norm(matrix)
    return Eigenvalues(values[order].astype(complex), np.full(len(values), size), True)


def _fastest(dynamics: AbstractDynamics, state: np.ndarray, inputs: Any, count: int) -> Eigenvalues:
    found = rightmost(dynamics, np.asarray(state), inputs, count)
    known = min(count, len(found.values))
    values, residuals = np.full(count, np.nan + 0j), np.full(count, np.nan)
    values[:known], residuals[:known] = found.values[:known], found.residuals[:known]
    return Eigenvalues(values, residuals, known == count)
