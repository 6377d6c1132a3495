"""Simulated ensembles against what is known exactly, along a series of sizes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import quenched as qd
from quenched.couplings import Elliptic


def test_couplings_have_the_ensembles_variances() -> None:
    import jax

    gain, symmetry, size = 1.3, 0.4, 600
    with jax.enable_x64(True):
        weights = np.asarray(Elliptic(gain, symmetry).draw(size, jax.random.key(0)))
    upper, lower = weights[np.triu_indices(size, 1)], weights.T[np.triu_indices(size, 1)]
    spread = np.sqrt(2.0 / upper.size)
    assert np.var(upper) * size / gain**2 == pytest.approx(1.0, abs=5 * spread)
    assert np.mean(upper * lower) * size / gain**2 == pytest.approx(symmetry, abs=5 * spread)
    diagonal = np.var(np.diag(weights)) * size / gain**2
    assert diagonal == pytest.approx(1.0 + symmetry, abs=5 * (1 + symmetry) * np.sqrt(2.0 / size))


def _extrapolated(sizes: np.ndarray, values: np.ndarray, errors: np.ndarray) -> tuple[float, float]:
    """Value at N = infinity of a + b/N, by weighted least squares, and its error."""
    design = np.stack([np.ones(len(sizes)), 1.0 / sizes], axis=1) / errors[:, None]
    covariance = np.linalg.inv(design.T @ design)
    return float((covariance @ design.T @ (values / errors))[0]), float(np.sqrt(covariance[0, 0]))


@pytest.mark.parametrize("symmetry", [pytest.param(-0.5, marks=pytest.mark.slow), 0.5])
def test_networks_at_rest_in_a_field_meet_static_dmft_along_sizes(symmetry: float) -> None:
    model = qd.RandomNetwork(0.8, symmetry, field=0.5)
    theory = qd.solve(model, qd.dmft.Static())
    sizes = np.array([25, 50, 100])
    found = [
        qd.solve(model, qd.simulate.Trajectories(int(size), 6400 // int(size), 60.0, 0.25, burn_in=55.0), key=int(size))
        for size in sizes
    ]
    assert all(float(solution["kinetic_energy"]) < 1e-6 for solution in found)
    for name in ("mean_square_rate", "mean_square_state", "mean_rate"):
        values = np.array([float(solution[name]) for solution in found])
        errors = np.array([float(solution[f"{name}_error"]) for solution in found])
        limit, error = _extrapolated(sizes, values, errors)
        assert error < 0.05 * abs(limit)
        assert abs(limit - float(theory[name])) < 3.5 * error, name


@pytest.mark.parametrize(
    ("symmetry", "exact"), [(0.0, 1 / (2 * np.sqrt(1 - 0.25))), (1.0, 0.5 * (1 - np.sqrt(1 - 0.64)) / 0.32)]
)
def test_linear_networks_with_noise_along_sizes(symmetry: float, exact: float) -> None:
    """eta = 0: <x^2> = sigma^2/(2 sqrt(1 - g^2)); eta = 1: thermal, sigma^2/2 times the response of rest."""
    gain = 0.5 if symmetry == 0 else 0.4
    model = qd.RandomNetwork(gain, symmetry, noise=1.0, activation=qd.Linear())
    sizes = np.array([25, 50, 100])
    found = [
        qd.solve(model, qd.simulate.Trajectories(int(n), 3200 // int(n), 60.0, 0.05, burn_in=20.0), key=5) for n in sizes
    ]
    values = np.array([float(solution["mean_square_state"]) for solution in found])
    errors = np.array([float(solution["mean_square_state_error"]) for solution in found])
    limit, error = _extrapolated(sizes, values, errors)
    assert error < 0.02 * exact
    assert abs(limit - exact) < 3.5 * error


def test_below_the_transition_networks_come_to_rest() -> None:
    found = qd.solve(qd.RandomNetwork(0.6, 0.5), qd.simulate.Trajectories(60, 4, 200.0, 0.2, burn_in=190.0))
    assert float(found["mean_square_state"]) < 1e-6
    assert float(found["kinetic_energy"]) < 1e-6


def test_recorded_trajectories_average_to_the_accumulated_numbers() -> None:
    experiment = qd.simulate.Trajectories(7, 3, 4.0, 0.1, burn_in=1.0, trials=2, record=True)
    found = qd.solve(qd.RandomNetwork(1.5), experiment)
    kept = found["trajectory"]
    assert kept.dims == ("network", "time", "trial", "neuron")
    assert kept.shape == (3, 30, 2, 7)
    np.testing.assert_allclose(kept.time, np.arange(10, 40) * 0.1)
    assert float((kept**2).mean()) == pytest.approx(float(found["mean_square_state"]), rel=1e-12)


@pytest.mark.slow
def test_networks_measured_in_batches_are_the_networks_measured_together(monkeypatch: pytest.MonkeyPatch) -> None:

    experiment = qd.simulate.Trajectories(12, 6, 5.0, 0.1)
    together = qd.solve(qd.RandomNetwork(1.2), experiment, key=4)
    monkeypatch.setattr("quenched.numerics.memory.BATCH_BYTES", 2 * experiment.bytes_per_sample(None))
    done: list[int] = []
    apart = qd.solve(qd.RandomNetwork(1.2), experiment, key=4, progress=lambda now, total: done.append(now))
    assert done == [2, 4, 6]
    for name, values in together.arrays.items():
        np.testing.assert_allclose(np.asarray(apart.arrays[name]), np.asarray(values), rtol=1e-10, atol=1e-14)


def test_interrupted_ensemble_keeps_what_is_done(monkeypatch: pytest.MonkeyPatch) -> None:

    experiment = qd.simulate.Trajectories(12, 6, 5.0, 0.1)
    monkeypatch.setattr("quenched.numerics.memory.BATCH_BYTES", 2 * experiment.bytes_per_sample(None))

    def interrupt(done: int, total: int) -> None:
        if done == 4:
            raise KeyboardInterrupt

    solution = qd.solve(qd.RandomNetwork(1.2), experiment, throw=False, progress=interrupt)
    assert qd.Status(int(solution.status)) is qd.Status.interrupted
    assert np.isfinite(float(solution["mean_square_state_error"]))


def test_runaway_networks_are_named() -> None:
    model = qd.RandomNetwork(4.0, activation=qd.Linear())
    with pytest.raises(qd.SolveError, match=r"diverged: .*smaller `step`"):
        qd.solve(model, qd.simulate.Trajectories(20, 2, 400.0, 0.1))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"size": 0}, "`size` must be at least 1, but is 0"),
        ({"networks": 1}, "`networks` must be at least 2, but is 1"),
        ({"step": 1.5}, "`step` must be a finite number at most 1 and greater than 0, but is 1.5"),
        ({"duration": 1.03}, "`duration` must be a multiple of `step` = 0.1, but is 1.03"),
        ({"burn_in": 10.0}, "`burn_in` must be shorter than `duration` = 10, but is 10"),
        ({"scheme": "eular"}, "'eular'. Did you mean 'euler'"),
        ({"trials": -1}, "`trials` must be at least 1, but is -1"),
    ],
)
def test_bad_arguments(arguments: dict[str, object], message: str) -> None:
    good: dict[str, object] = {"size": 10, "networks": 2, "duration": 10.0, "step": 0.1}
    with pytest.raises(ValueError, match=message):
        qd.simulate.Trajectories(**(good | arguments))  # type: ignore[arg-type]


def test_what_does_not_fit_is_refused_before_any_work() -> None:
    with pytest.raises(MemoryError, match=r"Trajectories needs about .* lower `size`"):
        qd.solve(qd.RandomNetwork(1.0), qd.simulate.Trajectories(2_000_000, 2, 1.0, 0.1))


def test_integrate_names_what_is_wrong() -> None:
    network = qd.Network(np.eye(3))
    with pytest.raises(ValueError, match=r"`initial` must be .* \(trial, 3\), but has shape \(2,\)"):
        qd.simulate.integrate(network, 1.0, 0.1, initial=np.zeros(2))
    with pytest.raises(FloatingPointError, match="diverged before time"):
        qd.simulate.integrate(qd.Network(300 * np.eye(3), qd.Linear()), 400.0, 0.5, initial=np.ones(3))


def test_growth_without_overflow_is_named_too() -> None:
    found = qd.solve(qd.RandomNetwork(2.0, activation=qd.Linear()), qd.simulate.Trajectories(20, 2, 60.0, 0.1), throw=False)
    assert np.isfinite(float(found.arrays["mean_square_state"]))
    assert qd.Status(int(found.status)) is qd.Status.diverged


@pytest.mark.usefixtures("unchecked_types")
@pytest.mark.parametrize("key", [-1, 2**63, True, "a"])
def test_bad_keys_are_refused_by_theories_too(key: object) -> None:
    with pytest.raises((ValueError, TypeError), match="`key` must be"):
        qd.solve(qd.RandomNetwork(1.0), qd.dmft.Static(), key=key)  # type: ignore[arg-type]


@pytest.mark.parametrize("scheme", ["second_order", "euler"])
def test_the_error_contains_the_step_where_it_is_extrapolated(scheme: str) -> None:
    """At gain 0 x' = a x + s xi: the variance of each scheme is s^2/(1 - a^2), that in continuous time noise^2/2."""

    def variance(step: float) -> float:
        if scheme == "euler":
            return step / (1 - (1 - step) ** 2)
        return step * (1 - step / 2) ** 2 / (1 - (1 - step + step**2 / 2) ** 2)

    model = qd.RandomNetwork(0.0, noise=1.0, activation=qd.Linear())
    options: dict[str, Any] = {"size": 100, "networks": 8, "duration": 60.0, "step": 0.5, "scheme": scheme}
    plain, found = (
        qd.solve(model, qd.simulate.Trajectories(richardson=richardson, **options)) for richardson in (False, True)
    )
    order = 1 if scheme == "euler" else 2
    changed = (variance(0.25) - variance(0.5)) / (2**order - 1)
    name = "mean_square_state"
    # Both steps have the same noise: their difference is known far better than either.
    spread = float(found[f"{name}_discretisation_error"])
    assert abs(float(found[f"{name}_discretisation"]) - changed) < 4 * spread < 0.2 * abs(changed)
    assert abs(float(plain[name]) - 0.5) > 4 * float(plain[f"{name}_error"])
    assert abs(float(found[name]) - 0.5) < 2 * float(found[f"{name}_error"])
    assert float(found[f"{name}_error"]) > 0.5 * abs(changed) * 0.999
    assert "step" in plain.attributes()["outside_errors"]
    assert "step" not in found.attributes()["outside_errors"]
    with pytest.raises(ValueError, match=r"`record` must be False with `richardson`"):
        qd.simulate.Trajectories(richardson=True, record=True, **options)
