"""The fixed points of one network, one flow or one map."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from quenched import checks
from quenched.dynamics.base import AbstractDynamics
from quenched.dynamics.flow_and_map import Map
from quenched.dynamics.read import read_dynamics
from quenched.fixed_points.collection import Collection, default_starts
from quenched.fixed_points.descent import LevenbergMarquardt, Outcome, nothing_searched, search_on
from quenched.fixed_points.describe import Descents, Followed, describe_points, nothing_run, residuals_compiled
from quenched.fixed_points.lanes import GOES_ON
from quenched.fixed_points.paths import Homotopy, follow_on, nothing_followed
from quenched.fixed_points.uncertified import Uncertified, settle_paths, settle_starts
from quenched.keys import read_key
from quenched.landscape.sampling.starts import langevin_starts
from quenched.models import Network
from quenched.models.labels import in_order, named
from quenched.numerics.interrupts import held_interrupts, results_in_hand
from quenched.numerics.memory import refuse_what_does_not_fit
from quenched.numerics.threads import one_blas_thread
from quenched.precision import double_precision

if TYPE_CHECKING:
    from quenched.fixed_points.dataset import FixedPointDataset

# A chunk holds this many starts for each lane, so that few lanes idle at its end.
_STARTS_PER_LANE = 8
# Cubed unknowns times steps between two looks at the clock, a fraction of a second; not by the clock itself, so that the
# same key gives the same bits. And as many steps at most.
_WORK_OF_A_PART, _MOST_STEPS_OF_A_PART = 3e9, 100
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
    progress: Callable[..., None] | None = None,
    time_limit: float | None = None,
) -> FixedPointDataset:
    """Fixed points, F(x) = 0 of a flow dx/dt = F(x) or S(x) = x of a map, found from many starts and certified.

    From every start E = |F|^2/2 is minimised (Levenberg-Marquardt). From some of them a path is followed too, on which the
    dynamics is switched on (`qd.landscape.Homotopy`): in large chaotic networks, where most descents of E end in a
    ghost, paths still lead to fixed points, and each to several.

    Both work with an equation that has the same fixed points and is easier, where there is one: of a `qd.Network` with the
    neurons at rest that lie on no cycle of couplings, nor between two; of a GRU without the factor 1 - z of F; of an LSTM
    with c at rest. E is then that equation's.

    Of networks of other units the unknowns of the search are the places of the neurons on the curve of their states of rest.
    Of species (`qd.units.LotkaVolterra`) that leaves the fixed points that no absent species can invade, which solve a
    linear complementarity problem: the others, one for nearly every set of species, are not listed. A state of several
    variables is one long vector, a variable of all neurons after another.

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
        key: seed of the starts and of the pairs that later rounds search between, 0 if left out.
        solver: `qd.landscape.LevenbergMarquardt(max_steps=, lanes=, tolerance=)`.
        follow: `qd.landscape.Homotopy(max_steps=, most_points=, lanes=, furthest=)`.
        progress: called with (starts done, starts in all), paths and later rounds counted too; and, if it has an argument
            `points`, with points=the states certified so far, (fixed_point, neuron). Ctrl-C ends the search and keeps what
            it found; the outcome of the other starts is `not_run`, the attribute `interrupted` 1.
        time_limit: seconds after which the search ends in the same way, looked at several times a second for up to some
            hundred neurons; describing what was found comes on top. None for no limit.

    Returns:
        Dataset, fixed points with the fewest unstable directions first: `state` (fixed_point, neuron), `residual`,
        `certificate` (Newton-Kantorovich number: below 1/2 a root is proven nearby, and the only one within `radius`),
        `stable` (every direction decays), `unstable_directions` (how many grow), `marginal_directions` (of how many rounding
        leaves it open, as at a centre), `eigenvalue_real` and `eigenvalue_imag` (fixed_point, mode)
        (`qd.landscape.eigenvalues(found)` has both in one), `index`, `log_weight`, `starts_reaching`,
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
        TypeError: no dynamics, a function that JAX cannot trace or differentiate, a solver of another kind, no number.
        ValueError: a function that returns another shape; starts or inputs of another shape, or not finite; a period of a
            flow; phi that jumps; numbers out of range.
        MemoryError: the dense Jacobians or the starts would not fit.

    When it fails: `outcome` says of each start why it led to no fixed point, and `qd.landscape.Outcome` what that means.
    `slow_point`: a ghost; give more `starts` and `paths`. `out_of_steps`: raise the solver's `max_steps`. `uncertified`: a
    root on a kink, or one of a line of them; see `uncertified_state`. An `index_sum` other than 1 (where it has to be 1)
    says that the list is not complete: give more `starts`, `paths` and `rounds`.

    Source: Sussillo & Barak 2013 (`sussillo2013`, minimising the speed); Chow, Mallet-Paret & Yorke 1978 (`chow1978`,
    paths).

    Example:
        >>> import numpy as np, quenched as qd
        >>> pair = qd.Network(np.array([[0.0, 2.0], [2.0, 0.0]]))
        >>> found = qd.landscape.find_fixed_points(pair, starts=20)
        >>> found.sizes["fixed_point"], float(found.index_sum), found.stable.values.tolist()
        (3, 1.0, [True, True, False])
    """
    ends_at = np.inf if time_limit is None else time.monotonic() + checks.number("time_limit", time_limit, above=0.0)
    solver = _checked_options("solver", solver, LevenbergMarquardt)
    follow = _checked_options("follow", follow, Homotopy)
    progress = checks.progress(progress)
    searched, given = read_dynamics(dynamics, inputs)
    period = checks.count("period", period)
    single = None
    if period > 1:
        if not isinstance(searched, Map):
            raise ValueError(f"Argument `period` must be 1 for a flow, whose cycles are no points, but is {period}.")
        single, searched = searched, searched.iterated(period)
    paths, rounds = checks.count("paths", paths, low=0), checks.count("rounds", rounds, low=0)
    starts = in_order("Argument `starts`", starts, getattr(dynamics, "names", None))
    _refuse_what_does_not_fit(searched, starts, paths, solver, follow)
    random_key = read_key(key)
    states, conditions, of_start = _starts(searched, starts, given, random_key)
    number = min(paths, len(states))

    # Of several inputs, some of each.
    begins = np.arange(number) * (1 if conditions is None or len(conditions) == 1 else len(states) // max(number, 1))
    collection = Collection(searched, conditions)
    uncertified = Uncertified(collection)
    work = _Search(collection, progress, len(states) + number, ends_at)
    with one_blas_thread(), results_in_hand(lambda: work.begun):
        descents, followed = nothing_run(states, number, follow)
        interrupted = False
        belongs, at_uncertified = np.full(len(states), -1), np.full(len(states), -1)
        passed = np.zeros(number, bool)
        try:
            work.follow(states[begins], of_start[begins], follow, followed)
            work.descend(states, of_start, solver, descents, belongs)
        except KeyboardInterrupt:
            if not work.begun:
                raise
            interrupted, rounds = True, 0
        except _TimeIsUp:
            interrupted, rounds = True, 0
        try:
            settle_starts(uncertified, descents, of_start, belongs, at_uncertified)
            settle_paths(uncertified, followed, of_start[begins], passed)
            for points in (collection, uncertified):
                points.add_mirror_images()
                if single is not None:
                    points.add_orbits(single, period)
            random = np.random.default_rng(np.asarray(jax.random.key_data(random_key)))
            for _ in range(rounds):
                if not _search_between(uncertified, work, solver, len(states), random) and collection.adds_up():
                    break
        except (KeyboardInterrupt, _TimeIsUp):
            # What is certified by now is kept; starts and paths that are not are as if they had not been run.
            interrupted = True
            descents.outcome[(descents.outcome == Outcome.fixed_point) & (belongs < 0)] = Outcome.not_run
            unknown = ~passed & (followed.points > 0)
            followed.outcome[unknown], followed.points[unknown] = Outcome.not_run, 0
        with held_interrupts() as held:
            found = describe_points(uncertified, belongs, at_uncertified, descents, followed, of_start, single, period)
    found.attrs["searches_between"] = max(work.done - len(states) - number, 0)
    found.attrs["interrupted"] = int(interrupted or held.arrived)
    return named(found, dynamics)


def _search_between(
    uncertified: Uncertified, work: _Search, solver: LevenbergMarquardt, most: int, random: np.random.Generator
) -> bool:
    """Search from the middle between known points, where saddles are; whether that finds new ones."""
    collection = uncertified.collection
    middles, of_middle = collection.middles(most, random)
    if not len(middles):
        return False
    known, (ended, _) = len(collection.roots), nothing_run(middles, 0, Homotopy())
    at_root = np.full(len(middles), -1)
    work.total += len(middles)
    work.descend(middles, of_middle, solver, ended, at_root)
    lost = (ended.outcome == Outcome.fixed_point) & (at_root < 0)
    uncertified.add(ended.state[lost], of_middle[lost])
    collection.add_mirror_images()
    return len(collection.roots) > known


def _checked_options(name: str, given: Any, kind: type) -> Any:
    if given is not None and not isinstance(given, kind):
        raise TypeError(f"Argument `{name}` must be a qd.landscape.{kind.__name__}, but is {checks.shown(given)}.")
    return kind() if given is None else given


def _refuse_what_does_not_fit(
    dynamics: AbstractDynamics, starts: Any, paths: int, solver: LevenbergMarquardt, follow: Homotopy
) -> None:
    lanes, size = max(solver.lanes, follow.lanes), dynamics.size
    what = f"{lanes} dense Jacobians of size {size}"
    refuse_what_does_not_fit(8 * 6 * lanes * size**2, what, "the solver's `lanes`")
    count = _DEFAULT_STARTS if starts is None else starts
    count = len(count) if hasattr(count, "__len__") else checks.count("starts", count)
    needed = 8 * size * (8 * count + 3 * min(paths, count) * follow.most_points)
    refuse_what_does_not_fit(needed, f"{count} starts of {size} neurons", "`starts`, or `paths` or its `most_points`")


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


class _TimeIsUp(Exception):
    """The time limit has passed."""


class _Search:
    """Runs searches part by part, each of the same shape: to show progress, and to keep what is there when it ends early."""

    def __init__(self, collection: Collection, progress: Callable[..., None] | None, total: int, ends_at: float):
        self.collection, self.equation = collection, collection.equation
        self.progress, self.tells_points = progress, _takes_points(progress)
        self.done, self.total, self.ends_at, self.begun = 0, total, ends_at, False

    def follow(self, states: np.ndarray, of_start: np.ndarray, follow: Homotopy, followed: Followed) -> None:
        """Paths from all states, into `followed`."""
        for rows, ended, (points, counts), outcome in self._parts(
            nothing_followed, _paths_compiled, states, of_start, follow
        ):
            met = np.arange(follow.most_points) < counts[ended, None]
            of_point = np.repeat(of_start[rows], met.sum(axis=1))
            found = self.equation.states(points[ended][met], of_point)
            self.collection.add(found, of_point)
            place = np.zeros((len(rows), follow.most_points, states.shape[1]))
            place[met] = found
            followed.state[rows], followed.points[rows], followed.outcome[rows] = place, counts[ended], outcome[ended]

    def descend(
        self,
        states: np.ndarray,
        of_start: np.ndarray,
        solver: LevenbergMarquardt,
        descents: Descents,
        belongs: np.ndarray,
    ) -> None:
        """Descents from all states, into `descents`; and which root each reaches, into `belongs`."""
        for rows, ended, places, outcome in self._parts(nothing_searched, _search_compiled, states, of_start, solver):
            found = self.equation.states(places[ended], of_start[rows])
            reached = outcome[ended] == Outcome.fixed_point
            descents.state[rows], descents.outcome[rows] = found, outcome[ended]
            at_root = np.full(int(reached.sum()), -1)
            try:
                self.collection.add(found[reached], of_start[rows[reached]], at_root)
            finally:
                # What is known when an interruption comes is kept.
                belongs[rows[reached]] = at_root

    def _parts(self, nothing: Any, go_on: Any, states: np.ndarray, of_start: np.ndarray, solver: Any) -> Iterator[Any]:
        """After each part of the work: which starts have ended since, their places in the chunk, and its results."""
        if not len(states):
            return
        unknowns, dynamics, given = self.equation.unknowns(states), self.equation.dynamics, self.equation.conditions
        lanes = min(solver.lanes, len(states))
        most = int(np.clip(_WORK_OF_A_PART / (lanes * (dynamics.size + 10.0) ** 3), 1, _MOST_STEPS_OF_A_PART))
        length = _STARTS_PER_LANE * lanes
        for first in range(0, len(states), length):
            rows = np.arange(first, min(first + length, len(states)))
            # The last chunk is filled up with its own first rows, which are not worked on.
            filled = np.resize(rows, length)
            begins, inputs = unknowns[filled], None if given is None else given[of_start[filled]]
            work, waiting = nothing(begins, solver), np.arange(len(rows))
            while waiting.size:
                self._check_time()
                work = go_on(dynamics, begins, inputs, solver, work, np.int32(len(rows)), np.int32(most))
                self.begun = True
                results, outcome = jax.device_get((work.results, work.outcome))
                over = outcome[waiting] != GOES_ON
                ended, waiting = waiting[over], waiting[~over]
                if ended.size:
                    yield rows[ended], ended, results, outcome
                self._tell(len(ended))

    def _check_time(self) -> None:
        if time.monotonic() > self.ends_at:
            raise _TimeIsUp

    def _tell(self, ended: int) -> None:
        self.done += ended
        if self.progress is None:
            return
        roots = [root.state for root in self.collection.roots]
        found = {"points": np.array(roots).reshape(-1, self.collection.dynamics.size)} if self.tells_points else {}
        self.progress(self.done, self.total, **found)


def _takes_points(progress: Callable[..., None] | None) -> bool:
    """Whether it has an argument `points`."""
    try:
        asked = inspect.signature(progress).parameters.values() if progress is not None else ()
    except (TypeError, ValueError):
        # Some functions written in C do not say.
        return False
    return any(each.name == "points" or each.kind == each.VAR_KEYWORD for each in asked)


_search_compiled = eqx.filter_jit(search_on)
_paths_compiled = eqx.filter_jit(follow_on)


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
