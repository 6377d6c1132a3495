"""What `TwoTime` takes of models made of parts; what it does not is refused by the part's name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from quenched.activations import check_continuous
from quenched.models import AbstractInitial, RandomNetwork
from quenched.precision import own_settings
from quenched.records import public_name
from quenched.theory import one_population
from quenched.units import AbstractUnit

# The least uniform number that a distribution may draw.
_LEAST = 2.0**-54


def is_usual(model: RandomNetwork) -> bool:
    """Whether it is one population of the usual leaky neurons with elliptic couplings."""
    try:
        one_population(model, "dmft.TwoTime")
    except ValueError:
        return False
    return True


def check_parts(model: RandomNetwork, step: float, initial: AbstractInitial) -> None:
    """Refuse units that the step or the initial states do not suit, and couplings that change under a flow."""
    if model.kind == "map":
        if step != 1.0:
            raise ValueError(
                f"Argument `step` must be 1 for units that are maps, such as {public_name(model.units[0])}, whose time "
                f"counts steps, but is {step:g}."
            )
    else:
        if model.couplings.redrawn:
            raise ValueError(
                "Argument `couplings` must last for dmft.TwoTime with units that are flows, but couplings.Redrawn is drawn "
                "anew at every step; use units that are maps, such as qd.units.Discrete(), or the couplings inside of it."
            )
        for unit in model.units:
            _check_step(unit, step)
    for unit in model.units:
        if unit.nonnegative:
            _check_abundances(unit, model.noise, initial)


def check_slopes(models: Sequence[RandomNetwork]) -> None:
    """Refuse rates that jump where the response of single neurons is needed."""
    for unit in (unit for model in models for unit in model.units):
        if unit.jumps and hasattr(unit, "activation"):
            check_continuous(
                unit.activation,
                "dmft.TwoTime with memory, latents or a response",
                "the response of a trajectory is a delta function where it passes the jump",
                "symmetry 0 without a low-rank part and with response=False, qd.simulate.Trajectories, or ",
            )


def _check_step(unit: AbstractUnit, step: float) -> None:
    """At rest in no field; beyond its shortest time Euler's scheme oscillates, and that of Adams and Bashforth grows."""
    if _traced(unit):
        return
    size = unit.state_size
    with own_settings(), jax.ensure_compile_time_eval():
        along = np.asarray(unit.drift_slopes(jnp.zeros((size, 1) if size > 1 else 1), jnp.zeros(1))[0])
    rates = -np.linalg.eigvals(along.reshape(size, size)).real if np.isfinite(along).all() else np.zeros(1)
    if step * rates.max() > 1.0 + 1e-12:
        raise ValueError(
            f"Argument `step` must be at most {1.0 / rates.max():.3g}, the shortest time in which {public_name(unit)} "
            f"relaxes, but is {step:g}."
        )


def _check_abundances(unit: AbstractUnit, noise: Any, initial: AbstractInitial) -> None:
    name = public_name(unit)
    if not _traced(noise) and np.any(np.asarray(noise) > 0.0):
        raise ValueError(
            f"Argument `noise` must be 0 for {name}, whose states it would take below 0, but is {float(np.max(noise)):g}; "
            "immigration, qd.units.LotkaVolterra(immigration=...), keeps rare species alive."
        )
    if _traced(initial):
        return
    with own_settings(), jax.ensure_compile_time_eval():
        lowest = float(np.min(np.asarray(initial.quantile(jnp.array([_LEAST, 0.5, 1.0 - _LEAST])))))
    if lowest < 0.0:
        raise ValueError(
            f"Argument `initial` must be a distribution of states at 0 or above for {name}, such as qd.Uniform(0, 1), but "
            f"reaches {lowest:g}."
        )


def _traced(tree: Any) -> bool:
    return any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(tree))
