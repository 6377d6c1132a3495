"""One step of dx = F(x) dt + sigma dW, additive noise."""

from __future__ import annotations

from collections.abc import Callable

from jaxtyping import Array, Float

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
