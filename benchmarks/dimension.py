"""The dimension of a recording and of infinitely many neurons, against plain NumPy.

    .venv/bin/python benchmarks/dimension.py [--neurons 2000] [--samples 1000] [--repeats 5]

Recordings: NumPy makes the covariance matrix and takes its trace and the sum of its squares, which is the plain, biased
estimate, on one of its threads or on all; ours makes the unbiased one with its error. Few samples of many neurons, many
samples of few, and 10 000 neurons, whose covariance matrix NumPy is not asked for. Theory: NumPy sums over two
frequencies on a grid that is as fine as the ridge of the kernel asks for, from our spectra; what is compared is the time
and how far off it is. They take turns, and the fastest of the repeats counts.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np

import quenched as qd
from quenched.numerics.threads import one_blas_thread


def plain(states: np.ndarray) -> float:
    """What one would write."""
    centred = states - states.mean(axis=0)
    covariance = centred.T @ centred / len(centred)
    return float(np.trace(covariance) ** 2 / np.sum(covariance**2) / states.shape[1])


def by_gram(states: np.ndarray) -> float:
    """The same from products over neurons, where samples are fewer."""
    centred = states - states.mean(axis=0)
    gram = centred @ centred.T / len(centred)
    return float(np.trace(gram) ** 2 / np.sum(gram**2) / states.shape[1])


def two_frequencies(gain: float, reach: float, count: int) -> float:
    """The dimension of states without noise by a sum over a grid."""
    half = np.linspace(0.0, reach, count)
    solution = qd.solve(qd.RandomNetwork(gain), qd.dmft.Stationary(lags=(0.0,), frequencies=half))
    spectrum = solution["power_spectrum"].values
    whole, state = np.concatenate([-half[:0:-1], half]), np.concatenate([spectrum[:0:-1], spectrum])
    square, total = (gain * solution["response"].values[0]) ** 2, 0.0
    for row, weight in zip(half, np.where(half > 0.0, 2.0, 1.0), strict=True):
        turned = square / ((1.0 - 1j * row) * (1.0 + 1j * whole))
        kernel = (2.0 - np.abs(turned) ** 2) / np.abs(1.0 - turned) ** 2
        total += weight * np.interp(row, half, spectrum) * float(kernel @ state)
    return float(solution["mean_square_state"].values ** 2 / (total * ((half[1] - half[0]) / (2.0 * np.pi)) ** 2))


def fastest(jobs: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Seconds, by turns; what is compiled is so before."""
    times = dict.fromkeys(jobs, np.inf)
    for job in jobs.values():
        job()
    for _ in range(repeats):
        for name, job in jobs.items():
            began = time.perf_counter()
            job()
            times[name] = min(times[name], time.perf_counter() - began)
    return times


def recordings(neurons: int, samples: int, repeats: int, with_matrix: bool = True) -> None:
    rng = np.random.default_rng(0)
    states = rng.normal(size=(samples, neurons)) * np.exp(-np.arange(neurons) / (0.1 * neurons))

    def one_thread(job: Callable[[np.ndarray], float]) -> Callable[[], float]:
        def limited() -> float:
            with one_blas_thread():
                return job(states)

        return limited

    jobs: dict[str, Callable[[], object]] = {"quenched": lambda: qd.observables.dimension(states, throw=False)}
    if with_matrix:
        jobs |= {"NumPy": lambda: plain(states), "NumPy on one thread": one_thread(plain)}
    jobs["NumPy, Gram matrix"] = lambda: by_gram(states)
    times = fastest(jobs, repeats)
    found = qd.observables.dimension(states, throw=False)
    scale = np.exp(-np.arange(neurons) / (0.1 * neurons)) ** 2
    print(f"{samples} samples of {neurons} neurons")
    for name, taken in times.items():
        print(f"  {name:<22} {1e3 * taken:9.1f} ms   {taken / times['quenched']:6.2f} times ours")
    value, error = found.state_dimension.item(), found.state_dimension_error.item()
    print(
        f"  dimension {value:.5f} +- {error:.5f}, plain {found.attrs['plain_state_dimension']:.5f}, exact "
        f"{scale.sum() ** 2 / (scale**2).sum() / neurons:.5f}"
    )


def theory(gain: float, reach: float, count: int, repeats: int) -> None:
    solution = qd.solve(qd.RandomNetwork(gain), qd.dmft.Stationary(lags=(0.0,), frequencies=(0.0,)))
    jobs: dict[str, Callable[[], object]] = {
        "quenched": lambda: qd.observables.dimension(solution),
        "NumPy, a grid": lambda: two_frequencies(gain, reach, count),
    }
    times = fastest(jobs, repeats)
    exact = qd.observables.dimension(solution).state_dimension.item()
    print(f"theory at gain {gain:g}, a grid of {2 * count - 1} by {2 * count - 1} frequencies")
    for name, taken in times.items():
        print(f"  {name:<22} {1e3 * taken:9.1f} ms   {taken / times['quenched']:6.2f} times ours")
    print(f"  dimension {exact:.8f}, the grid is off by {abs(two_frequencies(gain, reach, count) / exact - 1.0):.0e} of it")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--neurons", type=int, default=2000)
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    recordings(options.neurons, options.samples, options.repeats)
    recordings(options.neurons // 10, 10 * options.samples, options.repeats)
    recordings(10_000, options.samples, options.repeats, with_matrix=False)
    theory(2.0, 15.0, 1000, options.repeats)
    theory(1.1, 1.0, 1000, options.repeats)


if __name__ == "__main__":
    main()
