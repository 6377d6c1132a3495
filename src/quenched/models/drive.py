"""Fields that change in time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from quenched import checks
from quenched.precision import own_settings
from quenched.records import Record


class Drive(eqx.Module):
    """b(t) = function(t), the same for every neuron of a population: `qd.RandomNetwork(field=function)` makes one.

    Arguments:
        function: of the time, in units of the leak time (of a map the step), one number, written with `jnp`; it returns one
            number, or one for each population.
        populations: how many there are.

    Raises:
        TypeError: JAX cannot trace the function.
        ValueError: it does not return as many finite numbers at time 0.

    Example:
        >>> import jax.numpy as jnp, quenched as qd
        >>> model = qd.RandomNetwork(0.8, field=lambda time: 0.5 * jnp.cos(time))
        >>> float(model.field_at(0.0))
        0.5
    """

    function: Callable[[Any], Any] = eqx.field(static=True)

    def __init__(self, function: Callable[[Any], Any], populations: int = 1):
        self.function = function
        with own_settings(), jax.ensure_compile_time_eval():
            try:
                first = np.asarray(jax.jit(lambda time: function(time))(np.float64(0.0)), dtype=np.float64)
            except Exception as error:
                raise TypeError(
                    "Argument `field` must be a number or a function of the time that JAX can trace (jnp, not np, inside), "
                    f"but calling it failed: {error}"
                ) from error
        if first.shape not in ((), (populations,)[: populations > 1]) or not np.isfinite(first).all():
            must = "one finite number" + (f", or one for each of the {populations} populations" if populations > 1 else "")
            raise ValueError(f"Argument `field` must return {must}, but returns {first} at time 0.")

    @property
    def name(self) -> str:
        """The function's name, for tables."""
        return str(getattr(self.function, "__name__", "function"))

    def __call__(self, time: Float[Array, ""] | float) -> Any:
        return self.function(time)


class Sinusoid(Record):
    """b_i(t) = mean + amplitude cos(angular_frequency t + theta_i), the phase theta_i of each neuron drawn uniformly.

    Averaged over neurons the field has the mean `mean` and the covariance (amplitude^2/2) cos(angular_frequency (t - s)).

    Arguments:
        amplitude: I, at least 0; one number, or one for each population, (population).
        angular_frequency: w, above 0, in radians per leak time; one number, or (population).
        mean: the constant part; one number, or (population); 0 if left out.

    Raises:
        ValueError, TypeError: a number is out of range, NaN, or none.

    Example:
        >>> import quenched as qd
        >>> print(f"{qd.Sinusoid(0.4, angular_frequency=1.0).covariance(0.0):.2f}")  # amplitude^2/2
        0.08

    Source: Rajan, Abbott & Sompolinsky 2010 (`rajan2010`).
    """

    citations: ClassVar[tuple[str, ...]] = ("rajan2010",)

    amplitude: Any
    angular_frequency: Any
    mean: Any

    def __init__(self, amplitude: Any, angular_frequency: Any, mean: Any = 0.0):
        self.amplitude = _numbers("amplitude", amplitude, low=0.0)
        self.angular_frequency = _numbers("angular_frequency", angular_frequency, above=0.0)
        self.mean = _numbers("mean", mean)

    def of_populations(self, populations: int) -> Sinusoid:
        """The same, with one number or one for each population in every place; refused where that is not so."""
        for name in ("amplitude", "angular_frequency", "mean"):
            checks.of_populations(name, getattr(self, name), populations)
        return self

    def covariance(self, lag: Any) -> Array:
        """(amplitude^2/2) cos(angular_frequency lag)."""
        return 0.5 * self.amplitude**2 * jnp.cos(self.angular_frequency * lag)

    def in_range(self) -> Bool[Array, ""]:
        """What the constructor refuses, of parameters that were traced then."""
        amplitude, frequency, mean = map(jnp.asarray, (self.amplitude, self.angular_frequency, self.mean))
        finite = jnp.isfinite(amplitude) & jnp.isfinite(frequency) & jnp.isfinite(mean)
        return jnp.all(finite & (amplitude >= 0.0) & (frequency > 0.0))


def _numbers(name: str, value: Any, **limits: float) -> Any:
    return checks.of_populations(name, value, None, **limits)
