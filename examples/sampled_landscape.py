"""Samples exp(-E/T) at T = 0.1 in finite networks, to be compared with the replica theory of infinitely many neurons.

Four ensembles: symmetry 0 and 0.5 at gain 1.2, symmetry 0.5 with a field of 0.3, and symmetry -0.5 at gain 3, where replica
symmetry breaks. Every network is one row of the table; `docs/sampling.md` extrapolates the averages in the size.

    python examples/sampled_landscape.py docs/data/sampled_landscape.csv

takes some 40 minutes of one core (`--quick` a minute, with fewer and smaller networks). The same seeds give the same numbers
on the same kind of machine.
"""

from __future__ import annotations

import time
from typing import NamedTuple

import jax
import numpy as np
from tables import options, write

import quenched as qd
from quenched.landscape import HMC, ReplicaExchange

TEMPERATURE = 0.1
MEASURED = (
    "self_overlap",
    "overlap",
    "self_response_overlap",
    "response_overlap",
    "energy",
    "mean_square_state",
)
COLUMNS = ("symmetry", "gain", "field", "size", "seed", *MEASURED, "mean_square_overlap", "r_hat", "seconds")


class Series(NamedTuple):
    """Networks of one ensemble."""

    symmetry: float
    gain: float
    field: float
    sizes: dict[int, tuple[int, int]]
    """For each size, how many networks and how many draws of each chain."""
    exchange: int
    """Up to which size chains are exchanged with hotter ones."""


SIMPLE = {50: (160, 1000), 100: (80, 1000), 200: (40, 1000), 400: (20, 1000)}
GLASS = {50: (160, 1500), 100: (80, 1500), 200: (32, 1500), 400: (20, 1500)}
ALL = (
    Series(0.0, 1.2, 0.0, SIMPLE, 100),
    Series(0.5, 1.2, 0.0, SIMPLE, 100),
    Series(0.5, 1.2, 0.3, SIMPLE, 100),
    Series(-0.5, 3.0, 0.0, GLASS, 400),
)
QUICK = (Series(0.5, 1.2, 0.3, {20: (8, 300), 40: (4, 300)}, 40),)


def measure(series: Series, size: int, draws: int, seed: int) -> list[float]:
    """One network."""
    began = time.process_time()
    network = qd.RandomNetwork(series.gain, series.symmetry, field=series.field).draw(size, jax.random.key(seed))
    # Neurons are alike: nothing to precondition.
    moves = HMC(preconditioner="none", leapfrogs=16 if size < 200 and series.symmetry >= 0 else 32)
    exchanged = size <= series.exchange
    solver = ReplicaExchange(moves, hottest=3.0) if exchanged else moves
    chains, warm_up = (4 if exchanged else 8), max(300, draws // 2)
    found = qd.landscape.sample(
        network, TEMPERATURE, solver=solver, chains=chains, samples=draws, warm_up=warm_up, key=seed, throw=False
    )
    # Without a field x and -x weigh the same: sums of the states with random signs may have either, in every chain.
    matter = found.observable if series.field else found.observable[:3]
    return [
        series.symmetry,
        series.gain,
        series.field,
        size,
        seed,
        *(float(found[name]) for name in MEASURED),
        float((found.sampled_overlap**2).mean()),
        float(found.r_hat.sel(observable=matter).max()),
        time.process_time() - began,
    ]


def main(arguments: list[str] | None = None) -> None:
    """Sample all networks, tell the averages, write the table."""
    chosen = options("Sample exp(-E/T) at T = 0.1 along sizes.", "sampled_landscape.csv", arguments)
    rows: list[list[float]] = []
    for series in QUICK if chosen.quick else ALL:
        print(f"symmetry {series.symmetry:g}, gain {series.gain:g}, field {series.field:g}")
        for size, (networks, draws) in series.sizes.items():
            measured = np.array([measure(series, size, draws, seed) for seed in range(networks)])
            rows += measured.tolist()
            mean, error = measured.mean(axis=0), measured.std(axis=0, ddof=1) / np.sqrt(networks)
            values = ", ".join(f"{name} {mean[5 + i]:.5f} +- {error[5 + i]:.5f}" for i, name in enumerate(MEASURED))
            r_hat, seconds = measured[:, -2], measured[:, -1].sum()
            print(
                f"  N = {size:3}: {values}; R-hat {np.median(r_hat):.3f}, up to {r_hat.max():.3f}; {seconds:.0f} s",
                flush=True,
            )
    formats = ["%g"] * 3 + ["%d"] * 2 + ["%.6g"] * 7 + ["%.3f", "%.1f"]
    write(chosen, "exp(-E/T) at T = 0.1 in finite networks; one network a row", COLUMNS, rows, formats)


if __name__ == "__main__":
    main()
