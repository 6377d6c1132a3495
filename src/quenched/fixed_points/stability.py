"""Which directions grow at a fixed point, which decay, and of which rounding leaves it open."""

from __future__ import annotations

from typing import Any, NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from quenched.dynamics.base import AbstractDynamics

# Of eigenvalues that rounding may have moved across, so many places on the border are looked at, the nearest first.
_LOOKED_AT = 50
# Inverse iteration is trusted to come as near as this factor to the least singular value.
_NEAR_ENOUGH = 1e3


class Spectrum(NamedTuple):
    """Eigenvalues of F' of a flow, of S' of a map, the fastest growing first."""

    values: np.ndarray
    vectors: np.ndarray
    """Columns of length 1."""
    growth: np.ndarray
    """The real part, of a map the logarithm of the modulus."""
    marginal: np.ndarray
    """Which ones a change of the matrix within its error puts on the border of stability."""

    @property
    def grows(self) -> np.ndarray:
        """Which directions grow for certain."""
        return (self.growth > 0.0) & ~self.marginal

    @property
    def stable(self) -> bool:
        """Whether all directions decay for certain."""
        return not np.any((self.growth >= 0.0) | self.marginal)


def spectrum(dynamics: AbstractDynamics, state: Any, inputs: Any = None, certificate: float = 0.0) -> Spectrum:
    """The spectrum at a fixed point; its `certificate` h says how far F' may be from that at the true root."""
    matrix = np.asarray(jacobian_compiled(dynamics, state, inputs))
    error = len(matrix) * np.finfo(float).eps * np.linalg.norm(matrix)
    if certificate > 0.0:
        # The root is within 2 |F'^-1 F|, where F' differs by at most 2 h / |F'^-1|.
        error += 2.0 * certificate / np.linalg.norm(np.linalg.inv(matrix), np.inf)
    if dynamics.kind == "map":
        matrix = matrix + np.eye(dynamics.size)
    values, vectors = np.linalg.eig(matrix)
    modulus = np.maximum(np.abs(values), 1e-300)
    growth = values.real if dynamics.kind == "flow" else np.log(modulus)
    order = np.argsort(-growth, kind="stable")
    values, vectors, growth, modulus = values[order], vectors[:, order], growth[order], modulus[order]
    border = 1j * values.imag if dynamics.kind == "flow" else values / modulus
    return Spectrum(values, vectors, growth, _marginal(matrix, values, vectors, border, error))


def _marginal(matrix: np.ndarray, values: np.ndarray, vectors: np.ndarray, border: np.ndarray, error: float) -> np.ndarray:
    """Which eigenvalues are on the border after a change of the matrix of size `error`: where matrix - z, z the nearest
    point of the border, has a singular value that small (the pseudospectrum)."""
    found = np.zeros(len(values), bool)
    away = np.abs(values - border)
    lengths = np.linalg.svd(vectors, compute_uv=False)
    # Bauer and Fike: an eigenvalue moves by at most the condition of the eigenvectors times the change.
    suspect = np.flatnonzero(away * lengths[-1] <= error * lengths[0])
    found[suspect] = True
    waiting = suspect[np.argsort(away[suspect], kind="stable")]
    triangle = _triangle(matrix) if waiting.size else matrix
    for _ in range(_LOOKED_AT):
        if not waiting.size:
            break
        # One of a complex pair stands for both, one of many at a place for all.
        here = border[waiting[0]]
        same = np.abs(border[waiting] - np.where(border[waiting].imag * here.imag < 0, here.conj(), here)) <= error
        found[waiting[same]] = _is_singular(matrix, triangle, here, 2.0 * error)
        waiting = waiting[~same]
    return found


def _triangle(matrix: np.ndarray) -> np.ndarray:
    """Its triangular form, in a unitary basis."""
    # Not at the top: `import quenched` should be quick.
    from scipy.linalg import schur

    found: np.ndarray = schur(matrix, output="complex")[0]
    return found


def _is_singular(matrix: np.ndarray, triangle: np.ndarray, shift: complex, within: float) -> bool:
    """Whether matrix - shift has a singular value that small. Inverse iteration from a random vector comes down to the least
    one, and is near it after two rounds: only where that is small are all of them computed."""
    from scipy.linalg import LinAlgError, solve_triangular

    shifted = triangle - shift * np.eye(len(triangle))
    vector = np.random.default_rng(0).normal(size=len(triangle)).astype(complex)
    size: float = np.inf
    try:
        for transposed in ("N", "C", "N", "C"):
            vector = solve_triangular(shifted, vector / np.linalg.norm(vector), trans=transposed, check_finite=False)
            size = min(size, float(1.0 / np.linalg.norm(vector)))
    except LinAlgError:
        size = 0.0
    if size > _NEAR_ENOUGH * within:
        return False
    return bool(np.linalg.svd(matrix - shift * np.eye(len(matrix)), compute_uv=False)[-1] <= within)


def real_parts(vector: np.ndarray) -> list[np.ndarray]:
    """Unit vectors that span what an eigenvector and its conjugate span: one of a real one, two of a complex one."""
    # The phase at which the real part is longest.
    vector = vector * np.exp(-0.5j * np.angle(np.sum(vector**2)))
    parts = [vector.real, vector.imag]
    return [part / np.linalg.norm(part) for part in parts if np.linalg.norm(part) > 1e-6 * np.linalg.norm(vector)]


def nearest(states: np.ndarray, of_input: np.ndarray | None = None) -> np.ndarray:
    """How far the nearest other point under the same input is, in the largest difference of any neuron."""
    found = np.full(len(states), np.inf)
    group = np.zeros(len(states), int) if of_input is None else of_input
    for row, state in enumerate(states):
        others = (group == group[row]) & (np.arange(len(states)) != row)
        if others.any():
            found[row] = np.min(np.max(np.abs(states[others] - state), axis=1))
    return found


@eqx.filter_jit
def jacobian_compiled(dynamics: AbstractDynamics, state: Any, inputs: Any) -> Array:
    """The Jacobian at one state."""
    return dynamics.jacobian(jnp.asarray(state), inputs)
