"""Two-time DMFT over very long times, by populations of trajectories and steps that grow with the time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from quenched.dmft.growing import fewer_normals
from quenched.dmft.implicit import Swept, implicit_sweep
from quenched.dmft.two_time_sampled import TwoTimeSampled, starting
from quenched.models import RandomNetwork
from quenched.numerics.exact_moments import ENOUGH, stratified, with_exact_moments
from quenched.numerics.growing_grid import backward, growing_grid
from quenched.numerics.richardson import both_errors, extrapolated
from quenched.status import RUNAWAY, Status
from quenched.theory import Computed

# The scheme's order in the length of its steps, and how much shorter they are a second time.
_ORDER, _FINER = 2, 2


class TwoTimeGrowing(TwoTimeSampled):
    """`TwoTime` by an implicit scheme: the equations are described there, the numerics in `GrowingSteps`."""

    growth: float = eqx.field(static=True)
    kept: tuple[int, ...] = eqx.field(static=True)
    """Times at which results are returned, in steps."""

    @property
    def asked(self) -> Float[np.ndarray, " asked"]:
        return self.step * np.asarray(self.kept, float)

    def grid(self, finer: int) -> Float[np.ndarray, " time"]:
        """All times."""
        return growing_grid(self.asked, self.step, self.growth, finer)

    def bytes_per_sample(self, solver: None) -> int:
        times, tangents = len(self.grid(_FINER)), self.tangents + 2 if self.memory else 0
        # The answers of all tangents, once more while they get room; normals, rates and forces; square arrays.
        return 8 * times * (2 * times * tangents + 8 * self.trajectories + 8 * times)

    def coordinates(self) -> Mapping[str, Any]:
        return {"time": self.asked, "earlier_time": self.asked}

    def _found(self, model: RandomNetwork, key: Array) -> tuple[dict[str, Array], Array]:
        (fine_times, times), tangents = (self.grid(finer) for finer in (_FINER, 1)), self.tangents if self.memory else 0
        initial_key, drive_key = jax.random.split(key)
        uniform = stratified(self.trajectories, initial_key)
        drive = jax.random.normal(drive_key, (len(fine_times), self.trajectories))
        normals = with_exact_moments(jnp.concatenate([jax.scipy.special.ndtri(uniform)[None], drive]))
        initial = starting(self.initial, uniform, normals[0])
        fine = implicit_sweep(model, backward(fine_times), initial, normals[1:], tangents)
        # The same gamma, seen less often; rows of times that were lost are those of the unit matrix.
        factor = jnp.where(jnp.isfinite(fine.factor), fine.factor, jnp.eye(len(fine_times)))
        fewer = fewer_normals(factor[::_FINER], normals[1:])
        coarse = implicit_sweep(model, backward(times), initial, fewer, tangents)
        both = (self._seen(swept, grid) for swept, grid in ((coarse, times), (fine, fine_times)))
        arrays = extrapolated(_ORDER, *both)
        arrays["lost"] = coarse.lost + fine.lost
        return arrays, jnp.minimum(coarse.conditioning, fine.conditioning)

    def _seen(self, swept: Swept, grid: np.ndarray) -> dict[str, Array]:
        at = np.searchsorted(grid, self.asked - 1e-9 * (1.0 + self.asked))
        state, rate, force = swept.state[at], swept.rate[at], swept.force[at]
        return {
            "mean_state": jnp.mean(state, axis=1),
            "mean_rate": jnp.mean(rate, axis=1),
            "mean_square_state": jnp.mean(state**2, axis=1),
            "mean_square_rate": jnp.mean(rate**2, axis=1),
            "kinetic_energy": 0.5 * jnp.mean(force**2, axis=1),
            "correlation": rate @ rate.T / self.trajectories,
            "state_correlation": state @ state.T / self.trajectories,
            "integrated_response": integrated_since(swept.response, grid)[np.ix_(at, at)],
        }

    def measure(self, model: RandomNetwork, solver: None, key: Array) -> Computed:
        found = super().measure(model, solver, key)
        lost = found.arrays.pop("lost") > 0
        grew = jnp.nanmax(jnp.abs(found.arrays["mean_square_state"])) >= RUNAWAY
        return found._replace(status=jnp.where(lost & ~grew, Status.out_of_steps, found.status))

    def with_all_errors(self, arrays: dict[str, Any]) -> dict[str, Any]:
        """With what the extrapolation leaves over: of what it changed, here or at the times beside, the part `growth`."""
        found = dict(arrays)
        for name in [name for name in arrays if f"{name}_discretisation" in arrays]:
            left = self.growth * _largest_nearby(jnp.abs(jnp.asarray(arrays[f"{name}_discretisation"])))
            found[f"{name}_error"] = both_errors(arrays[f"{name}_error"], left)
        return found

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
    """Of each entry and those beside it along all axes: what changes sign is not small for that."""
    for axis in range(values.ndim):
        known = jnp.moveaxis(jnp.nan_to_num(values), axis, 0)
        edge = jnp.zeros_like(known[:1])
        beside = jnp.maximum(jnp.concatenate([edge, known[:-1]]), jnp.concatenate([known[1:], edge]))
        values = jnp.maximum(values, jnp.moveaxis(beside, 0, axis))
    return values


def enough_trajectories(times: int) -> int:
    """So many that second moments of gamma are exact."""
    return int(np.ceil(ENOUGH * (times + 2)))
