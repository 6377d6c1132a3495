"""What is known of a point that a search returned: whether a root is proven nearby, and what the root is like."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from quenched.dynamics.base import AbstractDynamics, without_derivatives
from quenched.dynamics.flow_and_map import SpeedDescent

# Candidates closer than this are one, unless rounding already hides more; certified roots are told apart by their radius.
CLOSER = 1e-9
_MOST_NEWTON_STEPS, _ROUNDING = 30, 1e-13
# What is lost in computing F, relative to the state and F'; and the condition of F' from which it counts as singular.
_EPSILON, _SINGULAR = 1e-15, 1e10
# Of a ghost: the least curvature, relative to the largest; the least speed, and how far from where a descent ended it may
# be, relative to the state.
_FLAT, _MOVES, _NEAR = 1e-12, 1e-12, 1e-2


class CertifiedRoot(NamedTuple):
    """A fixed point after its last Newton step."""

    state: Float[Array, " neuron"]
    residual: Float[Array, ""]
    energy: Float[Array, ""]
    certificate: Float[Array, ""]
    radius: Float[Array, ""]
    """No other root is closer, in the largest difference of any neuron; 0 where nothing is proven."""
    near: Float[Array, ""]
    """How far the root may be from the state, rounding included."""
    stretch: Float[Array, ""]
    """|F'^-1|, by which at most a small |F| is multiplied to give the distance to the root."""
    sign: Float[Array, ""]
    log_weight: Float[Array, ""]


def polish(
    dynamics: AbstractDynamics, state: Float[Array, " neuron"], inputs: Array | None
) -> tuple[Float[Array, " neuron"], Bool[Array, ""]]:
    """Newton's steps as long as they shrink, and whether they ended at rounding. The last carries the derivative of the root
    with respect to the dynamics (implicit function)."""
    fixed, settled = without_derivatives((dynamics, state))

    def newton(which: AbstractDynamics, at: Array) -> Array:
        return at - jnp.linalg.solve(fixed.jacobian(at, inputs), which.residual(at, inputs))

    def goes_on(carry: tuple[Array, Array, Array, Array]) -> Array:
        at, size, before, steps = carry
        shrinks = (size < 0.5 * before) & (size > _ROUNDING * (1.0 + jnp.max(jnp.abs(at))))
        return shrinks & (steps < _MOST_NEWTON_STEPS)

    def again(carry: tuple[Array, Array, Array, Array]) -> tuple[Array, Array, Array, Array]:
        at, size, _, steps = carry
        moved = newton(fixed, at)
        return moved, jnp.max(jnp.abs(moved - at)), jnp.where(steps == 0, jnp.inf, size), steps + 1

    begin = (settled, jnp.asarray(1e150), jnp.asarray(jnp.inf), jnp.asarray(0))
    settled, size, _, _ = jax.lax.while_loop(goes_on, again, begin)
    settled = jax.lax.stop_gradient(settled)
    return newton(dynamics, settled), size < CLOSER * (1.0 + jnp.max(jnp.abs(settled)))


def examine(dynamics: AbstractDynamics, root: Float[Array, " neuron"], inputs: Array | None) -> CertifiedRoot:
    """The Newton-Kantorovich number h = |F'^-1| L |F'^-1 F| in the largest-entry norm, L how fast F' changes.

    h < 1/2 proves a root within (1 - sqrt(1 - 2h))/(|F'^-1| L), and no other within (1 + sqrt(1 - 2h))/(|F'^-1| L).
    """
    jacobian, speed = dynamics.jacobian(root, inputs), dynamics.residual(root, inputs)
    inverse = jnp.linalg.inv(jacobian)
    sign, log_det = jnp.linalg.slogdet(-jacobian)
    stretch = jnp.max(jnp.sum(jnp.abs(inverse), axis=1))
    steepness = jnp.max(jnp.sum(jnp.abs(jacobian), axis=1))
    rounding = _EPSILON * (1.0 + steepness) * (1.0 + jnp.max(jnp.abs(root)))
    distance = jnp.max(jnp.abs(inverse @ speed)) + stretch * rounding
    lipschitz, valid = smoothness(dynamics, root, inputs)
    bend = stretch * lipschitz
    # On a line of fixed points F' is singular but for rounding, and nothing is known.
    regular = (stretch * steepness < _SINGULAR) & dynamics.admits(root, inputs)
    certificate = jnp.where(regular & (2.0 * distance < valid), bend * distance, jnp.inf)
    alone = (1.0 + jnp.sqrt(jnp.maximum(1.0 - 2.0 * certificate, 0.0))) / jnp.maximum(bend, 1e-300)
    radius = jnp.where(certificate < 0.5, jnp.minimum(alone, valid), 0.0)
    size, energy = jnp.max(jnp.abs(speed)), 0.5 * jnp.sum(speed**2)
    return CertifiedRoot(root, size, energy, certificate, radius, 2.0 * distance, stretch, sign, -log_det)


def smoothness(
    dynamics: AbstractDynamics, state: Float[Array, " neuron"], inputs: Array | None
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """How fast F' changes and how far from a state that holds, 0 where F itself jumps. Carries no derivatives."""
    dynamics, state = without_derivatives((dynamics, state))
    lipschitz, valid = dynamics.lipschitz(state, inputs)
    speed, jacobian = dynamics.residual(state, inputs), dynamics.jacobian(state, inputs)
    steepness = jnp.max(jnp.sum(jnp.abs(jacobian), axis=1))
    size = 1.0 + jnp.max(jnp.abs(state))
    reach = CLOSER * size
    corner = jax.random.rademacher(jax.random.key(0), state.shape, dtype=float)

    def change(direction: Array) -> Array:
        return jnp.max(jnp.abs(dynamics.residual(state + reach * direction, inputs) - speed))

    # Of a jump that phi has, its slope on either side knows nothing.
    most = 2.0 * reach * (steepness + lipschitz * reach) + 10.0 * _EPSILON * (1.0 + steepness) * size
    jumps = jnp.maximum(change(corner), change(-corner)) > most
    return lipschitz, jnp.where(jumps, 0.0, valid)


def ghost(
    dynamics: AbstractDynamics, state: Float[Array, " neuron"], inputs: Array | None
) -> tuple[Float[Array, " neuron"], Bool[Array, ""]]:
    """The stationary point of E near a state, and whether it is a minimum above zero for certain: Newton's steps settle
    there, the Hessian is positive beyond rounding, so is the speed, and no kink is there. A line of minima is none."""
    descent = SpeedDescent(dynamics)
    place, settled = polish(descent, state, inputs)
    hessian = -descent.jacobian(place, inputs)
    # Positive by more than rounding: less a little, it still has a Cholesky factor.
    factor = jnp.linalg.cholesky(hessian - _FLAT * jnp.linalg.norm(hessian) * jnp.eye(dynamics.size))
    moves = jnp.max(jnp.abs(dynamics.residual(place, inputs))) > _MOVES * (1.0 + jnp.max(jnp.abs(place)))
    near = jnp.max(jnp.abs(place - state)) < _NEAR * (1.0 + jnp.max(jnp.abs(state)))
    # On a kink of phi the Hessian is that of one side.
    _, valid = smoothness(dynamics, place, inputs)
    smooth = valid > CLOSER * (1.0 + jnp.max(jnp.abs(place)))
    return place, settled & near & jnp.all(jnp.isfinite(factor)) & moves & smooth
