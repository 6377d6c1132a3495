"""What is raised, once and on the host, where a computation did not end as `solved`."""

from __future__ import annotations

from typing import Any

import numpy as np

from quenched.status import Status


class SolveError(RuntimeError):
    """A computation that did not end as `solved`; `solution` holds what there is, a `Solution`, or a Dataset for a sweep.

    Arguments:
        reason: which status, and what to do, as a sentence.
        solution: what there is.
    """

    def __init__(self, reason: str, solution: Any):
        super().__init__(reason, solution)  # both, so that it survives the way between processes
        self.reason, self.solution = reason, solution

    def __str__(self) -> str:
        return f"{self.reason} What there is, is in the error's `solution`; `throw=False` returns it instead."


class StoppedSweepError(OSError):
    """A sweep that could not go on: its store cannot be written any more, or its workers are gone.

    Arguments:
        reason: what happened, and what to do, as a sentence.
        solution: the Dataset of all that was computed, what is not in the store too.
    """

    def __init__(self, reason: str, solution: Any):
        super().__init__(reason, solution)
        self.reason, self.solution = reason, solution

    def __str__(self) -> str:
        return f"{self.reason} What was computed is in the error's `solution`."


def raise_unsolved(what: str, codes: Any, each: str, found: Any, reason: str = "") -> None:
    """Raise SolveError unless all `codes` are `solved`; `each` names what there is one of per code, `reason`, if it is
    known, is told in the place of advice."""
    all_codes = np.atleast_1d(np.asarray(codes))
    failed = all_codes[all_codes != Status.solved]
    if not failed.size:
        return
    worst = Status(int(failed.flat[0]))
    counts = ", ".join(f"{(failed == code).sum()} {Status(int(code)).name}" for code in np.unique(failed))
    where = f"{counts} of {all_codes.size} {each}; " if all_codes.size > 1 else ""
    raise SolveError(f"{what}: {where}{worst.name}: {(reason or worst.advice + '.').strip()}", found)
