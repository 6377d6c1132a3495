"""One step of the neuron of DMFT, and the quadrature of its memory: the same scheme for state and response.

    x_{n+1} = leak x_n + now f_n + before f_{n-1} + kick xi_n,   f_n = b_n + gamma_n + sum_{m<=n} W(n, m) phi(x_m),

with W(n, m) the memory kernel g^2 eta R(n, m) times the weights of a quadrature over the past.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

# Times are handled in blocks of this many: rows and columns of a tile of the response.
BLOCK = 32


class Scheme(NamedTuple):
    """Coefficients of one step."""

    leak: float
    now: float
    before: float
    kick: float
    """Standard deviation of the kick for noise 1."""
    delayed: bool
    """Whether the field of a step acts on the state after it (Euler), or the response is that to a kick of the state."""

    def back(self, time: Array, after: Array, second: Array) -> tuple[Array, Array]:
        """What `tangent.response_row` asks of a neuron: the same at each time."""
        return self.leak * after, self.now * after + self.before * second


def scheme(name: str, step: float) -> Scheme:
    """Coefficients for a time step.

    "euler" is Euler-Maruyama, exactly as a network integrated by it has it. "second_order" integrates leak and noise exactly
    and extrapolates the forcing linearly (Adams and Bashforth): order 2, at the cost of one evaluation a step.
    """
    if name == "euler":
        return Scheme(1.0 - step, step, 0.0, math.sqrt(step), delayed=True)
    leak = math.exp(-step)
    # The integrals of e^{s - step} and of e^{s - step} s/step over a step.
    level, slope = -math.expm1(-step), (step + math.expm1(-step)) / step
    return Scheme(leak, level + slope, -slope, math.sqrt(-0.5 * math.expm1(-2.0 * step)), delayed=False)


def memory_weights(delayed: bool, index: Array, count: int, step: float) -> Float[Array, " earlier_time"]:
    """Weights of the integral over the past of time `index`: the trapezoidal rule; a plain sum before `index` for Euler."""
    times = jnp.arange(count)
    if delayed:
        return jnp.where(times < index, step, 0.0)
    ends = jnp.where(times == 0, 0.5, 1.0) * jnp.where(times == index, 0.5, 1.0)
    return jnp.where((times <= index) & (index > 0), step * ends, 0.0)


def stretches(times: int) -> list[tuple[int, int]]:
    """Stretches of time that share array shapes, so that early steps do not pay for the late: two, more of a long time."""
    number = max(2, times // 256)
    ends = sorted({times, *(BLOCK * (times * part // (number * BLOCK)) for part in range(1, number))} - {0})
    return list(zip([0, *ends[:-1]], ends, strict=True))
