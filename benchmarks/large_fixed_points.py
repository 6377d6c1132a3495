"""Fixed points and exponents of large sparse networks without Jacobians: seconds and peak memory.

    .venv/bin/python benchmarks/large_fixed_points.py [--sizes 2000 5000 10000 20000] [--starts 8]

Networks have 20 partners a neuron. "field": gain 0.9 and a Gaussian field, one fixed point. "mean": gain 0.5 and a mean of
1.5, with fixed points at both signs and one between. Starts are Gaussian clouds. Each line is a process of its own, whose
peak memory is that of everything it did; the first call compiles, and the second is the one that is timed.

- krylov: `find_fixed_points`, from all starts: roots, smallest singular values, eight eigenvalues at each root.
- dense: the same with Jacobians, where they fit.
- newton_krylov, root: SciPy's `newton_krylov` and `root(method="krylov")` on the same F by SciPy's sparse product, one start
  after another, roots alone: no singular values, no eigenvalues. Starts where SciPy gives up are not counted as found.
- exponents: `lyapunov_spectrum`, 20 exponents, 200 steps, gain 1.5.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import time
from typing import Any

import jax
import numpy as np
from scipy.optimize import NoConvergence, newton_krylov, root
from scipy.sparse import coo_array

import quenched as qd

WAYS = ("krylov", "dense", "newton_krylov", "root")
MOST_DENSE = 2000


def network_of(kind: str, size: int) -> qd.Network:
    """Sparse weights, and the field."""
    gain, mean = {"field": (0.9, 0.0), "mean": (0.5, 1.5), "chaos": (1.5, 0.0)}[kind]
    law = qd.couplings.Sparse(20, qd.couplings.Elliptic(gain, mean=mean))
    field = np.random.default_rng(1).normal(size=size) if kind == "field" else None
    return qd.Network(law.draw(size, jax.random.key(0)), field=field)


def by_scipy(way: str, network: qd.Network, starts: np.ndarray) -> tuple[int, int]:
    """How many starts led to a root, and how many roots these are."""
    rows, columns = np.asarray(network.weights.indices).T
    weights = coo_array((np.asarray(network.weights.data), (rows, columns)), shape=(network.size,) * 2).tocsr()
    field = np.asarray(network.field)

    def velocity(state: np.ndarray) -> Any:
        return weights @ np.tanh(state) - state + field

    found = []
    for start in starts:
        try:
            if way == "root":
                solved = root(velocity, start, method="krylov", tol=1e-12)
                end = solved.x if solved.success else None
            else:
                end = newton_krylov(velocity, start, f_tol=1e-12)
        except (NoConvergence, ValueError, ArithmeticError):
            end = None
        if end is not None:
            found.append(end)
    different = [each for place, each in enumerate(found) if all(np.abs(each - one).max() > 1e-6 for one in found[:place])]
    return len(found), len(different)


def run(way: str, kind: str, size: int, starts: int) -> None:
    network = network_of(kind, size)
    clouds = 2.0 * np.random.default_rng(2).normal(size=(starts, size))
    clouds += np.where(np.arange(starts) % 2, 1.0, -1.0)[:, None]
    times: list[float] = []
    for _ in range(2):
        began = time.perf_counter()
        if way in ("newton_krylov", "root"):
            count, points = by_scipy(way, network, clouds)
        elif way == "exponents":
            qd.observables.lyapunov_spectrum(network, 20.0, 0.1, exponents=20, blocks=16)
            count, points = 1, 20
        else:
            solver = qd.landscape.Krylov() if way == "krylov" else qd.landscape.LevenbergMarquardt()
            found = qd.landscape.find_fixed_points(network, clouds, paths=0, rounds=0, solver=solver)
            count, points = int(found.starts_reaching.sum()), found.sizes["fixed_point"]
        times.append(time.perf_counter() - began)
    first, seconds = times
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{size:6} {kind:6} {way:14} {seconds:8.1f} {first - seconds:9.1f} {count:7} {points:7} {peak:9.2f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[2000, 5000, 10_000, 20_000])
    parser.add_argument("--starts", type=int, default=8)
    parser.add_argument("--run", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.run:
        run(given.run[0], given.run[1], int(given.run[2]), given.starts)
        return
    print(f"{'N':>6} {'':6} {'':14} {'seconds':>8} {'compile s':>9} {'reached':>7} {'points':>7} {'peak GiB':>9}")
    jobs = [(way, kind, size) for size in given.sizes for kind in ("field", "mean") for way in WAYS]
    jobs += [("exponents", "chaos", size) for size in given.sizes]
    for way, kind, size in jobs:
        if way != "dense" or size <= MOST_DENSE:
            options = ["--starts", str(given.starts), "--run", way, kind, str(size)]
            subprocess.run([sys.executable, __file__, *options], check=True)


if __name__ == "__main__":
    main()
