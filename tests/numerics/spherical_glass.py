"""The spherical p-spin glass with p = 3 after a quench to temperature 0, on a past that is thinned; nothing is sampled.

    dC(t, s)/dt = -z C(t, s) + 3/2 int_0^s C(t, u)^2 R(s, u) du + 3 int_0^t R(t, u) C(t, u) C(u, s) du,
    dR(t, s)/dt = -z R(t, s) + 3 int_s^t R(t, u) C(t, u) R(u, s) du,     z = 9/2 int_0^t C(t, u)^2 R(t, u) du = -3 E,

with C(t, t) = R(t, t) = 1, of Gaussian couplings of variance p!/(2 N^(p-1)) (Cugliandolo and Kurchan 1993). The energy a
spin, E, ages towards that of the threshold, -sqrt(2 (p - 1)/p) = -sqrt(4/3).
"""

from __future__ import annotations

import jax
import numpy as np

from quenched.numerics.thinning import NEVER, most_kept, thin

BLOCK = 16
_thin = jax.jit(thin, static_argnums=2)


def energies(steps: int, step: float, knots: int) -> np.ndarray:
    """E at each time, by the trapezoidal rule and the scheme of Adams and Bashforth, both of second order."""
    room = most_kept(steps, knots, BLOCK)
    times, count = np.full(room, NEVER), 0
    # At time t and kept times s: C(t, s), R(t, s), their velocities a step before, and how much of the past stands for u.
    correlation, response, of_past = np.zeros(room), np.zeros(room), np.zeros(room)
    before = np.zeros((2, room))
    # Over the past u of which C(u, s) and R(u, s) are parts, columns s, and R(s, u), rows s: all times du.
    correlations, responses, received = (np.zeros((room, room)) for _ in range(3))
    found = np.zeros(steps + 1)
    for now in range(steps + 1):
        if now % BLOCK == 0:
            thinned = jax.tree.map(np.array, _thin(times, now, knots))
            times, places, there = thinned.times, thinned.places, thinned.there
            count = int(there.sum())
            correlation, response, before = (
                np.where(there, each[..., places], 0.0) for each in (correlation, response, before)
            )
            of_past = thinned.merging @ of_past
            square = there[:, None] & there
            correlations, responses = (
                np.where(square, thinned.merging @ each[:, places], 0.0) for each in (correlations, responses)
            )
            received = np.where(square, received[places] @ thinned.merging.T, 0.0)
        times[count], end, whole = now, 0.5 * step * (now > 0), step if now else 0.5 * step
        correlation[count] = response[count] = 1.0
        kernel = response * correlation
        # The present is the end of all integrals, and the one that begins there is zero.
        of_past[count] = end
        received[count] = of_past * response
        correlations[count], correlations[:, count] = end * correlation, of_past * correlation
        responses[count] = end * response
        responses[count, count] = 0.0
        pull = 4.5 * of_past @ (correlation * kernel)
        found[now] = -pull / 3.0
        velocity = np.stack(
            [
                -pull * correlation + 1.5 * received @ correlation**2 + 3.0 * kernel @ correlations,
                -pull * response + 3.0 * kernel @ responses,
            ]
        )
        # From now on it is in the middle of them, or where they begin.
        of_past[count], correlations[count], responses[count] = whole, whole * correlation, whole * response
        responses[count, count] = 0.5 * step
        before[:, count] = velocity[:, count]
        correlation, response = np.stack([correlation, response]) + step * (1.5 * velocity - 0.5 * before)
        before = velocity
        count += 1
    return found
