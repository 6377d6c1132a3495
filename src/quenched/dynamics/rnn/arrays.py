"""From arrays under PyTorch's names to a map."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from quenched import checks
from quenched.activations import AbstractActivation, ReLU, Tanh
from quenched.dynamics.flow_and_map import Map
from quenched.dynamics.rnn.cells import CELLS, Elman

ACTIVATIONS: dict[str, type[AbstractActivation]] = {"tanh": Tanh, "relu": ReLU}


def from_arrays(
    arrays: Mapping[str, Any],
    cell: str | None = None,
    layer: int = 0,
    nonlinearity: str = "tanh",
    *,
    prefix: str | None = None,
) -> Map:
    """The map h -> h' of a recurrent layer, from its weights under PyTorch's names.

    Arguments:
        arrays: `weight_ih_l0` (gates x hidden, input), `weight_hh_l0` (gates x hidden, hidden), and `bias_ih_l0`,
            `bias_hh_l0` (gates x hidden), zero where they are missing; or, of a single cell, `weight_ih`, `weight_hh`,
            `bias_ih`, `bias_hh`. What else is in it (a readout) is left alone. The rows are in PyTorch's order of gates:
            r, z, n of a GRU and i, f, g, o of an LSTM.
        cell: "rnn", "gru" or "lstm"; the shape of weight_hh says which it is, so that this is only a check.
        layer: which layer of a stack. The inputs of an upper layer are the hidden state of the one below.
        nonlinearity: of an "rnn", "tanh" or "relu".
        prefix: which module's weights, where there are several: "encoder" for `encoder.weight_hh_l0`.

    Returns:
        `qd.landscape.Map`; `step(state, inputs)` with inputs (input), zero if left out; `step.hidden_size`,
        `step.input_size`. All in float64, whatever the arrays are. The state of an LSTM is (h, c), twice as long, which
        `qd.landscape.rnn.split_state` takes apart.

    Raises:
        ValueError: names that are missing or in several modules; shapes that do not fit; NaN or infinity; a network that is
            bidirectional or has projections (proj_size), whose state this is not.
        TypeError: not a mapping, or not numbers.

    Source: the equations in PyTorch's documentation of RNN, GRU and LSTM.

    Example:
        >>> import numpy as np, quenched as qd
        >>> weights = {"weight_ih_l0": np.ones((6, 1)), "weight_hh_l0": np.zeros((6, 2))}
        >>> gru = qd.landscape.rnn.from_arrays(weights, cell="gru")
        >>> gru.size, gru.step.input_size
        (2, 1)
        >>> print(gru.step(np.array([1.0, -1.0])))  # z = 1/2, n = 0: the state is halved
        [ 0.5 -0.5]
    """
    if not isinstance(arrays, Mapping):
        raise TypeError(f"Argument `arrays` must be a dict of names and arrays, but is {arrays!r}.")
    nonlinearity = checks.one_of("nonlinearity", nonlinearity, ACTIVATIONS)
    names = _names(arrays, checks.count("layer", layer, low=0), prefix)
    recurrent = checks.real_array(f"Array {names['weight_hh']!r}", arrays[names["weight_hh"]], (None, None))
    kind, rows = _kind(names["weight_hh"], recurrent.shape, cell), len(recurrent)
    shapes = {"weight_ih": (rows, None), "weight_hh": (rows, None), "bias_ih": (rows,), "bias_hh": (rows,)}
    weights = {part: checks.real_array(f"Array {name!r}", arrays[name], shapes[part]) for part, name in names.items()}
    if kind != "rnn" and nonlinearity != "tanh":
        raise ValueError(f"Argument `nonlinearity` is for an 'rnn', but the weights are those of a {kind!r}.")
    weights = {"bias_ih": np.zeros(rows), "bias_hh": np.zeros(rows)} | weights
    step = Elman(**weights, activation=ACTIVATIONS[nonlinearity]()) if kind == "rnn" else CELLS[kind](**weights)
    return Map(step, step.state_size)


def _names(arrays: Mapping[str, Any], layer: int, prefix: str | None) -> dict[str, str]:
    """Which array is weight_ih, weight_hh and, where there are any, bias_ih and bias_hh."""
    suffixes = [f"_l{layer}", ""] if layer == 0 else [f"_l{layer}"]
    paths = [(path, end) for path, name in map(_path_and_name, arrays) for end in suffixes if name == "weight_hh" + end]
    if prefix is not None:
        wanted = prefix.rstrip(".") + "." if prefix else ""
        paths = [(path, end) for path, end in paths if path == wanted]
    if len(paths) != 1:
        asked = f" below {prefix!r}" if prefix else ""
        if not paths:
            others = [name for name in map(str, arrays) if "weight_hh" in name] or list(map(str, arrays))
            parametrised = any("original" in name or name.endswith(("_g", "_v")) for name in others)
            hint = " Undo torch.nn.utils.parametrize (weight normalisation and the like) first." if parametrised else ""
            raise ValueError(
                f"Argument `arrays` must hold 'weight_hh_l{layer}'{asked}, but holds {_listing(others) or 'nothing'}.{hint}"
            )
        raise ValueError(
            f"Argument `arrays` holds several networks{asked}: {_listing(path + 'weight_hh' + end for path, end in paths)}; "
            "choose one by `prefix`."
        )
    path, end = paths[0]
    if f"{path}weight_hh{end}_reverse" in arrays:
        raise ValueError(
            f"Array '{path}weight_hh{end}_reverse' is of a bidirectional network, whose backward half runs from the end "
            "of a sequence to its start: it has no step forward in time, and no fixed points."
        )
    if f"{path}weight_hr{end}" in arrays:
        raise ValueError(f"Array '{path}weight_hr{end}' is of an LSTM with projections (proj_size), which is not supported.")
    known = re.compile(r"bias_(ih|hh)(_l\d+(_reverse)?)?")
    strange = [path + name for at, name in map(_path_and_name, arrays) if at == path and name.startswith("bias")]
    strange = [name for name in strange if not known.fullmatch(name.removeprefix(path))]
    if strange:
        raise ValueError(
            f"Argument `arrays` holds {_listing(strange)}, but PyTorch's names are 'bias_ih{end}' and 'bias_hh{end}'."
        )
    names = {part: f"{path}{part}{end}" for part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")}
    if names["weight_ih"] not in arrays:
        raise ValueError(f"Argument `arrays` must hold {names['weight_ih']!r} beside {names['weight_hh']!r}.")
    return {part: name for part, name in names.items() if name in arrays}


def _path_and_name(name: Any) -> tuple[str, str]:
    path, dot, last = str(name).rpartition(".")
    return path + dot, last


def _listing(names: Iterable[Any]) -> str:
    return ", ".join(repr(name) for name in names)


def _kind(name: str, shape: tuple[int, ...], cell: str | None) -> str:
    """Which cell has as many rows of weights for each hidden unit."""
    found = [kind for kind, one in CELLS.items() if shape[1] > 0 and shape[0] == one.gates * shape[1]]
    wanted = list(CELLS) if cell is None else [checks.one_of("cell", cell, CELLS)]
    if not set(found) & set(wanted):
        must = " or ".join(f"({CELLS[kind].gates} x hidden, hidden) of {kind!r}" for kind in wanted)
        raise ValueError(
            f"Array {name!r} must have the shape {must}, but has {shape}{f', that of {found[0]!r}' if found else ''}."
        )
    return found[0]
