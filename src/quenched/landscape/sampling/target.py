"""The measure that is sampled: exp(-E/T) of the speed landscape."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from quenched.dynamics.base import AbstractDynamics
from quenched.dynamics.network_flow import NetworkFlow
from quenched.dynamics.network_function import NetworkFunction

State = Float[Array, " neuron"]


class Target(eqx.Module):
    """E(x) = |F(x)|^2/2 + confinement |x|^2 of the residual F of a dynamics, and what phi is."""

    dynamics: AbstractDynamics
    inputs: Any
    confinement: Any
    rate: Callable[[Any], Any]

    def energy_and_gradient(self, state: State) -> tuple[Float[Array, ""], State]:
        """E and F'^T F + 2 confinement x: one vector-Jacobian product, never a full Jacobian."""
        speed, pull_back = jax.vjp(lambda x: self.dynamics.residual(x, self.inputs), state)
        energy = 0.5 * jnp.sum(speed**2) + self.confinement * jnp.sum(state**2)
        return energy, pull_back(speed)[0] + 2.0 * self.confinement * state


def rate_of(dynamics: AbstractDynamics, rate: Callable[[Any], Any] | None) -> Callable[[Any], Any]:
    """phi: as given, that of a network, or the identity."""
    if rate is not None:
        return rate
    if isinstance(dynamics, NetworkFlow):
        return dynamics.network.activation
    function = getattr(dynamics, "_function", None)
    return function.rate if isinstance(function, NetworkFunction) else identity


def identity(state: Array) -> Array:
    """phi of a dynamics that has no rates."""
    return state


class Chains(NamedTuple):
    """Where the chains are: several at each rung of a ladder of temperatures, a single one without replica exchange."""

    state: Float[Array, "rung chain neuron"]
    energy: Float[Array, "rung chain"]
    gradient: Float[Array, "rung chain neuron"]


def placed(target: Target, state: Float[Array, "rung chain neuron"]) -> Chains:
    """Chains at these states."""
    energy, gradient = jax.vmap(jax.vmap(target.energy_and_gradient))(state)
    return Chains(state, energy, gradient)
