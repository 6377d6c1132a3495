"""Stationary Gaussian states of several populations, on a ring of time.

Without memory the input of a neuron is Gaussian, and so is all that is linear in it. With the covariance of the input of
each population at every lag, what its neurons make of it is known: the linear part of a unit by frequency, its one nonlinear
function by an average over two equally distributed Gaussian fields. The couplings give the covariance of the inputs back.
A sinusoid adds a wave to the Gaussian field of each neuron, of one amplitude and a random phase, over which is averaged too.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from quenched.couplings.base import Rates
from quenched.dmft.bulk import handed_on
from quenched.gaussian.hermite import averages_under_a_wave, left_over, pair_averages
from quenched.models import RandomNetwork, Sinusoid
from quenched.numerics.extremes import largest, smallest
from quenched.numerics.growth import spectral_abscissa, spectral_radius
from quenched.units.base import AbstractUnit
from quenched.units.filters import LinearSteps, WaveAnswer, driving, in_steps, linear_part, resting_mean, shape_of

# Steps to the growth rate by halving an interval, and applications of the operator in each.
_HALVINGS, _APPLICATIONS = 48, 60
# How much closer frequencies are looked at where differences are waves.
_CLOSER = 8


class Waves(NamedTuple):
    """One ring: times in an even number, `step` apart; None of maps, whose step is 1."""

    times: int
    step: Any

    @property
    def length(self) -> Any:
        """Of a time step."""
        return 1.0 if self.step is None else self.step

    @property
    def lags(self) -> Any:
        """Up to half the ring."""
        return self.length * np.arange(self.times // 2 + 1)

    def turns(self, growth: Array | float = 0.0) -> Array:
        """Waves of each frequency that fits, growing at a rate."""
        return jnp.exp(growth * self.length) * np.exp(2j * np.pi * np.arange(self.times // 2 + 1) / self.times)

    def spectrum(self, covariance: Float[Array, "... lag"]) -> Float[Array, "... frequency"]:
        """Of an even function, given up to half the ring."""
        return jnp.fft.rfft(jnp.concatenate([covariance, covariance[..., -2:0:-1]], axis=-1)).real

    def covariance(self, spectrum: Float[Array, "... frequency"]) -> Float[Array, "... lag"]:
        """Its inverse."""
        return jnp.fft.irfft(spectrum + 0j, self.times)[..., : self.times // 2 + 1]


class State(NamedTuple):
    """Unknowns: what the neurons of each population do."""

    mean: Float[Array, " population"]
    correlation: Float[Array, "population lag"]
    latent: Float[Array, " rank"]


class NeuronAverages(NamedTuple):
    """Of the neurons of one population."""

    mean_rate: Array
    correlation: Array
    mean_state: Array
    state_covariance: Array
    state_slope: Array
    """<f'> where the one nonlinear function f is of the input, otherwise 1: the state's answer beside its linear part's."""
    rate_slope: Array
    """Likewise of the rate."""
    velocity_square: Array
    handed_on: Array
    """<f' f'> at every lag, f the one nonlinear function."""
    unsure: Array
    """By how much that may be too large."""


class Drive(NamedTuple):
    """amplitude cos(angular_frequency t + theta), with a random phase theta in each neuron."""

    amplitude: Any
    angular_frequency: Any

    def angles(self, waves: Waves) -> Array:
        """How far it turns at each lag: of a whole number of periods in the ring."""
        return self.angular_frequency * waves.lags

    def covariance(self, waves: Waves) -> Array:
        """At each lag."""
        return 0.5 * self.amplitude**2 * jnp.cos(self.angles(waves))


class Neurons(NamedTuple):
    """The neurons of one population, on a ring."""

    unit: AbstractUnit
    shape: str | None
    """Where their one nonlinear function is."""
    steps: LinearSteps
    waves: Waves
    noise: Any
    drive: Drive | None

    def answer(self, growth: Array | float = 0.0) -> WaveAnswer:
        """To waves that grow at a rate."""
        return self.steps.answer(self.waves.turns(growth))

    def transfer(self, growth: Array | float = 0.0) -> Complex[Array, " frequency"]:
        """Of what is read of the state."""
        return self.answer(growth).state @ self.steps.linear.readout

    def resting(self) -> Array:
        """What is read of the state at a constant f = 1, but for the constant."""
        linear = self.steps.linear._replace(constant=jnp.zeros(self.unit.state_size))
        return linear.readout @ resting_mean(linear, jnp.ones(()), self.unit.kind == "map")

    def respond(self, mean: Array, covariance: Float[Array, " lag"]) -> NeuronAverages:
        """To an input of this mean, with a Gaussian part of this covariance."""
        unit, now, linear, rate = self.unit, self.answer(), self.steps.linear, self.rate
        is_map, first = unit.kind == "map", jnp.eye(unit.state_size)[0]

        def of_state(part: Array, forcing: Array) -> Array:
            """Covariance of a part of the state."""
            kicks = self.noise**2 * jnp.sum(jnp.abs(jnp.einsum("v,wvk->wk", part, now.noise)) ** 2, axis=1)
            return self.waves.covariance(jnp.abs(now.state @ part) ** 2 * self.waves.spectrum(forcing) + kicks)

        if self.shape == "rate":
            forcing, mean_state = covariance, resting_mean(linear, mean, is_map)[0]
            state = of_state(first, covariance)
            wave = self._answer_to_drive()
            mean_rate, correlation = self._pair_averages(rate, mean_state, state, wave)
            rate_slope, products = self._pair_averages(slope_of(rate), mean_state, state, wave)
            unsure = self._unsure(slope_of(rate), mean_state, state, wave)
            state_slope = jnp.ones(())
            if wave is not None and self.drive is not None:
                state = state + wave.covariance(self.waves)
                forcing = forcing + self.drive.covariance(self.waves)
        else:
            # Driven by a function of the input; its rate is linear.
            function = driving(unit)
            level, raw = self._pair_averages(function, mean, covariance, self.drive)
            state_slope, products = self._pair_averages(slope_of(function), mean, covariance, self.drive)
            unsure = self._unsure(slope_of(function), mean, covariance, self.drive)
            forcing, means = raw - level**2, resting_mean(linear, level, is_map)
            state, mean_state, rate_slope = of_state(first, forcing), means[0], state_slope
            mean_rate = unit.rate(means if unit.state_size > 1 else means[0])
            correlation = of_state(linear.readout, forcing) + mean_rate**2
        # The drift of the first variable, without the noise.
        drift = now.state @ linear.matrix[0] + linear.drive[0]
        shaken = jnp.einsum("v,wvk->wk", linear.matrix[0], now.noise)
        velocity = jnp.abs(drift) ** 2 * self.waves.spectrum(forcing) + self.noise**2 * jnp.sum(jnp.abs(shaken) ** 2, axis=1)
        square = self.waves.covariance(velocity)[0]
        return NeuronAverages(mean_rate, correlation, mean_state, state, state_slope, rate_slope, square, products, unsure)

    def rate(self, first: Array) -> Array:
        """Of the first variable."""
        return self.unit.rate(self._state_of(first))

    def lasting_rates(
        self, found: NeuronAverages, lasting: Float[Array, " lag"], fitted: Float[Array, " lag"]
    ) -> Float[Array, " lag"]:
        """What lasts of the correlation of the rate: where that is a function of the state, from what lasts of the state's
        covariance, with all harmonics; otherwise what was fitted to it."""
        if self.shape == "input":
            return fitted
        wave, variance = self._answer_to_drive(), found.state_covariance[:1]
        angles = None
        if wave is not None:
            of_wave = wave.covariance(self.waves)
            variance, lasting = variance - of_wave[:1], lasting - of_wave
            angles = jnp.concatenate([jnp.zeros(1), wave.angles(self.waves)])
        # The variance comes first: what lasts at lag 0 is less.
        covariance = jnp.concatenate([variance, lasting])
        return self._pair_averages(self.rate, found.mean_state, covariance, wave, angles)[1][1:]

    def _state_of(self, first: Array) -> Array:
        size = self.unit.state_size
        return first if size == 1 else jnp.zeros((size, *first.shape)).at[0].set(first)

    def _answer_to_drive(self) -> Drive | None:
        """What the linear part makes of the drive."""
        if self.drive is None:
            return None
        turn = jnp.exp(1j * self.drive.angular_frequency * self.waves.length)
        transfer = self.steps.answer(turn[None]).state[0, 0]
        return self.drive._replace(amplitude=self.drive.amplitude * jnp.abs(transfer))

    def _pair_averages(
        self, function: Any, mean: Array, covariance: Array, wave: Drive | None, angles: Array | None = None
    ) -> tuple[Array, Array]:
        """<f(x)>, and <f(x) f(x')> at every lag, of a Gaussian x and a wave beside it."""
        breakpoints = self.unit.breakpoints
        if wave is None:
            return pair_averages(function, mean, covariance, breakpoints)
        angles = wave.angles(self.waves) if angles is None else angles
        return averages_under_a_wave(function, mean, covariance, wave.amplitude, angles, breakpoints)

    def _unsure(self, function: Any, mean: Array, covariance: Array, wave: Drive | None) -> Array:
        """How much at each lag is not from terms of the series but from what they leave over."""
        amplitude = None if wave is None else wave.amplitude
        return left_over(function, mean, covariance, self.unit.breakpoints, amplitude)


def slope_of(function: Any) -> Any:
    """Its derivative."""
    return lambda x: jax.jvp(function, (x,), (jnp.ones_like(x),))[1]


class GaussianRing(NamedTuple):
    """The map whose fixed point is the stationary state."""

    model: RandomNetwork
    waves: Waves
    steps: list[LinearSteps]
    """Of each population."""

    @staticmethod
    def of(model: RandomNetwork, waves: Waves) -> GaussianRing:
        """With its time steps."""
        return GaussianRing(model, waves, [in_steps(linear_part(unit), waves.step) for unit in model.units])

    @property
    def neurons(self) -> list[Neurons]:
        """Of each population."""
        model = self.model

        def own(values: Any) -> Array:
            return jnp.broadcast_to(jnp.asarray(values, float), model.populations)

        noise = own(model.noise)
        drives: list[Drive | None] = [None] * model.populations
        if isinstance(model.field, Sinusoid):
            both = own(model.field.amplitude), own(model.field.angular_frequency)
            drives = [Drive(*each) for each in zip(*both, strict=True)]
        every = zip(model.units, self.steps, noise, drives, strict=True)
        return [Neurons(unit, shape_of(unit), steps, self.waves, *each) for unit, steps, *each in every]

    def rates(self, state: State, slopes: Float[Array, " population"]) -> Rates:
        """As the couplings ask for them."""
        fractions = jnp.asarray(self.model.couplings.population_fractions, float)
        nothing = jnp.zeros_like(state.correlation)
        return Rates(fractions, state.mean, state.correlation, nothing, state.latent, slopes[:, None] * state.latent)

    def respond(self, state: State) -> list[NeuronAverages]:
        """What the neurons do with the input that these rates make."""
        model, ones = self.model, jnp.ones(self.model.populations)
        law = model.couplings.field(self.rates(state, ones))
        field = model.field.mean if isinstance(model.field, Sinusoid) else model.field
        mean, covariance = law.mean * ones + field, law.covariance * jnp.ones_like(state.correlation)
        return [neurons.respond(mean[row], covariance[row]) for row, neurons in enumerate(self.neurons)]

    def update(self, state: State) -> State:
        """Once around."""
        found = self.respond(state)
        mean, correlation, slopes = (
            jnp.stack([getattr(each, name) for each in found]) for name in ("mean_rate", "correlation", "rate_slope")
        )
        slopes = slopes * jnp.stack([each.resting() for each in self.neurons])
        new = State(mean, correlation, state.latent)
        return new._replace(latent=self.model.couplings.latent(self.rates(new, slopes)))

    def growth_rate(self, state: State) -> tuple[Array, Array]:
        """Largest Lyapunov exponent: the rate at which a wave packet of small differences between two copies grows; and how
        much it is moved by what of the packet has come round the ring.

        Covariances of differences of inputs obey D_a = sum_b (d covariance_a/dC_b) |H_b|^2 [W_b D_b], W_b = <f' f'> at each
        lag and H_b the answer to growing waves. The rate is where the largest eigenvalue is 1. Its derivative is that of
        the eigenvalue, by the eigenvectors on both sides.
        """
        packets = Packets.of(self, state)
        fixed = packets.without_derivatives()

        def halve(_: Array, carry: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
            low, high, packet = carry
            middle = 0.5 * (low + high)
            packet = fixed.settled(middle, packet)
            larger = fixed.largest(middle, packet, packet, 1) > 0.0
            return jnp.where(larger, middle, low), jnp.where(larger, high, middle), packet

        # A packet of all frequencies. Under a drive the fastest to grow may fill the ring, with no turns of its own.
        packet = jnp.ones_like(fixed.weights) * jnp.exp(-jnp.minimum(jax.lax.stop_gradient(self.waves.lags), 30.0))
        if isinstance(self.model.field, Sinusoid):
            packet = 0.01 * packet + 1.0
        # More than any rate: an answer falls with the growth, by 1/growth at least.
        is_map = self.model.kind == "map"
        floor = jnp.max(jnp.stack([_slowest(each.linear.matrix, is_map) for each in fixed.ring.steps]))
        most = jnp.maximum(floor, 0.0) + 2.0 + 2.0 * jnp.sum(fixed.matrix * jnp.max(jnp.abs(fixed.weights), axis=1))
        low, high, packet = jax.lax.fori_loop(0, _HALVINGS, halve, (floor + 1e-9, most, packet))
        rate = 0.5 * (low + high)
        other = fixed.settled(rate, jnp.ones_like(packet) * packet, transposed=True)
        slope = jax.lax.stop_gradient(jax.grad(lambda growth: fixed.largest(growth, packet, other, _CLOSER))(rate))
        eigenvalue = fixed.of_packet(rate, packet, other)
        # Where neurons hand nothing on, each forgets alone.
        alone = jnp.maximum(eigenvalue, fixed.of_waves(rate, _CLOSER)) <= 1e-200
        slope, eigenvalue = jnp.where(alone, 1.0, slope), jnp.where(alone, 1.0, eigenvalue)
        left = jnp.max(jnp.abs(packet[:, -1])) / jnp.maximum(jnp.max(jnp.abs(packet)), 1e-300)
        waves = fixed.of_waves(rate, _CLOSER) >= eigenvalue

        def shift(other_eigenvalue: Array) -> Array:
            """Of the rate, where the packet's eigenvalue is another."""
            return jnp.abs(jnp.log(jnp.maximum(other_eigenvalue, 1e-300) / eigenvalue) / slope)

        # Half a turn more around the ring moves an extended packet by so much, and one that falls by e^(-a) by (2a/pi)^2
        # times as much.
        steepness = (2.0 / np.pi * jnp.log(jnp.maximum(left, 1e-300))) ** 2
        moved = left**2 * (1.0 + steepness) * shift(fixed.of_packet(rate, packet, other, turned=True))
        moved = jnp.where(waves, 0.0, moved) + shift(fixed.with_least_weights().of_packet(rate, packet, other))
        found = rate - jnp.where(alone, 0.0, packets.largest(rate, packet, other, _CLOSER)) / slope
        return jnp.where(alone, floor, found), jnp.where(alone, 0.0, moved)


class Packets(NamedTuple):
    """What hands covariances of differences between two copies on."""

    ring: GaussianRing
    matrix: Float[Array, "population population"]
    weights: Float[Array, "population lag"]
    unsure: Float[Array, "population lag"]
    """By how much the weights may be too large."""

    @staticmethod
    def of(ring: GaussianRing, state: State) -> Packets:
        """In a stationary state."""
        parts = ring.respond(state)
        weights, unsure = (jnp.stack([getattr(each, name) for each in parts]) for name in ("handed_on", "unsure"))
        matrix = handed_on(ring.model.couplings, at_one_time(ring.rates(state, jnp.ones(len(parts)))))
        return Packets(ring, matrix, weights, unsure)

    def without_derivatives(self) -> Packets:
        """The same numbers."""
        waves = self.ring.waves._replace(step=jax.lax.stop_gradient(self.ring.waves.step))
        ring = self.ring
        model, steps, *others = jax.lax.stop_gradient((ring.model, ring.steps, self.matrix, self.weights, self.unsure))
        return Packets(GaussianRing(model, waves, steps), *others)

    def with_least_weights(self) -> Packets:
        """With weights as small as they may be."""
        return self._replace(weights=self.weights - self.unsure)

    def image(self, growth: Array, packet: Array, turned: bool = False) -> Array:
        """Of differences that grow at a rate; or as if they came round the ring with the opposite sign."""
        waves = self.ring.waves
        powers = self._powers(growth, waves)
        if turned:
            # Half a frequency up and half a frequency down.
            between = self._powers(growth, Waves(2 * waves.times, waves.step))[:, 1::2]
            powers = 0.5 * (jnp.pad(between, ((0, 0), (1, 0)), "edge") + jnp.pad(between, ((0, 0), (0, 1)), "edge"))
        return self.matrix @ self.ring.waves.covariance(powers * self.ring.waves.spectrum(self.weights * packet))

    def _powers(self, growth: Array, waves: Waves) -> Array:
        neurons = [each._replace(waves=waves) for each in self.ring.neurons]
        return jnp.stack([jnp.abs(each.transfer(growth)) ** 2 for each in neurons])

    def settled(self, growth: Array, packet: Array, transposed: bool = False) -> Array:
        """The packet after many applications, or the one on the other side."""

        def once(_: Array, packet: Array) -> Array:
            image, back = jax.vjp(lambda packet: self.image(growth, packet), packet)
            image = back(packet)[0] if transposed else image
            size = jnp.max(jnp.abs(image))
            return image / jnp.where(size > 0.0, size, 1.0)

        return jax.lax.fori_loop(0, _APPLICATIONS * (10 if transposed else 1), once, packet)

    def largest(self, growth: Array, packet: Array, other: Array, closer: int) -> Array:
        """ln of the largest eigenvalue, of a packet or of waves."""
        return jnp.log(
            jnp.maximum(jnp.maximum(self.of_packet(growth, packet, other), self.of_waves(growth, closer)), 1e-300)
        )

    def of_packet(self, growth: Array, packet: Array, other: Array, turned: bool = False) -> Array:
        """Its eigenvalue, by the one on the other side."""
        along = jnp.sum(other * packet)
        return jnp.sum(other * self.image(growth, packet, turned)) / jnp.where(along == 0.0, 1.0, along)

    def of_waves(self, growth: Array, closer: int) -> Array:
        """Far apart W is constant, but for a drive: there pure waves are solutions, which a packet comes near but slowly.

        Their frequencies lie so many times closer than those that fit into the ring: resonances lie between.
        """
        waves = self.ring.waves
        apart = smallest(self.weights[:, waves.times // 4 :])
        powers = self._powers(growth, Waves(closer * waves.times, waves.step))
        return largest(jax.vmap(spectral_radius)(self.matrix * (apart * powers.T)[:, None, :]))


def at_one_time(rates: Rates) -> Rates:
    """At lag 0."""
    return rates._replace(correlation=rates.correlation[:, 0], response=rates.response[:, 0])


def _slowest(matrix: Float[Array, "variable variable"], is_map: bool) -> Array:
    """The rate at which a neuron alone forgets."""
    return jnp.log(jnp.maximum(spectral_radius(matrix), 1e-12)) if is_map else spectral_abscissa(matrix)
