"""One network, several, or an ensemble, as batches of equal shape."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from quenched import checks
from quenched.couplings.base import AbstractCouplings
from quenched.dynamics.base import AbstractDynamics
from quenched.dynamics.read import read_dynamics
from quenched.models import AbstractInitial, Network, Normal, RandomNetwork, Sinusoid
from quenched.models.drive import Drive
from quenched.models.starts import check_starts, draw_states, read_starts
from quenched.numerics.memory import KEY_BYTES, refuse_what_does_not_fit
from quenched.observables.blocks import split
from quenched.observables.entries import Entries, Weights, as_matrix, is_sparse, ring, transposed
from quenched.observables.inputs_in_time import read_inputs
from quenched.observables.tangent import Couplings
from quenched.simulate.integrate import read_field, read_noise
from quenched.simulate.refusals import check_couplings
from quenched.units.base import AbstractUnit

_WHERE = "qd.observables.lyapunov_spectrum"


class Networks(NamedTuple):
    """Networks that share their size, units and noise."""

    size: int
    number: int
    moving: AbstractUnit | AbstractDynamics
    """The unit of all neurons, or dynamics of any kind in place of a network."""
    units: tuple[AbstractUnit, ...]
    """The different ones."""
    noise: Any
    """One number, or one for each neuron."""
    kind: str
    """"one", "several", or "ensemble"."""
    couplings: Callable[[slice, Array, int], Couplings]
    """Of the networks in a slice, given a key of noise for each and how many exponents are wanted."""
    parameters: dict[str, float]
    """Of the ensemble, to be told with the result."""
    fresh: AbstractCouplings | None = None
    """Couplings that are drawn anew at every step."""
    entries: int | None = None
    """How many weights a network has that are not 0; None where they are dense."""
    steps_given: int | None = None
    """How many steps its inputs are given for."""

    @property
    def state_size(self) -> int:
        """How many numbers a state is, and how many exponents there are."""
        return self.size * (self.moving.state_size if isinstance(self.moving, AbstractUnit) else 1)

    @property
    def nonnegative(self) -> bool:
        """Whether states are abundances."""
        return any(unit.nonnegative for unit in self.units)


def read_networks(
    dynamics: Any, size: Any, networks: Any, noise: Any, field: Any, key: Array, inputs: Any = None
) -> Networks:
    """Whatever may be given as networks; refused where it is something else."""
    if isinstance(dynamics, RandomNetwork):
        _refuse_inputs(inputs)
        return _ensemble(dynamics, size, networks, noise, field, key)
    for name, value in (("size", size), ("networks", networks)):
        if value is not None:
            raise ValueError(f"Argument `{name}` is about a qd.RandomNetwork; given networks have theirs.")
    if isinstance(dynamics, AbstractDynamics):
        return _any_dynamics(dynamics, noise, field, inputs)
    _refuse_inputs(inputs)
    several = [dynamics] if isinstance(dynamics, Network) else dynamics
    if isinstance(several, str) or not isinstance(several, Sequence) or not len(several):
        raise TypeError(
            "Argument `dynamics` must be a qd.Network, a list of them, a qd.RandomNetwork, a qd.landscape.Flow or a "
            f"qd.landscape.Map, but is {checks.shown(dynamics)}."
        )
    for network in several:
        if not isinstance(network, Network):
            raise TypeError(f"Argument `dynamics` must hold qd.Network alone, but holds {checks.shown(network)}.")
    noise = read_noise(0.0 if noise is None else noise, several[0].size)
    return _given(several, isinstance(dynamics, Network), noise, read_field(field, several[0].size))


def read_states(initial: Any, networks: Networks, key: Array) -> Array:
    """Initial states (network, number of the state), drawn or given."""
    shape, whole = (networks.number, networks.size), networks.state_size
    starts = initial is None or callable(initial) or isinstance(initial, AbstractInitial)
    if starts or (isinstance(initial, tuple) and any(isinstance(each, AbstractInitial) for each in initial)):
        initial = read_starts(initial)
        if not isinstance(networks.moving, AbstractUnit):
            if isinstance(initial, tuple):
                raise TypeError("Argument `initial` must be one distribution with a qd.landscape.Flow or Map, not a tuple.")
            return (Normal(0.0, 1.0) if initial is None else initial).draw(shape, key)
        check_starts(initial, networks.units)
        drawn = draw_states(initial, networks.moving, shape, key)
        return drawn if drawn.ndim == 2 else jnp.moveaxis(drawn, 0, 1).reshape(len(drawn[0]), whole)
    states = checks.numbers("Argument `initial`", initial)
    if states.shape not in (shape, shape[1:], (networks.number, whole), (whole,)):
        raise ValueError(
            f"Argument `initial` must be a distribution, or states ({shape[1]}) or ({shape[0]}, {shape[1]}), "
            + (f"or of all variables ({whole}) or ({shape[0]}, {whole}), " if whole > shape[1] else "")
            + f"but has shape {states.shape}."
        )
    if not np.isfinite(states).all():
        raise ValueError("Argument `initial` must be finite, but holds NaN or infinity.")
    if networks.nonnegative and (states[..., : shape[1]] < 0.0).any():
        raise ValueError(f"Argument `initial` must be at least 0 for abundances, but holds {states.min():g}.")
    # Further variables of which nothing is said begin at 0.
    rest = np.zeros((*states.shape[:-1], whole - states.shape[-1]))
    return jnp.broadcast_to(jnp.asarray(np.concatenate([states, rest], axis=-1)), (networks.number, whole))


def _given(several: Sequence[Network], alone: bool, noise: Any, field: Any) -> Networks:
    first = several[0]
    for network in several:
        if network.size != first.size:
            raise ValueError(
                f"Argument `dynamics` must hold networks of one size, but has {first.size} and {network.size} neurons."
            )
        if not eqx.tree_equal(network.unit, first.unit):
            raise ValueError(
                f"Argument `dynamics` must hold networks of one {_unlike(first.unit, network.unit)}; give each alone."
            )

    def couplings(chosen: slice, keys: Array, exponents: int) -> Couplings:
        weights = [transposed(network.weights if sparse else network.dense_weights) for network in several[chosen]]
        fields = np.stack([np.broadcast_to(np.asarray(network.field), first.size) for network in several[chosen]])
        drive = None if field is None else _Given(field, jnp.zeros((len(weights), first.size), int))
        blocks = split([as_matrix(each, first.size) for each in weights], exponents, first.unit.state_size)
        return Couplings(blocks, jnp.asarray(fields), keys[chosen], drive)

    kind = "one" if alone else "several"
    sparse = all(is_sparse(network.weights) for network in several)
    entries = max(network.weights.nse for network in several) if sparse else None
    return Networks(first.size, len(several), first.unit, first.units, noise, kind, couplings, {}, entries=entries)


def _refuse_inputs(inputs: Any) -> None:
    if inputs is not None:
        raise ValueError(
            "Argument `inputs` is about a qd.landscape.Flow or Map; what networks receive in time is given by `field`."
        )


def _any_dynamics(dynamics: AbstractDynamics, noise: Any, field: Any, inputs: Any) -> Networks:
    """A flow or a map in place of one network: every number may drive every other."""
    if field is not None:
        raise ValueError(
            "Argument `field` is about networks, to whose neurons it is added; what a qd.landscape.Flow or Map receives is "
            "given by `inputs`."
        )
    drive, first, steps = read_inputs(inputs)
    moving, _ = read_dynamics(dynamics, first)
    size = moving.size
    noise = read_noise(0.0 if noise is None else noise, size)

    def couplings(chosen: slice, keys: Array, exponents: int) -> Couplings:
        blocks = split([ring(size)], exponents, even=False)
        return Couplings(blocks, jnp.zeros((1, size)), keys[chosen], drive)

    return Networks(size, 1, moving, (), noise, "one", couplings, {}, steps_given=steps)


def _unlike(first: AbstractUnit, other: AbstractUnit) -> str:
    names = [getattr(getattr(each, "activation", None), "name", None) for each in (first, other)]
    if None in names or names[0] == names[1]:
        return f"unit, but has {first} and {other}"
    return f"activation, but has {names[0]} and {names[1]}"


def _ensemble(model: RandomNetwork, size: Any, networks: Any, noise: Any, field: Any, key: Array) -> Networks:
    if size is None or networks is None:
        raise ValueError(
            "Arguments `size` and `networks` must be given with a qd.RandomNetwork: how many neurons, how often."
        )
    for name, given in (("noise", noise), ("field", field)):
        if given is not None:
            raise ValueError(f"Argument `{name}` must be left out with a qd.RandomNetwork, which has its own.")
    check_couplings(model.couplings, model.kind, _WHERE)
    size, count = checks.count("size", size), checks.count("networks", networks, low=2)
    refuse_what_does_not_fit(3 * KEY_BYTES * count + 8 * count * size, f"The states of {count} networks", "`networks`")
    draws = jax.random.split(key, count)
    numbers = {name: value for name, value in model.values().items() if name != "noise" and isinstance(value, float)}
    parameters = {name: float(value) for name, value in numbers.items()}
    constant = 0.0 if isinstance(model.field, Drive | Sinusoid) else model.of_neurons(model.field, size)
    fresh = model.couplings if model.couplings.redrawn else None
    unit = model.unit_of_neurons(size)

    def couplings(chosen: slice, keys: Array, exponents: int) -> Couplings:
        number = len(draws[chosen])
        fields = jnp.broadcast_to(jnp.asarray(constant), (number, size))
        if fresh is not None and entries is not None:
            # Who is coupled to whom changes, so that in time everybody drives everybody.
            matrices = [ring(size)] * number
        else:
            matrices = [as_matrix(_draw(model.couplings, size, key), size) for key in draws[chosen]]
        blocks = split(matrices, exponents, unit.state_size, even=fresh is None)
        return Couplings(blocks, fields, keys[chosen], _drive(model, size, draws[chosen]))

    noise = model.of_neurons(model.noise, size)
    drawn = jax.eval_shape(partial(_draw, size=size), model.couplings, key=draws[0])
    entries = len(drawn.values) if isinstance(drawn, Entries) else None
    return Networks(size, count, unit, model.units, noise, "ensemble", couplings, parameters, fresh, entries)


@partial(jax.jit, static_argnames="size")
def _draw(couplings: AbstractCouplings, size: int, key: Array) -> Weights:
    return transposed(couplings.draw(size, key))


class _Given(eqx.Module):
    """A function of the time, and which population each neuron of each network is of."""

    function: Any = eqx.field(static=True)
    population: Int[Array, "... neuron"]

    def __call__(self, time: Any) -> Any:
        values = jnp.asarray(self.function(time))
        one_each = values.ndim and len(values) == self.population.shape[-1]
        return values if values.ndim == 0 or one_each else values[self.population]


class _Waves(eqx.Module):
    """A sinusoid for each neuron of each network."""

    mean: Float[Array, "... neuron"]
    amplitude: Float[Array, "... neuron"]
    angular_frequency: Float[Array, "... neuron"]
    phase: Float[Array, "... neuron"]

    def __call__(self, time: Any) -> Array:
        return self.mean + self.amplitude * jnp.cos(self.angular_frequency * time + self.phase)


# Sets the keys of phases apart from what is made of the same ones.
_PHASES = 2**31 - 1


def _drive(model: RandomNetwork, size: int, keys: Array) -> Any:
    """What is added to the field of each network in time, or None."""
    shape = (len(keys), size)
    if isinstance(model.field, Drive):
        return _Given(model.field.function, jnp.broadcast_to(model.population(size), shape))
    if not isinstance(model.field, Sinusoid):
        return None
    each = (model.field.mean, model.field.amplitude, model.field.angular_frequency)
    mean, amplitude, frequency = (jnp.broadcast_to(jnp.asarray(model.of_neurons(value, size)), shape) for value in each)
    phases = jax.vmap(lambda key: jax.random.uniform(jax.random.fold_in(key, _PHASES), (size,)))(keys)
    return _Waves(mean, amplitude, frequency, 2.0 * jnp.pi * phases)
