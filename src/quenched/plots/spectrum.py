"""Eigenvalues in the complex plane, with the border of stability and with what theory says of infinitely many neurons."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from quenched import checks
from quenched.fixed_points.describe import eigenvalues
from quenched.plots.curves import new_axes
from quenched.plots.fixed_points import KINDS, as_list
from quenched.plots.style import COLOURS

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes

_SOURCES = "qd.observables.spectrum or of qd.landscape.find_fixed_points"


def spectrum(dataset: xr.Dataset, axes: Axes | None = None) -> Axes:
    """Draw eigenvalues in the complex plane.

    With those of a Jacobian stands the border of stability: the imaginary axis for a flow, the unit circle for a map.

    Of `qd.observables.spectrum` the eigenvalues of one matrix, and the boundary of the bulk and the outliers of infinitely
    many neurons; of `qd.landscape.find_fixed_points` the eigenvalues of all fixed points, by how many of them grow.

    Arguments:
        dataset: of `qd.observables.spectrum`, of one state, or of `qd.landscape.find_fixed_points`.
        axes: where to draw; new ones if left out.

    Returns:
        The axes.

    Raises:
        ValueError: a dataset without fixed points, or of several states.
        TypeError: another dataset.

    Example:
        >>> import quenched as qd
        >>> found = qd.observables.spectrum(qd.couplings.Elliptic(0.8, mean=2.0))
        >>> axes = qd.plots.spectrum(found)
        >>> [text.get_text() for text in axes.get_legend().get_texts()]
        ['boundary, $N=\\\\infty$', 'outliers, $N=\\\\infty$']
    """
    if hasattr(dataset, "data_vars") and "unstable_directions" in dataset:
        points = as_list(dataset)
        if not points.sizes["fixed_point"]:
            raise ValueError("The dataset has no fixed points to draw; see its `outcome` for how the starts ended.")
        axes = new_axes() if axes is None else axes
        _draw_fixed_points(axes, points)
    else:
        _check_one(dataset)
        axes = new_axes() if axes is None else axes
        _draw(axes, dataset)
    kind, matrix = dataset.attrs.get("kind"), dataset.attrs.get("matrix", "Jacobian")
    if matrix == "Jacobian":
        _draw_border(axes, kind == "map")
    unit = " (1/time)" if matrix == "Jacobian" and kind != "map" else ""
    shared = len(axes.get_shared_x_axes().get_siblings(axes)) > 1 and len(axes.get_shared_y_axes().get_siblings(axes)) > 1
    axes.set_aspect("equal", adjustable="box" if shared else "datalim")
    axes.set_xlabel(rf"$\mathrm{{Re}}\,\lambda${unit}")
    axes.set_ylabel(rf"$\mathrm{{Im}}\,\lambda${unit}")
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return axes


def _draw_fixed_points(axes: Axes, dataset: xr.Dataset) -> None:
    """The eigenvalues of all, by how many of them grow."""
    values, unstable = eigenvalues(dataset).values, dataset["unstable_directions"].values
    for count, (name, colour, marker) in enumerate(KINDS):
        chosen = unstable == count if count < len(KINDS) - 1 else unstable >= count
        if chosen.any():
            here = values[chosen].ravel()
            look: dict[str, Any] = {"color": colour, "marker": marker, "markersize": 3.5, "linestyle": "none", "label": name}
            axes.plot(here.real, here.imag, markerfacecolor=colour if count == 0 else "white", **look)


def _check_one(dataset: Any) -> None:
    """Refuse what is not the spectrum of one state."""
    if not hasattr(dataset, "data_vars"):
        raise TypeError(f"Argument `dataset` must be the Dataset of {_SOURCES}, but is {checks.shown(dataset)}.")
    if "boundary_real" not in dataset and "eigenvalue_real" not in dataset:
        raise TypeError(f"Argument `dataset` must be the Dataset of {_SOURCES}, but has neither eigenvalues nor a boundary.")
    status = dataset.get("status")
    if status is not None and status.ndim:
        one = ", ".join(f"{name}=0" for name in status.dims)
        raise ValueError(
            f"Argument `dataset` must be of one state, but has {dict(status.sizes)}: choose one by .isel({one})."
        )


def _draw(axes: Axes, dataset: xr.Dataset) -> None:
    blue, orange = COLOURS[:2]
    if "eigenvalue_real" in dataset:
        look: dict[str, Any] = {"color": blue, "marker": ".", "markersize": 3.0, "linestyle": "none"}
        axes.plot(dataset["eigenvalue_real"], dataset["eigenvalue_imag"], label="eigenvalues", **look)
    if "boundary_real" not in dataset:
        return
    label = r"boundary, $N=\infty$"
    for real, imag in zip(dataset["boundary_real"].values, dataset["boundary_imag"].values, strict=True):
        if np.isfinite(real).all():
            # Closed, and a point where it is one.
            point = np.ptp(real) == 0.0 and np.ptp(imag) == 0.0
            axes.plot(np.append(real, real[0]), np.append(imag, imag[0]), "s" if point else "-", color="black", label=label)
            label = "_"
    outliers = dataset["outlier_real"].values, dataset["outlier_imag"].values
    if np.isfinite(outliers[0]).any():
        look = {"color": orange, "marker": "D", "markersize": 7.0, "markerfacecolor": "none", "linestyle": "none"}
        axes.plot(*outliers, label=r"outliers, $N=\infty$", **look)


def _draw_border(axes: Axes, is_map: bool) -> None:
    look: dict[str, Any] = {"color": "0.5", "linewidth": 0.9, "zorder": 0}
    if is_map:
        angle = np.linspace(0.0, 2.0 * np.pi, 361)
        axes.plot(np.cos(angle), np.sin(angle), **look)
    else:
        axes.axvline(0.0, **look)
