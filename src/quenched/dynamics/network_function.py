"""A network of any units as a flow or a map, and the equation that its fixed points solve."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from quenched.dynamics.base import AbstractDynamics, Number
from quenched.dynamics.flow_and_map import Flow, Map
from quenched.dynamics.known_functions import AbstractAtRest, AbstractKnownFunction
from quenched.dynamics.lipschitz import until_kink, until_kink_of_fields
from quenched.dynamics.network_flow import NetworkFlow
from quenched.models import Network
from quenched.units.leaky import Leaky
from quenched.units.reservoir import Reservoir
from quenched.units.with_activation import UnitWithActivation

# How far a state may be from where its neurons rest with what they receive, relative to its size.
_OFF_THE_CURVE = 1e-6


def network_dynamics(network: Network) -> AbstractDynamics:
    """The flow or the map of a network; inputs are added to its field."""
    if isinstance(network.unit, Leaky) and network.unit.usual:
        return NetworkFlow(network)
    function = NetworkFunction(network.unnamed)
    return (Map if network.unit.kind == "map" else Flow)(function, network.state_size)


class NetworkFunction(AbstractKnownFunction):
    """The velocity or the next state of a network. A state is one long vector: a variable of all neurons after another."""

    network: Network

    def __call__(self, state: Any, inputs: Any = None) -> Array:
        return jnp.ravel(self.network.drift(self._parted(state), 0.0 if inputs is None else inputs))

    def rate(self, states: Any) -> Array:
        """What the others receive of states (..., number)."""
        return self.network.unit.rate(self._parted(states))

    def _parted(self, states: Any) -> Array:
        """States with their variables first, where there are several."""
        several, states = self.network.unit.state_size, jnp.asarray(states)
        return states if several == 1 else jnp.moveaxis(states.reshape(*states.shape[:-1], several, -1), -2, 0)

    def received(self, state: Any, inputs: Any = None) -> Array:
        """h."""
        return self.network.received(self._parted(state), 0.0 if inputs is None else inputs)

    def slopes(self, state: Any, inputs: Any = None) -> tuple[Array, Array, Array]:
        """Derivatives of the drift by the state, (variable, variable, neuron), and by h, and of the rate."""
        unit, x = self.network.unit, self._parted(state)
        along, of_field = unit.drift_slopes(x, self.received(state, inputs))
        slope = unit.rate_slope(x)
        return (along, of_field, slope) if unit.state_size > 1 else (along[None, None], of_field[None], slope[None])

    def jacobian(self, state: Any, inputs: Any = None) -> Array:
        along, of_field, slope = self.slopes(state, inputs)
        own = jnp.einsum("wvi,ij->wivj", along, jnp.eye(self.network.size))
        through = jnp.einsum("wi,ij,vj->wivj", of_field, jnp.asarray(self.network.dense_weights), slope)
        return (own + through).reshape(self.network.state_size, -1)

    def until_kink(self, state: Any, inputs: Any) -> Number:
        """Of phi, in any neuron."""
        network, nearest = self.network, jnp.asarray(jnp.inf)
        weights = jnp.asarray(network.dense_weights)
        first = self._parted(state)[0] if network.unit.state_size > 1 else state
        for unit in network.units:
            if isinstance(unit, Reservoir):
                reach = until_kink_of_fields(unit.activation, weights, self.received(state, inputs))
            elif isinstance(unit, UnitWithActivation):
                reach = until_kink(unit.activation, first, jnp.any(weights != 0.0, axis=0))
            else:
                continue
            nearest = jnp.minimum(nearest, reach)
        return nearest

    @property
    def bounded(self) -> bool | None:
        """What else there is of units with an activation is linear, and contracts."""
        if all(isinstance(unit, UnitWithActivation) for unit in self.network.units):
            return self.network.unit.bounded
        return None

    @property
    def at_rest(self) -> AtPlaces | None:
        return AtPlaces(self.network) if self.network.unit.knows_its_rest else None

    def admits(self, state: Any, inputs: Any = None) -> Array:
        """Whether every neuron is where it rests with what it receives: of species, whether no absent one could invade, and
        none is below zero."""
        unit = self.network.unit
        if not unit.knows_its_rest:
            return jnp.asarray(True)
        at = unit.resting_state(unit.place(self._parted(state), self.received(state, inputs)))
        return jnp.max(jnp.abs(jnp.ravel(at) - state)) <= _OFF_THE_CURVE * (1.0 + jnp.max(jnp.abs(state)))


class AtPlaces(AbstractAtRest):
    """One unknown for each neuron, its place on the curve of its states of rest: zero is J rate + b - resting_field."""

    network: Network

    @property
    def size(self) -> int:
        return self.network.size

    def __call__(self, state: Any, inputs: Any = None) -> Array:
        unit = self.network.unit
        received = self.network.received(unit.resting_state(state), 0.0 if inputs is None else inputs)
        return received - unit.resting_field(state)

    def unknowns(self, states: Any) -> Array:
        """The places of states (..., number)."""
        function, lead = NetworkFunction(self.network), jnp.shape(states)[:-1]

        def one(state: Array) -> Array:
            return self.network.unit.place(function._parted(state), function.received(state))

        return jax.vmap(one)(jnp.reshape(jnp.asarray(states), (-1, self.network.state_size))).reshape(*lead, -1)

    def state(self, unknowns: Any, inputs: Any = None) -> Array:
        return jnp.ravel(self.network.unit.resting_state(jnp.asarray(unknowns)))

    @property
    def bounded(self) -> bool | None:
        return NetworkFunction(self.network).bounded
