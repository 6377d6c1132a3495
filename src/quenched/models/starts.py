"""Where the neurons of a run begin: one distribution, or one for each variable of their states."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from quenched import checks
from quenched.models.initial import AbstractInitial, Normal, Uniform, read_initial
from quenched.precision import own_settings
from quenched.units.base import AbstractUnit

Starts = AbstractInitial | tuple[AbstractInitial, ...] | None
# The least uniform number that a distribution may draw.
_LEAST = 2.0**-54


def read_starts(initial: Any) -> Starts:
    """Of all variables where it is a tuple; None, where it is left out, is for the unit to say."""
    if isinstance(initial, tuple | list) and initial and not isinstance(initial[0], int | float | np.ndarray | list | tuple):
        return tuple(read_initial(each) for each in initial)
    return None if initial is None else read_initial(initial)


def check_starts(initial: Starts, units: Sequence[AbstractUnit]) -> None:
    """Refuse distributions that are not as many as variables, or that begin below 0 where there is nothing."""
    size = units[0].state_size
    if isinstance(initial, tuple) and len(initial) != size:
        raise ValueError(
            f"Argument `initial` must be one distribution, or a tuple of one for each of the {size} variables of a state, "
            f"but holds {len(initial)}."
        )
    if initial is None or not any(unit.nonnegative for unit in units):
        return
    first = initial[0] if isinstance(initial, tuple) else initial
    if any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(first)):
        return
    with own_settings(), jax.ensure_compile_time_eval():
        least = float(first.quantile(jnp.asarray(_LEAST)))
    if least < 0.0:
        raise ValueError(
            "Argument `initial` must be at least 0 for abundances, but reaches "
            f"{least:g}; give qd.Uniform(0, 1), which is taken if it is left out."
        )


def starts_of(initial: Starts, unit: AbstractUnit) -> tuple[AbstractInitial, ...]:
    """A distribution for each variable; those that nothing is said of begin at 0, and abundances above it."""
    if initial is None:
        initial = Uniform() if unit.nonnegative else Normal()
    return initial if isinstance(initial, tuple) else (initial, *[Normal(0.0, 0.0)] * (unit.state_size - 1))


def draw_states(
    initial: Starts, unit: AbstractUnit, shape: tuple[int, ...], key: Key[Array, ""]
) -> Float[Array, "... neuron"]:
    """States (*shape), the variables before them where there are several; those that nothing is said of begin at 0."""
    given = starts_of(initial, unit)
    if unit.state_size == 1:
        return given[0].draw(shape, key)
    drawn = [each.draw(shape, jax.random.fold_in(key, row) if row else key) for row, each in enumerate(given)]
    return jnp.stack(drawn)


def read_states(values: Any, unit: AbstractUnit, size: int, what: str) -> Float[Array, "... trial neuron"]:
    """Given states: (neuron), (trial, neuron), or with the variables first where there are several.

    Of several variables the first alone may be given; the others then begin at 0.
    """
    states, variables = checks.numbers("Argument `initial`", values), unit.state_size
    whole = states if states.ndim == 3 and len(states) == variables > 1 else np.atleast_2d(states)[None]
    if whole.ndim != 3 or whole.shape[2] != size:
        several = f", or all {variables} variables ({variables}, trial, {size})" if variables > 1 else ""
        raise ValueError(f"Argument `initial` must be {what}{several}, but has shape {states.shape}.")
    if not np.isfinite(whole).all():
        raise ValueError("Argument `initial` must be finite, but holds NaN or infinity.")
    if unit.nonnegative and (whole[0] < 0.0).any():
        raise ValueError(f"Argument `initial` must be at least 0 for abundances, but holds {whole[0].min():g}.")
    if variables == 1:
        return jnp.asarray(whole[0])
    rest = np.zeros((variables - len(whole), *whole.shape[1:]))
    return jnp.asarray(np.concatenate([whole, rest]))
