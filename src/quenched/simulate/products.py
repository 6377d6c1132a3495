"""Weights in forms that a simulation can multiply rates with: whatever has a product need not be a matrix."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

Rates = Float[Array, "neuron trial"]


class AbstractWeights(eqx.Module):
    """J of one network. `weights @ rates` is J times (neuron, trial)."""

    size: int = eqx.field(static=True)
    """N."""

    @property
    def shape(self) -> tuple[int, int]:
        """(neuron, neuron)."""
        return self.size, self.size

    @abstractmethod
    def __matmul__(self, rates: Rates) -> Rates:
        """The product, in float64."""

    def todense(self) -> Float[Array, "neuron neuron"]:
        """J as a matrix, for small networks."""
        return self @ jnp.eye(self.size)


class SumOfWeights(AbstractWeights):
    """J' + J'' + ..., each in its own form."""

    parts: tuple[Any, ...]

    def __matmul__(self, rates: Rates) -> Rates:
        first, *others = (part @ rates for part in self.parts)
        return sum(others, start=first)


class Loadings(AbstractWeights):
    """J = m n^T/N of low rank."""

    left: Float[Array, "neuron rank"]
    """m."""
    right: Float[Array, "rank neuron"]
    """n."""

    def __matmul__(self, rates: Rates) -> Rates:
        return self.left @ (self.right @ rates / self.size)


class Rounded(AbstractWeights):
    """Some rows of J in float32, all of them or those of one device; the sums of a product in float32 or float64."""

    rows: Float[Array, "row neuron"]
    sums: str = eqx.field(static=True)

    def __matmul__(self, rates: Rates) -> Float[Array, "row trial"]:
        return product(self.rows, rates, self.sums)


def product(rows: Float[Array, "row neuron"], rates: Rates, sums: str) -> Float[Array, "row trial"]:
    """In float64, of rows in float64 or float32."""
    if rows.dtype == jnp.float64:
        return rows @ rates
    if sums == "float32":
        return (rows @ rates.astype(jnp.float32)).astype(jnp.float64)
    # A few rows at a time, the last ones perhaps twice: XLA would make a copy of the whole matrix in float64.
    count, some = rows.shape[0], min(_WIDENED, rows.shape[0])

    def add_some(index: Array, sums: Array) -> Array:
        first = jnp.minimum(index * some, count - some)
        wide = jax.lax.dynamic_slice_in_dim(rows, first, some).astype(jnp.float64)
        return jax.lax.dynamic_update_slice_in_dim(sums, wide @ rates, first, axis=0)

    return jax.lax.fori_loop(0, -(-count // some), add_some, jnp.zeros((count, rates.shape[1])))


# Rows that are widened to float64 together. N = 4000 on 2 busy cores: 8.2 ms with 128, 9.9 with 32; a matrix in float64 4.9.
_WIDENED = 128


class SparseRows(AbstractWeights):
    """Few weights in each row: entry k of every row side by side, for the first few k, and a list of what is left.

    XLA adds such columns of entries in vector instructions; a list of entries it adds one by one.
    """

    values: Float[Array, "slot neuron"]
    columns: Int[Array, "slot neuron"]
    rest: tuple[Float[Array, " entry"], Int[Array, " entry"], Int[Array, " entry"]]
    """Values, rows and columns; as long as the whole list might be, and of it this many count:"""
    count: Int[Array, ""]

    def __matmul__(self, rates: Rates) -> Rates:
        def add_slot(slot: Array, sums: Rates) -> Rates:
            return sums + self.values[slot][:, None] * _sent(rates, self.columns[slot])

        def add_some(index: Array, sums: Rates) -> Rates:
            values, rows, columns = (jax.lax.dynamic_slice_in_dim(each, index * _TOGETHER, _TOGETHER) for each in self.rest)
            return sums.at[rows].add(values[:, None] * _sent(rates, columns), mode="promise_in_bounds")

        sums = jax.lax.fori_loop(0, self.values.shape[0], add_slot, jnp.zeros_like(rates), unroll=_SLOTS)
        return jax.lax.fori_loop(0, -(-self.count // _TOGETHER), add_some, sums)


# Slots that are added in one pass. N = 20 000, degree 20 on one core: 0.51 ms, with one slot a pass 0.73 ms; SciPy's
# compressed rows 0.40 ms, JAX's BCOO 0.82 ms.
_SLOTS = 4
# Entries of the rest that are added in one go.
_TOGETHER = 4096


def sparse_rows(
    values: Float[Array, " entry"],
    rows: Int[Array, " entry"],
    columns: Int[Array, " entry"],
    size: int,
    slots: int,
    dtype: str,
) -> SparseRows:
    """Entries of a matrix in any order; two in one place add up."""
    order = jnp.argsort(rows)
    values, rows, columns = values[order].astype(dtype), rows[order].astype("int32"), columns[order].astype("int32")
    begin = jnp.searchsorted(rows, jnp.arange(size))
    slot = jnp.arange(len(rows)) - begin[rows]
    beyond = slot >= slots
    # What has no slot goes to the front of the list of what is left; all else out of it, and the other way round.
    place = jnp.where(beyond, jnp.cumsum(beyond) - 1, len(rows) + _TOGETHER)
    slot = jnp.where(beyond, slots, slot)

    def in_slots(each: Array) -> Array:
        return jnp.zeros((slots, size), each.dtype).at[slot, rows].set(each, mode="drop")

    def left(each: Array) -> Array:
        return jnp.zeros(len(rows) + _TOGETHER, each.dtype).at[place].set(each, mode="drop")

    rest = left(values), left(rows), left(columns)
    return SparseRows(size, in_slots(values), in_slots(columns), rest, jnp.sum(beyond))


def _sent(rates: Rates, neurons: Int[Array, " entry"]) -> Float[Array, "entry trial"]:
    return rates.at[neurons].get(mode="promise_in_bounds")
