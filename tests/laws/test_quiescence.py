"""Below g_c every description returns the state of rest, and order sets in at g_c as it should."""

from __future__ import annotations

import numpy as np
import pytest

import closed_forms as exact
import quenched as qd

SYMMETRIES = [-0.5, 0.0, 0.2, 0.5, 1.0]
FRACTIONS = [0.3, 0.8, 0.97]


@pytest.mark.parametrize("activation", [qd.Tanh(), qd.Erf()], ids=lambda activation: activation.name)
@pytest.mark.parametrize("symmetry", SYMMETRIES)
def test_theories_without_temperature_are_quiescent(activation: qd.activations.AbstractActivation, symmetry: float) -> None:
    for fraction in FRACTIONS:
        model = qd.RandomNetwork(fraction / (1 + symmetry), symmetry, activation=activation)
        response = exact.rest_response(fraction / (1 + symmetry), symmetry)
        static = qd.solve(model, qd.dmft.Static())
        assert float(static.arrays["correlation"]) == 0.0
        assert float(static.arrays["integrated_response"]) == pytest.approx(response, rel=1e-12)
        assert float(static.arrays["stability_margin"]) > 0
        if symmetry < 0:
            continue  # cooling may end on the zero-overlap solution with q > 0, which coexists
        replica = qd.solve(model, qd.replica.ZeroTemperature())
        assert float(replica.arrays["self_overlap"]) == 0.0
        assert float(replica.arrays["local_response"]) == pytest.approx(response, rel=1e-12)


@pytest.mark.slow
def test_networks_come_to_rest() -> None:
    symmetry = 0.5
    model = qd.RandomNetwork(0.6 / (1 + symmetry), symmetry)
    trajectories = qd.solve(model, qd.simulate.Trajectories(size=60, networks=2, duration=100.0, step=0.2))
    # The slowest direction decays at a rate of 0.4 and more, less what N = 60 changes: exp(-2 * 0.3 * 50) = 1e-13.
    assert float(trajectories.arrays["mean_square_state"]) < 1e-11
    points = qd.solve(model, qd.landscape.FixedPoints(size=6, networks=4, starts=16))
    assert float(points.arrays["fixed_points"]) == 1.0
    assert float(points.arrays["self_overlap"]) < 1e-20


@pytest.mark.parametrize("symmetry", [-0.3, 0.0, 0.5])
def test_static_order_sets_in_linearly(symmetry: float) -> None:
    """C = slope (g - g_c) to first order: halving the distance halves C, the remainder falling as its square."""
    critical = 1 / (1 + symmetry)
    distances = np.array([0.02, 0.01, 0.005, 0.0025])
    found = [qd.solve(qd.RandomNetwork(critical + d, symmetry), qd.dmft.Static()) for d in distances]
    correlation = np.array([float(solution.arrays["correlation"]) for solution in found])
    exponents = np.diff(np.log(correlation)) / np.diff(np.log(distances))
    assert np.all(np.abs(exponents - 1) < 3 * distances[:-1] / critical)


@pytest.mark.parametrize("symmetry", [0.0, 0.2, 0.5, 1.0])
def test_the_static_response_peaks_at_the_transition(symmetry: float) -> None:
    critical = 1 / (1 + symmetry)
    gains = critical * np.array([0.9, 0.98, 1.0, 1.02, 1.1])
    response = [
        float(qd.solve(qd.RandomNetwork(g, symmetry), qd.dmft.Static()).arrays["integrated_response"]) for g in gains
    ]
    # At eta = 0 rest responds by 1 whatever the gain; elsewhere the peak is strict on both sides.
    assert np.argmax(response[1:]) == 1 or symmetry == 0.0
    assert response[2] == pytest.approx(1 / critical, rel=1e-10)
    assert response[2] > response[3] > response[4]
