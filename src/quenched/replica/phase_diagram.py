"""All branches of the replica-symmetric theory on a grid of gain, symmetry and temperature, and the lines between them."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from quenched import checks
from quenched.models import RandomNetwork
from quenched.numerics.self_consistency import Newton, Root, newton
from quenched.numerics.threads import one_blas_thread
from quenched.precision import double_precision
from quenched.replica import overlapping
from quenched.replica.branches import cool, observables, seeded
from quenched.replica.finite_temperature import check_temperature
from quenched.replica.overlapping import Rule
from quenched.replica.zero_overlap import check_no_noise, check_odd_without_field, equations
from quenched.status import Status

if TYPE_CHECKING:
    import xarray as xr

BRANCHES = ("upward", "downward", "ordered")
# Of the ordered branch: from one gain to the next a free energy that is stationary needs no more.
_TOLERANCE = 1e-8
_NAMES = ("self_overlap", "overlap", "local_response", "energy", "free_energy", "replicon_eigenvalue")
# Newton steps from one gain to the next, solutions that are one, and no overlap.
_STEPS, _SAME, _NO_OVERLAP = 12, 1e-6, 1e-6


Carry = tuple[Array, Array, Array]
"""The last order parameters along the gains, those before, and how many of them solve the equations."""


class Line(NamedTuple):
    """One branch along the gains, at one symmetry and temperature."""

    arrays: dict[str, Float[Array, " gain"]]
    found: Array
    unknowns: Float[Array, "gain unknown"]


@double_precision
def phase_diagram(
    model: RandomNetwork,
    gains: Sequence[float],
    symmetries: Sequence[float],
    temperatures: Sequence[float],
    *,
    confinement: float = 0.0,
    solver: Newton | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> xr.Dataset:
    """Every branch of `FiniteTemperature` on a grid, which of them is the stable one, and the lines between phases.

    Branches: "upward", without overlap, followed from the smallest gain to larger ones; "downward", without overlap, from
    the largest to smaller ones; "ordered", replicas overlap, found at the largest gain (and wherever an overlap grows) by a
    field that is switched off, and followed to smaller ones. Where upward and downward agree there is one solution without
    overlap.

    Which one: order parameters of one replica (q, S, D) are integrated over, the measure concentrates on the solution of
    smallest free energy. Overlaps of different replicas stand in n(n-1)/2 -> -n/2 pairs, which turns the sign: of solutions
    that differ in overlaps the right one has the largest free energy. So first each branch without overlap that is unstable
    (an overlap would grow) gives way to the ordered one, then the smallest free energy is chosen.

    Arguments:
        model: its activation, odd; its own gain and symmetry are not used.
        gains: at least two, increasing and above 0.
        symmetries, temperatures: as for `qd.RandomNetwork` and `FiniteTemperature`.
        confinement: c, at least 0.
        solver: its `nodes`, 24 if left out, set the quadrature of the ordered branch.
        progress: called with (lines done, lines in all); a line is one symmetry at one temperature.

    Returns:
        Dataset over (`symmetry`, `temperature`, `gain`): with `branch`, `self_overlap`, `overlap`, `local_response`, `energy`,
        `free_energy`, `replicon_eigenvalue` and `status` (`no_such_branch` where it does not exist, the values then NaN);
        `chosen_branch`, its place in `branch`; `free_energy_error`. Lines: `critical_gain` 1/(s (1 + gamma)), s = phi'(0),
        where the response peaks; `frozen_gain` 1/(s sqrt(1 + gamma)), where q becomes positive at T = 0; over `temperature`
        too, `almeida_thouless_gain`, where replica symmetry breaks on the chosen branch, and `first_order_gain`, where two
        branches have equal free energies, each NaN where there is none; with `_error`, half of what interpolation may miss.

    Raises: ValueError, TypeError for bad arguments. For a field or phi that is not odd there is one branch: use `qd.sweep`.

    When it fails: the ordered branch is the replica-symmetric one; where it is chosen it is unstable, and `OneStepRSB` gives
    the better free energy (larger by a per cent). At T < 1e-3 its averages jump with the fields: raise `nodes`.

    Source: Qiu & Huang 2025; de Almeida & Thouless 1978 for the stability.

    Example:
        >>> import numpy as np, quenched as qd
        >>> found = qd.replica.phase_diagram(qd.RandomNetwork(1.0), np.linspace(0.5, 2.5, 5), [0.0], [0.1])
        >>> bool((found.chosen_branch == 0).all())
        True
    """
    import xarray as xr

    from quenched.solution import labelled

    axes = _axes(model, gains, symmetries, temperatures, confinement)
    used = Newton(nodes=24) if solver is None else solver
    if not isinstance(used, Newton):
        raise TypeError(f"Argument `solver` must be a qd.Newton, but is {used!r}.")
    lines = [(gamma, T) for gamma in axes["symmetry"] for T in axes["temperature"]]
    gamma, T = (jnp.asarray(values) for values in zip(*lines, strict=True))
    tight, grid = jnp.asarray(float(confinement)), jnp.asarray(axes["gain"])
    both = jax.device_get(_without_overlap(model, grid, gamma, T, tight, used))

    @double_precision  # a setting of the thread
    def ordered(index: int) -> Line:
        downward: Line = jax.tree.map(lambda values: values[index], both[1])
        return jax.device_get(
            _with_overlap(model, grid, gamma[index], T[index], tight, downward.arrays["replicon_eigenvalue"], used)
        )

    overlapping_lines = []
    with one_blas_thread(), ThreadPoolExecutor(os.cpu_count()) as pool:
        for done, line in enumerate(pool.map(ordered, range(len(lines))), start=1):
            overlapping_lines.append(line)
            if progress is not None:
                progress(done, len(lines))
    ours = jax.tree.map(lambda *values: np.stack(values), *overlapping_lines)
    found = {
        name: np.stack([np.asarray(line.arrays[name]) for line in (*both, ours)], axis=1)
        for name in (*_NAMES, "free_energy_error")
    }
    there = np.stack([np.asarray(line.found) for line in (*both, ours)], axis=1)
    chosen = _choose(found, there)
    shape = (len(axes["symmetry"]), len(axes["temperature"]))
    dataset = xr.Dataset(coords={name: (name, values) for name, values in axes.items()} | {"branch": list(BRANCHES)})
    plane = ("symmetry", "temperature")
    for name, values in found.items():
        array = np.where(there, values, np.nan).reshape(*shape, *values.shape[1:])
        dataset[name] = labelled(name, array, (*plane, "branch", "gain"))
    status = np.where(there, Status.solved, Status.no_such_branch).reshape(*shape, *there.shape[1:])
    dataset["status"] = labelled("status", status, (*plane, "branch", "gain"))
    dataset["chosen_branch"] = labelled("chosen_branch", chosen.reshape(*shape, -1), (*plane, "gain"))
    for name, (values, errors) in _lines(axes["gain"], found, there, chosen).items():
        dataset[name] = labelled(name, values.reshape(shape), plane)
        dataset[f"{name}_error"] = labelled(f"{name}_error", errors.reshape(shape), plane)
    slope = float(np.abs(model.activation.slope(jnp.zeros(()))))
    with np.errstate(divide="ignore"):
        dataset["critical_gain"] = labelled("critical_gain", 1.0 / (slope * (1.0 + axes["symmetry"])), plane[:1])
        dataset["frozen_gain"] = labelled("frozen_gain", 1.0 / (slope * np.sqrt(1.0 + axes["symmetry"])), plane[:1])
    dataset.attrs = {
        "activation": model.activation.name,
        "confinement": float(confinement),
        "citations": "qiu2025 almeida1978",
    }
    return dataset


def _axes(model: RandomNetwork, gains: Any, symmetries: Any, temperatures: Any, confinement: Any) -> dict[str, np.ndarray]:
    """The axes, refused where they are wrong."""
    if not isinstance(model, RandomNetwork):
        raise TypeError(f"Argument `model` must be a qd.RandomNetwork, but is {model!r}.")
    check_odd_without_field(model, "replica.phase_diagram")
    check_no_noise(model, "replica.phase_diagram")
    axes: dict[str, np.ndarray] = {}
    for name, plural, given in (
        ("symmetry", "symmetries", symmetries),
        ("temperature", "temperatures", temperatures),
        ("gain", "gains", gains),
    ):
        values = np.atleast_1d(np.asarray(given, float))
        if values.ndim != 1 or values.size == 0 or not np.isfinite(values).all():
            raise ValueError(f"Argument `{plural}` must be finite numbers in a row, but is {given!r}.")
        axes[name] = values
    if axes["gain"].size < 2 or np.any(np.diff(axes["gain"]) <= 0.0):
        raise ValueError(
            "Argument `gains` must be at least two numbers that increase, since branches are followed along them."
        )
    for value in axes["gain"]:
        RandomNetwork(float(value))
    checks.number("gains", float(axes["gain"][0]), above=0.0)
    for value in axes["symmetry"]:
        RandomNetwork(1.0, float(value))
    for value in axes["temperature"]:
        check_temperature(float(value), confinement)
    return axes


@partial(jax.jit, static_argnames="solver")
def _without_overlap(
    model: RandomNetwork, gains: Array, symmetries: Array, temperatures: Array, confinement: Array, solver: Newton
) -> tuple[Line, Line]:
    """Both ways along the gains."""
    # A quadrature of one dimension costs next to nothing.
    fine = Newton(solver.tolerance, solver.max_steps)
    quick = Newton(solver.tolerance, _STEPS)

    def one_way(gains: Array, symmetry: Array, temperature: Array) -> Line:
        def at(unknowns: Array, gain: Array) -> tuple[Array, tuple[dict[str, Array], Array, Array]]:
            here = RandomNetwork(gain, symmetry, 0.0, 0.0, model.activation)
            next_one = newton(lambda u: equations(here, temperature, u, quick.nodes, confinement), unknowns, quick)
            cooled = cool(here, temperature, confinement, fine)
            root: Root = jax.tree.map(lambda a, b: jnp.where(next_one.converged, a, b), next_one, cooled)
            values = observables(here, temperature, confinement, root.unknowns, 2 * fine.nodes)
            coarse = observables(here, temperature, confinement, root.unknowns, fine.nodes)
            error = {"free_energy_error": jnp.abs(values["free_energy"] - coarse["free_energy"])}
            return root.unknowns, ({name: values[name] for name in _NAMES} | error, root.converged, root.unknowns)

        first = cool(RandomNetwork(gains[0], symmetry, 0.0, 0.0, model.activation), temperature, confinement, fine)
        _, (arrays, converged, unknowns) = jax.lax.scan(at, first.unknowns, gains)
        return Line(arrays, converged, unknowns)

    up = jax.vmap(lambda s, t: one_way(gains, s, t))(symmetries, temperatures)
    down = jax.vmap(lambda s, t: one_way(gains[::-1], s, t))(symmetries, temperatures)
    return up, jax.tree.map(lambda values: values[:, ::-1], down)


@partial(jax.jit, static_argnames="solver")
def _with_overlap(
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

        def follow_on() -> tuple[Array, Array, dict[str, Array]]:
            guess = jax.lax.cond(known > 0, lambda: jnp.where(known > 1, 2.0 * last - before, last), seed)
            root = newton(
                lambda u: overlapping.residuals(here, temperature, confinement, overlapping.alike(u), rule), guess, quick
            )
            found = overlapping.alike(root.unknowns)
            values, _ = overlapping.observables(here, temperature, confinement, found, rule)
            better = overlapping.free_energy(here, temperature, confinement, found, finer)
            exists = root.converged & (root.unknowns[3] > _NO_OVERLAP)
            error = {"free_energy_error": jnp.abs(better - values["free_energy"])}
            return root.unknowns, exists, {name: values[name] for name in _NAMES} | error

        def nothing() -> tuple[Array, Array, dict[str, Array]]:
            return last, jnp.asarray(False), dict.fromkeys((*_NAMES, "free_energy_error"), jnp.asarray(jnp.nan))

        unknowns, exists, values = jax.lax.cond((known > 0) | first | (eigenvalue < 0.0), follow_on, nothing)
        return (unknowns, last, jnp.where(exists, known + 1, 0)), (values, exists, unknowns)

    places = (gains[::-1], eigenvalues[::-1], jnp.arange(gains.size) == 0)
    nowhere = (jnp.zeros(6), jnp.zeros(6), jnp.asarray(0))
    _, (arrays, found, unknowns) = jax.lax.scan(at, nowhere, places)
    return jax.tree.map(lambda values: values[::-1], Line(arrays, found, unknowns))


def _choose(found: dict[str, np.ndarray], there: np.ndarray) -> np.ndarray:
    """The place of the branch to believe."""
    free = np.where(there, found["free_energy"], np.inf)
    # A branch that gives way to the ordered one does not stand for itself.
    unstable = (found["replicon_eigenvalue"] < 0.0) & there
    unstable[:, 2] = False
    gives_way = unstable & there[:, 2:3]
    standing = np.where(gives_way, np.inf, free)
    # Both ways may lead to one solution.
    same = np.abs(found["self_overlap"][:, 0] - found["self_overlap"][:, 1]) < _SAME
    standing[:, 1] = np.where(same & there[:, 0], np.inf, standing[:, 1])
    # Where nothing gives way the ordered branch stands for nothing.
    standing[:, 2] = np.where(gives_way[:, :2].any(axis=1), free[:, 2], np.inf)
    chosen = np.argmin(standing, axis=1)
    return np.where(np.isfinite(standing).any(axis=1), chosen, -1)


def _lines(
    gains: np.ndarray, found: dict[str, np.ndarray], there: np.ndarray, chosen: np.ndarray
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Where they cross, by linear interpolation between two gains, and an eighth of their distance as the error."""
    count = chosen.shape[0]
    names = ("almeida_thouless_gain", "first_order_gain")
    values = {name: np.full(count, np.nan) for name in names}
    errors = {name: np.full(count, np.nan) for name in names}
    free, q = found["free_energy"], found["self_overlap"]
    for line in range(count):
        for left in range(gains.size - 1):
            right = left + 1
            before, after = chosen[line, left], chosen[line, right]
            if before < 0 or after < 0:
                continue
            jump = np.nan
            if there[line, (before, after)][:, (left, right)].all():
                difference = free[line, after, left : right + 1] - free[line, before, left : right + 1]
                apart = abs(q[line, after, left : right + 1] - q[line, before, left : right + 1]).min() > _SAME
                if apart and difference[0] > 0.0 >= difference[1]:
                    jump = gains[left] + (gains[right] - gains[left]) * difference[0] / (difference[0] - difference[1])
            name, where = ("first_order_gain", jump)
            if np.isnan(jump):
                eigenvalue = found["replicon_eigenvalue"][line, min(before, 1), left : right + 1]
                if not (there[line, min(before, 1), left : right + 1].all() and eigenvalue[0] > 0.0 >= eigenvalue[1]):
                    continue
                name = "almeida_thouless_gain"
                where = gains[left] + (gains[right] - gains[left]) * eigenvalue[0] / (eigenvalue[0] - eigenvalue[1])
            if np.isnan(values[name][line]):
                values[name][line], errors[name][line] = where, 0.125 * (gains[right] - gains[left])
    return {name: (values[name], errors[name]) for name in names}
