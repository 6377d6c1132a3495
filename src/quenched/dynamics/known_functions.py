"""Velocities and steps of this package, and what is known of them besides their values."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array

from quenched.activations import AbstractActivation
from quenched.dynamics.base import Number
from quenched.dynamics.lipschitz import bound_of, largest_curvature, sampled_lipschitz


class AbstractKnownFunction(eqx.Module):
    """A velocity or a step of this package, with what is known of it; of a function of the user's own nothing is."""

    @abstractmethod
    def __call__(self, state: Any, inputs: Any = None) -> Array:
        """The velocity, or the next state."""

    @property
    @abstractmethod
    def bounded(self) -> bool | None:
        """As `AbstractDynamics.bounded`."""

    @property
    def bound(self) -> str:
        """As `AbstractDynamics.bound`."""
        return "sampled"

    @property
    def at_rest(self) -> AbstractAtRest | None:
        """An equation with the same fixed points that is easier to solve, where one is known."""
        return None

    def jacobian(self, state: Any, inputs: Any = None) -> Array:
        """Its derivative with respect to the state."""
        return jax.jacfwd(lambda x: self(x, inputs))(state)

    def may_rest(self, state: Any) -> Array:
        """As `AbstractDynamics.may_rest`."""
        return jnp.asarray(True)

    def admits(self, state: Any, inputs: Any = None) -> Array:
        """As `AbstractDynamics.admits`."""
        return jnp.asarray(True)

    def until_kink(self, state: Any, inputs: Any) -> Number:
        """How far the next kink is that is known, in the largest entry; infinity where none is."""
        return jnp.asarray(jnp.inf)

    def lipschitz(self, state: Any, inputs: Any) -> tuple[Number, Number]:
        """As `AbstractDynamics.lipschitz`."""
        return sampled_lipschitz(lambda x: self.jacobian(x, inputs), state, self.until_kink(state, inputs))


class AbstractAtRest(AbstractKnownFunction):
    """The velocity of the unknowns that determine a state at rest: zero exactly where all of the state is."""

    @property
    @abstractmethod
    def size(self) -> int:
        """How many unknowns there are."""

    @abstractmethod
    def unknowns(self, states: Any) -> Any:
        """Those of states (..., neuron)."""

    @abstractmethod
    def state(self, unknowns: Any, inputs: Any = None) -> Array:
        """The state (neuron) with the others at rest."""


class AbstractRateFunction(AbstractKnownFunction):
    """One with rates phi, and no gates."""

    activation: eqx.AbstractVar[AbstractActivation]

    @property
    @abstractmethod
    def bend(self) -> Number:
        """How fast its derivative changes where |phi''| = 1."""

    @property
    def bounded(self) -> bool | None:
        return self.activation.bounded

    @property
    def bound(self) -> str:
        return bound_of(self.activation)

    def lipschitz(self, state: Any, inputs: Any) -> tuple[Number, Number]:
        """As `AbstractDynamics.lipschitz`."""
        if self.bound == "sampled":
            return super().lipschitz(state, inputs)
        return largest_curvature(self.activation) * self.bend, self.until_kink(state, inputs)
