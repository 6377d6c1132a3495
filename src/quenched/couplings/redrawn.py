"""Fresh couplings at every step."""

from __future__ import annotations

from typing import Any, ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Bool, Key

from quenched.couplings.base import AbstractCouplings, Field, Rates


class Redrawn(AbstractCouplings):
    """The law of other couplings, drawn anew at every step: the covariance stays, at equal times, and nothing comes back of
    one's own past.

    With a map it is a network of layers, whose time is the depth.

    Arguments:
        couplings: the law.

    Raises:
        TypeError: what is given is no couplings.

    Example:
        >>> import quenched as qd
        >>> qd.couplings.Redrawn(qd.couplings.Elliptic(1.5, symmetry=1.0)).rank
        0

    Source: Poole et al. 2016 (`poole2016`).
    """

    couplings: AbstractCouplings

    redrawn: ClassVar[bool] = True

    def __init__(self, couplings: AbstractCouplings):
        if not isinstance(couplings, AbstractCouplings) or couplings.rank:
            raise TypeError(f"Argument `couplings` must be couplings without a low-rank part, but is {couplings!r}.")
        self.couplings = couplings

    @property
    def population_fractions(self) -> Any:
        return self.couplings.population_fractions

    def bytes_of_draw(self, size: int) -> int:
        return self.couplings.bytes_of_draw(size)

    def field(self, rates: Rates) -> Field:
        field = self.couplings.field(rates)
        covariance, memory = field.covariance, jnp.zeros_like(field.memory)
        if rates.correlation.ndim == 3:
            # Couplings of different times are independent.
            covariance = covariance * jnp.eye(covariance.shape[-1])
        return field._replace(covariance=covariance, memory=memory)

    def draw(self, size: int, key: Key[Array, ""]) -> Any:
        """The weights of one step."""
        return self.couplings.draw(size, key)

    def in_range(self) -> Bool[Array, ""]:
        return self.couplings.in_range()
