"""What was fitted, and the data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from quenched import checks
from quenched.plots.solution import panel_axes
from quenched.plots.style import COLOURS

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def fit(found: Any) -> dict[str, Axes]:
    """Draw the data of a fit as points with their errors, and what was fitted as lines.

    Arguments:
        found: what `qd.fit` returned, or its `data`.

    Returns:
        The axes of each quantity, by its name.

    Raises:
        TypeError: no fit.

    Example:
        >>> import quenched as qd
        >>> data = {"correlation": 0.3526, "correlation_error": 0.002}
        >>> found = qd.fit(qd.RandomNetwork(gain=1.3), qd.dmft.Static(), data, ["gain"])
        >>> found.plot()["correlation"].get_ylabel()
        '$C$'
    """
    dataset = getattr(found, "data", found)
    checks.dataset("found", dataset, "a qd.Fit, or the fit itself")
    names = [str(name) for name in dataset.data_vars if f"{name}_fitted" in dataset]
    drawn: dict[str, Axes] = {}
    for axes, name in zip(panel_axes(len(names)), names, strict=True):
        measured, error, fitted = (dataset[f"{name}{suffix}"] for suffix in ("", "_error", "_fitted"))
        along = str(measured.dims[-1]) if measured.ndim else ""
        places = dataset[along].values if along in dataset.coords else np.arange(measured.shape[-1] if along else 1)
        rows = zip(*(each.values.reshape(-1, len(places)) for each in (measured, error, fitted)), strict=True)
        for row, (values, errors, theory) in enumerate(rows):
            colour = COLOURS[row % len(COLOURS)]
            axes.errorbar(places, values, errors, linestyle="none", marker="o", markersize=3.5, color=colour, label="data")
            axes.plot(places, theory, color=colour, marker="" if along else "x", label="fit")
        axes.set(xlabel=along.replace("_", " "), ylabel=f"${measured.attrs['symbol']}$")
        axes.legend()
        drawn[name] = axes
    return drawn
