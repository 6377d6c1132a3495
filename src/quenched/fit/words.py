"""What a fit warns of."""

from __future__ import annotations

import numpy as np

from quenched.fit.minimum import Minimum
from quenched.fit.problem import Problem
from quenched.fit.uncertainty import Direction, Uncertainty

# A probability below which a model is said not to describe the data.
_UNLIKELY = 1e-3
# Minima further apart than so many errors are different ones.
_APART = 5.0


def told(problem: Problem, best: Minimum, known: Uncertainty, others: list[Minimum]) -> tuple[str, ...]:
    """Sentences, none where all is well."""
    lines = [*_unseen(problem, known), *(_not_told_apart(problem, each) for each in known.weak)]
    if known.p_value < _UNLIKELY:
        lines.append(
            f"The model does not describe the data: chi-square is {best.chi_square:.4g} where {known.expected:.4g} is "
            f"expected (p = {known.p_value:.1g}); errors mean little. Free another parameter, or look at .plot()."
        )
    error = np.sqrt(np.diagonal(known.covariance))
    for other in others:
        moved = np.abs(other.values - best.values)
        if not known.weak and np.any(moved > _APART * error + 1e-6 * np.abs(best.values)):
            where = _listed(problem, other.values)
            lines.append(f"Another minimum fits as well, chi-square {other.chi_square:.4g}: {where}.")
            break
    return tuple(lines)


def _unseen(problem: Problem, known: Uncertainty) -> list[str]:
    """Parameters that nothing depends on, to first order."""
    within = {place for each in known.weak for place in each.places}
    lost = [
        name
        for place, name in enumerate(problem.free.names)
        if np.isinf(known.covariance[place, place]) and place not in within
    ]
    if not lost:
        return []
    return [f"The data do not depend on {' and '.join(lost)} to first order; `profile` says what they allow."]


def _not_told_apart(problem: Problem, direction: Direction) -> str:
    """Which parameters move together, and by how much."""
    names = problem.free.names
    words = " and ".join(names[place] for place in direction.places)
    changes = ", ".join(f"{names[place]} by {direction.change[place]:+.3g}" for place in direction.places)
    return (
        f"The data cannot tell {words} apart, only a combination of them: moving {changes} together changes chi-square by "
        "about 1 or less. Fix one of them, or add data of another quantity."
    )


def _listed(problem: Problem, values: np.ndarray) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in zip(problem.free.names, values, strict=True))
