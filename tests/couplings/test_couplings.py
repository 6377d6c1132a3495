"""One contract for every ensemble: what finite networks receive is, along sizes, what its `field` says."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from quenched.couplings import AbstractCouplings, Blocks, Elliptic, LowRank, Rates, Redrawn, Sparse
from quenched.couplings.base import population_of_neurons

E_AND_I = Blocks((0.75, 0.25), [[0.8, 1.5], [1.1, 0.4]], [[0.5, -0.3], [-0.3, 0.2]], [[2.0, -6.0], [3.0, -5.0]])
LOADINGS = [[1.0, 0.3, 0.4, 0.1], [0.3, 2.0, -0.2, 0.9], [0.4, -0.2, 2.5, 0.0], [0.1, 0.9, 0.0, 3.0]]
ENSEMBLES: Mapping[str, AbstractCouplings] = {
    "elliptic": Elliptic(1.3, 0.4, -2.0),
    "antisymmetric": Elliptic(1.3, -1.0),
    "blocks": E_AND_I,
    "balanced": Blocks((0.5, 0.5), [[1.0, 1.6], [0.5, 1.2]], balanced_rows=True),
    "empty": Blocks((1.0, 0.0), 1.2, 0.5, 1.0),
    "low rank": LowRank(LOADINGS, [0.5, -0.2, 0.3, 0.8]),
    "sum": E_AND_I + Elliptic(0.7, 0.6, 1.0) + LowRank(LOADINGS, [0.5, -0.2, 0.3, 0.8]),
    "redrawn": Redrawn(E_AND_I),
    "sparse": Sparse(6, E_AND_I),
    "sparse symmetric": Sparse(3.5, Elliptic(1.2, 1.0, -2.0)),
    "sparse and a mean": Sparse(5, Elliptic(0.8, 0.5)) + Elliptic(0.3, 0.0, 1.0),
}
SIZES, DRAWS, SPREAD = (32, 64, 128), 96, 0.7


def fixed_rates(couplings: AbstractCouplings) -> Rates:
    """Rates that do not depend on the couplings: their means and squares, and a response of each population."""
    fractions = jnp.asarray(couplings.population_fractions, float)
    mean = 0.3 + 0.4 * jnp.arange(len(fractions))
    unanswered = jnp.zeros((len(fractions), couplings.rank))
    rates = Rates(fractions, mean, mean**2 + SPREAD**2, 0.6 + 0.2 * mean, jnp.zeros(couplings.rank), unanswered)
    return rates._replace(latent=couplings.latent(rates))


def dense(weights: Any) -> Any:
    return weights.todense() if hasattr(weights, "todense") else weights


@partial(jax.jit, static_argnums=2)
def received(couplings: AbstractCouplings, rates: Rates, size: int, keys: Any) -> Any:
    """Mean, square and memory, of each population of one network for each key."""
    population = population_of_neurons(couplings.population_fractions, size)
    member = population == jnp.arange(len(rates.mean))[:, None]

    def one(key: Any) -> Any:
        draw_key, rate_key, back_key = jax.random.split(key, 3)
        weights = dense(couplings.draw(size, draw_key))
        rate = rates.mean[population] + SPREAD * jax.random.normal(rate_key, (size,))
        field = weights @ rate
        # What a kick of a neuron's rate does to its own field by way of all others.
        back = dense(couplings.draw(size, back_key)) if isinstance(couplings, Redrawn) else weights
        memory = jnp.einsum("ij,j,ji->i", weights, rates.response[population], back)
        sums = jnp.stack([field, field**2, memory]) @ member.T.astype(float)
        return sums / jnp.maximum(jnp.sum(member, axis=1), 1)

    return jax.lax.map(one, keys)


@pytest.mark.parametrize("name", ENSEMBLES)
def test_networks_receive_what_the_law_says(name: str) -> None:
    couplings = ENSEMBLES[name]
    with jax.enable_x64(True):
        rates = fixed_rates(couplings)
        law, present = couplings.field(rates), np.asarray(rates.fractions) > 0.0
        expected = np.array(jnp.broadcast_arrays(law.mean, law.mean**2 + law.covariance, law.memory, rates.mean)[:3])
        draws = np.array([received(couplings, rates, size, jax.random.split(jax.random.key(size), DRAWS)) for size in SIZES])
    averages, errors = draws.mean(axis=1), draws.std(axis=1) / np.sqrt(DRAWS) + 1e-12
    design = np.stack([np.ones(len(SIZES)), 1 / np.array(SIZES)], axis=1)
    for place in np.ndindex(expected.shape):
        if not present[place[1]]:
            continue  # nobody is there to receive it
        # A straight line in 1/N, by least squares with these errors.
        rows = design / errors[:, *place][:, None]
        covariance = np.linalg.inv(rows.T @ rows)
        limit = covariance @ rows.T @ (averages[:, *place] / errors[:, *place])
        assert abs(limit[0] - expected[place]) < 4 * np.sqrt(covariance[0, 0]), (place, limit[0], expected[place])


def test_latents_of_rates_that_the_loadings_drive() -> None:
    """Stein's lemma: neurons that receive sum_r m^r kappa_r, and noise, answer with what `latent` says."""
    couplings = LowRank(LOADINGS, [0.5, -0.2, 0.3, 0.8])
    kappa, size = np.array([0.7, -0.4]), 2_000_000
    loadings = np.random.default_rng(1).multivariate_normal([0.5, -0.2, 0.3, 0.8], LOADINGS, size)
    rate = np.tanh(loadings[:, :2] @ kappa + np.random.default_rng(2).normal(size=size))
    slope = np.mean(1 - rate**2)
    with jax.enable_x64(True):
        one = jnp.ones(1)
        rates = Rates(
            one, one * rate.mean(), one * np.mean(rate**2), one * slope, jnp.asarray(kappa), jnp.asarray(slope * kappa[None])
        )
        found = couplings.latent(rates)
    measured = loadings[:, 2:] * rate[:, None]
    np.testing.assert_allclose(found, measured.mean(axis=0), atol=5 * measured.std() / np.sqrt(size))


def test_equal_laws() -> None:
    """One block is elliptic, two equal blocks are one, a rank of no strength is none, at two times too."""
    keys = jax.random.split(jax.random.key(3), 3)
    with jax.enable_x64(True):
        mean, correlation, response = (jax.random.normal(key, (1, 4, 4)) for key in keys)
        one = Rates(jnp.ones(1), mean[:, 0], correlation, response, jnp.zeros((0, 4)), jnp.zeros((1, 0, 4)))
        rank = one._replace(latent=jnp.ones((1, 4)), latent_response=jnp.ones((1, 1, 4)))
        twice = (jnp.concatenate([each, each]) for each in (one.mean, one.correlation, one.response))
        two = one._replace(**dict(zip(("mean", "correlation", "response"), twice, strict=True)))
        two = two._replace(fractions=jnp.array([0.3, 0.7]), latent_response=jnp.zeros((2, 0, 4)))
        expected = Elliptic(1.3, 0.4, -2.0).field(one)
        for found in (
            Blocks((1.0,), 1.3, 0.4, -2.0).field(one),
            Blocks((0.3, 0.7), 1.3, 0.4, -2.0).field(two),
            Elliptic(1.3, 0.4, -2.0).field(two),
            (Elliptic(1.3, 0.4, -2.0) + LowRank(np.zeros((2, 2)))).field(rank),
        ):
            for ours, theirs in zip(found, expected, strict=True):
                np.testing.assert_allclose(ours, jnp.broadcast_to(theirs, ours.shape), atol=1e-14)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (
            lambda: Blocks((0.5, 0.6), 1.0),
            "one number for each population, at least 0, of sum 1, but is .*of sum 1.1",
        ),
        (lambda: Blocks((0.5, 0.5), np.ones((2, 3))), r"`gain` must be one number or have shape \(2, 2\), but has \(2, 3\)"),
        (lambda: Blocks((0.5, 0.5), [[1.0, -1.0], [1.0, 1.0]]), r"`gain\[0, 1\]` must be a finite number at least 0"),
        (lambda: Blocks((0.5, 0.5), 1.0, [[0.0, 0.5], [0.4, 0.0]]), r"symmetric, since Cov.*\[0, 1\] is 0.5 and .* is 0.4"),
        (lambda: Blocks((0.5, 0.5), 1.0, [[0.0, 1.5], [1.5, 0.0]]), r"`symmetry\[0, 1\]` must be a finite number between"),
        (lambda: LowRank([[1.0, 2.0], [2.0, 1.0]]), "must be a covariance, but has the eigenvalue -1"),
        (lambda: LowRank(np.eye(3)), r"must have shape \(2 R, 2 R\), of the m and then of the n, but has \(3, 3\)"),
        (lambda: LowRank(np.eye(2), [1.0]), r"`mean` must have shape \(2,\), but has \(1,\)"),
        (lambda: Blocks((0.5, 0.5), 1.0) + Blocks((0.4, 0.6), 1.0), "must have the same fractions"),
        (lambda: Elliptic(0.5) + Redrawn(Elliptic(1.0)), r"do not add to others; write qd.couplings.Redrawn\(first"),
    ],
)
def test_what_is_no_law_is_refused(build: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build()


def test_what_is_no_couplings_is_refused(unchecked_types: None) -> None:
    with pytest.raises(TypeError, match="not to 3"):
        Elliptic(1.0) + 3
    with pytest.raises(TypeError, match="without a low-rank part"):
        Redrawn(LowRank(np.eye(2)))
