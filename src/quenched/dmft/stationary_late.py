"""Stationary states of any model: the two-time theory, averaged over late times."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Key

from quenched.dmft.late_averages import (
    TWO_TIMES,
    LateSteps,
    lasting_of,
    smooth_at_lag_0,
    still_falling,
    transform,
    with_drifts,
)
from quenched.dmft.two_time_sampled import TwoTimeSampled
from quenched.models import RandomNetwork, Sinusoid
from quenched.numerics.richardson import both_errors, with_remainders
from quenched.status import Status
from quenched.theory import AbstractExperiment, Computed, Cost, Estimator

# The second half of the late times differs from the first: by more than chance does in one of 370 normal numbers (three
# standard errors), and by more than this part of C(0).
_BY_CHANCE, _DRIFTED = 0.0027, 0.01
# Of C at the start; what falls below this part of it has come to rest, and C(0) is no longer what a change is measured by.
_AT_REST = 0.01
_SPECTRA = {"power_spectrum": "mean_square_state", "rate_spectrum": "mean_square_rate"}


class StationaryLate(AbstractExperiment):
    """`Stationary` by the two-time theory at late times: described in `LateTimes`. One sample is one scrambling."""

    way: TwoTimeSampled
    lags: tuple[float, ...] = eqx.field(static=True)
    frequencies: tuple[float, ...] = eqx.field(static=True)
    settled: int = eqx.field(static=True)
    """Steps before the late times."""
    share: float = eqx.field(static=True)
    """Of what an extrapolation in the step changed, how much may be left over: the step, in the shortest relaxation time."""
    precision: float | None

    citations: ClassVar[tuple[str, ...]] = ("zou2024", "eissfeller1992")
    together: ClassVar[Literal["batch", "threads", "never"]] = "threads"
    memory_arguments: ClassVar[str] = "the solver's `trajectories`, `settling` or `window`"
    estimators: ClassVar[Mapping[str, Estimator]] = TwoTimeSampled.estimators

    def covers(self, model: RandomNetwork) -> None:
        """`late_way` has looked."""

    @property
    def samples(self) -> int:
        return self.way.samples

    @property
    def _late(self) -> LateSteps:
        return LateSteps(self.settled, self.way.steps - self.settled)

    def default_solver(self) -> None:
        return None

    def check(self, model: RandomNetwork, solver: None) -> None:
        self.way.check(model, solver)

    def bytes_per_sample(self, solver: None) -> int:
        return self.way.bytes_per_sample(solver)

    def coordinates(self) -> Mapping[str, Any]:
        return {"lag": np.asarray(self.lags), "frequency": np.asarray(self.frequencies)}

    def in_range(self, model: RandomNetwork) -> Array:
        return self.way.in_range(model)

    def outside_errors(self, model: RandomNetwork) -> str:
        return self.way.outside_errors(model)

    def measure(self, model: RandomNetwork, solver: None, key: Key[Array, ""]) -> Computed:
        found = self.way.measure(model, None, key)
        sizes = ("trajectories", "scramblings", "conditioning")
        arrays = {name: values for name, values in found.arrays.items() if name in sizes}
        left_out = (*sizes, "lyapunov_exponent", "lyapunov_exponent_drift")
        whole = {name: values for name, values in found.arrays.items() if not name.startswith(left_out)}
        means, changes = self._averaged(whole, "")
        if self.way.richardson:
            of_step, _ = self._averaged(whole, "_discretisation")
            if self.way.scheme == "second_order":
                means, of_step = smooth_at_lag_0(means, of_step)
            arrays |= {f"{name}_discretisation": each for name, each in self._functions(model, of_step).items()}
        now, changed = self._functions(model, means), self._functions(model, changes)
        size, before = now["mean_square_rate"], _AT_REST * whole["mean_square_rate"][..., 0]
        size = jnp.where(size > before, size, before)
        arrays |= now | {f"{name}_drift": values for name, values in changed.items()}
        arrays["drift"] = changed["correlation"] / jnp.where(size > 0.0, size, 1.0)[..., None]
        arrays["undecayed"] = self._undecayed(model, means["correlation"])
        return found._replace(arrays=arrays)

    def _averaged(self, arrays: dict[str, Array], of: str) -> tuple[dict[str, Array], dict[str, Array]]:
        """The means of all quantities whose names end so, and their changes; of two times at every lag."""
        late, each = self._late, {}
        for name in (name for name in arrays if f"{name}{of}" in arrays and not name.endswith("_discretisation")):
            mean = late.means_at_lags if name in TWO_TIMES else late.means
            each[name] = mean(arrays[f"{name}{of}"])
        if "log_perturbation" in each:
            del each["log_perturbation"]
            each["lyapunov_exponent"] = late.growth(arrays[f"log_perturbation{of}"], self.way.step)
        means, changes = ({name: both[row] for name, both in each.items()} for row in (0, 1))
        return means, changes

    def _functions(self, model: RandomNetwork, means: dict[str, Array]) -> dict[str, Array]:
        """What is returned; linear in the means."""
        step = self.way.step
        at = np.rint(np.asarray(self.lags) / step).astype(int)
        arrays = {name: values[..., at] if name in TWO_TIMES else values for name, values in means.items()}
        for name, spectrum in (("state_correlation", "power_spectrum"), ("correlation", "rate_spectrum")):
            lasting = lasting_of(means[name], step, _frequency(model))
            falling = means[name] - lasting.whole
            arrays[spectrum] = transform(falling, step, self.frequencies, self.way.scheme == "second_order")
            if isinstance(model.field, Sinusoid) and name == "state_correlation":
                arrays["periodic_square_state"] = lasting.periodic[..., 0]
                arrays["chaotic_square_state"] = falling[..., 0]
        return arrays

    def _undecayed(self, model: RandomNetwork, correlation: Array) -> Array:
        """Over all neurons, each population as large as it is."""
        left = still_falling(correlation - lasting_of(correlation, self.way.step, _frequency(model)).whole)
        shares = jnp.reshape(jnp.asarray(model.couplings.population_fractions, float), jnp.shape(left))
        size = jnp.sum(shares * correlation[..., 0])
        return jnp.sum(shares * left) / jnp.where(size > 0.0, size, 1.0)

    def with_all_errors(self, arrays: dict[str, Any]) -> dict[str, Any]:
        found = with_drifts(with_remainders(arrays, self.share, spectra=tuple(_SPECTRA)))
        # What still falls was taken for what never decays, for as long as the longest lag.
        left = jnp.abs(jnp.asarray(found["undecayed"])) + found["undecayed_error"]
        longest = self._late.lags * self.way.step
        # Waves are seen at full steps only: as slow ones where they turn nearly once in each.
        turns = 2.0 * np.pi / self.way.step
        seen = np.abs(np.asarray(self.frequencies) - turns * np.rint(np.asarray(self.frequencies) / turns))
        waves = 4.0 / np.maximum(seen, 1.0 / longest)
        for name, whole in _SPECTRA.items():
            found[f"{name}_error"] = both_errors(found[f"{name}_error"], left * jnp.asarray(found[whole])[..., None] * waves)
        return found

    def verdict(self, averaged: Computed) -> Array:
        from scipy.special import stdtrit

        arrays = averaged.arrays
        change, by_chance = jnp.abs(jnp.asarray(arrays["drift"])), jnp.asarray(arrays["drift_error"])
        errors = stdtrit(int(self.samples) - 1, 1.0 - 0.5 * _BY_CHANCE)
        moving = jnp.any((change > errors * by_chance) & (change > _DRIFTED))
        status = jnp.where(moving, Status.not_stationary, Status.solved)
        if self.precision is None:
            return status
        missed = jnp.max(jnp.asarray(arrays["correlation_error"])) > self.precision
        return jnp.where((status == Status.solved) & missed, Status.imprecise, status)

    def refine(self, averaged: Computed, cost: Cost) -> None:
        return None


def _frequency(model: RandomNetwork) -> Array | None:
    """Of a sinusoid, the same for all populations."""
    return jnp.max(jnp.asarray(model.field.angular_frequency)) if isinstance(model.field, Sinusoid) else None
