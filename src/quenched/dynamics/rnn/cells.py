"""One step of a vanilla RNN, a GRU and an LSTM, as PyTorch defines them."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from quenched import checks
from quenched.activations import AbstractActivation
from quenched.dynamics.known_functions import AbstractAtRest, AbstractKnownFunction, AbstractRateFunction
from quenched.dynamics.lipschitz import until_kink_of_fields
from quenched.precision import double_precision

State = Float[Array | np.ndarray, " neuron"]
Inputs = Float[Array | np.ndarray, " input"]


class AbstractCell(AbstractKnownFunction):
    """The four arrays of a layer under PyTorch's names, of which `gates` blocks of rows make one step.

    Calling it with a state and inputs, or with a state alone for inputs of zero, gives the next state.
    """

    weight_ih: Float[Any, "row input"]
    weight_hh: Float[Any, "row hidden"]
    bias_ih: Float[Any, " row"]
    bias_hh: Float[Any, " row"]

    gates: eqx.AbstractClassVar[int]

    @property
    def hidden_size(self) -> int:
        """How many hidden units there are."""
        return int(self.weight_hh.shape[1])

    @property
    def input_size(self) -> int:
        """How many inputs there are."""
        return int(self.weight_ih.shape[1])

    @property
    def state_size(self) -> int:
        """How many numbers make a state."""
        return self.hidden_size

    @double_precision
    def __call__(self, state: State, inputs: Inputs | None = None) -> Float[Array, " neuron"]:
        """The next state."""
        return self.next_state(checks.one_vector("state", state, self.state_size), self._drive(inputs))

    @double_precision
    def jacobian(self, state: State, inputs: Inputs | None = None) -> Float[Array, "neuron neuron"]:
        """d(next state)/d(state), without a product of matrices."""
        return self.slope(checks.one_vector("state", state, self.state_size), self._drive(inputs))

    def _drive(self, inputs: Inputs | None) -> Float[Array, " row"]:
        drive = jnp.asarray(self.bias_ih)
        return drive if inputs is None else drive + self.weight_ih @ checks.one_vector("inputs", inputs, self.input_size)

    @property
    def bounded(self) -> bool | None:
        """Whether the indices of all fixed points add up to 1. A GRU keeps h in the unit cube; an LSTM too, and c bounded,
        its forget gate being below 1 there."""
        return True

    @abstractmethod
    def next_state(self, state: State, drive: Float[Array, " row"]) -> Float[Array, " neuron"]:
        """The next state, given weight_ih @ inputs + bias_ih."""

    @abstractmethod
    def slope(self, state: State, drive: Float[Array, " row"]) -> Float[Array, "neuron neuron"]:
        """Its derivative with respect to the state."""


class Elman(AbstractRateFunction, AbstractCell):
    """h' = phi(W_ih u + b_ih + W_hh h + b_hh), which PyTorch calls RNN; phi is tanh or ReLU.

    Arguments:
        weight_ih: W_ih, (hidden, input).
        weight_hh: W_hh, (hidden, hidden).
        bias_ih, bias_hh: the two biases, (hidden).
        activation: phi, `qd.Tanh()` or `qd.ReLU()`.

    Example:
        >>> import numpy as np, quenched as qd
        >>> cell = qd.landscape.rnn.Elman(np.ones((1, 1)), np.full((1, 1), 2.0), np.zeros(1), np.zeros(1), qd.Tanh())
        >>> print(f"{float(cell(np.ones(1), np.ones(1))[0]):.4f} {np.tanh(3.0):.4f}")
        0.9951 0.9951
    """

    activation: AbstractActivation

    gates: ClassVar[int] = 1

    @property
    def bend(self) -> Float[Array, ""]:
        """Of phi(a), a = W h + ...: the derivative is phi'(a) W."""
        return jnp.max(jnp.sum(jnp.abs(jnp.asarray(self.weight_hh)), axis=1) ** 2)

    def until_kink(self, state: State, inputs: Inputs | None) -> Float[Array, ""]:
        """The next kink of phi."""
        weights = jnp.asarray(self.weight_hh)
        return until_kink_of_fields(self.activation, weights, weights @ state + self._drive(inputs) + self.bias_hh)

    def next_state(self, state: State, drive: Float[Array, " row"]) -> Float[Array, " neuron"]:
        return self.activation(drive + self.weight_hh @ state + self.bias_hh)

    def slope(self, state: State, drive: Float[Array, " row"]) -> Float[Array, "neuron neuron"]:
        return self.activation.slope(drive + self.weight_hh @ state + self.bias_hh)[:, None] * self.weight_hh


# 1 but for rounding.
_CUBE = 1.0 + 1e-9


class GRU(AbstractCell):
    """The gated recurrent unit, h' = (1 - z) n + z h; rows in the order reset r, update z, new n.

    r = sigma(W_ir u + b_ir + W_hr h + b_hr),  z = sigma(W_iz u + b_iz + W_hz h + b_hz),
    n = tanh(W_in u + b_in + r (W_hn h + b_hn)),  h' = (1 - z) n + z h.

    Cho et al. 2014 apply r to h before the product with W_hn; PyTorch, Equinox and Flax do it as here.

    Arguments:
        weight_ih: W_ih, (3 hidden, input).
        weight_hh: W_hh, (3 hidden, hidden).
        bias_ih, bias_hh: the two biases, (3 hidden).

    Example:
        >>> import numpy as np, quenched as qd
        >>> gru = qd.landscape.rnn.GRU(np.zeros((3, 1)), np.zeros((3, 1)), np.zeros(3), np.zeros(3))
        >>> float(gru(np.ones(1))[0])  # z = 1/2 and n = 0: the state is halved
        0.5
    """

    gates: ClassVar[int] = 3

    def may_rest(self, state: State) -> Array:
        """Between h and n, which is below 1: far out, where z is 1 but for rounding, h only seems to stay."""
        return jnp.max(jnp.abs(jnp.asarray(state))) <= _CUBE

    def next_state(self, state: State, drive: Float[Array, " row"]) -> Float[Array, " neuron"]:
        reset_in, update_in, new_in = jnp.split(drive, 3)
        reset_own, update_own, new_own = jnp.split(self.weight_hh @ state + self.bias_hh, 3)
        reset, update = jax.nn.sigmoid(reset_in + reset_own), jax.nn.sigmoid(update_in + update_own)
        return (1.0 - update) * jnp.tanh(new_in + reset * new_own) + update * state

    def slope(self, state: State, drive: Float[Array, " row"]) -> Float[Array, "neuron neuron"]:
        reset_in, update_in, new_in = jnp.split(drive, 3)
        reset_own, update_own, new_own = jnp.split(self.weight_hh @ state + self.bias_hh, 3)
        by_reset, by_update, by_new = jnp.split(jnp.asarray(self.weight_hh), 3)
        reset, update = jax.nn.sigmoid(reset_in + reset_own), jax.nn.sigmoid(update_in + update_own)
        new = jnp.tanh(new_in + reset * new_own)
        steep = (1.0 - update) * (1.0 - new**2)
        return (
            (steep * reset)[:, None] * by_new
            + (steep * new_own * reset * (1.0 - reset))[:, None] * by_reset
            + ((state - new) * update * (1.0 - update))[:, None] * by_update
            + jnp.diag(update)
        )

    @property
    def at_rest(self) -> GRUAtRest:
        """n(h) = h."""
        return GRUAtRest(self)


class GRUAtRest(AbstractAtRest):
    """n(h) - h: a GRU moves by (1 - z)(n - h), and 1 - z > 0."""

    cell: GRU

    @property
    def bounded(self) -> bool | None:
        """It is, as n is."""
        return True

    @property
    def size(self) -> int:
        return self.cell.hidden_size

    def unknowns(self, states: Any) -> Any:
        return states

    def state(self, unknowns: Any, inputs: Any = None) -> Array:
        return jnp.asarray(unknowns)

    def __call__(self, state: Any, inputs: Any = None) -> Array:
        return self._parts(state, inputs)[2] - state

    def jacobian(self, state: Any, inputs: Any = None) -> Array:
        reset, new_own, new = self._parts(state, inputs)
        by_reset, _, by_new = jnp.split(jnp.asarray(self.cell.weight_hh), 3)
        steep = (1.0 - new**2) * reset
        return steep[:, None] * by_new + (steep * new_own * (1.0 - reset))[:, None] * by_reset - jnp.eye(self.size)

    def _parts(self, state: Any, inputs: Any) -> tuple[Array, Array, Array]:
        """r, W_hn h + b_hn, and n."""
        drive = self.cell._drive(inputs)
        size = self.size
        reset_in, new_in = drive[:size], drive[2 * size :]
        own = self.cell.weight_hh @ state + self.cell.bias_hh
        reset, new_own = jax.nn.sigmoid(reset_in + own[:size]), own[2 * size :]
        return reset, new_own, jnp.tanh(new_in + reset * new_own)


class LSTM(AbstractCell):
    """Long short-term memory; rows in the order input i, forget f, candidate g, output o. The state is h, then c.

    i, f, o = sigma(W u + b + W' h + b'),  g = tanh(W u + b + W' h + b'),  c' = f c + i g,  h' = o tanh(c').

    Arguments:
        weight_ih: W, (4 hidden, input).
        weight_hh: W', (4 hidden, hidden).
        bias_ih, bias_hh: b and b', (4 hidden).

    Example:
        >>> import numpy as np, quenched as qd
        >>> lstm = qd.landscape.rnn.LSTM(np.zeros((4, 1)), np.zeros((4, 1)), np.zeros(4), np.zeros(4))
        >>> print(np.round(lstm(np.array([0.0, 2.0])), 4))  # all gates 1/2 and g = 0: c' = c/2, h' = tanh(c')/2
        [0.3808 1.    ]
    """

    gates: ClassVar[int] = 4

    def may_rest(self, state: State) -> Array:
        """h is a product of numbers below 1."""
        return jnp.max(jnp.abs(jnp.asarray(state)[: self.hidden_size])) <= _CUBE

    @property
    def state_size(self) -> int:
        return 2 * self.hidden_size

    def next_state(self, state: State, drive: Float[Array, " row"]) -> Float[Array, " neuron"]:
        hidden, memory = jnp.split(state, 2)
        enter, forget, candidate, leave = jnp.split(drive + self.weight_hh @ hidden + self.bias_hh, 4)
        memory = jax.nn.sigmoid(forget) * memory + jax.nn.sigmoid(enter) * jnp.tanh(candidate)
        return jnp.concatenate([jax.nn.sigmoid(leave) * jnp.tanh(memory), memory])

    def slope(self, state: State, drive: Float[Array, " row"]) -> Float[Array, "neuron neuron"]:
        hidden, memory = jnp.split(state, 2)
        enter, forget, candidate, leave = jnp.split(drive + self.weight_hh @ hidden + self.bias_hh, 4)
        by_enter, by_forget, by_candidate, by_leave = jnp.split(jnp.asarray(self.weight_hh), 4)
        enter, forget, leave, candidate = *map(jax.nn.sigmoid, (enter, forget, leave)), jnp.tanh(candidate)
        memory_by_hidden = (
            (memory * forget * (1.0 - forget))[:, None] * by_forget
            + (candidate * enter * (1.0 - enter))[:, None] * by_enter
            + (enter * (1.0 - candidate**2))[:, None] * by_candidate
        )
        new = jnp.tanh(forget * memory + enter * candidate)
        steep = leave * (1.0 - new**2)
        hidden_by_hidden = steep[:, None] * memory_by_hidden + (new * leave * (1.0 - leave))[:, None] * by_leave
        return jnp.block([[hidden_by_hidden, jnp.diag(steep * forget)], [memory_by_hidden, jnp.diag(forget)]])

    @property
    def at_rest(self) -> LSTMAtRest:
        """In h alone."""
        return LSTMAtRest(self)


# 1 - f is above this where f is saturated: c is then so large that tanh(c) does not change.
_LEAST_LEAK = 1e-100


class LSTMAtRest(AbstractAtRest):
    """o tanh(c) - h with c = i g/(1 - f), where c' = c."""

    cell: LSTM

    @property
    def bounded(self) -> bool | None:
        """It is, as o and tanh are."""
        return True

    @property
    def size(self) -> int:
        return self.cell.hidden_size

    def unknowns(self, states: Any) -> Any:
        return states[..., : self.size]

    def state(self, unknowns: Any, inputs: Any = None) -> Array:
        return jnp.concatenate([unknowns, self._parts(unknowns, inputs)[-1]])

    def __call__(self, state: Any, inputs: Any = None) -> Array:
        _, _, _, leave, memory = self._parts(state, inputs)
        return leave * jnp.tanh(memory) - state

    def jacobian(self, state: Any, inputs: Any = None) -> Array:
        enter, leak, candidate, leave, memory = self._parts(state, inputs)
        by_enter, by_forget, by_candidate, by_leave = jnp.split(jnp.asarray(self.cell.weight_hh), 4)
        new = jnp.tanh(memory)
        steep = leave * (1.0 - new**2)
        return (
            (steep * memory * (1.0 - enter))[:, None] * by_enter
            + (steep * memory * (1.0 - leak))[:, None] * by_forget
            + (steep * enter * (1.0 - candidate**2) / leak)[:, None] * by_candidate
            + (new * leave * (1.0 - leave))[:, None] * by_leave
            - jnp.eye(self.size)
        )

    def _parts(self, state: Any, inputs: Any) -> tuple[Array, Array, Array, Array, Array]:
        """i, 1 - f, g, o and c."""
        rows = self.cell._drive(inputs) + self.cell.weight_hh @ state + self.cell.bias_hh
        enter, forget, candidate, leave = jnp.split(rows, 4)
        enter, leave, candidate = jax.nn.sigmoid(enter), jax.nn.sigmoid(leave), jnp.tanh(candidate)
        leak = jnp.maximum(jax.nn.sigmoid(-forget), _LEAST_LEAK)
        return enter, leak, candidate, leave, enter * candidate / leak


CELLS: dict[str, type[AbstractCell]] = {"rnn": Elman, "gru": GRU, "lstm": LSTM}


def split_state(states: Any) -> tuple[Any, Any]:
    """The hidden state h and the memory c of an LSTM, which are the first and the second half of its state.

    Arguments:
        states: any array, JAX, NumPy or xarray, whose last axis is that of a state, (..., neuron).

    Returns:
        h and c, (..., hidden) each, of the same kind of array.

    Raises:
        TypeError: not an array.
        ValueError: the last axis has an odd length.

    Example:
        >>> import numpy as np, quenched as qd
        >>> hidden, memory = qd.landscape.rnn.split_state(np.arange(6.0))
        >>> hidden, memory
        (array([0., 1., 2.]), array([3., 4., 5.]))
    """
    shape = getattr(states, "shape", None)
    if shape is None:
        raise TypeError(f"Argument `states` must be an array, but is {states!r}.")
    if not shape or shape[-1] % 2:
        raise ValueError(f"Argument `states` must have a last axis of even length, h and then c, but has shape {shape}.")
    return states[..., : shape[-1] // 2], states[..., shape[-1] // 2 :]
