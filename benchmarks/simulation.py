"""Simulated networks against the products of matrix and rates alone, in the same run; and the memory of large ones.

    .venv/bin/python benchmarks/simulation.py [--repeats 5] [--steps 200] [--huge]

A step of Heun's scheme has two products of J with the rates. The products alone are a compiled loop of them and nothing
else. Both take turns, and the fastest of the repeats counts: on a shared machine the rest is noise. What a simulation takes
is that of the steps: the run of one step, which is the draw of the couplings and the start, is taken off and printed apart.

Peak memory is that of a process of its own: of 4 devices that the processor is divided into, and of weights that are
recomputed. `--huge` adds one step of N = 100 000 with recomputed weights, whose matrix would take 75 GiB: some minutes.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import psutil
from jaxtyping import Array

import quenched as qd

STEP = 0.1
_CHILD = """
import resource, time
import psutil, quenched as qd
model = qd.RandomNetwork(1.5)
def run(size):
    experiment = qd.simulate.Trajectories(size, 2, 4 * {step}, {step}, scheme="euler", {options})
    qd.solve(model, experiment)
    return experiment
run(1100)
before, began = psutil.Process().memory_info().rss, time.perf_counter()
experiment = run({size})
seconds = time.perf_counter() - began
needed = experiment.bytes_measuring(model, None) * (experiment.holding.devices or 1)
peak = 2**10 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(seconds, (peak - before) / 2**30, needed / 2**30)
"""

# One Euler step of one network of recomputed weights, beside one product with a stored matrix of a smaller one.
_HUGE = """
import resource, time
import jax, jax.numpy as jnp, psutil, quenched as qd
from quenched.simulate.holding import Holding, hold
from quenched.simulate.integrate import run
jax.config.update("jax_enable_x64", True)
law = qd.couplings.Elliptic(1.5)
def step(law, key, state):
    network = qd.Network(hold(law, state.shape[1], key, Holding("recomputed")))
    return run(network, state, 1, {step}, 0.0, "euler", key, lambda kept, x, drift, time: (kept, None), None)[0]
stepped = jax.jit(step)
key, states = jax.random.key(0), [jax.random.normal(jax.random.key(1), (1, size)) for size in (2048, {size})]
stepped(law, key, states[0]).block_until_ready()
program = stepped.lower(law, key, states[1]).compile()
before, began = psutil.Process().memory_info().rss, time.perf_counter()
found = program(law, key, states[1]).block_until_ready()
assert bool(jnp.all(jnp.isfinite(found)))
seconds = time.perf_counter() - began
peak = 2**10 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
weights = law.draw(4000, key)
many = jax.jit(lambda x: jax.lax.fori_loop(0, 50, lambda _, x: 0.5 * (weights @ x.T).T, x))
rates = jnp.ones((1, 4000))
many(rates).block_until_ready()
began = time.perf_counter()
many(rates).block_until_ready()
stored = (time.perf_counter() - began) / 50 / 4000**2
print(seconds, (peak - before) / 2**30, 1e9 * seconds / {size}**2, 1e9 * stored)
"""


def products(batch: bool) -> Callable[[Array, Array, int], Array]:
    """That many products, each with the result of the one before."""

    def multiply(weights: Array, rates: Array) -> Array:
        return (weights @ rates.T).T

    once = jax.vmap(multiply) if batch else multiply
    return jax.jit(lambda weights, rates, count: jax.lax.fori_loop(0, count, lambda _, now: once(weights, now), rates))


def seconds(job: Callable[[], object]) -> float:
    began = time.perf_counter()
    job()
    return time.perf_counter() - began


def against_products(size: int, networks: int, dtype: str, steps: int, repeats: int) -> None:
    """What the steps of a simulation take over the products alone."""
    model, batch = qd.RandomNetwork(1.5), networks > 2
    drawn = jax.random.normal(jax.random.key(0), (networks, size, size) if batch else (size, size), dtype=dtype)
    weights = (drawn / np.sqrt(size)).astype(dtype)  # products neither grow nor vanish
    rates, alone = jnp.ones((*drawn.shape[:-2], 1, size), dtype), products(batch)

    def simulate(count: int) -> Callable[[], object]:
        experiment = qd.simulate.Trajectories(size, networks, count * STEP, STEP, burn_in=0.0, dtype=dtype)
        return lambda: qd.solve(model, experiment, throw=False)

    jobs: dict[str, Callable[[], object]] = {
        "whole": simulate(steps + 1),
        "start": simulate(1),
        "products": lambda: alone(weights, rates, 2 * steps).block_until_ready(),
    }
    first = {name: seconds(job) for name, job in jobs.items()}
    times = dict.fromkeys(jobs, np.inf)
    for _ in range(repeats):
        for name, job in jobs.items():
            times[name] = min(times[name], seconds(job))
    runs = networks if not batch else 1
    products_ms = 1e3 * times["products"] / (2 * steps)
    mine = (times["whole"] - times["start"]) / runs
    bandwidth = weights.nbytes / products_ms / 1e6
    compiling = first["whole"] - times["whole"]
    print(f"{networks if batch else 1} network(s) of N = {size}, {dtype}, {steps} steps; compile {compiling:.1f} s")
    print(f"  products alone         {times['products']:8.3f} s   {products_ms:7.3f} ms each, {bandwidth:.0f} GB/s")
    print(f"  steps of a simulation  {mine:8.3f} s")
    print(f"  draw and start         {times['start'] / runs:8.3f} s")
    print(f"  ratio of the steps     {mine / times['products']:8.2f}")


def of_sparse(size: int, degree: float, repeats: int) -> None:
    """The product of sparse weights against that of SciPy's compressed rows."""
    from scipy.sparse import coo_array

    from quenched.simulate.holding import Holding, hold

    law, key = qd.couplings.Sparse(degree, qd.couplings.Elliptic(1.5)), jax.random.key(0)
    weights, drawn = jax.jit(lambda key: hold(law, size, key, Holding()))(key), law.draw(size, key)
    places = tuple(np.asarray(drawn.indices).T)
    theirs, rates = coo_array((np.asarray(drawn.data), places), shape=(size, size)).tocsr(), np.ones((size, 1))
    count = 50
    loop: Any = jax.jit(lambda weights, x: jax.lax.fori_loop(0, count, lambda _, x: 1e-3 * (weights @ x) + x, x))

    def scipy() -> None:
        x = rates
        for _ in range(count):
            x = 1e-3 * (theirs @ x) + x

    jobs = {
        "ours": lambda: loop(weights, rates).block_until_ready(),
        "BCOO": lambda: loop(drawn, rates).block_until_ready(),
        "SciPy": scipy,
    }
    times = dict.fromkeys(jobs, np.inf)
    for _ in range(repeats + 1):
        for name, job in jobs.items():
            times[name] = min(times[name], seconds(job))
    each = {name: 1e6 * taken / count for name, taken in times.items()}
    print(f"sparse product, N = {size}, degree {degree:g}")
    print("  " + ", ".join(f"{name} {taken:.0f} us" for name, taken in each.items()))
    print(f"  ratio to SciPy         {each['ours'] / each['SciPy']:8.2f}")


def told_by(code: str, devices: int = 1) -> list[float]:
    """The numbers that a program prints, in a process of its own whose processor counts as several devices."""
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count={devices}"
    environment = os.environ | {"XLA_FLAGS": flags}
    told = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    return [float(each) for each in told.stdout.split()]


def in_a_process(name: str, size: int, options: str, devices: int = 1) -> None:
    """Time and peak memory of four Euler steps of two networks, beyond what the process had before."""
    taken, peak, needed = told_by(_CHILD.format(size=size, options=options, step=STEP), devices)
    print(f"  {name:<34} N = {size:<7} peak {peak:6.2f} GiB, foreseen {needed:6.2f} GiB, {taken:7.1f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--huge", action="store_true")
    options = parser.parse_args()
    print(f"{jax.devices()[0].device_kind}, {os.cpu_count()} cores, load {psutil.getloadavg()[0]:.1f}")
    with jax.enable_x64(True):
        for dtype in ("float64", "float32"):
            against_products(4000, 2, dtype, options.steps, options.repeats)
        against_products(500, 64, "float64", options.steps, options.repeats)
        of_sparse(20_000, 20.0, options.repeats)
    print("four Euler steps of two networks; a matrix of N = 10 000 takes 0.75 GiB")
    in_a_process("stored", 10_000, "")
    in_a_process("float32", 10_000, 'dtype="float32"')
    in_a_process("stored on 4 devices", 10_000, "devices=4", 4)
    in_a_process("recomputed", 10_000, 'weights="recomputed"')
    in_a_process("recomputed on 4 devices", 10_000, 'weights="recomputed", devices=4', 4)
    if options.huge:
        taken, peak, pair, stored = told_by(_HUGE.format(size=100_000, step=STEP))
        print(f"one Euler step of one network of N = 100 000, recomputed: {taken:.0f} s, peak {peak:.2f} GiB")
        print(f"  {pair:.1f} ns a neuron pair; the product with a stored matrix of N = 4000 {stored:.2f} ns")


if __name__ == "__main__":
    main()
