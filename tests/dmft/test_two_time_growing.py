"""`qd.dmft.GrowingSteps`: exact cases, steps of one length, finite networks, where it ends, and what it refuses."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import quenched as qd
from quenched.dmft.implicit import implicit_sweep
from quenched.dmft.two_time_growing import integrated_since
from quenched.numerics.exact_moments import with_exact_moments
from quenched.numerics.growing_grid import backward, growing_grid
from quenched.solve import _samples_compiled

QUENCH = qd.RandomNetwork(1.5, 1.0)
WAITED = [0.0, 1.0, 3.0, 10.0, 30.0]


def few(**options: Any) -> qd.dmft.GrowingSteps:
    return qd.dmft.GrowingSteps(**{"growth": 0.2, "trajectories": 256, "populations": 4} | options)


# The grid and the scheme.


def test_the_grid_holds_what_is_asked_and_grows_no_faster_than_it_may() -> None:
    asked = np.array([0.0, 0.3, 1.7, 45.0, 46.0, 9000.0])
    times, halves = (growing_grid(asked, 0.1, 0.05, halved) for halved in (False, True))
    assert np.isin(asked, times).all()
    np.testing.assert_array_equal(halves[::2], times)
    steps = np.diff(times)
    assert np.all(steps > 0.0)
    assert np.all(steps[1:] < 2.201 * steps[:-1])
    assert np.all(np.diff(halves)[1:] < 2.4 * np.diff(halves)[:-1])
    assert np.all(steps < np.maximum(0.1, (np.exp(0.05) - 1.0) * times[:-1]) * (1.0 + 1e-9))
    assert len(times) < 2.0 / 0.1 + np.log(9000.0 / 2.0) / 0.05 + 3 * len(asked)
    np.testing.assert_array_equal(growing_grid(np.zeros(1), 0.1, 0.05), [0.0])


def test_the_scheme_is_exact_for_parabolas() -> None:
    times = growing_grid(np.array([30.0]), 0.1, 0.3)
    last, second, now, ratio = backward(times)
    states, speeds = 1.0 + 2.0 * times - 0.7 * times**2, 2.0 - 1.4 * times
    found = last[2:] * states[1:-1] + second[2:] * states[:-2] + now[2:] * speeds[2:]
    np.testing.assert_allclose(found, states[2:], rtol=1e-12)
    straight = states[1:-1] + ratio[2:] * (states[1:-1] - states[:-2])
    np.testing.assert_allclose(states[2:] - straight, -0.7 * np.diff(times)[1:] * (times[2:] - times[:-2]), rtol=1e-9)


# Exact cases.


def stepped(modes: np.ndarray, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """x_n from x_0 = 1 of each mode, and dx_n/dtheta_m, of (1 + c - c mode) x_n = a x_{n-1} + b x_{n-2} + c theta_n."""
    last, second, now, _ = backward(times)
    count = len(times)
    states, kicked = np.ones((count, modes.size), modes.dtype), np.zeros((count, count, modes.size), modes.dtype)
    for n in range(1, count):
        scale = 1.0 + now[n] - now[n] * modes
        states[n] = (last[n] * states[n - 1] + second[n] * states[max(n - 2, 0)]) / scale
        kicked[n] = (last[n] * kicked[n - 1] + second[n] * kicked[max(n - 2, 0)]) / scale
        kicked[n, n] += now[n] / scale
    return states, kicked


@pytest.mark.parametrize(
    ("gain", "symmetry", "duration"), [(0.3, 1.0, 40.0), (0.5, 1.0, 3000.0), (0.6, 1.0, 8.0), (1.5, -1.0, 40.0)]
)
def test_linear_networks_are_those_of_the_semicircle_whatever_the_steps(
    gain: float, symmetry: float, duration: float
) -> None:
    """Below, at and above their transition, and antisymmetric: averages over the eigenvalues, exactly, though steps are as
    long as a third of the time."""
    times = growing_grid(np.array([duration]), 0.2, 0.3)
    angle = np.pi * (np.arange(20000) + 0.5) / 20000
    modes, weight = 2.0 * gain * np.cos(angle), 2.0 * np.sin(angle) ** 2 / 20000
    states, kicked = stepped(modes if symmetry > 0.0 else 1j * modes, times)
    with jax.enable_x64(True):
        normals = with_exact_moments(jax.random.normal(jax.random.key(1), (len(times) + 1, 64)))
        model = qd.RandomNetwork(gain, symmetry, activation=qd.Linear())
        found = implicit_sweep(model, backward(times), normals[0], normals[1:], 2)
        correlation, lost = found.state @ found.state.T / 64, int(found.lost)
    assert lost == 0
    np.testing.assert_allclose(found.response, (kicked @ weight).real, rtol=1e-7, atol=1e-9)
    # The part 1e-8 of the variance that is added where the past says it all.
    np.testing.assert_allclose(correlation, ((states * weight) @ states.conj().T).real, rtol=3e-6, atol=3e-8)


def test_the_response_since_a_time_is_that_to_a_field_that_is_switched_on() -> None:
    """Of second order, a few steps after it is."""
    asked, errors = np.arange(5.0), []
    for step in (0.05, 0.025):
        times = growing_grid(asked, step, step)
        _, kicked = stepped(np.array([0.4]), times)
        with jax.enable_x64(True):
            since = np.asarray(integrated_since(jnp.asarray(kicked[:, :, 0]), times))
        assert np.all(np.triu(since) == 0.0)
        at = np.searchsorted(times, asked - 1e-9)
        exact = (1.0 - np.exp(-0.6 * (asked[:, None] - asked))) / 0.6
        errors.append(np.max(np.abs(since[np.ix_(at, at)] - exact)[np.tril_indices(5, -2)]))
    assert errors[0] < 1e-3
    assert errors[0] / errors[1] == pytest.approx(4.0, rel=0.3)


# Other ways to the same numbers.


def test_without_symmetry_it_agrees_with_averages_that_are_not_sampled() -> None:
    model, start = qd.RandomNetwork(1.2, 0.0, field=0.4), qd.Normal(0.2, 0.6)
    theory = qd.dmft.TwoTime(4.0, 0.1, initial=start, response=True, times=[0.0, 0.5, 2.0, 4.0])
    found = qd.solve(model, theory, solver=few(), key=3)
    other = qd.solve(model, qd.dmft.TwoTime(4.0, 0.1, initial=start), solver=qd.dmft.Quadrature(richardson=True))
    at = [0, 5, 20, 40]
    for name in ("correlation", "state_correlation"):
        error = np.hypot(found[f"{name}_error"].values, 1e-4)
        assert np.all(np.abs(found[name].values - other[name].values[np.ix_(at, at)]) < 6.0 * error)
    assert found["correlation_error"].max() < 1e-2
    response = other["response"].values
    since = np.array([[np.trapezoid(response[n, m : n + 1], dx=0.1) for m in at] for n in at])
    error = np.hypot(found["integrated_response_error"].values, 2e-3)
    assert np.all(np.abs(np.tril(found["integrated_response"].values - since)) < 6.0 * error)


def test_a_quench_agrees_with_steps_of_one_length() -> None:
    found = qd.solve(QUENCH, qd.dmft.TwoTime(30.0, 0.1, times=WAITED), solver=few(growth=0.1), key=5)
    all_times = np.round(0.1 * np.arange(301), 1)
    thinned = qd.dmft.ThinnedPopulation(4, 256, 128, 4)
    other = qd.solve(QUENCH, qd.dmft.TwoTime(30.0, 0.1, times=all_times), solver=thinned, key=5)
    at = np.searchsorted(all_times, np.array(WAITED) - 1e-9)

    def deviations(name: str) -> np.ndarray:
        chosen = np.ix_(*[at] * found[name].ndim)
        error = np.hypot(found[f"{name}_error"].values, other[f"{name}_error"].values[chosen])
        return np.asarray((found[name].values - other[name].values[chosen]) / np.maximum(error, 1e-9))

    apart = {name: deviations(name) for name in ("correlation", "mean_square_state", "kinetic_energy")}
    # Its response, summed over the time since.
    R = other["response"].values
    since = np.array([[np.trapezoid(R[n, m : n + 1], dx=0.1) for m in at] for n in at])
    below = np.tril_indices(len(at), -1)
    apart["integrated_response"] = (found["integrated_response"].values - since)[below] / np.hypot(
        found["integrated_response_error"].values[below], 0.03
    )
    # Four populations each: 6 degrees of freedom.
    for values in apart.values():
        assert np.max(np.abs(values)) < 6.0
        assert np.sqrt(np.mean(values**2)) < 2.5
    # They begin in order, and age.
    rows = found["correlation"].values
    assert np.all(np.diff(rows[-1] / np.sqrt(np.diag(rows))) > 0.0)
    assert np.all(np.diff(found["kinetic_energy"].values) < 0.0)


def test_what_the_steps_change_falls_as_their_square() -> None:
    model = qd.RandomNetwork(0.5, 1.0, activation=qd.Linear())
    changed = []
    for growth, step in ((0.2, 0.1), (0.1, 0.05)):
        theory = qd.dmft.TwoTime(20.0, step, times=[0.0, 5.0, 20.0])
        found = qd.solve(model, theory, solver=few(growth=growth, trajectories=128, tangents=2, populations=2))
        changed.append(found["correlation_discretisation"].values[2, 2])
    assert changed[0] / changed[1] == pytest.approx(4.0, rel=0.25)


# Where it ends.


def test_where_a_step_has_no_solution_results_end_and_the_status_says_so() -> None:
    theory = qd.dmft.TwoTime(3000.0, 0.1, times=[0.0, 3.0, 3000.0])
    found = qd.solve(QUENCH, theory, solver=few(trajectories=128, tangents=8), key=0, throw=False)
    assert found.status == qd.Status.out_of_steps
    assert np.isfinite(found["correlation"].values[:2, :2]).all()
    assert np.isfinite(found["correlation_error"].values[:2, :2]).all()
    assert np.isnan(found["correlation"].values[2, 2])
    with pytest.raises(qd.SolveError, match=r"qd\.dmft\.GrowingSteps raise `trajectories`"):
        qd.solve(QUENCH, theory, solver=few(trajectories=128, tangents=8), key=0)


def quenched(model: qd.RandomNetwork = QUENCH, options: Any = (), **solver: Any) -> qd.Solution:
    return qd.solve(model, qd.dmft.TwoTime(10.0, 0.1, **dict(options)), solver=few(**solver))


SLOW_UNITS = qd.units.Leaky(time_constant=2.0)


def test_chaos_is_told() -> None:
    theory = qd.dmft.TwoTime(60.0, 0.2, times=[0.0, 50.0, 60.0])
    found = qd.solve(qd.RandomNetwork(2.0), theory, solver=few(trajectories=128, populations=2), key=1, throw=False)
    assert found.status in (qd.Status.imprecise, qd.Status.out_of_steps)


def test_what_grows_without_bound_is_told() -> None:
    theory = qd.dmft.TwoTime(1000.0, 0.1, times=[0.0, 1000.0])
    model = qd.RandomNetwork(0.6, 1.0, activation=qd.Linear())
    found = qd.solve(model, theory, solver=few(growth=0.1, tangents=2, populations=2), key=1, throw=False)
    assert found.status in (qd.Status.diverged, qd.Status.out_of_steps)


REFUSED: dict[str, tuple[Any, str]] = {
    "noise": (lambda: quenched(qd.RandomNetwork(1.0, 1.0, 0.2)), r"`noise` must be 0 for dmft\.GrowingSteps"),
    "field": (
        lambda: quenched(qd.RandomNetwork(1.0, 1.0, field=jnp.sin)),
        r"`field` must be constant for dmft\.GrowingSteps",
    ),
    "scheme": (lambda: quenched(options={"scheme": "euler"}), '`scheme` must be "second_order"'),
    "perturbation": (lambda: quenched(options={"perturbation": True}), "`perturbation` must be False"),
    "few": (lambda: quenched(trajectories=16, growth=0.05), "`trajectories` must be at least"),
    "parts": (
        lambda: quenched(qd.RandomNetwork(1.0, unit=SLOW_UNITS)),
        r"`time_constant` must be left out for dmft\.GrowingSteps",
    ),
    "memory": (lambda: quenched(memory_limit=1e-3), "memory_limit"),
    "growth": (lambda: quenched(growth=0.6), "`growth` must be"),
    "tangents": (lambda: quenched(tangents=257), "`tangents` must be at most"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_it_refuses(case: str) -> None:
    attempt, message = REFUSED[case]
    with pytest.raises((ValueError, MemoryError), match=message):
        attempt()


def test_another_quench_compiles_nothing() -> None:
    theory, solver = qd.dmft.TwoTime(2.0, 0.5, times=[0.0, 2.0]), few(trajectories=32, populations=2)
    qd.solve(qd.RandomNetwork(1.1, 1.0), theory, solver=solver, key=1)
    before = len(_samples_compiled)
    qd.solve(qd.RandomNetwork(1.2, 0.9), theory, solver=solver, key=2)
    assert len(_samples_compiled) == before
