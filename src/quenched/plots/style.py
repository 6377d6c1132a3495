"""How each description looks: colours that colour-blind readers can tell apart, and line styles and markers besides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# Okabe and Ito, without black and yellow.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
LINES = ("-", "--", "-.", (0, (5, 1, 1, 1, 1, 1)), (0, (8, 3)))

# What is averaged over: a network in time, or its fixed points, by one of two weights; 1/|det F'| is what exp(-E/T) leaves
# each as T goes to 0. Each has a colour of these, and a width, so that a curve that lies on another lets it be seen.
ENSEMBLES = {
    "index": "fixed points, by $\\mathrm{sign}\\,\\det(-F')$",
    "weight": "speed landscape, by $\\mathrm{e}^{-E/T}$",
    "time": "a network in time",
}
_COLOURS = {"index": "#56B4E9", "weight": "#D55E00", "time": "#000000"}
_WIDTHS = {"index": 4.0, "weight": 1.8, "time": 1.2}
_MARKERS = {"index": ("D", "v"), "weight": ("s", "^"), "time": ("o", "X")}

_LABELS = {
    "dmft.Static": "static DMFT",
    "replica.FiniteTemperature": "replica, $T = {temperature:g}$",
    "replica.ZeroTemperature": "replica, $T = 0$",
    "dmft.Stationary": "stationary DMFT",
    "dmft.StationarySampled": "stationary DMFT",
    "simulate.Trajectories": "trajectories, $N = {size}$",
    "landscape.Sampling": "sampled, $T = {temperature:g}$, $N = {size}$",
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


def ensemble(attributes: Mapping[Any, Any], quantity: str = "") -> str:
    """What a quantity of a dataset averages over, a key of `ENSEMBLES`."""
    theory = str(attributes.get("theory", ""))
    if theory == "dmft.Static" or (theory == "landscape.FixedPoints" and quantity in ("correlation", "integrated_response")):
        return "index"
    return "weight" if theory.startswith(("replica.", "landscape.")) else "time"


def of_colour(colour: Any) -> str:
    """The ensemble that is drawn so."""
    return next(name for name, drawn in _COLOURS.items() if drawn == colour)


def styles(datasets: Mapping[str, Any], quantity: str = "") -> dict[str, dict[str, Any]]:
    """Matplotlib's options for every dataset by name: a line for a theory, markers for an experiment."""
    found: dict[str, dict[str, Any]] = {}
    labels: dict[tuple[bool, str], list[str]] = {}
    for name, dataset in datasets.items():
        measured, of, words = is_experiment(dataset.attrs), ensemble(dataset.attrs, quantity), label(dataset.attrs)
        alike = labels.setdefault((measured, of), [])
        if words not in alike:
            alike.append(words)
        place = alike.index(words)
        found[name] = {"color": _COLOURS[of]}
        if measured:
            marker = _MARKERS[of][place % len(_MARKERS[of])]
            found[name] |= {"linestyle": "none", "marker": marker, "markersize": 5.0, "capsize": 2.0, "elinewidth": 1.0}
        else:
            found[name] |= {"linestyle": LINES[place % len(LINES)], "linewidth": _WIDTHS[of]}
    return found
