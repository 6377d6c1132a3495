"""What cannot be run in time, refused by the part's name before any work."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from quenched.activations import check_continuous
from quenched.couplings import AbstractCouplings
from quenched.records import public_name
from quenched.units.base import AbstractUnit
from quenched.units.leaky import Leaky


def check_run(units: Sequence[AbstractUnit], step: Any, noise: Any) -> None:
    """Refuse a step that the units cannot take, and noise that they cannot bear."""
    if units[0].kind == "map" and step != 1.0:
        raise ValueError(f"Argument `step` must be 1 for units that are maps, whose time counts steps, but is {step:g}.")
    for unit in units:
        time = getattr(unit, "time_constant", None)
        if time is not None and not isinstance(time, jax.core.Tracer) and step > time:
            raise ValueError(
                f"Argument `step` must be at most the shortest time constant, {float(time):g}, but is {step:g}: beyond it "
                "the leak alone makes Euler's scheme oscillate."
            )
    if any(unit.nonnegative for unit in units) and not isinstance(noise, jax.core.Tracer) and np.any(np.asarray(noise) > 0):
        raise ValueError(
            f"Argument `noise` must be 0 for abundances, which it would take below 0, but is {float(np.max(noise)):g}; "
            "immigration, qd.units.LotkaVolterra(immigration=...), keeps rare species alive."
        )


def check_couplings(couplings: AbstractCouplings, kind: str, what: str) -> None:
    """Refuse fresh couplings at every step where time is continuous."""
    if kind == "flow" and couplings.redrawn:
        raise ValueError(
            f"Argument `couplings` must last for {what} with units that are flows, but qd.couplings.Redrawn is drawn anew "
            "at every step; use units that are maps, such as qd.units.Discrete(), or the couplings inside of it."
        )


def check_response(units: Sequence[AbstractUnit], what: str) -> None:
    """Refuse units whose response to a field is not that of dx/dt = -x + h, and rates without a slope."""
    instead = "qd.dmft.TwoTime takes others"
    for unit in units:
        if type(unit) is not Leaky:
            raise ValueError(f"Argument `unit` must be qd.units.Leaky for {what}, but is {public_name(unit)}; {instead}.")
        for name in ("time_constant", "self_coupling"):
            if getattr(unit, name) is not None:
                raise ValueError(f"Argument `{name}` must be left out for {what}, whose units have none; {instead}.")
        check_continuous(
            unit.activation,
            what,
            "what a small change does to a neuron is a delta function where it passes the jump",
            "`response=False`, or ",
        )
