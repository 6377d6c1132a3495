"""Few partners for each neuron."""

from __future__ import annotations

import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Key

from quenched import checks
from quenched.couplings.base import AbstractCouplings, Field, Rates, population_of_neurons
from quenched.couplings.blocks import Blocks
from quenched.couplings.elliptic import Elliptic, mixed_normals
from quenched.precision import double_precision


class Sparse(AbstractCouplings):
    """Couplings to `degree` partners of each neuron on average: N degree/2 pairs, drawn uniformly, are coupled both ways.

    Couplings of a pair are Gaussian,

        E J_ij = M_ab/degree,   Var J_ij = g_ab^2/degree,   correlation of J_ij and J_ji = eta_ab.

    A neuron receives what the dense law says and, its partners being random, M_ab^2/degree beside g_ab^2 in the covariance,
    and M_ab M_ba/degree of memory. This is exact for rates that know nothing of their partners. Theories take this, and that
    the field is Gaussian, from the limit of large degree.

    Arguments:
        degree: to how many others a neuron is coupled on average; above 0, and in a network at most the number of the other
            neurons. Weights are drawn as a sparse matrix of JAX (BCOO).
        couplings: the dense law, `qd.couplings.Elliptic` or `Blocks` (not with balanced rows).

    Raises:
        ValueError: a degree that is not above 0; in a network, more partners than there are other neurons.
        TypeError: a degree that is no number; another law, or balanced rows.

    Example:
        >>> import jax, quenched as qd
        >>> qd.couplings.Sparse(20, qd.couplings.Elliptic(1.5)).draw(1000, jax.random.key(0)).nse
        20000
    """

    degree: float = eqx.field(static=True)
    couplings: AbstractCouplings

    def __init__(self, degree: float, couplings: AbstractCouplings):
        self.degree, self.couplings = float(checks.number("degree", degree, above=0.0)), couplings
        if not isinstance(couplings, Elliptic | Blocks) or getattr(couplings, "balanced_rows", False):
            raise TypeError(f"Argument `couplings` must be Elliptic or Blocks without balanced rows, but is {couplings!r}.")

    @property
    def population_fractions(self) -> Any:
        return self.couplings.population_fractions

    def _law(self) -> Any:
        each = (getattr(self.couplings, name) for name in ("gain", "symmetry", "mean"))
        return [jnp.asarray(0.0 if value is None else value) for value in each]

    def field(self, rates: Rates) -> Field:
        law, mean = self.couplings.field(rates), self._law()[2]
        # The products of the means are those of couplings of this gain and symmetry.
        alike = {"gain": jnp.abs(mean) / jnp.sqrt(self.degree), "symmetry": jnp.sign(mean * mean.T), "mean": 0.0}
        more = dataclasses.replace(self.couplings, **alike).field(rates)
        return law._replace(covariance=law.covariance + more.covariance, memory=law.memory + more.memory)

    @double_precision
    def draw(self, size: int, key: Key[Array, ""]) -> Any:
        """J, of round(size degree/2) pairs; one that is drawn twice has the sum of both."""
        from jax.experimental import sparse

        pairs = round(0.5 * size * checks.number("degree", self.degree, high=size - 1))
        first_key, second_key, key = jax.random.split(key, 3)
        first = jax.random.randint(first_key, (pairs,), 0, size)
        second = (first + jax.random.randint(second_key, (pairs,), 1, size)) % size
        rows, columns = jnp.concatenate([first, second]), jnp.concatenate([second, first])
        population = population_of_neurons(self.population_fractions, size)
        here = jnp.zeros((len(self.population_fractions),) * 2)
        gain, symmetry, mean = ((each + here)[population[rows], population[columns]] for each in self._law())
        both = mixed_normals(symmetry[:pairs], *jax.random.normal(key, (2, pairs)))
        entries = gain / jnp.sqrt(self.degree) * jnp.concatenate(both) + mean / self.degree
        return sparse.BCOO((entries, jnp.stack([rows, columns], axis=1)), shape=(size, size))

    def bytes_of_draw(self, size: int) -> int:
        return round(size * self.degree) * 3 * 8

    def in_range(self) -> Bool[Array, ""]:
        return self.couplings.in_range()
