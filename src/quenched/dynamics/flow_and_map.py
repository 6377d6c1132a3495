"""A flow dx/dt = F(x) or a map x -> S(x), given by any function that JAX can trace."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array

from quenched import checks
from quenched.dynamics.base import AbstractDynamics, Function, Matrix, Number, State
from quenched.dynamics.known_functions import AbstractKnownFunction
from quenched.dynamics.lipschitz import sampled_lipschitz


class _AbstractFunction(AbstractDynamics):
    """Dynamics of which a function is all that is known, and what the function knows of itself."""

    @property
    @abstractmethod
    def _function(self) -> Any:
        """The function."""

    def jacobian(self, state: State, inputs: Any) -> Matrix:
        state = checks.one_vector("state", state, self.size)
        if not isinstance(self._function, AbstractKnownFunction):
            return jax.jacfwd(lambda x: self.residual(x, inputs))(state)
        found: Matrix = self._function.jacobian(state, inputs)
        return found if self.kind == "flow" else found - jnp.eye(self.size)

    def lipschitz(self, state: State, inputs: Any) -> tuple[Number, Number]:
        # Of a map the identity, which is subtracted, makes no difference.
        if isinstance(self._function, AbstractKnownFunction):
            return self._function.lipschitz(state, inputs)
        return sampled_lipschitz(lambda x: self.jacobian(x, inputs), state)

    def admits(self, state: State, inputs: Any) -> Array:
        if isinstance(self._function, AbstractKnownFunction):
            return self._function.admits(state, inputs)
        return super().admits(state, inputs)

    def may_rest(self, state: State) -> Array:
        if isinstance(self._function, AbstractKnownFunction):
            return self._function.may_rest(state)
        return super().may_rest(state)

    @property
    def bound(self) -> str:
        return self._function.bound if isinstance(self._function, AbstractKnownFunction) else "sampled"

    @property
    def bounded(self) -> bool | None:
        return self._function.bounded if isinstance(self._function, AbstractKnownFunction) else None


class Flow(_AbstractFunction):
    """dx/dt = velocity(x), or velocity(x, inputs).

    Arguments:
        velocity: function of the state (neuron), and of the inputs (input) where there are any, that JAX can trace and that
            returns the velocity (neuron), in state per unit of your time. What it closes over may change from call to call,
            unless it is under a `jax.jit` of your own, which does not look again.
        size: how many numbers make a state.

    Raises:
        TypeError, ValueError: no function, or no size. That JAX cannot trace it, or that it returns another shape, is found
            by what uses it and knows the inputs.

    Example:
        >>> import jax.numpy as jnp, quenched as qd
        >>> pitchfork = qd.landscape.Flow(lambda x: 0.5 * x - x**3, size=1)
        >>> found = qd.landscape.find_fixed_points(pitchfork)
        >>> found.sizes["fixed_point"], found.stable.values.tolist()
        (3, [True, True, False])
    """

    velocity: Function
    size: int = eqx.field(static=True)

    kind: ClassVar[Literal["flow", "map"]] = "flow"

    def __init__(self, velocity: Function, size: int):
        self.velocity, self.size = _checked_function("velocity", velocity), checks.count("size", size)

    @property
    def _function(self) -> Function:
        return self.velocity

    def residual(self, state: State, inputs: Any) -> State:
        return called(self.velocity, checks.one_vector("state", state, self.size), inputs)


class Map(_AbstractFunction):
    """x -> step(x), or step(x, inputs).

    Arguments:
        step: function of the state (neuron), and of the inputs (input) where there are any, that JAX can trace and that
            returns the next state (neuron).
        size: how many numbers make a state.

    Raises:
        TypeError, ValueError: no function, or no size. That JAX cannot trace it, or that it returns another shape, is found
            by what uses it and knows the inputs.

    Example:
        >>> import jax.numpy as jnp, quenched as qd
        >>> found = qd.landscape.find_fixed_points(qd.landscape.Map(jnp.cos, size=1))
        >>> print(f"{float(found.state[0, 0]):.6f}", bool(found.stable[0]))
        0.739085 True
    """

    step: Function
    size: int = eqx.field(static=True)

    kind: ClassVar[Literal["flow", "map"]] = "map"

    def __init__(self, step: Function, size: int):
        self.step, self.size = _checked_function("step", step), checks.count("size", size)

    @property
    def _function(self) -> Function:
        return self.step

    def residual(self, state: State, inputs: Any) -> State:
        return self.trajectory_step(state, inputs) - jnp.asarray(state)

    def trajectory_step(self, state: State, inputs: Any) -> State:
        return called(self.step, checks.one_vector("state", state, self.size), inputs)

    def iterated(self, times: int) -> Map:
        """The map applied several times: its fixed points are the points of that period and of its divisors."""
        return Map(_Repeated(self.step, times), self.size)


class _Repeated(AbstractKnownFunction):
    """A map applied several times: equal to another of the same map, so that nothing is compiled anew."""

    step: Function
    times: int = eqx.field(static=True)

    def __call__(self, state: State, inputs: Any = None) -> State:
        for _ in range(self.times):
            state = called(self.step, state, inputs)
        return state

    @property
    def bounded(self) -> bool | None:
        return self.step.bounded if isinstance(self.step, AbstractKnownFunction) else None

    def may_rest(self, state: State) -> Array:
        """As the map."""
        if isinstance(self.step, AbstractKnownFunction):
            return self.step.may_rest(state)
        return super().may_rest(state)

    def until_kink(self, state: State, inputs: Any) -> Number:
        """The nearest kink at any step, as far as a change of the first state moves that step's."""
        nearest = jnp.asarray(jnp.inf)
        if isinstance(self.step, AbstractKnownFunction):
            by_first = jnp.eye(len(state))
            for _ in range(self.times):
                stretch = jnp.max(jnp.sum(jnp.abs(by_first), axis=1))
                nearest = jnp.minimum(nearest, self.step.until_kink(state, inputs) / jnp.maximum(stretch, 1e-300))
                by_first = self.step.jacobian(state, inputs) @ by_first
                state = self.step(state, inputs)
        return nearest


class SpeedDescent(_AbstractFunction):
    """dx/dt = -grad E, E = |F(x)|^2/2 of another dynamics: at rest where E is stationary."""

    dynamics: AbstractDynamics
    size: int = eqx.field(static=True)

    kind: ClassVar[Literal["flow", "map"]] = "flow"

    def __init__(self, dynamics: AbstractDynamics):
        self.dynamics, self.size = dynamics, dynamics.size

    @property
    def _function(self) -> Function:
        return self.residual

    def residual(self, state: State, inputs: Any) -> State:
        speed, pull_back = jax.vjp(lambda x: self.dynamics.residual(x, inputs), state)
        return -pull_back(speed)[0]


def _checked_function(name: str, function: Any) -> Function:
    if not callable(function):
        raise TypeError(f"Argument `{name}` must be a function, but is {function!r}.")
    found: Function = function
    return found


def called(function: Function, state: State, inputs: Any = None) -> State:
    """What it returns for a state; refused are another shape and fewer digits."""
    found = jnp.asarray(function(state) if inputs is None else function(state, inputs))
    if found.shape != state.shape:
        # Before numbers of another shape are spread over the state.
        raise WrongShape(found.shape)
    fewer = jnp.issubdtype(found.dtype, jnp.floating) and jnp.finfo(found.dtype).bits < jnp.finfo(state.dtype).bits
    if fewer or jnp.issubdtype(found.dtype, jnp.complexfloating):
        raise WrongPrecision(found.dtype)
    return found


class WrongShape(Exception):
    """Of what a function has returned."""


class WrongPrecision(Exception):
    """Of what a function has returned."""
