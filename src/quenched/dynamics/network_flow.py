"""A network as a flow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Literal

import equinox as eqx
import jax.numpy as jnp

from quenched import checks
from quenched.dynamics.base import AbstractDynamics, Matrix, Number, State
from quenched.dynamics.lipschitz import bound_of, largest_curvature, sampled_lipschitz, until_kink
from quenched.models import Network


class NetworkFlow(AbstractDynamics):
    """The flow of a `qd.Network`; inputs are added to its field."""

    network: Network
    size: int = eqx.field(static=True)

    kind: ClassVar[Literal["flow", "map"]] = "flow"

    def __init__(self, network: Network):
        self.network, self.size = network.unnamed, network.size

    def residual(self, state: State, inputs: Any) -> State:
        state = checks.one_vector("state", state, self.size)
        return self.network.drift(state, 0.0 if inputs is None else inputs)

    def jacobian(self, state: State, inputs: Any) -> Matrix:
        return self.network.jacobian(state)

    def normal_matrix(self) -> Callable[[State], Matrix]:
        weights = jnp.asarray(self.network.dense_weights)
        square = weights.T @ weights

        def of_state(state: State) -> Matrix:
            # F' = J phi' - 1.
            slope = self.network.activation.slope(state)
            product = weights * slope
            return slope[:, None] * square * slope - product - product.T + jnp.eye(self.size)

        return of_state

    def lipschitz(self, state: State, inputs: Any) -> tuple[Number, Number]:
        activation, weights = self.network.activation, jnp.abs(jnp.asarray(self.network.dense_weights))
        reach = until_kink(activation, state, jnp.any(weights > 0.0, axis=0))
        if self.bound == "sampled":
            return sampled_lipschitz(self.network.jacobian, state, reach)
        return jnp.max(jnp.sum(weights, axis=1)) * largest_curvature(activation), reach

    @property
    def bound(self) -> str:
        return bound_of(self.network.activation)

    @property
    def bounded(self) -> bool | None:
        return self.network.activation.bounded
