"""Eigenvalues of given networks, flows and maps, with the theory of the law of their weights beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from quenched import checks
from quenched.couplings.base import AbstractCouplings, population_of_neurons
from quenched.dmft.bulk import Neurons
from quenched.dmft.spectrum import of_couplings, spectrum_of
from quenched.dynamics.base import AbstractDynamics
from quenched.dynamics.network_function import NetworkFunction
from quenched.dynamics.read import read_dynamics
from quenched.models import Network
from quenched.models.labels import in_order
from quenched.observables.eigenvalues import of_states, of_weights, refuse_matrix
from quenched.observables.moments import EffectiveLaw, effective_law
from quenched.observables.spectrum_dataset import Found, What, dataset_of
from quenched.units.base import AtRest

if TYPE_CHECKING:
    import xarray as xr


class Options(NamedTuple):
    """Those of `qd.observables.spectrum`."""

    points: int
    nodes: int
    rightmost: int | None
    theory: bool


class _States(NamedTuple):
    """Where the matrix is taken; None of couplings, which are the same everywhere."""

    leading: tuple[tuple[str, int], ...]
    """Names and lengths of the axes of the states."""
    states: list[Any]
    inputs: list[Any]


def refuse_given(what: str, **given: Any) -> None:
    """These arguments do not go with `what`."""
    for name, value in given.items():
        if value is not None:
            raise ValueError(f"Argument `{name}` must be left out with {what}, but is {checks.shown(value)}.")


def refuse_redrawn(couplings: AbstractCouplings) -> None:
    """Only couplings that stay have eigenvalues."""
    if couplings.redrawn:
        raise ValueError(
            "Argument `couplings` must stay the same for qd.observables.spectrum, but is couplings.Redrawn: a matrix that "
            "changes at every step has no eigenvalues of its own; give the couplings of one step, `.couplings` of it."
        )


def of_given(dynamics: Any, at: Any, inputs: Any, couplings: Any, options: Options) -> tuple[xr.Dataset, str]:
    """Of a network, a flow or a map."""
    if not isinstance(dynamics, Network | AbstractDynamics):
        raise TypeError(
            "Argument `dynamics` must be a qd.RandomNetwork, couplings, a qd.Solution of qd.dmft.Static, a qd.Network, "
            "qd.landscape.Flow or qd.landscape.Map, or the Dataset of qd.landscape.find_fixed_points, but is "
            f"{checks.shown(dynamics)}{'; make it qd.Network(weights)' if hasattr(dynamics, 'shape') else ''}."
        )
    network = dynamics if isinstance(dynamics, Network) else None
    if couplings is not None:
        _check_law(couplings, network)
    if at is None:
        if network is None:
            raise ValueError("Argument `at` must be given with a flow or a map: the state, or states, of the Jacobian.")
        refuse_given("the couplings of a network", inputs=inputs)
        states = _States((), [None], [None])
        _check_count(options, network.size)
        if options.rightmost is None:
            refuse_matrix(network.size)
        values, what = [of_weights(network.weights, options.rightmost)], What("couplings", "flow")
    else:
        moving, states = _read_states(dynamics, at, inputs)
        _check_count(options, moving.size)
        values = of_states(moving, states.states, states.inputs, options.rightmost)
        what = What("Jacobian", moving.kind)
    what = what._replace(whole=options.rightmost is None)
    if network is None:
        return dataset_of(Found(states.leading, values, [], None), what)
    effective = effective_law(_host(network.weights))
    law = effective.couplings if couplings is None else couplings
    others = effective.one_error_away if couplings is None else []
    theories, own = [], _self_couplings(network, effective)
    if options.theory:
        for state, given in zip(states.states, states.inputs, strict=True):
            neurons = _neurons(network, state, given, law, own)
            whole = of_couplings(law, neurons)
            theories.append(spectrum_of(whole, whole, [of_couplings(each, neurons) for each in others], options.points))
    return dataset_of(Found(states.leading, values, theories, effective), what._replace(law=law))


def _read_states(dynamics: Network | AbstractDynamics, at: Any, inputs: Any) -> tuple[AbstractDynamics, _States]:
    """What moves, and its states with the inputs of each."""
    names = dynamics.names if isinstance(dynamics, Network) else None
    moving, given = read_dynamics(dynamics, inputs)
    leading, states = _states(at if hasattr(at, "dims") else in_order("Argument `at`", at, names), moving.size)
    if given is None:
        return moving, _States(leading, list(states), [None] * len(states))
    rows = np.atleast_2d(np.asarray(given))
    if len(rows) not in (1, len(states)):
        raise ValueError(f"Argument `inputs` must be one row for each of the {len(states)} states, but has {len(rows)}.")
    return moving, _States(leading, list(states), list(np.broadcast_to(rows, (len(states), rows.shape[1]))))


def _check_law(couplings: Any, network: Network | None) -> None:
    if not isinstance(couplings, AbstractCouplings):
        raise TypeError(
            f"Argument `couplings` must be couplings such as qd.couplings.Elliptic(1.5), but is {checks.shown(couplings)}."
        )
    if network is None:
        raise ValueError("Argument `couplings` must be left out with a flow or a map, of which no law is known.")
    refuse_redrawn(couplings)


def _check_count(options: Options, size: int) -> None:
    if options.rightmost is not None and options.rightmost > size:
        raise ValueError(
            f"Argument `rightmost` must be at most the number of eigenvalues, {size}, but is {options.rightmost}."
        )


def _states(at: Any, size: int) -> tuple[tuple[tuple[str, int], ...], np.ndarray]:
    """Names and lengths of the axes before the neurons, and the states in rows."""
    dims = tuple(map(str, getattr(at, "dims", ())))
    if "neuron" in dims:
        at = at.transpose(..., "neuron")
        dims = tuple(each for each in dims if each != "neuron")
    states = checks.numbers("Argument `at`", at)
    if not dims and states.ndim == 2:
        dims = ("point",)
    if states.shape[-1:] != (size,) or states.ndim != len(dims) + 1 or not states.size:
        raise ValueError(
            f"Argument `at` must be states of {size} numbers, ({size},) or (any, {size}), or labelled with an axis "
            f"`neuron`, but has shape {states.shape}."
        )
    if not np.isfinite(states).all():
        raise ValueError("Argument `at` must be finite, but holds NaN or infinity.")
    return tuple(zip(dims, states.shape[:-1], strict=True)), states.reshape(-1, size)


def _host(weights: Any) -> Any:
    """NumPy's or SciPy's."""
    if not hasattr(weights, "todense"):
        return np.asarray(weights)
    from scipy.sparse import coo_array

    rows, columns = np.asarray(weights.indices).T
    return coo_array((np.asarray(weights.data), (rows, columns)), shape=weights.shape).tocsr()


def _self_couplings(network: Network, effective: EffectiveLaw) -> Float[np.ndarray, " neuron"]:
    """What neurons send to themselves beyond what the law draws there: of mean M/N and variance g^2 (1 + eta)/N."""
    own, (gain, symmetry, mean) = np.asarray(_host(network.weights).diagonal()), (each[0] for each in effective)
    variance = float(np.var(own))
    share = 1.0 - gain**2 * (1.0 + symmetry) / network.size / variance if variance > 0.0 else 0.0
    return np.mean(own) - mean / network.size + np.sqrt(max(share, 0.0)) * (own - np.mean(own))


def _neurons(network: Network, state: Any, inputs: Any, law: AbstractCouplings, own: np.ndarray) -> list[Neurons]:
    """The neurons of each population of the law, at a state, with what each of them sends to itself."""
    if state is None:
        linear = AtRest(jnp.ones((1, network.size)), jnp.zeros((1, network.size)))
    else:
        function = NetworkFunction(network.unnamed)
        parted = (
            jnp.asarray(state) if network.unit.state_size == 1 else jnp.asarray(state).reshape(network.unit.state_size, -1)
        )
        linear = network.unit.linearised(parted, function.received(jnp.asarray(state), inputs))
    numerator = np.asarray(linear.numerator)
    denominator = np.asarray(linear.denominator) - own * numerator
    population = np.asarray(population_of_neurons(law.population_fractions, network.size))
    found = []
    for index in range(len(law.population_fractions)):
        here = np.concatenate([numerator, denominator])[:, population == index]
        if not here.shape[1]:
            here = np.concatenate([numerator, denominator])[:, :1]
        different, counts = np.unique(here, axis=1, return_counts=True)
        parts = np.split(different, 2)
        found.append(Neurons(AtRest(*map(jnp.asarray, parts)), jnp.asarray(counts / counts.sum())))
    return found
