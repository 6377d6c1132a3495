"""Stationary chaos with noise, 1000 (gain, noise) points in one vmapped call, against the same by a plain SciPy loop.

    .venv/bin/python benchmarks/stationary.py [--points 1000] [--by-scipy 4]

The loop is what one would write from the equations: Gauss-Hermite averages on a fixed grid of 80 nodes, `brentq` for the
variance, `solve_ivp` for the covariance, `brentq` around `solve_ivp` for the ground state. 1000 points a second on 2 cores
is the aim.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy import integrate, interpolate, optimize

import quenched as qd

Z, WEIGHTS = np.polynomial.hermite_e.hermegauss(80)
WEIGHTS = WEIGHTS / np.sqrt(2 * np.pi)


def pair(function: Callable[[np.ndarray], np.ndarray], covariance: float, variance: float) -> float:
    shared, private = np.sqrt(max(covariance, 0.0)), np.sqrt(max(variance - covariance, 0.0))
    smoothed = function(shared * Z[:, None] + private * Z[None, :]) @ WEIGHTS
    return float(WEIGHTS @ smoothed**2)


def by_scipy(gain: float, noise: float) -> tuple[float, float]:
    """Variance and largest Lyapunov exponent."""
    slope = lambda x: 1 - np.tanh(x) ** 2  # noqa: E731

    def excess(variance: float) -> float:
        log_cosh = np.logaddexp(np.sqrt(variance) * Z, -np.sqrt(variance) * Z)
        spread = WEIGHTS @ log_cosh**2 - (WEIGHTS @ log_cosh) ** 2
        return variance**2 - 2 * gain**2 * spread - noise**4 / 4

    upper = gain**2 + noise**2
    variance = optimize.brentq(excess, max(1e-4 * upper, 0.49 * noise**2), upper, xtol=1e-12)
    # W as a function of the angle, in which it is smooth.
    angles = np.linspace(0.0, np.pi / 2, 48)
    well = interpolate.CubicSpline(angles, [gain**2 * pair(slope, variance * np.cos(a), variance) for a in angles])
    rates = interpolate.CubicSpline(angles, [gain**2 * pair(np.tanh, variance * np.cos(a), variance) for a in angles])

    def angle(covariance: float) -> float:
        return float(np.arccos(np.clip(covariance / variance, 0.0, 1.0)))

    def fall(_: float, state: np.ndarray) -> list[float]:
        return [state[1], state[0] - rates(angle(state[0]))]

    gone = lambda _, state: state[0] - 1e-3 * variance  # noqa: E731
    gone.terminal = True  # type: ignore[attr-defined]
    turned = lambda time, state: state[1] if time > 0.01 else -1.0  # noqa: E731
    turned.terminal = True  # type: ignore[attr-defined]
    started = [variance, -0.5 * noise**2]
    path = integrate.solve_ivp(fall, (0.0, 400.0), started, rtol=1e-9, atol=1e-12, events=[gone, turned], dense_output=True)
    end = path.t[-1]

    def mismatch(raised: float) -> float:
        """psi'/psi at the end against its decay there, psi'(0) = 0, for (1 + lambda)^2 = raised."""

        def riccati(time: float, q: np.ndarray) -> list[float]:
            return [raised - well(angle(path.sol(time)[0])) - q[0] ** 2]

        blown = lambda _, q: q[0] + 50.0  # noqa: E731
        blown.terminal = True  # type: ignore[attr-defined]
        q = integrate.solve_ivp(riccati, (0.0, end), [0.0], rtol=1e-8, atol=1e-10, events=blown).y[0, -1]
        return q + np.sqrt(max(raised - well(angle(path.y[0, -1])), 0.0))

    lowest, highest = float(well(np.pi / 2)) + 1e-9, float(well(0.0))
    return variance, float(np.sqrt(optimize.brentq(mismatch, lowest, highest, xtol=1e-9)) - 1.0)


def by_quadrature(gain: float, noise: float) -> float:
    """The variance alone, its two averages by adaptive quadrature."""

    def excess(variance: float) -> float:
        deviation = np.sqrt(variance)
        edges = [-10 * deviation, -1.0, 0.0, 1.0, 10 * deviation] if deviation > 0.1 else [-10 * deviation, 10 * deviation]

        def average(power: int) -> float:
            def density(x: float) -> float:
                log_cosh = np.logaddexp(x, -x) - np.log(2)
                return log_cosh**power * np.exp(-0.5 * x**2 / variance) / np.sqrt(2 * np.pi * variance)

            pieces = pairwise(edges)
            return sum(integrate.quad(density, *piece, epsabs=1e-15, epsrel=1e-13)[0] for piece in pieces)

        return variance**2 - 2 * gain**2 * (average(2) - average(1) ** 2) - noise**4 / 4

    upper = gain**2 + noise**2
    return float(optimize.brentq(excess, max(1e-4 * upper, 0.49 * noise**2), upper, xtol=1e-13))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=1000)
    parser.add_argument("--by-scipy", type=int, default=4)
    options = parser.parse_args()
    random = np.random.default_rng(1)
    gains, noises = random.uniform(0.5, 3.0, options.points), random.uniform(0.05, 1.0, options.points)
    theory = qd.dmft.StationaryGaussian(lags=np.linspace(0, 20, 21), frequencies=np.linspace(0, 4, 11), centred=True)

    @jax.jit
    @jax.vmap
    def solve(gain: jax.Array, noise: jax.Array) -> dict[str, Any]:
        solution = qd.solve(qd.RandomNetwork(gain, noise=noise), theory)
        return {**solution.arrays, "status": solution.status}

    with jax.enable_x64(True):
        inputs = jnp.asarray(gains), jnp.asarray(noises)
        began = time.perf_counter()
        compiled = solve.lower(*inputs).compile()
        compiling = time.perf_counter() - began
        found = jax.block_until_ready(compiled(*inputs))
        began = time.perf_counter()
        found = jax.block_until_ready(compiled(*inputs))
        run = time.perf_counter() - began
        found = jax.device_get(found)
    solved = int(np.sum(np.asarray(found["status"]) == 0))
    print(f"{options.points} points, {solved} solved, with spectra and Lyapunov exponents")
    print(f"  quenched  compile {compiling:5.1f} s   run {run:6.3f} s   {options.points / run:7.0f} points a second")
    print(f"            largest error reported: variance {np.max(found['mean_square_state_error']):.1e}, "
          f"exponent {np.max(found['lyapunov_exponent_error']):.1e}")  # fmt: skip
    began, worst = time.perf_counter(), np.zeros(2)
    for index in range(options.by_scipy):
        answer = by_scipy(gains[index], noises[index])
        ours = np.array([found["mean_square_state"][index], found["lyapunov_exponent"][index]])
        worst = np.maximum(worst, np.abs(answer - ours))
    each = (time.perf_counter() - began) / options.by_scipy
    print(f"  SciPy     {each:.2f} s a point, from {options.by_scipy}; largest difference in the variance {worst[0]:.1e}, "
          f"in the exponent {worst[1]:.1e}")  # fmt: skip
    quadrature = [by_quadrature(gains[index], noises[index]) for index in range(options.by_scipy)]
    apart = np.max(np.abs(np.array(quadrature) - np.asarray(found["mean_square_state"][: options.by_scipy])))
    print(f"            variance by adaptive quadrature: largest difference {apart:.1e}; the loop's is Gauss-Hermite's")
    print(f"  ratio     {each * options.points / run:.0f} (1000 points a second are asked for)")


if __name__ == "__main__":
    main()
