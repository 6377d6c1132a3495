"""One step of replica symmetry breaking: laws, limits, another quadrature."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import quenched as qd
from quenched.replica import overlapping
from quenched.replica.one_step import in_groups

MODEL = qd.RandomNetwork(3.0, -0.5)


def solved(temperature: float, **options: Any) -> dict[str, float]:
    found = qd.solve(MODEL, qd.replica.OneStepRSB(temperature), **options)
    return {name: float(array) for name, array in found.arrays.items()}


def parameters(found: dict[str, float], temperature: float) -> jax.Array:
    within = {name: found[f"{name}_within"] for name in ("overlap", "response_overlap", "conjugate_overlap")}
    given = {name: jnp.asarray(value) for name, value in {**found, **within}.items()}
    alike = overlapping.unknowns_of(MODEL, jnp.asarray(temperature), jnp.zeros(()), given)
    return jnp.append(alike, found["breaking_parameter"])


def test_it_lies_between_the_branches_that_it_joins() -> None:
    """m = 0 is the ordered replica-symmetric branch, m = 1 the one without overlap; F is largest between them."""
    theory = qd.replica.FiniteTemperature(0.2)
    alike = qd.solve(MODEL, theory, start="ordered")
    apart = qd.solve(MODEL, theory)
    broken = solved(0.2)
    assert 0.0 < broken["breaking_parameter"] < 1.0
    assert broken["free_energy"] > float(alike["free_energy"]) + 1e-4 > float(apart["free_energy"]) + 2e-4
    assert broken["overlap_within"] > float(alike["overlap"]) > broken["overlap"] > 0.0
    assert broken["overlap"] == pytest.approx((1 - broken["breaking_parameter"]) * broken["overlap_within"], rel=1e-12)
    # Much nearer to stable than replica symmetry.
    assert abs(broken["replicon_eigenvalue"]) < 0.2 * abs(float(alike["replicon_eigenvalue"]))
    with jax.enable_x64(True):
        u = parameters(broken, 0.2)
        T, c = jnp.asarray(0.2), jnp.zeros(())

        def free(unknowns: jax.Array, temperature: jax.Array) -> jax.Array:
            rule = overlapping.Rule(96)
            return overlapping.free_energy(MODEL, temperature, c, in_groups(unknowns), rule) / temperature

        compiled = jax.jit(jax.grad(free))
        slope, elsewhere = np.asarray(compiled(u, T)), np.asarray(compiled(u * 1.01, T))
    assert np.max(np.abs(slope)) < 1e-7
    assert np.min(np.abs(elsewhere)) > 1e-5


@pytest.mark.slow
def test_the_derivative_of_the_free_energy_is_the_energy() -> None:
    T, step = 0.1, 1e-3
    below, at, above = (solved(temperature) for temperature in (T * (1 - step), T, T * (1 + step)))
    by_inverse = (above["free_energy"] / (T * (1 + step)) - below["free_energy"] / (T * (1 - step))) / (
        1 / (T * (1 + step)) - 1 / (T * (1 - step))
    )
    assert by_inverse == pytest.approx(at["energy"], rel=3e-6)


@pytest.mark.slow
def test_the_averages_by_another_quadrature() -> None:
    """Gauss and Hermite outside, the trapezoidal rule inside, the mirrored half of the fields not left out."""
    T = 0.1
    found = solved(T)
    g, gamma, m = 3.0, -0.5, found["breaking_parameter"]
    q, Q, S, V = (found[n] for n in ("self_overlap", "overlap_within", "local_response", "conjugate_overlap_within"))
    V, tau = V * g**2, found["response_overlap_within"] / np.sqrt(T)
    a, G = T + g**2 * (q - Q), gamma * g**2 * S
    D = (1 - 2 * found["energy"] / T) / T + V / g**2
    root = np.linalg.cholesky([[g**2 * Q, gamma * g**2 * tau], [gamma * g**2 * tau, V]])
    z, weights = np.polynomial.hermite_e.hermegauss(64)
    M, h = np.einsum("ij,jkl->ikl", root, np.array(np.meshgrid(z, z, indexing="ij")))
    outer = np.outer(weights, weights) / weights.sum() ** 2
    x = np.linspace(-40.0, 40.0, 2001)
    rate = np.tanh(x)
    e = x - G * rate - M[..., None]
    exponent = -(e**2) / (2 * a) + h[..., None] * rate - g**2 * D * rate**2 / 2
    highest = exponent.max(axis=-1, keepdims=True)
    w = np.exp(exponent - highest)
    norm = w.sum(axis=-1)
    mean, misfit = (w * rate).sum(-1) / norm, (w * e).sum(-1) / norm
    square, product = (w * rate**2).sum(-1) / norm, (w * rate * e).sum(-1) / norm
    log_norm = np.log(norm * (x[1] - x[0])) + highest[..., 0]
    group = outer * np.exp(m * log_norm)
    log_group = np.log(group.sum())
    group /= group.sum()
    averages = [np.sum(group * v) for v in (square, mean**2, (product - misfit * mean) / a, misfit * mean / a)]
    np.testing.assert_allclose(averages, [q, Q, S, tau], rtol=0, atol=2e-9)
    assert np.sum(group * misfit**2) * g**2 / a**2 == pytest.approx(V, rel=1e-8)
    # d(-F/(N T))/dm = 0
    drop = np.sum(group * log_norm) / m - log_group / m**2
    assert drop == pytest.approx(V * Q / 2 + gamma * g**2 * tau**2 / 2, abs=1e-8)


@pytest.mark.slow
def test_energy_goes_to_equipartition_as_fixed_points_are_reached() -> None:
    """Around a fixed point E = N T/2; replica symmetry has a third more at the same temperature."""
    broken = solved(0.01)
    alike = qd.solve(MODEL, qd.replica.FiniteTemperature(0.01), start="ordered", throw=False)
    assert abs(broken["energy"] / 0.005 - 1) < 0.04
    assert broken["free_energy"] > float(alike["free_energy"])


@pytest.mark.slow
def test_where_replica_symmetry_holds_there_is_nothing_to_break() -> None:
    for model in (qd.RandomNetwork(1.5, 0.5), qd.RandomNetwork(1.0, -0.5)):
        found = qd.solve(model, qd.replica.OneStepRSB(0.1), throw=False)
        assert qd.Status(int(found.status)) == qd.Status.no_such_branch


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="ZeroTemperature"):
        qd.replica.OneStepRSB(0.0)
    with pytest.raises(ValueError, match="`confinement`"):
        qd.replica.OneStepRSB(0.1, -1.0)
    with pytest.raises(ValueError, match="`field` must be 0"):
        qd.solve(qd.RandomNetwork(3.0, -0.5, field=0.3), qd.replica.OneStepRSB(0.1))
    with pytest.raises(ValueError, match="must be odd"):
        qd.solve(qd.RandomNetwork(3.0, -0.5, activation=qd.ReLU()), qd.replica.OneStepRSB(0.1))
