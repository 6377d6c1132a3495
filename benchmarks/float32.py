"""What a matrix in float32 changes in each observable, along sizes: the table of docs/large_networks.md.

    .venv/bin/python benchmarks/float32.py [--sizes 100 400 1600] [--write]

The same networks from the same states with the same noise, with the matrix and the sums in float64; with the matrix in
float32 and the sums in float64; and with both in float32. Printed is the difference of the average over networks, relative
to the average, and for comparison the standard error over these few networks. `--write` puts the table into
docs/data/float32.txt.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

import quenched as qd

DATA = Path(__file__).parents[1] / "docs" / "data"
STATES = {
    "at rest in a field": (qd.RandomNetwork(0.8, 0.3, field=0.5), 40.0, 38.0),
    "noise, not chaotic": (qd.RandomNetwork(0.8, 0.3, noise=0.5), 20.0, 10.0),
    "chaotic, first 5 leak times": (qd.RandomNetwork(4.0), 5.0, 0.0),
    "chaotic, from 80 to 120": (qd.RandomNetwork(4.0), 120.0, 80.0),
}
NAMES = {
    "mean_rate": "<phi>",
    "mean_square_state": "<x^2>",
    "mean_square_rate": "<phi^2>",
    "kinetic_energy": "kinetic energy",
}


def line(state: str, size: int, networks: int) -> list[str]:
    """One row for each observable that is not 0 by symmetry or at rest."""
    model, duration, burn_in = STATES[state]
    over: dict[str, Any] = {"size": size, "networks": networks, "duration": duration, "step": 0.1, "burn_in": burn_in}
    exact, wide, narrow = (
        qd.solve(model, qd.simulate.Trajectories(**over, dtype=dtype, sums=sums), key=size)
        for dtype, sums in (("float64", None), ("float32", "float64"), ("float32", "float32"))
    )
    rows = []
    for name in NAMES:
        value, error = float(exact[name]), float(exact[f"{name}_error"])
        if value > 1e-9 and value > 5 * error:
            apart = [abs(float(each[name]) - value) / value for each in (wide, narrow)]
            rows.append(f"| {state} | {size} | `{name}` | {apart[0]:.0e} | {apart[1]:.0e} | {error / value:.0e} |")
    return rows


def parting(size: int) -> str:
    """When chaotic states in float32 are as far from those in float64 as from others."""
    model = qd.RandomNetwork(4.0)
    over: dict[str, Any] = {"size": size, "networks": 2, "duration": 120.0, "step": 0.1, "burn_in": 0.0, "record": True}
    exact, found = (qd.solve(model, qd.simulate.Trajectories(**over, dtype=each), key=1) for each in ("float64", "float32"))
    states, others = (np.asarray(each.arrays["trajectory"]) for each in (exact, found))
    apart, spread = (np.sqrt(np.mean(each**2, axis=(0, 2, 3))) for each in (states - others, states))
    far = np.flatnonzero(apart > 0.1 * spread)
    return f"N = {size}: chaotic states " + (
        f"a tenth apart from time {0.1 * far[0]:.0f} on" if far.size else "stay together"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[100, 400, 1600])
    parser.add_argument("--networks", type=int, default=4)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    rows = [
        "| state | N | observable | sums in float64 | sums in float32 | standard error of these networks |",
        "| --- | ---: | --- | ---: | ---: | ---: |",
    ]
    print("\n".join(rows))
    for state in STATES:
        for size in options.sizes:
            rows += (found := line(state, size, options.networks))
            print("\n".join(found), flush=True)
    if options.write:
        (DATA / "float32.txt").write_text("\n".join(rows) + "\n")
    for size in options.sizes:
        print(parting(size), flush=True)


if __name__ == "__main__":
    main()
