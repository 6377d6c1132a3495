"""How uncertain a fit is: covariance of the estimate, goodness of fit, directions that the data do not see, profiles."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.linalg import cholesky, solve_triangular
from scipy.optimize import brentq
from scipy.stats import chi2

from quenched.fit.minimum import Minimum, descend
from quenched.fit.problem import Problem

# Eigenvalues of the Fisher matrix, scaled to a diagonal of 1, below which parameters are not told apart: some error is then
# thirty times as large as it would be if the others were known.
APART = 1e-3
# Below this nothing but rounding is left of an eigenvalue.
_NOTHING = 1e-10
# Parameters have a share of a direction: this part of the largest, in units of what each is seen by alone.
_SHARE = 0.2
# By how much the squares may differ, at one error, from what the quadratic approximation says.
_QUADRATIC = (0.5, 2.0)
# How precisely the ends of an interval are found, relative to their distance from the minimum.
_END = 0.01
# A profile begins with steps of one error, but of no more than this part of the parameter, or of 1.
_STEP = 0.25
_DOUBLINGS = 6


class Direction(NamedTuple):
    """A way in which parameters move together with hardly any change of what is fitted."""

    places: tuple[int, ...]
    """The parameters that have a share of it."""
    change: np.ndarray
    """Of each parameter, so that the squares grow by 1; by as much as rounding lets one say where they do not grow."""


class Uncertainty(NamedTuple):
    """Of an estimate."""

    covariance: np.ndarray
    """Of the parameters; infinite on the diagonal where the data say nothing."""
    threshold: np.ndarray
    """By how much the squares grow, the others being fitted anew, where a parameter is one error away."""
    expected: float
    """What the squares are on average, if the model is right: numbers less parameters where the weights are exact."""
    p_value: float
    """How often they would be larger."""
    weak: list[Direction]


class Linear(NamedTuple):
    """A fit to first order in the data, all in units in which weights are 1.

    With J the slopes the estimate moves with the data by G = (J' J)^-1 J'.
    """

    mover: np.ndarray
    """G, (parameter, number)."""
    variance: np.ndarray
    """The diagonal of (J' J)^-1."""
    left: np.ndarray
    """1 - J G: what the fit does not take up."""
    lost: np.ndarray
    """Parameters of which the data say nothing."""
    weak: list[Direction]

    @staticmethod
    def of(slopes: np.ndarray) -> Linear:
        """(number, parameter)."""
        size = np.sqrt(np.sum(slopes**2, axis=0))
        seen = size > _NOTHING * np.max(size, initial=0.0)
        unit = np.where(seen, size, 1.0)
        scaled = slopes / unit
        values, vectors = np.linalg.eigh(np.where(np.outer(seen, seen), scaled.T @ scaled, 0.0))
        kept = values > _NOTHING
        inverse = (vectors[:, kept] / values[kept]) @ vectors[:, kept].T
        lost = ~seen | (np.sum(vectors[:, ~kept] ** 2, axis=1) > 1e-3)
        weak = []
        for value, vector in zip(values, vectors.T, strict=True):
            places = tuple(np.flatnonzero(np.abs(vector) > _SHARE * np.abs(vector).max()).tolist())
            if value < APART and len(places) > 1:
                weak.append(Direction(places, vector / unit / np.sqrt(max(value, _NOTHING))))
        left = np.eye(len(slopes)) - scaled @ inverse @ scaled.T
        return Linear(inverse @ scaled.T / unit[:, None], np.diagonal(inverse) / unit**2, left, lost, weak)


def uncertainty(problem: Problem, best: Minimum) -> Uncertainty:
    """From the slopes at the minimum: with V the covariance of the data that of the estimate is G V G'.

    Where V is from simulated networks the weights are from the same, and G V G' would be too small: it knows nothing of how
    the weights scatter. Each of these networks then takes the place of the recording, with the weights of the others.
    """
    linear = Linear.of(problem.slopes(best.values))
    covariance, expected, variance = _of_networks(problem, best) or _of_the_data(problem, linear)
    threshold = np.diagonal(covariance) / np.maximum(linear.variance, 1e-300)
    covariance, lost = covariance + _of_the_theory(problem, best, linear.mover), linear.lost
    covariance[lost, :], covariance[:, lost] = np.nan, np.nan
    covariance[lost, lost] = np.inf
    p_value = _chance(best.chi_square, expected, variance)
    return Uncertainty(covariance, np.where(lost, 1.0, threshold), expected, p_value, linear.weak)


def _of_the_data(problem: Problem, linear: Linear) -> tuple[np.ndarray, float, float]:
    """The covariance of the estimate, and mean and variance of the squares that are left."""
    white = problem.white(problem.white(problem.measured.covariance).T)
    squares = linear.left @ white @ linear.left.T
    covariance = linear.mover @ white @ linear.mover.T
    return covariance, float(np.trace(squares)), 2.0 * float(np.sum(squares * squares.T))


def _of_networks(problem: Problem, best: Minimum) -> tuple[np.ndarray, float, float] | None:
    """The same from simulated networks, where there are any."""
    estimates, squares, slopes = [], [], problem.at(best.values).slopes
    for deviation, trusted in problem.measured.left_out():
        triangle = cholesky(trusted, lower=True)
        linear = Linear.of(solve_triangular(triangle, slopes, lower=True))
        white = solve_triangular(triangle, deviation, lower=True)
        estimates.append(linear.mover @ white)
        squares.append(np.sum((linear.left @ white) ** 2))
    if not estimates:
        return None
    moved = np.array(estimates)
    return moved.T @ moved / len(moved), float(np.mean(squares)), float(np.var(squares, ddof=1))


def _chance(chi_square: float, expected: float, variance: float) -> float:
    """That a sum of squares of this mean and variance is larger, taken as a multiple of chi-square (Satterthwaite 1946)."""
    if variance < 1e-12:
        return 1.0
    return float(chi2.sf(2.0 * expected * chi_square / variance, 2.0 * expected**2 / variance))


def _of_the_theory(problem: Problem, best: Minimum, mover: np.ndarray) -> np.ndarray:
    """What the errors of the theory add: of samples their covariance, of all else its bound, as if all were to one side."""
    point, samples = problem.at(best.values), problem.sample_deviations(best.values)
    errors, covariance = point.errors, np.zeros((len(mover), len(mover)))
    if samples is not None:
        moved = mover @ problem.white(samples.T)
        count = len(samples)
        covariance = moved @ moved.T / (count * (count - 1.0))
        errors = np.sqrt(np.maximum(errors**2 - np.sum(samples**2, axis=0) / (count * (count - 1.0)), 0.0))
    whitened = problem.white(np.eye(len(errors)))
    return np.asarray(covariance + np.diag((np.abs(mover @ whitened) @ errors) ** 2))


def is_quadratic(problem: Problem, best: Minimum, found: Uncertainty, place: int) -> bool:
    """Whether the squares grow as the slopes say where this parameter is one error away, to both sides and within bounds."""
    error = np.sqrt(found.covariance[place, place])
    if not np.isfinite(error) or error == 0.0:
        return False
    path = np.nan_to_num(found.covariance[:, place]) / error
    for side in (-1.0, 1.0):
        values = best.values + side * path
        if not (values > problem.free.low).all() or not (values < problem.free.high).all():
            return False
        slopes = problem.slopes(best.values) @ path
        grown = np.sum(problem.residuals(values) ** 2) - best.chi_square
        if not _QUADRATIC[0] <= grown / np.sum(slopes**2) <= _QUADRATIC[1]:
            return False
    return True


class Profile(NamedTuple):
    """The squares along one parameter, the others fitted anew at each of its values."""

    values: np.ndarray
    chi_square: np.ndarray
    interval: tuple[float, float]
    """Where they are less than one error's worth above the least; infinite, or a bound, where they never are."""


def profile(problem: Problem, best: Minimum, known: Uncertainty, place: int, max_steps: int) -> Profile:
    """Looked for outwards from the minimum, in steps that double, and closed in where the threshold is passed."""
    middle, threshold = float(best.values[place]), float(known.threshold[place])
    error = float(np.sqrt(known.covariance[place, place]))
    scale = min(error if error > 0.0 else np.inf, _STEP * max(1.0, abs(middle)))
    seen, nearest = {middle: best.chi_square}, {middle: best.values}

    def excess(value: float) -> float:
        if value not in seen:
            first = nearest[min(nearest, key=lambda other: abs(other - value))]
            end = descend(problem, first, max_steps, {place: value})
            seen[value] = np.inf if end is None else end.chi_square
            if end is not None:
                nearest[value] = end.values
        return min(seen[value] - best.chi_square - threshold, 1e6 * threshold)

    def end(side: float, bound: float) -> float:
        inner, step = middle, scale
        for _ in range(_DOUBLINGS):
            outer = inner + side * step
            if side * (outer - bound) >= 0.0:
                outer = bound - side * 1e-6 * min(scale, abs(bound - inner))
                if outer == inner or excess(outer) < 0.0:
                    return bound
                return _crossing(excess, inner, outer, abs(outer - middle))
            if excess(outer) >= 0.0:
                return _crossing(excess, inner, outer, abs(outer - middle))
            inner, step = outer, 2.0 * step
        return side * np.inf

    interval = end(-1.0, float(problem.free.low[place])), end(1.0, float(problem.free.high[place]))
    values = np.array(sorted(seen))
    return Profile(values, np.array([seen[value] for value in values]), interval)


def _crossing(excess: Callable[[float], float], inner: float, outer: float, far: float) -> float:
    return float(brentq(excess, inner, outer, xtol=_END * far, rtol=1e-12, maxiter=40))
