"""Bokeh's figures, one for each kind of plot; `show` puts new arrays into one that is there already."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from bokeh.models import ColumnDataSource
from bokeh.plotting import figure

from quenched.explorer.views import REACH, SHOWN, Arrays
from quenched.plots.style import COLOURS

_LOOK: dict[str, Any] = {
    "height": 340,
    "sizing_mode": "stretch_width",
    "tools": "pan,wheel_zoom,reset",
    "toolbar_location": "above",
}

# About as wide as high, its legend included.
_SQUARE: dict[str, Any] = {"height": 480, "max_width": 460}


class Plot:
    """A figure with its sources; `show(part, arrays)` redraws what belongs to a part, `clear(part)` removes it."""

    def __init__(self, title: str, x: str, y: str, **options: Any):
        self.figure = figure(title=title, x_axis_label=x, y_axis_label=y, **{**_LOOK, **options})
        self.figure.toolbar.logo = None
        self.sources: dict[str, dict[str, ColumnDataSource]] = {}

    def source(self, part: str, name: str, *columns: str) -> ColumnDataSource:
        """An empty source of a part."""
        made = ColumnDataSource({column: [] for column in columns})
        self.sources.setdefault(part, {})[name] = made
        return made

    def clear(self, part: str) -> None:
        """Nothing is left of an older result."""
        for each in self.sources[part].values():
            each.data = {column: [] for column in each.data}

    def show(self, part: str, arrays: Arrays) -> None:
        raise NotImplementedError


class TrajectoryPlot(Plot):
    """States against time."""

    def __init__(self) -> None:
        super().__init__("States of some neurons", "time (leak times)", "state x")
        lines = self.source("trajectories", "lines", "time", "state", "colour")
        self.figure.multi_line("time", "state", line_color="colour", source=lines)

    def show(self, part: str, arrays: Arrays) -> None:
        colours = [COLOURS[place % len(COLOURS)] for place in range(SHOWN)]
        states = list(arrays["states"])
        times = [arrays["time"]] * len(states)
        self.sources[part]["lines"].data = {"time": times, "state": states, "colour": colours[: len(states)]}


class SpectrumPlot(Plot):
    """Eigenvalues of J in the complex plane."""

    def __init__(self) -> None:
        super().__init__("Eigenvalues of J", "real part", "imaginary part", match_aspect=True, **_SQUARE)
        points = self.source("spectrum", "points", "real", "imaginary")
        border = self.source("spectrum", "border", "x", "y")
        self.figure.scatter("real", "imaginary", size=5, color=COLOURS[0], source=points, legend_label="network")
        self.figure.line("x", "y", color=COLOURS[1], line_width=2, source=border, legend_label="random part, N to infinity")
        self.figure.vspan(x=[1.0], line_color="#666666", line_dash="dashed", legend_label="rest is unstable beyond")
        _below(self.figure)

    def show(self, part: str, arrays: Arrays) -> None:
        self.sources[part]["points"].data = {name: arrays[name] for name in ("real", "imaginary")}
        self.sources[part]["border"].data = {name: arrays[name] for name in ("x", "y")}


class CorrelationPlot(Plot):
    """C(tau) of networks over theory."""

    def __init__(self) -> None:
        super().__init__("Correlation of rates", "lag (leak times)", "C = <phi(t) phi(t + lag)>")
        line = self.source("theory", "line", "lag", "value")
        points, bars = (
            self.source("networks", "points", "lag", "value"),
            self.source("networks", "bars", "lag", "low", "high"),
        )
        self.figure.line("lag", "value", color=COLOURS[1], line_width=3, source=line, legend_label="mean-field theory")
        self.figure.segment("lag", "low", "lag", "high", color=COLOURS[0], source=bars)
        self.figure.scatter("lag", "value", size=6, color=COLOURS[0], source=points, legend_label="4 networks")
        _below(self.figure)

    def show(self, part: str, arrays: Arrays) -> None:
        if part == "theory":
            self.sources[part]["line"].data = {name: arrays[name] for name in ("lag", "value")}
            return
        every = slice(None, None, 2)
        lag, value, error = (arrays[name][every] for name in ("lag", "value", "error"))
        self.sources[part]["points"].data = {"lag": lag, "value": value}
        self.sources[part]["bars"].data = {"lag": lag, "low": value - error, "high": value + error}


class OrderParameterPlot(Plot):
    """Order parameters against the gain, with a marker at the gain chosen."""

    def __init__(self) -> None:
        super().__init__("Order parameters", "gain g", "mean square rate, overlap q")
        for part, colour, words in (
            ("static", COLOURS[0], "static mean-field theory, <phi^2>"),
            ("replica", COLOURS[1], "exp(-E/T), self-overlap q"),
        ):
            line, marker = self.source(part, "line", "gain", "value"), self.source(part, "marker", "gain", "value")
            self.figure.line("gain", "value", color=colour, line_width=3, source=line, legend_label=words)
            self.figure.scatter("gain", "value", size=12, marker="diamond", color=colour, line_color="black", source=marker)
        _below(self.figure)

    def show(self, part: str, arrays: Arrays) -> None:
        self.sources[part]["line"].data = {name: arrays[name] for name in ("gain", "value")}
        gain, value = arrays["marker"]
        self.sources[part]["marker"].data = {"gain": [gain], "value": [value]}


class LandscapePlot(Plot):
    """E of two neurons as an image, with fixed points and walkers."""

    def __init__(self) -> None:
        ranges = (-REACH, REACH)
        super().__init__(
            "Energy of two neurons (dark: slow)",
            "state of neuron 1",
            "state of neuron 2",
            x_range=ranges,
            y_range=ranges,
            **_SQUARE,
        )
        image = self.source("landscape", "image", "energy")
        walkers = self.source("landscape", "walkers", "x", "y")
        stable, other = self.source("landscape", "stable", "x", "y"), self.source("landscape", "other", "x", "y")
        place: dict[str, Any] = {"x": -REACH, "y": -REACH, "dw": 2 * REACH, "dh": 2 * REACH}
        self.figure.image("energy", palette="Viridis256", source=image, **place)
        self.figure.scatter("x", "y", size=3, color="white", alpha=0.6, source=walkers, legend_label="walkers, exp(-E/T)")
        look: dict[str, Any] = {"size": 12, "line_color": "black", "line_width": 2}
        self.figure.scatter("x", "y", fill_color=COLOURS[4], source=stable, legend_label="stable fixed point", **look)
        self.figure.scatter("x", "y", fill_color="white", source=other, legend_label="unstable fixed point", **look)
        _below(self.figure)

    def show(self, part: str, arrays: Arrays) -> None:
        sources = self.sources[part]
        sources["image"].data = {"energy": [arrays["energy"]]}
        sources["walkers"].data = {"x": arrays["walkers"][:, 0], "y": arrays["walkers"][:, 1]}
        for name, chosen in (("stable", arrays["stable"]), ("other", np.logical_not(arrays["stable"]))):
            sources[name].data = {"x": arrays["x"][chosen], "y": arrays["y"][chosen]}


PLOTS: dict[str, tuple[Callable[[], Plot], ...]] = {
    "one network": (TrajectoryPlot, SpectrumPlot),
    "correlation": (CorrelationPlot,),
    "order parameters": (OrderParameterPlot,),
    "landscape of two neurons": (LandscapePlot,),
}
"""The figures of each view."""


def _below(drawn: Any) -> None:
    """The legend under the axes, where it covers nothing."""
    legend = drawn.legend[0]
    drawn.add_layout(legend, "below")
    legend.orientation = "horizontal"
    legend.ncols = 1
    legend.border_line_color = None
