"""Initial weights in the terms of PyTorch, JAX and Keras. None of them but JAX is imported before it is asked for."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jaxtyping import Array

from quenched.words import shown


def of_jax(weight_std: float, bias_std: float, bias: bool, in_axis: Any, out_axis: Any) -> Callable[..., Array]:
    """An initializer of `jax.nn.initializers`."""
    if bias:
        return jax.nn.initializers.normal(bias_std)
    return jax.nn.initializers.variance_scaling(weight_std**2, "fan_in", "normal", in_axis, out_axis)


def of_keras(weight_std: float, bias_std: float, bias: bool, seed: int | None) -> Any:
    """An initializer of `keras.initializers`."""
    try:
        from keras import initializers
    except ImportError as error:
        raise ImportError("An initializer of Keras needs Keras: pip install keras.") from error
    if bias:
        return initializers.RandomNormal(stddev=bias_std, seed=seed)
    return initializers.VarianceScaling(weight_std**2, mode="fan_in", distribution="untruncated_normal", seed=seed)


def set_torch(module: Any, weight_std: float, bias_std: float, generator: Any) -> Any:
    """All linear layers and convolutions of a PyTorch module, in place."""
    torch = sys.modules.get("torch")
    if torch is None or not isinstance(module, torch.nn.Module):
        raise TypeError(f"Argument `module` must be a torch.nn.Module, but is {shown(module)}.")
    kinds = (torch.nn.Linear, torch.nn.Conv1d, torch.nn.Conv2d, torch.nn.Conv3d)
    named = dict(module.named_modules())
    ours = {path: each for path, each in named.items() if isinstance(each, kinds)}
    if not ours:
        raise ValueError("Argument `module` must have an nn.Linear or nn.Conv1d to nn.Conv3d inside, but has none.")
    for path, layer in ours.items():
        _check_weights(torch, path, layer)
    with torch.no_grad():
        for layer in ours.values():
            layer.weight.normal_(0.0, weight_std / np.sqrt(layer.weight[0].numel()), generator=generator)
            if layer.bias is not None:
                layer.bias.normal_(0.0, bias_std, generator=generator)
    left = [path for path, each in named.items() if path not in ours and list(each.parameters(recurse=False))]
    if left:
        several = ", ".join(f"{path!r} ({type(named[path]).__name__})" for path in left)
        warnings.warn(f"These have parameters of other kinds, which stay as they are: {several}.", stacklevel=3)
    return module


def _check_weights(torch: Any, path: str, layer: Any) -> None:
    """Refuse weights that are made of others, or that are not there yet."""
    where = f"{path!r} ({type(layer).__name__})"
    own = dict(layer.named_parameters(recurse=False))
    if "weight" not in own or (layer.bias is not None and "bias" not in own):
        raise ValueError(
            f"Argument `module`: weights of {where} are made of other parameters (weight norm, parametrizations); remove "
            "these before, and put them back after it."
        )
    for parameter in own.values():
        if torch.nn.parameter.is_lazy(parameter) or parameter.is_meta:
            raise ValueError(
                f"Argument `module`: {where} has no weights yet; run it on one batch (lazy layers), or move it off the "
                'device "meta" by to_empty().'
            )
