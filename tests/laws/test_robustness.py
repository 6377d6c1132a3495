"""Anywhere a user may look there is an answer, and no NaN."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pytest

import quenched as qd

COUNT = 300


@pytest.fixture(scope="module")
def points() -> dict[str, np.ndarray]:
    random = np.random.default_rng(1)
    return {
        "gain": 10 ** random.uniform(-1, 1, COUNT),
        "symmetry": random.uniform(-1, 1, COUNT),
        "temperature": 10 ** random.uniform(-6, 1, COUNT),
    }


def solve_all(points: dict[str, np.ndarray], theory: Any) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """One batch: `theory` is made of a temperature."""

    def one(gain: Any, symmetry: Any, temperature: Any) -> tuple[Any, Any]:
        solution = qd.solve(qd.RandomNetwork(gain, symmetry), theory(temperature))
        return solution.status, solution.arrays

    with jax.enable_x64(True):
        return jax.device_get(jax.jit(jax.vmap(one))(points["gain"], points["symmetry"], points["temperature"]))


def failures(points: dict[str, np.ndarray], status: np.ndarray) -> list[tuple[float, ...]]:
    return [tuple(float(values[i]) for values in points.values()) for i in np.flatnonzero(status)]


@pytest.mark.parametrize(
    "theory",
    [lambda _: qd.dmft.Static(), qd.replica.FiniteTemperature],
    ids=["Static", "FiniteTemperature"],
)
def test_every_point_is_solved(points: dict[str, np.ndarray], theory: Any) -> None:
    status, arrays = solve_all(points, theory)
    assert failures(points, status) == []
    if "stability_margin" in arrays:
        # No linear stability where neurons jump between states.
        margin, invertible = arrays.pop("stability_margin"), arrays["invertible"]
        np.testing.assert_array_equal(np.isnan(margin), invertible == 0)
    assert all(np.all(np.isfinite(array)) for array in arrays.values())


@pytest.mark.slow
def test_zero_temperature_is_solved_for_every_symmetry_that_it_covers(points: dict[str, np.ndarray]) -> None:
    covered = {name: values[points["symmetry"] >= 0] for name, values in points.items()}
    status, arrays = solve_all(covered, lambda _: qd.replica.ZeroTemperature())
    assert failures(covered, status) == []
    assert all(np.all(np.isfinite(array)) for array in arrays.values())
