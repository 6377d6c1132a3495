"""Networks stepped by hand, and extrapolated to infinitely many neurons: what two-time theory is compared with."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import quenched as qd
from quenched.couplings import Redrawn
from quenched.models.starts import draw_states

SIZES = (100, 200, 400)


def drive(unit: Any, states: Any, speeds: Any, index: Any, step: float, scheme: str) -> Any:
    """The next state by Euler's scheme, that of Adams and Bashforth, or the map itself; `speeds` are now and before."""
    now, before = speeds
    if unit.kind == "flow" and scheme == "second_order":
        now = jnp.where(index == 0, now, 1.5 * now - 0.5 * before)
    return unit.advance(states, now, step, scheme)


@partial(jax.jit, static_argnames=("theory", "size", "kicked"))
def one_network(model: Any, theory: Any, size: int, key: Any, kicked: int) -> dict[str, Any]:
    """Averages over each population of one network, and the response to an input of random signs at step `kicked`."""
    step, steps = theory.step, round(theory.duration / theory.step)
    draw_key, start_key, noise_key, phase_key, sign_key = jax.random.split(key, 5)
    unit, couplings = model.unit_of_neurons(size), model.couplings
    weights = couplings.draw(size, draw_key)
    field, noise = model.fields_of_neurons(size, phase_key), model.of_neurons(model.noise, size)
    signs = jax.random.rademacher(sign_key, (size,), float)
    several, state = unit.state_size > 1, draw_states(theory.initial, unit, (size,), start_key)

    def run(pulse: Any) -> tuple[Any, Any]:
        def one_step(carry: Any, index: Any) -> Any:
            state, before = carry
            # Of layers the couplings of every step are others.
            now = couplings.draw(size, jax.random.fold_in(draw_key, index)) if isinstance(couplings, Redrawn) else weights
            received = now @ unit.rate(state) + field(step * index) + jnp.where(index == kicked, pulse * signs, 0.0)
            speed = unit.speed(state, received)
            ahead = drive(unit, state, (speed, before), index, step, theory.scheme)
            shock = noise * jnp.sqrt(step) * jax.random.normal(jax.random.fold_in(noise_key, index), (size,))
            ahead = ahead.at[0].add(shock) if several else ahead + shock
            return (ahead, speed), (state[0] if several else state, unit.rate(state))

        return jax.lax.scan(one_step, (state, jnp.zeros_like(state)), jnp.arange(steps + 1))[1]

    (states, rates), (_, answers) = jax.jvp(run, (0.0,), (1.0,))
    members = model.population(size) == jnp.arange(model.populations)[:, None]
    share = members / jnp.sum(members, axis=1, keepdims=True)
    of_species = {}
    if unit.nonnegative:
        lives = states > jax.vmap(unit.extinct_below)(step * jnp.arange(steps + 1.0))[:, None]
        of_species["surviving_fraction"] = jnp.einsum("an,tn->at", share, lives)
    return of_species | {
        "mean_state": jnp.einsum("an,tn->at", share, states),
        "mean_rate": jnp.einsum("an,tn->at", share, rates),
        "correlation": jnp.einsum("an,tn,sn->ats", share, rates, rates),
        "state_correlation": jnp.einsum("an,tn,sn->ats", share, states, states),
        "response": jnp.einsum("an,tn,n->at", share, answers, signs) / step,
    }


def extrapolated(model: Any, theory: Any, networks: int, kicked: int = 0) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Each average at N to infinity, by a line in 1/N through `SIZES`, and its standard error; (population, ...).

    `networks` of the largest size, more of the smaller.
    """
    values, errors = [], []
    with jax.enable_x64(True):
        for size in SIZES:
            count = networks * SIZES[-1] // size
            keys = jax.random.split(jax.random.key(1000 + size), count)
            every = jax.jit(partial(jax.lax.map, lambda key, size=size: one_network(model, theory, size, key, kicked)))(keys)
            every = jax.device_get(every)
            values.append({name: each.mean(axis=0) for name, each in every.items()})
            errors.append({name: each.std(axis=0, ddof=1) / np.sqrt(count) for name, each in every.items()})
    found = {}
    for name in values[0]:
        of_sizes = np.stack([each[name] for each in values])
        widths = np.maximum(np.stack([each[name] for each in errors]), 1e-12)
        inverse = (1.0 / np.array(SIZES)).reshape(-1, *[1] * (of_sizes.ndim - 1))
        weight = widths**-2.0
        total, first, second = weight.sum(0), (weight * inverse).sum(0), (weight * inverse**2).sum(0)
        spread = total * second - first**2
        at_zero = (second * (weight * of_sizes).sum(0) - first * (weight * inverse * of_sizes).sum(0)) / spread
        found[name] = (at_zero, np.sqrt(second / spread))
    return found


def distances(
    model: Any, theory: Any, networks: int, kicked: int = 0, every: int = 5, solver: Any = None
) -> dict[str, tuple[float, float]]:
    """How far theory is from networks in their common errors, at worst, and the largest of these errors; of each average."""
    arrays: dict[str, Any] = qd.solve(model, theory, solver=solver, key=3).arrays
    found = {}
    for name, (value, error) in extrapolated(model, theory, networks, kicked).items():
        if name not in arrays:
            continue
        own, own_error = arrays[name], arrays[f"{name}_error"]
        if model.populations == 1:
            own, own_error = own[None], own_error[None]
        if name == "response":
            own, own_error = own[:, :, kicked], own_error[:, :, kicked]
        at = (slice(None), *[slice(None, None, every)] * (value.ndim - 1))
        common = np.hypot(error, own_error)[at]
        off = np.abs(value - own)[at]
        present = common > 1e-9
        found[name] = (float(np.max(off[present] / common[present])), float(np.max(common)))
        assert np.max(off[~present], initial=0.0) < 1e-9
    return found
