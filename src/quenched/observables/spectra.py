"""From growth rates in blocks of time to exponents with their errors, for one network and over several."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from quenched.numerics.time_average import error_of_time_average, left_by_transient
from quenched.observables.attractor import dimension, entropy
from quenched.observables.benettin import Growth, Schedule
from quenched.status import Status

# Rounding errors of a vector in an interval, in units of the precision.
_ROUNDINGS = 10.0
# Where rounding changes the frame or its growth by more than this, what it does to a rate is not known to first order.
_UNRESOLVED = 1e-6
_NAMES = ("lyapunov_exponent", "lyapunov_dimension", "entropy_rate")


class Spectra(NamedTuple):
    """Values and errors of one network."""

    arrays: dict[str, np.ndarray]
    status: Status


def of_networks(growth: Growth, exponents: int, schedule: Schedule, complete: bool) -> list[Spectra]:
    """Of every network of a batch, the largest first; `complete` where all N exponents are known."""
    spectra = []
    precision, step = np.finfo(float).eps, schedule.step
    ages = step * (schedule.before + schedule.per_block * (np.arange(growth.rates.shape[1]) + 0.5))
    for network, runaway in enumerate(growth.runaway):
        if runaway:
            spectra.append(unmeasured(exponents, Status.diverged))
            continue
        there = growth.there[network]
        rates = growth.rates[network][:, there]
        # A neuron alone has no frame to be turned.
        alone = len(there) - growth.amplified.shape[1]
        amplified, rounding = (np.pad(each[network], (0, alone))[there] for each in (growth.amplified, growth.rounding))
        error = np.where(precision * amplified < _UNRESOLVED, precision * (_ROUNDINGS * rounding + 1.0 / step), np.inf)
        means = np.where(np.isneginf(rates).any(axis=0), -np.inf, rates.sum(axis=0) / len(rates))
        order = np.argsort(-means, kind="stable")[:exponents]
        if not np.isfinite(means[order]).all():
            # An exponent of minus infinity is told as such.
            empty = unmeasured(exponents, Status.not_finite)
            spectra.append(Spectra(empty.arrays | {"lyapunov_exponent": means[order]}, empty.status))
            continue
        status = Status.solved if np.isfinite(error[order]).all() else Status.imprecise
        status = Status.interrupted if growth.interrupted else status
        spectra.append(Spectra(_averaged(rates[:, order], ages, error[order], complete), status))
    return spectra


def unmeasured(modes: int, status: Status) -> Spectra:
    """NaN throughout."""
    arrays = {name: np.full(modes if name == "lyapunov_exponent" else (), np.nan) for name in _NAMES}
    return Spectra(arrays | {f"{name}_error": values for name, values in arrays.items()}, status)


def average(spectra: Sequence[Spectra]) -> dict[str, np.ndarray]:
    """Over the networks of an ensemble. The standard error over them contains the errors of their time averages; where
    chance made it smaller than what these alone make, it is what these make."""
    arrays = {}
    for name in _NAMES:
        values = np.stack([each.arrays[name] for each in spectra])
        errors = np.stack([each.arrays[f"{name}_error"] for each in spectra])
        with np.errstate(invalid="ignore"):  # exponents of minus infinity
            over_networks = np.std(values, axis=0, ddof=1) / np.sqrt(len(spectra))
        over_time = np.sqrt(np.sum(errors**2, axis=0)) / len(spectra)
        arrays[name] = np.mean(values, axis=0)
        arrays[f"{name}_error"] = np.maximum(over_networks, over_time)
    return arrays


def _averaged(
    rates: Float[np.ndarray, "block mode"],
    ages: Float[np.ndarray, " block"],
    rounding: Float[np.ndarray, " mode"],
    complete: bool,
) -> dict[str, np.ndarray]:
    def error_of(series: np.ndarray, rounding: Any) -> np.ndarray:
        parts = (error_of_time_average(series), left_by_transient(series, ages), rounding)
        return np.asarray(np.sqrt(sum(part**2 for part in parts)))

    spectrum = rates.mean(axis=0)
    arrays = {"lyapunov_exponent": spectrum, "lyapunov_exponent_error": error_of(rates, rounding)}
    for name, of_spectrum in (("lyapunov_dimension", dimension), ("entropy_rate", entropy)):
        value, slopes = of_spectrum(spectrum, complete)
        # The exponents' errors are correlated: what counts is how the whole fluctuates from block to block. One that is not
        # resolved may be anything.
        resolved = np.isfinite(rounding).all()
        of_rounding = np.linalg.norm(rounding * slopes) if resolved else np.inf
        error = error_of(rates @ slopes, of_rounding)
        arrays |= {name: np.asarray(value), f"{name}_error": np.where(np.isnan(value), np.nan, error)}
    if abs(spectrum[0]) <= 2.0 * arrays["lyapunov_exponent_error"][0]:
        # The dimension jumps from 0 to 1 where the largest exponent crosses zero, and which side this is is not known.
        arrays["lyapunov_dimension_error"] = np.maximum(arrays["lyapunov_dimension_error"], 1.0)
    return arrays
