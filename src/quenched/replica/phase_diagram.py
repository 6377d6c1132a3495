"""All branches of the replica-symmetric theory on a grid of gain, symmetry and temperature, and the lines between them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from quenched import checks
from quenched.models import RandomNetwork
from quenched.numerics.memory import refuse_what_does_not_fit
from quenched.numerics.self_consistency import Newton
from quenched.numerics.work import keep_all, on_threads
from quenched.precision import double_precision
from quenched.replica.finite_temperature import check_temperature
from quenched.replica.phase_branches import NAMES, Line, with_overlap, without_overlap
from quenched.replica.phase_lines import choose, crossings
from quenched.replica.zero_overlap import check_integrals, check_no_noise, check_odd_without_field
from quenched.status import Status
from quenched.theory import one_population

if TYPE_CHECKING:
    import xarray as xr

BRANCHES = ("upward", "downward", "ordered")
# Two quadratures that differ by more would be seen in a figure.
_COARSE = 1e-3
# Three branches of some twenty numbers, a few times over.
_BYTES_OF_A_POINT = 8 * 3 * 20 * 6


@double_precision
def phase_diagram(
    model: RandomNetwork,
    gains: ArrayLike,
    symmetries: ArrayLike,
    temperatures: ArrayLike,
    *,
    confinement: float = 0.0,
    solver: Newton | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> xr.Dataset:
    """Every branch of `FiniteTemperature` on a grid, which of them is the stable one, and the lines between phases.

    Branches: "upward", without overlap, followed from the smallest gain to larger ones; "downward", without overlap, from
    the largest to smaller ones; "ordered", replicas overlap, found at the largest gain (and wherever an overlap grows) by a
    field that is switched off, followed to smaller ones, and where it was lost to larger ones again. Where upward and
    downward agree there is one solution without overlap.

    Which one: order parameters of one replica (q, S, D) are integrated over, the measure concentrates on the solution of
    smallest free energy. Overlaps of different replicas stand in n(n-1)/2 -> -n/2 pairs, which turns the sign: of solutions
    that differ in overlaps the right one has the largest free energy. So a branch without overlap counts only where it is
    stable (no overlap would grow), else the ordered one does; of those that count the smallest free energy is chosen. An
    unstable branch without overlap is the average of Z itself, which rare networks dominate.

    Arguments:
        model: its activation, odd; its own gain and symmetry are not used.
        gains: at least two, increasing and above 0, (gain).
        symmetries: between -1 and 1, one number or (symmetry).
        temperatures: T of exp(-E/T), above 0, one number or (temperature).
        confinement: c, strength of the term c |x|^2 of E, at least 0.
        solver: its `nodes`, 24 if left out, set the quadrature of the ordered branch.
        progress: called with (lines done, lines in all); a line is one symmetry at one temperature.

    Returns:
        Dataset over (`symmetry`, `temperature`, `gain`): with `branch`, `self_overlap`, `overlap`, `local_response`,
        `energy`, `free_energy`, `replicon_eigenvalue`, each with `_error` from a second quadrature, and `status`
        (`no_such_branch` where it does not exist, the values then NaN, `out_of_steps` where it should and was lost,
        `coarse_quadrature` where an error is above 1e-3); `chosen_branch`, its place in `branch`, -1 for none. Lines:
        `critical_gain` 1/(s (1 + gamma)), s = phi'(0), where the response peaks; `frozen_gain` 1/(s sqrt(1 + gamma)), where
        q becomes positive at T = 0 (NaN for symmetry < 0, where the solution at rest goes on); over `temperature` too,
        `almeida_thouless_gain`, where the upward branch becomes unstable (replica symmetry breaks), and `first_order_gain`,
        where the upward and the downward branch have equal free energies, each NaN where there is none; with `_error`, the
        difference of two interpolations between gains, or the step between gains where the branch itself changes there.

    Raises:
        ValueError: noise; a field, or phi that is not odd, with which there is one branch: use `qd.sweep`; gains that do not
            increase, or fewer than two; parameters out of range.
        TypeError: another model than a `qd.RandomNetwork`, another solver than `qd.Newton`, no numbers.

    When it fails: interrupted, the lines done are kept, the others have the status `interrupted`. The ordered branch is the
    replica-symmetric one; where it is chosen it is unstable, and `OneStepRSB` gives the better free energy (larger by a per
    cent). At low T and large gain its averages jump with the fields (`coarse_quadrature`): raise `nodes`.

    Source: Qiu & Huang 2025 (`qiu2025`); de Almeida & Thouless 1978 (`almeida1978`) for the stability.

    Example:
        >>> import numpy as np, quenched as qd
        >>> found = qd.replica.phase_diagram(qd.RandomNetwork(1.0), np.linspace(0.5, 2.5, 5), [0.0], [0.1])
        >>> bool((found.chosen_branch == 0).all())
        True
    """
    import xarray as xr

    from quenched.solution import labelled

    progress = checks.progress(progress)
    axes = _axes(model, gains, symmetries, temperatures, confinement)
    used = Newton(nodes=24) if solver is None else solver
    if not isinstance(used, Newton):
        raise TypeError(f"Argument `solver` must be a qd.Newton, but is {used!r}.")
    points = len(axes["symmetry"]) * len(axes["temperature"]) * len(axes["gain"])
    refuse_what_does_not_fit(
        _BYTES_OF_A_POINT * points, f"A diagram of {points} points", "the number of gains, symmetries or temperatures"
    )
    lines = [(gamma, T) for gamma in axes["symmetry"] for T in axes["temperature"]]
    gamma, T = (jnp.asarray(values) for values in zip(*lines, strict=True))
    tight, grid = jnp.asarray(float(confinement)), jnp.asarray(axes["gain"])
    both = jax.device_get(without_overlap(model, grid, gamma, T, tight, used))

    def ordered(index: int) -> Line:
        downward: Line = jax.tree.map(lambda values: values[index], both[1])
        return jax.device_get(
            with_overlap(model, grid, gamma[index], T[index], tight, downward.arrays["replicon_eigenvalue"], used)
        )

    overlapping_lines: list[Line] = []
    tell = None if progress is None else lambda done: progress(done, len(lines))
    keep_all(on_threads(ordered, range(len(lines))), overlapping_lines.append, lambda: bool(overlapping_lines), tell)
    done = len(overlapping_lines)
    overlapping_lines += [_nothing(overlapping_lines[0])] * (len(lines) - done)
    ours = jax.tree.map(lambda *values: np.stack(values), *overlapping_lines)
    found = {name: np.stack([np.asarray(line.arrays[name]) for line in (*both, ours)], axis=1) for name in ours.arrays}
    there = np.stack([np.asarray(line.found) for line in (*both, ours)], axis=1)
    chosen = choose(found, there)
    shape = (len(axes["symmetry"]), len(axes["temperature"]))
    dataset = xr.Dataset(coords={name: (name, values) for name, values in axes.items()} | {"branch": list(BRANCHES)})
    plane = ("symmetry", "temperature")
    for name, values in found.items():
        array = np.where(there, values, np.nan).reshape(*shape, *values.shape[1:])
        dataset[name] = labelled(name, array, (*plane, "branch", "gain"))
    status = np.where(there, Status.solved, Status.no_such_branch)
    coarse = ~np.stack([np.asarray(line.fits) for line in (*both, ours)], axis=1)
    for name in NAMES:
        coarse |= found[f"{name}_error"] > _COARSE * (1.0 + np.abs(found[name]))
    status[there & coarse] = Status.coarse_quadrature
    # Where the upward branch is unstable there is an ordered one.
    status[:, 2][~there[:, 2] & (found["replicon_eigenvalue"][:, 0] < 0.0)] = Status.out_of_steps
    status[done:, BRANCHES.index("ordered")] = Status.interrupted
    dataset["status"] = labelled("status", status.reshape(*shape, *there.shape[1:]), (*plane, "branch", "gain"))
    dataset["chosen_branch"] = labelled("chosen_branch", chosen.reshape(*shape, -1), (*plane, "gain"))
    for name, (values, errors) in crossings(axes["gain"], found, there).items():
        dataset[name] = labelled(name, values.reshape(shape), plane)
        dataset[f"{name}_error"] = labelled(f"{name}_error", errors.reshape(shape), plane)
    jumps = any(place == 0.0 for place, _ in model.activation.jumps)
    slope = np.inf if jumps else float(np.abs(model.activation.slope(jnp.zeros(()))))
    opening = 1.0 + axes["symmetry"]
    with np.errstate(divide="ignore"):
        steep = np.multiply(slope, opening, where=opening > 0.0, out=np.zeros_like(opening))
        dataset["critical_gain"] = labelled("critical_gain", 1.0 / steep, plane[:1])
        # A grid through 0 may miss it by rounding.
        frozen = np.where(axes["symmetry"] > -1e-12, 1.0 / (slope * np.sqrt(1.0 + axes["symmetry"])), np.nan)
        dataset["frozen_gain"] = labelled("frozen_gain", frozen, plane[:1])
    dataset.attrs = {
        "activation": model.activation.name,
        "confinement": float(confinement),
        "citations": "qiu2025 almeida1978",
    }
    return dataset


def _nothing(line: Line) -> Line:
    """Of a line that was not come to."""
    nowhere = jnp.zeros_like(line.found)
    return Line({name: jnp.full_like(values, jnp.nan) for name, values in line.arrays.items()}, nowhere, nowhere)


def _axes(model: RandomNetwork, gains: Any, symmetries: Any, temperatures: Any, confinement: Any) -> dict[str, np.ndarray]:
    """The axes, refused where they are wrong."""
    if not isinstance(model, RandomNetwork):
        raise TypeError(f"Argument `model` must be a qd.RandomNetwork, but is {checks.shown(model)}.")
    one_population(model, "replica.phase_diagram")
    check_odd_without_field(model, "replica.phase_diagram")
    check_no_noise(model, "replica.phase_diagram")
    axes: dict[str, np.ndarray] = {}
    for name, plural, given in (
        ("symmetry", "symmetries", symmetries),
        ("temperature", "temperatures", temperatures),
        ("gain", "gains", gains),
    ):
        axes[name] = checks.real_array(f"Argument `{plural}`", [given] if np.isscalar(given) else given, (None,))
        if axes[name].size == 0:
            raise ValueError(f"Argument `{plural}` must hold at least one number, but is empty.")
    if axes["gain"].size < 2 or np.any(np.diff(axes["gain"]) <= 0.0):
        raise ValueError(
            "Argument `gains` must be at least two numbers that increase, since branches are followed along them."
        )
    checks.number("gains", float(axes["gain"][0]), above=0.0)
    for most in (np.min, np.max):
        RandomNetwork(1.0, float(most(axes["symmetry"])))
        check_temperature(float(most(axes["temperature"])), confinement)
    for value in axes["symmetry"]:
        largest = model.replace(gain=float(axes["gain"][-1]), symmetry=float(value))
        check_integrals(largest, confinement, "replica.phase_diagram")
    return axes
