"""Figure 1: trajectories on both sides of the transition, and where it lies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import jax
import numpy as np

from quenched.models import RandomNetwork, Uniform
from quenched.papers.pictures import panels
from quenched.plots.style import COLOURS
from quenched.simulate import Trajectories, integrate
from quenched.solve import solve

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

# Gain and symmetry, as published.
POINTS = ((0.5, -0.5), (0.8, 0.5))
SIZE, DURATION, STEP, DRAWN = 1000, 20.0, 0.1, 20


def trajectories() -> tuple[pd.DataFrame, pd.DataFrame, Figure]:
    """Networks of 1000, and whether eight others come to rest at 0 or stay away from it, as the line says."""
    import pandas as pd

    figure, axes = panels(1, 3, 11.0, 3.4, width_ratios=(1.2, 1.2, 1.0))
    rows = []
    for each, (gain, symmetry), colour in zip(axes[0], POINTS, COLOURS, strict=False):
        model, start = RandomNetwork(gain, symmetry), Uniform(-1.0, 1.0)
        run = integrate(model.draw(SIZE, jax.random.key(0)), DURATION, STEP, initial=start, key=1)
        each.plot(run.time, run.trajectory.isel(trial=0, neuron=slice(DRAWN)), linewidth=0.8)
        each.set(xlabel="time (leak times)", ylabel="state $x_i$", ylim=(-1.05, 1.05))
        each.set_title(rf"$g = {gain:g}$, $\gamma = {symmetry:g}$", color=colour)
        experiment = Trajectories(400, 8, duration=200.0, step=STEP, burn_in=180.0, initial=start)
        late = solve(model, experiment, key=2)
        rows.append(
            {
                "gain": gain,
                "symmetry": symmetry,
                "critical_gain": model.critical_gain,
                "mean_square_state": float(late["mean_square_state"]),
                "mean_square_state_error": float(late["mean_square_state_error"]),
            }
        )
    line = axes[0, 2]
    gains = np.linspace(0.5, 2.0, 200)
    line.plot(gains, 1 / gains - 1, color="black", label=r"$g(1+\gamma) = 1$")
    line.fill_between(gains, 1 / gains - 1, 1.0, color="0.88")
    for (gain, symmetry), colour in zip(POINTS, COLOURS, strict=False):
        line.plot(gain, symmetry, "o", color=colour)
    line.set(xlabel="gain $g$", ylabel=r"symmetry $\gamma$", xlim=(0, 2), ylim=(-1, 1))
    line.legend(frameon=False, loc="lower left")
    table = pd.DataFrame(rows)
    side = np.where(table.gain < table.critical_gain, "below: rest", "above: active")
    seen = np.where(table.mean_square_state < 1e-6, "rest", "active")
    differences = table[["gain", "symmetry", "critical_gain"]].assign(theory=side, networks=seen)
    return table, differences, figure
