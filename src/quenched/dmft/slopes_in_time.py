"""phi' along trajectories of a stationary Gaussian state, on a ring of time."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from quenched.compiled import compiled
from quenched.dmft.exponent_density import Slopes
from quenched.dmft.stationary_filters import StationaryFilters
from quenched.dmft.stationary_waves import GaussianRing, Waves
from quenched.models import RandomNetwork
from quenched.numerics.anderson import Anderson
from quenched.theory import Start

# Longest time step of the ring on which the state is solved.
_FINE = 0.0625


class RingState(NamedTuple):
    """At the lags of a ring, up to half of it."""

    mean: Float[Array, ""]
    covariance: Float[Array, " lag"]
    product: Float[Array, " lag"]
    """<phi' phi'>."""


def state_on_a_ring(model: RandomNetwork, branch: str, times: int, step: float | None) -> RingState:
    """Solved with steps that are short enough, and read at those asked for. A step of maps is None."""
    finer = 1 if step is None else 2 ** max(0, int(np.ceil(np.log2(step / _FINE))))
    theory = StationaryFilters((0.0,), (0.0,), step=(step or 1.0) / finer, window=times * (step or 1.0))
    state = _solved(model, theory, theory.default_solver(), Start(branch))
    return state._replace(covariance=state.covariance[::finer], product=state.product[::finer])


@compiled(hurried=True)
def _solved(model: RandomNetwork, theory: StationaryFilters, solver: Anderson, start: Start) -> RingState:
    step = None if model.kind == "map" else theory.step
    times = round(theory.window / theory.step)
    solved = theory.on_a_ring(model, solver, start, times, step)
    found = GaussianRing.of(model, Waves(times, step)).respond(solved.state)[0]
    return RingState(found.mean_state, found.state_covariance, found.handed_on)


def draw_slopes(model: RandomNetwork, state: RingState, step: float | None, samples: int, key: Array) -> Slopes:
    """Along trajectories of independent neurons. What is static in one of them is the wave of frequency 0."""
    half = len(state.covariance) - 1
    covariance, product = (jnp.concatenate([each, each[-2:0:-1]]) for each in (state.covariance, state.product))
    power = jnp.maximum(jnp.fft.fft(covariance).real, 0.0)
    white = jax.random.normal(key, (samples, 2 * half))
    states = state.mean + jnp.fft.ifft(jnp.sqrt(power) * jnp.fft.fft(white)).real
    return Slopes(float(model.gain), step, model.units[0].rate_slope(states), product)
