"""The usual rate neuron: its state relaxes to its input."""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Float

from quenched.activations import AbstractActivation, Tanh
from quenched.units.base import AbstractUnit


class Leaky(AbstractUnit):
    """dx/dt = -x + h, of rate phi(x).

    Arguments:
        activation: phi, tanh if left out.

    Raises:
        TypeError: what is given is no activation.

    Example:
        >>> import jax.numpy as jnp, quenched as qd
        >>> float(qd.units.Leaky(qd.ReLU()).drift(jnp.asarray(1.0), jnp.asarray(0.25)))
        -0.75
    """

    activation: AbstractActivation

    def __init__(self, activation: AbstractActivation | None = None):
        self.activation = Tanh() if activation is None else activation
        if not isinstance(self.activation, AbstractActivation):
            raise TypeError(
                f"Argument `activation` must be an activation such as qd.Tanh(), but is {activation!r}; "
                "wrap a function of your own in qd.Activation(function)."
            )

    def drift(self, state: Float[Array, "..."], field: Float[Array, "..."]) -> Float[Array, "..."]:
        return -state + field

    def rate(self, state: Float[Array, "..."]) -> Float[Array, "..."]:
        return self.activation(state)

    def rate_slope(self, state: Float[Array, "..."]) -> Float[Array, "..."]:
        return self.activation.slope(state)

    def drift_slopes(
        self, state: Float[Array, "..."], field: Float[Array, "..."]
    ) -> tuple[Float[Array, "..."], Float[Array, "..."]]:
        return -jnp.ones_like(state), jnp.ones_like(field)
