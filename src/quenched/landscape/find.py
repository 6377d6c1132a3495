"""The fixed points of one network, one flow or one map."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from quenched import checks
from quenched.landscape.catalogue import Collection, default_starts
from quenched.landscape.dynamics import AbstractDynamics, Map, read_dynamics
from quenched.landscape.listing import Descents, Followed, describe_points, nothing_run, residuals_compiled
from quenched.landscape.paths import Homotopy, follow_paths
from quenched.landscape.sampling.starts import langevin_starts
from quenched.landscape.search import LevenbergMarquardt, Outcome, search
from quenched.landscape.uncertified import Uncertified, settle_paths, settle_starts
from quenched.models import Network
from quenched.numerics.interrupts import held_interrupts
from quenched.numerics.memory import available_bytes
from quenched.numerics.threads import one_blas_thread
from quenched.precision import double_precision

if TYPE_CHECKING:
    from quenched.landscape.dataset import FixedPointDataset
    from quenched.solve import Progress

# A part holds this many starts for each lane, so that few lanes idle at its end.
_STARTS_PER_LANE = 8
_DEFAULT_STARTS = 200


@double_precision
def find_fixed_points(
    dynamics: Network | AbstractDynamics,
    starts: int | Any | None = None,
    *,
    inputs: Any = None,
    paths: int = 16,
    rounds: int = 3,
    period: int = 1,
    key: int | Array | None = None,
    solver: LevenbergMarquardt | None = None,
    follow: Homotopy | None = None,
    progress: Progress | None = None,
) -> FixedPointDataset:
    """Fixed points, F(x) = 0 of a flow dx/dt = F(x) or S(x) = x of a map, found from many starts and certified.

    From every start E = |F|^2/2 is minimised (Levenberg-Marquardt). From some of them a path is followed too, on which the
    dynamics is switched on (`qd.landscape.Homotopy`): in large chaotic networks, where most descents of E end in a
    ghost, paths still lead to fixed points, and each to several.

    Arguments:
        dynamics: a `qd.Network`, `qd.landscape.Flow(velocity, size)` or `qd.landscape.Map(step, size)`.
        starts: how many starts (the origin, states on trajectories, Gaussian clouds), or the starts themselves, (start,
            neuron). If left out 200, or more to give every row of `inputs` as many; a quarter of them states that Langevin
            dynamics has cooled in the landscape (`qd.landscape.anneal` makes more of these).
        inputs: constant inputs, (input), or one row a start, (start, input); of a `qd.Network` added to its field.
        paths: from how many of the starts a path is followed too; 0 for none.
        rounds: search again from the middle between points that were found, as long as that finds new ones or the index sum
            is not 1, at most this often; 0 for never.
        period: of a map, find its points of this period (and of its divisors).
        key: seed of the starts, 0 if left out.
        solver: `qd.landscape.LevenbergMarquardt(max_steps=, lanes=, tolerance=)`.
        follow: `qd.landscape.Homotopy(max_steps=, most_points=, lanes=, furthest=)`.
        progress: called with (starts done, starts in all), paths and later rounds counted too. Ctrl-C ends the search and
            keeps what it found; the outcome of the other starts is `not_run`, the attribute `interrupted` 1.

    Returns:
        Dataset, fixed points with the fewest unstable directions first: `state` (fixed_point, neuron), `residual`,
        `certificate` (Newton-Kantorovich number: below 1/2 a root is proven nearby, and the only one within `radius`),
        `stable` (every direction decays), `unstable_directions` (how many grow), `marginal_directions` (of how many rounding
        leaves it open, as at a centre), `eigenvalues` (fixed_point, mode), `index`, `log_weight`, `starts_reaching`,
        `condition` (the row of the variable `inputs`) where there are several, and `smallest_period` for a period above 1.
        `outcome` (start), a code of `qd.landscape.Outcome`, `end_state` (start, neuron) and `end_speed` (start), where each
        start ended and the largest velocity there; `path_outcome`, `path_points` (path). Outcomes are counted in the
        attributes `outcomes` and `path_outcomes`; `searches_between` counts the searches of later rounds.
        `uncertified_state` (uncertified_point, neuron): roots to rounding without a certificate, and why: `on_kink` (F' or F
        jumps there), or `flat_directions` above 0 (so many singular values of F' are zero: a line or a ring of fixed
        points, or roots that merge), or else F' changes too fast; with `uncertified_residual`,
        `uncertified_starts_reaching`, of several inputs `uncertified_condition`. What is stable there is not said. Of a line
        all points that were found are listed, unless they are closer than 1e-4.
        `slow_state` (slow_point, neuron): the minima of E above zero, of several inputs with `slow_condition`.
        `index_sum`, of several inputs (condition): 1 if the list is complete and F(x) + x is bounded; the attribute
        `index_sum_means` says whether it is, and that roots without a certificate are not in it.
        Only certified roots are fixed points: a small E alone proves nothing (it may be a ghost, `slow_point`).
        Eigenvalues are those of F' for a flow, unstable where the real part is positive; of S' for a map, unstable outside
        of the unit circle. Attribute `certificate_bound`: how fast F' changes is known from the "activation", or "sampled"
        in random directions and therefore no proof.

    -x is looked at wherever x is a fixed point.

    Raises:
        TypeError, ValueError: bad arguments. MemoryError: the dense Jacobians would not fit.

    Source: Sussillo & Barak 2013 (minimising the speed); Chow, Mallet-Paret & Yorke 1978 (paths).

    Example:
        >>> import numpy as np, quenched as qd
        >>> pair = qd.Network(np.array([[0.0, 2.0], [2.0, 0.0]]))
        >>> found = qd.landscape.find_fixed_points(pair, starts=20)
        >>> found.sizes["fixed_point"], float(found.index_sum), found.stable.values.tolist()
        (3, 1.0, [True, True, False])
    """
    from quenched.solve import read_key

    solver = _checked_options("solver", solver, LevenbergMarquardt)
    follow = _checked_options("follow", follow, Homotopy)
    way, given = read_dynamics(dynamics, inputs)
    period = checks.count("period", period)
    single = None
    if period > 1:
        if not isinstance(way, Map):
            raise ValueError(f"Argument `period` must be 1 for a flow, whose cycles are no points, but is {period}.")
        single, way = way, way.iterated(period)
    _refuse_what_does_not_fit(way, solver, follow)
    states, conditions, of_start = _starts(way, starts, given, read_key(key))
    number, rounds = min(checks.count("paths", paths, low=0), len(states)), checks.count("rounds", rounds, low=0)

    # Of several inputs, some of each.
    begins = np.arange(number) * (1 if conditions is None or len(conditions) == 1 else len(states) // max(number, 1))
    collection = Collection(way, conditions)
    work = _Work(way, conditions, progress, len(states) + number)
    with one_blas_thread():
        descents, followed = nothing_run(states, number, follow)
        interrupted = False
        try:
            work.follow(states[begins], of_start[begins], follow, followed)
            work.descend(states, of_start, solver, descents)
        except KeyboardInterrupt:
            if not work.done:
                raise
            interrupted, rounds = True, 0
        reached = np.flatnonzero(descents.outcome == Outcome.fixed_point)
        at_root = np.full(len(reached), -1)
        belongs, at_uncertified = np.full(len(states), -1), np.full(len(states), -1)
        uncertified = Uncertified(collection)
        passed = np.zeros(number, bool)
        try:
            collection.add(descents.state[reached], of_start[reached], at_root)
            belongs[reached] = at_root
            settle_starts(uncertified, descents, of_start, belongs, at_uncertified)
            settle_paths(uncertified, followed, of_start[begins], passed)
            for points in (collection, uncertified):
                points.add_mirror_images()
                if single is not None:
                    points.add_orbits(single, period)
            for each in range(rounds):
                if not _search_between(uncertified, work, solver, len(states), each) and collection.adds_up():
                    break
        except KeyboardInterrupt:
            # What is certified by now is kept; starts and paths that are not are as if they had not been run.
            interrupted = True
            belongs[reached] = np.where(belongs[reached] < 0, at_root, belongs[reached])
            descents.outcome[(descents.outcome == Outcome.fixed_point) & (belongs < 0)] = Outcome.not_run
            unknown = ~passed & (followed.points > 0)
            followed.outcome[unknown], followed.points[unknown] = Outcome.not_run, 0
        with held_interrupts() as held:
            found = describe_points(uncertified, belongs, at_uncertified, descents, followed, of_start, single, period)
    found.attrs["searches_between"] = max(work.done - len(states) - number, 0)
    found.attrs["interrupted"] = int(interrupted or held.arrived)
    return found


def _search_between(uncertified: Uncertified, work: _Work, solver: LevenbergMarquardt, most: int, seed: int) -> bool:
    """Search from the middle between known points, where saddles are; whether that finds new ones."""
    collection = uncertified.collection
    middles, of_middle = collection.middles(most, seed)
    if not len(middles):
        return False
    known, (ended, _) = len(collection.roots), nothing_run(middles, 0, Homotopy())
    work.total += len(middles)
    work.descend(middles, of_middle, solver, ended)
    reached = ended.outcome == Outcome.fixed_point
    lost = collection.add(ended.state[reached], of_middle[reached]) < 0
    uncertified.add(ended.state[reached][lost], of_middle[reached][lost])
    collection.add_mirror_images()
    return len(collection.roots) > known


def _checked_options(name: str, given: Any, kind: type) -> Any:
    if given is not None and not isinstance(given, kind):
        raise TypeError(f"Argument `{name}` must be a qd.landscape.{kind.__name__}, but is {given!r}.")
    return kind() if given is None else given


def _refuse_what_does_not_fit(dynamics: AbstractDynamics, solver: LevenbergMarquardt, follow: Homotopy) -> None:
    lanes = max(solver.lanes, follow.lanes)
    needed = 8 * 6 * lanes * dynamics.size**2
    if needed > available_bytes():
        raise MemoryError(
            f"{lanes} dense Jacobians of size {dynamics.size} need about {needed / 2**30:.1f} GiB, "
            "more than is free; lower the solver's `lanes`."
        )


def _starts(
    dynamics: AbstractDynamics, starts: Any, given: Array | None, key: Array
) -> tuple[np.ndarray, np.ndarray | None, np.ndarray]:
    """Starts, the distinct inputs, and which of these each start has."""
    if given is not None and len(given) == 1:
        # One row is for all.
        given = given.reshape(-1)
    several = given is not None and given.ndim == 2
    cooled = starts is None
    if starts is None and given is not None and several:
        given = jnp.repeat(given, -(-_DEFAULT_STARTS // len(given)), axis=0)
        starts = len(given)
    elif starts is None:
        starts = _DEFAULT_STARTS
    by_number = not hasattr(starts, "__len__") or isinstance(starts, str)
    if by_number:
        count = checks.count("starts", starts)
    else:
        states = checks.real_array("Argument `starts`", starts, (None, dynamics.size))
        count = checks.count("starts", len(states))
    if several and given is not None and len(given) != count:
        raise ValueError(f"Argument `inputs` must have one row for each of the {count} starts, but has {len(given)}.")
    conditions: np.ndarray | None = None
    of_start = np.zeros(count, int)
    if given is not None:
        rows = np.atleast_2d(np.asarray(given))
        _, first, which = np.unique(rows, axis=0, return_index=True, return_inverse=True)
        # In the order in which they were given.
        conditions, of_start = rows[np.sort(first)], np.argsort(np.argsort(first))[which.reshape(-1)]
        of_start = of_start if several else np.zeros(count, int)
    inputs: Any = None if conditions is None else conditions[of_start]
    if by_number:
        drawn = _mixed_starts if cooled else _default_starts_compiled
        states = np.asarray(drawn(dynamics, inputs, count, key))
    speeds = np.asarray(residuals_compiled(dynamics, states, inputs))
    usable = np.isfinite(speeds).all(axis=1)
    if by_number and usable.any():
        # Starts of our own that lie outside of the domain are left out.
        return states[usable], conditions, of_start[usable]
    bad = np.flatnonzero(~usable)
    if bad.size:
        what = "velocity" if dynamics.kind == "flow" else "step"
        raise ValueError(
            f"Argument `{what}` must return finite numbers at the starts, but does not at start {bad[0]} "
            f"({bad.size} of {count}); give `starts` inside of its domain."
        )
    return states, conditions, of_start


class _Work:
    """Runs searches part by part, each of the same shape: to show progress, and to keep what is there when interrupted."""

    def __init__(self, dynamics: AbstractDynamics, conditions: np.ndarray | None, progress: Progress | None, total: int):
        self.dynamics, self.conditions, self.progress = dynamics, conditions, progress
        self.done, self.total = 0, total

    def follow(self, states: np.ndarray, of_start: np.ndarray, follow: Homotopy, followed: Followed) -> None:
        """Paths from all states, into `followed`."""
        for kept, begin, inputs in self._parts(states, of_start, 2 * follow.lanes):
            found = jax.device_get(_paths_compiled(self.dynamics, begin, inputs, follow))
            for all_rows, part in zip(followed, (found.state, found.points, found.outcome), strict=True):
                all_rows[kept] = part[: len(kept)]

    def descend(self, states: np.ndarray, of_start: np.ndarray, solver: LevenbergMarquardt, descents: Descents) -> None:
        """Descents from all states, into `descents`."""
        for kept, begin, inputs in self._parts(states, of_start, _STARTS_PER_LANE * solver.lanes):
            ended = jax.device_get(_search_compiled(self.dynamics, begin, inputs, solver))
            descents.state[kept], descents.outcome[kept] = ended.state[: len(kept)], ended.outcome[: len(kept)]

    def _parts(self, states: np.ndarray, of_start: np.ndarray, length: int) -> Any:
        """Rows that are wanted, and what to run; the last part is filled up with its own first rows."""
        number = len(states)
        for first in range(0, number, length):
            kept = np.arange(first, min(first + length, number))
            rows = np.resize(kept, min(length, number))
            yield kept, states[rows], None if self.conditions is None else self.conditions[of_start[rows]]
            self.done += len(kept)
            if self.progress is not None:
                self.progress(self.done, self.total)


_search_compiled = eqx.filter_jit(search)
_paths_compiled = eqx.filter_jit(follow_paths)


_default_starts_compiled = eqx.filter_jit(default_starts)


@eqx.filter_jit
def _mixed_starts(dynamics: AbstractDynamics, inputs: Any, count: int, key: Array) -> Array:
    """Half on trajectories, a quarter in Gaussian clouds, and a quarter cooled by Langevin dynamics in the landscape."""
    one_key, other_key = jax.random.split(key)
    states = default_starts(dynamics, inputs, count, one_key)
    rows = np.arange(3, count, 4)
    if not rows.size:
        return states
    cooled = langevin_starts(dynamics, None if inputs is None else jnp.asarray(inputs)[rows], len(rows), other_key)
    return states.at[rows].set(jnp.where(jnp.isfinite(cooled).all(axis=1, keepdims=True), cooled, states[rows]))
