"""Samples exp(-E/T) in finite networks where two solutions of the replica equations differ, and writes what it found.

`docs/published_figures.md` compares the plots of Qiu and Huang (2025) with the solutions of `qd.replica`. Where they differ
strongly, this asks networks of growing size: symmetry 0, gain 1.2, at 1/T = 886 and 4833, and symmetry 0.5, gain 1.18, at
T = 0.0001. Replica exchange up to a temperature at which chains cross between the wells by themselves. Every network is
sampled twice, by chains that start near the state of rest and by chains that start far away: the truth lies between, and
their difference says how well they have mixed. Every run is one row of the table.

    python examples/published_figures.py docs/data/published_figures.csv

takes some 25 minutes of one core (`--quick` a minute, with fewer and smaller networks). The same seeds give the same numbers
on the same kind of machine.
"""

from __future__ import annotations

import time
from typing import NamedTuple

import jax
import numpy as np
from tables import options, write

import quenched as qd

COLUMNS = (
    "symmetry",
    "gain",
    "temperature",
    "size",
    "seed",
    "far",
    "energy",
    "mean_square_state",
    "self_overlap",
    "self_response_overlap",
    "root_mean_square_overlap",
    "r_hat",
    "seconds",
)


class Series(NamedTuple):
    """Networks of one ensemble at one temperature."""

    symmetry: float
    gain: float
    temperature: float
    hottest: float
    """Temperature of the hottest chains."""
    sizes: dict[int, tuple[int, int]]
    """For each size, how many networks and how many draws of each chain."""


ALL = (
    Series(0.0, 1.2, 1e-2 / 10 ** (18 / 19), 0.0113, {100: (12, 600), 200: (8, 600), 400: (3, 400)}),
    Series(0.0, 1.2, 1e-2 / 10 ** (32 / 19), 0.0113, {100: (12, 600), 200: (8, 600)}),
    Series(0.5, 1.18, 1e-4, 0.01, {25: (16, 3000), 50: (12, 3000), 100: (8, 3000)}),
)
QUICK = (Series(0.0, 1.2, 1e-2, 0.03, {50: (4, 300)}), Series(0.5, 1.18, 1e-4, 0.01, {25: (4, 300)}))
# Standard deviation of the states where chains start: near x = 0, and far away.
WIDTHS = (0.02, 1.5)


def measure(series: Series, size: int, draws: int, seed: int, far: int) -> list[float]:
    """One network, from one kind of start."""
    began = time.process_time()
    network = qd.RandomNetwork(series.gain, series.symmetry).draw(size, jax.random.key(seed))
    solver = qd.landscape.ReplicaExchange(
        qd.landscape.HMC(preconditioner="none"), hottest=series.hottest / series.temperature
    )
    starts = WIDTHS[far] * np.random.default_rng(seed).standard_normal((4, size))
    found = qd.landscape.sample(
        network,
        series.temperature,
        solver=solver,
        chains=4,
        samples=draws,
        warm_up=max(500, draws // 2),
        starts=starts,
        key=seed,
        throw=False,
    )
    names = ("energy", "mean_square_state", "self_overlap", "self_response_overlap")
    # R-hat of E, x^2 and phi^2, which are averaged here; sums of the states with random signs are not.
    return [
        series.symmetry,
        series.gain,
        series.temperature,
        size,
        seed,
        far,
        *(float(found[name]) for name in names),
        float(np.sqrt((found.sampled_overlap**2).mean())),
        float(found.r_hat.sel(observable=found.observable[:3]).max()),
        time.process_time() - began,
    ]


def main(arguments: list[str] | None = None) -> None:
    """Sample all networks, tell the averages, write the table."""
    chosen = options(
        "Sample exp(-E/T) where two solutions of the replica equations differ.", "published_figures.csv", arguments
    )
    rows: list[list[float]] = []
    for series in QUICK if chosen.quick else ALL:
        exact = qd.solve(qd.RandomNetwork(series.gain, series.symmetry), qd.replica.FiniteTemperature(series.temperature))
        print(
            f"symmetry {series.symmetry:g}, gain {series.gain:g}, 1/T = {1 / series.temperature:.0f}; infinitely many"
            f" neurons: <x^2> = {float(exact['mean_square_state']):.4f}, q = {float(exact['self_overlap']):.4f}"
        )
        for size, (networks, draws) in series.sizes.items():
            runs = [[measure(series, size, draws, seed, far) for seed in range(networks)] for far in (0, 1)]
            rows += runs[0] + runs[1]
            measured = np.array(runs)
            (near, away), of_networks = measured.mean(axis=1), measured.mean(axis=0)
            error = of_networks.std(axis=0, ddof=1) / np.sqrt(networks)
            print(
                f"  N = {size:3}: <x^2> = {near[7]:.4f} and {away[7]:.4f}, +- {error[7]:.4f}; q = {near[8]:.4f} and"
                f" {away[8]:.4f}, +- {error[8]:.4f}; largest R-hat {measured[..., 11].max():.2f};"
                f" {measured[..., 12].sum():.0f} s",
                flush=True,
            )
    formats = ["%g"] * 2 + ["%.6g"] + ["%d"] * 3 + ["%.5g"] * 5 + ["%.3f", "%.1f"]
    write(chosen, "exp(-E/T) of finite networks; one run a row", COLUMNS, rows, formats)


if __name__ == "__main__":
    main()
