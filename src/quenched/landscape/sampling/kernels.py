"""One transition: a few leapfrogs of Hamilton's equations from a random momentum, accepted or not (Metropolis).

With one leapfrog it is Langevin dynamics: of step h = (step of the leapfrog)^2/2, as exactly as Metropolis makes it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from quenched import checks
from quenched.landscape.sampling.target import Chains, Target, placed

PRECONDITIONERS = ("dense", "diagonal", "none")
# Each chain draws its step anew, by up to this fraction longer or shorter, lest an orbit closes.
_JITTER = 0.2


class Proposal(NamedTuple):
    """How a sampler moves; what is None is adapted during the warm-up."""

    adjusted: bool
    leapfrogs: int | None
    most_leapfrogs: int
    step: Any
    acceptance: float
    preconditioner: str
    jitter: float


class HMC(eqx.Module):
    """Hamiltonian Monte Carlo, whose stationary measure is exp(-E/T) exactly.

    A transition follows dx/ds = M^-1 p, dp/ds = -grad E/T from a random momentum p ~ N(0, M), and is accepted with the
    probability min(1, exp(-change of (E/T + p^T M^-1 p/2))). Step, preconditioner M^-1 (the covariance of the chains over T)
    and length, a quarter of the slowest period, are adapted during the warm-up, then kept.

    Arguments:
        acceptance: mean acceptance that the step is adapted to.
        leapfrogs: gradients a transition; as many as a quarter period takes if left out.
        most_leapfrogs: the largest number of gradients that the warm-up may choose.
        preconditioner: M^-1: "dense", "diagonal" or "none".

    Raises:
        ValueError, TypeError: an acceptance outside [0.01, 0.99], a number of leapfrogs that is not whole or below 1,
            another word for the preconditioner.

    Source: Duane et al. 1987; Neal 2011; the step by dual averaging, Hoffman & Gelman 2014.

    Example:
        >>> import numpy as np, quenched as qd
        >>> rest = qd.Network(np.zeros((3, 3)))
        >>> found = qd.landscape.sample(rest, 0.1, solver=qd.landscape.HMC(acceptance=0.9))
        >>> bool(abs(found.acceptance[0] - 0.9) < 0.1)
        True
    """

    acceptance: float = eqx.field(static=True)
    leapfrogs: int | None = eqx.field(static=True)
    most_leapfrogs: int = eqx.field(static=True)
    preconditioner: str = eqx.field(static=True)

    def __init__(
        self,
        acceptance: float = 0.8,
        leapfrogs: int | None = None,
        most_leapfrogs: int = 64,
        preconditioner: str = "dense",
    ):
        self.acceptance = float(checks.number("acceptance", acceptance, low=0.01, high=0.99))
        self.leapfrogs = None if leapfrogs is None else checks.count("leapfrogs", leapfrogs)
        self.most_leapfrogs = checks.count("most_leapfrogs", most_leapfrogs)
        self.preconditioner = checks.one_of("preconditioner", preconditioner, PRECONDITIONERS)

    def proposal(self) -> Proposal:
        return Proposal(True, self.leapfrogs, self.most_leapfrogs, None, self.acceptance, self.preconditioner, _JITTER)


class Langevin(eqx.Module):
    """x -> x - grad E(x) h + sqrt(2 T h) N(0, 1), Euler's scheme of dx = -grad E dt + sqrt(2T) dW.

    Unadjusted, as the papers have it, it samples another measure: where E = k x^2/2 its variance is T/(k (1 - h k/2))
    instead of T/k, which no error contains, and it diverges for h k > 2. `acceptance` is then what Metropolis would have
    accepted: the nearer to 1, the smaller the bias. Adjusted, each step is accepted with the probability of Metropolis and
    Hastings, and the stationary measure is exp(-E/T) exactly (MALA).

    Arguments:
        step: h, in units of time^2 of the dynamics. Adjusted it may be left out, and is adapted during the warm-up to
            `acceptance`, together with the preconditioner.
        adjusted: whether steps are accepted or rejected (Metropolis and Hastings).
        acceptance: mean acceptance that the step is adapted to.
        preconditioner: "dense", "diagonal" or "none"; none where a step is given.

    Raises:
        ValueError: no step for unadjusted dynamics, a preconditioner beside a step, a number out of range.
        TypeError: no number.

    Source: Qiu & Huang 2025 (`qiu2025`, unadjusted); Roberts & Tweedie 1996 (bias, adjusted); Roberts & Rosenthal 1998
    (0.574).

    Example:
        >>> import numpy as np, quenched as qd
        >>> rest = qd.Network(np.zeros((3, 3)))  # E = x^2/2, k = 1
        >>> found = qd.landscape.sample(rest, 0.1, solver=qd.landscape.Langevin(0.5), samples=500, warm_up=500)
        >>> bool(abs(found.mean_square_state - 0.1 / (1 - 0.5 / 2)) < 5 * found.mean_square_state_error)  # not 0.1
        True
    """

    step: Any
    adjusted: bool = eqx.field(static=True)
    acceptance: float = eqx.field(static=True)
    preconditioner: str = eqx.field(static=True)

    def __init__(
        self,
        step: float | None = None,
        adjusted: bool = False,
        acceptance: float = 0.574,
        preconditioner: str | None = None,
    ):
        self.adjusted = checks.flag("adjusted", adjusted)
        if step is None and not self.adjusted:
            raise ValueError(
                "Argument `step` must be given for unadjusted Langevin dynamics: nothing tells whether it is too long. "
                "Langevin(adjusted=True) adapts its own."
            )
        self.step = None if step is None else checks.number("step", step, above=0.0)
        self.acceptance = float(checks.number("acceptance", acceptance, low=0.01, high=0.99))
        if step is not None and preconditioner not in (None, "none"):
            raise ValueError(
                f"Argument `preconditioner` must be left out where a `step` is given, but is {preconditioner!r}."
            )
        default = "dense" if step is None else "none"
        chosen = default if preconditioner is None else preconditioner
        self.preconditioner = checks.one_of("preconditioner", chosen, PRECONDITIONERS)

    def proposal(self) -> Proposal:
        # Half the square of the leapfrog's step, in units where T = 1.
        step = None if self.step is None else jnp.sqrt(2.0 * self.step)
        return Proposal(self.adjusted, 1, 1, step, self.acceptance, self.preconditioner, 0.0)


class Tuning(NamedTuple):
    """What the warm-up finds, for each rung."""

    step: Float[Array, " rung"]
    scale: Float[Array, "rung neuron *neuron"]
    """Standard deviations over sqrt(T), or a Cholesky factor of the covariance over T."""
    leapfrogs: Int[Array, ""]


def transition(
    proposal: Proposal,
    target: Target,
    chains: Chains,
    temperatures: Float[Array, " rung"],
    tuning: Tuning,
    key: Key[Array, ""],
) -> tuple[Chains, Float[Array, "rung chain"]]:
    """One move of every chain, and with what probability it was accepted, or would have been."""
    momentum_key, jitter_key, accept_key = jax.random.split(key, 3)
    jitter = jax.random.uniform(jitter_key, chains.energy.shape, minval=1 - proposal.jitter, maxval=1 + proposal.jitter)
    step = (tuning.step[:, None] * jitter)[:, :, None]
    width = jnp.sqrt(temperatures)[:, None, None]
    momentum = jax.random.normal(momentum_key, chains.state.shape)

    def kicked(momentum: Array, gradient: Array) -> Array:
        return momentum - 0.5 * step / width * scaled(tuning.scale, gradient, transpose=True)

    def leapfrog(_: Any, carry: tuple[Chains, Array]) -> tuple[Chains, Array]:
        here, momentum = carry
        momentum = kicked(momentum, here.gradient)
        there = placed(target, here.state + step * width * scaled(tuning.scale, momentum))
        return there, kicked(momentum, there.gradient)

    there, arrived = jax.lax.fori_loop(0, tuning.leapfrogs, leapfrog, (chains, momentum))
    kinetic = 0.5 * jnp.sum(arrived**2 - momentum**2, axis=-1)
    gain = (chains.energy - there.energy) / temperatures[:, None] - kinetic
    # Where it left the numbers it is refused.
    probability = jnp.where(jnp.isfinite(gain), jnp.exp(jnp.minimum(gain, 0.0)), 0.0)
    accepted = jax.random.uniform(accept_key, probability.shape) < probability
    if not proposal.adjusted:
        return there, probability
    return jax.tree.map(lambda new, old: jnp.where(_like(accepted, new), new, old), there, chains), probability


def scaled(scale: Array, vectors: Float[Array, "rung chain neuron"], transpose: bool = False) -> Array:
    """The scale of each rung times the vectors of its chains."""
    if scale.ndim == 2:
        return scale[:, None, :] * vectors
    return jnp.einsum("rji,rcj->rci" if transpose else "rij,rcj->rci", scale, vectors)


def _like(mask: Array, leaf: Array) -> Array:
    return mask.reshape(*mask.shape, *[1] * (leaf.ndim - mask.ndim))
