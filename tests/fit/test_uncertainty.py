"""Errors of estimates whose weights are from a few simulated networks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from quenched.fit.data import Measured
from quenched.fit.finite import Simulated
from quenched.fit.minimum import Minimum
from quenched.fit.problem import Point, Problem
from quenched.fit.recording import Recording
from quenched.fit.uncertainty import Linear, uncertainty
from quenched.status import Status

NUMBERS, PARAMETERS = 8, 2
RANDOM = np.random.default_rng(0)
SLOPES = RANDOM.normal(size=(NUMBERS, PARAMETERS))
SCATTER = np.tril(RANDOM.normal(size=(NUMBERS, NUMBERS))) + 2.0 * np.eye(NUMBERS)


class LinearProblem(Problem):
    """Data that depend linearly on the parameters, of which the theory knows no error."""

    def __init__(self, measured: Measured):
        self.measure(measured)

    def at(self, values: np.ndarray) -> Point:
        return Point(values, np.zeros(NUMBERS), SLOPES, np.zeros(NUMBERS), Status.solved)

    def sample_deviations(self, values: np.ndarray) -> None:
        return None


def fitted(random: np.random.Generator, networks: int, recorded: int) -> tuple[np.ndarray, Any]:
    """The estimate, whose truth is 0, and its uncertainty."""
    data = (random.normal(size=(recorded, NUMBERS)) @ SCATTER.T).mean(axis=0)
    rows = random.normal(size=(networks, NUMBERS)) @ SCATTER.T
    none = np.zeros(0)
    recording = Recording("correlation", none, none, none, none, 1.0, recorded, 1, 100, 100, none)
    measured = Measured(("correlation",), {"correlation": data}, {}, np.eye(NUMBERS), np.eye(NUMBERS), data, recording)
    problem = LinearProblem(measured.against(Simulated(rows), np.zeros(NUMBERS)))
    white, linear = problem.white(problem.measured.flat), Linear.of(problem.slopes(np.zeros(PARAMETERS)))
    squares = float(np.sum((linear.left @ white) ** 2))
    return linear.mover @ white, uncertainty(problem, Minimum(np.zeros(PARAMETERS), squares, Status.solved))


@pytest.mark.parametrize(("networks", "recorded"), [(20, 1), (20, 4)])
def test_errors_know_that_weights_from_few_networks_scatter(networks: int, recorded: int) -> None:
    """The variance on average that of the estimates; G V G' with V of the same networks would be half of it."""
    random = np.random.default_rng(networks + recorded)
    found = [fitted(random, networks, recorded) for _ in range(500)]
    estimates = np.array([estimate for estimate, _ in found])
    variances = np.array([np.diagonal(known.covariance) for _, known in found])
    scatter = np.mean(estimates**2, axis=0)
    # A mean of 500 squares of normal numbers is known to 6 %; weights of 19 networks are a few percent worse than of 20.
    np.testing.assert_allclose(variances.mean(axis=0) / scatter, 1.03, atol=0.17)
    within = np.mean(np.abs(estimates) < 2.0 * np.sqrt(variances))
    assert 0.91 < within < 0.97
    # A share of p values as large as it should be.
    assert 0.02 < np.mean([known.p_value < 0.05 for _, known in found]) < 0.12
