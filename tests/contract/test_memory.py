"""What would not fit into memory is refused before any work, with what to lower."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import pytest

import quenched as qd
from quenched.numerics import memory

PAIR = np.array([[0.0, 2.0], [2.0, 0.0]])
MODEL, LANDSCAPE = qd.RandomNetwork(0.5), qd.landscape
MANY = 10**12


@pytest.mark.parametrize(
    ("call", "lower"),
    [
        (lambda: qd.simulate.integrate(qd.Network(PAIR), 1e10, 0.01), "lower `duration` or `trials`"),
        (lambda: qd.simulate.integrate(qd.Network(PAIR), 1.0, 0.1, trials=MANY), "lower `duration` or `trials`"),
        (lambda: LANDSCAPE.find_fixed_points(qd.Network(PAIR), MANY), "lower `starts`"),
        (lambda: LANDSCAPE.anneal(qd.Network(PAIR), 0.1, MANY), "lower `count`"),
        (lambda: LANDSCAPE.sample(qd.Network(PAIR), 0.1, chains=10**9, samples=10**9), "lower `chains`, `samples`"),
        (lambda: LANDSCAPE.sample(qd.Network(PAIR), 0.1, samples=10, warm_up=MANY), "lower .*`warm_up`"),
        (lambda: LANDSCAPE.sample(qd.Network(PAIR), 0.1, samples=10, thinning=MANY), "lower .*`thinning`"),
        (lambda: LANDSCAPE.anneal(qd.Network(PAIR), 0.1, 4, steps=MANY), "lower .*`steps`"),
        (lambda: qd.solve(MODEL, LANDSCAPE.Sampling(5, 2, 0.1, warm_up=MANY)), "lower .*`warm_up`"),
        (lambda: MODEL.draw(10**8, jax.random.key(0)), "lower `size`"),
        (
            lambda: qd.solve(MODEL, qd.simulate.Trajectories(10**4, 10**4, 1e4, record=True)),
            "lower `networks`, `trials` or `duration`",
        ),
        # A random key for each step of a run, for each sample.
        (lambda: qd.solve(MODEL, qd.simulate.Trajectories(10, 2, 1e9, 0.01)), "lower `size`, `trials` or `duration`"),
        (lambda: qd.sweep(MODEL, qd.simulate.Trajectories(10, 2, 1e9, 0.01), {"gain": [0.5]}), "lower .*`duration`"),
        (lambda: qd.solve(MODEL, qd.simulate.Trajectories(10, MANY, 1.0)), r"random keys of 1000000000000 samples .*lower"),
        (lambda: qd.solve(MODEL, LANDSCAPE.FixedPoints(5, MANY)), "lower .*`networks`"),
        (lambda: qd.observables.measure_response(qd.Network(PAIR), 1.0, 0.1, burn_in=1e11), "lower .*`burn_in`"),
        (lambda: qd.observables.measure_response(qd.Network(PAIR), 1.0, 0.1, stretches=MANY), "lower .*`stretches`"),
        (lambda: qd.observables.measure_response(MODEL, 1.0, 0.1, size=5, networks=MANY), "lower .*`networks`"),
        (lambda: qd.observables.lyapunov_spectrum(qd.Network(PAIR), 1e12, 0.1, blocks=MANY), "lower `blocks`"),
        (lambda: qd.observables.lyapunov_spectrum(MODEL, 10.0, 0.1, size=5, networks=MANY), "lower `networks`"),
        (
            lambda: qd.sweep(MODEL, qd.dmft.Static(), {"gain": np.linspace(0, 1, 10**5), "field": np.linspace(0, 1, 10**5)}),
            "lower the number of values in `over`",
        ),
        (
            lambda: qd.replica.phase_diagram(
                MODEL, np.linspace(0.1, 1, 10**5), np.linspace(0, 0.9, 10**3), np.linspace(0.1, 1, 10**3)
            ),
            "lower the number of gains",
        ),
    ],
)
def test_sizes_that_no_machine_has(call: Callable[[], Any], lower: str) -> None:
    with pytest.raises(MemoryError, match=lower):
        call()


def test_where_little_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    network = qd.Network(PAIR)
    found = LANDSCAPE.find_fixed_points(network, 20)
    monkeypatch.setattr(memory, "available_bytes", lambda: 100)
    with pytest.raises(MemoryError, match=r"2 trajectories of 2 neurons would need .* lower the number of `fixed_points`"):
        LANDSCAPE.connections(network, found)
    with pytest.raises(MemoryError, match="the size of the network"):
        LANDSCAPE.continue_fixed_points(lambda gain: qd.Network(gain * PAIR), np.zeros((1, 2)), 0.1, 0.1, 1.0)
    with pytest.raises(MemoryError, match="lower the solver's `lanes`"):
        LANDSCAPE.find_fixed_points(network, 20)
    monkeypatch.setattr(memory, "available_bytes", lambda: 10**6)
    many = qd.Newton(nodes=1000)
    for theory in (qd.replica.OneStepRSB(0.1), qd.replica.FiniteTemperature(0.1), qd.dmft.Stationary()):
        start = "ordered" if isinstance(theory, qd.replica.FiniteTemperature) else None
        with pytest.raises(MemoryError, match="lower the solver's `nodes`"):
            qd.solve(MODEL, theory, start=start, solver=many)
        with pytest.raises(MemoryError, match="lower the solver's `nodes`"):
            qd.sweep(MODEL, theory, {"gain": [0.5]}, start=start, solver=many)
    with pytest.raises(MemoryError, match="lower the solver's `nodes`"):
        qd.dmft.transitions(MODEL, solver=many)


def test_what_fits_is_measured() -> None:
    run = qd.simulate.integrate(qd.Network(PAIR), 1.0, 0.1, initial=np.ones((3, 2)))
    assert run.trajectory.shape == (11, 3, 2)
