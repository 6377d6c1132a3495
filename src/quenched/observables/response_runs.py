"""One network run in stretches: at the beginning of each it is perturbed, and from each to the next it is correlated."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from quenched.models import AbstractInitial, Network
from quenched.simulate.draws import random_signs
from quenched.simulate.schemes import SCHEMES

State = Float[Array, "trial neuron"]
Step = Callable[[State], State]


class RunPlan(NamedTuple):
    """What to do; everything that changes the compiled program."""

    method: str
    scheme: str
    step: float
    lags: int
    stretches: int
    burn_in: int
    trials: int
    probes: int | None
    """None: every neuron, one after the other."""
    parts: int = 1
    """The noise of a step is drawn in so many parts: that of as many shorter steps, with the same key."""

    def halved(self) -> RunPlan:
        """The same run by half the step."""
        return self._replace(step=self.step / 2, lags=2 * self.lags, burn_in=2 * self.burn_in, parts=self.parts // 2)


class RunAverages(NamedTuple):
    """Averages over neurons and stretches. Responses are those to a kick of the state at lag 0."""

    state_correlation: Float[Array, "... lag"]
    correlation: Float[Array, "... lag"]
    state_response: Float[Array, "... lag"]
    response: Float[Array, "... lag"]
    state_response_nonlinearity: Float[Array, "... lag"]
    response_nonlinearity: Float[Array, "... lag"]


def measure_stretches(
    network: Network, noise: Any, initial: AbstractInitial, kick: Any, plan: RunPlan, key: Key[Array, ""]
) -> RunAverages:
    """Run all trials of a network; (trial, lag) for everything."""
    start_key, before_key, after_key = jax.random.split(key, 3)
    shape = (plan.trials, network.size)
    advance = SCHEMES[plan.scheme]

    def keys_of_steps(key: Array, steps: int) -> Array:
        return jax.random.split(key, steps * plan.parts).reshape(steps, plan.parts)

    def next_step(step_keys: Array) -> Step:
        shaken = noise * jnp.sqrt(plan.step / plan.parts) * sum(jax.random.normal(key, shape) for key in step_keys)
        return lambda x: advance(network.drift, x, network.drift(x), plan.step, shaken)

    def forget(x: State, step_keys: Array) -> tuple[State, None]:
        return next_step(step_keys)(x), None

    perturb, follow, read = _tangent(network) if plan.method == "tangent" else _kicks(network, kick)

    def stretch(carry: tuple[State, Array], stretch_key: Array) -> tuple[tuple[State, Array], RunAverages]:
        x, earlier = carry
        probe_key, noise_key = jax.random.split(stretch_key)
        probes = _probes(plan, shape, probe_key)

        def one(now: tuple[State, Any], step_keys: Array) -> tuple[tuple[State, Any], tuple[State, Array]]:
            x, perturbed = now
            return follow(next_step(step_keys), x, perturbed), (x, read(probes, x, perturbed))

        (x, perturbed), (states, read_out) = jax.lax.scan(one, (x, perturb(x, probes)), keys_of_steps(noise_key, plan.lags))
        responses = jnp.concatenate([read_out, read(probes, x, perturbed)[None]])  # (lag, response, trial)
        both = jnp.concatenate([earlier, states])
        correlations = _correlation(jnp.stack([both, network.activation(both)]))
        return (x, states), RunAverages(*correlations, *jnp.moveaxis(responses, (0, 1, 2), (2, 0, 1)))

    x, _ = jax.lax.scan(forget, initial.draw(shape, start_key), keys_of_steps(before_key, plan.burn_in))
    nothing = jnp.zeros((plan.lags, *shape))
    # The first stretch has none before it to be correlated with.
    _, measured = jax.lax.scan(stretch, (x, nothing), jax.random.split(after_key, plan.stretches + 1))
    skipped = {name: getattr(measured, name)[1:] for name in ("state_correlation", "correlation")}
    return jax.tree.map(lambda values: jnp.mean(values, axis=0), measured._replace(**skipped))


def _probes(plan: RunPlan, shape: tuple[int, int], key: Array) -> Float[Array, "probe trial neuron"]:
    trials, size = shape
    if plan.probes is None:
        # sqrt(N) times a unit vector: the mean over all N of v v^T is 1, as it is for random signs.
        return jnp.broadcast_to(jnp.sqrt(size) * jnp.eye(size)[:, None, :], (size, trials, size))
    return random_signs(key, plan.probes, trials * size).reshape(plan.probes, trials, size)


def _overlap(probes: Array, change: Array) -> Float[Array, " trial"]:
    return jnp.mean(jnp.mean(probes * change, axis=-1), axis=0)


def _tangent(network: Network) -> tuple[Callable[..., Any], ...]:
    """The derivative of each step, for all probes at once."""

    def perturb(x: State, probes: Array) -> Array:
        return probes

    def follow(step: Step, x: State, change: Array) -> tuple[State, Array]:
        ahead, linear = jax.linearize(step, x)
        return ahead, jax.vmap(linear)(change)

    def read(probes: Array, x: State, change: Array) -> Array:
        state, rate = _overlap(probes, change), _overlap(probes, network.activation.slope(x) * change)
        return jnp.stack([state, rate, jnp.zeros_like(state), jnp.zeros_like(state)])

    return perturb, follow, read


def _kicks(network: Network, kick: Any) -> tuple[Callable[..., Any], ...]:
    """Copies kicked by +-kick and +-2 kick that feel the same noise; extrapolated to size 0, where the error is kick^4."""
    sizes = kick * jnp.array([1.0, -1.0, 2.0, -2.0])[:, None, None, None]

    def perturb(x: State, probes: Array) -> Array:
        return x + sizes * probes

    def follow(step: Step, x: State, copies: Array) -> tuple[State, Array]:
        return step(x), jax.vmap(jax.vmap(step))(copies)

    def extrapolated(probes: Array, copies: Array) -> tuple[Array, Array]:
        small = _overlap(probes, (copies[0] - copies[1]) / (2.0 * kick))
        large = _overlap(probes, (copies[2] - copies[3]) / (4.0 * kick))
        return small + (small - large) / 3.0, (small - large) / 3.0

    def read(probes: Array, x: State, copies: Array) -> Array:
        (state, state_bend), (rate, rate_bend) = (
            extrapolated(probes, each) for each in (copies, network.activation(copies))
        )
        return jnp.stack([state, rate, state_bend, rate_bend])

    return perturb, follow, read


def _correlation(both: Float[Array, "quantity time trial neuron"]) -> Float[Array, "quantity trial lag"]:
    """Mean of y(t) y(t + tau) over neurons and t in the first half of the times, tau from 0 to the length of that half."""
    count = both.shape[1] // 2
    length = 3 * count
    earlier = jnp.fft.rfft(both[:, :count], length, axis=1)
    spectrum = jnp.mean(jnp.conj(earlier) * jnp.fft.rfft(both, length, axis=1), axis=-1)
    return jnp.moveaxis(jnp.fft.irfft(spectrum, length, axis=1)[:, : count + 1], 1, 2) / count
