"""Exponents of networks with few couplings: those of the same dense weights, without a matrix of (neuron, neuron)."""

from __future__ import annotations

import tracemalloc
from typing import Any

import jax
import numpy as np
import pytest
from scipy.sparse import csr_array, eye_array, kron
from scipy.sparse.linalg import eigsh

import quenched as qd
from programs import largest_array
from quenched.couplings import Elliptic, Redrawn, Sparse
from quenched.numerics.sparse_product import GroupedRows
from quenched.observables import lyapunov, lyapunov_spectrum
from quenched.observables.benettin import Span
from quenched.observables.networks import read_networks, read_states
from quenched.observables.tangent import advance, begin


def random_network(rng: np.random.Generator) -> np.ndarray:
    """Sparse, with several blocks and neurons that are alone."""
    return np.where(rng.uniform(size=(20, 20)) < 0.08, rng.normal(size=(20, 20)), 0.0)


def uneven_chain(rng: np.random.Generator) -> np.ndarray:
    """So uneven that other units are sought."""
    chain = np.diag(np.full(11, 60.0), -1)
    chain[0, -1] = 60.0**-11
    return chain + np.diag(rng.uniform(size=12))


@pytest.mark.parametrize("make", [random_network, uneven_chain])
def test_sparse_weights_have_the_exponents_of_dense_ones(make: Any) -> None:
    """Two networks, of unequally many entries; a list with a dense one in it is dense."""
    matrices = [make(np.random.default_rng(seed)) for seed in (1, 2)]
    dense = [qd.Network(matrix, field=0.2) for matrix in matrices]
    sparse = [qd.Network(csr_array(matrix), field=0.2) for matrix in matrices]
    options: dict[str, Any] = {"duration": 20.0, "step": 0.1, "exponents": 4, "noise": 0.1}
    ours, theirs, mixed = (lyapunov_spectrum(each, **options) for each in (sparse, dense, [sparse[0], dense[1]]))
    np.testing.assert_allclose(ours.lyapunov_exponent, theirs.lyapunov_exponent, atol=1e-10)
    np.testing.assert_array_equal(mixed.lyapunov_exponent, theirs.lyapunov_exponent)


@pytest.mark.parametrize("fresh", [False, True])
def test_no_matrix_is_made_of_sparse_weights(fresh: bool) -> None:
    size, exponents = 5_000, 2
    law = Sparse(5, Elliptic(1.5))
    unit = qd.units.Discrete(leak=0.5)
    model = qd.RandomNetwork(couplings=Redrawn(law) if fresh else law, unit=unit)
    with jax.enable_x64(True):
        tracemalloc.start()
        key = jax.random.key(0)
        batch = read_networks(model, size, 2, None, None, key)
        couplings = batch.couplings(slice(0, 2), jax.random.split(key), exponents)
        bundle = begin(read_states(None, batch, key), couplings.blocks.layout, exponents, jax.random.split(key))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        program = jax.make_jaxpr(advance, static_argnums=6)(
            couplings, batch.moving, bundle, Span(0, 1, 1), 1.0, 0.0, "euler", batch.fresh
        )
    assert isinstance(couplings.blocks.within, GroupedRows)
    assert batch.entries == 5 * size
    assert exponents * size <= largest_array(program.jaxpr) < 20 * 5 * size
    assert peak < size**2 / 2  # bytes


def test_memory_is_that_of_the_entries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three dense matrices of 5000 neurons are 600 MB."""
    monkeypatch.setattr(lyapunov, "available_bytes", lambda: 50_000_000)
    with jax.enable_x64(True):
        sparse, dense = (
            read_networks(qd.RandomNetwork(couplings=law), 5000, 2, None, None, jax.random.key(0))
            for law in (Sparse(5, Elliptic(1.5)), Elliptic(1.5))
        )
    assert lyapunov._at_once(sparse, 2, 32) == 2
    with pytest.raises(MemoryError, match=r"5000 neurons and their dense weights need about 0\.6 GiB"):
        lyapunov._at_once(dense, 2, 32)
    with pytest.raises(MemoryError, match="their sparse weights"):
        lyapunov._at_once(sparse, 200, 32)


def test_many_small_blocks_are_refused_with_numbers() -> None:
    """Frames of 20000 pairs of neurons, each made orthonormal apart, would be 20000 vectors of 40000 numbers."""
    pairs = kron(eye_array(20_000), np.array([[0.0, 0.5], [0.5, 0.0]]))
    with pytest.raises(MemoryError, match=r"32768 in all, would need about \d+ GiB"):
        lyapunov_spectrum(qd.Network(pairs), 10.0, exponents=1, blocks=16)


def test_large_sparse_networks_have_the_exponent_of_their_eigenvalue() -> None:
    """Linear neurons at rest, by Euler's scheme: ln|1 + step mu|/step, mu the largest eigenvalue of J - 1 by SciPy."""
    size, step = 20_000, 0.25
    model = qd.RandomNetwork(couplings=Sparse(8, Elliptic(0.3, 1.0, 2.0)), activation=qd.Linear())
    network = model.draw(size, jax.random.key(0))
    rows, columns = np.asarray(network.weights.indices).T
    matrix = csr_array((np.asarray(network.weights.data), (rows, columns)), shape=(size, size))
    largest = eigsh(matrix, 1, which="LA", return_eigenvectors=False)[0] - 1.0
    found = lyapunov_spectrum(
        network, 60.0, step, exponents=1, initial=np.zeros(size), scheme="euler", burn_in=40.0, blocks=16
    )
    assert float(found.lyapunov_exponent[0]) == pytest.approx(np.log(1.0 + step * largest) / step, rel=1e-8)


def test_couplings_to_others_at_every_step() -> None:
    """A linear map of fresh sparse couplings, against products made by NumPy: nobody is alone in time."""
    size, pairs, steps = 30, 15, 1000
    model = qd.RandomNetwork(couplings=Redrawn(Sparse(1.0, Elliptic(1.0))), unit=qd.units.Discrete(qd.Linear(), leak=0.5))
    rng, growths = np.random.default_rng(0), []
    for _ in range(8):
        vector, growth = rng.normal(size=size), 0.0
        for _ in range(steps):
            first = rng.integers(0, size, pairs)
            second = (first + rng.integers(1, size, pairs)) % size
            to, back = rng.normal(size=(2, pairs))
            received = np.zeros(size)
            np.add.at(received, first, to * vector[second])
            np.add.at(received, second, back * vector[first])
            vector = 0.5 * vector + 0.5 * received
            length = np.linalg.norm(vector)
            vector, growth = vector / length, growth + np.log(length)
        growths.append(growth / steps)
    found = lyapunov_spectrum(model, 1200, size=size, networks=8, exponents=1, initial=np.zeros(size), burn_in=200)
    error = np.hypot(float(found.lyapunov_exponent_error[0]), np.std(growths, ddof=1) / np.sqrt(8))
    assert error < 0.01
    assert abs(float(found.lyapunov_exponent[0]) - np.mean(growths)) < 4 * error
