"""Which directions grow, and which rounding leaves open."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

import quenched as qd
from quenched.dynamics.network_flow import NetworkFlow
from quenched.dynamics.read import read_dynamics
from quenched.fixed_points.stability import spectrum
from quenched.landscape import Flow, Map, connections, find_fixed_points
from quenched.precision import double_precision


@double_precision
def spectrum_of(matrix: np.ndarray, kind: type = Flow, certificate: float = 0.0):  # type: ignore[no-untyped-def]
    dynamics, _ = read_dynamics(kind(lambda x: jnp.asarray(matrix) @ x, size=len(matrix)))
    return spectrum(dynamics, np.zeros(len(matrix)), None, certificate)


def test_a_centre_is_neither_stable_nor_unstable() -> None:
    """The harmonic oscillator, turned about: its eigenvalues are +-i but for rounding, of either sign."""
    for seed in range(5):
        turned = np.linalg.qr(np.random.default_rng(seed).normal(size=(4, 4)))[0]
        block = np.zeros((4, 4))
        block[0, 1], block[1, 0], block[2, 3], block[3, 2] = 1.0, -1.0, 3.0, -3.0
        found = spectrum_of(turned @ block @ turned.T)
        assert found.marginal.all(), seed
        assert not found.stable
        assert not found.grows.any()
    many = np.kron(np.diag(np.arange(1.0, 61.0)), [[0.0, 1.0], [-1.0, 0.0]])
    turned = np.linalg.qr(np.random.default_rng(0).normal(size=(120, 120)))[0]
    # More of them than are looked at one by one: the rest is left open too.
    assert spectrum_of(turned @ many @ turned.T).marginal.all()
    oscillator = find_fixed_points(Flow(lambda x: jnp.array([x[1], -x[0]]), size=2), 10)
    assert oscillator.marginal_directions.values.tolist() == [2]
    assert oscillator.unstable_directions.values.tolist() == [0]
    assert oscillator.stable.values.tolist() == [False]
    rotation = find_fixed_points(Map(lambda x: jnp.array([x[1], -x[0]]), size=2), 10)
    assert rotation.marginal_directions.values.tolist() == [2]
    assert connections(Flow(lambda x: jnp.array([x[1], -x[0]]), size=2), oscillator).number_of_edges() == 0


@pytest.mark.parametrize("growth", [-1e-12, 1e-12])
def test_what_is_beyond_rounding_is_decided(growth: float) -> None:
    found = spectrum_of(np.diag([-1.0, growth]))
    assert not found.marginal.any()
    assert found.grows.sum() == (growth > 0)
    assert found.stable == (growth < 0)
    # If the root itself is known worse, so is its Jacobian: by 2h times the smallest |F' v|, here 1e-12.
    assert spectrum_of(np.diag([-1.0, growth]), certificate=0.499999999).marginal.sum() <= 1
    assert spectrum_of(np.diag([-1.0, growth]) + 1e-3 * np.eye(2)[::-1], certificate=0.4).marginal.sum() == 0


def test_a_chain_that_amplifies_more_than_rounding_is_left_open() -> None:
    """All eigenvalues of -1 + a forward chain of weight 2 are -1; an entry of 2^(1 - N) in its corner puts one at 0."""
    for size, marginal in ((3, False), (30, False), (100, True)):
        chain = -np.eye(size) + np.diag(np.full(size - 1, 2.0), -1)
        found = spectrum_of(chain)
        assert found.marginal.any() == marginal, size
        assert found.stable != marginal
        chain[0, -1] = 2.0 ** (1 - size)
        np.testing.assert_array_equal(chain @ 2.0 ** np.arange(size), 0.0)


@pytest.mark.parametrize("kind", [Flow, Map])
def test_random_matrices_have_no_marginal_directions(kind: type) -> None:
    rng = np.random.default_rng(0)
    for size in (2, 10, 60):
        matrix = 1.5 * rng.normal(size=(size, size)) / np.sqrt(size) - (np.eye(size) if kind is Flow else 0.0)
        found = spectrum_of(matrix, kind)
        values = np.linalg.eigvals(matrix)
        assert found.grows.sum() == np.sum(values.real > 0 if kind is Flow else np.abs(values) > 1)
        assert not found.marginal.any()
        np.testing.assert_allclose(matrix @ found.vectors, found.vectors * found.values, atol=1e-12)
        assert np.all(np.diff(found.growth) <= 0)


@double_precision
def test_where_an_oscillation_begins() -> None:
    """The state of rest at the gain where a pair crosses."""
    couplings = np.random.default_rng(0).normal(size=(20, 20)) / np.sqrt(20)
    values = np.linalg.eigvals(couplings)
    pair = values[(values.imag > 0) & (values.real > 0)][0]
    with_gain = spectrum(NetworkFlow(qd.Network(couplings / pair.real)), np.zeros(20))
    assert with_gain.marginal.sum() == 2
    for share in (1 - 1e-9, 1 + 1e-9):
        assert not spectrum(NetworkFlow(qd.Network(share * couplings / pair.real)), np.zeros(20)).marginal.any()
