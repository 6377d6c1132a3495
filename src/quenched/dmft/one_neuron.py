"""One neuron at rest in its Gaussian field, h = field + memory rate + sqrt(variance) z.

Averages are integrals over places y on the curve of the unit's states of rest (of a leaky unit y is x) instead of over z:

    dz p(z) = dy (h'(y) - memory rate'(y)) N(h(y) - memory rate(y); field, variance),

so that no equation has to be solved for the state, and in the response rate'/(h' - memory rate') the fraction cancels.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array

from quenched.gaussian.averages import REACH, average_of_jumps, meets_jumps
from quenched.numerics.extremes import smallest
from quenched.numerics.quadrature import Scalar, clip_breakpoints, outermost, sinh_legendre
from quenched.units.base import AbstractUnit


class Neuron(NamedTuple):
    """What it does, and what it receives."""

    unit: AbstractUnit
    field: Scalar
    """Mean of its input."""
    variance: Array
    """Of the Gaussian part of its input, above 0."""
    memory: Array
    """What its own rate sends back to it by way of the others."""

    def own_field(self, place: Array, memory: Array | None = None) -> Array:
        """The input that must come from elsewhere for the neuron to rest there."""
        rate = self.unit.rate(self.unit.resting_state(place))
        return self.unit.resting_field(place) - (self.memory if memory is None else memory) * rate

    def openings(self, place: Array, memory: Array | None = None) -> tuple[Array, Array]:
        """Derivatives of `own_field` and of the rate along the places."""
        field_slope, rate_slope = self.unit.resting_slopes(place)
        return field_slope - (self.memory if memory is None else memory) * rate_slope, rate_slope


def averages(neuron: Neuron, nodes: int) -> dict[str, Array]:
    """Averages over the field, and `invertibility_margin`; `square_response` <chi^2> is infinite near a jump of the rate."""
    unit = neuron.unit
    place, by_place, margin = _places(neuron, nodes)
    state = unit.resting_state(place)
    rate, x = unit.rate(state), state[0] if unit.state_size > 1 else state
    opening, slope = neuron.openings(place)
    by_field = by_place * opening
    # Only without memory.
    jumping = meets_jumps(unit.jumps, neuron.field, neuron.variance)
    found = {
        "correlation": jnp.sum(by_field * rate**2),
        "integrated_response": jnp.sum(by_place * slope) + average_of_jumps(unit.jumps, neuron.field, neuron.variance),
        "mean_square_state": jnp.sum(by_field * x**2),
        "mean_rate": jnp.sum(by_field * rate),
        "mean_state": jnp.sum(by_field * x),
        "invertibility_margin": margin,
        "square_response": jnp.where(jumping, jnp.inf, jnp.sum(by_place * slope**2 / opening)),
    }
    if unit.nonnegative:
        found["surviving_fraction"] = jnp.sum(jnp.where(x > 0.0, by_field, 0.0))
    return found


def states_and_weights(neuron: Neuron, nodes: int) -> tuple[Array, Array]:
    """Nodes and weights for averages over the state of a leaky neuron."""
    place, by_place, _ = _places(neuron, nodes)
    return place, by_place * neuron.openings(place)[0]


def _places(neuron: Neuron, nodes: int) -> tuple[Array, Array, Array]:
    """Places on the nodes, weights times N(own field; field, variance), and the least opening."""
    low, pause, resume, high, margin = _support(neuron)
    kinks = neuron.unit.breakpoints
    below = sinh_legendre([low, *clip_breakpoints(kinks, low, pause), pause], nodes)
    above = sinh_legendre([resume, *clip_breakpoints(kinks, resume, high), high], nodes)
    place, weights = jnp.concatenate([below[0], above[0]]), jnp.concatenate([below[1], above[1]])
    deviate = (neuron.own_field(place) - neuron.field) ** 2 / neuron.variance
    return place, weights * jnp.exp(-0.5 * deviate) / jnp.sqrt(2.0 * jnp.pi * neuron.variance), margin


def _support(neuron: Neuron) -> tuple[Array, ...]:
    """Where the integral over places begins, pauses, resumes and ends, and the least opening.

    While that is positive the place is a function of the field and there is no pause. Beyond, the field of sign s leads to
    the outermost state of that sign, and the places between the outermost zeros of the neuron's own field are left out.
    """
    fixed = jax.lax.stop_gradient(neuron)
    deviation, field = jnp.sqrt(fixed.variance), fixed.field
    scale = deviation + jnp.abs(field)
    high = outermost(lambda t: fixed.own_field(t) - field < REACH * deviation, scale)
    low = -outermost(lambda t: fixed.own_field(-t) - field > -REACH * deviation, scale)
    probe = jnp.sinh(jnp.linspace(jnp.arcsinh(low), jnp.arcsinh(high), 33))
    margin = smallest(neuron.openings(jnp.append(probe, 0.0))[0])

    def zero(sign: float) -> Array:
        near = sign * outermost(lambda t: sign * fixed.own_field(sign * t) <= 0.0, scale)
        for _ in range(4):
            near = _newton_step(fixed, jax.lax.stop_gradient(near))
        # The last step carries the derivative of the zero with respect to the memory.
        nearest = sign * _newton_step(neuron, jax.lax.stop_gradient(near))
        return sign * jnp.clip(nearest, 0.0, sign * (high if sign > 0 else low))

    single = margin > 0.0

    def end(deviations: float) -> Array:
        """In a field far larger than its deviation all states lie close together and far from 0."""
        return _bisect(lambda place: fixed.own_field(place) < field + deviations * deviation, low, high)

    low, high = jnp.where(single, end(-REACH), low), jnp.where(single, end(REACH), high)
    middle = jnp.clip(0.0, low, high)
    return low, jnp.where(single, middle, zero(-1.0)), jnp.where(single, middle, zero(1.0)), high, margin


def _bisect(below: Callable[[Array], Array], low: Array, high: Array) -> Array:
    """Where `below` ceases to hold."""

    def halve(_: Array, ends: tuple[Array, Array]) -> tuple[Array, Array]:
        middle = 0.5 * (ends[0] + ends[1])
        rises = below(middle)
        return jnp.where(rises, middle, ends[0]), jnp.where(rises, ends[1], middle)

    low, high = jax.lax.fori_loop(0, 40, halve, (low, high))
    return 0.5 * (low + high)


def _newton_step(neuron: Neuron, place: Array) -> Array:
    return place - neuron.own_field(place) / neuron.openings(place)[0]
