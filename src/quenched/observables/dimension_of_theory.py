"""The dimension of infinitely many neurons, from a stationary solution."""

from __future__ import annotations

from typing import Any

import numpy as np

from quenched.couplings.base import remembers
from quenched.dmft.squares_of_flow import Squares, squares_of_flow
from quenched.dmft.squares_on_a_ring import squares_of_filters
from quenched.dmft.stationary_filters import StationaryFilters
from quenched.dmft.stationary_gaussian import StationaryGaussian
from quenched.dmft.stationary_linear import StationaryLinear
from quenched.dmft.stationary_solvers import Ring
from quenched.models import Sinusoid
from quenched.numerics.anderson import Anderson
from quenched.numerics.self_consistency import Newton
from quenched.records import public_name
from quenched.solution import Solution
from quenched.theory import AbstractChoice, Start
from quenched.units.filters import shape_of

# Relative size of what falls with the lag below which nothing does.
_NOTHING = 1e-6
_AT_REST = np.full(2, np.nan)
_SIMULATE = "simulate: qd.solve(model, qd.simulate.Trajectories(..., record=True)) has a dimension too"


def check_theory(solution: Solution) -> Any:
    """The way in which the solution was found, of one stationary state without memory; refused otherwise."""
    model, theory = solution.model, solution.theory
    way = theory.choose([model], solution.solver) if isinstance(theory, AbstractChoice) else theory
    if not isinstance(way, StationaryFilters | StationaryGaussian | StationaryLinear):
        what = f"{public_name(theory)} by sampling" if isinstance(theory, AbstractChoice) else public_name(theory)
        raise ValueError(
            "Argument `activity` must be a solution of qd.dmft.Stationary at symmetry 0, by the way it chooses itself, or "
            f"of qd.simulate.Trajectories(record=True), but is one of {what}; {_SIMULATE}."
        )
    if np.ndim(solution.status):
        raise ValueError(
            f"Argument `activity` must be one solution, but holds {np.size(solution.status)}; give one after another."
        )
    if remembers(model.couplings):
        raise ValueError(
            f"Argument `activity` must be of couplings of symmetry 0, of which the theory is known; {_SIMULATE}."
        )
    if model.couplings.rank:
        raise ValueError(
            "Argument `activity` must be of couplings without a low-rank part, of which no theory is known here; "
            f"{_SIMULATE}."
        )
    if model.couplings.redrawn:
        raise ValueError(
            "Argument `activity` must be of couplings that stay: of those drawn anew at each step no two neurons covary, "
            "and the dimension is 1 per neuron."
        )
    if isinstance(model.field, Sinusoid):
        raise ValueError(f"Argument `activity` must not be under a sinusoid, whose part is periodic; {_SIMULATE}.")
    for unit in model.units:
        if shape_of(unit) == "input" and unit.state_size > 1:
            raise ValueError(
                f"Argument `activity` must be of units of one variable where their nonlinear function is of the input, but "
                f"{public_name(unit)} has {unit.state_size}; {_SIMULATE}."
            )
    return way


def dimension_of_theory(solution: Solution, way: Any) -> dict[str, float]:
    """Both dimensions with errors; NaN where nothing fluctuates."""
    model = solution.model
    linear = isinstance(way, StationaryLinear)
    centred = isinstance(way, StationaryGaussian) and model.activation.odd and bool(np.all(np.asarray(model.field) == 0.0))
    if linear or centred:
        return _of_flow(solution, linear)
    return _on_a_ring(solution, way)


def _of_flow(solution: Solution, linear: bool) -> dict[str, float]:
    model = solution.model
    if not (model.noise > 0.0 or (not linear and float(solution.arrays["kinetic_energy"]) > 0.0)):
        return _named(_AT_REST, _AT_REST)
    solver = solution.solver if isinstance(solution.solver, Newton) else Newton(nodes=32)
    # A field moves the states of linear networks, not their fluctuations.
    fine, coarse = (_ratios(each) for each in squares_of_flow(model.replace(field=0.0) if linear else model, solver))
    return _named(fine, np.abs(fine - coarse))


def _on_a_ring(solution: Solution, way: Any) -> dict[str, float]:
    exponent, unsure = (float(solution.arrays[f"lyapunov_exponent{which}"]) for which in ("", "_error"))
    # Without noise what does not drive itself comes to rest.
    if not np.any(np.asarray(solution.model.noise) > 0.0) and exponent <= unsure:
        return _named(_AT_REST, _AT_REST)
    if isinstance(way, StationaryFilters):
        theory = StationaryFilters((0.0,), (0.0,), step=way.step, window=way.window)
    else:
        theory = StationaryFilters((0.0,), (0.0,), step=Ring().step)
    solver = solution.solver if isinstance(solution.solver, Anderson) else theory.default_solver()
    branch = solution.branch if solution.branch in theory.branches else None
    whole, half, finer = squares_of_filters(solution.model, theory, solver, Start(branch or "stable"))
    if not float(whole.falls) > _NOTHING:
        return _named(_AT_REST, _AT_REST)
    values = _ratios(whole.squares)
    moved = np.abs(values - _ratios(half.squares))
    if finer is None:
        return _named(values, moved)
    change = (_ratios(finer.squares) - values) / 3.0
    # Of what the extrapolation in the step changes the share `step` is left over, as in all that is solved on rings.
    return _named(values + 4.0 * change, np.hypot(moved, theory.step * np.abs(change)))


def _ratios(squares: Squares) -> np.ndarray:
    """Of states and of rates."""
    variances = np.array([float(squares.state_variance), float(squares.rate_variance)])
    return variances**2 / np.array([float(squares.state_square), float(squares.rate_square)])


def _named(values: np.ndarray, errors: np.ndarray) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, value, error in zip(("state_dimension", "rate_dimension"), values, errors, strict=True):
        found |= {name: float(value), f"{name}_error": float(error)}
    return found
