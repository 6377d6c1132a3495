"""What every unit provides: how its state moves, and the rate that the others see."""

from __future__ import annotations

from abc import abstractmethod

from jaxtyping import Array, Float

from quenched.records import Record


class AbstractUnit(Record):
    """One neuron: a flow dx/dt = f(x, h) of its state x and its input h, and its rate."""

    @abstractmethod
    def drift(self, state: Float[Array, "..."], field: Float[Array, "..."]) -> Float[Array, "..."]:
        """f(x, h), element by element."""

    @abstractmethod
    def rate(self, state: Float[Array, "..."]) -> Float[Array, "..."]:
        """What the others receive of x, element by element."""

    @abstractmethod
    def rate_slope(self, state: Float[Array, "..."]) -> Float[Array, "..."]:
        """The derivative of the rate."""

    @abstractmethod
    def drift_slopes(
        self, state: Float[Array, "..."], field: Float[Array, "..."]
    ) -> tuple[Float[Array, "..."], Float[Array, "..."]]:
        """The derivatives of f by x and by h."""
