"""A trajectory and its tangent vectors, advanced together by the scheme and its exact derivative."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key

from quenched.activations import AbstractActivation
from quenched.numerics.quadrature import Scalar
from quenched.simulate.schemes import SCHEMES
from quenched.status import RUNAWAY

# A growth smaller than this beside the largest is all rounding.
_LOST = 1e-13


class Couplings(NamedTuple):
    """What distinguishes the networks of a batch. Weights are transposed: vectors are rows."""

    weights: Float[Array, "network neuron neuron"]
    field: Float[Array, "network neuron"]
    keys: Key[Array, " network"]


class Bundle(NamedTuple):
    """Row 0 is the state x, the others an orthonormal frame of tangent vectors."""

    rows: Float[Array, "network row neuron"]
    runaway: Bool[Array, " network"]


class Span(NamedTuple):
    """Steps `first` to `first + steps`, in `intervals` of nearly equal length, each ending with a QR decomposition."""

    first: Int[Array, ""] | int
    steps: Int[Array, ""] | int
    intervals: Int[Array, ""] | int


def begin(states: Float[Array, "network neuron"], exponents: int, keys: Key[Array, " network"]) -> Bundle:
    """A random orthonormal frame at each state."""

    def frame(key: Array) -> Array:
        return jnp.linalg.qr(jax.random.normal(key, (states.shape[1], exponents)))[0].T

    rows = jnp.concatenate([states[:, None], jax.vmap(frame)(keys)], axis=1)
    return Bundle(rows, jnp.zeros(len(states), bool))


@partial(jax.jit, static_argnames=("scheme",))
def advance(
    couplings: Couplings,
    activation: AbstractActivation,
    bundle: Bundle,
    span: Span,
    step: Scalar,
    noise: Scalar,
    scheme: str,
) -> tuple[Bundle, Float[Array, "network mode"], Float[Array, " network"]]:
    """Advance every network over the span.

    Returns the bundle at its end, the logarithms of the growth of the frame's volumes in order of the modes, and the largest
    ratio of growths within one interval: the condition number of the frame just before it was made orthonormal.
    """
    one = partial(_advance_one, activation=activation, span=span, step=step, noise=noise, scheme=scheme)
    batch = (*couplings, *bundle)
    if jax.default_backend() == "cpu":
        # One product fills the cores; batched ones were no faster between 10 and 100 neurons.
        rows, runaway, growth, condition = jax.lax.map(lambda each: one(*each), batch)
    else:
        rows, runaway, growth, condition = jax.vmap(one)(*batch)
    return Bundle(rows, runaway), growth, condition


def _advance_one(
    weights: Float[Array, "neuron neuron"],
    field: Float[Array, " neuron"],
    key: Key[Array, ""],
    rows: Float[Array, "row neuron"],
    runaway: Bool[Array, ""],
    *,
    activation: AbstractActivation,
    span: Span,
    step: Scalar,
    noise: Scalar,
    scheme: str,
) -> tuple[Array, Array, Array, Array]:
    state_row = (jnp.arange(rows.shape[0]) == 0)[:, None]

    def motion(rows: Array) -> Array:
        """F(x) and F'(x) v of each tangent vector v, times the step: one product serves all."""
        state = rows[:1]
        rates = jnp.where(state_row, activation(state), activation.slope(state) * rows)
        return step * (-rows + rates @ weights + jnp.where(state_row, field, 0.0))

    def one_step(index: Array, rows: Array) -> Array:
        kick = jax.lax.cond(
            noise > 0.0,
            lambda: noise * jnp.sqrt(step) * jax.random.normal(jax.random.fold_in(key, span.first + index), rows.shape[1:]),
            lambda: jnp.zeros(rows.shape[1:]),
        )
        # A scheme is linear in states and velocities, so on the tangent rows it is its own derivative. In units of the step
        # the step is 1, whatever its value: nothing is compiled again for another.
        return SCHEMES[scheme](motion, rows, motion(rows), 1.0, jnp.where(state_row, kick, 0.0))

    def interval(index: Array, carry: tuple[Array, ...]) -> tuple[Array, ...]:
        before, runaway, growth, condition = carry
        first, last = index * span.steps // span.intervals, (index + 1) * span.steps // span.intervals
        after = jax.lax.fori_loop(first, last, one_step, before)
        runaway |= ~(jnp.mean(after[0] ** 2) < RUNAWAY)
        frame, triangle = jnp.linalg.qr(after[1:].T)
        factors = jnp.abs(jnp.diagonal(triangle))
        largest = jnp.max(factors)
        logarithms = jnp.log(jnp.where(factors < _LOST * largest, 0.0, factors))
        ratio = largest / jnp.min(factors)
        ratio = jnp.where(jnp.isnan(ratio), jnp.inf, ratio)
        # A network that ran away is held where it last was finite.
        rows = jnp.where(runaway, before, jnp.concatenate([after[:1], frame.T]))
        growth = jnp.where(runaway, jnp.nan, growth + logarithms)
        return rows, runaway, growth, jnp.where(runaway, condition, jnp.maximum(condition, ratio))

    start = (rows, runaway, jnp.zeros(rows.shape[0] - 1), jnp.ones(()))
    return jax.lax.fori_loop(0, span.intervals, interval, start)
