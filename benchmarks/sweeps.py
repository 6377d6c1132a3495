"""What a sweep adds to the work itself, in process and on Dask's workers; large stores; the gain of a second worker.

    .venv/bin/python benchmarks/sweeps.py [--points 100000]

Overhead: points whose work is next to nothing, in a sweep with a store, minus the same points in a plain loop. Large
stores: replica points on the zero-overlap branch, all into one store. Scaling: points of sampled networks with one worker
and with two. Compiling and the start of workers are apart.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import jax
import numpy as np
import xarray as xr

import quenched as qd
from quenched.precision import double_precision
from quenched.solve import measure_ensemble
from quenched.sweeps.workers import local_client

SMALL = qd.simulate.Trajectories(size=4, networks=2, duration=1.0, step=0.5)
SAMPLED = qd.simulate.Trajectories(size=150, networks=8, duration=200.0)


def seconds(work: Any) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


@double_precision
def plain_loop(gains: np.ndarray) -> None:
    for index, gain in enumerate(gains):
        key = jax.random.fold_in(jax.random.key(0), index)
        jax.block_until_ready(measure_ensemble(qd.RandomNetwork(gain), SMALL, None, key, None))


def overhead(folder: Path, client: Any, points: int = 400) -> None:
    gains = np.linspace(0.1, 1.0, points)
    plain_loop(gains[:4])
    alone = min(seconds(lambda: plain_loop(gains)) for _ in range(3)) / points
    print(f"a point in a plain loop              {1e3 * alone:8.2f} ms")
    for name, executor in (("in process", None), ("Dask, 2 workers", client)):

        def run(round: int, name: str = name, executor: Any = executor) -> None:
            place = folder / f"{name}{round}.zarr"
            qd.sweep(qd.RandomNetwork(1.0), SMALL, {"gain": gains}, store=place, executor=executor)

        run(0)  # compiles, in the workers too
        each = min(seconds(lambda round=round, run=run: run(round)) for round in (1, 2, 3)) / points
        print(f"{f'a point in a sweep, {name}':<36} {1e3 * each:8.2f} ms, so {1e3 * (each - alone):6.2f} ms more")


def large(folder: Path, points: int) -> None:
    gains, temperatures = np.linspace(0.5, 3.0, points // 100), np.linspace(0.05, 1.0, 100)
    over, start = {"gain": gains, "temperature": temperatures}, "zero_overlap"
    model, theory = qd.RandomNetwork(1.0, 0.5), qd.replica.FiniteTemperature(0.1)
    qd.sweep(model, theory, {"gain": [0.5]}, start=start)
    place = folder / f"{points}.zarr"
    took = seconds(lambda: qd.sweep(model, theory, over, start=start, store=place))
    bare = seconds(lambda: qd.sweep(model, theory, over, start=start))
    files = [path.stat().st_size for path in place.rglob("*") if path.is_file()]
    opened = seconds(lambda: xr.open_zarr(place).close())
    loaded = seconds(lambda: qd.load(place))
    print(
        f"{points} replica points: {took:.1f} s, without a store {bare:.1f} s; {len(files)} files, "
        f"{sum(files) / 2**20:.1f} MiB; opened in {opened:.2f} s, read and checked in {loaded:.2f} s"
    )


def scaling(points: int = 24) -> None:
    over, took = {"gain": np.linspace(1.0, 2.0, points)}, {}
    for workers in (1, 2):
        with local_client(workers) as client:
            qd.sweep(qd.RandomNetwork(1.0), SAMPLED, {"gain": np.linspace(1.0, 2.0, 8)}, executor=client)  # compiles
            took[workers] = min(
                seconds(lambda: qd.sweep(qd.RandomNetwork(1.0), SAMPLED, over, executor=client)) for _ in range(3)
            )
    in_process = min(seconds(lambda: qd.sweep(qd.RandomNetwork(1.0), SAMPLED, over)) for _ in range(3))
    print(
        f"{points} sampled points: {took[1]:.2f} s with one worker, {took[2]:.2f} s with two, {took[1] / took[2]:.2f} times "
        f"as fast; in process {in_process:.2f} s"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--points", type=int, default=100_000)
    points = parser.parse_args().points
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with local_client(2) as client:
            overhead(folder, client)
        for number in dict.fromkeys((min(10_000, points), points)):
            large(folder, number)
    scaling()


if __name__ == "__main__":
    main()
