"""Replica theory at a temperature."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from quenched import checks
from quenched.models import RandomNetwork
from quenched.numerics.continuation import follow
from quenched.numerics.self_consistency import Newton, Root, newton, polish
from quenched.replica import symmetric
from quenched.replica.zero_overlap import (
    check_no_noise,
    check_odd_without_field,
    equations,
    free_energy,
    neuron_averages,
)
from quenched.status import Status
from quenched.theory import AbstractTheory, Computed, Start

# Longest step in ln T on the way down.
_LONGEST = 3.0
# A field that makes replicas overlap where the model has none; the overlap that counts as none, and as vanishing.
_SEED, _NO_OVERLAP, _CREEPS = 0.5, 1e-10, 1e-4
_COARSE = 1e-6


class FiniteTemperature(AbstractTheory):
    """Boltzmann measure exp(-E/T) of the speed landscape, E = |velocity|^2/2 + confinement |x|^2, replica symmetric.

    One neuron in the fields (M, h) of the others, <.> over its weight, E over the Gaussian pair:

        w(x) = exp( -e^2/(2a) + h phi - g^2 D phi^2/2 - (c/T) x^2 ),  e = x - gamma g^2 S phi - M - b,  a = T + g^2 (q - Q),
        q = E<phi^2>,  Q = E<phi>^2,  S = E[<e phi> - <e><phi>]/a,  tau = E[<e><phi>]/a,
        D = 1/a - E[<e^2> - <e>^2]/a^2,  V = g^2 E<e>^2/a^2;  E M^2 = g^2 Q, E h^2 = V, E M h = gamma g^2 tau.

    Arguments:
        temperature: T of exp(-E/T), greater than 0.
        confinement: c, at least 0.

    Branches, `start=`:
        "zero_overlap": Q = tau = V = 0, for odd phi without field, where it always is a solution (three unknowns, one
            integral) and the default; for symmetry >= 0 the stable one. Followed down in temperature.
        "ordered": replicas overlap, Q > 0; the default with a field, or if phi is not odd. Followed down in temperature.
        With order parameters or an earlier solution Newton starts there instead.

    Returns:
        `self_overlap` q, `overlap` Q, `local_response` S, `self_response_overlap` r = (S + tau) sqrt(T), `response_overlap`
        R = tau sqrt(T), `conjugate_overlap` V/g^2, `energy` E/N, `free_energy` F/N, `entropy`, `mean_square_rate` (= q),
        `mean_square_state`; `replicon_eigenvalue`, negative where replica symmetry breaks, and on the branch without overlap
        `zero_overlap_eigenvalue`, negative where an overlap grows. Each with `_error` from a second quadrature.

    Limits: gamma = 0, c = 0: E/N = T/2 exactly, without field x is Gaussian with variance T + g^2 q, and T to 0 gives
    `qd.dmft.Static`. Linear phi below g_c: q = T S^2/(1 - g^2 S^2).

    Raises: ValueError for temperature <= 0 (use `ZeroTemperature`), confinement < 0, noise, "zero_overlap" with a field or
    phi that is not odd.

    When it fails: for symmetry < 0 and low T a branch can end at a fold on the way down (`out_of_steps`); start from a
    solution at a neighbouring gain. `coarse_quadrature`: where a neuron has several states in one field, averages jump with
    the field; raise the solver's `nodes`. Linear phi at or above g_c has no solution: the measure spreads without bound.

    Source: Qiu & Huang 2025, replica-symmetric theory, in its minimal form (derived in the documentation).

    Example:
        >>> import quenched as qd
        >>> solution = qd.solve(qd.RandomNetwork(gain=1.2), qd.replica.FiniteTemperature(temperature=0.01))
        >>> print(f"{float(solution['energy']):.6f}")
        0.005000
    """

    temperature: Any
    confinement: Any

    branches: ClassVar[tuple[str, ...]] = ("zero_overlap", "ordered")
    unknowns: ClassVar[tuple[str, ...]] = (
        "self_overlap",
        "overlap",
        "local_response",
        "response_overlap",
        "conjugate_overlap",
        "energy",
        "mean_square_state",
    )
    citations: ClassVar[tuple[str, ...]] = ("qiu2025",)

    def __init__(self, temperature: Any, confinement: Any = 0.0):
        if not isinstance(temperature, jax.core.Tracer) and np.ndim(temperature) == 0 and temperature == 0:
            raise ValueError(
                "Argument `temperature` must be greater than 0, but is 0; the limit itself is qd.replica.ZeroTemperature()."
            )
        self.temperature = checks.number("temperature", temperature, above=0.0)
        self.confinement = checks.number("confinement", confinement, low=0.0)

    def default_solver(self) -> Newton:
        return Newton()

    def default_branch(self, models: Sequence[RandomNetwork], values: Mapping[str, Any] | None) -> str:
        if values is not None:
            return "ordered" if values["overlap"] > 0 else "zero_overlap"
        known = [model.field for model in models if not isinstance(model.field, jax.core.Tracer)]
        odd = all(model.activation.odd for model in models)
        fields = any(callable(field) or bool(np.any(np.asarray(field) != 0)) for field in known)
        return "zero_overlap" if odd and not fields else "ordered"

    def check(self, model: RandomNetwork, solver: Newton, start: Start) -> None:
        if start.branch == "zero_overlap":
            check_odd_without_field(model, "replica.FiniteTemperature")
        else:
            model.constant_field("replica.FiniteTemperature")
        check_no_noise(model, "replica.FiniteTemperature")

    def coordinates(self) -> Mapping[str, Any]:
        return {}

    def compute(self, model: RandomNetwork, solver: Newton, start: Start) -> Computed:
        temperature, confinement = jnp.asarray(self.temperature, float), jnp.asarray(self.confinement, float)
        branch = zero_overlap_branch if start.branch == "zero_overlap" else ordered_branch
        return branch(model, temperature, confinement, solver, start.values)


def zero_overlap_branch(
    model: RandomNetwork, temperature: Array, confinement: Array, solver: Newton, given: dict[str, Array] | None
) -> Computed:
    """Q = 0, three unknowns."""
    frozen, cold, tight = jax.lax.stop_gradient((model, temperature, confinement))
    if given is None:
        found = cool(frozen, cold, tight, solver)
    else:
        guess = _unknowns(frozen, cold, tight, given)
        found = newton(lambda u: equations(frozen, cold, u, solver.nodes, tight), guess, solver)
    refined = polish(lambda u: equations(model, temperature, u, 2 * solver.nodes, confinement), found.unknowns)
    fine = observables(model, temperature, confinement, refined, 2 * solver.nodes)
    coarse = observables(frozen, cold, tight, found.unknowns, solver.nodes)
    outcome = computed(fine, coarse, found)
    # A field that is traced cannot be refused before.
    exists = jnp.asarray(model.field) == 0.0
    return outcome._replace(status=jnp.where(exists, outcome.status, Status.no_such_branch))


def ordered_branch(
    model: RandomNetwork, temperature: Array, confinement: Array, solver: Newton, given: dict[str, Array] | None
) -> Computed:
    """Q > 0, six unknowns."""
    frozen, cold, tight = jax.lax.stop_gradient((model, temperature, confinement))

    def residual(log_temperature: Array, unknowns: Array, field: Array) -> Array:
        here = eqx.tree_at(lambda m: m.field, frozen, field)
        return symmetric.equations(here, jnp.exp(log_temperature), tight, unknowns, solver.nodes)

    field, end = jnp.asarray(frozen.field, float), jnp.log(cold)
    if given is None:
        # Without a field of the model's own replicas overlap only if a field that is switched off has made them.
        seed = jnp.where(field == 0.0, _SEED, field)
        hot = jnp.log(jnp.maximum(10.0 * (1.0 + frozen.gain**2), cold))
        width = jnp.log(jnp.exp(hot) + 0.5 * frozen.gain**2)
        zero = jnp.zeros(())
        hottest = jnp.stack([width, zero, zero, jnp.asarray(0.01), zero, jnp.asarray(1e-6)])
        seeded = follow(lambda at, u: residual(at, u, seed), hottest, hot, end, solver, _LONGEST)
        last = follow(lambda at, u: residual(end, u, at), seeded.unknowns, seed, field, solver, _SEED)
        found = last._replace(steps=seeded.steps + last.steps, converged=seeded.converged & last.converged)
    else:
        found = newton(lambda u: residual(end, u, field), symmetric.unknowns_of(frozen, cold, tight, given), solver)
    refined = polish(lambda u: symmetric.equations(model, temperature, confinement, u, 2 * solver.nodes), found.unknowns)
    fine, fits = symmetric.observables(model, temperature, confinement, refined, 2 * solver.nodes)
    coarse, _ = symmetric.observables(frozen, cold, tight, found.unknowns, solver.nodes)
    outcome = computed(fine, coarse, found)
    status = jnp.where((outcome.status == Status.solved) & ~fits, Status.coarse_quadrature, outcome.status)
    # As its field is switched off a branch without overlap ends in a singular point, at which Newton's method creeps.
    vanishes = jnp.abs(found.unknowns[3]) < jnp.where(found.converged, _NO_OVERLAP, _CREEPS)
    return outcome._replace(status=jnp.where(vanishes & (field == 0.0), Status.no_such_branch, status))


def cool(model: RandomNetwork, temperature: Array, confinement: Array, solver: Newton) -> Root:
    """Follow the branch without overlap down from high temperature."""
    hot = jnp.log(jnp.maximum(10.0 * (1.0 + model.gain**2), temperature))
    # At high temperature <phi^2> is near its largest value and everything else near zero.
    hottest = jnp.stack([jnp.log(jnp.exp(hot) + 0.5 * model.gain**2), jnp.zeros(()), jnp.zeros(())])

    def residual(log_temperature: Array, unknowns: Array) -> Array:
        return equations(model, jnp.exp(log_temperature), unknowns, solver.nodes, confinement)

    return follow(residual, hottest, hot, jnp.log(temperature), solver, _LONGEST)


def _unknowns(model: RandomNetwork, temperature: Array, confinement: Array, given: dict[str, Array]) -> Float[Array, " 3"]:
    width = temperature + model.gain**2 * given["self_overlap"]
    # E/N = T (1 - T D)/2 + c <x^2>
    speed = given["energy"] - confinement * given["mean_square_state"]
    delta = (1.0 - 2.0 * speed / temperature) * width / temperature
    return jnp.stack([jnp.log(width), given["local_response"], delta])


def observables(
    model: RandomNetwork, temperature: Array, confinement: Array, unknowns: Float[Array, " 3"], nodes: int
) -> dict[str, Array]:
    """What the three unknowns mean."""
    width, response, delta = jnp.exp(unknowns[0]), unknowns[1], unknowns[2]
    found = neuron_averages(model, width, response, delta, nodes, confinement / temperature)
    self_overlap = width * found.rate_square
    energy = 0.5 * temperature * (1.0 - temperature * delta / width) + confinement * found.state_square
    free = free_energy(model, temperature, unknowns, nodes, confinement)
    zero = jnp.zeros_like(response)
    eigenvalue = _zero_overlap_eigenvalue(
        jnp.asarray(model.gain),
        jnp.asarray(model.symmetry),
        found.response**2,
        self_overlap * (found.error_square - 1.0) / width,
    )
    return {
        "self_overlap": self_overlap,
        "overlap": zero,
        "self_response_overlap": response * jnp.sqrt(temperature),
        "response_overlap": zero,
        "local_response": response,
        "conjugate_overlap": zero,
        "energy": energy,
        "free_energy": free,
        "entropy": (energy - free) / temperature,
        "mean_square_rate": self_overlap,
        "mean_square_state": found.state_square,
        "replicon_eigenvalue": eigenvalue,
        "zero_overlap_eigenvalue": eigenvalue,
    }


def _zero_overlap_eigenvalue(gain: Array, symmetry: Array, square: Array, product: Array) -> Array:
    """1 - the largest eigenvalue of dO -> chi K(dO) chi, in closed form since nothing is averaged: with B^2 = <e phi>^2/a^2
    and A C = <phi^2> (<e^2>/a^2 - 1/a) they are g^2 times B^2 - A C, gamma (B^2 - A C), and the two roots of
    t^2 - (1 + gamma)(B^2 + A C) t + gamma (B^2 - A C)^2."""
    total, difference = (1.0 + symmetry) * (square + product), square - product
    under = total**2 - 4.0 * symmetry * difference**2
    real = under > 0.0
    root = jnp.where(real, jnp.sqrt(jnp.where(real, under, 1.0)), 0.0)
    larger = jnp.maximum(difference, symmetry * difference)
    return 1.0 - gain**2 * jnp.maximum(larger, 0.5 * (total + root))


def computed(fine: dict[str, Array], coarse: dict[str, Array], found: Root) -> Computed:
    """Values from the finer quadrature, errors from their difference, and how it went."""
    errors = {name: jnp.abs(jax.lax.stop_gradient(fine[name]) - coarse[name]) for name in fine}
    finite = jnp.all(jnp.isfinite(jnp.stack(list(fine.values()))))
    agree = jnp.all(jnp.stack(list(errors.values())) <= _COARSE * (1.0 + jnp.abs(jnp.stack(list(fine.values())))))
    status = jnp.select(
        [~found.converged, ~finite, ~agree],
        [Status.out_of_steps, Status.not_finite, Status.coarse_quadrature],
        Status.solved,
    )
    arrays = fine | {f"{name}_error": error for name, error in errors.items()}
    return Computed(arrays, status, found.residual, found.steps)
