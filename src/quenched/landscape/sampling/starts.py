"""Where chains and searches begin: clouds, and states cooled in the speed landscape."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from quenched import checks
from quenched.dynamics.base import AbstractDynamics
from quenched.dynamics.read import read_dynamics
from quenched.keys import read_key
from quenched.landscape.sampling.kernels import HMC, Langevin
from quenched.landscape.sampling.target import Target, identity, placed, rate_of
from quenched.landscape.sampling.warm_up import cooled, start_temperature
from quenched.models.labels import in_order
from quenched.numerics.memory import KEY_BYTES, refuse_what_does_not_fit
from quenched.precision import double_precision

# Langevin starts: steps, and how cold they end relative to where E/N = T/2 in the cloud.
_STEPS, _COLD = 200, 1e-3


def cloud(size: int, count: int, key: Key[Array, ""]) -> Float[Array, "start neuron"]:
    """Gaussian clouds of widths up to 2: where nothing is known."""
    width_key, state_key = jax.random.split(key)
    return jax.random.uniform(width_key, (count, 1), maxval=2.0) * jax.random.normal(state_key, (count, size))


_cloud_compiled = jax.jit(cloud, static_argnums=(0, 1))


def langevin_starts(
    dynamics: AbstractDynamics, inputs: Any, count: int, key: Key[Array, ""]
) -> Float[Array, "start neuron"]:
    """States that Langevin dynamics, adjusted, has cooled to a thousandth of a cloud's energy. Pure, so that jit passes.

    Arguments:
        dynamics: what `read_dynamics` returns. inputs: (input), (start, input) or None.
    """
    cloud_key, cool_key = jax.random.split(key)
    states = cloud(dynamics.size, count, cloud_key)
    own = inputs is not None and inputs.ndim == 2
    keys = jax.random.split(cool_key, count) if own else cool_key

    def one(inputs: Any, states: Array, key: Array) -> Array:
        target = Target(dynamics, inputs, 0.0, identity)
        chains = placed(target, states[None])
        cold = _COLD * start_temperature(chains)
        return cooled(Langevin(adjusted=True, preconditioner="none"), target, cold, chains, _STEPS, key).state[0]

    if own:
        return jax.vmap(one)(inputs, states[:, None], keys)[:, 0]
    return one(inputs, states, keys)


@double_precision
def anneal(
    dynamics: Any,
    temperature: float,
    count: int = 100,
    *,
    inputs: Any = None,
    confinement: float = 0.0,
    solver: HMC | Langevin | None = None,
    steps: int = 1000,
    starts: Any = None,
    key: int | Array | None = None,
) -> np.ndarray:
    """Cool chains in the landscape E(x) = |F(x)|^2/2 + confinement |x|^2 to states from which to begin a search.

    The temperature falls geometrically from where E/N = T/2 at the starts down to `temperature`; the states are lower in E
    the more slowly they were cooled.

    Arguments:
        dynamics: a `qd.Network`, `qd.landscape.Flow` or `qd.landscape.Map`.
        temperature: where the cooling ends, in units of velocity squared, greater than 0.
        count: how many chains; left aside where `starts` are given.
        inputs: constant inputs, (input).
        confinement: strength of the term c |x|^2 of E, at least 0; needed where F stays small far away.
        solver: `qd.landscape.HMC(...)`, the default, or `qd.landscape.Langevin(...)`; its step is adapted on the way.
        steps: transitions of each chain.
        starts: where the chains begin, (start, neuron); Gaussian clouds of widths up to 2 if left out.
        key: seed, 0 if left out.

    Returns:
        The states at the end, (start, neuron).

    Raises:
        TypeError: no dynamics, another solver, no number.
        ValueError: a temperature that is not above 0, a confinement below 0, starts or inputs of another shape, phi that
            jumps.
        MemoryError: the chains would not fit.

    When it fails: cooled too fast, chains freeze in local minima above zero; raise `steps`.

    Source: Kirkpatrick, Gelatt & Vecchi 1983; for fixed points Qiu & Huang 2025 (`qiu2025`).

    Example:
        >>> import numpy as np, quenched as qd
        >>> pair = qd.Network(np.array([[0.0, 2.0], [2.0, 0.0]]))
        >>> states = qd.landscape.anneal(pair, 1e-6, count=20, steps=200)
        >>> found = qd.landscape.find_fixed_points(pair, starts=states)
        >>> found.sizes["fixed_point"], float(found.outcome.max())
        (3, 0.0)
    """
    solver = HMC() if solver is None else solver
    if not isinstance(solver, HMC | Langevin):
        raise TypeError(f"Argument `solver` must be an HMC or a Langevin, but is {checks.shown(solver)}.")
    temperature = read_temperature(temperature)
    steps, count = checks.count("steps", steps), checks.count("count", count)
    target = read_target(dynamics, inputs, checks.number("confinement", confinement, low=0.0), None)
    starts = in_order("Argument `starts`", starts, getattr(dynamics, "names", None))
    chains = count if starts is None else len(np.atleast_1d(starts))
    needed = 8 * target.dynamics.size * (24 * chains + 8 * target.dynamics.size) + KEY_BYTES * steps
    what = f"{steps} steps of {chains} chains of {target.dynamics.size} neurons"
    refuse_what_does_not_fit(needed, what, "`count` or `steps`")
    start_key, cool_key = jax.random.split(read_key(key))
    states = read_starts(starts, target, count, start_key)
    return np.asarray(_anneal_compiled(solver, target, jnp.asarray(temperature), states, steps, cool_key))


@eqx.filter_jit
def _anneal_compiled(solver: Any, target: Target, temperature: Any, states: Array, steps: int, key: Array) -> Array:
    return cooled(solver, target, temperature, placed(target, states[None]), steps, key).state[0]


def read_temperature(temperature: Any) -> Any:
    """Greater than 0."""
    if not isinstance(temperature, jax.core.Tracer) and np.ndim(temperature) == 0 and temperature == 0:
        raise ValueError(
            "Argument `temperature` must be greater than 0, but is 0; the limit T -> 0 is qd.landscape.find_fixed_points."
        )
    return checks.number("temperature", temperature, above=0.0)


def read_target(dynamics: Any, inputs: Any, confinement: Any, rate: Any) -> Target:
    """The landscape of a dynamics with one set of inputs."""
    if rate is not None and not callable(rate):
        raise TypeError(f"Argument `rate` must be a function, but is {rate!r}.")
    read, given = read_dynamics(dynamics, inputs)
    if given is not None and given.ndim == 2:
        raise ValueError(f"Argument `inputs` must be one set (input) of one landscape, but has shape {given.shape}.")
    return Target(read, given, jnp.asarray(confinement, float), rate_of(read, rate))


def read_starts(starts: Any, target: Target, count: int, key: Array) -> Float[Array, "start neuron"]:
    """Given states, or clouds; refused where E is not finite there."""
    size = target.dynamics.size
    if starts is None:
        states = _cloud_compiled(size, count, key)
    else:
        given = checks.real_array("Argument `starts`", starts, (None, size))
        if not len(given):
            raise ValueError("Argument `starts` must hold at least one state, but is empty.")
        states = jnp.asarray(given)
    if not np.isfinite(np.asarray(_energies_compiled(target, states))).all():
        what = "velocity" if target.dynamics.kind == "flow" else "step"
        raise ValueError(
            f"Argument `{what}` must be finite and have a gradient at the starts, but has NaN or infinity there."
        )
    return states


@eqx.filter_jit
def _energies_compiled(target: Target, states: Array) -> Array:
    energy, gradient = jax.vmap(target.energy_and_gradient)(states)
    return energy + jnp.sum(gradient, axis=1)
