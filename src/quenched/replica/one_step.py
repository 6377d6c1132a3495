"""One step of replica symmetry breaking: replicas in groups that overlap more within than between."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from quenched import checks
from quenched.models import RandomNetwork
from quenched.numerics.continuation import follow
from quenched.numerics.self_consistency import Newton, Root, newton, polish
from quenched.replica import overlapping
from quenched.replica.branches import bytes_per_point, computed, known_to_overlap, seeded
from quenched.replica.fields import Overlaps
from quenched.replica.finite_temperature import check_temperature
from quenched.replica.overlapping import OrderParameters, Rule
from quenched.replica.zero_overlap import check_integrals, check_no_noise, check_odd_without_field
from quenched.status import Status
from quenched.theory import AbstractTheory, Computed, Start

# The first and the longest step in m on the way to where dF/dm changes its sign, and the shortest.
_FIRST, _LONGEST, _SHORTEST = 0.03, 0.08, 1e-3
# Tolerance on the way; an overlap that counts as none.
_ROUGH, _NO_OVERLAP = 1e-9, 1e-8
# Of a branch roughly known, as large an instability as that.
_MARGINAL = 1e-4
# Share of the replica-symmetric overlaps that groups have in common, to begin with: Newton's method finds theirs from any.
_COMMON = 0.3
_PAIRS = ("overlap", "response_overlap", "conjugate_overlap")
# A field in which groups overlap for any m (without it, for large m only), in units of g Q^(3/2), that of de Almeida and
# Thouless near a transition. Steps back from it, as a share, and what is left of it where there is none.
_SEED, _BACK, _REST = 0.15, 0.5, 0.02
# More memory than two.
_FOUR_DIMENSIONS = 12
# Newton steps to a near neighbour.
_FEW = 20
# Of all the work: done after the look at replicas alike, after the search, in all.
_SHARES = (1, 8, 10)


class _Look(NamedTuple):
    """At replicas alike."""

    symmetric: Root
    stable: Array
    """Whether they stay so, as far as is known."""
    computed: Computed
    """What there is to be said of them."""


class OneStepRSB(AbstractTheory):
    """One step of replica symmetry breaking for exp(-E/T): replicas in groups of m, overlap Q_1 within a group, Q_0 between.

    -F/(N T) = (1/2)[(g^2 D - V_1) q + (1 - m) V_1 Q_1 + m V_0 Q_0] - (gamma g^2/2)[s^2 - (1 - m) tau_1^2 - m tau_0^2]
               - ln(a/T)/2 + (1/m) E_0 ln E_1 (int w)^m,    a = T + g^2 (q - Q_1),  s = S + tau_1,

    with the weight w of one neuron and the pair (M, h) of `FiniteTemperature`: E_0 averages over what all replicas have in
    common, E_1 over what a group has beyond it; stationary in all, m included. For large gain, low temperature and symmetry
    < 0, where the ordered branch of `FiniteTemperature` is unstable.

    Arguments:
        temperature: T of exp(-E/T), in units of velocity squared, greater than 0.
        confinement: c, strength of the term c |x|^2 of E, at least 0.

    Branches, `start=`:
        "overlapping_groups": Q_0 > 0, the default; also without a field, where it has the larger free energy. Averages in
            four dimensions: half a minute a point.
        "groups": Q_0 = tau_0 = V_0 = 0, for odd phi without field; a second a point, with nearly the same energies.
        With order parameters or an earlier solution Newton starts there instead.

    Returns:
        `breaking_parameter` m in (0, 1), `overlap_within` Q_1, `overlap_between` Q_0, `response_overlap_within` tau_1
        sqrt(T), `conjugate_overlap_within` V_1/g^2; `overlap` (1 - m) Q_1 + m Q_0, `response_overlap` and
        `conjugate_overlap`, the means over pairs of replicas; `self_overlap` q, `self_response_overlap`, `local_response`
        S, `conjugate_self_overlap` V_1/g^2 - D, `energy`, `free_energy`, `entropy`, `mean_square_rate`, `mean_square_state`,
        `replicon_eigenvalue` (negative: replicas of a group break apart again). Each with `_error` from a second quadrature.

    Limits: m to 0 is the ordered replica-symmetric branch, m to 1 the replica-symmetric one with overlap Q_0.

    Raises:
        ValueError: temperature <= 0, confinement < 0, noise, "groups" with a field or phi that is not odd, averages known to
            diverge.

    What is done: the ordered replica-symmetric branch is found first, in seconds. Where its replicon eigenvalue is positive
    replicas stay alike, and that is the answer: `no_such_branch` with the overlaps of replicas alike (`overlap_within` =
    `overlap_between` = `overlap`) and no `breaking_parameter`. Otherwise groups are followed from m = 0 on. Groups that set
    in discontinuously while that eigenvalue is positive are not looked for: follow them from a neighbouring solution.

    When it fails: `no_such_branch` where the ordered replica-symmetric branch is stable or has no overlap;
    `out_of_steps` where the search for m was lost, at low temperatures and large gains, where averages jump with the fields:
    raise the solver's `nodes` (groups at symmetry -0.5, T = 0.1: 96 at gain 6, 144 at gain 8).

    Source: Parisi 1980 (`parisi1980`); the measure is that of Qiu & Huang 2025 (`qiu2025`); derived in the documentation.

    Example:
        >>> import quenched as qd
        >>> model, theory = qd.RandomNetwork(gain=3.0, symmetry=-0.5), qd.replica.OneStepRSB(temperature=0.2)
        >>> solution = qd.solve(model, theory, start="groups")
        >>> print(f"{float(solution['breaking_parameter']):.4f} {float(solution['overlap_within']):.4f}")
        0.3148 0.3940
    """

    temperature: Any
    confinement: Any

    branches: ClassVar[tuple[str, ...]] = ("overlapping_groups", "groups")
    unknowns: ClassVar[tuple[str, ...]] = (
        "self_overlap",
        "overlap",
        "overlap_within",
        "self_response_overlap",
        "response_overlap",
        "response_overlap_within",
        "local_response",
        "conjugate_self_overlap",
        "conjugate_overlap",
        "conjugate_overlap_within",
        "breaking_parameter",
    )
    equation: ClassVar[str] = (
        r"P(x)\propto e^{-E(x)/T},\quad\text{replicas in groups of } m:\quad "
        r"Q_{ab} = Q_1 \text{ within a group},\ Q_0 \text{ between groups}"
    )
    citations: ClassVar[tuple[str, ...]] = ("qiu2025", "parisi1980")

    def __init__(self, temperature: Any, confinement: Any = 0.0):
        self.temperature, self.confinement = check_temperature(temperature, confinement)

    def default_solver(self) -> Newton:
        return Newton()

    def default_branch(self, models: Sequence[RandomNetwork], values: Mapping[str, Any] | None) -> str:
        apart = values is not None and not known_to_overlap(models) and not _between(values)["overlap"] > 0
        return "groups" if apart else "overlapping_groups"

    def check(self, model: RandomNetwork, solver: Newton, start: Start) -> None:
        if start.branch == "groups":
            check_odd_without_field(model, "replica.OneStepRSB")
        else:
            model.constant_field("replica.OneStepRSB")
        if start.values is not None:
            checks.number("start['breaking_parameter']", start.values["breaking_parameter"], above=0.0, high=1.0)
        check_no_noise(model, "replica.OneStepRSB")
        check_integrals(model, self.confinement, "replica.OneStepRSB")

    def in_range(self, model: RandomNetwork) -> Array:
        return super().in_range(model) & (model.noise == 0.0) & (self.temperature > 0.0) & (self.confinement >= 0.0)

    def bytes_per_point(self, solver: Newton, start: Start) -> int:
        if start.branch == "groups":
            return bytes_per_point(solver.nodes)
        return _FOUR_DIMENSIONS * bytes_per_point(solver.nodes, 4)

    def coordinates(self) -> Mapping[str, Any]:
        return {}

    def compute(self, model: RandomNetwork, solver: Newton, start: Start) -> Computed:
        if start.values is not None:
            rough, stable = self._given(model, start), jnp.asarray(False)
        else:
            look = self._look(model, solver)
            stable = look.stable
            rough = self._search(model, solver, start, look)
        return self._refine(model, solver, start, rough, stable)

    def stages(self, model: RandomNetwork, solver: Newton, start: Start) -> Generator[tuple[int, int], None, Computed]:
        """The same, part by part: where replicas stay alike only the first, which is cheap, is compiled and run."""
        rough, stable = None, jnp.asarray(False)
        # The look takes seconds where it is compiled first.
        yield 0, _SHARES[-1]
        if start.values is None:
            look = _look_compiled(self, model, solver)
            # Groups apart begin at the ordered branch itself, so that without one there is nothing to search.
            if look.stable or (start.branch == "groups" and not look.symmetric.converged):
                return look.computed
            yield _SHARES[0], _SHARES[-1]
            rough = _search_compiled(self, model, solver, start, look)
            yield _SHARES[1], _SHARES[-1]
        found = _refine_compiled(self, model, solver, start, rough, stable)
        yield _SHARES[-1], _SHARES[-1]
        return found

    def why(self, arrays: Mapping[str, Any], status: Status) -> str:
        if status != Status.no_such_branch or "breaking_parameter" in arrays:
            return ""
        overlap = float(arrays["overlap"])
        overlap = overlap if abs(overlap) > 1e-5 else 0.0
        return (
            f"Replicas stay alike: their overlap is {overlap:.3g}, and the replicon eigenvalue of the replica-symmetric "
            f"solution {float(arrays['replicon_eigenvalue']):.3g} is not below 0. "
            "Use qd.replica.FiniteTemperature, or a lower temperature. "
        )

    def _parameters(self, model: RandomNetwork) -> tuple[RandomNetwork, Array, Array]:
        """Model, temperature and confinement, without derivatives."""
        temperature, confinement = jnp.asarray(self.temperature, float), jnp.asarray(self.confinement, float)
        return jax.lax.stop_gradient((model, temperature, confinement))

    def _look(self, model: RandomNetwork, solver: Newton) -> _Look:
        """Replicas alike, on the ordered branch."""
        fixed = self._parameters(model)
        root = seeded(*fixed, solver)

        def observables(unknowns: Array) -> dict[str, Array]:
            return overlapping.observables(*fixed, overlapping.replica_symmetric(unknowns), Rule(solver.nodes))[0]

        # Roughly known: one Newton step says how roughly.
        better = polish(
            lambda u: overlapping.residuals(*fixed, overlapping.replica_symmetric(u), Rule(solver.nodes)), root.unknowns
        )
        both = jax.vmap(observables)(jnp.stack([root.unknowns, better]))
        both |= {"overlap_within": both["overlap"], "overlap_between": both["overlap"]}
        values = {name: after for name, (_, after) in both.items()}
        values |= {f"{name}_error": jnp.abs(after - before) for name, (before, after) in both.items()}
        stable = root.converged & (both["replicon_eigenvalue"][0] > -_MARGINAL)
        status = jnp.where(stable, Status.no_such_branch, Status.out_of_steps)
        return _Look(root, stable, Computed(values, status, root.residual, root.steps))

    def _search(self, model: RandomNetwork, solver: Newton, start: Start, look: _Look) -> Root:
        """The way to groups from replicas alike; where these are stable there is none."""
        apart = start.branch == "groups"
        search = _sign_change if apart else _seeded_groups
        fixed, rough = self._parameters(model), _rough(solver, apart)

        def nowhere() -> Root:
            nothing = jnp.full(7 if apart else 10, jnp.nan)
            return Root(nothing, jnp.zeros(()), look.symmetric.steps, jnp.asarray(False))

        def found() -> Root:
            return search(*fixed, look.symmetric, rough, apart)._replace(residual=jnp.zeros(()), orientation=0.0)

        return jax.lax.cond(look.stable, nowhere, found)

    def _given(self, model: RandomNetwork, start: Start) -> Root:
        assert start.values is not None
        fixed, cold, _ = self._parameters(model)
        return _given(fixed, cold, start.values, start.branch == "groups")

    def _refine(self, model: RandomNetwork, solver: Newton, start: Start, rough: Root, stable: Array) -> Computed:
        """Newton's method, a finer quadrature, and what it all means."""
        temperature, confinement = jnp.asarray(self.temperature, float), jnp.asarray(self.confinement, float)
        fixed, cold, tight = self._parameters(model)
        apart = start.branch == "groups"
        absent = jnp.where(stable, Status.no_such_branch, Status.out_of_steps)
        rule = Rule(solver.nodes, even=apart)
        better = Rule(2 * solver.nodes if apart else 4 * solver.nodes // 3, even=apart)

        def residual(unknowns: Array) -> Array:
            return overlapping.residuals(fixed, cold, tight, one_step_broken(unknowns), rule)

        def finer(unknowns: Array) -> Array:
            return overlapping.residuals(model, temperature, confinement, one_step_broken(unknowns), better)

        found = newton(residual, rough.unknowns, solver)
        found = found._replace(steps=found.steps + rough.steps)
        refined = one_step_broken(polish(finer, found.unknowns))
        fine, fits = overlapping.observables(model, temperature, confinement, refined, better)
        coarse, _ = overlapping.observables(fixed, cold, tight, one_step_broken(found.unknowns), rule)
        outcome = computed(fine, coarse, found)
        status = jnp.where((outcome.status == Status.solved) & ~fits, Status.coarse_quadrature, outcome.status)
        *_, within, _, _, size = found.unknowns
        exists = (within > _NO_OVERLAP) & (size > 0.0) & (size < 1.0)
        exists &= (model.field == 0.0) if apart else found.unknowns[3] > _NO_OVERLAP
        status = jnp.where(found.converged & ~exists, Status.no_such_branch, status)
        # Where the search ended without groups: a verdict only if replica symmetry is known to hold.
        return outcome._replace(status=jnp.where(~rough.converged & ~found.converged, absent, status))


@jax.jit
def _look_compiled(theory: OneStepRSB, model: RandomNetwork, solver: Newton) -> _Look:
    return theory._look(model, solver)


@jax.jit
def _search_compiled(theory: OneStepRSB, model: RandomNetwork, solver: Newton, start: Start, look: _Look) -> Root:
    return theory._search(model, solver, start, look)


@jax.jit
def _refine_compiled(
    theory: OneStepRSB, model: RandomNetwork, solver: Newton, start: Start, rough: Root | None, stable: Array
) -> Computed:
    return theory._refine(model, solver, start, theory._given(model, start) if rough is None else rough, stable)


def one_step_broken(unknowns: Float[Array, " unknown"]) -> OrderParameters:
    """ln a, S, a D; what groups have in common, if they have; what a group has beyond it; m."""
    log_width, response, delta = unknowns[:3]
    *between, within = (Overlaps(*each) for each in unknowns[3:-1].reshape(-1, 3))
    return OrderParameters(log_width, response, delta, between[0] if between else None, within, unknowns[-1])


def _between(values: Mapping[str, Array]) -> dict[str, Array]:
    """What groups have in common: the mean over pairs of replicas is 1 - m times that within and m times that between."""
    size = values["breaking_parameter"]
    return {name: (values[name] - (1.0 - size) * values[f"{name}_within"]) / size for name in _PAIRS}


def _given(model: RandomNetwork, temperature: Array, values: dict[str, Array], apart: bool) -> Root:
    group = {**values, **{name: values[f"{name}_within"] for name in _PAIRS}}
    unknowns = overlapping.unknowns_of(model, temperature, group)
    if not apart:
        overlap, response, conjugate = _between(values).values()
        scale = jnp.exp(unknowns[0]) * model.gain**2
        common = jnp.stack([overlap, response / overlapping.root_of_temperature(group), scale * conjugate])
        # Groups apart, in a field: they begin with a share.
        common = jnp.where(overlap > _NO_OVERLAP, common, _COMMON * unknowns[3:])
        unknowns = jnp.concatenate([unknowns[:3], common, unknowns[3:] - common])
    guess = jnp.append(unknowns, values["breaking_parameter"])
    return Root(guess, jnp.zeros(()), jnp.zeros((), jnp.int32), jnp.asarray(True))


def _rough(solver: Newton, apart: bool) -> Newton:
    """Fewer nodes on the way, of four dimensions not too few."""
    return Newton(_ROUGH, min(solver.max_steps, _FEW), max(solver.nodes // 2 if apart else 3 * solver.nodes // 4, 8))


def _sign_change(
    model: RandomNetwork, temperature: Array, confinement: Array, symmetric: Root, rough: Newton, apart: bool
) -> Root:
    """From the ordered branch, which is m = 0, to larger m as long as dF/dm keeps its sign."""
    guess = symmetric.unknowns
    if not apart:
        guess = jnp.concatenate([guess[:3], _COMMON * guess[3:], (1.0 - _COMMON) * guess[3:]])

    def residual(unknowns: Array, size: Array) -> Array:
        groups = one_step_broken(jnp.append(unknowns, size))
        return overlapping.residuals(model, temperature, confinement, groups, Rule(rough.nodes, even=apart))

    def unfinished(carry: tuple[Array, Array, Array, Array, Array]) -> Array:
        _, size, step, slope, _ = carry
        return (slope <= 0.0) & (step > _SHORTEST) & (size < 1.0)

    def next_size(carry: tuple[Array, Array, Array, Array, Array]) -> tuple[Array, Array, Array, Array, Array]:
        unknowns, size, step, slope, steps = carry
        beyond = size + step
        found = newton(lambda u: residual(u, beyond)[:-1], unknowns, rough)
        there = found.converged & (found.unknowns[-3] > _NO_OVERLAP)
        # At m = 0 there is nothing to be seen: replicas that stay alike end the search.
        longer = jnp.where(there, jnp.minimum(1.5 * step, _LONGEST), jnp.where(size > 0.0, 0.25 * step, 0.0))
        return (
            jnp.where(there, found.unknowns, unknowns),
            jnp.where(there, beyond, size),
            longer,
            jnp.where(there, residual(found.unknowns, beyond)[-1], slope),
            steps + found.steps,
        )

    step = jnp.where(symmetric.converged, _FIRST, 0.0)
    start = (guess, jnp.zeros(()), step, -jnp.ones(()), symmetric.steps)
    unknowns, size, _, slope, steps = jax.lax.while_loop(unfinished, next_size, start)
    found = slope > 0.0
    # From NaN nothing is searched for.
    return Root(jnp.where(found, jnp.append(unknowns, size), jnp.nan), jnp.zeros(()), steps, found)


def _seeded_groups(
    model: RandomNetwork, temperature: Array, confinement: Array, symmetric: Root, rough: Newton, apart: bool
) -> Root:
    """In a field strong enough for groups to overlap, which is then reduced to the model's own."""
    own = jnp.asarray(model.field, float)
    least = _SEED * model.gain * jnp.maximum(symmetric.unknowns[3], 0.0) ** 1.5
    strong = jnp.where(own < 0.0, -1.0, 1.0) * jnp.maximum(jnp.abs(own), least)
    # Without a field of its own the branch is followed nearly to its end: there Q_0 may vanish, and all be singular.
    weak = jnp.where(own == 0.0, _REST * strong, own)

    def at(share: Array) -> RandomNetwork:
        return model.replace(field=strong + share * (weak - strong))

    def residual(share: Array, unknowns: Array) -> Array:
        return overlapping.residuals(at(share), temperature, confinement, one_step_broken(unknowns), Rule(rough.nodes))

    def without_groups(unknowns: Array) -> Array:
        return overlapping.residuals(
            at(zero), temperature, confinement, overlapping.replica_symmetric(unknowns), Rule(rough.nodes)
        )

    zero = jnp.zeros(())
    there = newton(without_groups, symmetric.unknowns, rough)
    begin = _sign_change(at(zero), temperature, confinement, there, rough, apart)
    end = follow(residual, begin.unknowns, zero, jnp.where(weak == strong, 0.0, 1.0), rough, _BACK)
    return end._replace(steps=begin.steps + end.steps, converged=begin.converged & end.converged)
