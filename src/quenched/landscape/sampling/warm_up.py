"""Before anything is kept: the chains are cooled, and step, preconditioner, length and ladder are adapted."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from quenched.landscape.sampling.kernels import Proposal, Tuning, transition
from quenched.landscape.sampling.ladder import (
    ReplicaExchange,
    Sampler,
    adapted_gaps,
    exchange,
    ladder_temperatures,
    quadratic_gap,
)
from quenched.landscape.sampling.target import Chains, Target, placed

# Of equal length: cooling, two that learn the covariance, a last one for the step and the ladder alone.
_STAGES = 4
# Dual averaging, Hoffman & Gelman 2014: shrinkage, early iterations discounted, forgetting.
_SHRINKAGE, _DISCOUNT, _FORGETTING = 0.05, 10.0, 0.75


class Warm(NamedTuple):
    """Chains that have settled, and how to go on."""

    chains: Chains
    tuning: Tuning
    gaps: Float[Array, " gap"]


class _Progress(NamedTuple):
    chains: Chains
    gaps: Array
    log_step: Array
    averaged: Array
    error: Array
    mean: Array
    squares: Array


def ladder_size(sampler: Sampler, neurons: int) -> int:
    """How many temperatures; one without replica exchange."""
    return sampler.ladder_size(neurons) if isinstance(sampler, ReplicaExchange) else 1


def warm_up(
    sampler: Sampler,
    target: Target,
    temperature: Any,
    starts: Float[Array, "chain neuron"],
    steps: int,
    key: Key[Array, ""],
) -> Warm:
    """Cool from where E/N = T/2 at the starts, then adapt at the temperatures of the ladder."""
    neurons = starts.shape[1]
    proposal, rungs = sampler.proposal(), ladder_size(sampler, neurons)
    wanted = sampler.exchange_rate if isinstance(sampler, ReplicaExchange) else 0.3
    chains = placed(target, jnp.broadcast_to(starts, (rungs, *starts.shape)))
    warm = Warm(chains, untuned(proposal, rungs, neurons), jnp.full(rungs - 1, quadratic_gap(neurons, wanted)))
    length = max(1, steps // _STAGES)
    draws = length * starts.shape[0]

    # One compiled stage for all: the first cools, each later one learns from the one before.
    def stage(carry: tuple[Warm, Array], now: tuple[Array, Array]) -> tuple[tuple[Warm, Array], None]:
        (warm, covariance), (hot, key) = carry, now
        warm = warm._replace(tuning=_learned(proposal, warm.tuning, covariance, draws))
        return _stage(proposal, target, temperature, wanted, warm, length, key, hot, learning=True), None

    unit = jnp.broadcast_to(jnp.eye(neurons), (rungs, neurons, neurons))
    hots = jnp.zeros(_STAGES).at[0].set(start_temperature(chains))
    (warm, covariance), _ = jax.lax.scan(stage, (warm, unit), (hots, jax.random.split(key, _STAGES)))
    return warm._replace(tuning=_lengthened(proposal, warm.tuning, covariance))


def cooled(sampler: Sampler, target: Target, temperature: Any, chains: Chains, steps: int, key: Key[Array, ""]) -> Chains:
    """The chains after cooling alone, geometrically from where E/N = T/2 now."""
    rungs, _, neurons = chains.state.shape
    proposal = sampler.proposal()
    warm = Warm(chains, untuned(proposal, rungs, neurons), jnp.zeros(rungs - 1))
    return _stage(proposal, target, temperature, 0.3, warm, steps, key, start_temperature(chains), False)[0].chains


def start_temperature(chains: Chains) -> Float[Array, ""]:
    """Where E/N = T/2 for these chains, as it is in a quadratic well."""
    return jnp.maximum(2.0 * jnp.median(chains.energy) / chains.state.shape[-1], jnp.finfo(float).tiny)


def untuned(proposal: Proposal, rungs: int, neurons: int) -> Tuning:
    """Before anything is known: unit scales, and few leapfrogs."""
    step = jnp.full(rungs, 0.5 if proposal.step is None else proposal.step)
    dense = proposal.preconditioner == "dense"
    unit = jnp.eye(neurons) if dense else jnp.ones(neurons)
    leapfrogs = min(8, proposal.most_leapfrogs) if proposal.leapfrogs is None else proposal.leapfrogs
    return Tuning(step, jnp.broadcast_to(unit, (rungs, *unit.shape)), jnp.asarray(leapfrogs))


def _stage(
    proposal: Proposal,
    target: Target,
    temperature: Any,
    wanted: float,
    warm: Warm,
    length: int,
    key: Key[Array, ""],
    hot: Any,
    learning: bool,
) -> tuple[Warm, Array]:
    """Some transitions, cooling where it is `hot`; the step follows the acceptance. With the covariance of the states met,
    over T, if learning."""
    rungs, count, neurons = warm.chains.state.shape
    begun = jnp.log(warm.tuning.step)
    zero = jnp.zeros((rungs, neurons))
    whole = jnp.zeros((rungs, neurons, neurons) if learning else (rungs, 0, 0))
    progress = _Progress(warm.chains, warm.gaps, begun, begun, jnp.zeros(rungs), zero, whole)

    def move(progress: _Progress, now: tuple[Array, Array]) -> tuple[_Progress, None]:
        index, key = now
        move_key, exchange_key = jax.random.split(key)
        temperatures = ladder_temperatures(temperature, progress.gaps)
        left = jnp.maximum(jnp.log(hot / temperatures), 0.0)
        temperatures = temperatures * jnp.exp(left * (1.0 - (index + 1) / length))
        step = jnp.exp(progress.log_step) if proposal.step is None else warm.tuning.step
        tuning = warm.tuning._replace(step=step)
        chains, probability = transition(proposal, target, progress.chains, temperatures, tuning, move_key)
        log_step, averaged, error = _dual_averaging(proposal, begun, progress, jnp.mean(probability, axis=1), index)
        gaps = progress.gaps
        if rungs > 1 and learning:
            chains, rates, turn = exchange(chains, temperatures, index % 2, exchange_key)
            gaps = adapted_gaps(gaps, rates, turn * (hot <= temperature), wanted, index)
        # The covariance is around the mean of all chains, gathered one transition at a time.
        mean, squares = progress.mean, progress.squares
        if learning:
            change = chains.state - mean[:, None]
            mean = mean + jnp.mean(change, axis=1) / (index + 1)
            squares += jnp.einsum("rci,rcj->rij", change, chains.state - mean[:, None])
        return _Progress(chains, gaps, log_step, averaged, error, mean, squares), None

    counted = (jnp.arange(length), jax.random.split(key, length))
    progress, _ = jax.lax.scan(move, progress, counted)
    step = jnp.exp(progress.averaged) if proposal.step is None else warm.tuning.step
    temperatures = ladder_temperatures(temperature, progress.gaps)
    covariance = progress.squares / (length * count) / temperatures[:, None, None]
    return Warm(progress.chains, warm.tuning._replace(step=step), progress.gaps), covariance


def _dual_averaging(
    proposal: Proposal, begun: Array, progress: _Progress, acceptance: Array, index: Array
) -> tuple[Array, Array, Array]:
    count = index + 1.0
    weight = 1.0 / (count + _DISCOUNT)
    error = (1.0 - weight) * progress.error + weight * (proposal.acceptance - acceptance)
    log_step = begun + math.log(2.0) - jnp.sqrt(count) / _SHRINKAGE * error
    forget = count**-_FORGETTING
    return log_step, forget * log_step + (1.0 - forget) * progress.averaged, error


def _learned(proposal: Proposal, tuning: Tuning, covariance: Float[Array, "rung neuron neuron"], draws: int) -> Tuning:
    """Scales from the covariance; a dense one leans on its diagonal where there are few draws."""
    diagonal = jnp.diagonal(covariance, axis1=1, axis2=2)
    if proposal.preconditioner == "none":
        return tuning
    if proposal.preconditioner == "diagonal":
        scale = jnp.sqrt(diagonal)
    else:
        neurons = covariance.shape[1]
        trust = draws / (draws + neurons + 5.0)
        scale = jnp.linalg.cholesky(trust * covariance + (1.0 - trust) * jax.vmap(jnp.diag)(diagonal))
    usable = jnp.all(jnp.isfinite(scale)) & jnp.all(diagonal > 0.0)
    # Steps are of order 1 in units of the true scales.
    return _lengthened(
        proposal,
        tuning._replace(
            scale=jnp.where(usable, scale, tuning.scale),
            step=jnp.where(usable, jnp.full_like(tuning.step, 0.5), tuning.step),
        ),
        covariance,
    )


def _lengthened(proposal: Proposal, tuning: Tuning, covariance: Float[Array, "rung neuron neuron"]) -> Tuning:
    """As many leapfrogs as a quarter of the slowest period takes, of the coldest chains."""
    if proposal.leapfrogs is not None:
        return tuning
    quarter = 0.5 * jnp.pi / tuning.step[0]
    if tuning.scale.ndim == 2:
        scale = tuning.scale[0]
        quarter *= jnp.sqrt(jnp.linalg.eigvalsh(covariance[0] / scale[:, None] / scale[None, :])[-1])
    # A dense scale leaves all periods the same; a little short is better than long, which comes back.
    leapfrogs = jnp.nan_to_num(jnp.floor(quarter), nan=8.0)
    return tuning._replace(leapfrogs=jnp.clip(leapfrogs, 1, proposal.most_leapfrogs).astype(int))
