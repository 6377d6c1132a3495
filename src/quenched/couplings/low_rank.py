"""A matrix of low rank whose loadings are drawn once: what networks are given, or trained, to do."""

from __future__ import annotations

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Inexact, Key

from quenched import checks
from quenched.couplings.base import AbstractCouplings, Field, Rates, at_two_times, over_populations
from quenched.precision import double_precision


class LowRank(AbstractCouplings):
    """J = sum_r m^r (n^r)^T / N, whose loadings (m_i^1, ..., m_i^R, n_i^1, ..., n_i^R) are Gaussian, drawn for each neuron.

    With the latent kappa_r = <n^r phi> a neuron receives sum_r m_i^r kappa_r: over neurons a field of mean
    sum_r <m^r> kappa_r and covariance sum_rs cov(m^r, m^s) kappa_r kappa_s. By Stein's lemma

        kappa_r = <n^r> <phi> + sum_s cov(n^r, m^s) R kappa_s.

    Arguments:
        covariance: of the loadings, (2 R, 2 R) for R terms, first the m, then the n.
        mean: of the loadings, (2 R), 0 if left out.

    Raises:
        ValueError, TypeError: a covariance that is no covariance, of odd size, or of another size than the mean.

    Example:
        >>> import jax.numpy as jnp, quenched as qd
        >>> response, latent = jnp.full(1, 0.5), jnp.full(1, 0.3)
        >>> means, answered = (jnp.ones(1), jnp.zeros(1), jnp.full(1, 0.4)), response[:, None] * latent
        >>> rest = qd.couplings.Rates(*means, response, latent, answered)
        >>> couplings = qd.couplings.LowRank([[1.0, 2.0], [2.0, 5.0]])
        >>> print(f"{float(couplings.latent(rest)[0]):.2f}")  # it sustains itself where cov(n, m) R = 2 R = 1
        0.30

    Source: Mastrogiuseppe & Ostojic 2018 (`mastrogiuseppe2018`).
    """

    citations: ClassVar[tuple[str, ...]] = ("mastrogiuseppe2018",)

    covariance: Any
    mean: Any

    def __init__(self, covariance: Any, mean: Any = None):
        self.covariance = _checked_covariance(covariance)
        size = len(self.covariance)
        self.mean = np.zeros(size) if mean is None else _checked_mean(mean, size)

    @property
    def rank(self) -> int:
        return len(self.covariance) // 2

    def field(self, rates: Rates) -> Field:
        rank = self.rank
        spread = jnp.asarray(self.covariance)[:rank, :rank]
        mean = jnp.einsum("r,r...->...", jnp.asarray(self.mean)[:rank], rates.latent)[None]
        products = at_two_times(rates.latent[:, None], rates.latent[None], rates)
        covariance = jnp.einsum("rs,rs...->...", spread, products)[None]
        return Field(mean, covariance, jnp.zeros_like(rates.response[:1]))

    def latent(self, rates: Rates) -> Inexact[Array, "rank ..."]:
        rank, covariance = self.rank, jnp.asarray(self.covariance)
        alone = jnp.einsum("r,...->r...", jnp.asarray(self.mean)[rank:], over_populations(rates.fractions, rates.mean)[0])
        answered = over_populations(rates.fractions, rates.latent_response)[0]
        return alone + jnp.einsum("rs,s...->r...", covariance[rank:, :rank], answered)

    @double_precision
    def draw(self, size: int, key: Key[Array, ""]) -> Float[Array, "neuron neuron"]:
        """J, dense."""
        left, right = self.loadings(size, key)
        return left @ right / size

    @double_precision
    def latent_loadings(self, size: int, key: Key[Array, ""]) -> Float[Array, "rank neuron"]:
        """n, of the same key."""
        return self.loadings(size, key)[1]

    def loadings(self, size: int, key: Key[Array, ""]) -> tuple[Float[Array, "neuron rank"], Float[Array, "rank neuron"]]:
        """m and n, of the same key."""
        # A root of the covariance that exists where it is singular too.
        values, vectors = jnp.linalg.eigh(jnp.asarray(self.covariance))
        root = vectors * jnp.sqrt(jnp.maximum(values, 0.0))
        drawn = jnp.asarray(self.mean) + jax.random.normal(key, (size, 2 * self.rank)) @ root.T
        return drawn[:, : self.rank], drawn[:, self.rank :].T

    def in_range(self) -> Bool[Array, ""]:
        covariance = jnp.asarray(self.covariance)
        values = jnp.linalg.eigvalsh(covariance)
        least = -1e-9 * jnp.max(jnp.abs(values))
        return jnp.all(values >= least) & jnp.all(covariance == covariance.T) & jnp.all(jnp.isfinite(jnp.asarray(self.mean)))


def _checked_mean(mean: Any, size: int) -> Any:
    return mean if isinstance(mean, jax.core.Tracer) else checks.real_array("Argument `mean`", mean, (size,))


def _checked_covariance(covariance: Any) -> Any:
    shape = np.shape(covariance)
    if len(shape) != 2 or shape[0] != shape[1] or shape[0] % 2 or not shape[0]:
        raise ValueError(f"Argument `covariance` must have shape (2 R, 2 R), of the m and then of the n, but has {shape}.")
    if isinstance(covariance, jax.core.Tracer):
        return covariance
    matrix = checks.real_array("Argument `covariance`", covariance, (None, None))
    checks.symmetric("covariance", matrix, "it is a covariance")
    values = np.linalg.eigvalsh(matrix)
    if values[0] < -1e-9 * np.abs(values).max():
        raise ValueError(f"Argument `covariance` must be a covariance, but has the eigenvalue {values[0]:g}.")
    return matrix
