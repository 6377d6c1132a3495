"""Haiku's and BrainState's cells, whose kernels act on inputs and state joined, written under PyTorch's names.

Both apply the reset before the product, and both let z decide for what is new, h' = (1 - z) h + z n, where PyTorch has it
the other way round: sigma(-a) = 1 - sigma(a) turns it. Both add 1 to the forget gate of an LSTM, whose gates are i, g, f, o.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from quenched import checks
from quenched.dynamics.flow_and_map import Map
from quenched.dynamics.rnn.arrays import from_arrays
from quenched.dynamics.rnn.jax_cells import which_function
from quenched.dynamics.rnn.reset_first import ResetFirstGRU

_BRAINSTATE = ("ValinaRNNCell", "GRUCell", "MGUCell", "LSTMCell")


def from_brainstate(cell: Any) -> Map:
    """The map h -> h' of a cell of brainstate.nn.

    Arguments:
        cell: `ValinaRNNCell` (with tanh or ReLU), `GRUCell`, `MGUCell` or `LSTMCell` (with tanh).

    Returns:
        `qd.landscape.Map`, as `qd.landscape.rnn.from_arrays`; the state of an LSTM is (h, c).

    Raises:
        TypeError: another object.
        ValueError: another activation, or masked weights.

    Example:
        >>> import pytest, quenched as qd
        >>> brainstate = pytest.importorskip("brainstate")
        >>> qd.landscape.rnn.from_brainstate(brainstate.nn.GRUCell(2, 4)).size
        4
    """
    kind = type(cell).__name__
    if not type(cell).__module__.startswith("brainstate.") or kind not in _BRAINSTATE:
        raise TypeError(f"Argument `cell` must be a {', '.join(_BRAINSTATE)} of brainstate.nn, but is {kind}.")
    phi = which_function("activation", cell, ("tanh", "relu") if kind == "ValinaRNNCell" else ("tanh",))
    names = {"GRUCell": ("Wrz", "Wh"), "MGUCell": ("Wf", "Wh")}.get(kind, ("W",))
    kernels, biases = zip(*(_linear(name, getattr(cell, name)) for name in names), strict=True)
    kernel, bias = np.concatenate(kernels, axis=1), np.concatenate(biases)
    if kind == "ValinaRNNCell":
        return _elman(kernel, bias, phi)
    if kind == "LSTMCell":
        return _lstm(kernel, bias)
    hidden = len(bias) // (3 if kind == "GRUCell" else 2)
    gates, last = slice(0, hidden), slice(len(bias) - hidden, None)
    update = slice(hidden, 2 * hidden) if kind == "GRUCell" else gates  # the minimal unit has one gate for both
    return _reset_first(*((kernel[:, part], bias[part]) for part in (gates, update, last)))


def from_haiku(params: Mapping[str, Mapping[str, Any]], *, prefix: str | None = None) -> Map:
    """The map h -> h' of a `hk.VanillaRNN`, `hk.GRU` or `hk.LSTM`.

    Arguments:
        params: what `init` returned, names of modules and their arrays. What else is in it is left alone.
        prefix: which module, where there are several: "encoder/~/gru".

    Returns:
        `qd.landscape.Map`, as `qd.landscape.rnn.from_arrays`; the state of an LSTM is (h, c).

    Raises:
        TypeError: not a mapping.
        ValueError: no such module, or several; shapes that do not fit.

    Example:
        >>> import numpy as np, quenched as qd
        >>> params = {"gru": {"w_i": np.ones((2, 12)), "w_h": np.zeros((4, 12)), "b": np.zeros(12)}}
        >>> qd.landscape.rnn.from_haiku(params).size
        4
    """
    if not isinstance(params, Mapping) or not all(isinstance(each, Mapping) for each in params.values()):
        raise TypeError(f"Argument `params` must be the parameters of Haiku, a dict of dicts of arrays, but is {params!r}.")
    found = {name: _haiku_module(name, arrays, params) for name, arrays in params.items()}
    modules = {place: build for each in found.values() if each is not None for place, build in (each,)}
    if prefix is not None:
        modules = {place: build for place, build in modules.items() if place == prefix.rstrip("/")}
    if len(modules) != 1:
        several = ", ".join(map(repr, modules))
        raise ValueError(
            "Argument `params` must hold one VanillaRNN, GRU or LSTM, but holds "
            f"{f'several, {several}; choose one by `prefix`' if modules else f'none, only {list(params)}'}."
        )
    return next(iter(modules.values()))()


def _haiku_module(name: str, arrays: Mapping[str, Any], params: Mapping[str, Mapping[str, Any]]) -> Any:
    """(path, how to build it) of the recurrent module that these arrays belong to, or None."""
    path, _, last = name.rpartition("/")
    if {"w_i", "w_h", "b"} <= set(arrays):
        return name, lambda: _haiku_gru(arrays)
    if last == "linear" and "lstm" in path.rpartition("/")[2]:
        return path, lambda: _lstm(*_named(name, arrays))
    if last == "linear" and "rnn" in path.rpartition("/")[2] and f"{name}_1" in params:
        both = [_named(each, params[each]) for each in (name, f"{name}_1")]
        return path, lambda: _elman(np.concatenate([kernel for kernel, _ in both]), both[0][1] + both[1][1], "relu")
    return None


def _haiku_gru(arrays: Mapping[str, Any]) -> Map:
    enter, own, bias = (checks.numbers(f"Array {name!r}", arrays[name]) for name in ("w_i", "w_h", "b"))
    kernel = np.concatenate([enter, own])
    update, reset, new = zip(np.split(kernel, 3, axis=1), np.split(bias, 3), strict=True)
    return _reset_first(reset, update, new)


def _linear(name: str, layer: Any) -> tuple[np.ndarray, np.ndarray]:
    """Kernel (input and state, unit) and bias of a layer of BrainState's."""
    if getattr(layer, "w_mask", None) is not None:
        raise ValueError(f"Argument `cell` must have no mask on its weights, but has one on {name!r}; multiply by it first.")
    values = layer.weight.value
    return _named(name, {"w": values["weight"], "b": values.get("bias")})


def _named(name: str, arrays: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    kernel = checks.real_array(f"Array 'w' of {name!r}", arrays["w"], (None, None))
    if arrays.get("b") is None:
        return kernel, np.zeros(kernel.shape[1])
    return kernel, checks.real_array(f"Array 'b' of {name!r}", arrays["b"], (kernel.shape[1],))


def _parts(kernel: np.ndarray, bias: np.ndarray, hidden: int) -> dict[str, np.ndarray]:
    """The kernel's rows are inputs and then the state."""
    return {"weight_ih": kernel[:-hidden].T, "weight_hh": kernel[-hidden:].T, "bias_ih": bias}


def _elman(kernel: np.ndarray, bias: np.ndarray, phi: str) -> Map:
    return from_arrays(_parts(kernel, bias, len(bias)), cell="rnn", nonlinearity=phi)


def _lstm(kernel: np.ndarray, bias: np.ndarray) -> Map:
    hidden = len(bias) // 4
    enter, candidate, forget, leave = zip(np.split(kernel, 4, axis=1), np.split(bias, 4), strict=True)
    ordered = (enter, (forget[0], forget[1] + 1.0), candidate, leave)
    kernel, bias = np.concatenate([w for w, _ in ordered], axis=1), np.concatenate([b for _, b in ordered])
    return from_arrays(_parts(kernel, bias, hidden), cell="lstm")


def _reset_first(reset: Any, update: Any, new: Any) -> Map:
    """Each a kernel and a bias."""
    kernel, bias = np.concatenate([reset[0], -update[0], new[0]], axis=1), np.concatenate([reset[1], -update[1], new[1]])
    gru: Any = from_arrays(_parts(kernel, bias, len(bias) // 3), cell="gru").step
    return Map(ResetFirstGRU(gru.weight_ih, gru.weight_hh, gru.bias_ih, gru.bias_hh), gru.hidden_size)
