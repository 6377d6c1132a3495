"""The covariance of a mean over two kinds of samples at once, such as blocks of time and neurons."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from scipy.linalg import block_diag

from quenched.numerics.time_average import error_of_time_average


def covariance_of_mean(groups: Sequence[Float[np.ndarray, "block _ entry"]]) -> Float[np.ndarray, "all all"]:
    """Covariance of the means over blocks of time and over units, where neither are independent samples.

    What a block and a unit give is taken as m + a_unit + b_block + e, with a what differs from unit to unit for all time, b
    what all units share for a while, and e the rest. The variance of the mean is then

        var(b)/blocks + var(a)/units + var(e)/(blocks units) = (from blocks) + (from units) - (from both).

    Blocks that remember their predecessors are counted as fewer, entry by entry (`error_of_time_average`). What units have
    in addition counts only where it is more than chance makes it. Each group has its own units; the blocks are the same for
    all, and the means one after another.

    On average 1 to 1.5 times the true variance (32 blocks, 40 units): neither blocks that undo each other nor a difference
    below 0 is counted on.
    """
    of_blocks = np.concatenate([each.mean(axis=1) for each in groups], axis=1)
    from_blocks = _over(of_blocks - of_blocks.mean(axis=0))
    plain = np.sqrt(np.diagonal(from_blocks))
    longer = error_of_time_average(of_blocks) / np.where(plain > 0.0, plain, 1.0)
    remembered = np.outer(longer, longer)
    from_units, from_both = (block_diag(*each) for each in zip(*map(_of_units, groups), strict=True))
    return np.asarray(remembered * from_blocks + _positive_part(from_units - remembered * from_both))


def _of_units(samples: Float[np.ndarray, "block unit entry"]) -> tuple[np.ndarray, np.ndarray]:
    """What the variance of the mean is from units, and from what neither blocks nor units have alone."""
    blocks, units, _ = samples.shape
    of_blocks, of_units = samples.mean(axis=1), samples.mean(axis=0)
    mean = of_blocks.mean(axis=0)
    rest = (samples - of_blocks[:, None] - of_units + mean).reshape(blocks * units, -1)
    both = rest.T @ rest / (blocks * (blocks - 1.0) * units * (units - 1.0))
    return _over(of_units - mean), both


def shrunk(covariance: Float[np.ndarray, "entry entry"], share: float) -> Float[np.ndarray, "entry entry"]:
    """A covariance with smaller correlations, so that it can be inverted though it was estimated from few samples."""
    variance = np.diagonal(covariance)
    return np.asarray((1.0 - share) * covariance + share * np.diag(variance))


def _over(deviations: Float[np.ndarray, "sample entry"]) -> Float[np.ndarray, "entry entry"]:
    count = len(deviations)
    return np.asarray(deviations.T @ deviations / (count * (count - 1.0)))


def _positive_part(matrix: Float[np.ndarray, "entry entry"]) -> Float[np.ndarray, "entry entry"]:
    """Without the directions in which a difference of two covariances is below 0."""
    values, vectors = np.linalg.eigh(0.5 * (matrix + matrix.T))
    return np.asarray((vectors * np.maximum(values, 0.0)) @ vectors.T)
