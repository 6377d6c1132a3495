"""A neuron that tires: a second variable follows its state and pulls it back."""

from __future__ import annotations

from typing import ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from quenched import checks
from quenched.activations import AbstractActivation
from quenched.units.base import State
from quenched.units.with_activation import UnitWithActivation

Real = float | Float[Array, ""]


class Adaptive(UnitWithActivation):
    """dx/dt = -x - a + h, da/dt = c (-a + b x), of rate phi(x).

    At symmetry 0 rest loses stability at g = 1/(phi'(0) max |T|), T(w) = (c + i w)/((1 + i w)(c + i w) + b c): to an
    oscillation where the maximum is not at w = 0.

    Arguments:
        activation: phi, tanh if left out.
        adaptation_rate: c, the rate at which the adaptation a follows, per leak time; above 0.
        adaptation_strength: b, the adaptation at rest as a multiple of the state; above -1, where rest ends.

    Raises:
        TypeError, ValueError: what is given is no activation, no number, or out of range.

    Example:
        >>> import quenched as qd
        >>> model = qd.RandomNetwork(couplings=qd.couplings.Elliptic(1.0), unit=qd.units.Adaptive())
        >>> 1.0 < float(model.critical_gain) < 2.0
        True

    Source: Muscinelli, Gerstner & Schwalger 2019 (`muscinelli2019`).
    """

    citations: ClassVar[tuple[str, ...]] = ("muscinelli2019",)

    activation: AbstractActivation
    adaptation_rate: Real
    adaptation_strength: Real

    def __init__(
        self,
        activation: AbstractActivation | None = None,
        adaptation_rate: Real = 0.1,
        adaptation_strength: Real = 1.0,
    ):
        super().__init__(activation)
        self.adaptation_rate = checks.number("adaptation_rate", adaptation_rate, above=0.0)
        self.adaptation_strength = checks.number("adaptation_strength", adaptation_strength, above=-1.0)

    @property
    def state_size(self) -> int:
        return 2

    def drift(self, state: State, field: State) -> State:
        x, a = state
        return jnp.stack([-x - a + field, self.adaptation_rate * (-a + self.adaptation_strength * x)])

    def rate(self, state: State) -> State:
        return self.activation(state[0])

    def resting_field(self, place: State) -> State:
        return (1.0 + self.adaptation_strength) * place

    def resting_state(self, place: State) -> State:
        return jnp.stack([place, self.adaptation_strength * place])

    def in_range(self) -> Bool[Array, ""]:
        return (jnp.asarray(self.adaptation_rate) > 0.0) & (jnp.asarray(self.adaptation_strength) > -1.0)
