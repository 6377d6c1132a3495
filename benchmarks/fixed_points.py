"""Fixed points per CPU second: against FixedPointFinder, against Optimistix, and paths against descents.

    .venv/bin/python benchmarks/fixed_points.py [--finder CHECKOUT] [--python INTERPRETER]
        [--only finder|optimistix|large|real] [--worm FILE] [--lstm FILE]

FixedPointFinder (Golub & Sussillo 2018) is github.com/mattgolub/fixed-point-finder: `git clone` it and give the folder as
`--finder`. It needs PyTorch, and the second contender Optimistix: `--python` is an interpreter that has them (with JAX and
NumPy), this one if left out. A contender that cannot be run is left out, and said to be.

All solve h = tanh(J h), J random with gain 1.5, in the form in which PyTorch has it (`nn.RNN`), from the same 1000 states on
trajectories; then GRUs that keep three bits, with 27 fixed points. A start counts where it ends at a state whose
Newton-Kantorovich number is below 1/2: there is then a fixed point, proven up to rounding. CPU seconds are of all threads of
a process of its own; compiling is told apart.

Real networks: a GRU of 128 units at PyTorch's scale with recurrent weights three times as large; `--worm`, an .npz of a
connectome with arrays `count` and `sign`; `--lstm`, an .npz of an LSTM's weights under PyTorch's names.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

GAIN, STARTS = 1.5, 1000
HERE = Path(__file__).resolve().parent
FLIP_FLOP = HERE.parent / "tests" / "dynamics" / "flip_flop_gru.npz"
TRAIN = HERE.parent / "examples" / "flip_flop.py"


def random_network(size: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Under PyTorch's names; nothing comes in."""
    generator = np.random.default_rng(seed)
    weights = GAIN / np.sqrt(size) * generator.normal(size=(size, size))
    return {"weight_hh_l0": weights, "weight_ih_l0": np.zeros((size, 1))}


def states_on_trajectories(weights: np.ndarray, seed: int = 1) -> np.ndarray:
    generator = np.random.default_rng(seed)
    states = 0.5 * generator.normal(size=(STARTS, len(weights)))
    steps = generator.integers(0, 50, STARTS)
    for step in range(50):
        states = np.where((step < steps)[:, None], np.tanh(states @ weights.T), states)
    return states


def flip_flops() -> dict[str, dict[str, np.ndarray]]:
    """Two GRUs: the one of the tests, and one that is trained for a third of the time, to the same perfect memory."""
    with tempfile.TemporaryDirectory() as folder:
        shorter = Path(folder) / "shorter.npz"
        options = ["--steps", "1000", "--seed", "1"]
        subprocess.run([sys.executable, str(TRAIN), str(shorter), *options], check=True, capture_output=True)
        files = {"GRU of three bits, 3000 steps of training": FLIP_FLOP, "GRU of three bits, 1000 steps": shorter}
        return {
            name: {each.split(".")[-1]: values for each, values in np.load(file).items() if "_l0" in each}
            for name, file in files.items()
        }


def states_of_flip_flop(arrays: dict[str, np.ndarray]) -> np.ndarray:
    """What the GRU does under random pulses."""
    import quenched as qd

    generator, step = np.random.default_rng(2), qd.landscape.rnn.from_arrays(arrays)
    import equinox as eqx
    import jax
    import jax.numpy as jnp

    with jax.enable_x64(True):
        pulses = generator.choice([0.0, 0.0, 0.0, 1.0, -1.0], (60, STARTS, arrays["weight_ih_l0"].shape[1]))
        advance = eqx.filter_jit(lambda states, pulse: jax.vmap(step.step)(states, pulse))
        states = jnp.zeros((STARTS, step.size))
        kept = []
        for each in pulses:
            states = advance(states, each)
            kept.append(np.asarray(states))
    chosen = np.array(kept)[generator.integers(10, 60, STARTS), np.arange(STARTS)]
    return chosen + 0.5 * generator.normal(size=chosen.shape)


def run_finder(checkout: str, arrays: dict[str, np.ndarray], starts: np.ndarray) -> dict[str, Any]:
    """FixedPointFinder as its example runs it."""
    sys.path.insert(0, checkout)
    import torch

    torch.set_num_threads(os.cpu_count() or 1)
    from FixedPointFinderTorch import FixedPointFinderTorch

    hidden, width = arrays["weight_hh_l0"].shape[1], arrays["weight_ih_l0"].shape[1]
    gates = arrays["weight_hh_l0"].shape[0] // hidden
    kind = {1: torch.nn.RNN, 3: torch.nn.GRU, 4: torch.nn.LSTM}[gates]
    module = kind(width, hidden, batch_first=True, bias="bias_ih_l0" in arrays)
    module.load_state_dict({name: torch.tensor(values, dtype=torch.float32) for name, values in arrays.items()})
    if gates == 4:
        module = one_state(torch, module, hidden)
    options = {"max_iters": 10000, "lr_init": 1.0, "outlier_distance_scale": 10.0, "verbose": False}
    finder = FixedPointFinderTorch(module, **options)
    began = time.process_time()
    unique, everything = finder.find_fixed_points(starts.astype(np.float32), np.zeros((1, width), np.float32))
    return {"cpu": time.process_time() - began, "state": everything.xstar, "unique": unique.xstar}


def one_state(torch: Any, module: Any, hidden: int) -> Any:
    """An LSTM as FixedPointFinder takes a recurrent network: its state, h and c, in one array."""

    class OneState(torch.nn.Module):
        batch_first = True

        def __init__(self) -> None:
            super().__init__()
            self.module = module

        def forward(self, inputs: Any, state: Any) -> Any:
            parts = tuple(part.contiguous() for part in torch.split(state, hidden, dim=-1))
            outputs, after = self.module(inputs, parts)
            return outputs, torch.cat(after, dim=-1)

    return OneState()


def run_real(_: str, arrays: dict[str, np.ndarray], starts: np.ndarray) -> dict[str, Any]:
    """This package as it comes, from these starts: everything, the first call and a second one."""
    import quenched as qd

    known = {"couplings"} & set(arrays)
    dynamics = qd.Network(arrays["couplings"]) if known else qd.landscape.rnn.from_arrays(arrays)
    cpu: list[float] = []
    seen: list[float] = []

    def watch(done: int, total: int, *, points: Any) -> None:
        if len(points):
            seen.append(time.process_time())

    for _again in range(2):
        seen.clear()
        began = time.process_time()
        found = qd.landscape.find_fixed_points(dynamics, starts, progress=watch)
        cpu.append(time.process_time() - began)
    return {
        "cpu": cpu[1],
        "compiled": cpu[0],
        "first": seen[0] - began if seen else np.nan,
        "unique": found.state.values,
        "outcomes": str(found.attrs["outcomes"]),
        "lost": float(np.mean(found.outcome.values == qd.landscape.Outcome.out_of_steps)),
    }


def run_optimistix(_: str, arrays: dict[str, np.ndarray], starts: np.ndarray) -> dict[str, Any]:
    """Its Levenberg-Marquardt, vmapped and compiled."""
    import jax
    import jax.numpy as jnp
    import optimistix

    jax.config.update("jax_enable_x64", True)
    weights = jnp.asarray(arrays["weight_hh_l0"])
    solver: Any = optimistix.LevenbergMarquardt(rtol=1e-9, atol=1e-9)

    @jax.jit
    @jax.vmap
    def solve(start: Any) -> Any:
        def velocity(state: Any, _: Any) -> Any:
            return jnp.tanh(weights @ state) - state

        return optimistix.least_squares(velocity, solver, start, max_steps=200, throw=False).value

    jax.block_until_ready(solve(jnp.asarray(starts)))
    began = time.process_time()
    found = np.asarray(solve(jnp.asarray(starts)))
    return {"cpu": time.process_time() - began, "state": found}


def run_ours(options: str, arrays: dict[str, np.ndarray], starts: np.ndarray) -> dict[str, Any]:
    """This package: descents from the same starts, and whatever `options` say besides."""
    import quenched as qd

    asked = json.loads(options)
    step = qd.landscape.rnn.from_arrays(arrays)
    qd.landscape.find_fixed_points(step, starts, **asked)
    began = time.process_time()
    found = qd.landscape.find_fixed_points(step, starts, **asked)
    return {
        "cpu": time.process_time() - began,
        "unique": found.state.values,
        "converged": int(np.sum(found.outcome.values == 0)),
        "passed": int(found.path_points.sum()),
    }


RUNS = {"real": run_real, "finder": run_finder, "optimistix": run_optimistix, "ours": run_ours}


def contender(
    python: str, kind: str, argument: str, arrays: dict[str, np.ndarray], starts: np.ndarray
) -> dict[str, Any] | None:
    """Run one in a process of its own; None where it cannot be run, with the reason printed."""
    with tempfile.TemporaryDirectory() as folder:
        given, taken = Path(folder) / "given.npz", Path(folder) / "taken.npz"
        everything: dict[str, Any] = arrays | {"starts": starts}
        np.savez(given, **everything)
        command = [python, str(Path(__file__).resolve()), "--child", kind, argument, str(given), str(taken)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or ["no message"])[-1]
            print(f"  {kind} cannot be run: {reason}")
            return None
        return dict(np.load(taken))


def proven(dynamics: Any, states: np.ndarray) -> np.ndarray:
    """Which states, as they are, have a certified root next to them."""
    import equinox as eqx

    from quenched.fixed_points.certificates import examine

    look = eqx.filter_jit(lambda way, state: examine(way, state, None).certificate)
    return np.array([float(look(dynamics, state)) < 0.5 for state in states], bool)


def certified(arrays: dict[str, np.ndarray], states: np.ndarray) -> tuple[int, int]:
    """How many states have a proven fixed point next to them, and how many different ones that makes."""
    import jax

    import quenched as qd
    from quenched.dynamics.read import read_dynamics
    from quenched.fixed_points.collection import Collection

    with jax.enable_x64(True):
        dynamics, _ = read_dynamics(qd.landscape.rnn.from_arrays(arrays))
        collection = Collection(dynamics, None)
        near = proven(dynamics, np.asarray(states, np.float64))
        belongs = collection.add(np.asarray(states, np.float64)[near], np.zeros(int(near.sum()), int))
    return int(near.sum()), len(set(belongs[belongs >= 0].tolist()))


def compare(
    name: str, arrays: dict[str, np.ndarray], starts: np.ndarray, finder: str | None, python: str, which: str, asked: str
) -> None:
    print(f"{name}; asked: {asked}")
    ours = contender(sys.executable, "ours", json.dumps({"paths": 0, "rounds": 0}), arrays, starts)
    assert ours is not None
    mine = float(ours["converged"] / ours["cpu"])
    print(
        f"  descents: {int(ours['converged'])} of {len(starts)} starts, {len(ours['unique'])} fixed points, "
        f"{float(ours['cpu']):.2f} CPU s: {mine:.0f} starts a CPU second; spurious, by another certificate: "
        f"{len(ours['unique']) - certified(arrays, ours['unique'])[1]}"
    )
    if which == "finder":
        both = contender(sys.executable, "ours", "{}", arrays, starts)
        assert both is not None
        print(
            f"  with paths, and again between what was found: {len(both['unique'])} fixed points, "
            f"{float(both['cpu']):.2f} CPU s"
        )
    other = contender(python, which, finder or "", arrays, starts)
    if other is not None:
        count, different = certified(arrays, other["state"])
        rate = count / float(other["cpu"])
        listed = f", of {len(other['unique'])} listed as unique" if "unique" in other else ""
        more = mine / max(rate, 1 / float(other["cpu"]))
        print(
            f"  {which}: {count} of {len(starts)} starts, {different} fixed points{listed}, "
            f"{float(other['cpu']):.2f} CPU s: {rate:.2f} starts a CPU second; "
            f"ours {more:.0f} times as many{'' if count else ' at least'}, "
            f"{float(other['cpu'] / ours['cpu']):.0f} times less CPU"
        )


def plain_levenberg_marquardt(weights: np.ndarray, starts: np.ndarray, most: int = 200) -> tuple[np.ndarray, float]:
    """What one writes in an afternoon: one loop for the whole batch, ended when all have converged or the steps are over.

    Damping a tenth after a step that helps, ten times as much after one that does not. Returns where the starts end, and CPU
    seconds without compiling.
    """
    import jax
    import jax.numpy as jnp

    with jax.enable_x64(True):
        couplings = jnp.asarray(weights)

        def step(carry: Any) -> Any:
            state, damping, steps = carry
            speed = couplings @ jnp.tanh(state) - state
            jacobian = couplings * (1.0 - jnp.tanh(state) ** 2) - jnp.eye(len(couplings))
            trial = state - jnp.linalg.solve(jacobian.T @ jacobian + damping * jnp.eye(len(couplings)), jacobian.T @ speed)
            better = jnp.sum((couplings @ jnp.tanh(trial) - trial) ** 2) < jnp.sum(speed**2)
            return jnp.where(better, trial, state), jnp.where(better, 0.1, 10.0) * damping, steps + 1

        def goes_on(carry: Any) -> Any:
            state, damping, steps = carry
            moves = jnp.max(jnp.abs(couplings @ jnp.tanh(state) - state)) > 1e-9
            return moves & (damping < 1e12) & (steps < most)

        @jax.jit
        @jax.vmap
        def solve(start: Any) -> Any:
            return jax.lax.while_loop(goes_on, step, (start, jnp.asarray(1e-2), 0))[0]

        jax.block_until_ready(solve(jnp.asarray(starts)))
        began = time.process_time()
        found = np.asarray(solve(jnp.asarray(starts)))
        return found, time.process_time() - began


def large_networks() -> None:
    """Paths against descents where most descents end in ghosts."""
    import jax

    import quenched as qd
    from quenched.dynamics.read import read_dynamics
    from quenched.fixed_points.collection import Collection

    none = qd.landscape.LevenbergMarquardt(max_steps=1)
    for size, starts, paths, asked in (
        (100, 200, 16, "; asked: 30 within 100 CPU s"),
        (200, 32, 8, "; asked: 5"),
        (500, 4, 4, ""),
    ):
        weights = 2.0 / np.sqrt(size) * np.random.default_rng(0).normal(size=(size, size))
        network = qd.Network(weights)
        print(f"N = {size}, gain 2{asked}")
        rates = {}
        for name, options in (
            ("everything, as it comes", {}),
            ("descents", {"starts": starts, "paths": 0, "rounds": 0}),
            ("paths", {"starts": paths, "paths": paths, "rounds": 0, "solver": none}),
        ):
            if size == 500 and not options:
                continue
            compiled = size < 500
            if compiled:
                qd.landscape.find_fixed_points(network, key=1, **options)
            began = time.process_time()
            found = qd.landscape.find_fixed_points(network, key=0, **options)
            cpu = time.process_time() - began
            rates[name] = found.sizes["fixed_point"] / cpu
            print(
                f"  {name}: {found.sizes['fixed_point']} certified fixed points, index sum {float(found.index_sum):g}, "
                f"{cpu:.1f} CPU s{'' if compiled else ', compiling included'}; starts: {found.attrs['outcomes']}"
            )
        generator = np.random.default_rng(1)
        states = generator.uniform(0, 2, (starts, 1)) * generator.normal(size=(starts, size))
        ended, cpu = plain_levenberg_marquardt(weights, states)
        with jax.enable_x64(True):
            dynamics, _ = read_dynamics(network)
            collection = Collection(dynamics, None)
            near = proven(dynamics, ended)
            collection.add(ended[near], np.zeros(int(near.sum()), int))
        rates["plain"] = len(collection.roots) / cpu
        print(f"  plain batched Levenberg-Marquardt, {starts} starts: {len(collection.roots)}, {cpu:.1f} CPU s")
        for other in ("descents", "plain"):
            ratio = f"{rates['paths'] / rates[other]:.1f}" if rates[other] else "infinitely many"
            print(f"  fixed points a CPU second, paths to {other}: {ratio}")


def real_networks(finder: str | None, python: str, worm: str | None, lstm: str | None) -> None:
    """Networks that people have, the search as it comes."""
    import equinox as eqx
    import jax

    import quenched as qd
    from quenched.dynamics.read import read_dynamics
    from quenched.fixed_points.collection import default_starts

    generator, hidden = np.random.default_rng(0), 128
    shapes = {"weight_ih_l0": (3 * hidden, 4), "weight_hh_l0": (3 * hidden, hidden), "bias_ih_l0": (3 * hidden,)}
    gru = {name: generator.uniform(-1, 1, shape) / np.sqrt(hidden) for name, shape in shapes.items()}
    gru["weight_hh_l0"] *= 3.0
    gru["bias_hh_l0"] = generator.uniform(-1, 1, 3 * hidden) / np.sqrt(hidden)
    networks: dict[str, tuple[dict[str, np.ndarray], int]] = {"GRU of 128 units, gain 3": (gru, 200)}
    if lstm is not None:
        trained = {f"{name.split('.')[-1].removesuffix('_l0')}_l0": values for name, values in np.load(lstm).items()}
        networks["trained LSTM"] = (trained, 50)
    if worm is not None:
        weights = np.asarray(qd.Network.from_file(worm, array="count", sign="sign", gain=3.0).weights)
        networks["the worm's network, gain 3"] = ({"couplings": weights}, 200)
    for name, (arrays, count) in networks.items():
        own = qd.Network(arrays["couplings"]) if "couplings" in arrays else qd.landscape.rnn.from_arrays(arrays)
        with jax.enable_x64(True):
            dynamics, _ = read_dynamics(own)
            starts = np.asarray(eqx.filter_jit(default_starts)(dynamics, None, count, jax.random.key(0)))
        ours = contender(sys.executable, "real", "", arrays, starts)
        assert ours is not None
        print(
            f"{name}: {len(ours['unique'])} fixed points, {float(ours['cpu']):.1f} CPU s "
            f"({float(ours['compiled']):.1f} with compiling), the first after {float(ours['first']):.2f}; "
            f"starts: {ours['outcomes']}, {100 * float(ours['lost']):.1f} % out of steps (asked: below 5)"
        )
        if finder is None:
            continue
        # h = tanh(J h), of which J h is a state of our network at rest.
        rates = arrays
        if "couplings" in arrays:
            rates = {"weight_hh_l0": arrays["couplings"], "weight_ih_l0": np.zeros((len(starts[0]), 1))}
            starts = np.tanh(starts)
        other = contender(python, "finder", finder, rates, starts)
        if other is not None:
            near, different = certified(rates, other["state"])
            print(
                f"  FixedPointFinder: {near} of {count} starts at a fixed point, {different} of them, of "
                f"{len(other['unique'])} listed as unique, {float(other['cpu']):.1f} CPU s"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--finder", help="folder with a checkout of FixedPointFinder")
    parser.add_argument("--python", default=sys.executable, help="interpreter with PyTorch and Optimistix")
    parser.add_argument("--only", choices=["finder", "optimistix", "large", "real"])
    parser.add_argument("--worm", help=".npz of a connectome, with count and sign")
    parser.add_argument("--lstm", help=".npz of an LSTM")
    parser.add_argument("--child", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        kind, argument, given, taken = options.child
        arrays = dict(np.load(given))
        starts = arrays.pop("starts")
        np.savez(taken, **RUNS[kind](argument, arrays, starts))
        return
    if options.only in (None, "finder"):
        if options.finder is None:
            print("without --finder FixedPointFinder is left out")
        for size, seed in ((50, 0), (50, 1), (50, 2), (100, 0)):
            arrays = random_network(size, seed)
            starts = states_on_trajectories(arrays["weight_hh_l0"])
            asked = f"{15 if size == 50 else 100} times as many starts a CPU second"
            compare(f"random network {seed}, N = {size}", arrays, starts, options.finder, options.python, "finder", asked)
        asked = "27 fixed points, none spurious, 50 times less CPU"
        for name, arrays in flip_flops().items():
            compare(name, arrays, states_of_flip_flop(arrays), options.finder, options.python, "finder", asked)
    if options.only in (None, "optimistix"):
        arrays = random_network(100)
        starts = states_on_trajectories(arrays["weight_hh_l0"])
        asked = "20 times as many starts a CPU second"
        compare("random network, N = 100", arrays, starts, None, options.python, "optimistix", asked)
    if options.only in (None, "large"):
        large_networks()
    if options.only in (None, "real"):
        real_networks(options.finder, options.python, options.worm, options.lstm)


if __name__ == "__main__":
    main()
