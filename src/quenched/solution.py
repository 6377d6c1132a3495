"""What `solve` returns: arrays under the vocabulary's names, and how the numerics went."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array

from quenched.checks import nearest
from quenched.models import RandomNetwork
from quenched.numerics.statistics import with_error
from quenched.status import Status, raise_unsolved
from quenched.theory import AbstractChoice, Theory
from quenched.vocabulary import VOCABULARY, describe

if TYPE_CHECKING:
    import xarray as xr

# JAX arrays under a transformation, NumPy's once it is over.
Values = Array | np.ndarray


class Solution(eqx.Module):
    """The answer to `solve`: a JAX pytree that labels itself when you look at it.

    `solution["correlation"]` is an `xarray.DataArray`; `solution.arrays["correlation"]` the bare array, which is what to use
    inside jit, grad and vmap; `solution.to_dataset()` everything at once, with units, symbols and parameters.
    """

    model: RandomNetwork
    theory: Theory
    arrays: dict[str, Values]
    status: Values
    residual: Values
    steps: Values
    coordinates: dict[str, Any]
    seed: int | None = eqx.field(static=True, default=None)
    wall_time: float | None = eqx.field(static=True, default=None)
    branch: str | None = eqx.field(static=True, default=None)
    """Which branch of the theory, where it has several."""

    def __getitem__(self, name: str) -> xr.DataArray:
        if isinstance(self.status, jax.core.Tracer):
            raise TypeError(f"A labelled array cannot be made under a JAX transformation; use solution.arrays[{name!r}].")
        if name not in self.arrays:
            raise KeyError(f"{name!r} is not in this solution.{nearest(name, self.arrays)} It has {', '.join(self.arrays)}.")
        return self.to_dataset()[name]

    def __contains__(self, name: object) -> bool:
        return name in self.arrays

    def check(self) -> Solution:
        """Raise SolveError unless every point is solved; on the host, so call it outside of transformations."""
        raise_unsolved(type(self.theory).__name__, self.status, "points", self)
        return self

    def to_dataset(self) -> xr.Dataset:
        """Everything as an `xarray.Dataset`: units and symbols with each variable, parameters in the attributes."""
        import xarray as xr

        variables = {name: labelled(name, array) for name, array in self.arrays.items()}
        for name, array in (("status", self.status), ("residual", self.residual), ("steps", self.steps)):
            variables[name] = labelled(name, array)
        return xr.Dataset(variables, dict(self.coordinates), self.attributes())

    def attributes(self) -> dict[str, Any]:
        """Parameters, seed, versions and wall time, as they are stored with the numbers."""
        way = self.theory.choose([self.model]) if isinstance(self.theory, AbstractChoice) else self.theory
        branch = {} if self.branch is None else {"branch": self.branch}
        known = parameters(self.model, self.theory, way, self.seed)
        return {**known, **branch, "wall_time_seconds": self.wall_time or 0.0}

    def __repr__(self) -> str:
        if isinstance(self.status, jax.core.Tracer):
            return f"Solution({', '.join(self.arrays)}; traced)"
        status = Status(int(np.max(np.asarray(self.status))))
        branch = "" if self.branch is None else f", branch {self.branch}"
        lines = [
            one_line(self.model),
            one_line(self.theory) + branch,
            f"status {status.name}, residual {float(np.max(self.residual)):.1e}, steps {int(np.max(self.steps))}",
        ]
        for name in (name for name in VOCABULARY if name in self.arrays):
            array = self.arrays[name]
            if np.ndim(array) == 0:
                error = self.arrays.get(f"{name}_error")
                text = with_error(float(array), None if error is None else float(error))
            else:
                dims = describe(name).dims_for(np.ndim(array))
                text = " x ".join(f"{length} {dim}" for length, dim in zip(np.shape(array), dims, strict=True))
            lines.append(f"  {name:<24} {text}")
        return "\n".join(lines)


def labelled(name: str, array: Any, leading: tuple[str, ...] = ()) -> Any:
    """(dims, values, attributes) of a quantity, as xarray wants a variable; `leading` are the axes of a sweep."""
    quantity, values = describe(name), np.asarray(array)
    dims = leading + quantity.dims_for(values.ndim - len(leading))
    attributes: dict[str, Any] = {"symbol": quantity.symbol, "units": quantity.units, "long_name": quantity.meaning}
    if name == "status":
        attributes["codes"] = ", ".join(f"{status.value} {status.name}" for status in Status)
    return dims, values, attributes


def parameters(model: RandomNetwork, theory: Theory, way: Theory, seed: int | None) -> dict[str, Any]:
    """The parameters of a model and a theory and the versions in use, flat, for attributes of a dataset. Of a choice only
    those that the way chosen has too: what others take did not matter."""
    from importlib.metadata import version

    found: dict[str, Any] = {"theory": theory_name(theory)}
    for owner in (model, theory):
        for name in (field.name for field in fields(owner) if owner is model or hasattr(way, field.name)):
            value = getattr(owner, name)
            if hasattr(value, "name"):
                value = value.name
            found[name] = (
                value.item()
                if isinstance(value, np.generic)
                else value
                if isinstance(value, int | float | str)
                else repr(value)
            )
    if seed is not None:
        found["seed"] = seed
    return {**found, "quenched_version": version("quenched"), "jax_version": jax.__version__}


def theory_name(theory: Theory) -> str:
    """The theory's public name without the `qd.`, such as dmft.Static; of a theory from elsewhere its class."""
    package, _, inside = type(theory).__module__.partition(".")
    return f"{inside.split('.')[0]}.{type(theory).__name__}" if package == "quenched" else type(theory).__name__


def one_line(record: RandomNetwork | Theory) -> str:
    """Name and parameters of a model or a theory, as one would type them."""

    def show(value: Any) -> str:
        if hasattr(value, "name"):
            return str(value.name)
        if isinstance(value, eqx.Module):
            return f"{type(value).__name__}({', '.join(show(getattr(value, field.name)) for field in fields(value))})"
        return f"{float(value):g}" if isinstance(value, np.generic | float) or hasattr(value, "dtype") else repr(value)

    listing = ", ".join(f"{field.name}={show(getattr(record, field.name))}" for field in fields(record))
    name = type(record).__name__ if isinstance(record, RandomNetwork) else theory_name(record)
    return f"{name}({listing})"
