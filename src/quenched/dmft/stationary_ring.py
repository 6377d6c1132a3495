"""The stationary neuron of DMFT on a ring of time, in the Fourier domain.

Time is periodic with a period far longer than the correlation. Then everything is a filter: no time stepping, no burn-in,
and each application of the map below costs a few fast Fourier transforms of all trajectories at once.

    x = H (kappa phi(x) + b) + A zeta,   A^2 = |H|^2 g^2 S + |H_n|^2 sigma^2,   kappa = g^2 eta step (R - R(0)/2),
    y = H kappa phi'(x) (y - xi/2) + H_k xi

with S the spectrum of phi(x) and R the response, zeta standard Gaussian, and xi random pulses of unit
strength: y is what they do to x.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float, Key

from quenched.dmft.schemes import scheme as two_time_scheme
from quenched.gaussian.hermite import rate_averages
from quenched.models import RandomNetwork

SCHEMES = ("second_order", "extrapolated", "euler")

# Below this fraction of the largest power, the twin's spectrum is rounding and corrects nothing.
_ROUNDING = 1e-10
_NOTHING = 1e-100

Waves = Complex[Array, "trajectory frequency"]
Paths = Float[Array, "trajectory time"]
Spectrum = Float[Array, " frequency"]


class Filters(NamedTuple):
    """How one time step turns forcing, noise and kicks into the state, by frequency."""

    forcing: Complex[np.ndarray, " frequency"]
    noise: Float[np.ndarray, " frequency"]
    """Its size alone; the phase is random."""
    kick: Complex[np.ndarray, " frequency"]
    half: float
    """The part of a kick that the memory, a trapezoidal sum, counts at its own time; 0 for Euler, whose kicks come later."""


def filters(name: str, step: float, times: int) -> Filters:
    """Of the scheme x_{n+1} = leak x_n + ahead f_{n+1} + now f_n + before f_{n-1} + noise."""
    turn = np.exp(2j * np.pi * np.arange(times // 2 + 1) / times)
    if name == "second_order":
        leak, level = np.exp(-step), -np.expm1(-step)
        ahead = (step + np.expm1(-step)) / step
        forcing = (ahead * turn + level - ahead) / (turn - leak)
        noise = np.sqrt(-0.5 * np.expm1(-2.0 * step)) / np.abs(turn - leak)
        return Filters(forcing, noise, turn / (turn - leak), 0.5)
    once = two_time_scheme("euler" if name == "euler" else "second_order", step)
    forcing = (once.now + once.before / turn) / (turn - once.leak)
    kick = (1.0 if once.delayed else turn) / (turn - once.leak)
    return Filters(forcing, once.kick / np.abs(turn - once.leak), kick, 0.0 if once.delayed else 0.5)


class RingDraws(NamedTuple):
    """What is random in a sample."""

    noise: Waves
    """zeta: Gaussian; its mean square over trajectories is 1 at each frequency, exactly."""
    pulses: Waves
    """xi: random phases, so that its correlation with itself is a single peak in each trajectory."""


def draw(key: Key[Array, ""], trajectories: int, times: int) -> RingDraws:
    """Noise and pulses of one sample."""
    uniform_key, order_key = jax.random.split(key)
    level, phase, pulse_phase = jax.random.uniform(uniform_key, (3, trajectories, times // 2 + 1))
    # Frequency 0 is what stays frozen: no average over time helps there, so it is stratified over trajectories.
    stratified = (jax.random.permutation(order_key, trajectories) + level[:, 0]) / trajectories
    level = level.at[:, 0].set(stratified)
    real = np.isin(np.arange(times // 2 + 1), (0, times // 2))
    noise = jnp.where(real, jax.scipy.special.ndtri(level), jnp.sqrt(-jnp.log1p(-level)) * _turn(phase))
    noise = noise - jnp.where(real, jnp.mean(noise, axis=0), 0.0)
    noise = noise / jnp.sqrt(jnp.mean(jnp.abs(noise) ** 2, axis=0))
    return RingDraws(noise, jnp.where(real, jnp.where(pulse_phase < 0.5, 1.0, -1.0), _turn(pulse_phase)))


def coarser(draws: RingDraws) -> RingDraws:
    """The same random numbers for half as many times: each frequency that is left keeps its own."""
    last = draws.noise.shape[1] // 2
    noise, pulses = draws.noise[:, : last + 1], draws.pulses[:, : last + 1]
    # The highest frequency of a ring is real.
    edge = noise[:, -1].real - jnp.mean(noise[:, -1].real)
    edge = edge / jnp.sqrt(jnp.mean(edge**2))
    return RingDraws(noise.at[:, -1].set(edge), pulses.at[:, -1].set(jnp.where(pulses[:, -1].real < 0.0, -1.0, 1.0)))


def _turn(fraction: Float[Array, "..."]) -> Complex[Array, "..."]:
    return jnp.exp(2j * jnp.pi * fraction)


class RingAverages(NamedTuple):
    """What the trajectories (x, y) say."""

    state: Waves
    state_mean: Float[Array, ""]
    rate: Waves
    rate_mean: Float[Array, ""]
    rate_spectrum: Spectrum
    """S, discrete: its inverse transform is the correlation."""
    response: Float[Array, " time"]
    """R at positive lags, up to half the ring; 0 beyond."""
    state_response: Float[Array, " time"]
    slope: Paths


class SampledRing(NamedTuple):
    """The map whose fixed point is a self-consistent sample. Unknowns: x and y, stacked."""

    model: RandomNetwork
    filters: Filters
    step: float
    draws: RingDraws

    @property
    def times(self) -> int:
        return 2 * (self.draws.noise.shape[1] - 1)

    def waves(self, paths: Paths) -> Waves:
        """Fourier transform, of unit power for unit variance."""
        return jnp.fft.rfft(paths) / np.sqrt(self.times)

    def paths(self, waves: Waves) -> Paths:
        """Its inverse."""
        return jnp.fft.irfft(waves, self.times) * np.sqrt(self.times)

    def guess(self, amplitude: Array) -> Array:
        """Unconnected neurons with noise of this strength."""
        x = self.paths(amplitude * jnp.asarray(self.filters.noise) * self.draws.noise)
        return jnp.stack([x, self.paths(jnp.asarray(self.filters.kick) * self.draws.pulses)])

    def measure(self, unknowns: Float[Array, "two trajectory time"]) -> RingAverages:
        """Averages over trajectories and time, with the sampling error of a Gaussian twin taken off.

        The twin follows the same noise linearly, x' = <x> + T zeta with T = <x zeta*>, and responds linearly. Its averages
        are known exactly, and what the sample makes of them instead shows how far this sample is off.
        """
        phi, (x, y) = self.model.activation, unknowns
        state, pushed = self.waves(x), self.waves(y)
        mean = jnp.mean(x)
        transfer = jnp.mean(state * self.draws.noise.conj(), axis=0)
        state_response = jnp.mean(pushed * self.draws.pulses.conj(), axis=0)
        twin, twin_push = self.paths(transfer * self.draws.noise) + mean, self.paths(state_response * self.draws.pulses)
        twin_rate, twin_slope = phi(twin), phi.slope(twin)

        exact = rate_averages(phi, mean, jnp.fft.irfft(jnp.abs(transfer) ** 2, self.times))
        rate, slope = phi(x), phi.slope(x)
        rate_waves = self.waves(rate)
        spectrum, twin_spectrum = _power(rate_waves), _power(self.waves(twin_rate))
        floor = _ROUNDING * jnp.max(twin_spectrum) + _NOTHING
        # A ratio, not a difference: power stays positive.
        corrected = spectrum * (jnp.fft.rfft(exact.covariance).real + floor) / (twin_spectrum + floor)

        beyond = jnp.mean(self.waves(slope * y - twin_slope * twin_push) * self.draws.pulses.conj(), axis=0)
        causal = jnp.arange(self.times) <= self.times // 2
        return RingAverages(
            state=state,
            state_mean=mean,
            rate=rate_waves,
            rate_mean=exact.mean + jnp.mean(rate - twin_rate),
            rate_spectrum=corrected,
            response=jnp.where(causal, jnp.fft.irfft(beyond + exact.slope * state_response, self.times), 0.0),
            state_response=jnp.fft.irfft(state_response, self.times),
            slope=slope,
        )

    def memory(self, response: Float[Array, " time"]) -> Complex[Array, " frequency"]:
        """kappa: what the past of phi adds to the forcing, by the trapezoidal rule."""
        now = self.filters.half * response[0]
        return self.model.gain**2 * self.model.symmetry * self.step * (jnp.fft.rfft(response) - now)

    def field_power(self, spectrum: Spectrum) -> tuple[Spectrum, Spectrum]:
        """Of the Gaussian field, and of the noise, each as it reaches the state."""
        network = np.abs(self.filters.forcing) ** 2 * self.model.gain**2 * spectrum
        return network, jnp.asarray(self.filters.noise) ** 2 * self.model.noise**2

    def update(self, unknowns: Float[Array, "two trajectory time"]) -> Float[Array, "two trajectory time"]:
        """One application. The memory of the linear part of phi is solved for, so that it converges whenever kappa < 1."""
        now = self.measure(unknowns)
        kappa = self.filters.forcing * self.memory(now.response)
        # Half way between the extremes: what is left of phi is as flat as can be. Any value has the same fixed point.
        middle = jax.lax.stop_gradient(0.5 * (jnp.min(now.slope) + jnp.max(now.slope)))
        bias = np.zeros(now.state.shape[1])
        bias[0] = np.sqrt(self.times)
        network, noise = self.field_power(now.rate_spectrum)
        x = kappa * (now.rate - middle * now.state) + self.filters.forcing * self.model.field * bias
        x = x + root(network + noise) * self.draws.noise
        # Half of a kick is in the past of its own time, half is not.
        early = self.filters.half * self.draws.pulses
        push = unknowns[1] - self.paths(early)
        y = kappa * self.waves((now.slope - middle) * push) + (self.filters.kick * self.draws.pulses - early)
        if self.filters.half:
            # No time has passed at the kick itself: what a trapezoid of no length adds is taken off.
            ends = self.model.gain**2 * self.model.symmetry * self.step * self.filters.half**2 * now.response[0]
            y = y - self.filters.forcing * ends * self.waves(now.slope * self.paths(self.draws.pulses))
        loop = 1.0 - middle * kappa
        return jnp.stack([self.paths(x / loop), self.paths(y / loop + early)])

    def kinetic_energy(self, now: RingAverages) -> Float[Array, ""]:
        """Half the mean square of -x + kappa phi + gamma + b.

        Of gamma and the noise only the sum that drives x is drawn: gamma is its best guess from that sum, plus a remainder
        whose variance is known.
        """
        network, noise = self.field_power(now.rate_spectrum)
        total = network + noise
        inverse = jnp.where(total > 0.0, 1.0 / jnp.where(total > 0.0, total, 1.0), 0.0)
        guess = self.model.gain**2 * now.rate_spectrum * self.filters.forcing.conj() * inverse * root(total)
        drift = -now.state + self.memory(now.response) * now.rate + guess * self.draws.noise
        unknown = self.model.gain**2 * now.rate_spectrum * noise * inverse
        velocity = self.paths(drift) + self.model.field
        return 0.5 * (jnp.mean(velocity**2) + jnp.fft.irfft(unknown, self.times)[0])


def _power(waves: Waves) -> Spectrum:
    return jnp.mean(waves.real**2 + waves.imag**2, axis=0)


def root(power: Array) -> Array:
    """Square root, of slope 0 at 0."""
    return jnp.where(power > 0.0, jnp.sqrt(jnp.where(power > 0.0, power, 1.0)), 0.0)
