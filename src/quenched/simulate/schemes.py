"""One step in time: of dx = F(x) dt + sigma dW with additive noise, and of any unit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jaxtyping import Array, Float

from quenched.units.base import AbstractUnit

State = Float[Array, "trial neuron"]
Scheme = Callable[[Callable[[State], State], State, State, float, State], State]


def euler(velocity: Callable[[State], State], state: State, drift: State, step: float, kick: State) -> State:
    """Euler-Maruyama: weak order 1. `drift` is F(state), `kick` is sigma (W(t + step) - W(t))."""
    del velocity
    return state + step * drift + kick


def second_order(velocity: Callable[[State], State], state: State, drift: State, step: float, kick: State) -> State:
    """Heun's scheme: order 2 without noise and weak order 2 with additive noise."""
    ahead = velocity(state + step * drift + kick)
    return state + 0.5 * step * (drift + ahead) + kick


SCHEMES: dict[str, Scheme] = {"euler": euler, "second_order": second_order}


def unit_step(
    unit: AbstractUnit,
    state: Float[Array, "... neuron"],
    field: Float[Array, "... neuron"],
    received_next: Callable[[Any], Any],
    step: Any,
    kick: Any,
    scheme: str,
) -> Float[Array, "... neuron"]:
    """The next state of any unit that now receives `field`, shaken by `kick`; `received_next(state)` is its field then.

    Euler's scheme takes the step at the speed at its beginning; Heun's, of order 2, at the mean of that and the speed where
    Euler's step leads. Of a map every scheme is the map.
    """
    speed = unit.speed(state, field)
    ahead = shaken(unit, unit.advance(state, speed, step, scheme), kick)
    if unit.kind == "map" or scheme == "euler":
        return ahead
    both = 0.5 * (speed + unit.speed(ahead, received_next(ahead)))
    return shaken(unit, unit.advance(state, both, step, scheme), kick)


def shaken(unit: AbstractUnit, state: Float[Array, "... neuron"], kick: Any) -> Float[Array, "... neuron"]:
    """The state with noise in its first variable."""
    return state + kick if unit.state_size == 1 else state.at[0].add(kick)
