"""Integrals and slopes of curves over the lag, each with the error of its rule."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import numpy as np
from jaxtyping import Float, Int

Rows = Float[np.ndarray, "row lag"]
"""One curve a row, by increasing lag; NaN from where a curve ends."""

Rule = Literal["spline", "trapezoid", "sum"]
"""How to integrate a response over the lag: splines for single curves; the trapezoidal rule with its first correction for
curves of different lengths in equal steps; the plain sum of Euler's scheme, where the response to a step begins after it."""

# Errors are followed through splines for this many points at a time.
_BLOCK = 256
# Nodes of Gauss and Legendre in each interval between lags.
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(8)


def integrated(lag: Float[np.ndarray, " lag"], response: Rows, rule: Rule) -> tuple[Rows, Rows]:
    """chi(tau) = int_0^tau R, R(0) = 1 an instant after the kick, and the error of the rule."""
    if rule == "sum":
        total = accumulated(lag, response, rule)
        return total, 0.0 * total
    started = np.concatenate([np.ones((response.shape[0], 1)), response[:, 1:]], axis=1)
    if rule == "spline":
        finer, coarser = _antiderivative(lag, started), _antiderivative(lag, started, coarser=2)
        return finer, np.abs(finer - coarser)
    step = lag[1] - lag[0]
    correction = -(step**2) / 12.0 * (_slope(started, step) - _first_slope(started, step)[:, None])
    correction[:, 0] = 0.0
    trapezoid = np.cumsum(0.5 * step * (started[:, 1:] + started[:, :-1]), axis=1)
    total = np.concatenate([np.zeros((started.shape[0], 1)), trapezoid], axis=1) + correction
    # One interval alone has no second derivative to correct by.
    alone = np.isnan(started[:, 2])
    error = np.abs(correction)
    error[alone, 1] = step / 12.0 * np.abs(started[alone, 1] - started[alone, 0])
    return total, error


def accumulated(lag: Float[np.ndarray, " lag"], values: Rows, rule: Rule) -> Rows:
    """The running integral of values that are 0 at lag 0, by the plain sum or the trapezoidal rule."""
    later = values[:, 1:].copy()
    if rule != "sum":
        earlier = np.concatenate([np.zeros((values.shape[0], 1)), values[:, 1:-1]], axis=1)
        later = 0.5 * (earlier + later)
    return np.concatenate([np.zeros((values.shape[0], 1)), np.cumsum(np.diff(lag) * later, axis=1)], axis=1)


def magnified(functional: Callable[[Rows], np.ndarray], errors: Rows) -> np.ndarray:
    """Bound on what errors of this size, of any sign, change in a linear functional of the rows: sum of |weight| error."""
    if not np.any(errors > 0.0):
        return np.zeros_like(functional(errors))
    bound: np.ndarray = np.zeros(())
    for first in range(0, errors.shape[1], _BLOCK):
        units = np.eye(errors.shape[1])[first : first + _BLOCK]
        bound = bound + errors[:, first : first + _BLOCK] @ np.abs(functional(units))
    return bound


def response_bounds(lag: Float[np.ndarray, " lag"], errors: Rows, rule: Rule, between: Secant) -> tuple[Rows, Rows]:
    """What errors of R may change in `integrated`, and in its difference across a secant."""

    def across(rows: Rows) -> Rows:
        return np.take_along_axis(rows, between.last, 1) - np.take_along_axis(rows, between.first, 1)

    if rule == "spline":
        first, last = between.first[0], between.last[0]
        # At lag 0 the response is known.
        errors = np.concatenate([np.zeros((errors.shape[0], 1)), errors[:, 1:]], axis=1)
        total = magnified(lambda rows: _antiderivative(lag, rows), errors)
        run = magnified(lambda rows: _antiderivative(lag, rows)[:, last] - _antiderivative(lag, rows)[:, first], errors)
        return total, run
    total = accumulated(lag, errors, rule)
    if rule == "sum":
        return total, across(total)
    # The correction -h^2/12 f', with f' from three points: weights 3/2, 2, 1/2 over h, at one end or at two.
    largest = (lag[1] - lag[0]) / 12.0 * np.maximum.accumulate(errors, axis=1)
    return total + 6.5 * largest, across(total) + 8.0 * largest


class Secant(NamedTuple):
    """Slope between the neighbours on both sides, at the ends between the point and its one neighbour."""

    slope: Rows
    run: Rows
    first: Int[np.ndarray, "row lag"]
    last: Int[np.ndarray, "row lag"]


def secant(across: Rows, up: Rows) -> Secant:
    """d up / d across; exact for a straight line however its points are spaced."""
    places = np.broadcast_to(np.arange(across.shape[1]), across.shape)
    ends = np.sum(~np.isnan(across), axis=1, keepdims=True) - 1
    first, last = np.maximum(places - 1, 0), np.minimum(places + 1, np.maximum(ends, 0))
    last = np.where(places > ends, places, last)
    run = np.take_along_axis(across, last, 1) - np.take_along_axis(across, first, 1)
    rise = np.take_along_axis(up, last, 1) - np.take_along_axis(up, first, 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return Secant(np.where(run == 0.0, np.nan, rise / run), run, first, last)


def spectra(
    lag: Float[np.ndarray, " lag"],
    correlation: Rows,
    response: Rows,
    omega: Float[np.ndarray, " frequency"],
    rule: Rule,
    *,
    coarser: int = 0,
    start: float = 1.0,
) -> tuple[Float[np.ndarray, "row frequency"], ...]:
    """C(omega)/2 = int (C - C(last)) cos(omega tau), Im R(omega)/omega = int tau R sin(omega tau)/(omega tau), and an
    estimate of how much of the latter lies beyond the last lag.

    With C(last) taken off, a thermal pair stays thermal however early it is cut.
    """
    if rule == "sum":  # The response to a kick of the state, instead of to a field during the step before.
        lag, correlation, response = lag[:-1], correlation[:, :-1], response[:, 1:]
    started = np.concatenate([np.full((response.shape[0], 1), start), response[:, 1:]], axis=1)
    half = 0.5 * np.diff(lag)
    tau = ((lag[:-1] + half)[:, None] + half[:, None] * _NODES).ravel()
    weights = (half[:, None] * _WEIGHTS).ravel()
    fluctuating = _spline(lag, correlation - correlation[:, -1:], coarser)(tau).T
    responding = _spline(lag, started, coarser)(tau).T
    fluctuation = (fluctuating * weights) @ np.cos(np.outer(tau, omega))
    dissipation = (responding * weights * tau) @ np.sinc(np.outer(tau, omega) / np.pi)
    late = np.abs(np.mean(started[:, lag >= 0.9 * lag[-1]], axis=1, keepdims=True))
    memory = (np.abs(responding) @ weights)[:, None]
    # The integral of tau R there, or, of a decaying R, half a period of the sine.
    reciprocal = 1.0 / np.maximum(omega, 1e-150)
    beyond = late * np.minimum(memory * np.minimum(lag[-1] + memory, reciprocal), 2.0 * reciprocal**2)
    return fluctuation, dissipation, beyond


def _spline(lag: Float[np.ndarray, " lag"], rows: Rows, coarser: int = 0) -> Any:
    """Through all points, of degree 7, less where there are few points, or less by `coarser`."""
    degree = min(7, 2 * ((lag.size - 2) // 2) + 1)
    from scipy.interpolate import make_interp_spline  # slow to import

    return make_interp_spline(lag, rows.T, k=max(degree - coarser, 1))


def _antiderivative(lag: Float[np.ndarray, " lag"], rows: Rows, coarser: int = 0) -> Rows:
    return _spline(lag, rows, coarser).antiderivative()(lag).T


def _slope(rows: Rows, step: float) -> Rows:
    """First derivative to second order, one-sided where a row begins or ends; to first order in rows of two."""
    slope = np.full(rows.shape, np.nan)
    slope[:, 1:] = (rows[:, 1:] - rows[:, :-1]) / step
    slope[:, 2:] = (1.5 * rows[:, 2:] - 2.0 * rows[:, 1:-1] + 0.5 * rows[:, :-2]) / step
    central = 0.5 * (rows[:, 2:] - rows[:, :-2]) / step
    slope[:, 1:-1] = np.where(np.isnan(central), slope[:, 1:-1], central)
    slope[:, 0] = _first_slope(rows, step)
    return slope


def _first_slope(rows: Rows, step: float) -> Float[np.ndarray, " row"]:
    three = (-1.5 * rows[:, 0] + 2.0 * rows[:, 1] - 0.5 * rows[:, 2]) / step
    return np.where(np.isnan(three), (rows[:, 1] - rows[:, 0]) / step, three)
