"""Participation ratios of recordings, without the bias of a finite time.

The plain estimate squares the sampled covariance, and noise squared does not average out: it is too small by a part that
falls as 1/time only, and is larger the more directions there are. In place of the square stands here a product of two
estimates from different stretches of time, or of different trials, which know nothing of each other.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from quenched.numerics.memory import BATCH_BYTES

States = Float[np.ndarray, "trial time neuron"]

# A variance below this part of the mean square is rounding.
_RESTING = 1e-24
# Where the variance within a stretch falls to this part of the largest, what was recorded is the way to rest.
_COME_TO_REST = 1e-6


class Estimate(NamedTuple):
    """Of one network; NaN of one that is or comes to rest, and with an infinite error where noise is all there is."""

    value: float
    """(tr Sigma)^2/tr Sigma^2, over the number of neurons."""
    error: float
    plain: float
    """What the sampled covariance gives."""
    memory: float
    """Correlation across a whole block, over the variance."""


class Products(NamedTuple):
    """Of blocks of samples, all that is needed of them."""

    traces: Float[np.ndarray, " block"]
    """tr S_a, S_a the mean of x x^T."""
    means: Float[np.ndarray, "block block"]
    """m_a . m_b"""
    squares: Float[np.ndarray, "block block"]
    """tr S_a S_b"""
    shifts: Float[np.ndarray, "block block block"]
    """m_a^T S_b m_c"""
    apart: Bool[np.ndarray, "block block"]
    """Whether two blocks are of different trials, or at least a block of time apart."""
    second: Bool[np.ndarray, "block block"]
    """Whether they are of one trial, with one block between them."""
    memory: float
    """Correlation across a whole block, over the variance."""


def participation_ratio(states: States, blocks: int) -> Estimate:
    """From recordings of one network, cut into about so many blocks."""
    neurons = states.shape[-1]
    products = products_of_blocks(states, blocks)
    variance, square = _unbiased(products)
    moves = np.all(variance > _RESTING * np.mean(np.sum(states**2, axis=-1)))
    if not moves or _comes_to_rest(states, blocks):
        return Estimate(np.nan, np.nan, np.nan, products.memory)
    inverse, error = _jackknife(variance, square)
    if not inverse > 0.0:
        return Estimate(np.nan, np.inf, _plain(products) / neurons, products.memory)
    value = 1.0 / inverse
    # Pairs one block apart whose squares hold the correlation across it, beside tr Sigma^2 = (tr Sigma)^2/ratio.
    weights = _quadruples(products.apart).sum(axis=(2, 3))
    left = (weights * products.second).sum() / weights.sum() * products.memory**2
    error = float(np.hypot(error, left)) * value**2
    return Estimate(value / neurons, error / neurons, _plain(products) / neurons, products.memory)


def _comes_to_rest(states: States, blocks: int) -> bool:
    """Whether all trials end at rest, though they began with movement."""
    stretches = min(blocks, states.shape[1] // 4)
    if stretches < 2:
        return False
    within = [np.sum(np.var(part, axis=1), axis=-1).max() for part in np.array_split(states, stretches, axis=1)]
    return bool(within[-1] < _COME_TO_REST * max(within))


def products_of_blocks(states: States, blocks: int) -> Products:
    """The mean over all of a recording is taken off first, which changes nothing but rounding and chance."""
    centred = states - states.mean(axis=(0, 1))
    trials, _, neurons = centred.shape
    if trials >= blocks:
        parts = [each.reshape(-1, neurons) for each in np.array_split(centred, blocks)]
        trial, place, memory = np.arange(blocks), np.zeros(blocks, int), 0.0
    else:
        each_trial = -(-blocks // trials)
        parts = [part for one in centred for part in np.array_split(one, each_trial)]
        trial, place = np.repeat(np.arange(trials), each_trial), np.tile(np.arange(each_trial), trials)
        memory = _memory(centred, centred.shape[1] // each_trial)
    means = np.stack([part.mean(axis=0) for part in parts])
    shifts = np.stack([along.T @ along / len(along) for along in (part @ means.T for part in parts)], axis=1)
    same = trial[:, None] == trial
    distance = np.abs(place[:, None] - place)
    return Products(
        np.array([np.mean(np.sum(part**2, axis=1)) for part in parts]),
        means @ means.T,
        _squares(parts),
        shifts,
        ~same | (distance > 1),
        same & (distance == 2),
        memory,
    )


def _memory(centred: States, lag: int) -> float:
    """Of the states, across so many samples."""
    across = np.mean(np.sum(centred[:, lag:] * centred[:, :-lag], axis=-1))
    return float(across / max(np.mean(np.sum(centred**2, axis=-1)), 1e-300))


def _squares(parts: list[np.ndarray]) -> Float[np.ndarray, "block block"]:
    """tr S_a S_b, by products over neurons or over times, whichever are fewer."""
    count, neurons = len(parts), parts[0].shape[1]
    times = sum(map(len, parts))
    if neurons * (times + 0.5 * count**2) < 0.5 * times**2 and 8 * count * neurons**2 < BATCH_BYTES:
        whole = np.stack([(part.T @ part / len(part)).ravel() for part in parts])
        return np.asarray(whole @ whole.T)
    squares = np.empty((count, count))
    for first in range(count):
        for second in range(first + 1):
            squares[first, second] = np.mean((parts[first] @ parts[second].T) ** 2)
            squares[second, first] = squares[first, second]
    return squares


def _quadruples(apart: Bool[np.ndarray, "block block"]) -> Float[np.ndarray, "block block block block"]:
    """1 where all of four blocks are apart."""
    far = apart.astype(float)
    three = far[:, :, None] * far[:, None, :] * far[None, :, :]
    return np.asarray(three[:, :, :, None] * far[:, None, None, :] * far[None, :, None, :] * far[None, None, :, :])


def _unbiased(products: Products) -> tuple[Float[np.ndarray, " one_and_block"], Float[np.ndarray, " one_and_block"]]:
    """tr Sigma and tr Sigma^2 from all blocks, and with each of them left out.

    With Sigma = S - m m^T and four blocks that are all apart, tr Sigma^2 is the average of
    tr S_a S_b - 2 m_a^T S_b m_c + (m_a . m_b)(m_c . m_d): no factor meets itself. The same quadruples count in each term, so
    that a shift of all states changes nothing. A block is in a quadruple once at most, in one of four places.
    """
    traces, means, shifts = products.traces, products.means, products.shifts
    four = _quadruples(products.apart)
    three = four.sum(axis=3)
    two = three.sum(axis=2)

    def sums(whole: np.ndarray, containing: np.ndarray) -> np.ndarray:
        return np.concatenate([[np.sum(whole)], np.sum(whole) - containing])

    def of_pairs(values: np.ndarray) -> np.ndarray:
        here = two * values
        return sums(here, 2.0 * here.sum(axis=1) + 2.0 * np.tensordot(values, three, 2))

    along, across = three * shifts, np.tensordot(four, means, 2) * means
    triples = sums(along, sum(along.sum(axis=axes) for axes in ((1, 2), (0, 2), (0, 1))) + np.tensordot(shifts, four, 3))
    number = sums(two, 4.0 * two.sum(axis=1))
    variance = of_pairs(0.5 * (traces[:, None] + traces) - means) / number
    square = of_pairs(products.squares) - 2.0 * triples + sums(across, 4.0 * across.sum(axis=1))
    return variance, square / number


def _jackknife(variance: np.ndarray, square: np.ndarray) -> tuple[float, float]:
    """tr Sigma^2/(tr Sigma)^2 and its error, by leaving out one block after another. What a ratio of averages is off by, in
    proportion to the inverse of their number, is taken off."""
    ratios = square / variance**2
    whole, left_out = ratios[0], ratios[1:]
    count = len(left_out)
    spread = (count - 1) / count * np.sum((left_out - left_out.mean()) ** 2)
    return float(count * whole - (count - 1) * left_out.mean()), float(np.sqrt(spread))


def _plain(products: Products) -> float:
    """Of the sampled covariance, whatever that is."""
    variance = products.traces.mean() - products.means.mean()
    square = products.squares.mean() - 2.0 * products.shifts.mean() + products.means.mean() ** 2
    return float(variance**2 / square) if square > 0.0 else np.nan
