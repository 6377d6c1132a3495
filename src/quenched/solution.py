"""What `solve` returns: arrays under the vocabulary's names, and how the numerics went."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array

from quenched.checks import nearest
from quenched.errors import raise_unsolved
from quenched.models import AbstractModel
from quenched.models.parameters import kinds_of_parts
from quenched.numerics.statistics import with_error
from quenched.provenance import stamp
from quenched.records import one_line, printed, public_name
from quenched.status import Status
from quenched.theory import AbstractChoice, AbstractExperiment, AbstractTheory, Theory
from quenched.units.unit import Unit
from quenched.vocabulary import VOCABULARY, describe

if TYPE_CHECKING:
    from pathlib import Path

    import xarray as xr
    from matplotlib.axes import Axes

# JAX arrays under a transformation, NumPy's once it is over.
Values = Array | np.ndarray
# Of so many populations each number is printed.
_FEW = 4


class Solution(eqx.Module):
    """The answer to `solve`: a JAX pytree that labels itself when you look at it.

    `solution["correlation"]`, or `solution.correlation`, is an `xarray.DataArray`; `solution.arrays["correlation"]` the bare
    array, which is what to use inside jit, grad and vmap; `solution.to_dataset()` everything at once, with units, symbols
    and parameters. `solution.plot()` draws it, `solution.save(path)` writes it, and `qd.load(path)` reads it again.
    `qd.solve` makes it.

    Arguments:
        model: what was solved.
        theory: the level of description, or the experiment.
        arrays: every quantity by its name in `qd.VOCABULARY`, with the axes listed there.
        status: a code of `qd.Status`, 0 where it is solved; one for each point under vmap.
        residual: the largest residual of the equations, in the shape of `status`.
        steps: iterations taken, in the shape of `status`.
        coordinates: the values along the axes of the arrays, by the name of the axis, such as `lag` and `time`.
        seed: the seed of everything random; None where a JAX key was given.
        wall_time: seconds that it took; None under a JAX transformation.
        branch: which branch of the theory, where it has several.
        solver: what solved it.

    Example:
        >>> import quenched as qd
        >>> solution = qd.solve(qd.RandomNetwork(gain=1.5), qd.dmft.Static())
        >>> solution.correlation.attrs["symbol"], f"{float(solution.correlation):.6f}"
        ('C', '0.352602')
    """

    model: Any
    theory: Theory
    arrays: dict[str, Values]
    status: Values
    residual: Values
    steps: Values
    coordinates: dict[str, Any]
    seed: int | None = eqx.field(static=True, default=None)
    wall_time: float | None = eqx.field(static=True, default=None)
    branch: str | None = eqx.field(static=True, default=None)
    solver: Any = None

    def __getitem__(self, name: str) -> xr.DataArray:
        if isinstance(self.status, jax.core.Tracer):
            raise TypeError(f"A labelled array cannot be made under a JAX transformation; use solution.arrays[{name!r}].")
        if name not in self.arrays:
            why = " A map has no velocity." if name.startswith("kinetic_energy") and self.model.kind == "map" else ""
            raise KeyError(
                f"{name!r} is not in this solution.{why}{nearest(name, self.arrays)} It has {', '.join(self.arrays)}."
            )
        return self.to_dataset()[name]

    def __getattr__(self, name: str) -> xr.DataArray:
        # Asked only for what is no field and no method; while the record is being made it has no arrays yet.
        arrays = self.__dict__.get("arrays", {})
        if name in arrays:
            return self[name]
        suggested = "" if name.startswith("_") else nearest(name, arrays)
        if name in ("attrs", "data_vars", "dims", "coords", "sizes", "sel", "isel", "to_netcdf", "to_zarr"):
            suggested = f" Its dataset has: solution.to_dataset().{name}."
        raise AttributeError(f"A Solution has no attribute {name!r}.{suggested}")

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self.arrays]

    def __contains__(self, name: object) -> bool:
        return name in self.arrays

    def _ipython_key_completions_(self) -> list[str]:
        return list(self.arrays)

    def check(self) -> Solution:
        """Raise SolveError unless every point is solved; on the host, so call it outside of transformations.

        Returns:
            The solution itself.

        Raises:
            SolveError: a point is not solved; the message is the advice of its status.
        """
        status = Status(int(np.max(np.asarray(self.status))))
        reason = self.theory.why(self.arrays, status) if isinstance(self.theory, AbstractTheory) else ""
        raise_unsolved(type(self.theory).__name__, self.status, "points", self, reason)
        return self

    def to_dataset(self) -> xr.Dataset:
        """Everything as an `xarray.Dataset`: units and symbols with each variable, parameters in the attributes.

        Returns:
            The Dataset of all quantities, `status`, `residual` and `steps`, with named axes; its attributes are parameters,
            seed, versions, references and the time that it took.
        """
        import xarray as xr

        variables = {name: labelled(name, array, model=self.model) for name, array in self.arrays.items()}
        for name, array in (("status", self.status), ("residual", self.residual), ("steps", self.steps)):
            variables[name] = labelled(name, array)
        return xr.Dataset(variables, of_axes(self.coordinates, variables), self.attributes())

    def attributes(self) -> dict[str, Any]:
        """Parameters, seed, versions and wall time, as they are stored with the numbers."""
        theory = self.theory
        way = theory.choose([self.model], self.solver) if isinstance(theory, AbstractChoice) else theory
        branch = {} if self.branch is None else {"branch": self.branch}
        known = parameters(self.model, theory, way, self.seed, self.solver)
        if of_model := getattr(self.model, "citations", ()):
            known["citations"] = " ".join(dict.fromkeys((*theory.citations, *of_model)))
        return {**known, **branch, "wall_time_seconds": self.wall_time or 0.0}

    def plot(self, *names: str) -> dict[str, Axes]:
        """Draw the solution, or only the quantities named: see `qd.plots.solution`.

        Arguments:
            names: of the quantities; all that have an axis, or all numbers where none has, if left out.

        Returns:
            The axes of each quantity, by its name.
        """
        from quenched.plots import solution

        return solution(self, *names)

    def save(self, path: str | Path, force: bool = False) -> Path:
        """Write the solution with its model and theory, for `qd.load`.

        Arguments:
            path: ends in `.nc` (netCDF) or `.zarr`.
            force: replace what is there.

        Returns:
            The path.

        Raises:
            ValueError: another ending.
            OSError: the folder cannot be written.
            FileExistsError: the file is there.
        """
        from quenched.storage import save

        return save(self, path, force)

    def __repr__(self) -> str:
        if isinstance(self.status, jax.core.Tracer):
            return f"Solution({', '.join(self.arrays)}; traced)"
        lines = [one_line(self.model), one_line(self.theory) + self._branch_text(), self._how_it_went()]
        rows = self._rows()
        lines += [f"  {name:<24} {text}" for name, text, _ in rows if text != "nan"]
        unknown = [name for name, text, _ in rows if text == "nan"]
        if unknown:
            lines += textwrap.wrap(f"  unknown (nan): {', '.join(unknown)}", 100, subsequent_indent="    ")
        outside = self.attributes().get("outside_errors")
        return "\n".join([*lines, f"errors leave out {outside}"] if outside else lines)

    def _repr_html_(self) -> str:
        from quenched.html import solution_html

        return solution_html(self)

    def _branch_text(self) -> str:
        return "" if self.branch is None else f", branch {self.branch}"

    def _how_it_went(self) -> str:
        status = Status(int(np.max(np.asarray(self.status))))
        return f"status {status.name}, residual {float(np.max(self.residual)):.1e}, steps {int(np.max(self.steps))}"

    def _rows(self) -> list[tuple[str, str, bool]]:
        """Name and text of each quantity, errors beside their numbers, and whether it is one number."""
        rows = []
        for name in (name for name in VOCABULARY if name in self.arrays):
            array = self.arrays[name]
            if np.ndim(array) == 0:
                error = self.arrays.get(f"{name}_error")
                text = with_error(float(array), None if error is None else float(error))
                changed = self.arrays.get(f"{name}_discretisation")
                rows.append((name, text if changed is None else f"{text}, of which {float(changed):+.1e} by the step", True))
            else:
                dims = describe(name).dims_for(np.ndim(array), self.model.populations, self.model.time_axis)
                shape = " x ".join(f"{length} {dim}" for length, dim in zip(np.shape(array), dims, strict=True))
                if dims in (("population",), ("rank",)) and len(array) <= _FEW:
                    error = self.arrays.get(f"{name}_error", np.zeros(len(array)))
                    each = [with_error(float(value), float(own)) for value, own in zip(array, error, strict=True)]
                    shape = f"{', '.join(each)} ({dims[0]})"
                rows.append((name, shape, False))
        return rows


def labelled(name: str, array: Any, leading: tuple[str, ...] = (), model: AbstractModel | None = None) -> Any:
    """(dims, values, attributes) of a quantity, as xarray wants a variable; `leading` are the axes of a sweep, and `model`
    is what it is a quantity of."""
    quantity, values = describe(name), np.asarray(array)
    of_model = (1, "time") if model is None else (model.populations, model.time_axis)
    dims = leading + quantity.dims_for(values.ndim - len(leading), *of_model)
    attributes: dict[str, Any] = {"symbol": quantity.symbol, "units": quantity.units, "long_name": quantity.meaning}
    if name == "status":
        attributes["codes"] = ", ".join(f"{status.value} {status.name}" for status in Status)
    return dims, values, attributes


def of_axes(coordinates: Mapping[str, Any], variables: Mapping[str, Any]) -> dict[str, Any]:
    """The coordinates of the axes that there are, of variables as `labelled` makes them."""
    axes = {axis for dims, *_ in variables.values() for axis in dims}
    return {axis: values for axis, values in coordinates.items() if axis in axes}


def parameters(
    model: AbstractModel, theory: Theory, way: AbstractTheory | AbstractExperiment, seed: int | None, solver: Any = None
) -> dict[str, Any]:
    """The parts and parameters of a model, a theory and a solver and the versions in use, flat, for attributes of a dataset.
    `way` is the theory, or what it chose."""
    found: dict[str, Any] = {"theory": public_name(theory)}
    if isinstance(solver, eqx.Module):
        found["solver"] = type(solver).__name__
    if not model.in_short:
        # Of a unit of the user's own the functions are all there is to tell.
        parts = kinds_of_parts(model).items()
        found |= {name: one_line(part) if isinstance(part, Unit) else public_name(part) for name, part in parts}
    # What a solver and a theory both have, such as a tolerance, is the theory's.
    for name, value in {**_fields(solver), **model.values(), **_fields(theory)}.items():
        value = value.item() if isinstance(value, np.generic) else value
        if isinstance(value, np.ndarray | jax.Array | tuple) and np.asarray(value).dtype.kind in "fiu":
            # Whole, as text that JSON reads: attributes of a netCDF file have no matrices.
            value = json.dumps(np.asarray(value).tolist())
        found[name] = value if isinstance(value, int | float | str) else printed(value)
    if outside := way.outside_errors(model):
        found["outside_errors"] = outside
    return found | stamp(seed)


def _fields(record: Any) -> dict[str, Any]:
    """Names and values of what it holds."""
    return {field.name: getattr(record, field.name) for field in fields(record)} if isinstance(record, eqx.Module) else {}
