"""Two-time DMFT over very long times, by populations of trajectories and steps that grow with the time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from quenched.dmft.growing import fewer_normals
from quenched.dmft.implicit import Swept, implicit_sweep
from quenched.dmft.two_time_sampled import TwoTimeSampled
from quenched.models import RandomNetwork
from quenched.numerics.exact_moments import ENOUGH
from quenched.numerics.growing_grid import backward, growing_grid
from quenched.numerics.richardson import extrapolated, with_remainders
from quenched.status import RUNAWAY, Status
from quenched.theory import Computed

# The scheme's order in the length of its steps.
_ORDER = 2
# Halving the steps may change correlations by this part of the largest: more is chaos, or steps that are too long.
_TOO_COARSE = 0.1
# Steps to either side in which the largest change counts, since changes cross zero.
_BESIDE = 2


class TwoTimeGrowing(TwoTimeSampled):
    """`TwoTime` by an implicit scheme: the equations are described there, the numerics in `GrowingSteps`."""

    growth: float = eqx.field(static=True)
    kept: tuple[int, ...] = eqx.field(static=True)
    """Times at which results are returned, in steps."""

    @property
    def asked(self) -> Float[np.ndarray, " asked"]:
        return self.step * np.asarray(self.kept, float)

    def grid(self, halved: bool = False) -> Float[np.ndarray, " time"]:
        """All times."""
        return growing_grid(self.asked, self.step, self.growth, halved)

    @property
    def kicks(self) -> int:
        return len(self.grid(halved=True))

    def bytes_per_sample(self, solver: None) -> int:
        times, tangents = self.kicks, self.tangents + 2 if self.memory else 0
        # The answers of all tangents, once more while they get room; normals, rates and forces; square arrays.
        return 8 * times * (2 * times * tangents + 8 * self.trajectories + 8 * times)

    def coordinates(self) -> Mapping[str, Any]:
        return {"time": self.asked, "earlier_time": self.asked}

    def _found(self, model: RandomNetwork, key: Array) -> tuple[dict[str, Array], Array]:
        times, halves, tangents = self.grid(), self.grid(halved=True), self.tangents if self.memory else 0
        draws = self._draw(key)
        fine = implicit_sweep(model, backward(halves), draws.initial, draws.normals, tangents)
        # The same gamma, seen less often; rows of times that were lost are those of the unit matrix.
        factor = jnp.where(jnp.isfinite(fine.factor), fine.factor, jnp.eye(len(halves)))
        fewer = fewer_normals(factor[::2], draws.normals)
        coarse = implicit_sweep(model, backward(times), draws.initial, fewer, tangents)
        found = extrapolated(_ORDER, self._seen(coarse, times), self._seen(fine, halves, 2))
        at = np.searchsorted(times, self.asked - 1e-9 * (1.0 + self.asked))
        arrays: dict[str, Array] = {}
        for name, values in found.items():
            nearby = _largest_nearby(jnp.abs(values)) if name.endswith("_discretisation") else values
            arrays[name] = nearby[np.ix_(*[at] * values.ndim)]
        arrays["lost"] = coarse.lost + fine.lost
        arrays["largest"] = jnp.nanmax(jnp.concatenate([coarse.state, fine.state]) ** 2)
        return arrays, jnp.minimum(coarse.conditioning, fine.conditioning)

    def _seen(self, swept: Swept, grid: np.ndarray, every: int = 1) -> dict[str, Array]:
        """At all times of the coarse grid."""
        state, rate, force = (values[::every] for values in (swept.state, swept.rate, swept.force))
        return {
            "mean_state": jnp.mean(state, axis=1),
            "mean_rate": jnp.mean(rate, axis=1),
            "mean_square_state": jnp.mean(state**2, axis=1),
            "mean_square_rate": jnp.mean(rate**2, axis=1),
            "kinetic_energy": 0.5 * jnp.mean(force**2, axis=1),
            "correlation": rate @ rate.T / self.trajectories,
            "state_correlation": state @ state.T / self.trajectories,
            "integrated_response": integrated_since(swept.response, grid)[::every, ::every],
        }

    def measure(self, model: RandomNetwork, solver: None, key: Array) -> Computed:
        found = super().measure(model, solver, key)
        arrays = found.arrays
        grew, lost = arrays.pop("largest") >= RUNAWAY, arrays.pop("lost") > 0
        changed = jnp.nanmax(arrays["correlation_discretisation"]) / jnp.nanmax(arrays["mean_square_rate"])
        status = jnp.where(changed > _TOO_COARSE, Status.imprecise, Status.solved)
        status = jnp.where(lost, Status.out_of_steps, status)
        return found._replace(status=jnp.where(grew, Status.diverged, status), steps=jnp.asarray(self.kicks))

    def with_all_errors(self, arrays: dict[str, Any]) -> dict[str, Any]:
        """With what the extrapolation leaves over, the length of steps, or their growth, times what it changed."""
        return with_remainders(arrays, max(self.step, self.growth), apart=True)

    def outside_errors(self, model: RandomNetwork) -> str:
        return "a finite population, O(1/trajectories)"


def integrated_since(
    response: Float[Array, "time earlier_time"], times: Float[np.ndarray, " time"]
) -> Float[Array, "time earlier_time"]:
    """To a field that has been there since the earlier time, of G.

    The field of a time stands for that from the midst of the step before to the midst of the step after it, that of the
    first step for all since the start: what is before the earlier time is left out.
    """
    if len(times) < 2:
        return jnp.zeros_like(response)
    middle = np.concatenate([[0.0, 0.0], 0.5 * (times[1:-1] + times[2:]), times[-1:]])
    before = np.divide(times - middle[:-1], np.diff(middle), out=np.ones(len(times)), where=np.diff(middle) > 0.0)
    since = jnp.cumsum(response[:, ::-1], axis=1)[:, ::-1] - before * response
    return jnp.tril(since, -1)


def _largest_nearby(values: Array) -> Array:
    """Of each entry and those beside it along all axes."""
    for axis in range(values.ndim):
        known = jnp.moveaxis(jnp.nan_to_num(values), axis, 0)
        edges = ((_BESIDE, _BESIDE), *[(0, 0)] * (values.ndim - 1))
        wide = jnp.pad(known, edges)
        beside = jnp.max(jnp.stack([wide[shift : shift + len(known)] for shift in range(2 * _BESIDE + 1)]), axis=0)
        values = jnp.maximum(values, jnp.moveaxis(beside, 0, axis))
    return values


def enough_trajectories(times: int) -> int:
    """So many that second moments of gamma are exact."""
    return int(np.ceil(ENOUGH * (times + 2)))
