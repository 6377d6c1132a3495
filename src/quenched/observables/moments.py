"""The elliptic law whose moments are those of given weights."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from quenched.couplings.elliptic import Elliptic


class EffectiveLaw(NamedTuple):
    """Gain, symmetry and mean of the weights between different neurons, each with its standard error over pairs."""

    gain: tuple[float, float]
    symmetry: tuple[float, float]
    mean: tuple[float, float]

    @property
    def couplings(self) -> Elliptic:
        """The law."""
        return Elliptic(self.gain[0], self.symmetry[0], self.mean[0])

    @property
    def one_error_away(self) -> list[Elliptic]:
        """Laws with one number changed by its error."""
        gain, symmetry, mean = self
        # Towards 0, where every number is allowed.
        turned = symmetry[0] - np.copysign(min(symmetry[1], 1.0), symmetry[0])
        return [
            Elliptic(gain[0] + gain[1], symmetry[0], mean[0]),
            Elliptic(gain[0], turned, mean[0]),
            Elliptic(gain[0], symmetry[0], mean[0] + mean[1]),
        ]


def effective_law(weights: Any) -> EffectiveLaw:
    """N times the moments of J_ij, i != j, and of the products J_ij J_ji: pairs of neurons count as independent draws."""
    size = weights.shape[0]
    pairs = size * (size - 1) // 2
    if not pairs:
        return EffectiveLaw((0.0, 0.0), (0.0, 0.0), (0.0, 0.0))
    one, other = _pairs(weights)
    uncoupled = pairs - len(one)

    def average(of_coupled: Float[np.ndarray, " pair"], of_uncoupled: float) -> tuple[float, float]:
        """Over all pairs, and its standard error."""
        mean = (of_coupled.sum() + uncoupled * of_uncoupled) / pairs
        squares = np.sum((of_coupled - mean) ** 2) + uncoupled * (of_uncoupled - mean) ** 2
        return float(mean), float(np.sqrt(squares)) / pairs

    level, level_error = average(0.5 * (one + other), 0.0)
    one, other, away = one - level, other - level, -level
    squares = 0.5 * (one**2 + other**2)
    variance, variance_error = average(squares, away**2)
    if variance <= 0.0:
        return EffectiveLaw((0.0, 0.0), (0.0, 0.0), (size * level, size * level_error))
    symmetry = float(np.clip(average(one * other, away**2)[0] / variance, -1.0, 1.0))
    symmetry_error = average(one * other - symmetry * squares, (1.0 - symmetry) * away**2)[1] / variance
    gain = float(np.sqrt(size * variance))
    return EffectiveLaw(
        (gain, 0.5 * gain * variance_error / variance), (symmetry, symmetry_error), (size * level, size * level_error)
    )


def _pairs(weights: Any) -> tuple[Float[np.ndarray, " pair"], Float[np.ndarray, " pair"]]:
    """J_ij and J_ji of pairs i < j; of sparse weights those of pairs that are coupled."""
    if isinstance(weights, np.ndarray):
        above = np.triu_indices(len(weights), 1)
        return weights[above], weights.T[above]
    from scipy.sparse import triu

    either = triu(abs(weights) + abs(weights).T, 1).tocoo()
    rows, columns = either.row, either.col
    table = weights.tocsr()
    return np.asarray(table[rows, columns]).ravel(), np.asarray(table[columns, rows]).ravel()
