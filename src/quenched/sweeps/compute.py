"""Computing the points of a sweep: theories many lanes at a time, experiments one point after another."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

import jax
import numpy as np

from quenched.compiled import compiled
from quenched.numerics.memory import BATCH_BYTES
from quenched.numerics.work import on_threads
from quenched.solve import measure_ensemble
from quenched.status import Status
from quenched.sweeps.plan import Plan
from quenched.theory import AbstractExperiment, AbstractTheory, Computed, Start

Part = tuple[np.ndarray, Computed]
"""Flat indices of points, and what was computed there, with the point as the first axis."""


def shapes(plan: Plan) -> dict[str, jax.ShapeDtypeStruct]:
    """Shape and type of every array of one point, computing nothing."""
    model, theory = plan.grid.points[0]
    if isinstance(theory, AbstractExperiment):
        return by_name(jax.eval_shape(lambda key: measure_ensemble(model, theory, plan.solver, key, None), plan.key))
    all_lanes = by_name(lanes_compiled.eval_shape(*plan.grid.stacked(np.zeros(lanes(plan), int)), plan.solver, plan.start))
    return {name: jax.ShapeDtypeStruct(each.shape[1:], each.dtype) for name, each in all_lanes.items()}


def by_name(computed: Computed) -> dict[str, Any]:
    """Observables, status, residual and steps under their names."""
    return {**computed.arrays, "status": computed.status, "residual": computed.residual, "steps": computed.steps}


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


def compute_theory(plan: Plan, wanted: np.ndarray) -> Generator[Part, None, None]:
    """Every batch that holds a wanted point, as it completes.

    The grid is always cut into the same batches, all of one length: one compilation, and a resumed sweep has the bits of an
    uninterrupted one.
    """
    everything, length = np.arange(len(plan.grid.points)), lanes(plan)
    batches = [batch for batch in np.split(everything, everything[length::length]) if np.isin(batch, wanted).any()]

    def run(batch: np.ndarray) -> Part:
        padded = np.pad(batch, (0, length - len(batch)), mode="edge")
        computed = jax.device_get(lanes_compiled(*plan.grid.stacked(padded), plan.solver, plan.start))
        return batch, jax.tree.map(lambda values: values[: len(batch)], computed)

    return on_threads(run, batches, in_order=False)


@compiled()
def lanes_compiled(models: Any, theories: Any, solver: Any, start: Start | None) -> Computed:
    """Many points of a theory at once."""
    return jax.vmap(lambda model, theory: theory.compute(model, solver, start))(models, theories)


def measure_points(plan: Plan, wanted: np.ndarray, progress: Callable[[int], None]) -> Generator[Part, None, None]:
    """Every wanted point; its key depends on its place in the grid alone. `progress` hears of the networks done."""
    for done, index in enumerate(wanted):
        model, theory = plan.grid.points[index]
        assert isinstance(theory, AbstractExperiment)
        key = jax.random.fold_in(plan.key, index)

        def tell(here: int, networks: int, before: int = done) -> None:
            progress(before * networks + here)

        computed = measure_ensemble(model, theory, plan.solver, key, tell)
        if computed.status == Status.interrupted:
            # Half a point is not a point: it will be measured whole when the sweep is resumed.
            raise KeyboardInterrupt
        yield np.array([index]), jax.tree.map(lambda values: np.asarray(values)[None], computed)
