"""Stationary states under a sinusoid on a ring of time: what is periodic, what is forgotten, and what the ring must hold."""

from __future__ import annotations

from typing import Any

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


def check_resolved(frequency: float, window: float, step: float, what: str) -> None:
    """Of a sinusoid: enough periods in the ring, and enough steps in a period."""
    longest, shortest = window_for(frequency), _TURN / frequency
    if window < longest:
        raise ValueError(
            f"Argument `window` must be at least {_PERIODS} periods of the sinusoid, {longest:.3g}, for {what}, but is "
            f"{window:g}."
        )
    if step > shortest:
        raise ValueError(
            f"Argument `step` must be at most 1/angular_frequency = {shortest:.3g} for {what}, but is {step:g}."
        )


def lasting_parts(field: Any, waves: Waves, values: Float[Array, "population lag"]) -> tuple[Array, Array, Array]:
    """What never decays, at every lag; the part of it that follows the sinusoid; and how far that is off at lag 0.

    Harmonics nearest to the values in the last quarter of the lags. They are off by what moved from the third quarter on,
    and by what they leave over.
    """
    quarter = waves.times // 8
    if not isinstance(field, Sinusoid):
        return values[:, -1:], jnp.zeros_like(values), jnp.abs(values[:, -1] - values[:, 3 * quarter])
    frequency = jnp.max(jnp.asarray(field.angular_frequency))
    # What turns by more than half a circle in a step cannot be told.
    told = np.arange(_HARMONICS + 1) * frequency * waves.length < 0.9 * np.pi
    harmonics = told[:, None] * jnp.cos(np.arange(_HARMONICS + 1)[:, None] * frequency * waves.lags)

    def nearest(lags: slice) -> Array:
        gram, right = harmonics[:, lags] @ harmonics[:, lags].T, harmonics[:, lags] @ values[:, lags].T
        gram = gram + jnp.diag(jnp.where(told, 0.0, 1.0))
        return jax.vmap(lambda column: solve_small(gram, column))(right.T)

    earlier, amplitudes = nearest(slice(2 * quarter, 3 * quarter)), nearest(slice(3 * quarter, None))
    lasting, periodic = amplitudes @ harmonics, amplitudes[:, 1:] @ harmonics[1:]
    left_over = jnp.max(jnp.abs(values - lasting)[:, 3 * quarter :], axis=1)
    return lasting, periodic, left_over + jnp.abs(jnp.sum(amplitudes[:, 1:] - earlier[:, 1:], axis=1))


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
