"""What moves: a flow dx/dt = F(x) or a map x -> S(x)."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

State = Float[Array, " neuron"]
Matrix = Float[Array, "neuron neuron"]
Number = Float[Array, ""]
Function = Callable[..., Any]


class AbstractDynamics(eqx.Module):
    """A flow or a map on `size` real numbers, with constant inputs or none."""

    size: eqx.AbstractVar[int]
    kind: eqx.AbstractClassVar[Literal["flow", "map"]]

    @abstractmethod
    def residual(self, state: State, inputs: Any) -> State:
        """What is zero at a fixed point: the velocity F(x) of a flow, S(x) - x of a map."""

    @abstractmethod
    def jacobian(self, state: State, inputs: Any) -> Matrix:
        """The derivative of the residual."""

    @abstractmethod
    def lipschitz(self, state: State, inputs: Any) -> tuple[Number, Number]:
        """How fast the Jacobian changes, |F'(y) - F'(x)| <= L |y - x| in the largest-entry norm, and how far from `state`
        that holds."""

    @property
    @abstractmethod
    def bound(self) -> str:
        """Where that comes from: "activation", or "sampled" and so not proven."""

    def normal_matrix(self) -> Callable[[State], Matrix] | None:
        """F'^T F' as a function of the state, where it can do without a product of matrices each time."""
        return None

    @property
    @abstractmethod
    def bounded(self) -> bool | None:
        """Whether the indices of all fixed points add up to 1, F(x) + x being bounded or the map taking a ball into itself;
        None where nobody knows."""

    def may_rest(self, state: State) -> Array:
        """Whether a root can be here as far as is known, even where rounding leaves no speed at all."""
        return jnp.asarray(True)

    def admits(self, state: State, inputs: Any) -> Array:
        """Whether a root here counts."""
        return jnp.asarray(True)

    def trajectory_step(self, state: State, inputs: Any) -> State:
        """Where the dynamics goes from here in a fifth of a time constant; of a map, in one step."""
        return state + 0.2 * self.residual(state, inputs)


def without_derivatives(tree: Any) -> Any:
    """The same without derivatives; functions in it stay as they are."""
    arrays, rest = eqx.partition(tree, eqx.is_inexact_array)
    return eqx.combine(jax.lax.stop_gradient(arrays), rest)


def batched(function: Callable[..., Any], inputs: Any) -> Callable[..., Any]:
    """Over many states, each with its own inputs; `inputs` may be None."""
    return jax.vmap(function, (0, None if inputs is None else 0))
