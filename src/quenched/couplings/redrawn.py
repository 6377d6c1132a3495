"""Fresh couplings at every step."""

from __future__ import annotations

from typing import Any, ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Bool, Key

from quenched.couplings.base import AbstractCouplings, Field, Rates


class Redrawn(AbstractCouplings):
    """Couplings J_ij(t) of another law, drawn anew at every step.

    The covariance of the field stays at equal times, at others it is 0, and nothing comes back of a neuron's own past:
    cov(h(t), h(s)) = 0 for t != s, and the memory is 0. With a map it is a network of layers, whose time is the depth.

    Arguments:
        couplings: the law of one step, without a low-rank part.

    Raises:
        TypeError: what is given is no couplings, or has a low-rank part.

    Example:
        >>> import jax.numpy as jnp, quenched as qd
        >>> none = jnp.zeros((0,)), jnp.zeros((1, 0))  # no low-rank part
        >>> rest = qd.couplings.Rates(jnp.ones(1), jnp.zeros(1), jnp.full(1, 0.4), jnp.ones(1), *none)
        >>> field = qd.couplings.Redrawn(qd.couplings.Elliptic(1.5, symmetry=1.0)).field(rest)
        >>> print(f"{float(field.covariance[0]):.2f} {float(field.memory[0]):.2f}")
        0.90 0.00

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
