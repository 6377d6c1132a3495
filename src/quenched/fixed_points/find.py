"""The fixed points of one network, one flow or one map."""

from __future__ import annotations

import time
from collections.abc import Callable
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
from quenched.fixed_points.descent import LevenbergMarquardt, Outcome
from quenched.fixed_points.describe import describe_points, nothing_run, residuals_compiled
from quenched.fixed_points.krylov import Krylov
from quenched.fixed_points.large import bytes_needed, find_without_jacobian, with_fast_products
from quenched.fixed_points.paths import Homotopy
from quenched.fixed_points.search import Search, TimeIsUp
from quenched.fixed_points.uncertified import Uncertified, settle_paths, settle_starts
from quenched.keys import read_key
from quenched.landscape.sampling.starts import langevin_starts
from quenched.models import Network
from quenched.models.labels import in_order, named
from quenched.numerics.interrupts import held_interrupts, results_in_hand
from quenched.numerics.memory import available_bytes, refuse_what_does_not_fit
from quenched.numerics.threads import one_blas_thread
from quenched.precision import double_precision

if TYPE_CHECKING:
    from quenched.fixed_points.dataset import FixedPointDataset

_DEFAULT_STARTS, _FEW_STARTS, _DEFAULT_PATHS = 200, 20, 16
# Above so many unknowns a search goes without Jacobians. Jacobians of the lanes then take some 3 GB.
_DENSE_UP_TO = 2000


@double_precision
def find_fixed_points(
    dynamics: Network | AbstractDynamics,
    starts: int | Any | None = None,
    *,
    inputs: Any = None,
    paths: int | None = None,
    rounds: int = 3,
    period: int = 1,
    key: int | Array | None = None,
    solver: LevenbergMarquardt | Krylov | None = None,
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
            neuron). If left out 200 (20 without Jacobians), or more to give every row of `inputs` as many; a quarter of them
            states that Langevin dynamics has cooled in the landscape (`qd.landscape.anneal` makes more of these).
        inputs: constant inputs, (input), or one row a start, (start, input); of a `qd.Network` added to its field.
        paths: from how many of the starts a path is followed too, 16 if left out; 0 for none, as without Jacobians.
        rounds: search again from the middle between points that were found, as long as that finds new ones or the index sum
            is not 1, at most this often; 0 for never.
        period: of a map, find its points of this period (and of its divisors).
        key: seed of the starts and of the pairs that later rounds search between, 0 if left out.
        solver: `qd.landscape.LevenbergMarquardt(max_steps=, lanes=, tolerance=)`, or for large systems
            `qd.landscape.Krylov(max_steps=, lanes=, tolerance=, max_products=, modes=)`, which makes no matrix of F'. If
            left out the latter above 2000 unknowns, or where the Jacobians of the former do not fit into the memory.
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

        Without Jacobians (`qd.landscape.Krylov`) nothing is certified: `fixed_point` are roots to rounding, `certified` is
        False, and their `outcome` is `estimated`. In place of `certificate`, `radius` and `log_weight` there are
        `smallest_singular_value` of F' (an estimate from above) and `estimated_distance` to the root (|F| over that). `mode`
        are the eigenvalues that grow fastest, by ARPACK, with `eigenvalue_residual`, and NaN from where one may be missing.
        `unstable_directions`, `index` and `index_sum` are NaN, and `stable` is False, where these do not settle the signs of
        all: where all that were asked for grow, one is on the border, ARPACK has not converged, or F' jumps there
        (`at_kink`). Ghosts are not told from saddles of E: both are `stalled`.

    -x is looked at wherever x is a fixed point.

    Raises:
        TypeError: no dynamics, a function that JAX cannot trace or differentiate, a solver of another kind, no number.
        ValueError: a function that returns another shape; starts or inputs of another shape, or not finite; a period of a
            flow; paths without Jacobians; phi that jumps; numbers out of range.
        MemoryError: the Jacobians or the starts would not fit.

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
    solver = _checked_options("solver", solver, LevenbergMarquardt, Krylov)
    follow = _checked_options("follow", follow, Homotopy) or Homotopy()
    progress = checks.progress(progress)
    searched, given = read_dynamics(dynamics, inputs)
    period = checks.count("period", period)
    single = None
    if period > 1:
        if not isinstance(searched, Map):
            raise ValueError(f"Argument `period` must be 1 for a flow, whose cycles are no points, but is {period}.")
        single, searched = searched, searched.iterated(period)
    rounds = checks.count("rounds", rounds, low=0)
    starts = in_order("Argument `starts`", starts, getattr(dynamics, "names", None))
    solver = _solver_for(searched, follow) if solver is None else solver
    paths = _read_paths(paths, solver)
    few = _FEW_STARTS if isinstance(solver, Krylov) else _DEFAULT_STARTS
    _refuse_what_does_not_fit(searched, few if starts is None else starts, paths, solver, follow)
    if isinstance(solver, Krylov):
        searched = with_fast_products(searched)
    random_key = read_key(key)
    states, conditions, of_start = _starts(searched, starts, few, given, random_key)
    random = np.random.default_rng(np.asarray(jax.random.key_data(random_key)))
    if isinstance(solver, Krylov):
        options: dict[str, Any] = {"rounds": rounds, "random": random, "progress": progress, "ends_at": ends_at}
        options |= {"single": single, "period": period}
        return named(find_without_jacobian(searched, states, conditions, of_start, solver, **options), dynamics)
    number = min(paths, len(states))

    # Of several inputs, some of each.
    begins = np.arange(number) * (1 if conditions is None or len(conditions) == 1 else len(states) // max(number, 1))
    collection = Collection(searched, conditions)
    uncertified = Uncertified(collection)
    work = Search(collection, progress, len(states) + number, ends_at)
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
        except TimeIsUp:
            interrupted, rounds = True, 0
        try:
            settle_starts(uncertified, descents, of_start, belongs, at_uncertified)
            settle_paths(uncertified, followed, of_start[begins], passed)
            for points in (collection, uncertified):
                points.add_mirror_images()
                if single is not None:
                    points.add_orbits(single, period)
            for _ in range(rounds):
                if not _search_between(uncertified, work, solver, len(states), random) and collection.adds_up():
                    break
        except (KeyboardInterrupt, TimeIsUp):
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
    uncertified: Uncertified, work: Search, solver: LevenbergMarquardt, most: int, random: np.random.Generator
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


def _checked_options(name: str, given: Any, *kinds: type) -> Any:
    if given is not None and not isinstance(given, kinds):
        wanted = " or ".join(f"qd.landscape.{kind.__name__}" for kind in kinds)
        raise TypeError(f"Argument `{name}` must be a {wanted}, but is {checks.shown(given)}.")
    return given


def _solver_for(dynamics: AbstractDynamics, follow: Homotopy) -> LevenbergMarquardt | Krylov:
    """With Jacobians as long as that is not slower, and they fit."""
    dense = LevenbergMarquardt()
    fits = _bytes_of_jacobians(dynamics, dense, follow) <= available_bytes()
    return dense if dynamics.size <= _DENSE_UP_TO and fits else Krylov()


def _read_paths(paths: Any, solver: LevenbergMarquardt | Krylov) -> int:
    if not isinstance(solver, Krylov):
        return checks.count("paths", _DEFAULT_PATHS if paths is None else paths, low=0)
    if paths is not None and checks.count("paths", paths, low=0):
        raise ValueError(
            f"Argument `paths` must be 0 without Jacobians, since every step along a path solves dense equations, but is "
            f"{paths}; leave it out, or give solver=qd.landscape.LevenbergMarquardt(), which is left out above "
            f"{_DENSE_UP_TO} unknowns."
        )
    return 0


def _bytes_of_jacobians(dynamics: AbstractDynamics, solver: LevenbergMarquardt, follow: Homotopy) -> int:
    return 8 * 6 * max(solver.lanes, follow.lanes) * dynamics.size**2


def _refuse_what_does_not_fit(
    dynamics: AbstractDynamics, starts: Any, paths: int, solver: LevenbergMarquardt | Krylov, follow: Homotopy
) -> None:
    size = dynamics.size
    count = len(starts) if hasattr(starts, "__len__") else checks.count("starts", starts)
    if isinstance(solver, Krylov):
        what = f"A search from {count} starts of {size} numbers, without Jacobians,"
        refuse_what_does_not_fit(bytes_needed(dynamics, count, solver), what, "`starts` or the solver's `lanes`")
        return
    what = f"{max(solver.lanes, follow.lanes)} dense Jacobians of size {size}"
    lower = "the solver's `lanes`, or give solver=qd.landscape.Krylov(), which does without"
    refuse_what_does_not_fit(_bytes_of_jacobians(dynamics, solver, follow), what, lower)
    needed = 8 * size * (8 * count + 3 * min(paths, count) * follow.most_points)
    refuse_what_does_not_fit(needed, f"{count} starts of {size} neurons", "`starts`, or `paths` or its `most_points`")


def _starts(
    dynamics: AbstractDynamics, starts: Any, few: int, given: Array | None, key: Array
) -> tuple[np.ndarray, np.ndarray | None, np.ndarray]:
    """Starts, `few` if left out, the distinct inputs, and which of these each start has."""
    if given is not None and len(given) == 1:
        # One row is for all.
        given = given.reshape(-1)
    several = given is not None and given.ndim == 2
    cooled = starts is None
    if starts is None and given is not None and several:
        given = jnp.repeat(given, -(-few // len(given)), axis=0)
        starts = len(given)
    elif starts is None:
        starts = few
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
