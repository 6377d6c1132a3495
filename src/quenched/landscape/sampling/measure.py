"""What is kept of the chains, and what is estimated from it."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Key

from quenched.landscape.sampling.diagnostics import bulk_sample_size, effective_sample_size, split, split_r_hat
from quenched.landscape.sampling.kernels import Proposal, transition
from quenched.landscape.sampling.ladder import exchange, ladder_temperatures
from quenched.landscape.sampling.target import Target
from quenched.landscape.sampling.warm_up import Warm

# Sums of the states with random signs: they tell one well from another, which E, x^2 and phi^2 need not.
_PROJECTIONS = 4
OBSERVABLES = ("energy", "mean_square_state", "mean_square_rate", *(f"projection_{i}" for i in range(_PROJECTIONS)))


class ChainDraws(NamedTuple):
    """What is kept of each draw, per neuron."""

    energy: Float[Array, "draw chain"]
    mean_square_state: Float[Array, "draw chain"]
    mean_square_rate: Float[Array, "draw chain"]
    mean_state: Float[Array, "draw chain"]
    mean_rate: Float[Array, "draw chain"]
    self_response_overlap: Float[Array, "draw chain"]
    projection: Float[Array, "draw chain projection"]
    overlap: Float[Array, "draw pair"]
    response_overlap: Float[Array, "draw pair"]
    moved: Bool[Array, "draw chain"]
    """Whether a transition at the lowest temperature changed the state since the draw before."""
    acceptance: Float[Array, "draw rung"]
    exchange_rate: Float[Array, "draw gap"]
    exchange_turn: Float[Array, "draw gap"]
    state: Float[Array, "draw chain neuron"] | None


def pairs_of(chains: int) -> tuple[np.ndarray, np.ndarray]:
    """The two chains of each pair."""
    return np.triu_indices(chains, 1)


def draw(
    proposal: Proposal,
    target: Target,
    temperature: Any,
    warm: Warm,
    key: Key[Array, ""],
    draws: int,
    thinning: int,
    record: bool,
) -> tuple[Warm, ChainDraws]:
    """Some draws, each after `thinning` transitions."""
    temperatures = ladder_temperatures(temperature, warm.gaps)
    rungs = temperatures.size

    def one(chains: Any, now: tuple[Array, Array]) -> tuple[Any, tuple[Array, Array, Array, Array]]:
        index, key = now
        move_key, exchange_key = jax.random.split(key)
        before = chains.state[0]
        chains, probability = transition(proposal, target, chains, temperatures, warm.tuning, move_key)
        moved = jnp.any(chains.state[0] != before, axis=1)
        rates, turn = jnp.zeros(rungs - 1), jnp.zeros(rungs - 1)
        if rungs > 1:
            chains, rates, turn = exchange(chains, temperatures, index % 2, exchange_key)
        return chains, (jnp.mean(probability, axis=1), rates * turn, turn, moved)

    def kept(chains: Any, now: tuple[Array, Array]) -> tuple[Any, ChainDraws]:
        index, key = now
        counted = (index * thinning + jnp.arange(thinning), jax.random.split(key, thinning))
        chains, (acceptance, rates, turn, moved) = jax.lax.scan(one, chains, counted)
        state = chains.state[0] if record else None
        told = _observed(target, temperature, chains.state[0], chains.energy[0])
        told |= {"exchange_rate": jnp.sum(rates, 0), "exchange_turn": jnp.sum(turn, 0), "moved": jnp.any(moved, 0)}
        return chains, ChainDraws(**told, acceptance=jnp.mean(acceptance, 0), state=state)

    chains, measured = jax.lax.scan(kept, warm.chains, (jnp.arange(draws), jax.random.split(key, draws)))
    return warm._replace(chains=chains), measured


def _observed(target: Target, temperature: Any, state: Float[Array, "chain neuron"], energy: Array) -> dict[str, Array]:
    count, neurons = state.shape
    rate = target.rate(state)
    speed = jax.vmap(lambda x: target.dynamics.residual(x, target.inputs))(state)
    cross = -(speed @ rate.T) / neurons / jnp.sqrt(temperature)
    first, second = pairs_of(count)
    signs = np.random.default_rng(0).choice([-1.0, 1.0], size=(neurons, _PROJECTIONS)) / np.sqrt(neurons)
    return {
        "energy": energy / neurons,
        "mean_square_state": jnp.mean(state**2, axis=1),
        "mean_square_rate": jnp.mean(rate**2, axis=1),
        "mean_state": jnp.mean(state, axis=1),
        "mean_rate": jnp.mean(rate, axis=1),
        "self_response_overlap": jnp.diag(cross),
        "projection": state @ signs,
        "overlap": (rate @ rate.T / neurons)[first, second],
        "response_overlap": 0.5 * (cross + cross.T)[first, second],
    }


def diagnosed(draws: ChainDraws) -> tuple[Float[Array, " observable"], Float[Array, " observable"]]:
    """R-hat and bulk effective sample size of each of OBSERVABLES; infinity and 0 where a chain never moved, for what is
    constant then says nothing about the measure."""
    plain = [getattr(draws, name).T for name in OBSERVABLES[:-_PROJECTIONS]]
    series = jnp.stack([*plain, *jnp.moveaxis(draws.projection, 2, 0).swapaxes(1, 2)])
    r_hat, sizes = jax.lax.map(split_r_hat, series), jax.lax.map(bulk_sample_size, series)
    stuck = ~jnp.all(jnp.any(draws.moved, axis=0))
    return jnp.where(stuck, jnp.inf, r_hat), jnp.where(stuck, 0.0, sizes)


def all_finite(draws: ChainDraws) -> Bool[Array, ""]:
    """Whether all that was observed of every draw is a number."""
    return jnp.all(jnp.stack([jnp.all(jnp.isfinite(values)) for values in jax.tree.leaves(draws)]))


def estimated(draws: ChainDraws, temperature: Any) -> dict[str, Array]:
    """Averages over all draws and their errors: over chains by effective sample size, over pairs by jackknife."""
    found: dict[str, Array] = {}
    singles = ("energy", "mean_square_state", "mean_square_rate", "mean_state", "mean_rate", "self_response_overlap")
    for name in singles:
        series = getattr(draws, name).T
        found[name] = jnp.mean(series)
        found[f"{name}_error"] = jnp.std(series - series[0, 0]) / jnp.sqrt(effective_sample_size(split(series)))
    found["self_overlap"], found["self_overlap_error"] = found["mean_square_rate"], found["mean_square_rate_error"]

    chains = draws.energy.shape[1]
    own = jnp.mean(draws.self_response_overlap, axis=0)
    overlap, crossed = (
        _without_each(jnp.mean(values, axis=0), chains) for values in (draws.overlap, draws.response_overlap)
    )
    own_without = (jnp.sum(own) - jnp.concatenate([jnp.zeros(1), own])) / (
        chains - jnp.concatenate([jnp.zeros(1), jnp.ones(chains)])
    )
    found["overlap"], found["overlap_error"] = _jackknife(overlap)
    found["response_overlap"], found["response_overlap_error"] = _jackknife(crossed)
    # d<phi_i>/df_i = -(<F_i phi_i> - <F_i><phi_i>)/T: the product of averages from independent chains.
    found["local_response"], found["local_response_error"] = _jackknife((own_without - crossed) / jnp.sqrt(temperature))
    return found


def _without_each(values: Float[Array, " pair"], chains: int) -> Float[Array, " left_out"]:
    """Mean over all pairs, then over those without the first chain, without the second, ..."""
    first, second = pairs_of(chains)
    kept = np.stack([np.ones(len(first)), *[(first != c) & (second != c) for c in range(chains)]]).astype(float)
    return kept @ values / kept.sum(axis=1)


def _jackknife(values: Float[Array, " left_out"]) -> tuple[Array, Array]:
    whole, parts = values[0], values[1:]
    count = parts.size
    return whole, jnp.sqrt((count - 1) / count * jnp.sum((parts - jnp.mean(parts)) ** 2))
