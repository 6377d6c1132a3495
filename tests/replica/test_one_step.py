"""One step of replica symmetry breaking: laws, limits, another quadrature."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import quenched as qd
from quenched.replica import overlapping
from quenched.replica.one_step import _given, one_step_broken

MODEL = qd.RandomNetwork(3.0, -0.5)


def solved(temperature: float, start: Any = "groups", model: qd.RandomNetwork = MODEL) -> dict[str, float]:
    found = qd.solve(model, qd.replica.OneStepRSB(temperature), start=start)
    return {name: float(array) for name, array in found.arrays.items()}


def parameters(found: dict[str, float], temperature: float, apart: bool = True) -> jax.Array:
    given = {name: jnp.asarray(value) for name, value in found.items()}
    return _given(MODEL, jnp.asarray(temperature), given, apart).unknowns


def slopes(temperature: float, nodes: int) -> Callable[[jax.Array], np.ndarray]:
    """Derivatives of the free energy by all order parameters."""

    def free(unknowns: jax.Array) -> jax.Array:
        rule = overlapping.Rule(nodes)
        T = jnp.asarray(temperature)
        return overlapping.free_energy(MODEL, T, jnp.zeros(()), one_step_broken(unknowns), rule) / temperature

    compiled = jax.jit(jax.grad(free))
    return lambda unknowns: np.asarray(compiled(unknowns))


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
        u, slope = parameters(broken, 0.2), slopes(0.2, 96)
        assert np.max(np.abs(slope(u))) < 1e-7
        assert np.min(np.abs(slope(u * 1.01))) > 1e-5


def test_groups_of_nothing_in_particular_are_replicas_alike() -> None:
    """m = 0: a group's own fields add to those of all, however they are shared out."""
    model, T, c = qd.RandomNetwork(2.0, -0.4, field=0.5), jnp.asarray(0.5), jnp.zeros(())
    with jax.enable_x64(True):
        alike = jnp.array([0.3, 0.4, -0.1, 0.3, 0.15, 0.9])
        rule = overlapping.Rule(48)
        known = jax.jit(lambda u: overlapping.averages(model, T, c, overlapping.replica_symmetric(u), rule))(alike)
        share = jnp.array([0.3, 0.2, 0.4])
        split = jnp.concatenate([alike[:3], share * alike[3:], (1 - share) * alike[3:], jnp.array([1e-9])])
        found = jax.jit(lambda u: overlapping.averages(model, T, c, one_step_broken(u), rule))(split)
        np.testing.assert_allclose(found.inside, known.inside, rtol=0, atol=1e-6)
        np.testing.assert_allclose(found.within + found.between, known.between, rtol=0, atol=1e-6)
        np.testing.assert_allclose(found.products, known.products, rtol=0, atol=1e-6)
        assert float(found.group_log_norm) == pytest.approx(float(known.log_norm), abs=1e-6)
        assert np.all(np.abs(found.within) > 1e-3)


@pytest.mark.slow
def test_groups_overlap_without_a_field() -> None:
    """They do: F is larger than without, still stationary, and replicas of one group are nearer to stable."""
    T = 0.1
    apart, overlaps = solved(T), solved(T, start=None)
    assert overlaps["free_energy"] > apart["free_energy"] + 1e-5
    assert apart["replicon_eigenvalue"] < 2 * overlaps["replicon_eigenvalue"] < 0.0
    m, within, between = (overlaps[n] for n in ("breaking_parameter", "overlap_within", "overlap_between"))
    assert 0.1 < between < 0.5 * within
    assert overlaps["overlap"] == pytest.approx((1 - m) * within + m * between, rel=1e-10)
    with jax.enable_x64(True):
        u, slope = parameters(overlaps, T, apart=False), slopes(T, 48)
        assert np.max(np.abs(slope(u))) < 1e-6
        assert np.min(np.abs(slope(u * 1.01))) > 1e-5


@pytest.mark.slow
def test_the_overlap_between_groups_begins_as_a_third_of_that_within() -> None:
    """Near a continuous transition without field one step has q_0 = q_1/3 (Parisi 1980)."""
    gains = np.array([2.0, 1.9, 1.8])
    found = [solved(0.02, start=None, model=qd.RandomNetwork(float(g), -0.5)) for g in gains]
    within = np.array([each["overlap_within"] for each in found])
    ratio = np.array([each["overlap_between"] for each in found]) / within
    assert np.all(np.diff(ratio) > 0.0)
    limit = np.polynomial.Polynomial.fit(within, ratio, 2)(0.0)
    assert limit == pytest.approx(1 / 3, abs=0.005)


@pytest.mark.slow
def test_four_fields_by_another_quadrature() -> None:
    """Gauss and Hermite for all four, the trapezoidal rule inside."""
    T, b, g, gamma = 0.2, 0.3, 3.0, -0.5
    found = solved(T, start=None, model=qd.RandomNetwork(g, gamma, field=b))
    m, q, S, Q1, Q0 = (
        found[n] for n in ("breaking_parameter", "self_overlap", "local_response", "overlap_within", "overlap_between")
    )

    def between(name: str) -> float:
        return (found[name] - (1 - m) * found[f"{name}_within"]) / m

    tau1, tau0 = found["response_overlap_within"] / np.sqrt(T), between("response_overlap") / np.sqrt(T)
    V1, V0 = found["conjugate_overlap_within"] * g**2, between("conjugate_overlap") * g**2
    a, G = T + g**2 * (q - Q1), gamma * g**2 * S
    D = (1 - 2 * found["energy"] / T) / T + V1 / g**2

    def covariance(Q: float, tau: float, V: float) -> np.ndarray:
        return np.array([[g**2 * Q, gamma * g**2 * tau], [gamma * g**2 * tau, V]])

    roots = [np.linalg.cholesky(covariance(*c)) for c in ((Q0, tau0, V0), (Q1 - Q0, tau1 - tau0, V1 - V0))]
    z, weights = np.polynomial.hermite_e.hermegauss(26)
    grid = np.array(np.meshgrid(z, z, indexing="ij")).reshape(2, -1)
    outer = np.outer(weights, weights).ravel() / weights.sum() ** 2
    kept = outer > 1e-11
    grid, outer = grid[:, kept], outer[kept] / outer[kept].sum()
    common, own = (root @ grid for root in roots)
    x = np.linspace(-30.0, 30.0, 601)
    rate = np.tanh(x)
    features = np.stack([np.ones_like(x), rate, x - G * rate, rate**2, rate * (x - G * rate), (x - G * rate) ** 2])
    columns = []
    for M0, h0 in common.T:
        M, h = M0 + own[0] + b, h0 + own[1]
        e = x - G * rate - M[:, None]
        exponent = -(e**2) / (2 * a) + h[:, None] * rate - g**2 * D * rate**2 / 2
        highest = exponent.max(axis=1)
        norm, phi, f, phi2, fphi, f2 = features @ np.exp(exponent - highest[:, None]).T
        phi, f, phi2, fphi, f2 = (each / norm for each in (phi, f, phi2, fphi, f2))
        log_norm = np.log(norm * (x[1] - x[0])) + highest
        group = outer * np.exp(m * (log_norm - log_norm.max()))
        mass = group.sum()
        group /= mass
        misfit = f - M
        product = fphi - M * phi
        means = [group @ each for each in (phi, misfit, phi2, phi**2, product - misfit * phi, misfit**2, log_norm)]
        columns.append([*means, np.log(mass) / m + log_norm.max()])
    phi, misfit, phi2, phi_square, product, misfit_square, log_norm, log_group = np.array(columns).T
    np.testing.assert_allclose(
        [outer @ each for each in (phi2, phi_square, phi**2, product / a, misfit * phi / a)],
        [q, Q1, Q0, S, tau0],
        rtol=0,
        atol=3e-7,
    )
    assert outer @ misfit_square * g**2 / a**2 == pytest.approx(V1, rel=2e-6)
    assert outer @ misfit**2 * g**2 / a**2 == pytest.approx(V0, rel=2e-6)
    drop = outer @ (log_norm - log_group) / m
    assert drop == pytest.approx((V1 * Q1 - V0 * Q0) / 2 + gamma * g**2 * (tau1**2 - tau0**2) / 2, abs=3e-7)


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
    z, weights = np.polynomial.hermite_e.hermegauss(80)
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
    np.testing.assert_allclose(averages, [q, Q, S, tau], rtol=0, atol=3e-10)
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
    stable: list[tuple[qd.RandomNetwork, str | None]]
    stable = [(qd.RandomNetwork(1.5, 0.5), "groups"), (qd.RandomNetwork(1.0, -0.5), "groups")]
    stable += [(qd.RandomNetwork(1.0, -0.5), None), (qd.RandomNetwork(3.0, -0.5, field=1.2), None)]
    for model, start in stable:
        found = qd.solve(model, qd.replica.OneStepRSB(0.1), start=start, throw=False)
        assert qd.Status(int(found.status)) == qd.Status.no_such_branch


def test_where_replicas_stay_alike_it_says_why_and_compiles_no_search() -> None:
    model, theory = qd.RandomNetwork(1.5, 0.2), qd.replica.OneStepRSB(0.1)
    done: list[Any] = []
    found = qd.solve(model, theory, throw=False, progress=lambda *parts: done.append(parts))
    assert qd.Status(int(found.status)) == qd.Status.no_such_branch
    assert done == [(0, 10)]  # told before the look, which takes seconds
    assert "nan" not in repr(found)
    apart = qd.solve(model, qd.replica.FiniteTemperature(0.1))
    for name in ("replicon_eigenvalue", "energy", "self_overlap"):
        assert abs(float(found[name]) - float(apart[name])) <= 2 * float(found.arrays[f"{name}_error"])
    with pytest.raises(qd.SolveError, match=r"no_such_branch.*Replicas stay alike.*replicon eigenvalue.* 0\.176"):
        found.check()


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="ZeroTemperature"):
        qd.replica.OneStepRSB(0.0)
    with pytest.raises(ValueError, match="`confinement`"):
        qd.replica.OneStepRSB(0.1, -1.0)
    with pytest.raises(ValueError, match="`field` must be 0"):
        qd.solve(qd.RandomNetwork(3.0, -0.5, field=0.3), qd.replica.OneStepRSB(0.1), start="groups")
    with pytest.raises(ValueError, match="must be odd"):
        qd.solve(qd.RandomNetwork(3.0, -0.5, activation=qd.ReLU()), qd.replica.OneStepRSB(0.1), start="groups")
    with pytest.raises(ValueError, match="`noise`"):
        qd.solve(qd.RandomNetwork(3.0, -0.5, noise=0.1), qd.replica.OneStepRSB(0.1))


@pytest.mark.slow
def test_more_nodes_where_averages_jump() -> None:
    """Gain 6 and 8: too few of them, and the search for m is lost, by name."""
    further = qd.solve(qd.RandomNetwork(8.0, -0.5), qd.replica.OneStepRSB(0.1), start="groups", solver=qd.Newton(nodes=144))
    assert float(further["breaking_parameter_error"]) < 1e-8
    model, theory = qd.RandomNetwork(6.0, -0.5), qd.replica.OneStepRSB(0.1)
    lost, found, better = (
        qd.solve(model, theory, start="groups", solver=qd.Newton(nodes=nodes), throw=False) for nodes in (48, 96, 144)
    )
    assert lost.status == qd.Status.out_of_steps
    assert found.status == better.status == qd.Status.solved
    for name in ("breaking_parameter", "overlap_within", "free_energy"):
        assert float(found[name]) == pytest.approx(float(better[name]), abs=2 * float(found[f"{name}_error"]) + 1e-9)
