"""How each description looks: colours that colour-blind readers can tell apart, and line styles and markers besides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# Okabe and Ito, without black and yellow.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
LINES = ("-", "--", "-.", (0, (5, 1, 1, 1, 1, 1)), (0, (8, 3)))
_MARKERS = ("o", "D", "s", "^", "v")

_LABELS = {
    "dmft.Static": "static DMFT",
    "replica.FiniteTemperature": "replica, $T = {temperature:g}$",
    "replica.ZeroTemperature": "replica, $T = 0$",
    "simulate.Trajectories": "trajectories, $N = {size}$",
    "landscape.FixedPoints": "fixed points, $N = {size}$",
}


def is_experiment(attributes: Mapping[Any, Any]) -> bool:
    """Whether a dataset was measured on networks, and its errors are statistical."""
    return "networks" in attributes


def label(attributes: Mapping[Any, Any]) -> str:
    """The words for a dataset in a legend."""
    theory = str(attributes.get("theory", ""))
    try:
        return _LABELS.get(theory, theory).format(**attributes)
    except KeyError:  # the parameter is an axis
        return theory


def in_order(datasets: Mapping[str, Any]) -> dict[str, Any]:
    """Theories first, so that points lie on top of lines, each kind always in the same place."""
    kinds = list(_LABELS)

    def place(item: tuple[str, Any]) -> tuple[bool, int, str]:
        attributes = item[1].attrs
        theory = attributes.get("theory")
        return is_experiment(attributes), kinds.index(theory) if theory in kinds else len(kinds), item[0]

    return dict(sorted(datasets.items(), key=place))


def styles(datasets: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Matplotlib's options for every dataset by name: a line for a theory, markers for an experiment."""
    found: dict[str, dict[str, Any]] = {}
    lines, markers = iter(LINES * len(datasets)), iter(_MARKERS * len(datasets))
    for position, (name, dataset) in enumerate(datasets.items()):
        shape = (
            {"linestyle": "none", "marker": next(markers), "markersize": 4.5, "capsize": 2.0, "elinewidth": 1.0}
            if is_experiment(dataset.attrs)
            else {"linestyle": next(lines)}
        )
        found[name] = {"color": COLOURS[position % len(COLOURS)], **shape}
    return found
