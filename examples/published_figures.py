"""Samples exp(-E/T) in finite networks where two solutions of the replica equations differ, and writes what it found.

`docs/published_figures.md` compares the plots of Qiu and Huang (2025) with the solutions of `qd.replica`. Where they differ
strongly, this asks networks of growing size: symmetry 0, gain 1.2, at 1/T = 886 and 4833, and symmetry 0.5, gain 1.18, at
T = 0.0001. Replica exchange up to a temperature at which chains cross between the wells by themselves; every network is one
row of the table.

    python examples/published_figures.py docs/data/published_figures.csv

takes half an hour of one core (`--quick` a minute, with fewer and smaller networks). The same seeds give the same numbers on
the same kind of machine.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np

import quenched as qd

COLUMNS = (
    "symmetry",
    "gain",
    "temperature",
    "size",
    "seed",
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
    Series(0.0, 1.2, 1e-2 / 10 ** (18 / 19), 0.0113, {50: (48, 600), 100: (32, 600), 200: (16, 600), 400: (5, 400)}),
    Series(0.0, 1.2, 1e-2 / 10 ** (32 / 19), 0.0113, {50: (48, 600), 100: (32, 600), 200: (16, 600), 400: (5, 400)}),
    Series(0.5, 1.18, 1e-4, 0.03, {25: (32, 2000), 50: (16, 2000), 100: (12, 1000), 200: (4, 600)}),
)
QUICK = (Series(0.0, 1.2, 1e-2, 0.03, {50: (4, 300)}), Series(0.5, 1.18, 1e-4, 0.03, {25: (4, 300)}))


def measure(series: Series, size: int, draws: int, seed: int) -> list[float]:
    """One network."""
    began = time.process_time()
    network = qd.RandomNetwork(series.gain, series.symmetry).draw(size, jax.random.key(seed))
    solver = qd.landscape.ReplicaExchange(
        qd.landscape.HMC(preconditioner="none"), hottest=series.hottest / series.temperature
    )
    found = qd.landscape.sample(
        network, series.temperature, solver=solver, chains=4, samples=draws, warm_up=500, key=seed, throw=False
    )
    names = ("energy", "mean_square_state", "self_overlap", "self_response_overlap")
    # R-hat of E, x^2 and phi^2, which are averaged here; sums of the states with random signs are not.
    return [
        series.symmetry,
        series.gain,
        series.temperature,
        size,
        seed,
        *(float(found[name]) for name in names),
        float(np.sqrt((found.sampled_overlap**2).mean())),
        float(found.r_hat.sel(observable=found.observable[:3]).max()),
        time.process_time() - began,
    ]


def main(arguments: list[str] | None = None) -> None:
    """Sample all networks, tell the averages, write the table."""
    parser = argparse.ArgumentParser(description="Sample exp(-E/T) where two solutions of the replica equations differ.")
    parser.add_argument("path", type=Path, nargs="?", default=Path("published_figures.csv"), help="where to write the table")
    parser.add_argument("--quick", action="store_true", help="few small networks")
    options = parser.parse_args(arguments)
    rows: list[list[float]] = []
    for series in QUICK if options.quick else ALL:
        exact = qd.solve(qd.RandomNetwork(series.gain, series.symmetry), qd.replica.FiniteTemperature(series.temperature))
        print(
            f"symmetry {series.symmetry:g}, gain {series.gain:g}, 1/T = {1 / series.temperature:.0f}; infinitely many"
            f" neurons: <x^2> = {float(exact['mean_square_state']):.4f}, q = {float(exact['self_overlap']):.4f}"
        )
        for size, (networks, draws) in series.sizes.items():
            measured = np.array([measure(series, size, draws, seed) for seed in range(networks)])
            rows += measured.tolist()
            mean, error = measured.mean(axis=0), measured.std(axis=0, ddof=1) / np.sqrt(networks)
            print(
                f"  N = {size:3}: <x^2> = {mean[6]:.4f} +- {error[6]:.4f}, q = {mean[7]:.4f} +- {error[7]:.4f}, largest"
                f" R-hat {measured[:, 10].max():.2f}, {measured[:, 11].sum():.0f} s",
                flush=True,
            )
    total = sum(row[-1] for row in rows)
    head = (
        f"exp(-E/T) of finite networks; one network a row; {total:.0f} s of one core\n"
        f"python examples/published_figures.py {options.path.as_posix()}{' --quick' if options.quick else ''}\n"
        + ",".join(COLUMNS)
    )
    np.savetxt(
        options.path,
        rows,
        fmt=["%g"] * 2 + ["%.6g"] + ["%d"] * 2 + ["%.5g"] * 5 + ["%.3f", "%.1f"],
        delimiter=",",
        header=head,
    )
    print(f"table written to {options.path}; {total:.0f} s of one core")


if __name__ == "__main__":
    main()
