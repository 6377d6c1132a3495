"""The zero-overlap branch of the replica theory: three unknowns, one integral over the state of one neuron.

For odd phi without field Q = R = 0 always solves the replica-symmetric equations of exp(-E/T), and equals the annealed
average. With a = T + g^2 q, the effective memory G = gamma g^2 S and delta = a D, all averages are over

    w(x) = exp( -[ e(x)^2 + g^2 delta phi(x)^2 ] / (2a) - (c/T) x^2 ),    e(x) = x - G phi(x),

    q = <phi^2>,   S = <e phi>/a,   delta = 1 - <e^2>/a,   T/a = 1 - g^2 <phi^2>/a.

Without the confinement c temperature enters only through the last equation: T = 0 is a regular case of it.
"""

# notation: gamma the symmetry, D the x-hat x-hat overlap times beta (PHYSICS of Qiu & Huang 2025, minimal form).

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from quenched.activations import Linear
from quenched.models import RandomNetwork
from quenched.numerics.quadrature import Scalar, clip_breakpoints, outermost, sinh_legendre

# The weight is cut where it has fallen by exp(-42) = 6e-19.
_REACH = 42.0


class NeuronAverages(NamedTuple):
    """Averages over w(x), scaled to stay of order one when the width a goes to zero."""

    rate_square: Array  # <phi^2>/a
    response: Array  # <e phi>/a
    error_square: Array  # <e^2>/a
    state_square: Array  # <x^2>
    log_norm: Array  # ln int w dx


def neuron_averages(
    model: RandomNetwork, width: Array, response: Array, delta: Array, nodes: int, tightness: Scalar = 0.0
) -> NeuronAverages:
    """The integrals over x > 0; the weight is even since phi is odd. `tightness` is c/T."""
    phi = model.activation
    memory = model.symmetry * model.gain**2 * response
    stiffness = model.gain**2 * delta

    def exponent(x: Array, memory: Array, stiffness: Array, width: Array, tightness: Array) -> Array:
        rate = phi(x)
        return 0.5 * ((x - memory * rate) ** 2 + stiffness * rate**2) / width + tightness * x**2

    tight = jnp.asarray(tightness, float)
    fixed = jax.lax.stop_gradient((memory, stiffness, width, tight))
    end = outermost(lambda t: exponent(t, *fixed) < _REACH, jnp.sqrt(fixed[2]))
    x, weights = sinh_legendre([0.0, *clip_breakpoints(phi.breakpoints, 0.0, end), end], nodes)
    height = exponent(x, memory, stiffness, width, tight)
    lowest = jax.lax.stop_gradient(jnp.min(height))
    weighted = weights * jnp.exp(lowest - height)
    total = jnp.sum(weighted)
    density = weighted / total
    rate = phi(x)
    misfit = x - memory * rate
    return NeuronAverages(
        jnp.sum(density * rate**2) / width,
        jnp.sum(density * misfit * rate) / width,
        jnp.sum(density * misfit**2) / width,
        jnp.sum(density * x**2),
        jnp.log(2.0 * total) - lowest,
    )


def equations(
    model: RandomNetwork, temperature: Array, unknowns: Float[Array, " 3"], nodes: int, confinement: Scalar = 0.0
) -> Float[Array, " 3"]:
    """Residuals in (ln a, S, delta), each of order one where wrong."""
    width, response, delta = jnp.exp(unknowns[0]), unknowns[1], unknowns[2]
    found = neuron_averages(model, width, response, delta, nodes, per_temperature(confinement, temperature))
    return jnp.stack(
        [
            temperature / width + model.gain**2 * found.rate_square - 1.0,
            (response - found.response) / jnp.maximum(1.0, jnp.abs(response)),
            (delta - 1.0 + found.error_square) / jnp.maximum(1.0, jnp.abs(delta)),
        ]
    )


def per_temperature(confinement: Scalar, temperature: Array) -> Array:
    """c/T, 0 without confinement even at T = 0."""
    none = jnp.asarray(confinement) == 0.0
    return jnp.where(none, 0.0, confinement / jnp.where(none, 1.0, temperature))


def free_energy(
    model: RandomNetwork, temperature: Array, unknowns: Float[Array, " 3"], nodes: int, confinement: Scalar = 0.0
) -> Array:
    """F/N, from -F/(N T) = g^2 q D/2 - gamma g^2 S^2/2 - ln(a/T)/2 + ln int w dx; stationary at the solution."""
    width, response, delta = jnp.exp(unknowns[0]), unknowns[1], unknowns[2]
    found = neuron_averages(model, width, response, delta, nodes, per_temperature(confinement, temperature))
    # g^2 q = a - T, so that the expression is stationary in all three unknowns.
    exchange = 0.5 * ((width - temperature) * delta / width - model.symmetry * (model.gain * response) ** 2)
    return -temperature * (exchange - 0.5 * jnp.log(width / temperature) + found.log_norm)


def check_odd_without_field(model: RandomNetwork, theory: str) -> None:
    """The branch exists for odd phi and no field only."""
    if not model.activation.odd:
        raise ValueError(
            f"Argument `activation` must be odd for {theory} (zero-overlap branch), but {model.activation.name} is not."
        )
    field = model.constant_field(theory)
    if not isinstance(field, jax.core.Tracer) and field != 0:
        raise ValueError(
            f"Argument `field` must be 0 for {theory} (zero-overlap branch), but is {float(field):g}: "
            "a field makes the replicas overlap."
        )


def check_no_noise(model: RandomNetwork, theory: str) -> None:
    """The measure has a temperature of its own."""
    if not isinstance(model.noise, jax.core.Tracer) and model.noise > 0:
        raise ValueError(
            f"Argument `noise` must be 0 for {theory}, but is {float(model.noise):g}: the measure exp(-E/T) is built from "
            "the velocity alone; its temperature is an argument of the theory."
        )


_FAR = 1e6


def check_integrals(model: RandomNetwork, confinement: Scalar, theory: str) -> None:
    """Refuse unbounded phi where an average is known to diverge: from a gain on states spread without end."""
    known = not isinstance(model.gain, jax.core.Tracer) and not isinstance(model.symmetry, jax.core.Tracer)
    confined = isinstance(confinement, jax.core.Tracer) or confinement > 0
    if model.activation.bounded or confined or not known:
        return
    with jax.ensure_compile_time_eval():
        right, left = (float(model.activation(jnp.asarray(end))) / end for end in (_FAR, -_FAR))
    advice = "choose a confinement above 0, a smaller gain, or a bounded activation"
    if model.symmetry == 0 and model.gain**2 * (right**2 + left**2) >= 2.0:
        raise ValueError(
            f"Argument `gain` must be below {(2.0 / (right**2 + left**2)) ** 0.5:g} for {theory} with unbounded "
            f"{model.activation.name}, but is {float(model.gain):g}: <phi^2> diverges, since x has the variance "
            f"T + g^2 <phi^2>; {advice}."
        )
    if isinstance(model.activation, Linear) and model.gain * (1.0 + model.symmetry) >= 1.0:
        raise ValueError(
            f"Argument `gain` must be below 1/(1 + symmetry) = {1.0 / (1.0 + model.symmetry):g} for {theory} with linear "
            f"phi, but is {float(model.gain):g}: <x^2> = T <1/|eigenvalue|^2> diverges; {advice}."
        )
