"""Fixed points along a parameter: branches, folds, pitchforks, and where oscillations begin."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from quenched import checks
from quenched.dynamics.base import AbstractDynamics
from quenched.dynamics.flow_and_map import Flow, Map
from quenched.dynamics.network_flow import NetworkFlow
from quenched.dynamics.read import read_dynamics
from quenched.dynamics.traced_functions import traced_function
from quenched.fixed_points.certificates import smoothness
from quenched.fixed_points.stability import Spectrum, jacobian_compiled, spectrum
from quenched.models import Network
from quenched.models.labels import in_order, named
from quenched.numerics.memory import refuse_what_does_not_fit
from quenched.numerics.threads import one_blas_thread
from quenched.precision import double_precision
from quenched.solution import labelled

if TYPE_CHECKING:
    import xarray as xr

    from quenched.solve import Progress

Family = Callable[[Any], Any]
"""From the parameter to the dynamics."""

# A correction that moves further than this part of the step is another branch; one below this size has converged.
_FURTHEST, _CONVERGED, _MOST_CORRECTIONS = 0.5, 1e-11, 8
_SHORTEST, _GROWTH = 1e-7, 1.3
# Length of the arc to which the place of an event is known.
_LOCATED = 1e-9
# Two events closer than this along the arc are taken for one.
_APART = 1e-4
# A kink closer than this, relative to the state, is where the point is.
_ON_KINK = 1e-7
# Least part of the parameter in the direction of a branch.
_LEVEL = 1e-10
# Of the first step onto a branch that crosses, in steps of the branch that is left.
_ASIDE = 0.2


@double_precision
def continue_fixed_points(
    family: Family,
    states: Any,
    start: float,
    low: float,
    high: float,
    *,
    step: float = 0.05,
    max_steps: int = 1000,
    most_branches: int = 20,
    progress: Progress | None = None,
) -> xr.Dataset:
    """Follow fixed points along a parameter p: the curves F(x; p) = 0, by arc length, through their folds.

    Arguments:
        family: from p to a `qd.Network`, `qd.landscape.Flow` or `qd.landscape.Map`, by JAX functions:
            `lambda gain: qd.Network(gain * couplings)`, `lambda drive: qd.Network(weights, field=drive * direction)`.
        states: fixed points at `start`, (fixed_point, neuron), such as `find_fixed_points(family(start)).state`.
        start, low, high: where they are, and the range to follow them in.
        step: longest step, in the length of (x/sqrt(N), p/(high - low)); shortened where a branch turns.
        max_steps: points a branch may have in each direction.
        most_branches: to follow; those that cross a known one (pitchforks, transcritical) are found and followed too.
        progress: called with (branches done, branches known so far). Ctrl-C returns the branches that are done.

    Returns:
        Dataset: `parameter` (branch, point), `branch_state` (branch, point, neuron), NaN beyond a branch's end, with
        `branch_unstable_directions` as floats, NaN at events and on kinks of phi too, and `branch_end` (branch, side), how
        it ended on either side: "left_the_range", "closed", "stuck", "out_of_steps"; and the events on them,
        `event_kind` (event) out of "fold", "branch_point" (pitchfork or transcritical), "hopf" (a pair of complex
        eigenvalues crosses), "flip" (of a map, an eigenvalue passes -1), "degenerate" (two real ones at once, whose
        branches are not followed), "kink" (phi has one there, and eigenvalues jump), with `event_parameter`, `event_state`,
        `event_branch`. Events are located to 1e-9 of the arc, branch points, where Newton's method is singular, to about
        1e-6; each of these is listed once. Attributes: `not_followed`, how many beginnings of branches `most_branches` or
        Ctrl-C has left; `interrupted`, 1 after Ctrl-C.

    Raises:
        ValueError: states that are no fixed points at `start`, or a range that does not hold it.
        TypeError: a family that JAX cannot trace.
        MemoryError: the Jacobian would not fit.

    When it fails: `branch_end` "stuck": the branch has a corner (kinks of phi), or two nearly meet; use a smaller `step`.
    "out_of_steps": raise `max_steps`. Branches that do not touch a followed one are not found: give states on them.

    Source: Keller 1977 (`keller1977`, arc length).

    Example:
        >>> import jax.numpy as jnp, numpy as np, quenched as qd
        >>> family = lambda p: qd.landscape.Flow(lambda x: p * x - x**3, size=1)
        >>> found = qd.landscape.continue_fixed_points(family, np.zeros((1, 1)), -0.5, -1.0, 1.0)
        >>> found.event_kind.values.tolist(), found.sizes["branch"]
        (['branch_point'], 2)
    """
    start, low, high = (
        float(checks.number(name, value)) for name, value in (("start", start), ("low", low), ("high", high))
    )
    if not low <= start <= high or low == high:
        raise ValueError(f"Argument `start` must lie between `low` = {low:g} and `high` = {high:g}, but is {start:g}.")
    progress = checks.progress(progress)
    longest = float(checks.number("step", step, above=0.0))
    if not callable(family):
        raise TypeError(f"Argument `family` must be a function of the parameter, but is {family!r}.")
    try:
        at_start = family(start)
        dynamics, _ = read_dynamics(at_start)
        along = _along(family, dynamics)
    except TypeError as error:
        raise TypeError(f"Argument `family` must turn the parameter into dynamics: {error}") from error
    what = f"The Jacobian of {dynamics.size} neurons and its factors"
    refuse_what_does_not_fit(8 * 12 * dynamics.size**2, what, "the size of the network")
    states = in_order("Argument `states`", states, getattr(at_start, "names", None))
    points = checks.real_array("Argument `states`", states, (None, dynamics.size))
    if not len(points):
        raise ValueError("Argument `states` must hold at least one fixed point, but is empty.")
    curve = _Curve(along, low, high)
    limits = (longest, checks.count("max_steps", max_steps))
    most = checks.count("most_branches", most_branches)
    branches: list[_Branch] = []
    interrupted = False
    with one_blas_thread():
        waiting = [curve.settled(state, start) for state in points]
        try:
            while waiting and len(branches) < most:
                if not _held(waiting[0], branches, longest, curve):
                    branch = _both_ways(curve, waiting[0], *limits)
                    branch.events = [event for event in branch.events if not _known(event, branches, curve)]
                    waiting += [aside for event in branch.events for aside in _crossing_branches(curve, event, longest)]
                    branch.unstable = [
                        np.nan if curve.on_kink(place) else count
                        for place, count in zip(branch.places, branch.unstable, strict=True)
                    ]
                    branches.append(branch)
                waiting.pop(0)
                if progress is not None:
                    progress(len(branches), len(branches) + len(waiting))
        except KeyboardInterrupt:
            if not branches:
                raise
            interrupted = True
        left = sum(not _held(begin, branches, longest, curve) for begin in waiting)
    return named(_dataset(branches, dynamics.size, {"not_followed": left, "interrupted": int(interrupted)}), at_start)


def _held(begin: _At, branches: list[_Branch], longest: float, curve: _Curve) -> bool:
    """Whether a point is on one of the branches."""
    return any(branch.holds(begin.place, 2.0 * longest, curve) for branch in branches)


class _At(NamedTuple):
    """A point of a branch: (x, p), the unit tangent there, and what tells events."""

    place: np.ndarray
    tangent: np.ndarray
    orientation: float
    """Sign of the determinant of the derivative, bordered by the tangent: it changes where branches cross."""


class _Event(NamedTuple):
    kind: str
    at: _At


@dataclass
class _Branch:
    places: list[np.ndarray]
    unstable: list[float]
    """How many directions grow at each place, NaN where that changes."""
    events: list[_Event] = field(default_factory=list)
    ends: tuple[str, str] = ("left_the_range", "left_the_range")
    """How it ended on the side where it began, and on the other."""

    def meets(self, events: list[_Event]) -> None:
        """Events that follow the last place."""
        self.events += events
        self.places += [event.at.place for event in events]
        self.unstable += [np.nan] * len(events)

    def holds(self, place: np.ndarray, reach: float, curve: _Curve) -> bool:
        """Whether a place is on the branch: on the chord between two of its points, up to what it bends in between."""
        known = np.array([curve.scaled(each) for each in self.places])
        here = curve.scaled(place)
        if len(known) < 2:
            return bool(np.linalg.norm(known[0] - here) < 1e-6)
        chords, to_here = np.diff(known, axis=0), here - known[:-1]
        lengths = np.maximum(np.sum(chords**2, axis=1), 1e-300)
        share = np.clip(np.sum(to_here * chords, axis=1) / lengths, 0.0, 1.0)
        apart = np.linalg.norm(to_here - share[:, None] * chords, axis=1)
        return bool(np.any(apart < 0.05 * np.minimum(np.sqrt(lengths), reach) + 1e-9))


class _Curve:
    """F(x; p) = 0, in units in which a neuron and the range of the parameter weigh the same."""

    def __init__(self, dynamics: AbstractDynamics, low: float, high: float):
        self.dynamics, self.size, self.kind, self.low, self.high = dynamics, dynamics.size, dynamics.kind, low, high
        self.units = np.append(np.full(self.size, np.sqrt(self.size)), high - low)

    def scaled(self, place: np.ndarray) -> np.ndarray:
        return place / self.units

    def corrected(self, trial: np.ndarray, border: np.ndarray, reach: float) -> _At | None:
        """Newton's steps at right angles to `border` (scaled); None where they lead away."""
        place, before = trial, np.inf
        for _ in range(_MOST_CORRECTIONS):
            change, tangent, orientation = jax.device_get(_bordered(self.dynamics, self.units, place, border))
            size = float(np.linalg.norm(change))
            if not np.isfinite(size) or size > reach or size > max(before, 1e-9):
                return None
            place, before = place - self.units * change, size
            if size < _CONVERGED * (1.0 + float(np.linalg.norm(self.scaled(place)))):
                return _At(place, tangent, float(orientation))
        return _At(place, tangent, float(orientation)) if before < 1e-8 else None

    def settled(self, state: np.ndarray, parameter: float) -> _At:
        """The fixed point at this parameter."""
        along = np.append(np.zeros(self.size), 1.0)
        found = self.corrected(np.append(state, parameter), along, 1e-3)
        if found is None:
            raise ValueError(
                f"Argument `states` must be fixed points at `start` = {parameter:g}, but Newton's method does not stay at "
                "one of them. Take them from qd.landscape.find_fixed_points; if they are, branches cross or turn at "
                "`start`, where Newton's method is singular: choose another `start`."
            )
        return found

    def jacobian(self, place: np.ndarray) -> np.ndarray:
        return np.asarray(jacobian_compiled(self.dynamics, place[:-1], place[-1]))

    def spectrum(self, place: np.ndarray) -> Spectrum:
        return spectrum(self.dynamics, place[:-1], place[-1])

    def unstable(self, place: np.ndarray) -> int:
        """How many directions grow."""
        return int(self.spectrum(place).grows.sum())

    def real_growing(self, place: np.ndarray) -> int:
        """How many real directions grow."""
        found = self.spectrum(place)
        return int(np.sum(found.grows & (np.abs(found.values.imag) < 1e-9 * (1.0 + np.abs(found.values)))))

    def on_kink(self, place: np.ndarray) -> bool:
        """Whether F' or F jumps here."""
        _, valid = _smoothness_compiled(self.dynamics, place[:-1], place[-1])
        return float(valid) <= _ON_KINK * (1.0 + float(np.max(np.abs(place[:-1]))))

    def inside(self, place: np.ndarray) -> bool:
        return bool(self.low <= place[-1] <= self.high)


def _along(family: Family, example: AbstractDynamics) -> AbstractDynamics:
    """The family as one flow or map, whose input is the parameter."""

    def residual(state: Array, parameter: Array) -> Array:
        found = family(parameter)
        return (NetworkFlow(found) if isinstance(found, Network) else found).residual(state, None)

    number, state = jax.ShapeDtypeStruct((), float), jax.ShapeDtypeStruct((example.size,), float)
    if example.kind == "flow":
        return Flow(traced_function(residual, state, number), example.size)
    return Map(traced_function(lambda state, p: state + residual(state, p), state, number), example.size)


_smoothness_compiled = eqx.filter_jit(
    lambda dynamics, state, parameter: smoothness(dynamics, jnp.asarray(state), jnp.asarray(parameter))
)


@eqx.filter_jit
def _bordered(dynamics: AbstractDynamics, units: Any, place: Any, border: Any) -> tuple[Array, Array, Array]:
    """Newton's change, the unit tangent and the orientation at a place, all in scaled units."""
    units, place, border = jnp.asarray(units), jnp.asarray(place), jnp.asarray(border)

    def residual(scaled: Array) -> Array:
        at = scaled * units
        return dynamics.residual(at[:-1], at[-1])

    scaled = place / units
    derivative = jax.jacfwd(residual)(scaled)
    matrix = jnp.concatenate([derivative, border[None]])
    right = jnp.stack([jnp.append(residual(scaled), 0.0), jnp.zeros_like(border).at[-1].set(1.0)], axis=1)
    change, tangent = jnp.linalg.solve(matrix, right).T
    tangent = tangent / jnp.linalg.norm(tangent)
    orientation = jnp.linalg.slogdet(jnp.concatenate([derivative, tangent[None]]))[0]
    return change, tangent, orientation


def _both_ways(curve: _Curve, begin: _At, longest: float, most: int) -> _Branch:
    """The branch through a point, one way and the other."""
    forth = _one_way(curve, begin, begin.tangent, longest, most)
    if forth.ends[1] == "closed":
        return replace(forth, ends=("closed", "closed"))
    back = _one_way(curve, begin, -begin.tangent, longest, most)
    places, unstable = back.places[:0:-1] + forth.places, back.unstable[:0:-1] + forth.unstable
    return _Branch(places, unstable, back.events + forth.events, (back.ends[1], forth.ends[1]))


def _one_way(curve: _Curve, begin: _At, tangent: np.ndarray, longest: float, most: int) -> _Branch:
    now, heading, length = begin, tangent, 0.2 * longest
    branch = _Branch([now.place], [curve.unstable(now.place)])
    for _ in range(most):
        following = _advance(curve, now, heading, length)
        while following is None and length > _SHORTEST:
            length *= 0.5
            following = _advance(curve, now, heading, length)
        if following is None:
            return replace(branch, ends=("", "stuck"))
        if not curve.inside(following.place):
            edge = curve.high if following.place[-1] > curve.high else curve.low
            share = (edge - now.place[-1]) / (following.place[-1] - now.place[-1])
            at_edge = curve.corrected(
                np.append((now.place + share * (following.place - now.place))[:-1], edge),
                np.append(np.zeros(curve.size), 1.0),
                longest,
            )
            # On the way out too.
            count = curve.unstable(following.place)
            events = _events(curve, now, heading, following, length, int(branch.unstable[-1]), count)
            branch.meets([event for event in events if curve.inside(event.at.place)])
            if at_edge is not None:
                branch.places.append(at_edge.place)
                branch.unstable.append(curve.unstable(at_edge.place))
            return branch
        count = curve.unstable(following.place)
        branch.meets(_events(curve, now, heading, following, length, int(branch.unstable[-1]), count))
        branch.places.append(following.place)
        branch.unstable.append(count)
        if len(branch.places) > 10 and np.linalg.norm(curve.scaled(following.place - begin.place)) < 0.5 * length:
            return replace(branch, ends=("", "closed"))
        now, heading, length = following, following.tangent, min(_GROWTH * length, longest)
    return replace(branch, ends=("", "out_of_steps"))


def _advance(curve: _Curve, now: _At, heading: np.ndarray, length: float) -> _At | None:
    """One step along the branch; the tangent there points onwards."""
    trial = now.place + length * curve.units * heading
    found = curve.corrected(trial, heading, _FURTHEST * length)
    if found is None:
        return None
    turn = float(found.tangent @ heading)
    if abs(turn) < 0.9:
        return None
    sign = np.sign(turn)
    return _At(found.place, sign * found.tangent, sign * found.orientation)


def _events(
    curve: _Curve, now: _At, heading: np.ndarray, following: _At, length: float, before: int, after: int
) -> list[_Event]:
    """What happens between two points, and where; of several events in one step each in a part of its own."""
    change = abs(after - before)
    orientation = np.sign(heading @ now.tangent) * now.orientation
    crosses, folds = orientation * following.orientation < 0.0, heading[-1] * following.tangent[-1] < 0.0
    # A branch at one parameter alone has no direction along it but for rounding.
    folds &= min(abs(heading[-1]), abs(following.tangent[-1])) > _LEVEL
    alone = 1 if crosses or folds else 2 if curve.kind == "flow" else change
    # Two real eigenvalues that cross are two branch points, not a pair that begins to oscillate.
    two = not (crosses or folds) and change == 2 and curve.real_growing(now.place) != curve.real_growing(following.place)
    if (two or change not in ((1,) if crosses or folds else (0, alone))) and length > _APART:
        halfway = _advance(curve, now, heading, 0.5 * length)
        if halfway is not None:
            count = curve.unstable(halfway.place)
            first = _events(curve, now, heading, halfway, 0.5 * length, before, count)
            return first + _events(curve, halfway, halfway.tangent, following, 0.5 * length, count, after)
    if crosses:
        # First: at a pitchfork the tangent of the branch that turns is level too.
        return [_located(curve, "branch_point", now, heading, length, lambda at: orientation * at.orientation < 0.0)]
    if folds:
        return [_located(curve, "fold", now, heading, length, lambda at: heading[-1] * at.tangent[-1] < 0.0)]
    if change:
        kind = "degenerate" if two else "flip" if curve.kind == "map" and change == 1 else "hopf"
        return [_located(curve, kind, now, heading, length, lambda at: curve.unstable(at.place) != before)]
    return []


def _located(curve: _Curve, kind: str, now: _At, heading: np.ndarray, length: float, passed: Callable[[_At], Any]) -> _Event:
    """By halving the step; on a kink whatever seems to happen is its doing."""
    low, high, best = 0.0, length, now
    while high - low > _LOCATED:
        # At a branch point itself corrections fail: another place in between will do.
        for share in (0.5, 0.4, 0.6, 0.25, 0.75):
            middle = low + share * (high - low)
            at = _advance(curve, now, heading, middle)
            if at is not None:
                break
        else:
            break
        assert at is not None
        low, high, best = (low, middle, at) if passed(at) else (middle, high, at)
    return _Event("kink" if curve.on_kink(best.place) else kind, best)


def _known(event: _Event, branches: list[_Branch], curve: _Curve) -> bool:
    """Whether a branch point is listed with the branch that it crosses."""
    if event.kind != "branch_point":
        return False
    listed = [each.at.place for branch in branches for each in branch.events if each.kind == "branch_point"]
    return any(np.linalg.norm(curve.scaled(place - event.at.place)) < _APART for place in listed)


def _crossing_branches(curve: _Curve, event: _Event, longest: float) -> list[_At]:
    """Points on the branch that crosses at a branch point, on either side."""
    if event.kind != "branch_point":
        return []
    place = event.at.place
    matrix = np.asarray(curve.jacobian(place))
    direction = np.append(np.linalg.svd(matrix)[2][-1], 0.0)
    direction -= (direction @ event.at.tangent) * event.at.tangent
    if np.linalg.norm(direction) < 1e-6:
        # The branch itself goes that way, at one parameter alone.
        return []
    direction /= np.linalg.norm(direction)
    found = []
    for sign in (1.0, -1.0):
        aside = _ASIDE * longest
        while aside > 1e-4 * longest:
            at = curve.corrected(place + sign * aside * curve.units * direction, direction, 0.9 * aside)
            if at is not None and np.linalg.norm(curve.scaled(at.place - place)) > 0.5 * aside:
                found.append(at)
                break
            aside *= 0.5
    return found


def _dataset(branches: list[_Branch], size: int, attributes: dict[str, Any]) -> xr.Dataset:
    import xarray as xr

    longest = max(len(branch.places) for branch in branches)
    parameter = np.full((len(branches), longest), np.nan)
    states, unstable = np.full((len(branches), longest, size), np.nan), np.full((len(branches), longest), np.nan)
    for row, branch in enumerate(branches):
        count = len(branch.places)
        places = np.array(branch.places)
        parameter[row, :count], states[row, :count], unstable[row, :count] = places[:, -1], places[:, :-1], branch.unstable
    events = [(row, event) for row, branch in enumerate(branches) for event in branch.events]
    variables = {
        "parameter": labelled("parameter", parameter),
        "branch_state": labelled("branch_state", states),
        "branch_unstable_directions": labelled("branch_unstable_directions", unstable),
        "branch_end": labelled("branch_end", np.array([branch.ends for branch in branches])),
        "event_kind": labelled("event_kind", np.array([event.kind for _, event in events], dtype=str)),
        "event_parameter": labelled("event_parameter", np.array([event.at.place[-1] for _, event in events])),
        "event_state": labelled("event_state", np.array([event.at.place[:-1] for _, event in events]).reshape(-1, size)),
        "event_branch": labelled("event_branch", np.array([row for row, _ in events], int)),
    }
    return xr.Dataset(variables, attrs={"size": size, "citations": "keller1977"} | attributes)
