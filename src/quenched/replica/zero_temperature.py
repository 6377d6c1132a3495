"""Replica theory in the limit of zero temperature: the fixed points, each with weight 1/|det F'|."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array

from quenched.models import RandomNetwork
from quenched.numerics.self_consistency import Newton, Root, newton, polish
from quenched.replica import overlapping
from quenched.replica.branches import BYTES_PER_POINT, computed, cool, default_branch, seeded
from quenched.replica.one_state import OneState, one_state
from quenched.replica.overlapping import Rule
from quenched.replica.stability import replicon_eigenvalue
from quenched.replica.zero_overlap import (
    check_integrals,
    check_no_noise,
    check_odd_without_field,
    equations,
    neuron_averages,
)
from quenched.status import Status
from quenched.theory import AbstractTheory, Computed, Start

# The branch is followed down to here before the limit is taken; widths below the second number count as zero.
_COLD, _ZERO_WIDTH = 1e-10, 1e-9
# With many fixed points the limit is regular: it is taken from here.
_WARM = 1e-3


class ZeroTemperature(AbstractTheory):
    """The limit T to 0 of `FiniteTemperature`: not a small temperature, T = 0 itself.

    Branch "zero_overlap" (odd phi, no field; the default there). The temperature enters the equations only through
    T/a = 1 - g^2 <phi^2>/a, a = T + g^2 q, which is regular at T = 0. With s = phi'(0), for symmetry gamma >= 0 and
    tanh-like phi:

        g < g_c = 1/(s (1 + gamma)):      q = 0 (as T),          S = s/(1 - gamma g^2 s S);
        g_c < g < 1/(s sqrt(1 + gamma)):  q = 0 (as sqrt(T)),    S = 1/(s g^2 (1 + gamma));
        above:                            q > 0.

    Branch "ordered" (a field, or phi not odd). While there is one fixed point, 1 - g^2 <chi^2> > 0 with the susceptibility
    chi of a neuron, q = Q, S is R of `qd.dmft.Static`, and q - Q vanishes as T. Beyond, q > Q at T = 0.

    Returns:
        `self_overlap` q, `overlap` Q, `local_response` S, `conjugate_overlap` V/g^2, `mean_square_rate`,
        `mean_square_state`; those that vanish, `self_response_overlap`, `response_overlap`, `energy`, `free_energy`, and
        what they are in powers of T:
        `spread_exponent` p and `spread_prefactor`, q - Q = prefactor T^p; `energy_per_temperature` lim E/(N T);
        `scaled_self_response_overlap` lim r/sqrt(T) = S + tau and `scaled_response_overlap` lim R/sqrt(T) = tau.
        Each but the exponent with `_error` from a second quadrature. `replicon_eigenvalue` on the ordered branch.

    Limits: gamma = 0, no field: x is Gaussian, q is C and S is R of `qd.dmft.Static`. For gamma != 0 the two are different
    averages where there are many fixed points: this measure weighs each by 1/|det F'|, static DMFT by its index
    sign det(-F').

    Raises: ValueError for noise; on the branch "zero_overlap" for an activation that is not odd and a field; on the branch
    "ordered" without field for odd phi (that phase is unstable at low T: use `OneStepRSB` at a small one), and for phi with
    kinks (<x-hat x-hat'> diverges as T^(-1/2) there: use `FiniteTemperature`).

    When it fails: where solutions q = 0 and q > 0 coexist (symmetry < 0; phi flat at 0) the one reached by cooling is
    returned. Linear phi at or above g_c has no solution. Prefactors are infinite on the lines themselves.

    Source: limit of Qiu & Huang 2025; the three regimes, and the limit with overlaps, are derived in the documentation.

    Example:
        >>> import quenched as qd
        >>> solution = qd.solve(qd.RandomNetwork(gain=0.75, symmetry=0.5), qd.replica.ZeroTemperature())
        >>> print(f"{float(solution['local_response']):.6f}")
        1.185185
    """

    branches: ClassVar[tuple[str, ...]] = ("zero_overlap", "ordered")
    unknowns: ClassVar[tuple[str, ...]] = ("self_overlap", "local_response", "mean_square_state")
    citations: ClassVar[tuple[str, ...]] = ("qiu2025",)

    def default_solver(self) -> Newton:
        return Newton()

    def default_branch(self, models: Sequence[RandomNetwork], values: Mapping[str, Any] | None) -> str:
        return default_branch(models)

    def check(self, model: RandomNetwork, solver: Newton, start: Start) -> None:
        check_no_noise(model, "replica.ZeroTemperature")
        check_integrals(model, 0.0, "replica.ZeroTemperature")
        if start.values is not None:
            raise ValueError(
                "Argument `start` must be the name of a branch for replica.ZeroTemperature, which cools down by itself, but "
                "holds order parameters; to start from those use qd.replica.FiniteTemperature at a small temperature."
            )
        if start.branch == "zero_overlap":
            check_odd_without_field(model, "replica.ZeroTemperature")
        else:
            check_one_state(model)

    def bytes_per_point(self, solver: Newton, start: Start) -> int:
        return 0 if start.branch == "zero_overlap" else BYTES_PER_POINT

    def coordinates(self) -> Mapping[str, Any]:
        return {}

    def compute(self, model: RandomNetwork, solver: Newton, start: Start) -> Computed:
        branch = _zero_overlap if start.branch == "zero_overlap" else _ordered
        return branch(model, solver)


def check_one_state(model: RandomNetwork) -> None:
    """What the ordered branch covers."""
    field = model.constant_field("replica.ZeroTemperature")
    if model.activation.odd and not isinstance(field, jax.core.Tracer) and field == 0:
        raise ValueError(
            'Argument `start` must be "zero_overlap" for odd phi without field at T = 0, but is "ordered": that phase is '
            "unstable at low temperature; use qd.replica.OneStepRSB at a small one."
        )
    if model.activation.breakpoints:
        raise ValueError(
            f"Argument `activation` must be smooth for replica.ZeroTemperature with a field, but {model.activation.name} "
            "has kinks: <x-hat x-hat'> diverges there as T^(-1/2); use qd.replica.FiniteTemperature, or qd.dmft.Static."
        )


def _zero_overlap(model: RandomNetwork, solver: Newton) -> Computed:
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
    outcome = computed(fine, coarse, found)
    exists = jnp.asarray(model.field) == 0.0
    outcome = outcome._replace(status=jnp.where(exists, outcome.status, Status.no_such_branch))
    if 0.0 in model.activation.breakpoints:
        # phi'' may jump there: other powers.
        return outcome
    exponent, prefactor = _law_at_rest(model)
    q = outcome.arrays["self_overlap"]
    return _with_law(
        outcome,
        jnp.where(rests, exponent, 0.0),
        jnp.where(rests, prefactor, q),
        jnp.where(rests, 0.0, outcome.arrays["self_overlap_error"]),
    )


def _ordered(model: RandomNetwork, solver: Newton) -> Computed:
    """One fixed point, or else many: the equations of a low temperature at T = 0."""
    frozen, zero = jax.lax.stop_gradient(model), jnp.zeros(())
    fine_one, coarse_one = one_state(model, solver)
    warm = seeded(frozen, jnp.asarray(_WARM), zero, solver)

    def residual(unknowns: Array) -> Array:
        return overlapping.residuals(frozen, zero, zero, overlapping.alike(unknowns), Rule(solver.nodes))

    # Where the limit has no width, derivatives of what is then not used must still be finite.
    one = fine_one.exists
    somewhere = jnp.where(one, _WARM, 0.0)

    def finer(unknowns: Array) -> Array:
        return overlapping.residuals(model, somewhere, zero, overlapping.alike(unknowns), Rule(2 * solver.nodes))

    limit = newton(residual, warm.unknowns, solver)
    at = jnp.where(one, warm.unknowns, limit.unknowns)
    refined = polish(finer, at)
    fine_many, fits = _many_states(model, refined, 2 * solver.nodes)
    coarse_many, _ = _many_states(frozen, at, solver.nodes)
    fine = _select(one, _one_observables(fine_one), fine_many)
    coarse = _select(one, _one_observables(coarse_one), coarse_many)
    exponent = jnp.where(one, 1.0, 0.0)
    prefactors = [
        jnp.where(one, state.spread_per_temperature, many["self_overlap"] - many["overlap"])
        for state, many in ((fine_one, fine_many), (coarse_one, coarse_many))
    ]
    found = Root(limit.unknowns, jnp.where(one, 0.0, limit.residual), warm.steps + limit.steps, one | limit.converged)
    outcome = computed(fine, coarse, found)
    status = jnp.where((outcome.status == Status.solved) & ~one & ~fits, Status.coarse_quadrature, outcome.status)
    error = jnp.abs(jax.lax.stop_gradient(prefactors[0]) - prefactors[1])
    return _with_law(outcome._replace(status=status), exponent, prefactors[0], error)


def _one_observables(state: OneState) -> dict[str, Array]:
    arrays = _observables(state.overlap, state.response, state.state_square, state.overlap, state.cross_response)
    return arrays | {"conjugate_overlap": state.conjugate_overlap, "replicon_eigenvalue": state.margin}


def _many_states(model: RandomNetwork, unknowns: Array, nodes: int) -> tuple[dict[str, Array], Array]:
    found, zero = overlapping.alike(unknowns), jnp.zeros(())
    assert found.between is not None
    true, width, square = (
        overlapping.averages(model, zero, zero, found, Rule(nodes)),
        jnp.exp(found.log_width),
        model.gain**2,
    )
    overlap, cross_response, reaction = found.between
    arrays = _observables(overlap + width / square, found.response, true.state_square, overlap, cross_response)
    return arrays | {
        "conjugate_overlap": reaction / (width * square),
        "replicon_eigenvalue": replicon_eigenvalue(true.products, jnp.asarray(model.gain), jnp.asarray(model.symmetry)),
    }, true.fits


def _with_law(outcome: Computed, exponent: Array, prefactor: Array, error: Array) -> Computed:
    """q - Q = prefactor T^exponent."""
    law = {"spread_exponent": exponent, "spread_prefactor": prefactor, "spread_prefactor_error": error}
    return outcome._replace(arrays=outcome.arrays | law)


def _spread(model: RandomNetwork, unknowns: Array, nodes: int) -> dict[str, Array]:
    width, response, delta = jnp.exp(unknowns[0]), unknowns[1], unknowns[2]
    found = neuron_averages(model, width, response, delta, nodes)
    zero = jnp.zeros_like(response)
    return _observables(width * found.rate_square, response, found.state_square, zero, zero)


def _at_rest(model: RandomNetwork) -> dict[str, Array]:
    """q = 0: the linear regime around x = 0, below g_c and between the two lines."""
    slope = model.activation.slope(jnp.zeros(()))
    strength = (model.gain * slope) ** 2
    above = model.gain * (1.0 + model.symmetry) * jnp.abs(slope) > 1.0
    root = jnp.sqrt(jnp.where(above, 1.0, 1.0 - 4.0 * model.symmetry * strength))
    below_critical = 2.0 * slope / (1.0 + root)
    above_critical = slope / jnp.where(above, strength * (1.0 + model.symmetry), 1.0)
    zero = jnp.zeros_like(below_critical)
    return _observables(zero, jnp.where(above, above_critical, below_critical), zero, zero, zero)


def _law_at_rest(model: RandomNetwork) -> tuple[Array, Array]:
    """p and c of q = c T^p: with phi = s x - t x^3 and in units g s of the gain, t/s^3 and s^2 T,

    below g_c  q = T S^2/(1 - g^2 S^2),  above  q^2 = T delta/(6 t [1/(1 + gamma) - g^2]),  delta = 1 - 1/(g (1 + gamma))^2.
    """
    origin = jnp.zeros(())
    slope = model.activation.slope(origin)
    cubic = -jax.grad(jax.grad(model.activation.slope))(origin) / 6.0
    strength, ratio = (model.gain * slope) ** 2, 1.0 + model.symmetry
    above = model.gain * ratio * jnp.abs(slope) > 1.0
    response = _at_rest(model)["local_response"]
    left = jnp.where(above, 1.0, 1.0 - (model.gain * response) ** 2)
    linear = jnp.where(left > 0.0, response**2 / jnp.where(left > 0.0, left, 1.0), jnp.inf)
    # The first factor is 1/(1 + gamma) - g^2, positive up to the line where q > 0.
    open_side = 6.0 * cubic / slope**3 * (1.0 / jnp.maximum(ratio, 1e-300) - strength)
    delta = 1.0 - 1.0 / jnp.where(above, strength * ratio**2, 2.0)
    fits = above & (open_side > 0.0)
    root = jnp.sqrt(jnp.where(fits, slope**2 * delta / jnp.where(fits, open_side, 1.0), 1.0))
    return jnp.where(above, 0.5, 1.0), jnp.where(above, jnp.where(fits, root, jnp.inf), linear)


def _observables(
    self_overlap: Array, response: Array, state_square: Array, overlap: Array, cross_response: Array
) -> dict[str, Array]:
    zero = jnp.zeros_like(response)
    return {
        "self_overlap": self_overlap,
        "overlap": overlap,
        "self_response_overlap": zero,
        "response_overlap": zero,
        "scaled_self_response_overlap": response + cross_response,
        "scaled_response_overlap": cross_response,
        "local_response": response,
        "energy": zero,
        # N/2 thermal modes around a fixed point
        "energy_per_temperature": zero + 0.5,
        "free_energy": zero,
        "mean_square_rate": self_overlap,
        "mean_square_state": state_square,
    }


def _select(condition: Array, yes: dict[str, Array], no: dict[str, Array]) -> dict[str, Array]:
    return {name: jnp.where(condition, yes[name], no[name]) for name in yes}
