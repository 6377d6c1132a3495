"""A fit by derivatives of the theory, against the same least squares with differences in their place.

    .venv/bin/python benchmarks/fit.py [--repeats 3]

Both are `scipy.optimize.least_squares` over the same residuals from the same start, and both solve the theory by one
compiled program. By differences each step solves it once for every free parameter and once more; `qd.fit` solves it once,
with all derivatives. Two fits: gain and noise from a correlation; eight gains and a time constant of three populations from
their correlations. Compiling is timed apart; `qd.fit` also computes the error of the estimate, and checks that it is one.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from scipy.optimize import least_squares

import quenched as qd

LAGS = (0.0, 0.5, 1.0, 2.0, 4.0)
GAINS = np.array([[0.5, 0.4, 0.3], [0.6, 0.3, 0.5], [0.2, 0.6, 0.4]])
ONE = qd.RandomNetwork(1.6, noise=0.8)
THREE = qd.RandomNetwork(
    couplings=qd.couplings.Blocks((0.4, 0.3, 0.3), gain=GAINS),
    unit=(qd.units.Leaky(), qd.units.Leaky(), qd.units.Leaky(time_constant=2.0)),
    noise=0.5,
)
# All gains but one.
FREE = [*[f"gain[{row}, {column}]" for row in range(3) for column in range(3)][1:], "unit.2.time_constant"]
CASES: dict[str, tuple[qd.RandomNetwork, qd.RandomNetwork, list[str], Any]] = {
    "gain and noise of one population": (ONE, ONE.replace(gain=1.3, noise=0.6), ["gain", "noise"], None),
    "eight gains and a time constant of three": (
        THREE,
        THREE.replace(gain=np.where(GAINS == 0.5, 0.5, 1.2 * GAINS), **{"unit.2.time_constant": 1.7}),
        FREE,
        qd.dmft.Ring(step=0.5, window=32),
    ),
}


def by_differences(begin: qd.RandomNetwork, data: dict[str, Any], free: list[str], solver: Any) -> Callable[[], Any]:
    """The same residuals, without derivatives."""
    from quenched.fit.parameters import read_free

    theory = qd.dmft.Stationary(lags=LAGS, frequencies=(0.0,))
    read = read_free(begin, free, None)
    wanted = data["state_correlation"].values
    counted = [0]

    def residuals(values: np.ndarray) -> np.ndarray:
        counted[0] += 1
        found = qd.solve(read.build(values), theory, solver=solver, throw=False)
        return np.ravel(found.arrays["state_correlation"] - wanted) / data["state_correlation_error"]

    def run() -> Any:
        counted[0] = 0
        found = least_squares(residuals, read.first, bounds=(read.low, read.high), x_scale="jac", xtol=1e-11, ftol=1e-13)
        return found.x, counted[0]

    return run


def seconds(job: Callable[[], Any]) -> tuple[float, Any]:
    began = time.perf_counter()
    found = job()
    return time.perf_counter() - began, found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    theory = qd.dmft.Stationary(lags=LAGS)
    for name, (truth, begin, free, solver) in CASES.items():
        solution = qd.solve(truth, theory, solver=solver)
        data = {"state_correlation": solution["state_correlation"], "state_correlation_error": 1e-3}
        true = truth.values()

        def ours(begin: Any = begin, data: Any = data, free: Any = free, solver: Any = solver) -> Any:
            found = qd.fit(begin, theory, data, free, solver=solver, starts=1)
            return np.array(list(found.estimate.values())), found.evaluations

        jobs = {"qd.fit": ours, "differences": by_differences(begin, data, free, solver)}
        first = {kind: seconds(job)[0] for kind, job in jobs.items()}
        best = {
            kind: min((seconds(job) for _ in range(options.repeats)), key=lambda each: each[0]) for kind, job in jobs.items()
        }
        exact = np.array([float(_entry(true, each)) for each in free])
        print(name)
        for kind, (taken, (values, evaluations)) in best.items():
            print(
                f"  {kind:<12} {taken:8.3f} s, first {first[kind]:6.1f} s; theory solved {evaluations:4d} times; "
                f"off by {np.max(np.abs(values - exact)):.0e}"
            )
        print(f"  differences take {best['differences'][0] / best['qd.fit'][0]:.1f} times as long")


def _entry(values: dict[str, Any], name: str) -> Any:
    parameter, _, place = name.partition("[")
    if not place:
        return values.get(parameter, values.get(parameter.split(".")[-1]))
    return np.asarray(values[parameter])[tuple(int(each) for each in place.rstrip("]").split(","))]


if __name__ == "__main__":
    main()
