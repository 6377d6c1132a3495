"""The autocorrelation of a recording, and its covariance."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from quenched import checks
from quenched.couplings.base import population_of_neurons
from quenched.dmft.lags import LAGS
from quenched.numerics.crossed_means import covariance_of_mean
from quenched.numerics.memory import refuse_what_does_not_fit

# Blocks of time from which a covariance is estimated, and as many correlation times as a recording must hold.
_FEWEST, _MOST = 16, 64
# Correlation times that are enough where the covariance is only that of a first fit.
_FIRST = 4
# Neurons that tell how neurons differ.
_NEURONS = 8
_QUANTITIES = {"states": "state_correlation", "rates": "correlation"}
_AXES = ("network", "trial", "time", "neuron")


class Recording(NamedTuple):
    """What was made of it."""

    quantity: str
    lags: np.ndarray
    values: np.ndarray
    """(lag), or (population, lag)."""
    covariance: np.ndarray
    """As far as one network tells: of time and of neurons, not of networks."""
    whole_lags: np.ndarray
    """In steps."""
    step: float
    networks: int
    trials: int
    times: int
    size: int
    places: np.ndarray
    """The population of each neuron."""


def is_recording(data: Any) -> bool:
    """Whether it is states in time, and not quantities by name."""
    return _trajectory(data) is not None or (hasattr(data, "shape") and not hasattr(data, "keys"))


def read_recording(data: Any, recorded: str, step: Any, lags: Any, model: Any, first: bool = False) -> Recording:
    """The autocorrelation of states or rates at the lags, rounded to whole steps, averaged over neurons and time; `first`
    where its covariance serves a first fit only."""
    quantity = _QUANTITIES[checks.one_of("recorded", recorded, _QUANTITIES)]
    if lags is None:
        raise ValueError(
            "Argument `theory` must have lags where `data` is a recording, whose autocorrelation is fitted; try "
            "qd.dmft.Stationary(lags=...)."
        )
    labelled = _trajectory(data)
    states = _states(data if labelled is None else labelled)
    step = _step(labelled, step)
    whole = _whole_steps(LAGS if lags is None else lags, step)
    if states.shape[2] - whole[-1] < _FEWEST:
        raise ValueError(
            f"Argument `data` must be longer than the longest lag, {whole[-1] * step:g}, but holds {states.shape[2]} times "
            f"of step {step:g}; give the theory shorter `lags`."
        )
    places = np.arange(states.shape[3]) * 0 if model.populations == 1 else _populations(model, states.shape[3])
    products = 8 * len(whole) * _MOST * states.shape[3] * 3 + 4 * states[0].nbytes
    refuse_what_does_not_fit(products, "The correlations of all neurons in all blocks of time", "the neurons of `data`")
    found = [_of_network(each, whole, places, _FIRST if first else _FEWEST) for each in states]
    mean = np.mean([values for values, _ in found], axis=0)
    covariance = np.sum([covariance for _, covariance in found], axis=0) / len(found) ** 2
    if model.populations == 1:
        mean = mean[0]
    networks, trials, times, size = states.shape
    return Recording(quantity, whole * step, mean, covariance, whole, step, networks, trials, times, size, places)


def correlation(
    states: Float[np.ndarray, "trial time neuron"], lags: np.ndarray, places: np.ndarray
) -> Float[np.ndarray, "population lag"]:
    """The autocorrelation of one network, of each population apart."""
    samples = _products(states, lags, 1).mean(axis=0)
    return np.stack([samples[places == place].mean(axis=0) for place in range(places.max() + 1)])


def _trajectory(data: Any) -> Any:
    """The labelled array that has times, where there is one."""
    if hasattr(data, "data_vars"):
        return data.get("trajectory")
    if hasattr(data, "dims") and hasattr(data, "coords"):
        if "time" in data.dims and "neuron" in data.dims:
            return data
        raise ValueError(
            "Argument `data` must be a recording with the axes `time` and `neuron`, or a Dataset of measured quantities, "
            f"but has the axes {', '.join(map(str, data.dims))}; rename them, or make a Dataset with the error beside it."
        )
    return None


def _states(data: Any) -> Float[np.ndarray, "network trial time neuron"]:
    if hasattr(data, "dims"):
        unknown = [str(dim) for dim in data.dims if dim not in _AXES]
        if unknown:
            raise ValueError(
                f"Argument `data` must have no axes but {', '.join(_AXES)}, but has {', '.join(unknown)}; choose a part."
            )
        dims = [dim for dim in _AXES if dim in data.dims]
        array = np.asarray(data.transpose(*dims).values)
    else:
        dims, array = ["time", "neuron"], data
    array = checks.numbers("Argument `data`", array)
    if array.ndim != len(dims):
        raise ValueError(
            f"Argument `data` must have the shape (time, neuron), but has {array.shape}; several trials or networks are "
            "told apart by an xarray.DataArray with the axes `trial` or `network`."
        )
    missing = int(np.sum(~np.isfinite(array)))
    if missing:
        raise ValueError(
            f"Argument `data` must be finite, but {missing} of {array.size} values are NaN or infinite; leave out their "
            "neurons or times."
        )
    whole = array.reshape([array.shape[dims.index(dim)] if dim in dims else 1 for dim in _AXES])
    if whole.shape[3] < _NEURONS:
        raise ValueError(
            f"Argument `data` must hold at least {_NEURONS} neurons, which tell how neurons differ, but holds "
            f"{whole.shape[3]}; is it (neuron, time)? Then give its transpose."
        )
    return whole


def _step(labelled: Any, step: Any) -> float:
    if labelled is not None and "time" in labelled.coords:
        times = np.asarray(labelled["time"].values, float)
        apart = np.diff(times)
        if len(times) < 2 or not np.allclose(apart, apart[0], rtol=1e-6) or not apart[0] > 0.0:
            raise ValueError("Argument `data` must have times at equal steps, but its coordinate `time` has none such.")
        if step is not None and not np.isclose(step, apart[0], rtol=1e-6):
            raise ValueError(f"Argument `step` must be that of `data`, {apart[0]:g}, or left out, but is {step:g}.")
        return float(apart[0])
    if step is None:
        raise ValueError(
            "Argument `step` must say how much time lies between two rows of `data`, in the unit of time of the model, but "
            "is left out; try step=0.1."
        )
    return float(checks.number("step", step, above=0.0))


def _whole_steps(lags: Any, step: float) -> np.ndarray:
    return np.unique(np.rint(np.asarray(lags, float) / step).astype(int))


def _populations(model: Any, size: int) -> np.ndarray:
    return np.asarray(population_of_neurons(model.couplings.population_fractions, size))


def _of_network(
    states: Float[np.ndarray, "trial time neuron"], lags: np.ndarray, places: np.ndarray, fewest: int
) -> tuple[np.ndarray, np.ndarray]:
    """The autocorrelation (population, lag) of one network, and the covariance of all its numbers."""
    count = _blocks(states, lags, fewest)
    samples = _products(states, lags, count)
    populations = [samples[:, places == place] for place in range(places.max() + 1)]
    for place, each in enumerate(populations):
        if each.shape[1] < _NEURONS:
            raise ValueError(
                f"Argument `data` must hold at least {_NEURONS} neurons of each population, but holds {each.shape[1]} of "
                f"population {place}."
            )
    mean = np.stack([each.mean(axis=(0, 1)) for each in populations])
    return mean, covariance_of_mean(populations)


def _blocks(states: Float[np.ndarray, "trial time neuron"], lags: np.ndarray, fewest: int) -> int:
    """How many blocks of time a trial has: of two correlation times each."""
    trials, times, _ = states.shape
    used = times - int(lags[-1])
    memory = _memory(states, used)
    if trials * used < fewest * memory:
        raise ValueError(
            f"Argument `data` must be longer than {fewest} correlation times beside the longest lag, that is "
            f"{int(lags[-1] + fewest * memory / trials) + 1} times a trial, but holds {times}; record for longer, or give "
            "the theory shorter `lags`."
        )
    return max(1, min(_MOST, trials * used // (2 * memory)) // trials, -(-_FEWEST // trials))


def _memory(states: Float[np.ndarray, "trial time neuron"], used: int) -> int:
    """Steps in which the autocorrelation falls to 1/e of what falls of it."""
    centred = states - states.mean(axis=(0, 1))
    whole = np.mean(centred**2)
    lag = 1
    while lag < used and whole > 0.0 and np.mean(centred[:, lag:] * centred[:, :-lag]) > whole / np.e:
        lag += max(1, lag // 8)
    return lag


def _products(
    states: Float[np.ndarray, "trial time neuron"], lags: np.ndarray, count: int
) -> Float[np.ndarray, "block neuron lag"]:
    """Averages of x(t) x(t + lag) over blocks of t, the same blocks for all lags."""
    trials, times, neurons = states.shape
    length = (times - int(lags[-1])) // count
    samples = np.empty((trials * count, neurons, len(lags)))
    for place, lag in enumerate(lags):
        product = states[:, : count * length] * states[:, lag : lag + count * length]
        samples[:, :, place] = product.reshape(trials * count, length, neurons).mean(axis=1)
    return samples
