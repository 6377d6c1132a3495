"""The sampled landscape of finite networks meets the replica theory, along sizes: symmetry of both signs, and a field.

Data: examples/sampled_landscape.py, shown in docs/sampling.md. Averages are extrapolated by a straight line in 1/N, with a
term 1/N^2 where the line does not fit; in N^(-2/3) where replica symmetry is broken, as is known of spin glasses.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import chi2

import quenched as qd

TEMPERATURE = 0.1
TABLE = Path(__file__).parents[2] / "docs" / "data" / "sampled_landscape.csv"
QUANTITIES = ("self_overlap", "overlap", "self_response_overlap", "response_overlap", "energy", "mean_square_state")
ENSEMBLES = ((0.0, 1.2, 0.0), (0.5, 1.2, 0.0), (0.5, 1.2, 0.3))
GLASS = (-0.5, 3.0, 0.0)


@pytest.fixture(scope="module")
def table() -> np.ndarray:
    return np.genfromtxt(TABLE, delimiter=",", names=True, skip_header=2)


def along_sizes(
    table: np.ndarray, ensemble: tuple[float, float, float], name: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sizes, means, standard errors over networks."""
    axes = ("symmetry", "gain", "field")
    mine = table[np.logical_and.reduce([table[axis] == value for axis, value in zip(axes, ensemble, strict=True)])]
    sizes = np.unique(mine["size"])
    groups = [mine[name][mine["size"] == size] for size in sizes]
    return sizes, np.array([g.mean() for g in groups]), np.array([g.std(ddof=1) / np.sqrt(g.size) for g in groups])


def extrapolated(
    sizes: np.ndarray, values: np.ndarray, errors: np.ndarray, powers: list[float]
) -> tuple[float, float, float]:
    """To infinitely many neurons, its standard error, and the probability of a fit as bad."""
    matrix = np.stack([np.ones(sizes.size), *(sizes**-power for power in powers)], axis=1) / errors[:, None]
    covariance = np.linalg.inv(matrix.T @ matrix)
    fit = covariance @ matrix.T @ (values / errors)
    misfit = float(np.sum((matrix @ fit - values / errors) ** 2))
    return float(fit[0]), float(np.sqrt(covariance[0, 0])), float(chi2.sf(misfit, sizes.size - 1 - len(powers)))


def limit(sizes: np.ndarray, values: np.ndarray, errors: np.ndarray) -> tuple[float, float]:
    at_infinity, error, chance = extrapolated(sizes, values, errors, [1.0])
    if chance < 0.05:
        at_infinity, error, chance = extrapolated(sizes, values, errors, [1.0, 2.0])
    assert chance > 1e-3
    return at_infinity, error


@pytest.mark.parametrize("ensemble", ENSEMBLES)
def test_replica_symmetric_ensembles(table: np.ndarray, ensemble: tuple[float, float, float]) -> None:
    symmetry, gain, field = ensemble
    theory = qd.solve(qd.RandomNetwork(gain, symmetry, field=field), qd.replica.FiniteTemperature(TEMPERATURE))
    for name in QUANTITIES:
        sizes, values, errors = along_sizes(table, ensemble, name)
        assert list(sizes) == [50, 100, 200, 400]
        at_infinity, error = limit(sizes, values, errors)
        assert abs(at_infinity - float(theory[name])) < 3 * error, name
        # Else it says little.
        assert error < (0.02 if name == "mean_square_state" else 0.005)
    # Two replicas: without a field Q vanishes in every network by symmetry, Q^2 only for many neurons.
    at_infinity, error = limit(*along_sizes(table, ensemble, "mean_square_overlap"))
    assert abs(at_infinity - float(theory["overlap"]) ** 2) < 3 * error


@pytest.mark.slow
def test_where_replica_symmetry_breaks(table: np.ndarray) -> None:
    """Far from the replica-symmetric energy and overlaps, at those of one step."""
    symmetry, gain, _ = GLASS
    model = qd.RandomNetwork(gain, symmetry)
    broken = qd.solve(model, qd.replica.OneStepRSB(TEMPERATURE))
    without = qd.solve(model, qd.replica.FiniteTemperature(TEMPERATURE))
    found = {
        name: extrapolated(*along_sizes(table, GLASS, name), [2 / 3])
        for name in ("self_overlap", "self_response_overlap", "energy", "mean_square_state", "mean_square_overlap")
    }
    m, within, between = (float(broken[n]) for n in ("breaking_parameter", "overlap_within", "overlap_between"))
    expected = {name: float(broken[name]) for name in found if name != "mean_square_overlap"}
    expected["mean_square_overlap"] = (1 - m) * within**2 + m * between**2
    for name, (at_infinity, error, chance) in found.items():
        assert chance > 0.01, name
        assert abs(at_infinity - expected[name]) < 3 * error, name
    at_infinity, error, _ = found["self_overlap"]
    assert float(without["self_overlap"]) - at_infinity > 10 * error


@pytest.mark.slow
def test_the_table_can_be_sampled_again(table: np.ndarray) -> None:
    """Other networks, other chains."""
    ensemble = ENSEMBLES[2]
    symmetry, gain, field = ensemble
    solver = qd.landscape.ReplicaExchange(qd.landscape.HMC(preconditioner="none", leapfrogs=16), hottest=3.0)
    experiment = qd.landscape.Sampling(50, 40, TEMPERATURE, chains=4, draws=1000)
    found = qd.solve(qd.RandomNetwork(gain, symmetry, field=field), experiment, solver=solver, key=99, throw=False)
    for name in QUANTITIES:
        _, values, errors = along_sizes(table, ensemble, name)
        spread = float(np.hypot(errors[0], float(found[f"{name}_error"])))
        assert abs(float(found[name]) - values[0]) < 4 * spread, name
