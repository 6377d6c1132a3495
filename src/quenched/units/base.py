"""What every unit provides: how its state moves, and the rate that the others see."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Complex, Float

from quenched.records import Record
from quenched.units.rest import state_at_rest

State = Float[Array, "..."]


class AbstractUnit(Record):
    """One neuron: a flow dx/dt = f(x, h), or a map x' = f(x, h), of its state x and its input h; and its rate.

    A state of one variable has the shape of its input. Of several variables they are the first axis of the state, (variable,
    ...), and noise enters the first of them. A unit of your own gives `drift` and `rate`; `qd.units.Unit` makes one of two
    functions.
    """

    citations: ClassVar[tuple[str, ...]] = ()
    """Keys of quenched.citation.BIBTEX."""

    kind: ClassVar[str] = "flow"
    """"flow" or "map"."""
    nonnegative: ClassVar[bool] = False
    """Whether states are numbers of individuals: at 0 or above, and without white noise."""

    @property
    def state_size(self) -> int:
        """How many variables a state has."""
        return 1

    @abstractmethod
    def drift(self, state: State, field: State) -> State:
        """f(x, h), element by element.

        Arguments:
            state: x, of any shape; of several variables (variable, ...).
            field: h, the input, in the shape of one variable.

        Returns:
            dx/dt, in the shape of the state; of a map the next state.
        """

    @abstractmethod
    def rate(self, state: State) -> State:
        """What the other neurons receive of x, element by element.

        Arguments:
            state: x, of any shape; of several variables (variable, ...).

        Returns:
            The rate, in the shape of one variable.
        """

    def rate_slope(self, state: State) -> State:
        """The derivative of the rate by each variable of the state, by autodiff where a unit does not give it.

        Arguments:
            state: x, of any shape; of several variables (variable, ...).

        Returns:
            The derivatives, in the shape of the state.
        """
        return _by_state(self.rate, state, self.state_size)

    def drift_slopes(self, state: State, field: State) -> tuple[State, State]:
        """The derivatives of f(x, h) by x and by h, by autodiff where a unit does not give them.

        Arguments:
            state: x, of any shape; of several variables (variable, ...).
            field: h, the input, in the shape of one variable.

        Returns:
            df/dx, (changed variable, variable, ...) where there are several variables, and df/dh, in the shape of the state.
        """
        return _slopes(self.drift, state, field, self.state_size)

    # How a time step is taken.

    def speed(self, state: State, field: State) -> State:
        """What a scheme averages over a step: f, if nothing of it is known better."""
        return self.drift(state, field)

    def speed_slopes(self, state: State, field: State) -> tuple[State, State]:
        """The derivatives of the speed, as `drift_slopes`."""
        if type(self).speed is AbstractUnit.speed:
            return self.drift_slopes(state, field)
        return _slopes(self.speed, state, field, self.state_size)

    @property
    def advances_plainly(self) -> bool:
        """Whether a step is the speed times the step, or of a map the next state, and no more."""
        return type(self).advance is AbstractUnit.advance

    def advance(self, state: State, speed: State, step: Any, scheme: str) -> State:
        """The state after a step at this speed: exactly, of what is known; of a map the speed is the next state itself."""
        return speed if self.kind == "map" else state + step * speed

    def extinct_below(self, time: Any) -> Any:
        """Of a state of 0 or above, below what it counts as 0 at this time after the beginning."""
        return 0.0

    # The states of rest, along a curve of places: h = resting_field(place), x = resting_state(place).

    def resting_field(self, place: State) -> State:
        """The constant input at which the unit rests there."""
        return place

    def resting_state(self, place: State) -> State:
        """The state there; by Newton's method from zero, if not given in closed form, and NaN where none is found."""
        return state_at_rest(self, place)

    @property
    def knows_its_rest(self) -> bool:
        """Whether these curves hold every state of rest that counts."""
        return type(self).resting_state is not AbstractUnit.resting_state

    def place(self, state: State, field: State) -> State:
        """The place of a state of rest, and of the field that it is at rest in."""
        return field

    def resting_slopes(self, place: State) -> tuple[State, State]:
        """The derivatives of the constant input and of the rate along the places."""
        ones = jnp.ones_like(place)
        of_field = jax.jvp(self.resting_field, (place,), (ones,))[1]
        return of_field, jax.jvp(lambda at: self.rate(self.resting_state(at)), (place,), (ones,))[1]

    @property
    def breakpoints(self) -> tuple[float, ...]:
        """Places where the rate at rest, or a derivative of it, jumps."""
        return ()

    @property
    def jumps(self) -> tuple[tuple[float, float], ...]:
        """Those where the rate itself jumps, and by how much."""
        return ()

    @property
    def bounded(self) -> bool:
        """Whether rates stay below a constant."""
        return False

    @property
    def odd(self) -> bool:
        """Whether -x under -h is as good a state as x under h, with minus its rate."""
        return False

    def in_range(self) -> Bool[Array, ""]:
        """What the constructor refuses, of parameters that were traced then."""
        return jnp.asarray(True)

    def at_rest(self, place: State) -> AtRest:
        """Small changes about the states of rest at one place, or at many."""
        return self.linearised(self.resting_state(place), self.resting_field(place))

    def linearised(self, state: State, field: State) -> AtRest:
        """Small changes about states, and the inputs that are received there."""
        along, of_field = self.drift_slopes(state, field)
        slope, size = self.rate_slope(state), self.state_size
        if size == 1:
            return AtRest((slope * of_field)[None], -along[None])
        # By Faddeev and LeVerrier: products and traces alone.
        unit = jnp.eye(size).reshape(size, size, *(1,) * (along.ndim - 2))
        numerator, denominator, adjoint = [], [], unit
        for power in range(1, size + 1):
            numerator.append(jnp.einsum("w...,wv...,v...->...", slope, adjoint * jnp.ones_like(along), of_field))
            turned = jnp.einsum("wu...,uv...->wv...", along, adjoint * jnp.ones_like(along))
            denominator.append(-jnp.trace(turned) / power)
            adjoint = turned + denominator[-1] * unit
        return AtRest(jnp.stack(numerator), jnp.stack(denominator))

    def waves(self, frequency: Float[Array, "..."]) -> Complex[Array, "..."]:
        """The growth z of waves of these angular frequencies: i frequency, of a map exp(i frequency)."""
        return jnp.exp(1j * frequency) if self.kind == "map" else 1j * frequency

    def transfer(self, place: State, growth: Complex[Array, " growth"]) -> Array:
        """How much the rate answers to a small input that changes as exp(growth time), of a map as growth^step, about the
        state of rest at one place: d rate/dh = rate' (growth - df/dx)^-1 df/dh."""
        return self.at_rest(place).transfer(growth)


class AtRest(NamedTuple):
    """Neurons to first order: how a rate answers to an input that grows, as a quotient of polynomials in the growth."""

    numerator: Float[Array, "power ..."]
    """Of growth^(v - 1), ..., 1, for v variables."""
    denominator: Float[Array, "power ..."]
    """Of growth^(v - 1), ..., 1, that of growth^v being 1: the characteristic polynomial of a neuron that is alone."""

    def transfer(self, growth: Any, memory: Any = 0.0) -> Array:
        """Of neurons and growths whose shapes go together; with a memory the input contains memory times the rate itself."""
        above, below = jnp.zeros(()), jnp.ones(())
        for up, down in zip(self.numerator, self.denominator, strict=True):
            above, below = above * growth + up, below * growth + down
        return above / (below - memory * above)


def _slopes(function: Any, state: State, field: State, size: int) -> tuple[State, State]:
    """The derivatives of f(x, h) by the state and by h."""
    along = _by_state(lambda x: function(x, field), state, size)
    of_field = jax.jvp(lambda h: function(state, h), (field,), (jnp.ones_like(field),))[1]
    return (jnp.moveaxis(along, 0, 1) if size > 1 else along), of_field


def _by_state(function: Any, state: State, size: int) -> State:
    """Its derivative by each variable, the variables first."""
    if size == 1:
        return jax.jvp(function, (state,), (jnp.ones_like(state),))[1]
    units = [jnp.zeros_like(state).at[row].set(1.0) for row in range(size)]
    return jnp.stack([jax.jvp(function, (state,), (unit,))[1] for unit in units])
