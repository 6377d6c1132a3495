"""One network: given couplings."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from quenched import checks
from quenched.activations import AbstractActivation
from quenched.models.files import read_file
from quenched.models.labels import in_order, labelled, read_names
from quenched.models.weights import checked_weights
from quenched.precision import double_precision, own_settings
from quenched.records import Record, printed, public_name
from quenched.units.base import AbstractUnit
from quenched.units.leaky import Leaky
from quenched.units.mixed import Mixed

State = Float[Array | np.ndarray, " neuron"]


class Network(Record):
    """One network with known couplings, F_i(x) = -x_i + sum_j weights[i, j] phi(x_j) + b_i.

    Arguments:
        weights: J, (neuron, neuron), from column j to row i, gain included; a dense array, any scipy.sparse matrix, a table
            of pandas (a square one, or a list of edges with columns such as source, target, weight), or a graph of NetworkX,
            whose edge j -> i with weight w is weights[i, j] = w. Labels of rows and columns must be the same ones, in any
            order; the neurons have the order of the rows.
        activation: phi, tanh if left out.
        field: b, one number or one per neuron; none if left out. A pandas.Series with the neurons' names is put in order.
        names: of the neurons, words without repetition, (neuron); those of a table or a graph if left out.
        unit: in place of activation, what a neuron does with its input, such as `qd.units.Discrete()`: F_i is its drift.

    Results have the names as the coordinate `neuron`.

    Raises:
        ValueError: weights that are not square, empty, masked, or not finite; rows and columns of different names; a field
            of the wrong length.
        TypeError: weights that are not numbers, or the path of a file; no unit, or `activation` beside `unit`.

    Example:
        >>> import numpy as np, quenched as qd
        >>> network = qd.Network(np.array([[0.0, 2.0], [2.0, 0.0]]))
        >>> print(np.round(network.velocity(np.array([1.0, 0.0])), 3))  # -1, and 2 tanh(1)
        [-1.     1.523]
    """

    equation: ClassVar[str] = r"F_i(x) = -x_i + \sum_j J_{ij}\,\phi(x_j) + b_i"

    weights: Any
    unit: AbstractUnit
    field: Any
    names: tuple[str, ...] | None = eqx.field(static=True)

    def __init__(
        self,
        weights: Any,
        activation: AbstractActivation | None = None,
        field: Any = None,
        *,
        names: Any = None,
        unit: AbstractUnit | None = None,
    ):
        if isinstance(weights, str | Path):
            raise TypeError(f"Argument `weights` must be an array, but is {weights!r}; use qd.Network.from_file for a file.")
        self.unit = _read_unit(unit, activation)
        checks.refuse_datasets("Argument `weights`", weights)
        checks.refuse_datasets("Argument `field`", field)
        weights, own = labelled(weights)
        self.weights = checked_weights(weights)
        self.names = read_names(names, own, self.size)
        self.field = _checked_field(in_order("Argument `field`", field, self.names), self.size)

    @classmethod
    def from_file(
        cls,
        path: str | Path,
        *,
        array: str | None = None,
        sign: str | None = None,
        gain: float | None = None,
        transpose: bool = False,
        layout: str | None = None,
        activation: AbstractActivation | None = None,
        field: Any = None,
        names: Any = None,
    ) -> Network:
        """The network whose weights, and names where there are any, are in a file; nothing is ever unpickled.

        Arguments:
            path, array, sign, gain, transpose, layout: as of `qd.models.read_weights`.
            activation, field, names: as of `qd.Network`; names in place of those in the file.

        Returns:
            The `qd.Network`.

        Raises:
            FileNotFoundError, ImportError, ValueError, TypeError: as `qd.models.read_weights` and `qd.Network`.
        """
        path = checks.place("path", path)
        found = read_file(path, array=array, sign=sign, gain=gain, transpose=transpose, layout=layout)
        return cls(found.weights, activation, field, names=read_names(names, found.names, found.weights.shape[0]))

    def __repr__(self) -> str:
        """Size, share of couplings that are not zero, and the gain of Gaussian couplings as strong as these."""
        if isinstance(self.weights, jax.core.Tracer):
            return f"Network({self.size} neurons, activation={printed(self.activation)}; traced)"
        entries = np.asarray(self.weights.data if hasattr(self.weights, "todense") else self.weights)
        square, count = float(np.sum(entries**2)), self.size**2
        spread = square / count - (float(np.sum(entries)) / count) ** 2
        density = np.count_nonzero(entries) / count
        gain = np.sqrt(self.size * max(spread, 0.0))
        listed = [
            f"{self.size} neuron{'s' if self.size > 1 else ''}{self._called()}",
            f"{100 * density:.3g} % of the couplings",
            f"gain {gain:.3g} = sqrt(N Var J)",
            f"activation={printed(self.activation)}" if _usual(self.unit) else f"unit={printed(self.unit)}",
        ]
        if np.ndim(self.field) or self.field != 0:
            listed.append(f"field={printed(self.field)}")
        return f"Network({', '.join(listed)})"

    def _called(self) -> str:
        """The first names and the last, where there are any."""
        if self.names is None:
            return ""
        shown = self.names if len(self.names) <= 4 else (*self.names[:2], "...", self.names[-1])
        return f" ({', '.join(shown)})"

    @property
    def activation(self) -> AbstractActivation:
        """phi, of units that have one."""
        found = getattr(self.unit, "activation", None)
        if found is None:
            raise AttributeError(f"A Network of {public_name(self.unit)} has no one `activation`; see network.unit.")
        return found

    @property
    def units(self) -> tuple[AbstractUnit, ...]:
        """The different units of its neurons."""
        return self.unit.units if isinstance(self.unit, Mixed) else (self.unit,)

    @property
    def state_size(self) -> int:
        """How many numbers a state of the network is: as many as neurons, times the variables of each."""
        return self.size * self.unit.state_size

    @property
    def size(self) -> int:
        """Number of neurons."""
        return int(self.weights.shape[0])

    @property
    def unnamed(self) -> Network:
        """The same network without names, which are no part of a compiled program."""
        return self if self.names is None else Network(self.weights, field=self.field, unit=self.unit)

    @property
    @double_precision
    def dense_weights(self) -> Any:
        """J as a dense matrix."""
        return self.weights.todense() if hasattr(self.weights, "todense") else self.weights

    @double_precision
    def velocity(self, state: State) -> Float[Array, " neuron"]:
        """F(x), without noise, at one state; `jax.vmap(network.velocity)` takes many.

        Arguments:
            state: x, (neuron). Of units with several variables these are one after the other: variable 1 of all neurons,
                then variable 2, ...

        Returns:
            dx/dt, in state per leak time, (neuron); of a map the next state.

        Raises:
            TypeError, ValueError: no numbers, or a state of another size.
        """
        state = checks.one_vector("state", state, self.state_size)
        several = self.unit.state_size > 1
        return jnp.ravel(self.drift(state.reshape(self.unit.state_size, -1) if several else state))

    def received(self, states: Float[Array, "... neuron"], drive: Any = 0.0) -> Float[Array, "... neuron"]:
        """h of one state or many, with something added to the field."""
        return (self.weights @ self.unit.rate(states).T).T + self.field + drive

    def drift(self, states: Float[Array, "... neuron"], drive: Any = 0.0) -> Float[Array, "... neuron"]:
        """F(x) of one state or many, with something added to the field."""
        return self.unit.drift(states, self.received(states, drive))

    @double_precision
    def jacobian(self, state: State) -> Float[Array, "neuron neuron"]:
        """F'(x), dense, at one state: -1 + J diag(phi'(x)) for leaky units.

        Arguments:
            state: x, (neuron), as of `velocity`.

        Returns:
            The matrix dF_i/dx_j, (neuron, neuron).

        Raises:
            TypeError, ValueError: no numbers, or a state of another size.

        Where phi jumps (`Activation.jumps`) phi' has a delta function, which this leaves out: it is F' between the jumps.
        For a neuron exactly on a jump there is no derivative, and its column is NaN.
        """
        state = checks.one_vector("state", state, self.state_size)
        if self.unit.state_size > 1:
            return jax.jacfwd(self.velocity)(state)
        slope = self.unit.rate_slope(state)
        for place, _ in self.unit.jumps:
            slope = jnp.where(state == place, jnp.nan, slope)
        along, of_field = self.unit.drift_slopes(state, self.received(state))
        return jnp.diag(along) + of_field[:, None] * self.dense_weights * slope


def _read_unit(unit: AbstractUnit | None, activation: AbstractActivation | None) -> AbstractUnit:
    if unit is None:
        return Leaky(activation)
    if activation is not None:
        raise TypeError("Argument `activation` belongs to a leaky unit; give it, or `unit=`, not both.")
    if not isinstance(unit, AbstractUnit):
        raise TypeError(f"Argument `unit` must be a unit such as qd.units.Leaky(qd.Tanh()), but is {unit!r}.")
    return unit


def _usual(unit: AbstractUnit) -> bool:
    return isinstance(unit, Leaky) and unit.usual


def _checked_field(field: Any, size: int) -> Any:
    if field is None:
        return np.zeros((), np.float64)
    if isinstance(field, jax.core.Tracer):
        return field
    if np.ndim(field) == 0:
        return np.asarray(checks.number("field", field))
    array = checks.numbers("Argument `field`", field)
    if array.shape != (size,):
        raise ValueError(f"Argument `field` must be one number or one per neuron ({size}), but has shape {array.shape}.")
    if not np.isfinite(array).all():
        raise ValueError(f"Argument `field` must be finite, but field[{np.argwhere(~np.isfinite(array))[0, 0]}] is not.")
    with own_settings():
        return jnp.array(array)
