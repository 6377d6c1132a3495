"""What solve returns, besides what the contract tests for everyone."""

from __future__ import annotations

import pickle
from typing import Any

import jax
import numpy as np
import pytest

import quenched as qd


@pytest.fixture(scope="module")
def solution() -> qd.Solution:
    return qd.solve(qd.RandomNetwork(gain=1.5, symmetry=0.2), qd.dmft.Static())


def test_a_name_gives_a_labelled_array(solution: qd.Solution) -> None:
    correlation = solution["correlation"]
    assert correlation.attrs["symbol"] == "C"
    assert float(correlation) == float(solution.arrays["correlation"])
    assert "correlation" in solution
    assert "corelation" not in solution


def test_a_misspelt_name_is_answered_with_the_right_one(solution: qd.Solution) -> None:
    with pytest.raises(KeyError, match=r"'corelation' is not in this solution\. Did you mean 'correlation'\?"):
        solution["corelation"]


def test_the_dataset_carries_symbols_units_and_how_it_went(solution: qd.Solution) -> None:
    dataset = solution.to_dataset()
    assert {"status", "residual", "steps", "correlation", "correlation_error"} <= set(dataset)
    assert all({"symbol", "units", "long_name"} <= variable.attrs.keys() for variable in dataset.values())
    assert "0 solved" in dataset["status"].attrs["codes"]
    assert dataset.attrs["symmetry"] == 0.2
    assert dataset.attrs["activation"] == "tanh"
    assert dataset.attrs["wall_time_seconds"] > 0
    assert dataset.attrs["branch"] == "stable"


def test_the_printed_form(solution: qd.Solution) -> None:
    lines = repr(solution).splitlines()
    assert lines[0] == "RandomNetwork(gain=1.5, symmetry=0.2, noise=0, field=0, activation=tanh)"
    assert lines[1] == "dmft.Static(), branch stable"
    assert lines[2].startswith("status solved, residual ")
    assert any(line.split() == ["invertible", "1"] for line in lines)


def test_it_is_a_pytree_that_survives_a_round_trip(solution: qd.Solution) -> None:
    leaves, structure = jax.tree.flatten(solution)
    again = jax.tree.unflatten(structure, leaves)
    assert again.arrays.keys() == solution.arrays.keys()
    assert repr(again) == repr(solution)


def test_labels_are_refused_under_a_transformation() -> None:
    def labelled(gain: Any) -> Any:
        return qd.solve(qd.RandomNetwork(gain), qd.dmft.Static())["correlation"]

    with jax.enable_x64(True), pytest.raises(TypeError, match=r"use solution\.arrays\['correlation'\]"):
        jax.eval_shape(labelled, 1.5)


def test_check_counts_the_failures_of_a_batch() -> None:
    with jax.enable_x64(True):
        gains = jax.numpy.asarray([0.5, 1.5, 2.5])
        batch = jax.vmap(lambda gain: qd.solve(qd.RandomNetwork(gain, 0.5), qd.dmft.Static(), start="quiescent"))(gains)
    with pytest.raises(qd.SolveError, match=r"2 no_such_branch of 3 points; no_such_branch: .*choose another `start`"):
        batch.check()


@pytest.mark.parametrize("given", [{"correlation": 0.5, "integrated_response": 0.6}, "solution"])
def test_order_parameters_and_solutions_are_starts(solution: qd.Solution, given: Any) -> None:
    start = solution if given == "solution" else given
    again = qd.solve(qd.RandomNetwork(gain=1.5, symmetry=0.2), qd.dmft.Static(), start=start)
    for name in ("correlation", "integrated_response"):
        np.testing.assert_allclose(again.arrays[name], solution.arrays[name], rtol=1e-10)


def test_a_start_that_lacks_an_order_parameter_is_refused() -> None:
    with pytest.raises(
        ValueError, match=r"Argument `start` must give correlation, integrated_response, but lacks integrated"
    ):
        qd.solve(qd.RandomNetwork(1.5), qd.dmft.Static(), start={"correlation": 0.5})


@pytest.mark.usefixtures("unchecked_types")
@pytest.mark.parametrize("key", ["seed", 1.5])
def test_a_key_is_a_whole_number_or_a_key(key: Any) -> None:
    experiment = qd.simulate.Trajectories(size=5, networks=2, duration=2.0)
    with pytest.raises(TypeError, match="Argument `key` must be a whole number or one JAX key"):
        qd.solve(qd.RandomNetwork(1.5), experiment, key=key)


def test_every_status_says_what_to_do() -> None:
    assert all(len(status.advice) > 5 for status in qd.Status)
    assert qd.Status.solved == 0


def test_an_error_survives_the_way_between_processes() -> None:
    with pytest.raises(qd.SolveError, match=r"`throw=False` returns it instead\.$") as raised:
        qd.solve(qd.RandomNetwork(1.2, activation=qd.Linear()), qd.dmft.Static())
    again = pickle.loads(pickle.dumps(raised.value))
    assert str(again) == str(raised.value)
    assert int(again.solution.status) == qd.Status.diverged
    assert "throw" not in again.reason
