"""Lists the fixed points of finite networks, to be compared with the theory of infinitely many neurons at T = 0.

Symmetry 0, gain 1.3. Every network is one row of the table, with the averages over its fixed points with weight 1/|det F'|;
what it prints is in `docs/finite_size.md`.

    python examples/fixed_points_along_sizes.py fixed_points_along_sizes.csv

takes some six minutes of one core (`--quick` a minute, with fewer and smaller networks). The same seeds give the same
numbers on the same kind of machine.
"""

from __future__ import annotations

import time

import jax
import numpy as np
from tables import options, write

import quenched as qd

# States with a mean square rate below this are the origin.
AT_ORIGIN = 1e-12
GAIN = 1.3
COLUMNS = (
    "size",
    "seed",
    "fixed_points",
    "index_sum",
    "real_eigenvalues",
    "log_weight_origin",
    "share_origin",
    "self_overlap",
    "self_overlap_others",
    "pairs",
    "seconds",
)


# For each size, how many networks.
ALL = {20: 400, 40: 400, 80: 240, 160: 100}
QUICK = {10: 20, 20: 20}


def measure(size: int, seed: int) -> list[float]:
    """One network."""
    began = time.process_time()
    network = qd.RandomNetwork(GAIN).draw(size, jax.random.key(seed))
    found = qd.landscape.find_fixed_points(network, starts=64, key=seed)
    eigenvalues = np.linalg.eigvals(np.asarray(network.weights))
    # LAPACK returns real eigenvalues with an imaginary part of exactly 0.
    real = np.sum((eigenvalues.imag == 0.0) & (eigenvalues.real > 1.0))
    log_weight = found.log_weight.values
    weight = np.exp(log_weight - log_weight.max())
    square = np.mean(np.tanh(found.state.values) ** 2, axis=1)
    origin = square < AT_ORIGIN
    total, others = weight.sum(), weight[~origin].sum()
    of_others = weight[~origin] @ square[~origin] / others if others > 0.0 else np.nan
    # Fixed points other than the origin come in pairs x, -x of equal weights p/2.
    pairs = others**2 / (2.0 * np.sum(weight[~origin] ** 2)) if others > 0.0 else 0.0
    return [
        size,
        seed,
        len(weight),
        float(found.index_sum),
        real,
        float(log_weight[origin][0]),
        weight[origin].sum() / total,
        weight @ square / total,
        of_others,
        pairs,
        time.process_time() - began,
    ]


def main(arguments: list[str] | None = None) -> None:
    """List the fixed points of all networks, tell the averages, write the table."""
    chosen = options("Fixed points along sizes.", "fixed_points_along_sizes.csv", arguments)
    rows: list[list[float]] = []
    for size, networks in (QUICK if chosen.quick else ALL).items():
        measured = np.array([measure(size, seed) for seed in range(networks)])
        rows += measured.tolist()
        q = measured[:, COLUMNS.index("self_overlap")]
        alone = np.mean(measured[:, COLUMNS.index("fixed_points")] == 1)
        complete = np.mean(measured[:, COLUMNS.index("index_sum")] == 1)
        print(
            f"N = {size:3}: q {q.mean():.4f} +- {q.std(ddof=1) / np.sqrt(networks):.4f}; the origin alone in "
            f"{alone:.3f}, index sum 1 in {complete:.3f} of {networks}; {measured[:, -1].sum():.0f} s",
            flush=True,
        )
    formats = ["%d"] * 5 + ["%.6g"] * 5 + ["%.1f"]
    write(chosen, "Fixed points of networks of gain 1.3, weighted by 1/|det F'|; one network a row", COLUMNS, rows, formats)


if __name__ == "__main__":
    main()
