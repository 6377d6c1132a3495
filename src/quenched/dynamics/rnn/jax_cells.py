"""Equinox's and Flax's cells, written under PyTorch's names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from quenched import checks
from quenched.dynamics.flow_and_map import Map
from quenched.dynamics.rnn.arrays import from_arrays
from quenched.precision import double_precision

# The letters of Flax's gates in PyTorch's order.
_FLAX_GATES = {"SimpleCell": ("",), "GRUCell": tuple("rzn"), "LSTMCell": tuple("ifgo"), "OptimizedLSTMCell": tuple("ifgo")}
_FUNCTIONS = {"tanh": jnp.tanh, "relu": jax.nn.relu, "sigmoid": jax.nn.sigmoid}


def from_equinox(cell: Any) -> Map:
    """The map h -> h' of an `eqx.nn.GRUCell` or `eqx.nn.LSTMCell`.

    Arguments:
        cell: the cell. Its biases are PyTorch's b_ih, but for `bias_n` of a GRU, which is inside the reset product.

    Returns:
        `qd.landscape.Map`, as `qd.landscape.rnn.from_arrays`; the state of an LSTM is (h, c), in Equinox's order.

    Raises:
        TypeError: another object.

    Example:
        >>> import equinox as eqx, jax, quenched as qd
        >>> qd.landscape.rnn.from_equinox(eqx.nn.GRUCell(2, 4, key=jax.random.key(0))).size
        4
    """
    # Not a subclass, which may compute something else.
    if type(cell) not in (eqx.nn.GRUCell, eqx.nn.LSTMCell):
        raise TypeError(f"Argument `cell` must be an eqx.nn.GRUCell or eqx.nn.LSTMCell, but is {type(cell).__name__}.")
    arrays: dict[str, Any] = {"weight_ih": cell.weight_ih, "weight_hh": cell.weight_hh}
    if cell.bias is not None:
        arrays["bias_ih"] = cell.bias
    if isinstance(cell, eqx.nn.LSTMCell):
        return from_arrays(arrays, cell="lstm")
    if cell.bias_n is not None:
        arrays["bias_hh"] = np.concatenate([np.zeros(2 * cell.hidden_size), checks.numbers("Array 'bias_n'", cell.bias_n)])
    return from_arrays(arrays, cell="gru")


def from_flax(cell: Any, params: Mapping[str, Any] | None = None) -> Map:
    """The map h -> h' of a Flax cell.

    Arguments:
        cell: `SimpleCell`, `GRUCell`, `LSTMCell` or `OptimizedLSTMCell` of flax.linen or flax.nnx, with their usual sigmoid
            and tanh; a SimpleCell also with ReLU.
        params: of a linen cell, its parameters: what `init` returned, or the part of the model's that is the cell's. An nnx
            cell has its own.

    Returns:
        `qd.landscape.Map`, as `qd.landscape.rnn.from_arrays`. The state of an LSTM is (h, c), although Flax carries (c, h).

    Raises:
        TypeError: another object, or parameters missing.
        ValueError: parameters of another cell; a cell with other functions or a residual connection.

    Example:
        >>> import jax, jax.numpy as jnp, pytest, quenched as qd
        >>> linen = pytest.importorskip("flax.linen")
        >>> cell = linen.GRUCell(features=4)
        >>> params = cell.init(jax.random.key(0), jnp.zeros(4), jnp.zeros(2))
        >>> qd.landscape.rnn.from_flax(cell, params).size
        4
    """
    kind = type(cell).__name__
    if not type(cell).__module__.startswith("flax.") or kind not in _FLAX_GATES:
        raise TypeError(f"Argument `cell` must be Flax's {', '.join(_FLAX_GATES)}, but is {kind}.")
    linen = type(cell).__module__.startswith("flax.linen")
    if linen and not isinstance(params, Mapping):
        raise TypeError(f"Argument `params` must be the parameters of the linen cell, a dict, but is {params!r}.")
    if not linen and params is not None:
        raise TypeError("Argument `params` must be left out for an nnx cell, which has its own.")
    function = which_function("activation_fn", cell, ("tanh", "relu") if kind == "SimpleCell" else ("tanh",))
    if kind != "SimpleCell":
        which_function("gate_fn", cell, ("sigmoid",))
    if getattr(cell, "residual", False):
        raise ValueError("Argument `cell` must have no residual connection, but has residual=True.")
    if linen:
        assert params is not None
        inner = params.get("params", params)
        enter, own = (_linen_layers(inner, side, kind) for side in "ih")
    else:
        enter, own = (_nnx_layers(cell, side, kind) for side in "ih")
    arrays = {"weight_ih": enter[0], "bias_ih": enter[1], "weight_hh": own[0], "bias_hh": own[1]}
    return from_arrays(arrays, nonlinearity=function)


def _linen_layers(params: Mapping[str, Any], side: str, kind: str) -> tuple[np.ndarray, np.ndarray]:
    names = [side + gate for gate in _FLAX_GATES[kind]]
    missing = [name for name in names if name not in params]
    if missing:
        raise ValueError(
            f"Argument `params` must hold {missing[0]!r} of a {kind}, but holds {', '.join(map(repr, params))}."
        )
    return _stacked([(params[name]["kernel"], params[name].get("bias")) for name in names])


def _nnx_layers(cell: Any, side: str, kind: str) -> tuple[np.ndarray, np.ndarray]:
    # All gates in one layer, or, of the LSTMCell, one each, `if_` since `if` is Python's.
    fused = hasattr(cell, f"dense_{side}")
    names = [f"dense_{side}"] if fused else [{"if": "if_"}.get(side + gate, side + gate) for gate in _FLAX_GATES[kind]]
    return _stacked([(layer.kernel, layer.bias) for layer in (getattr(cell, name) for name in names)])


def _stacked(layers: list[tuple[Any, Any]]) -> tuple[np.ndarray, np.ndarray]:
    """Flax's kernels are (input, output); a bias that is not there is zero."""
    kernels = [checks.numbers("A kernel", kernel[...]).T for kernel, _ in layers]
    biases = [
        np.zeros(len(kernel)) if bias is None else checks.numbers("A bias", bias[...])
        for kernel, (_, bias) in zip(kernels, layers, strict=True)
    ]
    return np.concatenate(kernels), np.concatenate(biases)


@double_precision
def which_function(name: str, cell: Any, allowed: tuple[str, ...]) -> str:
    """Which of the allowed functions the cell applies, told by its values: Flax and JAX have several names for one."""
    points = jnp.linspace(-3.0, 3.0, 13)
    values = getattr(cell, name)(points)
    for word in allowed:
        if np.allclose(values, _FUNCTIONS[word](points), rtol=1e-6, atol=1e-6):
            return word
    raise ValueError(f"Argument `cell` must have {' or '.join(allowed)} as its {name}, but has {getattr(cell, name)!r}.")
