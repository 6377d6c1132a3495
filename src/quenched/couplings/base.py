"""What every ensemble of couplings provides: a law for infinitely many neurons, and a draw for finitely many."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Inexact, Int, Key

from quenched.precision import own_settings
from quenched.records import Record


class Rates(NamedTuple):
    """What the neurons of each population do, on average.

    After the axes named here come those of the time: none for states at rest, (time,) for means and (time, earlier_time) or
    (lag,) for what joins two times. Changes that grow as waves do make all but the fractions complex.

    Arguments:
        fractions: f, how large a part of the network each population is, (population).
        mean: m = <phi>, (population, ...).
        correlation: C = <phi phi'>, the raw second moment, (population, ...).
        response: R, of phi to a field, (population, ...).
        latent: kappa, of low-rank parts, (rank, ...).
        latent_response: R kappa, the response applied to each latent, (population, rank, ...).

    Example:
        >>> import jax.numpy as jnp, quenched as qd
        >>> none = jnp.zeros((0,)), jnp.zeros((1, 0))  # no low-rank part
        >>> rest = qd.couplings.Rates(jnp.ones(1), jnp.zeros(1), jnp.full(1, 0.4), jnp.ones(1), *none)
        >>> print(f"{float(qd.couplings.Elliptic(1.5).field(rest).covariance[0]):.2f}")  # g^2 C
        0.90
    """

    fractions: Float[Array, " population"]
    mean: Inexact[Array, "population ..."]
    correlation: Inexact[Array, "population ..."]
    response: Inexact[Array, "population ..."]
    latent: Inexact[Array, "rank ..."]
    latent_response: Inexact[Array, "population rank ..."]


class Field(NamedTuple):
    """The law of h_i = sum_j J_ij phi(x_j) for a neuron of each population; one row serves all where they are alike.

    Arguments:
        mean: of h over neurons, (population, ...); after the population come the axes of the time, as in `Rates`.
        covariance: of h over neurons, (population, ...).
        memory: what comes back of a neuron's own past, (population, ...): h contains memory times its rates.

    Example:
        >>> import jax.numpy as jnp, quenched as qd
        >>> none = jnp.zeros((0,)), jnp.zeros((1, 0))  # no low-rank part
        >>> rest = qd.couplings.Rates(jnp.ones(1), jnp.zeros(1), jnp.full(1, 0.4), jnp.ones(1), *none)
        >>> print(f"{float(qd.couplings.Elliptic(1.5, symmetry=0.2).field(rest).memory[0]):.2f}")  # g^2 eta R
        0.45
    """

    mean: Inexact[Array, "population ..."]
    covariance: Inexact[Array, "population ..."]
    memory: Inexact[Array, "population ..."]


class AbstractCouplings(Record):
    """A law of the couplings J_ij, from neuron j to neuron i. Independent ones add: `couplings + couplings`.

    A law of your own gives `field`, what infinitely many neurons receive; `draw`, the weights of one network; and
    `in_range`, whether its parameters are allowed, as an array of JAX.
    """

    citations: ClassVar[tuple[str, ...]] = ()
    """Keys of quenched.citation.BIBTEX."""

    redrawn: ClassVar[bool] = False
    """Whether they are drawn anew at every step."""

    @property
    def population_fractions(self) -> Any:
        """How large each population is, (population,); one of all neurons where they are alike."""
        return np.ones(1)

    @property
    def rank(self) -> int:
        """How many latent quantities there are."""
        return 0

    @abstractmethod
    def field(self, rates: Rates) -> Field:
        """What infinitely many neurons receive: linear in averages of rates.

        Arguments:
            rates: what the neurons do, a `qd.couplings.Rates`.

        Returns:
            A `qd.couplings.Field`, of one row where all populations receive the same.
        """

    def latent(self, rates: Rates) -> Inexact[Array, "rank ..."]:
        """kappa, as these rates make it.

        Arguments:
            rates: what the neurons do, a `qd.couplings.Rates`.

        Returns:
            The latents, (rank, ...): `rates.latent` itself where rates and latents are consistent.
        """
        return rates.latent

    @abstractmethod
    def draw(self, size: int, key: Key[Array, ""]) -> Any:
        """The weights J of one network, its populations one after another.

        Arguments:
            size: N, how many neurons.
            key: a JAX key.

        Returns:
            J, (neuron, neuron), J[i, j] from neuron j to neuron i: dense, or a sparse matrix of JAX (BCOO).
        """

    def latent_loadings(self, size: int, key: Key[Array, ""]) -> Float[Array, "rank neuron"]:
        """n_i^r of the network that `draw` makes with the same key: kappa_r = (1/N) sum_i n_i^r phi(x_i).

        Arguments:
            size: N, how many neurons.
            key: the key that `draw` was given.

        Returns:
            The loadings n, (rank, neuron); NaN where a law does not say.
        """
        return jnp.full((self.rank, size), jnp.nan)

    def bytes_of_draw(self, size: int) -> int:
        """Memory that the weights of one network take.

        Arguments:
            size: N, how many neurons.

        Returns:
            Bytes: those of a dense matrix, where a law does not say.
        """
        return 8 * size**2

    @abstractmethod
    def in_range(self) -> Bool[Array, ""]:
        """What the constructor refuses, of parameters that were traced then."""

    def __add__(self, other: Any) -> AbstractCouplings:
        from quenched.couplings.sum import Sum

        return Sum(self, other)


def over_populations(fractions: Any, values: Inexact[Array, "population ..."]) -> Inexact[Array, "1 ..."]:
    """The average over all neurons, as one row."""
    return jnp.einsum("b,b...->...", fractions, values)[None]


def at_two_times(first: Array, second: Array, rates: Rates) -> Array:
    """Products of two means at what the correlation joins: one time, all pairs of times, or, of constants, every lag."""
    if rates.correlation.ndim == 3:
        return first[..., :, None] * second[..., None, :]
    product = first * second
    return product[..., None] if rates.correlation.ndim == 2 else product


def population_of_neurons(fractions: Any, size: int) -> Int[Array, " neuron"]:
    """Which population each of `size` neurons is of, one population after another; sizes are rounded."""
    ends = jnp.cumsum(jnp.asarray(fractions, float))[:-1]
    return jnp.searchsorted(ends, (jnp.arange(size) + 0.5) / size)


def remembers(couplings: AbstractCouplings) -> bool:
    """Whether anything comes back of a neuron's own past; traced parameters are taken for numbers that are not 0."""
    concrete = jax.tree.map(lambda leaf: np.ones(leaf.shape) if isinstance(leaf, jax.core.Tracer) else leaf, couplings)
    with own_settings(), jax.ensure_compile_time_eval():
        return bool(np.any(np.asarray(memory_of_each(concrete)) != 0.0))


def memory_of_each(couplings: AbstractCouplings) -> Float[Array, "population responding"]:
    """The memory of each population where one of them alone responds, to a constant: the law is linear in R."""
    count, rank = len(couplings.population_fractions), couplings.rank
    none, alone = jnp.zeros(count), jnp.eye(count)
    fractions = jnp.asarray(couplings.population_fractions, float)
    latent = jnp.zeros((rank, count))
    rates = Rates(fractions, none, alone, alone, latent[:, 0], jnp.zeros((count, rank, count)))
    return couplings.field(rates).memory
