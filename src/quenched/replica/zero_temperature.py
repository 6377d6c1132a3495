"""Replica theory in the limit of zero temperature: the fixed points, each with weight 1/|det F'|."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array

from quenched.models import RandomNetwork
from quenched.numerics.self_consistency import Newton, Root, newton, polish
from quenched.replica.branches import computed, cool
from quenched.replica.zero_overlap import check_no_noise, check_odd_without_field, equations, neuron_averages
from quenched.theory import AbstractTheory, Computed, Start

# The branch is followed down to here before the limit is taken; widths below the second number count as zero.
_COLD, _ZERO_WIDTH = 1e-10, 1e-9


class ZeroTemperature(AbstractTheory):
    """The limit T to 0 of `FiniteTemperature`, zero-overlap branch: not a small temperature, T = 0 itself.

    The temperature enters the equations only through T/a = 1 - g^2 <phi^2>/a, a = T + g^2 q, which is regular at T = 0.
    With s = phi'(0), for symmetry gamma >= 0 and tanh-like phi:

        g < g_c = 1/(s (1 + gamma)):      q = 0 (as T),          S = s/(1 - gamma g^2 s S);
        g_c < g < 1/(s sqrt(1 + gamma)):  q = 0 (as sqrt(T)),    S = 1/(s g^2 (1 + gamma));
        above:                            q > 0.

    Returns:
        `self_overlap` q, `local_response` S (the response overlap itself, r = S sqrt(T), vanishes), `overlap`,
        `response_overlap`, `self_response_overlap`, `energy`, `free_energy` (all 0), `mean_square_rate`,
        `mean_square_state`, each with `_error` from a second quadrature.

    Limits: gamma = 0: x is Gaussian, q is C and S is R of `qd.dmft.Static`. For gamma != 0 the two are different averages:
    this measure weighs each fixed point by 1/|det F'|, static DMFT by its index sign det(-F').

    Raises: ValueError for an activation that is not odd, a field, or noise.

    When it fails: where solutions q = 0 and q > 0 coexist (symmetry < 0; phi flat at 0) the one reached by cooling is
    returned. Linear phi
    at or above g_c has no solution.

    Source: limit of Qiu & Huang 2025; the three regimes are derived in quenched's documentation.

    Example:
        >>> import quenched as qd
        >>> solution = qd.solve(qd.RandomNetwork(gain=0.75, symmetry=0.5), qd.replica.ZeroTemperature())
        >>> print(f"{float(solution['local_response']):.6f}")
        1.185185
    """

    branches: ClassVar[tuple[str, ...]] = ("zero_overlap",)
    unknowns: ClassVar[tuple[str, ...]] = ("self_overlap", "local_response", "mean_square_state")
    citations: ClassVar[tuple[str, ...]] = ("qiu2025",)

    def default_solver(self) -> Newton:
        return Newton()

    def check(self, model: RandomNetwork, solver: Newton, start: Start) -> None:
        check_odd_without_field(model, "replica.ZeroTemperature")
        check_no_noise(model, "replica.ZeroTemperature")

    def coordinates(self) -> Mapping[str, Any]:
        return {}

    def compute(self, model: RandomNetwork, solver: Newton, start: Start) -> Computed:
        frozen, zero = jax.lax.stop_gradient(model), jnp.zeros(())
        cold = cool(frozen, jnp.asarray(_COLD), zero, solver)
        limit = newton(lambda u: equations(frozen, zero, u, solver.nodes), cold.unknowns, solver)
        collapsed = jnp.exp(limit.unknowns[0]) < _ZERO_WIDTH
        # The state of rest is in closed form; that Newton then only crept towards zero width is no failure.
        rests = collapsed | (~limit.converged & (jnp.exp(cold.unknowns[0]) < 1e-3))
        refined = polish(lambda u: equations(model, zero, u, 2 * solver.nodes), limit.unknowns)
        fine = _select(rests, _at_rest(model), _spread(model, refined, 2 * solver.nodes))
        coarse = _select(rests, _at_rest(frozen), _spread(frozen, limit.unknowns, solver.nodes))
        found = Root(
            limit.unknowns,
            jnp.where(rests, 0.0, limit.residual),
            cold.steps + limit.steps,
            jnp.where(rests, cold.converged, limit.converged),
        )
        return computed(fine, coarse, found)


def _spread(model: RandomNetwork, unknowns: Array, nodes: int) -> dict[str, Array]:
    width, response, delta = jnp.exp(unknowns[0]), unknowns[1], unknowns[2]
    found = neuron_averages(model, width, response, delta, nodes)
    return _observables(width * found.rate_square, response, found.state_square)


def _at_rest(model: RandomNetwork) -> dict[str, Array]:
    """q = 0: the linear regime around x = 0, below g_c and between the two lines."""
    slope = model.activation.slope(jnp.zeros(()))
    strength = (model.gain * slope) ** 2
    above = model.gain * (1.0 + model.symmetry) * jnp.abs(slope) > 1.0
    root = jnp.sqrt(jnp.where(above, 1.0, 1.0 - 4.0 * model.symmetry * strength))
    below_critical = 2.0 * slope / (1.0 + root)
    above_critical = slope / jnp.where(above, strength * (1.0 + model.symmetry), 1.0)
    zero = jnp.zeros_like(below_critical)
    return _observables(zero, jnp.where(above, above_critical, below_critical), zero)


def _observables(self_overlap: Array, response: Array, state_square: Array) -> dict[str, Array]:
    zero = jnp.zeros_like(response)
    return {
        "self_overlap": self_overlap,
        "overlap": zero,
        "self_response_overlap": zero,
        "response_overlap": zero,
        "local_response": response,
        "energy": zero,
        "free_energy": zero,
        "mean_square_rate": self_overlap,
        "mean_square_state": state_square,
    }


def _select(condition: Array, yes: dict[str, Array], no: dict[str, Array]) -> dict[str, Array]:
    return {name: jnp.where(condition, yes[name], no[name]) for name in yes}
