"""All Lyapunov exponents of infinitely many neurons: which part of them lies below a growth rate.

docs/derivations/lyapunov_spectrum.md derives it for one population without symmetry. On a ring of T times, with slopes
D = phi'(x(t)), the exponents are where the determinant of L = A - J D vanishes. A is what a neuron does alone: of flows
d/dt + 1 + rate, of maps e^rate times a shift. With K = sqrt(b2) D |A|^-1 sqrt(b1), b1 and b2 functions of the frequency w,

    b1 b2 = g^2 <[K (1 + K^T K)^-1 K^T]_ww> = g^2 <[K^T (1 + K K^T)^-1 K]_ww>,
    part below = (1/T) sum_w Re(A'/A) (1 - b1 b2/g^2),      A' = dA/drate.

Frequencies are odd multiples of pi/window: growing waves change sign around the ring, so that A is not 0 at any rate.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.linalg import solve_triangular
from jaxtyping import Array, Float

from quenched.compiled import compiled

# Change of b1 b2/g^2 at any frequency that counts as solved, most iterations, and earlier ones used to extrapolate.
_TOLERANCE, _MOST, _DEPTH = 1e-6, 200, 6
# Least ln b, where it is 0, and the largest change of ln b in one step.
_FLOOR, _LEAP = -40.0, 3.0
# A share that the correction of the samples would make negative is left so much of itself.
_LEAST = 1e-3
# Shares below this do not matter.
_SMALL = 1e-6


class Slopes(NamedTuple):
    """phi' along trajectories on a ring of time."""

    gain: float
    step: float | None
    """None of maps."""
    samples: Float[Array, "sample time"]
    product: Float[Array, " time"]
    """<phi' phi'> at every lag, exactly."""


class Solved(NamedTuple):
    """At one growth rate."""

    below: float
    """Part of all exponents."""
    logarithms: np.ndarray
    """ln b1 and ln b2, to begin with at a rate nearby."""
    solved: bool
    """Whether the iteration came to an end."""


def part_below(slopes: Slopes, rate: float, begin: np.ndarray | None = None) -> Solved:
    """Of all exponents, those below this rate; `begin` with the solution at a rate nearer to the middle of the spectrum.
    b1 = b2 = 0 is a solution everywhere, but stable only where no exponents are."""
    times = slopes.samples.shape[1]
    turns = np.pi * (2.0 * np.arange(times) + 1.0 - times) / times
    turns = np.roll(turns, times // 2)
    if slopes.step is None:
        size = np.full(times, np.exp(rate))
        weight = np.ones(times) / times
        fast = 0.0
    else:
        leak = 1.0 + rate
        size = np.hypot(leak, turns / slopes.step)
        weight = leak / size**2 / (times * slopes.step)
        # Half of all, as the frequencies go to infinity on both sides, and what those beyond pi/step contribute.
        fast = 0.5 + np.arctan(leak * slopes.step / np.pi) / np.pi
    logarithms = np.full((2, times), np.log(slopes.gain)) if begin is None else begin
    logarithms, shares, change = _balance(slopes, size, logarithms)
    return Solved(float(fast + weight @ (1.0 - shares)), logarithms, change < _TOLERANCE)


def _balance(slopes: Slopes, size: np.ndarray, logarithms: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """b1 and b2 of equal geometric mean, by Anderson's extrapolation. Frequencies count by their shares."""
    whole = 2.0 * np.log(slopes.gain)
    points: list[np.ndarray] = []
    images: list[np.ndarray] = []
    for _ in range(_MOST):
        shares = np.asarray(_shares(slopes, jnp.asarray(size), jnp.asarray(logarithms)))
        wanted = whole + np.log(shares) - logarithms[::-1]
        image = 0.5 * (logarithms + wanted)
        image = np.maximum(image - 0.5 * (image - image[::-1]).mean(axis=1, keepdims=True), _FLOOR)
        counts = shares + _SMALL
        change = float(np.max(np.abs(image - logarithms) * counts))
        if change < _TOLERANCE:
            break
        points, images = [*points, logarithms][-_DEPTH:], [*images, image][-_DEPTH:]
        logarithms = image
        if len(points) > 1:
            changes = np.stack([((end - start) * counts).ravel() for start, end in zip(points, images, strict=True)])
            coefficients = np.linalg.lstsq(np.diff(changes, axis=0).T, changes[-1], rcond=1e-10)[0]
            further = image - np.tensordot(coefficients, np.diff(np.stack(images), axis=0), 1)
            logarithms = np.maximum(np.clip(further, image - _LEAP, image + _LEAP), _FLOOR)
    return logarithms, shares.mean(axis=0), change


@compiled()
def _shares(
    slopes: Slopes, size: Float[Array, " frequency"], logarithms: Float[Array, "two frequency"]
) -> Float[Array, "two frequency"]:
    """What b1 b2/g^2 ought to be, in the equations for b1 and for b2."""
    first, second = jnp.exp(logarithms[0]) / size**2, jnp.exp(logarithms[1])
    inner, outer = (_around(jnp.sqrt(each)) for each in (first, second))

    def of_one(slope: Float[Array, " time"]) -> tuple[Array, Array]:
        kernel = outer @ (slope[:, None] * inner)
        return jnp.stack([_answered(kernel), _answered(kernel.T)]), jnp.stack([_powers(kernel), _powers(kernel.T)])

    answered, powers = jax.lax.map(of_one, slopes.samples)
    # Their sums over frequencies covary over samples; the average of the second is known exactly.
    totals, known = (each[:, 0].sum(axis=1) for each in (answered, powers))
    spread = known - known.mean()
    variance = jnp.sum(spread**2)
    slope = jnp.sum(totals * spread) / jnp.where(variance > 0.0, variance, 1.0)
    exact = jnp.stack([second * _times_in_time(slopes.product, first), first * _times_in_time(slopes.product, second)])
    plain = answered.mean(axis=0)
    better = jnp.maximum(plain - slope * (powers.mean(axis=0) - exact), _LEAST * plain)
    # In time as much forwards as backwards.
    even = 0.5 * (better + better[:, ::-1])
    return jnp.maximum(even, 1e-300)


def _answered(kernel: Float[Array, "time time"]) -> Float[Array, " frequency"]:
    """[K (1 + K^T K)^-1 K^T]_ww."""
    below = jnp.linalg.cholesky(jnp.eye(len(kernel)) + kernel.T @ kernel)
    return _powers(solve_triangular(below, kernel.T, lower=True).T)


def _powers(matrix: Float[Array, "time time"]) -> Float[Array, " frequency"]:
    """[K K^T]_ww."""
    times = len(matrix)
    half_turns = jnp.exp(-1j * np.pi * np.arange(times) / times)
    waves = jnp.fft.fft(matrix * half_turns[:, None], axis=0)
    return jnp.sum(jnp.abs(waves) ** 2, axis=1) / times


def _around(spectrum: Float[Array, " frequency"]) -> Float[Array, "time time"]:
    """The matrix of a function of the lag that changes sign around the ring."""
    times = len(spectrum)
    of_lag = (jnp.fft.ifft(spectrum) * jnp.exp(1j * np.pi * np.arange(times) / times)).real
    lags = np.arange(times)[:, None] - np.arange(times)
    return of_lag[lags % times] * np.where(lags < 0, -1.0, 1.0)


def _times_in_time(function: Float[Array, " time"], spectrum: Float[Array, " frequency"]) -> Float[Array, " frequency"]:
    """Spectrum of the product with a function of the lag."""
    return jnp.fft.fft(function * jnp.fft.ifft(spectrum)).real


def share_of_constant_slopes(
    squares: np.ndarray, shares: np.ndarray, gain: float, sizes: Float[np.ndarray, " frequency"]
) -> np.ndarray:
    """b1 b2/g^2 = s where frequencies do not mix: slopes constant in time, or independent at all times,

        1 = g^2 <D^2/(g^2 D^2 s + |A|^2)>,   0 where |A|^2 > g^2 <D^2>,

    of slopes whose squares have these values with these shares."""
    low, high = np.zeros_like(sizes), np.ones_like(sizes)
    for _ in range(60):
        middle = 0.5 * (low + high)
        excess = (squares * gain**2 / (gain**2 * squares * middle[:, None] + sizes[:, None] ** 2)) @ shares > 1.0
        low, high = np.where(excess, middle, low), np.where(excess, high, middle)
    return 0.5 * (low + high)


def constant_slopes(squares: Any, shares: Any, gain: float, rates: np.ndarray, is_map: bool) -> np.ndarray:
    """The part of all exponents below each rate, for such slopes of maps, or of flows at rest."""
    if is_map:
        return 1.0 - share_of_constant_slopes(squares, shares, gain, np.exp(rates))
    nodes, weights = np.polynomial.legendre.leggauss(100)
    angles, weights = 0.25 * np.pi * (nodes + 1.0), 0.25 * np.pi * weights
    radius = gain * np.sqrt(squares @ shares)
    below = np.heaviside(rates + 1.0, 0.5)
    for row, leak in enumerate(1.0 + rates):
        if 0.0 < abs(leak) < radius:
            # Frequencies sqrt(radius^2 - leak^2) sin(angle); higher ones have no share.
            most = np.sqrt(radius**2 - leak**2)
            share = share_of_constant_slopes(squares, shares, gain, np.hypot(leak, most * np.sin(angles)))
            leaks = leak * most * np.cos(angles) / (leak**2 + (most * np.sin(angles)) ** 2)
            below[row] -= weights @ (leaks * share) / np.pi
    return below
