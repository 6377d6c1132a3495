"""Neurons of one network that differ in what they do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int

from quenched.units.base import AbstractUnit, State


class Mixed(AbstractUnit):
    """A unit for each population of one network, dx_i/dt = f_a(x_i, h_i) for neuron i of population a.

    Neurons are the last axis of states and inputs. `RandomNetwork.draw` makes it.

    Arguments:
        units: of each population, of one kind and number of variables.
        population: which of them each neuron is, whole numbers from 0 on, (neuron).

    Example:
        >>> import jax, quenched as qd
        >>> both = qd.couplings.Blocks((0.5, 0.5), gain=1.0)
        >>> model = qd.RandomNetwork(couplings=both, unit=(qd.units.Leaky(), qd.units.Leaky(qd.ReLU())))
        >>> model.draw(4, jax.random.key(0)).unit.population.tolist()
        [0, 0, 1, 1]
    """

    units: tuple[AbstractUnit, ...]
    population: Int[Array, " neuron"]

    def __init__(self, units: tuple[AbstractUnit, ...], population: Any):
        self.units, self.population = tuple(units), jnp.asarray(population)

    @property
    def kind(self) -> str:  # type: ignore[override]
        return self.units[0].kind

    @property
    def nonnegative(self) -> bool:  # type: ignore[override]
        return any(unit.nonnegative for unit in self.units)

    @property
    def state_size(self) -> int:
        return self.units[0].state_size

    def _of_each(self, function: Callable[[AbstractUnit], Any]) -> Any:
        """The arrays of each unit, put together neuron by neuron."""

        def chosen(first: Array, *others: Array) -> Array:
            for index, other in enumerate(others, start=1):
                first = jnp.where(self.population == index, other, first)
            return first

        return jax.tree.map(chosen, *map(function, self.units))

    def drift(self, state: State, field: State) -> State:
        return self._of_each(lambda unit: unit.drift(state, field))

    def rate(self, state: State) -> State:
        return self._of_each(lambda unit: unit.rate(state))

    def rate_slope(self, state: State) -> State:
        return self._of_each(lambda unit: unit.rate_slope(state))

    def drift_slopes(self, state: State, field: State) -> tuple[State, State]:
        return self._of_each(lambda unit: unit.drift_slopes(state, field))

    def speed(self, state: State, field: State) -> State:
        return self._of_each(lambda unit: unit.speed(state, field))

    def speed_slopes(self, state: State, field: State) -> tuple[State, State]:
        return self._of_each(lambda unit: unit.speed_slopes(state, field))

    @property
    def advances_plainly(self) -> bool:
        return all(unit.advances_plainly for unit in self.units)

    def advance(self, state: State, speed: State, step: Any, scheme: str) -> State:
        return self._of_each(lambda unit: unit.advance(state, speed, step, scheme))

    def extinct_below(self, time: Any) -> Any:
        return self._of_each(lambda unit: jnp.asarray(unit.extinct_below(time), float))

    @property
    def knows_its_rest(self) -> bool:
        return all(unit.knows_its_rest for unit in self.units)

    def place(self, state: State, field: State) -> State:
        return self._of_each(lambda unit: unit.place(state, field))

    def resting_state(self, place: State) -> State:
        return self._of_each(lambda unit: unit.resting_state(place))

    def resting_field(self, place: State) -> State:
        return self._of_each(lambda unit: unit.resting_field(place))

    @property
    def jumps(self) -> tuple[tuple[float, float], ...]:
        return tuple(jump for unit in self.units for jump in unit.jumps)

    @property
    def breakpoints(self) -> tuple[float, ...]:
        return tuple(sorted({point for unit in self.units for point in unit.breakpoints}))

    @property
    def bounded(self) -> bool:
        return all(unit.bounded for unit in self.units)

    @property
    def odd(self) -> bool:
        return all(unit.odd for unit in self.units)
