"""What neurons of each population receive at one time, by the couplings' own law."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from quenched.couplings import AbstractCouplings, Field, Rates


class Averages(NamedTuple):
    """What the populations have shown: times to come are zero."""

    means: Float[Array, "population time"]
    squares: Float[Array, "population time"]
    """C(n, n)."""
    latents: Float[Array, "rank time"]


def received(
    couplings: AbstractCouplings,
    past: Averages,
    correlation: Float[Array, "population earlier_time"],
    response: Float[Array, "population earlier_time"],
    index: Int[Array, ""],
) -> Field:
    """The mean of the field at `index`, (population,), and its covariance with earlier times and memory of them.

    `correlation` and `response` are the rows C(n, .) and R(n, .). The law is asked about two times, for each earlier one.
    """
    fractions = jnp.asarray(couplings.population_fractions)
    now = jax.tree.map(lambda history: history[:, index], past)
    nothing = jnp.zeros_like(now.means)

    def two_times(then: Averages, correlation: Array, response: Array) -> tuple[Field, Array]:
        means, latents = jnp.stack([now.means, then.means], axis=-1), jnp.stack([now.latents, then.latents], axis=-1)
        rates = Rates(
            fractions,
            means,
            _square(now.squares, correlation, correlation, then.squares),
            _square(nothing, response, nothing, nothing),
            latents,
            jnp.zeros((len(fractions), *latents.shape)),
        )
        field = couplings.field(rates)
        return Field(field.mean[:, 0], field.covariance[:, 0, 1], field.memory[:, 0, 1]), field.covariance[:, 0, 0]

    field, variance = jax.vmap(two_times, (1, 1, 1), 1)(past, correlation, response)
    shape = correlation.shape
    covariance = jnp.where(jnp.arange(shape[1]) == index, variance, field.covariance)
    return Field(
        jnp.broadcast_to(field.mean[:, 0], shape[:1]),
        jnp.broadcast_to(covariance, shape),
        jnp.broadcast_to(field.memory, shape),
    )


def latents_now(
    couplings: AbstractCouplings,
    past: Averages,
    response: Float[Array, "population earlier_time"],
    index: Int[Array, ""],
) -> Float[Array, " rank"]:
    """kappa at `index`, from the mean rates there and what earlier kappa have done; a field is answered a step later."""
    means = past.means[:, index]
    answered = jnp.einsum("bt,rt->br", response, past.latents)
    zeros = jnp.zeros_like(means)
    rates = Rates(jnp.asarray(couplings.population_fractions), means, zeros, zeros, jnp.zeros(couplings.rank), answered)
    return couplings.latent(rates)


def _square(first: Array, second: Array, third: Array, fourth: Array) -> Float[Array, "population 2 2"]:
    return jnp.stack([jnp.stack([first, second], axis=-1), jnp.stack([third, fourth], axis=-1)], axis=-2)
