"""Two-time DMFT of models made of parts: several populations, any couplings, any units."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array

from quenched.dmft.answers import Stepping
from quenched.dmft.perturbations import draw
from quenched.dmft.population import Swept
from quenched.dmft.populations import PopulationDraws, causal_sweep, with_twice_the_step
from quenched.dmft.two_time_sampled import TwoTimeSampled, observables, starting
from quenched.models import AbstractInitial, RandomNetwork
from quenched.numerics.exact_moments import stratified, with_exact_moments
from quenched.numerics.memory import check_limit
from quenched.numerics.richardson import ORDERS, extrapolated


class TwoTimeParts(TwoTimeSampled):
    """`TwoTime` by a sub-population of trajectories for each population, of any unit: described there.

    `trajectories` and `tangents` are those of all populations together. One sample is one scrambling of all.
    """

    populations: int = eqx.field(static=True)
    others: tuple[AbstractInitial, ...]
    """Where the other variables of a state begin."""
    noisy: bool = eqx.field(static=True)
    waves: bool = eqx.field(static=True)
    """Whether the field is a sinusoid, with a phase for each trajectory."""

    def covers(self, model: RandomNetwork) -> None:
        """`TwoTime` has looked."""

    def check(self, model: RandomNetwork, solver: None) -> None:
        what = f"{self.steps} steps with {self.trajectories} trajectories and {self.tangents} tangents"
        check_limit(self.memory_limit, self.bytes_per_sample(solver), what)

    def bytes_per_sample(self, solver: None) -> int:
        times, size = (1 + self.richardson) * self.steps + 1, 1 + len(self.others)
        # Normals twice over while they are made, those of the noise too, rates and states: 4.5 and 2.5 numbers a step and
        # trajectory, as measured at 200 steps. Of the tangents derivatives of a step, twice while a row is written, and
        # responses; square arrays of each population.
        columns = (5 + 3 * self.noisy + (3 + size) * self.perturbation) * self.trajectories
        if self.memory:
            columns += (2 * (3 * size**2 + 3 * size) + 4 * size + 2) * (self.tangents + 2 * self.populations)
        return 8 * times * (columns + (14 + 2 * self.perturbation) * self.populations * times)

    def _found(self, model: RandomNetwork, key: Array) -> tuple[dict[str, Array], Array]:
        keys = key[None] if self.populations == 1 else jax.random.split(key, self.populations)
        draws = tuple(map(self._draw_one, keys))
        if self.richardson:
            fine, of_fine = self._sweep_all(model, draws, 2)
            draws = tuple(with_twice_the_step(each, one) for each, one in zip(draws, fine, strict=True))
        swept, arrays = self._sweep_all(model, draws, 1)
        if self.richardson:
            arrays, swept = extrapolated(ORDERS[self.scheme], arrays, of_fine), swept + fine
        return arrays, jnp.min(jnp.stack([one.conditioning for one in swept]))

    def _sweep_all(
        self, model: RandomNetwork, draws: tuple[PopulationDraws, ...], finer: int
    ) -> tuple[tuple[Swept, ...], dict[str, Array]]:
        tangents = max(1, self.tangents // self.populations) if self.memory else 0
        swept, latents = causal_sweep(model, Stepping(self.step / finer, self.scheme, tangents, self.response), draws)
        each = [observables(one, finer) for one in swept]
        arrays = each[0]
        if len(each) > 1:
            # What one population has and another has not, such as species that survive, is NaN there.
            names = dict.fromkeys(name for one in each for name in one)
            nothing = jnp.full(len(arrays["mean_state"]), jnp.nan)
            arrays = {name: jnp.stack([one.get(name, nothing) for one in each]) for name in names}
        if self.perturbation:
            arrays["log_perturbation"] = each[0]["log_perturbation"]
            arrays |= self._growth(arrays["log_perturbation"])
        return swept, arrays | ({"latent": latents[:, ::finer]} if len(latents) else {})

    def _draw_one(self, key: Array) -> PopulationDraws:
        count, steps = self.trajectories // self.populations, (1 + self.richardson) * self.steps
        initial_key, drive_key = jax.random.split(key)
        uniform = stratified(count, initial_key)
        drive = jax.random.normal(drive_key, ((1 + self.noisy) * steps, count))
        # The velocity at the end feels a field too, which moves nothing any more.
        last = jax.random.normal(jax.random.fold_in(initial_key, 1), (1, count))
        phases = 2.0 * jnp.pi * stratified(count, jax.random.fold_in(initial_key, 2))
        # Normal numbers share nothing with the waves either.
        waves = jnp.sqrt(2.0) * jnp.stack([jnp.cos(phases), jnp.sin(phases)])[: 2 * self.waves]
        every = jnp.concatenate([waves, jax.scipy.special.ndtri(uniform)[None], drive, last])
        normals = with_exact_moments(every)[len(waves) :]
        field = jnp.concatenate([normals[1 : steps + 1], normals[-1:]])
        first = starting(self.initial, uniform, normals[0])
        keys = [jax.random.fold_in(initial_key, 3 + row) for row in range(len(self.others))]
        rest = [each.quantile(stratified(count, key)) for each, key in zip(self.others, keys, strict=True)]
        start = jnp.stack([first, *rest]) if rest else first
        perturbation = draw(jax.random.fold_in(drive_key, 1), 1 + len(rest), steps + 1, count) if self.perturbation else None
        return PopulationDraws(start, field, normals[steps + 1 : -1], phases, perturbation)

    def outside_errors(self, model: RandomNetwork) -> str:
        return "a finite population, O(1/trajectories)" if self.scheme == "map" else super().outside_errors(model)
