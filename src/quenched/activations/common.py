"""Activations that deep-learning libraries have, by name, with their kinks."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from quenched.activations.activation import AbstractActivation, Activation
from quenched.activations.erf import Erf
from quenched.activations.linear import Linear
from quenched.activations.relu import ReLU
from quenched.activations.sine import Sine
from quenched.activations.tanh import Tanh
from quenched.words import one_of


class _Written(NamedTuple):
    function: Callable[[Any], Any]
    kinks: tuple[float, ...] = ()


def _shrunk(x: Any, keep: Callable[[Any], Any]) -> Any:
    return jnp.where(jnp.abs(x) > 0.5, keep(x), 0.0)


_OURS: dict[str, type[AbstractActivation]] = {"tanh": Tanh, "erf": Erf, "relu": ReLU, "linear": Linear, "sine": Sine}
# With the parameters that PyTorch takes if left out.
_OTHERS = {
    "celu": _Written(jax.nn.celu, (0.0,)),
    "elu": _Written(jax.nn.elu, (0.0,)),
    "gelu": _Written(partial(jax.nn.gelu, approximate=False)),
    "hardshrink": _Written(lambda x: _shrunk(x, lambda x: x), (-0.5, 0.5)),
    "hardsigmoid": _Written(jax.nn.hard_sigmoid, (-3.0, 3.0)),
    "hardswish": _Written(jax.nn.hard_swish, (-3.0, 3.0)),
    "hardtanh": _Written(jax.nn.hard_tanh, (-1.0, 1.0)),
    "leaky_relu": _Written(jax.nn.leaky_relu, (0.0,)),
    "logsigmoid": _Written(jax.nn.log_sigmoid),
    "mish": _Written(jax.nn.mish),
    "relu6": _Written(jax.nn.relu6, (0.0, 6.0)),
    "selu": _Written(jax.nn.selu, (0.0,)),
    "sigmoid": _Written(jax.nn.sigmoid),
    "silu": _Written(jax.nn.silu),
    "softplus": _Written(jax.nn.softplus),
    "softshrink": _Written(lambda x: _shrunk(x, lambda x: x - 0.5 * jnp.sign(x)), (-0.5, 0.5)),
    "softsign": _Written(jax.nn.soft_sign, (0.0,)),
    "squareplus": _Written(jax.nn.squareplus),
    "tanhshrink": _Written(lambda x: x - jnp.tanh(x)),
}
NAMES = tuple(sorted((*_OURS, *_OTHERS)))
_ALIASES = {"swish": "silu", "identity": "linear", "sin": "sine"}


def common(name: str) -> AbstractActivation:
    """An activation that deep-learning libraries have, with the parameters that PyTorch takes if left out.

    Arguments:
        name: such as "gelu", "leaky_relu", "hardtanh"; `qd.activations.NAMES` lists all.

    Returns:
        A `qd.Activation` with its kinks, or one of the package's own, such as `qd.ReLU()`.

    Raises:
        ValueError: another name. Functions with parameters of your own are `qd.Activation(function)`.

    Example:
        >>> import quenched as qd
        >>> qd.activations.common("hardtanh").breakpoints
        (-1.0, 1.0)
    """
    found = _ALIASES.get(name.lower(), name.lower())
    found = one_of("activation", found, NAMES)
    if found in _OURS:
        return _OURS[found]()
    written = _OTHERS[found]
    return Activation(written.function, found, breakpoints=written.kinks)
