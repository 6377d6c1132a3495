"""Fixed points of the ensemble against static DMFT and the zero-temperature replica theory, along sizes."""

from __future__ import annotations

import numpy as np
import pytest

import quenched as qd


def test_below_the_transition_only_the_state_of_rest() -> None:
    found = qd.solve(qd.RandomNetwork(0.4, 0.2), qd.landscape.FixedPoints(30, 6, 20))
    assert float(found["fixed_points"]) == 1.0
    assert float(found["self_overlap"]) == 0.0
    assert float(found["index_sum"]) == 1.0


@pytest.mark.slow
def test_networks_in_a_field_meet_static_dmft_along_sizes() -> None:
    model = qd.RandomNetwork(0.8, 0.5, field=0.5)
    theory = qd.solve(model, qd.dmft.Static())
    sizes = (20, 40, 80)
    found = [qd.solve(model, qd.landscape.FixedPoints(size, 3200 // size, 10), key=size) for size in sizes]
    for name in ("mean_square_rate", "mean_square_state", "integrated_response"):
        values = np.array([float(solution[name]) for solution in found])
        errors = np.array([float(solution[f"{name}_error"]) for solution in found])
        slope_and_limit, covariance = np.polyfit(1.0 / np.array(sizes), values, 1, w=1.0 / errors, cov="unscaled")
        error = np.sqrt(covariance[1, 1])
        assert error < 0.06 * abs(slope_and_limit[1])
        assert abs(slope_and_limit[1] - float(theory[name])) < 3.5 * error, name


@pytest.mark.slow
@pytest.mark.parametrize(("gain", "symmetry"), [(0.9, 0.5), (1.3, 0.0)])
def test_index_weighted_fixed_points_approach_static_dmft_above_the_transition(gain: float, symmetry: float) -> None:
    """Static DMFT is the sum over fixed points with sign det(-F'); the replica theory, with 1/|det F'|, is another one."""
    model = qd.RandomNetwork(gain, symmetry)
    static = float(qd.solve(model, qd.dmft.Static())["correlation"])
    sizes = np.array([8, 16, 32])
    found = [qd.solve(model, qd.landscape.FixedPoints(size, 4800 // int(size), 64), key=3) for size in sizes.tolist()]
    assert all(float(solution["completeness"]) > 0.98 for solution in found)
    values = np.array([float(solution["correlation"]) for solution in found])
    errors = np.array([float(solution["correlation_error"]) for solution in found])
    fit, covariance = np.polyfit(1.0 / sizes, values, 1, w=1.0 / errors, cov="unscaled")
    assert np.sqrt(covariance[1, 1]) < 0.03
    assert abs(fit[1] - static) < 3 * np.sqrt(covariance[1, 1])
    if symmetry > 0:
        weighted = float(found[-1]["self_overlap"])
        assert weighted < 0.5 * static
        assert values[-1] - weighted > 8 * errors[-1]


@pytest.mark.slow
def test_weighted_fixed_points_approach_the_zero_temperature_replica_theory_from_below() -> None:
    """gain 1.6, symmetry 0: the list is complete up to N = 40; q rises towards the theory with N."""
    model = qd.RandomNetwork(1.6)
    theory = float(qd.solve(model, qd.replica.ZeroTemperature())["self_overlap"])
    found = [qd.solve(model, qd.landscape.FixedPoints(size, 48, 200), key=size) for size in (10, 20, 40, 80)]
    overlaps = np.array([float(solution["self_overlap"]) for solution in found])
    errors = np.array([float(solution["self_overlap_error"]) for solution in found])
    assert all(abs(float(solution["index_sum"]) - 1.0) < 0.05 for solution in found[:3])
    shortfall = theory - overlaps
    assert np.all(np.diff(overlaps) > -2 * np.hypot(errors[1:], errors[:-1]))
    assert shortfall[-1] < 0.4 * shortfall[0]
    assert shortfall[-1] > -3 * errors[-1]


def test_a_network_without_fixed_points_found_is_named() -> None:
    solver = qd.landscape.LevenbergMarquardt(max_steps=1)
    model = qd.RandomNetwork(2.0, field=1.0)
    with pytest.raises(qd.SolveError, match=r"no_fixed_point: .* raise `starts`"):
        qd.solve(model, qd.landscape.FixedPoints(20, 2, 2), solver=solver)


def test_bad_arguments() -> None:
    with pytest.raises(ValueError, match="`networks` must be at least 2, but is 1"):
        qd.landscape.FixedPoints(10, 1)
    with pytest.raises(ValueError, match=r"`noise` must be 0 for fixed points, but is 0.1"):
        qd.solve(qd.RandomNetwork(1.0, noise=0.1), qd.landscape.FixedPoints(10, 2))
    with pytest.raises(TypeError, match="`solver` must be a LevenbergMarquardt for FixedPoints"):
        qd.solve(qd.RandomNetwork(1.0), qd.landscape.FixedPoints(10, 2), solver=qd.Newton())


@pytest.mark.slow
def test_averages_by_index_need_complete_lists() -> None:
    """Few starts at high gain: lists are partial, and nothing is reported from fewer than two that add up."""
    partial = qd.solve(qd.RandomNetwork(3.0), qd.landscape.FixedPoints(40, 3, starts=8))
    assert float(partial["completeness"]) < 0.5
    assert np.isnan(float(partial["correlation"]))
    assert "unknown (nan): correlation, integrated_response" in repr(partial)
