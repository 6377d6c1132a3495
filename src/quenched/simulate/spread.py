"""Weights of one network on several devices, and weights that are recomputed from their keys in each product."""

from __future__ import annotations

from functools import cache, partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, PartitionSpec
from jaxtyping import Array, Float, Int, Key

from quenched.couplings import tiles
from quenched.couplings.tiles import AbstractTiled, tile_normals, tile_places
from quenched.simulate.products import AbstractWeights, Rates, product

_SPLIT, _WHOLE = PartitionSpec("row"), PartitionSpec()


@cache
def mesh_of(devices: int) -> Mesh:
    """The first so many devices, of all processes together, in a row."""
    return Mesh(np.array(jax.devices()[:devices]), ("row",))


def rows_of_one(size: int, devices: int) -> int:
    """How many rows each device has; the last ones may be beyond the network."""
    return -(-size // devices)


class RowsOnDevices(AbstractWeights):
    """J whose rows are spread over several devices. All of them know all rates, and add up their own rows."""

    rows: Float[Array, "row neuron"]
    sums: str = eqx.field(static=True)
    devices: int = eqx.field(static=True)

    def __matmul__(self, rates: Rates) -> Rates:
        @partial(jax.shard_map, mesh=mesh_of(self.devices), in_specs=(_SPLIT, _WHOLE), out_specs=_WHOLE, check_vma=False)
        def multiply(rows: Array, rates: Array) -> Array:
            return jax.lax.all_gather(product(rows, rates, self.sums), "row", tiled=True)

        return multiply(self.rows, rates)[: self.size]


def draw_on_devices(
    law: AbstractTiled, size: int, key: Key[Array, ""], devices: int, dtype: str, sums: str
) -> RowsOnDevices:
    """Each device draws its own rows: the matrix is in no one place."""
    count = rows_of_one(size, devices)

    @partial(jax.shard_map, mesh=mesh_of(devices), in_specs=_WHOLE, out_specs=_SPLIT, check_vma=False)
    def draw(given: tuple[AbstractTiled, Array]) -> Array:
        law, key = given
        return tiles.rows_of(law, size, key, jax.lax.axis_index("row") * count, count, dtype)

    return RowsOnDevices(size, draw((law, key)), sums, devices)


class Recomputed(AbstractWeights):
    """J that is drawn again from its key in each product, one tile and its transposed one at a time, and never kept.

    Several devices draw different tiles and add up what these send.
    """

    law: AbstractTiled
    key: Key[Array, ""]
    averages: Float[Array, " neuron"] | None
    """Of the random part of each row, where rows are balanced."""
    dtype: str = eqx.field(static=True)
    sums: str = eqx.field(static=True)
    devices: int = eqx.field(static=True)

    def __matmul__(self, rates: Rates) -> Rates:
        if self.size <= tiles.SIDE:
            return product(tiles.whole(self.law, self.size, self.key).astype(self.dtype), rates, self.sums)
        if self.devices == 1:
            sums = self._received((self.law, self.key), rates, jnp.asarray(_pairs(self.size, 1)))
        else:

            @partial(
                jax.shard_map,
                mesh=mesh_of(self.devices),
                in_specs=(_WHOLE, _WHOLE, _SPLIT),
                out_specs=_WHOLE,
                check_vma=False,
            )
            def multiply(drawn: Any, rates: Array, pairs: Array) -> Array:
                return jax.lax.psum(self._received(drawn, rates, pairs), "row")

            sums = multiply((self.law, self.key), rates, jnp.asarray(_pairs(self.size, self.devices)))
        return sums if self.averages is None else sums - self.averages[:, None] * jnp.sum(rates, axis=0)

    def _received(self, drawn: tuple[AbstractTiled, Array], rates: Rates, pairs: Int[Array, "pair 2"]) -> Rates:
        """From these tiles and their transposed ones."""
        law, key = drawn
        high, trials = tiles.tiles_across(self.size), rates.shape[1]
        sent = jnp.pad(rates, ((0, high * tiles.SIDE - self.size), (0, 0))).reshape(high, tiles.SIDE, trials)

        def part(row: Array, column: Array, normals: Array, mirrored: Array) -> Array:
            places = tile_places(self.size, row), tile_places(self.size, column)
            random, mean = law.random_part(self.size, *places, normals, mirrored), law.mean_part(self.size, *places)
            weights = (random if mean is None else mean + random).astype(self.dtype)
            return product(weights, sent[column], self.sums)

        def both(sums: Array, row: Array, column: Array) -> Array:
            normals = tile_normals(key, row, column)

            def once() -> Array:
                return sums.at[row].add(part(row, row, normals, normals.T))

            def twice() -> Array:
                back = tile_normals(key, column, row)
                there = sums.at[row].add(part(row, column, normals, back.T))
                return there.at[column].add(part(column, row, back, normals.T))

            return jax.lax.cond(row == column, once, twice)

        def more(sums: Array, pair: Array) -> tuple[Array, None]:
            return jax.lax.cond(pair[0] < 0, lambda: sums, lambda: both(sums, pair[0], pair[1])), None

        sums, _ = jax.lax.scan(more, jnp.zeros_like(sent), pairs)
        return sums.reshape(-1, trials)[: self.size]


def recomputed(law: AbstractTiled, size: int, key: Key[Array, ""], devices: int, dtype: str, sums: str) -> Recomputed:
    """The form, with the averages of the rows where they are balanced: these take one pass over the tiles."""
    tiled = law.balanced and size > tiles.SIDE
    averages = tiles.row_averages(law, size, key, 0, size)[:size] if tiled else None
    return Recomputed(size, law, key, averages, dtype, sums, devices)


def _pairs(size: int, devices: int) -> Int[np.ndarray, "pair 2"]:
    """Rows and columns of tiles on and above the diagonal, as many for each device; -1 where there is none left."""
    found = np.argwhere(np.triu(np.ones((tiles.tiles_across(size),) * 2, bool)))
    return np.pad(found, ((0, -len(found) % devices), (0, 0)), constant_values=-1)
