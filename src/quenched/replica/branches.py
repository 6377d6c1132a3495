"""The branches of the replica theory at a temperature: followed down from a high one, refined, and looked at twice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from quenched.models import RandomNetwork
from quenched.numerics.continuation import follow
from quenched.numerics.self_consistency import Newton, Root, newton, polish
from quenched.replica import overlapping
from quenched.replica.overlapping import Rule
from quenched.replica.stability import zero_overlap_eigenvalue
from quenched.replica.zero_overlap import equations, free_energy, neuron_averages
from quenched.status import Status
from quenched.theory import Computed

# Longest step in ln T on the way down, and the length that switching a field off counts for.
_LONGEST, _SWITCH, _NEARLY = 3.0, 2.0, 0.97
# The length that raising the gain counts for, and ln of a width over the temperature that is no longer finite.
_RAISE, _RUNAWAY = 1.0, 3.0
# A field that makes replicas overlap where the model has none; the overlap that counts as none, and as vanishing.
_SEED, _NO_OVERLAP, _CREEPS = 0.5, 1e-10, 1e-4
_COARSE = 1e-6
# Tolerance on the way to where a solution is refined.
_ROUGH = 1e-3
# A batch of inner integrals on the finer quadrature. Few points side by side are fastest: each is a batch already.
_BYTES_PER_POINT, _NODES = 64 * 2**20, 48


def bytes_per_point(nodes: int, dimensions: int = 2) -> int:
    """Memory of averages over fields of so many dimensions, each of which has as many values as the quadrature has nodes."""
    return int(_BYTES_PER_POINT * max(1.0, nodes / _NODES) ** dimensions)


def known_to_overlap(models: Sequence[RandomNetwork]) -> bool:
    """Whether phi is not odd, or a field that is known by now not zero, in one of them."""
    known = [model.field for model in models if not isinstance(model.field, jax.core.Tracer)]
    odd = all(model.activation.odd for model in models)
    return not odd or any(callable(field) or bool(np.any(np.asarray(field) != 0)) for field in known)


def default_branch(models: Sequence[RandomNetwork]) -> str:
    """Without overlap where that is a solution."""
    if known_to_overlap(models):
        return "ordered"
    if any(isinstance(model.field, jax.core.Tracer) for model in models):
        raise ValueError(
            'Argument `start` must be "ordered" (a field) or "zero_overlap" (none) where `field` is traced: which of them '
            "is the solution depends on a value that is not known yet."
        )
    return "zero_overlap"


def zero_overlap_branch(
    model: RandomNetwork, temperature: Array, confinement: Array, solver: Newton, given: dict[str, Array] | None
) -> Computed:
    """Q = 0, three unknowns."""
    fixed, cold, tight = jax.lax.stop_gradient((model, temperature, confinement))
    if given is None:
        found = cool(fixed, cold, tight, solver)
        diverges = runs_away(fixed, cold, found)
    else:
        diverges = jnp.asarray(False)
        guess = _unknowns(fixed, cold, given)
        found = newton(lambda u: equations(fixed, cold, u, solver.nodes, tight), guess, solver)
    refined = polish(lambda u: equations(model, temperature, u, 2 * solver.nodes, confinement), found.unknowns)
    fine = observables(model, temperature, confinement, refined, 2 * solver.nodes)
    coarse = observables(fixed, cold, tight, found.unknowns, solver.nodes)
    outcome = _unless_divergent(computed(fine, coarse, found), diverges)
    # A field that is traced cannot be refused before.
    exists = jnp.asarray(model.field) == 0.0
    return outcome._replace(status=jnp.where(exists, outcome.status, Status.no_such_branch))


def ordered_branch(
    model: RandomNetwork, temperature: Array, confinement: Array, solver: Newton, given: dict[str, Array] | None
) -> Computed:
    """Q > 0, six unknowns."""
    fixed, cold, tight = jax.lax.stop_gradient((model, temperature, confinement))
    field = jnp.asarray(fixed.field, float)
    if given is None:
        rough = seeded(fixed, cold, tight, solver)
        guess, steps, diverges = rough.unknowns, rough.steps, runs_away(fixed, cold, rough)
    else:
        diverges = jnp.asarray(False)
        guess, steps = overlapping.unknowns_of(fixed, cold, given), jnp.zeros((), jnp.int32)

    def residual(unknowns: Array) -> Array:
        return overlapping.residuals(fixed, cold, tight, overlapping.replica_symmetric(unknowns), Rule(solver.nodes))

    def finer(unknowns: Array) -> Array:
        return overlapping.residuals(
            model, temperature, confinement, overlapping.replica_symmetric(unknowns), Rule(2 * solver.nodes)
        )

    # Where the rough branch ends early there is nothing to refine.
    found = newton(residual, guess, solver)
    found = found._replace(steps=found.steps + steps)
    refined = overlapping.replica_symmetric(polish(finer, found.unknowns))
    fine, fits = overlapping.observables(model, temperature, confinement, refined, Rule(2 * solver.nodes))
    coarse, _ = overlapping.observables(
        fixed, cold, tight, overlapping.replica_symmetric(found.unknowns), Rule(solver.nodes)
    )
    outcome = _unless_divergent(computed(fine, coarse, found), diverges)
    status = jnp.where((outcome.status == Status.solved) & ~fits, Status.coarse_quadrature, outcome.status)
    # As its field is switched off a branch without overlap ends in a singular point, at which Newton's method creeps.
    vanishes = jnp.abs(found.unknowns[3]) < jnp.where(found.converged, _NO_OVERLAP, _CREEPS)
    return outcome._replace(status=jnp.where(vanishes & (field == 0.0), Status.no_such_branch, status))


class Place(NamedTuple):
    """On the way down to a temperature."""

    model: RandomNetwork
    temperature: Array
    beyond: Array
    """How far past the end of the cooling."""


def _hot(model: RandomNetwork, temperature: Array) -> Array:
    """ln of where every branch begins."""
    return jnp.log(jnp.maximum(10.0 * (1.0 + model.gain**2), temperature))


def _place(model: RandomNetwork, temperature: Array, travelled: Array) -> Place:
    """Hot, phi^2 is near its bound: known. Where it has none the gain is raised from 0 first."""
    hot, end = _hot(model, temperature), jnp.log(temperature)
    ahead = travelled - _lead(model)
    if not model.activation.bounded:
        model = model.replace(gain=model.gain * jnp.minimum(travelled / _lead(model), 1.0))
    return Place(model, jnp.exp(jnp.clip(hot - ahead, end, hot)), jnp.maximum(ahead - (hot - end), 0.0))


def _lead(model: RandomNetwork) -> float:
    return 0.0 if model.activation.bounded else _RAISE


def _length(model: RandomNetwork, temperature: Array) -> Array:
    """Of the way down."""
    return _lead(model) + _hot(model, temperature) - jnp.log(temperature)


def _hottest_width(model: RandomNetwork, temperature: Array) -> Array:
    """ln a where the way begins."""
    hot = _hot(model, temperature)
    return jnp.log(jnp.exp(hot) + 0.5 * model.gain**2) if model.activation.bounded else hot


def runs_away(model: RandomNetwork, temperature: Array, rough: Root) -> Array:
    """Whether what ended the way is a width that grew and grew with the gain: unbounded phi, of which averages diverge."""
    return ~rough.converged & (rough.unknowns[0] > _hot(model, temperature) + _RUNAWAY)


def seeded(model: RandomNetwork, temperature: Array, confinement: Array, solver: Newton) -> Root:
    """The ordered branch roughly, on half the nodes: followed down in temperature, without a field of the model's own in one
    that is then switched off but for a rest."""
    # From a near neighbour Newton's method needs few steps, or the step along the branch was too long.
    rough = Newton(_ROUGH, min(solver.max_steps, 15), min(solver.nodes, max(solver.nodes // 2, 24)))
    field = jnp.asarray(model.field, float)
    seed = jnp.where(field == 0.0, _SEED, field)

    def residual(travelled: Array, unknowns: Array) -> Array:
        at = _place(model, temperature, travelled)
        # Not to the very end, where a branch that then has no overlap is singular.
        left = seed - _NEARLY * (seed - field) * jnp.clip(at.beyond / _SWITCH, 0.0, 1.0)
        here = at.model.replace(field=left)
        return overlapping.residuals(
            here, at.temperature, confinement, overlapping.replica_symmetric(unknowns), Rule(rough.nodes)
        )

    zero = jnp.zeros(())
    hottest = jnp.stack([_hottest_width(model, temperature), zero, zero, jnp.asarray(0.01), zero, jnp.asarray(1e-6)])
    end = _length(model, temperature) + jnp.where(field == seed, 0.0, _SWITCH)
    return follow(residual, hottest, zero, end, rough, _LONGEST)


def cool(model: RandomNetwork, temperature: Array, confinement: Array, solver: Newton) -> Root:
    """Follow the branch without overlap down from high temperature."""
    zero = jnp.zeros(())
    hottest = jnp.stack([_hottest_width(model, temperature), zero, zero])

    def residual(travelled: Array, unknowns: Array) -> Array:
        at = _place(model, temperature, travelled)
        return equations(at.model, at.temperature, unknowns, solver.nodes, confinement)

    return follow(residual, hottest, zero, _length(model, temperature), solver, _LONGEST)


def _unknowns(model: RandomNetwork, temperature: Array, given: dict[str, Array]) -> Float[Array, " 3"]:
    width = temperature + model.gain**2 * given["self_overlap"]
    return jnp.stack([jnp.log(width), given["local_response"], -width * given["conjugate_self_overlap"]])


def _unless_divergent(outcome: Computed, diverges: Array) -> Computed:
    """What Newton's method made of a width without bound is not shown."""
    lost = diverges & (outcome.status != Status.solved)
    arrays = {name: jnp.where(lost, jnp.nan, value) for name, value in outcome.arrays.items()}
    return outcome._replace(arrays=arrays, status=jnp.where(lost, Status.diverged, outcome.status))


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
    eigenvalue = zero_overlap_eigenvalue(
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
        "conjugate_self_overlap": -delta / width,
        "energy": energy,
        "free_energy": free,
        "entropy": (energy - free) / temperature,
        "mean_square_rate": self_overlap,
        "mean_square_state": found.state_square,
        "replicon_eigenvalue": eigenvalue,
        "zero_overlap_eigenvalue": eigenvalue,
    }


def computed(fine: dict[str, Array], coarse: dict[str, Array], found: Root) -> Computed:
    """Values from the finer quadrature, errors from their difference, and how it went."""
    errors = {name: jnp.abs(jax.lax.stop_gradient(fine[name]) - coarse[name]) for name in fine}
    finite = jnp.all(jnp.isfinite(jnp.stack(list(fine.values()))))
    # <x-hat^2> is measured in 1/a, which may be any size: its share in the energy is judged.
    judged = [name for name in fine if name != "conjugate_self_overlap"]
    agree = jnp.all(jnp.stack([errors[name] <= _COARSE * (1.0 + jnp.abs(fine[name])) for name in judged]))
    status = jnp.select(
        [~found.converged, ~finite, ~agree],
        [Status.out_of_steps, Status.not_finite, Status.coarse_quadrature],
        Status.solved,
    )
    arrays = fine | {f"{name}_error": error for name, error in errors.items()}
    return Computed(arrays, status, found.residual, found.steps)
