"""The eigenvalues of F' that decide on stability, from products of F' with vectors (ARPACK)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from quenched.dynamics.base import AbstractDynamics
from quenched.fixed_points.stability import jacobian_compiled

Product = Callable[[np.ndarray], np.ndarray]

# Of an eigenvalue, relative to F'; and vectors kept, so many for each eigenvalue and at least; and restarts.
_TOLERANCE, _KEPT_FOR_EACH, _LEAST_KEPT, _RESTARTS = 1e-9, 5, 40, 300
# Of the eigenvalues that are left, which need only be further left.
_ROUGH = 1e-3
# Eigenvalues this near the border of stability, relative to F', are on neither side.
_BORDER = 1e-7
# F' is moved this far to the right, relative to its size: what is projected out, at zero, is then further left than others.
_SHIFT = 1.37
# Eigenvalues are looked for among the others at most so often, so many at a time.
_LOOKS, _AT_A_TIME = 4, 2


class Rightmost(NamedTuple):
    """Eigenvalues of F' of a flow, of S' of a map, the fastest growing first."""

    values: np.ndarray
    vectors: np.ndarray
    """Columns of length 1."""
    growth: np.ndarray
    """The real part, of a map the logarithm of the modulus."""
    residuals: np.ndarray
    """|F' v - value v|: how much F' would have to change for the value to be exact."""
    border: float
    """Growths below this are on neither side of the border."""
    complete: bool
    """Whether all that grow are among them, as far as ARPACK has found."""

    @property
    def marginal(self) -> np.ndarray:
        """Which are on the border."""
        return np.abs(self.growth) <= self.border + self.residuals

    @property
    def grows(self) -> np.ndarray:
        """Which grow for certain."""
        return (self.growth > 0.0) & ~self.marginal

    @property
    def known(self) -> bool:
        """Whether it is known of every direction that it grows or decays."""
        return self.complete and not bool(self.marginal.any())


def rightmost(dynamics: AbstractDynamics, state: np.ndarray, inputs: Any, count: int) -> Rightmost:
    """Those that grow fastest at a state.

    ARPACK may find one of several that are equal. What it has found is therefore projected out, and the others are searched
    again, until none of them grows faster than those that are known.
    """
    is_map, size = dynamics.kind == "map", dynamics.size

    def product(vector: np.ndarray) -> np.ndarray:
        along = np.asarray(_product_compiled(dynamics, state, inputs, vector))
        return along + vector if is_map else along

    scale = float(np.sqrt(np.mean(product(np.sign(np.random.default_rng(0).normal(size=size))) ** 2))) or 1.0
    border = _BORDER * (1.0 if is_map else scale)
    if size <= max(2 * count, _LEAST_KEPT):
        matrix = np.asarray(jacobian_compiled(dynamics, state, inputs)) + (np.eye(size) if is_map else 0.0)
        return _of_basis(np.eye(size), matrix, is_map, border, True)
    shift = 0.0 if is_map else _SHIFT * scale
    rough, complete, rest = _ROUGH * (1.0 if is_map else scale), False, -np.inf
    vectors, _, _ = _arnoldi(product, np.zeros((size, 0)), shift, count, is_map, _TOLERANCE)
    basis, images = _basis_and_images(product, vectors)
    for _ in range(_LOOKS):
        slowest = np.min(_growths(np.linalg.eigvals(basis.T @ images), is_map), initial=np.inf)
        _, converged, growth = _arnoldi(product, basis, shift, 1, is_map, _ROUGH)
        rest = float(np.max(growth, initial=-np.inf))
        # All that grow are in the basis, whether or not all that were asked for have converged.
        complete = converged and rest < -border - rough
        if not converged or not rest > slowest + rough:
            break
        vectors, _, _ = _arnoldi(product, basis, shift, _AT_A_TIME, is_map, _TOLERANCE)
        basis, images = _basis_and_images(product, np.concatenate([basis, vectors], axis=1))
    found = _of_basis(basis, images, is_map, border, complete)
    # Slower than the fastest of the others, more may be missing between them.
    kept = found.growth >= rest - rough
    return found._replace(
        values=found.values[kept],
        vectors=found.vectors[:, kept],
        growth=found.growth[kept],
        residuals=found.residuals[kept],
    )


def _arnoldi(
    product: Product, basis: np.ndarray, shift: float, count: int, is_map: bool, tolerance: float
) -> tuple[np.ndarray, bool, np.ndarray]:
    """Eigenvectors outside of a basis, whether all have converged, and their growths."""
    # Not at the top: `import quenched` should be quick.
    from scipy.sparse.linalg import ArpackError, ArpackNoConvergence, LinearOperator, eigs

    size = len(basis)

    def outside(vector: np.ndarray) -> np.ndarray:
        return vector - basis @ (basis.T @ vector)

    def moved(vector: np.ndarray) -> np.ndarray:
        vector = outside(np.ravel(vector))
        return outside(product(vector) + shift * vector)

    operator = LinearOperator((size, size), matvec=moved, dtype=float)
    begin = outside(np.random.default_rng(basis.shape[1]).normal(size=size))
    kept = min(max(_KEPT_FOR_EACH * count, _LEAST_KEPT), size - 1)
    try:
        values, vectors = eigs(
            operator, k=count, which="LM" if is_map else "LR", ncv=kept, tol=tolerance, maxiter=_RESTARTS, v0=begin
        )
    except ArpackNoConvergence as unfinished:
        return unfinished.eigenvectors, False, _growths(unfinished.eigenvalues - shift, is_map)
    except ArpackError:
        return np.zeros((size, 0)), False, np.zeros(0)
    return vectors, True, _growths(values - shift, is_map)


def _of_basis(basis: np.ndarray, images: np.ndarray, is_map: bool, border: float, complete: bool) -> Rightmost:
    """Eigenvalues of a matrix within an invariant subspace, of which an orthonormal basis and its image are given."""
    values, within = np.linalg.eig(basis.T @ images)
    growth = _growths(values, is_map)
    order = np.argsort(-growth, kind="stable")
    values, within, growth = values[order], within[:, order], growth[order]
    vectors = basis @ within
    residuals = np.linalg.norm(images @ within - vectors * values, axis=0)
    return Rightmost(values, vectors, growth, residuals, border, complete)


def _growths(values: np.ndarray, is_map: bool) -> np.ndarray:
    found: np.ndarray = np.log(np.maximum(np.abs(values), 1e-300)) if is_map else values.real
    return found


def _basis_and_images(product: Product, vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """An orthonormal basis of what they span, and its image."""
    # A real eigenvector has no imaginary part, and a complex pair is there twice.
    left, lengths, _ = np.linalg.svd(np.concatenate([vectors.real, vectors.imag], axis=1), full_matrices=False)
    basis = left[:, lengths > 1e-8 * np.max(lengths, initial=1e-300)]
    return basis, np.stack([product(column) for column in basis.T], axis=1) if basis.size else basis


@eqx.filter_jit
def _product_compiled(dynamics: AbstractDynamics, state: Any, inputs: Any, vector: Any) -> Array:
    return jax.jvp(lambda x: dynamics.residual(x, inputs), (jnp.asarray(state),), (jnp.asarray(vector),))[1]
