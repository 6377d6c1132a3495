"""Which two-time run gives a model's stationary state, and what it must be long and fine enough for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from quenched import checks
from quenched.dmft.stationary_late import StationaryLate
from quenched.dmft.stationary_solvers import LateTimes
from quenched.dmft.two_time import TwoTime
from quenched.dmft.two_time_covers import fastest_rate
from quenched.dmft.two_time_sampled import TwoTimeSampled
from quenched.dmft.two_time_solvers import Population
from quenched.models import Normal, RandomNetwork, Sinusoid
from quenched.precision import traced
from quenched.simulate.integrate import count_steps

# Periods of a sinusoid that the late times hold, at least, and if nothing is said. The later half of the lags, by which
# what is periodic is told, holds a fourth of them.
_PERIODS, _MORE_PERIODS = 4, 8
# Units of time, or steps of a map, before the late times and of them, if nothing is said.
_SETTLING, _WINDOW, _FEWEST_STEPS = 20.0, 40.0, 16
# Where neurons begin if nothing is said: a mean, from which they reach the state of positive means where there are two.
_BEGINNING = Normal(0.5, 1.0)


def late_way(
    models: Sequence[RandomNetwork], lags: tuple[float, ...], frequencies: tuple[float, ...], solver: LateTimes
) -> StationaryLate:
    """The way for these models; refuses what it does not cover."""
    is_map = models[0].kind == "map"
    step = 1.0 if is_map else solver.step
    for model in models:
        if not isinstance(model.field, Sinusoid):
            model.constant_field("dmft.Stationary")
    if is_map and any(lag != round(lag) for lag in lags):
        raise ValueError(f"Argument `lags` must be whole numbers for maps, but is {checks.shown(lags)}.")
    window = _window(models, lags, step, solver)
    _check_axes(lags, frequencies, step, window, is_map)
    settled = count_steps(step * np.ceil(_SETTLING / step) if solver.settling is None else solver.settling, step, "settling")
    centred = not any(unit.nonnegative for model in models for unit in model.units)
    smooth = not any(unit.jumps for model in models for unit in model.units)
    two_time = TwoTime(
        settled * step + window,
        step,
        initial=_BEGINNING if solver.initial is None and centred else solver.initial,
        scheme=solver.scheme,
        response=smooth,
        perturbation=smooth,
    )
    for model in models:
        two_time.covers(model)
    richardson = solver.scheme != "euler" and not is_map if solver.richardson is None else solver.richardson
    given = {name: getattr(solver, name) for name in ("trajectories", "tangents", "scramblings", "memory_limit")}
    way = two_time.choose(models, Population(**given, richardson=richardson))
    assert isinstance(way, TwoTimeSampled)
    fastest = max(fastest_rate(unit) for model in models for unit in model.units)
    return StationaryLate(way, lags, frequencies, settled, step * max(1.0, fastest), solver.precision)


def _window(models: Sequence[RandomNetwork], lags: tuple[float, ...], step: float, solver: LateTimes) -> float:
    """Length of the late times: a multiple of the step, and some periods of a sinusoid."""
    period = 0.0
    for model in models:
        if isinstance(model.field, Sinusoid) and not traced(model.field):
            frequencies = np.unique(np.asarray(model.field.angular_frequency))
            if len(frequencies) > 1:
                raise ValueError(
                    f"Argument `angular_frequency` must be one number for dmft.Stationary, but is {frequencies.tolist()}."
                )
            period = max(period, 2.0 * np.pi / float(frequencies[0]))
    if solver.window is None:
        return step * float(np.ceil(max(_WINDOW, 2.0 * lags[-1], _MORE_PERIODS * period) / step - 1e-9))
    if solver.window < _PERIODS * period:
        raise ValueError(
            f"Argument `window` must be at least {_PERIODS} periods of the sinusoid = {_PERIODS * period:.4g}, but is "
            f"{solver.window:g}; or leave it out."
        )
    return float(solver.window)


def _check_axes(lags: tuple[float, ...], frequencies: tuple[float, ...], step: float, window: float, is_map: bool) -> None:
    """Refuse lags and frequencies that the steps and the late times do not hold."""
    if count_steps(window, step, "window") < _FEWEST_STEPS:
        raise ValueError(
            f"Argument `window` must be at least {_FEWEST_STEPS} steps = {_FEWEST_STEPS * step:g}, but is {window:g}."
        )
    for lag in lags:
        if abs(lag / step - round(lag / step)) > 1e-6:
            raise ValueError(
                f"Argument `lags` must be whole multiples of `step` = {step:g}, but has {lag:g}; try another `step`."
            )
    if lags[-1] > step * (round(window / step) // 2) * (1.0 + 1e-9):
        raise ValueError(
            f"Argument `lags` must be at most window/2 = {window / 2.0:g}, but goes up to {lags[-1]:g}; "
            "try a longer `window`."
        )
    if not is_map and frequencies[-1] > np.pi / step:
        raise ValueError(
            f"Argument `frequencies` must be at most pi/step = {np.pi / step:g}, but goes up to {frequencies[-1]:g}; "
            "try a smaller `step`."
        )
