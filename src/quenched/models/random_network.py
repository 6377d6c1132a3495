"""The ensemble: what is random."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable
from functools import reduce
from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from quenched import checks
from quenched.activations import AbstractActivation
from quenched.couplings.base import AbstractCouplings
from quenched.couplings.elliptic import Elliptic
from quenched.models.drive import Drive
from quenched.models.network import Network
from quenched.numerics.memory import refuse_what_does_not_fit
from quenched.precision import double_precision, own_settings
from quenched.records import Record, public_name
from quenched.units.base import AbstractUnit
from quenched.units.leaky import Leaky

Real = float | Float[Array, ""]


class RandomNetwork(Record):
    """Ensemble of large random networks.

        dx_i = (-x_i + sum_j J_ij phi(x_j) + b) dt + sigma dW_i,
        Var J_ij = gain^2 / N,   E[J_ij J_ji] = symmetry gain^2 / N.

    The state of rest at x = 0 (odd phi, no field) loses stability at gain (1 + symmetry) phi'(0) = 1.

    Arguments:
        gain: g, coupling scale, at least 0.
        symmetry: eta, between -1 (antisymmetric) and 1 (symmetric).
        noise: sigma, strength of white noise, at least 0, in state / sqrt(time).
        field: b, input added to dx/dt, the same for all neurons: a number, or a function of the time.
        activation: phi.
        couplings: in place of gain and symmetry, another law of J: `qd.couplings.Blocks`, `LowRank`, or a sum of several.
        unit: in place of activation, what a neuron does with its input.

    Raises:
        ValueError, TypeError: an argument is outside its range, NaN, or not one number.

    Example:
        >>> import quenched as qd
        >>> model = qd.RandomNetwork(gain=1.5, symmetry=0.2)
        >>> round(float(model.critical_gain), 6)
        0.833333

    Source: Zou & Huang 2024, section 2.
    """

    equation: ClassVar[str] = (
        r"\mathrm{d}x_i = \Big(-x_i + \sum_j J_{ij}\,\phi(x_j) + b\Big)\mathrm{d}t + \sigma\,\mathrm{d}W_i,\quad "
        r"\mathrm{Var}\,J_{ij} = \frac{g^2}{N},\quad \langle J_{ij} J_{ji}\rangle = \frac{\eta\,g^2}{N}"
    )

    couplings: AbstractCouplings
    noise: Real
    field: Any
    unit: AbstractUnit

    def __init__(
        self,
        gain: Real | None = None,
        symmetry: Real | None = None,
        noise: Real = 0.0,
        field: Real | Drive | Callable[[Any], Any] = 0.0,
        activation: AbstractActivation | None = None,
        *,
        couplings: AbstractCouplings | None = None,
        unit: AbstractUnit | None = None,
    ):
        for name, given in (("gain", gain), ("symmetry", symmetry), ("noise", noise), ("field", field)):
            if isinstance(given, AbstractActivation):
                raise TypeError(f"Argument `{name}` must be a number, but is the activation {given}; give `activation=`.")
        self.couplings = _read_couplings(couplings, gain, symmetry)
        self.unit = _read_unit(unit, activation)
        self.noise = checks.number("noise", noise, low=0.0)
        self.field = (
            field if isinstance(field, Drive) else Drive(field) if callable(field) else checks.number("field", field)
        )

    def listed(self) -> dict[str, Any]:
        in_short = type(self.couplings) is Elliptic and self.couplings.mean is None and type(self.unit) is Leaky
        return self.values() if in_short else super().listed()

    @property
    def gain(self) -> Real:
        """g, of elliptic couplings."""
        return _of_part(self, "couplings", Elliptic, "gain")

    @property
    def symmetry(self) -> Real:
        """eta, of elliptic couplings."""
        return _of_part(self, "couplings", Elliptic, "symmetry")

    @property
    def activation(self) -> AbstractActivation:
        """phi, of leaky units."""
        return _of_part(self, "unit", Leaky, "activation")

    @property
    def parameters(self) -> dict[str, tuple[str, ...]]:
        """Names of all parameters, such as `gain`, or `couplings.gain` where several parts have one; and where they are."""
        found = _paths(self)
        ends = Counter(path[-1] for path in found)
        return {path[-1] if ends[path[-1]] == 1 else ".".join(path): path for path in found}

    def values(self) -> dict[str, Any]:
        """The parameters by name, without those that were left out."""
        found = {name: reduce(getattr, path, self) for name, path in self.parameters.items()}
        return {name: value for name, value in found.items() if value is not None}

    def replace(self, **changes: Any) -> RandomNetwork:
        """The model with other values of some `parameters`; each meets the checks that it always meets.

        Example:
            >>> import quenched as qd
            >>> qd.RandomNetwork(gain=1.5, symmetry=0.2).replace(gain=2.0)
            RandomNetwork(gain=2, symmetry=0.2, noise=0, field=0, activation=tanh)
        """
        changed, known = self, self.parameters
        for name, value in changes.items():
            if name not in known:
                raise ValueError(f"A RandomNetwork has no parameter {name!r}.{checks.nearest(name, known)}")
            changed = _replaced(changed, known[name], value)
        return changed

    def in_range(self) -> Array:
        """What is refused at once, of parameters that were traced then."""
        field = jnp.asarray(0.0 if isinstance(self.field, Drive) else self.field)
        finite = jnp.isfinite(jnp.asarray(self.noise)) & jnp.isfinite(field)
        return self.couplings.in_range() & finite & (self.noise >= 0.0)

    @property
    def critical_gain(self) -> Real:
        """g_c = 1 / ((1 + symmetry) |phi'(0)|): where the state of rest loses stability.

        Infinite for symmetry -1; NaN where phi has a kink at 0 (ReLU); 0 where phi itself jumps there (sign).
        """
        if any(place == 0.0 for place, _ in self.activation.jumps):
            with own_settings():
                return jnp.where(jnp.asarray(self.symmetry) > -1.0, 0.0, jnp.inf)
        if self.activation.kinked_at_zero:
            return np.float64(np.nan)
        with own_settings():
            slope = jnp.abs(self.activation.slope(jnp.zeros(())))
            return 1.0 / ((1.0 + self.symmetry) * slope)

    def field_at(self, time: Any) -> Any:
        """b(t)."""
        return self.field(time) if isinstance(self.field, Drive) else self.field

    def constant_field(self, theory: str) -> Any:
        """b, where it is a number; a field that changes in time is refused in the name of `theory`."""
        if isinstance(self.field, Drive):
            raise ValueError(
                f"Argument `field` must be a number for {theory}, which is about steady states, but is the function "
                f"{self.field.name!r} of the time; use qd.dmft.TwoTime or qd.simulate.Trajectories."
            )
        return self.field

    @double_precision
    def draw(self, size: int, key: Key[Array, ""]) -> Network:
        """One network of `size` neurons; MemoryError where its couplings would not fit."""
        refuse_what_does_not_fit(8 * 4 * size**2, f"The couplings of {size} neurons", "`size`")
        return Network(self.couplings.draw(size, key), self.activation, self.constant_field("one qd.Network"))


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


def _read_unit(unit: AbstractUnit | None, activation: AbstractActivation | None) -> AbstractUnit:
    if unit is None:
        return Leaky(activation)
    if activation is not None:
        raise TypeError("Argument `activation` belongs to a leaky unit; give it, or `unit=`, not both.")
    if not isinstance(unit, AbstractUnit):
        raise TypeError(f"Argument `unit` must be a unit such as qd.units.Leaky(qd.Tanh()), but is {unit!r}.")
    return unit


def _of_part(model: RandomNetwork, part: str, kind: type, name: str) -> Any:
    """A parameter under its short name. No method: Equinox makes a module of each method that is looked up."""
    owner = getattr(model, part)
    if type(owner) is not kind:
        raise AttributeError(f"A RandomNetwork with {part} {public_name(owner)} has no one `{name}`; see model.{part}.")
    return getattr(owner, name)


def _paths(record: Any, above: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found = []
    for each in dataclasses.fields(record):
        value, path = getattr(record, each.name), (*above, each.name)
        found += _paths(value, path) if isinstance(value, AbstractCouplings | AbstractUnit) else [path]
    return found


def _replaced(record: Any, path: tuple[str, ...], value: Any) -> Any:
    first, *rest = path
    inside = _replaced(getattr(record, first), tuple(rest), value) if rest else value
    return dataclasses.replace(record, **{first: inside})
