"""Figure 8: overlaps against the step of the published iteration, symmetry 0, T = 0.0001."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from quenched.models import RandomNetwork
from quenched.papers.pictures import panels
from quenched.papers.qiu2025.published_iteration import ExactAverages, SampledAverages, iterate
from quenched.papers.qiu2025.readings import compare, readings, summary
from quenched.plots.style import COLOURS
from quenched.replica import FiniteTemperature
from quenched.sweeps.sweep import sweep

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

TEMPERATURE = 1e-4
STEPS = 1000
# A small start, as published. Averages over fewer samples than the published 60000 pairs of 10000 states, drawn twice.
START = (1e-3, 1e-4, 0.0, 0.0)
PAIRS, STATES, SEEDS = 1000, 300, (0, 1)


def steps() -> tuple[pd.DataFrame, pd.DataFrame, Figure]:
    """Figure 8."""
    points = readings(8)
    gains = np.unique(points.gain)
    found = sweep(RandomNetwork(1.0), FiniteTemperature(TEMPERATURE), {"gain": gains}).assign_coords(symmetry=0.0)
    figure, axes = panels(1, 2, 9.4, 3.8)
    exact, sampled = ExactAverages(), [SampledAverages(PAIRS, STATES, seed) for seed in SEEDS]
    for gain, colour in zip(gains, COLOURS, strict=False):
        exactly, *by_samples = (iterate(START, gain, TEMPERATURE, rule, STEPS) for rule in (exact, *sampled))
        for column, name in enumerate(("self_overlap", "overlap")):
            each = axes[0, column]
            each.plot(exactly[:, column], color=colour, label=f"$g = {gain:g}$")
            for path, dashes in zip(by_samples, ("--", ":"), strict=True):
                each.plot(path[:, column], dashes, color=colour, linewidth=1.2)
            value = points[(points.gain == gain) & (points.quantity == name)].value
            each.plot(STEPS, value, "o", color=colour, markerfacecolor="none", clip_on=False)
            each.plot(1.04 * STEPS, found[name].sel(gain=gain), "s", color=colour, clip_on=False)
    for each, letter in zip(axes[0], "qQ", strict=True):
        each.set(xlabel="step of the iteration", ylabel=f"${letter}$", ylim=(0, None))
    from matplotlib.lines import Line2D

    grey: dict[str, Any] = {"color": "0.3"}
    kinds = [
        Line2D([], [], label="iterated, exact averages", **grey),
        Line2D([], [], linestyle="--", linewidth=1.2, label="iterated, sampled averages", **grey),
        Line2D([], [], linestyle=":", linewidth=1.2, label="the same, drawn again", **grey),
        Line2D([], [], linestyle="none", marker="o", markerfacecolor="none", label="published", **grey),
        Line2D([], [], linestyle="none", marker="s", label="solution", **grey),
    ]
    figure.legend(handles=[*axes[0, 0].lines[::5], *kinds], loc="outside right upper", frameon=False)
    table = compare(points, found)
    return table, summary(table), figure
