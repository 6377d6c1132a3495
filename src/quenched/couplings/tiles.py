"""Gaussian couplings in square tiles, each drawn from a key of its own: any part of a matrix can be drawn alone."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key

from quenched.couplings.base import AbstractCouplings
from quenched.precision import double_precision

SIDE = 1024
"""Neurons on a side of a tile. It is part of the law: another side makes other networks of the same key."""

Index = int | Int[Array, ""]


class AbstractTiled(AbstractCouplings):
    """Couplings J_ij that are one function of i, j and two independent normal numbers, one of (i, j) and one of (j, i).

    A matrix of at most `SIDE` neurons takes its numbers from the key itself. A larger one is cut into tiles of that side;
    the numbers of tile (I, J) come from the key folded with I and then with J. They depend on nothing else, so that the
    network is the same whoever draws which tiles.
    """

    @abstractmethod
    def random_part(self, size: int, rows: Array, columns: Array, normals: Array, mirrored: Array) -> Array:
        """What is random of J, of mean 0, at these rows and columns; `mirrored` are the numbers of the transposed places."""

    @abstractmethod
    def mean_part(self, size: int, rows: Array, columns: Array) -> Any:
        """The mean of J there; None if there is none."""

    @abstractmethod
    def correlated(self) -> Bool[Array, ""]:
        """Whether J_ij depends on the numbers of (j, i)."""

    @property
    def balanced(self) -> bool:
        """Whether the average of the random part of each whole row is subtracted."""
        return False

    @double_precision
    def draw(self, size: int, key: Key[Array, ""]) -> Float[Array, "neuron neuron"]:
        """J, its populations one after another."""
        return rows_of(self, size, key, 0, size)


def tiles_across(size: int) -> int:
    """How many tiles lie side by side."""
    return -(-size // SIDE)


def tile_normals(key: Key[Array, ""], row: Index, column: Index) -> Float[Array, "row column"]:
    """The normal numbers of one tile."""
    return jax.random.normal(jax.random.fold_in(jax.random.fold_in(key, row), column), (SIDE, SIDE))


def tile_places(size: int, index: Index) -> Int[Array, " neuron"]:
    """The neurons of a row or column of tiles; beyond the last one the last again."""
    return jnp.minimum(index * SIDE + jnp.arange(SIDE), size - 1)


def whole(law: AbstractTiled, size: int, key: Key[Array, ""]) -> Float[Array, "neuron neuron"]:
    """J of few neurons, without tiles."""
    places, normals = jnp.arange(size), jax.random.normal(key, (size, size))
    random = law.random_part(size, places, places, normals, normals.T)
    if law.balanced:
        random = random - jnp.mean(random, axis=1, keepdims=True)
    return _with_mean(law, size, places, places, random)


def rows_of(
    law: AbstractTiled, size: int, key: Key[Array, ""], first: Index, count: int, dtype: str = "float64"
) -> Float[Array, "row neuron"]:
    """J of so many neurons from the `first` on; what stands in rows beyond the size means nothing."""
    if size <= SIDE:
        rows = whole(law, size, key).astype(dtype)
        known = isinstance(first, int) and count == size
        return rows if known else jax.lax.dynamic_slice_in_dim(jnp.pad(rows, ((0, count), (0, 0))), first, count)
    averages = _cut(row_averages(law, size, key, first, count), first, count) if law.balanced else None

    def columns(index: Index) -> Float[Array, "row column"]:
        found = _cut(_stacked(lambda row: tile(law, size, key, row, index), first, count), first, count)
        return (found if averages is None else found - averages[:, None]).astype(dtype)

    def put(index: Index, rows: Array) -> Array:
        return jax.lax.dynamic_update_slice_in_dim(rows, columns(index), index * SIDE, axis=1)

    last = tiles_across(size) - 1
    rows = jax.lax.fori_loop(0, last, put, jnp.zeros((count, size), dtype))
    return rows.at[:, last * SIDE :].set(columns(last)[:, : size - last * SIDE])


def tile(law: AbstractTiled, size: int, key: Key[Array, ""], row: Index, column: Index) -> Float[Array, "row column"]:
    """J of one tile, before rows are balanced."""
    places = tile_places(size, row), tile_places(size, column)
    return _with_mean(law, size, *places, _random_tile(law, size, key, row, column))


def row_averages(law: AbstractTiled, size: int, key: Key[Array, ""], first: Index, count: int) -> Float[Array, " row"]:
    """Of the random part of J, over each whole row of the tiles that hold these rows."""

    def of_tile_row(row: Index) -> Float[Array, " row"]:
        def more(column: Index, sums: Array) -> Array:
            inside = column * SIDE + jnp.arange(SIDE) < size
            return sums + jnp.sum(jnp.where(inside, _random_tile(law, size, key, row, column), 0.0), axis=1)

        return jax.lax.fori_loop(0, tiles_across(size), more, jnp.zeros(SIDE)) / size

    return _stacked(of_tile_row, first, count)


def _random_tile(law: AbstractTiled, size: int, key: Key[Array, ""], row: Index, column: Index) -> Array:
    normals = tile_normals(key, row, column)
    mirrored = jax.lax.cond(law.correlated(), lambda: tile_normals(key, column, row).T, lambda: jnp.zeros((SIDE, SIDE)))
    return law.random_part(size, tile_places(size, row), tile_places(size, column), normals, mirrored)


def _with_mean(law: AbstractTiled, size: int, rows: Array, columns: Array, random: Array) -> Array:
    mean = law.mean_part(size, rows, columns)
    return random if mean is None else mean + random


def _stacked(of_tile_row: Callable[[Index], Array], first: Index, count: int) -> Array:
    """What each row of tiles gives, one below the other, as far as they hold the rows asked for."""
    high = tiles_across(count) if isinstance(first, int) and first == 0 else tiles_across(count - 1) + 1
    found = jax.lax.map(of_tile_row, first // SIDE + jnp.arange(high))
    return found.reshape(high * SIDE, *found.shape[2:])


def _cut(stacked: Array, first: Index, count: int) -> Array:
    return jax.lax.dynamic_slice_in_dim(stacked, first % SIDE, count)
