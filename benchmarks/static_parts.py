"""Static points of excitation and inhibition, low rank and species, against the same by SciPy's `root` and quadrature.

    .venv/bin/python benchmarks/static_parts.py [--points 2048]

SciPy's side is what one would write from the equations of symmetry 0: averages by `quad` to 1e-9, `root` for the unknowns,
begun next to the answer, which the package's side is not. 2000 points of excitation and inhibition a second on 2 cores are
the aim.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from scipy import integrate, optimize, stats

import quenched as qd
from quenched.couplings import Blocks, Elliptic, LowRank

GAIN, MEAN, FRACTIONS = np.array([[0.8, 1.5], [1.1, 0.4]]), np.array([[2.0, -6.0], [3.0, -5.0]]), np.array([0.7, 0.3])
SPREAD, COMPETITION = 0.9, 3.0
MODELS = {
    "excitation and inhibition": qd.RandomNetwork(couplings=Blocks(FRACTIONS, GAIN, 0.0, MEAN), field=0.4),
    "rank one": qd.RandomNetwork(couplings=Elliptic(0.9) + LowRank([[1.0, 2.0], [2.0, 5.0]])),
    "species": qd.RandomNetwork(couplings=Elliptic(SPREAD, mean=-COMPETITION), unit=qd.units.LotkaVolterra()),
}


def average(function: Callable[[float], float], mean: float, variance: float) -> float:
    width = np.sqrt(variance)
    found: float = integrate.quad(lambda z: function(mean + width * z) * stats.norm.pdf(z), -9, 9, epsabs=1e-9, limit=200)[0]
    return found


def missing_of_blocks(unknowns: np.ndarray) -> np.ndarray:
    rates, squares = unknowns[:2], unknowns[2:]
    at, spread = MEAN @ (FRACTIONS * rates) + 0.4, GAIN**2 @ (FRACTIONS * squares)
    new = [[average(f, *pair) for pair in zip(at, spread, strict=True)] for f in (np.tanh, lambda x: np.tanh(x) ** 2)]
    return np.ravel(new) - unknowns


def missing_of_rank_one(unknowns: np.ndarray) -> np.ndarray:
    square, latent = unknowns
    over = partial(average, mean=0.0, variance=0.9**2 * square + latent**2)
    slope = over(lambda x: 1 - np.tanh(x) ** 2)
    return np.array([over(lambda x: np.tanh(x) ** 2) - square, 2.0 * slope * latent - latent])


def missing_of_species(unknowns: np.ndarray) -> np.ndarray:
    rate, square = unknowns
    over = partial(average, mean=1.0 - COMPETITION * rate, variance=SPREAD**2 * square)
    return np.array([over(lambda x: max(x, 0.0)), over(lambda x: max(x, 0.0) ** 2)]) - unknowns


BY_SCIPY: dict[str, tuple[Callable[[np.ndarray], np.ndarray], tuple[str, ...]]] = {
    "excitation and inhibition": (missing_of_blocks, ("mean_rate", "correlation")),
    "rank one": (missing_of_rank_one, ("correlation", "latent")),
    "species": (missing_of_species, ("mean_rate", "correlation")),
}


def seconds(function: Callable[[], Any], repeats: int = 1) -> float:
    taken = []
    for _ in range(repeats):
        began = time.perf_counter()
        function()
        taken.append(time.perf_counter() - began)
    return min(taken)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=2048)
    points = parser.parse_args().points
    theory = qd.dmft.Static()
    for name, model in MODELS.items():
        solve = partial(qd.solve, model, theory)
        first, once, solution = seconds(solve), seconds(solve, 5), solve()
        missing, names = BY_SCIPY[name]
        ours = np.concatenate([np.ravel(solution.arrays[each]) for each in names])
        root = partial(optimize.root, missing, ours + 0.02, tol=1e-10)
        by_scipy, off = seconds(root), np.max(np.abs(root().x - ours))
        print(f"{name}: first {first:.2f} s, one more {1e3 * once:.2f} ms; ", end="")
        print(f"SciPy {by_scipy:.2f} s, {by_scipy / once:.0f} times; apart {off:.0e}")
    sweep = partial(qd.sweep, MODELS["excitation and inhibition"], theory, {"field": np.linspace(0.1, 0.9, points)})
    first, again = seconds(sweep), seconds(sweep, 3)
    print(f"a sweep of {points} points of excitation and inhibition: first {first:.2f} s, again {again:.2f} s, ", end="")
    print(f"{points / again:.0f} points a second")


if __name__ == "__main__":
    main()
