"""Replica symmetry with overlaps: six unknowns, a Gaussian pair of fields outside, the state of one neuron inside.

With a = T + g^2 (q - Q), G = gamma g^2 S, e = x - G phi - M - b, and the weight of one neuron in the fields (M, h)

    w(x) = exp( -e^2/(2a) + h phi - g^2 D phi^2/2 - (c/T) x^2 ),    E M^2 = g^2 Q,   E h^2 = V,   E M h = gamma g^2 tau,

    q = E<phi^2>,   S = E[<e phi> - <e><phi>]/a,   D = 1/a - E[<e^2> - <e>^2]/a^2,
    Q = E<phi>^2,   tau = E[<e><phi>]/a,           V = g^2 E<e>^2/a^2.

docs/derivations/replica.md derives them. Unknowns are scaled to stay of order one at low temperature.
"""

# notation: tau = R/sqrt(T) of Qiu & Huang 2025, S = (r - R)/sqrt(T), gamma the symmetry, c the confinement.

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from quenched.models import RandomNetwork
from quenched.numerics.panels import peak_nodes
from quenched.numerics.quadrature import clip_breakpoints

# Beyond eight standard deviations of a field lies 1e-15 of a Gaussian; corners of the grid that weigh less are left out.
_REACH, _NOTHING = 8.0, 1e-17
# Outer nodes computed together; panels of an inner integral, and how many it begins with.
_TOGETHER, _PANELS, _FIRST_PANELS = 64, 24, 8


class Unknowns(NamedTuple):
    """The order parameters, scaled."""

    log_width: Array  # ln a
    response: Array  # S
    delta: Array  # a D
    overlap: Array  # Q
    cross_response: Array  # tau
    reaction: Array  # a V


class NeuronAverages(NamedTuple):
    """Averages over w at each pair of fields, e measured in sqrt(a)."""

    rate: Array  # <phi>
    rate_square: Array  # <phi^2>
    misfit: Array  # <e>/sqrt(a)
    misfit_square: Array  # <e^2>/a
    product: Array  # <e phi>/sqrt(a)
    state_square: Array  # <x^2>
    log_norm: Array  # ln int w dx
    fits: Array


class Fields(NamedTuple):
    """The pair (M, h) on the nodes of the outer average, and their weights."""

    drive: Array
    reaction: Array
    weights: Array


def solution_averages(
    model: RandomNetwork, temperature: Array, confinement: Array, unknowns: Float[Array, " 6"], nodes: int
) -> tuple[NeuronAverages, Fields]:
    """All inner averages."""
    u = Unknowns(*unknowns)
    width = jnp.exp(u.log_width)
    fields = _fields(model, u, width, nodes)
    per_panel = max(nodes // 3, 8)

    def one(pair: tuple[Array, Array]) -> NeuronAverages:
        return _neuron(model, temperature, confinement, u, width, pair[0], pair[1], per_panel)

    return jax.lax.map(one, (fields.drive, fields.reaction), batch_size=_TOGETHER), fields


def equations(
    model: RandomNetwork, temperature: Array, confinement: Array, unknowns: Float[Array, " 6"], nodes: int
) -> Float[Array, " 6"]:
    """Residuals in the order of `Unknowns`, each of order one where wrong."""
    u, width = Unknowns(*unknowns), jnp.exp(unknowns[0])
    found, fields = solution_averages(model, temperature, confinement, unknowns, nodes)
    root = jnp.sqrt(width)

    def mean(values: Array) -> Array:
        return jnp.sum(fields.weights * values)

    spread = mean(found.rate_square - found.rate**2)
    cross = mean(found.misfit * found.rate) / root
    response = mean(found.product) / root - cross
    square = model.gain**2
    return jnp.stack(
        [
            (temperature + square * spread) / width - 1.0,
            (u.response - response) / jnp.maximum(1.0, jnp.abs(u.response)),
            (u.delta - 1.0 + mean(found.misfit_square - found.misfit**2)) / jnp.maximum(1.0, jnp.abs(u.delta)),
            (u.overlap - mean(found.rate**2)) / jnp.maximum(1.0, jnp.abs(u.overlap)),
            (u.cross_response - cross) / jnp.maximum(1.0, jnp.abs(u.cross_response)),
            (u.reaction - square * mean(found.misfit**2)) / jnp.maximum(1.0, jnp.abs(u.reaction)),
        ]
    )


def free_energy(
    model: RandomNetwork, temperature: Array, confinement: Array, unknowns: Float[Array, " 6"], nodes: int
) -> Array:
    """F/N, stationary at the solution."""
    found, fields = solution_averages(model, temperature, confinement, unknowns, nodes)
    return _free_energy(model, temperature, Unknowns(*unknowns), jnp.sum(fields.weights * found.log_norm))


def _free_energy(model: RandomNetwork, temperature: Array, u: Unknowns, log_norm: Array) -> Array:
    width = jnp.exp(u.log_width)
    spread = width - temperature  # g^2 (q - Q)
    # (g^2/2) [q (D - V/g^2) + Q V/g^2] = (g^2 q D - (q - Q) V)/2
    exchange = 0.5 * ((spread + model.gain**2 * u.overlap) * u.delta - spread * u.reaction / model.gain**2) / width
    responses = 0.5 * model.symmetry * model.gain**2 * (u.response**2 + 2.0 * u.response * u.cross_response)
    return -temperature * (exchange - responses + log_norm - 0.5 * (u.log_width - jnp.log(temperature)))


def observables(
    model: RandomNetwork, temperature: Array, confinement: Array, unknowns: Float[Array, " 6"], nodes: int
) -> tuple[dict[str, Array], Bool[Array, ""]]:
    """What the unknowns mean, and whether every inner integral had panels enough."""
    u, width = Unknowns(*unknowns), jnp.exp(unknowns[0])
    found, fields = solution_averages(model, temperature, confinement, unknowns, nodes)
    self_overlap = u.overlap + (width - temperature) / model.gain**2
    state_square = jnp.sum(fields.weights * found.state_square)
    # T times X_d = D - V/g^2
    stiffness = temperature * (u.delta - u.reaction / model.gain**2) / width
    energy = 0.5 * temperature * (1.0 - stiffness) + confinement * state_square
    free = _free_energy(model, temperature, u, jnp.sum(fields.weights * found.log_norm))
    root = jnp.sqrt(temperature)
    values = {
        "self_overlap": self_overlap,
        "overlap": u.overlap,
        "self_response_overlap": (u.response + u.cross_response) * root,
        "response_overlap": u.cross_response * root,
        "local_response": u.response,
        "conjugate_overlap": u.reaction / (width * model.gain**2),
        "energy": energy,
        "free_energy": free,
        "entropy": (energy - free) / temperature,
        "mean_square_rate": self_overlap,
        "mean_square_state": state_square,
        "replicon_eigenvalue": replicon_eigenvalue(model, width, found, fields),
    }
    return values, jnp.all(found.fits)


def unknowns_of(model: RandomNetwork, temperature: Array, confinement: Array, given: dict[str, Array]) -> Float[Array, " 6"]:
    """The other way round, from `observables` of a solution."""
    width = temperature + model.gain**2 * (given["self_overlap"] - given["overlap"])
    reaction = width * model.gain**2 * given["conjugate_overlap"]
    speed = given["energy"] - confinement * given["mean_square_state"]
    delta = (1.0 - 2.0 * speed / temperature) * width / temperature + reaction / model.gain**2
    cross_response = given["response_overlap"] / jnp.sqrt(temperature)
    return jnp.stack([jnp.log(width), given["local_response"], delta, given["overlap"], cross_response, reaction])


def replicon_eigenvalue(model: RandomNetwork, width: Array, found: NeuronAverages, fields: Fields) -> Array:
    """1 - the largest eigenvalue of dO -> E[chi K(dO) chi]: negative where replica symmetry breaks.

    chi holds what fluctuates within a replica, of phi and of e/a (whose square stands for e^2/a^2 - 1/a).
    """
    root = jnp.sqrt(width)
    chi = jnp.stack(
        [
            found.rate_square - found.rate**2,
            (found.product - found.misfit * found.rate) / root,
            (found.misfit_square - found.misfit**2 - 1.0) / width,
        ]
    )
    matrix = jnp.stack([jnp.stack([jnp.sum(fields.weights * a * b) for b in chi]) for a in chi])
    return 1.0 - largest_growth(matrix, jnp.asarray(model.gain), jnp.asarray(model.symmetry))


def largest_growth(products: Float[Array, "3 3"], gain: Array, symmetry: Array) -> Array:
    """The largest real part of an eigenvalue of dO -> E[chi K chi], from the averages E[chi_i chi_j] of the entries
    A = chi_phi,phi, B = chi_phi,e and C = chi_e,e."""
    (aa, ab, ac), (_, bb, bc), (_, _, cc) = products
    # Of symmetric changes (dQ, ds, dY), and the one antisymmetric change.
    change = gain**2 * jnp.array(
        [[bb, 2.0 * symmetry * ab, aa], [bc, symmetry * (bb + ac), ab], [cc, 2.0 * symmetry * bc, bb]]
    )
    return jnp.maximum(_largest_real_part(change), symmetry * gain**2 * (bb - ac))


def _largest_real_part(matrix: Float[Array, "3 3"]) -> Array:
    """Of the eigenvalues of a 3 x 3 matrix, by its characteristic polynomial, which has derivatives."""
    trace = jnp.trace(matrix)
    minors = 0.5 * (trace**2 - jnp.trace(matrix @ matrix))
    shifted = trace / 3.0
    p, q = minors - trace**2 / 3.0, jnp.linalg.det(matrix - shifted * jnp.eye(3))
    # t^3 + p t = q
    discriminant = (q / 2.0) ** 2 + (p / 3.0) ** 3
    three = discriminant < 0.0
    size = jnp.sqrt(jnp.where(three, -p / 3.0, 1.0))
    angle = jnp.arccos(jnp.clip(jnp.where(three, q / (2.0 * size**3), 0.0), -1.0, 1.0)) / 3.0
    root = jnp.where(three, 0.0, jnp.sqrt(jnp.where(three, 1.0, discriminant)))
    real = jnp.cbrt(q / 2.0 + root) + jnp.cbrt(q / 2.0 - root)
    # Beside one real root, a complex pair has half of its opposite.
    return shifted + jnp.where(three, 2.0 * size * jnp.cos(angle), jnp.maximum(real, -0.5 * real))


def _fields(model: RandomNetwork, u: Unknowns, width: Array, nodes: int) -> Fields:
    """M = m z and h = k z + l y on a grid of standard normal z and y."""
    weights, z, y = _grid(2 * nodes // 3, nodes // 2)
    m = model.gain * _root(u.overlap)
    k = model.symmetry * model.gain**2 * u.cross_response * _inverse(m)
    left = _root(u.reaction / width - k**2)
    return Fields(m * z, k * z + left * y, jnp.asarray(weights))


def _grid(first: int, second: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The trapezoidal rule in both directions, without the corners."""
    z, y = np.linspace(-_REACH, _REACH, first), np.linspace(-_REACH, _REACH, second)
    weights = np.exp(-0.5 * (z[:, None] ** 2 + y**2))
    weights /= np.sum(weights)
    kept = weights > _NOTHING
    weights = weights[kept] / np.sum(weights[kept])
    return weights, np.broadcast_to(z[:, None], kept.shape)[kept], np.broadcast_to(y, kept.shape)[kept]


def _root(square: Array) -> Array:
    """Where a field vanishes so does its derivative: averages are even in it. NaN if negative: Newton steps less far."""
    there = square > 1e-24
    positive = jnp.sqrt(jnp.where(there, square, 1.0))
    return jnp.where(there, positive, jnp.where(square < -1e-12, jnp.nan, 0.0))


def _inverse(value: Array) -> Array:
    return jnp.where(value > 0.0, 1.0 / jnp.where(value > 0.0, value, 1.0), 0.0)


def _neuron(
    model: RandomNetwork,
    temperature: Array,
    confinement: Array,
    u: Unknowns,
    width: Array,
    drive: Array,
    reaction: Array,
    count: int,
) -> NeuronAverages:
    phi = model.activation
    field = jnp.asarray(model.field)

    def height(x: Array, drive: Array, reaction: Array, response: Array, delta: Array, width: Array) -> Array:
        rate = phi(x)
        misfit = x - model.symmetry * model.gain**2 * response * rate - drive - field
        pull = 0.5 * (misfit**2 + model.gain**2 * delta * rate**2) / width - reaction * rate
        return pull + confinement / temperature * x**2

    parameters = (drive, reaction, u.response, u.delta, width)
    frozen = jax.lax.stop_gradient(parameters)
    memory = model.symmetry * model.gain**2 * frozen[2]
    # Where the weight can be: around M + b, as far as the memory and h can push, and nine widths more.
    push = jnp.abs(memory) + frozen[4] * jnp.abs(frozen[1]) * jnp.abs(phi.slope(jnp.zeros(())))
    reach = 9.5 * jnp.sqrt(frozen[4]) + 2.0 * push + 1.0
    centre = frozen[0] + field
    edges = clip_breakpoints(phi.breakpoints, centre - reach, centre + reach)
    pieces = [centre + reach * side for side in np.linspace(-1.0, 1.0, _FIRST_PANELS + 1)]
    ordered = jnp.sort(jnp.stack([*pieces, *edges]))
    nodes = jax.lax.stop_gradient(peak_nodes(lambda x: height(x, *frozen), ordered, _PANELS, count))
    heights = height(nodes.x, *parameters)
    used = nodes.weights > 0.0
    lowest = jax.lax.stop_gradient(jnp.min(jnp.where(used, heights, jnp.inf)))
    weighted = nodes.weights * jnp.exp(jnp.where(used, lowest - heights, 0.0))
    total = jnp.sum(weighted)
    density = weighted / total
    rate = phi(nodes.x)
    misfit = (nodes.x - model.symmetry * model.gain**2 * u.response * rate - drive - field) / jnp.sqrt(width)
    return NeuronAverages(
        jnp.sum(density * rate),
        jnp.sum(density * rate**2),
        jnp.sum(density * misfit),
        jnp.sum(density * misfit**2),
        jnp.sum(density * misfit * rate),
        jnp.sum(density * nodes.x**2),
        jnp.log(total) - lowest,
        nodes.fits,
    )
