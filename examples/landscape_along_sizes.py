"""Samples exp(-E/T) along sizes and temperatures, to follow how networks approach the theory of infinitely many neurons.

Symmetry 0, gain 1.3, T = 0.1, 0.03 and 0.01, 50 to 800 neurons (to 400 at 0.01). Every network at every temperature is one
row of the table; `docs/finite_size.md` fits how their average tends to the theory. At T = 0.03 and 0.01 chains of 50 and 100
neurons trade places with hotter ones, up to T = 0.1; larger networks mix without.

    python examples/landscape_along_sizes.py landscape_along_sizes.csv

takes some fifteen minutes of one core (`--quick` half a minute, with fewer and smaller networks). The same seeds give the
same numbers on the same kind of machine.
"""

from __future__ import annotations

import time
from typing import NamedTuple

import jax
import numpy as np
from tables import options, write

import quenched as qd
from quenched.landscape import HMC, ReplicaExchange

GAIN = 1.3
# Where chains mix without exchange.
HOT = 0.1
COLUMNS = ("temperature", "size", "seed", "self_overlap", "error_of_draws", "energy", "r_hat", "sample_size", "seconds")


class Plan(NamedTuple):
    """Of one size at one temperature."""

    size: int
    temperature: float
    networks: int
    draws: int
    leapfrogs: int = 16
    exchanged: bool = False


ALL = (
    Plan(50, 0.1, 100, 500),
    Plan(50, 0.03, 100, 500, 24, exchanged=True),
    Plan(50, 0.01, 100, 500, 32, exchanged=True),
    Plan(100, 0.1, 60, 500),
    Plan(100, 0.03, 60, 500, 24, exchanged=True),
    Plan(100, 0.01, 60, 500, 32, exchanged=True),
    Plan(200, 0.1, 30, 500),
    Plan(200, 0.03, 24, 600, 48),
    Plan(200, 0.01, 24, 800, 64),
    Plan(400, 0.1, 12, 500),
    Plan(400, 0.03, 10, 800, 48),
    Plan(400, 0.01, 10, 1200, 64),
    Plan(800, 0.1, 5, 500, 32),
    Plan(800, 0.03, 4, 800, 64),
)
QUICK = (Plan(20, 0.1, 4, 300), Plan(20, 0.03, 4, 300, exchanged=True))


def measure(plan: Plan, seed: int) -> list[float]:
    """One network."""
    began = time.process_time()
    network = qd.RandomNetwork(GAIN).draw(plan.size, jax.random.key(seed))
    # Neurons are alike: nothing to precondition.
    moves = HMC(preconditioner="none", leapfrogs=plan.leapfrogs)
    solver = ReplicaExchange(moves, hottest=HOT / plan.temperature) if plan.exchanged else moves
    warm_up = max(300, plan.draws // 2)
    found = qd.landscape.sample(
        network, plan.temperature, solver=solver, chains=4, samples=plan.draws, warm_up=warm_up, key=seed, throw=False
    )
    # x and -x weigh the same: sums of the states with random signs may have either sign in every chain.
    matter = found.observable[:3]
    return [
        plan.temperature,
        plan.size,
        seed,
        float(found.self_overlap),
        float(found.self_overlap_error),
        float(found.energy),
        float(found.r_hat.sel(observable=matter).max()),
        float(found.sample_size.sel(observable=matter).min()),
        time.process_time() - began,
    ]


def main(arguments: list[str] | None = None) -> None:
    """Sample all networks, tell the averages, write the table after each size and temperature."""
    chosen = options("Sample exp(-E/T) along sizes.", "landscape_along_sizes.csv", arguments)
    formats = ["%g", "%d", "%d"] + ["%.6g"] * 3 + ["%.3f", "%.0f", "%.1f"]
    rows: list[list[float]] = []
    for plan in QUICK if chosen.quick else ALL:
        measured = np.array([measure(plan, seed) for seed in range(plan.networks)])
        rows += measured.tolist()
        q, r_hat, of_draws = measured[:, 3], measured[:, -3], np.sqrt(np.mean(measured[:, 4] ** 2))
        print(
            f"N = {plan.size:3}, T = {plan.temperature:g}: q {q.mean():.4f} +- {q.std(ddof=1) / np.sqrt(q.size):.4f}, "
            f"error of the draws of a network {of_draws:.4f}; R-hat {np.median(r_hat):.3f}, up to "
            f"{r_hat.max():.3f}; {measured[:, -1].sum():.0f} s",
            flush=True,
        )
        write(chosen, "exp(-E/T) in networks of gain 1.3; one network at one temperature a row", COLUMNS, rows, formats)


if __name__ == "__main__":
    main()
