"""Fixed points in the plane of largest variance, their connections, and their branches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from quenched import checks
from quenched.fixed_points.projection import Projection, branch_component, project_list
from quenched.plots.curves import new_axes
from quenched.vocabulary import VOCABULARY

if TYPE_CHECKING:
    import networkx as nx
    import xarray as xr
    from matplotlib.axes import Axes

# By the number of unstable directions, the last for more: Okabe and Ito, and markers besides.
KINDS = (
    ("stable", "#0072B2", "o"),
    ("1 unstable direction", "#D55E00", "D"),
    ("2 unstable directions", "#009E73", "s"),
    ("3 or more", "#CC79A7", "^"),
)
# Roots without a certificate, by the reason.
_UNCERTIFIED = (
    ("no certificate: $F'$ singular", "."),
    ("no certificate: on a kink", "x"),
    ("no certificate: unproven", "+"),
)
# Of the largest width, what counts as none.
_LEVEL = 1e-9
_TRAJECTORY: dict[str, Any] = {"color": "0.75", "linewidth": 0.7, "zorder": 0}


def fixed_points(
    dataset: xr.Dataset, trajectories: Any = None, *, components: int = 2, modes: bool = True, axes: Axes | None = None
) -> Axes:
    """Draw fixed points in their principal components: filled where stable, open where not, with their unstable directions.

    Roots without a certificate are black. Where the other starts ended is coloured by how fast the state still moves there.

    Arguments:
        dataset: of `qd.landscape.find_fixed_points`.
        trajectories: states in time, (time, neuron) or (time, trial, neuron), such as the `trajectory` of
            `qd.simulate.integrate`, drawn as lines; they take part in choosing the components.
        components: 2, or 3 for a picture in space.
        modes: draw up to three unstable directions of each saddle as short lines.
        axes: where to draw, of the right projection; new ones if left out.

    Returns:
        The axes.

    Raises:
        ValueError: a dataset with nothing to draw, trajectories of another size, or other `components` than 2 and 3.
        TypeError: another dataset, no numbers, or `modes` that is not True or False.

    Example:
        >>> import numpy as np, quenched as qd
        >>> pair = qd.Network(np.array([[0.0, 2.0], [2.0, 0.0]]))
        >>> axes = qd.plots.fixed_points(qd.landscape.find_fixed_points(pair, starts=20))
        >>> axes.get_xlabel(), [text.get_text() for text in axes.get_legend().get_texts()]
        ('component 1 (100 %)', ['stable', '1 unstable direction'])
    """
    dataset = as_list(dataset)
    if components not in (2, 3):
        raise ValueError(f"Argument `components` must be 2 or 3, but is {components!r}.")
    runs, modes = _runs(trajectories, dataset["state"].shape[-1]), checks.flag("modes", modes)
    seen = project_list(dataset, runs, components)
    axes = new_axes("3d" if components == 3 else None) if axes is None else axes
    for run in seen.runs.swapaxes(0, 1):
        axes.plot(*run.T, **_TRAJECTORY)
    if len(seen.ends):
        _draw_ends(axes, seen)
    if len(seen.uncertified):
        _draw_uncertified(axes, seen, dataset)
    if modes:
        _draw_modes(axes, seen)
    unstable = dataset["unstable_directions"].values
    for count, (name, colour, marker) in enumerate(KINDS):
        chosen = unstable == count if count < len(KINDS) - 1 else unstable >= count
        if chosen.any():
            look: dict[str, Any] = {"color": colour, "marker": marker, "markersize": 6, "linestyle": "none", "label": name}
            face = colour if count == 0 else "white"
            axes.plot(*seen.points[chosen].T, markerfacecolor=face, **look)
    _keep_flat(axes, seen.cloud)
    names = [f"component {place + 1} ({100 * share:.0f} %)" for place, share in enumerate(seen.share)]
    for letter, name in zip("xyz", names, strict=False):
        getattr(axes, f"set_{letter}label")(name)
    if len(seen.share) == 1:
        axes.set_yticks([])
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return axes


def connections(graph: nx.MultiDiGraph, axes: Axes | None = None) -> Axes:
    """Draw the graph of `qd.landscape.connections`: the more unstable, the higher; arrows lead to where a saddle falls.

    Arguments:
        graph: of `qd.landscape.connections`.
        axes: where to draw; new ones if left out.

    Returns:
        The axes.

    Raises:
        TypeError: no graph.

    Example:
        >>> import networkx as nx, quenched as qd
        >>> graph = nx.MultiDiGraph([(2, 0), (2, 1)])  # from a saddle to two stable points
        >>> nx.set_node_attributes(graph, {0: 0, 1: 0, 2: 1}, "unstable_directions")
        >>> axes = qd.plots.connections(graph)
        >>> axes.get_ylabel(), axes.get_yticks().tolist()
        ('unstable directions', [0, 1])
    """
    if not hasattr(graph, "edges"):
        raise TypeError(f"Argument `graph` must be the graph of qd.landscape.connections, but is {checks.shown(graph)}.")
    axes = new_axes() if axes is None else axes
    rows: dict[int, list[Any]] = {}
    for node, known in graph.nodes(data=True):
        rows.setdefault(int(known.get("unstable_directions", -1)), []).append(node)
    places: dict[Any, tuple[float, float]] = {}
    for height, nodes in sorted(rows.items()):
        for number, node in enumerate(nodes):
            places[node] = ((number + 0.5) / len(nodes), float(height))
    for tail, head in dict.fromkeys((tail, head) for tail, head in graph.edges()):
        axes.annotate(
            "",
            places[head],
            places[tail],
            arrowprops={"arrowstyle": "->", "color": "0.6", "shrinkA": 5, "shrinkB": 5, "linewidth": 0.8},
        )
    for node, (x, y) in places.items():
        count = max(0, min(int(y), len(KINDS) - 1))
        _, colour, marker = KINDS[count]
        known = y >= 0
        face = colour if known and count == 0 else "white"
        axes.plot([x], [y], marker=marker if known else "x", color=colour if known else "0.3", markerfacecolor=face)
        if not known:
            axes.annotate(str(node), (x, y), (6, -3), textcoords="offset points", color="0.3")
    axes.set_xlim(0.0, 1.0)
    axes.set_xticks([])
    heights = sorted(rows)
    axes.set_yticks([height for height in heights if height >= 0])
    axes.margins(y=0.15)
    axes.set_ylabel("unstable directions")
    return axes


def branches(dataset: xr.Dataset, neuron: int | None = None, axes: Axes | None = None) -> Axes:
    """Draw branches of fixed points against the parameter: solid where stable, dashed where not, dotted along kinks.

    Folds, branch points and the beginnings of oscillations are marked.

    Arguments:
        dataset: of `qd.landscape.continue_fixed_points`.
        neuron: whose state to show, a number from 0 on; if left out, the first principal component of all points.
        axes: where to draw; new ones if left out.

    Returns:
        The axes.

    Raises:
        ValueError: no such neuron.
        TypeError: another dataset, or no whole number.

    Example:
        >>> import numpy as np, quenched as qd
        >>> family = lambda p: qd.landscape.Flow(lambda x: p * x - x**3, size=1)
        >>> found = qd.landscape.continue_fixed_points(family, np.zeros((1, 1)), -0.5, -1.0, 1.0)
        >>> [text.get_text() for text in qd.plots.branches(found).get_legend().get_texts()]
        ['branch point', 'stable', 'unstable']
    """
    checks.dataset("dataset", dataset, "qd.landscape.continue_fixed_points", "parameter", "branch_state", "event_kind")
    parameter, states = dataset["parameter"].values, dataset["branch_state"].values
    if neuron is not None and checks.count("neuron", neuron, low=0) >= states.shape[-1]:
        raise ValueError(f"Argument `neuron` must be below the number of neurons, {states.shape[-1]}, but is {neuron}.")
    axes = new_axes() if axes is None else axes
    frame = branch_component(dataset)

    def height(points: np.ndarray) -> np.ndarray:
        return points[..., neuron] if neuron is not None else frame.project(points)[..., 0]

    for row, unstable in enumerate(dataset["branch_unstable_directions"].values):
        along, values, events = parameter[row], height(states[row]), np.isnan(unstable)
        for chosen, line, colour in ((unstable == 0, "-", "#0072B2"), (unstable > 0, "--", "#D55E00")):
            # A part reaches to the events on either side.
            beside = np.append(chosen[1:], False) | np.append(False, chosen[:-1])
            axes.plot(along, np.where(chosen | (events & beside), values, np.nan), line, color=colour)
        unknown = events & (np.append(events[1:], False) | np.append(False, events[:-1]))
        axes.plot(along, np.where(unknown, values, np.nan), ":", color="0.4")
    marks = {"fold": "v", "branch_point": "D", "hopf": "o", "flip": "s", "degenerate": "X", "kink": "P"}
    names = {
        "fold": "fold",
        "branch_point": "branch point",
        "hopf": "oscillation begins (Hopf)",
        "flip": "period doubling",
        "degenerate": "several at once",
        "kink": "kink",
    }
    for kind, marker in marks.items():
        chosen = dataset["event_kind"].values == kind
        if chosen.any():
            at = height(dataset["event_state"].values[chosen])
            axes.plot(
                dataset["event_parameter"].values[chosen],
                at,
                marker,
                color="0.2",
                markerfacecolor="white",
                label=names[kind],
            )
    axes.plot([], [], "-", color="#0072B2", label="stable")
    axes.plot([], [], "--", color="#D55E00", label="unstable")
    axes.set_xlabel("parameter")
    axes.set_ylabel(f"$x_{{{neuron}}}$" if neuron is not None else "first principal component")
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return axes


def as_list(dataset: xr.Dataset) -> xr.Dataset:
    """A single fixed point as a list of one; those that `where` has left are drawn, the others are NaN."""
    checks.dataset("dataset", dataset, "qd.landscape.find_fixed_points", "state", "unstable_directions")
    if "fixed_point" in dataset.dims:
        dataset = dataset.isel(fixed_point=np.isfinite(dataset["state"].values).all(axis=1))
        spread = [str(name) for name, values in dataset.data_vars.items() if _belongs_to_none(str(name), values)]
        if not dataset.sizes["fixed_point"]:
            return dataset.drop_vars(spread)
        return dataset.assign({name: dataset[name].isel(fixed_point=0) for name in spread})
    drawn = {"state", "stable", "unstable_directions", "unstable_modes", "eigenvalue_real", "eigenvalue_imag"}
    return dataset[sorted(drawn & set(dataset.data_vars))].expand_dims("fixed_point")


def _belongs_to_none(name: str, values: xr.DataArray) -> bool:
    """Whether `where` has spread it over the fixed points."""
    known = VOCABULARY[name].dims if name in VOCABULARY else (values.dims,)
    return "fixed_point" in values.dims and not any("fixed_point" in dims for dims in known)


def _keep_flat(axes: Axes, places: np.ndarray) -> None:
    """What varies by rounding alone is drawn level: a line as a line."""
    widths = np.ptp(places, axis=0)
    for letter, width, middle in zip("xyz", widths, np.mean(places, axis=0), strict=False):
        if width < _LEVEL * widths[0]:
            getattr(axes, f"set_{letter}lim")(middle - 0.5 * widths[0], middle + 0.5 * widths[0])


def _draw_uncertified(axes: Axes, seen: Projection, dataset: xr.Dataset) -> None:
    on_kink, singular = dataset["on_kink"].values.astype(bool), dataset["flat_directions"].values > 0
    for chosen, (name, marker) in zip((singular & ~on_kink, on_kink, ~singular & ~on_kink), _UNCERTIFIED, strict=True):
        if chosen.any():
            look: dict[str, Any] = {"color": "black", "marker": marker, "markersize": 4, "linestyle": "none", "label": name}
            axes.plot(*seen.uncertified[chosen].T, zorder=1.5, **look)


def _draw_ends(axes: Axes, seen: Projection) -> None:
    from matplotlib.colors import LogNorm

    speeds = np.maximum(seen.end_speeds, np.finfo(float).eps)
    scale = LogNorm(speeds.min(), max(speeds.max(), 1.001 * speeds.min()))
    scatter: Any = axes.scatter
    drawn = scatter(
        *seen.ends.T, c=speeds, norm=scale, cmap="cividis", s=7, linewidths=0, zorder=1, label="other ends of starts"
    )
    axes.figure.colorbar(drawn, ax=axes, location="bottom", shrink=0.7, label="largest velocity where other starts ended")


def _runs(trajectories: Any, size: int) -> np.ndarray:
    """(time, trial, neuron)."""
    if trajectories is None:
        return np.zeros((0, 0, size))
    runs = checks.numbers("Argument `trajectories`", trajectories)
    runs = runs[:, None] if runs.ndim == 2 else runs
    if runs.ndim != 3 or runs.shape[2] != size:
        raise ValueError(f"Argument `trajectories` must be (time, neuron) or (time, trial, {size}), but is {runs.shape}.")
    return runs


def _draw_modes(axes: Axes, seen: Projection) -> None:
    reach = 0.08 * float(np.max(np.ptp(seen.points, axis=0), initial=1e-12)) if len(seen.points) else 0.0
    for state, modes in zip(seen.points, seen.modes, strict=True):
        for mode in modes[np.isfinite(modes).all(axis=1)]:
            if np.any(mode):
                axes.plot(*np.array([state - reach * mode, state + reach * mode]).T, color="0.35", linewidth=1.0, zorder=1)
