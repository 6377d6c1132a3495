"""The stationary neuron of DMFT on a ring of time, in the Fourier domain.

Time is periodic with a period far longer than the correlation. Then everything is a filter: no time stepping, no burn-in,
and each application of the map below costs a few fast Fourier transforms of all trajectories at once.

    x = H (kappa phi(x) + b) + A zeta,   A^2 = |H|^2 g^2 S + |H_n|^2 sigma^2,   kappa = g^2 eta step (R - R(0)/2),
    y = H kappa phi'(x) (y - xi/2) + H_k xi

with S the spectrum of phi(x) and R the response, zeta standard Gaussian, and xi random pulses of unit
strength: y is what they do to x.
"""

from __future__ import annotations

from typing import Any, NamedTuple

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
    forcing = np.asarray(forcing_at(name, step, turn))
    if name == "second_order":
        leak = np.exp(-step)
        noise = np.sqrt(-0.5 * np.expm1(-2.0 * step)) / np.abs(turn - leak)
        return Filters(forcing, noise, turn / (turn - leak), 0.5)
    once = two_time_scheme("euler" if name == "euler" else "second_order", step)
    kick = (1.0 if once.delayed else turn) / (turn - once.leak)
    return Filters(forcing, once.kick / np.abs(turn - once.leak), kick, 0.0 if once.delayed else 0.5)


def forcing_at(name: str, step: float, turn: Any) -> Any:
    """What the forcing makes of the state where both are multiplied by `turn` in each step: waves, also growing ones."""
    if name == "second_order":
        now, ahead = forcing_terms(step)
        return (ahead * turn + now) / (turn - np.exp(-step))
    once = two_time_scheme("euler" if name == "euler" else "second_order", step)
    return (once.now + once.before / turn) / (turn - once.leak)


def forcing_terms(step: float) -> tuple[float, float]:
    """What the forcing at both ends of a step counts, where it is linear between them."""
    ahead = (step + np.expm1(-step)) / step
    return -np.expm1(-step) - ahead, ahead


class RingDraws(NamedTuple):
    """What is random in a sample."""

    noise: Waves
    """zeta: Gaussian; its mean square over trajectories is 1 at each frequency, exactly."""
    pulses: Waves
    """xi: random phases, so that its correlation with itself is a single peak in each trajectory."""
    perturbation: Waves
    """As the noise, of the field of perturbations."""


def draw(key: Key[Array, ""], trajectories: int, times: int) -> RingDraws:
    """All that is random in one sample."""
    uniform_key, order_key = jax.random.split(key)
    level, phase, pulse_phase = jax.random.uniform(uniform_key, (3, trajectories, times // 2 + 1))
    real = _is_real(times)
    pulses = jnp.where(real, jnp.where(pulse_phase < 0.5, 1.0, -1.0), _turn(pulse_phase))
    of_perturbation, other_order = jax.random.split(jax.random.fold_in(uniform_key, 1))
    other_level, other_phase = jax.random.uniform(of_perturbation, (2, trajectories, times // 2 + 1))
    return RingDraws(_gaussian(level, phase, order_key), pulses, _gaussian(other_level, other_phase, other_order))


def _is_real(times: int) -> np.ndarray:
    """Of the frequencies those whose waves are real, the lowest and the highest."""
    return np.isin(np.arange(times // 2 + 1), (0, times // 2))


def _gaussian(level: Array, phase: Array, key: Key[Array, ""]) -> Waves:
    """Of size and phase by uniform numbers; their mean square over trajectories is 1 at each frequency, exactly."""
    trajectories, frequencies = level.shape
    # Frequency 0 is what stays frozen: no average over time helps there, so it is stratified over trajectories.
    stratified = (jax.random.permutation(key, trajectories) + level[:, 0]) / trajectories
    level, real = level.at[:, 0].set(stratified), _is_real(2 * (frequencies - 1))
    noise = jnp.where(real, jax.scipy.special.ndtri(level), jnp.sqrt(-jnp.log1p(-level)) * _turn(phase))
    noise = noise - jnp.where(real, jnp.mean(noise, axis=0), 0.0)
    return noise / jnp.sqrt(jnp.mean(jnp.abs(noise) ** 2, axis=0))


def coarser(draws: RingDraws) -> RingDraws:
    """The same random numbers for half as many times: each frequency that is left keeps its own."""
    last = draws.noise.shape[1] // 2

    def fewer(noise: Array) -> Array:
        # The highest frequency of a ring is real.
        edge = noise[:, last].real - jnp.mean(noise[:, last].real)
        return noise[:, : last + 1].at[:, -1].set(edge / jnp.sqrt(jnp.mean(edge**2)))

    pulses = draws.pulses[:, : last + 1]
    pulses = pulses.at[:, -1].set(jnp.where(pulses[:, -1].real < 0.0, -1.0, 1.0))
    return RingDraws(fewer(draws.noise), pulses, fewer(draws.perturbation))


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
    response_noise: Float[Array, ""]
    """Of R: what is found before the pulse, where there is none."""
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
        corrected = corrected_power(rate_waves, jnp.fft.rfft(exact.covariance).real, self.waves(twin_rate))

        beyond = jnp.mean(self.waves(slope * y - twin_slope * twin_push) * self.draws.pulses.conj(), axis=0)
        response = jnp.fft.irfft(beyond + exact.slope * state_response, self.times)
        causal = jnp.arange(self.times) <= self.times // 2
        return RingAverages(
            state=state,
            state_mean=mean,
            rate=rate_waves,
            rate_mean=exact.mean + jnp.mean(rate - twin_rate),
            rate_spectrum=corrected,
            response=jnp.where(causal, response, 0.0),
            state_response=jnp.fft.irfft(state_response, self.times),
            response_noise=jnp.sqrt(jnp.mean(jnp.where(causal, 0.0, response) ** 2) * self.times / jnp.sum(~causal)),
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


def corrected_power(waves: Waves, exact: Spectrum, twin: Waves) -> Spectrum:
    """The power of a sample, put right by a twin whose power is known. A ratio, not a difference: power stays positive."""
    of_twin = _power(twin)
    floor = _ROUNDING * jnp.max(of_twin) + _NOTHING
    return _power(waves) * (exact + floor) / (of_twin + floor)


def _power(waves: Waves) -> Spectrum:
    return jnp.mean(waves.real**2 + waves.imag**2, axis=0)


def root(power: Array) -> Array:
    """Square root, of slope 0 at 0."""
    return jnp.where(power > 0.0, jnp.sqrt(jnp.where(power > 0.0, power, 1.0)), 0.0)
