"""Where the bulk of the eigenvalues of a network's Jacobian ends.

z is an eigenvalue where a small input that grows as exp(z t) keeps itself up. It moves the rate of a neuron by
chi = T(z)/(1 - kappa T(z)), T its answer alone (`AbstractUnit.transfer`) and kappa = memory of <chi>: what comes back to it
through the others. Squares of small random changes are handed on from population b to a by
d covariance_a/dC_b <|chi_b|^2>; outside of the bulk the spectral radius of that is below 1, and the bulk ends where it is 1.

A solution <chi> with a radius below 1 proves that z is outside, and there is no other (docs/derivations/spectrum.md): what
other roots of the equation there are have radii above 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from quenched.couplings.base import AbstractCouplings, Rates, memory_of_each
from quenched.dmft.one_neuron import Neuron, states_and_weights
from quenched.models import RandomNetwork
from quenched.numerics.extremes import largest
from quenched.numerics.growth import spectral_radius
from quenched.numerics.linear import solve_small
from quenched.units.base import AtRest

# Angular frequencies that are looked at, and how often the grid is drawn closer around the best.
_FREQUENCIES, _ZOOMS = 33, 4
# How often <chi> is put into its own equation, which contracts by at most the radius; and steps of Newton's method after it.
_ITERATIONS, _NEWTON_STEPS = 60, 4


def at_rest_only(model: RandomNetwork) -> bool:
    """Whether no wave grows before constant changes do: flows of one variable, whose answer to waves is weaker."""
    return model.kind == "flow" and model.units[0].state_size == 1


def handed_on(couplings: AbstractCouplings, rates: Rates) -> Float[Array, "population population"]:
    """d covariance_a/dC_b."""
    populations = len(rates.fractions)

    def covariance(correlation: Array) -> Array:
        return couplings.field(rates._replace(correlation=correlation)).covariance * jnp.ones(populations)

    return jax.jacfwd(covariance)(rates.correlation)


class Neurons(NamedTuple):
    """Those of one population, to first order, on nodes of its distribution."""

    linear: AtRest
    weights: Float[Array, " node"]


class Bulk(NamedTuple):
    """Neurons of each population, and how they hand on small random changes."""

    neurons: Sequence[Neurons]
    matrix: Float[Array, "population population"]
    """d covariance_a/dC_b."""
    memory: Float[Array, "population population"]
    """d memory_a/dR_b."""

    @staticmethod
    def of(couplings: AbstractCouplings, rates: Rates, neurons: Sequence[Neurons]) -> Bulk:
        """Of neurons with these couplings."""
        populations = len(rates.fractions)
        memory = jnp.broadcast_to(memory_of_each(couplings), (populations, populations))
        # An empty population does nothing.
        matrix = jnp.where(jnp.asarray(rates.fractions) > 0.0, handed_on(couplings, rates), 0.0)
        return Bulk(neurons, matrix, memory)

    def answers(self, growth: Array, response: Complex[Array, " population"]) -> list[Array]:
        """chi of the neurons of each population, where <chi> is `response`."""
        kappa = self.memory @ response
        return [each.linear.transfer(growth, kappa[row]) for row, each in enumerate(self.neurons)]

    def averaged(self, of_neurons: Sequence[Array]) -> Array:
        """Over the neurons of each population."""
        return jnp.stack([each.weights @ values for each, values in zip(self.neurons, of_neurons, strict=True)])

    def image(self, growth: Array, response: Complex[Array, " population"]) -> Complex[Array, " population"]:
        """<chi>, where it is `response`."""
        return self.averaged(self.answers(growth, response))

    def amplified(self, growth: Array, response: Complex[Array, " population"]) -> Float[Array, "population population"]:
        """How squares of small random changes are handed on."""
        return self.matrix * self.averaged([jnp.abs(chi) ** 2 for chi in self.answers(growth, response)])

    def radius(self, growth: Array, response: Complex[Array, " population"]) -> Float[Array, ""]:
        """By how much these squares grow."""
        return spectral_radius(self.amplified(growth, response))

    def settled(self, growth: Array) -> Complex[Array, " population"]:
        """<chi> = its image, from 0 on: that of the outside, where z is."""

        def again(_: Array, response: Array) -> Array:
            return self.image(growth, response)

        first = jnp.zeros(len(self.neurons), complex)
        return jax.lax.fori_loop(0, _ITERATIONS, again, first)

    def solved(self, growth: Array) -> tuple[Complex[Array, " population"], Float[Array, ""]]:
        """<chi> to rounding, and what is left of its equation. Its derivative by z is that of the implicit function."""

        def improved(response: Array, growth: Array) -> Array:
            # chi has the derivative chi^2 by the memory.
            slopes = self.averaged([chi**2 for chi in self.answers(jax.lax.stop_gradient(growth), response)])
            jacobian = jnp.eye(len(response)) - slopes[:, None] * self.memory
            return response - solve_small(jacobian, response - self.image(growth, response))

        fixed = jax.lax.stop_gradient(growth)
        response = jax.lax.fori_loop(0, _NEWTON_STEPS, lambda _, each: improved(each, fixed), self.settled(fixed))
        response = improved(jax.lax.stop_gradient(response), growth)
        left = jnp.max(jnp.abs(response - self.image(fixed, response)))
        return response, jax.lax.stop_gradient(left)


def of_neurons(neurons: Sequence[Neuron], nodes: int) -> list[Neurons]:
    """The neurons of each population, in the field that they receive."""
    found = []
    for neuron in neurons:
        places, weights = states_and_weights(neuron, nodes)
        found.append(Neurons(neuron.unit.at_rest(places), weights))
    return found


def largest_radius(model: RandomNetwork, rates: Rates, neurons: list[Neuron], nodes: int) -> Array:
    """The radius at the frequency where it is largest."""
    bulk, (low, high) = Bulk.of(model.couplings, rates, of_neurons(neurons, nodes)), _ENDS[model.kind]

    def radius(frequency: Array) -> Array:
        growth = model.units[0].waves(frequency)
        return bulk.radius(growth, bulk.settled(growth))

    def zoom(frequencies: Array, _: None) -> tuple[Array, Array]:
        found = jax.lax.map(radius, frequencies)
        best = jnp.argmax(found)
        ends = frequencies[jnp.maximum(best - 1, 0)], frequencies[jnp.minimum(best + 1, _FREQUENCIES - 1)]
        return jnp.linspace(*ends, _FREQUENCIES), found[best]

    whole = np.linspace(low, high, _FREQUENCIES) if np.isfinite(high) else np.append(0.0, np.geomspace(1e-3, 1e3, 32))
    _, best = jax.lax.scan(zoom, jnp.asarray(whole), None, length=_ZOOMS)
    return largest(best)


_ENDS: dict[str, Any] = {"map": (0.0, np.pi), "flow": (0.0, np.inf)}
"""Angular frequencies."""
