"""Weights of one network: what is refused, and the form in which they are kept."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from quenched import checks
from quenched.precision import own_settings


def checked_weights(weights: Any) -> Any:
    """Weights as a network keeps them: NumPy's float64, or JAX's sparse ones; a tracer as it is."""
    if hasattr(weights, "tocoo"):
        return _sparse(weights)
    if isinstance(weights, jax.core.Tracer) or hasattr(
        weights, "todense"
    ):  # another network's, JAX's sparse ones among them
        return weights
    if getattr(weights, "dtype", None) == np.bool_:
        weights = np.asarray(weights, dtype=np.float64)  # who is connected to whom
    # NumPy, a copy: in a program that keeps JAX in 32 bits it stays as it is, whatever is done with it.
    matrix = checks.numbers("Argument `weights`", weights)
    check_square(matrix.shape)
    check_finite(matrix)
    return matrix


def _sparse(weights: Any) -> Any:
    from jax.experimental import sparse

    check_real(weights.dtype)
    check_square(weights.shape)
    check_finite(weights)
    coordinates = weights.tocoo()
    with own_settings():
        indices = np.stack([coordinates.row, coordinates.col], axis=1)
        entries = jnp.array(coordinates.data, dtype=jnp.float64)
        return sparse.BCOO((entries, jnp.asarray(indices)), shape=weights.shape)


def check_real(dtype: np.dtype[Any]) -> None:
    """Refuse what is not numbers, or not real ones."""
    if dtype.kind not in "fiub":
        raise TypeError(f"Argument `weights` must hold real numbers, but holds {dtype}.")


def check_square(shape: tuple[int, ...]) -> None:
    """Refuse what is not (neuron, neuron)."""
    if len(shape) != 2 or shape[0] != shape[1] or shape[0] == 0:
        raise ValueError(f"Argument `weights` must be a square matrix (neuron, neuron), but has shape {tuple(shape)}.")


def check_finite(matrix: Any) -> None:
    """Refuse NaN and infinity, dense or sparse, and say where."""
    if hasattr(matrix, "tocoo"):
        coordinates = matrix.tocoo()
        rows, columns, entries = coordinates.row, coordinates.col, coordinates.data
    else:
        (rows, columns), entries = np.indices(matrix.shape).reshape(2, -1), np.ravel(matrix)
    bad = np.flatnonzero(~np.isfinite(entries))
    if bad.size:
        row, column, value = rows[bad[0]], columns[bad[0]], entries[bad[0]]
        raise ValueError(f"Argument `weights` must be finite, but weights[{row}, {column}] is {value}.")
