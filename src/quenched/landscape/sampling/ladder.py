"""Replica exchange: chains at several temperatures trade places, so that cold ones cross barriers where it is hot."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from quenched import checks
from quenched.landscape.sampling.kernels import HMC, Langevin, Proposal
from quenched.landscape.sampling.target import Chains

# Neighbouring temperatures differ by factors between exp(0.001) and exp(7).
_SMALLEST_GAP, _LARGEST_GAP = 1e-3, 7.0


class ReplicaExchange(eqx.Module):
    """Chains at several temperatures T = T_0 < T_1 < ... that trade places, so that cold ones cross barriers.

    After each transition neighbours i, j trade their states with probability min(1, exp((1/T_i - 1/T_j)(E_i - E_j))), which
    leaves the product of all exp(-E_i/T_i) as it is. The gaps between the temperatures are adapted during the warm-up until
    neighbours trade at `exchange_rate`, and then kept. The number of rungs is the one that reaches `hottest` where E is
    quadratic; adapted gaps may end hotter or colder, see `ladder_temperature`.

    Arguments:
        kernel: `HMC(...)`, the default, or `Langevin(adjusted=True)`, which moves the chains between the trades.
        hottest: temperature at which nothing should be a barrier, in units of the one asked for; 30 if left out.
        rungs: how many temperatures, at least 2; left out, as many as `hottest` takes, some sqrt(N) ln(hottest)/2.
        exchange_rate: the mean probability of a trade to adapt to.

    Raises:
        TypeError: another kernel, or unadjusted Langevin dynamics; no number.
        ValueError: `hottest` not above 1, fewer than two rungs, a rate outside [0.01, 0.99].

    Source: Swendsen & Wang 1986; Geyer 1991; Hukushima & Nemoto 1996.

    Example:
        >>> import quenched as qd
        >>> qd.landscape.ReplicaExchange(hottest=10).ladder_size(neurons=100)
        13
    """

    kernel: HMC | Langevin
    hottest: float = eqx.field(static=True)
    rungs: int | None = eqx.field(static=True)
    exchange_rate: float = eqx.field(static=True)

    def __init__(
        self,
        kernel: HMC | Langevin | None = None,
        hottest: float = 30.0,
        rungs: int | None = None,
        exchange_rate: float = 0.3,
    ):
        self.kernel = HMC() if kernel is None else kernel
        if not isinstance(self.kernel, HMC | Langevin) or not self.kernel.proposal().adjusted:
            raise TypeError(f"Argument `kernel` must be an HMC or a Langevin(adjusted=True), but is {kernel!r}.")
        self.hottest = float(checks.number("hottest", hottest, above=1.0))
        self.rungs = None if rungs is None else checks.count("rungs", rungs, low=2)
        self.exchange_rate = float(checks.number("exchange_rate", exchange_rate, low=0.01, high=0.99))

    def proposal(self) -> Proposal:
        return self.kernel.proposal()

    def ladder_size(self, neurons: int) -> int:
        """How many temperatures."""
        if self.rungs is not None:
            return self.rungs
        return max(2, 1 + math.ceil(math.log(self.hottest) / quadratic_gap(neurons, self.exchange_rate)))


Sampler = HMC | Langevin | ReplicaExchange


def quadratic_gap(neurons: int, rate: float) -> float:
    """ln(T_j/T_i) at which two Gaussian chains in `neurons` dimensions exchange at this rate.

    The gain of an exchange has mean -(ln T_j/T_i)^2 N/2 and twice that variance, hence rate = erfc(gap sqrt(N/8)).
    """
    return NormalDist().inv_cdf(1.0 - 0.5 * rate) * math.sqrt(4.0 / neurons)


def ladder_temperatures(lowest: Any, gaps: Float[Array, " gap"]) -> Float[Array, " rung"]:
    """The temperatures from the lowest up."""
    return lowest * jnp.exp(jnp.concatenate([jnp.zeros(1), jnp.cumsum(gaps)]))


def exchange(
    chains: Chains, temperatures: Float[Array, " rung"], odd: Int[Array, ""], key: Key[Array, ""]
) -> tuple[Chains, Float[Array, " gap"], Float[Array, " gap"]]:
    """Even and odd pairs of neighbours by turns; with each pair's probability and whether it was its turn."""
    rungs = temperatures.size
    beta, energy = 1.0 / temperatures[:, None], chains.energy
    probability = jnp.exp(jnp.minimum((beta[:-1] - beta[1:]) * (energy[:-1] - energy[1:]), 0.0))
    turn = jnp.arange(rungs - 1) % 2 == odd
    traded = turn[:, None] & (jax.random.uniform(key, probability.shape) < probability)
    none = jnp.zeros((1, energy.shape[1]), int)
    up, down = jnp.concatenate([traded, none]), jnp.concatenate([none, traded])
    source = jnp.arange(rungs)[:, None] + up - down
    moved = jax.tree.map(
        lambda leaf: jnp.take_along_axis(leaf, source.reshape(*source.shape, *[1] * (leaf.ndim - 2)), axis=0), chains
    )
    return moved, jnp.mean(probability, axis=1), turn.astype(float)


def adapted_gaps(
    gaps: Float[Array, " gap"], rates: Float[Array, " gap"], turn: Float[Array, " gap"], wanted: float, count: Int[Array, ""]
) -> Float[Array, " gap"]:
    """Wider where neighbours trade too often, narrower where too seldom (Robbins & Monro)."""
    change = turn * (rates - wanted) / (1.0 + count) ** 0.6
    return jnp.clip(gaps * jnp.exp(change), _SMALLEST_GAP, _LARGEST_GAP)
