"""Effective draws of E and of <phi^2> per CPU second: HMC against MALA, and against plain BlackJAX.

    .venv/bin/python benchmarks/sampling.py [--size 100] [--gain 0.8] [--temperature 0.01] [--chains 8] [--repeats 3]

All have the same gradient of the same network, the same number of chains and as many draws as fill a comparable time. Ours
adapt step and dense preconditioner on all chains together; BlackJAX's window adaptation does it on each chain by itself (and
does NUTS's and HMC's the same way). CPU seconds of drawing alone, compiled before; warm-up and compiling are listed apart.
The fastest of the repeats counts: on a shared machine the rest is noise. BlackJAX is needed for its rows only
(`pip install blackjax`).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import quenched as qd
from quenched.dynamics.read import read_dynamics
from quenched.landscape.sampling import HMC, Langevin
from quenched.landscape.sampling.diagnostics import bulk_sample_size, split_r_hat
from quenched.landscape.sampling.measure import draw
from quenched.landscape.sampling.starts import cloud
from quenched.landscape.sampling.target import Target
from quenched.landscape.sampling.warm_up import warm_up


class Timed(NamedTuple):
    compiling: float
    warming: float
    drawing: float
    energy: np.ndarray
    square_rate: np.ndarray


def cpu_seconds(job: Callable[[], Any]) -> tuple[Any, float]:
    began = time.process_time()
    done = jax.block_until_ready(job())
    return done, time.process_time() - began


def timed(warm: Callable[[], Any], run: Callable[[Any], Any], repeats: int) -> Timed:
    began = time.perf_counter()
    jax.block_until_ready(run(jax.block_until_ready(warm())))
    first = time.perf_counter() - began
    drawing = np.inf
    state, warming = cpu_seconds(warm)
    for _ in range(repeats):
        (energy, square_rate), taken = cpu_seconds(lambda: run(state))
        drawing = min(drawing, taken)
    return Timed(max(0.0, first - warming - drawing), warming, drawing, np.asarray(energy), np.asarray(square_rate))


def ours(target: Target, sampler: Any, temperature: Any, starts: Any, before: int, draws: int, repeats: int) -> Timed:
    @eqx.filter_jit
    def warm(starts: Any) -> Any:
        return warm_up(sampler, target, temperature, starts, before, jax.random.key(1))

    @eqx.filter_jit
    def run(state: Any) -> Any:
        kept = draw(sampler.proposal(), target, temperature, state, jax.random.key(2), draws, 1, False)[1]
        return kept.energy.T, kept.mean_square_rate.T

    return timed(lambda: warm(starts), run, repeats)


def theirs(target: Target, name: str, temperature: Any, starts: Any, before: int, draws: int, repeats: int) -> Timed:
    import blackjax

    size = starts.shape[1]

    def log_density(x: Any) -> Any:
        return -target.energy_and_gradient(x)[0] / temperature

    algorithm: Any = getattr(blackjax, name)
    extra = {"num_integration_steps": 10} if name == "hmc" else {}

    @jax.jit
    def warm(starts: Any) -> Any:
        def one(start: Any, key: Any) -> Any:
            adaptation = blackjax.window_adaptation(algorithm, log_density, is_mass_matrix_diagonal=False, **extra)
            return adaptation.run(key, start, before)[0]

        found = jax.vmap(one)(starts, jax.random.split(jax.random.key(1), len(starts)))
        return found.state, {"step_size": found.parameters["step_size"], "mass": found.parameters["inverse_mass_matrix"]}

    @jax.jit
    def run(warmed: Any) -> Any:
        def one(state: Any, tuning: Any, key: Any) -> Any:
            kernel = algorithm(log_density, tuning["step_size"], tuning["mass"], **extra)

            def move(state: Any, key: Any) -> Any:
                state, _ = kernel.step(key, state)
                rate = target.rate(state.position)
                return state, (-state.logdensity * temperature / size, jnp.mean(rate**2))

            return jax.lax.scan(move, state, jax.random.split(key, draws))[1]

        state, tuning = warmed
        return jax.vmap(one)(state, tuning, jax.random.split(jax.random.key(2), len(starts)))

    return timed(lambda: warm(starts), run, repeats)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=100)
    parser.add_argument("--gain", type=float, default=0.8)
    parser.add_argument("--temperature", type=float, default=0.01)
    parser.add_argument("--chains", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--without-blackjax", action="store_true")
    options = parser.parse_args()
    with jax.enable_x64(True):
        network = qd.RandomNetwork(options.gain).draw(options.size, jax.random.key(1))
        target = Target(read_dynamics(network)[0], None, jnp.asarray(0.0), network.activation)
        temperature = jnp.asarray(options.temperature)
        starts = cloud(options.size, options.chains, jax.random.key(3))
        rest = (temperature, starts)
        rows = {
            "HMC, dense": ours(target, HMC(), *rest, 1000, 4000, options.repeats),
            "HMC, diagonal": ours(target, HMC(preconditioner="diagonal"), *rest, 1000, 2000, options.repeats),
            "MALA, dense": ours(target, Langevin(adjusted=True), *rest, 4000, 10000, options.repeats),
            "MALA, diagonal": ours(
                target, Langevin(adjusted=True, preconditioner="diagonal"), *rest, 4000, 10000, options.repeats
            ),
        }
        if not options.without_blackjax:
            rows["BlackJAX HMC, dense"] = theirs(target, "hmc", *rest, 1000, 2000, options.repeats)
            rows["BlackJAX NUTS, dense"] = theirs(target, "nuts", *rest, 1000, 500, options.repeats)
        print(
            f"N = {options.size}, gain {options.gain}, T = {options.temperature}, {options.chains} chains; "
            "effective draws per CPU second\n"
            f"{'':22}{'of E':>9}{'of phi^2':>10}{'R-hat':>8}{'2E/NT':>9}{'warm-up s':>11}{'compile s':>11}"
        )
        rates = {}
        for name, row in rows.items():
            sizes = [float(bulk_sample_size(jnp.asarray(values))) for values in (row.energy, row.square_rate)]
            worst = max(float(split_r_hat(jnp.asarray(values))) for values in (row.energy, row.square_rate))
            rates[name] = sizes[0] / row.drawing
            print(
                f"{name:22}{rates[name]:9.0f}{sizes[1] / row.drawing:10.0f}{worst:8.3f}"
                f"{2 * row.energy.mean() / options.temperature:9.4f}{row.warming:11.2f}{row.compiling:11.1f}"
            )
        best_mala = max(rates["MALA, dense"], rates["MALA, diagonal"])
        print(f"HMC over the better MALA, in E: {rates['HMC, dense'] / best_mala:.1f}   (at least 2 is asked for)")
        for name in rates:
            if name.startswith("BlackJAX"):
                print(f"HMC over {name}, in E: {rates['HMC, dense'] / rates[name]:.1f}")


if __name__ == "__main__":
    main()
