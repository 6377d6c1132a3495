"""The covariance of the state as a particle in a potential: its starting point, and where it comes to rest.

# notation: c covariance of x(t), x(t + lag); v its value at lag 0, c_inf at infinite lag, y = c - c_inf, y0 = v - c_inf.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from quenched.dmft.equal_pairs import single_average, slope_pair
from quenched.models import RandomNetwork
from quenched.numerics.collocation import Collocation, collocation


class Resolution(NamedTuple):
    """How finely: values of c, and nodes of each Gaussian average."""

    points: int
    nodes: int

    @property
    def rule(self) -> Collocation:
        return collocation(self.points)


class Shape(NamedTuple):
    """y = y0 f(x), x from 0 (infinite lag) to 1 (lag 0), f = sin(bend x)/sin(bend).

    With bend = pi/2 it is 1/cosh of the lag at weak chaos, with bend = 0 the exponential of a linear network; between
    them the particle starts with the speed that the noise gives it. So f keeps every function of the lag analytic in x.
    """

    value: Float[Array, " point"]
    over_x: Float[Array, " point"]
    slope: Float[Array, " point"]


def shape(bend: Array | float, rule: Collocation) -> Shape:
    """f, f/x and f' at the points of the rule."""
    x = jnp.asarray(rule.nodes)
    bend = jnp.asarray(bend, float)
    straight = bend < 1e-4
    safe = jnp.where(straight, 1.0, bend)
    over_x = jnp.where(straight, 1.0 + bend**2 * (1 - x**2) / 6, jnp.sin(safe * x) / (x * jnp.sin(safe)))
    slope = jnp.where(straight, 1.0 + bend**2 * (1 / 6 - x**2 / 2), safe * jnp.cos(safe * x) / jnp.sin(safe))
    return Shape(x * over_x, over_x, slope)


def slope_pairs(
    model: RandomNetwork, variance: Array, decaying: Array, bend: Array | float, how: Resolution, even: bool
) -> Float[Array, " point"]:
    """<phi'(x) phi'(x')> at the points of the rule."""
    phi, private = model.activation, decaying * (1.0 - shape(bend, how.rule).value)

    def at(private: Array) -> Array:
        return slope_pair(phi, model.field, variance - private, private, how.nodes, even=even)

    return jax.vmap(at)(private)


def energy(model: RandomNetwork, pairs: Array, bend: Array | float, rule: Collocation) -> Array:
    """2 [V(c_inf) - V(v)]/y0^2, the square of the initial speed over y0^2: no difference of nearly equal numbers."""
    curve = shape(bend, rule)
    return 2.0 * jnp.sum(rule.weights * curve.slope * (1.0 - curve.value) * (1.0 - model.gain**2 * pairs))


def is_pinned(model: RandomNetwork) -> Array:
    """Whether c_inf = 0 by symmetry."""
    return jnp.asarray(model.activation.odd) & (model.field == 0.0)


def largest_variance(model: RandomNetwork) -> tuple[Array, Array]:
    """A variance above v, by at most a factor of two where noise is weak, and whether there is one.

    v <= noise^2/2 + g^2 <phi^2>, because S_x(omega) = (noise^2 + g^2 S_phi(omega))/(1 + omega^2). Where the right is larger
    for large v (unbounded phi) only states below the first v that is larger are bounded.
    """
    phi = model.activation
    scale = 1.0 + model.gain**2 + model.noise**2 + model.field**2
    grid = scale * jnp.asarray(np.geomspace(1e-11, 1e7, 64))

    def grows(variance: Array) -> Array:
        square = single_average(lambda x: phi(x) ** 2, model.field, variance, phi.breakpoints, 24)
        return variance < 0.5 * model.noise**2 + model.gain**2 * square

    growing, places = jax.vmap(grows)(grid), jnp.arange(grid.size)
    last, first_still = jnp.max(jnp.where(growing, places, -1)), jnp.min(jnp.where(growing, grid.size, places))
    place = jnp.where(growing[-1], first_still, last + 1)
    return grid[jnp.minimum(place, grid.size - 1)], place < grid.size


FULL_BEND = 0.5 * np.pi


def choose_bend(model: RandomNetwork, decaying: Array, pairs: Array, rule: Collocation) -> Array:
    """The bend with which dtau/dx has no edge at lag 0, by the slope there of P, the squared speed; pairs at bend pi/2.

    Where phi jumps the force has a square root of v - c there, which is analytic in x at bend pi/2 only.
    """
    if model.activation.jumps:
        return jnp.asarray(FULL_BEND)
    steepness = 2.0 * jnp.sum(rule.weights * shape(FULL_BEND, rule).slope * (1.0 - model.gain**2 * pairs))
    speed = 0.25 * model.noise**4 / decaying**2
    # sin^2(bend) = (2 - r)/(4 - r) with r = d ln P/d ln y = steepness/speed, -infinity where noise is absent.
    turning = 4.0 * speed - steepness
    squared = jnp.where(turning > 0.0, (2.0 * speed - steepness) / jnp.where(turning > 0.0, turning, 1.0), 0.0)
    return jnp.where(model.noise == 0.0, FULL_BEND, jnp.arcsin(jnp.sqrt(jnp.clip(squared, 0.0, 1.0))))
