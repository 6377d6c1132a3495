"""One step of replica symmetry breaking: replicas in groups that overlap within."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from quenched.models import RandomNetwork
from quenched.numerics.self_consistency import Newton, Root, newton, polish
from quenched.replica import overlapping
from quenched.replica.branches import BYTES_PER_POINT, computed, seeded
from quenched.replica.fields import Overlaps
from quenched.replica.finite_temperature import check_temperature
from quenched.replica.overlapping import OrderParameters, Rule
from quenched.replica.zero_overlap import check_no_noise, check_odd_without_field
from quenched.status import Status
from quenched.theory import AbstractTheory, Computed, Start

# Where dF/dm is looked at for a change of sign; an overlap that counts as none.
_SIZES = np.concatenate([[0.01, 0.03], np.linspace(0.06, 0.98, 24)])
_ROUGH, _NO_OVERLAP = 1e-6, 1e-8


class OneStepRSB(AbstractTheory):
    """One step of replica symmetry breaking for exp(-E/T): replicas in groups of m, overlap Q_1 within a group, 0 between.

    -F/(N T) = (g^2/2)[X_d q + (1 - m) V Q_1/g^2] - (gamma g^2/2)[(S + tau)^2 - (1 - m) tau^2] - ln(a/T)/2
               + (1/m) ln E (int w)^m,    X_d = D - V/g^2,    a = T + g^2 (q - Q_1),

    with the weight w of one neuron and the pair (M, h) of `FiniteTemperature`, averages over the pair reweighted by
    (int w)^m; stationary in all, m included. For odd phi without field, where `FiniteTemperature` has an unstable ordered
    branch: symmetry < 0, large gain, low temperature.

    Arguments:
        temperature: T of exp(-E/T), greater than 0.
        confinement: c, at least 0.

    Returns:
        `breaking_parameter` m in (0, 1), `overlap_within` Q_1, `response_overlap_within` tau sqrt(T),
        `conjugate_overlap_within` V/g^2; `overlap` (1 - m) Q_1 and `response_overlap`, the means over pairs of replicas;
        `self_overlap` q, `self_response_overlap`, `local_response` S, `energy`, `free_energy`, `entropy`,
        `mean_square_rate`, `mean_square_state`, `replicon_eigenvalue` (negative: replicas of a group break apart again).
        Each with `_error` from a second quadrature.

    Limits: m to 0 is the ordered replica-symmetric branch, m to 1 the one without overlap.

    Raises: ValueError for temperature <= 0, confinement < 0, noise, a field, phi that is not odd.

    When it fails: `no_such_branch` where replica symmetry is not broken, or dF/dm has no zero in (0, 1). Low temperatures:
    as for the ordered branch of `FiniteTemperature`.

    Source: Parisi 1980; the measure is that of Qiu & Huang 2025; derived in the documentation.

    Example:
        >>> import quenched as qd
        >>> model, theory = qd.RandomNetwork(gain=3.0, symmetry=-0.5), qd.replica.OneStepRSB(temperature=0.2)
        >>> solution = qd.solve(model, theory)
        >>> print(f"{float(solution['breaking_parameter']):.4f} {float(solution['overlap_within']):.4f}")
        0.3148 0.3940
    """

    temperature: Any
    confinement: Any

    branches: ClassVar[tuple[str, ...]] = ("groups",)
    unknowns: ClassVar[tuple[str, ...]] = (
        "self_overlap",
        "overlap_within",
        "local_response",
        "response_overlap_within",
        "conjugate_overlap_within",
        "breaking_parameter",
        "energy",
        "mean_square_state",
    )
    citations: ClassVar[tuple[str, ...]] = ("qiu2025", "parisi1980")

    def __init__(self, temperature: Any, confinement: Any = 0.0):
        self.temperature, self.confinement = check_temperature(temperature, confinement)

    def default_solver(self) -> Newton:
        return Newton()

    def check(self, model: RandomNetwork, solver: Newton, start: Start) -> None:
        check_odd_without_field(model, "replica.OneStepRSB")
        check_no_noise(model, "replica.OneStepRSB")

    def bytes_per_point(self, solver: Newton, start: Start) -> int:
        return BYTES_PER_POINT

    def coordinates(self) -> Mapping[str, Any]:
        return {}

    def compute(self, model: RandomNetwork, solver: Newton, start: Start) -> Computed:
        temperature, confinement = jnp.asarray(self.temperature, float), jnp.asarray(self.confinement, float)
        frozen, cold, tight = jax.lax.stop_gradient((model, temperature, confinement))
        if start.values is None:
            rough = _sign_change(frozen, cold, tight, solver)
        else:
            rough = _given(frozen, cold, tight, start.values)

        def residual(unknowns: Array) -> Array:
            return overlapping.residuals(frozen, cold, tight, in_groups(unknowns), Rule(solver.nodes, even=True))

        def finer(unknowns: Array) -> Array:
            return overlapping.residuals(
                model, temperature, confinement, in_groups(unknowns), Rule(2 * solver.nodes, even=True)
            )

        found = newton(residual, rough.unknowns, solver)
        found = found._replace(steps=found.steps + rough.steps)
        refined = in_groups(polish(finer, found.unknowns))
        fine, fits = overlapping.observables(model, temperature, confinement, refined, Rule(2 * solver.nodes, even=True))
        coarse, _ = overlapping.observables(frozen, cold, tight, in_groups(found.unknowns), Rule(solver.nodes, even=True))
        outcome = computed(fine, coarse, found)
        status = jnp.where((outcome.status == Status.solved) & ~fits, Status.coarse_quadrature, outcome.status)
        overlap, size = found.unknowns[3], found.unknowns[6]
        exists = rough.converged & (overlap > _NO_OVERLAP) & (size > 0.0) & (size < 1.0) & (model.field == 0.0)
        return outcome._replace(status=jnp.where(exists, status, Status.no_such_branch))


def in_groups(unknowns: Float[Array, " 7"]) -> OrderParameters:
    """Groups that have nothing in common."""
    log_width, response, delta, *own, size = unknowns
    return OrderParameters(log_width, response, delta, None, Overlaps(*own), size)


def _given(model: RandomNetwork, temperature: Array, confinement: Array, values: dict[str, Array]) -> Root:
    within = {name: values[f"{name}_within"] for name in ("overlap", "response_overlap", "conjugate_overlap")}
    unknowns = overlapping.unknowns_of(model, temperature, confinement, {**values, **within})
    guess = jnp.append(unknowns, values["breaking_parameter"])
    return Root(guess, jnp.zeros(()), jnp.zeros((), jnp.int32), jnp.asarray(True))


def _sign_change(model: RandomNetwork, temperature: Array, confinement: Array, solver: Newton) -> Root:
    """From the ordered branch, which is m = 0, to larger m as long as dF/dm keeps its sign; on half the nodes."""
    rough = Newton(_ROUGH, solver.max_steps, max(solver.nodes // 2, 8))
    first = seeded(model, temperature, confinement, solver)
    sizes = jnp.asarray(_SIZES)

    def residual(unknowns: Array, size: Array) -> Array:
        return overlapping.residuals(
            model, temperature, confinement, in_groups(jnp.append(unknowns, size)), Rule(rough.nodes, even=True)
        )

    def unfinished(carry: tuple[Array, Array, Array, Array]) -> Array:
        _, place, slope, _ = carry
        return (slope <= 0.0) & (place < sizes.size)

    def next_size(carry: tuple[Array, Array, Array, Array]) -> tuple[Array, Array, Array, Array]:
        unknowns, place, _, steps = carry
        found = newton(lambda u: residual(u, sizes[place])[:6], unknowns, rough)
        slope = residual(found.unknowns, sizes[place])[6]
        lost = ~found.converged | (found.unknowns[3] < _NO_OVERLAP)
        return found.unknowns, jnp.where(lost, sizes.size, place + 1), jnp.where(lost, -1.0, slope), steps + found.steps

    start = (first.unknowns, jnp.where(first.converged, 0, sizes.size), -jnp.ones(()), first.steps)
    unknowns, place, slope, steps = jax.lax.while_loop(unfinished, next_size, start)
    size = sizes[jnp.clip(place - 1, 0, sizes.size - 1)]
    return Root(jnp.append(unknowns, size), jnp.zeros(()), steps, slope > 0.0)
