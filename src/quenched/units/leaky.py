"""The usual rate neuron: its state relaxes to its input."""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from quenched import checks
from quenched.activations import AbstractActivation
from quenched.units.base import State
from quenched.units.with_activation import UnitWithActivation

Real = float | Float[Array, ""]


class Leaky(UnitWithActivation):
    """tau dx/dt = -x + s phi(x) + h, of rate phi(x).

    A neuron with self-coupling s phi' > 1 has two states of rest; theories of rest take the outermost of its input's sign.

    Arguments:
        activation: phi, tanh if left out.
        time_constant: tau, above 0, in the unit of time; 1 if left out.
        self_coupling: s, from a neuron to itself; none if left out. Theories of the usual neuron alone need both left out.

    Raises:
        TypeError, ValueError: what is given is no activation, no number, or out of range.

    Example:
        >>> import jax.numpy as jnp, quenched as qd
        >>> float(qd.units.Leaky(qd.ReLU()).drift(jnp.asarray(1.0), jnp.asarray(0.25)))
        -0.75

    Source: self-coupling: Stern, Sompolinsky & Abbott 2014 (`stern2014`).
    """

    activation: AbstractActivation
    time_constant: Real | None
    self_coupling: Real | None

    def __init__(
        self,
        activation: AbstractActivation | None = None,
        time_constant: Real | None = None,
        self_coupling: Real | None = None,
    ):
        super().__init__(activation)
        self.time_constant = None if time_constant is None else checks.number("time_constant", time_constant, above=0.0)
        self.self_coupling = None if self_coupling is None else checks.number("self_coupling", self_coupling)

    @property
    def usual(self) -> bool:
        """Whether it is dx/dt = -x + h."""
        return self.time_constant is None and self.self_coupling is None

    def drift(self, state: State, field: State) -> State:
        return self._over_time(-self.resting_field(state) + field)

    def rate(self, state: State) -> State:
        return self.activation(state)

    def rate_slope(self, state: State) -> State:
        return self.activation.slope(state)

    def drift_slopes(self, state: State, field: State) -> tuple[State, State]:
        return self._over_time(-self.resting_slopes(state)[0]), self._over_time(jnp.ones_like(field))

    def resting_field(self, place: State) -> State:
        return place if self.self_coupling is None else place - self.self_coupling * self.activation(place)

    def resting_state(self, place: State) -> State:
        return place

    def resting_slopes(self, place: State) -> tuple[State, State]:
        slope, ones = self.activation.slope(place), jnp.ones_like(place)
        return (ones if self.self_coupling is None else 1.0 - self.self_coupling * slope), slope

    def _over_time(self, change: State) -> State:
        return change if self.time_constant is None else change / self.time_constant

    def in_range(self) -> Bool[Array, ""]:
        time = jnp.asarray(1.0 if self.time_constant is None else self.time_constant)
        own = jnp.asarray(0.0 if self.self_coupling is None else self.self_coupling)
        return (time > 0.0) & jnp.isfinite(time) & jnp.isfinite(own)
