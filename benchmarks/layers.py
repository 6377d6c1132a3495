"""The edge of chaos of ten activations at 50 biases, and an overlap through 50 layers, against SciPy's quadrature.

    .venv/bin/python benchmarks/layers.py [--biases 50]

Scripts that one finds iterate the length to its fixed point, take chi_1 there, both by `quad`, and look for the weights at
which it is 1: "by scripts". Whoever knows that both variances follow from the length needs one root: "by length". SciPy's
sides are timed at some biases, and its time a point is multiplied. Overlaps are by `dblquad`, and by the kernel of the
library neural-tangents where it is installed. 1000 times faster than scripts is the aim.
"""

from __future__ import annotations

import argparse
import importlib.util
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from scipy import integrate, optimize, special

import quenched as qd

Phi = Callable[[float], float]
SCALE, ALPHA = 1.0507009873554805, 1.6732632423543772


def _mish_slope(x: float) -> float:
    part = np.tanh(np.logaddexp(0.0, x))
    return float(part + x * special.expit(x) * (1.0 - part**2))


def _normal(x: float) -> float:
    return float(np.exp(-0.5 * x * x) / np.sqrt(2.0 * np.pi))


# phi and phi', as one writes them with NumPy and SciPy.
FUNCTIONS: dict[str, tuple[Phi, Phi]] = {
    "tanh": (np.tanh, lambda x: 1.0 - np.tanh(x) ** 2),
    "erf": (lambda x: special.erf(0.5 * np.sqrt(np.pi) * x), lambda x: np.exp(-0.25 * np.pi * x * x)),
    "gelu": (lambda x: x * special.ndtr(x), lambda x: special.ndtr(x) + x * _normal(x)),
    "silu": (lambda x: x * special.expit(x), lambda x: special.expit(x) * (1.0 + x * (1.0 - special.expit(x)))),
    "mish": (lambda x: x * np.tanh(np.logaddexp(0.0, x)), _mish_slope),
    "elu": (lambda x: x if x > 0.0 else np.expm1(x), lambda x: 1.0 if x > 0.0 else np.exp(x)),
    "selu": (
        lambda x: SCALE * (x if x > 0 else ALPHA * np.expm1(x)),
        lambda x: SCALE * (1.0 if x > 0 else ALPHA * np.exp(x)),
    ),
    "sigmoid": (special.expit, lambda x: special.expit(x) * special.expit(-x)),
    "softsign": (lambda x: x / (1.0 + abs(x)), lambda x: 1.0 / (1.0 + abs(x)) ** 2),
    "hardtanh": (lambda x: min(max(x, -1.0), 1.0), lambda x: float(abs(x) < 1.0)),
}
DEPTH = 50


def average(function: Phi, variance: float, error: float = 1e-10) -> float:
    deviation = np.sqrt(variance)
    kinks = sorted(kink / deviation for kink in (-1.0, 0.0, 1.0) if abs(kink) < 9.0 * deviation)
    return float(
        integrate.quad(lambda z: function(deviation * z) * _normal(z), -9, 9, points=kinks, epsabs=error, limit=400)[0]
    )


def by_scripts(phi: Phi, slope: Phi, bias: float, guess: float) -> float:
    """sigma_w at which chi_1 of the fixed length is 1."""

    def excess(weight_std: float) -> float:
        length = 1.0
        for _ in range(500):
            new = weight_std**2 * average(lambda x: phi(x) ** 2, length) + bias**2
            if abs(new - length) < 1e-10 * new or not 0.0 < new < 1e6:
                break
            length = new
        return weight_std**2 * average(lambda x: slope(x) ** 2, length) - 1.0

    return float(optimize.brentq(excess, 0.98 * guess, 1.02 * guess, xtol=1e-10))


def by_length(phi: Phi, slope: Phi, bias: float, guess: float) -> float:
    """The same by the root of sigma_b^2 = q - <phi^2>/<phi'^2>."""

    def missing(length: float) -> float:
        return length - average(lambda x: phi(x) ** 2, length) / average(lambda x: slope(x) ** 2, length) - bias**2

    length = optimize.brentq(missing, 0.9 * guess, 1.1 * guess, xtol=1e-10)
    return float(average(lambda x: slope(x) ** 2, length) ** -0.5)


def seconds(function: Callable[[], Any], repeats: int = 1) -> tuple[float, Any]:
    taken = []
    for _ in range(repeats):
        began = time.perf_counter()
        found = function()
        taken.append(time.perf_counter() - began)
    return min(taken), found


def edges(points: int) -> None:
    biases = np.linspace(0.05, 1.0, points)
    ours, scripts, lengths = 0.0, [], []
    print(f"{'':10}{'compile (s)':>12}{'a point (ms)':>14}{'by scripts':>12}{'by length':>12}{'apart':>10}{'error':>10}")
    for name, functions in FUNCTIONS.items():
        activation = qd.activations.common(name)
        first, _ = seconds(partial(qd.layers.edge_of_chaos, activation, biases))
        again, found = seconds(partial(qd.layers.edge_of_chaos, activation, biases + 1e-6), 5)
        ours += again
        # Two biases with a stable length, from a place next to the answer, which the package is not given.
        stable = np.flatnonzero(found.stable_length[:, 1].values == 1.0)
        for place in stable[[len(stable) // 3, -1]]:
            at = found.isel(bias_std=place, branch=1)
            bias, weights, length = (float(at[each]) for each in ("bias_std", "weight_std", "fixed_length"))
            slow, by_iteration = seconds(partial(by_scripts, *functions, bias, weights))
            quick, by_root = seconds(partial(by_length, *functions, bias, length))
            scripts.append(slow)
            lengths.append(quick)
        apart = max(abs(by_iteration - weights), abs(by_root - weights))
        print(
            f"{name:10}{first - again:12.2f}{1e3 * again / points:14.3f}{np.mean(scripts[-2:]) * points / again:11.0f}x"
            f"{np.mean(lengths[-2:]) * points / again:11.0f}x{apart:10.0e}{float(np.nanmax(found.weight_std_error)):10.0e}"
        )
    each = ours / (points * len(FUNCTIONS))
    print(
        f"all {points * len(FUNCTIONS)} points: {ours:.3f} s, {1e3 * each:.3f} ms a point; by scripts "
        f"{np.mean(scripts) / each:.0f} times (aim: 1000), by length {np.mean(lengths) / each:.0f} times"
    )


def overlaps() -> None:
    network, theory = (
        qd.FeedforwardNetwork(1.5, 0.2, qd.activations.common("gelu")),
        qd.layers.Propagation(DEPTH, overlap=0.5),
    )
    first, _ = seconds(lambda: qd.solve(network, theory))
    again, found = seconds(lambda: qd.solve(network.replace(weight_std=1.4), theory), 3)
    phi = FUNCTIONS["gelu"][0]

    def layer(length: float, product: float) -> float:
        """One by dblquad, at the accuracy of the package's error."""
        tilt, rest = product / np.sqrt(length), np.sqrt(length - product**2 / length)

        def both(y: float, x: float) -> float:
            return phi(np.sqrt(length) * x) * phi(tilt * x + rest * y) * _normal(x) * _normal(y)

        return float(1.4**2 * integrate.dblquad(both, -9, 9, -9, 9, epsabs=1e-9)[0] + 0.04)

    slow, product = seconds(lambda: layer(1.0, 0.5))
    apart = abs(product / found.arrays["mean_square_state"][1] - found.arrays["overlap_coefficient"][1])
    print(
        f"overlap, {DEPTH} layers of GELU: compile {first - again:.1f} s, {1e3 * again:.1f} ms with limits and errors; "
        f"by dblquad {slow * DEPTH / again:.0f} times, apart {apart:.0e}"
    )


def kernel() -> None:
    """The same depth by neural-tangents, of erf: float32 or what the process has, no limits and no errors."""
    if importlib.util.find_spec("neural_tangents") is None:
        print("neural-tangents is not installed")
        return
    try:
        from neural_tangents import stax
    except Exception as error:
        print(f"neural-tangents cannot be imported beside this JAX: {type(error).__name__}: {error}")
        return
    layers = [stax.Dense(1, 1.5, 0.2), *[each for _ in range(DEPTH - 1) for each in (stax.Erf(), stax.Dense(1, 1.5, 0.2))]]
    _, _, kernel_of = stax.serial(*layers)
    inputs = np.random.default_rng(0).normal(size=(2, 64))
    first, _ = seconds(lambda: kernel_of(inputs, None, "nngp").block_until_ready())
    again, _ = seconds(lambda: kernel_of(inputs, None, "nngp").block_until_ready(), 3)
    network, theory = qd.FeedforwardNetwork(1.5, 0.2, qd.Erf()), qd.layers.Propagation(DEPTH, overlap=0.5)
    ours, _ = seconds(lambda: qd.solve(network, theory))
    ours_again, _ = seconds(lambda: qd.solve(network, theory), 3)
    print(
        f"kernel of {DEPTH} layers of erf: neural-tangents {first:.2f} s, again {1e3 * again:.2f} ms; "
        f"quenched {ours:.2f} s, again {1e3 * ours_again:.2f} ms"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--biases", type=int, default=50)
    edges(parser.parse_args().biases)
    overlaps()
    kernel()


if __name__ == "__main__":
    main()
