"""The choice between the ways, and what each refuses."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest

import quenched as qd
from quenched.dmft.stationary import Stationary
from quenched.dmft.stationary_late import StationaryLate

MAP = qd.RandomNetwork(couplings=qd.couplings.Elliptic(0.5), unit=qd.units.Discrete())


def chosen(*models: qd.RandomNetwork, solver: Any = None) -> Any:
    return Stationary(lags=(0.0, 1.0)).choose(models, solver)


def test_the_way_is_chosen_by_all_models() -> None:
    plain, linear = qd.RandomNetwork(1.5), qd.RandomNetwork(0.5, 0.3, activation=qd.Linear())
    fielded, symmetric = qd.RandomNetwork(1.5, field=0.1), qd.RandomNetwork(0.5, 0.3)
    assert isinstance(chosen(plain), qd.dmft.StationaryGaussian)
    assert isinstance(chosen(linear), qd.dmft.StationaryLinear)
    assert isinstance(chosen(qd.RandomNetwork(0.5, activation=qd.Linear())), qd.dmft.StationaryLinear)
    assert isinstance(chosen(symmetric), qd.dmft.StationarySampled)
    assert isinstance(chosen(plain, symmetric), qd.dmft.StationarySampled)
    assert chosen(plain).centred
    assert not chosen(plain, fielded).centred
    assert not chosen(qd.RandomNetwork(1.0, activation=qd.ReLU())).centred


REMEMBERING = [
    qd.RandomNetwork(couplings=qd.couplings.Blocks((0.5, 0.5), 0.5, [[0.0, 0.5], [0.5, 0.0]])),
    qd.RandomNetwork(couplings=qd.couplings.Elliptic(0.5, 0.2) + qd.couplings.LowRank([[1.0, 0.5], [0.5, 1.0]])),
    qd.RandomNetwork(couplings=qd.couplings.Elliptic(0.5, 0.2), unit=qd.units.Adaptive()),
    qd.RandomNetwork(couplings=qd.couplings.Elliptic(0.5), unit=qd.units.Leaky(self_coupling=0.5)),
    qd.RandomNetwork(couplings=qd.couplings.Elliptic(0.5, mean=-1.0), unit=qd.units.LotkaVolterra()),
    qd.RandomNetwork(couplings=qd.couplings.Elliptic(0.5, 0.5), unit=qd.units.Discrete()),
    qd.RandomNetwork(couplings=qd.couplings.Elliptic(0.5), unit=qd.units.Discrete(), field=qd.Sinusoid(0.1, 1.0)),
]


@pytest.mark.parametrize("model", REMEMBERING, ids=lambda each: each.unit.__class__.__name__)
def test_what_no_ring_covers_is_solved_at_late_times(model: qd.RandomNetwork) -> None:
    """And named directly the ring says so."""
    assert isinstance(chosen(model), StationaryLate)
    with pytest.raises(ValueError, match=r"qd\.dmft\.Stationary with solver=qd\.dmft\.LateTimes\(\)"):
        qd.solve(model, qd.dmft.StationaryFilters((0.0, 1.0)))


def test_what_the_solver_says_is_handed_on() -> None:
    few = qd.dmft.RingPopulation(0.125, 64.0, 64, 4, "euler", False, 0.1)
    way = chosen(qd.RandomNetwork(0.5, 0.3), solver=few)
    assert way == qd.dmft.StationarySampled(
        (0.0, 1.0), step=0.125, window=64.0, trajectories=64, scramblings=4, scheme="euler", richardson=False, precision=0.1
    )
    # It samples where that is not needed too, and the ring takes whatever has no memory.
    assert isinstance(chosen(qd.RandomNetwork(0.5), solver=few), qd.dmft.StationarySampled)
    ring = chosen(qd.RandomNetwork(0.5), solver=qd.dmft.Ring(0.5, 64.0))
    assert isinstance(ring, qd.dmft.StationaryFilters)
    assert (ring.step, ring.window) == (0.5, 64.0)
    assert chosen(qd.RandomNetwork(0.5, 0.3)) == qd.dmft.StationarySampled(lags=(0.0, 1.0))
    # And late times whatever there is.
    own = qd.dmft.LateTimes(0.5, 8.0, 16.0, 64, 16, 4, "euler", True, qd.Uniform(), 0.1, 1.0)
    way = Stationary((0.0, 1.0), (0.0, 1.0)).choose([qd.RandomNetwork(0.5, 0.3)], own)
    two_time = qd.dmft.TwoTime(24.0, 0.5, initial=qd.Uniform(), scheme="euler", response=True, perturbation=True)
    population = qd.dmft.Population(64, 16, 4, None, True, 1.0)
    assert isinstance(way, StationaryLate)
    assert way.way == two_time.choose([qd.RandomNetwork(0.5, 0.3)], population)
    assert (way.settled, way.share, way.precision, way.samples) == (16, 0.5, 0.1, 4)
    # The solver of the way itself, too.
    assert isinstance(chosen(qd.RandomNetwork(0.5, 0.3), solver=qd.dmft.Anderson()), qd.dmft.StationarySampled)
    assert isinstance(chosen(qd.RandomNetwork(0.5), solver=qd.Newton()), qd.dmft.StationaryGaussian)


@pytest.mark.parametrize(
    ("model", "solver", "words"),
    [
        (qd.RandomNetwork(0.5, 0.3), qd.Newton(), "`solver` must be a RingPopulation for dmft.Stationary of these models"),
        (qd.RandomNetwork(0.5), qd.dmft.Anderson(), "`solver` must be a Newton for dmft.Stationary of these models"),
        (
            qd.RandomNetwork(0.5),
            qd.dmft.Population(),
            "`solver` must be a Ring or RingPopulation or LateTimes or Newton or Anderson",
        ),
        (qd.RandomNetwork(0.5, 0.3), qd.dmft.Ring(), "`symmetry` must be 0 everywhere for dmft.StationaryFilters"),
        (MAP, qd.dmft.RingPopulation(), "`solver` must be a Ring or LateTimes for dmft.Stationary of models made of"),
        (REMEMBERING[0], qd.dmft.Anderson(), "`solver` must be a LateTimes for dmft.Stationary of these models"),
        (MAP, qd.Newton(), "`solver` must be a Ring for dmft.Stationary of these models, but is Newton"),
    ],
)
def test_a_solver_of_another_way_is_refused(model: qd.RandomNetwork, solver: Any, words: str) -> None:
    with pytest.raises((TypeError, ValueError), match=words):
        qd.solve(model, qd.dmft.Stationary((0.0, 1.0)), solver=solver)


@pytest.mark.parametrize("name", inspect.signature(qd.dmft.RingPopulation).parameters)
def test_numerics_are_told_where_they_belong(name: str) -> None:
    arguments: dict[str, Any] = {name: 64}
    message = (
        f"Argument `{name}` belongs to the solver: qd.solve(model, qd.dmft.Stationary(...), "
        f"solver=qd.dmft.RingPopulation({name}=64))."
    )
    with pytest.raises(TypeError) as raised:
        qd.dmft.Stationary(**arguments)
    assert str(raised.value) == message


def test_eulers_rule_is_for_what_was_solved_by_it() -> None:
    """By the solver's scheme, which the solution knows; in closed form there is none."""
    model = qd.RandomNetwork(0.4, 1.0, 1.0, activation=qd.Linear())
    few = qd.dmft.RingPopulation(window=32.0, trajectories=8, scramblings=2, scheme="euler")
    found = qd.solve(model, qd.dmft.Stationary((0.0, 1.0)), solver=few, throw=False).attributes()
    assert (found["scheme"], found["richardson"], found["window"]) == ("euler", False, 32.0)
    solution = qd.solve(model, qd.dmft.Stationary(lags=np.linspace(0, 30, 301)))
    assert "scheme" not in solution.attributes()
    violation = qd.observables.fluctuation_dissipation(solution).fluctuation_dissipation_violation
    assert float(np.abs(violation).max()) < 1e-9


@pytest.mark.slow
def test_a_window_too_short_is_told_under_a_transformation_too() -> None:
    import jax

    theory = qd.dmft.StationarySampled((0.0, 1.0), step=0.25, window=24.0, trajectories=16, scramblings=3)
    with jax.enable_x64(True):
        status = jax.jit(lambda gain: qd.solve(qd.RandomNetwork(gain, 0.5, 0.2), theory).status)(0.75)
    assert qd.Status(int(status)) is qd.Status.not_stationary


@pytest.mark.usefixtures("unchecked_types")
@pytest.mark.parametrize("lags", [(), (0.0, 0.0), (1.0, 0.5), (-1.0, 0.0), (0.0, np.nan), [[0.0, 1.0]]])
def test_bad_lags_are_refused(lags: Any) -> None:
    for theory in (qd.dmft.Stationary, qd.dmft.StationaryGaussian, qd.dmft.StationaryLinear):
        with pytest.raises(ValueError, match="Argument `lags` must be increasing"):
            theory(lags=lags)


@pytest.mark.usefixtures("unchecked_types")
def test_lags_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(TypeError, match="Argument `frequencies` must hold real numbers"):
        qd.dmft.Stationary(frequencies=("slow", "fast"))


@pytest.mark.parametrize(
    ("model", "theory", "words"),
    [
        (qd.RandomNetwork(1.5, 0.2), qd.dmft.StationaryGaussian(), "`symmetry` must be 0"),
        (qd.RandomNetwork(1.5, field=0.2), qd.dmft.StationaryGaussian(centred=True), "`centred` must be False"),
        (qd.RandomNetwork(1.5), qd.dmft.StationaryLinear(), "`activation` must be qd.Linear"),
        (qd.RandomNetwork(1.5, field=lambda time: 0.0 * time), qd.dmft.Stationary(), "`field` must be a number"),
    ],
)
def test_models_that_are_not_covered_are_refused(model: qd.RandomNetwork, theory: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        qd.solve(model, theory)


def test_order_parameters_are_no_start() -> None:
    with pytest.raises(ValueError, match="Argument `start` must name a branch"):
        qd.solve(qd.RandomNetwork(0.5, activation=qd.Linear()), qd.dmft.Stationary(), start={"correlation": 0.1})


@pytest.mark.parametrize(("low", "high"), [(2.0, 1.0), (0.0, 1.0)])
def test_a_range_without_gains_is_refused(low: float, high: float) -> None:
    with pytest.raises(ValueError, match="Argument `low` must be"):
        qd.dmft.transitions(qd.RandomNetwork(1.0), low, high)
