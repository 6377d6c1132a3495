"""Two-time DMFT by a population of trajectories, for any symmetry."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from quenched.activations import check_continuous
from quenched.dmft.late_averages import LateSteps, with_drifts
from quenched.dmft.perturbations import draw
from quenched.dmft.population import Draws, Swept, causal_sweep, with_twice_the_step
from quenched.dmft.schemes import scheme
from quenched.models import AbstractInitial, Normal, RandomNetwork
from quenched.numerics.exact_moments import stratified, with_exact_moments
from quenched.numerics.memory import check_limit
from quenched.numerics.richardson import ORDERS, extrapolated, with_remainders
from quenched.status import RUNAWAY, Status
from quenched.theory import AbstractExperiment, Computed, Cost, Estimator

# Errors fall as trajectories^-1/2 where second moments are exact, faster below that.
_RATE = 0.5
# Bytes of rates beyond which a step waits for memory: 4096 trajectories of 200 steps took 0.05 s, 16384 took 0.6 s.
_CACHED = 2**23
# The errors do not see what a finite population changes at second order: more populations do not help for ever.
MOST_SCRAMBLINGS = 1024


def default_tangents(trajectories: int) -> int:
    """A 64th. With the two of the mean slope 64 columns: products of 66 took 1.3 times as long."""
    return max(64, trajectories // 64) - 2


def _lowest(values: Float[Array, " sample"]) -> tuple[Float[Array, ""], None]:
    """The smallest of all samples."""
    return jnp.min(values), None


class TwoTimeSampled(AbstractExperiment):
    """`TwoTime` by populations of trajectories: the equations are described there, the numerics in `Population`, which
    are all here too, since a refined population is another experiment.

    One sample is one scrambling of the points: a population in its own mean field, independent of the others.
    """

    steps: int = eqx.field(static=True)
    step: float = eqx.field(static=True)
    initial: AbstractInitial
    scheme: str = eqx.field(static=True)
    response: bool = eqx.field(static=True)
    perturbation: bool = eqx.field(static=True)
    """Whether perturbations are followed."""
    memory: bool = eqx.field(static=True)
    trajectories: int = eqx.field(static=True)
    tangents: int = eqx.field(static=True)
    richardson: bool = eqx.field(static=True)
    # Not static: what one population computes does not depend on these, and is not compiled anew for them.
    scramblings: int
    precision: float | None
    memory_limit: float
    time_limit: float

    citations: ClassVar[tuple[str, ...]] = ("zou2024", "eissfeller1992")
    together: ClassVar[Literal["batch", "threads", "never"]] = "threads"
    memory_arguments: ClassVar[str] = "the solver's `trajectories` or `tangents`, or the number of steps"
    estimators: ClassVar[Mapping[str, Estimator]] = {
        "conditioning": _lowest,
        "trajectories": _lowest,
        "scramblings": _lowest,
    }

    @property
    def samples(self) -> int:
        return self.scramblings

    @property
    def duration(self) -> float:
        return self.steps * self.step

    @property
    def kicks(self) -> int:
        """Rows of random numbers that drive a trajectory."""
        return (1 + self.richardson) * self.steps

    def default_solver(self) -> None:
        return None

    def check(self, model: RandomNetwork, solver: None) -> None:
        what = f"{self.steps} steps with {self.trajectories} trajectories and {self.tangents} tangents"
        check_limit(self.memory_limit, self.bytes_per_sample(solver), what)
        if self.memory:
            check_continuous(
                model.activation,
                "dmft.TwoTime with symmetry, or with response and sampled",
                "the response of a trajectory is a delta function where it passes the jump",
                "symmetry 0 (sampled with response=False), qd.simulate.Trajectories, or ",
            )

    def bytes_per_sample(self, solver: None) -> int:
        times = (1 + self.richardson) * self.steps + 1
        # Normals twice over while they are made, rates and states; slopes and responses of the tangents; square arrays.
        columns = (5 + 4 * self.perturbation) * self.trajectories + (4 * self.tangents if self.memory else 0)
        return 8 * times * (columns + (14 + 2 * self.perturbation) * times)

    def coordinates(self) -> Mapping[str, Any]:
        times = self.step * np.arange(self.steps + 1)
        return {"time": times, "earlier_time": times}

    def _found(self, model: RandomNetwork, key: Array) -> tuple[dict[str, Array], Array]:
        """What one population shows, and its conditioning."""
        draws = self._draw(key)
        if self.richardson:
            fine = self._sweep(model, draws, 2)
            draws = with_twice_the_step(draws, fine, scheme(self.scheme, self.step / 2).leak)
        swept = self._sweep(model, draws, 1)
        arrays, conditioning = self._observables(swept, 1), swept.conditioning
        if self.richardson:
            conditioning = jnp.minimum(conditioning, fine.conditioning)
            arrays = extrapolated(ORDERS[self.scheme], arrays, self._observables(fine, 2))
        return arrays, conditioning

    def measure(self, model: RandomNetwork, solver: None, key: Key[Array, ""]) -> Computed:
        arrays, conditioning = self._found(model, key)
        if not self.response:
            arrays = {name: values for name, values in arrays.items() if "response" not in name}
        size = arrays["mean_square_state"]
        # An extrapolation in the step may give numbers of either sign.
        finite = jnp.all(jnp.isfinite(size)) & jnp.all(jnp.abs(size) < RUNAWAY)
        arrays["conditioning"] = conditioning
        arrays |= {
            "trajectories": jnp.asarray(float(self.trajectories)),
            "scramblings": jnp.asarray(self.scramblings, float),
        }
        return Computed(arrays, jnp.where(finite, Status.solved, Status.diverged), jnp.zeros(()), jnp.asarray(self.steps))

    def _draw(self, key: Key[Array, ""]) -> Draws:
        initial_key, drive_key = jax.random.split(key)
        uniform = stratified(self.trajectories, initial_key)
        drive = jax.random.normal(drive_key, (self.kicks, self.trajectories))
        normals = with_exact_moments(jnp.concatenate([jax.scipy.special.ndtri(uniform)[None], drive]))
        perturbation = (
            draw(jax.random.fold_in(drive_key, 1), 1, len(drive), self.trajectories) if self.perturbation else None
        )
        return Draws(starting(self.initial, uniform, normals[0]), normals[1:], perturbation)

    def _sweep(self, model: RandomNetwork, draws: Draws, finer: int) -> Swept:
        step, tangents = self.step / finer, self.tangents if self.memory else 0
        return causal_sweep(model, scheme(self.scheme, step), step, draws, tangents, model.field_at)

    def _observables(self, swept: Swept, finer: int) -> dict[str, Array]:
        arrays = observables(swept, finer)
        return arrays | self._growth(arrays["log_perturbation"]) if self.perturbation else arrays

    def _growth(self, log_perturbation: Array) -> dict[str, Array]:
        """In the later half of the times."""
        late = LateSteps(self.steps - self.steps // 2, self.steps // 2)
        exponent, left = late.growth(log_perturbation, self.step)
        return {"lyapunov_exponent": exponent, "lyapunov_exponent_drift": left}

    def with_all_errors(self, arrays: dict[str, Any]) -> dict[str, Any]:
        return with_drifts(with_remainders(arrays, self.step))

    def outside_errors(self, model: RandomNetwork) -> str:
        step = "" if self.richardson else f"the step, O(step^{ORDERS[self.scheme]}); "
        return step + "a finite population, O(1/trajectories)"

    def verdict(self, averaged: Computed) -> Array:
        if self.precision is None:
            return jnp.asarray(Status.solved)
        reached = jnp.max(averaged.arrays["correlation_error"]) <= self.precision
        return jnp.where(reached, Status.solved, Status.imprecise)

    def refine(self, averaged: Computed, cost: Cost) -> TwoTimeSampled | None:
        if self.precision is None:
            return None
        reached = float(np.max(averaged.arrays["correlation_error"]))
        if reached <= self.precision:
            return None
        changed = np.max(np.abs(averaged.arrays["correlation_discretisation"])) if self.richardson else 0.0
        of_step = self.step * float(changed)
        if of_step >= self.precision:
            return None
        # Squares add up, and more trajectories leave the step's as it is.
        larger = self._towards(math.sqrt((reached**2 - of_step**2) / (self.precision**2 - of_step**2)))
        work = larger.trajectories * larger.scramblings / (self.trajectories * self.scramblings)
        return larger if work > 1.0 and cost.elapsed + work * cost.all_samples <= self.time_limit else None

    def _towards(self, improvement: float) -> TwoTimeSampled:
        """Errors smaller by this factor: by a larger population while it fits into the processor's cache, then by more of
        them. Where both are needed the larger population comes first, and its error says how many."""
        larger, left = self, improvement
        while left > 1.0:
            population = 2 * larger.trajectories
            doubled = replace(larger, trajectories=population, tangents=max(self.tangents, default_tangents(population)))
            if 8 * self.steps * population > _CACHED or doubled.bytes_per_sample(None) > self.memory_limit * 2**30:
                break
            larger, left = doubled, left / 2.0**_RATE
        if larger is not self:
            return larger
        return replace(self, scramblings=min(math.ceil(self.scramblings * improvement**2), MOST_SCRAMBLINGS))


def starting(initial: AbstractInitial, uniform: Array, normal: Array) -> Array:
    """x(0), by the numbers whose mean and variance are exact where it is normal."""
    return initial.mean + initial.std * normal if isinstance(initial, Normal) else initial.quantile(uniform)


def observables(swept: Swept, stride: int) -> dict[str, Array]:
    """Everything on the coarse grid, C in full."""
    every = slice(None, None, stride)
    square = {
        "correlation": swept.correlation + jnp.tril(swept.correlation, -1).T,
        "state_correlation": swept.state_correlation + jnp.tril(swept.state_correlation, -1).T,
        "response": swept.response,
        "state_response": swept.state_response,
    }
    arrays = {name: values[every] for name, values in swept.averages.items()}
    return arrays | {name: values[every, every] for name, values in square.items()}
