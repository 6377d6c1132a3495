"""How the two-time equations are solved: by populations of trajectories with all of their past, a part of it, or long
steps, or by averages."""

from __future__ import annotations

import math

import equinox as eqx
import numpy as np

from quenched import checks
from quenched.numerics.exact_moments import ENOUGH
from quenched.numerics.quadrature import check_nodes
from quenched.numerics.thinning import NODES

_FEWEST = 1024


class Population(eqx.Module):
    """Solve `qd.dmft.TwoTime` by trajectories of single neurons in the field that they themselves make, for any model.

    Arguments:
        trajectories: in each scrambling, of all populations together, equally many of each; if left out 1024, or for each
            population 1.1 for each step if that is more.
        tangents: how many of them carry a tangent; if left out 62 of each population, or nearly a 64th of many trajectories.
        scramblings: independent populations, at least 2, from which the errors are.
        precision: error wanted of every entry of `correlation`. Populations then grow, and up to 1024 are made,
            until it is reached. Under jit, vmap and grad nothing grows: the status says whether it is reached.
        richardson: solve with half the step too and extrapolate; what that changed is in `<name>_discretisation`. If left
            out, where a `precision` is asked for, unless the theory's `scheme` is "euler".
        memory_limit: GiB that one population may take: with K steps and M trajectories 8 K (5 M + 14 K + 4 tangents) bytes.
            Of models made of parts with noise 8 M for 5 M. As many are run at once as there are cores.
        time_limit: seconds that `precision` may take.

    Raises:
        ValueError: a number out of range, or more tangents than trajectories.
        TypeError: no number, no whole number, or no True or False, where there must be one.

    Example:
        >>> import quenched as qd
        >>> few = qd.dmft.Population(trajectories=64, scramblings=4)
        >>> solution = qd.solve(qd.RandomNetwork(0.8, noise=0.1), qd.dmft.TwoTime(1.0, 0.25), solver=few)
        >>> bool(abs(solution["correlation"][0, 0] - 0.3943) < 0.02)  # <tanh(z)^2>, z ~ N(0, 1)
        True
    """

    trajectories: int | None = eqx.field(static=True)
    tangents: int | None = eqx.field(static=True)
    scramblings: int = eqx.field(static=True)
    precision: float | None = eqx.field(static=True)
    richardson: bool | None = eqx.field(static=True)
    memory_limit: float = eqx.field(static=True)
    time_limit: float = eqx.field(static=True)

    def __init__(
        self,
        trajectories: int | None = None,
        tangents: int | None = None,
        scramblings: int = 16,
        precision: float | None = None,
        richardson: bool | None = None,
        memory_limit: float = 4.0,
        time_limit: float = np.inf,
    ):
        self.trajectories = None if trajectories is None else checks.count("trajectories", trajectories, low=2)
        self.tangents = None if tangents is None else checks.count("tangents", tangents)
        if self.trajectories is not None:
            check_tangents(self.tangents, self.trajectories)
        self.scramblings = checks.count("scramblings", scramblings, low=2)
        self.precision = None if precision is None else float(checks.number("precision", precision, above=0.0))
        self.richardson = None if richardson is None else checks.flag("richardson", richardson)
        self.memory_limit = float(checks.number("memory_limit", memory_limit, above=0.0))
        unlimited = isinstance(time_limit, float) and time_limit == np.inf
        self.time_limit = np.inf if unlimited else float(checks.number("time_limit", time_limit, above=0.0))

    def size(self, normals: int, populations: int = 1) -> int:
        """Trajectories: enough for exact second moments of what drives a neuron, so many normal numbers and its initial
        state."""
        enough = max(_FEWEST, populations * 64 * math.ceil(ENOUGH * (1 + normals) / 64))
        found = self.trajectories or enough
        check_tangents(self.tangents, found)
        return found


class ThinnedPopulation(eqx.Module):
    """Solve `qd.dmft.TwoTime` over long times by trajectories whose past is thinned.

    Of their past they keep fewer and fewer times, the older they are: for one population of usual leaky neurons. Time grows
    as the steps, memory as the logarithm of their number, squared, where those of `Population` grow as the third power and
    the square.

    Arguments:
        knots: the gap between kept times is at most their age, and at most the time since the start, over this number; R
            is a cubic polynomial in between. The error falls as the fourth power.
        trajectories: in each population; if left out 1024, or as many as second moments need to be exact if that is more.
        tangents: how many of them carry a tangent; if left out a quarter.
        populations: independent ones, at least 2, from which the errors are.
        memory_limit: GiB that one population may take. As many are run at once as there are cores.

    Raises:
        ValueError: fewer than 4 knots, more tangents than trajectories, fewer trajectories than 1.1 for each kept time.
        TypeError: no number, or no whole number, where there must be one.

    Example:
        >>> import quenched as qd
        >>> few = qd.dmft.ThinnedPopulation(knots=4, trajectories=128, populations=2)
        >>> theory = qd.dmft.TwoTime(20.0, 0.1, times=[0.0, 10.0, 20.0])
        >>> solution = qd.solve(qd.RandomNetwork(0.4, symmetry=1.0), theory, solver=few)
        >>> bool(solution["correlation"][2, 2] < 1e-3)  # at rest
        True
    """

    knots: int = eqx.field(static=True)
    trajectories: int | None = eqx.field(static=True)
    tangents: int | None = eqx.field(static=True)
    populations: int = eqx.field(static=True)
    memory_limit: float = eqx.field(static=True)

    def __init__(
        self,
        knots: int = 8,
        trajectories: int | None = None,
        tangents: int | None = None,
        populations: int = 8,
        memory_limit: float = 4.0,
    ):
        self.knots = checks.count("knots", knots, low=NODES)
        self.trajectories = None if trajectories is None else checks.count("trajectories", trajectories, low=2)
        self.tangents = None if tangents is None else checks.count("tangents", tangents)
        if self.trajectories is not None:
            check_tangents(self.tangents, self.trajectories)
        self.populations = checks.count("populations", populations, low=2)
        self.memory_limit = float(checks.number("memory_limit", memory_limit, above=0.0))


class GrowingSteps(eqx.Module):
    """Solve `qd.dmft.TwoTime` over very long times by trajectories whose steps grow with the time.

    For relaxation without noise, where states become ever smoother: one population of usual leaky neurons. An implicit
    scheme of second order (BDF2) takes steps as long as a part of the time that has passed, so that the number of steps
    grows as the logarithm of the duration. The theory is that of networks stepped in this way, exactly, and is extrapolated
    to steps of no length from two grids in the same field. The largest that this changed, at most two steps from a time, is
    in `<name>_discretisation`, and the part `growth` of it, or `step` if that is more, in the error.

    Arguments:
        growth: longest step over the time; the theory's `step` is that of early times. Half of both is used too.
        trajectories: in each population; if left out 1024.
        tangents: how many of them carry a tangent; if left out all. They take most of the time, but noise in the response is
            fed back, and late states are marginal: with few of them late times scatter, or are lost.
        populations: independent ones, at least 2, from which the errors are.
        memory_limit: GiB that one population may take: with K times 16 K^2 tangents bytes. As many are run at once as there
            are cores.

    When it fails: `imprecise`: halving the steps changed C by more than a tenth; they are longer than what they follow. So
    it is with chaos, which does not become smoother: take `qd.dmft.ThinnedPopulation`. `out_of_steps`: a step was not
    solved, and results are NaN from there on. Of M trajectories C and R fluctuate by about M^-1/2, and a state that is
    nearly marginal follows: with 1024 of them quenches of gain 1.5 were followed for 100 to 400 leak times, and with a
    growth of 0.05 for 300 to 500. Give more `trajectories`, a smaller `growth`, or a shorter duration.

    Raises:
        ValueError: a growth above 0.5, more tangents than trajectories; and of `qd.solve` fewer trajectories than 1.1 for
            each time of the halved steps, noise, a field in time, another `scheme`, a `perturbation`.
        TypeError: no number, or no whole number, where there must be one.

    Example:
        >>> import quenched as qd
        >>> few = qd.dmft.GrowingSteps(growth=0.4, trajectories=128, populations=2)
        >>> theory = qd.dmft.TwoTime(1000.0, 0.5, times=[0.0, 10.0, 1000.0])
        >>> solution = qd.solve(qd.RandomNetwork(0.4, symmetry=1.0), theory, solver=few)
        >>> bool(solution["correlation"][2, 2] < 1e-6)  # at rest
        True
    """

    growth: float = eqx.field(static=True)
    trajectories: int = eqx.field(static=True)
    tangents: int | None = eqx.field(static=True)
    populations: int = eqx.field(static=True)
    memory_limit: float = eqx.field(static=True)

    def __init__(
        self,
        growth: float = 0.1,
        trajectories: int = 1024,
        tangents: int | None = None,
        populations: int = 8,
        memory_limit: float = 4.0,
    ):
        self.growth = float(checks.number("growth", growth, above=0.0, high=0.5))
        self.trajectories = checks.count("trajectories", trajectories, low=2)
        self.tangents = None if tangents is None else checks.count("tangents", tangents)
        check_tangents(self.tangents, self.trajectories)
        self.populations = checks.count("populations", populations, low=2)
        self.memory_limit = float(checks.number("memory_limit", memory_limit, above=0.0))


class Quadrature(eqx.Module):
    """Solve `qd.dmft.TwoTime` at symmetry 0 with no sampling, by Gaussian averages.

    Arguments:
        nodes: trapezoidal nodes of each of two fields, enough for tanh up to gain 3; with kinks (ReLU) half as many
            Gauss-Legendre nodes on each piece between them.
        initial_nodes: Gauss-Legendre nodes over uniform initial states; a third of the trapezoidal nodes over others.
        precision: error of every entry of `correlation` beyond which the status is `imprecise`.
        richardson: solve with half the step too and extrapolate; what that changed is in `<name>_discretisation`. If left
            out, where a `precision` is asked for, unless the theory's `scheme` is "euler".
        memory_limit: GiB that it may take: with K steps 8 K (14 K + 14000) bytes.

    Everything is done again with half as many more nodes, and the difference is the reported error.

    Raises:
        ValueError, TypeError: fewer than 8 nodes or 2 initial nodes, or more than 1000; a precision or memory limit that is
            not above 0.

    Example:
        >>> import quenched as qd
        >>> theory, few = qd.dmft.TwoTime(1.0, 0.25, initial=qd.Normal(0.0, 0.5)), qd.dmft.Quadrature(nodes=16)
        >>> solution = qd.solve(qd.RandomNetwork(0.8, activation=qd.Linear()), theory, solver=few)
        >>> bool(solution.correlation_error.max() < 1e-6)
        True
    """

    nodes: int = eqx.field(static=True)
    initial_nodes: int = eqx.field(static=True)
    precision: float | None = eqx.field(static=True)
    richardson: bool | None = eqx.field(static=True)
    memory_limit: float = eqx.field(static=True)

    def __init__(
        self,
        nodes: int = 64,
        initial_nodes: int = 8,
        precision: float | None = None,
        richardson: bool | None = None,
        memory_limit: float = 4.0,
    ):
        check_nodes("nodes", nodes)
        check_nodes("initial_nodes", initial_nodes, low=2)
        self.nodes, self.initial_nodes = nodes, initial_nodes
        self.precision = None if precision is None else float(checks.number("precision", precision, above=0.0))
        self.richardson = None if richardson is None else checks.flag("richardson", richardson)
        self.memory_limit = float(checks.number("memory_limit", memory_limit, above=0.0))


def check_tangents(tangents: int | None, trajectories: int) -> None:
    """Refuse more tangents than trajectories."""
    if tangents is not None and tangents > trajectories:
        raise ValueError(f"Argument `tangents` must be at most the {trajectories} trajectories, but is {tangents}.")


def extrapolates(solver: Population | Quadrature, scheme: str) -> bool:
    """Whether half the step is used too."""
    wanted = solver.precision is not None and scheme != "euler"
    return wanted if solver.richardson is None else solver.richardson
