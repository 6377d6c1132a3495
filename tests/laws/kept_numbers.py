"""Numbers of every theory and experiment, kept so that a change of shape moves none of them.

    .venv/bin/python tests/laws/kept_numbers.py

writes `kept_numbers.json` anew. Do that only where a number is meant to move, and name it in CHANGELOG.md.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

import quenched as qd

KEPT = Path(__file__).with_suffix(".json")
LAGS = (0.0, 1.0, 5.0)
MODELS = {
    "chaos": qd.RandomNetwork(1.5),
    "rest": qd.RandomNetwork(0.7),
    "symmetric": qd.RandomNetwork(1.5, 0.3),
    "antisymmetric": qd.RandomNetwork(1.8, -0.5),
    "field": qd.RandomNetwork(1.4, 0.2, field=0.3),
    "noise": qd.RandomNetwork(1.2, 0.0, noise=0.5),
    "noise and field": qd.RandomNetwork(1.3, 0.0, noise=0.3, field=0.2),
    "all": qd.RandomNetwork(1.2, 0.4, noise=0.3, field=0.1),
    "erf": qd.RandomNetwork(1.6, 0.1, activation=qd.Erf()),
    "relu": qd.RandomNetwork(0.9, 0.1, field=0.4, activation=qd.ReLU()),
    "linear": qd.RandomNetwork(0.6, 0.3, noise=0.5, activation=qd.Linear()),
}
RUN: dict[str, Any] = {"size": 30, "networks": 2}
SAMPLED, FEW = qd.dmft.TwoTime(1.0, 0.25), qd.dmft.Population(trajectories=64, scramblings=2)
# (theory, models, start)
SOLVED: tuple[tuple[Any, tuple[str, ...], str | None], ...] = (
    (qd.dmft.Static(), ("chaos", "rest", "symmetric", "antisymmetric", "field", "erf", "relu"), None),
    (qd.dmft.Static(), ("chaos", "symmetric"), "quiescent"),
    (qd.dmft.StationaryGaussian(LAGS, LAGS), ("chaos", "rest", "noise", "noise and field"), None),
    (qd.dmft.Stationary(LAGS, LAGS), ("chaos", "linear"), None),
    (qd.dmft.StationarySampled(LAGS, LAGS, step=0.5, window=64.0, trajectories=32, scramblings=2), ("all",), None),
    (qd.dmft.TwoTime(2.0, 0.25), ("chaos", "noise and field"), None),
    (qd.dmft.TwoTime(2.0, 0.25, scheme="euler"), ("noise",), None),
    (SAMPLED, ("all", "antisymmetric"), None),
    (qd.replica.FiniteTemperature(0.1), ("chaos", "rest", "symmetric", "antisymmetric", "field", "erf"), None),
    (qd.replica.FiniteTemperature(0.01, confinement=0.1), ("symmetric",), None),
    (qd.replica.FiniteTemperature(0.01), ("symmetric",), "ordered"),
    (qd.replica.ZeroTemperature(), ("chaos", "symmetric", "antisymmetric"), None),
    (qd.replica.OneStepRSB(0.1), ("strong",), "groups"),
    (qd.simulate.Trajectories(**RUN, duration=2.0), ("chaos", "all", "relu"), None),
    (qd.simulate.Trajectories(**RUN, duration=2.0, scheme="euler"), ("all",), None),
    (qd.simulate.Cavity(**RUN, duration=2.0), ("symmetric",), None),
    (qd.landscape.FixedPoints(size=12, networks=2, starts=10), ("symmetric",), None),
    (qd.landscape.Sampling(size=8, networks=2, temperature=0.2, draws=8, warm_up=50), ("rest",), None),
)
MODELS["strong"] = qd.RandomNetwork(3.0, -0.5)


def numbers() -> dict[str, dict[str, Any]]:
    """Every number, by what it is of."""
    found: dict[str, dict[str, Any]] = {}
    for theory, models, start in SOLVED:
        for model in models:
            solver = FEW if theory is SAMPLED else None
            solution = qd.solve(MODELS[model], theory, solver=solver, start=start, key=1, throw=False)
            name = f"{type(theory).__name__} {len(found)}, {model}" + (f", {start}" if start else "")
            found[name] = _few(solution.arrays | {"status": solution.status})
    return found | {name: _few(function()) for name, function in FUNCTIONS.items()}


def _network(gain: float = 2.0, symmetry: float = 0.3, size: int = 12) -> qd.Network:
    return qd.RandomNetwork(gain, symmetry, field=0.1).draw(size, jax.random.key(2))


def _fixed_points() -> Mapping[str, Any]:
    found = qd.landscape.find_fixed_points(_network(), 20, key=3)
    return {name: np.sort(np.ravel(found[name].values)) for name in ("state", "eigenvalue_real", "index_sum")}


def _exponents() -> Mapping[str, Any]:
    found = qd.observables.lyapunov_spectrum(_network(), duration=5.0, step=0.1, key=4)
    return {name: found[name].values for name in ("lyapunov_exponent", "entropy_rate")}


def _diagram() -> Mapping[str, Any]:
    found = qd.replica.phase_diagram(qd.RandomNetwork(1.0), np.array([0.8, 1.2, 1.6]), [0.3], [0.1])
    return {name: found[name].values for name in ("free_energy", "self_overlap", "chosen_branch", "critical_gain")}


FUNCTIONS: dict[str, Callable[[], Mapping[str, Any]]] = {
    "weights": lambda: {"weights": _network().dense_weights},
    "critical gains": lambda: {name: model.critical_gain for name, model in MODELS.items()},
    "fixed points": _fixed_points,
    "exponents": _exponents,
    "diagram": _diagram,
    "run": lambda: {"trajectory": qd.simulate.integrate(_network(), 2.0, 0.1, noise=0.2, key=5).trajectory},
}


def _few(arrays: Mapping[str, Any]) -> dict[str, Any]:
    """Of each array its first and last entry and its root mean square; errors, which are differences, are left out."""
    chosen: dict[str, Any] = {}
    for name, values in sorted(arrays.items()):
        flat = np.ravel(np.asarray(values, dtype=float))
        if flat.size and not name.endswith(("_error", "_discretisation", "residual", "steps")):
            some = [flat[0], flat[-1], np.sqrt(np.mean(flat**2))] if flat.size > 1 else [flat[0]]
            chosen[name] = [float(value) for value in some]
    return chosen


if __name__ == "__main__":
    KEPT.write_text(json.dumps(numbers(), indent=1) + "\n")
