"""Late averages of finite networks, extrapolated to infinitely many neurons."""

from __future__ import annotations

import numpy as np

import quenched as qd

SIZES = (100, 200, 400)


def extrapolated(model: qd.RandomNetwork, names: tuple[str, ...]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """By a line in 1/N: value and error of each, one for each population."""
    step = 1.0 if model.kind == "map" else 0.05
    runs = [
        qd.solve(model, qd.simulate.Trajectories(size, 3200 // size + 16, 160.0, step, burn_in=60.0), key=size).arrays
        for size in SIZES
    ]
    found = {}
    for name in names:
        values, errors = (np.array([np.atleast_1d(run[each]) for run in runs]) for each in (name, f"{name}_error"))
        fits = [
            np.polyfit(1.0 / np.array(SIZES), value, 1, w=1.0 / error, cov="unscaled")
            for value, error in zip(values.T, errors.T, strict=True)
        ]
        found[name] = (np.array([fit[1] for fit, _ in fits]), np.array([np.sqrt(spread[1, 1]) for _, spread in fits]))
    return found
