"""What is known of a point that the search returned: whether a root is proven nearby, and what the root is like."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from quenched.activations import AbstractActivation
from quenched.models import Network

# Two certified roots closer than this, in the largest difference of any neuron, are one.
SAME_ROOT = 1e-6


class Root(NamedTuple):
    """A fixed point after its last Newton step, with the inverse Jacobian's answers."""

    state: Float[Array, " neuron"]
    residual: Float[Array, ""]
    energy: Float[Array, ""]
    certificate: Float[Array, ""]
    sign: Float[Array, ""]
    log_weight: Float[Array, ""]
    integrated_response: Float[Array, ""]
    rate_response: Float[Array, " neuron"]
    weight_response: Float[Array, " neuron"]


def refine(network: Network, state: Float[Array, " neuron"]) -> Float[Array, " neuron"]:
    """Two Newton steps; the last carries the derivative of the root with respect to the network (implicit function)."""
    settled, fixed = jax.lax.stop_gradient((state, network))
    settled = settled - jnp.linalg.solve(fixed.jacobian(settled), fixed.velocity(settled))
    return settled - jnp.linalg.solve(fixed.jacobian(settled), network.velocity(settled))


def examine(network: Network, curvature: Float[Array, ""], root: Float[Array, " neuron"]) -> Root:
    """The Newton-Kantorovich number h = |F'^-1| L |F'^-1 F| in the largest-entry norm, and what F'^-1 tells of the root.

    h < 1/2 proves a root within 2 |F'^-1 F|; L = |J| `curvature` with max|phi''| bounds how fast F' changes.
    """
    jacobian = network.jacobian(root)
    inverse = jnp.linalg.inv(jacobian)
    speed = network.velocity(root)
    sign, log_det = jnp.linalg.slogdet(-jacobian)
    slope = network.activation.slope(root)
    bend = _second_derivative(network.activation, root)

    coupling = network.dense_weights
    lipschitz = jnp.max(jnp.sum(jnp.abs(coupling), axis=1)) * curvature
    distance = jnp.max(jnp.abs(inverse @ speed))
    certificate = jnp.max(jnp.sum(jnp.abs(inverse), axis=1)) * lipschitz * distance
    for kink in network.activation.breakpoints:
        # F' jumps there: nothing is proven across it.
        certificate = jnp.where(jnp.min(jnp.abs(root - kink)) > 2.0 * distance, certificate, jnp.inf)
    # f added to the velocity moves the root by -F'^-1 f and its weight 1/|det F'| through phi''.
    inverse_weights = jnp.sum(inverse * coupling.T, axis=1)
    return Root(
        root,
        jnp.max(jnp.abs(speed)),
        0.5 * jnp.sum(speed**2),
        certificate,
        sign,
        -log_det,
        -jnp.mean(slope * jnp.diag(inverse)),
        -slope * jnp.diag(inverse),
        (bend * inverse_weights) @ inverse,
    )


def largest_curvature(activation: AbstractActivation) -> Float[Array, ""]:
    """max |phi''| on a fine grid of [-30, 30]: sampled, not proven; exact for piecewise linear phi away from its kinks."""
    return jnp.max(jnp.abs(_second_derivative(activation, jnp.asarray(np.linspace(-30.0, 30.0, 12001)))))


def _second_derivative(activation: AbstractActivation, state: Float[Array, "..."]) -> Float[Array, "..."]:
    return jax.jvp(activation.slope, (state,), (jnp.ones_like(state),))[1]


def same_root(states: Float[Array, "row neuron"], state: Float[Array, " neuron"]) -> Bool[Array, " row"]:
    """Which of the states are this one."""
    return jnp.max(jnp.abs(states - state), axis=1) < SAME_ROOT


def first_of_each(states: Float[Array, "row neuron"], valid: Bool[Array, " row"]) -> Bool[Array, " row"]:
    """Marks, among the valid states, the first of every group of equal ones."""
    rows = jnp.arange(len(states))

    def is_first(row: Array) -> Array:
        return valid[row] & ~jnp.any((rows < row) & valid & same_root(states, states[row]))

    return jax.lax.map(is_first, rows)
