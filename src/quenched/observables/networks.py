"""One network, several, or an ensemble, as batches of equal shape."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from quenched import checks
from quenched.couplings.base import AbstractCouplings
from quenched.models import AbstractInitial, Network, RandomNetwork, read_initial
from quenched.numerics.memory import KEY_BYTES, refuse_what_does_not_fit
from quenched.observables.blocks import split
from quenched.observables.tangent import Couplings


class Networks(NamedTuple):
    """Networks that share their size, activation and noise."""

    size: int
    number: int
    unit: Any
    noise: float
    kind: str
    """"one", "several", or "ensemble"."""
    couplings: Callable[[slice, Array, int], Couplings]
    """Of the networks in a slice, given a key of noise for each and how many exponents are wanted."""
    parameters: dict[str, float]
    """Of the ensemble, to be told with the result."""


def read_networks(dynamics: Any, size: Any, networks: Any, noise: Any, key: Array) -> Networks:
    """Whatever may be given as networks; refused where it is something else."""
    if isinstance(dynamics, RandomNetwork):
        return _ensemble(dynamics, size, networks, noise, key)
    for name, value in (("size", size), ("networks", networks)):
        if value is not None:
            raise ValueError(f"Argument `{name}` is about a qd.RandomNetwork; given networks have theirs.")
    several = [dynamics] if isinstance(dynamics, Network) else dynamics
    if isinstance(several, str) or not isinstance(several, Sequence) or not len(several):
        raise TypeError(
            "Argument `dynamics` must be a qd.Network, a list of them, or a qd.RandomNetwork, but is "
            f"{checks.shown(dynamics)}."
        )
    for network in several:
        if not isinstance(network, Network):
            raise TypeError(f"Argument `dynamics` must hold qd.Network alone, but holds {checks.shown(network)}.")
    noise = float(checks.number("noise", 0.0 if noise is None else noise, low=0.0))
    return _given(several, isinstance(dynamics, Network), noise)


def read_states(initial: Any, networks: Networks, key: Array) -> Array:
    """Initial states (network, neuron), drawn or given."""
    shape = (networks.number, networks.size)
    if initial is None or callable(initial) or isinstance(initial, AbstractInitial):
        return read_initial(initial).draw(shape, key)
    states = checks.numbers("Argument `initial`", initial)
    if states.shape not in (shape, shape[1:]):
        raise ValueError(
            f"Argument `initial` must be a distribution, or states ({shape[1]}) or ({shape[0]}, {shape[1]}), "
            f"but has shape {states.shape}."
        )
    if not np.isfinite(states).all():
        raise ValueError("Argument `initial` must be finite, but holds NaN or infinity.")
    return jnp.broadcast_to(jnp.asarray(states), shape)


def _given(several: Sequence[Network], alone: bool, noise: float) -> Networks:
    first = several[0]
    for network in several:
        if network.size != first.size:
            raise ValueError(
                f"Argument `dynamics` must hold networks of one size, but has {first.size} and {network.size} neurons."
            )
        if not eqx.tree_equal(network.unit, first.unit):
            raise ValueError(
                "Argument `dynamics` must hold networks of one activation, "
                f"but has {first.activation.name} and {network.activation.name}."
            )

    def couplings(chosen: slice, keys: Array, exponents: int) -> Couplings:
        weights = np.stack([np.asarray(network.dense_weights).T for network in several[chosen]])
        fields = np.stack([np.broadcast_to(np.asarray(network.field), first.size) for network in several[chosen]])
        return Couplings(split(jnp.asarray(weights), exponents), jnp.asarray(fields), keys[chosen])

    return Networks(first.size, len(several), first.unit, noise, "one" if alone else "several", couplings, {})


def _ensemble(model: RandomNetwork, size: Any, networks: Any, noise: Any, key: Array) -> Networks:
    if size is None or networks is None:
        raise ValueError(
            "Arguments `size` and `networks` must be given with a qd.RandomNetwork: how many neurons, how often."
        )
    if noise is not None:
        raise ValueError("Argument `noise` must be left out with a qd.RandomNetwork, which has its own.")
    size, count = checks.count("size", size), checks.count("networks", networks, low=2)
    field = model.constant_field("observables.lyapunov_spectrum")
    refuse_what_does_not_fit(3 * KEY_BYTES * count + 8 * count * size, f"The states of {count} networks", "`networks`")
    draws = jax.random.split(key, count)
    known = model.values() | {"field": field}
    numbers = {name: value for name, value in known.items() if name != "noise" and isinstance(value, float)}
    parameters = {name: float(value) for name, value in numbers.items()}

    def couplings(chosen: slice, keys: Array, exponents: int) -> Couplings:
        weights = _draw(model.couplings, size, draws[chosen])
        return Couplings(split(weights, exponents), jnp.full(weights.shape[:2], field), keys[chosen])

    return Networks(size, count, model.unit, float(model.noise), "ensemble", couplings, parameters)


@partial(jax.jit, static_argnums=1)
def _draw(couplings: AbstractCouplings, size: int, keys: Array) -> Array:
    return jax.vmap(lambda key: couplings.draw(size, key).T)(keys)
