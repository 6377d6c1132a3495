"""The largest Lyapunov exponent of two-time DMFT: exact cases, two ways to solve the same equation, and networks."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import brentq

import quenched as qd
from quenched.couplings import Blocks, Elliptic, LowRank
from quenched.units import Adaptive, Discrete, Leaky


def followed(model: Any, duration: float, step: float, **options: Any) -> qd.Solution:
    given = {"trajectories": 512, "scramblings": 4, "richardson": False} | options
    of_theory = {name: given.pop(name) for name in ("scheme", "initial") if name in given}
    theory = qd.dmft.TwoTime(duration, step, perturbation=True, **of_theory)
    return qd.solve(model, theory, solver=qd.dmft.Population(**given), throw=False)


def exponent(solution: Any) -> tuple[float, float]:
    return float(solution["lyapunov_exponent"]), float(solution["lyapunov_exponent_error"])


EQUAL = Blocks((0.3, 0.7), gain=3.0)


@pytest.mark.parametrize(
    ("couplings", "steps", "trajectories"),
    [(Elliptic(3.0), 400, 512), (EQUAL, 60, 256), (Elliptic(3.0) + LowRank([[1.0, 2.0], [2.0, 5.0]]), 60, 256)],
    ids=["further than numbers go", "populations", "low rank"],
)
def test_in_a_linear_map_perturbations_grow_by_the_gain_at_each_step(couplings: Any, steps: int, trajectories: int) -> None:
    """3^400 is the square root of 10^381. The states themselves rest at 0."""
    model = qd.RandomNetwork(couplings=couplings, unit=Discrete(qd.Linear()))
    found = followed(model, steps, 1.0, scramblings=2, trajectories=trajectories, initial=qd.Normal(0.0, 0.0))
    np.testing.assert_allclose(found["log_perturbation"], np.log(3.0) * np.arange(steps + 1), atol=1e-6)
    assert exponent(found)[0] == pytest.approx(np.log(3.0), abs=1e-9)


@pytest.mark.parametrize("symmetry", [-0.7, 0.6])
@pytest.mark.parametrize("of_parts", [False, True])
def test_linear_neurons_with_memory_follow_the_recursion_of_their_covariance(symmetry: float, of_parts: bool) -> None:
    """Where phi' = 1 nothing depends on x: Green's function G, R and D obey equations without an average (Euler)."""
    gain, step, steps = 0.8, 0.2, 40
    green = np.eye(steps + 1)  # G(n, s), the response of x_n to a kick at s
    for n in range(steps):
        memory = gain**2 * symmetry * step * green[n, 1 : n + 1]
        green[n + 1] = (1.0 - step) * green[n] + step * memory @ green[:n]
        green[n + 1, n + 1] = 1.0
    square = np.zeros((steps + 1, steps + 1))
    for n in range(steps + 1):
        # delta_n = G(n, 0) delta_0 + step sum_m G(n, m + 1) zeta_m
        weights = step * green[: n + 1, 1 : n + 1]
        row = green[: n + 1, 0] * green[n, 0] + weights @ (gain**2 * square[:n, :n]) @ weights[n]
        square[n, : n + 1] = square[: n + 1, n] = row
    activation = qd.Linear()
    model = (
        qd.RandomNetwork(couplings=Blocks((0.5, 0.5), gain, symmetry), unit=(Leaky(activation),) * 2)
        if of_parts
        else qd.RandomNetwork(gain, symmetry, activation=activation)
    )
    found = followed(model, steps * step, step, scheme="euler", scramblings=2)
    np.testing.assert_allclose(found["log_perturbation"], 0.5 * np.log(np.diag(square)), atol=1e-6)


def test_without_symmetry_it_is_the_energy_of_a_particle_in_a_potential() -> None:
    """By both sweeps, of one population and of parts, and by the ring."""
    model = qd.RandomNetwork(2.0)
    exact = float(qd.solve(model, qd.dmft.Stationary())["lyapunov_exponent"])
    sweep = followed(model, 60.0, 0.2, trajectories=1024)
    blocks = followed(qd.RandomNetwork(couplings=Blocks((0.5, 0.5), 2.0)), 60.0, 0.2, trajectories=1024)
    ring = qd.solve(model, qd.dmft.Stationary(), solver=qd.dmft.RingPopulation(scramblings=6))
    for found in (sweep, blocks, ring):
        value, error = exponent(found)
        assert error < 0.03
        assert abs(value - exact) < 3.5 * error


@pytest.mark.slow
@pytest.mark.parametrize(
    ("gain", "symmetry", "noise"), [(2.0, 0.4, 0.0), (3.0, -0.4, 0.3), (0.5, 0.5, 0.5), (1.2, -0.8, 0.2)]
)
def test_ring_and_sweep_agree(gain: float, symmetry: float, noise: float) -> None:
    model = qd.RandomNetwork(gain, symmetry, noise=noise)
    ring = qd.solve(model, qd.dmft.Stationary(), solver=qd.dmft.RingPopulation(scramblings=8), throw=False)
    sweep = followed(model, 80.0, 0.1, trajectories=2048, scramblings=6)
    (value, error), (other, other_error) = exponent(ring), exponent(sweep)
    assert np.hypot(error, other_error) < 0.03
    assert abs(value - other) < 3.5 * np.hypot(error, other_error)


@pytest.mark.parametrize("symmetry", [0.0, 0.5, -0.5])
def test_at_rest_it_is_the_edge_of_the_elliptic_law(symmetry: float) -> None:
    """Reached like 1/t by the sweep, as its error says; exactly by the ring, but for the step."""
    gain = 0.6
    edge = -1.0 + gain * (1.0 + symmetry)
    value, error = exponent(followed(qd.RandomNetwork(gain, symmetry), 40.0, 0.2, scramblings=2))
    assert error < 0.06
    assert abs(value - edge) < 3.0 * error
    ring = qd.solve(qd.RandomNetwork(gain, symmetry), qd.dmft.StationarySampled(trajectories=8, scramblings=2))
    if symmetry >= 0.0:
        assert exponent(ring)[0] == pytest.approx(edge, abs=1e-5)
    euler = qd.dmft.StationarySampled((0.0, 1.0), trajectories=8, scramblings=2, scheme="euler", step=0.2)
    modes = gain * ((1 + symmetry) * np.cos(turn := np.linspace(0, np.pi, 1001)) + 1j * (1 - symmetry) * np.sin(turn))
    largest = np.log(np.abs(1.0 + 0.2 * (modes - 1.0)).max()) / 0.2
    assert exponent(qd.solve(qd.RandomNetwork(gain, symmetry), euler))[0] == pytest.approx(largest, abs=1e-5)


def test_neurons_of_two_variables_grow_by_their_own_transfer() -> None:
    """At rest, without symmetry: g |T(lambda + i w)| = 1 at the frequency where lambda is largest."""
    gain, rate, strength = 2.5, 0.5, 1.0

    def growth(frequency: float) -> float:
        def excess(growth: float) -> float:
            z = growth + 1j * frequency
            return gain * abs((rate + z) / ((1.0 + z) * (rate + z) + strength * rate)) - 1.0

        return brentq(excess, -0.2, 5.0) if excess(-0.2) > 0.0 else -0.2

    largest = max(growth(frequency) for frequency in np.linspace(0.0, 3.0, 301))
    unit = Adaptive(qd.Linear(), rate, strength)
    found = followed(qd.RandomNetwork(couplings=Elliptic(gain), unit=unit), 24.0, 0.05, scramblings=2)
    value, error = exponent(found)
    assert error < 0.05
    assert abs(value - largest) < 3.0 * error


NAMES = ("lyapunov_exponent", "lyapunov_exponent_error")
MODELS = {
    "symmetric": qd.RandomNetwork(2.0, 0.4),
    "antisymmetric, noise": qd.RandomNetwork(3.0, -0.4, noise=0.3),
    "populations": qd.RandomNetwork(couplings=Blocks((0.4, 0.6), [[2.5, 1.0], [2.0, 3.0]], [[0.5, -0.3], [-0.3, 0.2]])),
    "map": qd.RandomNetwork(couplings=Elliptic(2.0, 0.3), unit=Discrete()),
    "low rank": qd.RandomNetwork(couplings=Elliptic(2.0, 0.3) + LowRank([[1.0, 2.0], [2.0, 5.0]])),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_exponents_of_networks_tend_to_it(name: str) -> None:
    model = MODELS[name]
    step = 1.0 if model.kind == "map" else 0.1
    theory = followed(model, 100.0 if model.kind == "map" else 60.0, step, trajectories=2048, scramblings=6)
    sizes = np.array([100, 200, 400])
    found = [
        qd.observables.lyapunov_spectrum(model, 200.0, step, exponents=1, size=int(n), networks=int(3200 // n), key=int(n))
        for n in sizes
    ]
    values, errors = (np.array([float(each[which][0]) for each in found]) for which in NAMES)
    fit, spread = np.polyfit(1.0 / sizes, values, 1, w=1.0 / errors, cov="unscaled")
    limit, limit_error = fit[1], np.sqrt(spread[1, 1])
    value, error = exponent(theory)
    assert np.hypot(limit_error, error) < 0.03
    assert abs(limit - value) < 3.5 * np.hypot(limit_error, error)


@pytest.mark.slow
def test_the_truth_is_within_two_errors_as_often_as_it_should_be() -> None:
    model = qd.RandomNetwork(couplings=Elliptic(2.0), unit=Discrete())
    exact = float(qd.solve(model, qd.dmft.Stationary())["lyapunov_exponent"])
    theory, solver = qd.dmft.TwoTime(60.0, 1.0, perturbation=True), qd.dmft.Population(512, scramblings=8)
    found = [exponent(qd.solve(model, theory, solver=solver, key=key)) for key in range(60)]
    within = np.mean([abs(value - exact) < 2.0 * error for value, error in found])
    assert within > 0.85


def test_what_has_no_perturbations_is_refused(unchecked_types: None) -> None:
    with pytest.raises(
        ValueError, match=r"`solver` must be a Population for dmft.TwoTime with perturbations.* a Quadrature"
    ):
        qd.solve(qd.RandomNetwork(1.5), qd.dmft.TwoTime(1.0, perturbation=True), solver=qd.dmft.Quadrature())
    wrong: Any = "yes"
    with pytest.raises(TypeError, match="`perturbation` must be True or False"):
        qd.dmft.TwoTime(1.0, perturbation=wrong)
    sign = qd.RandomNetwork(1.5, activation=qd.Activation(jnp.sign, breakpoints=(0.0,)))
    with pytest.raises(ValueError, match=r"dmft.TwoTime with perturbations"):
        qd.solve(sign, qd.dmft.TwoTime(1.0, perturbation=True))
