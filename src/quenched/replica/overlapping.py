"""Replicas that overlap: the self-consistency equations, for replicas alike or in groups of m.

With a = T + g^2 (q - Q_1), and one neuron's weight w in the fields (M, h) of `neuron`,

    q - Q_1 = E<phi^2>_c,   S = E<e phi>_c/a,   D = 1/a - E<e^2>_c/a^2,    _c: less the product of the means,

and for what replicas have in common: within a group beyond what all have, and between groups,

    Q_1 - Q_0 = E_0 Var_W <phi>,   tau_1 - tau_0 = E_0 Cov_W(<e>, <phi>)/a,   V_1 - V_0 = g^2 E_0 Var_W <e>/a^2,
    Q_0 = E_0 (E_W <phi>)^2,       tau_0 = E_0 E_W<e> E_W<phi>/a,             V_0 = g^2 E_0 (E_W <e>)^2/a^2,

E_W the average over the group's own fields with the weight (int w)^m, E_0 that over the fields of all. Replica symmetry has
no fields of a group's own. docs/derivations/replica.md derives them. Unknowns are scaled to stay of order one at low
temperature.
"""

# notation: tau = R/sqrt(T) of Qiu & Huang 2025, S = (r - R)/sqrt(T), gamma the symmetry, c the confinement.

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from quenched.models import RandomNetwork
from quenched.replica.fields import REACH, Overlaps, field_grid, no_fields
from quenched.replica.neuron import NeuronAverages, Parameters, neuron_averages
from quenched.replica.stability import replicon_eigenvalue
from quenched.replica.zero_overlap import per_temperature

# Nodes of the outer average computed together.
_TOGETHER = 64
# Below this an overlap does not set the scale.
_FAINT = 1e-4


class OrderParameters(NamedTuple):
    """All that is to be found."""

    log_width: Array  # ln a
    response: Array  # S
    delta: Array  # a D
    between: Overlaps | None
    """What all replicas have in common; None where that is nothing."""
    within: Overlaps | None = None
    """What those of a group have in common beyond it; None where there are no groups."""
    size: Array | float = 1.0
    """Replicas of a group, m."""


def replica_symmetric(unknowns: Float[Array, " 6"]) -> OrderParameters:
    """Of unknowns ln a, S, a D and the overlaps of any two replicas."""
    log_width, response, delta = unknowns[:3]
    return OrderParameters(log_width, response, delta, Overlaps(*unknowns[3:]))


class Rule(NamedTuple):
    """How averages are computed."""

    nodes: int
    even: bool = False
    """Whether phi is odd and there is no field: half of the fields is the other half's mirror image."""


class Averages(NamedTuple):
    """What the order parameters should be, and more."""

    inside: Float[Array, " 3"]
    """Of <phi^2>, <e phi>/sqrt(a) and <e^2>/a: what fluctuates within a replica."""
    within: Float[Array, " 3"]
    between: Float[Array, " 3"]
    state_square: Array
    log_norm: Array
    """(1/m) E_0 ln E_1 (int w)^m."""
    group_log_norm: Array
    """E_0 E_W ln int w."""
    products: Float[Array, "3 3"]
    """E[chi_i chi_j], see `stability`."""
    fits: Bool[Array, ""]


def averages(model: RandomNetwork, temperature: Array, confinement: Array, found: OrderParameters, rule: Rule) -> Averages:
    """All of them, by the trapezoidal rule over the fields."""
    width = jnp.exp(found.log_width)
    nodes, even = rule
    both = found.between is not None and found.within is not None
    # Averages jump with M, at low temperature, more than with the part of h that is independent of it. Four dimensions must
    # be coarser than two, and can be: each pair of fields smoothes the averages over the other.
    grid = (nodes // 2, 5 * nodes // 12) if both else (4 * nodes // 3, max(nodes // 2, 16))
    common = no_fields() if found.between is None else field_grid(model, found.between, width, grid, even=even)
    own = no_fields()
    if found.within is not None:
        # The weight (int w)^m grows no faster than exp(m |d ln w|), which shifts the mean of the fields.
        shift = found.size * jnp.sqrt(jnp.maximum(found.within.overlap * found.within.reaction / width, 0.0))
        own = field_grid(model, found.within, width, grid, REACH + shift, even and not both)
    memory = model.symmetry * model.gain**2 * found.response
    stiffness = model.gain**2 * found.delta

    def one(pair: tuple[Array, Array]) -> NeuronAverages:
        parameters = Parameters(
            found.log_width, memory, stiffness, pair[0] + model.field, pair[1], per_temperature(confinement, temperature)
        )
        return neuron_averages(model.activation, max(nodes // 3 if both else 5 * nodes // 12, 8), parameters)

    pairs = tuple((ours[:, None] + mine).ravel() for ours, mine in zip(common[:2], own[:2], strict=True))
    every = _in_batches(one, pairs)
    every = jax.tree.map(lambda values: values.reshape(common.weights.size, own.weights.size), every)
    highest = jax.lax.stop_gradient(jnp.max(every.log_norm, axis=1, keepdims=True))
    weighted = own.weights * jnp.exp(found.size * (every.log_norm - highest))
    mass = jnp.sum(weighted, axis=1, keepdims=True)
    chance = weighted / mass

    def group(values: Array) -> Array:
        return jnp.sum(chance * values, axis=1)

    def mean(values: Array) -> Array:
        return jnp.sum(common.weights * values)

    rate, misfit = group(every.rate), group(every.misfit)
    if even and found.between is None:
        rate, misfit = jnp.zeros_like(rate), jnp.zeros_like(misfit)
    inside = [every.rate_variance, every.covariance, every.misfit_variance]
    root = jnp.sqrt(width)
    chi = [every.rate_variance, every.covariance / root, (every.misfit_variance - 1.0) / width]
    rate_apart, misfit_apart = every.rate - rate[:, None], every.misfit - misfit[:, None]
    return Averages(
        jnp.stack([mean(group(each)) for each in inside]),
        jnp.stack([mean(group(each)) for each in (rate_apart**2, misfit_apart * rate_apart, misfit_apart**2)]),
        jnp.stack([mean(rate**2), mean(misfit * rate), mean(misfit**2)]),
        mean(group(every.state_square)),
        mean(jnp.log(mass[:, 0]) / found.size + highest[:, 0]),
        mean(group(every.log_norm)),
        jnp.stack([jnp.stack([mean(group(a * b)) for b in chi]) for a in chi]),
        jnp.all(every.fits > 0.0),
    )


def _in_batches(one: Callable[[tuple[Array, Array]], NeuronAverages], pairs: tuple[Array, ...]) -> NeuronAverages:
    """For every pair, `_TOGETHER` at a time; the last batch is filled up with repetitions, so that all are alike."""
    count = pairs[0].size
    batches = [jnp.pad(each, (0, -count % _TOGETHER), mode="edge").reshape(-1, _TOGETHER) for each in pairs]
    every = jax.lax.map(jax.vmap(one), tuple(batches))
    return jax.tree.map(lambda values: values.reshape(-1)[:count], every)


def residuals(
    model: RandomNetwork, temperature: Array, confinement: Array, found: OrderParameters, rule: Rule
) -> Float[Array, " unknown"]:
    """In the order of `OrderParameters`, each of order one where wrong; with groups the last is dF/dm."""
    width, square = jnp.exp(found.log_width), model.gain**2
    true = averages(model, temperature, confinement, found, rule)
    root = jnp.sqrt(width)

    def off(value: Array, right: Array) -> Array:
        return (value - right) / jnp.maximum(1.0, jnp.abs(value))

    wrong = [
        (temperature + square * true.inside[0]) / width - 1.0,
        off(found.response, true.inside[1] / root),
        off(found.delta, 1.0 - true.inside[2]),
    ]
    for overlaps, right in ((found.between, true.between), (found.within, true.within)):
        if overlaps is not None:
            wrong += [
                off(overlaps.overlap, right[0]),
                off(overlaps.cross_response, right[1] / root),
                off(overlaps.reaction, square * right[2]),
            ]
    if found.within is not None:
        total = _total(found)
        pull = 0.5 * total.reaction / width * total.overlap + 0.5 * model.symmetry * square * total.cross_response**2
        if found.between is not None:
            ours = found.between
            pull -= 0.5 * ours.reaction / width * ours.overlap + 0.5 * model.symmetry * square * ours.cross_response**2
        # m^2 d(-F/(N T))/dm, which vanishes with the overlap of a group, and faster.
        drop = found.size * (true.group_log_norm - true.log_norm) - found.size**2 * pull
        wrong.append(drop / jnp.maximum(found.within.overlap, _FAINT) ** 2)
    return jnp.stack(wrong)


def free_energy(model: RandomNetwork, temperature: Array, confinement: Array, found: OrderParameters, rule: Rule) -> Array:
    """F/N, stationary at the solution."""
    return _free_energy(model, temperature, found, averages(model, temperature, confinement, found, rule).log_norm)


def _free_energy(model: RandomNetwork, temperature: Array, found: OrderParameters, log_norm: Array) -> Array:
    width, square = jnp.exp(found.log_width), model.gain**2
    total = _total(found)

    def terms(overlaps: Overlaps) -> Array:
        """X Q and (minus) P P of a pair of replicas, X = -V/g^2."""
        return (
            -0.5 * overlaps.overlap * overlaps.reaction / width - 0.5 * model.symmetry * square * overlaps.cross_response**2
        )

    # (g^2/2) X_d q - (gamma g^2/2) s_d^2, less the pairs: (1 - m) of one group, m of two. g^2 (q - Q_1) = a - T.
    spread = jnp.where(square > 0.0, (width - temperature) / jnp.where(square > 0.0, square, 1.0), 0.0)
    alone = 0.5 * (found.delta * (width - temperature) - total.reaction * spread) / width
    alone += 0.5 * (square * found.delta - total.reaction) * total.overlap / width
    alone -= 0.5 * model.symmetry * square * (found.response + total.cross_response) ** 2
    pairs = terms(total)
    if found.within is not None:
        pairs *= 1.0 - found.size
        if found.between is not None:
            pairs += found.size * terms(found.between)
    return -temperature * (alone - pairs + log_norm - 0.5 * (found.log_width - jnp.log(temperature)))


def _total(found: OrderParameters) -> Overlaps:
    """Of two replicas, in one group if there are groups."""
    parts = [each for each in (found.between, found.within) if each is not None]
    return Overlaps(*(sum(values[1:], start=values[0]) for values in zip(*parts, strict=True)))


def observables(
    model: RandomNetwork, temperature: Array, confinement: Array, found: OrderParameters, rule: Rule
) -> tuple[dict[str, Array], Bool[Array, ""]]:
    """What the order parameters mean, and whether every inner integral had panels enough."""
    width, root = jnp.exp(found.log_width), jnp.sqrt(temperature)
    true = averages(model, temperature, confinement, found, rule)
    total = _total(found)
    self_overlap = total.overlap + true.inside[0]
    # V/g^2 = E<e>^2/a^2, of a pair within a group
    conjugate = (true.between[2] + true.within[2]) / width
    # X_d = D - V/g^2
    stiffness = found.delta / width - conjugate
    energy = 0.5 * temperature * (1.0 - temperature * stiffness) + confinement * true.state_square
    free = _free_energy(model, temperature, found, true.log_norm)
    share = 1.0 if found.within is None else 1.0 - found.size
    pair = total if found.within is None else _total(found._replace(within=Overlaps(*(share * x for x in found.within))))
    pair_conjugate = (true.between[2] + share * true.within[2]) / width
    values = {
        "self_overlap": self_overlap,
        "overlap": pair.overlap,
        "self_response_overlap": (found.response + total.cross_response) * root,
        "response_overlap": pair.cross_response * root,
        "local_response": found.response,
        "conjugate_overlap": pair_conjugate,
        "conjugate_self_overlap": -stiffness,
        "energy": energy,
        "free_energy": free,
        "entropy": (energy - free) / temperature,
        "mean_square_rate": self_overlap,
        "mean_square_state": true.state_square,
        "replicon_eigenvalue": replicon_eigenvalue(true.products, jnp.asarray(model.gain), jnp.asarray(model.symmetry)),
    }
    if found.within is not None:
        values |= {
            "overlap_within": total.overlap,
            "overlap_between": jnp.zeros(()) if found.between is None else found.between.overlap,
            "response_overlap_within": total.cross_response * root,
            "conjugate_overlap_within": conjugate,
            "breaking_parameter": jnp.asarray(found.size),
        }
    return values, true.fits


def unknowns_of(model: RandomNetwork, temperature: Array, given: dict[str, Array]) -> Float[Array, " 6"]:
    """The other way round, from `observables` of replicas alike, at this temperature or another."""
    square = model.gain**2
    width = temperature + square * (given["self_overlap"] - given["overlap"])
    reaction = width * square * given["conjugate_overlap"]
    delta = width * (given["conjugate_overlap"] - given["conjugate_self_overlap"])
    cross_response = given["response_overlap"] / root_of_temperature(given)
    return jnp.stack([jnp.log(width), given["local_response"], delta, given["overlap"], cross_response, reaction])


def root_of_temperature(given: dict[str, Array]) -> Array:
    """(r - R)/S, of the temperature that order parameters were found at."""
    return (given["self_response_overlap"] - given["response_overlap"]) / given["local_response"]
