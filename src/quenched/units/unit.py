"""A unit of your own: any function of the state and the input."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from quenched import checks
from quenched.precision import own_settings
from quenched.units.base import AbstractUnit, State


class Unit(AbstractUnit):
    """dx/dt = drift(x, h), of rate(x): the dynamics of one neuron, written in JAX; derivatives by autodiff.

    Arguments:
        drift: of the state and the input, one number each; with several variables the state is (variable, ...), so that
            `x, a = state` takes it apart, and a tuple of as many velocities is returned. Written element by element.
        rate: of the state, one number: what the other neurons receive.
        state_size: how many variables a state has. The first is the one that noise and initial distributions are about;
            the others begin at 0.

    Raises:
        TypeError: a function that JAX cannot trace, or that does not return as many numbers as it must.
        ValueError: NaN or infinity at state 0.

    Example:
        >>> import jax.numpy as jnp, quenched as qd
        >>> def fitzhugh_nagumo(state, h):
        ...     v, w = state
        ...     return v - v**3 / 3 - w + h, 0.1 * (v + 0.7 - 0.8 * w)
        >>> unit = qd.units.Unit(fitzhugh_nagumo, lambda state: jnp.tanh(state[0]), state_size=2)
        >>> print([round(float(each), 4) for each in unit.drift(jnp.asarray([1.0, 0.5]), jnp.asarray(0.0))])
        [0.1667, 0.13]
    """

    drift_function: Callable[..., Any] = eqx.field(static=True)
    rate_function: Callable[..., Any] = eqx.field(static=True)
    size: int = eqx.field(static=True)

    def __init__(self, drift: Callable[..., Any], rate: Callable[..., Any], state_size: int = 1):
        self.drift_function, self.rate_function = drift, rate
        self.size = checks.count("state_size", state_size)
        for name, function in (("drift", drift), ("rate", rate)):
            if not callable(function):
                raise TypeError(f"Argument `{name}` must be a function, but is {checks.shown(function)}.")
        shape = (3,) if self.size == 1 else (self.size, 3)
        self._probe("drift", self.drift, (np.zeros(shape), np.zeros(3)), shape)
        self._probe("rate", self.rate, (np.zeros(shape),), (3,))

    def listed(self) -> dict[str, Any]:
        return {"drift": self.drift_function, "rate": self.rate_function, "state_size": self.size}

    @property
    def state_size(self) -> int:
        return self.size

    def drift(self, state: State, field: State) -> State:
        found = self.drift_function(state, field)
        return jnp.stack(jnp.broadcast_arrays(*found)) if self.size > 1 else jnp.asarray(found)

    def rate(self, state: State) -> State:
        return self.rate_function(state)

    def _probe(self, name: str, function: Callable[..., Any], arguments: tuple[Any, ...], shape: tuple[int, ...]) -> None:
        with own_settings(), jax.ensure_compile_time_eval():
            try:
                found = np.asarray(jax.jit(lambda *given: function(*given))(*arguments), dtype=np.float64)
            except Exception as error:
                raise TypeError(
                    f"Argument `{name}` must be a function that JAX can trace (jnp, not np, inside), element by element, "
                    f"for a state of {self.size} variable{'s' if self.size > 1 else ''}, but calling it failed: {error}"
                ) from error
        if found.shape != shape:
            raise TypeError(
                f"Argument `{name}` must turn states into shape {shape} for three neurons, but gives {found.shape}."
            )
        if not np.isfinite(found).all():
            raise ValueError(f"Argument `{name}` must be finite at state and input 0, but is {found.ravel()[0]:g} there.")
