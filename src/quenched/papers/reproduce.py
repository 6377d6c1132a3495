"""Which figures there are, and how long each takes."""

from __future__ import annotations

from typing import NamedTuple

from quenched.papers.reproduction import Reproduction
from quenched.words import one_of


class Entry(NamedTuple):
    """A figure that can be computed."""

    title: str
    seconds: int
    """What it takes on two cores, programs compiled anew; measured, rounded up."""


FIGURES: dict[str, dict[str, Entry]] = {
    "qiu2025": {
        "1": Entry("trajectories, and the line of the transition", 30),
        "2": Entry("order parameters over gain and symmetry", 30),
        "5": Entry("order parameters at T = 0.0001", 30),
        "6": Entry("overlap against 1/T", 30),
        "7": Entry("energy and mean square of the state against 1/T", 30),
        "8": Entry("overlaps against the step of the iteration", 60),
        "10": Entry("order parameters at T = 0", 30),
        "11": Entry("static mean-field theory", 30),
    },
    "zou2024": {
        "states": Entry("equal-time correlation and mean, theory over networks", 90),
        "planes": Entry("correlation between two times, theory beside networks", 90),
        "response": Entry("response to an earlier field, theory over networks", 90),
        "fluctuation_dissipation": Entry("the theorem in and out of equilibrium", 90),
    },
}
"""Papers, their figures, and about each what it shows and how long it takes."""


def reproduce(paper: str, figure: str | int) -> Reproduction:
    """Compute one figure of a paper anew, and compare.

    Arguments:
        paper: "qiu2025" (Qiu and Huang: the equilibrium measure of fixed points) or "zou2024" (Zou and Huang: two-time
            mean-field theory).
        figure: its number or name, as `qd.papers.FIGURES` lists them. Those of qiu2025 are the numbers of the folders of the
            authors' public code, compared with numbers read off the pictures stored there; those of zou2024 are named by
            what they show, and theory is compared with networks.

    Returns:
        The numbers, what they are compared with, and the picture: `qd.papers.Reproduction`.

    Raises:
        ValueError: no such paper or figure.

    Source: Qiu & Huang 2025 (`qiu2025`), Zou & Huang 2024 (`zou2024`).

    Example:
        >>> import quenched as qd
        >>> static = qd.papers.reproduce("qiu2025", 11).table
        >>> below = static[static.gain * (1 + static.symmetry) < 0.95]
        >>> bool((below.difference.abs() < 0.006).all())  # half a pixel of the gain where it is steep
        True
    """
    known = FIGURES[one_of("paper", paper, FIGURES)]
    name = one_of("figure", str(figure), known)
    # Here, so that the list of figures is there at once.
    from quenched.papers.qiu2025 import dynamics, iteration, order_parameters, static, temperatures
    from quenched.papers.zou2024 import fluctuation_dissipation, two_time

    compute = {
        "1": dynamics.trajectories,
        "2": order_parameters.surface,
        "5": order_parameters.cold,
        "6": temperatures.overlap,
        "7": temperatures.energy,
        "8": iteration.steps,
        "10": order_parameters.frozen,
        "11": static.static,
        "states": two_time.states,
        "planes": two_time.planes,
        "response": two_time.response,
        "fluctuation_dissipation": fluctuation_dissipation.parametric,
    }
    table, differences, picture = compute[name]()
    return Reproduction(paper, name, known[name].title, table, differences, picture)
