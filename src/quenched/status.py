"""How a computation ended, point by point."""

from __future__ import annotations

from enum import IntEnum

# A mean square state beyond this is growth without bound, not yet overflow.
RUNAWAY = 1e16


class Status(IntEnum):
    """One code per point; `solved` is 0, everything else says what went wrong and what to change."""

    solved = 0
    not_run = 1
    out_of_steps = 2
    not_finite = 3
    no_such_branch = 4
    coarse_quadrature = 5
    diverged = 6
    no_fixed_point = 7
    interrupted = 8
    bad_input = 9
    imprecise = 10
    not_stationary = 11
    not_mixed = 12
    uncertified = 13
    failed = 14

    @property
    def advice(self) -> str:
        """What it means and what to try."""
        return _ADVICE[self]


_ADVICE = {
    Status.solved: "solved",
    Status.not_run: "not computed yet; run the sweep again with resume",
    Status.out_of_steps: "the iteration did not reach its tolerance; pass a `start` nearer the answer (a solution at a "
    "neighbouring gain), or raise the solver's `max_steps`; of qd.dmft.GrowingSteps raise `trajectories`, lower "
    "`growth`, or shorten the `duration`",
    Status.not_finite: "a NaN or infinity appeared; pass a different `start`, or check that the activation is finite",
    Status.no_such_branch: "the branch asked for does not exist at these parameters; choose another `start`",
    Status.coarse_quadrature: "two quadratures disagree; raise the solver's `nodes` (and `initial_nodes`, where there "
    "are any)",
    Status.diverged: "a trajectory, or an average with unbounded phi, grew without bound; use a smaller gain, and a smaller "
    "`step` or a `confinement` where there is one",
    Status.no_fixed_point: "the search found no fixed point in at least one network; raise `starts` or `max_steps`",
    Status.uncertified: "all roots found in at least one network are on a kink of phi or not isolated, and none can be "
    "certified, whatever the `starts`; a `field` moves roots off a kink",
    Status.interrupted: "stopped before everything was done; the averages are over what was",
    Status.not_stationary: "the correlation had not decayed at the end of the window, or still changes from one half of it "
    "to the other; use a longer `window` (of qd.dmft.LateTimes `settling` too), or follow the approach by qd.dmft.TwoTime",
    Status.not_mixed: "the chains have not forgotten where they began, or too few draws are independent; raise `samples` "
    "and `warm_up`, or use the solver qd.landscape.ReplicaExchange",
    Status.imprecise: "the `precision` asked for was not reached; raise `memory_limit`, `time_limit` or `trajectories` of "
    "the solver (without symmetry its `nodes`), lower `step` where `_discretisation` is large, or ask for less. What was "
    "reached is in the errors. Of Lyapunov exponents: rounding, amplified by weights far from normal, decides those whose "
    "error is infinite; ask for fewer `exponents`, and make zero what is zero but for rounding",
    Status.failed: "every attempt to compute it ended with an error, which the attribute `failures` of the status tells; a "
    "sweep tries it again with resume",
    Status.bad_input: "a parameter is outside its allowed range",
}
