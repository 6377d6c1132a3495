"""Figure 11: static mean-field theory, and the published equation, which averages two factors apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import root

from quenched.dmft import Static
from quenched.models import RandomNetwork
from quenched.papers.pictures import legend_of_symmetries, line_of, mark_critical, panels, points_of
from quenched.papers.qiu2025.readings import compare, readings, summary
from quenched.sweeps.sweep import sweep

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


def averages_apart(gain: float, symmetry: float) -> tuple[float, float]:
    """C and R of the published R = <phi'> (1 + symmetry g^2 R^2), C = <phi^2>, for tanh above the transition; NaN where
    no solution is found."""
    x = np.linspace(-8.0, 8.0, 4001)
    rate, slope = np.tanh(x), np.cosh(x) ** -2

    def residual(unknowns: np.ndarray) -> list[float]:
        correlation, response = np.exp(unknowns[0]), unknowns[1]
        memory, width = symmetry * gain**2 * response, gain * np.sqrt(correlation)
        normal = np.exp(-(((x - memory * rate) / width) ** 2) / 2) / (width * np.sqrt(2 * np.pi))
        density = (1 - memory * slope) * normal * (x[1] - x[0])
        return [density @ rate**2 / correlation - 1, (density @ slope) * (1 + memory * response) - response]

    found = root(residual, [np.log(0.1), 1.0])
    return (float(np.exp(found.x[0])), float(found.x[1])) if found.success else (np.nan, np.nan)


def static() -> tuple[pd.DataFrame, pd.DataFrame, Figure]:
    """Figure 11."""
    points = readings(11)
    symmetries = sorted(points.symmetry.unique())
    found = sweep(RandomNetwork(1.0), Static(), {"symmetry": symmetries, "gain": np.round(np.linspace(0.5, 1.2, 141), 3)})
    figure, axes = panels(1, 2, 9.0, 4.2)
    names = {"correlation": "correlation $C$", "integrated_response": r"integrated response $R_\mathrm{int}$"}
    for symmetry in symmetries:
        mine = points[points.symmetry == symmetry]
        gains = np.linspace(1.02 / (1 + symmetry), mine.gain.max(), 15)
        apart = np.array([averages_apart(gain, symmetry) for gain in gains])
        for column, (each, name) in enumerate(zip(axes[0], names, strict=True)):
            each.plot(found.gain, found[name].sel(symmetry=symmetry), **line_of(symmetry))
            each.plot(gains, apart[:, column], "--", color="black", linewidth=1.0)
            chosen = mine[mine.quantity == name]
            each.errorbar(chosen.gain, chosen.value, chosen.error, **points_of(symmetry))
            mark_critical(each, symmetry)
    for each, words in zip(axes[0], names.values(), strict=True):
        each.set(xlabel="gain $g$", ylabel=words)
    axes[0, 0].set_ylim(bottom=-0.01)
    legend_of_symmetries(
        figure, symmetries, "lines: recomputed; dashed: averages taken apart; markers: published; dotted: $g_c$"
    )
    table = compare(points, found)
    rows = [averages_apart(*point) for point in zip(table.gain, table.symmetry, strict=True)]
    places = np.where(table.quantity == "correlation", 0, 1)
    above = table.gain * (1 + table.symmetry) > 1.0
    table["with_averages_apart"] = np.where(above, np.array(rows)[np.arange(len(rows)), places], np.nan)
    return table, summary(table), figure
