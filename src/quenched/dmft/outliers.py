"""Eigenvalues outside of the bulk: where a small change of the averages keeps itself up.

An input to neuron i of population a that grows as exp(z t) has a part that the averages make,

    B = d mean_a + (d covariance_a/v) (h0 - mean_a) + d memory_a phi,

h0 the Gaussian part of its constant input, v its variance. Its rate moves by chi B (bulk.py), and with it, by Stein's lemma,

    d<phi> = <chi B>,   d<phi phi'> = <phi chi B>,   dR = <chi B (h0 - mean)/v> - <chi> d covariance/v,

from which the couplings make B again, and the latents. That is a matrix; z is an outlier where it has the eigenvalue 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from quenched.couplings.base import AbstractCouplings, Field, Rates
from quenched.dmft.bulk import Bulk


class Resting(NamedTuple):
    """What neurons of one population do at rest, on the same nodes as `Bulk`."""

    rate: Float[Array, " node"]
    score: Float[Array, " node"]
    """(h0 - mean)/v; 0 where v is 0."""
    variance: Float[Array, ""]
    """v."""


class Averages(NamedTuple):
    """Small changes of them that grow as exp(z t)."""

    mean: Complex[Array, " population"]
    correlation: Complex[Array, " population"]
    """Of <phi(t) phi(t')>, where phi(t') is at rest."""
    response: Complex[Array, " population"]
    latent: Complex[Array, " rank"]


class MeanField(NamedTuple):
    """A state of rest of infinitely many neurons."""

    bulk: Bulk
    couplings: AbstractCouplings
    rates: Rates
    resting: Sequence[Resting]
    """None where rates, means and latents are 0, so that small changes leave mean squares and responses as they are."""

    def determinant(self, growth: Array, response: Complex[Array, " population"]) -> Complex[Array, ""]:
        """Of 1 minus the matrix, where <chi> is `response`; 0 at an outlier, 1 far away."""
        populations, rank = len(self.bulk.neurons), self.couplings.rank
        # The response to a wave takes the place of that to a constant.
        complex_rates = jax.tree.map(lambda each: jnp.asarray(each) + 0j, self.rates)
        here = complex_rates._replace(response=response, latent_response=response[:, None] * complex_rates.latent)
        answers, none = self.bulk.answers(growth, response), jnp.zeros(populations, complex)
        lengths = (populations, populations, populations, rank) if self.resting else (populations, 0, 0, rank)
        cuts = [sum(lengths[:1]), sum(lengths[:2]), sum(lengths[:3])]

        def image(flat: Array) -> Array:
            change = Averages(*(part if part.size or not count else none for part, count in _parts(flat, cuts, populations)))
            found = self._image(answers, here, change)
            return jnp.concatenate([part for part, length in zip(found, lengths, strict=True) if length])

        size = sum(lengths)
        columns = jax.vmap(image, out_axes=1)(jnp.eye(size) + 0j)
        return jnp.linalg.det(jnp.eye(size) - columns)

    def _image(self, answers: Sequence[Array], rates: Rates, change: Averages) -> Averages:
        """What the neurons make of small changes of the averages."""
        of_field = jax.jvp(self.couplings.field, (rates,), (_tangent(rates, change),))[1]
        law = Field(*(jnp.broadcast_to(each, (len(answers),)) for each in of_field))
        means, correlations, responses = [], [], []
        for row, (neurons, chi) in enumerate(zip(self.bulk.neurons, answers, strict=True)):
            moved = chi * law.mean[row]
            if self.resting:
                rate, score, variance = self.resting[row]
                # The covariance at one time changes at both.
                spread = jnp.where(variance > 0.0, 0.5 * law.covariance[row], 0.0)
                moved = moved + chi * (spread * score + law.memory[row] * rate)
                own = spread / jnp.where(variance > 0.0, variance, 1.0)
                correlations.append(neurons.weights @ (rate * moved))
                responses.append(neurons.weights @ (moved * score) - own * (neurons.weights @ chi))
            means.append(neurons.weights @ moved)
        none = jnp.zeros(len(answers), complex)
        other = [jnp.stack(each) if each else none for each in (correlations, responses)]
        found = Averages(jnp.stack(means), other[0], other[1], change.latent)
        if not self.couplings.rank:
            return found
        return found._replace(latent=jax.jvp(self.couplings.latent, (rates,), (_tangent(rates, found),))[1])


def _parts(flat: Array, cuts: Sequence[int], populations: int) -> list[tuple[Array, int]]:
    """Means, mean squares, responses and latents, and how many each must be where they are left out."""
    return list(zip(jnp.split(flat, np.array(cuts)), (populations, populations, populations, 0), strict=True))


def _tangent(rates: Rates, change: Averages) -> Rates:
    answered = rates.response[:, None] * change.latent + change.response[:, None] * rates.latent
    return Rates(
        jnp.zeros_like(rates.fractions), change.mean, 2.0 * change.correlation, change.response, change.latent, answered
    )
