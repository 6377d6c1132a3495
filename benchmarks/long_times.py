"""Two-time DMFT over long times: how its cost grows, and which is cheaper at the same error, theory or networks.

    .venv/bin/python benchmarks/long_times.py [--durations 25 50 100 200] [--populations 4] [--sizes 200 400] [--networks 32]

Symmetric couplings of gain 1.5, no noise, step 0.1. Theory: `qd.dmft.ThinnedPopulation`, and `qd.dmft.GrowingSteps`,
whose step is 0.1 at first; CPU seconds of all threads without compiling, which a first run from other random numbers
takes, and the exponent of their growth. Networks by Euler's scheme, of which the thinned theory is then the
limit: C(T, T) of infinitely many neurons by a straight line in 1/N through two sizes, whose error does not contain higher
powers. What is compared is CPU seconds times squared error of C(T, T), which does not depend on how many populations or
networks are averaged. NaN: growing steps were lost before T.
"""

from __future__ import annotations

import argparse
import resource
import time
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import quenched as qd

MODEL, STEP = qd.RandomNetwork(1.5, 1.0), 0.1


def theory(duration: float, populations: int, way: Any, scheme: str) -> tuple[float, float, float]:
    """C(T, T), its error, and CPU seconds."""
    asked = qd.dmft.TwoTime(duration, STEP, scheme=scheme, times=[0.0, duration])
    solver = way(populations=populations)
    qd.solve(MODEL, asked, solver=way(populations=2), key=1, throw=False)
    began = time.process_time()
    found = qd.solve(MODEL, asked, solver=solver, key=2, throw=False)
    took = time.process_time() - began
    return float(found["correlation"][1, 1]), float(found["correlation_error"][1, 1]), took


@partial(jax.jit, static_argnames=("size", "steps"))
def one_network(size: int, steps: int, key: Any) -> Any:
    """<phi(x(T))^2> of one network."""
    draw_key, start_key = jax.random.split(key)
    weights = MODEL.couplings.draw(size, draw_key)

    def advance(_: Any, state: Any) -> Any:
        return state + STEP * (weights @ jnp.tanh(state) - state)

    return jnp.mean(jnp.tanh(jax.lax.fori_loop(0, steps, advance, jax.random.normal(start_key, (size,)))) ** 2)


def networks(duration: float, sizes: list[int], count: int) -> tuple[float, float, float]:
    """The same of networks, extrapolated."""
    steps, took, measured = round(duration / STEP), 0.0, []
    for size in sizes:
        one_network(size, steps, jax.random.key(0)).block_until_ready()
        began = time.process_time()
        values = [float(one_network(size, steps, jax.random.key(seed))) for seed in range(1, count + 1)]
        took += time.process_time() - began
        measured.append((np.mean(values), np.std(values, ddof=1) / np.sqrt(count)))
    (small, small_error), (large, large_error) = measured
    share = sizes[0] / (sizes[1] - sizes[0])
    limit = large + share * (large - small)
    return float(limit), float(np.hypot((1 + share) * large_error, share * small_error)), took


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--durations", type=float, nargs="+", default=[25.0, 50.0, 100.0, 200.0])
    parser.add_argument("--populations", type=int, default=4)
    parser.add_argument("--sizes", type=int, nargs=2, default=[200, 400])
    parser.add_argument("--networks", type=int, default=32)
    asked = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    print(f"{'T':>6} {'way':>8} {'C(T,T)':>9} {'error':>8} {'CPU s':>8} {'CPU s x error^2':>16}")
    seconds: dict[str, list[float]] = {"thinned": [], "growing": []}
    for duration in asked.durations:
        ways = {
            "thinned": theory(duration, asked.populations, qd.dmft.ThinnedPopulation, "euler"),
            "growing": theory(duration, asked.populations, qd.dmft.GrowingSteps, "second_order"),
            "networks": networks(duration, asked.sizes, asked.networks),
        }
        for name, (value, error, took) in ways.items():
            print(f"{duration:6g} {name:>8} {value:9.5f} {error:8.5f} {took:8.2f} {took * error**2:16.2e}", flush=True)
        for name, each in seconds.items():
            each.append(ways[name][2])
    for name, each in seconds.items():
        if len(each) > 1:
            exponent = np.polyfit(np.log(asked.durations), np.log(each), 1)[0]
            print(f"CPU seconds, {name}: T^{exponent:.2f}")
    print(f"largest memory of the process {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB")


if __name__ == "__main__":
    main()
