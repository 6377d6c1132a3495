"""Figures 2, 5 and 10: order parameters of exp(-E/T) against the gain, at T = 0.0001 and in the limit T = 0."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from quenched.models import RandomNetwork
from quenched.papers.pictures import legend_of_symmetries, line_of, mark_critical, panels, points_of
from quenched.papers.qiu2025.readings import compare, readings, summary
from quenched.replica import FiniteTemperature, ZeroTemperature
from quenched.sweeps.sweep import sweep

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

TEMPERATURE = 1e-4
# notation: the paper's letters
LETTERS = {"self_overlap": "q", "overlap": "Q", "self_response_overlap": "r", "response_overlap": "R"}


def cold() -> tuple[pd.DataFrame, pd.DataFrame, Figure]:
    """Figure 5."""
    points = readings(5)
    symmetries = sorted(points.symmetry.unique())
    over = {"symmetry": symmetries, "gain": np.round(np.linspace(0.4, 1.2, 81), 2)}
    found = sweep(RandomNetwork(1.0), FiniteTemperature(TEMPERATURE), over)
    figure, axes = panels(2, 2, 8.6, 6.2, sharex=True)
    for each, (name, letter) in zip(axes.flat, LETTERS.items(), strict=True):
        for symmetry in symmetries:
            each.plot(found.gain, found[name].sel(symmetry=symmetry), **line_of(symmetry))
            chosen = points[(points.quantity == name) & (points.symmetry == symmetry)]
            each.errorbar(chosen.gain, chosen.value, chosen.error, **points_of(symmetry))
            mark_critical(each, symmetry)
        each.set_ylabel(f"${letter}$")
    axes[0, 0].set_yscale("symlog", linthresh=1e-3)
    axes[0, 0].set_ylim(-1e-4, 0.6)
    for each in axes[1]:
        each.set_xlabel("gain $g$")
    legend_of_symmetries(figure, symmetries, "lines: recomputed ($Q = R = 0$); markers: published; dotted: $g_c$")
    table = compare(points, found)
    return table, summary(table), figure


def frozen() -> tuple[pd.DataFrame, pd.DataFrame, Figure]:
    """Figure 10. Where q - Q does not vanish as T, chi = lim (q - Q)/T is infinite."""
    points = readings(10)
    symmetries = sorted(points.symmetry.unique())
    over = {"symmetry": symmetries, "gain": np.round(np.linspace(0.5, 1.2, 71), 2)}
    found = sweep(RandomNetwork(1.0), ZeroTemperature(), over)
    chi = found["spread_prefactor"].where(found["spread_exponent"] == 1.0, np.inf)
    found = found.assign(spread_prefactor=chi)
    labels = {
        "self_overlap": "$q$",
        "spread_prefactor": r"$\chi = \lim\,(q-Q)/T$",
        "response_overlap": r"$\lim R\sqrt{T}$",
        "local_response": r"$-\xi = S$",
    }
    figure, axes = panels(2, 2, 8.6, 6.2, sharex=True)
    for each, (name, label) in zip(axes.flat, labels.items(), strict=True):
        for symmetry in symmetries:
            curve = found[name].sel(symmetry=symmetry)
            each.plot(found.gain, curve.where(np.isfinite(curve)), **line_of(symmetry))
            chosen = points[(points.quantity == name) & (points.symmetry == symmetry)]
            each.errorbar(chosen.gain, chosen.value, chosen.error, **points_of(symmetry))
            mark_critical(each, symmetry)
        each.set_ylabel(label)
    axes[0, 1].set_ylim(-5, 160)
    for each in axes[1]:
        each.set_xlabel("gain $g$")
    title = r"lines: recomputed ($\chi$ is infinite above $g_c$); markers: published; dotted: $g_c$"
    legend_of_symmetries(figure, symmetries, title)
    table = compare(points, found)
    return table, summary(table), figure


def surface() -> tuple[pd.DataFrame, pd.DataFrame, Figure]:
    """Figure 2, from symmetry -0.2 to 1: no numbers can be read off a perspective drawing. Compared are the peak of r, which
    the paper puts at the transition, and its height, (1 + symmetry) sqrt(T) as T -> 0. Without symmetry r has no peak: it is
    sqrt(T) up to the transition and falls beyond. At negative symmetry Q = 0 is unstable from some gain on."""
    import pandas as pd

    symmetries = np.round(np.linspace(-0.2, 1.0, 13), 1)
    gains = np.round(np.linspace(0.4, 1.3, 181), 3)
    found = sweep(RandomNetwork(1.0), FiniteTemperature(TEMPERATURE), {"symmetry": symmetries, "gain": gains})
    figure, axes = panels(2, 2, 8.6, 6.2, sharex=True)
    from matplotlib import colormaps

    colours = colormaps["viridis"](np.linspace(0.0, 0.9, len(symmetries)))
    for each, (name, letter) in zip(axes.flat, LETTERS.items(), strict=True):
        for symmetry, colour in zip(symmetries, colours, strict=True):
            curve = found[name].sel(symmetry=symmetry)
            stable = found["zero_overlap_eigenvalue"].sel(symmetry=symmetry) > 0
            each.plot(gains, curve.where(stable), color=colour, linewidth=1.4)
            each.plot(gains, curve.where(~stable), ":", color=colour, linewidth=1.4)
            critical = 1 / (1 + symmetry)
            if critical <= gains[-1]:
                each.plot(critical, curve.sel(gain=critical, method="nearest"), "o", color=colour, markersize=4)
        each.set_ylabel(f"${letter}$")
    for each in axes[1]:
        each.set_xlabel("gain $g$")
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    scale = ScalarMappable(Normalize(-0.2, 1.0), colormaps["viridis"].resampled(256))
    figure.colorbar(scale, ax=axes, label=r"symmetry $\gamma$ (dots: $g_c$; dotted: $Q = 0$ is unstable)")
    rows = []
    for symmetry in symmetries[symmetries > 0]:
        responses = found["self_response_overlap"].sel(symmetry=symmetry).values
        top = int(responses.argmax())
        for quantity, value, law in (
            ("gain of the peak of r", gains[top], 1 / (1 + symmetry)),
            ("height of the peak of r", float(responses[top]), (1 + symmetry) * np.sqrt(TEMPERATURE)),
        ):
            rows.append({"quantity": quantity, "symmetry": symmetry, "recomputed": value, "law as T -> 0": law})
    table = pd.DataFrame(rows)
    table["difference"] = table["recomputed"] - table["law as T -> 0"]
    relative = table.difference / table["law as T -> 0"]
    short = relative.abs().groupby(table.quantity, sort=False).max().map("{:.1%}".format)
    differences = short.rename("largest difference from the law").reset_index()
    return table, differences, figure
