"""Stationary states at any symmetry: trajectories of one neuron in the mean field that they themselves make."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Key

from quenched import checks
from quenched.activations import check_continuous
from quenched.dmft.lags import FREQUENCIES, LAGS, read_axis
from quenched.dmft.late_averages import with_drifts
from quenched.dmft.ring_growth import growth_at_rest, growth_rate
from quenched.dmft.static import check_off_kinks, unbounded
from quenched.dmft.stationary_ring import SCHEMES, RingAverages, RingDraws, SampledRing, coarser, draw, filters
from quenched.models import RandomNetwork
from quenched.numerics.anderson import Anderson, fixed_point
from quenched.numerics.richardson import ORDERS, both_errors, extrapolated, with_remainders
from quenched.simulate.integrate import check_step, count_steps
from quenched.status import Status
from quenched.theory import AbstractExperiment, Computed, Estimator

# What is left of the correlation at the end of the window, u, moved C(0) by at most u^2 of itself in all cases tried, and
# C(window/4) by u/8 of C(0). This much is always allowed; more only where the statistical error hides it.
_UNDECAYED = 0.01
# Where phi' jumps the map does too, and no trajectory rests more quietly than this.
_JAGGED = 1e-3
# Perturbations obey linear equations: steps are extrapolated from the first on.
_EXTRAPOLATED = 1e30
_AVERAGES = (
    "correlation",
    "state_correlation",
    "response",
    "state_response",
    "power_spectrum",
    "mean_state",
    "mean_rate",
    "mean_square_state",
    "mean_square_rate",
    "kinetic_energy",
)


class StationarySampled(AbstractExperiment):
    """Stationary states of networks with any symmetry: one neuron in its own mean field,

        dx = (-x + g^2 eta int_0^inf R(tau) phi(x(t - tau)) dtau + gamma(t) + b) dt + sigma dW,   <gamma gamma'> = g^2 C,
        C(tau) = <phi(x(t)) phi(x(t + tau))>,   R(tau) = < d phi(x(t)) / d b(t - tau) >,

    with gamma Gaussian, but not x. Trajectories on a ring of time of length `window` are moved, together with what small
    pulses do to them, until C and R are those that they were made with, for the same random numbers all along and to
    `qd.dmft.Anderson(tolerance)`. Each of `scramblings` such solutions has random numbers of its own; mean and standard
    error are over them.

    Arguments:
        lags: increasing, from 0 on, whole multiples of the step, in units of the leak time; at most a quarter of the window.
        frequencies: angular frequencies of `power_spectrum`, at most pi/step.
        step: time step, at most 1.
        richardson: solve with half the step too, with the same random numbers, and extrapolate to step 0; what that changed
            is in `<name>_discretisation`. If left out, unless `scheme` is "euler", which is asked for where the networks
            themselves have that step.
        window: length of the ring, an even multiple of the step; the smallest power of two of steps beyond 50 and beyond
            4 times the longest lag if left out. To be much longer than the correlation time.
        trajectories: neurons a sample, at least 8.
        scramblings: independent samples, at least 2. With n of them errors are Student's t of n - 1.
        precision: the largest error of `correlation` that counts as solved.
        scheme: "second_order" (leak and noise exact, forcing linear between its values at both ends of a step),
            "extrapolated" (that of `qd.dmft.TwoTime`, forcing extrapolated from the past: order 2 too, a larger error), or
            "euler".

    Returns, each with `_error`:
        `correlation`, `state_correlation`, `response`, `state_response` (lag), `power_spectrum` (frequency; of what decays),
        `mean_state`, `mean_rate`, `mean_square_state`, `mean_square_rate`, `kinetic_energy`;
        `lyapunov_exponent`, the largest, NaN where its own iteration does not end;
        and with `richardson` `_discretisation`;
        `undecayed`, C(window/2) / C(0); with a field or phi that is not odd, (C(window/4) - C(window/2)) / C(0).
        Responses are to a field pulse: at lag 0 just after it, so that `state_response` begins at 1; with "euler", at 0.
        Without noise and field, up to the transition, the state is rest: correlations exactly 0.

    Raises:
        ValueError: lags that are no multiples of the step or too long, frequencies beyond pi/step, a field that changes in
            time, and an activation whose slope jumps at 0 (ReLU) at rest there.

    The errors contain: the standard error over scramblings; what the extrapolation leaves over of the step, for which the
    share `step` of the largest `_discretisation` is counted; what the window moved, from `undecayed`; of the exponent how
    much the noise of R leaves open, which is large where perturbations decay about as fast as R does. Without `richardson`
    they do not contain the step, O(step^2), O(step) for "euler". Nor do they contain the bias of a finite number of
    trajectories, which falls like 1/trajectories, as the squared error does. Gradients leave out the jumps of phi' at kinks.

    When it fails: `diverged`, no stationary state (linear and ReLU networks above their transition); `not_stationary`, the
    correlation still falls at the end of the window: the state is slow, or does not forget at all; use a longer `window`.
    `imprecise`: `precision` is not reached; give more `trajectories`, or a smaller `step` where `_discretisation` is large.
    `out_of_steps`: near such states, and where the memory lets one neuron have several states (large gain, symmetry > 0).

    Source: Sompolinsky, Crisanti & Sommers 1988 (`sompolinsky1988`); Zou & Huang 2024 (`zou2024`); Roy, Biroli, Bunin &
    Cammarota 2019 (`roy2019`) for sampling.

    Example:
        >>> import quenched as qd
        >>> theory = qd.dmft.StationarySampled(lags=(0.0, 1.0), step=0.25, window=32, trajectories=32, scramblings=4)
        >>> solution = qd.solve(qd.RandomNetwork(gain=0.5, symmetry=0.5, noise=0.5), theory)
        >>> bool(abs(solution["correlation"][0] - 0.1184) < 0.002)
        True
    """

    lags: tuple[float, ...] = eqx.field(static=True)
    frequencies: tuple[float, ...] = eqx.field(static=True)
    step: float = eqx.field(static=True)
    window: float = eqx.field(static=True)
    trajectories: int = eqx.field(static=True)
    scramblings: int = eqx.field(static=True)
    scheme: str = eqx.field(static=True)
    richardson: bool = eqx.field(static=True)
    precision: float | None

    citations: ClassVar[tuple[str, ...]] = ("zou2024", "roy2019", "sompolinsky1988")
    together: ClassVar[Literal["batch", "threads", "never"]] = "threads"
    memory_arguments: ClassVar[str] = "`window` or `trajectories`, or the solver's `depth`"
    estimators: ClassVar[Mapping[str, Estimator]] = {}

    def __init__(
        self,
        lags: Iterable[Any] | None = None,
        frequencies: Iterable[Any] | None = None,
        *,
        step: float = 0.25,
        window: float | None = None,
        trajectories: int = 128,
        scramblings: int = 10,
        scheme: str = "second_order",
        richardson: bool | None = None,
        precision: float | None = None,
    ):
        self.lags = read_axis("lags", lags, LAGS)
        self.frequencies = read_axis("frequencies", frequencies, FREQUENCIES)
        self.step = check_step(step)
        longest = self.lags[-1]
        if window is None:
            window = self.step * 2 ** int(np.ceil(np.log2(max(50.0, 4.0 * longest) / self.step)))
        self.window = float(checks.number("window", window, above=0.0))
        if count_steps(self.window, self.step, "window") % 2:
            raise ValueError(f"Argument `window` must be an even multiple of `step` = {step:g}, but is {window:g}.")
        if longest > self.window / 4.0:
            raise ValueError(
                f"Argument `lags` must be at most window/4 = {self.window / 4.0:g}, but goes up to {longest:g}; "
                "try a longer `window`."
            )
        for lag in self.lags:
            if abs(lag / self.step - round(lag / self.step)) > 1e-6:
                raise ValueError(
                    f"Argument `lags` must be whole multiples of `step` = {step:g}, but has {lag:g}; try another `step`."
                )
        if self.frequencies[-1] > np.pi / self.step:
            raise ValueError(
                f"Argument `frequencies` must be at most pi/step = {np.pi / self.step:g}, but goes up to "
                f"{self.frequencies[-1]:g}; try a smaller `step`."
            )
        self.trajectories = checks.count("trajectories", trajectories, low=8)
        self.scramblings = checks.count("scramblings", scramblings, low=2)
        self.scheme = checks.one_of("scheme", scheme, SCHEMES)
        self.richardson = scheme != "euler" if richardson is None else checks.flag("richardson", richardson)
        self.precision = None if precision is None else float(checks.number("precision", precision, above=0.0))

    @property
    def _times(self) -> int:
        """Of the finest ring."""
        return (1 + self.richardson) * count_steps(self.window, self.step, "window")

    @property
    def samples(self) -> int:
        return self.scramblings

    def default_solver(self) -> Anderson:
        return Anderson()

    def check(self, model: RandomNetwork, solver: Anderson) -> None:
        model.constant_field("dmft.Stationary")
        if not isinstance(model.noise, jax.core.Tracer) and model.noise == 0:
            check_off_kinks(model, "`field` or `noise`")
        check_continuous(
            model.activation,
            "dmft.StationarySampled",
            "the response of a trajectory to a pulse is a delta function where it passes the jump",
            "symmetry 0 with qd.dmft.Stationary, qd.simulate.Trajectories, or ",
        )

    def bytes_per_sample(self, solver: Anderson) -> int:
        # Unknowns in each past step and its change; draws, transforms and the twin besides.
        return 8 * self.trajectories * self._times * (4 * solver.depth + 30)

    def coordinates(self) -> Mapping[str, Any]:
        return {"lag": np.asarray(self.lags), "frequency": np.asarray(self.frequencies)}

    def with_all_errors(self, arrays: dict[str, Any]) -> dict[str, Any]:
        with_step = with_drifts(with_remainders(arrays, self.step, spectra=("power_spectrum",)))
        window = self._moved_by_the_window(arrays)
        return with_step | {f"{name}_error": both_errors(with_step[f"{name}_error"], window[name]) for name in window}

    def _moved_by_the_window(self, arrays: dict[str, Any]) -> dict[str, Array]:
        """Bounds on it, from what has not decayed: with u = C(window/2)/C(0), as far as it is more than its error, an
        exponential comes round the ring as u^(2 - 2 tau/window), and everything else moves by u^2 of itself."""
        left = jnp.maximum(jnp.abs(arrays["undecayed"]) - arrays["undecayed_error"], 0.0)
        moved = {name: left**2 * jnp.max(jnp.abs(arrays[name])) for name in _AVERAGES}
        round_the_ring = left ** (2.0 - 2.0 * np.asarray(self.lags) / self.window)
        for name, whole in (("correlation", "mean_square_rate"), ("state_correlation", "mean_square_state")):
            moved[name] = arrays[whole] * round_the_ring
        # A constant was taken off the state correlation, as if it never decayed; as much again has gone round.
        waves = 4.0 / np.maximum(self.frequencies, 2.0 / self.window)
        moved["power_spectrum"] = arrays["mean_square_state"] * left * waves
        return moved

    def outside_errors(self, model: RandomNetwork) -> str:
        step = "" if self.richardson else f"the step, O(step^{ORDERS[self.scheme]}); "
        return step + "a finite number of trajectories, O(1/trajectories)"

    def verdict(self, averaged: Computed) -> Array:
        arrays = averaged.arrays
        left = jnp.abs(arrays["undecayed"]) - arrays["undecayed_error"]
        window = self._moved_by_the_window(arrays)["mean_square_rate"]
        other = jnp.sqrt(jnp.maximum(jnp.asarray(arrays["mean_square_rate_error"]) ** 2 - window**2, 0.0))
        hidden = jnp.sqrt(other / jnp.maximum(arrays["mean_square_rate"], 1e-300))
        status = jnp.where(left <= jnp.maximum(_UNDECAYED, hidden), Status.solved, Status.not_stationary)
        if self.precision is None:
            return status
        missed = jnp.max(jnp.asarray(arrays["correlation_error"])) > self.precision
        return jnp.where((status == Status.solved) & missed, Status.imprecise, status)

    def measure(self, model: RandomNetwork, solver: Anderson, key: Key[Array, ""]) -> Computed:
        draws = draw(key, self.trajectories, self._times)
        if not self.richardson:
            return self._on_a_ring(model, solver, draws, self.step)
        fine = self._on_a_ring(model, solver, draws, self.step / 2)
        coarse = self._on_a_ring(model, solver, coarser(draws), self.step)
        left = {"undecayed": fine.arrays.pop("undecayed")}
        coarse.arrays.pop("undecayed")
        both = (jax.tree.map(jnp.maximum, getattr(fine, of), getattr(coarse, of)) for of in ("status", "residual", "steps"))
        return Computed(extrapolated(ORDERS[self.scheme], coarse.arrays, fine.arrays) | left, *both)

    def _on_a_ring(self, model: RandomNetwork, solver: Anderson, draws: RingDraws, step: float) -> Computed:
        times = count_steps(self.window, step, "window")
        ring = SampledRing(model, filters(self.scheme, step, times), step, draws)
        amplitude, unstable = _first_amplitude(model)
        # In units of the first guess, so that a residual is relative.
        scale = jnp.stack([jnp.where(amplitude > 0.0, amplitude, 1.0), jnp.ones(())])[:, None, None]
        if model.activation.breakpoints:
            solver = dataclasses.replace(solver, tolerance=max(solver.tolerance, _JAGGED))
        found = fixed_point(lambda u: ring.update(u * scale) / scale, ring.guess(amplitude) / scale, solver)
        now = ring.measure(found.unknowns * scale)
        phi, linear = model.activation, dataclasses.replace(solver, extrapolate_below=_EXTRAPOLATED)
        exponent, unsure = growth_rate(ring, now, self.scheme, linear)
        at_rest = growth_at_rest(self.scheme, step, model.gain, model.symmetry, phi.slope(jnp.zeros(())))
        moving = amplitude > 0.0
        arrays = self._observables(ring, now)
        finite = jnp.all(jnp.asarray([jnp.all(jnp.isfinite(array)) for array in arrays.values()]))
        lost = found.residual > solver.tolerance
        # What grows does so at rest first: for large states noise is nothing, and the fastest to grow keeps its shape.
        unstable |= ~(found.residual < 1e3) | ~finite | (lost & unbounded(jax.lax.stop_gradient(model)))
        arrays["lyapunov_exponent"] = jnp.where(moving, exponent, at_rest)
        arrays["lyapunov_exponent_drift"] = jnp.where(moving, unsure, 0.0)
        status = jnp.select(
            [unstable, lost],
            [Status.diverged, Status.out_of_steps],
            Status.solved,
        )
        return Computed(arrays, status, jnp.where(jnp.isfinite(found.residual), found.residual, jnp.inf), found.steps)

    def _observables(self, ring: SampledRing, now: RingAverages) -> dict[str, Array]:
        times, model, step = ring.times, ring.model, ring.step
        at = np.rint(np.asarray(self.lags) / step).astype(int)
        correlation = jnp.fft.irfft(now.rate_spectrum, times)
        state_power = jnp.mean(jnp.abs(now.state) ** 2, axis=0)
        state_correlation = jnp.fft.irfft(state_power, times)
        decaying = (state_correlation - state_correlation[times // 2])[: times // 2 + 1]
        ends = np.where(np.isin(np.arange(times // 2 + 1), (0, times // 2)), step, 2.0 * step)
        waves = np.cos(np.outer(self.frequencies, step * np.arange(times // 2 + 1))) * ends
        # Odd rates without a field forget everything; otherwise what stays is physical, and only what still falls is not.
        forgets = (model.field == 0.0) if model.activation.odd else False
        left = jnp.where(forgets, correlation[times // 2], correlation[times // 4] - correlation[times // 2])
        return {
            "correlation": correlation[at],
            "state_correlation": state_correlation[at],
            "response": now.response[at],
            "state_response": now.state_response[at],
            "power_spectrum": jnp.asarray(waves) @ decaying,
            "mean_state": now.state_mean,
            "mean_rate": now.rate_mean,
            "mean_square_state": state_correlation[0],
            "mean_square_rate": correlation[0],
            "kinetic_energy": ring.kinetic_energy(now),
            "undecayed": left / jnp.where(correlation[0] > 0.0, correlation[0], 1.0),
        }


def _first_amplitude(model: RandomNetwork) -> tuple[Array, Array]:
    """Strength of the noise that the first guess is made with, 0 for the state of rest; and whether nothing is stable."""
    phi = model.activation
    driven = jnp.asarray(model.noise**2 + model.field**2 + phi(jnp.zeros(())) ** 2)
    restless = model.gain * (1.0 + model.symmetry) * jnp.abs(phi.slope(jnp.zeros(()))) > 1.0
    still = driven == 0.0
    square = driven + (1.0 if phi.bounded else 0.0)
    amplitude = jnp.where(still & ~restless, 0.0, jnp.sqrt(jnp.where(square > 0.0, square, 1.0)))
    return jax.lax.stop_gradient(amplitude), still & restless & (not phi.bounded)
