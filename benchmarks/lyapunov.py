"""Fifty Lyapunov exponents of 500 neurons, against a plain NumPy Benettin and against the matrix products alone.

    .venv/bin/python benchmarks/lyapunov.py [--size 500] [--exponents 50] [--steps 2000] [--repeats 5]

All do Heun steps of the same length: two products of J with the state and the tangent vectors a step. The NumPy program is
what one would write: the same products, `np.linalg.qr` every ten steps. It is run with as many threads as NumPy takes by
itself, and on one thread, which is faster where other programs hold the cores. The products alone are a compiled loop of
them and nothing else. They take turns, and the fastest of the repeats counts: on a shared machine the rest is noise.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

import quenched as qd
from quenched.numerics.threads import one_blas_thread

STEP, EVERY = 0.1, 10


def plain_benettin(weights: np.ndarray, state: np.ndarray, exponents: int, steps: int) -> np.ndarray:
    """Time averages of ln R_ii, from a given state on."""
    frame = np.linalg.qr(np.random.default_rng(1).normal(size=(len(state), exponents)))[0]
    growth = np.zeros(exponents)

    def motion(state: np.ndarray, frame: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        rate = np.tanh(state)
        return weights @ rate - state, weights @ ((1 - rate**2)[:, None] * frame) - frame

    for index in range(steps):
        drift, turn = motion(state, frame)
        drift_ahead, turn_ahead = motion(state + STEP * drift, frame + STEP * turn)
        state, frame = state + 0.5 * STEP * (drift + drift_ahead), frame + 0.5 * STEP * (turn + turn_ahead)
        if (index + 1) % EVERY == 0:
            frame, triangle = np.linalg.qr(frame)
            growth += np.log(np.abs(np.diag(triangle)))
    return growth / (steps * STEP)


@jax.jit
def products(weights: Array, rows: Array, count: int) -> Array:
    """That many products, each with the result of the one before."""
    return jax.lax.fori_loop(0, count, lambda _, rows: rows @ weights, rows)


def seconds(job: Callable[[], object]) -> float:
    began = time.perf_counter()
    job()
    return time.perf_counter() - began


def on_one_thread(job: Callable[[], object]) -> Callable[[], object]:
    def limited() -> object:
        with one_blas_thread():
            return job()

    return limited


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=500)
    parser.add_argument("--exponents", type=int, default=50)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    size, exponents, steps = options.size, options.exponents, options.steps
    fewer = max(EVERY, steps // 20 // EVERY * EVERY)
    weights = 2.0 * np.random.default_rng(0).normal(size=(size, size)) / np.sqrt(size)
    network, start = qd.Network(weights), np.random.default_rng(2).normal(size=size)

    found = {}

    def ours() -> None:
        found["ours"] = qd.observables.lyapunov_spectrum(
            network, steps * STEP, STEP, exponents=exponents, initial=start, blocks=16
        )

    with jax.enable_x64(True):
        columns = jnp.asarray(weights.T / 2.0)
        rows = jnp.asarray(np.random.default_rng(3).normal(size=(exponents + 1, size)))

        def plain() -> np.ndarray:
            return plain_benettin(weights, start, exponents, fewer)

        jobs: dict[str, tuple[Callable[[], object], float]] = {
            "quenched": (ours, 1.0),
            "products alone": (lambda: products(columns, rows, 2 * steps).block_until_ready(), 1.0),
            "NumPy": (plain, steps / fewer),
            "NumPy on one thread": (on_one_thread(plain), steps / fewer),
        }
        first = {name: seconds(job) for name, (job, _) in jobs.items()}
        times = dict.fromkeys(jobs, np.inf)
        for _ in range(options.repeats):
            for name, (job, scale) in jobs.items():
                times[name] = min(times[name], scale * seconds(job))

    mine, alone = times["quenched"], times["products alone"]
    print(f"{size} neurons, {exponents} exponents, {steps} Heun steps of {STEP}; compile {first['quenched'] - mine:.2f} s")
    for name, taken in times.items():
        print(f"  {name:<26} {taken:8.3f} s   {1e3 * taken / steps:8.3f} ms a step")
    print(f"  ratio to the products alone     {mine / alone:6.2f}   (at most 2 is asked for)")
    print(f"  NumPy takes                     {times['NumPy'] / mine:6.1f} times as long")
    print(f"  NumPy on one thread takes       {times['NumPy on one thread'] / mine:6.1f} times as long")

    # The same exponents: from the state after the burn-in on, by the plain program with a frame of its own.
    dataset = found["ours"]
    before = round(dataset.attrs["burn_in"] / STEP)
    settled = qd.simulate.integrate(network, before * STEP, STEP, initial=start).trajectory.values[-1, 0]
    theirs = plain_benettin(weights, settled, 5, steps - before)
    values, errors = dataset.lyapunov_exponent.values[:5], dataset.lyapunov_exponent_error.values[:5]
    print(
        "  largest five:", " ".join(f"{value:.4f}({1e4 * error:.0f})" for value, error in zip(values, errors, strict=True))
    )
    print("  by NumPy:    ", " ".join(f"{value:.4f}    " for value in theirs))
    print(
        f"  orthonormalised every {dataset.attrs['orthonormalised_every']} steps, condition {dataset.attrs['condition']:.1e}"
    )


if __name__ == "__main__":
    main()
