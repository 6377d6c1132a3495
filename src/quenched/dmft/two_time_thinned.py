"""Two-time DMFT over long times, by populations of trajectories that keep fewer and fewer of their past."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from quenched.dmft.schemes import scheme
from quenched.dmft.thinned import BLOCK, Size, Start, long_sweep
from quenched.dmft.two_time_sampled import TwoTimeSampled, starting
from quenched.models import RandomNetwork
from quenched.numerics.exact_moments import ENOUGH, stratified, with_exact_moments
from quenched.numerics.thinning import most_kept

# Rows that what is new in a step is orthogonal to besides the past: the mean, x(0), and one another.
_OTHERS = 4


class TwoTimeThinned(TwoTimeSampled):
    """`TwoTime` by populations on a thinned past: the equations are described there, the numerics in `ThinnedPopulation`."""

    knots: int = eqx.field(static=True)
    kept: tuple[int, ...] = eqx.field(static=True)
    """Times at which results are returned, in steps."""

    @property
    def places(self) -> int:
        """For times that are kept at once."""
        return most_kept(self.steps, self.knots, BLOCK)

    def check(self, model: RandomNetwork, solver: None) -> None:
        enough = enough_trajectories(self.steps, self.knots)
        if self.trajectories < enough:
            raise ValueError(
                f"Argument `trajectories` must be at least {enough} for {self.places} times that are kept at once, but is "
                f"{self.trajectories}; fewer `knots` keep fewer."
            )
        super().check(model, solver)

    def bytes_per_sample(self, solver: None) -> int:
        places, tangents = self.places, self.tangents + 2 if self.memory else 0
        # The past twice while it is thinned, and the history of all tangents once more.
        past = places * (2 * 3 * self.trajectories + 3 * places * tangents + 4 * tangents + 6 * places)
        return 8 * (past + len(self.kept) * (2 * self.trajectories + 4 * len(self.kept)) + 20 * self.trajectories)

    def coordinates(self) -> Mapping[str, Any]:
        times = self.step * np.asarray(self.kept)
        return {"time": times, "earlier_time": times}

    def _found(self, model: RandomNetwork, key: Array) -> tuple[dict[str, Array], Array]:
        rule, outputs = scheme(self.scheme, self.step), jnp.asarray(self.kept)
        size = Size(self.steps, self.knots, self.places, self.tangents if self.memory else 0)
        seen, conditioning = long_sweep(model, rule, self.step, self._start(key), outputs, size, model.field_at)
        rates = model.activation(seen.state)
        arrays = {
            "mean_state": jnp.mean(seen.state, axis=1),
            "mean_rate": jnp.mean(rates, axis=1),
            "mean_square_state": jnp.mean(seen.state**2, axis=1),
            "mean_square_rate": jnp.mean(rates**2, axis=1),
            "kinetic_energy": seen.kinetic_energy,
            "correlation": rates @ rates.T / self.trajectories,
            "state_correlation": seen.state @ seen.state.T / self.trajectories,
            "response": seen.response,
            "state_response": seen.state_response,
        }
        return arrays, conditioning

    def _start(self, key: Array) -> Start:
        initial_key, drive_key = jax.random.split(key)
        uniform = stratified(self.trajectories, initial_key)
        (normal,) = with_exact_moments(jax.scipy.special.ndtri(uniform)[None])
        return Start(starting(self.initial, uniform, normal), jnp.stack([jnp.ones_like(normal), normal]), drive_key)

    def outside_errors(self, model: RandomNetwork) -> str:
        return f"thinning of the past, O(knots^-4); {super().outside_errors(model)}"


def enough_trajectories(steps: int, knots: int) -> int:
    """So many that second moments of what drives a neuron are exact."""
    return math.ceil(ENOUGH * (most_kept(steps, knots, BLOCK) + _OTHERS))
