"""Figures 6 and 7: symmetry 0 against the inverse temperature, where x ~ N(0, T + g^2 q) and E/N = T/2."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from quenched.models import RandomNetwork
from quenched.papers.pictures import panels
from quenched.papers.qiu2025.readings import compare, readings, summary
from quenched.plots.style import COLOURS
from quenched.replica import FiniteTemperature
from quenched.sweeps.sweep import sweep

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr
    from matplotlib.figure import Figure


def _swept(points: pd.DataFrame) -> xr.Dataset:
    temperatures = np.unique(points.temperature)[::-1]
    over = {"gain": np.unique(points.gain), "temperature": temperatures}
    return sweep(RandomNetwork(1.0), FiniteTemperature(float(temperatures[0])), over).assign_coords(symmetry=0.0)


def overlap() -> tuple[pd.DataFrame, pd.DataFrame, Figure]:
    """Figure 6."""
    points = readings(6)
    found = _swept(points)
    figure, axes = panels(1, 1, 5.4, 3.8)
    only = axes[0, 0]
    for gain, colour, marker in zip(found.gain.values, COLOURS, "^D", strict=False):
        only.loglog(1 / found.temperature, found.self_overlap.sel(gain=gain), color=colour, label=f"$g = {gain:g}$")
        chosen = points[points.gain == gain]
        style = {"color": colour, "linestyle": "none", "marker": marker, "markersize": 4.5, "markerfacecolor": "none"}
        only.errorbar(1 / chosen.temperature, chosen.value, chosen.error, label="published", **style)
    only.loglog(1 / found.temperature, np.sqrt(found.temperature / 2), ":", color="black", label=r"$\sqrt{T/2}$")
    only.set(xlabel="inverse temperature $1/T$", ylabel="overlap $q$")
    only.legend(frameon=False)
    table = compare(points, found)
    return table, summary(table), figure


def energy() -> tuple[pd.DataFrame, pd.DataFrame, Figure]:
    """Figure 7."""
    points = readings(7)
    found = _swept(points)
    figure, axes = panels(1, 2, 8.6, 3.6)
    left, right = axes[0]
    left.loglog(1 / found.temperature, found.energy.isel(gain=0), color="black", label="recomputed, any $g$")
    for gain, colour, marker in zip(found.gain.values, COLOURS, "os", strict=False):
        style = {"color": colour, "linestyle": "none", "marker": marker, "markersize": 5, "markerfacecolor": "none"}
        mine = points[points.gain == gain]
        energies, squares = (mine[mine.quantity == name] for name in ("energy", "mean_square_state"))
        left.errorbar(1 / energies.temperature, energies.value, energies.error, label=f"published, $g = {gain:g}$", **style)
        right.plot(1 / found.temperature, found.mean_square_state.sel(gain=gain), color=colour, label=f"$g = {gain:g}$")
        right.errorbar(1 / squares.temperature, squares.value, squares.error, label="published", **style)
    left.set(xlabel="inverse temperature $1/T$", ylabel="energy $E/N$")
    right.set(xscale="log", xlabel="inverse temperature $1/T$", ylabel=r"mean square state $\langle x^2\rangle$")
    left.legend(frameon=False)
    right.legend(frameon=False, loc="upper right", bbox_to_anchor=(1.0, 0.86))
    table = compare(points, found)
    return table, summary(table), figure
