"""How stationary states are solved on a ring of time: by one fixed point without memory, or by sampling."""

from __future__ import annotations

import equinox as eqx

from quenched import checks
from quenched.dmft.stationary_ring import SCHEMES
from quenched.simulate.integrate import check_step


class Ring(eqx.Module):
    """Solve `qd.dmft.Stationary` without memory by one fixed point on a ring of time: see `qd.dmft.StationaryFilters`.

    Arguments:
        step: time step of flows, at most 1. Half of it is used too, and extrapolated to 0.
        window: length of the ring; 128 if left out, and at least 4 times the longest lag.
    """

    step: float = eqx.field(static=True)
    window: float | None = eqx.field(static=True)

    def __init__(self, step: float = 0.25, window: float | None = None):
        self.step = check_step(step)
        self.window = None if window is None else float(checks.number("window", window, above=0.0))


class RingPopulation(eqx.Module):
    """Solve `qd.dmft.Stationary` at any symmetry by trajectories on rings of time: see `qd.dmft.StationarySampled`.

    Arguments:
        step: time step, at most 1.
        window: length of the ring, an even multiple of the step; the smallest power of two of steps beyond 50 and beyond
            4 times the longest lag if left out.
        trajectories: neurons a sample, at least 8.
        scramblings: independent samples, at least 2, from which the errors are.
        scheme: "second_order", "extrapolated" or "euler".
        richardson: solve with half the step too, and extrapolate to step 0. If left out, unless `scheme` is "euler".
        precision: the largest error of `correlation` that counts as solved.

    Example:
        >>> import quenched as qd
        >>> few = qd.dmft.RingPopulation(window=32, trajectories=32, scramblings=4)
        >>> model = qd.RandomNetwork(gain=0.5, symmetry=0.5, noise=0.5)
        >>> solution = qd.solve(model, qd.dmft.Stationary(lags=(0.0, 1.0)), solver=few)
        >>> bool(abs(solution["correlation"][0] - 0.1184) < 0.002)
        True
    """

    step: float = eqx.field(static=True)
    window: float | None = eqx.field(static=True)
    trajectories: int = eqx.field(static=True)
    scramblings: int = eqx.field(static=True)
    scheme: str = eqx.field(static=True)
    richardson: bool = eqx.field(static=True)
    precision: float | None = eqx.field(static=True)

    def __init__(
        self,
        step: float = 0.25,
        window: float | None = None,
        trajectories: int = 128,
        scramblings: int = 10,
        scheme: str = "second_order",
        richardson: bool | None = None,
        precision: float | None = None,
    ):
        self.step = check_step(step)
        self.window = None if window is None else float(checks.number("window", window, above=0.0))
        self.trajectories = checks.count("trajectories", trajectories, low=8)
        self.scramblings = checks.count("scramblings", scramblings, low=2)
        self.scheme = checks.one_of("scheme", scheme, SCHEMES)
        self.richardson = scheme != "euler" if richardson is None else checks.flag("richardson", richardson)
        self.precision = None if precision is None else float(checks.number("precision", precision, above=0.0))
