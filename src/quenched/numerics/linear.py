"""Linear equations for a handful of unknowns."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Inexact

_HALVINGS, _TERMS = 10, 12


def solve_small(matrix: Inexact[Array, "row row"], right: Inexact[Array, " row"]) -> Inexact[Array, " row"]:
    """matrix^-1 right."""
    return solve_with_sign(matrix, right)[0]


def solve_with_sign(
    matrix: Inexact[Array, "row row"], right: Inexact[Array, " row"]
) -> tuple[Inexact[Array, " row"], Inexact[Array, ""]]:
    """matrix^-1 right, and the sign of det(matrix).

    Gaussian elimination with partial pivoting, written out: for up to some ten unknowns.

    XLA's LAPACK, in a batch, waits for XLA's threads from within one of them: two such calls at once on two threads may wait
    for ever. This one is also what can be batched without a call for each matrix.
    """
    size, sign = right.size, jnp.ones(())
    if size == 1:
        return right / matrix[0], jnp.sign(matrix[0, 0])
    rows = jnp.concatenate([matrix, right[:, None]], axis=1)
    for column in range(size):
        order = jnp.arange(column, size)
        best = column + jnp.argmax(jnp.abs(rows[column:, column]))
        pivot, replaced = rows[best], rows[column]
        sign *= jnp.sign(pivot[column]) * jnp.where(best == column, 1.0, -1.0)
        below = jnp.where((order == best)[:, None], replaced, rows[column:])[1:]
        rows = rows.at[column].set(pivot).at[column + 1 :].set(below - (below[:, column] / pivot[column])[:, None] * pivot)
    solved: list[Array] = []
    for row in reversed(range(size)):
        known = sum((rows[row, row + 1 + place] * each for place, each in enumerate(solved)), jnp.zeros(()))
        solved.insert(0, (rows[row, size] - known) / rows[row, row])
    return jnp.stack(solved), sign


def solve_columns(matrix: Inexact[Array, "row row"], right: Inexact[Array, "row column"]) -> Inexact[Array, "row column"]:
    """matrix^-1 right."""
    found: Array = jax.vmap(solve_small, (None, 1), 1)(matrix, right)
    return found


def exponential(matrix: Float[Array, "row row"]) -> Float[Array, "row row"]:
    """exp(matrix), by its series after halving it ten times; to rounding for entries up to some hundred.

    Written out for the same reason.
    """
    halved = matrix / 2.0**_HALVINGS
    term = total = jnp.eye(len(matrix))
    for order in range(1, _TERMS + 1):
        term = term @ halved / order
        total = total + term
    for _ in range(_HALVINGS):
        total = total @ total
    return total
