"""Correlation, mean and response at two times: theory over networks, for linear, ReLU and tanh units."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import jax.numpy as jnp
import numpy as np

from quenched.dmft import Population, TwoTime
from quenched.papers.pictures import panels
from quenched.papers.zou2024.networks import ACTIVATIONS, SCHEME, START, STEP, extrapolated, model_of
from quenched.plots.style import COLOURS
from quenched.simulate import Cavity, integrate
from quenched.solve import solve

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from quenched.models import RandomNetwork

# Neurons, and how many networks of that size.
SIZES = {100: 96, 200: 48, 400: 48}
DURATION = 20.0
"""Of the comparison at equal times, as in the authors' code."""
PLANE = 6.0
"""Of the one at two times: what changes is over by then."""
KEPT = 6
"""Times a curve is compared at, in the table and as points of the picture."""


Limit = tuple[np.ndarray, np.ndarray]
"""Values for infinitely many neurons, and their errors."""


def states() -> tuple[pd.DataFrame, pd.DataFrame, Figure]:
    """C(t, t) = <phi^2> and m(t) = <x>."""
    figure, axes = panels(1, 3, 11.0, 3.4, sharex=True)
    rows: list[dict[str, Any]] = []
    for each, name in zip(axes[0], ACTIVATIONS, strict=True):
        model = model_of(name)
        theory = solve(model, TwoTime(DURATION, STEP, initial=START, scheme=SCHEME, response=False), solver=Population())
        measured = {size: _equal_times(model, name, size, count) for size, count in SIZES.items()}
        times = theory["mean_state"].time.values
        places = np.linspace(0, len(times) - 1, 4 * KEPT + 1).round().astype(int)
        for place, (quantity, symbol) in enumerate({"mean_square_rate": "C(t,t)", "mean_state": "m(t)"}.items()):
            colour, value = COLOURS[place], theory[quantity].values
            limit, error = extrapolated({size: found[quantity] for size, found in measured.items()})
            each.plot(times, value, color=colour, label=f"${symbol}$, theory")
            each.errorbar(
                times[places], limit[places], error[places], fmt="so"[place], color=colour, markersize=4,
                markerfacecolor="none", label=rf"${symbol}$, networks, $N\to\infty$",
            )  # fmt: skip
            rows += _compared(name, quantity, theory, places[::4], (limit, error))
        each.set(xlabel="time $t$ (leak times)", title=f"{name}, $g = {ACTIVATIONS[name][0]:g}$")
    axes[0, 0].legend(frameon=False)
    return (*_tables(rows), figure)


def planes() -> tuple[pd.DataFrame, pd.DataFrame, Figure]:
    """C(t, t') of theory, of networks, and their difference in standard errors."""
    figure, axes = panels(3, 3, 9.6, 8.2, sharex=True, sharey=True)
    rows: list[dict[str, Any]] = []
    for line, name in zip(axes, ACTIVATIONS, strict=True):
        theory, measured = _two_times(name)
        # Networks tell only the later time first.
        limit, error = (np.tril(each) + np.tril(each, -1).T for each in measured["correlation"])
        times = theory["correlation"].time.values
        value, of_theory = theory["correlation"].values, theory["correlation_error"].values
        apart = np.where(error > 0, (limit - value) / np.hypot(np.maximum(error, 1e-12), of_theory), 0.0)
        top = value.max()
        kinds = (("theory", value, "viridis", 0.0, top), ("networks, $N\\to\\infty$", limit, "viridis", 0.0, top))
        for each, (words, what, colours, low, high) in zip(
            line, (*kinds, ("difference in errors", apart, "RdBu", -4.0, 4.0)), strict=True
        ):
            image = each.pcolormesh(times, times, what, cmap=colours, vmin=low, vmax=high, rasterized=True)
            figure.colorbar(image, ax=each)
            each.set(title=f"{name}: {words}", aspect="equal")
        line[0].set_ylabel("time $t$ (leak times)")
        for earlier in (0, len(times) // 4, len(times) // 2):
            later = np.linspace(earlier, len(times) - 1, KEPT).round().astype(int)
            rows += _compared(name, "correlation", theory, later, measured["correlation"], earlier)
    for each in axes[-1]:
        each.set_xlabel("time $t'$ (leak times)")
    return (*_tables(rows), figure)


def response() -> tuple[pd.DataFrame, pd.DataFrame, Figure]:
    """R(t, t') = <d phi(x(t)) / d b(t')> against t, for three t'."""
    figure, axes = panels(1, 3, 11.0, 3.4, sharex=True)
    rows: list[dict[str, Any]] = []
    for each, name in zip(axes[0], ACTIVATIONS, strict=True):
        theory, measured = _two_times(name)
        limit, error = measured["response"]
        times, value = theory["response"].time.values, theory["response"].values
        for place, earlier in enumerate((0, len(times) // 4, len(times) // 2)):
            colour = COLOURS[place]
            # With Euler's scheme a field acts on the next state.
            each.plot(times[earlier + 1 :], value[earlier + 1 :, earlier], color=colour, label=f"$t' = {times[earlier]:g}$")
            later = np.linspace(earlier + 1, len(times) - 1, 2 * KEPT).round().astype(int)
            each.errorbar(
                times[later], limit[later, earlier], error[later, earlier],
                fmt="osD"[place], color=colour, markersize=4, markerfacecolor="none",
            )  # fmt: skip
            rows += _compared(name, "response", theory, later, measured["response"], earlier)
        each.set(xlabel="time $t$ (leak times)", title=f"{name}, $g = {ACTIVATIONS[name][0]:g}$")
    axes[0, 0].set_ylabel("response $R(t, t')$")
    handles, labels = axes[0, -1].get_legend_handles_labels()
    title = "lines: theory; points: networks, $N\\to\\infty$"
    figure.legend(handles, labels, loc="outside upper center", ncols=3, frameon=False, title=title)
    return (*_tables(rows), figure)


def _equal_times(model: RandomNetwork, name: str, size: int, count: int) -> dict[str, Limit]:
    """Mean and standard error over networks of <phi^2> and <x> at each time."""
    phi, found = ACTIVATIONS[name][1], []
    first = 1_000_000 * list(ACTIVATIONS).index(name) + 1000 * size
    for seed in range(first, first + count):
        network = model.draw(size, seed)
        run = integrate(network, DURATION, STEP, initial=START, noise=model.noise, scheme=SCHEME, key=seed)
        x = run.trajectory.values.reshape(len(run.time), -1)
        found.append((np.mean(np.asarray(phi(jnp.asarray(x))) ** 2, axis=1), x.mean(axis=1)))
    means, errors = np.mean(found, axis=0), np.std(found, axis=0, ddof=1) / np.sqrt(count)
    return {quantity: (means[k], errors[k]) for k, quantity in enumerate(("mean_square_rate", "mean_state"))}


@cache
def _two_times(name: str) -> tuple[Any, dict[str, Limit]]:
    """Theory, and networks extrapolated; kept, since two figures need it."""
    model = model_of(name)
    theory = solve(model, TwoTime(PLANE, STEP, initial=START, scheme=SCHEME), solver=Population())
    measured = {}
    for size, count in SIZES.items():
        experiment = Cavity(size, count, PLANE, STEP, added=1, initial=START, scheme=SCHEME)
        found = solve(model, experiment, key=1000 * list(ACTIVATIONS).index(name) + size)
        measured[size] = found
    limits = {}
    for quantity in ("correlation", "response"):
        both = {size: (each[quantity].values, each[f"{quantity}_error"].values) for size, each in measured.items()}
        limits[quantity] = extrapolated(both)
    return theory, limits


def _compared(
    name: str, quantity: str, theory: Any, places: np.ndarray, measured: Limit, earlier: int | None = None
) -> list[dict[str, Any]]:
    """A row of the table for each place in time."""
    times = theory[quantity].time.values
    rows = []
    for place in places:
        where = (place,) if earlier is None else (place, earlier)
        value, uncertain = (float(theory[part].values[where]) for part in (quantity, f"{quantity}_error"))
        limit, error = (float(each[where]) for each in measured)
        rows.append(
            {
                "activation": name,
                "quantity": quantity,
                "time": times[place],
                **({} if earlier is None else {"earlier_time": times[earlier]}),
                "recomputed": value,
                "recomputed_error": uncertain,
                "networks": limit,
                "networks_error": error,
                "difference": limit - value,
                "errors": (limit - value) / np.hypot(uncertain, error) if error > 0 else 0.0,
            }
        )
    return rows


def _tables(rows: list[dict[str, Any]]) -> tuple[pd.DataFrame, pd.DataFrame]:
    import pandas as pd

    table = pd.DataFrame(rows)
    short = [
        {
            "activation": name,
            "quantity": quantity,
            "compared": len(part),
            "largest difference": f"{part.difference.abs().max():.2g}",
            "root mean square, in errors": f"{np.sqrt(np.mean(part.errors**2)):.2f}",
        }
        for (name, quantity), part in table.groupby(["activation", "quantity"], sort=False)
    ]
    return table, pd.DataFrame(short)
