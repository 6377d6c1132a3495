"""How well chains have mixed, by what they should agree on."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

Series = Float[Array, "chain draw"]


def split_r_hat(values: Series) -> Float[Array, ""]:
    """Rank-normalised split R-hat: 1 where all halves of all chains agree in their places and widths.

    1 too where all values are equal, infinity where each half is constant but not all at one value, NaN where a value is not
    finite.

    Source: Vehtari, Gelman, Simpson, Carpenter & Bürkner 2021.
    """
    halves = split(values)
    folded = jnp.abs(halves - jnp.median(halves))
    worst = jnp.maximum(_r_hat(rank_normalised(halves)), _r_hat(rank_normalised(folded)))
    # Ranks would pass over NaN.
    return jnp.where(jnp.all(jnp.isfinite(values)), worst, jnp.nan)


def bulk_sample_size(values: Series) -> Float[Array, ""]:
    """Effective sample size of the rank-normalised halves: that of the middle of the distribution."""
    size = effective_sample_size(rank_normalised(split(values)))
    return jnp.where(jnp.all(jnp.isfinite(values)), size, jnp.nan)


def effective_sample_size(values: Series) -> Float[Array, ""]:
    """How many independent draws would know the mean as well: draws / (1 + 2 sum of autocorrelations).

    The autocorrelations are those of all chains together, so that chains that disagree count little; summed by Geyer's
    initial monotone sequence. All draws count where all values are equal; NaN where a value is not finite.
    """
    chains, draws = values.shape
    # The first value is taken off first, lest a large mean leave its rounding behind.
    values = values - values[0, 0]
    deviation = values - jnp.mean(values, axis=1, keepdims=True)
    transform = jnp.fft.rfft(deviation, 2 * draws, axis=1)
    covariance = jnp.mean(jnp.fft.irfft(jnp.abs(transform) ** 2, 2 * draws, axis=1)[:, :draws], axis=0) / draws
    within = covariance[0] * draws / (draws - 1)
    together = covariance[0] + (jnp.var(jnp.mean(values, axis=1), ddof=1) if chains > 1 else 0.0)
    correlation = (1.0 - (within - covariance) / jnp.where(together == 0.0, 1.0, together)).at[0].set(1.0)
    pairs = jnp.sum(correlation[: draws // 2 * 2].reshape(-1, 2), axis=1)
    positive = jnp.cumprod(pairs > 0.0)
    monotone = jax.lax.cummin(jnp.where(positive, pairs, 0.0))
    time = jnp.maximum(2.0 * jnp.sum(monotone) - 1.0, 1.0 / jnp.log10(chains * draws))
    size = jnp.where(together == 0.0, chains * draws, chains * draws / time)
    return jnp.where(jnp.isfinite(together), size, jnp.nan)


def rank_normalised(values: Series) -> Series:
    """Each value's normal score among all."""
    ranks = jax.scipy.stats.rankdata(values.ravel()).reshape(values.shape)
    return jax.scipy.special.ndtri((ranks - 0.375) / (values.size + 0.25))


def split(values: Series) -> Float[Array, "half half_draw"]:
    """Each chain's two halves as chains; a middle draw is left out."""
    half = values.shape[1] // 2
    return jnp.concatenate([values[:, :half], values[:, -half:]])


def _r_hat(values: Series) -> Float[Array, ""]:
    draws = values.shape[1]
    # Less its first value a constant half is 0 exactly.
    within = jnp.mean(jnp.var(values - values[:, :1], axis=1, ddof=1))
    between = jnp.var(jnp.mean(values, axis=1), ddof=1)
    constant = jnp.max(values) == jnp.min(values)
    return jnp.where(constant, 1.0, jnp.sqrt((draws - 1) / draws + between / jnp.where(constant, 1.0, within)))
