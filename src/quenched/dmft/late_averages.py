"""Averages over late times of what depends on one time or on two: functions of the lag, and what is made of them.

Everything here is linear in the averages, so that it serves them, their change from the first half of the late times to the
second, and what an extrapolation in the step changed in them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from quenched.dmft.periodic import Lasting, nearest_waves
from quenched.numerics.richardson import both_errors

# What depends on two times.
TWO_TIMES = ("correlation", "state_correlation", "response", "state_response")
# The slope at a place from values there and at the next three.
_SLOPE = (-11.0 / 6.0, 3.0, -1.5, 1.0 / 3.0)


class LateSteps(NamedTuple):
    """Which rows of the time are averaged over."""

    settled: int
    """Steps before."""
    steps: int

    @property
    def lags(self) -> int:
        """The longest lag, in steps: over half of the late times or more is averaged at each."""
        return self.steps // 2

    def means(self, values: Float[Array, "... time"]) -> tuple[Array, Array]:
        """The mean of what depends on one time, and its change."""
        every, change = self._weights(np.zeros(1, int))
        late = values[..., self.settled :]
        return late @ jnp.asarray(every[:, 0]), late @ jnp.asarray(change[:, 0])

    def means_at_lags(self, values: Float[Array, "... time earlier_time"]) -> tuple[Array, Array]:
        """The mean of f(t, t - lag) over late t with t - lag late too, and its change, at every lag."""
        steps = np.arange(self.lags + 1)
        later = self.settled + np.arange(self.steps + 1)[:, None]
        along = values[..., later, np.maximum(later - steps, 0)]
        every, change = self._weights(steps)
        return jnp.sum(along * every, axis=-2), jnp.sum(along * change, axis=-2)

    def growth(self, logarithm: Float[Array, " time"], step: float) -> tuple[Array, Array]:
        """The rate at which something grows, by the line that is nearest; and what an approach like 1/time leaves of it,
        by the slopes of the two halves."""
        late, half = logarithm[self.settled :], self.steps // 2
        change = _slope(late[-half - 1 :]) - _slope(late[: half + 1])
        return _slope(late) / step, change / step * (1.0 + 2.0 * self.settled / self.steps)

    def _weights(self, lags: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Of each time, by rows, at each lag: those of the mean, and of the second half less the first."""
        place = np.arange(self.steps + 1)[:, None] - lags
        count = self.steps + 1 - lags
        inside, half = place >= 0, count // 2
        change = 1.0 * (place >= count - half) - 1.0 * (inside & (place < half))
        return inside / count, change / half


def _slope(values: Float[Array, " time"]) -> Float[Array, ""]:
    place = np.arange(values.shape[0]) - 0.5 * (values.shape[0] - 1)
    return values @ jnp.asarray(place / np.maximum(np.sum(place**2), 1.0))


def with_drifts(arrays: dict[str, Any]) -> dict[str, Any]:
    """Errors that contain by how much more than chance the second half of the late times differs from the first."""
    found = dict(arrays)
    for name in [name.removesuffix("_drift") for name in arrays if name.endswith("_drift")]:
        change, by_chance = (jnp.asarray(found.pop(f"{name}_drift{which}")) for which in ("", "_error"))
        for which in ("", "_error"):
            found.pop(f"{name}_drift_discretisation{which}", None)
        # Infinite where nothing is known, whatever chance does.
        moved = jnp.where(jnp.isfinite(change), jnp.maximum(jnp.abs(change) - by_chance, 0.0), jnp.inf)
        found[f"{name}_error"] = both_errors(found[f"{name}_error"], moved)
    return found


def lasting_of(correlation: Float[Array, "... lag"], step: float, frequency: Any = None) -> Lasting:
    """By the later half of the lags; with the angular frequency of a sinusoid, if there is one."""
    late = slice(correlation.shape[-1] // 2, None)
    if frequency is not None:
        return nearest_waves(correlation, frequency * step, late)
    lasting = jnp.mean(correlation[..., late], axis=-1, keepdims=True)
    return Lasting(lasting * jnp.ones_like(correlation), jnp.zeros_like(correlation))


def transform(
    falling: Float[Array, "... lag"], step: float, frequencies: Iterable[float], continuous: bool
) -> Float[Array, "... frequency"]:
    """int falling(lag) cos(frequency lag) over all lags; the sum, times the step, where time is not `continuous`.

    Over the later half of the lags it is led to 0 by a cosine, so that noise there does not count.

    The trapezoidal rule sees the spectrum S(w) at w + 2 pi n/step too, of which a slope f'(0+) gives -2 f'(0+)/w^2 each.
    Their sum over n other than 0 is known and taken off.
    """
    wanted, steps = np.asarray(list(frequencies)), np.arange(falling.shape[-1])
    late = np.maximum(0.0, 2.0 * steps / steps[-1] - 1.0)
    weights = np.where(steps == 0, step, 2.0 * step) * np.cos(0.5 * np.pi * late) ** 2
    total = falling @ jnp.asarray((np.cos(np.outer(wanted, step * steps)) * weights).T)
    if not continuous:
        return total
    slope = falling[..., : len(_SLOPE)] @ jnp.asarray(_SLOPE) / step
    half = np.maximum(0.5 * step * wanted, 1e-3)
    return total + 2.0 * slope[..., None] * 0.25 * step**2 * (np.sin(half) ** -2.0 - half**-2.0)


def still_falling(falling: Float[Array, "... lag"]) -> Float[Array, "..."]:
    """How much falls between the two quarters of the lags that are longest."""
    count = falling.shape[-1]
    middle, longest = falling[..., count // 2 : 3 * count // 4], falling[..., 3 * count // 4 :]
    return jnp.mean(middle, axis=-1) - jnp.mean(longest, axis=-1)


def smooth_at_lag_0(means: dict[str, Array], of_step: dict[str, Array]) -> tuple[dict[str, Array], dict[str, Array]]:
    """The means, and what the extrapolation in the step changed in them, made smooth one step after lag 0.

    There the coarser scheme has no past of a kick to extrapolate from, and its error is not that of longer lags: the finer
    one is corrected by what is changed at the two lags after it.
    """
    smooth = dict(of_step)
    for name in [name for name in TWO_TIMES if name in of_step]:
        change = of_step[name]
        smooth[name] = change.at[..., 1].set(2.0 * change[..., 2] - change[..., 3])
    return {name: means[name] + smooth[name] - of_step[name] for name in means}, smooth
