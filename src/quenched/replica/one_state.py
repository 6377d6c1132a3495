"""Zero temperature where each neuron has one state in the field of the others: all replicas freeze into it.

To lowest order the weight of one neuron is a Gaussian of width sqrt(a) around e = 0, a = T + g^2 (q - Q) of order T; Q and S
are C and R of static DMFT. With chi = phi'/(1 - G phi') and d_e = (1 - G phi')^-1 d/dx,

    <e>/a = d_e psi,   Var e/a - 1 = a d_e^2 psi,   psi = h phi - g^2 D phi^2/2 - ln(1 - G phi'),
    (q - Q)/T = E chi^2/(1 - g^2 E chi^2),

so that D = -E d_e^2 psi and tau = E[phi d_e psi] are two linear equations, and V = g^2 E (d_e psi)^2 a third.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array

from quenched.dmft.one_neuron import states_and_weights
from quenched.dmft.static import Static, neuron_of
from quenched.models import RandomNetwork
from quenched.numerics.linear import solve_small
from quenched.numerics.self_consistency import Newton
from quenched.theory import Start

# Variance of the field where all neurons rest at the same place: averages are those of that place but for this much.
_NARROWEST = 1e-14


class OneState(NamedTuple):
    """Limits, and whether they hold."""

    overlap: Array
    response: Array
    cross_response: Array
    conjugate_overlap: Array
    spread_per_temperature: Array
    state_square: Array
    margin: Array
    """1 - g^2 E chi^2, the replicon eigenvalue; nothing holds unless it is positive."""
    exists: Array


def one_state(model: RandomNetwork, solver: Newton) -> tuple[OneState, OneState]:
    """On the finer quadrature and on the other."""
    static = Static().compute(model, solver, Start("stable")).arrays
    fixed = jax.lax.stop_gradient((model, static["correlation"], static["integrated_response"]))
    fine = _limits(model, static["correlation"], static["integrated_response"], 2 * solver.nodes)
    coarse = _limits(*fixed, solver.nodes)
    exists = (static["invertible"] == 1.0) & (static["stability_margin"] > 0.0)
    return fine._replace(exists=exists), coarse._replace(exists=exists)


def _limits(model: RandomNetwork, overlap: Array, response: Array, nodes: int) -> OneState:
    phi, square = model.activation, model.gain**2
    memory = model.symmetry * square * response
    x, weights = states_and_weights(neuron_of(model, overlap, response, _NARROWEST), nodes)

    def mean(values: Array) -> Array:
        return jnp.sum(weights * values)

    def along(of: Callable[[Array], Array]) -> Callable[[Array], Array]:
        return lambda x: jax.grad(of)(x) / (1.0 - memory * phi.slope(x))

    def measure(of: Callable[[Array], Array]) -> tuple[Array, Array]:
        """Its first and second derivative by e."""
        return jax.vmap(along(of))(x), jax.vmap(along(along(of)))(x)

    rate, drive = phi(x), x - memory * phi(x) - model.field
    by_rate, by_square, by_jacobian = (
        measure(of)
        for of in (phi, lambda x: -0.5 * square * phi(x) ** 2, lambda x: -jnp.log(jnp.abs(1.0 - memory * phi.slope(x))))
    )
    # E[h | M] = (gamma tau/Q) M
    scale = jnp.where(overlap > 0.0, overlap, 1.0)
    share = model.symmetry / scale * drive
    matrix = jnp.stack(
        [
            jnp.stack([1.0 - mean(share * by_rate[0] * rate), -mean(by_square[0] * rate)]),
            jnp.stack([mean(share * by_rate[1]), 1.0 + mean(by_square[1])]),
        ]
    )
    tau, delta = solve_small(matrix, jnp.stack([mean(by_jacobian[0] * rate), -mean(by_jacobian[1])]))
    chi_square = mean(by_rate[0] ** 2)
    margin = 1.0 - square * chi_square
    open_margin = jnp.where(margin > 0.0, margin, 1.0)
    mean_pull = tau * share * by_rate[0] + delta * by_square[0] + by_jacobian[0]
    pull = mean(mean_pull**2) - (model.symmetry * tau) ** 2 * square / scale * chi_square
    return OneState(
        overlap,
        response,
        tau,
        pull / open_margin,
        chi_square / open_margin,
        mean(x**2),
        margin,
        jnp.asarray(True),
    )
