"""Where autodiff's slope of a function of one number is an artefact of how the function is written.

sign(x) log(1 + |x|) has the slope 1 at 0, but the rules of sign and |x| make it 0 there; x sqrt(x^2)/(1 + x^2) has 0, but
they make it NaN. On both sides they are right.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

Function = Callable[[Array], Array]

# Steps from which limits are taken, in units of max(1, |place|), and how well neighbouring ones agree.
_STEPS, _SAME = 10.0 ** -np.arange(2.0, 9.0), 1e-7
# A cubic through the values at 1, 2, 3 and 4 steps, at 0.
_CUBIC = np.array([4.0, -6.0, 4.0, -1.0])
# A slope that misses those on both sides by this share is neither's.
_APART = 1e-6
# Half widths of difference quotients, and the share of the gap within which one of them confirms a slope.
_WIDTHS, _CONFIRMS = 10.0 ** -np.arange(3.0, 13.0), 0.1
# Off the places, where the slope is a number, to no effect.
_BESIDE = 1.2345e-3
# What is as close is at the place: squares of less underflow.
_AT = 1e-150


class Mended(NamedTuple):
    """The slope at a place, and its first two derivatives there: limits from both sides, or their mean."""

    place: float
    slope: float
    bend: float
    twist: float


def derivative(function: Function) -> Function:
    """By autodiff, of a function that acts element by element."""
    return lambda x: jax.jvp(function, (x,), (jnp.ones_like(x),))[1]


def find_artefacts(function: Function, places: Iterable[float]) -> tuple[Mended, ...]:
    """Those of the places where autodiff's slope is no number, or is outside of those on the two sides, and no difference
    quotient has it. Where the slope has no limits it stays."""
    at = np.asarray(sorted(set(places)), dtype=float)
    here, sides = _here_and_limits(derivative(function), at)
    least, most = np.min(sides, axis=1), np.max(sides, axis=1)
    gap = np.maximum(least - here, here - most)
    wrong = np.isfinite(least + most) & ~(gap <= _APART * np.max(np.abs(sides), axis=1) + 1e-9)
    if wrong.any():
        wrong[wrong] = ~_confirmed(function, at[wrong], here[wrong], gap[wrong])
    if not wrong.any():
        return ()
    bend = derivative(derivative(function))
    higher = [_here_and_limits(each, at[wrong])[1].mean(axis=1) for each in (bend, derivative(bend))]
    return tuple(
        Mended(*row) for row in np.nan_to_num(np.stack([at[wrong], sides[wrong].mean(axis=1), *higher], axis=1)).tolist()
    )


def _here_and_limits(
    function: Function, places: Float[np.ndarray, " place"]
) -> tuple[Float[np.ndarray, " place"], Float[np.ndarray, "place side"]]:
    """Values there; those from the left and from the right, by the finest steps that agree, NaN where none do."""
    offsets = np.multiply.outer([-1.0, 1.0], np.multiply.outer(_STEPS, np.arange(1.0, 5.0)))
    beside = places[:, None, None, None] + np.multiply.outer(np.maximum(1.0, np.abs(places)), offsets)
    # In one program.
    values = np.asarray(jax.jit(function)(jnp.asarray(np.append(places, beside))))
    here, limits = values[: len(places)], values[len(places) :].reshape(beside.shape) @ _CUBIC
    agree = np.abs(np.diff(limits, axis=-1)) <= _SAME * (1.0 + np.abs(limits[..., 1:]))
    finest = agree.shape[-1] - np.argmax(agree[..., ::-1], axis=-1)
    return here, np.where(agree.any(axis=-1), np.take_along_axis(limits, finest[..., None], axis=-1)[..., 0], np.nan)


def _confirmed(function: Function, places: np.ndarray, slopes: np.ndarray, gap: np.ndarray) -> np.ndarray:
    """Whether a difference quotient is nearer to a slope than to those on its sides, as where phi is very steep."""
    widths = np.multiply.outer(np.maximum(1.0, np.abs(places)), _WIDTHS)
    above, below = places[:, None] + widths, places[:, None] - widths
    quotients = np.asarray(function(jnp.asarray(above)) - function(jnp.asarray(below))) / (above - below)
    return np.any(np.abs(quotients - slopes[:, None]) < _CONFIRMS * gap[:, None], axis=1)


def mended_slope(function: Function, mended: tuple[Mended, ...], x: Float[Array, "..."]) -> Float[Array, "..."]:
    """Autodiff's slope, evaluated beside the places that are mended, where it is a parabola of no width."""
    away = [jnp.abs(x - each.place) > _AT for each in mended]
    beside = x
    for each, off in zip(mended, away, strict=True):
        beside = jnp.where(off, beside, each.place + _BESIDE)
    slope = derivative(function)(beside)
    for each, off in zip(mended, away, strict=True):
        distance = x - each.place
        slope = jnp.where(off, slope, each.slope + each.bend * distance + 0.5 * each.twist * distance**2)
    return slope
