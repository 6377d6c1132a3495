"""Networks at rest, of any couplings and units: one neuron of each population in the field that all of them make.

Unknowns are the mean rate m_a, the mean square C_a and the response R_a of each population a, and the latents kappa_r of
low-rank parts. The couplings turn them into a field of mean, variance and memory for each population; the states of a neuron
in that field give them back. The map is followed from a state that a branch names until it comes near a fixed point, which
Newton's method then finds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from quenched.couplings.base import Rates
from quenched.dmft.bulk import at_rest_only, handed_on, largest_radius
from quenched.dmft.one_neuron import Neuron, averages
from quenched.models import RandomNetwork
from quenched.numerics.growth import spectral_abscissa, spectral_radius
from quenched.numerics.self_consistency import Newton, Residual, newton, polish_with_jacobian
from quenched.status import Status
from quenched.theory import Computed, Start
from quenched.vocabulary import of_one_population

# Two quadratures that differ by more than this, in units of 1 + the value, are not believed.
_COARSE = 1e-6
# A smaller share of the square of a neuron's input in its variance changes no average by more than rounding.
_NARROWEST = 1e-12
# Steps towards the fixed point, on how many nodes, and how near Newton's method takes over.
_APPROACHES, _NODES, _NEAR = 200, 24, 1e-2
# Change, in units of the largest unknown, above which a step is a short part of the way.
_FAR, _SHORT = 0.1, 0.15
# Latents smaller than this, beside the size of the rates, are none.
_NO_LATENT = 1e-6
# Mean squares beyond this, in units of 1 + that of the input, are on their way to infinity.
_FARTHEST = 1e8


class Unknowns(NamedTuple):
    """The order parameters; those of populations first."""

    mean: Float[Array, " population"]
    correlation: Float[Array, " population"]
    response: Float[Array, " population"]
    latent: Float[Array, " rank"]


def solve_populations(model: RandomNetwork, solver: Newton, start: Start) -> Computed:
    """See `qd.dmft.Static`."""
    frozen = jax.lax.stop_gradient(model)
    guess = _first(model, start)
    near = _approach(lambda unknowns: _map(frozen, unknowns, _NODES)[0], guess)
    scale = jax.lax.stop_gradient(_flat(_sizes(frozen, near)))

    def residual(model: RandomNetwork, nodes: int) -> Residual:
        def equations(scaled: Array) -> Array:
            unknowns = _unflat(model, scaled * scale)
            return (_flat(_map(model, unknowns, nodes)[0]) - _flat(unknowns)) / scale

        return equations

    found = newton(residual(frozen, solver.nodes), _flat(near) / scale, solver)
    corrected, jacobian = polish_with_jacobian(residual(model, 2 * solver.nodes), found.unknowns)
    unknowns = _unflat(model, corrected * scale)
    coarse_unknowns = jax.lax.stop_gradient(_unflat(model, found.unknowns * scale))

    fine, margins = _observables(model, unknowns, 2 * solver.nodes)
    coarse, _ = _observables(frozen, coarse_unknowns, solver.nodes)
    errors = {name: jnp.abs(jax.lax.stop_gradient(fine[name]) - coarse[name]) for name in fine}
    # Changes of the order parameters grow as (image - themselves) moves them, in whatever units they are measured.
    margins["outlier"] = spectral_abscissa(jacobian)
    margins["stability_margin"] = _bulk_margin(model, unknowns, fine.pop("square_response"), margins, solver.nodes)
    errors.pop("square_response")
    arrays = fine | {f"{name}_error": error for name, error in errors.items()} | margins

    finite = jnp.all(jnp.asarray([jnp.all(jnp.isfinite(values)) for values in fine.values()]))
    agree = [jnp.all(errors[name] <= _COARSE * (1.0 + jnp.abs(fine[name]))) for name in fine]
    largest = jnp.maximum(jnp.max(unknowns.correlation), jnp.max(near.correlation))
    # Where rates are unbounded and no state was found, mean squares that their own field makes larger still.
    outgrown = _map(frozen, near, _NODES)[0].correlation > 1.1 * near.correlation
    unbounded = jnp.asarray([not unit.bounded for unit in model.units])
    grows = ~found.converged & (~(largest < _FARTHEST * (1.0 + _square_input(frozen))) | jnp.any(outgrown & unbounded))
    negative = jnp.asarray([unit.nonnegative for unit in model.units]) & (unknowns.mean < 0.0)
    large = jnp.max(jnp.abs(unknowns.latent), initial=0.0) > _NO_LATENT * jnp.sqrt(jnp.max(unknowns.correlation) + 1e-12)
    elsewhere = ~large if start.branch == "structured" else large if start.branch == "unstructured" else jnp.asarray(False)
    status = jnp.select(
        [grows | jnp.any(negative), ~finite, ~found.converged, elsewhere, ~jnp.all(jnp.asarray(agree))],
        [Status.diverged, Status.not_finite, Status.out_of_steps, Status.no_such_branch, Status.coarse_quadrature],
        Status.solved,
    )
    nothing = (status == Status.diverged) | (status == Status.not_finite) | (status == Status.no_such_branch)
    arrays = {name: jnp.where(nothing, jnp.nan, values) for name, values in arrays.items()}
    arrays = of_one_population(arrays) if model.populations == 1 else arrays
    return Computed(arrays, status, found.residual, found.steps)


def _first(model: RandomNetwork, start: Start) -> Unknowns:
    """Where the named branch begins: "unstructured" without a mean and latents, otherwise with a small mean, as networks in
    random states have, and large latents."""
    ones, rank = jnp.ones(model.populations), model.couplings.rank
    if start.values is not None:
        given = {name: jnp.asarray(values, float) for name, values in start.values.items()}
        mean, latent = given["mean_rate"] * ones, given.get("latent", jnp.zeros(rank))
        return Unknowns(mean, given["correlation"] * ones, given["integrated_response"] * ones, latent)
    level = 0.0 if start.branch == "unstructured" else 1.0
    return Unknowns(0.1 * level * ones, 0.5 * ones, 0.0 * ones, 3.0 * level * jnp.ones(rank))


def _approach(mapped: Callable[[Unknowns], Unknowns], guess: Unknowns) -> Unknowns:
    """Go part of the way to the image time and again: less of it where that leads away, more where it leads on."""

    def gap(unknowns: Unknowns) -> tuple[Unknowns, Array]:
        away = jax.tree.map(jnp.subtract, mapped(unknowns), unknowns)
        size = jnp.concatenate([jnp.abs(_flat(away)), jnp.zeros(1)]) / (jnp.max(jnp.abs(_flat(unknowns))) + 1e-12)
        return away, jnp.max(jnp.where(jnp.isfinite(size), size, jnp.inf))

    def step(carry: tuple[Array, Unknowns, Unknowns, Array, Array]) -> tuple[Array, Unknowns, Unknowns, Array, Array]:
        count, unknowns, away, size, part = carry
        trial = jax.tree.map(lambda here, change: here + part * change, unknowns, away)
        trial_away, trial_size = gap(trial)
        leads_on = trial_size < 1.5 * size
        kept = jax.tree.map(lambda new, old: jnp.where(leads_on, new, old), (trial, trial_away), (unknowns, away))
        # Far away short steps: long ones would throw strong inhibition over to another state.
        smaller, most = trial_size > size, jnp.where(trial_size > _FAR, _SHORT, 1.0)
        part = jnp.where(leads_on, jnp.where(smaller, 0.7 * part, jnp.minimum(1.2 * part, most)), 0.4 * part)
        return count + 1, *kept, jnp.where(leads_on, trial_size, size), part

    first = (jnp.zeros((), jnp.int32), guess, *gap(guess), jnp.asarray(_SHORT))
    ended = jax.lax.while_loop(lambda carry: (carry[0] < _APPROACHES) & (carry[3] > _NEAR), step, first)
    return jax.lax.stop_gradient(ended[1])


def _map(model: RandomNetwork, unknowns: Unknowns, nodes: int) -> tuple[Unknowns, dict[str, Array]]:
    """The order parameters of neurons in the field that these make, and all averages over them."""
    found = _over_neurons(model, neurons_of(model, unknowns), nodes)
    mean, correlation, response = (found[name] for name in ("mean_rate", "correlation", "integrated_response"))
    latent = model.couplings.latent(rates_of(model, Unknowns(mean, correlation, response, unknowns.latent)))
    return Unknowns(mean, correlation, response, latent), found


def rates_of(model: RandomNetwork, unknowns: Unknowns) -> Rates:
    """The order parameters as the couplings ask for them."""
    fractions = jnp.asarray(model.couplings.population_fractions, float)
    answered = unknowns.response[:, None] * unknowns.latent
    return Rates(fractions, unknowns.mean, unknowns.correlation, unknowns.response, unknowns.latent, answered)


class _Inputs(NamedTuple):
    field: Float[Array, " population"]
    variance: Float[Array, " population"]
    memory: Float[Array, " population"]


def neurons_of(model: RandomNetwork, unknowns: Unknowns) -> _Inputs:
    """What each population receives; of at least a variance that changes nothing."""
    law, ones = model.couplings.field(rates_of(model, unknowns)), jnp.ones(model.populations)
    field = law.mean * ones + model.field
    return _Inputs(field, jnp.maximum(law.covariance * ones, least_variance(field)), law.memory * ones)


def least_variance(field: Array) -> Array:
    """What a field counts as having at least."""
    return _NARROWEST * jax.lax.stop_gradient(field) ** 2 + 1e-24


def _over_neurons(model: RandomNetwork, inputs: _Inputs, nodes: int) -> dict[str, Array]:
    """Averages over the neurons of each population; a unit that all have is compiled once."""
    if not isinstance(model.unit, tuple):
        unit = model.unit
        return jax.vmap(lambda one: averages(Neuron(unit, *one), nodes))(inputs)
    each = [
        averages(Neuron(unit, *jax.tree.map(lambda values, place=place: values[place], inputs)), nodes)
        for place, unit in enumerate(model.unit)
    ]
    # Of units that cannot die all survive.
    return {name: jnp.stack([found.get(name, jnp.ones(())) for found in each]) for name in set().union(*each)}


def _observables(model: RandomNetwork, unknowns: Unknowns, nodes: int) -> tuple[dict[str, Array], dict[str, Array]]:
    _, found = _map(model, unknowns, nodes)
    margin = jnp.min(jnp.where(_present(model), found.pop("invertibility_margin"), jnp.inf))
    values = found | {
        "correlation": unknowns.correlation,
        "mean_square_rate": unknowns.correlation,
        "integrated_response": unknowns.response,
        "kinetic_energy": jnp.zeros(model.populations),
    }
    if model.couplings.rank:
        values["latent"] = unknowns.latent
    return values, {"invertible": jnp.where(margin > 0.0, 1.0, 0.0), "invertibility_margin": margin}


def _present(model: RandomNetwork) -> Array:
    return jnp.asarray(model.couplings.population_fractions, float) > 0.0


def _bulk_margin(
    model: RandomNetwork, unknowns: Unknowns, square_response: Array, margins: dict[str, Array], nodes: int
) -> Array:
    """1 minus the spectral radius of how squares of small random changes of the neurons are handed on."""
    rates, inputs = rates_of(model, unknowns), neurons_of(model, unknowns)
    remembers = jnp.any(inputs.memory != 0.0)
    matrix = handed_on(model.couplings, rates)
    jumps = jnp.any(jnp.isinf(square_response) & _present(model) & jnp.any(matrix > 0.0, axis=0))
    if at_rest_only(model):
        radius = spectral_radius(matrix * jnp.where(_present(model) & jnp.isfinite(square_response), square_response, 0.0))
    else:
        neurons = [
            Neuron(unit, *jax.tree.map(lambda values, row=row: values[row], inputs)) for row, unit in enumerate(model.units)
        ]
        radius = largest_radius(*jax.lax.stop_gradient((model, rates, neurons)), nodes)
    # Where neurons jump from one state to another the linear response says nothing about stability.
    known = (margins["invertibility_margin"] > 0.0) | ~remembers
    return jnp.where(known, jnp.where(jumps, -jnp.inf, 1.0 - radius), jnp.nan)


def _sizes(model: RandomNetwork, unknowns: Unknowns) -> Unknowns:
    """What counts as wholly wrong."""
    floor = 1e-6 * (1.0 + _square_input(model))
    root = jnp.sqrt(jnp.max(unknowns.correlation) + floor)
    latent = jnp.abs(unknowns.latent) + root
    return Unknowns(jnp.abs(unknowns.mean) + root, unknowns.correlation + floor, jnp.abs(unknowns.response) + 1e-3, latent)


def _square_input(model: RandomNetwork) -> Array:
    return jnp.max(jnp.asarray(model.field, float) ** 2)


def _flat(unknowns: Unknowns) -> Float[Array, " unknown"]:
    return jnp.concatenate(unknowns)


def _unflat(model: RandomNetwork, flat: Float[Array, " unknown"]) -> Unknowns:
    count = model.populations
    return Unknowns(flat[:count], flat[count : 2 * count], flat[2 * count : 3 * count], flat[3 * count :])
