"""Eigenvalues and the theory of where they are, against what one would write in NumPy and SciPy.

    .venv/bin/python benchmarks/spectrum.py [--size 1000] [--sparse 20000] [--repeats 3]

1. All eigenvalues of a dense Jacobian, against `np.linalg.eigvals` of a matrix that is there.
2. The five rightmost of sparse couplings, against SciPy's `eigs` on compressed rows. Ours looks whether one was missed.
3. The boundary of the bulk at rest, slopes that differ and symmetry 0.5: 256 points to rounding, against the fixed-point
   equation on a grid of 64 x 64 places in NumPy, and against what networks of this size say of the rightmost edge.
They take turns, and the fastest of the repeats counts; compiling is told apart.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.linalg import eigs

import quenched as qd

GAIN, SYMMETRY, FIELD = 1.2, 0.5, 1.0


def seconds(job: Callable[[], object]) -> float:
    began = time.perf_counter()
    job()
    return time.perf_counter() - began


def in_turns(jobs: dict[str, Callable[[], object]], repeats: int) -> None:
    """Print how long each took, and how many times as long as the first."""
    first = {name: seconds(job) for name, job in jobs.items()}
    best = {name: min(seconds(job) for _ in range(repeats)) for name, job in jobs.items()}
    mine = best[next(iter(best))]
    for name, taken in best.items():
        print(f"  {name:<34} {taken:8.3f} s, {taken / mine:7.2f} times; the first time {first[name]:.2f} s", flush=True)


def grid_by_numpy(slopes: np.ndarray, side: int = 64) -> float:
    """The rightmost place of a grid at which the radius is at least 1."""
    places = np.linspace(-2.5, 0.5, side)[:, None] + 1j * np.linspace(0.0, 1.5, side)
    response = np.zeros(places.shape, complex)
    for _ in range(200):
        chi = slopes / (1.0 + places[..., None] - SYMMETRY * GAIN**2 * response[..., None] * slopes)
        response = chi.mean(axis=-1)
    inside = GAIN**2 * np.mean(np.abs(chi) ** 2, axis=-1) >= 1.0
    return float(places.real[inside].max())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=1000)
    parser.add_argument("--sparse", type=int, default=20_000)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()

    model = qd.RandomNetwork(GAIN, SYMMETRY, field=FIELD)
    network = model.draw(options.size, 1)
    state = qd.simulate.integrate(network, 60, 0.2, key=1).trajectory.values[-1, 0]
    jacobian = np.asarray(network.jacobian(state))
    print(f"all eigenvalues, {options.size} neurons")
    in_turns(
        {
            "quenched": lambda: qd.observables.spectrum(network, at=state, theory=False),
            "np.linalg.eigvals": lambda: np.linalg.eigvals(jacobian),
        },
        options.repeats,
    )

    law = qd.couplings.Sparse(20, qd.couplings.Elliptic(1.0, mean=3.0))
    sparse = qd.RandomNetwork(couplings=law).draw(options.sparse, 1)
    rows, columns = np.asarray(sparse.weights.indices).T
    compressed = coo_array((np.asarray(sparse.weights.data), (rows, columns)), shape=sparse.weights.shape).tocsr()
    print(f"five rightmost, {options.sparse} neurons with 20 partners")
    found: dict[str, Any] = {}

    def ours() -> None:
        found["ours"] = qd.observables.spectrum(sparse, rightmost=5, theory=False).eigenvalue_real.values

    def theirs() -> None:
        found["theirs"] = np.sort(eigs(compressed, 5, which="LR", ncv=40, tol=1e-9, return_eigenvectors=False).real)[::-1]

    in_turns({"quenched": ours, "SciPy": theirs}, options.repeats)
    print(f"  apart by {np.abs(found['ours'] - found['theirs']).max():.0e}")

    solution = qd.solve(model, qd.dmft.Static())
    exact = float(qd.observables.spectrum(solution).rightmost_edge)
    slopes = 1.0 - np.tanh(state) ** 2
    print(f"the boundary at rest, symmetry {SYMMETRY}; edge {exact:.9f}")
    in_turns(
        {
            "quenched": lambda: qd.observables.spectrum(solution),
            "a grid in NumPy": lambda: found.update(grid=grid_by_numpy(slopes[::20])),
        },
        options.repeats,
    )
    own = qd.observables.spectrum(network, at=state, theory=False)
    apart = abs(float(own.largest_real_part) - exact)
    print(f"  the grid is off by {abs(found['grid'] - exact):.0e}, one network by {apart:.0e}")


if __name__ == "__main__":
    main()
