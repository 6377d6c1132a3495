"""Where the weights of a simulated network are: as one matrix, on several devices, recomputed, or in parts."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
from jaxtyping import Array, Key

from quenched import checks
from quenched.couplings import AbstractCouplings, LowRank, Redrawn, Sparse, Sum, tiles
from quenched.couplings.tiles import AbstractTiled
from quenched.records import public_name
from quenched.simulate.products import Loadings, Rounded, SumOfWeights, sparse_rows
from quenched.simulate.spread import draw_on_devices, recomputed, rows_of_one

WEIGHTS, TYPES = ("stored", "recomputed"), ("float64", "float32")
ITEM = {"float64": 8, "float32": 4}


class Holding(NamedTuple):
    """How weights are kept."""

    weights: str = "stored"
    """Or "recomputed"."""
    devices: int | None = None
    """None: on the default one."""
    dtype: str = "float64"
    """Of the matrix."""
    sums: str = "float64"
    """Of the products."""

    @property
    def usual(self) -> bool:
        """Whether dense weights are one matrix, as they are drawn."""
        return self == Holding()


def hold(couplings: AbstractCouplings, size: int, key: Key[Array, ""], how: Holding) -> Any:
    """The weights that `couplings.draw(size, key)` returns, in the form that this asks for."""
    if isinstance(couplings, Redrawn):
        return couplings.draw(size, key) if how.usual else hold(couplings.couplings, size, key, how)
    if isinstance(couplings, Sum) and (not how.usual or _without_matrix(couplings)):
        keys = jax.random.split(key)
        parts = (hold(part, size, own, how) for part, own in zip((couplings.first, couplings.second), keys, strict=True))
        return SumOfWeights(size, tuple(parts))
    if isinstance(couplings, LowRank):
        return Loadings(size, *couplings.loadings(size, key))
    if isinstance(couplings, Sparse):
        drawn = couplings.draw(size, key)
        slots = min(max(1, round(couplings.degree)), drawn.nse)
        return sparse_rows(drawn.data, drawn.indices[:, 0], drawn.indices[:, 1], size, slots, how.dtype)
    if not isinstance(couplings, AbstractTiled) or how == how._replace(weights="stored", devices=None):
        return couplings.draw(size, key) if how.usual else _rounded(couplings, size, key, how)
    spread = draw_on_devices if how.weights == "stored" else recomputed
    return spread(couplings, size, key, how.devices or 1, how.dtype, how.sums)


def _rounded(couplings: AbstractCouplings, size: int, key: Key[Array, ""], how: Holding) -> Rounded:
    if isinstance(couplings, AbstractTiled):
        return Rounded(size, tiles.rows_of(couplings, size, key, 0, size, how.dtype), how.sums)
    return Rounded(size, couplings.draw(size, key).astype(how.dtype), how.sums)


def _without_matrix(couplings: AbstractCouplings) -> bool:
    if isinstance(couplings, Sum):
        return _without_matrix(couplings.first) and _without_matrix(couplings.second)
    return isinstance(couplings, LowRank | Sparse)


def check_holding(couplings: AbstractCouplings, weights: str, devices: Any) -> None:
    """Refuse laws that do not say how a part of their matrix is drawn."""
    if weights == "stored" and devices is None:
        return
    if isinstance(couplings, Redrawn):
        check_holding(couplings.couplings, weights, devices)
    elif isinstance(couplings, Sum):
        check_holding(couplings.first, weights, devices)
        check_holding(couplings.second, weights, devices)
    elif not isinstance(couplings, AbstractTiled | LowRank | Sparse):
        name = "devices" if weights == "stored" else "weights"
        given = checks.shown(devices if weights == "stored" else weights)
        raise ValueError(
            f"Argument `{name}` must be left out for {public_name(couplings)}, which does not say how parts of its matrix "
            f"are drawn, but it is {given}; qd.couplings.Elliptic, Blocks, LowRank and Sparse and their sums say so."
        )


def read_devices(devices: Any) -> int | str | None:
    """A number of devices, "all", or None."""
    if isinstance(devices, str):
        return checks.one_of("devices", devices, ("all",))
    return None if devices is None else checks.count("devices", devices)


def count_devices(devices: int | str | None) -> int | None:
    """How many there are to be."""
    return devices if isinstance(devices, int | None) else jax.device_count()


def check_devices(devices: int | str | None) -> None:
    """Refuse more devices than JAX has, and fewer than all where several processes share the work."""
    count, there = count_devices(devices), jax.device_count()
    if count is not None and count > there:
        raise ValueError(
            f"Argument `devices` must be at most {there}, as many as JAX has here, but is {count}. A processor counts as "
            "several where XLA_FLAGS=--xla_force_host_platform_device_count=... is set before JAX begins."
        )
    if count is not None and count < there and jax.process_count() > 1:
        raise ValueError(
            f'Argument `devices` must be "all" where there are {jax.process_count()} processes, but is {count}.'
        )


# Tiles in float64 that are there together while tiles are drawn, as measured.
_TILES = 8


def bytes_held(couplings: AbstractCouplings, size: int, how: Holding) -> int:
    """Memory that the weights of one network and the products with them take on each device."""
    if isinstance(couplings, Redrawn):
        return bytes_held(couplings.couplings, size, how)
    if isinstance(couplings, Sum) and (not how.usual or _without_matrix(couplings)):
        return bytes_held(couplings.first, size, how) + bytes_held(couplings.second, size, how)
    if isinstance(couplings, LowRank):
        return 8 * 8 * couplings.rank * size
    if isinstance(couplings, Sparse):
        return 4 * couplings.bytes_of_draw(size)
    drawing = 8 * _TILES * min(size, tiles.SIDE) ** 2
    if not isinstance(couplings, AbstractTiled) or size <= tiles.SIDE:
        return 3 * couplings.bytes_of_draw(size)
    if how.weights == "recomputed":
        return drawing
    rows = rows_of_one(size, how.devices or 1)
    return rows * size * ITEM[how.dtype] + 3 * 8 * (rows + tiles.SIDE) * tiles.SIDE + drawing
