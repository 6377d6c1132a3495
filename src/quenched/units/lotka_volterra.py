"""Species in competition."""

from __future__ import annotations

from typing import Any, ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from quenched import checks
from quenched.units.base import AbstractUnit, State

Real = float | Float[Array, ""]


class LotkaVolterra(AbstractUnit):
    """dx/dt = r x (K - x + h) + m, the abundance x of one species, which is its rate too.

    Competition is a mean of the couplings below 0. Without immigration a species with K + h < 0 dies out.

    Arguments:
        growth: r, the rate of growth, per time and abundance, above 0.
        capacity: K, above 0: the abundance of a species alone.
        immigration: m, abundance that comes from outside per time, at least 0.

    Schemes keep abundances at 0 or above: "euler" is x exp(step r (K - x + h)) + step m.

    Raises:
        ValueError, TypeError: a number is out of range, NaN, or none.

    Example:
        >>> import jax.numpy as jnp, quenched as qd
        >>> float(qd.units.LotkaVolterra().drift(jnp.asarray(0.5), jnp.asarray(0.0)))
        0.25

    Source: Bunin 2017 (`bunin2017`); Roy, Biroli, Bunin & Cammarota 2019 (`roy2019`).
    """

    growth: Real
    capacity: Real
    immigration: Real

    citations: ClassVar[tuple[str, ...]] = ("bunin2017", "roy2019")

    nonnegative: ClassVar[bool] = True
    breakpoints: ClassVar[tuple[float, ...]] = (0.0,)

    def __init__(self, growth: Real = 1.0, capacity: Real = 1.0, immigration: Real = 0.0):
        self.growth = checks.number("growth", growth, above=0.0)
        self.capacity = checks.number("capacity", capacity, above=0.0)
        self.immigration = checks.number("immigration", immigration, low=0.0)

    def drift(self, state: State, field: State) -> State:
        return state * self.speed(state, field) + self.immigration

    def rate(self, state: State) -> State:
        return state

    def speed(self, state: State, field: State) -> State:
        """Growth of each individual."""
        return self.growth * (self.capacity - state + field)

    def advance(self, state: State, speed: State, step: Any, scheme: str) -> State:
        if scheme == "euler":
            return state * jnp.exp(step * speed) + step * self.immigration
        # Half of the immigrants come before the growth, half after it.
        half = 0.5 * step * self.immigration
        return (state + half) * jnp.exp(step * speed) + half

    def extinct_below(self, time: Any) -> Any:
        """The abundance, begun at K, of a species that only just cannot live, K + h = 0: without immigration 1/(r t + 1/K).

        At that time a species in a constant field with K + h > 0 is above it, and one with K + h < 0 below, however slow.
        """
        alone = 1.0 / (self.growth * time + 1.0 / self.capacity)
        return jnp.sqrt(alone**2 + self.immigration / self.growth)

    def resting_field(self, place: State) -> State:
        """Of x with x - m/(r x) = place: at m = 0 that is place or 0, whichever is larger."""
        return place - self.capacity

    def resting_state(self, place: State) -> State:
        square = place**2 + 4.0 * self.immigration / self.growth
        root = jnp.where(square > 0.0, jnp.sqrt(jnp.where(square > 0.0, square, 1.0)), 0.0)
        # The two forms of the root of a quadratic equation, each where it does not cancel.
        below = 2.0 * self.immigration / self.growth / jnp.where(root > place, root - place, 1.0)
        return jnp.where(place > 0.0, 0.5 * (place + root), jnp.where(root > place, below, 0.0))

    def place(self, state: State, field: State) -> State:
        return field + self.capacity

    def resting_slopes(self, place: State) -> tuple[State, State]:
        # dx/dplace = x^2/(x^2 + m/r)
        square = self.resting_state(place) ** 2
        whole = square + self.immigration / self.growth
        return jnp.ones_like(place), jnp.where(whole > 0.0, square / jnp.where(whole > 0.0, whole, 1.0), 0.0)

    def in_range(self) -> Bool[Array, ""]:
        growth, capacity, immigration = map(jnp.asarray, (self.growth, self.capacity, self.immigration))
        return (growth > 0.0) & (capacity > 0.0) & (immigration >= 0.0) & jnp.isfinite(growth + capacity + immigration)
