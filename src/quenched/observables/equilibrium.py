"""Which networks are thermal, and at which temperature."""

from __future__ import annotations

from typing import Any

from quenched import checks


def expectation(attributes: Any) -> str:
    """Whether a network with these parameters is thermal, and why."""
    if not {"gain", "symmetry", "noise", "activation"} <= set(attributes):
        return "unknown: the data do not say gain, symmetry, noise and activation"
    gain, symmetry, noise = (float(attributes[name]) for name in ("gain", "symmetry", "noise"))
    if noise == 0.0:
        return "not thermal: without noise there is no temperature to compare with; the effective temperature is the result"
    if isinstance(attributes.get("field"), str):
        return "not thermal: the field changes in time, so that there is no stationary state"
    once = "once the initial state is forgotten"
    if gain == 0.0:
        return f"thermal at noise^2/2 {once}: at gain 0 each neuron is an Ornstein-Uhlenbeck process"
    if attributes["activation"] != "linear":
        why = "a nonlinear drift -x + J phi(x) is not a gradient in x"
        return (
            f"not thermal: {why} even for symmetric J; the violation is small at weak coupling"
            if symmetry == 1.0
            else f"not thermal: {why}, and J is not symmetric"
        )
    if symmetry == 1.0:
        return f"thermal at noise^2/2 {once}: linear with symmetric J, the drift is minus a gradient"
    return "not thermal: J is not symmetric, so that the drift is not a gradient"


def reference_temperature(attributes: Any, temperature: float | None) -> float:
    """The temperature given, or sigma^2/2."""
    if temperature is not None:
        return float(checks.number("temperature", temperature, low=0.0))
    if "noise" not in attributes:
        raise ValueError("Argument `temperature` must be given: the data do not say how strong the `noise` is.")
    return 0.5 * float(attributes["noise"]) ** 2
