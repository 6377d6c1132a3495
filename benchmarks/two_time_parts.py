"""Two-time DMFT of two populations against one, at equal trajectories in all.

    .venv/bin/python benchmarks/two_time_parts.py

CPU seconds of all threads for one scrambling, the best of several runs; compiling is told apart. One population is solved by
the way for usual neurons, and by the one for models made of parts; two by the latter.
"""

from __future__ import annotations

import time

import numpy as np

import quenched as qd

STEPS, TRAJECTORIES, SCRAMBLINGS, RUNS = 100, 4096, 8, 5
ALLOWED = 2.5
MODELS = {
    "one population": qd.RandomNetwork(1.2, 0.4, noise=0.2),
    "one block": qd.RandomNetwork(couplings=qd.couplings.Blocks([1.0], 1.2, 0.4), noise=0.2),
    "two blocks": qd.RandomNetwork(couplings=qd.couplings.Blocks([0.5, 0.5], 1.2, 0.4), noise=0.2),
    "two blocks, two units": qd.RandomNetwork(
        couplings=qd.couplings.Blocks([0.8, 0.2], [[1.2, 1.0], [1.4, 0.6]], 0.4, [[1.0, -2.0], [1.0, -2.0]]),
        unit=(qd.units.Leaky(), qd.units.Leaky(qd.Erf(), time_constant=0.5)),
        noise=0.2,
    ),
}


def main() -> None:
    """Print a line for each model."""
    theory = qd.dmft.TwoTime(0.1 * STEPS, 0.1)
    solver = qd.dmft.Population(trajectories=TRAJECTORIES, scramblings=SCRAMBLINGS)
    reference = 0.0
    for name, model in MODELS.items():
        began = time.perf_counter()
        qd.solve(model, theory, solver=solver)
        first = time.perf_counter() - began
        seconds, walls = [], []
        for key in range(1, RUNS + 1):
            began, before = time.perf_counter(), time.process_time()
            found = qd.solve(model, theory, solver=solver, key=key)
            seconds.append((time.process_time() - before) / SCRAMBLINGS)
            walls.append(time.perf_counter() - began)
        reference = reference or min(seconds)
        ratio = min(seconds) / reference
        error = np.max(found.arrays["correlation_error"])
        verdict = "" if ratio <= ALLOWED else f", above the {ALLOWED} allowed"
        print(
            f"{name:<22} {1e3 * min(seconds):6.1f} ms CPU a scrambling, {ratio:4.2f} of one population{verdict}; "
            f"compiled in {first - min(walls):.1f} s; largest error of C {error:.1e}"
        )


if __name__ == "__main__":
    main()
