"""Refusing bad arguments before any work: which argument, what it must be, what it is."""

from __future__ import annotations

import os
from decimal import Decimal
from numbers import Number
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from quenched.words import nearest as nearest
from quenched.words import one_of as one_of
from quenched.words import shown as shown


def number(name: str, value: Any, *, low: float = -np.inf, high: float = np.inf, above: float = -np.inf) -> Any:
    """A finite real number within [low, high] and greater than `above`, as float64; a traced value passes unseen."""
    if isinstance(value, jax.core.Tracer):
        if value.ndim:
            raise ValueError(f"Argument `{name}` must be one number, but is traced with shape {value.shape}; use vmap.")
        return value
    if value is None or isinstance(value, bool | np.bool_ | str | bytes | complex | np.complexfloating):
        raise TypeError(f"Argument `{name}` must be a real number, but is {shown(value)}.")
    if callable(value):
        raise TypeError(f"Argument `{name}` must be a real number, but is the function {shown(value)}.")
    array = numbers(f"Argument `{name}`", value)
    if array.ndim:
        raise ValueError(
            f"Argument `{name}` must be one number, but has shape {array.shape}; for several values use qd.sweep."
        )
    must = []
    if low > -np.inf and high < np.inf:
        must.append(f"between {low:g} and {high:g}")
    elif low > -np.inf:
        must.append(f"at least {low:g}")
    elif high < np.inf:
        must.append(f"at most {high:g}")
    if above > -np.inf:
        must.append(f"greater than {above:g}")
    if not np.isfinite(array) or array < low or array > high or array <= above:
        raise ValueError(
            f"Argument `{name}` must be a finite number {' and '.join(must)}".rstrip() + f", but is {float(array):g}."
        )
    return array[()]


def numbers(what: str, values: Any) -> np.ndarray:
    """Real numbers as a copy in float64, whatever holds them; `what` begins the sentence of a refusal.

    Every reader of numbers asks this function: `np.asarray` alone reads through masks, drops units and imaginary parts, and
    takes text and truth values for numbers.
    """
    refuse_datasets(what, values)
    # A variable of a netCDF file, or an array of Dask's: the mask is in what it holds.
    if isinstance(getattr(values, "dimensions", None), tuple):
        values = values[...]
    elif _library(values) == "dask":
        values = values.compute()
    refuse_masks_and_units(what, values)
    array = _as_array(what, values)
    if array.dtype == object and array.ndim == 0 and isinstance(values, Number | Decimal):
        return np.asarray(values, dtype=np.float64)  # a fraction, a large whole number
    # JAX's notion of a number knows bfloat16, and takes a span of time for one.
    if array.dtype.kind == "m" or not (
        jnp.issubdtype(array.dtype, jnp.floating) or jnp.issubdtype(array.dtype, jnp.integer)
    ):
        instead = next((hint for kinds, hint in _INSTEAD.items() if array.dtype.kind in kinds), "")
        raise TypeError(f"{what} must hold real numbers, but holds {array.dtype}{instead}.")
    # NumPy, as `qd.Network`: in a program that keeps JAX in 32 bits it stays as it is.
    return np.array(array, dtype=np.float64)


_INSTEAD = {
    "b": "; give .astype(float) if 0 and 1 are meant",
    "c": "; give its .real if the imaginary part means nothing",
    "O": "; numbers alone make an array of floats, np.array(values, dtype=float)",
    "US": "; turn the text into numbers first",
}


def refuse_datasets(what: str, values: Any) -> None:
    """Refuse a whole dataset where one variable of it is meant."""
    if hasattr(values, "data_vars"):
        one = "state" if "state" in values else next(iter(values), "name")
        raise TypeError(f"{what} must be numbers, but is a whole dataset: give one variable of it, such as its .{one}.")


def refuse_masks_and_units(what: str, values: Any) -> None:
    """Refuse, at any depth of a list, what NumPy would silently take the bare numbers of."""
    if isinstance(values, list | tuple):
        for each in values:
            if not isinstance(each, float | int):
                refuse_masks_and_units(what, each)
        return
    if isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values):
        count = int(np.ma.count_masked(values))
        raise ValueError(
            f"{what} must hold real numbers, but {count} of {values.size} are masked: give values to these, "
            "`.filled(value)`, or leave them out."
        )
    held = values.data if _library(values) == "xarray" else values
    unit = next((getattr(held, name) for name in ("units", "unit", "dimensions") if hasattr(held, name)), None)
    if unit is not None and _library(values) != "pandas":
        raise TypeError(
            f"{what} must hold plain numbers, but has the unit {str(unit)!r}: give the numbers alone, in the model's units "
            "(times in leak times)."
        )


def _as_array(what: str, values: Any) -> np.ndarray:
    if hasattr(values, "tocoo"):
        raise TypeError(f"{what} must be a dense array, but is a sparse matrix: give its .toarray().")
    try:
        if hasattr(values, "detach") and hasattr(values, "is_floating_point"):
            # Of PyTorch, on any device, with a gradient or without; NumPy has no bfloat16.
            wide = values.double() if values.is_floating_point() else values
            return np.asarray(wide.numpy(force=True))
        if _library(values) == "pandas" and _real_columns(values):
            return np.asarray(values.to_numpy(dtype=np.float64, na_value=np.nan))
        return np.asarray(values)
    except (ValueError, TypeError, RuntimeError) as error:
        if "inhomogeneous" in str(error):
            raise ValueError(f"{what} must be an array, but its rows differ in length.") from None
        raise TypeError(f"{what} must be real numbers, but NumPy cannot read {type(values).__name__}: {error}") from None


def _library(values: Any) -> str:
    return type(values).__module__.partition(".")[0]


def _real_columns(values: Any) -> bool:
    """Whether NA, for which NumPy has Python objects, can become NaN."""
    kinds: Any = getattr(values, "dtypes", getattr(values, "dtype", None))
    return all(kind.kind in "iuf" for kind in np.ravel(kinds))


def real_array(what: str, values: Any, shape: tuple[int | None, ...]) -> np.ndarray:
    """`numbers` that are finite and of this shape, where None is any length."""
    array = numbers(what, values)
    if array.ndim != len(shape) or any(must not in (None, found) for must, found in zip(shape, array.shape, strict=True)):
        must = ", ".join("any" if length is None else str(length) for length in shape) + ("," if len(shape) == 1 else "")
        raise ValueError(f"{what} must have shape ({must}), but has {array.shape}.")
    if not np.isfinite(array).all():
        raise ValueError(f"{what} must be finite, but holds NaN or infinity.")
    return array


def fractions(name: str, values: Any) -> Any:
    """Parts of a whole, (population,): at least 0, of sum 1."""
    if isinstance(values, jax.core.Tracer):
        return values
    array = real_array(f"Argument `{name}`", values, (None,))
    if not array.size or np.any(array < 0.0) or abs(array.sum() - 1.0) > 1e-9:
        raise ValueError(
            f"Argument `{name}` must be one number for each population, at least 0, of sum 1, but is {array.tolist()}, "
            f"of sum {array.sum():g}."
        )
    return array


def entries(name: str, values: Any, shape: tuple[int, ...], *, low: float = -np.inf, high: float = np.inf) -> Any:
    """One number for all, or an array of them of this shape."""
    if isinstance(values, jax.core.Tracer):
        if values.ndim and values.shape != shape:
            raise ValueError(f"Argument `{name}` must be one number or have shape {shape}, but has {values.shape}.")
        return values
    if np.ndim(values) == 0:
        return number(name, values, low=low, high=high)
    array = numbers(f"Argument `{name}`", values)
    if array.shape != shape:
        raise ValueError(f"Argument `{name}` must be one number or have shape {shape}, but has {array.shape}.")
    for place in np.argwhere(~np.isfinite(array) | (array < low) | (array > high))[:1]:
        number(f"{name}[{', '.join(map(str, place))}]", array[tuple(place)], low=low, high=high)
    return array


def of_populations(name: str, value: Any, populations: int | None, *, low: float = -np.inf, above: float = -np.inf) -> Any:
    """One number, or one for each population; of how many populations is not asked if it is None."""
    if np.ndim(value) == 0 or isinstance(value, str):
        return number(name, value, low=low, above=above)
    shape = np.shape(value) if hasattr(value, "shape") else (len(value),)
    if len(shape) != 1 or (populations is not None and shape != (populations,)) or populations == 1:
        must = "" if populations == 1 else " or one number for each population"
        several = f", of which there are {populations}" if populations and populations > 1 else ""
        instead = "; for several values use qd.sweep" if populations == 1 else ""
        raise ValueError(f"Argument `{name}` must be one number{must}{several}, but has shape {shape}{instead}.")
    if isinstance(value, jax.core.Tracer):
        return value
    array = numbers(f"Argument `{name}`", value)
    for place in np.flatnonzero(~np.isfinite(array) | (array < low) | (array <= above))[:1]:
        number(f"{name}[{place}]", array[place], low=low, above=above)
    return array


def symmetric(name: str, matrix: Any, why: str) -> None:
    """Refuse a matrix that is not its own transpose."""
    if isinstance(matrix, jax.core.Tracer) or np.ndim(matrix) == 0:
        return
    for row, column in np.argwhere(matrix != matrix.T)[:1]:
        raise ValueError(
            f"Argument `{name}` must be symmetric, since {why}, but {name}[{row}, {column}] is {matrix[row, column]:g} and "
            f"{name}[{column}, {row}] is {matrix[column, row]:g}."
        )


def traceable_numbers(what: str, values: Any) -> Any:
    """`numbers`, or a traced value of JAX's as it is: for what is called inside of other programs too."""
    return values if isinstance(values, jax.core.Tracer) else numbers(what, values)


def one_vector(name: str, values: Any, size: int) -> jax.Array:
    """One state or one input of this size as a JAX array; a traced value passes if its shape is right."""
    array = jnp.asarray(traceable_numbers(f"Argument `{name}`", values))
    if array.shape != (size,):
        raise ValueError(f"Argument `{name}` must have shape ({size},), but has {array.shape}; use jax.vmap for many.")
    return array


def count(name: str, value: Any, *, low: int = 1) -> int:
    """A whole number, at least `low`."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"Argument `{name}` must be a whole number, but is {shown(value)}.")
    if value < low:
        raise ValueError(f"Argument `{name}` must be at least {low}, but is {value}.")
    return int(value)


def flag(name: str, value: Any) -> bool:
    """True or False."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"Argument `{name}` must be True or False, but is {shown(value)}.")
    return bool(value)


def progress(value: Any) -> Any:
    """A function that hears how far the work is, or None."""
    if value is not None and not callable(value):
        raise TypeError(f"Argument `progress` must be a function, called with how much is done, but is {shown(value)}.")
    return value


def place(name: str, value: Any) -> Path:
    """Where a file or a folder is."""
    if not isinstance(value, str | os.PathLike):
        raise TypeError(f"Argument `{name}` must be a path, as text or a pathlib.Path, but is {shown(value)}.")
    return Path(value)


def dataset(name: str, value: Any, source: str, *needed: str) -> None:
    """What `source` returns, an xarray.Dataset with these variables."""
    if not hasattr(value, "data_vars"):
        raise TypeError(f"Argument `{name}` must be the Dataset of {source}, but is {shown(value)}.")
    missing = sorted(each for each in needed if each not in value)
    if missing:
        raise TypeError(f"Argument `{name}` must be the Dataset of {source}, but lacks {', '.join(missing)}.")
