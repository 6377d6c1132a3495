"""Echo-state networks: what leaks is the rate itself."""

from __future__ import annotations

from typing import ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from quenched import checks
from quenched.activations import AbstractActivation
from quenched.units.base import State
from quenched.units.with_activation import UnitWithActivation

Real = float | Float[Array, ""]


class Reservoir(UnitWithActivation):
    """r' = (1 - d) r + d phi(h): the state is the rate.

    Arguments:
        activation: phi, tanh if left out.
        leak: d, above 0 and at most 1, the part of a state that a step replaces.

    Raises:
        TypeError, ValueError: what is given is no activation, no number, or out of range.

    Example:
        >>> import jax.numpy as jnp, quenched as qd
        >>> float(qd.units.Reservoir(qd.Linear(), leak=0.25).drift(jnp.asarray(1.0), jnp.asarray(2.0)))
        1.25

    Source: Jaeger 2001.
    """

    activation: AbstractActivation
    leak: Real

    kind: ClassVar[str] = "map"

    def __init__(self, activation: AbstractActivation | None = None, leak: Real = 1.0):
        super().__init__(activation)
        self.leak = checks.number("leak", leak, above=0.0, high=1.0)

    def drift(self, state: State, field: State) -> State:
        return (1.0 - self.leak) * state + self.leak * self.activation(field)

    def rate(self, state: State) -> State:
        return state

    def drift_slopes(self, state: State, field: State) -> tuple[State, State]:
        return jnp.full_like(state, 1.0 - self.leak), self.leak * self.activation.slope(field)

    def resting_state(self, place: State) -> State:
        return self.activation(place)

    def place(self, state: State, field: State) -> State:
        return field

    def resting_slopes(self, place: State) -> tuple[State, State]:
        return jnp.ones_like(place), self.activation.slope(place)

    def in_range(self) -> Bool[Array, ""]:
        return (jnp.asarray(self.leak) > 0.0) & (self.leak <= 1.0)
