"""The equation that a search solves. It has the fixed points of the dynamics, and is often far easier than F(x) = 0.

- A `qd.Network`: neurons that lie on no cycle of the couplings follow from the others. What comes in through them is a
  constant field, what they receive acts on nothing; the unknowns are the neurons between.
- A GRU: F = (1 - z)(n - h), and 1 - z > 0. Without that factor, whose saturation leaves E flat, n(h) = h.
- A network of other units: the place of each neuron on the curve of its states of rest is the only unknown. Of species those
  are the ones that no other can invade.
- An LSTM: at rest c = i g/(1 - f), and h is the only unknown.

What is found is polished and certified as a fixed point of all of the dynamics.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from quenched.dynamics.base import AbstractDynamics
from quenched.dynamics.flow_and_map import Flow, Map
from quenched.dynamics.known_functions import AbstractAtRest, AbstractKnownFunction
from quenched.dynamics.network_flow import NetworkFlow
from quenched.models import Network


class Equation(NamedTuple):
    """The unknowns are at rest where all of the state is."""

    dynamics: AbstractDynamics
    """Of the unknowns."""
    conditions: np.ndarray | None
    """Its inputs, a row for each row of the dynamics' own."""
    unknowns: Callable[[np.ndarray], np.ndarray]
    """From states (row, neuron) to (row, unknown)."""
    states: Callable[[np.ndarray, np.ndarray], np.ndarray]
    """Back, given which row of the inputs each has."""


def equation_of(dynamics: AbstractDynamics, conditions: np.ndarray | None, reduced: bool = True) -> Equation:
    """What a search for the fixed points of `dynamics` under these inputs (condition, input) solves. Neurons that follow
    from others are left out where it is `reduced`, for which the weights are made dense."""
    if type(dynamics) is NetworkFlow and reduced:
        return _between_ends(dynamics, conditions)
    function = dynamics._function if isinstance(dynamics, Flow | Map) else None
    at_rest = function.at_rest if isinstance(function, AbstractKnownFunction) else None
    if at_rest is None:
        return Equation(dynamics, conditions, np.asarray, lambda unknowns, _: unknowns)

    def states(unknowns: np.ndarray, of_input: np.ndarray) -> np.ndarray:
        given = None if conditions is None else conditions[of_input]
        return np.asarray(_states_compiled(at_rest, unknowns, given))

    def unknowns(states: np.ndarray) -> np.ndarray:
        return np.asarray(at_rest.unknowns(states))

    return Equation(Flow(at_rest, at_rest.size), conditions, unknowns, states)


@eqx.filter_jit
def _states_compiled(at_rest: AbstractAtRest, unknowns: Any, inputs: Any) -> Array:
    return jax.vmap(at_rest.state, (0, None if inputs is None else 0))(jnp.asarray(unknowns), inputs)


def _between_ends(flow: NetworkFlow, conditions: np.ndarray | None) -> Equation:
    """Of a network without the neurons that nothing comes back to or that give nothing back."""
    network, weights = flow.network, np.asarray(flow.network.dense_weights)
    before, between, after = _by_place(weights != 0.0)
    if not before.size and not after.size:
        return Equation(flow, conditions, np.asarray, lambda unknowns, _: unknowns)
    fields = np.broadcast_to(np.asarray(network.field, float), (1, flow.size)) + (0.0 if conditions is None else conditions)
    fill = partial(_filled_in, network.activation, weights)
    sources = fill(np.zeros_like(fields), fields, before)
    rates = np.asarray(network.activation(jnp.asarray(sources)))
    driven = fields[:, between] + rates[:, before] @ weights[np.ix_(between, before)].T
    inner = NetworkFlow(Network(weights[np.ix_(between, between)], network.activation))

    def states(unknowns: np.ndarray, of_input: np.ndarray) -> np.ndarray:
        found = sources[of_input]
        found[:, between] = unknowns
        return fill(found, fields[of_input], after)

    return Equation(inner, driven, lambda states: np.asarray(states)[:, between], states)


def _by_place(coupled: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Neurons that no cycle leads to, those between, and those that lead to no cycle; at least one is between."""
    before, between = np.zeros(len(coupled), bool), np.ones(len(coupled), bool)
    while True:
        inner = coupled & between & between[:, None]
        first = between & ~inner.any(axis=1)
        ends = first | between & ~inner.any(axis=0)
        if np.array_equal(ends, between):
            # One unknown is left where there is no cycle at all.
            ends[np.flatnonzero(between)[0]] = False
        if not ends.any():
            return np.flatnonzero(before), np.flatnonzero(between), np.flatnonzero(~before & ~between)
        before |= first & ends
        between &= ~ends


def _filled_in(activation: Any, weights: np.ndarray, states: np.ndarray, fields: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """States with these neurons at rest, which no cycle connects: each pass settles those that follow from settled ones."""
    states = states.copy()
    for _ in rows:
        rates = np.asarray(activation(jnp.asarray(states)))
        at_rest = fields[:, rows] + rates @ weights[rows].T
        if np.array_equal(at_rest, states[:, rows], equal_nan=True):
            break
        states[:, rows] = at_rest
    return states
