"""One model, one theory, many parameter values."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jaxtyping import Array

from quenched import checks
from quenched.errors import StoppedSweepError, raise_unsolved
from quenched.numerics.interrupts import results_in_hand
from quenched.numerics.memory import refuse_what_does_not_fit
from quenched.outputs import check_store
from quenched.precision import double_precision
from quenched.solution import Solution
from quenched.solve import Progress
from quenched.status import Status
from quenched.sweeps.compute import compute, shapes
from quenched.sweeps.executors import Executor, LostSchedulerError, Where, check_can_be_sent, check_executor, open_executor
from quenched.sweeps.grid import Model
from quenched.sweeps.lock import locked
from quenched.sweeps.plan import Plan, make_plan
from quenched.sweeps.store import claim, load_into, remove
from quenched.sweeps.table import Table
from quenched.sweeps.tasks import ATTEMPTS
from quenched.sweeps.writer import Writer
from quenched.theory import Theory

if TYPE_CHECKING:
    import xarray as xr


@double_precision
def sweep(
    model: Model,
    theory: Theory,
    over: Mapping[str, Any],
    *,
    solver: Any = None,
    start: str | Mapping[str, Any] | Solution | None = None,
    key: int | Array | None = None,
    throw: bool = False,
    progress: Progress | None = None,
    store: str | Path | None = None,
    resume: bool = False,
    force: bool = False,
    executor: Where = None,
) -> xr.Dataset:
    """Solve `model` at the level `theory` for every combination of the values in `over`.

    A point that is not solved keeps its `status` and whatever was found there; the others are done. One whose computation
    ends with an error three times has the status `failed`. Ctrl-C ends the sweep, and what was done is returned (and kept in
    the store), the rest having the status `not_run`.

    Arguments:
        model: as for `qd.solve`, or a function of some of the names in `over` that returns one: called with each combination
            of their values; all its models must have the same parts, functions and numbers of populations.
        theory, solver, start: as for `qd.solve`; the same solver and start for every point.
        over: values by the name of a parameter: of the model by the last word of its path, such as `gain`, or the whole,
            `couplings.first.gain`, where several parts have one; `temperature` of a theory; or an argument of the function
            that is the model. The axes of the result, in this order. Values that are arrays, (value, row, column), have
            their number as coordinate, and are beside it as `<name>_values`.
        key: seed of everything random, 0 if left out; a point's own key depends on its place in the grid alone.
        throw: raise SolveError, once everything is done, unless every point is solved; its `solution` is the Dataset.
        progress: called with (done, in all), counting the points of a theory, the networks of an experiment.
        store: a folder to write a Zarr store into, as points complete; its name ends in `.zarr`, or has no ending.
        resume: continue an interrupted sweep in `store`: compute only its points with status `not_run` or `failed`.
        force: replace a sweep in `store`.
        executor: where points are computed: in this process if left out; "processes", one for each core, or so many; or on
            the workers of a `dask.distributed.Client`. The bits are the same everywhere on machines of one kind.

    Returns:
        Dataset with every quantity over (swept parameters, its own axes), `status`, `residual`, `steps`, `wall_time`,
        `version`, the coordinates `critical_gain`, of experiments `point_key`, and those parameters that a function makes of
        its arguments, and all other parameters as attributes. The same seed gives the same bits, wall times aside.

    Raises:
        TypeError: no model, no theory, values that are no numbers, before any work; with `executor` what cannot be sent to
            another process.
        ValueError: a name in `over` that is no parameter, or a value that the model or the theory refuses at any point;
            `resume` or `force` without a store, or both; before any work.
        FileExistsError: `store` exists, and neither `resume` nor `force` was given, or it is not a store of this sweep, or
            of another version of the package.
        ConnectionError: the client's scheduler has no workers, or they have another version of the package.
        BlockingIOError: another process writes into `store`.
        StoppedSweepError: the store cannot be written any more (a full disk, or it was removed), or the scheduler is gone;
            its `solution` is the Dataset of what was computed.
        SolveError: with `throw=True`.

    When it fails: `status` has a code of `qd.Status` for each point; the values of points that are not solved are what was
    reached, or NaN. Points that are `not_run`, as after Ctrl-C, are computed by `resume=True`; for the others see the
    docstring of the theory, and start from a solution at a neighbouring point. The attribute `failures` of the status has
    what ended the points that are `failed`.

    Example:
        >>> import quenched as qd
        >>> found = qd.sweep(qd.RandomNetwork(gain=1.0), qd.dmft.Static(), {"gain": [0.5, 1.5], "symmetry": [0, 0.2, 0.5]})
        >>> dict(found.sizes)
        {'gain': 2, 'symmetry': 3}
        >>> print(f"{float(found.correlation.sel(gain=1.5, symmetry=0)):.6f}")
        0.352602
        >>> def competition(strength, spread=0.5):
        ...     couplings = qd.couplings.Elliptic(spread * strength, mean=-strength)
        ...     return qd.RandomNetwork(couplings=couplings, unit=qd.units.LotkaVolterra())
        >>> qd.sweep(competition, qd.dmft.Static(), {"strength": [0.5, 1.0]}).gain.values.tolist()
        [0.25, 0.5]
    """
    plan = make_plan(model, theory, over, solver, start, key)
    throw, resume, force = checks.flag("throw", throw), checks.flag("resume", resume), checks.flag("force", force)
    executor = check_executor(executor)
    progress = checks.progress(progress)
    place = None if store is None else check_store(checks.place("store", store), "Argument `store`")
    if place is None and (resume or force):
        raise ValueError("Arguments `resume` and `force` are about a `store`, but none is given.")
    if resume and force:
        raise ValueError("Arguments `resume` and `force` exclude each other: continue the store, or replace it.")
    if executor is not None:
        check_can_be_sent(*plan.grid.points[0], plan.solver)
    with ExitStack() as held:
        if place is not None:
            held.enter_context(locked(place))
        continued = place is not None and claim(place, plan.definition, resume, force)
        workers = held.enter_context(open_executor(executor, tell=lambda text: print(text, file=sys.stderr)))
        if place is not None and not continued:
            remove(place)
        found = execute(plan, place, continued, progress, workers)
    for line in endings(found, place):
        print(line, file=sys.stderr)
    if throw:
        raise_unsolved(found.attrs["theory"], found["status"].values, "points", found)
    return found


def execute(
    plan: Plan, store: Path | None, continued: bool, progress: Progress | None, executor: Executor | None = None
) -> xr.Dataset:
    """Compute what is missing; an interruption is visible as the status `not_run`."""
    each_point = shapes(plan)
    points = len(plan.grid.points)
    size = sum(math.prod(one.shape) * one.dtype.itemsize for one in each_point.values())
    # As computed, in the table, and in the dataset.
    refuse_what_does_not_fit(3 * points * size, f"The results of {points} points", "the number of values in `over`")
    table = Table(plan, each_point)
    if store is not None and continued:
        load_into(table, store)
    writer = None if store is None else Writer(store, table, continued)
    each, wanted = plan.units // points, table.not_run()
    before = (points - len(wanted)) * each

    def tell(done: int) -> None:
        if progress is not None:
            progress(before + done, plan.units)

    try:
        tell(0)
        with results_in_hand(lambda: writer is not None and bool(writer.pending)):
            try:
                if len(wanted):
                    with closing(compute(plan, wanted, executor, tell)) as parts:
                        for part in parts:
                            (table.fill if writer is None else writer.add)(part)
            finally:
                if writer is not None:
                    writer.close()
    except LostSchedulerError as error:
        raise StoppedSweepError(str(error), table.to_dataset()) from None
    except KeyboardInterrupt:
        pass  # seen by the points that are not run
    return table.to_dataset()


def endings(found: xr.Dataset, store: Path | None) -> Iterator[str]:
    """What an interruption left, and what was given up, if anything."""
    status = found["status"]
    failed, points = int((status == Status.failed).sum()), status.size
    if stopped := interruption(found, store):
        yield stopped
    if failed:
        messages = list(json.loads(status.attrs["failures"]))
        others = f" (and {len(messages) - 1} other messages)" if len(messages) > 1 else ""
        yield f"{failed} of {points} points failed {ATTEMPTS} times: {messages[0]}{others}"


def interruption(found: xr.Dataset, store: Path | None) -> str:
    """What an interruption left; empty if there was none."""
    left, points = int((found["status"] == Status.not_run).sum()), found["status"].size
    keep = "nothing is stored" if store is None else f"they are kept in {str(store)!r}"
    return f"Interrupted after {points - left} of {points} points; {keep}." if left else ""
