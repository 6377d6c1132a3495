"""A list of fixed points in few dimensions: by the principal components of what is in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from quenched.fixed_points.descent import Outcome
from quenched.numerics.principal_components import Components, principal_components

if TYPE_CHECKING:
    import xarray as xr

# Ends of starts further out than so many times the furthest root are left out.
_FURTHEST = 3.0


class Projection(NamedTuple):
    """What a list holds, by the components (..., component); zeros where there are fewer neurons than components."""

    points: np.ndarray
    """The fixed points."""
    modes: np.ndarray
    """Their unstable directions (fixed_point, direction, component), NaN where there are fewer."""
    uncertified: np.ndarray
    """Roots without a certificate."""
    ends: np.ndarray
    """Where starts ended that are at no root."""
    end_speeds: np.ndarray
    """The largest velocity of a neuron there."""
    runs: np.ndarray
    """Trajectories (time, trial, component)."""
    cloud: np.ndarray
    """All that the components were chosen for."""
    share: np.ndarray
    """Of the variance of the cloud, by each component."""


def project_list(dataset: xr.Dataset, runs: np.ndarray, components: int) -> Projection:
    """Roots, with and without a certificate, and the trajectories `runs` (time, trial, neuron) choose the components.

    Where there are no more roots than components they say little of where the other starts ended, whose ends then take part.
    Raises ValueError for a list with neither.
    """
    states, uncertified = dataset["state"].values, _uncertified_states(dataset)
    size, roots = states.shape[1], np.concatenate([states, uncertified])
    ends, speeds = _ends_elsewhere(dataset, roots)
    if not len(roots) and not len(ends):
        raise ValueError("The dataset has no fixed points to draw; see its `outcome` for how the starts ended.")
    modes = dataset["unstable_modes"].values if "unstable_modes" in dataset else np.zeros((len(states), 0, size))
    cloud = np.concatenate([roots, runs.reshape(-1, size), ends if len(roots) <= components else ends[:0]])
    frame = principal_components(cloud, components)

    def filled(columns: np.ndarray) -> np.ndarray:
        missing = np.zeros((*columns.shape[:-1], max(components - columns.shape[-1], 0)))
        return np.concatenate([columns, missing], axis=-1)

    points, others, elsewhere, paths, everything = (
        filled(frame.project(each)) for each in (states, uncertified, ends, runs, cloud)
    )
    return Projection(points, filled(frame.turn(modes)), others, elsewhere, speeds, paths, everything, frame.share)


def branch_component(dataset: xr.Dataset) -> Components:
    """The first principal component of all points of all branches of `qd.landscape.continue_fixed_points`."""
    return principal_components(dataset["branch_state"].values[np.isfinite(dataset["parameter"].values)], 1)


def _uncertified_states(dataset: xr.Dataset) -> np.ndarray:
    if "uncertified_state" not in dataset:
        return np.zeros((0, dataset["state"].shape[-1]))
    found: np.ndarray = dataset["uncertified_state"].values
    return found


def _ends_elsewhere(dataset: xr.Dataset, roots: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where starts ended that are at no root, and the speed there; what ran away or ended far out is left out."""
    if "end_state" not in dataset:
        return np.zeros((0, dataset["state"].shape[-1])), np.zeros(0)
    ends, speeds, outcome = (dataset[name].values for name in ("end_state", "end_speed", "outcome"))
    kept = np.isin(outcome, (Outcome.slow_point, Outcome.stalled, Outcome.out_of_steps)) & np.isfinite(speeds)
    if len(roots):
        furthest = np.max(np.linalg.norm(roots, axis=1))
        kept &= np.linalg.norm(ends, axis=1) <= _FURTHEST * (furthest if furthest > 0.0 else np.inf)
    return ends[kept], speeds[kept]
