"""Stationary states with symmetric couplings: solved on a ring of time, against running the two-time equations until the
start is forgotten, which is what one would do without.

    .venv/bin/python benchmarks/stationary_sampled.py [--slow]

Both have the same step and scheme, so that they agree within their errors; CPU seconds are of all threads, compiling apart.
Figure of merit is CPU seconds times squared error, which more samples do not change. `--slow` also prints the cost of a
slow state, whose correlation time is 60, for several windows and numbers of trajectories: some ten minutes.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np

import quenched as qd


def cpu_seconds(model: qd.RandomNetwork, theory: Any, solver: Any = None) -> tuple[qd.Solution, float, float]:
    """The solution, and CPU seconds of the first call and of another one like it."""
    spent = []
    for key in (1, 0):
        began = time.process_time()
        solution = qd.solve(model, theory, solver=solver, key=key, throw=False)
        spent.append(time.process_time() - began)
    return solution, spent[0], spent[1]


def against_two_times() -> None:
    model, step = qd.RandomNetwork(0.5, 0.5, 0.5), 0.125
    lags = np.arange(0.0, 4.1, 0.5)
    # One step, as the two-time equations have it.
    one: dict[str, Any] = {"scheme": "extrapolated", "richardson": False}
    ring = qd.dmft.StationarySampled(lags=lags, step=step, window=64, trajectories=128, scramblings=8, **one)
    still, first, ours = cpu_seconds(model, ring)
    print(f"ring: {ours:.2f} CPU s (compiling: {first - ours:.0f} s), {int(still.steps)} applications")
    moving, first, theirs = cpu_seconds(model, qd.dmft.TwoTime(16.0, step), qd.dmft.Population(512))
    print(f"two times, duration 16: {theirs:.2f} CPU s (compiling: {first - theirs:.0f} s)")
    now = moving.coordinates["time"].size - 1
    ago = now - np.rint(lags / step).astype(int)
    for name in ("correlation", "response"):
        values, errors = (moving.arrays[each][now, ago] for each in (name, f"{name}_error"))
        apart = np.abs(values - still.arrays[name]) / np.hypot(errors, still.arrays[f"{name}_error"])
        mine, other = (np.sqrt(np.mean(each**2)) for each in (still.arrays[f"{name}_error"], errors))
        print(
            f"{name}: errors {mine:.1e} and {other:.1e}, CPU x error^2 {theirs / ours * (other / mine) ** 2:.0f} times "
            f"smaller; at most {apart.max():.1f} errors apart"
        )


def slow_states() -> None:
    model, loose = qd.RandomNetwork(0.8, 0.5, 0.1), qd.dmft.Anderson(tolerance=1e-8)
    for window, trajectories, scramblings in ((256, 64, 8), (512, 64, 8), (512, 128, 8), (1024, 128, 6)):
        theory = qd.dmft.StationarySampled(
            (0.0, 1.0, 50.0), step=0.25, window=window, trajectories=trajectories, scramblings=scramblings, richardson=False
        )
        found, first, again = cpu_seconds(model, theory, loose)
        values = ", ".join(
            f"{label} {found.arrays[name][at]:.5f}({found.arrays[f'{name}_error'][at]:.5f})"
            for label, name, at in (("C(0)", "correlation", 0), ("C(50)", "correlation", 2), ("R(1)", "response", 1))
        )
        print(
            f"window {window}, {trajectories} x {scramblings}: {qd.Status(int(found.status)).name}, {values}, "
            f"{int(found.steps)} applications, {again:.0f} CPU s (compiling: {first - again:.0f} s)"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--slow", action="store_true")
    options = parser.parse_args()
    against_two_times()
    if options.slow:
        slow_states()


if __name__ == "__main__":
    main()
