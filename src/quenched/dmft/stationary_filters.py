"""Stationary states without memory: several populations, low rank, maps, adaptation, a periodic drive."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from quenched import checks
from quenched.activations import check_continuous
from quenched.couplings.base import memory_of_each, remembers
from quenched.dmft.lags import FREQUENCIES, LAGS, read_axis, refuse_values
from quenched.dmft.periodic import NOTHING, check_resolved, lasting_on_a_ring, moved_from_half_the_ring
from quenched.dmft.stationary_waves import GaussianRing, NeuronAverages, State, Waves
from quenched.models import RandomNetwork, Sinusoid
from quenched.numerics.anderson import Anderson, fixed_point
from quenched.numerics.richardson import extrapolated
from quenched.precision import traced
from quenched.records import public_name
from quenched.simulate.integrate import check_step, count_steps
from quenched.status import RUNAWAY, Status
from quenched.theory import AbstractTheory, Computed, Start
from quenched.units.filters import impulse, shape_of
from quenched.vocabulary import of_one_population

DEFAULT_WINDOW = 128.0
# What is left of the correlation half way round the ring may be this part of it.
_UNDECAYED = 0.01
# Power below 0, relative to the largest, that is rounding in a covariance.
_NEGATIVE = 1e-8
# Growth of differences that is some.
_GROWING = 1e-6
_ASIDE = ("exponent_moved", "periodic_moved", "falls")
# Change below which steps are extrapolated. Above it the map is only applied: it moves away from states that are none.
_EXTRAPOLATED = 1e-6


class StationaryFilters(AbstractTheory):
    """Stationary states of networks whose neurons are linear but for one function of one number, without memory.

    Inputs are Gaussian: the field of population a has the covariance that `model.couplings.field` makes of the correlations
    C_b(lag); the linear part of the unit turns it into that of the state by frequency, and C_a is <phi phi'> for two such
    states. Under a sinusoid each neuron hears a wave of random phase too, over which C_a is averaged. One fixed point on a
    ring of time gives all of it.

    Arguments:
        lags: increasing, from 0 on; at most a quarter of the window; of maps whole numbers.
        frequencies: angular frequencies, likewise.
        step: time step of flows, at most 1: inputs are linear between times. Half of it is used too, and extrapolated to 0.
        window: length of the ring; 128 if left out, and at least 4 times the longest lag. With a sinusoid the nearest whole
            number of periods.

    Branches, `start=`: "stable", "structured" (a low-rank part has latents, constant in time), "unstructured".

    Returns, each with `_error`, what the extrapolation in the step leaves over and what the window moves:
        `state_correlation`, `correlation`, `state_response`, `response` (lag), `power_spectrum`, `rate_spectrum`
        (frequency; of what decays), `mean_state`, `mean_rate`, `mean_square_state`, `mean_square_rate`, `undecayed`,
        `lyapunov_exponent` (of a map per step); of flows `kinetic_energy`; of a low-rank part `latent`; of a sinusoid
        `periodic_square_state` and `chaotic_square_state`, apart.

    Raises:
        ValueError: couplings with memory, units that are not linear but for one function, phi that jumps, fields that are
            functions of the time, a sinusoid with maps, of several frequencies, or that the ring does not resolve.

    When it fails: `not_stationary`: C still falls half way round the ring, or under a sinusoid a ring of half the length has
        another part that is forgotten, or what was found is no covariance; use a longer `window`. `out_of_steps`: near a
        transition; raise the solver's `max_steps`. `diverged`: no bounded state. `no_such_branch`.

    Source: Sompolinsky, Crisanti & Sommers 1988 (`sompolinsky1988`); Aljadeff, Stern & Sharpee 2015; Rajan, Abbott &
    Sompolinsky 2010 (`rajan2010`); Muscinelli, Gerstner & Schwalger 2019 (`muscinelli2019`); Molgedey, Schuchhardt &
    Schuster 1992 (`molgedey1992`).

    Example:
        >>> import quenched as qd
        >>> model = qd.RandomNetwork(couplings=qd.couplings.Elliptic(1.5), unit=qd.units.Discrete())
        >>> solution = qd.solve(model, qd.dmft.StationaryFilters(lags=(0, 1)))
        >>> print(f"{float(solution['lyapunov_exponent']):.4f}")
        0.0652
    """

    lags: tuple[float, ...] = eqx.field(static=True)
    frequencies: tuple[float, ...] = eqx.field(static=True)
    step: float = eqx.field(static=True)
    window: float = eqx.field(static=True)

    branches: ClassVar[tuple[str, ...]] = ("stable", "structured", "unstructured")
    unknowns: ClassVar[tuple[str, ...]] = ()
    citations: ClassVar[tuple[str, ...]] = ("sompolinsky1988",)
    brief: ClassVar[bool] = True
    lanes: ClassVar[int] = 1

    def __init__(
        self,
        lags: Iterable[Any] | None = None,
        frequencies: Iterable[Any] | None = None,
        *,
        step: float = 0.125,
        window: float | None = None,
    ):
        self.lags = read_axis("lags", lags, LAGS)
        self.frequencies = read_axis("frequencies", frequencies, FREQUENCIES)
        self.step = check_step(step)
        long = self.step * 2 ** int(np.ceil(np.log2(max(DEFAULT_WINDOW, 4.0 * self.lags[-1]) / self.step)))
        self.window = float(checks.number("window", long if window is None else window, above=0.0))
        if count_steps(self.window, self.step, "window") % 4:
            raise ValueError(
                f"Argument `window` must be a multiple of 4 `step` = {4 * self.step:g}, but is {self.window:g}."
            )
        if self.lags[-1] > self.window / 4.0:
            raise ValueError(
                f"Argument `lags` must be at most window/4 = {self.window / 4.0:g}, but goes up to {self.lags[-1]:g}; "
                "try a longer `window`."
            )

    def covers(self, model: RandomNetwork) -> None:
        what = "dmft.StationaryFilters"
        if not traced(model.couplings) and remembers(model.couplings):
            raise ValueError(
                f"Argument `symmetry` must be 0 everywhere for {what}, which has no memory; "
                "use qd.dmft.Stationary with solver=qd.dmft.LateTimes()."
            )
        for unit in model.units:
            if shape_of(unit) is None:
                raise ValueError(
                    f"Argument `unit` must be linear but for one function of one number for {what}, but is "
                    f"{public_name(unit)}; use qd.dmft.Stationary with solver=qd.dmft.LateTimes()."
                )
            check_continuous(unit, what, "its slope is a delta function there", "qd.simulate.Trajectories, or ")
        if isinstance(model.field, Sinusoid):
            if model.kind == "map":
                raise ValueError(
                    f"Argument `field` must not be a sinusoid for {what} of maps; use qd.dmft.Stationary with "
                    "solver=qd.dmft.LateTimes()."
                )
            frequencies = [] if traced(model.field) else np.unique(np.asarray(model.field.angular_frequency)).tolist()
            if len(frequencies) > 1:
                raise ValueError(f"Argument `angular_frequency` must be one number for {what}, but is {frequencies}.")
            for frequency in frequencies:
                check_resolved(frequency, self.window, self.step, what)
        else:
            model.constant_field(what)
        if model.kind == "map" and any(lag != round(lag) for lag in self.lags):
            raise ValueError(f"Argument `lags` must be whole numbers for maps, but is {checks.shown(self.lags)}.")

    def in_range(self, model: RandomNetwork) -> Array:
        return super().in_range(model) & jnp.all(memory_of_each(model.couplings) == 0.0)

    def default_solver(self) -> Anderson:
        return Anderson(tolerance=1e-11, max_steps=4000, extrapolate_below=_EXTRAPOLATED)

    def check(self, model: RandomNetwork, solver: Anderson, start: Start) -> None:
        refuse_values(start)
        if start.branch == "structured" and not model.couplings.rank:
            raise ValueError("Argument `start` must not be 'structured' for couplings without a low-rank part.")

    def coordinates(self) -> Mapping[str, Any]:
        return {"lag": np.asarray(self.lags), "frequency": np.asarray(self.frequencies)}

    def bytes_per_point(self, solver: Anderson, start: Start) -> int:
        return 8 * 2 * count_steps(self.window, self.step) * (4 * solver.depth + 40)

    def compute(self, model: RandomNetwork, solver: Anderson, start: Start) -> Computed:
        is_map = model.kind == "map"
        times = int(self.window) // 4 * 4 if is_map else count_steps(self.window, self.step)
        coarse = self.on_a_ring(model, solver, start, times, None if is_map else self.step)
        arrays, status, residual, steps = coarse.arrays, coarse.status, coarse.residual, coarse.steps
        moved = self._moved_by_the_window(jax.lax.stop_gradient(arrays))
        short: Array | bool = False
        if isinstance(model.field, Sinusoid):
            half = self.on_a_ring(model, solver, start, times // 2, self.step)
            further, short = moved_from_half_the_ring(*jax.lax.stop_gradient((arrays, half.arrays)))
            short = short > _UNDECAYED
            moved = {name: moved[name] + further[name] for name in moved}
        for name in _ASIDE:
            moved.pop(name), arrays.pop(name)
        if not is_map:
            fine = self.on_a_ring(model, solver, start, 2 * times, self.step / 2, coarse.state)
            for name in _ASIDE:
                fine.arrays.pop(name)
            arrays = extrapolated(2, arrays, fine.arrays)
            status, residual, steps = fine.status, fine.residual, steps + fine.steps
            for name in moved:
                moved[name] += self.step * jax.lax.stop_gradient(jnp.abs(arrays.pop(f"{name}_discretisation")))
            # What the step changes in the exponent may pass through 0: no less than the relative change of the mean squares.
            squares = ("mean_square_state", "mean_square_rate")
            relative = [moved[name] / jnp.maximum(jnp.abs(arrays[name]), 1e-300) for name in squares]
            moved["lyapunov_exponent"] += jax.lax.stop_gradient(jnp.max(jnp.stack(relative)))
        status = jnp.where((status == Status.solved) & short, Status.not_stationary, status)
        nothing = (status == Status.diverged) | (status == Status.no_such_branch)
        arrays |= {f"{name}_error": error for name, error in moved.items()}
        arrays = {name: jnp.where(nothing, jnp.nan, values) for name, values in arrays.items()}
        arrays = of_one_population(arrays) if model.populations == 1 else arrays
        return Computed(arrays, status, residual, steps)

    def _moved_by_the_window(self, arrays: dict[str, Array]) -> dict[str, Array]:
        """Bounds on it, from what has not decayed three quarters of the way to the other side. With u what is left there
        an exponential comes round the ring as u^(2 - 2 lag/window), and everything else moves by u^2 of itself."""
        left = jnp.abs(arrays["undecayed"]) ** (4.0 / 3.0)
        moved = {name: left**2 * jnp.max(jnp.abs(values)) * jnp.ones_like(values) for name, values in arrays.items()}
        round_the_ring = left ** (2.0 - 2.0 * np.asarray(self.lags) / self.window)
        for name, whole in (("correlation", "mean_square_rate"), ("state_correlation", "mean_square_state")):
            moved[name] = arrays[whole][:, None] * round_the_ring
        # A constant was taken off, as if it never decayed; as much again has gone round.
        waves = 4.0 / np.maximum(self.frequencies, 2.0 / self.window)
        for name, whole in (("power_spectrum", "mean_square_state"), ("rate_spectrum", "mean_square_rate")):
            moved[name] = arrays[whole][:, None] * left * waves
        moved["lyapunov_exponent"] = arrays["exponent_moved"]
        for name in ("periodic_square_state", "chaotic_square_state"):
            if name in moved:
                moved[name] += arrays["periodic_moved"]
        return moved

    def on_a_ring(
        self,
        model: RandomNetwork,
        solver: Anderson,
        start: Start,
        times: int,
        step: float | None,
        coarse: State | None = None,
    ) -> SolvedRing:
        """From the start's usual state, or from that of a ring with twice the step."""
        waves = Waves(times, step)
        if isinstance(model.field, Sinusoid) and step is not None:
            frequency = jnp.max(jnp.asarray(model.field.angular_frequency))
            periods = jnp.maximum(1.0, jnp.round(times * step * frequency / (2.0 * jnp.pi)))
            waves = Waves(times, 2.0 * jnp.pi * periods / (frequency * times))
        ring, populations, rank = GaussianRing.of(model, waves), model.populations, model.couplings.rank
        # Means and latents are few beside the correlations: each counts as much as all lags of one.
        weight = np.sqrt(times // 2 + 1)

        def flat(state: State) -> Array:
            return jnp.concatenate([jnp.ravel(state.correlation), weight * state.mean, weight * state.latent])

        def state_of(vector: Array) -> State:
            lags = populations * (times // 2 + 1)
            mean, latent = jnp.split(vector[lags:] / weight, [populations])
            return State(mean, vector[:lags].reshape(populations, -1), latent)

        level = 0.0 if start.branch == "unstructured" else 1.0
        decaying = 0.5 * jnp.exp(-jnp.minimum(0.3 * waves.lags, 30.0)) + 0.1 * level
        first = State(
            0.3 * level * jnp.ones(populations), jnp.tile(decaying, (populations, 1)), 3.0 * level * jnp.ones(rank)
        )
        if coarse is not None:
            between = 0.5 * (coarse.correlation[:, :-1] + coarse.correlation[:, 1:])
            finer = jnp.zeros_like(first.correlation).at[:, ::2].set(coarse.correlation).at[:, 1::2].set(between)
            first = coarse._replace(correlation=finer)
        found = fixed_point(lambda vector: flat(ring.update(state_of(vector))), flat(first), solver)
        state = state_of(found.unknowns)
        parts = ring.respond(state)
        arrays = self._observables(ring, state, parts)
        finite = jnp.all(jnp.asarray([jnp.all(jnp.isfinite(values)) for values in arrays.values()]))
        bounded = finite & (jnp.max(state.correlation) < RUNAWAY)
        left = jnp.max(jnp.abs(arrays["undecayed"]))
        size = jnp.sqrt(jnp.max(state.correlation)) + 1e-9
        large = jnp.max(jnp.abs(state.latent), initial=0.0) > 1e-6 * size
        elsewhere = (
            ~large if start.branch == "structured" else large if start.branch == "unstructured" else jnp.asarray(False)
        )
        lost = ~(found.residual <= 10.0 * solver.tolerance)
        power = waves.spectrum(jnp.stack([each.state_covariance for each in parts]))
        covariance = jnp.min(power) >= -_NEGATIVE * jnp.max(jnp.abs(power))
        # Where differences grow something has to fall with the lag: too long for this ring if nothing does.
        growing = arrays["lyapunov_exponent"] > _GROWING + arrays["exponent_moved"]
        unstable = growing & (arrays["falls"] < NOTHING)
        status = jnp.select(
            [~bounded, lost, elsewhere, ~covariance | unstable | (left > _UNDECAYED)],
            [Status.diverged, Status.out_of_steps, Status.no_such_branch, Status.not_stationary],
            Status.solved,
        )
        residual = jnp.where(jnp.isfinite(found.residual), found.residual, jnp.inf)
        return SolvedRing(arrays, state, status, residual, found.steps)

    def _observables(self, ring: GaussianRing, state: State, parts: list[NeuronAverages]) -> dict[str, Array]:
        model, waves, lags = ring.model, ring.waves, np.asarray(self.lags)
        half = waves.times // 2
        covariance = jnp.stack([each.state_covariance for each in parts])
        means = jnp.stack([each.mean_state for each in parts])
        correlation, mean_rate = state.correlation, state.mean
        lasting, periodic_moved = lasting_on_a_ring(model.field, waves, covariance)
        lasting_rates = correlation[:, -1:]
        if isinstance(model.field, Sinusoid):
            own = lasting_on_a_ring(model.field, waves, correlation)[0].whole
            every = zip(ring.neurons, parts, lasting.whole, own, strict=True)
            lasting_rates = jnp.stack([neurons.lasting_rates(*each) for neurons, *each in every])
        falling, rates = covariance - lasting.whole, correlation - lasting_rates
        rate, moved = ring.growth_rate(state)
        linear = [each.linear for each in ring.steps]
        pulses = [impulse(each, jnp.asarray(lags), model.kind == "map") for each in linear]
        read = jnp.stack([pulse @ each.readout for each, pulse in zip(linear, pulses, strict=True)])
        square = correlation[:, 0]
        arrays = {
            "state_correlation": _at(covariance, waves, lags) + means[:, None] ** 2,
            "correlation": _at(correlation, waves, lags),
            "state_response": jnp.stack([each.state_slope for each in parts])[:, None]
            * jnp.stack([each[:, 0] for each in pulses]),
            "response": jnp.stack([each.rate_slope for each in parts])[:, None] * read,
            "power_spectrum": self._transform(falling, waves),
            "rate_spectrum": self._transform(rates, waves),
            "mean_state": means,
            "mean_rate": mean_rate,
            "mean_square_state": covariance[:, 0] + means**2,
            "mean_square_rate": correlation[:, 0],
            "lyapunov_exponent": rate,
            "undecayed": jnp.max(jnp.abs(rates[:, 3 * half // 4]) / jnp.where(square > 0.0, square, 1.0)),
        }
        whole = jnp.maximum(covariance[:, 0], 1e-300)
        falls = jnp.max((jnp.abs(falling[:, 0]) - periodic_moved) / whole)
        aside = dict(zip(_ASIDE, (moved, periodic_moved, falls), strict=True))
        arrays |= jax.lax.stop_gradient(aside)
        if model.kind == "flow":
            arrays["kinetic_energy"] = 0.5 * jnp.stack([each.velocity_square for each in parts])
        if model.couplings.rank:
            arrays["latent"] = state.latent
        if isinstance(model.field, Sinusoid):
            arrays |= {"periodic_square_state": lasting.periodic[:, 0], "chaotic_square_state": falling[:, 0]}
        return arrays

    def _transform(self, falling: Float[Array, "population lag"], waves: Waves) -> Float[Array, "population frequency"]:
        """int falling(lag) cos(frequency lag) over all lags, by the trapezoidal rule; of maps the sum."""
        ends = np.where(np.isin(np.arange(waves.times // 2 + 1), (0, waves.times // 2)), 1.0, 2.0) * waves.length
        table = jnp.cos(np.asarray(self.frequencies)[:, None] * waves.lags) * ends
        return falling @ table.T


class SolvedRing(NamedTuple):
    """On one ring."""

    arrays: dict[str, Array]
    state: State
    status: Array
    residual: Array
    steps: Array


def _at(values: Float[Array, "population lag"], waves: Waves, lags: np.ndarray) -> Float[Array, "population wanted"]:
    """At other lags, by the cubic through the four nearest: none from across 0, where noise makes a kink."""
    places = jnp.asarray(lags) / waves.length
    first = jnp.clip(jnp.floor(places).astype(int) - 1, 0, values.shape[1] - 4)
    offsets = places - first
    total = jnp.zeros((values.shape[0], len(lags)))
    for node in range(4):
        others = [other for other in range(4) if other != node]
        share = jnp.prod(jnp.stack([(offsets - other) / (node - other) for other in others]), axis=0)
        total = total + share * values[:, first + node]
    return total
