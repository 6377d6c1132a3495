"""Rate networks in continuous time, and the leaky steps they are trained by."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from quenched import checks
from quenched.activations import AbstractActivation, Tanh
from quenched.dynamics.flow_and_map import Flow, Map
from quenched.dynamics.known_functions import AbstractKnownFunction, AbstractRateFunction
from quenched.dynamics.lipschitz import until_kink, until_kink_of_fields
from quenched.dynamics.rnn.cells import Inputs, State
from quenched.models.labels import labelled
from quenched.precision import double_precision

FORMS = ("rate", "current")


class Relaxation(AbstractRateFunction):
    """speed * (target(h, u) - h): the velocity of a leaky network."""

    weights: Float[Any, "neuron neuron"]
    input_weights: Float[Any, "neuron input"]
    bias: Float[Any, " neuron"]
    speed: Float[Any, " neuron"]
    activation: AbstractActivation
    form: str = eqx.field(static=True)

    @property
    def bend(self) -> Float[Array, ""]:
        """Of speed * phi(W h + ...) the derivative is speed phi' W; of speed * W phi(h), speed W phi'."""
        rows = jnp.sum(jnp.abs(jnp.asarray(self.weights)), axis=1)
        return jnp.max(self.speed * (rows**2 if self.form == "rate" else rows))

    def until_kink(self, state: State, inputs: Inputs | None) -> Float[Array, ""]:
        """The next kink of phi."""
        weights, state = jnp.asarray(self.weights), jnp.asarray(state)
        if self.form == "rate":
            return until_kink_of_fields(self.activation, weights, weights @ state + self._drive(inputs))
        return until_kink(self.activation, state, jnp.any(weights != 0.0, axis=0))

    @double_precision
    def __call__(self, state: State, inputs: Inputs | None = None) -> Float[Array, " neuron"]:
        """The velocity."""
        state = checks.one_vector("state", state, self.weights.shape[0])
        drive = self._drive(inputs)
        if self.form == "rate":
            target = self.activation(self.weights @ state + drive)
        else:
            target = self.weights @ self.activation(state) + drive
        return self.speed * (target - state)

    @double_precision
    def jacobian(self, state: State, inputs: Inputs | None = None) -> Float[Array, "neuron neuron"]:
        """d(velocity)/d(state), without a product of matrices."""
        state = checks.one_vector("state", state, self.weights.shape[0])
        if self.form == "rate":
            target = self.activation.slope(self.weights @ state + self._drive(inputs))[:, None] * self.weights
        else:
            target = self.weights * self.activation.slope(state)
        return jnp.asarray(self.speed)[:, None] * (target - jnp.eye(len(state)))

    def _drive(self, inputs: Inputs | None) -> Float[Array, " neuron"]:
        drive = jnp.asarray(self.bias)
        if inputs is None:
            return drive
        return drive + self.input_weights @ checks.one_vector("inputs", inputs, self.input_weights.shape[1])


class LeakyStep(AbstractKnownFunction):
    """h + velocity(h): Euler's step, with dt in the velocity's speed."""

    velocity: Relaxation

    @property
    def bounded(self) -> bool | None:
        """As the velocity's."""
        return self.velocity.bounded

    @property
    def bound(self) -> str:
        """As the velocity's."""
        return self.velocity.bound

    def until_kink(self, state: State, inputs: Inputs | None) -> Float[Array, ""]:
        """As the velocity's."""
        return self.velocity.until_kink(state, inputs)

    def lipschitz(self, state: State, inputs: Inputs | None) -> tuple[Float[Array, ""], Float[Array, ""]]:
        """As the velocity's, from which the step differs by the identity."""
        return self.velocity.lipschitz(state, inputs)

    @double_precision
    def __call__(self, state: State, inputs: Inputs | None = None) -> Float[Array, " neuron"]:
        """The next state."""
        return jnp.asarray(state, float) + self.velocity(state, inputs)

    @double_precision
    def jacobian(self, state: State, inputs: Inputs | None = None) -> Float[Array, "neuron neuron"]:
        """d(next state)/d(state)."""
        return jnp.eye(len(self.velocity.speed)) + self.velocity.jacobian(state, inputs)


def leaky(
    weights: Any,
    input_weights: Any = None,
    bias: Any = None,
    *,
    leak: Any,
    activation: AbstractActivation | None = None,
    form: str = "rate",
) -> Map:
    """The step by which rate networks are trained, as a map:

        h' = (1 - leak) h + leak phi(W h + W_in u + b)     (form "rate"),
        h' = (1 - leak) h + leak (W phi(h) + W_in u + b)   (form "current"),

    with leak = dt/tau. It is Euler's step of `continuous_time` with that tau, whose fixed points it shares at every leak.
    Those that are stable in the map are stable in the flow, but not the other way round: an eigenvalue mu of the flow is
    1 + dt mu of the map, outside the unit circle if mu turns or decays too fast for the step.

    Arguments:
        weights: W, (neuron, neuron), from column to row.
        input_weights: W_in, (neuron, input); no inputs if left out.
        bias: b, (neuron); none if left out.
        leak: dt/tau, above 0 and at most 1, one number or one for each neuron. 1 is the vanilla RNN.
        activation: phi, tanh if left out.
        form: "rate", the state is a rate, or "current", the state is what phi is applied to.

    Returns:
        `qd.landscape.Map`; `step(state, inputs)`.

    Raises:
        ValueError, TypeError: shapes that do not fit, NaN, a leak outside (0, 1].

    Example:
        >>> import numpy as np, quenched as qd
        >>> halfway = qd.landscape.rnn.leaky(np.zeros((2, 2)), leak=0.5)
        >>> print(halfway.step(np.array([1.0, -2.0])))
        [ 0.5 -1. ]
    """
    own = _square(weights)
    speed = _positive("leak", leak, len(own))
    if np.max(speed) > 1.0:
        raise ValueError(f"Argument `leak` must be at most 1, but is {np.max(speed):g}.")
    return Map(LeakyStep(_relaxation(own, input_weights, bias, speed, activation, form)), len(own))


def continuous_time(
    weights: Any,
    input_weights: Any = None,
    bias: Any = None,
    *,
    time_constant: Any = 1.0,
    activation: AbstractActivation | None = None,
    form: str = "rate",
) -> Flow:
    """A rate network in continuous time, as a flow:

        tau dh/dt = -h + phi(W h + W_in u + b)     (form "rate"),
        tau dh/dt = -h + W phi(h) + W_in u + b     (form "current").

    The fixed points are those of the leaky map it was trained as, whatever the time step was. The two forms are one network
    seen from two sides if all neurons have the same tau and the inputs are constant: h_current = W h_rate + W_in u + b.

    Arguments:
        weights, input_weights, bias, activation, form: as `qd.landscape.rnn.leaky`.
        time_constant: tau, above 0, one number or one for each neuron (neuron), in the unit of time you want.

    Returns:
        `qd.landscape.Flow`; `velocity(state, inputs)`.

    Raises:
        ValueError, TypeError: shapes that do not fit, NaN, a time constant that is not positive.

    Example:
        >>> import numpy as np, quenched as qd
        >>> decay = qd.landscape.rnn.continuous_time(np.zeros((2, 2)), time_constant=np.array([1.0, 4.0]))
        >>> print(decay.velocity(np.ones(2)))
        [-1.   -0.25]
    """
    own = _square(weights)
    speed = 1.0 / _positive("time_constant", time_constant, len(own))
    return Flow(_relaxation(own, input_weights, bias, speed, activation, form), len(own))


def _relaxation(
    own: np.ndarray, input_weights: Any, bias: Any, speed: np.ndarray, activation: AbstractActivation | None, form: str
) -> Relaxation:
    size = len(own)
    enter = np.zeros((size, 0)) if input_weights is None else input_weights
    return Relaxation(
        weights=own,
        input_weights=checks.real_array("Argument `input_weights`", enter, (size, None)),
        bias=checks.real_array("Argument `bias`", np.zeros(size) if bias is None else bias, (size,)),
        speed=speed,
        activation=_activation(activation),
        form=checks.one_of("form", form, FORMS),
    )


def _square(weights: Any) -> np.ndarray:
    # A table's rows and columns are put in one order.
    own = checks.real_array("Argument `weights`", labelled(weights).weights, (None, None))
    return checks.real_array("Argument `weights`", own, (max(1, len(own)), max(1, len(own))))


def _positive(name: str, value: Any, size: int) -> np.ndarray:
    values = np.full(size, checks.number(name, value)) if np.ndim(value) == 0 else value
    found = checks.real_array(f"Argument `{name}`", values, (size,))
    if np.min(found) <= 0.0:
        raise ValueError(f"Argument `{name}` must be greater than 0, but is {np.min(found):g}.")
    return found


def _activation(activation: Any) -> AbstractActivation:
    if activation is None:
        return Tanh()
    if not isinstance(activation, AbstractActivation):
        hint = "; wrap it as qd.Activation(function)" if callable(activation) else ""
        raise TypeError(f"Argument `activation` must be an activation such as qd.Tanh(), but is {activation!r}{hint}.")
    return activation
