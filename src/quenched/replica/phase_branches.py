"""Branches without and with overlaps, followed along the gains at one symmetry and temperature."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from quenched.models import RandomNetwork
from quenched.numerics.self_consistency import Newton, Root, correct, newton, polish
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
_WITH_ERRORS = (*NAMES, *(f"{name}_error" for name in NAMES))


class Line(NamedTuple):
    """One branch along the gains, at one symmetry and temperature."""

    arrays: dict[str, Float[Array, " gain"]]
    found: Array
    fits: Array
    """Whether every inner integral had panels enough."""


class Point(NamedTuple):
    """The same at one gain, or at all so far."""

    unknowns: Array
    arrays: dict[str, Array]
    found: Array
    fits: Array


Carry = tuple[Array, Array, Array, Point]
"""The last order parameters along the gains, those before, how many of them solve the equations, and all so far."""


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
            here = model.replace(gain=gain, symmetry=symmetry, noise=0.0, field=0.0)
            next_one = newton(lambda u: equations(here, temperature, u, quick.nodes, confinement), unknowns, quick)
            cooled = cool(here, temperature, confinement, fine)
            root: Root = jax.tree.map(lambda a, b: jnp.where(next_one.converged, a, b), next_one, cooled)
            refined = polish(lambda u: equations(here, temperature, u, 2 * fine.nodes, confinement), root.unknowns)
            values = observables(here, temperature, confinement, refined, 2 * fine.nodes)
            coarse = observables(here, temperature, confinement, root.unknowns, fine.nodes)
            return root.unknowns, (_with_errors(values, coarse), root.converged)

        first = cool(model.replace(gain=gains[0], symmetry=symmetry, noise=0.0, field=0.0), temperature, confinement, fine)
        _, (arrays, converged) = jax.lax.scan(at, first.unknowns, gains)
        return Line(arrays, converged, jnp.ones_like(converged))

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
    """Down from the largest gain, begun anew wherever it is lost while an overlap would grow; then up again, where it was
    lost."""
    quick = Newton(max(solver.tolerance, _TOLERANCE), _STEPS, solver.nodes)
    careful = Newton(solver.tolerance, solver.max_steps, solver.nodes)
    rule, finer = Rule(solver.nodes, even=True), Rule(3 * solver.nodes // 2, even=True)

    def at(carry: Carry, place: tuple[Array, Array]) -> tuple[Carry, None]:
        last, before, known, every = carry
        index, downward = place
        gain, eigenvalue = gains[index], eigenvalues[index]
        here = model.replace(gain=gain, symmetry=symmetry, noise=0.0, field=0.0)

        def residual(unknowns: Array, rule: Rule) -> Array:
            return overlapping.residuals(here, temperature, confinement, overlapping.replica_symmetric(unknowns), rule)

        def seed() -> Array:
            return seeded(here, temperature, confinement, careful).unknowns

        def near() -> Array:
            return jnp.where(known > 1, 2.0 * last - before, last)

        def overlaps(root: Root) -> Array:
            return root.converged & (root.unknowns[3] > _NO_OVERLAP)

        def solve(carry: tuple[Root, Array]) -> tuple[Root, Array]:
            _, tries = carry
            guess = jax.lax.cond((known > 0) & (tries == 0), near, seed)
            return newton(lambda u: residual(u, rule), guess, quick), tries + 1

        def again(carry: tuple[Root, Array]) -> Array:
            root, tries = carry
            # What is lost while an overlap would grow is looked for anew, once.
            return (tries == 0) | ((tries == 1) & (known > 0) & downward & ~overlaps(root) & (eigenvalue < 0.0))

        def follow_on() -> Point:
            nothing_yet = Root(last, jnp.zeros(()), jnp.zeros((), jnp.int32), jnp.asarray(False), jnp.zeros(()))
            root, _ = jax.lax.while_loop(again, solve, (nothing_yet, jnp.zeros((), jnp.int32)))
            refined = correct(lambda u: residual(u, rule), lambda u: residual(u, finer), root.unknowns)
            fine, coarse = (
                overlapping.observables(here, temperature, confinement, overlapping.replica_symmetric(unknowns), by)
                for unknowns, by in ((refined, finer), (root.unknowns, rule))
            )
            return Point(root.unknowns, _with_errors(fine[0], coarse[0]), overlaps(root), fine[1])

        def nothing() -> Point:
            return jax.tree.map(lambda values: values[index], every)

        missing = ~every.found[index]
        wanted = (known > 0) | (downward & ((index == gains.size - 1) | (eigenvalue < 0.0)))
        # Upwards only what was lost.
        wanted &= missing & (downward | (eigenvalue < 0.0))
        point = jax.lax.cond(wanted, follow_on, nothing)
        every = jax.tree.map(lambda values, value: values.at[index].set(value), every, point)
        return (point.unknowns, last, jnp.where(point.found, known + 1, 0), every), None

    count = gains.size
    up = jnp.arange(count)
    places = (jnp.concatenate([up[::-1], up]), jnp.arange(2 * count) < count)
    empty = jnp.full(count, jnp.nan)
    nowhere = Point(
        jnp.zeros((count, 6)), dict.fromkeys(_WITH_ERRORS, empty), jnp.zeros(count, bool), jnp.zeros(count, bool)
    )
    begin = (jnp.zeros(6), jnp.zeros(6), jnp.asarray(0), nowhere)
    (_, _, _, every), _ = jax.lax.scan(at, begin, places)
    return Line(every.arrays, every.found, every.fits)


def _with_errors(fine: dict[str, Array], coarse: dict[str, Array]) -> dict[str, Array]:
    return {name: fine[name] for name in NAMES} | {f"{name}_error": jnp.abs(fine[name] - coarse[name]) for name in NAMES}
