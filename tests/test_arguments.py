"""Arguments of a wrong kind are refused by name, before any work, and it is said what they must be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import xarray as xr

import quenched

qd: Any = quenched  # called with what its annotations forbid
NETWORK = qd.Network(np.array([[0.0, 2.0], [2.0, 0.0]]))
MODEL, STATIC, OVER = qd.RandomNetwork(1.5), qd.dmft.Static(), {"gain": [1.0]}
POINTS = xr.Dataset({"state": (("fixed_point", "neuron"), np.ones((2, 2)))})
BRANCHES = xr.Dataset({"parameter": ("point", [1.0]), "branch_state": (("point", "neuron"), np.ones((1, 2)))})
BRANCHES = BRANCHES.assign(event_kind=("event", np.array([], str)))

CASES: dict[str, tuple[Callable[[], Any], str]] = {}


def refused(message: str, **calls: Callable[[], Any]) -> None:
    CASES.update({f"{message}: {name}": (call, message) for name, call in calls.items()})


refused(
    "`progress` must be a function, called with how much is done, but is 3",
    solve=lambda: qd.solve(MODEL, STATIC, progress=3),
    sweep=lambda: qd.sweep(MODEL, STATIC, OVER, progress=3),
    find=lambda: qd.landscape.find_fixed_points(NETWORK, progress=3),
    branches=lambda: qd.landscape.continue_fixed_points(lambda g: NETWORK, np.zeros((1, 2)), 0.5, 0.2, 1.5, progress=3),
    sample=lambda: qd.landscape.sample(NETWORK, 0.1, progress=3),
    exponents=lambda: qd.observables.lyapunov_spectrum(NETWORK, 10.0, progress=3),
    phases=lambda: qd.replica.phase_diagram(MODEL, [1.0, 2.0], [0.0], [0.1], progress=3),
    file=lambda: qd.sweeps.run_file("nothing.toml", progress=3),
)
refused(
    "`throw` must be True or False, but is 'no'",
    solve=lambda: qd.solve(MODEL, STATIC, throw="no"),
    sweep=lambda: qd.sweep(MODEL, STATIC, OVER, throw="no"),
    sample=lambda: qd.landscape.sample(NETWORK, 0.1, throw="no"),
    exponents=lambda: qd.observables.lyapunov_spectrum(NETWORK, 10.0, throw="no"),
    complexity=lambda: qd.replica.complexity(MODEL, throw="no"),
)
refused("`resume` must be True or False, but is 1", sweep=lambda: qd.sweep(MODEL, STATIC, OVER, store="it", resume=1))
refused("`force` must be True or False, but is 1", file=lambda: qd.sweeps.run_file("nothing.toml", force=1))
refused(
    "`path` must be a path, as text or a pathlib.Path, but is 3",
    load=lambda: qd.load(3),
    network=lambda: qd.Network.from_file(3),
    cell=lambda: qd.landscape.rnn.from_file(3),
    save=lambda: qd.solve(MODEL, STATIC).save(3),
    file=lambda: qd.sweeps.run_file(3),
)
refused("`store` must be a path, as text or a pathlib.Path, but is 3", sweep=lambda: qd.sweep(MODEL, STATIC, OVER, store=3))
refused(
    "`initial` must be an instance: write qd.Normal(...), with parentheses",
    integrate=lambda: qd.simulate.integrate(NETWORK, 1.0, 0.1, initial=qd.Normal),
    two_time=lambda: qd.dmft.TwoTime(1.0, 0.1, initial=qd.Normal),
    trajectories=lambda: qd.simulate.Trajectories(5, 2, 1.0, 0.1, initial=qd.Normal),
    exponents=lambda: qd.observables.lyapunov_spectrum(NETWORK, 10.0, initial=qd.Normal),
)
refused(
    "must be numbers, but is a whole dataset: give one variable of it, such as its .state",
    starts=lambda: qd.landscape.find_fixed_points(NETWORK, POINTS),
    branches=lambda: qd.landscape.continue_fixed_points(lambda g: NETWORK, POINTS, 0.5, 0.2, 1.5),
    chains=lambda: qd.landscape.sample(NETWORK, 0.1, starts=POINTS),
    initial=lambda: qd.simulate.integrate(NETWORK, 1.0, 0.1, initial=POINTS),
    weights=lambda: qd.Network(POINTS),
    field=lambda: qd.Network(np.eye(2), field=POINTS),
)
refused(
    "must be the Dataset of qd.landscape.find_fixed_points, but is Network(2 neurons",
    points=lambda: qd.plots.fixed_points(NETWORK),
    eigenvalues=lambda: qd.landscape.eigenvalues(NETWORK),
    connections=lambda: qd.landscape.connections(NETWORK, NETWORK),
)
refused(
    "`dataset` must be the Dataset of qd.landscape.find_fixed_points, but lacks unstable_directions",
    points=lambda: qd.plots.fixed_points(POINTS),
)
refused(
    "must be the Dataset of qd.observables.spectrum or of qd.landscape.find_fixed_points, but is Network(2 neurons",
    spectrum=lambda: qd.plots.spectrum(NETWORK),
)
refused("but has neither eigenvalues nor a boundary", spectrum=lambda: qd.plots.spectrum(POINTS))
refused(
    "`found` must be the Dataset of a solution, or the solution itself, but is Network(2 neurons",
    solution=lambda: qd.plots.solution(NETWORK),
)
refused("or the solution itself, but lacks residual, status, steps", solution=lambda: qd.plots.solution(POINTS))
refused(
    "`graph` must be the graph of qd.landscape.connections, but is of type Dataset",
    graph=lambda: qd.plots.connections(POINTS),
)
refused(
    "`dataset` must be the Dataset of qd.landscape.continue_fixed_points, but lacks branch_state, event_kind, parameter",
    branches=lambda: qd.plots.branches(POINTS),
)
refused("`neuron` must be below the number of neurons, 2, but is 7", branches=lambda: qd.plots.branches(BRANCHES, neuron=7))
refused("`dataset` must be the Dataset of qd.sweep, but is of type Solution", curve=lambda: _curve_of_a_solution())
refused(
    "`dataset` must be the Dataset of qd.replica.phase_diagram, but is Network(2 neurons",
    phases=lambda: qd.plots.phase_diagram(NETWORK),
)
refused(
    "`results` must hold sweeps by name, as qd.sweeps.run_file returns them or {'name': qd.sweep(...)}, but is",
    network=lambda: qd.plots.edge_of_chaos(NETWORK),
    one=lambda: qd.plots.edge_of_chaos(POINTS),
    mapping=lambda: qd.plots.edge_of_chaos({"network": NETWORK}),
)
refused(
    "`solution` must be the Dataset of a theory or of qd.observables.measure_response, or a Solution, but is Network",
    network=lambda: qd.observables.fluctuation_dissipation(NETWORK),
)
refused("`model` must be a qd.RandomNetwork, but is of type Dataset", solve=lambda: qd.solve(POINTS, STATIC))


def _curve_of_a_solution() -> Any:
    return qd.plots.curve(qd.solve(MODEL, STATIC), "correlation")


@pytest.mark.usefixtures("unchecked_types")
@pytest.mark.parametrize("name", CASES)
def test_refused(name: str) -> None:
    call, message = CASES[name]
    with pytest.raises((TypeError, ValueError)) as error:
        call()
    assert message in str(error.value)
    assert "\n" not in str(error.value)
