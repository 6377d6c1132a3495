"""Static DMFT and the replica theory on a 50 x 50 (gain, symmetry) grid, against the same by a plain SciPy loop.

    .venv/bin/python benchmarks/phase_diagram.py [--points 50] [--every 10]

The loop is what one would write from the equations: `scipy.optimize.root` around `scipy.integrate.quad`; in static DMFT
x(z) is found by `brentq` for each z, in the replica theory the temperature is lowered in a few steps. It is run on every
`--every`-th gain and symmetry and its time scaled to the whole grid. Points on which both succeed are compared.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr
from scipy import integrate, optimize

import quenched as qd

TEMPERATURE = 1e-2


def scipy_static(gain: float, symmetry: float) -> tuple[float, float]:
    """C and R of networks at rest."""
    if gain * (1.0 + symmetry) <= 1.0:
        memory = 4.0 * symmetry * gain**2
        return 0.0, 2.0 / (1.0 + np.sqrt(1.0 - memory))

    def state(z: float, correlation: float, memory: float) -> float:
        field = gain * np.sqrt(correlation) * z
        reach = abs(field) + abs(memory) + 1.0
        return optimize.brentq(lambda x: x - memory * np.tanh(x) - field, -reach, reach)

    def averages(unknowns: np.ndarray) -> np.ndarray:
        correlation, response = abs(unknowns[0]), unknowns[1]
        memory = gain**2 * symmetry * response

        def of(function: Callable[[float], float]) -> float:
            def integrand(z: float) -> float:
                return np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi) * function(state(z, correlation, memory))

            return integrate.quad(integrand, -8.5, 8.5, epsabs=1e-10, epsrel=1e-10, points=[0.0])[0]

        slope = lambda x: 1.0 - np.tanh(x) ** 2  # noqa: E731
        return np.array(
            [
                of(lambda x: np.tanh(x) ** 2) - correlation,
                of(lambda x: slope(x) / (1.0 - memory * slope(x))) - response,
            ]
        )

    found = optimize.root(averages, [1.0 - 1.0 / (gain * (1.0 + symmetry)), 1.0 / gain], tol=1e-9)
    return (abs(found.x[0]), found.x[1]) if found.success else (np.nan, np.nan)


def scipy_replica(gain: float, symmetry: float) -> tuple[float, float]:
    """q and S at TEMPERATURE, on the zero-overlap branch."""

    def residual(unknowns: np.ndarray, temperature: float) -> np.ndarray:
        overlap, response, conjugate = unknowns
        width, memory = temperature + gain**2 * overlap, symmetry * gain**2 * response

        def weight(x: float) -> float:
            return np.exp(-((x - memory * np.tanh(x)) ** 2) / (2 * width) - 0.5 * gain**2 * conjugate * np.tanh(x) ** 2)

        reach = 9.0 * np.sqrt(width) + abs(memory)

        def of(function: Callable[[float], float]) -> float:
            return integrate.quad(lambda x: function(x) * weight(x), 0.0, reach, epsabs=1e-13, epsrel=1e-10, limit=200)[0]

        norm = of(lambda x: 1.0)
        misfit = lambda x: x - memory * np.tanh(x)  # noqa: E731
        return np.array(
            [
                of(lambda x: np.tanh(x) ** 2) / norm - overlap,
                of(lambda x: misfit(x) * np.tanh(x)) / norm / width - response,
                1.0 / width - of(lambda x: misfit(x) ** 2) / norm / width**2 - conjugate,
            ]
        )

    unknowns = np.array([0.5, 0.1, 0.0])
    for temperature in np.geomspace(10.0, TEMPERATURE, 10):
        found = optimize.root(residual, unknowns, args=(temperature,), tol=1e-9)
        unknowns = found.x
    return (unknowns[0], unknowns[1]) if found.success else (np.nan, np.nan)


def timed(theory: Any, grid: dict[str, np.ndarray]) -> tuple[float, xr.Dataset]:
    began = time.perf_counter()
    found = qd.sweep(qd.RandomNetwork(1.0), theory, grid)
    return time.perf_counter() - began, found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=50)
    parser.add_argument("--every", type=int, default=10)
    options = parser.parse_args()
    gains, symmetries = np.linspace(0.3, 3.0, options.points), np.linspace(-0.9, 0.9, options.points)
    grid = {"gain": gains, "symmetry": symmetries}
    theories = {
        "static DMFT": (qd.dmft.Static(), scipy_static, ("correlation", "integrated_response")),
        "replica": (qd.replica.FiniteTemperature(TEMPERATURE), scipy_replica, ("self_overlap", "local_response")),
    }
    total_run = total_scipy = 0.0
    for label, (theory, loop, names) in theories.items():
        first, _ = timed(theory, grid)
        run, found = timed(theory, grid)
        print(f"{label}: {found.status.size} points, {int((found.status == 0).sum())} solved")
        print(
            f"  quenched  compile {first - run:6.2f} s   run {run:7.3f} s   {1e3 * run / found.status.size:8.3f} ms a point"
        )
        rows, columns = np.arange(0, options.points, options.every), np.arange(0, options.points, options.every)
        began, worst, lost = time.perf_counter(), 0.0, 0
        for row in rows:
            for column in columns:
                answer = np.array(loop(gains[row], symmetries[column]))
                ours = np.array([found[name].values[row, column] for name in names])
                if np.isfinite(answer).all() and found.status.values[row, column] == 0:
                    worst = max(worst, float(np.max(np.abs(answer - ours))))
                else:
                    lost += 1
        loop_time = (time.perf_counter() - began) * found.status.size / (len(rows) * len(columns))
        print(
            f"  SciPy     {loop_time:.0f} s for the whole grid, from {len(rows) * len(columns)} points; "
            f"{lost} without an answer, largest difference {worst:.1e}"
        )
        print(f"  ratio     {loop_time / run:.0f}")
        total_run, total_scipy = total_run + run, total_scipy + loop_time
    print(
        f"together: quenched {total_run:.2f} s, SciPy {total_scipy:.0f} s, "
        f"ratio {total_scipy / total_run:.0f} (at least 50 is asked for)"
    )


if __name__ == "__main__":
    main()
