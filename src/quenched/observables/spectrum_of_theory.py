"""All Lyapunov exponents of infinitely many neurons, from a stationary solution."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from quenched.citation import stored_keys
from quenched.couplings import Elliptic
from quenched.dmft.exponent_density import Slopes, constant_slopes, part_below
from quenched.dmft.slopes_in_time import RingState, draw_slopes, state_on_a_ring
from quenched.dmft.stationary_filters import StationaryFilters
from quenched.dmft.stationary_gaussian import StationaryGaussian
from quenched.dmft.stationary_linear import StationaryLinear
from quenched.keys import read_key
from quenched.models import RandomNetwork, Sinusoid
from quenched.observables.exponents_by_fraction import FRACTIONS, ByFraction, by_fraction
from quenched.provenance import seed_of, stamp
from quenched.records import one_line, public_name
from quenched.solution import Solution, labelled
from quenched.status import Status
from quenched.theory import AbstractChoice
from quenched.units.discrete import Discrete
from quenched.units.leaky import Leaky

if TYPE_CHECKING:
    import xarray as xr

# Times of the ring; independent sets of neurons, neurons in each, and what makes the spread of so few sets a standard error.
_TIMES, _SETS, _SAMPLES, _STUDENT = 128, 4, 32, 1.2
# The window is so many times the lag at which the correlation has fallen to a part of itself, within bounds.
_LONG, _FALLEN, _SHORTEST, _LONGEST = 3.0, 0.05, 16.0, 128.0
# Rates at which the part below is computed, between the middle and the largest exponent.
_RATES, _RATES_IN_CLOSED_FORM = 9, 40
# With constant slopes the part of exponents above a rate falls so towards the largest exponent; otherwise linearly.
_POWER_AT_REST = 1.5
# Relative size below which a covariance is nothing.
_NOTHING = 1e-8
# Points of an average over one Gaussian number.
_POINTS = 801
# An error of the dimension of more than this part of it is no result.
_UNCONVERGED = 0.25
_SIMULATE = "measure networks: qd.observables.lyapunov_spectrum(model, duration, size=..., networks=...)"


def spectrum_of_theory(
    solution: Solution, key: int | Array | None, progress: Callable[[int, int], Any] | None
) -> xr.Dataset:
    """Exponents by their rank, dimension and entropy rate, with errors."""
    import xarray as xr

    _check(solution)
    model, edge = solution.model, float(solution.arrays["lyapunov_exponent"])
    branch = solution.branch if solution.branch in StationaryFilters.branches else "stable"
    found, status = _found(model, branch, edge, read_key(key), progress or (lambda done, parts: None))
    arrays: dict[str, Any] = {}
    for name in ByFraction._fields:
        value, error = found[name]
        arrays |= {name: value, f"{name}_error": error}
    # The largest exponent, from which the others begin, is known only so well.
    arrays["lyapunov_exponent_error"] = arrays["lyapunov_exponent_error"] + float(solution.arrays["lyapunov_exponent_error"])
    dimension, unsure = arrays["lyapunov_dimension"], arrays["lyapunov_dimension_error"]
    if status == Status.solved and unsure > _UNCONVERGED * dimension:
        status = Status.imprecise
    variables = {name: labelled(name, value) for name, value in arrays.items()}
    for name in ("lyapunov_exponent", "lyapunov_exponent_error"):
        variables[name] = ("fraction", *variables[name][1:])
    variables["status"] = labelled("status", np.int32(status))
    attributes = solution.attributes()
    papers = dict.fromkeys([*stored_keys(attributes), "kaplan1979", "engelken2023"])
    attributes |= {"citations": " ".join(papers), **stamp(seed_of(key))}
    return xr.Dataset(variables, coords={"fraction": FRACTIONS}, attrs=attributes)


def _check(solution: Solution) -> None:
    model, theory = solution.model, solution.theory
    way = theory.choose([model], solution.solver) if isinstance(theory, AbstractChoice) else theory
    if not isinstance(way, StationaryFilters | StationaryGaussian | StationaryLinear):
        raise ValueError(
            "Argument `dynamics` must be a solution of qd.dmft.Stationary at symmetry 0, by the way it chooses itself, but "
            f"is one of {public_name(theory)}; {_SIMULATE}."
        )
    if np.ndim(solution.status):
        raise ValueError(
            f"Argument `dynamics` must be one solution, but holds {np.size(solution.status)}; give one after another."
        )
    couplings = model.couplings
    if model.populations > 1 or not isinstance(couplings, Elliptic):
        what = f"{model.populations} populations" if model.populations > 1 else public_name(couplings)
        raise ValueError(
            "Argument `dynamics` must be of one population with Elliptic couplings, of which the theory is known, but has "
            f"{what}; {_SIMULATE}."
        )
    if float(couplings.symmetry) != 0.0:
        raise ValueError(
            f"Argument `dynamics` must be of couplings of symmetry 0, but has {couplings.symmetry:g}; {_SIMULATE}."
        )
    unit = model.units[0]
    if not (isinstance(unit, Leaky) and unit.usual) and not (isinstance(unit, Discrete) and float(unit.leak) == 1.0):
        raise ValueError(
            "Argument `dynamics` must be of neurons dx/dt = -x + h, or of maps x' = h, of which the theory is known, but "
            f"has {one_line(unit)}; {_SIMULATE}."
        )
    if isinstance(model.field, Sinusoid):
        raise ValueError(f"Argument `dynamics` must not be under a sinusoid; {_SIMULATE}.")
    status = Status(int(solution.status))
    if status != Status.solved:
        raise ValueError(f"Argument `dynamics` must be solved, but its status is {status.name}: {status.advice}.")


def _found(
    model: RandomNetwork, branch: str, edge: float, key: Array, progress: Callable[[int, int], Any]
) -> tuple[dict[str, tuple[Any, Any]], Status]:
    is_map = model.kind == "map"
    if is_map:
        step, times = None, _TIMES // 2
    else:
        step, times = _window(state_on_a_ring(model, branch, 1024, 0.125)) / _TIMES, _TIMES
    whole = state_on_a_ring(model, branch, times, step)
    if _one_number(whole, is_map):
        fine, coarse = (_in_closed_form(model, whole, edge, points) for points in (1, 2))
        return {
            name: (value, np.abs(value - other)) for name, value, other in zip(ByFraction._fields, fine, coarse, strict=True)
        }, Status.solved
    keys = jax.random.split(key, _SETS + 2)
    others = [(state_on_a_ring(model, branch, times // 2, step), step)]
    if step is not None:
        others.append((state_on_a_ring(model, branch, times // 2, 2.0 * step), 2.0 * step))
    parts = _SETS + len(others)
    sets, status = [], Status.solved
    chosen = [(whole, step, _SAMPLES)] * _SETS + [(*other, _SETS * _SAMPLES) for other in others]
    for done, ((state, length, samples), one_key) in enumerate(zip(chosen, keys, strict=False)):
        result, solved = _sampled(draw_slopes(model, state, length, samples, one_key), edge)
        sets.append(result)
        status = status if solved else Status.out_of_steps
        progress(done + 1, parts)
    found: dict[str, tuple[Any, Any]] = {}
    for name in ByFraction._fields:
        values = np.stack([getattr(each, name) for each in sets])
        value = values[:_SETS].mean(axis=0)
        of_samples = _STUDENT * values[:_SETS].std(axis=0, ddof=1) / np.sqrt(_SETS)
        found[name] = value, np.sqrt(of_samples**2 + np.sum((values[_SETS:] - value) ** 2, axis=0))
    return found, status


def _window(state: RingState) -> float:
    covariance = np.asarray(state.covariance)
    falling = np.abs(covariance - covariance[-1])
    later = np.nonzero(falling > _FALLEN * falling[0])[0]
    lag = 0.125 * (later[-1] if len(later) else 0)
    return float(np.clip(2.0 ** np.ceil(np.log2(max(_LONG * lag, 1.0))), _SHORTEST, _LONGEST))


def _one_number(state: RingState, is_map: bool) -> bool:
    """Whether frequencies do not mix: slopes constant in time, or independent at all times."""
    covariance, product = np.asarray(state.covariance), np.asarray(state.product)
    constant = np.max(np.abs(product - product[0])) <= _NOTHING * product[0]
    return bool(constant or (is_map and np.max(np.abs(covariance[1:])) <= _NOTHING * covariance[0]))


def _in_closed_form(model: RandomNetwork, state: RingState, edge: float, coarser: int) -> ByFraction:
    nodes = np.linspace(-10.0, 10.0, (_POINTS - 1) // coarser + 1)
    shares = np.exp(-0.5 * nodes**2)
    states = float(state.mean) + np.sqrt(max(float(state.covariance[0]), 0.0)) * nodes
    squares = np.asarray(model.units[0].rate_slope(jnp.asarray(states))) ** 2
    is_map = model.kind == "map"
    rates = _rates(edge, _RATES_IN_CLOSED_FORM // coarser, is_map)
    below = constant_slopes(squares, shares / shares.sum(), float(model.gain), rates, is_map)
    return by_fraction(rates, 1.0 - below, edge, is_map, _POWER_AT_REST)


def _sampled(slopes: Slopes, edge: float) -> tuple[ByFraction, bool]:
    rates = _rates(edge, _RATES, slopes.step is None)
    begin, above, solved = None, [], True
    for rate in rates:
        found = part_below(slopes, float(rate), begin)
        begin, solved = found.logarithms, solved and found.solved
        above.append(1.0 - found.below)
    return by_fraction(rates, np.array(above), edge, slopes.step is None), solved


def _rates(edge: float, number: int, is_map: bool) -> np.ndarray:
    """Closer together near the largest exponent, in increasing order; and 0, between the exponents that grow and those that
    decay."""
    closer = np.sin(0.5 * np.pi * np.arange(1, number + 1) / (number + 1))
    rates = edge + 2.0 * np.log(closer) if is_map else -1.0 + (1.0 + edge) * closer
    return np.unique(np.append(rates, 0.0)) if edge > 0.0 else rates
