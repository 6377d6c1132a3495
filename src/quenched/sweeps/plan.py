"""A sweep before it runs: everything checked, and described so that a store can tell it from another."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import jax
import numpy as np
from jaxtyping import Array

from quenched.keys import read_key
from quenched.models import Network
from quenched.numerics.memory import refuse_what_does_not_fit
from quenched.provenance import seed_of
from quenched.records import printed
from quenched.solution import Solution, parameters
from quenched.solve import check_covers, check_model, check_theory, read_start, refuse_start, samples_at_once
from quenched.sweeps.grid import Grid, Model, make_grid
from quenched.theory import AbstractExperiment, AbstractTheory, Start, Theory

FORMAT = 2
"""Of stores: higher where an older version of the package could not continue one."""


@dataclass(frozen=True)
class Plan:
    """What is to be computed. `definition` decides whether two sweeps are the same one."""

    grid: Grid
    theory: AbstractTheory | AbstractExperiment
    solver: Any
    start: Start | None
    key: Array
    definition: dict[str, Any]
    attributes: dict[str, Any]

    @cached_property
    def point_keys(self) -> np.ndarray | None:
        """Of an experiment the key of every point, as numbers, (..., word): it depends on the place in the grid alone."""
        if not isinstance(self.theory, AbstractExperiment):
            return None
        indices = np.arange(len(self.grid.points))
        keys = jax.jit(jax.vmap(jax.random.fold_in, (None, 0)))(self.key, indices)
        return np.asarray(jax.random.key_data(keys)).reshape(*self.grid.shape, -1)

    @property
    def units(self) -> int:
        """Steps of progress: points of a theory, samples of an experiment."""
        return len(self.grid.points) * (self.theory.samples if isinstance(self.theory, AbstractExperiment) else 1)


def make_plan(
    model: Model,
    theory: Theory,
    over: Mapping[str, Any],
    solver: Any = None,
    start: str | Mapping[str, Any] | Solution | None = None,
    key: int | Array | None = None,
) -> Plan:
    """Refuse whatever is wrong with the arguments of a sweep, before any work."""
    check_theory(theory)
    if isinstance(model, Network) or not callable(model):
        check_model(model)
    grid = make_grid(model, theory, over, solver)
    first, method = grid.points[0]
    check_covers(first, theory)
    solver, asked = grid.solver, grid.asked
    read = None
    if isinstance(method, AbstractTheory):
        read = read_start(method, grid.models.records, start)
    else:
        refuse_start(theory, start)
    arguments = (solver,) if read is None else (solver, read)
    for each in grid.theories.records:
        check = each.check  # looking a method up takes Equinox longer than calling it
        for point in grid.models.records:
            check(point, *arguments)
    if isinstance(method, AbstractExperiment):
        samples_at_once(first, method, solver)
    elif read is not None:
        refuse_what_does_not_fit(method.bytes_per_point(solver, read), type(method).__name__, method.memory_arguments)
    random = read_key(key)
    varied = {*grid.theories.names, *grid.models.varied}

    def fixed_with(solver: Any) -> dict[str, Any]:
        known = parameters(first, theory, method, seed_of(key), solver)
        return {name: value for name, value in known.items() if name not in varied}

    fixed = fixed_with(asked)
    definition = {
        **{name: value for name, value in fixed_with(None).items() if not name.endswith("_version")},
        "format": FORMAT,
        "over": {name: values.tolist() for name, values in grid.axes.items()},
        **_made(grid),
        "solver": None if asked is None else {field.name: getattr(asked, field.name) for field in fields(asked)},
        "start": None if read is None else [read.branch, _listed(read.values)],
        "key": jax.random.key_data(random).tolist(),
    }
    # Through JSON and back, so that it compares equal to what a store returns; a solver's distribution is what is printed.
    definition = json.loads(json.dumps(definition, default=printed))
    if isinstance(method, AbstractTheory) and read is not None and (branch := method.branch_name(read)) is not None:
        fixed["branch"] = branch
    attributes = {
        **fixed,
        "citations": " ".join(dict.fromkeys((*method.citations, *getattr(first, "citations", ())))),
        "definition": json.dumps(definition),
    }
    return Plan(grid, method, solver, read, random, definition, attributes)


def _made(grid: Grid) -> dict[str, Any]:
    """What a function made of the swept values: of another function there is another sum of all."""
    made = {name: values for name, values in grid.models.varied.items() if name not in grid.models.swept.values()}
    return {"made": {name: hashlib.sha256(values.tobytes()).hexdigest() for name, values in made.items()}} if made else {}


def _listed(values: dict[str, Array] | None) -> dict[str, Any] | None:
    return None if values is None else {name: np.asarray(value).tolist() for name, value in values.items()}
