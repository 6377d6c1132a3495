"""What units that have an activation share."""

from __future__ import annotations

from quenched.activations import AbstractActivation, Tanh
from quenched.units.base import AbstractUnit, State


class UnitWithActivation(AbstractUnit):
    """A unit whose rate at rest, at a place on the curve of its states of rest, is phi of that place."""

    activation: AbstractActivation

    def __init__(self, activation: AbstractActivation | None = None):
        self.activation = Tanh() if activation is None else activation
        if not isinstance(self.activation, AbstractActivation):
            raise TypeError(
                f"Argument `activation` must be an activation such as qd.Tanh(), but is {activation!r}; "
                "wrap a function of your own in qd.Activation(function)."
            )

    def place(self, state: State, field: State) -> State:
        return state if self.state_size == 1 else state[0]

    @property
    def breakpoints(self) -> tuple[float, ...]:
        return self.activation.breakpoints

    @property
    def jumps(self) -> tuple[tuple[float, float], ...]:
        return self.activation.jumps

    @property
    def bounded(self) -> bool:
        return self.activation.bounded

    @property
    def odd(self) -> bool:
        return self.activation.odd
