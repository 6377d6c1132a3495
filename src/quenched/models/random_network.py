"""The ensemble: what is random."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from quenched import checks
from quenched.activations import AbstractActivation, Tanh
from quenched.models.drive import Drive
from quenched.models.network import Network
from quenched.numerics.memory import refuse_what_does_not_fit
from quenched.precision import double_precision, own_settings
from quenched.records import Record

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

    gain: Real
    symmetry: Real
    noise: Real
    field: Any
    activation: AbstractActivation

    def __init__(
        self,
        gain: Real,
        symmetry: Real = 0.0,
        noise: Real = 0.0,
        field: Real | Drive | Callable[[Any], Any] = 0.0,
        activation: AbstractActivation | None = None,
    ):
        for name, given in (("gain", gain), ("symmetry", symmetry), ("noise", noise), ("field", field)):
            if isinstance(given, AbstractActivation):
                raise TypeError(f"Argument `{name}` must be a number, but is the activation {given}; give `activation=`.")
        self.gain = checks.number("gain", gain, low=0.0)
        self.symmetry = checks.number("symmetry", symmetry, low=-1.0, high=1.0)
        self.noise = checks.number("noise", noise, low=0.0)
        self.field = (
            field if isinstance(field, Drive) else Drive(field) if callable(field) else checks.number("field", field)
        )
        self.activation = Tanh() if activation is None else activation
        if not isinstance(self.activation, AbstractActivation):
            raise TypeError(
                f"Argument `activation` must be an activation such as qd.Tanh(), but is {activation!r}; "
                "wrap a function of your own in qd.Activation(function)."
            )

    def in_range(self) -> Array:
        """What is refused at once, of parameters that were traced then."""
        field = jnp.asarray(0.0 if isinstance(self.field, Drive) else self.field)
        finite = jnp.isfinite(jnp.asarray(self.gain)) & jnp.isfinite(jnp.asarray(self.noise)) & jnp.isfinite(field)
        return finite & (self.gain >= 0.0) & (jnp.abs(jnp.asarray(self.symmetry)) <= 1.0) & (self.noise >= 0.0)

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
        return Network(
            draw_couplings(self.gain, self.symmetry, size, key), self.activation, self.constant_field("one qd.Network")
        )


@double_precision
def draw_couplings(gain: Real, symmetry: Real, size: int, key: Key[Array, ""]) -> Float[Array, "neuron neuron"]:
    """Gaussian J with Var J_ij = gain^2/N and E[J_ij J_ji] = symmetry gain^2/N; Var J_ii is (1 + symmetry) gain^2/N."""
    independent = jax.random.normal(key, (size, size))
    # J = a X + b X^T with a^2 + b^2 = 1 and 2ab = symmetry.
    half_sum, half_difference = 0.5 * jnp.sqrt(1.0 + symmetry), 0.5 * jnp.sqrt(1.0 - symmetry)
    direct, transposed = half_sum + half_difference, half_sum - half_difference
    return gain / jnp.sqrt(size) * (direct * independent + transposed * independent.T)
