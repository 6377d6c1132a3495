"""From data to the parameters of a model."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
from jaxtyping import Array

from quenched import checks
from quenched.errors import SolveError
from quenched.fit.data import asked, read_data
from quenched.fit.finite import simulate
from quenched.fit.minimum import Minimum, descend, search
from quenched.fit.parameters import Free, read_free
from quenched.fit.problem import Asked, Problem
from quenched.fit.result import Fit
from quenched.fit.uncertainty import Profile, Uncertainty, is_quadratic, profile, uncertainty
from quenched.fit.words import told
from quenched.keys import read_key
from quenched.models import AbstractModel
from quenched.precision import double_precision
from quenched.records import public_name
from quenched.solve import check_covers, check_model, check_theory, chosen_way, read_start, refuse_start
from quenched.status import Status
from quenched.theory import AbstractExperiment, AbstractTheory, Theory
from quenched.vocabulary import describe

if TYPE_CHECKING:
    import xarray as xr

# Networks are simulated again where the parameters have moved by more than this part of their errors, so often at most.
_MOVED, _ROUNDS = 0.5, 3
# Searches where the theory is deterministic; one where it is sampled, and takes long.
_STARTS = 4


@double_precision
def fit(
    model: AbstractModel | Callable[..., AbstractModel],
    theory: Theory,
    data: Any,
    free: Iterable[str] | Mapping[str, float],
    *,
    bounds: Mapping[str, tuple[float, float]] | None = None,
    quantities: Iterable[str] | None = None,
    recorded: str = "states",
    step: float | None = None,
    solver: Any = None,
    start: str | None = None,
    key: int | Array | None = None,
    starts: int | None = None,
    networks: int = 20,
    max_steps: int = 100,
    throw: bool = True,
) -> Fit:
    """Fit parameters of `model` to data, by least squares through a theory and its derivatives.

    Arguments:
        model: as for `qd.solve`; the free parameters begin as they are in it. Or a function of the free parameters that
            returns one.
        theory: as for `qd.solve`, asked at the lags and frequencies of the data where these have them. Experiments on finite
            networks have no derivatives.
        data: a recording: an array (time, neuron), an xarray.DataArray with these axes and perhaps `trial` and `network`, or
            the Dataset of `qd.simulate.integrate`. Its autocorrelation is fitted at the lags of the theory, rounded to whole
            steps. Or measured quantities: a mapping, a Dataset or a `qd.Solution` with `<name>`, a name of `qd.VOCABULARY`,
            and its standard error `<name>_error`, or `<name>_covariance`.
        free: names of parameters, as `qd.sweep` has them: `gain`, `couplings.first.gain`, `unit.1.time_constant`. Of an
            array each entry is a parameter, `gain[0, 1]`, and may be named alone. Or a mapping from names to where they
            begin.
        bounds: (lower, higher) by name. Gains and noise are at least 0, symmetries between -1 and 1, without being told.
        quantities: which of the quantities of a Dataset or a Solution are fitted; their errors are taken as independent.
        recorded: whether a recording is of "states" (fitted to `state_correlation`) or of "rates" (`correlation`).
        step: time between two rows of a recording, where it has no coordinate `time`.
        solver, start: as for `qd.solve`; `start` names a branch.
        key: seed of the networks that are simulated, and of a theory that is sampled; the same random numbers all along.
        starts: from how many places the search begins: where the model is, and around it; the best end counts. 4 if left
            out, 1 where the theory is sampled.
        networks: how many networks of the size of a recorded one are simulated with the parameters found, and measured as
            the recording was. What their mean has more than the theory is taken off the data, and how they differ is its
            covariance; then the parameters are fitted again. At least 8, or 0 for neither.
        max_steps: steps of one search.
        throw: raise SolveError unless it is solved.

    Returns:
        A `qd.Fit`: `estimate` and `error` by name, `model`, `covariance`, `chi_square`, `profile`, and more.

    Raises:
        TypeError: no model, no theory, data of another kind, names that are no text.
        ValueError: a free parameter that the model lacks, or that the theory does not cover; data with NaN, without errors,
            shorter than needed, or of a quantity or shape that the theory does not give. Before any work.
        MemoryError: the correlations of a recording would not fit.
        SolveError: not solved (`throw=True`).

    Warns (UserWarning) of parameters that the data cannot tell apart, of a model that does not describe the data, and of
    another minimum that fits as well.

    The error of an estimate contains the errors of the data and those of the theory; of a recording how networks differ,
    which its own blocks of time and neurons do not show. With `networks=0` its covariance is from these alone, and what a
    finite size changes, O(1/size), is neither taken off nor in the error. Nor is that the model may be wrong.

    When it fails: `out_of_steps`: raise `max_steps`, or begin nearer. Any other status is that of the theory where the
    search began: at none of the starts it had an answer.

    Source: errors of correlated samples: Geyer 1992 (`geyer1992`).

    Example:
        >>> import numpy as np, quenched as qd
        >>> theory = qd.dmft.StationaryLinear(lags=(0.0, 0.5, 1.0, 2.0))
        >>> truth = qd.RandomNetwork(0.5, noise=1.0, activation=qd.Linear())
        >>> exact = qd.solve(truth, theory).state_correlation
        >>> data = {"state_correlation": exact, "state_correlation_error": 0.01}
        >>> found = qd.fit(truth.replace(gain=0.2, noise=0.5), theory, data, ["gain", "noise"])
        >>> print(f"{found.estimate['gain']:.6f} {found.estimate['noise']:.6f}")
        0.500000 1.000000
    """
    networks = networks if networks == 0 else checks.count("networks", networks, low=8)
    problem = _read(model, theory, data, free, bounds, quantities, recorded, step, solver, start, key, networks > 0)
    throw, max_steps = checks.flag("throw", throw), checks.count("max_steps", max_steps)
    sampled = isinstance(problem.asked.way, AbstractExperiment)
    starts = (1 if sampled else _STARTS) if starts is None else checks.count("starts", starts)
    ends = search(problem, starts, max_steps)
    if ends and problem.measured.recording is not None and networks:
        ends = _against_networks(problem, ends, networks, read_key(key), max_steps)
    found = _found(problem, ends, max_steps) if ends else _nothing(problem)
    if throw and found.status != Status.solved:
        where = "" if ends else "the theory has no answer where the search begins: "
        raise SolveError(f"fit: {where}{found.status.name}: {found.status.advice}.", found)
    for line in found.told:
        warnings.warn(line, stacklevel=3)
    return found


def _read(
    model: Any,
    theory: Theory,
    data: Any,
    free: Any,
    bounds: Any,
    quantities: Any,
    recorded: str,
    step: Any,
    solver: Any,
    start: Any,
    key: Any,
    first: bool,
) -> Problem:
    """Everything checked, and nothing computed but the autocorrelation of a recording."""
    check_theory(theory)
    if not callable(model) or isinstance(model, type):
        check_model(model)
    found = read_free(model, free, bounds)
    models = found.models()
    for each in models:
        check_covers(each, theory)
    measured = read_data(data, quantities, recorded, step, theory, models[0], first)
    if measured.flat.size < len(found.names):
        raise ValueError(
            f"Argument `data` must hold at least as many numbers as there are free parameters, {len(found.names)}, but "
            f"holds {measured.flat.size}; free fewer parameters, or measure more."
        )
    way, used, _ = chosen_way(asked(theory, measured), models, solver)
    if isinstance(way, AbstractExperiment) and not hasattr(way, "scramblings"):
        raise TypeError(
            "Argument `theory` must be a theory, through which there are derivatives, but is the experiment "
            f"{public_name(way)}; try qd.dmft.Stationary()."
        )
    if not (start is None or isinstance(start, str)):
        raise TypeError(f"Argument `start` must be the name of a branch in a fit, but is {checks.shown(start)}.")
    _check_way(way, models, used, start, found)
    problem = Problem(
        Asked(
            found.build,
            way,
            used,
            start,
            read_key(key) if isinstance(way, AbstractExperiment) else None,
            measured.quantities,
        ),
        measured,
        found,
    )
    _check_shapes(problem)
    return problem


def _check_way(way: Any, models: list[AbstractModel], solver: Any, start: Any, free: Free) -> None:
    """What the theory refuses of the model, or only of other values of the free parameters."""
    if isinstance(way, AbstractTheory):
        branch = read_start(way, models, start)
    else:
        refuse_start(way, start)
    for place, each in enumerate(models):
        try:
            way.check(each, solver, branch) if isinstance(way, AbstractTheory) else way.check(each, solver)
        except ValueError as error:
            if place == 0:
                raise
            names = ", ".join(free.names)
            raise ValueError(f"Argument `free` names {names}, but other values are refused: {error}") from None


def _check_shapes(problem: Problem) -> None:
    """Data of a quantity that the theory gives, of its shape, and where it gives it."""
    way, measured = problem.asked.way, problem.measured
    given = jax.eval_shape(lambda values: problem.asked.solve(values).arrays, problem.free.first)
    coordinates = way.coordinates()
    for name in measured.quantities:
        if name not in given:
            names = [each for each in given if not each.endswith(("_error", "_discretisation"))]
            raise ValueError(
                f"Argument `data` has {name!r}, which {public_name(way)} does not give.{checks.nearest(name, names)} "
                f"It gives {', '.join(names)}."
            )
        shape = given[name].shape
        if measured.values[name].shape != shape:
            raise ValueError(
                f"Argument `data` must have {name!r} of the shape that the theory gives, {shape}, but has "
                f"{measured.values[name].shape}; give the theory the `lags` or `frequencies` of the data."
            )
    for axis, places in measured.axes.items():
        if axis in coordinates and not np.allclose(coordinates[axis], places, rtol=1e-9, atol=1e-12):
            raise ValueError(
                f"Argument `data` must have the {axis!r} of the theory, but is at others; choose the theory's to be those "
                "of the data."
            )


def _against_networks(problem: Problem, ends: list[Minimum], networks: int, key: Array, max_steps: int) -> list[Minimum]:
    """Fitted again to data that finite networks of the model are taken off, until the parameters hardly move."""
    measured = problem.measured
    assert measured.recording is not None
    for _ in range(_ROUNDS):
        before = ends[0].values
        simulated = simulate(problem.asked.build(before), measured.recording, networks, key)
        problem.measure(measured.against(simulated, problem.at(before).predicted))
        ends = [end for end in (descend(problem, each.values, max_steps) for each in ends) if end is not None]
        ends.sort(key=lambda end: end.chi_square)
        error = np.sqrt(np.diagonal(uncertainty(problem, ends[0]).covariance))
        if np.all(np.abs(ends[0].values - before) <= _MOVED * error):
            break
    return ends


def _found(problem: Problem, ends: list[Minimum], max_steps: int) -> Fit:
    best, free = ends[0], problem.free
    known = uncertainty(problem, best)
    profiles = {
        name: profile(problem, best, known, place, max_steps)
        for place, name in enumerate(free.names)
        if not is_quadratic(problem, best, known, place)
    }
    others = [end for end in ends[1:] if end.chi_square < best.chi_square + 4.0]
    return _fit(problem, best, known, profiles, told(problem, best, known, others))


def _fit(
    problem: Problem, best: Minimum, known: Uncertainty, profiles: Mapping[str, Profile], lines: tuple[str, ...]
) -> Fit:
    import xarray as xr

    names = list(problem.free.names)
    error = np.sqrt(np.diagonal(known.covariance))
    interval = {
        name: profiles[name].interval if name in profiles else (float(value - own), float(value + own))
        for name, value, own in zip(names, best.values, error, strict=True)
    }
    along = {
        name: xr.DataArray(each.chi_square, {"value": each.values}, ("value",), "chi_square")
        for name, each in profiles.items()
    }
    both = {"parameter": names, "other_parameter": names}
    way, model = problem.asked.way, problem.asked.build(best.values)
    recorded = problem.measured.recording is not None
    finite = ("finite size, O(1/size)",) if recorded and not problem.measured.shift.any() else ()
    outside = (*finite, *filter(None, [way.outside_errors(model)]))
    return Fit(
        estimate=dict(zip(names, map(float, best.values), strict=True)),
        error=dict(zip(names, map(float, error), strict=True)),
        interval=interval,
        covariance=xr.DataArray(known.covariance, both, tuple(both)),
        profile=along,
        model=model,
        theory=way,
        chi_square=best.chi_square,
        degrees_of_freedom=known.expected,
        p_value=known.p_value,
        status=best.status,
        evaluations=problem.evaluations,
        told=lines,
        data=_dataset(problem, best.values),
        outside_errors="; ".join(outside),
    )


def _nothing(problem: Problem) -> Fit:
    """No start had an answer."""
    count = len(problem.free.names)
    status = problem.at(problem.free.first).status
    # An answer just beside the bound that it was asked at, and none inside.
    status = Status.no_such_branch if status == Status.solved else status
    unknown = Uncertainty(np.full((count, count), np.nan), np.ones(count), np.nan, np.nan, [])
    return _fit(problem, Minimum(problem.free.first, np.nan, status), unknown, {}, ())


def _dataset(problem: Problem, values: np.ndarray) -> xr.Dataset:
    """What was fitted, its errors, and what was fitted to it: the theory, with what finite networks have in addition."""
    import xarray as xr

    measured, point = problem.measured, problem.at(values)
    error = np.sqrt(np.diagonal(measured.covariance))
    variables, place = {}, 0
    coordinates = {**problem.asked.way.coordinates(), **measured.axes}
    populations = getattr(problem.asked.build(problem.free.first), "populations", 1)
    for name in measured.quantities:
        array = measured.values[name]
        dims = describe(name).dims_for(array.ndim, populations)
        part = slice(place, place + array.size)
        attributes = {"symbol": describe(name).symbol, "long_name": describe(name).meaning}
        variables[name] = xr.Variable(dims, array, attributes)
        variables[f"{name}_error"] = xr.Variable(dims, error[part].reshape(array.shape))
        fitted = point.predicted[part] + measured.shift[part]
        variables[f"{name}_fitted"] = xr.Variable(dims, fitted.reshape(array.shape))
        place += array.size
    axes = {axis for variable in variables.values() for axis in variable.dims}
    return xr.Dataset(variables, {axis: values for axis, values in coordinates.items() if axis in axes})
