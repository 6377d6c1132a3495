"""From PyTorch's modules and state dicts to a map. PyTorch itself is imported by whoever made them."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from quenched.dynamics.flow_and_map import Map
from quenched.dynamics.rnn.arrays import from_arrays


def from_torch(
    module_or_state_dict: Any,
    cell: str | None = None,
    layer: int = 0,
    nonlinearity: str | None = None,
    *,
    prefix: str | None = None,
) -> Map:
    """The map h -> h' of a PyTorch network.

    Arguments:
        module_or_state_dict: an `nn.RNN`, `nn.GRU`, `nn.LSTM`, their `...Cell`, a module that has one of them somewhere
            inside, or what `state_dict()` returns. Weights on any device and of any precision are copied.
        cell: "rnn", "gru" or "lstm", a check.
        layer: which layer of a stack.
        nonlinearity: "tanh" or "relu" of an RNN. A module knows it; a state dict does not, and "tanh" is assumed.
        prefix: which recurrent module, where there are several: "encoder" for `model.encoder`.

    Returns:
        `qd.landscape.Map`, as `qd.landscape.rnn.from_arrays`. Dropout and `batch_first` make no difference to a step.

    Raises:
        TypeError: neither a module nor a state dict.
        ValueError: no recurrent module, or several and no `prefix`; a bidirectional one, one with `proj_size`, no such
            layer; and as `from_arrays`.

    Example:
        >>> import pytest, quenched as qd
        >>> torch = pytest.importorskip("torch")
        >>> lstm = torch.nn.LSTM(input_size=3, hidden_size=5, num_layers=2)
        >>> qd.landscape.rnn.from_torch(lstm, layer=1).size
        10
    """
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(module_or_state_dict, torch.nn.Module):
        if isinstance(module_or_state_dict, torch.jit.ScriptModule):
            raise ValueError(
                "Argument `module_or_state_dict` must be no module compiled by TorchScript: give its state_dict()."
            )
        path, module = _recurrent(torch, module_or_state_dict, prefix)
        own = getattr(module, "nonlinearity", "tanh")  # which GRU and LSTM do not have
        if nonlinearity not in (None, own):
            raise ValueError(
                f"Argument `nonlinearity` must be {own!r}, as the module's, or left out, but is {nonlinearity!r}."
            )
        nonlinearity, prefix = own, path
        module_or_state_dict = module_or_state_dict.state_dict()
    if not isinstance(module_or_state_dict, Mapping):
        raise TypeError(
            "Argument `module_or_state_dict` must be a torch.nn.Module or its state_dict(), but is "
            f"{type(module_or_state_dict).__name__}."
        )
    return from_arrays(module_or_state_dict, cell, layer, "tanh" if nonlinearity is None else nonlinearity, prefix=prefix)


def _recurrent(torch: Any, module: Any, prefix: str | None) -> tuple[str, Any]:
    """The one recurrent module inside, and its path."""
    kinds = (torch.nn.RNNBase, torch.nn.RNNCellBase)
    found = [(path, each) for path, each in module.named_modules() if isinstance(each, kinds)]
    if prefix is not None:
        found = [(path, each) for path, each in found if path == prefix.rstrip(".")]
    if len(found) != 1:
        inside = f"below {prefix!r}" if prefix is not None else "inside"
        several = f"several {inside}, {', '.join(repr(path) for path, _ in found)}; choose one by `prefix`"
        raise ValueError(
            "Argument `module_or_state_dict` must have one nn.RNN, nn.GRU, nn.LSTM or cell of theirs, but has "
            f"{several if found else f'none {inside}'}."
        )
    path, recurrent = found[0]
    own: Any = next(kind for kind in type(recurrent).__mro__ if kind.__module__.startswith("torch."))
    if type(recurrent).forward is not own.forward:
        raise ValueError(
            f"Argument `module_or_state_dict` has a {type(recurrent).__name__} with a `forward` of its own, which may not "
            f"compute what torch's {own.__name__} does. If it does, give its state_dict(); if not, write its step in JAX "
            "and use qd.landscape.Map."
        )
    return path, recurrent
