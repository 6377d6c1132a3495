"""The arrays of a sweep while they fill, one row a point."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from quenched.models import RandomNetwork
from quenched.provenance import stamp
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
        self.versions = [_version()]
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
        self.rows["version"][part.indices] = self.versions.index(_version())
        for index in part.indices.tolist():
            self.failures.pop(index, None)

    def load(self, stored: Mapping[str, np.ndarray], failures: str, versions: str) -> None:
        """Take over what an earlier run has left."""
        for name, rows in self.rows.items():
            rows[...] = stored[name].reshape(rows.shape)
        for text, places in json.loads(failures or "{}").items():
            self.failures |= dict.fromkeys(np.ravel_multi_index(np.array(places).T, self.plan.grid.shape).tolist(), text)
        before = [each for each in versions.split("; ") if each]
        here = self.versions[0]
        self.versions = before if here in before else [*before, here]

    def left(self) -> np.ndarray:
        """Flat indices of the points still to do, those that failed among them."""
        return np.flatnonzero(np.isin(self.rows["status"], (Status.not_run, Status.failed)))

    def told_failures(self) -> str:
        """As JSON: of every message the places in the grid that it is about."""
        places: dict[str, list[list[int]]] = {}
        for index, text in sorted(self.failures.items()):
            at = np.unravel_index(index, self.plan.grid.shape)
            places.setdefault(text, []).append([int(each) for each in at])
        return json.dumps(places)

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
        variables["status"][2]["failures"] = self.told_failures()
        variables["version"][2]["versions"] = "; ".join(self.versions)
        return xr.Dataset(variables, coordinates, self.plan.attributes)


def _version() -> str:
    made_by = stamp()
    return ", ".join(f"{name.removesuffix('_version')} {version}" for name, version in made_by.items())


def _blank(name: str, dtype: np.dtype[Any]) -> tuple[Any, np.dtype[Any]]:
    if name == "status":
        return Status.not_run, dtype
    return (np.nan if dtype.kind in "fc" else -1 if name == "version" else 0), dtype
