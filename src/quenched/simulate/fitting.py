"""Whether a network fits into memory, and which other way of keeping its weights would."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import jax

from quenched.models import RandomNetwork
from quenched.numerics.memory import available_each
from quenched.simulate.holding import check_holding

if TYPE_CHECKING:
    from quenched.simulate.trajectories import Trajectories

_GIB = 2.0**30


def refuse_large(asked: Trajectories, model: RandomNetwork) -> None:
    """Refuse a network that does not fit, with what it needs and what it would need if its weights were elsewhere."""
    needed, free = needs(asked, model)
    if needed <= free:
        return
    found = [
        f"{name} would need {other / _GIB:.3g} GiB and {_verdict(other, free)}" for name, other, free in ways(asked, model)
    ]
    others = f"; {'; '.join(found)}" if found else ""
    each = f" on each of {asked.holding.devices} devices" if (asked.holding.devices or 1) > 1 else ""
    raise MemoryError(
        f"Trajectories needs about {needed / _GIB:.3g} GiB at once{each}, but {free / _GIB:.3g} GiB are free{others}. "
        f"Or lower {asked.memory_arguments}."
    )


def needs(asked: Trajectories, model: RandomNetwork) -> tuple[int, int]:
    """Bytes that one network takes on each device, and those that are free there."""
    return asked.bytes_measuring(model, None), available_each(asked.holding.devices)


def ways(asked: Trajectories, model: RandomNetwork) -> list[tuple[str, int, int]]:
    """Other ways to keep the weights, with bytes needed and free; those that need less."""
    now, found = asked.bytes_measuring(model, None), []
    weights: list[dict[str, Any]] = [{"dtype": "float32"}, {}, {"weights": "recomputed"}]
    spread: list[dict[str, Any]] = [{}, {"devices": "all"}] if jax.device_count() > 1 else [{}]
    for change in (first | second for second in spread for first in weights):
        other = dataclasses.replace(asked, **change)
        try:
            check_holding(model.couplings, other.weights, other.devices)
        except ValueError:
            continue
        needed, free = needs(other, model)
        if change and needed < now:
            found.append((", ".join(f'`{name}="{value}"`' for name, value in change.items()), needed, free))
    return found


def _verdict(needed: int, free: int) -> str:
    return "fits" if needed <= free else "does not fit"
