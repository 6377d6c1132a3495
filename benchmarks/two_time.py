"""Two-time DMFT against the published solver, against its own matrix products, and over long times.

    .venv/bin/python benchmarks/two_time.py [--published CHECKOUT] [--only published|points|precision|long]

The published solver is that of Zou & Huang 2024, github.com/ZouWenXuan/Dynamical-Mean-Field-Theory: `git clone` it and give
the folder as `--published`. Without one its algorithm is run as written down below from the paper: start from a guess of C
and R on the whole two-time plane, draw fields by an eigendecomposition, integrate trajectories and tangents, mix, repeat.

Each contender has a process of its own. CPU seconds are of all threads; compiling is told apart. Memory is the peak of the
process less what it held after its imports. Errors are against a larger solution from other random numbers, whose own error
is printed.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import resource
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

GAIN, SYMMETRY, NOISE, DURATION, STEP = 0.8, 0.5, 0.1, 20.0, 0.1
TRAJECTORIES, ITERATIONS, DAMPING = [1000, 5000], [20, 10], 0.7


class Iterated:
    """The published algorithm: self-consistency on the whole two-time plane by damped iteration, Euler's scheme."""

    def __init__(self) -> None:
        self.times = round(DURATION / STEP)

    def tangents(self, states: np.ndarray, response: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean response of states and of rates, all pairs of times kept for every trajectory."""
        times, count = states.shape
        slopes = 1.0 - np.tanh(states) ** 2
        of_states, of_rates = np.zeros((times, times, count)), np.zeros((times, times, count))
        for kicked in range(times - 1):
            now = np.ones(count)
            for after in range(kicked + 1, times):
                of_states[after, kicked], of_rates[after, kicked] = now, now * slopes[after]
                remembered = response[after, kicked:after] @ of_rates[kicked:after, kicked]
                now = (1 - STEP) * now + STEP**2 * SYMMETRY * GAIN**2 * remembered
        return of_states.mean(axis=2), of_rates.mean(axis=2)

    def solve(self, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """C_x and R_x."""
        state_correlation = correlation = 0.1 * np.eye(self.times)
        state_response = response = np.diag(np.ones(self.times - 1), k=-1)
        for count, rounds in zip(TRAJECTORIES, ITERATIONS, strict=True):
            for _ in range(rounds):
                covariance = GAIN**2 * correlation + NOISE**2 / STEP * np.eye(self.times)
                values, vectors = np.linalg.eigh(covariance)
                field = vectors @ (np.sqrt(np.maximum(values, 0.0))[:, None] * generator.normal(size=(self.times, count)))
                states = np.empty((self.times, count))
                states[0] = generator.uniform(size=count)
                for now in range(self.times - 1):
                    memory = response[now, :now] @ np.tanh(states[:now])
                    states[now + 1] = (1 - STEP) * states[now] + STEP * field[now]
                    states[now + 1] += STEP**2 * SYMMETRY * GAIN**2 * memory
                at_once = int(1e9 / self.times**2)
                parts = [self.tangents(states[:, first : first + at_once], response) for first in range(0, count, at_once)]
                found = [np.mean([part[which] for part in parts], axis=0) for which in (0, 1)]
                rates = np.tanh(states)
                mixed = []
                old = (state_correlation, correlation, state_response, response)
                for before, new in zip(old, (states @ states.T / count, rates @ rates.T / count, *found), strict=True):
                    mixed.append(DAMPING * before + (1 - DAMPING) * new)
                state_correlation, correlation, state_response, response = mixed
        return state_correlation, state_response


def peak() -> int:
    """Bytes of memory held at most so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def run_published(checkout: str | None, output: Path) -> dict[str, float]:
    """The published solver, or its algorithm."""
    before, began = peak(), time.process_time()
    if checkout is None:
        state_correlation, state_response = Iterated().solve(np.random.default_rng(1))
    else:
        sys.path.insert(0, checkout)
        from model.DMFT_numeric import DMFT_rate_model  # type: ignore[import-not-found]

        np.random.seed(1)  # noqa: NPY002 -- what it draws from
        solver = DMFT_rate_model(
            GAIN, SYMMETRY, NOISE, "Tanh", DURATION, STEP, TRAJECTORIES, ITERATIONS, DAMPING, 1e-10, "uniform", 1
        )
        with contextlib.redirect_stdout(io.StringIO()):
            _, _, state_correlation, _, state_response, _ = solver.main_loop()
    np.savez(output, state_correlation=state_correlation, state_response=state_response)
    return {"cpu": time.process_time() - began, "memory": peak() - before}


def run_ours(options: dict[str, Any], output: Path) -> dict[str, float]:
    """This package, with the published solver's scheme unless told otherwise."""
    import quenched as qd

    before, key, repeats = peak(), options.pop("key", 1), options.pop("repeats", 1)
    if options.pop("random", False):
        from quenched.dmft import two_time_sampled

        vars(two_time_sampled)["with_exact_moments"] = lambda normals: normals
    chosen: dict[str, Any] = {"scheme": "euler", "initial": qd.Uniform(0, 1), "duration": DURATION - STEP, "step": STEP}
    chosen |= {name: options.pop(name) for name in ("scheme", "duration", "response") if name in options}
    model, theory, solver = qd.RandomNetwork(GAIN, SYMMETRY, NOISE), qd.dmft.TwoTime(**chosen), qd.dmft.Population(**options)
    began = time.perf_counter()
    # The number of scramblings compiles nothing anew; a precision does, as it finds its sizes.
    few = solver if "precision" in options else qd.dmft.Population(**(options | {"scramblings": 2}))
    qd.solve(model, theory, solver=few, key=key + 1000, throw=False)
    first = time.perf_counter() - began
    began, cpu = time.perf_counter(), time.process_time()
    solutions = []
    for repeat in range(repeats):
        found = qd.solve(model, theory, solver=solver, key=key + repeat).arrays
        # Of many, only what is compared: the others would count as memory of solving.
        wanted = found if repeats == 1 else ("state_correlation", "state_response")
        solutions.append({name: np.asarray(found[name]) for name in wanted})
    wall, cpu = (time.perf_counter() - began) / repeats, (time.process_time() - cpu) / repeats
    arrays: dict[str, Any] = {name: np.stack([each[name] for each in solutions]) for name in solutions[0]}
    np.savez(output, **arrays)
    return {"cpu": cpu, "wall": wall, "memory": peak() - before, "first": first}


def in_own_process(kind: str, argument: Any, folder: Path, name: str) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    """Run one contender; its cost and its arrays. Ours runs twice: compiled programs are kept between processes, so that
    the second shows time and memory of solving alone, and the first what compiling adds."""
    output = folder / f"{name}.npz"
    command = [sys.executable, __file__, "--child", kind, json.dumps(argument), str(output)]
    # One thread of linear algebra: threads that wait for each other would count as CPU seconds.
    kept = {"JAX_COMPILATION_CACHE_DIR": str(folder / "compiled"), "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}
    alone = {**os.environ, **kept, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}

    def run() -> dict[str, float]:
        printed = subprocess.run(command, check=True, capture_output=True, text=True, env=alone).stdout
        found: dict[str, float] = json.loads(printed.splitlines()[-1])
        return found

    cost = run()
    if kind == "ours":
        again = run()
        compiling = {"compile": cost["first"] - again["first"], "memory_compiling": cost["memory"]}
        cost = again | compiling
    return cost, dict(np.load(output))


def rms(difference: np.ndarray) -> float:
    """Over repetitions and the pairs of times with the second not after the first."""
    rows, columns = np.tril_indices(difference.shape[-1])
    return float(np.sqrt(np.mean(difference[..., rows, columns] ** 2)))


def against_published(checkout: str | None, folder: Path) -> None:
    """Error, CPU and memory at several sizes of ours, as ratios."""
    large = {"trajectories": 4096, "scramblings": 256, "key": 77}
    cost, reference = in_own_process("ours", large, folder, "reference")
    uncertain = rms(reference["state_correlation_error"])
    print(f"reference: {large}, {cost['cpu']:.0f} CPU s, its own error in C_x {uncertain:.1e}")
    theirs, found = in_own_process("published", checkout, folder, "published")
    error = {name: rms(found[name] - reference[name]) for name in ("state_correlation", "state_response")}
    what = "published solver" if checkout else "published algorithm, as re-implemented here"
    print(
        f"{what}: {theirs['cpu']:.1f} CPU s, {theirs['memory'] / 2**30:.2f} GiB, "
        f"rms error {error['state_correlation']:.1e} in C_x, {error['state_response']:.1e} in chi_x"
    )
    sizes = ((512, 2), (512, 8), (1024, 2), (1024, 8), (1024, 32), (4096, 4), (4096, 16), (4096, 64))
    for trajectories, scramblings in sizes:
        options = {"trajectories": trajectories, "scramblings": scramblings, "repeats": max(4, 128 // scramblings)}
        cost, found = in_own_process("ours", options, folder, "ours")
        own = {name: rms(found[name] - reference[name]) for name in error}
        smaller = {name: error[name] / own[name] for name in error}
        work = theirs["cpu"] / cost["cpu"] * smaller["state_correlation"] ** 2
        print(
            f"ours, {trajectories} x {scramblings}: {cost['cpu']:.2f} CPU s, {cost['memory'] / 2**30:.3f} GiB "
            f"(compiling: {cost['compile']:.0f} s, {cost['memory_compiling'] / 2**30:.3f} GiB), "
            f"{own['state_correlation']:.1e} in C_x, {own['state_response']:.1e} in chi_x; "
            f"{theirs['cpu'] / cost['cpu']:.0f} times less CPU, {theirs['memory'] / cost['memory']:.0f} times less memory, "
            f"errors {smaller['state_correlation']:.0f} and {smaller['state_response']:.0f} times smaller, "
            f"CPU x error^2 {work:.0f} times smaller"
        )


def products_alone(steps: int, trajectories: int, tangents: int, samples: int) -> float:
    """Seconds for the matrix products with nothing in between: those that make the covariance of the points exact, and at
    each time C, the drive with what the field is expected to be, the memory, and the tangents' row of R. From as many
    threads as there are cores, as populations are run."""
    import jax
    import jax.numpy as jnp

    threads = os.cpu_count() or 1

    def clocked(repeats: int, product: Any, *factors: Any) -> float:
        compiled = jax.jit(product)
        jax.block_until_ready(compiled(*factors))

        def run(_: int) -> None:
            with jax.enable_x64(True):  # a setting of the thread
                for _ in range(repeats):
                    jax.block_until_ready(compiled(*factors))

        with ThreadPoolExecutor(threads) as pool:
            began = time.perf_counter()
            list(pool.map(run, range(threads)))
            return (time.perf_counter() - began) / (repeats * threads)

    with jax.enable_x64(True):
        points, square = jnp.ones((steps + 1, trajectories)), jnp.ones((steps + 1, steps + 1))
        narrow = jnp.ones((steps + 1, tangents + 2))
        seconds = clocked(5, lambda a: a @ a.T, points) + clocked(5, lambda a, b: a @ b, square, points)
        # Matrix times vector, as causality wants it, on as many rows as there are on average.
        past, row, column = points[: steps // 2], jnp.ones(steps // 2), jnp.ones(trajectories)
        seconds += steps * clocked(50, lambda a, b: a @ b, past, column)
        seconds += steps * clocked(50, lambda a, b: a @ b, jnp.ones((2, steps // 2)), past)
        seconds += steps * clocked(50, lambda a, b: a @ b, row, past)
        # A row of R at time n takes n^2/2 multiplications for each tangent: steps^3/6 in all, each product here steps^2.
        seconds += steps / 6 * clocked(20, lambda a, b: a @ b, square, narrow)
    return samples * seconds


def to_a_precision(folder: Path) -> None:
    """The same problem to a standard error of 1e-4 everywhere in C."""
    cost, found = in_own_process(
        "ours", {"precision": 1e-4, "scheme": "second_order", "duration": DURATION}, folder, "precise"
    )
    from quenched.dmft.two_time_sampled import default_tangents

    trajectories, scramblings = int(found["trajectories"][0]), int(found["scramblings"][0])
    alone = products_alone(round(DURATION / STEP), trajectories, default_tangents(trajectories), scramblings)
    print(
        f"precision 1e-4 in C: reached {found['correlation_error'].max():.1e} with {trajectories} x {scramblings} "
        f"trajectories in {cost['wall']:.1f} s, "
        f"{cost['cpu']:.1f} CPU s "
        f"(compile {cost['compile']:.0f} s); the matrix products of its last round alone {alone:.2f} s, "
        f"ratio {cost['wall'] / alone:.1f}"
    )


def against_random_numbers(folder: Path) -> None:
    """What exact moments are worth, by standard errors over scramblings."""
    for trajectories in (1024, 4096):
        options = {"trajectories": trajectories, "scramblings": 64}
        _, even = in_own_process("ours", options, folder, "even")
        _, random = in_own_process("ours", options | {"random": True}, folder, "random")
        ratio = rms(random["correlation_error"]) / rms(even["correlation_error"])
        print(f"{trajectories} trajectories: errors of C {ratio:.1f} times smaller than with as many random numbers")


def long_times(folder: Path) -> None:
    """Time against the number of steps, response included, with the default numbers of populations and trajectories."""
    walls, counts = [], [250, 500, 1000, 2000]
    for count in counts:
        options = {"duration": count * STEP, "scheme": "second_order", "response": True}
        cost, found = in_own_process("ours", options, folder, "long")
        walls.append(cost["wall"])
        print(
            f"{count} steps: {cost['wall']:.1f} s, {cost['cpu']:.1f} CPU s (compile {cost['compile']:.0f} s), "
            f"{cost['memory'] / 2**30:.2f} GiB, error in C {rms(found['correlation_error']):.1e}, "
            f"in R {rms(found['response_error']):.1e}"
        )
    exponent = np.polyfit(np.log(counts), np.log(walls), 1)[0]
    last = np.log(walls[-1] / walls[-2]) / np.log(counts[-1] / counts[-2])
    print(f"time ~ steps^{exponent:.2f} (the last two: {last:.2f}); products alone would go from 2 to 3")


def main() -> None:
    import tempfile

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--published", help="folder with a checkout of the published solver")
    parser.add_argument("--only", choices=["published", "points", "precision", "long"])
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        kind, argument, output = given.child
        run = run_published if kind == "published" else run_ours
        print(json.dumps(run(json.loads(argument), Path(output))))
        return
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        if given.only in (None, "published"):
            against_published(given.published, place)
        if given.only in (None, "points"):
            against_random_numbers(place)
        if given.only in (None, "precision"):
            to_a_precision(place)
        if given.only in (None, "long"):
            long_times(place)


if __name__ == "__main__":
    main()
