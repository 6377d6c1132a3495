"""The fluctuation-dissipation theorem: where it holds, and where it does not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from quenched.activations import Linear, Tanh
from quenched.dmft import Stationary
from quenched.models import RandomNetwork
from quenched.observables import fluctuation_dissipation, measure_response
from quenched.papers.pictures import panels
from quenched.papers.zou2024.networks import extrapolated
from quenched.plots.style import COLOURS
from quenched.solve import solve

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

NOISE, STEP, LONGEST = 1.0, 0.05, 4.0
SIZES = {40: 96, 80: 48, 160: 24}
# phi, gain and symmetry: linear, whose theory is a closed form; and tanh without symmetry, by quadrature.
CASES = ((Linear(), 0.4, 1.0), (Linear(), 0.4, 0.0), (Linear(), 0.4, -0.8), (Tanh(), 1.2, 0.0))
POINTS = (0.5, 1.0, 2.0, 4.0)
"""Lags at which networks are compared."""


def parametric() -> tuple[pd.DataFrame, pd.DataFrame, Figure]:
    """T chi(tau) against C_x(0) - C_x(tau), both over C_x(0): the diagonal in equilibrium, T = noise^2/2."""
    import pandas as pd

    figure, axes = panels(1, 1, 5.6, 4.6)
    only = axes[0, 0]
    only.plot([0, 1], [0, 1], color="0.7", linewidth=1.0, label="equilibrium")
    rows: list[dict[str, Any]] = []
    temperature = NOISE**2 / 2
    for (activation, gain, symmetry), colour, marker in zip(CASES, COLOURS, "osD^", strict=False):
        model = RandomNetwork(gain, symmetry, noise=NOISE, activation=activation)
        words = rf"{activation.name}, $g = {gain:g}$, $\eta = {symmetry:g}$"
        lags = np.linspace(0.0, 20.0, 401)
        theory = fluctuation_dissipation(solve(model, Stationary(lags=lags)))
        variance = float(theory.state_correlation[0])
        fluctuation = 1 - theory.state_correlation / variance
        only.plot(fluctuation, temperature * theory.parametric_response / variance, color=colour, label=words)
        measured: dict[int, Any] = {}
        for size, networks in SIZES.items():
            sampled = measure_response(model, LONGEST, STEP, size=size, networks=networks, richardson=True, key=size)
            measured[size] = fluctuation_dissipation(sampled).sel(lag=list(POINTS), method="nearest")
        limits = {
            name: extrapolated({size: (each[name].values, each[f"{name}_error"].values) for size, each in measured.items()})
            for name in ("fluctuation_dissipation_violation", "parametric_response")
        }
        responses, errors = (temperature * each / variance for each in limits["parametric_response"])
        # V = fluctuation - response, in units of C_x(0).
        violations, of_violations = limits["fluctuation_dissipation_violation"]
        style = {"fmt": marker, "color": colour, "markersize": 5, "markerfacecolor": "none", "capsize": 2}
        only.errorbar(violations + responses, responses, errors, of_violations, **style)
        for lag, violation, error in zip(POINTS, violations, of_violations, strict=True):
            here = theory.sel(lag=lag, method="nearest")
            value = float(here.fluctuation_dissipation_violation)
            uncertain = float(here.fluctuation_dissipation_violation_error)
            rows.append(
                {
                    "activation": activation.name,
                    "gain": gain,
                    "symmetry": symmetry,
                    "quantity": "fluctuation_dissipation_violation",
                    "lag": lag,
                    "recomputed": value,
                    "recomputed_error": uncertain,
                    "networks": violation,
                    "networks_error": error,
                    "difference": violation - value,
                    "errors": (violation - value) / np.hypot(uncertain, error),
                }
            )
    only.set(
        xlabel=r"fluctuation $1 - C_x(\tau)/C_x(0)$",
        ylabel=r"response $T\chi(\tau)/C_x(0)$",
        title=r"lines: theory; points: networks, $N\to\infty$",
    )
    only.legend(frameon=False, loc="upper left")
    table = pd.DataFrame(rows)
    last = table[table.lag == POINTS[-1]]
    columns = ["activation", "gain", "symmetry", "recomputed", "networks", "networks_error", "errors"]
    short = last[columns].rename(columns={"recomputed": f"theory, V({POINTS[-1]:g})"}).round(5).replace(-0.0, 0.0)
    return table, short, figure
