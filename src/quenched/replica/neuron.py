"""One neuron in the fields of the others, and what its averages gain from each of its parameters.

The weight belongs to an exponential family, so derivatives are covariances: no quadrature is differentiated.

    w(x) = exp( -e^2/(2a) + h phi - kappa phi^2/(2a) - k x^2 ),    e = x - G phi - M
"""

# notation: G = gamma g^2 S the memory, kappa = g^2 a D the stiffness, k = c/T the tightness.

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from quenched.activations import AbstractActivation
from quenched.numerics.peaks import peak_nodes
from quenched.numerics.quadrature import clip_breakpoints

# Panels of an integral at most, and how many it begins with; how often the interval may be doubled.
_PANELS, _FIRST_PANELS, _DOUBLINGS = 24, 8, 8
# The weight is cut where it has fallen by exp(-42) = 6e-19, nine widths away.
_WIDTHS, _NOTHING = 9.5, 42.0


class Parameters(NamedTuple):
    """What the weight depends on."""

    log_width: Array  # ln a
    memory: Array  # G
    stiffness: Array  # kappa
    drive: Array  # M, the neuron's own field included
    reaction: Array  # h
    tightness: Array  # k


class NeuronAverages(NamedTuple):
    """Over w, the misfit e measured in sqrt(a)."""

    rate: Array  # <phi>
    misfit: Array  # <e>/sqrt(a)
    rate_variance: Array  # <phi^2> - <phi>^2
    covariance: Array  # (<e phi> - <e><phi>)/sqrt(a)
    misfit_variance: Array  # (<e^2> - <e>^2)/a
    state_square: Array  # <x^2>
    log_norm: Array  # ln int w dx
    fits: Array  # 1.0 where the panels resolve every peak, 0.0 elsewhere


@partial(jax.custom_jvp, nondiff_argnums=(0, 1))
def neuron_averages(phi: AbstractActivation, count: int, parameters: Parameters) -> NeuronAverages:
    """By Gauss and Legendre, `count` nodes on each panel."""
    return _averages_and_moments(phi, count, parameters)[0]


@neuron_averages.defjvp
def _derivative(
    phi: AbstractActivation, count: int, primals: tuple[Parameters], tangents: tuple[Parameters]
) -> tuple[NeuronAverages, NeuronAverages]:
    parameters, change = primals[0], tangents[0]
    found, moments = _averages_and_moments(phi, count, parameters)
    root = jnp.exp(0.5 * parameters.log_width)
    rate, misfit = found.rate, found.misfit
    # d(ln w), as coefficients of what `moments` is the covariance of.
    half_stiffness = 0.5 * (parameters.stiffness * change.log_width - change.stiffness) / root**2
    by_product = change.memory / root
    by_square = 0.5 * change.log_width
    score = jnp.stack(
        [
            change.reaction + 2.0 * half_stiffness * rate + by_product * misfit,
            change.drive / root + by_product * rate + 2.0 * by_square * misfit,
            half_stiffness,
            by_product,
            by_square,
            -change.tightness,
        ]
    )
    drift = moments @ score
    # e itself depends on a, G and M.
    mean_score = (
        change.reaction * rate
        + change.drive / root * misfit
        + half_stiffness * (found.rate_variance + rate**2)
        + by_product * (found.covariance + misfit * rate)
        + by_square * (found.misfit_variance + misfit**2)
        - change.tightness * found.state_square
    )
    return found, NeuronAverages(
        drift[0],
        drift[1] - 0.5 * misfit * change.log_width - by_product * rate - change.drive / root,
        drift[2],
        drift[3] - 0.5 * found.covariance * change.log_width - by_product * found.rate_variance,
        drift[4] - found.misfit_variance * change.log_width - 2.0 * by_product * found.covariance,
        drift[5],
        mean_score,
        jnp.zeros_like(found.fits),
    )


def _averages_and_moments(
    phi: AbstractActivation, count: int, parameters: Parameters
) -> tuple[NeuronAverages, Float[Array, "6 6"]]:
    """And the covariance of (phi, e, phi^2, e phi, e^2, x^2), phi and e from their means and e in sqrt(a)."""

    def height(x: Array, p: Parameters) -> Array:
        rate = phi(x)
        misfit = x - p.memory * rate - p.drive
        return 0.5 * (misfit**2 + p.stiffness * rate**2) * jnp.exp(-p.log_width) - p.reaction * rate + p.tightness * x**2

    fixed = Parameters(*jax.lax.stop_gradient(tuple(parameters)))
    nodes = jax.lax.stop_gradient(
        peak_nodes(lambda x: height(x, fixed), _edges(phi, lambda x: height(x, fixed), fixed), _PANELS, count)
    )
    heights = height(nodes.x, parameters)
    used = nodes.weights > 0.0
    lowest = jax.lax.stop_gradient(jnp.min(jnp.where(used, heights, jnp.inf)))
    weighted = nodes.weights * jnp.exp(jnp.where(used, lowest - heights, 0.0))
    total = jnp.sum(weighted)
    density = weighted / total
    rate = phi(nodes.x)
    misfit = (nodes.x - parameters.memory * rate - parameters.drive) * jnp.exp(-0.5 * parameters.log_width)
    mean_rate, mean_misfit = jnp.sum(density * rate), jnp.sum(density * misfit)
    # From the means, so that narrow weights keep their digits.
    rate, misfit = rate - mean_rate, misfit - mean_misfit
    features = jnp.stack([rate, misfit, rate**2, misfit * rate, misfit**2, nodes.x**2])
    means = features @ density
    centred = features - means[:, None]
    averages = NeuronAverages(
        mean_rate, mean_misfit, means[2], means[3], means[4], means[5], jnp.log(total) - lowest, nodes.fits.astype(float)
    )
    return averages, (centred * density) @ centred.T


def _edges(phi: AbstractActivation, height: Callable[[Array], Array], p: Parameters) -> Array:
    """Between which all of the weight lies: around M, as far as G and h push, and some widths; doubled where phi has no
    bound and pushes further."""
    push = jnp.abs(p.memory) + jnp.exp(p.log_width) * jnp.abs(p.reaction) * jnp.abs(phi.slope(jnp.zeros(())))
    least = _WIDTHS * jnp.exp(0.5 * p.log_width) + 2.0 * push + 1.0
    sides = np.linspace(-1.0, 1.0, _FIRST_PANELS + 1)
    reaches = least * 2.0 ** np.arange(_DOUBLINGS)
    lowest = jnp.min(height(p.drive + least * sides))
    outside = jnp.minimum(height(p.drive - reaches), height(p.drive + reaches)) > lowest + _NOTHING
    reach = reaches[jnp.argmax(outside)]
    reach = jnp.where(jnp.any(outside), reach, reaches[-1])
    breaks = clip_breakpoints(phi.breakpoints, p.drive - reach, p.drive + reach)
    return jnp.sort(jnp.stack([*(p.drive + reach * side for side in sides), *breaks]))
