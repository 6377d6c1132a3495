"""How much of each kind of work a machine does in a second: the second table of docs/large_networks.md.

    .venv/bin/python benchmarks/rates.py [--machine NAME] [--write]

Each work is done twice, the first time compiles, and the second is timed. `--write` puts the lines of this machine into the
table, docs/data/rates.txt, and leaves those of others.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np

import quenched as qd

DATA = Path(__file__).parents[1] / "docs" / "data"


def two_time() -> float:
    qd.solve(qd.RandomNetwork(1.5, 0.3), qd.dmft.TwoTime(duration=20, step=0.1))
    return 1.0


def replica_points() -> float:
    over = {"gain": np.linspace(0.5, 3.0, 100), "temperature": np.linspace(0.05, 1.0, 100)}
    qd.sweep(qd.RandomNetwork(1.0, 0.5), qd.replica.FiniteTemperature(0.1), over, start="zero_overlap")
    return 1e4


def starts_of_searches() -> float:
    network = qd.RandomNetwork(1.5, 0.3).draw(100, 0)
    qd.landscape.find_fixed_points(network, starts=500, paths=0)
    return 500.0


def trajectories() -> float:
    qd.solve(qd.RandomNetwork(1.5), qd.simulate.Trajectories(size=100, networks=1000, duration=20))
    return 1e3


WORK: dict[str, tuple[Callable[[], float], str]] = {
    "two-time DMFT, symmetry 0.3, to time 20 at step 0.1": (two_time, "solutions"),
    "replica theory at finite temperature, zero overlap": (replica_points, "points"),
    "fixed points of networks of 100 neurons": (starts_of_searches, "starts"),
    "networks of 100 neurons to time 20 at step 0.1": (trajectories, "networks"),
}


def rate(work: Callable[[], float]) -> float:
    work()
    began = time.perf_counter()
    return work() / (time.perf_counter() - began)


def table(machines: dict[str, dict[str, float]]) -> str:
    lines = ["| machine | work | a second |", "| --- | --- | ---: |"]
    for machine, rates in machines.items():
        lines += [f"| {machine} | {name} | {rates[name]:.3g} {unit} |" for name, (_, unit) in WORK.items() if name in rates]
        if not rates:
            lines.append(f"| {machine} | not measured | |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--machine", default=f"{os.cpu_count()} cores" if jax.default_backend() == "cpu" else None)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    machine = options.machine or jax.devices()[0].device_kind
    found = {name: rate(work) for name, (work, _) in WORK.items()}
    print(table({machine: found}), end="")
    if options.write:
        kept = DATA / "rates.json"
        machines = json.loads(kept.read_text()) if kept.exists() else {"one GPU": {}}
        machines[machine] = found
        kept.write_text(json.dumps(machines, indent=1) + "\n")
        (DATA / "rates.txt").write_text(table(machines))


if __name__ == "__main__":
    main()
