"""Running networks forward in time."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from quenched import checks
from quenched.models import AbstractInitial, Network, Normal, Quantile
from quenched.models.labels import in_order, named
from quenched.numerics.memory import KEY_BYTES, refuse_what_does_not_fit
from quenched.precision import double_precision
from quenched.simulate.schemes import SCHEMES
from quenched.solution import labelled

if TYPE_CHECKING:
    import xarray as xr

State = Float[Array, "trial neuron"]


def run(
    network: Network,
    state: State,
    steps: int,
    step: float,
    noise: Any,
    scheme: str,
    key: Key[Array, ""],
    observe: Callable[[Any, State, State], tuple[Any, Any]],
    carry: Any,
    field_at: Callable[[Any], Any] | None = None,
    parts: int = 1,
) -> tuple[State, Any, Any]:
    """Advance all trials of one network by `steps`; `observe(carry, x, F(x))` sees every state on the way.

    `field_at(time since the start)` is added to the network's own field. The noise of a step is drawn in so many `parts`: it
    is that of a run of as many shorter steps with the same key.

    Returns the last state, the last carry, and whatever `observe` kept.
    """
    advance = SCHEMES[scheme]

    def velocity(x: State, index: Array) -> State:
        return network.drift(x, 0.0 if field_at is None else field_at(step * index))

    def one_step(now: tuple[State, Any], each: tuple[Array, Array]) -> tuple[tuple[State, Any], Any]:
        (x, seen), (index, step_keys) = now, each
        drift = velocity(x, index)
        seen, kept = observe(seen, x, drift)
        # Random numbers are most of the work of a small network: none are drawn without noise.
        kick = jax.lax.cond(
            noise > 0.0,
            lambda: noise * jnp.sqrt(step / parts) * sum(jax.random.normal(key, x.shape) for key in step_keys),
            lambda: jnp.zeros_like(x),
        )
        return (advance(lambda ahead: velocity(ahead, index + 1), x, drift, step, kick), seen), kept

    keys = jax.random.split(key, steps * parts).reshape(steps, parts)
    (state, carry), kept = jax.lax.scan(one_step, (state, carry), (jnp.arange(steps), keys))
    return state, carry, kept


def count_steps(duration: Any, step: Any, name: str = "duration") -> int:
    """How many steps make the duration; a duration that is not a multiple of the step is refused."""
    duration, step = checks.number(name, duration, low=0.0), checks.number("step", step, above=0.0)
    steps = round(float(duration) / float(step))
    if abs(steps * step - duration) > 1e-9 * max(1.0, duration):
        raise ValueError(f"Argument `{name}` must be a multiple of `step` = {step:g}, but is {duration:g}.")
    return steps


def check_step(step: Any) -> float:
    """The leak alone makes Euler's scheme oscillate beyond step 1 and diverge beyond 2."""
    return float(checks.number("step", step, above=0.0, high=1.0))


@double_precision
def integrate(
    network: Network,
    duration: float,
    step: float,
    *,
    initial: AbstractInitial | Any = None,
    trials: int = 1,
    noise: float = 0.0,
    scheme: str = "second_order",
    key: int | Array | None = None,
) -> xr.Dataset:
    """Trajectories of one network, dx = F(x) dt + noise dW, every state kept.

    Arguments:
        network: a `qd.Network`.
        duration, step: how long, and the time step (at most 1; the duration must be a multiple of it).
        initial: `qd.Normal`, `qd.Uniform`, a quantile function, or states (neuron) or (trial, neuron);
            `qd.Normal(0, 1)` if left out.
        trials: how many runs from independent initial states and noise; ignored when states are given.
        noise: sigma, at least 0.
        scheme: "second_order" (Heun) or "euler" (Euler-Maruyama).
        key: seed, 0 if left out.

    Returns:
        Dataset with `trajectory` (time, trial, neuron).

    Raises:
        ValueError, TypeError: bad arguments. FloatingPointError: the trajectory diverged. MemoryError: all states would not
            fit.

    Example:
        >>> import numpy as np, quenched as qd
        >>> run = qd.simulate.integrate(qd.Network(np.zeros((2, 2))), 1.0, 0.1, initial=np.ones(2))
        >>> print(f"{float(run.trajectory[-1, 0, 0]):.2f}")
        0.37
    """
    import xarray as xr

    from quenched.solve import read_key

    if not isinstance(network, Network):
        raise TypeError(f"Argument `network` must be a qd.Network, but is {checks.shown(network)}.")
    steps, step = count_steps(duration, check_step(step)), float(step)
    noise = checks.number("noise", noise, low=0.0)
    checks.one_of("scheme", scheme, SCHEMES)
    trials = checks.count("trials", trials)
    initial = in_order("Argument `initial`", initial, network.names)
    if initial is not None and not isinstance(initial, AbstractInitial) and not callable(initial):
        initial = checks.numbers("Argument `initial`", initial)
        trials = len(np.atleast_2d(initial))
    # The states as they are kept, once more with the last, and a key for each step; the largest matrix in between is that of
    # the weights.
    needed, what = (2.2 * 8 * trials * network.size + KEY_BYTES) * (steps + 1), f"{steps + 1} states of {trials} trials"
    refuse_what_does_not_fit(needed, what, "`duration` or `trials`, or raise `step`")
    start_key, noise_key = jax.random.split(read_key(key))
    state = _initial_states(initial, network.size, trials, start_key)
    trajectory = np.asarray(_record(network.unnamed, state, steps, step, noise, scheme, noise_key))
    if not np.isfinite(trajectory).all():
        first = step * int(np.argwhere(~np.isfinite(trajectory).all(axis=(1, 2)))[0, 0])
        raise FloatingPointError(f"The trajectory diverged before time {first:g}; use a smaller `step` or smaller weights.")
    found = xr.Dataset({"trajectory": labelled("trajectory", trajectory)}, {"time": step * np.arange(steps + 1)})
    return named(found, network)


@partial(jax.jit, static_argnames=("steps", "step", "scheme"))
def _record(network: Network, state: State, steps: int, step: float, noise: Array, scheme: str, key: Array) -> Array:
    last, _, kept = run(network, state, steps, step, noise, scheme, key, lambda carry, x, drift: (carry, x), None)
    return jnp.concatenate([kept, last[None]])


def _initial_states(initial: Any, size: int, trials: int, key: Array) -> State:
    if callable(initial) and not isinstance(initial, AbstractInitial):
        initial = Quantile(initial)
    if initial is None or isinstance(initial, AbstractInitial):
        return (Normal() if initial is None else initial).draw((trials, size), key)
    given = checks.numbers("Argument `initial`", initial)
    states = np.atleast_2d(given)
    if states.ndim != 2 or states.shape[1] != size:
        raise ValueError(
            f"Argument `initial` must be qd.Normal, qd.Uniform, or states (trial, {size}), but has shape {given.shape}."
        )
    if not np.isfinite(states).all():
        raise ValueError("Argument `initial` must be finite, but holds NaN or infinity.")
    return jnp.asarray(states)
