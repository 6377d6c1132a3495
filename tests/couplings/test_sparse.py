"""Couplings to few partners, from the draw on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import pytest

import quenched as qd
from quenched.couplings import Blocks, Elliptic, LowRank, Redrawn, Sparse


def test_a_pair_is_coupled_both_ways_as_the_law_says() -> None:
    gain, mean, symmetry = (
        np.array([[1.0, 2.0], [0.5, 1.5]]),
        np.array([[3.0, -1.0], [2.0, 0.0]]),
        np.array([[0.9, -0.5], [-0.5, 0.2]]),
    )
    size, degree = 40_000, 12.5
    with jax.enable_x64(True):
        drawn = Sparse(degree, Blocks((0.5, 0.5), gain, symmetry, mean)).draw(size, jax.random.key(0))
        entries, indices = np.asarray(drawn.data), np.asarray(drawn.indices)
    assert drawn.nse == size * degree
    half = drawn.nse // 2
    np.testing.assert_array_equal(indices[:half], indices[half:, ::-1])
    assert np.all(indices[:, 0] != indices[:, 1])
    partners = np.bincount(indices[:, 0], minlength=size)
    assert partners.var() == pytest.approx(degree, rel=5 * np.sqrt(2 / size))  # as of Poisson's law
    populations = indices // (size // 2)
    for a, b in np.ndindex(2, 2):
        chosen = np.flatnonzero((populations[:half] == [a, b]).all(axis=1))
        to, back = entries[chosen], entries[half + chosen]
        spread = 5 / np.sqrt(len(chosen))
        assert degree * to.mean() == pytest.approx(mean[a, b], abs=spread * gain[a, b] * np.sqrt(degree))
        assert degree * to.var() == pytest.approx(gain[a, b] ** 2, rel=spread * np.sqrt(2))
        assert np.corrcoef(to, back)[0, 1] == pytest.approx(symmetry[a, b], abs=spread)


NETWORK = qd.RandomNetwork(couplings=Sparse(4, Elliptic(1.6, 0.3, 0.5)), field=0.1).draw(12, jax.random.key(3))


@pytest.mark.parametrize(
    "ask",
    [
        lambda network: qd.simulate.integrate(network, 5.0, 0.1, trials=2).trajectory,
        lambda network: qd.observables.lyapunov_spectrum(network, 20.0, 0.1).lyapunov_exponent,
        lambda network: qd.landscape.find_fixed_points(network, 20).state,
    ],
)
def test_sparse_weights_do_what_dense_ones_do(ask: Callable[[Any], Any]) -> None:
    with jax.enable_x64(True):
        dense = qd.Network(np.asarray(NETWORK.dense_weights), field=0.1)
    assert np.count_nonzero(np.asarray(dense.weights)) <= NETWORK.weights.nse == 48
    np.testing.assert_allclose(ask(NETWORK), ask(dense), atol=1e-9)


def test_large_networks_are_never_dense() -> None:
    """A matrix of 200 000 neurons would take 300 GiB."""
    model = qd.RandomNetwork(couplings=Sparse(5, Elliptic(1.5)) + Sparse(2, Elliptic(0.5)))
    assert model.draw(200_000, jax.random.key(0)).weights.nse == 1_400_000
    found = qd.solve(model, qd.simulate.Trajectories(200_000, 2, 0.4, 0.2))
    assert 0.0 < float(found["mean_square_state_error"]) < 0.02


@pytest.mark.slow
def test_ensembles_of_sparse_networks() -> None:
    """Exponents and averages of draws, also where dense couplings are added; and drawn anew at every step."""
    sparse = Sparse(4, Elliptic(0.5))
    for couplings in (sparse, sparse + Elliptic(0.2), sparse + LowRank(np.eye(2))):
        model = qd.RandomNetwork(couplings=couplings, activation=qd.Linear())
        with jax.enable_x64(True):
            keys = jax.random.split(jax.random.split(jax.random.key(0), 4)[0], 2)
            steps = [np.eye(9) + 0.1 * np.asarray(model.draw(9, key).jacobian(np.zeros(9))) for key in keys]
        exact = np.mean([np.linalg.slogdet(step)[1] / 0.1 for step in steps])
        found = qd.observables.lyapunov_spectrum(model, 20.0, 0.1, size=9, networks=2, initial=np.zeros(9), scheme="euler")
        assert float(found.lyapunov_exponent.sum()) == pytest.approx(exact, rel=1e-9)
    fresh = qd.RandomNetwork(couplings=Redrawn(sparse), noise=1.0, unit=qd.units.Discrete(qd.Linear()))
    run = qd.solve(fresh, qd.simulate.Trajectories(200, 8, 60.0, 1.0))
    error = float(run["mean_square_state_error"])
    assert abs(float(run["mean_square_state"]) - 1 / (1 - 0.25)) < 4 * error < 0.1


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Sparse(0.0, Elliptic(1.0)), "`degree` must be a finite number greater than 0, but is 0"),
        (
            lambda: Sparse(4, Elliptic(1.0)).draw(4, jax.random.key(0)),
            "`degree` must be a finite number at most 3, but is 4",
        ),
    ],
)
def test_degrees_that_no_network_has(build: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build()


@pytest.mark.parametrize("law", [LowRank(np.eye(2)), Blocks((0.5, 0.5), 1.0, balanced_rows=True)])
def test_laws_that_have_no_entries_of_their_own(law: Any) -> None:
    with pytest.raises(TypeError, match="must be Elliptic or Blocks without balanced rows, but is couplings"):
        Sparse(3, law)
