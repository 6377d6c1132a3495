"""Distributions of initial states, independent from neuron to neuron."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
from jaxtyping import Array, Float, Key

from quenched import checks


class Normal(eqx.Module):
    """x_i(0) ~ N(mean, std^2).

    >>> import quenched as qd
    >>> qd.Normal(0.0, 0.5).std
    np.float64(0.5)
    """

    mean: Any
    std: Any

    def __init__(self, mean: Any = 0.0, std: Any = 1.0):
        self.mean, self.std = checks.number("mean", mean), checks.number("std", std, low=0.0)

    def draw(self, shape: tuple[int, ...], key: Key[Array, ""]) -> Float[Array, "..."]:
        """Independent states."""
        return self.mean + self.std * jax.random.normal(key, shape)


class Uniform(eqx.Module):
    """x_i(0) uniform between low and high.

    >>> import quenched as qd
    >>> qd.Uniform(0.0, 1.0).high
    np.float64(1.0)
    """

    low: Any
    high: Any

    def __init__(self, low: Any = 0.0, high: Any = 1.0):
        self.low, self.high = checks.number("low", low), checks.number("high", high)
        if not isinstance(low, jax.core.Tracer) and not isinstance(high, jax.core.Tracer) and self.high < self.low:
            raise ValueError(f"Argument `high` must be at least `low` = {self.low:g}, but is {self.high:g}.")

    def draw(self, shape: tuple[int, ...], key: Key[Array, ""]) -> Float[Array, "..."]:
        """Independent states."""
        return self.low + (self.high - self.low) * jax.random.uniform(key, shape)


Initial = Normal | Uniform
