"""Stationary states under a sinusoid on a ring of time: what is periodic, what is forgotten, and what the ring must hold."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from quenched.dmft.stationary_waves import Waves
from quenched.models import Sinusoid
from quenched.numerics.linear import solve_small

# Relative size of what falls with the lag below which nothing does.
NOTHING = 1e-6
# Harmonics that are told from what is forgotten.
_HARMONICS = 9
# Periods that a ring holds at least.
_PERIODS = 8
# Angle by which a step turns the sinusoid at most.
_TURN = 1.0


def window_for(angular_frequency: float) -> float:
    """The shortest ring for a sinusoid."""
    return _PERIODS * 2.0 * np.pi / angular_frequency


def step_for(angular_frequency: float) -> float:
    """The longest step for a sinusoid."""
    return _TURN / angular_frequency


def check_resolved(frequency: float, window: float, step: float, what: str) -> None:
    """Of a sinusoid: enough periods in the ring, and enough steps in a period."""
    longest, shortest = window_for(frequency), step_for(frequency)
    if window < longest:
        raise ValueError(
            f"Argument `window` must be at least {_PERIODS} periods of the sinusoid, {longest:.3g}, for {what}, but is "
            f"{window:g}."
        )
    if step > shortest:
        raise ValueError(
            f"Argument `step` must be at most 1/angular_frequency = {shortest:.3g} for {what}, but is {step:g}."
        )


class Lasting(NamedTuple):
    """What a function of the lag is in the end, at every lag."""

    whole: Float[Array, "*others lag"]
    periodic: Float[Array, "*others lag"]
    """Of it, what follows the sinusoid."""


def nearest_waves(values: Float[Array, "*others lag"], turn: Any, lags: slice) -> Lasting:
    """The constant and the harmonics of a sinusoid, which turns by an angle in each step, nearest to the values at some
    lags."""
    turns = np.arange(_HARMONICS + 1)[:, None] * turn
    # What turns by more than half a circle in a step cannot be told.
    told = turns < 0.9 * np.pi
    waves = told * jnp.cos(turns * np.arange(values.shape[-1]))
    gram = waves[:, lags] @ waves[:, lags].T + jnp.diag(jnp.where(told[:, 0], 0.0, 1.0))
    inverse = jax.vmap(lambda column: solve_small(gram, column), 1, 1)(jnp.eye(_HARMONICS + 1))
    amplitudes = values[..., lags] @ (inverse @ waves[:, lags]).T
    return Lasting(amplitudes @ waves, amplitudes[..., 1:] @ waves[1:])


def lasting_on_a_ring(
    field: Any, waves: Waves, values: Float[Array, "population lag"]
) -> tuple[Lasting, Float[Array, " population"]]:
    """By the last quarter of the lags; and how far the periodic part is off at lag 0, by what moved from the third quarter
    on and by what is left over."""
    quarter = waves.times // 8
    if not isinstance(field, Sinusoid):
        lasting = Lasting(values[:, -1:] * jnp.ones_like(values), jnp.zeros_like(values))
        return lasting, jnp.abs(values[:, -1] - values[:, 3 * quarter])
    turn = jnp.max(jnp.asarray(field.angular_frequency)) * waves.length
    earlier, last = (
        nearest_waves(values, turn, slice(first * quarter, end)) for first, end in ((2, 3 * quarter), (3, None))
    )
    left_over = jnp.max(jnp.abs(values - last.whole)[:, 3 * quarter :], axis=1)
    return last, left_over + jnp.abs(last.periodic[:, 0] - earlier.periodic[:, 0])


def moved_from_half_the_ring(whole: dict[str, Array], half: dict[str, Array]) -> tuple[dict[str, Array], Array]:
    """How far a ring of finite length moves what is found, from a ring of half the length; and by what part of itself the
    square of what is forgotten.

    What goes around the ring is the square of what goes around half of it, but for one factor: near the amplitude where a
    drive silences chaos, weight shifts easily from what is forgotten to what is periodic.
    """
    shift = jnp.max(jnp.abs(half["chaotic_square_state"] - whole["chaotic_square_state"]))
    size = jnp.max(jnp.abs(whole["chaotic_square_state"]))
    part = jnp.minimum(1.0, shift / jnp.where(size > 0.0, size, 1.0))
    silent = size < NOTHING * jnp.max(whole["mean_square_state"]) + jnp.max(whole["periodic_moved"])
    moved = {name: part * jnp.abs(half[name] - values) for name, values in whole.items()}
    return moved, jnp.where(silent, 0.0, part**2)
