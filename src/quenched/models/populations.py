"""Averages over the neurons of each population."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from quenched.couplings.base import population_of_neurons


class OverNeurons:
    """The average over neurons: one number, or (population,) where there are several; NaN where nobody is in one.

    Arguments:
        fractions: how large each population is.
        size: how many neurons there are, on the last axis.
    """

    def __init__(self, fractions: Any, size: int):
        self.populations = len(fractions)
        if self.populations > 1:
            self.members = population_of_neurons(fractions, size) == jnp.arange(self.populations)[:, None]

    def __call__(self, values: Float[Array, "... neuron"]) -> Array:
        """Over all axes."""
        if self.populations == 1:
            return jnp.mean(values)
        each = jnp.mean(values, axis=tuple(range(values.ndim - 1)))
        count = jnp.sum(self.members, axis=1)
        return jnp.where(count > 0, jnp.where(self.members, each, 0.0).sum(axis=1) / jnp.maximum(count, 1), jnp.nan)

    @property
    def there(self) -> Array:
        """Whether anybody is in each population."""
        return jnp.any(self.members, axis=1) if self.populations > 1 else jnp.asarray(True)

    def of_each(self, values: Float[Array, "row neuron"]) -> Array:
        """Over neurons, for each row."""
        if self.populations == 1:
            return jnp.mean(values, axis=1)
        count = jnp.sum(self.members, axis=1)
        sums = jnp.where(self.members, values[:, None, :], 0.0).sum(axis=2)
        return jnp.where(count > 0, sums / jnp.maximum(count, 1), jnp.nan)
