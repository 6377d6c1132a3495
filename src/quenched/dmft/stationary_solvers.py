"""How stationary states are solved: on a ring of time, by one fixed point or by sampling, or at late times."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import equinox as eqx

from quenched import checks
from quenched.dmft.stationary_ring import SCHEMES
from quenched.dmft.two_time_solvers import Population
from quenched.models import AbstractInitial
from quenched.models.starts import read_starts
from quenched.simulate.integrate import check_step
from quenched.simulate.schemes import SCHEMES as IN_TIME


class Ring(eqx.Module):
    """Solve `qd.dmft.Stationary` without memory by one fixed point on a ring of time: see `qd.dmft.StationaryFilters`.

    Arguments:
        step: time step of flows, at most 1. Half of it is used too, and extrapolated to 0.
        window: length of the ring; 128 if left out, and at least 4 times the longest lag.

    Raises:
        ValueError, TypeError: a step outside (0, 1], a window that is not above 0, or no numbers.

    Example:
        >>> import quenched as qd
        >>> model = qd.RandomNetwork(couplings=qd.couplings.Elliptic(1.5), unit=qd.units.Discrete())
        >>> solution = qd.solve(model, qd.dmft.Stationary(lags=(0, 1)), solver=qd.dmft.Ring(window=64))
        >>> print(f"{float(solution['lyapunov_exponent']):.4f}")
        0.0652
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

    Raises:
        ValueError, TypeError: a step outside (0, 1], too few trajectories or scramblings, a window or precision that is not
            above 0, an unknown scheme.

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


class LateTimes(eqx.Module):
    """Solve `qd.dmft.Stationary` of any model by the two-time theory, averaged over late times,

        C(lag) = mean of C(t, t - lag) over settling <= t - lag, t <= settling + window,

    and likewise of all that `qd.dmft.TwoTime` returns. Each of `scramblings` populations of trajectories gives averages of
    its own; means and standard errors are over them.

    Arguments:
        step: time step of flows, at most 1; of maps it is 1.
        settling: time before anything is averaged, a multiple of the step; 20 if left out, of maps 20 steps.
        window: time that is averaged over, likewise; at least 2 times the longest lag, and 4 periods of a sinusoid. If left
            out 40, or 2 times the longest lag or 8 periods if that is more.
        trajectories, tangents, memory_limit: as of `qd.dmft.Population`; K is the number of all steps.
        scramblings: independent populations, at least 2.
        scheme: "second_order", or "euler", as of `qd.dmft.TwoTime`.
        richardson: solve with half the step too and extrapolate to step 0; what that changed is in
            `<name>_discretisation`. If left out, of flows unless `scheme` is "euler".
        initial: where neurons begin, as of `qd.dmft.TwoTime`; `qd.Normal(0.5, 1)` if left out, of abundances
            `qd.Uniform()`.
        precision: the largest error of `correlation` that counts as solved.

    Raises:
        ValueError, TypeError: a step outside (0, 1], a settling below 0, a window, precision or memory limit that is not
            above 0, fewer than two scramblings, more tangents than trajectories, an unknown scheme, no distribution.

    Returns, each with `_error`:
        `correlation`, `state_correlation`, `response`, `state_response` (lag), `power_spectrum`, `rate_spectrum`
        (frequency; of what decays), `mean_state`, `mean_rate`, `mean_square_state`, `mean_square_rate`; of flows
        `kinetic_energy`; `lyapunov_exponent`, of rates that do not jump; of a low-rank part `latent`; of a sinusoid
        `periodic_square_state` and `chaotic_square_state`, apart; with `richardson` `_discretisation`; the axis
        `population` first where there are several.
        `drift` (lag), the change of C from the first half of the late times to the second over C(0); `undecayed`, what C
        still falls between the last two quarters of the lags up to window/2, over C(0). No responses of rates that jump.

    The errors contain the standard error over scramblings, the change of each average from the first half to the second as
    far as it is more than its own standard error, and what `richardson` leaves over, the share
    step/(shortest relaxation time of the units) of the largest `_discretisation`; those of spectra what has not decayed,
    from `undecayed`. They do not contain what a slower approach leaves beyond the window, nor what a finite population
    changes, O(1/trajectories).

    When it fails: `not_stationary`: at some lag the two halves differ by more than three standard errors (the same chance of
    Student's t) and by more than 1 % of C(0), where C(0) counts as no less than 1 % of what it was at the start; use a
    longer `settling` and `window`. `diverged`: no bounded state. `imprecise`: `precision` is not reached; give more
    `trajectories`.

    Which state is found, where there are several, follows from `initial`: a mean leads to positive means and latents,
    `qd.Normal()` has none, and small chance means grow either way where a state of mean 0 is unstable. Latents begin as
    <n> <phi>: where the loadings n have no mean, they remain 0.

    Example:
        >>> import quenched as qd
        >>> model = qd.RandomNetwork(0.5, 0.5, noise=0.5)
        >>> few = qd.dmft.LateTimes(step=0.25, settling=8, window=8, trajectories=128, scramblings=4)
        >>> solution = qd.solve(model, qd.dmft.Stationary(lags=(0.0, 1.0)), solver=few)
        >>> bool(abs(solution["correlation"][0] - 0.1184) < 0.002)
        True
    """

    step: float = eqx.field(static=True)
    settling: float | None = eqx.field(static=True)
    window: float | None = eqx.field(static=True)
    trajectories: int | None = eqx.field(static=True)
    tangents: int | None = eqx.field(static=True)
    scramblings: int = eqx.field(static=True)
    scheme: str = eqx.field(static=True)
    richardson: bool | None = eqx.field(static=True)
    initial: AbstractInitial | tuple[AbstractInitial, ...] | None
    precision: float | None = eqx.field(static=True)
    memory_limit: float = eqx.field(static=True)

    def __init__(
        self,
        step: float = 0.25,
        settling: float | None = None,
        window: float | None = None,
        trajectories: int | None = None,
        tangents: int | None = None,
        scramblings: int = 10,
        scheme: str = "second_order",
        richardson: bool | None = None,
        initial: AbstractInitial | Callable[[Any], Any] | tuple[Any, ...] | None = None,
        precision: float | None = None,
        memory_limit: float = 4.0,
    ):
        self.step = check_step(step)
        self.settling = None if settling is None else float(checks.number("settling", settling, low=0.0))
        self.window = None if window is None else float(checks.number("window", window, above=0.0))
        of_populations = Population(trajectories, tangents, scramblings, precision, richardson, memory_limit)
        self.trajectories, self.tangents = of_populations.trajectories, of_populations.tangents
        self.scramblings, self.precision = of_populations.scramblings, of_populations.precision
        self.richardson, self.memory_limit = of_populations.richardson, of_populations.memory_limit
        self.scheme = checks.one_of("scheme", scheme, IN_TIME)
        self.initial = read_starts(initial)
