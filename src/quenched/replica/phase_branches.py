"""Branches without and with overlaps, followed along the gains at one symmetry and temperature."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from quenched.models import RandomNetwork
from quenched.numerics.self_consistency import Newton, Root, newton
from quenched.replica import overlapping
from quenched.replica.branches import cool, observables, seeded
from quenched.replica.overlapping import Rule
from quenched.replica.zero_overlap import equations

NAMES = ("self_overlap", "overlap", "local_response", "energy", "free_energy", "replicon_eigenvalue")
# Newton steps from one gain to the next, and no overlap.
_STEPS, _NO_OVERLAP = 20, 1e-6
# Gains below the grid from which the upward branch is followed to it.
_LEAD, _LOWEST = 32, 0.5
# Of the ordered branch: a free energy that is stationary needs no more.
_TOLERANCE = 1e-8
Carry = tuple[Array, Array, Array]
"""The last order parameters along the gains, those before, and how many of them solve the equations."""


class Line(NamedTuple):
    """One branch along the gains, at one symmetry and temperature."""

    arrays: dict[str, Float[Array, " gain"]]
    found: Array


@partial(jax.jit, static_argnames="solver")
def without_overlap(
    model: RandomNetwork, gains: Array, symmetries: Array, temperatures: Array, confinement: Array, solver: Newton
) -> tuple[Line, Line]:
    """Both ways along the gains."""
    # A quadrature of one dimension costs next to nothing.
    fine = Newton(solver.tolerance, solver.max_steps)
    quick = Newton(solver.tolerance, _STEPS)

    def one_way(gains: Array, symmetry: Array, temperature: Array) -> Line:
        def at(unknowns: Array, gain: Array) -> tuple[Array, tuple[dict[str, Array], Array]]:
            here = RandomNetwork(gain, symmetry, 0.0, 0.0, model.activation)
            next_one = newton(lambda u: equations(here, temperature, u, quick.nodes, confinement), unknowns, quick)
            cooled = cool(here, temperature, confinement, fine)
            root: Root = jax.tree.map(lambda a, b: jnp.where(next_one.converged, a, b), next_one, cooled)
            values = observables(here, temperature, confinement, root.unknowns, 2 * fine.nodes)
            coarse = observables(here, temperature, confinement, root.unknowns, fine.nodes)
            error = {"free_energy_error": jnp.abs(values["free_energy"] - coarse["free_energy"])}
            return root.unknowns, ({name: values[name] for name in NAMES} | error, root.converged)

        first = cool(RandomNetwork(gains[0], symmetry, 0.0, 0.0, model.activation), temperature, confinement, fine)
        _, (arrays, converged) = jax.lax.scan(at, first.unknowns, gains)
        return Line(arrays, converged)

    lowest = jnp.minimum(_LOWEST, 0.3 * gains[0])
    lead = lowest + (gains[0] - lowest) * jnp.arange(_LEAD) / _LEAD
    up = jax.vmap(lambda s, t: one_way(jnp.concatenate([lead, gains]), s, t))(symmetries, temperatures)
    up = jax.tree.map(lambda values: values[:, _LEAD:], up)
    down = jax.vmap(lambda s, t: one_way(gains[::-1], s, t))(symmetries, temperatures)
    return up, jax.tree.map(lambda values: values[:, ::-1], down)


@partial(jax.jit, static_argnames="solver")
def with_overlap(
    model: RandomNetwork,
    gains: Array,
    symmetry: Array,
    temperature: Array,
    confinement: Array,
    eigenvalues: Array,
    solver: Newton,
) -> Line:
    """Down from the largest gain; begun anew wherever it is lost while an overlap would grow."""
    quick = Newton(max(solver.tolerance, _TOLERANCE), _STEPS, solver.nodes)
    careful = Newton(solver.tolerance, solver.max_steps, solver.nodes)
    rule = Rule(solver.nodes, even=True)

    finer = Rule(3 * solver.nodes // 2, even=True)

    def at(carry: Carry, place: tuple[Array, Array, Array]) -> tuple[Carry, Any]:
        last, before, known = carry
        gain, eigenvalue, first = place
        here = RandomNetwork(gain, symmetry, 0.0, 0.0, model.activation)

        def seed() -> Array:
            return seeded(here, temperature, confinement, careful).unknowns

        def near() -> Array:
            return jnp.where(known > 1, 2.0 * last - before, last)

        def overlaps(root: Root) -> Array:
            return root.converged & (root.unknowns[3] > _NO_OVERLAP)

        def solve(carry: tuple[Root, Array]) -> tuple[Root, Array]:
            _, tries = carry
            guess = jax.lax.cond((known > 0) & (tries == 0), near, seed)
            root = newton(
                lambda u: overlapping.residuals(here, temperature, confinement, overlapping.alike(u), rule), guess, quick
            )
            return root, tries + 1

        def again(carry: tuple[Root, Array]) -> Array:
            root, tries = carry
            # What is lost while an overlap would grow is looked for anew, once.
            return (tries == 0) | ((tries == 1) & (known > 0) & ~overlaps(root) & (eigenvalue < 0.0))

        def follow_on() -> tuple[Array, Array, dict[str, Array]]:
            nothing_yet = Root(last, jnp.zeros(()), jnp.zeros((), jnp.int32), jnp.asarray(False))
            root, _ = jax.lax.while_loop(again, solve, (nothing_yet, jnp.zeros((), jnp.int32)))
            found = overlapping.alike(root.unknowns)
            values, _ = overlapping.observables(here, temperature, confinement, found, rule)
            better = overlapping.free_energy(here, temperature, confinement, found, finer)
            error = {"free_energy_error": jnp.abs(better - values["free_energy"])}
            return root.unknowns, overlaps(root), {name: values[name] for name in NAMES} | error

        def nothing() -> tuple[Array, Array, dict[str, Array]]:
            return last, jnp.asarray(False), dict.fromkeys((*NAMES, "free_energy_error"), jnp.asarray(jnp.nan))

        unknowns, exists, values = jax.lax.cond((known > 0) | first | (eigenvalue < 0.0), follow_on, nothing)
        return (unknowns, last, jnp.where(exists, known + 1, 0)), (values, exists)

    places = (gains[::-1], eigenvalues[::-1], jnp.arange(gains.size) == 0)
    nowhere = (jnp.zeros(6), jnp.zeros(6), jnp.asarray(0))
    _, (arrays, found) = jax.lax.scan(at, nowhere, places)
    return jax.tree.map(lambda values: values[::-1], Line(arrays, found))
