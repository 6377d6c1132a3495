"""Principal components of a cloud of points."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Components(NamedTuple):
    """Orthonormal directions of largest variance, from the middle of the cloud."""

    middle: np.ndarray
    directions: np.ndarray
    """(component, neuron)."""
    share: np.ndarray
    """Of the variance, by each of them."""

    def project(self, points: np.ndarray) -> np.ndarray:
        """Coordinates (..., component)."""
        return (points - self.middle) @ self.directions.T

    def turn(self, vectors: np.ndarray) -> np.ndarray:
        """As `project`, of differences."""
        return vectors @ self.directions.T


def principal_components(points: np.ndarray, count: int) -> Components:
    """The first `count` components of points (point, neuron); where there are fewer, other directions fill up."""
    middle = points.mean(axis=0)
    size = points.shape[1]
    count = min(count, size)
    _, lengths, directions = np.linalg.svd(points - middle, full_matrices=False)
    if len(directions) < count:
        # Orthonormal to what there is.
        rest = np.linalg.qr(np.concatenate([directions, np.eye(size)]).T)[0].T
        directions = rest[:count]
    total = np.sum(lengths**2)
    share = np.zeros(count)
    share[: min(count, len(lengths))] = (lengths**2 / total if total > 0.0 else lengths)[:count]
    # The largest entry positive: the same picture every time.
    signs = np.sign(directions[np.arange(count), np.argmax(np.abs(directions[:count]), axis=1)])
    return Components(middle, signs[:, None] * directions[:count], share)
