"""The fixed points of one network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from quenched import checks
from quenched.landscape.catalogue import certify, default_starts
from quenched.landscape.certificates import SAME_ROOT
from quenched.landscape.search import Found, LevenbergMarquardt, Outcome, search
from quenched.models import Network
from quenched.numerics.memory import available_bytes
from quenched.numerics.threads import one_blas_thread
from quenched.precision import double_precision
from quenched.solution import labelled

if TYPE_CHECKING:
    import xarray as xr

    from quenched.solve import Progress


@double_precision
def find_fixed_points(
    dynamics: Network,
    starts: int | Any = 200,
    *,
    key: int | Array | None = None,
    solver: LevenbergMarquardt | None = None,
    progress: Progress | None = None,
) -> xr.Dataset:
    """Fixed points of one network, F(x) = 0, found by minimising E = |F|^2/2 from many starts and certified.

    Arguments:
        dynamics: a `qd.Network`.
        starts: how many starts (the origin, Gaussian clouds, states on the network's own trajectories), or the starts
            themselves, (start, neuron).
        key: seed of the starts, 0 if left out.
        solver: `qd.landscape.LevenbergMarquardt(max_steps=, lanes=, tolerance=)`.
        progress: called with (starts done, starts in all). Ctrl-C ends the search and keeps what it found; the outcome of
            the other starts is `not_run`.

    Returns:
        Dataset, fixed points with the fewest unstable directions first: `state` (fixed_point, neuron), `residual`,
        `certificate` (Newton-Kantorovich number: below 1/2 a root is proven nearby), `stable`, `unstable_directions`,
        `eigenvalues` (fixed_point, mode), `index`, `log_weight`, `starts_reaching`; `outcome` (start), a code of
        `qd.landscape.Outcome`; and `index_sum`, which is 1 for bounded phi if the list is complete.
        Only certified roots are listed: a small E alone proves nothing (it may be a ghost, `slow_point`).

    Raises:
        TypeError, ValueError: bad arguments. MemoryError: the dense Jacobians would not fit.

    Example:
        >>> import numpy as np, quenched as qd
        >>> pair = qd.Network(np.array([[0.0, 2.0], [2.0, 0.0]]))
        >>> found = qd.landscape.find_fixed_points(pair, starts=20)
        >>> found.sizes["fixed_point"], float(found.index_sum), found.stable.values.tolist()
        (3, 1.0, [True, True, False])
    """
    import xarray as xr

    from quenched.solve import read_key

    if not isinstance(dynamics, Network):
        raise TypeError(f"Argument `dynamics` must be a qd.Network, but is {dynamics!r}.")
    solver = LevenbergMarquardt() if solver is None else solver
    if not isinstance(solver, LevenbergMarquardt):
        raise TypeError(f"Argument `solver` must be a qd.landscape.LevenbergMarquardt, but is {solver!r}.")
    needed = 8 * 6 * solver.lanes * dynamics.size**2
    if needed > available_bytes():
        raise MemoryError(
            f"{solver.lanes} dense Jacobians of size {dynamics.size} need about {needed / 2**30:.1f} GiB, "
            "more than is free; lower the solver's `lanes`."
        )
    states = _starts(dynamics, starts, key, read_key)
    with one_blas_thread():
        found = _search_in_parts(dynamics, states, solver, progress)
        catalogue = jax.device_get(_certify_compiled(dynamics, found))
    chosen = np.flatnonzero(catalogue.distinct)
    roots = jax.tree.map(lambda rows: rows[chosen], catalogue.roots)

    eigenvalues = _eigenvalues(dynamics, roots.state)
    unstable = np.sum(eigenvalues.real > 0.0, axis=1)
    order = np.lexsort((np.mean(roots.state**2, axis=1), unstable))
    reaching = _starts_reaching(catalogue, roots.state)
    columns = {
        "state": roots.state,
        "residual": roots.residual,
        "certificate": roots.certificate,
        "stable": unstable == 0,
        "unstable_directions": unstable,
        "eigenvalues": eigenvalues,
        "index": roots.sign,
        "log_weight": roots.log_weight,
        "starts_reaching": reaching,
    }
    variables = {name: labelled(name, values[order]) for name, values in columns.items()}
    variables["outcome"] = labelled("outcome", catalogue.outcome)
    variables["outcome"][2]["codes"] = ", ".join(f"{outcome.value} {outcome.name}" for outcome in Outcome)
    variables["index_sum"] = labelled("index_sum", np.asarray(roots.sign.sum()))
    return xr.Dataset(variables, attrs={"activation": dynamics.activation.name, "size": dynamics.size})


# A part holds this many starts for each lane, so that few lanes idle at its end.
_STARTS_PER_LANE = 8

_search_compiled = jax.jit(search)
_certify_compiled = jax.jit(certify)
_starts_compiled = jax.jit(default_starts, static_argnums=1)


def _search_in_parts(dynamics: Network, starts: Array, solver: LevenbergMarquardt, progress: Progress | None) -> Found:
    """Part by part, each of the same shape: to show progress, and to keep what is there when interrupted."""
    count, part = len(starts), min(len(starts), _STARTS_PER_LANE * solver.lanes)
    states, outcomes, steps = np.array(starts), np.full(count, Outcome.not_run, np.int32), 0
    try:
        for first in range(0, count, part):
            rows = np.arange(first, first + part)
            # The last part is filled up with the first start, which is done in few steps and not kept.
            found = jax.device_get(_search_compiled(dynamics, starts[np.where(rows < count, rows, 0)], solver))
            kept = rows[rows < count]
            states[kept], outcomes[kept] = found.state[: len(kept)], found.outcome[: len(kept)]
            steps += int(found.steps)
            if progress is not None:
                progress(int(kept[-1]) + 1, count)
    except KeyboardInterrupt:
        if np.all(outcomes == Outcome.not_run):
            raise
    return Found(jnp.asarray(states), jnp.asarray(outcomes), jnp.asarray(steps, jnp.int32))


def _starts(dynamics: Network, starts: Any, key: Any, read_key: Any) -> Array:
    if np.ndim(starts) == 0:
        return _starts_compiled(dynamics, checks.count("starts", starts), read_key(key))
    states = np.asarray(starts, dtype=np.float64)
    if states.ndim != 2 or states.shape[1] != dynamics.size or not len(states):
        raise ValueError(
            f"Argument `starts` must be a number or states (start, {dynamics.size}), but has shape {states.shape}."
        )
    if not np.isfinite(states).all():
        raise ValueError("Argument `starts` must be finite, but holds NaN or infinity.")
    return jnp.asarray(states)


def _eigenvalues(dynamics: Network, states: np.ndarray) -> np.ndarray:
    """Of F' at each state, the fastest growing first."""
    values = np.zeros((len(states), dynamics.size), complex)
    for row, state in enumerate(states):
        found = np.linalg.eigvals(np.asarray(dynamics.jacobian(jnp.asarray(state))))
        values[row] = found[np.argsort(-found.real, kind="stable")]
    return values


def _starts_reaching(catalogue: Any, states: np.ndarray) -> np.ndarray:
    ended = catalogue.ended[catalogue.outcome == Outcome.fixed_point]
    return np.array([np.sum(np.max(np.abs(ended - state), axis=1) < SAME_ROOT) for state in states], dtype=int)
