"""What has fixed points: a flow dx/dt = F(x) or a map x -> S(x), given by any function that JAX can trace."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from quenched import checks
from quenched.activations import AbstractActivation, Activation, check_continuous
from quenched.dynamics.traced_functions import traced_function
from quenched.models import Network
from quenched.models.labels import in_order
from quenched.precision import double_precision

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

    def trajectory_step(self, state: State, inputs: Any) -> State:
        """Where the dynamics goes from here in a fifth of a time constant; of a map, in one step."""
        return state + 0.2 * self.residual(state, inputs)


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
        velocity: function of the state (neuron), and of the inputs where there are any, that JAX can trace. What it closes
            over may change from call to call, unless it is under a `jax.jit` of your own, which does not look again.
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
        return _called(self.velocity, checks.one_vector("state", state, self.size), inputs)


class Map(_AbstractFunction):
    """x -> step(x), or step(x, inputs).

    Arguments:
        step: function of the state (neuron), and of the inputs where there are any, that JAX can trace.
        size: how many numbers make a state.

    Raises: as `Flow`.

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
        return _called(self.step, checks.one_vector("state", state, self.size), inputs)

    def iterated(self, times: int) -> Map:
        """The map applied several times: its fixed points are the points of that period and of its divisors."""
        return Map(_Repeated(self.step, times), self.size)


class _Repeated(AbstractKnownFunction):
    """A map applied several times: equal to another of the same map, so that nothing is compiled anew."""

    step: Function
    times: int = eqx.field(static=True)

    def __call__(self, state: State, inputs: Any = None) -> State:
        for _ in range(self.times):
            state = _called(self.step, state, inputs)
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


@double_precision
def read_dynamics(dynamics: Any, inputs: Any = None) -> tuple[AbstractDynamics, Array | None]:
    """The dynamics, and its inputs as (input) or (start, input), both refused unless they fit together.

    Nothing is computed: shapes alone are traced.
    """
    if isinstance(dynamics, Network):
        inputs = in_order("Argument `inputs`", inputs, dynamics.names)
        dynamics = NetworkFlow(dynamics)
    owner = dynamics.network if isinstance(dynamics, NetworkFlow) else getattr(dynamics, "_function", None)
    if isinstance(owner, Network | AbstractRateFunction):
        check_velocity(owner.activation)
    if not isinstance(dynamics, AbstractDynamics):
        wrap = "; wrap it as qd.landscape.Flow(velocity, size=...) or qd.landscape.Map(step, size=...)"
        raise TypeError(
            "Argument `dynamics` must be a qd.Network, qd.landscape.Flow or qd.landscape.Map, but is "
            f"{checks.shown(dynamics)}{wrap if callable(dynamics) else ''}."
        )
    given = None if inputs is None else _checked_inputs(inputs, dynamics)
    one = None if given is None else jax.ShapeDtypeStruct(given.shape[-1:], given.dtype)
    state = jax.ShapeDtypeStruct((dynamics.size,), jnp.float64)
    what = "velocity" if dynamics.kind == "flow" else "step"
    try:
        dynamics = _as_it_is_now(dynamics, state, one)
    except _WrongShape as wrong:
        raise ValueError(
            f"Argument `{what}` must return a state of shape ({dynamics.size},), but returns {wrong.args[0]}."
        ) from None
    except _WrongPrecision as wrong:
        raise TypeError(
            f"Argument `{what}` must compute in float64, as it is given, but returns {wrong.args[0]}: leave out casts, and "
            "give weights as NumPy arrays or float64."
        ) from None
    except Exception as error:
        raise TypeError(
            f"Argument `{what}` must be a function of a state ({dynamics.size})"
            f"{'' if one is None else f' and inputs {one.shape}'} that JAX can trace, but calling it failed: {error}"
        ) from error
    try:
        _trace(_derivatives, dynamics, state, one)
    except Exception as error:
        raise TypeError(f"Argument `{what}` must be differentiable by JAX in both modes, but is not: {error}") from error
    return dynamics, given


def check_velocity(activation: AbstractActivation) -> None:
    """Refuse phi that jumps: nothing here holds it."""
    check_continuous(
        activation,
        "a landscape",
        "Newton's method, certificates, indices and the gradient of the energy need a velocity that does not jump",
        "qd.simulate.integrate for where a network goes, or ",
    )


def _checked_inputs(inputs: Any, dynamics: AbstractDynamics) -> Array:
    array = np.atleast_1d(checks.numbers("Argument `inputs`", inputs))
    if not len(array):
        raise ValueError(f"Argument `inputs` must hold at least one number, but has shape {array.shape}.")
    if array.ndim > 2:
        raise ValueError(f"Argument `inputs` must be (input) or (start, input), but has shape {array.shape}.")
    if not np.isfinite(array).all():
        raise ValueError("Argument `inputs` must be finite, but holds NaN or infinity.")
    if isinstance(dynamics, NetworkFlow) and array.shape[-1] != dynamics.size:
        raise ValueError(
            f"Argument `inputs` of a qd.Network is added to its field and must have {dynamics.size} entries, "
            f"but has shape {array.shape}."
        )
    return jnp.asarray(array)


def _checked_function(name: str, function: Any) -> Function:
    if not callable(function):
        raise TypeError(f"Argument `{name}` must be a function, but is {function!r}.")
    found: Function = function
    return found


def _called(function: Function, state: State, inputs: Any = None) -> State:
    found = jnp.asarray(function(state) if inputs is None else function(state, inputs))
    if found.shape != state.shape:
        # Before numbers of another shape are spread over the state.
        raise _WrongShape(found.shape)
    fewer = jnp.issubdtype(found.dtype, jnp.floating) and jnp.finfo(found.dtype).bits < jnp.finfo(state.dtype).bits
    if fewer or jnp.issubdtype(found.dtype, jnp.complexfloating):
        raise _WrongPrecision(found.dtype)
    return found


class _WrongShape(Exception):
    """Of what a function has returned."""


class _WrongPrecision(Exception):
    """Of what a function has returned."""


def _as_it_is_now(dynamics: AbstractDynamics, state: Any, inputs: Any) -> AbstractDynamics:
    """The same, its function traced anew for states and inputs of these shapes; our own close over nothing."""
    function: Any = getattr(dynamics, "_function", None)
    # A subclass may know more than its function.
    if type(dynamics) not in (Flow, Map) or isinstance(function, AbstractKnownFunction):
        _trace(_residual, dynamics, state, inputs)
        return dynamics
    given = (state,) if inputs is None else (state, inputs)
    now = traced_function(lambda *arguments: _called(function, *arguments), *given)
    return Flow(now, dynamics.size) if dynamics.kind == "flow" else Map(now, dynamics.size)


def _residual(dynamics: AbstractDynamics, state: Array, inputs: Any) -> Any:
    return dynamics.residual(state, inputs)


def _derivatives(dynamics: AbstractDynamics, state: Array, inputs: Any) -> Any:
    """The Jacobian, and a derivative in either mode."""
    _, forward = jax.jvp(lambda x: dynamics.residual(x, inputs), (state,), (state,))
    _, backward = jax.vjp(lambda x: dynamics.residual(x, inputs), state)
    return dynamics.jacobian(state, inputs), forward, backward(state)


def _trace(function: Function, dynamics: AbstractDynamics, state: Any, inputs: Any) -> None:
    """Find out whether JAX can trace it; what is traced already is not again."""
    arrays, rest = eqx.partition(dynamics, eqx.is_array)
    leaves, structure = jax.tree.flatten(rest)
    _applied.eval_shape(function, structure, tuple(leaves), arrays, state, inputs)


@partial(jax.jit, static_argnums=(0, 1, 2))
def _applied(function: Function, structure: Any, leaves: tuple[Any, ...], arrays: Any, state: Array, inputs: Any) -> Any:
    return function(eqx.combine(arrays, jax.tree.unflatten(structure, leaves)), state, inputs)


def frozen(tree: Any) -> Any:
    """The same without derivatives; functions in it stay as they are."""
    arrays, rest = eqx.partition(tree, eqx.is_inexact_array)
    return eqx.combine(jax.lax.stop_gradient(arrays), rest)


def batched(function: Callable[..., Any], inputs: Any) -> Callable[..., Any]:
    """Over many states, each with its own inputs; `inputs` may be None."""
    return jax.vmap(function, (0, None if inputs is None else 0))


# Directions in which the Jacobian is compared, how far, and what the largest change seen is multiplied by.
_DIRECTIONS, _REACH, _SAFETY = 8, 1e-2, 2.0
# The part of its change that a smooth Jacobian may keep a tenth as far away.
_SHRINKS = 0.3
# Changes that may be rounding: relative to the Jacobian, and to numbers of order one that cancel in it.
_RELATIVE_NOISE, _NOISE = 1e-7, 1e-13
# The shortest reach that is tried, relative to the state.
_NARROWEST = 1e-10


def sampled_lipschitz(jacobian: Callable[[State], Matrix], state: State, within: Any = jnp.inf) -> tuple[Number, Number]:
    """As `AbstractDynamics.lipschitz`, seen in random directions; nothing is compared, nor holds, further than `within`.

    It holds as far as the change of the Jacobian shrinks with the distance. On a kink it never does: there it holds nowhere.
    """
    size = 1.0 + jnp.max(jnp.abs(state))
    here = jacobian(state)
    # Corners of the cube are where a change in the largest-entry norm is largest; the signs are the same at every call.
    signs = jax.random.rademacher(jax.random.key(0), (_DIRECTIONS, len(state)), dtype=float)

    def change(reach: Array, directions: Array) -> Array:
        def one(direction: Array) -> Array:
            return jnp.max(jnp.sum(jnp.abs(jacobian(state + reach * direction) - here), axis=1))

        return jnp.max(jax.lax.map(one, directions))

    # Either side of a kink, whichever of them the Jacobian at the kink itself is that of.
    either_side = jnp.stack([signs[0], -signs[0]])
    noise = _NOISE + _RELATIVE_NOISE * jnp.max(jnp.sum(jnp.abs(here), axis=1))

    def jumps(carry: tuple[Array, Array, Array]) -> Array:
        reach, further, nearer = carry
        return (nearer > jnp.maximum(_SHRINKS * further, noise)) & (reach > _NARROWEST * size)

    def closer(carry: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        reach, _, nearer = carry
        return 0.1 * reach, nearer, change(0.01 * reach, either_side)

    begin = jnp.clip(0.9 * within, _NARROWEST * size, _REACH * size)
    reach, _, _ = jax.lax.while_loop(jumps, closer, (begin, change(begin, either_side), change(0.1 * begin, either_side)))
    return _SAFETY * change(reach, signs) / reach, jnp.where(reach > _NARROWEST * size, reach, 0.0)


def bound_of(activation: AbstractActivation) -> str:
    """Of a function of the user's own phi'' is known on a grid only."""
    return "sampled" if isinstance(activation, Activation) else "activation"


def until_kink(activation: AbstractActivation, states: Array, matters: Array) -> Number:
    """How far the next kink of phi is, where the Jacobian jumps: nothing is proven across it. `matters` says of which
    neurons the rate goes anywhere."""
    away = [jnp.min(jnp.where(matters, jnp.abs(states - kink), jnp.inf)) for kink in activation.breakpoints]
    return jnp.min(jnp.stack(away)) if away else jnp.asarray(jnp.inf)


def until_kink_of_fields(activation: AbstractActivation, weights: Matrix, fields: Array) -> Number:
    """As `until_kink`, of phi(W h + ...), by how much h may change."""
    rows = jnp.sum(jnp.abs(weights), axis=1)
    scaled = [jnp.abs(fields - kink) / jnp.maximum(rows, 1e-300) for kink in activation.breakpoints]
    # A field that nothing changes stays on its side of the kink.
    away = [jnp.min(jnp.where(rows > 0.0, each, jnp.inf)) for each in scaled]
    return jnp.min(jnp.stack(away)) if away else jnp.asarray(jnp.inf)


def largest_curvature(activation: AbstractActivation) -> Number:
    """max |phi''| on a fine grid of [-30, 30]: sampled, not proven; exact for piecewise linear phi away from its kinks."""
    grid = jnp.asarray(np.linspace(-30.0, 30.0, 12001))
    return jnp.max(jnp.abs(jax.jvp(activation.slope, (grid,), (jnp.ones_like(grid),))[1]))
