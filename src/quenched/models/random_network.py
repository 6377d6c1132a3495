"""The ensemble: what is random."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from quenched import checks
from quenched.activations import AbstractActivation
from quenched.couplings.base import AbstractCouplings, population_of_neurons
from quenched.couplings.elliptic import Elliptic
from quenched.keys import read_key
from quenched.models.base import AbstractModel
from quenched.models.critical_gain import critical_gain
from quenched.models.drive import Drive, Sinusoid
from quenched.models.network import Network
from quenched.numerics.memory import refuse_what_does_not_fit
from quenched.precision import double_precision
from quenched.records import public_name
from quenched.units.base import AbstractUnit
from quenched.units.leaky import Leaky
from quenched.units.mixed import Mixed

Real = float | Float[Array, ""]


class RandomNetwork(AbstractModel):
    """Ensemble of large random networks.

        dx_i = (-x_i + sum_j J_ij phi(x_j) + b) dt + sigma dW_i,
        Var J_ij = gain^2 / N,   E[J_ij J_ji] = symmetry gain^2 / N.

    The state of rest at x = 0 (odd phi, no field) loses stability at gain (1 + symmetry) phi'(0) = 1.

    Arguments:
        gain: g, coupling scale, at least 0.
        symmetry: eta, between -1 (antisymmetric) and 1 (symmetric); 0 if left out.
        noise: sigma, strength of white noise, at least 0, in state / sqrt(time); of a map in each step.
        field: b, input added to that from other neurons: a number, a function of the time, or `qd.Sinusoid`, whose phase
            each neuron draws.
        activation: phi, tanh if left out.
        couplings: in place of gain and symmetry, another law of J: `qd.couplings.Blocks`, `LowRank`, or a sum of several.
        unit: in place of activation, what a neuron does with its input; one unit, or a tuple of one for each population.

    With several populations noise and field may be one number for each; results then have the axis `population` first.

    Raises:
        ValueError: an argument is outside its range or NaN; not as many units as populations, or units of different kinds.
        TypeError: what is given is no number, no couplings, no activation or no unit; `gain` beside `couplings`, or
            `activation` beside `unit`.

    Example:
        >>> import quenched as qd
        >>> model = qd.RandomNetwork(gain=1.5, symmetry=0.2)
        >>> round(float(model.critical_gain), 6)
        0.833333

    Source: Zou & Huang 2024 (`zou2024`), section 2.
    """

    equation: ClassVar[str] = (
        r"\mathrm{d}x_i = \left(-x_i + \sum_j J_{ij}\,\phi(x_j) + b\right)\mathrm{d}t + \sigma\,\mathrm{d}W_i,\quad "
        r"\mathrm{Var}\,J_{ij} = \frac{g^2}{N},\quad \langle J_{ij} J_{ji}\rangle = \frac{\eta\,g^2}{N}"
    )

    couplings: AbstractCouplings
    noise: Any
    field: Any
    unit: AbstractUnit | tuple[AbstractUnit, ...]

    def __init__(
        self,
        gain: Real | None = None,
        symmetry: Real | None = None,
        noise: Any = 0.0,
        field: Any = 0.0,
        activation: AbstractActivation | None = None,
        *,
        couplings: AbstractCouplings | None = None,
        unit: AbstractUnit | Sequence[AbstractUnit] | None = None,
    ):
        for name, given in (("gain", gain), ("symmetry", symmetry), ("noise", noise), ("field", field)):
            if isinstance(given, AbstractActivation):
                raise TypeError(f"Argument `{name}` must be a number, but is the activation {given}; give `activation=`.")
        self.couplings = _read_couplings(couplings, gain, symmetry)
        self.unit = _read_unit(unit, activation, self.populations)
        self.noise = checks.of_populations("noise", noise, self.populations, low=0.0)
        self.field = _read_field(field, self.populations)

    def listed(self) -> dict[str, Any]:
        return self.values() if self.in_short else super().listed()

    @property
    def in_short(self) -> bool:
        """Whether gain, symmetry, noise, field and activation say all."""
        usual = type(self.unit) is Leaky and self.unit.usual and not isinstance(self.field, Sinusoid)
        return usual and type(self.couplings) is Elliptic and self.couplings.mean is None

    @property
    def populations(self) -> int:
        """How many populations there are."""
        return len(self.couplings.population_fractions)

    @property
    def units(self) -> tuple[AbstractUnit, ...]:
        """What the neurons of each population do."""
        return self.unit if isinstance(self.unit, tuple) else (self.unit,) * self.populations

    @property
    def kind(self) -> str:
        """ "flow" or "map"."""
        return self.units[0].kind

    @property
    def gain(self) -> Real:
        """g, of elliptic couplings."""
        return _of_part(self, "couplings", "gain")

    @property
    def symmetry(self) -> Real:
        """eta, of elliptic couplings."""
        return _of_part(self, "couplings", "symmetry")

    @property
    def activation(self) -> AbstractActivation:
        """phi, where all units have one."""
        return _of_part(self, "unit", "activation")

    def in_range(self) -> Array:
        """What is refused at once, of parameters that were traced then."""
        inside = self.couplings.in_range() & jnp.all(jnp.isfinite(jnp.asarray(self.noise)) & (self.noise >= 0.0))
        if isinstance(self.field, Sinusoid):
            inside &= self.field.in_range()
        elif not isinstance(self.field, Drive):
            inside &= jnp.all(jnp.isfinite(jnp.asarray(self.field)))
        units = self.unit if isinstance(self.unit, tuple) else (self.unit,)
        return reduce(jnp.logical_and, (unit.in_range() for unit in units), inside)

    @property
    def critical_gain(self) -> Real:
        """The gain at which the state of rest without field loses stability; of leaky units 1 / ((1 + symmetry) |phi'(0)|).

        Of other units the smallest at which 1/T, the inverse of their answer to a wave of input, meets the ellipse of the
        eigenvalues of the couplings. Infinite where no gain will do; NaN where phi has a kink at 0 (ReLU), and of couplings
        other than `qd.couplings.Elliptic` without a mean; 0 where phi itself jumps there (sign).
        """
        found = critical_gain(self)
        return found if isinstance(found, jax.core.Tracer) else np.float64(found)

    def field_at(self, time: Any) -> Any:
        """b(t), one number or one for each population; of a sinusoid its mean."""
        if isinstance(self.field, Sinusoid):
            return self.field.mean
        return self.field(time) if isinstance(self.field, Drive) else self.field

    def constant_field(self, theory: str) -> Any:
        """b, where it is constant; a field that changes in time is refused in the name of `theory`."""
        if isinstance(self.field, Drive | Sinusoid):
            what = "a sinusoid" if isinstance(self.field, Sinusoid) else f"the function {self.field.name!r} of the time"
            raise ValueError(
                f"Argument `field` must be a number for {theory}, which is about steady states, but is {what}; "
                "use qd.dmft.TwoTime or qd.simulate.Trajectories."
            )
        return self.field

    def of_neurons(self, values: Any, size: int) -> Any:
        """One number for all neurons as it is; one for each population as one for each of `size` neurons."""
        return values if jnp.ndim(values) == 0 else jnp.asarray(values)[self.population(size)]

    def population(self, size: int) -> Array:
        """Which population each of `size` neurons is of."""
        return population_of_neurons(self.couplings.population_fractions, size)

    def fields_of_neurons(self, size: int, key: Key[Array, ""]) -> Callable[[Any], Any]:
        """b_i(t), a function of the time; of a sinusoid with phases drawn."""
        if isinstance(self.field, Sinusoid):
            phases = 2.0 * jnp.pi * jax.random.uniform(key, (size,))
            mean, amplitude, frequency = (
                self.of_neurons(each, size) for each in (self.field.mean, self.field.amplitude, self.field.angular_frequency)
            )
            return lambda time: mean + amplitude * jnp.cos(frequency * time + phases)
        return lambda time: self.of_neurons(self.field_at(time), size)

    def unit_of_neurons(self, size: int) -> AbstractUnit:
        """What each of `size` neurons does."""
        return Mixed(self.unit, self.population(size)) if isinstance(self.unit, tuple) else self.unit

    @double_precision
    def draw(self, size: int, key: int | Array) -> Network:
        """One network of the ensemble.

        Arguments:
            size: N, how many neurons.
            key: a seed, or a JAX key.

        Returns:
            A `qd.Network`; its populations are one after another.

        Raises:
            TypeError, ValueError: a size that is no whole number above 0, no key, or a field that changes in time.
            MemoryError: the couplings would not fit.
        """
        size, key = checks.count("size", size), read_key(key)
        refuse_what_does_not_fit(4 * self.couplings.bytes_of_draw(size), f"The couplings of {size} neurons", "`size`")
        field = self.of_neurons(self.constant_field("one qd.Network"), size)
        return Network(self.couplings.draw(size, key), field=field, unit=self.unit_of_neurons(size))


def _read_couplings(couplings: AbstractCouplings | None, gain: Any, symmetry: Any) -> AbstractCouplings:
    if couplings is None:
        if gain is None:
            raise TypeError("Argument `gain` must be a real number, but is None; give it, or `couplings=` in its place.")
        return Elliptic(gain, 0.0 if symmetry is None else symmetry)
    if gain is not None or symmetry is not None:
        raise TypeError("Arguments `gain` and `symmetry` say what `couplings` are; give them, or `couplings=`, not both.")
    if not isinstance(couplings, AbstractCouplings):
        raise TypeError(f"Argument `couplings` must be couplings such as qd.couplings.Elliptic(1.5), but is {couplings!r}.")
    return couplings


def _read_unit(
    unit: AbstractUnit | Sequence[AbstractUnit] | None, activation: AbstractActivation | None, populations: int
) -> AbstractUnit | tuple[AbstractUnit, ...]:
    if unit is None:
        return Leaky(activation)
    if activation is not None:
        raise TypeError("Argument `activation` belongs to a leaky unit; give it, or `unit=`, not both.")
    if isinstance(unit, type):
        raise TypeError(f"Argument `unit` must be an instance: write qd.units.{unit.__name__}(...), with parentheses.")
    for each in unit if isinstance(unit, tuple | list) else (unit,):
        if not isinstance(each, AbstractUnit):
            raise TypeError(f"Argument `unit` must be a unit such as qd.units.Leaky(qd.Tanh()), but is {each!r}.")
    if isinstance(unit, AbstractUnit):
        return unit
    if len(unit) != populations:
        raise ValueError(
            f"Argument `unit` must be one unit or one for each of the {populations} populations, but holds {len(unit)}."
        )
    if len({(each.kind, each.state_size) for each in unit}) > 1:
        raise ValueError("Argument `unit` must hold units of one kind, flows or maps, and of equally many variables.")
    return unit[0] if len(unit) == 1 else tuple(unit)


def _read_field(field: Any, populations: int) -> Any:
    if isinstance(field, Sinusoid):
        return field.of_populations(populations)
    if isinstance(field, Drive):
        return field
    return Drive(field, populations) if callable(field) else checks.of_populations("field", field, populations)


def _of_part(model: RandomNetwork, part: str, name: str) -> Any:
    """A parameter under its short name. No method: Equinox makes a module of each method that is looked up."""
    owner = getattr(model, part)
    if name not in getattr(owner, "__dict__", {}):
        called = "one for each population" if isinstance(owner, tuple) else public_name(owner)
        raise AttributeError(f"A RandomNetwork with {part} {called} has no one `{name}`; see model.{part}.")
    return getattr(owner, name)
