"""A step of large networks and of many small ones, against one pass over their matrix: the table of docs/large_networks.md.

    .venv/bin/python benchmarks/large_networks.py [--memory 4] [--cases WORD] [--machine NAME] [--write]

A step of Euler's scheme has one product. Beside it stands the product alone, a compiled loop of it and nothing else; both
take turns, and the fastest of the repeats counts. Matrices that take more than `--memory` GiB, by default half of what is
free, are left out, and so is what needs several devices where there is one. `--write` puts the lines of this machine into
the table, docs/data/large_networks.txt, and leaves those of others.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

import quenched as qd
from quenched.numerics.memory import available_bytes
from quenched.simulate.holding import Holding, bytes_held, hold
from quenched.simulate.integrate import run

DATA = Path(__file__).parents[1] / "docs" / "data"
STEP = 0.1


class Case(NamedTuple):
    """What is timed."""

    name: str
    size: int
    networks: int
    law: Any
    how: Holding
    pairs: int
    """Couplings that a product goes through."""


def cases() -> list[Case]:
    dense, half, elliptic = Holding(), Holding(dtype="float32", sums="float32"), qd.couplings.Elliptic(1.5)
    found = [
        Case(f"stored, {how.dtype}", size, 1, elliptic, how, size**2)
        for size in (4000, 20_000, 50_000)
        for how in (dense, half)
    ]
    devices = jax.device_count()
    if devices > 1:
        found += [Case(f"on {devices} devices", n, 1, elliptic, Holding(devices=devices), n**2) for n in (20_000, 50_000)]
    found.append(Case("recomputed", 4000, 1, elliptic, Holding("recomputed"), 4000**2))
    found += [Case("side by side", size, count, elliptic, dense, size**2) for size, count in ((100, 1000), (500, 64))]
    sparse = qd.couplings.Sparse(20, elliptic)
    return found + [Case("sparse, degree 20", size, 1, sparse, dense, 20 * size) for size in (20_000, 200_000)]


def fastest(jobs: dict[str, Callable[[], Any]], repeats: int) -> dict[str, float]:
    """Seconds of each; they take turns."""
    times = dict.fromkeys(jobs, np.inf)
    for turn in range(repeats + 1):
        for name, job in jobs.items():
            began = time.perf_counter()
            jax.block_until_ready(job())
            times[name] = min(times[name], time.perf_counter() - began if turn else np.inf)
    return times


def measured(case: Case, repeats: int) -> dict[str, Any]:
    """Milliseconds of a step and of its product, of all networks together."""
    keys = jax.random.split(jax.random.key(0), case.networks)
    steps = max(1, min(100, round(4e8 / case.pairs / case.networks)))
    draw = jax.jit(lambda key: hold(case.law, case.size, key, case.how))

    def simulate(weights: Any, state: Array) -> Array:
        network = qd.Network(weights)
        return run(network, state, steps, STEP, 0.0, "euler", keys[0], lambda kept, *_: (kept, None), None)[0]

    def products(weights: Any, state: Array) -> Array:
        return jax.lax.fori_loop(0, steps, lambda _, now: 0.5 * (weights @ now.T).T, state)

    state = jnp.ones((1, case.size))
    if case.networks > 1:
        weights, state = jax.vmap(draw)(keys), jnp.ones((case.networks, 1, case.size))
        simulate, products = jax.vmap(simulate), jax.vmap(products)
    else:
        weights = draw(keys[0])
    whole, alone = jax.jit(simulate), jax.jit(products)
    times = fastest({"step": lambda: whole(weights, state), "product": lambda: alone(weights, state)}, repeats)
    step, product = (1e3 * times[name] / steps for name in ("step", "product"))
    return {
        "what": case.name,
        "size": case.size,
        "networks": case.networks,
        "step_ms": step,
        "product_ms": product,
        "pair_ns": 1e6 * step / case.pairs / case.networks,
    }


def table(machines: dict[str, Any]) -> str:
    """In Markdown; a line that says so where nothing was measured."""
    lines = [
        "| machine | weights | N | networks | step (ms) | product alone (ms) | step / product | ns a coupling |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for machine, rows in machines.items():
        if not rows:
            lines.append(f"| {machine} | not measured | | | | | | |")
        for row in rows:
            ratio = row["step_ms"] / row["product_ms"]
            lines.append(
                f"| {machine} | {row['what']} | {row['size']} | {row['networks']} | {row['step_ms']:.3g} | "
                f"{row['product_ms']:.3g} | {ratio:.2f} | {row['pair_ns']:.3g} |"
            )
    return "\n".join(lines) + "\n"


def put(machine: str, row: dict[str, Any]) -> None:
    """Into the table, in the place of what was measured before."""
    kept = DATA / "large_networks.json"
    machines = json.loads(kept.read_text()) if kept.exists() else {"one GPU": []}
    rows = {(each["what"], each["size"]): each for each in machines.get(machine, [])}
    rows[row["what"], row["size"]] = row
    order = [(case.name, case.size) for case in cases()]
    machines[machine] = sorted(
        rows.values(), key=lambda each: [*order, (each["what"], each["size"])].index((each["what"], each["size"]))
    )
    kept.write_text(json.dumps(machines, indent=1) + "\n")
    (DATA / "large_networks.txt").write_text(table(machines))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--memory", type=float, default=available_bytes() / 2**31)
    parser.add_argument("--cases", default="", help="only those whose name has this word")
    parser.add_argument("--machine", default=f"{os.cpu_count()} cores" if jax.default_backend() == "cpu" else None)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    machine = options.machine or jax.devices()[0].device_kind
    with jax.enable_x64(True):
        for case in cases():
            needed = case.networks * bytes_held(case.law, case.size, case.how) * (case.how.devices or 1)
            if options.cases not in case.name:
                continue
            if needed > options.memory * 2**30:
                print(f"{case.name}, N = {case.size}: {needed / 2**30:.1f} GiB, left out")
                continue
            row = measured(case, options.repeats)
            print(table({machine: [row]}).splitlines()[-1], flush=True)
            if options.write:
                put(machine, row)


if __name__ == "__main__":
    main()
