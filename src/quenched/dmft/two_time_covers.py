"""What `TwoTime` takes of models made of parts; what it does not is refused by the part's name."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from quenched.activations import check_continuous
from quenched.couplings import AbstractCouplings, Blocks
from quenched.couplings.base import remembers
from quenched.models import RandomNetwork
from quenched.models.starts import Starts, check_starts
from quenched.precision import own_settings, traced
from quenched.records import public_name
from quenched.simulate.refusals import check_couplings, check_run
from quenched.units import AbstractUnit


def check_parts(model: RandomNetwork, step: float, initial: Starts) -> None:
    """Refuse units that the step, the noise or the initial states do not suit, and couplings that change under a flow."""
    check_run(model.units, step, model.noise)
    check_couplings(model.couplings, model.kind, "dmft.TwoTime")
    _refuse_returning_averages(model.couplings)
    check_starts(initial, model.units)
    if model.kind == "flow":
        for unit in model.units:
            _check_step(unit, step)


def check_slopes(models: Sequence[RandomNetwork], what: str = "memory, latents or a response") -> None:
    """Refuse rates that jump where what small changes do to single neurons is needed."""
    for unit in (unit for model in models for unit in model.units):
        if unit.jumps and hasattr(unit, "activation"):
            check_continuous(
                unit.activation,
                f"dmft.TwoTime with {what}",
                "what a small change does to a trajectory is a delta function where it passes the jump",
                "symmetry 0 without a low-rank part, response=False and perturbation=False, qd.simulate.Trajectories, or ",
            )


def _refuse_returning_averages(couplings: AbstractCouplings) -> None:
    """With balanced rows the average over a row comes back through symmetric couplings, and memory leaves that out."""
    parts = jax.tree.leaves(couplings, is_leaf=lambda part: isinstance(part, Blocks))
    balanced = [part for part in parts if isinstance(part, Blocks) and part.balanced_rows]
    if any(not traced(part) and remembers(part) for part in balanced):
        raise ValueError(
            "Argument `symmetry` must be 0 with balanced rows for theories in time, which leave out that the average of a "
            "row comes back too; use qd.dmft.Static, or qd.simulate.Trajectories."
        )


def fastest_rate(unit: AbstractUnit) -> float:
    """At which a flow relaxes to rest in no field, over its shortest time; 0 of maps, and where nothing is known."""
    if traced(unit) or unit.kind == "map":
        return 0.0
    size = unit.state_size
    with own_settings(), jax.ensure_compile_time_eval():
        along = np.asarray(unit.drift_slopes(jnp.zeros((size, 1) if size > 1 else 1), jnp.zeros(1))[0])
    rates = -np.linalg.eigvals(along.reshape(size, size)).real if np.isfinite(along).all() else np.zeros(1)
    return float(rates.max())


def _check_step(unit: AbstractUnit, step: float) -> None:
    """Beyond its shortest time Euler's scheme oscillates, and that of Adams and Bashforth grows."""
    fastest = fastest_rate(unit)
    if step * fastest > 1.0 + 1e-12:
        raise ValueError(
            f"Argument `step` must be at most {1.0 / fastest:.3g}, the shortest time in which {public_name(unit)} "
            f"relaxes, but is {step:g}."
        )
