"""The points of a sweep as tasks that any process can do, and the same bits wherever they are done."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from quenched.compiled import compiled
from quenched.numerics.memory import BATCH_BYTES
from quenched.precision import double_precision
from quenched.provenance import made_by
from quenched.solve import Progress, measure_ensemble
from quenched.status import Status
from quenched.sweeps.plan import Plan
from quenched.theory import AbstractExperiment, AbstractTheory, Computed, Start

ATTEMPTS = 3
"""After so many that ended with an error the points have the status `failed`."""

_LONGEST_LINE = 300


class Task(NamedTuple):
    """Some points, and all that is needed to compute them."""

    indices: np.ndarray
    """Flat, in the grid."""
    work: Callable[..., Computed]
    arguments: tuple[Any, ...]


class Part(NamedTuple):
    """What became of a task."""

    indices: np.ndarray
    computed: Computed | None
    """With the point as the first axis; None where every attempt failed."""
    seconds: float = np.nan
    """That one point took; of points computed side by side their share."""
    failure: str = ""
    """The last error."""
    version: str = ""
    """Of what computed it."""


def tasks(plan: Plan, wanted: np.ndarray) -> Iterator[Task]:
    """Of a theory every batch that holds a wanted point, of an experiment every wanted point.

    The grid is always cut into the same batches, all of one length, and the key of a point depends on its place in the grid
    alone: one compilation, and a resumed sweep has the bits of an uninterrupted one.
    """
    if isinstance(plan.theory, AbstractExperiment):
        assert plan.point_keys is not None
        keys = plan.point_keys.reshape(len(plan.grid.points), -1)  # as numbers: typed keys do not travel
        implementation = str(jax.random.key_impl(plan.key))
        for index in wanted:
            yield Task(
                np.array([index]), measure_point, (*plan.grid.points[index], plan.solver, keys[index], implementation)
            )
        return
    everything, length = np.arange(len(plan.grid.points)), lanes(plan)
    for batch in np.split(everything, everything[length::length]):
        places = np.flatnonzero(np.isin(batch, wanted))
        if len(places):
            padded = np.pad(batch, (0, length - len(batch)), mode="edge")
            yield Task(batch[places], solve_points, (*plan.grid.stacked(padded), plan.solver, plan.start, places))


def lanes(plan: Plan) -> int:
    """How many points are computed side by side: fewer where one takes much time or memory, whatever the machine has.

    2500 points of FiniteTemperature (and ZeroTemperature) from two threads on 2 cores: 0.16 s (0.26 s) in batches of 64,
    0.15 s (0.43 s) in batches of 256, 0.57 s (2.40 s) in one: the slowest lane holds its batch back. One thread takes 0.31 s
    (0.57 s) in batches of 64.
    """
    theory = plan.grid.points[0][1]
    assert isinstance(theory, AbstractTheory)
    assert plan.start is not None
    return max(1, min(theory.lanes, BATCH_BYTES // max(1, theory.bytes_per_point(plan.solver, plan.start))))


@compiled()
def lanes_compiled(models: Any, theories: Any, solver: Any, start: Start | None) -> Computed:
    """Many points of a theory at once."""
    return jax.vmap(lambda model, theory: theory.compute(model, solver, start))(models, theories)


def solve_points(models: Any, theories: Any, solver: Any, start: Start | None, places: np.ndarray) -> Computed:
    """Those at some places among a batch of points of a theory."""
    computed = jax.device_get(lanes_compiled(models, theories, solver, start))
    return jax.tree.map(lambda values: values[places], computed)


def measure_point(
    model: Any, theory: Any, solver: Any, key: np.ndarray, implementation: str, progress: Progress | None = None
) -> Computed:
    """One point of an experiment, as an array of one."""
    typed = jax.random.wrap_key_data(jnp.asarray(key), impl=implementation)
    computed = measure_ensemble(model, theory, solver, typed, progress)
    if computed.status == Status.interrupted:
        # Half a point is not a point: it will be measured whole when the sweep is resumed.
        raise KeyboardInterrupt
    return jax.tree.map(lambda values: np.asarray(values)[None], computed)


@double_precision
def perform(task: Task, **options: Any) -> Part:
    """Do a task here."""
    began = time.perf_counter()
    computed = task.work(*task.arguments, **options)
    return Part(task.indices, computed, (time.perf_counter() - began) / len(task.indices), version=made_by())


def perform_at_last(task: Task, **options: Any) -> list[Part]:
    """Do a task here. If it fails, its points are done one by one, each again if it fails, and what cannot be done is
    reported with what it fails with in the end."""
    for _ in range(attempts(task)):
        try:
            return [perform(task, **options)]
        except Exception as error:
            problem = error
    alone = apart(task)
    return (
        [failed(task, problem)] if len(alone) == 1 else [part for each in alone for part in perform_at_last(each, **options)]
    )


def attempts(task: Task) -> int:
    """How often to try: once what can be taken apart."""
    return ATTEMPTS if len(task.indices) == 1 else 1


def apart(task: Task) -> list[Task]:
    """Its points one by one, for the same program: all of its lanes have the one point then."""
    if len(task.indices) == 1:
        return [task]
    models, theories, solver, start, places = task.arguments

    def alone(place: int) -> Any:
        return jax.tree.map(
            lambda leaf: np.repeat(np.asarray(leaf)[place : place + 1], len(leaf), axis=0), (models, theories)
        )

    first = np.zeros(1, int)
    return [
        Task(task.indices[[at]], task.work, (*alone(place), solver, start, first))
        for at, place in enumerate(places.tolist())
    ]


def failed(task: Task, problem: BaseException) -> Part:
    """A task that was given up, with the error that it ends with and the one that began it."""
    began = problem
    while began.__cause__ is not None:
        began = began.__cause__
    told = [_short(problem)] if began is problem else [_short(problem), _short(began)]
    return Part(task.indices, None, failure=" ... ".join(told))


def _short(problem: BaseException) -> str:
    """Of an error that tells a traceback the first line and the last."""
    lines = [line[:_LONGEST_LINE] for line in str(problem).strip().splitlines()] or [""]
    return f"{type(problem).__name__}: {lines[0] if len(lines) == 1 else f'{lines[0]} ... {lines[-1]}'}"
