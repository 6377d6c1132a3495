"""E[Z] at finite N: against networks drawn and states sampled, two ways against each other, and its limits."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chi2

import quenched as qd
from quenched.replica.annealed_fourier import any_size
from quenched.replica.annealed_small import small

GAIN = 1.3


def sampled(size: int, gain: float, symmetry: float, temperature: float, draws: int) -> tuple[np.ndarray, np.ndarray]:
    """ln E[Z] and q with errors, each draw a network and a state of its own: no integral over the couplings is done."""
    rng = np.random.default_rng(size)
    independent = rng.normal(size=(draws, size, size))
    a, b = np.sqrt(1 + symmetry) / 2, np.sqrt(1 - symmetry) / 2
    couplings = gain / np.sqrt(size) * ((a + b) * independent + (a - b) * independent.swapaxes(1, 2))
    # States from a mixture of Gaussians; the weight of a draw is exp(-E/T) divided by the density of the mixture.
    variances = np.geomspace(temperature, 3.0 * (temperature + gain**2), 6)
    x = np.sqrt(rng.choice(variances, draws))[:, None] * rng.normal(size=(draws, size))
    square = np.sum(x**2, axis=1)[:, None]
    density = np.mean(np.exp(-square / (2 * variances)) * (2 * np.pi * variances) ** (-size / 2), axis=1)
    speed = np.einsum("sij,sj->si", couplings, np.tanh(x)) - x
    weight = np.exp(-np.sum(speed**2, axis=1) / (2 * temperature)) / density
    q = np.mean(np.tanh(x) ** 2, axis=1)
    mean = weight.mean()
    average = weight @ q / weight.sum()
    errors = weight.std() / mean, np.std(weight * (q - average)) / mean
    return np.array([np.log(mean), average]), np.array(errors) / np.sqrt(draws)


@pytest.mark.parametrize("symmetry", [-0.5, 0.0, 0.5])
@pytest.mark.parametrize("size", [2, 3, 4, 5, 6])
def test_it_is_the_average_over_networks_and_states(size: int, symmetry: float) -> None:
    # Draws must fall near roots of F to count: the part that does is T^(N/2), too few at N = 6 where it is colder.
    temperature = 0.5
    found = qd.replica.finite_size(qd.RandomNetwork(GAIN, symmetry), size, temperature)
    ours = np.array([-size / temperature * found.free_energy.item(), found.self_overlap.item()])
    drawn, errors = sampled(size, GAIN, symmetry, temperature, 200_000)
    assert np.all(np.abs(ours - drawn) < 4 * errors)
    # Small enough to see the sizes apart, and the symmetry.
    assert np.all(errors < [0.05, 0.01])


@pytest.mark.parametrize(("gain", "temperature", "rtol"), [(0.7, 0.1, 1e-5), (1.3, 0.1, 1e-6), (2.5, 0.3, 2e-5)])
def test_sum_and_fourier_integral_agree(gain: float, temperature: float, rtol: float) -> None:
    # The sum is exact to 1e-7 with 20 nodes. G^N falls as w^-3 only at N = 6, and what is cut off is the difference.
    by_sum = small(np.tanh, gain, 0.0, temperature, 6, 1.0, 20)
    by_integral = any_size(np.tanh, gain, temperature, 6, 1.0, 1.4)
    np.testing.assert_allclose(by_integral, by_sum, rtol=rtol)


def test_the_limit_of_many_neurons_is_the_theory() -> None:
    model = qd.RandomNetwork(GAIN)
    sizes = np.array([200, 400, 800])
    found = qd.replica.finite_size(model, sizes, 0.1)
    theory = qd.solve(model, qd.replica.FiniteTemperature(0.1))
    for name in ("free_energy", "self_overlap"):
        values, limit = found[name].values, float(theory[name])
        # A parabola in 1/N; and the approach is as 1/N.
        assert np.polyfit(1 / sizes, values, 2)[-1] == pytest.approx(limit, abs=1e-6)
        ratio = (values[0] - limit) / (values[2] - limit)
        assert ratio == pytest.approx(4.0, abs=0.1)


def test_a_cold_network_has_the_weight_of_its_origin() -> None:
    """1/|det F'| of the origin has no mean: what E[Z] gains as T falls tenfold is ln 10 times y f(y), y = 1/g^2, with f the
    density of a mean of N squared normal numbers; the rest of the gain vanishes with T."""
    size, temperatures = 20, (1e-5, 1e-6)
    found = [qd.replica.finite_size(qd.RandomNetwork(GAIN), size, T) for T in temperatures]
    sums = [
        np.exp(size * (-each.free_energy.item() / T - 0.5 * np.log(2 * np.pi * T)))
        for each, T in zip(found, temperatures, strict=True)
    ]
    y = 1 / GAIN**2
    assert sums[1] - sums[0] == pytest.approx(np.log(10) * y * size * chi2.pdf(size * y, size), rel=1e-3)
    assert found[1].self_overlap.item() < found[0].self_overlap.item()


def test_errors_hold_what_finer_steps_change() -> None:
    found = qd.replica.finite_size(qd.RandomNetwork(GAIN), [7], 0.1)
    finer = any_size(np.tanh, GAIN, 0.1, 7, 1.0, 2.0)[1]
    assert abs(finer - found.self_overlap.item()) <= found.self_overlap_error.item() < 1e-6


@pytest.mark.parametrize(
    ("model", "sizes", "what"),
    [
        (qd.RandomNetwork(1.3, 0.5), [7], "sizes"),
        (qd.RandomNetwork(1.3), [], "sizes"),
        (qd.RandomNetwork(1.3), [1], "sizes"),
        (qd.RandomNetwork(1.3, field=0.1), [4], "field"),
        (qd.RandomNetwork(1.3, noise=0.1), [4], "noise"),
        (qd.RandomNetwork(0.5, activation=qd.Linear()), [4], "activation"),
        (qd.RandomNetwork(0.5, activation=qd.ReLU()), [4], "activation"),
    ],
)
def test_what_is_not_covered_is_refused(model: qd.RandomNetwork, sizes: list[int], what: str) -> None:
    with pytest.raises(ValueError, match=f"Argument `{what}`"):
        qd.replica.finite_size(model, sizes, 0.1)
