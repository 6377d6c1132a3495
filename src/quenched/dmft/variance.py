"""The variance of the state and the covariance that never decays: two numbers on which all else rests."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from quenched.dmft.equal_pairs import pair_of_same, slope_pair
from quenched.dmft.potential import FULL_BEND, Resolution, choose_bend, energy, is_pinned, largest_variance, slope_pairs
from quenched.models import RandomNetwork
from quenched.numerics.bracket import illinois, newton_nearby
from quenched.numerics.linear import solve_small
from quenched.numerics.self_consistency import Newton, Residual

_TINY = Resolution(points=6, nodes=18)
# One Newton step from a residual of this size leaves its square.
_NEAR = 1e-6
# Enough for the 1e4 between the bounds; Newton does the rest.
_NARROWINGS = 11


class FirstGuess(NamedTuple):
    """Where the particle starts: v, y0 = v - c_inf, with derivatives, and how they were found."""

    variance: Float[Array, ""]
    decaying: Float[Array, ""]
    bend: Float[Array, ""]
    size: Float[Array, ""]
    """Of an energy that is wholly wrong, at least 1e8 times what rounding leaves of it."""
    coarse: tuple[Array, Array]
    steps: Array
    bounded: Bool[Array, ""]


def resolutions(solver: Newton) -> tuple[Resolution, Resolution]:
    """The rule on which the root is found, and the finer one that corrects it."""
    return Resolution(5 * solver.nodes // 8, solver.nodes), Resolution(solver.nodes, 2 * solver.nodes)


def find_start(model: RandomNetwork, solver: Newton, even: bool) -> FirstGuess:
    """Bracket, Newton on a coarse rule, and one step with derivatives on a finer one."""
    coarse, fine = resolutions(solver)
    fixed = jax.lax.stop_gradient(model)
    variance, decaying, pairs, bounded = _bracketed(fixed, even)
    bend = choose_bend(fixed, decaying, pairs, _TINY.rule)
    # What would be wholly wrong: 1 - W in the energy, and so much of y0 as the force towards rest. Not less than what
    # rounding leaves times 1e6, or Newton would chase the last bits.
    size = jnp.maximum(jnp.max(jnp.abs(1.0 - fixed.gain**2 * pairs)), 1e-9)
    sizes = (size, decaying * size)

    def scaled(unknowns: Array) -> tuple[Array, Array]:
        v = variance * unknowns[0]
        return v, v if even else decaying * unknowns[1]

    def residual(model: RandomNetwork, how: Resolution) -> Residual:
        def equations(unknowns: Float[Array, " unknown"]) -> Float[Array, " unknown"]:
            v, y0 = scaled(unknowns)
            pairs = slope_pairs(model, v, y0, bend, how, even)
            kick = 0.25 * model.noise**4 / y0**2
            first = (energy(model, pairs, bend, how.rule) - kick) / sizes[0]
            if even:
                return first[None]
            # At rest at infinite lag: c_inf = g^2 <phi phi'>. Where symmetry pins it at 0 its derivative is not looked at.
            pinned, rest = is_pinned(model), v - y0
            rates = rate_pair(model, jnp.where(pinned, 0.5 * v, rest), v, how.nodes)
            second = jnp.where(pinned, rest, rest - model.gain**2 * rates) / sizes[1]
            return jnp.stack([first, second])

        return equations

    # As `polish`, but with the Jacobian of the coarse rule, which is as good as the two rules agree.
    found = newton_nearby(residual(fixed, coarse), jnp.ones(1 if even else 2), _NEAR, solver.max_steps)
    v, y0 = scaled(found.unknowns - solve_small(found.jacobian, residual(model, fine)(found.unknowns)))
    return FirstGuess(v, y0, bend, jnp.maximum(size, 1e-6), scaled(found.unknowns), found.steps, bounded)


def rate_pair(model: RandomNetwork, covariance: Array, variance: Array, nodes: int) -> Array:
    """<phi phi'> at one covariance."""
    phi = model.activation
    return pair_of_same(phi, model.field, covariance, variance - covariance, phi.breakpoints, nodes)


def _bracketed(model: RandomNetwork, even: bool) -> tuple[Array, Array, Array, Array]:
    """v and y0 to the accuracy of a tiny rule, <phi' phi'> on it, and whether there is an upper bound."""
    high, bounded = largest_variance(model)
    low = jnp.log(jnp.maximum(0.24 * model.noise**2, 1e-4 * high))

    def excess(log_variance: Array) -> tuple[Array, tuple[Array, ...]]:
        variance = jnp.exp(log_variance)
        decaying = variance if even else variance - _resting_covariance(model, variance)
        pairs = slope_pairs(model, variance, decaying, FULL_BEND, _TINY, even)
        kinetic = energy(model, pairs, FULL_BEND, _TINY.rule) * decaying**2
        return (kinetic - 0.25 * model.noise**4) / variance**2, (decaying, pairs)

    log_variance, (decaying, pairs), _ = illinois(excess, low, jnp.log(high), _NARROWINGS)
    return jnp.exp(log_variance), decaying, pairs, bounded


def _resting_covariance(model: RandomNetwork, variance: Array) -> Array:
    """The smallest c = g^2 <phi phi'>(c): convex in c, so that Newton from 0 reaches it from below; v if there is none."""
    phi, squared = model.activation, model.gain**2

    def advance(_: Array, covariance: Array) -> Array:
        private = variance - covariance
        force = squared * rate_pair(model, covariance, variance, _TINY.nodes) - covariance
        slope = squared * slope_pair(phi, model.field, covariance, private, _TINY.nodes) - 1.0
        # Beyond the bottom of the convex function there is no root; the energy then is negative, which is all that matters.
        step = jnp.where(slope < -1e-9, -force / slope, 0.0)
        return jnp.clip(covariance + step, 0.0, (1.0 - 1e-9) * variance)

    return jnp.where(is_pinned(model), 0.0, jax.lax.fori_loop(0, 8, advance, jnp.zeros(())))
