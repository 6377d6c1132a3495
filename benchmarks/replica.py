"""Replica theory of exp(-E/T): against the published finite-temperature iteration, points a second, one full solution.

    .venv/bin/python benchmarks/replica.py [--largest 1e8] [--steps 200] [--seed 0] [--only published|points|full]

The published solver (Qiu & Huang 2025) iterates eight order parameters with a damping of 0.2 and takes six averages over one
neuron: over N(0, a) for its state x, and over a pair of normal numbers (u, v) outside. All are random numbers in single
precision, drawn once. It ends, after 100 steps at the earliest, where a step changes every one of q, Q, r, R by less than
0.0008, or by less than 0.8 %. It is written here anew from the formulas, in NumPy, in pieces that fit the cache; the largest
two sizes have as many states for each pair as its scripts (10000; those take 60000 pairs, some 20 times over).

Symmetry 0 is exact: x has variance g^2 q + T, Q = R = 0. That law is solved by SciPy, and both are compared to it. `cold`
starts where the scripts start, at q = 1e-5 and random r, and ends by the published rule; `from exact` starts at the exact
solution and takes all `--steps`.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import integrate, optimize

import quenched as qd

GAIN, TEMPERATURE = 1.2, 1e-4
NAMES = ("self_overlap", "overlap", "self_response_overlap", "response_overlap")
# Pairs (u, v), and states for each.
SIZES = ((100, 100), (100, 1000), (1000, 1000), (1000, 10000), (10000, 10000))
DAMPING, FEWEST, ABSOLUTE, RELATIVE = 0.2, 100, 1e-3, 1e-2
# What q, Q, Qhat and Rhat are set to where they leave their range.
SMALL, SHRINK = 1e-5, 0.1
# Numbers worked on at a time, to stay in the cache.
CHUNK = 200_000


def exact(gain: float, temperature: float) -> np.ndarray:
    """q, Q, r, R at symmetry 0."""

    def mean(function: Callable[[float], float], overlap: float) -> float:
        width = np.sqrt(gain**2 * overlap + temperature)

        def integrand(z: float) -> float:
            return np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi) * function(width * z)

        return 2 * integrate.quad(integrand, 0.0, 12.0, epsabs=1e-15, epsrel=1e-13, limit=200)[0]

    overlap = optimize.brentq(lambda q: mean(lambda x: np.tanh(x) ** 2, q) - q, 1e-3, 1.0, xtol=1e-15, rtol=1e-14)
    slope = mean(lambda x: np.cosh(x) ** -2, overlap)
    return np.array([overlap, 0.0, slope * np.sqrt(temperature), 0.0])


class Samples:
    """The random numbers of one run."""

    def __init__(self, pairs: int, states: int, generator: np.random.Generator):
        self.u, self.v = generator.standard_normal((2, pairs, 1), dtype=np.float32)
        self.x = generator.standard_normal((pairs, states), dtype=np.float32)
        self.rows = max(1, CHUNK // states)

    def averages(self, order: np.ndarray, gain: float, temperature: float) -> np.ndarray:
        """E<phi^2>, E<phi>^2, E<x^2>, E<x>^2, E<x phi>, E<x><phi>."""
        q, overlap, qhat, reaction, _, _, rhat, cross = order
        width = temperature + gain**2 * (q - overlap)
        memory, pull = (rhat - cross) * np.sqrt(temperature), cross * np.sqrt(temperature)
        drive = gain * np.sqrt(overlap)
        # h phi + M (x - G phi)/a, with (M, h) made of u and v.
        along_u = np.float32(np.sqrt(reaction - (pull / drive) ** 2))
        along_v = np.float32(pull / drive - memory * drive / width)
        tilt = np.float32(drive / width)
        square, product = np.float32(qhat - 0.5 * reaction - 0.5 * memory**2 / width), np.float32(memory / width)
        total = np.zeros(6)
        for first in range(0, len(self.u), self.rows):
            u, v = self.u[first : first + self.rows], self.v[first : first + self.rows]
            x = self.x[first : first + self.rows] * np.float32(np.sqrt(width))
            phi = np.tanh(x)
            weight = (square * phi + product * x + (along_u * u + along_v * v)) * phi + tilt * v * x
            weight -= weight.max(axis=1, keepdims=True)
            np.exp(weight, out=weight)
            whole = weight.sum(axis=1)
            by_phi, by_x = weight * phi, np.multiply(weight, x, out=weight)
            rate, state = by_phi.sum(axis=1) / whole, by_x.sum(axis=1) / whole
            columns = (
                np.einsum("ij,ij->i", by_phi, phi) / whole,
                rate**2,
                np.einsum("ij,ij->i", by_x, x) / whole,
                state**2,
                np.einsum("ij,ij->i", by_phi, x) / whole,
                rate * state,
            )
            total += [np.sum(column, dtype=float) for column in columns]
        return total / len(self.u)


def step(order: np.ndarray, averages: np.ndarray, gain: float, symmetry: float, temperature: float) -> np.ndarray:
    """q, Q, qhat = (V - g^2 D)/2, Qhat = V, r, R, and rhat, Rhat = gamma g^2 (r, R)/T one step late; no damping yet.

    Averages with M = g sqrt(Q) v are taken by partial integration, as in the publication.
    """
    q, overlap, _, _, r, cross_response, rhat, cross = order
    width, root = temperature + gain**2 * (q - overlap), np.sqrt(temperature)
    memory, pull, variance = (rhat - cross) * root, cross * root, gain**2 * overlap
    phi_phi, phi_twice, x_x, x_twice, x_phi, x_and_phi = averages
    within_phi, within_x, within_both = phi_phi - phi_twice, x_x - x_twice, x_phi - x_and_phi
    drive_phi = variance / width * (within_both - memory * within_phi) + pull * within_phi
    drive_x = variance / width * (within_x - memory * within_both) + pull * within_both
    shared = variance - 2 * (drive_x - memory * drive_phi)
    misfit_square = x_x - 2 * memory * x_phi + memory**2 * phi_phi + shared
    misfit_twice = x_twice - 2 * memory * x_and_phi + memory**2 * phi_twice + shared
    return np.array(
        [
            phi_phi,
            phi_twice,
            0.5 * gain**2 * (misfit_square / width - 1.0) / width,
            (gain / width) ** 2 * misfit_twice,
            root / width * (x_phi - memory * phi_phi - drive_phi),
            root / width * (x_and_phi - memory * phi_twice - drive_phi),
            symmetry * gain**2 * r / temperature,
            symmetry * gain**2 * cross_response / temperature,
        ]
    )


def in_range(order: np.ndarray, gain: float, temperature: float) -> np.ndarray:
    order = order.copy()
    order[[1, 3]] = np.where(order[[1, 3]] < 0.0, SMALL, order[[1, 3]])
    most = gain**2 / temperature * order[1] * order[3]
    if order[7] ** 2 > most:
        order[7] = np.sqrt(SHRINK * most)
    return order


def iterate(
    samples: Samples, order: np.ndarray, gain: float, symmetry: float, temperature: float, steps: int, by_rule: bool
) -> tuple[np.ndarray, int, bool]:
    """Order parameters, steps, and whether the published rule ended it."""
    for done in range(1, steps + 1):
        new = step(order, samples.averages(order, gain, temperature), gain, symmetry, temperature)
        new = DAMPING * order + (1 - DAMPING) * new
        if not np.all(np.isfinite(new)):
            return order, done, False
        change, size = np.abs(new - order)[[0, 1, 4, 5]], new[[0, 1, 4, 5]]
        still = np.all(change < ABSOLUTE * (1 - DAMPING)) or np.all(change < RELATIVE * (1 - DAMPING) * size)
        order = in_range(new, gain, temperature)
        if by_rule and still and done > FEWEST:
            return order, done, True
    return order, steps, False


def against_published(largest: float, steps: int, seed: int) -> None:
    truth = exact(GAIN, TEMPERATURE)
    print(f"symmetry 0, gain {GAIN}, T = {TEMPERATURE:g}; exact: q = {truth[0]:.10f}, r = {truth[2]:.10f}, Q = R = 0")
    theory = qd.replica.FiniteTemperature(TEMPERATURE)
    began = time.perf_counter()
    qd.solve(qd.RandomNetwork(GAIN + 0.1), theory)
    first = time.perf_counter() - began
    began = time.perf_counter()
    found = qd.solve(qd.RandomNetwork(GAIN), theory)
    ours = time.perf_counter() - began
    errors = np.array([abs(float(found[name]) - value) for name, value in zip(NAMES, truth, strict=True)])
    print(f"{'':32}{'seconds':>9}{'steps':>7}" + "".join(f"{f'error of {name}':>14}" for name in "qQrR") + "   largest")
    columns = "".join(f"{error:14.1e}" for error in errors)
    print(f"{'quenched':32}{ours:9.4f}{int(found.steps):7d}{columns}{errors.max():10.1e}")
    print(f"  (compiled before, {first - ours:.1f} s; errors below 1e-15 count as 1e-15 in the ratios)")
    floor = max(errors.max(), 1e-15)
    for pairs, states in SIZES:
        if pairs * states > largest:
            continue
        generator = np.random.default_rng(seed)
        samples = Samples(pairs, states, generator)
        r = generator.random()
        cold = np.array([1e-5, 1e-5 * generator.random(), 0.0, 0.0, r, r * generator.random(), 0.0, 0.0])
        # Q = 0 itself is 0/0 in the published formulas.
        warm = np.array([truth[0], 1e-12 * truth[0], 0.0, 0.0, truth[2], 0.0, 0.0, 0.0])
        for label, start in (("cold", cold), ("from exact", warm)):
            if label == "from exact" and pairs * states > 2e7:
                continue
            began = time.perf_counter()
            order, done, ended = iterate(samples, start, GAIN, 0.0, TEMPERATURE, steps, label == "cold")
            taken = time.perf_counter() - began
            missed = np.abs(order[[0, 1, 4, 5]] - truth)
            print(
                f"{f'published, {pairs} x {states}, {label}':32}{taken:9.2f}{done:7d}"
                + "".join(f"{e:14.1e}" for e in missed)
                + f"{missed.max():10.1e}   {taken / ours:.0f} times the time, {missed.max() / floor:.0e} times the error"
                + ("" if ended or label != "cold" else "; not ended by its rule"),
                flush=True,
            )


def second_call(job: Callable[[float], Any]) -> tuple[float, float, Any]:
    """Seconds of the first call beyond the second, seconds of the second, with another gain, and its result."""
    began = time.perf_counter()
    job(1.0)
    first = time.perf_counter() - began
    began = time.perf_counter()
    found = job(1.01)
    run = time.perf_counter() - began
    return first - run, run, found


def points_a_second() -> None:
    gains, symmetries = np.linspace(0.3, 2.0, 20), np.linspace(0.0, 0.9, 10)
    temperatures = np.geomspace(1e-4, 1.0, 10)

    def job(scale: float) -> Any:
        grid = {"gain": scale * gains, "symmetry": symmetries, "temperature": temperatures}
        return qd.sweep(qd.RandomNetwork(1.0), qd.replica.FiniteTemperature(0.1), grid)

    compiling, run, found = second_call(job)
    count, solved = found.status.size, int((found.status == 0).sum())
    print(
        f"zero overlap, gain x symmetry x temperature: {count} points, {solved} solved\n  compile {compiling:.1f} s, "
        f"run {run:.2f} s: {count / run:.0f} points a second"
    )


def full_solution() -> None:
    def job(scale: float) -> Any:
        model = qd.RandomNetwork(gain=1.2 / 1.01 * scale, symmetry=0.5, field=0.3)
        return qd.solve(model, qd.replica.FiniteTemperature(0.1))

    compiling, run, found = second_call(job)
    values = ", ".join(f"{letter} = {float(found[name]):.6f}" for letter, name in zip("qQrR", NAMES, strict=True))
    print(f"six unknowns, gain 1.2, symmetry 0.5, field 0.3, T = 0.1: {values}")
    print(f"  compile {compiling:.1f} s, run {run:.3f} s")


def diagram() -> None:
    def job(scale: float) -> Any:
        gains, symmetries = scale * np.linspace(0.2, 4.0, 50), np.linspace(-0.9, 0.9, 50)
        return qd.replica.phase_diagram(qd.RandomNetwork(1.0), gains, symmetries, [1e-2, 1e-1, 1.0])

    compiling, run, found = second_call(job)
    there = (found.status == 0).sum(("symmetry", "temperature", "gain"))
    counts = ", ".join(f"{int(count)} {name}" for name, count in zip(found.branch.values, there.values, strict=True))
    missing = int((found.chosen_branch < 0).sum())
    print(f"phase diagram, {found.chosen_branch.size} points: {counts}; no stable branch at {missing}")
    print(f"  compile {compiling:.1f} s, run {run:.1f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--largest", type=float, default=1e8, help="most random states in the published iteration")
    parser.add_argument("--steps", type=int, default=200, help="most steps of the published iteration")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=["published", "points", "full", "diagram"])
    options = parser.parse_args()
    print(f"{len(os.sched_getaffinity(0))} cores")
    if options.only in (None, "points"):
        points_a_second()
    if options.only in (None, "full"):
        full_solution()
    if options.only in (None, "diagram"):
        diagram()
    if options.only in (None, "published"):
        against_published(options.largest, options.steps, options.seed)


if __name__ == "__main__":
    main()
