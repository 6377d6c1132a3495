"""Trains a GRU to remember three bits, and writes its weights under PyTorch's names.

Each of three inputs is silent but for rare pulses of +1 or -1; each of three outputs is to hold the sign of the last pulse
of its input (Sussillo and Barak 2013). Without input a network that has learned it rests in one of eight stable states, one
for each pattern of bits, and between them lie 19 saddles: 27 fixed points on the corners, edges, faces and centre of a cube.

    python examples/flip_flop.py flip_flop_gru.npz

The same seed gives the same weights on the same kind of machine.
"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

BITS = 3
Weights = dict[str, Array]


def flip_flop_task(key: Array, trials: int, duration: int, pulse_probability: float = 0.1) -> tuple[Array, Array]:
    """Inputs and the bits to remember, both (trial, time, bit). Every bit is set by a pulse at the first time."""
    rare, signs = jax.random.split(key)
    shape = (trials, duration, BITS)
    present = jax.random.bernoulli(rare, pulse_probability, shape).at[:, 0].set(True)
    pulses = jnp.where(present, jax.random.rademacher(signs, shape, dtype=float), 0.0)

    def remember(bits: Array, pulse: Array) -> tuple[Array, Array]:
        bits = jnp.where(pulse == 0, bits, pulse)
        return bits, bits

    _, targets = jax.lax.scan(remember, jnp.zeros((trials, BITS)), pulses.swapaxes(0, 1))
    return pulses, targets.swapaxes(0, 1)


def initial_weights(key: Array, hidden: int) -> Weights:
    """Uniform within 1/sqrt(hidden), as PyTorch draws them."""
    shapes = {
        "gru.weight_ih_l0": (3 * hidden, BITS),
        "gru.weight_hh_l0": (3 * hidden, hidden),
        "gru.bias_ih_l0": (3 * hidden,),
        "gru.bias_hh_l0": (3 * hidden,),
        "readout.weight": (BITS, hidden),
        "readout.bias": (BITS,),
    }
    bound = 1 / np.sqrt(hidden)
    keys = jax.random.split(key, len(shapes))
    return {
        name: jax.random.uniform(k, shapes[name], minval=-bound, maxval=bound) for k, name in zip(keys, shapes, strict=True)
    }


def run(weights: Weights, pulses: Array) -> tuple[Array, Array]:
    """Outputs (trial, time, bit) and states (trial, time, neuron) of the network from the state 0."""

    def step(state: Array, pulse: Array) -> tuple[Array, Array]:
        reset_in, update_in, new_in = jnp.split(weights["gru.weight_ih_l0"] @ pulse + weights["gru.bias_ih_l0"], 3)
        reset_own, update_own, new_own = jnp.split(weights["gru.weight_hh_l0"] @ state + weights["gru.bias_hh_l0"], 3)
        reset, update = jax.nn.sigmoid(reset_in + reset_own), jax.nn.sigmoid(update_in + update_own)
        state = (1 - update) * jnp.tanh(new_in + reset * new_own) + update * state
        return state, state

    rest = jnp.zeros(weights["gru.weight_hh_l0"].shape[1])
    states = jax.vmap(lambda pulse: jax.lax.scan(step, rest, pulse)[1])(pulses)
    return states @ weights["readout.weight"].T + weights["readout.bias"], states


def loss(weights: Weights, pulses: Array, targets: Array) -> Array:
    """Mean square error, and a little of the weights' squares: it keeps the gates from saturating."""
    decay = sum(jnp.sum(values**2) for name, values in weights.items() if "weight" in name)
    return jnp.mean((run(weights, pulses)[0] - targets) ** 2) + 1e-5 * decay


@partial(jax.jit, static_argnames=("hidden", "steps", "trials", "duration"))
def train(key: Array, hidden: int = 24, steps: int = 3000, trials: int = 64, duration: int = 60) -> tuple[Weights, Array]:
    """The trained weights, and the loss at every step, by Adam with a rate that falls to zero."""
    first, rest = jax.random.split(key)
    weights = initial_weights(first, hidden)
    zeros = jax.tree.map(jnp.zeros_like, weights)

    def adam(
        carry: tuple[Weights, Weights, Weights], at: tuple[Array, Array]
    ) -> tuple[tuple[Weights, Weights, Weights], Array]:
        weights, mean, square = carry
        step, step_key = at
        value, slope = jax.value_and_grad(loss)(weights, *flip_flop_task(step_key, trials, duration))
        mean = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, mean, slope)
        square = jax.tree.map(lambda s, g: 0.99 * s + 0.01 * g**2, square, slope)
        rate = 0.01 * 0.5 * (1 + jnp.cos(jnp.pi * step / steps))

        def moved(weight: Array, m: Array, s: Array) -> Array:
            m, s = m / (1 - 0.9 ** (step + 1)), s / (1 - 0.99 ** (step + 1))
            return weight - rate * m / (jnp.sqrt(s) + 1e-8)

        return (jax.tree.map(moved, weights, mean, square), mean, square), value

    (weights, _, _), losses = jax.lax.scan(adam, (weights, zeros, zeros), (jnp.arange(steps), jax.random.split(rest, steps)))
    return weights, losses


def main(arguments: list[str] | None = None) -> None:
    """Train, tell how well the network remembers, write the weights."""
    parser = argparse.ArgumentParser(description="Train a GRU to remember three bits.")
    parser.add_argument("path", type=Path, nargs="?", default=Path("flip_flop_gru.npz"), help="where to write the weights")
    parser.add_argument("--hidden", type=int, default=24, help="neurons")
    parser.add_argument("--steps", type=int, default=3000, help="steps of the optimiser")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    training, fresh = jax.random.split(jax.random.key(options.seed))
    weights, losses = train(training, options.hidden, options.steps)
    pulses, bits = flip_flop_task(fresh, trials=200, duration=200)
    right = np.mean(np.sign(run(weights, pulses)[0]) == bits)
    print(f"loss {losses[0]:.3f} -> {losses[-1]:.5f}; {100 * right:.3f} % of the bits right in fresh sequences of 200 steps")
    arrays: dict[str, Any] = {name: np.asarray(values) for name, values in weights.items()}
    np.savez(options.path, **arrays)
    print(f"weights written to {options.path}")


if __name__ == "__main__":
    main()
