"""Recurrent layers of Keras, from its files. Keras itself is not needed, and nothing in a file is run.

Keras keeps kernels as (input, gate x unit), with the gates of a GRU in the order z, r, h and those of an LSTM in PyTorch's.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from quenched import checks
from quenched.dynamics.flow_and_map import Map
from quenched.dynamics.rnn.arrays import from_arrays
from quenched.dynamics.rnn.reset_first import ResetFirstGRU
from quenched.models.archives import hdf5

_KINDS = {1: "rnn", 3: "gru", 4: "lstm"}
_CLASSES = ("SimpleRNN", "GRU", "LSTM")
# The blocks of a GRU, z, r, h, in PyTorch's order.
_ORDER = {"rnn": (0,), "gru": (1, 0, 2), "lstm": (0, 1, 2, 3)}
_OWN = "write its step in JAX and use qd.landscape.Map"


class _Layer(NamedTuple):
    """What a file says of one recurrent layer: no settings in a file of weights alone; why it is refused, if it is."""

    name: str
    kernel: Any
    recurrent: Any
    bias: Any
    settings: Mapping[str, Any] | None
    refusal: str | None


def from_keras_layers(
    path: Path, found: list[_Layer], cell: str | None, nonlinearity: str | None, prefix: str | None
) -> Map:
    """The map h -> h' of one of the layers in a file."""
    if prefix is not None:
        found = [layer for layer in found if layer.name == prefix.rstrip("./")]
    if found and all(layer.refusal for layer in found):
        raise ValueError(f"The layer {found[0].name!r} {found[0].refusal}.")
    if len(found) != 1:
        names = ", ".join(repr(layer.name) for layer in found)
        below = "" if prefix is None else f" called {prefix!r}"
        raise ValueError(
            f"{path.name!r} must hold one SimpleRNN, GRU or LSTM{below}, but holds "
            f"{f'several, {names}; choose one by `prefix`' if found else 'none'}."
        )
    return _map(found[0], cell, nonlinearity)


def _map(layer: _Layer, cell: str | None, nonlinearity: str | None) -> Map:
    what, settings = f"The layer {layer.name!r}", layer.settings or {}
    recurrent = checks.real_array(f"{what}: its recurrent kernel", layer.recurrent, (None, None))
    units = len(recurrent)
    kind = _KINDS.get(recurrent.shape[1] // units)
    if kind is None or recurrent.shape[1] % units:
        raise ValueError(f"{what} must be a SimpleRNN, GRU or LSTM, but its recurrent kernel has shape {recurrent.shape}.")
    kernel = checks.real_array(f"{what}: its kernel", layer.kernel, (None, recurrent.shape[1]))
    phi = _functions(what, kind, settings, nonlinearity)
    arrays = {"weight_ih": _blocks(kernel, kind), "weight_hh": _blocks(recurrent, kind)}
    reset_after = settings.get("reset_after")
    if layer.bias is not None:
        bias = np.atleast_2d(checks.numbers(f"{what}: its bias", layer.bias))
        if bias.shape not in ((1, recurrent.shape[1]), (2, recurrent.shape[1])) or (len(bias) == 2 and kind != "gru"):
            raise ValueError(f"{what} has a bias of shape {np.shape(layer.bias)}, as layers of cuDNN alone had: {_OWN}.")
        reset_after = len(bias) == 2
        arrays |= dict(zip(("bias_ih", "bias_hh"), _blocks(bias.T, kind, across=True), strict=False))
    if kind == "gru" and reset_after is None:
        raise ValueError(
            f"{what} is a GRU without bias, of which the weights alone do not tell whether reset_after is True; save the "
            "whole model, model.save('model.keras')."
        )
    found = from_arrays(arrays, cell, nonlinearity=phi)
    if kind != "gru" or reset_after:
        return found
    gru: Any = found.step
    return Map(ResetFirstGRU(gru.weight_ih, gru.weight_hh, gru.bias_ih, gru.bias_hh), units)


def _functions(what: str, kind: str, settings: Mapping[str, Any], nonlinearity: str | None) -> str:
    """The activation, tanh or, of a SimpleRNN, ReLU; refused where it is another."""
    own = settings.get("activation")
    if own is not None and nonlinearity not in (None, own):
        raise ValueError(f"Argument `nonlinearity` must be {own!r}, as the layer's, or left out, but is {nonlinearity!r}.")
    own = own or nonlinearity or "tanh"
    allowed = ("tanh", "relu") if kind == "rnn" else ("tanh",)
    if own not in allowed:
        raise ValueError(f"{what} must have {' or '.join(allowed)} as its activation, but has {own!r}: {_OWN}.")
    if settings.get("recurrent_activation", "sigmoid") != "sigmoid":
        raise ValueError(
            f"{what} must have sigmoid as its recurrent_activation, but has {settings['recurrent_activation']!r}: {_OWN}."
        )
    return str(own)


def _blocks(kernel: np.ndarray, kind: str, *, across: bool = False) -> np.ndarray:
    """From (input, gate x unit) to (gate x unit, input), the gates in PyTorch's order; `across` from (gate x unit, row)."""
    rows = np.split(kernel if across else kernel.T, len(_ORDER[kind]))
    ordered = np.concatenate([rows[block] for block in _ORDER[kind]])
    return ordered.T if across else ordered


def keras_layers(path: Path) -> list[_Layer]:
    """Every recurrent layer in a `.keras`, a `.weights.h5` or an older `.h5` file."""
    if path.suffix.lower() != ".keras":
        with hdf5(path) as file:
            config = file.attrs.get("model_config")
            return list(_in_hdf5(file, None if config is None else json.loads(config)))
    with zipfile.ZipFile(path) as archive:
        config = json.loads(archive.read("config.json"))
        weights = io.BytesIO(archive.read("model.weights.h5"))
    with hdf5(path, weights) as file:
        return list(_in_hdf5(file, config))


def _in_hdf5(file: Any, config: Any) -> Iterator[_Layer]:
    known = None if config is None else dict(_settings(config))
    groups: list[tuple[str, dict[str, Any]]] = []

    def visit(path: str, item: Any) -> None:
        if hasattr(item, "keys"):
            # Older files end their names in ":0", newer ones have numbers for names.
            members = {key.partition(":")[0]: each for key, each in item.items() if hasattr(each, "shape")}
            numbered = dict(zip(("kernel", "recurrent_kernel", "bias"), (members.get(key) for key in "012"), strict=True))
            if path.endswith("cell/vars") or "/cells/" in path:
                members = {key: each for key, each in numbered.items() if each is not None} or members
            if "recurrent_kernel" in members and members["recurrent_kernel"].ndim == 2:
                groups.append((path, members))

    file.visititems(visit)
    for path, members in groups:
        name, refusal = _layer_name(file, path), None
        if "backward_layer" in path or "forward_layer" in path or "bidirectional" in path:
            refusal = (
                "is bidirectional: its backward half runs from the end of a sequence to its start, and has no step forward "
                "in time, and no fixed points"
            )
        elif known is not None and name not in known:
            refusal = f"must be a SimpleRNN, GRU or LSTM of Keras, but is another: {_OWN}"
        values = {part: each[()] for part, each in members.items()}
        settings = None if known is None else known.get(name)
        yield _Layer(name, values["kernel"], values["recurrent_kernel"], values.get("bias"), settings, refusal)


def _layer_name(file: Any, path: str) -> str:
    """A layer's name in the configuration: newer files tell it, older ones have it in the path."""
    steps = path.split("/")
    if steps[-1] != "vars":
        if "stacked_rnn_cells" in path:
            return steps[-1]
        return steps[1] if steps[0] == "model_weights" else steps[0]
    stacked = "cells" in steps
    layer = "/".join(steps[:-1] if stacked else steps[: steps.index("cell") if "cell" in steps else -1])
    told = file[f"{layer}/vars"].attrs.get("name") if f"{layer}/vars" in file else None
    return str(told or layer.rpartition("/")[2])


def _settings(config: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Name and settings of every layer that is, or that runs, a cell of Keras's own."""
    if isinstance(config, list):
        for each in config:
            yield from _settings(each)
    if not isinstance(config, dict):
        return
    kind, own = str(config.get("class_name")), config.get("config")
    if not isinstance(own, dict):
        yield from _settings(list(config.values()))
    elif kind.removesuffix("Cell") in _CLASSES and config.get("registered_name") in (None, kind):
        yield str(own.get("name")), own
    elif kind == "RNN":
        # The layer has the name, its cell the settings; of several cells each has both.
        cells = list(_settings(own.get("cell")))
        yield from cells if len(cells) > 1 else ((str(own.get("name")), settings) for _, settings in cells)
    else:
        yield from _settings(list(own.values()))
