"""The arrays of a sweep while they fill, one row a point."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from quenched.models import RandomNetwork
from quenched.solution import labelled, of_axes
from quenched.status import Status
from quenched.sweeps.compute import by_name
from quenched.sweeps.plan import Plan
from quenched.sweeps.tasks import Part

if TYPE_CHECKING:
    import xarray as xr


_OF_EVERY_SWEEP = {
    "wall_time": jax.ShapeDtypeStruct((), np.float64),
    "version": jax.ShapeDtypeStruct((), np.int32),
}


class Table:
    """NaN and the status `not_run` wherever nothing has been computed yet."""

    def __init__(self, plan: Plan, like: Mapping[str, jax.ShapeDtypeStruct]):
        self.plan = plan
        self.rows = {
            name: np.full((len(plan.grid.points), *each.shape), *_blank(name, np.dtype(each.dtype)))
            for name, each in {**like, **_OF_EVERY_SWEEP}.items()
        }
        self.failures: dict[int, str] = {}
        """Of points that were given up, the last error."""
        self.versions: list[str] = []
        """Of the package and of JAX, that computed a point."""

    def fill(self, part: Part) -> None:
        """Enter what was computed."""
        if part.computed is None:
            self.rows["status"][part.indices] = Status.failed
            self.failures |= dict.fromkeys(part.indices.tolist(), part.failure)
            return
        for name, values in by_name(part.computed).items():
            self.rows[name][part.indices] = values
        self.rows["wall_time"][part.indices] = part.seconds
        if part.version not in self.versions:
            self.versions.append(part.version)
        self.rows["version"][part.indices] = self.versions.index(part.version)
        for index in part.indices.tolist():
            self.failures.pop(index, None)

    def load(self, stored: Mapping[str, np.ndarray], versions: str) -> None:
        """Take over what an earlier run has left; what has failed there is to be done again."""
        for name, rows in self.rows.items():
            rows[...] = stored[name].reshape(rows.shape)
        status = self.rows["status"]
        status[status == Status.failed] = Status.not_run
        self.versions = [each for each in versions.split("; ") if each]

    def not_run(self) -> np.ndarray:
        """Flat indices of the points still to do."""
        return np.flatnonzero(self.rows["status"] == Status.not_run)

    def notes(self) -> dict[str, dict[str, str]]:
        """What is told beside arrays: of the status, as JSON, each message of a failure and the places in the grid that it
        is about; and the versions, in the order of their numbers."""
        places: dict[str, list[list[int]]] = {}
        for index, text in sorted(self.failures.items()):
            at = np.unravel_index(index, self.plan.grid.shape)
            places.setdefault(text, []).append([int(each) for each in at])
        return {"status": {"failures": json.dumps(places)}, "version": {"versions": "; ".join(self.versions)}}

    def on_grid(self, name: str) -> np.ndarray:
        """A quantity with one axis for each swept parameter; a view of the rows."""
        rows = self.rows[name]
        return rows.reshape(self.plan.grid.shape + rows.shape[1:])

    def to_dataset(self) -> xr.Dataset:
        """Labelled, with coordinates and parameters."""
        import xarray as xr

        swept, model = tuple(self.plan.grid.axes), self.plan.grid.points[0][0]
        variables = {name: labelled(name, self.on_grid(name), swept, model) for name in self.rows}
        coordinates = {**of_axes(self.plan.theory.coordinates(), variables), **self.plan.grid.coordinates()}
        if isinstance(model, RandomNetwork):
            dims, critical = self.plan.grid.critical_gain()
            coordinates["critical_gain"] = labelled("critical_gain", critical, dims)
        if (keys := self.plan.point_keys) is not None:
            coordinates["point_key"] = labelled("point_key", keys, swept)
        for name, told in self.notes().items():
            variables[name][2].update(told)
        return xr.Dataset(variables, coordinates, self.plan.attributes)


def _blank(name: str, dtype: np.dtype[Any]) -> tuple[Any, np.dtype[Any]]:
    if name == "status":
        return Status.not_run, dtype
    return (np.nan if dtype.kind in "fc" else -1 if name == "version" else 0), dtype
