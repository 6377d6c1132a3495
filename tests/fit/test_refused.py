"""Bad input is refused before any work: which argument, what it must be, what it is, what to try."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr

import quenched as qd

pytestmark = pytest.mark.usefixtures("unchecked_types")

MODEL = qd.RandomNetwork(0.5, noise=1.0, activation=qd.Linear())
THEORY = qd.dmft.StationaryLinear(lags=(0.0, 1.0))
DATA = {"state_correlation": [1.0, 0.5], "state_correlation_error": 0.1}
STATES = np.random.default_rng(0).standard_normal((400, 10))
BLOCKS = qd.RandomNetwork(couplings=qd.couplings.Blocks((0.5, 0.5), gain=0.4), activation=qd.Linear())


def labelled(values: np.ndarray, *dims: str) -> xr.DataArray:
    return xr.DataArray(values, dims=dims)


CASES: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "misspelt parameter": (
        {"free": ["gian"]},
        ValueError,
        "`free` names 'gian': .* no parameter 'gian'. Did you mean 'gain'",
    ),
    "left out": ({"free": ["mean"]}, ValueError, "`free` names 'mean', which the model leaves out; give the model a value"),
    "no number": ({"free": ["activation"]}, ValueError, "`free` must name parameters that are numbers, but 'activation' is"),
    "nothing free": ({"free": []}, ValueError, "`free` must name at least one parameter"),
    "no names": ({"free": [1]}, TypeError, "`free` must be names of parameters"),
    "twice": ({"free": ["gain", "couplings.gain"]}, ValueError, "`free` must name a parameter once"),
    "entry of one number": (
        {"model": BLOCKS, "free": ["gain[0, 1]"]},
        ValueError,
        r"'gain' has shape \(\); give the model an",
    ),
    "outside of its range": (
        {"free": {"gain": -1.0}},
        ValueError,
        r"`free` must begin 'gain' between 0 and inf, .* at -1; try",
    ),
    "text to begin with": ({"free": {"gain": "one"}}, TypeError, r"`free\['gain'\]` must be a real number"),
    "bounds of another": (
        {"bounds": {"gian": (0, 1)}},
        ValueError,
        "`bounds` must name free parameters, gain, .* mean 'gain'",
    ),
    "bounds upside down": (
        {"bounds": {"gain": (1, 0)}},
        ValueError,
        "`bounds` must give 'gain' a lower and a higher number",
    ),
    "bounds without room": ({"bounds": {"gain": (-2, -1)}}, ValueError, "`bounds` must leave room for 'gain'"),
    "bounds that are none": ({"bounds": [0, 1]}, TypeError, "`bounds` must be a mapping from names to pairs"),
    "no model": ({"model": 1.5}, TypeError, "`model` must be a qd.RandomNetwork, but is 1.5"),
    "no theory": ({"theory": "static"}, TypeError, "`theory` must be a theory such as"),
    "an experiment": (
        {"theory": qd.simulate.Trajectories(10, 2, 1.0), "data": {"mean_state": 0.0, "mean_state_error": 1.0}},
        TypeError,
        "`theory` must be a theory, through which there are derivatives",
    ),
    "not covered when free": (
        {"theory": qd.dmft.StationaryGaussian((0.0, 1.0)), "free": ["symmetry"]},
        ValueError,
        "`free` names symmetry, but other values are refused: Argument `symmetry` must be 0",
    ),
    "another quantity": (
        {"data": {"overlap": 0.1, "overlap_error": 0.1}},
        ValueError,
        "'overlap', which dmft.StationaryLinear does not give.*It gives",
    ),
    "misspelt quantity": (
        {"data": {"state_corelation": [1.0], "state_corelation_error": 0.1}},
        ValueError,
        "Did you mean 'state_correlation'",
    ),
    "no error": ({"data": {"state_correlation": [1.0, 0.5]}}, ValueError, "`data` must have a quantity with its error"),
    "error 0": (
        {"data": {"state_correlation": [1.0, 0.5], "state_correlation_error": 0.0}},
        ValueError,
        "errors above 0, but 'state_correlation_error' is 0",
    ),
    "errors of another number": (
        {"data": {"state_correlation": [1.0, 0.5], "state_correlation_error": [0.1, 0.1, 0.1]}},
        ValueError,
        "one 'state_correlation_error' or 2 of them, but has 3",
    ),
    "no covariance": (
        {"data": {"state_correlation": [1.0, 0.5], "state_correlation_covariance": [[1.0, 2.0], [2.0, 1.0]]}},
        ValueError,
        "a covariance with positive eigenvalues",
    ),
    "NaN": (
        {"data": {"state_correlation": [1.0, np.nan], "state_correlation_error": 0.1}},
        ValueError,
        "1 of 2 values of 'state_correlation' are NaN or infinite; leave",
    ),
    "another shape": (
        {"data": {"state_correlation": [1.0, 0.5, 0.2], "state_correlation_error": 0.1}},
        ValueError,
        r"the shape that the theory gives, \(2,\), but has \(3,\)",
    ),
    "fewer numbers than parameters": (
        {"data": {"mean_square_state": 1.0, "mean_square_state_error": 0.1}, "free": ["gain", "noise"]},
        ValueError,
        "as many numbers as there are free parameters, 2, but holds 1",
    ),
    "of several quantities": (
        {"data": qd.solve(MODEL, THEORY)},
        ValueError,
        r"`quantities` must say which of .* are fitted",
    ),
    "quantities that are not there": (
        {"data": qd.solve(MODEL, THEORY), "quantities": ["corelation"]},
        ValueError,
        "`quantities` must be one of .* Did you mean 'correlation'",
    ),
    "data of another kind": ({"data": 3.0}, TypeError, "`data` must be a recording"),
    "a recording with NaN": ({"data": np.where(STATES > 2, np.nan, STATES), "step": 0.1}, ValueError, "are NaN or infinite"),
    "a recording without a step": ({"data": STATES}, ValueError, "`step` must say how much time lies between two rows"),
    "a short recording": (
        {"data": STATES[:20], "step": 0.1},
        ValueError,
        "longer than the longest lag, 1, but holds 20 times",
    ),
    "a slow recording": (
        {"data": np.cumsum(STATES, axis=0), "step": 0.5, "networks": 0},
        ValueError,
        "longer than 16 correlation times beside the longest lag",
    ),
    "a transposed recording": (
        {"data": STATES.T[:, :4], "step": 0.1},
        ValueError,
        r"at least 8 neurons.* give its transpose",
    ),
    "one neuron": ({"data": STATES[:, 0], "step": 0.1}, ValueError, r"the shape \(time, neuron\), but has \(400,\)"),
    "without time": (
        {"data": labelled(STATES, "lag", "neuron")},
        ValueError,
        "the axes `time` and `neuron`.* has the axes lag",
    ),
    "an axis too many": (
        {"data": labelled(STATES[None], "animal", "time", "neuron"), "step": 0.1},
        ValueError,
        "must have no axes but network, trial, time, neuron, but has animal",
    ),
    "times at no equal steps": (
        {"data": labelled(STATES, "time", "neuron").assign_coords(time=np.arange(400.0) ** 2)},
        ValueError,
        "must have times at equal steps",
    ),
    "recorded what": ({"data": STATES, "step": 0.1, "recorded": "state"}, ValueError, "Did you mean 'states'"),
    "a step of quantities": ({"step": 0.1}, ValueError, "`step` must be left out where `data` are measured quantities"),
    "a theory without lags": ({"data": STATES, "step": 0.1, "theory": qd.dmft.Static()}, ValueError, "must have lags where"),
    "a function without a start": (
        {"model": lambda gain: MODEL.replace(gain=gain)},
        ValueError,
        "must say where 'gain' begins",
    ),
    "a function of something else": (
        {"model": lambda gain=0.5: MODEL.replace(gain=gain), "free": ["noise"]},
        ValueError,
        "'noise', which the function that is the model does not take. It takes gain",
    ),
    "a function of no model": (
        {"model": lambda gain=0.5: gain},
        TypeError,
        "must be a function that returns a qd.RandomNetwork",
    ),
    "a constant recording": ({"data": np.ones_like(STATES), "step": 0.1}, ValueError, "must fluctuate in time"),
    "few networks": ({"networks": 4}, ValueError, "`networks` must be at least 8"),
    "no steps": ({"max_steps": 0}, ValueError, "`max_steps` must be at least 1"),
    "a start that is no name": ({"start": {"C": 1.0}}, TypeError, "`start` must be the name of a branch"),
}


@pytest.mark.parametrize("name", CASES)
def test_refused(name: str) -> None:
    changes, error, message = CASES[name]
    arguments: dict[str, Any] = {"model": MODEL, "theory": THEORY, "data": DATA, "free": ["gain"]} | changes
    with pytest.raises(error, match=message):
        qd.fit(**arguments)


def test_quantities_at_different_lags() -> None:
    one = xr.DataArray([1.0, 0.5], {"lag": [0.0, 1.0]}, ("lag",))
    data = {
        "state_correlation": one,
        "state_correlation_error": 0.1,
        "response": one.assign_coords(lag=[0.0, 2.0]),
        "response_error": 0.1,
    }
    with pytest.raises(ValueError, match="all quantities at the same values of 'lag', but 'response' is at others"):
        qd.fit(MODEL, THEORY, data, ["gain"])
