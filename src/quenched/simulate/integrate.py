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
from quenched.keys import read_key
from quenched.models import AbstractInitial, Network
from quenched.models.labels import in_order, named
from quenched.models.starts import check_starts, draw_states, read_starts, read_states
from quenched.numerics.memory import KEY_BYTES, refuse_what_does_not_fit
from quenched.precision import double_precision
from quenched.simulate.refusals import check_run
from quenched.simulate.schemes import SCHEMES, unit_step
from quenched.solution import labelled

if TYPE_CHECKING:
    import xarray as xr

# Of several variables those are the first axis: (variable, trial, neuron).
State = Float[Array, "... trial neuron"]


def run(
    network: Network,
    state: State,
    steps: int,
    step: float,
    noise: Any,
    scheme: str,
    key: Key[Array, ""],
    observe: Callable[[Any, State, State, Any], tuple[Any, Any]],
    carry: Any,
    field_at: Callable[[Any], Any] | None = None,
    parts: int = 1,
    network_at: Callable[[Array], Network] | None = None,
    follow: Callable[[Any, Callable[[State], State], State], tuple[State, Any]] | None = None,
) -> tuple[State, Any, Any]:
    """Advance all trials of one network by `steps`; `observe(carry, x, F(x), time)` sees every state on the way.

    `field_at(time since the start)` is added to the network's own field. The noise of a step, one number or one for each
    neuron, is drawn in so many `parts`: it is that of a run of as many shorter steps with the same key. `network_at(key)` is
    the network of one step, where its couplings are drawn anew at each. `follow(carry, ahead, x)` is the next state ahead(x)
    and the next carry, where what is carried moves with the state.

    Returns the last state, the last carry, and whatever `observe` kept.
    """
    unit = network.unit

    def one_step(now: tuple[State, Any], each: tuple[Array, Array]) -> tuple[tuple[State, Any], Any]:
        (x, seen), (index, step_keys) = now, each
        present = network if network_at is None else network_at(jax.random.fold_in(step_keys[0], 1))

        def received(x: State, index: Array) -> Array:
            return present.received(x, 0.0 if field_at is None else field_at(step * index))

        field = received(x, index)
        seen, kept = observe(seen, x, unit.drift(x, field), step * index)
        # Random numbers are most of the work of a small network: none are drawn without noise.
        kick = jax.lax.cond(
            jnp.any(noise > 0.0),
            lambda: noise * jnp.sqrt(step / parts) * sum(jax.random.normal(key, field.shape) for key in step_keys),
            lambda: jnp.zeros_like(field),
        )

        def ahead(x: State, field: State) -> State:
            return unit_step(unit, x, field, lambda ahead: received(ahead, index + 1), step, kick, scheme)

        if follow is None:
            return (ahead(x, field), seen), kept
        return follow(seen, lambda x: ahead(x, received(x, index)), x), kept

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
    noise: Any = 0.0,
    field: Callable[[Any], Any] | None = None,
    scheme: str = "second_order",
    key: int | Array | None = None,
) -> xr.Dataset:
    """Trajectories of one network, dx = F(x) dt + noise dW, or x' = F(x) + noise xi of a map; every state is kept.

    Arguments:
        network: a `qd.Network`, of any unit.
        duration, step: how long, and the time step (at most 1; the duration must be a multiple of it). Of a map the step is
            1 and the duration counts steps.
        initial: `qd.Normal`, `qd.Uniform`, a quantile function, or states (neuron) or (trial, neuron);
            `qd.Normal(0, 1)` if left out, `qd.Uniform(0, 1)` of abundances. Further variables of a state begin at 0 unless
            this is a tuple, a distribution for each variable, or states (variable, trial, neuron).
        trials: how many runs from independent initial states and noise; ignored when states are given.
        noise: sigma, at least 0, one number or one for each neuron.
        field: a function of the time that is added to the network's field, one number or one for each neuron: an input in
            time, such as `lambda time: weights_in @ stream[time.astype(int)]` of a map.
        scheme: "second_order" (Heun) or "euler" (Euler-Maruyama); a map has one of its own.
        key: seed, 0 if left out.

    Returns:
        Dataset with `trajectory` (time, trial, neuron); of units with several variables `trajectory` is the first of them,
        and `state_trajectory` (variable, time, trial, neuron) holds all.

    Raises:
        TypeError: no `qd.Network`, no number, no function of the time.
        ValueError: a duration that is no multiple of the step, a step that is too long for the unit, noise below 0, states
            of another shape; abundances with noise, or below 0.
        FloatingPointError: a trajectory diverged.
        MemoryError: all states would not fit.

    Example:
        >>> import numpy as np, quenched as qd
        >>> run = qd.simulate.integrate(qd.Network(np.zeros((2, 2))), 1.0, 0.1, initial=np.ones(2))
        >>> print(f"{float(run.trajectory[-1, 0, 0]):.2f}")
        0.37
    """
    import xarray as xr

    if not isinstance(network, Network):
        raise TypeError(f"Argument `network` must be a qd.Network, but is {checks.shown(network)}.")
    steps, step = count_steps(duration, check_step(step)), float(step)
    units, variables = network.units, network.unit.state_size
    noise = read_noise(noise, network.size)
    check_run(units, step, noise)
    field = read_field(field, network.size)
    checks.one_of("scheme", scheme, SCHEMES)
    trials = checks.count("trials", trials)
    given = in_order("Argument `initial`", initial, network.names)
    distribution = given is None or callable(given) or isinstance(given, AbstractInitial) or _are_distributions(given)
    if not distribution:
        given = checks.numbers("Argument `initial`", given)
        trials = given.shape[-2] if given.ndim > 1 else 1
    # The states as they are kept, once more with the last, and a key for each step; the largest matrix in between is that of
    # the weights.
    needed = (2.2 * 8 * trials * network.state_size + KEY_BYTES) * (steps + 1)
    refuse_what_does_not_fit(needed, f"{steps + 1} states of {trials} trials", "`duration` or `trials`, or raise `step`")
    start_key, noise_key = jax.random.split(read_key(key))
    if distribution:
        starts = read_starts(given)
        check_starts(starts, units)
        state = draw_states(starts, network.unit, (trials, network.size), start_key)
    else:
        what = f"qd.Normal, qd.Uniform, or states (trial, {network.size})"
        state = read_states(given, network.unit, network.size, what)
    states = np.asarray(_record(network.unnamed, state, steps, step, noise, scheme, noise_key, field))
    if not np.isfinite(states).all():
        first = step * int(np.argwhere(~np.isfinite(states).all(axis=tuple(range(1, states.ndim))))[0, 0])
        smaller = "smaller weights" if network.unit.kind == "map" else "a smaller `step` or smaller weights"
        raise FloatingPointError(f"The trajectory diverged before time {first:g}; use {smaller}.")
    found = {"trajectory": labelled("trajectory", states[:, 0] if variables > 1 else states)}
    if variables > 1:
        found["state_trajectory"] = labelled("state_trajectory", np.moveaxis(states, 1, 0))
    return named(xr.Dataset(found, {"time": step * np.arange(steps + 1)}), network)


def _are_distributions(initial: Any) -> bool:
    return isinstance(initial, tuple) and any(callable(each) or isinstance(each, AbstractInitial) for each in initial)


@partial(jax.jit, static_argnames=("steps", "step", "scheme", "field"))
def _record(
    network: Network,
    state: State,
    steps: int,
    step: float,
    noise: Array,
    scheme: str,
    key: Array,
    field: Callable[[Any], Any] | None = None,
) -> Array:
    def observe(carry: None, x: State, drift: State, time: Any) -> tuple[None, State]:
        return carry, x

    last, _, kept = run(network, state, steps, step, noise, scheme, key, observe, None, field)
    return jnp.concatenate([kept, last[None]])


def read_noise(noise: Any, size: int) -> Any:
    """sigma, one number or one for each neuron."""
    if np.ndim(noise) == 0:
        return checks.number("noise", noise, low=0.0)
    found = checks.real_array("Argument `noise`", noise, (size,))
    for place in np.flatnonzero(found < 0.0)[:1]:
        checks.number(f"noise[{place}]", found[place], low=0.0)
    return found


def read_field(field: Any, size: int) -> Callable[[Any], Any] | None:
    """A function of the time, of one number or one for each neuron, or None."""
    if field is None:
        return None
    if not callable(field):
        raise TypeError(
            f"Argument `field` must be a function of the time, but is {checks.shown(field)}; a constant field is the "
            "network's: qd.Network(weights, field=...)."
        )
    try:
        shape = jax.eval_shape(field, jax.ShapeDtypeStruct((), np.float64)).shape
    except Exception as error:
        raise TypeError(
            "Argument `field` must be a function of the time that JAX can trace (jnp, not np, inside), but calling it "
            f"failed: {error}"
        ) from error
    if shape not in ((), (size,)):
        raise ValueError(
            f"Argument `field` must return one number or one for each of the {size} neurons, but returns {shape}."
        )
    found: Callable[[Any], Any] = field
    return found
