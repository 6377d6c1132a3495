"""From growth rates in blocks of time to exponents with their errors, for one network and over several."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from quenched.numerics.time_average import error_of_time_average
from quenched.observables.attractor import dimension, entropy
from quenched.observables.benettin import Growth
from quenched.status import Status

_NAMES = ("lyapunov_exponent", "lyapunov_dimension", "entropy_rate")


class Spectra(NamedTuple):
    """Values and errors of one network."""

    arrays: dict[str, np.ndarray]
    status: Status


def of_networks(growth: Growth, step: float, complete: bool) -> list[Spectra]:
    """Of every network of a batch; `complete` where all N exponents are known."""
    # A growth is known to the rounding times the frame's condition.
    rounding = np.finfo(float).eps * growth.condition / (growth.every * step)
    spectra = []
    for rates, runaway in zip(growth.rates, growth.runaway, strict=True):
        modes = rates.shape[1]
        if runaway:
            spectra.append(unmeasured(modes, Status.diverged))
        elif not np.isfinite(rates).all():
            # An exponent of minus infinity is told as such.
            infinite = np.where(np.isneginf(rates).any(axis=0), -np.inf, rates.sum(axis=0) / len(rates))
            empty = unmeasured(modes, Status.not_finite)
            spectra.append(Spectra(empty.arrays | {"lyapunov_exponent": infinite}, empty.status))
        else:
            status = Status.interrupted if growth.interrupted else Status.solved
            spectra.append(Spectra(_averaged(rates, rounding, complete), status))
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


def _averaged(rates: Float[np.ndarray, "block mode"], rounding: float, complete: bool) -> dict[str, np.ndarray]:
    spectrum = rates.mean(axis=0)
    arrays = {
        "lyapunov_exponent": spectrum,
        "lyapunov_exponent_error": np.hypot(error_of_time_average(rates), rounding),
    }
    for name, of_spectrum in (("lyapunov_dimension", dimension), ("entropy_rate", entropy)):
        value, slopes = of_spectrum(spectrum, complete)
        # The exponents' errors are correlated: what counts is how the whole fluctuates from block to block.
        error = np.hypot(error_of_time_average(rates @ slopes), rounding * np.linalg.norm(slopes))
        arrays |= {name: np.asarray(value), f"{name}_error": np.where(np.isnan(value), np.nan, error)}
    if abs(spectrum[0]) <= 2.0 * arrays["lyapunov_exponent_error"][0]:
        # The dimension jumps from 0 to 1 where the largest exponent crosses zero, and which side this is is not known.
        arrays["lyapunov_dimension_error"] = np.maximum(arrays["lyapunov_dimension_error"], 1.0)
    return arrays
