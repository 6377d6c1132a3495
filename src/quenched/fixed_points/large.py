"""Fixed points of systems so large that a matrix of F' is out of the question."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from quenched.dynamics.base import AbstractDynamics
from quenched.dynamics.flow_and_map import Map
from quenched.fixed_points.descent import Outcome
from quenched.fixed_points.describe import (
    MODES,
    Descents,
    attributes_of,
    counted,
    growing_modes,
    nothing_run,
    residuals_compiled,
    smallest_periods,
)
from quenched.fixed_points.estimated import EstimatedRoots
from quenched.fixed_points.krylov import Krylov
from quenched.fixed_points.paths import Homotopy
from quenched.fixed_points.rightmost import Rightmost, rightmost
from quenched.fixed_points.search import Search, TimeIsUp
from quenched.numerics.interrupts import held_interrupts, results_in_hand
from quenched.numerics.sparse_product import BYTES_OF_AN_ENTRY, SparseMatrix
from quenched.numerics.threads import one_blas_thread
from quenched.solution import labelled

if TYPE_CHECKING:
    from quenched.fixed_points.dataset import FixedPointDataset

# Vectors for each lane of a search, and beside them for what is looked at one after another, as measured.
_VECTORS_OF_A_LANE, _VECTORS = 40, 100
# |F| relative to the state, below which a search that stalled may have ended at a root.
_NEAR = 1e-6


def bytes_needed(dynamics: AbstractDynamics, starts: int, solver: Krylov) -> int:
    """Memory that a search takes at most, as measured."""
    vectors = _VECTORS_OF_A_LANE * solver.lanes + _VECTORS + 10 * solver.modes + 10 * starts
    weights = 0
    for leaf in _leaves(dynamics):
        # Twice, for the transpose, beside the entries as they were given and SciPy's.
        weights += leaf.nse * (2 * BYTES_OF_AN_ENTRY + 3 * 16) if _is_sparse(leaf) else 2 * getattr(leaf, "nbytes", 0)
    return 8 * dynamics.size * vectors + weights


def with_fast_products(dynamics: AbstractDynamics) -> AbstractDynamics:
    """The same with weights that multiply many vectors fast: JAX's sparse matrices (BCOO) in groups of rows."""

    def fast(leaf: Any) -> Any:
        if not _is_sparse(leaf):
            return jnp.asarray(leaf) if isinstance(leaf, np.ndarray) else leaf
        from scipy.sparse import coo_array

        rows, columns = np.asarray(leaf.indices).T
        return SparseMatrix(coo_array((np.asarray(leaf.data), (rows, columns)), shape=leaf.shape).tocsr())

    found: AbstractDynamics = jax.tree.map(fast, dynamics, is_leaf=_is_sparse)
    return found


def _leaves(dynamics: AbstractDynamics) -> list[Any]:
    return jax.tree.leaves(dynamics, is_leaf=_is_sparse)


def _is_sparse(leaf: Any) -> bool:
    from jax.experimental import sparse

    return isinstance(leaf, sparse.BCOO) and leaf.n_batch == 0 and leaf.n_dense == 0 and leaf.ndim == 2


def find_without_jacobian(
    dynamics: AbstractDynamics,
    states: np.ndarray,
    conditions: np.ndarray | None,
    of_start: np.ndarray,
    solver: Krylov,
    *,
    rounds: int,
    random: np.random.Generator,
    progress: Any,
    ends_at: float,
    single: Map | None,
    period: int,
) -> FixedPointDataset:
    """The roots that searches from these states lead to, each state under one of the conditions (inputs); `single` is the
    map that was iterated."""
    roots = EstimatedRoots(dynamics, conditions, solver)
    work = Search(roots, progress, len(states), ends_at)
    with one_blas_thread(), results_in_hand(lambda: work.begun):
        descents, _ = nothing_run(states, 0, Homotopy())
        belongs, interrupted = np.full(len(states), -1), False
        try:
            work.descend(states, of_start, solver, descents, belongs)
            _look_again(roots, descents, of_start, belongs)
            roots.add_mirror_images()
            if single is not None:
                roots.add_orbits(single, period)
            for _ in range(rounds):
                if not _search_between(roots, work, len(states), random):
                    break
        except (KeyboardInterrupt, TimeIsUp) as stopped:
            if isinstance(stopped, KeyboardInterrupt) and not work.begun:
                raise
            interrupted = True
        # A start whose end was not looked at any more is as if it had not been run.
        lost = Outcome.not_run if interrupted else Outcome.stalled
        outcome = descents.outcome
        outcome[:] = np.where((outcome == Outcome.fixed_point) & (belongs < 0), lost, outcome)
        # Whether E has a minimum there, or a saddle, its gradient does not say.
        outcome[:] = np.where(outcome == Outcome.slow_point, Outcome.stalled, outcome)
        outcome[belongs >= 0] = Outcome.estimated
        with held_interrupts() as held:
            found = _described(roots, belongs, descents, of_start, single, period)
    found.attrs["searches_between"] = max(work.done - len(states), 0)
    found.attrs["interrupted"] = int(interrupted or held.arrived)
    return found


def _look_again(roots: EstimatedRoots, descents: Descents, of_start: np.ndarray, belongs: np.ndarray) -> None:
    """Of searches that stalled, whether they did so at a root, as where F' is singular."""
    stalled = np.isin(descents.outcome, (Outcome.stalled, Outcome.slow_point)) & (belongs < 0)
    speeds = _speeds(roots, descents.state, of_start)
    rows = np.flatnonzero(stalled & (speeds <= _NEAR * (1.0 + np.max(np.abs(descents.state), axis=1))))
    belongs[rows] = roots.add(descents.state[rows], of_start[rows])


def _search_between(roots: EstimatedRoots, work: Search, most: int, random: np.random.Generator) -> bool:
    """Search from the middle between known points, where saddles are; whether that finds new ones."""
    middles, of_middle = roots.middles(most, random)
    if not len(middles):
        return False
    known, (ended, _) = len(roots.roots), nothing_run(middles, 0, Homotopy())
    work.total += len(middles)
    work.descend(middles, of_middle, roots.solver, ended, np.full(len(middles), -1))
    roots.add_mirror_images()
    return len(roots.roots) > known


def _speeds(roots: EstimatedRoots, states: np.ndarray, of_start: np.ndarray) -> np.ndarray:
    speeds = residuals_compiled(roots.dynamics, states, roots.given(of_start))
    found: np.ndarray = np.max(np.abs(np.asarray(speeds)), axis=1)
    return found


def _described(
    roots: EstimatedRoots,
    belongs: np.ndarray,
    descents: Descents,
    of_start: np.ndarray,
    single: Map | None,
    period: int,
) -> FixedPointDataset:
    from quenched.fixed_points.dataset import FixedPointDataset

    dynamics, conditions, modes = roots.dynamics, roots.inputs, min(roots.solver.modes, roots.dynamics.size)
    states = np.array([root.state for root in roots.roots]).reshape(-1, dynamics.size)
    of_root = np.array(roots.of_input, int)
    inputs = None if conditions is None else conditions[of_root]
    spectra = [
        rightmost(dynamics, state, None if inputs is None else inputs[row], modes) for row, state in enumerate(states)
    ]
    on_kink = np.array([bool(root.on_kink) for root in roots.roots], bool)
    known = np.array([each.known for each in spectra], bool) & ~on_kink
    growing = np.array([each.grows.sum() for each in spectra], float)
    unstable = np.where(known, growing, np.nan)
    values = np.full((len(states), modes), np.nan + 0j)
    residuals = np.full((len(states), modes), np.nan)
    for row, each in enumerate(spectra):
        count = min(modes, len(each.values))
        values[row, :count], residuals[row, :count] = each.values[:count], each.residuals[:count]
    columns: dict[str, np.ndarray] = {
        "state": states,
        "residual": np.array([float(root.residual) for root in roots.roots]),
        "certified": np.zeros(len(states), bool),
        "estimated_distance": np.array([float(root.distance) for root in roots.roots]),
        "smallest_singular_value": np.array([float(root.smallest) for root in roots.roots]),
        "at_kink": on_kink,
        "stable": known & (growing == 0),
        "unstable_directions": unstable,
        "marginal_directions": np.array([each.marginal.sum() for each in spectra], int),
        "eigenvalue_real": values.real,
        "eigenvalue_imag": values.imag,
        "eigenvalue_residual": residuals,
        "unstable_modes": np.array([growing_modes(each) for each in spectra]).reshape(-1, MODES, dynamics.size),
        "index": np.array([_index(each, bool(which)) for each, which in zip(spectra, known, strict=True)]),
        "starts_reaching": np.bincount(belongs[belongs >= 0], minlength=len(states)),
    }
    if single is not None:
        columns["smallest_period"] = smallest_periods(single, period, states, inputs)
    several = conditions is not None and len(conditions) > 1
    if several:
        columns["condition"] = of_root
    order = np.lexsort((np.mean(states**2, axis=1), np.nan_to_num(unstable, nan=np.inf)))
    variables = {name: labelled(name, column[order]) for name, column in columns.items()}
    sums = np.array([columns["index"][of_root == row].sum() for row in range(1 if conditions is None else len(conditions))])
    ends = descents.state.copy()
    ends[belongs >= 0] = states[belongs[belongs >= 0]]
    none = np.zeros((0, dynamics.size))
    variables |= {
        "index_sum": labelled("index_sum", sums if several else sums[0]),
        "outcome": labelled("outcome", descents.outcome),
        "end_state": labelled("end_state", ends),
        "end_speed": labelled("end_speed", _speeds(roots, ends, of_start)),
        # What a search with Jacobians tells besides, of which there is none here.
        "uncertified_state": labelled("uncertified_state", none),
        "slow_state": labelled("slow_state", none),
        **{name: labelled(name, np.zeros(0, int)) for name in ("path_outcome", "path_points", "flat_directions")},
        "on_kink": labelled("on_kink", np.zeros(0, bool)),
    }
    variables["outcome"][2]["codes"] = ", ".join(f"{outcome.value} {outcome.name}" for outcome in Outcome)
    if conditions is not None:
        variables["inputs"] = labelled("inputs", conditions)
    attributes = attributes_of(dynamics, 0) | {"certificate_bound": "none", "solver": "Krylov"}
    attributes["index_sum_means"] += "; of roots that are not proven, and not known where the index of one is not"
    attributes["citations"] = "sussillo2013 dembo1983 lehoucq1998"
    attributes |= {"outcomes": counted(descents.outcome), "path_outcomes": "none"}
    return FixedPointDataset(variables, attrs=attributes)


def _index(found: Rightmost, known: bool) -> float:
    """The sign of det(-F'), from the number of directions of F' that grow: complex ones come in pairs."""
    if not known:
        return np.nan
    # Of a map, F' = S' - 1: of those outside of the unit circle only what is real and above 1 counts.
    counts = found.grows & (np.abs(found.values.imag) == 0.0) & (found.values.real > 0.0)
    return float((-1.0) ** counts.sum())
