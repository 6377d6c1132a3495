"""In how many directions a network moves."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from quenched import checks
from quenched.citation import stored_keys
from quenched.errors import raise_unsolved
from quenched.models import AbstractModel, Network
from quenched.observables.recordings import Estimate, participation_ratio
from quenched.precision import double_precision
from quenched.provenance import stamp
from quenched.records import one_line, printed
from quenched.simulate.trajectories import Trajectories
from quenched.solution import Solution, labelled
from quenched.status import Status
from quenched.theory import AbstractExperiment
from quenched.units.base import AbstractUnit
from quenched.units.filters import shape_of

if TYPE_CHECKING:
    import xarray as xr

# An error of more than this part of the value is no result: of recordings, and of theory, where the half of a window that is
# too short is off by less than twice as much as the window.
_UNKNOWN, _UNCONVERGED = 0.5, 0.25
# Nor does an error mean much where more than this part of the variance is correlated across a block.
_REMEMBERED = 0.5
_AXES = ("network", "trial", "time", "neuron")
_READ = (
    "a Solution of qd.dmft.Stationary or of qd.simulate.Trajectories(record=True), what qd.simulate.integrate returns, or "
    "an array (time, neuron) or (time, trial, neuron)"
)


@double_precision
def dimension(
    activity: Any, *, activation: Callable[[Any], Any] | None = None, blocks: int = 16, throw: bool = True
) -> xr.Dataset:
    """Participation ratio of the activity, per neuron: the part of all directions in which a network moves,

        D = (tr Sigma)^2 / (N tr Sigma^2),   Sigma_ij = <x_i(t) x_j(t)> - <x_i><x_j>,   <> over time,

    of the states x, and likewise of the rates phi(x). With the eigenvalues s_n of Sigma, N D = (sum s_n)^2/sum s_n^2: N if
    all are equal, 1 if only one is not zero.

    Arguments:
        activity: of infinitely many neurons, a Solution of `qd.dmft.Stationary` at symmetry 0: one or several populations,
            flows and maps, fields that are constant. Of finite networks, a Solution of
            `qd.simulate.Trajectories(record=True)`, averaged over networks; what `qd.simulate.integrate` returns; or
            recordings of one network, (time, neuron) or (time, trial, neuron), as an array or, with axes of these names and
            `network` in any order, an `xarray.DataArray`. Samples at equal steps, without a
            transient; all trials of a network on the same attractor.
        activation: phi, for the rates of recordings; without it of states alone. A Solution has its own.
        blocks: into about so many recordings are cut, 8 to 32.
        throw: raise SolveError, once all is over, if the status is not `solved`.

    Returns:
        Dataset: `state_dimension`, `rate_dimension`, each with `_error`, NaN where nothing fluctuates at the end; and
        `status`. Of recordings the attributes `plain_state_dimension` and `plain_rate_dimension` are what the sampled
        covariance gives, too small by a part that falls as 1/time. Networks at rest, or that have come to rest by the end,
        are left out of an average, and counted in the attribute `resting_networks`; `memory` is the part of the variance
        that is correlated across a block.

    Theory: tr Sigma^2 is the square of the variance plus N times the mean square of covariances of different neurons, which
    are of order 1/sqrt(N). Where all neurons are alike

        tr Sigma_phi^2/N = int int C(w) C(w') / |1 - g^2 S(w) S(w')|^2,   S = <phi'>/(1 + i w),

    each integral over dw/(2 pi) and C the spectrum of what decays. For one population of leaky neurons without a field, and
    for linear ones, both integrals are done on the solution's own equation, however near the transition is; the error is the
    difference to a coarser rule, some 1e-9 of the value at weak chaos and 5e-5 at gain 10. Everything else is solved again
    on a ring of time; the error is what the step leaves over and the whole difference to half the window.

    Recordings: in place of a sampled covariance squared stands the product of two from blocks that are at least one block
    of time apart, or of different trials, which has no bias. The error is that of a jackknife over blocks, with what is left
    of the correlation across a block; of several networks their standard error, and not less than what the blocks make. A
    finite N, which changes the dimension by O(1/N), and the time step of a simulation are not in it.

    When it fails: `imprecise`: the error is more than a quarter of the value of a theory, near a transition: solve with a
    longer window, `solver=qd.dmft.Ring(window=512)`. Of recordings, it is more than half of the value, or more than half
    of the variance is correlated across a whole block: record for longer, or more trials.

    Raises:
        TypeError: nothing of the above.
        ValueError: a solution of another theory, with symmetry, low rank or a sinusoid, or that is not solved; trajectories
            that were not recorded; other axes, NaN, too few samples.
        SolveError: status not `solved` (`throw=True`); it carries the Dataset.

    Source: Clark, Abbott & Litwin-Kumar 2023 (`clark2023`).

    Example:
        >>> import quenched as qd
        >>> solution = qd.solve(qd.RandomNetwork(gain=3.0), qd.dmft.Stationary())
        >>> print(f"{float(qd.observables.dimension(solution).rate_dimension):.6f}")
        0.044651
    """
    throw, blocks = checks.flag("throw", throw), checks.count("blocks", blocks, low=8)
    if blocks > 32:
        raise ValueError(f"Argument `blocks` must be at most 32, but is {blocks}.")
    if isinstance(activity, Solution) and not isinstance(activity.theory, AbstractExperiment):
        dataset = _of_theory(activity, activation)
    else:
        recorded = _read(activity, activation)
        _check_samples(recorded, blocks)
        dataset = _of_recordings(recorded, blocks)
    if throw:
        reason = (
            "the error is more than half of the value, or a block is shorter than the memory; record for longer, or more "
            "trials."
            if "blocks" in dataset.attrs
            else "the error is more than a quarter of the value; solve with a longer window, as qd.dmft.Ring(window=512)."
        )
        raise_unsolved("dimension", dataset.status.values, "points", dataset, reason)
    return dataset


class _Recorded(NamedTuple):
    """Recordings of networks, and what to make of them."""

    states: np.ndarray
    """(network, trial, time, neuron)"""
    several: bool
    rate: Callable[[Any], Any] | None
    attributes: dict[str, Any]


def _of_theory(solution: Solution, activation: Any) -> xr.Dataset:
    from quenched.observables.dimension_of_theory import check_theory, dimension_of_theory

    if activation is not None:
        raise ValueError("Argument `activation` must be left out with a Solution, which has its own.")
    way = check_theory(solution)
    _refuse_unsolved(solution)
    return _dataset(dimension_of_theory(solution, way), solution.attributes(), _UNCONVERGED)


def _refuse_unsolved(solution: Solution) -> None:
    status = Status(int(np.max(np.asarray(solution.status))))
    if status != Status.solved:
        raise ValueError(f"Argument `activity` must be solved, but its status is {status.name}: {status.advice}.")


def _read(activity: Any, activation: Any) -> _Recorded:
    if isinstance(activity, Solution):
        return _of_experiment(activity, activation)
    if activation is not None and not callable(activation):
        raise TypeError(f"Argument `activation` must be a function, such as qd.Tanh(), but is {checks.shown(activation)}.")
    attributes: dict[str, Any] = dict(getattr(activity, "attrs", {}))
    if hasattr(activity, "data_vars"):
        if "trajectory" not in activity:
            raise TypeError(
                f"Argument `activity` must be {_READ}, but is a Dataset without trajectory, of "
                f"{', '.join(map(str, activity)) or 'nothing'}."
            )
        activity = activity["trajectory"]
    dims = tuple(map(str, getattr(activity, "dims", ())))
    if activity is None or isinstance(activity, str | bytes | dict | Network | AbstractModel) or callable(activity):
        raise TypeError(f"Argument `activity` must be {_READ}, but is {checks.shown(activity)}.")
    array = checks.numbers("Argument `activity`", activity)
    if not dims:
        dims = {2: ("time", "neuron"), 3: ("time", "trial", "neuron")}.get(array.ndim, ())
        if not dims:
            raise ValueError(
                "Argument `activity` must have the axes (time, neuron) or (time, trial, neuron), but has shape "
                f"{array.shape}; of other axes give an xarray.DataArray that names them."
            )
    if not {"time", "neuron"} <= set(dims) <= set(_AXES):
        raise ValueError(
            "Argument `activity` must have the axes time and neuron, and may have trial and network, but has "
            f"({', '.join(dims)})."
        )
    missing = [axis for axis in _AXES if axis not in dims]
    order = [dims.index(axis) for axis in _AXES if axis in dims]
    whole = np.expand_dims(array.transpose(order), tuple(_AXES.index(axis) for axis in missing))
    rate = None if activation is None else _in_numpy(activation)
    if activation is not None:
        attributes["activation"] = getattr(activation, "name", None) or printed(activation)
    return _Recorded(whole, "network" in dims, rate, attributes)


def _of_experiment(solution: Solution, activation: Any) -> _Recorded:
    if activation is not None:
        raise ValueError("Argument `activation` must be left out with a Solution, which has its own.")
    if not isinstance(solution.theory, Trajectories):
        raise ValueError(f"Argument `activity` must be {_READ}, but is a solution of {one_line(solution.theory)}.")
    if "trajectory" not in solution.arrays:
        raise ValueError(
            "Argument `activity` must hold the trajectories, but they were not recorded; give "
            "qd.simulate.Trajectories(..., record=True)."
        )
    _refuse_unsolved(solution)
    states = np.moveaxis(np.asarray(solution.arrays["trajectory"]), 1, 2)
    unit = solution.model.unit_of_neurons(states.shape[-1])
    return _Recorded(states, True, _rate_of(unit, solution.model.units), solution.attributes())


def _rate_of(unit: AbstractUnit, units: tuple[AbstractUnit, ...]) -> Callable[[Any], Any] | None:
    """Of the states that are kept, which are the first variables; None where the rate is of others too."""
    if unit.state_size == 1:
        return _in_numpy(unit.rate)
    if any(shape_of(each) != "rate" for each in units):
        return None
    return _in_numpy(lambda x: unit.rate(jnp.zeros((unit.state_size, *x.shape)).at[0].set(x)))


def _in_numpy(function: Callable[[Any], Any]) -> Callable[[Any], np.ndarray]:
    return lambda states: np.asarray(function(jnp.asarray(states)), dtype=float)


def _check_samples(recorded: _Recorded, blocks: int) -> None:
    states = recorded.states
    _, trials, times, neurons = states.shape
    if not states.size:
        raise ValueError(f"Argument `activity` must hold samples, but has shape {states.shape}.")
    if not np.isfinite(states).all():
        place = np.argwhere(~np.isfinite(states))[0]
        at = ", ".join(f"{axis} {index}" for axis, index in zip(_AXES, place, strict=True))
        raise ValueError(
            f"Argument `activity` must be finite, but is {states[tuple(place)]:g} at {at}; leave out what is missing or "
            "diverged."
        )
    needed = -(-blocks // trials) if trials < blocks else 1
    if times < needed:
        raise ValueError(
            f"Argument `activity` must have at least {needed} samples in time of each trial for {blocks} blocks, but has "
            f"{times}, of {trials} trials and {neurons} neurons (axes: time, trial, neuron); record for longer, or give "
            "fewer `blocks`."
        )


def _of_recordings(recorded: _Recorded, blocks: int) -> xr.Dataset:
    found: dict[str, Any] = {}
    plain: dict[str, float] = {}
    resting, memory = 0, 0.0
    of_what: dict[str, Callable[[Any], Any] | None] = {"state_dimension": None}
    if recorded.rate is not None:
        of_what["rate_dimension"] = recorded.rate
    for name, function in of_what.items():
        each = [participation_ratio(states if function is None else function(states), blocks) for states in recorded.states]
        found |= _averaged(name, each)
        moving = [one.plain for one in each if not np.isnan(one.error)]
        plain[f"plain_{name}"] = float(np.mean(moving)) if moving else np.nan
        resting = len(each) - len(moving)
        memory = max(memory, float(np.mean([one.memory for one in each])))
    networks, trials, times, neurons = recorded.states.shape
    counts: dict[str, Any] = {"size": neurons, "trials": trials, "samples": times, "blocks": blocks}
    counts |= {"networks": networks, "resting_networks": resting} if recorded.several else {}
    most = _UNKNOWN if memory <= _REMEMBERED or resting == len(recorded.states) else 0.0
    return _dataset(found, recorded.attributes | counts | plain | {"memory": memory}, most)


def _averaged(name: str, each: list[Estimate]) -> dict[str, float]:
    """Over networks: their standard error contains those of their recordings, and is not less than what these make. Those
    that are at rest or come to rest have no dimension, and are left out."""
    moving = [one for one in each if not np.isnan(one.error)]
    if not moving:
        return {name: np.nan, f"{name}_error": np.nan}
    values, errors = (np.array([getattr(one, field) for one in moving]) for field in ("value", "error"))
    error = np.sqrt(np.sum(errors**2)) / len(moving)
    if len(moving) > 1:
        error = max(error, np.std(values, ddof=1) / np.sqrt(len(moving)))
    return {name: float(np.mean(values)), f"{name}_error": float(error)}


def _dataset(found: dict[str, float], attributes: dict[str, Any], most: float) -> xr.Dataset:
    import xarray as xr

    known = [name for name in ("state_dimension", "rate_dimension") if name in found]
    sure = all(
        found[f"{name}_error"] <= most * found[name] or (np.isnan(found[name]) and not found[f"{name}_error"] > 0.0)
        for name in known
    )
    variables = {name: labelled(name, value) for name, value in found.items()}
    variables["status"] = labelled("status", np.int32(Status.solved if sure else Status.imprecise))
    papers = dict.fromkeys([*stored_keys(attributes), "clark2023"])
    return xr.Dataset(variables, attrs={**attributes, "citations": " ".join(papers), **stamp()})
