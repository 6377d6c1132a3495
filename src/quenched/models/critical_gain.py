"""The gain at which the state of rest loses stability."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from quenched.couplings.elliptic import Elliptic
from quenched.precision import own_settings
from quenched.units.base import AbstractUnit
from quenched.units.leaky import Leaky

if TYPE_CHECKING:
    from quenched.models.random_network import RandomNetwork

# Angular frequencies that are looked at, and how often the grid is drawn closer around the best: each time 30 times.
_FREQUENCIES, _ZOOMS = np.concatenate([[0.0], np.geomspace(1e-4, 1e4, 801)]), 4


def critical_gain(model: RandomNetwork) -> Any:
    """See `qd.RandomNetwork.critical_gain`."""
    couplings, unit = model.couplings, model.unit
    if type(couplings) is not Elliptic or couplings.mean is not None or isinstance(unit, tuple) or unit.nonnegative:
        return np.float64(np.nan)
    if isinstance(unit, Leaky) and unit.usual:
        return _of_leaky(unit, couplings.symmetry)
    with own_settings():
        return _smallest(unit, couplings.symmetry)


def _of_leaky(unit: Leaky, symmetry: Any) -> Any:
    phi = unit.activation
    if any(place == 0.0 for place, _ in phi.jumps):
        with own_settings():
            return jnp.where(jnp.asarray(symmetry) > -1.0, 0.0, jnp.inf)
    if phi.kinked_at_zero:
        return np.float64(np.nan)
    with own_settings():
        slope = jnp.abs(phi.slope(jnp.zeros(())))
        return 1.0 / ((1.0 + symmetry) * slope)


def _smallest(unit: AbstractUnit, symmetry: Any) -> Float[Array, ""]:
    """The smallest g at which 1/T(w) = g ((1 + eta) cos a + i (1 - eta) sin a) for some w and a; 0 where a neuron alone does
    not rest."""
    place = jnp.zeros(())  # the state of rest without input
    state, field = unit.resting_state(place), unit.resting_field(place)
    own = jnp.linalg.eigvals(jnp.reshape(unit.drift_slopes(state, field)[0], (unit.state_size, unit.state_size)))
    alone = jnp.all(jnp.abs(own) < 1.0) if unit.kind == "map" else jnp.all(own.real < 0.0)

    def gains(frequency: Array) -> Array:
        inverse = 1.0 / unit.transfer(place, unit.waves(frequency))
        return jnp.hypot(_over(inverse.real, 1.0 + symmetry), _over(inverse.imag, 1.0 - symmetry))

    frequencies = jnp.asarray(np.linspace(0.0, np.pi, 801) if unit.kind == "map" else _FREQUENCIES)
    best = jnp.min(gains(frequencies))
    for _ in range(_ZOOMS):
        found = gains(frequencies)
        lowest = jnp.argmin(found)
        best = jnp.minimum(best, found[lowest])
        low, high = frequencies[jnp.maximum(lowest - 1, 0)], frequencies[jnp.minimum(lowest + 1, len(frequencies) - 1)]
        frequencies = jnp.linspace(low, high, 61)
    best = jnp.minimum(best, jnp.min(gains(frequencies)))
    return jnp.where(alone, best, 0.0)


def _over(part: Array, axis: Any) -> Array:
    """A part of 1/T over an axis of the ellipse: infinite where the axis is empty and the part is not."""
    empty = jnp.asarray(axis) <= 0.0
    small = jnp.abs(part) < 1e-12
    return jnp.where(empty, jnp.where(small, 0.0, jnp.inf), jnp.abs(part) / jnp.where(empty, 1.0, axis))
