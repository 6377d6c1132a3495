"""A trajectory and its tangent vectors, advanced together by the scheme and its exact derivative."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key

from quenched.couplings import AbstractCouplings
from quenched.dynamics.base import AbstractDynamics
from quenched.numerics.quadrature import Scalar
from quenched.observables.blocks import Blocks, Layout, rows_of
from quenched.observables.entries import Entries, Weights, inputs_from, transposed
from quenched.observables.inputs_in_time import Rows
from quenched.observables.rounding import Effect, Turn, begin_turn, carry_turn
from quenched.simulate.schemes import shaken
from quenched.units.base import AbstractUnit

# A growth smaller than this beside the largest is all rounding.
_LOST = 1e-13


class Couplings(NamedTuple):
    """What distinguishes the networks of a batch."""

    blocks: Blocks
    field: Float[Array, "network neuron"]
    keys: Key[Array, " network"]
    drive: Any = None
    """What is added to the field, or the inputs of dynamics of any kind: a function of the time, rows, or None. Its arrays
    have the axis of the networks."""


class Span(NamedTuple):
    """Steps `first` to `first + steps`, in `intervals` of nearly equal length, each ending with a QR decomposition."""

    first: Int[Array, ""] | int
    steps: Int[Array, ""] | int
    intervals: Int[Array, ""] | int


class Drawing(NamedTuple):
    """What is drawn at each step."""

    noise: Any
    fresh: AbstractCouplings | None


class Moving(NamedTuple):
    """One network, or dynamics of any kind, and how it is stepped."""

    blocks: Blocks
    field: Float[Array, " neuron"]
    key: Key[Array, ""]
    drive: Any
    span: Span
    step: Scalar
    drawing: Drawing
    scheme: str

    def kick(self, index: Array) -> Float[Array, " neuron"]:
        """The noise of a step."""
        noise, key, size = self.drawing.noise, jax.random.fold_in(self.key, self.span.first + index), len(self.field)
        return jax.lax.cond(
            jnp.any(noise > 0.0),
            lambda: noise * jnp.sqrt(self.step) * jax.random.normal(key, (size,)),
            lambda: jnp.zeros(size),
        )

    def driven(self, index: Array) -> Any:
        """What drives it at this step, None if nothing does."""
        now = self.span.first + index
        if isinstance(self.drive, Rows):
            return self.drive.at(now)
        return None if self.drive is None else self.drive(self.step * now)


# From the index of a step in its span, and the state with tangent vectors in rows, to those a step later.
OneStep = Callable[[Array, Array], Array]


class Bundle(NamedTuple):
    """A state and the tangent vectors there, orthonormal in each block. Of units with several variables `neuron` counts all
    of them: the first of all neurons, the second, ..."""

    state: Float[Array, "network neuron"]
    frame: Float[Array, "network row neuron"]
    turn: Turn
    runaway: Bool[Array, " network"]


class TangentGrowth(NamedTuple):
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


def advance(
    couplings: Couplings,
    moving: AbstractUnit | AbstractDynamics,
    bundle: Bundle,
    span: Span,
    step: Scalar,
    noise: Any,
    scheme: str,
    fresh: AbstractCouplings | None = None,
) -> tuple[Bundle, TangentGrowth]:
    """Advance every network over the span: neurons of a unit, coupled; or dynamics of any kind, in place of one network. Of
    `fresh` couplings new ones are drawn at every step."""
    numbers, functions = eqx.partition(moving, eqx.is_array_like)
    leaves, structure = jax.tree.flatten(functions)
    drawing = Drawing(noise, fresh)
    found: tuple[Bundle, TangentGrowth] = _advance(
        couplings, numbers, bundle, span, step, drawing, structure, tuple(leaves), scheme
    )
    return found


@partial(jax.jit, static_argnums=(6, 7, 8))
def _advance(
    couplings: Couplings,
    numbers: Any,
    bundle: Bundle,
    span: Span,
    step: Scalar,
    drawing: Drawing,
    structure: Any,
    leaves: tuple[Any, ...],
    scheme: str,
) -> tuple[Bundle, TangentGrowth]:
    moving = eqx.combine(numbers, jax.tree.unflatten(structure, leaves))
    one = partial(_advance_one, moving=moving, span=span, step=step, drawing=drawing, scheme=scheme)
    batch = (*couplings, bundle)
    if jax.default_backend() == "cpu":
        # One product fills the cores; batched ones were no faster between 10 and 100 neurons.
        advanced: tuple[Bundle, TangentGrowth] = jax.lax.map(lambda each: one(*each), batch)
    else:
        advanced = jax.vmap(one)(*batch)
    return advanced


def _advance_one(
    blocks: Blocks,
    field: Float[Array, " neuron"],
    key: Key[Array, ""],
    drive: Any,
    bundle: Bundle,
    *,
    moving: AbstractUnit | AbstractDynamics,
    span: Span,
    step: Scalar,
    drawing: Drawing,
    scheme: str,
) -> tuple[Bundle, TangentGrowth]:
    rows, layout = bundle.frame.shape[0], blocks.layout
    one = Moving(blocks, field, key, drive, span, step, drawing, scheme)
    one_step = _step_of_dynamics(one, moving) if isinstance(moving, AbstractDynamics) else _step_of_neurons(one, moving)

    def interval(index: Array, carry: tuple[Bundle, TangentGrowth]) -> tuple[Bundle, TangentGrowth]:
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
        now = TangentGrowth(
            measured.growth + jnp.where(runaway, jnp.nan, growth),
            jnp.where(runaway, measured.condition, jnp.maximum(measured.condition, condition)),
            Effect(measured.effect.growth + effect.growth, jnp.maximum(measured.effect.largest, effect.largest)),
        )
        return held, now

    modes = layout.block_of_mode.shape[0]
    nothing = Effect(jnp.zeros(modes), jnp.zeros(modes))
    start = (bundle, TangentGrowth(jnp.zeros(modes + len(layout.alone)), jnp.ones(()), nothing))
    return jax.lax.fori_loop(0, span.intervals, interval, start)


def _step_of_neurons(one: Moving, unit: AbstractUnit) -> OneStep:
    several, neurons = unit.state_size > 1, len(one.field)
    blocks, field, step, fresh, scheme = one.blocks, one.field, one.step, one.drawing.fresh, one.scheme

    def split(vectors: Array) -> Array:
        """(row, variable, neuron) of units with several variables."""
        return vectors.reshape(len(vectors), unit.state_size, neurons) if several else vectors

    def speeds(vectors: Array, index: Array, weights: tuple[Weights, Weights | None]) -> Array:
        """The speed of the state, and its derivative along each tangent vector; one product serves all where the weights are
        alike."""
        within, whole = weights
        state_row = (jnp.arange(len(vectors)) == 0)[:, None]
        parted = split(vectors)
        state, slope = parted[0], unit.rate_slope(parted[0])
        changed = jnp.einsum("vn,rvn->rn", slope, parted) if several else slope * parted
        rates = jnp.where(state_row, unit.rate(state), changed)
        inputs = inputs_from(rates, within)
        if whole is not None:
            inputs = inputs.at[:1].set(inputs_from(rates[:1], whole))
        driven = one.driven(index)
        received = inputs[0] + field + (0.0 if driven is None else driven)
        along, by_field = unit.speed_slopes(state, received)
        if several:
            turned = jnp.einsum("wvn,rvn->rwn", along, parted) + by_field * inputs[:, None]
            return turned.at[0].set(unit.speed(state, received)).reshape(vectors.shape)
        return jnp.where(state_row, unit.speed(state, received), along * vectors + by_field * inputs)

    def moved(vectors: Array, speed: Array, kick: Array) -> Array:
        """A step at this speed. Where nothing is known better it is linear, hence its own derivative."""
        if unit.advances_plainly:
            after = speed if unit.kind == "map" else vectors + step * speed
        else:
            parted, speed = split(vectors), split(speed)
            first, linear = jax.linearize(lambda x, s: unit.advance(x, s, step, scheme), parted[0], speed[0])
            after = jnp.concatenate([first[None], jax.vmap(linear)(parted[1:], speed[1:])]).reshape(vectors.shape)
        return after.at[0].set(shaken(unit, split(after)[0], kick).reshape(-1))

    def one_step(index: Array, vectors: Array) -> Array:
        kick = one.kick(index)
        weights_key = jax.random.fold_in(jax.random.fold_in(one.key, _FRESH), one.span.first + index)
        weights = _weights_now(blocks, fresh, neurons, weights_key)
        now = speeds(vectors, index, weights)
        ahead = moved(vectors, now, kick)
        if unit.kind == "map" or scheme == "euler":
            return ahead
        return moved(vectors, 0.5 * (now + speeds(ahead, index + 1, weights)), kick)

    return one_step


def _step_of_dynamics(one: Moving, dynamics: AbstractDynamics) -> OneStep:
    def speeds(vectors: Array, index: Array) -> Array:
        """The velocity, of a map the next state, and its derivative along each tangent vector."""
        inputs = one.driven(index)
        function = dynamics.trajectory_step if dynamics.kind == "map" else dynamics.residual
        speed, linear = jax.linearize(lambda state: function(state, inputs), vectors[0])
        return jnp.concatenate([speed[None], jax.vmap(linear)(vectors[1:])])

    def one_step(index: Array, vectors: Array) -> Array:
        now, kick = speeds(vectors, index), one.kick(index)
        if dynamics.kind == "map":
            return now.at[0].add(kick)
        ahead = (vectors + one.step * now).at[0].add(kick)
        if one.scheme == "euler":
            return ahead
        return (vectors + 0.5 * one.step * (now + speeds(ahead, index + 1))).at[0].add(kick)

    return one_step


# Sets the keys of fresh couplings apart from those of the noise, which are folded with the number of the step.
_FRESH = 2**31 - 1


def _weights_now(
    blocks: Blocks, fresh: AbstractCouplings | None, size: int, key: Key[Array, ""]
) -> tuple[Weights, Weights | None]:
    """Weights within the blocks, and those of the whole network where they differ, at one step; transposed."""
    if fresh is None:
        return blocks.within, blocks.whole
    drawn = transposed(fresh.draw(size, key))
    if isinstance(drawn, Entries):
        # All are one block.
        return drawn, None
    block = blocks.layout.block_of_neuron[:size]
    return jnp.where(block[:, None] == block, drawn, 0.0), drawn


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
