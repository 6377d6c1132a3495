"""Computing the tasks of a sweep in this process, or handing them to those who do."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from typing import Any

import jax
import numpy as np

from quenched.numerics.work import on_threads
from quenched.solve import shapes_of_ensemble
from quenched.sweeps.executors import Executor
from quenched.sweeps.plan import Plan
from quenched.sweeps.tasks import Part, Task, lanes, lanes_compiled, perform_at_last, tasks
from quenched.theory import AbstractExperiment, Computed


def shapes(plan: Plan) -> dict[str, jax.ShapeDtypeStruct]:
    """Shape and type of every array of one point, computing nothing."""
    model, theory = plan.grid.points[0]
    if isinstance(theory, AbstractExperiment):
        return by_name(shapes_of_ensemble(model, theory, plan.solver, plan.key))
    all_lanes = by_name(
        lanes_compiled.shape_of_result(*plan.grid.stacked(np.zeros(lanes(plan), int)), plan.solver, plan.start)
    )
    return {name: jax.ShapeDtypeStruct(each.shape[1:], each.dtype) for name, each in all_lanes.items()}


def by_name(computed: Computed) -> dict[str, Any]:
    """Observables, status, residual and steps under their names."""
    return {**computed.arrays, "status": computed.status, "residual": computed.residual, "steps": computed.steps}


def compute(
    plan: Plan, wanted: np.ndarray, executor: Executor | None, progress: Callable[[int], None]
) -> Generator[Part, None, None]:
    """Every part that holds a wanted point, as it completes; `progress` hears how many units of work are done."""
    jobs = tasks(plan, wanted)
    parts: Generator[list[Part], None, None]
    if executor is not None:
        parts = executor.compute(jobs)
    elif isinstance(plan.theory, AbstractExperiment):
        parts = _one_by_one(jobs, progress)
    else:
        parts = on_threads(perform_at_last, jobs, in_order=False)
    each, done = plan.units // len(plan.grid.points), 0
    with closing(parts):
        for part in itertools.chain.from_iterable(parts):
            done += len(part.indices)
            yield part
            progress(done * each)


def _one_by_one(jobs: Iterator[Task], progress: Callable[[int], None]) -> Generator[list[Part], None, None]:
    """Each has all cores, and tells how many of its networks are done."""
    for before, job in enumerate(jobs):

        def tell(done: int, networks: int, before: int = before) -> None:
            progress(before * networks + done)

        yield perform_at_last(job, progress=tell)
