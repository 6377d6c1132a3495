"""Networks without symmetry at rest: every neuron at its own place, x ~ N(b, v) with v = g^2 <phi^2>, or all at x = b."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array

from quenched.dmft.potential import largest_variance
from quenched.gaussian.averages import Function, average, average_of_jumps, meets_jumps
from quenched.models import RandomNetwork
from quenched.numerics.bracket import illinois, newton_nearby
from quenched.numerics.linear import solve_small
from quenched.numerics.self_consistency import Newton, Residual


def resting_variance(model: RandomNetwork, solver: Newton, centred: bool) -> tuple[Array, Array, Array, Array]:
    """v, 0 where x = b is the state of rest; the residual, the steps, and whether it was found."""
    if centred and not model.activation.jumps:
        nothing = jnp.zeros(())
        return nothing, nothing, jnp.zeros((), jnp.int32), jnp.asarray(True)
    phi = model.activation
    silent = phi.rests_at(jnp.asarray(model.field, float))
    # Noise has no state of rest, and a silent one needs no search: something easy is solved in their place.
    idle = silent | (model.noise > 0.0)
    used = model.replace(gain=jnp.where(idle, 0.0, model.gain), noise=0.0, field=jnp.where(idle, 1.0, model.field))
    fixed = jax.lax.stop_gradient(used)
    high, bounded = largest_variance(fixed)

    def residual(model: RandomNetwork) -> Residual:
        def equations(unknown: Array) -> Array:
            square = average(lambda x: phi(x) ** 2, model.field, high * unknown[0], breakpoints=phi.breakpoints)
            return unknown - model.gain**2 * square[None] / high

        return equations

    def excess(log_variance: Array) -> tuple[Array, tuple[Array, ...]]:
        return residual(fixed)(jnp.exp(log_variance)[None] / high)[0], ()

    # The largest root is below `high`, and where noise is absent not below its half.
    near, _, _ = illinois(excess, jnp.log(0.4 * high), jnp.log(high), 12)
    found = newton_nearby(residual(fixed), jnp.exp(near)[None] / high, 1e-6, solver.max_steps)
    left = residual(used)(found.unknowns)
    variance = high * (found.unknowns - solve_small(found.jacobian, left))[0]
    missed = jnp.abs(jax.lax.stop_gradient(left[0]))
    return (
        jnp.where(idle, 0.0, variance),
        jnp.where(idle, 0.0, missed),
        jnp.where(idle, 0, found.steps),
        idle | (bounded & (missed <= 1e-8)),
    )


def resting_state(
    model: RandomNetwork, variance: Array, lags: tuple[float, ...], frequencies: tuple[float, ...]
) -> dict[str, Array]:
    """What a network at rest returns: constants; a small difference grows as the largest eigenvalue of J phi' - 1."""
    phi, decay, zero = model.activation, jnp.exp(-jnp.asarray(lags)), jnp.zeros(())

    def mean(function: Function, at: Array = variance) -> Array:
        return average(function, model.field, at, breakpoints=phi.breakpoints)

    square = mean(lambda x: phi(x) ** 2)
    # On a kink the slope is that of either side, equally often.
    off_kink = jnp.maximum(variance, 1e-24) if phi.breakpoints else variance
    slopes = model.gain**2 * mean(lambda x: phi.slope(x) ** 2, off_kink)
    # Neurons near a jump of phi turn the smallest difference into one of the jump's size.
    jumping = (model.gain > 0.0) & meets_jumps(phi.jumps, model.field, variance)
    constant = jnp.ones_like(decay)
    values = {
        "state_correlation": (model.field**2 + variance) * constant,
        "correlation": square * constant,
        "state_response": decay,
        "response": (mean(phi.slope, off_kink) + average_of_jumps(phi.jumps, model.field, variance)) * decay,
        "power_spectrum": jnp.zeros(len(frequencies)),
        "rate_spectrum": jnp.zeros(len(frequencies)),
        "mean_state": jnp.asarray(model.field, float),
        "mean_rate": mean(phi),
        "mean_square_state": model.field**2 + variance,
        "mean_square_rate": square,
        "kinetic_energy": zero,
        "lyapunov_exponent": jnp.where(jumping, jnp.inf, jnp.sqrt(jnp.maximum(slopes, 1e-30)) - 1.0),
        "local_instability": jnp.where(jumping, jnp.inf, slopes),
    }
    return values | {f"{name}_error": jnp.zeros_like(value) for name, value in values.items()}
