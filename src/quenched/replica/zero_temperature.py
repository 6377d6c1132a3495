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
from quenched.replica.branches import bytes_per_point, computed, cool, default_branch, observables, seeded
from quenched.replica.low_temperature_laws import Law, marginal, one_fixed_point
from quenched.replica.one_state import OneState, one_state
from quenched.replica.overlapping import Rule
from quenched.replica.stability import replicon_eigenvalue, zero_overlap_eigenvalue
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
_COLD, _ZERO_WIDTH = 1e-13, 1e-9
# What vanishes or diverges, where its logarithm is taken; ln of a factor by which q may miss a law, and prefactors for which
# it may miss it by more.
_FINITE, _OBEYED, _STEEP = (1e-200, 1e200), 2.3, 1e3
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

    For gamma < 0 the first and the last coexist between 1/(s sqrt(1 + gamma)) and g_c: the one that cooling leads to.

    Branch "ordered" (a field, or phi not odd). While there is one fixed point, 1 - g^2 <chi^2> > 0 with the susceptibility
    chi of a neuron, q = Q, S is R of `qd.dmft.Static`, and q - Q vanishes as T. Beyond, q > Q at T = 0.

    Returns:
        `self_overlap` q, `overlap` Q, `local_response` S, `conjugate_overlap` V/g^2, `mean_square_rate`,
        `mean_square_state`; those that vanish, `self_response_overlap`, `response_overlap`, `energy`, `free_energy`, and
        what they are in powers of T:
        `spread_exponent` p and `spread_prefactor`, q - Q = prefactor T^p; `energy_per_temperature` lim E/(N T);
        `scaled_self_response_overlap` lim r/sqrt(T) = S + tau and `scaled_response_overlap` lim R/sqrt(T) = tau.
        Each but the exponent with `_error` from a second quadrature. `replicon_eigenvalue`, and without overlap
        `zero_overlap_eigenvalue`: 1 - g^2 S^2 in the first regime, 0 in the second (gamma >= 0), in the third as at T > 0.

    Limits: gamma = 0, no field: x is Gaussian, q is C and S is R of `qd.dmft.Static`. For gamma != 0 the two are different
    averages where there are many fixed points: this measure weighs each by 1/|det F'|, static DMFT by its index
    sign det(-F').

    Raises:
        ValueError: noise; on the branch "zero_overlap" for an activation that is not odd and a field; on the branch
            "ordered" without field for odd phi (that phase is unstable at low T: use `OneStepRSB` at a small one), and for
            phi with kinks (<x-hat x-hat'> diverges as T^(-1/2) there: use `FiniteTemperature`).

    When it fails: where solutions q = 0 and q > 0 coexist (symmetry < 0; phi flat at 0) the one reached by cooling is
    returned; which of them has the smaller free energy is seen from `phase_diagram`. Linear phi at or above g_c has no
    solution. On the lines themselves, and where phi has no third derivative at 0, q falls by another power: exponent and
    prefactor are NaN. Within 1e-7 of the first line, and within 1e-4 above the second, where q < 1e-4, `out_of_steps`.

    Source: limit of Qiu & Huang 2025 (`qiu2025`); the three regimes, and the limit with overlaps, are derived in the
    documentation.

    Example:
        >>> import quenched as qd
        >>> solution = qd.solve(qd.RandomNetwork(gain=0.75, symmetry=0.5), qd.replica.ZeroTemperature())
        >>> print(f"{float(solution['local_response']):.6f}")
        1.185185
    """

    branches: ClassVar[tuple[str, ...]] = ("zero_overlap", "ordered")
    unknowns: ClassVar[tuple[str, ...]] = ("self_overlap", "local_response", "mean_square_state")
    equation: ClassVar[str] = (
        r"P(x)\propto\sum_{x^*:\,F(x^*)=0}\frac{\delta(x-x^*)}{|\det F^{\prime}(x^*)|},\quad "
        r"\text{the limit } T\to 0 \text{ of } e^{-E/T}"
    )
    citations: ClassVar[tuple[str, ...]] = ("qiu2025",)
    brief: ClassVar[bool] = True

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

    def in_range(self, model: RandomNetwork) -> Array:
        return super().in_range(model) & (model.noise == 0.0)

    def bytes_per_point(self, solver: Newton, start: Start) -> int:
        return 0 if start.branch == "zero_overlap" else bytes_per_point(solver.nodes)

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
            "Argument `activation` must be smooth for replica.ZeroTemperature where replicas overlap (a field, or phi not "
            f"odd), but {model.activation.name} has kinks or jumps: <x-hat x-hat'> diverges there as T^(-1/2); use "
            "qd.replica.FiniteTemperature, or qd.dmft.Static."
        )


def _zero_overlap(model: RandomNetwork, solver: Newton) -> Computed:
    """Of three laws of q the one that the coldest solution on the way down obeys best."""
    fixed, zero = jax.lax.stop_gradient(model), jnp.zeros(())
    cold = cool(fixed, jnp.asarray(_COLD), zero, solver)
    limit = newton(lambda u: equations(fixed, zero, u, solver.nodes), cold.unknowns, solver)
    spreads = limit.converged & (jnp.exp(limit.unknowns[0]) > _ZERO_WIDTH)
    # Where the limit has no width, derivatives of what is then not used must still be finite.
    unused = jnp.stack([jnp.log(1.0 + 0.5 * fixed.gain**2), zero, zero])
    at, somewhere = jnp.where(spreads, limit.unknowns, unused), jnp.where(spreads, 0.0, 1.0)
    refined = polish(lambda u: equations(model, somewhere, u, 2 * solver.nodes), at)
    fine, coarse = _laws(model, refined, 2 * solver.nodes), _laws(fixed, at, solver.nodes)

    cold_overlap = observables(fixed, jnp.asarray(_COLD), zero, cold.unknowns, solver.nodes)["self_overlap"]
    prefactors = jnp.stack([law.prefactor for law, _ in coarse])
    expected = jnp.clip(prefactors, *_FINITE) * _COLD ** jnp.stack([jnp.asarray(law.exponent) for law, _ in coarse])
    distance = jnp.abs(jnp.log(cold_overlap / expected))
    # Near its lines a law holds at a still lower temperature only.
    obeyed = (distance < _OBEYED) | (prefactors > _STEEP) | (prefactors == 0.0)
    exists = ~jnp.isnan(prefactors) & jnp.where(jnp.arange(len(coarse)) < 2, obeyed, spreads & (distance < _OBEYED))
    nearest = jnp.argmin(jnp.where(exists, distance, jnp.inf))

    def chosen(laws: Sequence[tuple[Law, dict[str, Array]]]) -> tuple[Array, dict[str, Array]]:
        """No derivative passes through what is not chosen."""
        pick = lambda *values: jnp.select([nearest == place for place in range(len(values))], values)  # noqa: E731
        return pick(*(law.prefactor for law, _ in laws)), jax.tree.map(pick, *(values for _, values in laws))

    (prefactor, values), (coarse_prefactor, coarse_values) = chosen(fine), chosen(coarse)
    residual = jnp.where(nearest == len(fine) - 1, limit.residual, 0.0)
    found = Root(limit.unknowns, residual, cold.steps + limit.steps, cold.converged & exists[nearest])
    outcome = computed(values, coarse_values, found)
    field_free = jnp.asarray(model.field) == 0.0
    outcome = outcome._replace(status=jnp.where(field_free, outcome.status, Status.no_such_branch))
    exponent = jnp.asarray([law.exponent for law, _ in fine])[nearest]
    return _with_law(outcome, exponent, prefactor, coarse_prefactor)


def _laws(model: RandomNetwork, unknowns: Array, nodes: int) -> list[tuple[Law, dict[str, Array]]]:
    """Each with the order parameters it has: two of q = 0, and the solution of the equations at T = 0."""
    zero, gain, symmetry = jnp.zeros(()), jnp.asarray(model.gain), jnp.asarray(model.symmetry)
    width, response, delta = jnp.exp(unknowns[0]), unknowns[1], unknowns[2]
    found = neuron_averages(model, width, response, delta, nodes)
    self_overlap = width * found.rate_square
    laws = [one_fixed_point(model), marginal(model), Law(0.0, self_overlap, response, delta)]
    squares = [(zero, zero), (zero, zero), (self_overlap, found.state_square)]
    values = []
    for law, (overlap, state_square) in zip(laws, squares, strict=True):
        # q (<e^2>/a - 1)/a, where q is a/g^2 or delta vanishes
        product = jnp.where(law.delta == 0.0, 0.0, -law.delta / jnp.where(gain > 0.0, gain, 1.0) ** 2)
        eigenvalue = zero_overlap_eigenvalue(gain, symmetry, law.response**2, product)
        values.append(
            _observables(overlap, law.response, state_square, zero, zero)
            | {"replicon_eigenvalue": eigenvalue, "zero_overlap_eigenvalue": eigenvalue}
        )
    return list(zip(laws, values, strict=True))


def _ordered(model: RandomNetwork, solver: Newton) -> Computed:
    """One fixed point, or else many: the equations of a low temperature at T = 0."""
    fixed, zero = jax.lax.stop_gradient(model), jnp.zeros(())
    fine_one, coarse_one = one_state(model, solver)

    def residual(unknowns: Array) -> Array:
        return overlapping.residuals(fixed, zero, zero, overlapping.replica_symmetric(unknowns), Rule(solver.nodes))

    def cooled() -> Root:
        warm = seeded(fixed, jnp.asarray(_WARM), zero, solver)
        limit = newton(residual, warm.unknowns, solver)
        return limit._replace(steps=warm.steps + limit.steps)

    def unused() -> Root:
        width = jnp.log(_WARM + fixed.gain**2 * coarse_one.overlap)
        unknowns = jnp.stack([width, coarse_one.response, zero, coarse_one.overlap, zero, zero])
        return Root(unknowns, zero, jnp.zeros((), jnp.int32), jnp.asarray(True), zero)

    # Where the limit has no width, derivatives of what is then not used must still be finite.
    one = fine_one.exists
    somewhere = jnp.where(one, _WARM, 0.0)
    found = jax.lax.cond(one, unused, cooled)

    def finer(unknowns: Array) -> Array:
        return overlapping.residuals(model, somewhere, zero, overlapping.replica_symmetric(unknowns), Rule(2 * solver.nodes))

    fine_many, fits = _many_states(model, polish(finer, found.unknowns), 2 * solver.nodes)
    coarse_many, _ = _many_states(fixed, found.unknowns, solver.nodes)
    fine = _select(one, _one_observables(fine_one), fine_many)
    coarse = _select(one, _one_observables(coarse_one), coarse_many)
    exponent = jnp.where(one, 1.0, 0.0)
    prefactor, coarse_prefactor = (
        jnp.where(one, state.spread_per_temperature, many["self_overlap"] - many["overlap"])
        for state, many in ((fine_one, fine_many), (coarse_one, coarse_many))
    )
    outcome = computed(fine, coarse, found)
    status = jnp.where((outcome.status == Status.solved) & ~one & ~fits, Status.coarse_quadrature, outcome.status)
    return _with_law(outcome._replace(status=status), exponent, prefactor, coarse_prefactor)


def _one_observables(state: OneState) -> dict[str, Array]:
    arrays = _observables(state.overlap, state.response, state.state_square, state.overlap, state.cross_response)
    return arrays | {"conjugate_overlap": state.conjugate_overlap, "replicon_eigenvalue": state.margin}


def _many_states(model: RandomNetwork, unknowns: Array, nodes: int) -> tuple[dict[str, Array], Array]:
    found, zero = overlapping.replica_symmetric(unknowns), jnp.zeros(())
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


def _with_law(outcome: Computed, exponent: Array, prefactor: Array, coarse: Array) -> Computed:
    """q - Q = prefactor T^exponent; on the finer quadrature, and on the other. On a line the power is another."""
    finite = jnp.isfinite(prefactor)
    exponent, prefactor = jnp.where(finite, exponent, jnp.nan), jnp.where(finite, prefactor, jnp.nan)
    error = jnp.abs(jax.lax.stop_gradient(prefactor) - coarse)
    law = {"spread_exponent": exponent, "spread_prefactor": prefactor, "spread_prefactor_error": error}
    return outcome._replace(arrays=outcome.arrays | law)


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
