"""Distributions of initial states, independent from neuron to neuron.

Each is its quantile function, from a uniform number in (0, 1) to a state: one form that serves random numbers,
low-discrepancy points and quadrature.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from quenched import checks
from quenched.precision import own_settings
from quenched.records import Record


class AbstractInitial(Record):
    """A distribution of x(0), independent from neuron to neuron: `qd.Normal`, `qd.Uniform`, `qd.Quantile`."""

    @abstractmethod
    def quantile(self, uniform: Float[Array, "..."]) -> Float[Array, "..."]:
        """The state below which a fraction of the neurons starts.

        Arguments:
            uniform: the fractions, between 0 and 1, an array of any shape.

        Returns:
            The states, in the same shape.
        """

    @abstractmethod
    def draw(self, shape: tuple[int, ...], key: Key[Array, ""]) -> Float[Array, "..."]:
        """Independent states.

        Arguments:
            shape: of the array that is wanted.
            key: a JAX key.

        Returns:
            The states.
        """


class Normal(AbstractInitial):
    """x_i(0) ~ N(mean, std^2), independent from neuron to neuron.

    Arguments:
        mean: of the states.
        std: their standard deviation, at least 0.

    Raises:
        TypeError, ValueError: no number, NaN, or a standard deviation below 0.

    Example:
        >>> import jax.numpy as jnp, quenched as qd
        >>> print(f"{float(qd.Normal(1.0, 0.5).quantile(jnp.asarray(0.975))):.2f}")  # 1.96 std above the mean
        1.98
    """

    mean: Any
    std: Any

    def __init__(self, mean: Any = 0.0, std: Any = 1.0):
        self.mean, self.std = checks.number("mean", mean), checks.number("std", std, low=0.0)

    def quantile(self, uniform: Float[Array, "..."]) -> Float[Array, "..."]:
        return self.mean + self.std * jax.scipy.special.ndtri(uniform)

    def draw(self, shape: tuple[int, ...], key: Key[Array, ""]) -> Float[Array, "..."]:
        return self.mean + self.std * jax.random.normal(key, shape)


class Uniform(AbstractInitial):
    """x_i(0) ~ U(low, high): uniform, independent from neuron to neuron.

    Arguments:
        low: the smallest state.
        high: the largest, at least `low`.

    Raises:
        TypeError: no number.
        ValueError: NaN or infinity, or `high` below `low`.

    Example:
        >>> import jax.numpy as jnp, quenched as qd
        >>> float(qd.Uniform(-1.0, 3.0).quantile(jnp.asarray(0.5)))
        1.0
    """

    low: Any
    high: Any

    def __init__(self, low: Any = 0.0, high: Any = 1.0):
        self.low, self.high = checks.number("low", low), checks.number("high", high)
        if not isinstance(low, jax.core.Tracer) and not isinstance(high, jax.core.Tracer) and self.high < self.low:
            raise ValueError(f"Argument `high` must be at least `low` = {self.low:g}, but is {self.high:g}.")

    def quantile(self, uniform: Float[Array, "..."]) -> Float[Array, "..."]:
        return self.low + (self.high - self.low) * uniform

    def draw(self, shape: tuple[int, ...], key: Key[Array, ""]) -> Float[Array, "..."]:
        return self.quantile(jax.random.uniform(key, shape))


# Half a step of 53-bit random numbers: keeps the ends of (0, 1) out.
_TINY = 2.0**-54


class Quantile(AbstractInitial):
    """x_i(0) = function(u), u uniform in (0, 1): any distribution, by its quantile function.

    A plain function given as `initial=` becomes one.

    Arguments:
        function: the state below which a fraction u of the neurons starts, written with `jnp`, element by element.

    Raises:
        TypeError: the function cannot be called on a JAX array, or does not act element by element.
        ValueError: it is not finite inside (0, 1), or the variance of the states is infinite.

    Example:
        >>> import jax.numpy as jnp, quenched as qd
        >>> exponential = qd.Quantile(lambda u: -jnp.log1p(-u))
        >>> print(f"{float(exponential.quantile(jnp.asarray(0.5))):.4f}")  # the median, ln 2
        0.6931
    """

    function: Callable[[Any], Any] = eqx.field(static=True)

    def __init__(self, function: Callable[[Any], Any]):
        if isinstance(function, type):
            raise TypeError(f"Argument `initial` must be an instance: write qd.{function.__name__}(...), with parentheses.")
        if not callable(function):
            raise TypeError(
                f"Argument `initial` must be qd.Normal, qd.Uniform or a function, but is {checks.shown(function)}."
            )
        self.function = function
        # u x(u)^2 at ever smaller u, on both ends: where it does not fall, the integral of x^2 does not exist.
        tails = np.array([1e-3, 1e-6, 1e-9, 1e-12])
        probe = np.concatenate([tails, np.linspace(0.01, 0.99, 99), 1.0 - tails])
        with own_settings(), jax.ensure_compile_time_eval():
            try:
                states = np.asarray(jax.jit(lambda uniform: function(uniform))(jnp.asarray(probe)), dtype=np.float64)
            except Exception as error:
                raise TypeError(
                    "Argument `initial` must be a function of u in (0, 1) that JAX can trace (jnp, not np, inside), "
                    f"but calling it on an array failed: {error}"
                ) from error
        if states.shape != probe.shape:
            raise TypeError(f"Argument `initial` must act element by element, but turned {probe.shape} into {states.shape}.")
        if not np.isfinite(states).all():
            where = probe[~np.isfinite(states)][0]
            raise ValueError(f"Argument `initial` must be finite inside (0, 1), but is not at u = {where:g}.")
        for tail in (states[:4], states[-4:]):
            mass = tails * tail**2
            if mass[3] > 1e-12 and mass[3] >= 0.99 * mass[2]:
                raise ValueError(
                    "Argument `initial` must be a distribution of finite variance, but u x(u)^2 does not fall towards the "
                    f"end of (0, 1): it is {mass[2]:.2g} at 1e-9 and {mass[3]:.2g} at 1e-12."
                )

    def quantile(self, uniform: Float[Array, "..."]) -> Float[Array, "..."]:
        return self.function(uniform)

    def draw(self, shape: tuple[int, ...], key: Key[Array, ""]) -> Float[Array, "..."]:
        return self.quantile(jnp.clip(jax.random.uniform(key, shape), _TINY, 1.0 - _TINY))


def read_initial(initial: Any) -> AbstractInitial:
    """`qd.Normal()` if left out; a plain function is taken as a quantile function."""
    if initial is None:
        return Normal()
    return initial if isinstance(initial, AbstractInitial) else Quantile(initial)
