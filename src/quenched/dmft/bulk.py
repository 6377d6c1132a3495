"""Whether small random changes of the states at rest grow: the bulk of the eigenvalues of a network's Jacobian.

A small wave of input moves the rate of a neuron by chi = T/(1 - kappa T), T its answer alone (`AbstractUnit.transfer`) and
kappa the memory of that frequency, which the averages <chi> make. Squares of changes are handed on from population b to a by
d covariance_a/dC_b <|chi_b|^2>; where the spectral radius of that is 1, at any frequency, the bulk reaches the border.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from quenched.couplings.base import Rates
from quenched.dmft.one_neuron import Neuron, states_and_weights
from quenched.models import RandomNetwork
from quenched.numerics.growth import spectral_radius

# Angular frequencies that are looked at, and how often the grid is drawn closer around the best.
_FREQUENCIES, _ZOOMS = 33, 4
# How often <chi> is put into its own equation, which contracts where the state is stable.
_ITERATIONS = 60


def at_rest_only(model: RandomNetwork) -> bool:
    """Whether no wave grows before constant changes do: flows of one variable, whose answer to waves is weaker."""
    return model.kind == "flow" and model.units[0].state_size == 1


def handed_on(model: RandomNetwork, rates: Rates) -> Float[Array, "population population"]:
    """d covariance_a/dC_b."""

    def covariance(correlation: Array) -> Array:
        return model.couplings.field(rates._replace(correlation=correlation)).covariance * jnp.ones(model.populations)

    return jax.jacfwd(covariance)(rates.correlation)


def largest_radius(model: RandomNetwork, rates: Rates, neurons: list[Neuron], nodes: int) -> Array:
    """The spectral radius at the frequency where it is largest."""
    matrix, (low, high) = handed_on(model, rates), (0.0, np.pi if model.kind == "map" else np.inf)
    places = [states_and_weights(neuron, nodes) for neuron in neurons]

    def radius(frequency: Array) -> Array:
        answers = [
            jax.vmap(lambda place, unit=neuron.unit: unit.transfer(place, frequency[None])[0])(at)
            for neuron, (at, _) in zip(neurons, places, strict=True)
        ]

        def chi(response: Array) -> list[Array]:
            kappa = model.couplings.field(rates._replace(response=response)).memory * jnp.ones(model.populations)
            return [answer / (1.0 - kappa[row] * answer) for row, answer in enumerate(answers)]

        def again(_: Array, response: Array) -> Array:
            return jnp.stack([weights @ each for each, (_, weights) in zip(chi(response), places, strict=True)])

        response = jax.lax.fori_loop(0, _ITERATIONS, again, jnp.zeros(model.populations, complex))
        squares = [weights @ jnp.abs(each) ** 2 for each, (_, weights) in zip(chi(response), places, strict=True)]
        return spectral_radius(matrix * jnp.where(rates.fractions > 0.0, jnp.stack(squares), 0.0))

    def zoom(frequencies: Array, _: None) -> tuple[Array, Array]:
        found = jax.lax.map(radius, frequencies)
        best = jnp.argmax(found)
        ends = frequencies[jnp.maximum(best - 1, 0)], frequencies[jnp.minimum(best + 1, _FREQUENCIES - 1)]
        return jnp.linspace(*ends, _FREQUENCIES), found[best]

    whole = np.linspace(low, high, _FREQUENCIES) if np.isfinite(high) else np.append(0.0, np.geomspace(1e-3, 1e3, 32))
    _, best = jax.lax.scan(zoom, jnp.asarray(whole), None, length=_ZOOMS)
    return jnp.max(best)
