"""The choice between the ways, and what each refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import quenched as qd
from quenched.dmft.stationary import Stationary


def chosen(*models: qd.RandomNetwork, **arguments: Any) -> Any:
    return Stationary(lags=(0.0, 1.0), **arguments).choose(models)


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


def test_what_only_the_sampled_way_takes_is_handed_on() -> None:
    way = chosen(qd.RandomNetwork(0.5, 0.3), trajectories=64)
    assert way.trajectories == 64
    assert chosen(qd.RandomNetwork(0.5), trajectories=64).lags == (0.0, 1.0)
    defaults = chosen(qd.RandomNetwork(0.5, 0.3))
    assert defaults == qd.dmft.StationarySampled(lags=(0.0, 1.0))
    with pytest.raises(TypeError, match="trajectorys"):
        chosen(qd.RandomNetwork(0.5), trajectorys=64)


def test_what_the_way_does_not_take_is_not_said_of_it() -> None:
    """Or fluctuation and dissipation would be compared by Euler's rule."""
    model = qd.RandomNetwork(0.4, 1.0, 1.0, activation=qd.Linear())
    solution = qd.solve(model, qd.dmft.Stationary(lags=np.linspace(0, 30, 301), scheme="euler"))
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
