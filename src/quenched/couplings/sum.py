"""Independent couplings add."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Inexact, Key

from quenched.couplings.base import AbstractCouplings, Field, Rates


class Sum(AbstractCouplings):
    """J = J' + J'' of two independent laws: their fields add. `couplings + couplings` makes one.

    Arguments:
        first, second: the two laws, of the same populations, or one of them of all neurons alike.

    Raises:
        TypeError: what is given is no couplings.
        ValueError: they differ in their populations, or one of them is drawn anew at every step.

    Example:
        >>> import jax.numpy as jnp, quenched as qd
        >>> none = jnp.zeros((0,)), jnp.zeros((1, 0))  # no low-rank part
        >>> rest = qd.couplings.Rates(jnp.ones(1), jnp.zeros(1), jnp.full(1, 0.4), jnp.ones(1), *none)
        >>> both = qd.couplings.Elliptic(0.8) + qd.couplings.Elliptic(0.6)
        >>> print(f"{float(both.field(rest).covariance[0]):.2f}")  # (0.8^2 + 0.6^2) C
        0.40
    """

    first: AbstractCouplings
    second: AbstractCouplings

    def __init__(self, first: AbstractCouplings, second: AbstractCouplings):
        for each in (first, second):
            if not isinstance(each, AbstractCouplings):
                raise TypeError(f"Couplings add to couplings such as qd.couplings.Elliptic(1.5), but not to {each!r}.")
            if each.redrawn:
                raise ValueError(
                    "Couplings that are drawn anew at every step do not add to others; "
                    "write qd.couplings.Redrawn(first + second)."
                )
        self.first, self.second = first, second
        fractions = [each.population_fractions for each in (first, second) if len(each.population_fractions) > 1]
        if len(fractions) == 2 and not _alike(*fractions):
            raise ValueError(
                f"Couplings that add must have the same fractions, but have {np.asarray(fractions[0]).tolist()} and "
                f"{np.asarray(fractions[1]).tolist()}; give the matrices of both for the finer populations."
            )

    @property
    def population_fractions(self) -> Any:
        return max(self.first.population_fractions, self.second.population_fractions, key=len)

    @property
    def rank(self) -> int:
        return self.first.rank + self.second.rank

    def _parts(self, rates: Rates) -> tuple[Rates, Rates]:
        """The rates with the latents of each part."""
        split = self.first.rank
        first = rates._replace(latent=rates.latent[:split], latent_response=rates.latent_response[:, :split])
        second = rates._replace(latent=rates.latent[split:], latent_response=rates.latent_response[:, split:])
        return first, second

    def field(self, rates: Rates) -> Field:
        first, second = self._parts(rates)
        return jax.tree.map(jnp.add, self.first.field(first), self.second.field(second))

    def latent(self, rates: Rates) -> Inexact[Array, "rank ..."]:
        first, second = self._parts(rates)
        return jnp.concatenate([self.first.latent(first), self.second.latent(second)])

    def bytes_of_draw(self, size: int) -> int:
        return self.first.bytes_of_draw(size) + self.second.bytes_of_draw(size)

    def draw(self, size: int, key: Key[Array, ""]) -> Any:
        """The sum of two draws."""
        first_key, second_key = jax.random.split(key)
        return added(self.first.draw(size, first_key), self.second.draw(size, second_key))

    def latent_loadings(self, size: int, key: Key[Array, ""]) -> Float[Array, "rank neuron"]:
        """Those of the first, then those of the second."""
        keys = jax.random.split(key)
        return jnp.concatenate(
            [part.latent_loadings(size, own) for part, own in zip((self.first, self.second), keys, strict=True)]
        )

    def in_range(self) -> Bool[Array, ""]:
        return self.first.in_range() & self.second.in_range()


def added(first: Any, second: Any) -> Any:
    """The sum of two weights, dense unless both are sparse."""
    if hasattr(first, "todense") != hasattr(second, "todense"):
        first, second = (each.todense() if hasattr(each, "todense") else each for each in (first, second))
    return first + second


def _alike(first: Any, second: Any) -> bool:
    if len(first) != len(second):
        return False
    traced = any(isinstance(each, jax.core.Tracer) for each in (first, second))
    return traced or bool(np.all(np.asarray(first) == np.asarray(second)))
