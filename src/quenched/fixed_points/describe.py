"""Fixed points as a dataset, with what they are like."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from quenched import checks
from quenched.dynamics.base import AbstractDynamics, batched
from quenched.dynamics.flow_and_map import Map
from quenched.dynamics.read import network_of
from quenched.fixed_points.descent import Outcome
from quenched.fixed_points.paths import Homotopy
from quenched.fixed_points.rightmost import Rightmost
from quenched.fixed_points.stability import Spectrum, nearest, real_parts, spectrum
from quenched.records import printed
from quenched.solution import labelled
from quenched.units.leaky import Leaky

if TYPE_CHECKING:
    import xarray as xr

    from quenched.fixed_points.dataset import FixedPointDataset
    from quenched.fixed_points.uncertified import Uncertified

# A state that the map returns to within this, relative to its size, has come back.
_BACK = 1e-8


class Descents(NamedTuple):
    """Where each start ended."""

    state: np.ndarray
    outcome: np.ndarray


class Followed(NamedTuple):
    """What each path met."""

    state: np.ndarray
    points: np.ndarray
    outcome: np.ndarray


def nothing_run(states: np.ndarray, paths: int, follow: Homotopy) -> tuple[Descents, Followed]:
    """What is known before any work."""
    size, waiting = states.shape[1], Outcome.not_run
    return (
        Descents(states.copy(), np.full(len(states), waiting, np.int32)),
        Followed(np.zeros((paths, follow.most_points, size)), np.zeros(paths, int), np.full(paths, waiting, np.int32)),
    )


def describe_points(
    uncertified: Uncertified,
    belongs: np.ndarray,
    at_uncertified: np.ndarray,
    descents: Descents,
    followed: Followed,
    of_start: np.ndarray,
    single: Map | None,
    period: int,
) -> FixedPointDataset:
    """Everything that is known of the fixed points, of the roots without a certificate and of the starts; `single` is the
    map that was iterated.

    `belongs` says at which certified root each start ended, `at_uncertified` at which other one, -1 for none.
    """
    from quenched.fixed_points.dataset import FixedPointDataset

    collection = uncertified.collection
    dynamics, conditions = collection.dynamics, collection.inputs
    states = np.array([root.state for root in collection.roots]).reshape(-1, dynamics.size)
    of_root = np.array(collection.of_input, int)[: len(states)]
    inputs = None if conditions is None else conditions[of_root]
    spectra = [
        spectrum(dynamics, root.state, None if inputs is None else inputs[row], float(root.certificate))
        for row, root in enumerate(collection.roots)
    ]
    unstable = np.array([each.grows.sum() for each in spectra], int)
    # Apart, since netCDF and most of what reads it have no complex numbers.
    spectrum_of_all = np.array([each.values for each in spectra]).reshape(-1, dynamics.size).astype(complex)
    order = np.lexsort((np.mean(states**2, axis=1), unstable))

    def of_roots(name: str) -> np.ndarray:
        return np.array([float(getattr(root, name)) for root in collection.roots])

    columns: dict[str, np.ndarray] = {
        "state": states,
        "residual": of_roots("residual"),
        "certificate": of_roots("certificate"),
        # A sampled radius may be too large.
        "radius": np.minimum(of_roots("radius"), nearest(states, of_root)),
        "stable": np.array([each.stable for each in spectra], bool),
        "unstable_directions": unstable,
        "marginal_directions": np.array([each.marginal.sum() for each in spectra], int),
        "eigenvalue_real": spectrum_of_all.real,
        "eigenvalue_imag": spectrum_of_all.imag,
        "unstable_modes": np.array([growing_modes(each) for each in spectra]).reshape(-1, MODES, dynamics.size),
        "index": of_roots("sign"),
        "log_weight": of_roots("log_weight"),
        "starts_reaching": np.bincount(belongs[belongs >= 0], minlength=len(states)),
    }
    if single is not None and dynamics.kind == "map":
        columns["smallest_period"] = smallest_periods(single, period, states, inputs)
    several = conditions is not None and len(conditions) > 1
    if several:
        columns["condition"] = of_root
    variables = {name: labelled(name, values[order]) for name, values in columns.items()}
    sums = np.bincount(of_root, of_roots("sign"), minlength=1 if conditions is None else len(conditions))
    # Where no step helped any more E may be at a minimum that rounding hides.
    slow = np.flatnonzero(np.isin(descents.outcome, (Outcome.slow_point, Outcome.stalled)))
    ghosts, of_ghost, at_ghost = collection.ghosts(descents.state[slow], of_start[slow])
    descents.outcome[slow] = np.where(at_ghost < 0, Outcome.stalled, Outcome.slow_point)
    variables |= {name: labelled(name, values) for name, values in uncertified.described().items()}
    reaching = np.bincount(at_uncertified[at_uncertified >= 0], minlength=len(uncertified.states))
    ends = descents.state.copy()
    ends[belongs >= 0] = states[belongs[belongs >= 0]]
    speeds = residuals_compiled(dynamics, ends, None if conditions is None else conditions[of_start])
    variables |= {
        "uncertified_starts_reaching": labelled("uncertified_starts_reaching", reaching),
        "end_state": labelled("end_state", ends),
        "end_speed": labelled("end_speed", np.max(np.abs(np.asarray(speeds)), axis=1)),
        "index_sum": labelled("index_sum", sums if several else sums[0]),
        "outcome": labelled("outcome", descents.outcome),
        "path_outcome": labelled("path_outcome", followed.outcome),
        "path_points": labelled("path_points", followed.points),
        "slow_state": labelled("slow_state", ghosts),
    }
    if several:
        variables["slow_condition"] = labelled("slow_condition", of_ghost)
        variables["uncertified_condition"] = labelled("uncertified_condition", np.array(uncertified.of_input, int))
    for name in ("outcome", "path_outcome"):
        variables[name][2]["codes"] = ", ".join(f"{outcome.value} {outcome.name}" for outcome in Outcome)
    if conditions is not None:
        variables["inputs"] = labelled("inputs", conditions)
    attributes = attributes_of(dynamics, len(uncertified.states))
    attributes |= {"outcomes": counted(descents.outcome), "path_outcomes": counted(followed.outcome)}
    return FixedPointDataset(variables, attrs=attributes)


def counted(outcomes: np.ndarray) -> str:
    """How many there are of each, in words."""
    counts = {outcome.name: int(np.sum(outcomes == outcome)) for outcome in Outcome}
    return ", ".join(f"{name} {count}" for name, count in counts.items() if count) or "none"


COMPLETE = "1 if the list is complete"
_COUNTS = {
    True: COMPLETE,
    False: "not fixed, since the dynamics is unbounded: it tells nothing of whether the list is complete",
    None: "1 if the list is complete and F(x) + x is bounded, which is not known here",
}


def attributes_of(dynamics: AbstractDynamics, others: int) -> dict[str, Any]:
    """What is told of the whole list, with so many roots that have no certificate."""
    found: dict[str, Any] = {"size": dynamics.size, "kind": dynamics.kind, "certificate_bound": dynamics.bound}
    found["citations"] = "sussillo2013 chow1978"
    network = network_of(dynamics)
    if network is not None:
        activation = getattr(network.unit, "activation", None)
        found |= {} if activation is None else {"activation": activation.name}
        usual = isinstance(network.unit, Leaky) and network.unit.usual
        found |= {} if usual else {"unit": ", ".join(map(printed, network.units))}
    means = _COUNTS[dynamics.bounded]
    if others:
        means = f"that of the certified fixed points alone: {others} roots without a certificate are not in it"
    return found | {"index_sum_means": means}


# Unstable directions that are kept for each fixed point.
MODES = 3


def growing_modes(found: Spectrum | Rightmost) -> np.ndarray:
    """Unit vectors along the first directions that grow, of a complex pair the real and the imaginary part; NaN where there
    are fewer."""
    modes = np.full((MODES, len(found.vectors)), np.nan)
    growing = np.flatnonzero(found.grows & (found.values.imag >= 0.0))
    parts = [part for place in growing[:MODES] for part in real_parts(found.vectors[:, place])][:MODES]
    modes[: len(parts)] = np.array(parts).reshape(-1, modes.shape[1])
    return modes


def smallest_periods(single: Map, period: int, states: np.ndarray, inputs: np.ndarray | None) -> np.ndarray:
    """After how many steps, a divisor of `period`, each state comes back for the first time."""
    periods = np.full(len(states), period)
    for row, state in enumerate(states):
        given, now = None if inputs is None else inputs[row], state
        for steps in range(1, period):
            now = now + np.asarray(_residual_compiled(single, now, given))
            if period % steps == 0 and np.max(np.abs(now - state)) < _BACK * (1.0 + np.max(np.abs(state))):
                periods[row] = steps
                break
    return periods


@eqx.filter_jit
def residuals_compiled(dynamics: AbstractDynamics, states: Any, inputs: Any) -> Array:
    """The residuals at many states."""
    found: Array = batched(dynamics.residual, inputs)(jnp.asarray(states), inputs)
    return found


@eqx.filter_jit
def _residual_compiled(dynamics: AbstractDynamics, state: Array, inputs: Array | None) -> Array:
    return dynamics.residual(jnp.asarray(state), inputs)


def eigenvalues(fixed_points: xr.Dataset) -> xr.DataArray:
    """The complex eigenvalues of a list of fixed points, put together of `eigenvalue_real` and `eigenvalue_imag`.

    Arguments:
        fixed_points: of `qd.landscape.find_fixed_points`, as it is, chosen from, merged, or read from a file.

    Returns:
        DataArray of complex numbers, (fixed_point, mode): rates per unit time for a flow, factors per step for a map.

    Raises:
        TypeError: a dataset without them.

    Example:
        >>> import numpy as np, quenched as qd
        >>> found = qd.landscape.find_fixed_points(qd.Network(np.array([[0.0, -0.5], [0.5, 0.0]])), 10)
        >>> print(qd.landscape.eigenvalues(found).values.round(6))
        [[-1.+0.5j -1.-0.5j]]
    """
    needed = ("eigenvalue_real", "eigenvalue_imag")
    checks.dataset("fixed_points", fixed_points, "qd.landscape.find_fixed_points", *needed)
    return (fixed_points["eigenvalue_real"] + 1j * fixed_points["eigenvalue_imag"]).rename("eigenvalues")
