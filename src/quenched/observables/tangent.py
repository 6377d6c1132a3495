"""A trajectory and its tangent vectors, advanced together by the scheme and its exact derivative."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key

from quenched.numerics.quadrature import Scalar
from quenched.observables.blocks import Blocks, Layout, rows_of
from quenched.observables.rounding import Effect, Turn, begin_turn, carry_turn
from quenched.simulate.schemes import SCHEMES
from quenched.units.base import AbstractUnit

# A growth smaller than this beside the largest is all rounding.
_LOST = 1e-13


class Couplings(NamedTuple):
    """What distinguishes the networks of a batch."""

    blocks: Blocks
    field: Float[Array, "network neuron"]
    keys: Key[Array, " network"]


class Bundle(NamedTuple):
    """A state and the tangent vectors there, orthonormal in each block."""

    state: Float[Array, "network neuron"]
    frame: Float[Array, "network row neuron"]
    turn: Turn
    runaway: Bool[Array, " network"]


class Span(NamedTuple):
    """Steps `first` to `first + steps`, in `intervals` of nearly equal length, each ending with a QR decomposition."""

    first: Int[Array, ""] | int
    steps: Int[Array, ""] | int
    intervals: Int[Array, ""] | int


class Measured(NamedTuple):
    """What a network did in a span. The modes of its blocks come first, then the neurons that are alone."""

    growth: Float[Array, "... all_modes"]
    """Logarithms of the growth of the frame's volumes. No number where there is no mode."""
    condition: Float[Array, "..."]
    """The largest ratio of growths within one block and interval: the condition number of the frame just before it was made
    orthonormal."""
    effect: Effect
    """What rounding did, in units of the precision."""


def begin(states: Float[Array, "network neuron"], layout: Layout, exponents: int, keys: Key[Array, " network"]) -> Bundle:
    """A random orthonormal frame at each state, perturbed in one direction where there is any outside of it."""
    return _begin(states, layout, keys, rows_of(layout, exponents), int(exponents < states.shape[1]))


@partial(jax.jit, static_argnums=(3, 4))
def _begin(states: Array, layout: Layout, keys: Array, rows: int, directions: int) -> Bundle:
    def one(state: Array, layout: Layout, key: Array) -> Bundle:
        neurons = len(state)
        drawn = jax.random.normal(key, (neurons, rows)).T
        frame = _orthonormal(drawn, layout)[0]
        outside = jnp.roll(drawn[:directions], 1, axis=1) / jnp.sqrt(neurons)
        return Bundle(state, frame, begin_turn(outside, layout), jnp.asarray(False))

    return jax.vmap(one)(states, layout, keys)


@partial(jax.jit, static_argnames=("scheme",))
def advance(
    couplings: Couplings,
    unit: AbstractUnit,
    bundle: Bundle,
    span: Span,
    step: Scalar,
    noise: Scalar,
    scheme: str,
) -> tuple[Bundle, Measured]:
    """Advance every network over the span."""
    one = partial(_advance_one, unit=unit, span=span, step=step, noise=noise, scheme=scheme)
    batch = (*couplings, bundle)
    if jax.default_backend() == "cpu":
        # One product fills the cores; batched ones were no faster between 10 and 100 neurons.
        advanced: tuple[Bundle, Measured] = jax.lax.map(lambda each: one(*each), batch)
    else:
        advanced = jax.vmap(one)(*batch)
    return advanced


def _advance_one(
    blocks: Blocks,
    field: Float[Array, " neuron"],
    key: Key[Array, ""],
    bundle: Bundle,
    *,
    unit: AbstractUnit,
    span: Span,
    step: Scalar,
    noise: Scalar,
    scheme: str,
) -> tuple[Bundle, Measured]:
    layout, rows = blocks.layout, bundle.frame.shape[0]
    state_row = (jnp.arange(1 + rows + bundle.turn.outside.shape[0]) == 0)[:, None]

    def motion(vectors: Array) -> Array:
        """F(x), and F'(x) v of each tangent vector v, times the step; one product serves all where the weights are alike."""
        state = vectors[:1]
        rates = jnp.where(state_row, unit.rate(state), unit.rate_slope(state) * vectors)
        inputs = rates @ blocks.within
        if blocks.whole is not None:
            inputs = inputs.at[0].set(rates[0] @ blocks.whole)
        received = inputs[:1] + field
        by_state, by_field = unit.drift_slopes(state, received)
        return step * jnp.where(state_row, unit.drift(state, received), by_state * vectors + by_field * inputs)

    def one_step(index: Array, vectors: Array) -> Array:
        kick = jax.lax.cond(
            noise > 0.0,
            lambda: noise * jnp.sqrt(step) * jax.random.normal(jax.random.fold_in(key, span.first + index), (1, len(field))),
            lambda: jnp.zeros((1, len(field))),
        )
        # A scheme is linear in states and velocities, so on the tangent rows it is its own derivative. In units of the step
        # the step is 1, whatever its value: nothing is compiled again for another.
        return SCHEMES[scheme](motion, vectors, motion(vectors), 1.0, jnp.where(state_row, kick, 0.0))

    def interval(index: Array, carry: tuple[Bundle, Measured]) -> tuple[Bundle, Measured]:
        before, measured = carry
        first, last = index * span.steps // span.intervals, (index + 1) * span.steps // span.intervals
        vectors = jnp.concatenate([before.state[None], before.frame, before.turn.outside])
        vectors = jax.lax.fori_loop(first, last, one_step, vectors)
        state, moved, outside = vectors[0], vectors[1 : 1 + rows], vectors[1 + rows :]
        runaway = before.runaway | ~jnp.isfinite(jnp.mean(state**2))
        frame, columns, triangle = _orthonormal(moved, layout)
        growth, condition, triangle = _growth(moved[0], triangle, layout)
        turn, effect = carry_turn(before.turn._replace(outside=outside), columns, triangle, layout)
        after = Bundle(state, frame, turn, runaway)
        # A network that ran away is held where it last was finite.
        held = jax.tree.map(lambda old, new: jnp.where(runaway, old, new), before._replace(runaway=runaway), after)
        now = Measured(
            measured.growth + jnp.where(runaway, jnp.nan, growth),
            jnp.where(runaway, measured.condition, jnp.maximum(measured.condition, condition)),
            Effect(measured.effect.growth + effect.growth, jnp.maximum(measured.effect.largest, effect.largest)),
        )
        return held, now

    modes = layout.block_of_mode.shape[0]
    nothing = Effect(jnp.zeros(modes), jnp.zeros(modes))
    start = (bundle, Measured(jnp.zeros(modes + len(field)), jnp.ones(()), nothing))
    return jax.lax.fori_loop(0, span.intervals, interval, start)


def _orthonormal(rows: Float[Array, "row neuron"], layout: Layout) -> tuple[Array, Array, Array]:
    """The vectors of each block made orthonormal: again as rows, one by one (mode, neuron), and R."""
    member = layout.block_of_mode[:, None] == layout.block_of_neuron
    frame, triangle = jnp.linalg.qr(jnp.where(member, rows[layout.row_of_mode], 0.0).T)
    vectors = jnp.where(member, frame.T, 0.0)
    shared = jnp.zeros_like(rows).at[layout.row_of_mode].add(vectors)
    return shared.at[0].add(layout.alone), vectors, triangle


def _growth(
    first: Float[Array, " neuron"], triangle: Float[Array, "mode mode"], layout: Layout
) -> tuple[Array, Array, Array]:
    """Logarithms of growth of all modes, the condition, and R with ones where it is lost or nothing."""
    same = layout.block_of_mode[:, None] == layout.block_of_mode
    filling = layout.block_of_mode < 0
    factors = jnp.abs(jnp.diagonal(triangle))
    largest = jnp.max(jnp.where(same, factors, 0.0), axis=1)
    lost = factors < _LOST * largest
    ratio = jnp.where(filling, 1.0, largest / factors)
    condition = jnp.max(jnp.where(jnp.isnan(ratio), jnp.inf, ratio))
    alone = jnp.abs(first)
    # What over- or underflows is done again with shorter intervals, as what is ill-conditioned.
    condition = jnp.where(jnp.any(layout.alone & ~(alone > 0.0) | ~jnp.isfinite(alone)), jnp.inf, condition)
    growth = jnp.concatenate(
        [
            jnp.where(filling, jnp.nan, jnp.log(jnp.where(lost, 0.0, factors))),
            jnp.where(layout.alone, jnp.log(alone), jnp.nan),
        ]
    )
    safe = jnp.where(same & ~filling, triangle, 0.0)
    return growth, condition, safe + jnp.diag(jnp.where(filling | lost | (factors == 0.0), 1.0 - jnp.diagonal(safe), 0.0))
