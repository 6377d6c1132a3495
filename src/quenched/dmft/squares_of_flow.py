"""tr Sigma^2 of leaky neurons without symmetry and static parts, from two integrals over one frequency.

docs/derivations/dimension.md derives, with z = q/((1 - i w)(1 + i w')), q = (g <phi'>)^2, X and C the spectra of the state
and the rate, and G = X - noise^2/(1 + w^2) that of what the network sends,

    tr Sigma_phi^2/N = int int C C'/|1 - z|^2,    tr Sigma_x^2/N = int int [G G' + X X' (1 - |z|^2)]/|1 - z|^2,

each integral over dw/(2 pi). The kernel has one pole on either side of the axis of w': the inner integrals are Laplace
transforms of the correlation, at p(w) = 1 - q/(1 - i w). Near the transition the pole is next to the axis, where a grid of
two frequencies would have to be as fine as the square of the distance to the transition; a transform does not notice.
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from quenched.compiled import compiled
from quenched.dmft.lag_functions import Orbit, integrate_orbit, laplace_transform
from quenched.dmft.potential import Resolution, shape, slope_pairs
from quenched.dmft.variance import find_start, resolutions
from quenched.models import RandomNetwork
from quenched.numerics.collocation import interpolation
from quenched.numerics.self_consistency import Newton

# Frequencies kappa sinh(u): every singularity is at |Im u| >= pi/2, and the trapezoidal rule leaves exp(-pi^2/step), 4e-22.
_STEP = 0.2
# The integrand falls as 1/w, or faster, in u: what lies beyond is 1e-16 of it.
_BEYOND = 1e16


class Squares(NamedTuple):
    """Per neuron: tr Sigma, and tr Sigma^2, of states and of rates over time."""

    state_variance: Float[Array, ""]
    state_square: Float[Array, ""]
    rate_variance: Float[Array, ""]
    rate_square: Float[Array, ""]


@compiled(static=("solver",), hurried=True)
def squares_of_flow(model: RandomNetwork, solver: Newton) -> tuple[Squares, Squares]:
    """On the finer of two rules, and on the coarser one."""
    found = find_start(model, solver, True)
    coarse, fine = resolutions(solver)
    return (
        _squares(model, found.variance, found.bend, fine),
        _squares(model, found.coarse[0], found.bend, coarse),
    )


def _squares(model: RandomNetwork, variance: Array, bend: Array, how: Resolution) -> Squares:
    pairs = slope_pairs(model, variance, variance, bend, how, True)
    orbit = integrate_orbit(model, variance, bend, pairs, how.rule)
    distance, white = orbit.rate**2, 0.5 * model.noise**2
    u = _STEP * np.arange(int(np.log(_BEYOND) / _STEP))
    w, weights = orbit.rate * jnp.sinh(u), orbit.rate * jnp.cosh(u) * _STEP / np.pi
    weights = weights.at[0].multiply(0.5)
    rates, states = orbit.rates_over_x, variance * shape(bend, how.rule).over_x
    pole = _Pole(distance, w)

    def state_transform(s: Complex[Array, " place"]) -> Complex[Array, " place"]:
        return laplace_transform(orbit, states, s)

    def sent_transform(s: Complex[Array, " place"]) -> Complex[Array, " place"]:
        return state_transform(s) - white / (1.0 + s)

    def rate_transform(s: Complex[Array, " place"]) -> Complex[Array, " place"]:
        return laplace_transform(orbit, rates, s)

    rate_variance = _at_lag_0(orbit, rates)
    rate_spectrum = 2.0 * jnp.real(rate_transform(1j * w))
    sent = model.gain**2 * rate_spectrum / (1.0 + w**2)
    state_spectrum = sent + 2.0 * white / (1.0 + w**2)
    rate_square = weights @ (rate_spectrum * pole.averaged(rate_variance, rate_transform(pole.place)))
    both = weights @ (sent * pole.averaged(variance - white, sent_transform(pole.place)))
    cross = jnp.real(state_transform(pole.place) / (1.0 - 1j * w))
    own = variance**2 + 2.0 * (1.0 - distance) * (weights @ (state_spectrum * cross))
    return Squares(variance, both + own, rate_variance, rate_square)


class _Pole(NamedTuple):
    """1/|1 - z|^2 = (1 + w'^2)/|i w' + p|^2 as a function of w', by where it is infinite."""

    distance: Float[Array, ""]
    """1 - q = kappa^2."""
    frequency: Float[Array, " frequency"]

    @property
    def place(self) -> Complex[Array, " frequency"]:
        """p = 1 - q/(1 - i w), without a difference of nearly equal numbers."""
        w = self.frequency
        return (self.distance + w**2 - 1j * (1.0 - self.distance) * w) / (1.0 + w**2)

    def averaged(self, variance: Float[Array, ""], transform: Complex[Array, " frequency"]) -> Float[Array, " frequency"]:
        """int dw'/(2 pi) f(w')/|1 - z|^2 by f's covariance at lag 0 and its Laplace transform at p."""
        width, centre = jnp.real(self.place), -jnp.imag(self.place)
        height = (1.0 + centre**2 - width**2) / width
        return variance + height * jnp.real(transform) - 2.0 * centre * jnp.imag(transform)


def _at_lag_0(orbit: Orbit, over_x: Float[Array, " point"]) -> Float[Array, ""]:
    """f at x = 1."""
    return (interpolation(orbit.rule, jnp.ones(1)) @ over_x)[0]
