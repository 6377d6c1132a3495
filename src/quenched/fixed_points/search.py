"""Searches from many starts, part by part, and what each has ended at."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Iterator
from typing import Any

import equinox as eqx
import jax
import numpy as np

from quenched.fixed_points.collection import Collection
from quenched.fixed_points.descent import LevenbergMarquardt, Outcome, nothing_searched, search_on
from quenched.fixed_points.describe import Descents, Followed
from quenched.fixed_points.krylov import Krylov
from quenched.fixed_points.lanes import GOES_ON
from quenched.fixed_points.paths import Homotopy, follow_on, nothing_followed

# A chunk holds this many starts for each lane, so that few lanes idle at its end.
_STARTS_PER_LANE = 8
# Cubed unknowns times steps between two looks at the clock, a fraction of a second; not by the clock itself, so that the
# same key gives the same bits. And as many steps at most.
_WORK_OF_A_PART, _MOST_STEPS_OF_A_PART = 3e9, 100


class TimeIsUp(Exception):
    """The time limit has passed."""


class Search:
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
        solver: LevenbergMarquardt | Krylov,
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
            raise TimeIsUp

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
