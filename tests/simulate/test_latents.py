"""Latents of finite networks with a low-rank part, against closed forms and the theory of two times."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from test_every_model import agrees, limits

import quenched as qd
from quenched.couplings import Elliptic, LowRank
from quenched.simulate import Trajectories

# Of n only the mean, 1: the latent is the mean rate.
EVERYBODY = LowRank([[1.0, 0.0], [0.0, 0.0]], [0.5, 1.0])


def test_the_latent_of_equal_loadings_is_the_mean_rate() -> None:
    model = qd.RandomNetwork(couplings=EVERYBODY + Elliptic(1.0), unit=qd.units.Adaptive())
    run = Trajectories(10, 3, 3.0, 0.1, burn_in=1.0, trials=2, record=True, initial=qd.Normal(1.0, 1.0))
    found = qd.solve(model, run)
    rates = np.tanh(found.arrays["trajectory"]).mean(axis=-1)  # (network, time, trial)
    assert found["latent"].dims == found["mean_square_latent"].dims == ("rank", "time")
    np.testing.assert_allclose(found["latent"][0], rates.mean(axis=(0, 2)), rtol=1e-12)
    np.testing.assert_allclose(found["mean_square_latent"][0], (rates**2).mean(axis=(0, 2)), rtol=1e-12)
    np.testing.assert_allclose(found.latent.time, 1.0 + 0.1 * np.arange(20))
    assert "time" not in qd.solve(qd.RandomNetwork(1.0), Trajectories(10, 2, 1.0)).to_dataset().coords


def test_latents_are_extrapolated_at_their_own_times() -> None:
    """Without m the states decay as exp(-t)."""
    model = qd.RandomNetwork(couplings=LowRank(np.zeros((2, 2)), [0.0, 1.0]), activation=qd.Linear())
    plain, finer = (
        qd.solve(model, Trajectories(4, 2, 2.0, 0.1, 0.5, 1, qd.Normal(1.0, 0.0), "euler", richardson=each))
        for each in (False, True)
    )
    off = [np.abs(each["latent"][0] - np.exp(-each.latent.time)) for each in (plain, finer)]
    assert np.all(off[1] < 0.1 * off[0])
    assert np.all(off[1] < finer["latent_error"][0])


@pytest.mark.slow
def test_latents_of_networks_tend_to_those_of_two_times() -> None:
    model = qd.RandomNetwork(couplings=Elliptic(0.8, 0.3) + LowRank([[1.0, 1.2], [1.2, 2.0]], [0.5, 0.8]))
    start = qd.Normal(0.5, 0.5)
    theory = qd.solve(model, qd.dmft.TwoTime(4.0, 0.1, initial=start, scheme="euler"))
    exact = theory["latent"].sel(time=slice(0.0, 3.95)).values
    assert np.all(theory["latent_error"] < 2e-3)
    assert exact[0, -1] > 2 * exact[0, 0]
    options: dict[str, Any] = {"duration": 4.0, "step": 0.1, "burn_in": 0.0, "initial": start, "scheme": "euler"}
    agrees(*limits(model, "latent", 12_000, **options), exact, 0.05)


@pytest.mark.slow
def test_the_sign_is_arbitrary_without_a_mean_and_the_square_is_that_of_rest() -> None:
    model = qd.RandomNetwork(couplings=Elliptic(0.6) + LowRank([[1.0, 2.0], [2.0, 9.0]]))
    rest = qd.solve(model, qd.dmft.Static(), start="structured")
    options: dict[str, Any] = {"duration": 40.0, "step": 0.5, "burn_in": 39.5}
    value, error = limits(model, "mean_square_latent", 20_000, **options)
    agrees(value, error, rest.arrays["latent"][:, None] ** 2, 0.05)
    found = qd.solve(model, Trajectories(50, 64, **options)).arrays
    assert np.all(np.abs(found["latent"]) < 3 * found["latent_error"])
    assert np.all(found["mean_square_latent"] > 0.5 * rest.arrays["latent"] ** 2)


def test_latents_of_fixed_points() -> None:
    """One fixed point a network, of equal loadings: the latent is its mean rate; pairs x, -x cancel."""
    field = qd.RandomNetwork(couplings=EVERYBODY + Elliptic(0.3), field=0.4)
    found = qd.solve(field, qd.landscape.FixedPoints(8, 3, starts=8)).arrays
    np.testing.assert_allclose(found["latent"][0], found["mean_rate"], rtol=1e-12)
    # Squares over networks are the square of the mean and their variance.
    spread = found["latent"] ** 2 + 2.0 * found["latent_error"] ** 2
    np.testing.assert_allclose(found["mean_square_latent"], spread, rtol=1e-9)
    pairs = qd.RandomNetwork(couplings=LowRank([[1.0, 3.0], [3.0, 9.0]]))
    found = qd.solve(pairs, qd.landscape.FixedPoints(8, 2, starts=16)).arrays
    assert np.abs(found["latent"][0]) < 1e-9
    assert found["mean_square_latent"][0] > 0.1


def test_couplings_that_do_not_say_their_loadings_have_no_latents() -> None:
    class Silent(LowRank):
        latent_loadings = qd.couplings.AbstractCouplings.latent_loadings

    model = qd.RandomNetwork(couplings=Silent(np.eye(2), None))
    found = qd.solve(model, Trajectories(5, 2, 1.0)).arrays
    assert np.all(np.isnan(found["latent"]))
    assert np.isfinite(found["mean_square_state"])


def test_what_the_loadings_are_is_what_the_weights_hold() -> None:
    """J N = m n, of whichever part is asked for; m then has its covariance."""
    law, size = LowRank([[1.0, 0.4], [0.4, 2.0]], [0.3, -0.5]), 1500
    with jax.enable_x64(True):
        key = jax.random.key(1)
        both, (first, second) = Elliptic(0.5) + law, jax.random.split(key)
        n = both.latent_loadings(size, key)
        np.testing.assert_array_equal(n, law.latent_loadings(size, second))
        weights = both.draw(size, key) - Elliptic(0.5).draw(size, first)
        m = size * weights @ n.T @ jnp.linalg.inv(n @ n.T)
        np.testing.assert_allclose(m @ n / size, weights, atol=1e-12)
    loadings = np.stack([m[:, 0], n[0]])
    np.testing.assert_allclose(loadings.mean(axis=1), law.mean, atol=5 * np.sqrt(2.0 / size))
    np.testing.assert_allclose(np.cov(loadings), law.covariance, atol=5 * 2.0 * np.sqrt(2.0 / size))
