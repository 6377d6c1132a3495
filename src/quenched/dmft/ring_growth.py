"""How fast perturbations grow in the stationary state of DMFT, on its ring of time.

A perturbation delta = e^{lambda t} d obeys, beside a trajectory x of the state (docs/derivations/chaos.md),

    d = H_lambda (kappa_lambda phi'(x) d + zeta),    <|zeta|^2> = g^2 <|phi'(x) d|^2> at each frequency,

with H_lambda and kappa_lambda the filters of `stationary_ring` for waves that grow at the rate lambda. For each lambda this
is a linear map of the spectrum of d, with positive entries. The larger lambda, the less it grows; where it does not grow at
all lambda is the largest Lyapunov exponent. The noise is that of both neighbours, and does not enter.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from quenched.dmft.schemes import scheme as two_time_scheme
from quenched.dmft.stationary_ring import (
    Paths,
    RingAverages,
    SampledRing,
    corrected_power,
    forcing_at,
    forcing_terms,
    root,
)
from quenched.numerics.anderson import Anderson, fixed_point
from quenched.numerics.extremes import largest

Real = float | Array
Wave = Complex[Array, " frequency"]
# Rates of a neuron alone, -1, and below have no filter.
_LOWEST = -0.999
# Standard deviations of the noise of R below which nothing is seen of it, and lags that tell its size.
_NOISES, _NEIGHBOURS = 3.0, 5
# Change at each application, of perturbations of size 1, beyond which no rate is told.
_SETTLED = 0.05
# Of half an ellipse, its four ends among them.
_ANGLES = 361


class PerturbedRing(NamedTuple):
    """The map whose fixed point is a perturbation of size 1 and its rate, beside trajectories that are given."""

    ring: SampledRing
    scheme: str
    slopes: Paths
    response: Float[Array, " time"]

    def update(self, unknowns: Float[Array, "row time"]) -> Float[Array, "row time"]:
        """One application; the last row holds the rate, at all times."""
        ring, drawn = self.ring, self.ring.draws.perturbation
        d, exponent = unknowns[:-1], jnp.maximum(unknowns[-1, 0], _LOWEST)
        loop, middle = self._loop(exponent), self._middle()
        # As for x, a twin that follows the same field linearly shows by how much this sample is off.
        transfer = jnp.mean(ring.waves(d) * drawn.conj(), axis=0)
        twin = self.slopes * ring.paths(transfer * drawn)
        pairs = jnp.fft.irfft(jnp.mean(jnp.abs(ring.waves(self.slopes)) ** 2, axis=0), ring.times)
        exact = jnp.fft.rfft(pairs * jnp.fft.irfft(jnp.abs(transfer) ** 2, ring.times)).real
        spectrum = corrected_power(ring.waves(self.slopes * d), exact, ring.waves(twin))
        field = ring.model.gain * root(spectrum) * drawn
        beyond = ring.waves((self.slopes - middle) * d)
        ahead = ring.paths((self._forcing(exponent) * field + loop * beyond) / (1.0 - middle * loop))
        size = jnp.sqrt(jnp.mean(ahead**2))
        size = jnp.where(size > 0.0, size, 1.0)
        faster = exponent + (1.0 + exponent) * jnp.log(size)
        return jnp.concatenate([ahead / size, jnp.full((1, ring.times), faster)])

    def _forcing(self, exponent: Array) -> Wave:
        turn = np.exp(2j * np.pi * np.arange(self.ring.times // 2 + 1) / self.ring.times)
        forcing: Wave = forcing_at(self.scheme, self.ring.step, turn * jnp.exp(exponent * self.ring.step))
        return forcing

    def _loop(self, exponent: Array) -> Wave:
        """H_lambda kappa_lambda."""
        ages = self.ring.step * np.arange(self.ring.times)
        causal = np.arange(self.ring.times) <= self.ring.times // 2
        faded = jnp.where(causal, self.response * jnp.exp(-exponent * np.where(causal, ages, 0.0)), 0.0)
        return self._forcing(exponent) * self.ring.memory(faded)

    def _middle(self) -> Array:
        return jax.lax.stop_gradient(0.5 * (jnp.min(self.slopes) + jnp.max(self.slopes)))


def growth_at_rest(scheme: str, step: float, gain: Real, symmetry: Real, slope: Array) -> Float[Array, ""]:
    """The same where all neurons rest at x = 0: of the modes of the elliptic law the one that the scheme makes grow most."""
    angles = np.linspace(0.0, np.pi, _ANGLES)
    modes = gain * slope * ((1.0 + symmetry) * np.cos(angles) + 1j * (1.0 - symmetry) * np.sin(angles))
    if scheme == "second_order":
        constant, ahead = forcing_terms(step)
        turns = (np.exp(-step) + constant * modes) / (1.0 - ahead * modes)
        return largest(jnp.log(jnp.abs(turns))) / step
    once = two_time_scheme("euler" if scheme == "euler" else "second_order", step)
    # turn^2 = leak turn + (now turn + before) mode.
    middle = 0.5 * (once.leak + once.now * modes)
    root = jnp.sqrt(middle**2 + once.before * modes)
    return largest(jnp.log(jnp.maximum(jnp.abs(middle + root), jnp.abs(middle - root)))) / step


def growth_rate(
    ring: SampledRing, now: RingAverages, scheme: str, solver: Anderson
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """The largest Lyapunov exponent of a sample of the stationary state, and what the noise of R leaves open.

    Where perturbations decay the memory of old ones weighs more, by e^{-lambda tau}, and with it the noise of R. So R is cut
    off where it falls into the noise; cutting it off sooner tells what that does. Where many waves grow nearly alike, as
    about rest, the map is long in choosing the fastest; by as much as it still changes the rate is then open, too. NaN
    where that is much.
    """
    # The same at all times: at rest nothing else grows as fast.
    frozen = jnp.real(ring.draws.perturbation[:, :1]) * jnp.ones(ring.times)
    start = jnp.concatenate([frozen, jnp.zeros((1, ring.times))])

    def with_response(response: Array, start: Array) -> tuple[Array, Array, Array]:
        found = fixed_point(PerturbedRing(ring, scheme, now.slope, response).update, start, solver)
        return found.unknowns, jnp.where(found.residual <= _SETTLED, found.unknowns[-1, 0], jnp.nan), found.residual

    ends, exponent, left = with_response(above_noise(now, _NOISES), start)
    _, other, _ = with_response(above_noise(now, 4.0 * _NOISES), jax.lax.stop_gradient(ends))
    cut = jnp.where(jnp.isnan(other), jnp.inf, jnp.abs(other - exponent))
    cut = jnp.where(jnp.isnan(exponent), jnp.nan, jnp.where(ring.model.symmetry == 0.0, 0.0, cut))
    return exponent, jax.lax.stop_gradient(cut + left)


def above_noise(now: RingAverages, noises: float) -> Float[Array, " time"]:
    """R, led to zero where it falls to so many times its noise, and zero from there on."""
    size = jnp.sqrt(jnp.convolve(now.response**2, np.full(_NEIGHBOURS, 1.0 / _NEIGHBOURS), mode="same"))
    threshold = noises * now.response_noise
    share = jnp.clip(1.0 - (threshold / jnp.where(size > 0.0, size, 1.0)) ** 2, 0.0, 1.0)
    share = jnp.where(size > 0.0, share, 0.0).at[:_NEIGHBOURS].set(1.0)
    return now.response * jax.lax.stop_gradient(jax.lax.cummin(share))
