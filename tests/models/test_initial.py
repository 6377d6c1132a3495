"""Initial distributions by their quantile functions, and fields in time."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import quenched as qd
from quenched.models import Drive, read_initial
from quenched.solution import one_line


def exponential(u: Any) -> Any:
    return -jnp.log1p(-u)


def test_draws_have_the_distribution_of_the_quantile(key: Any) -> None:
    with jax.enable_x64(True):
        found = np.asarray(qd.Quantile(exponential).draw((200, 200), key))
    # 40 000 draws of standard deviation 1, and of squares of variance 20.
    assert np.mean(found) == pytest.approx(1.0, abs=4 / 200)
    assert np.mean(found**2) == pytest.approx(2.0, abs=4 * np.sqrt(20) / 200)
    assert np.all(found > 0.0)


@pytest.mark.parametrize(
    ("initial", "at_quarter"), [(qd.Normal(1.0, 2.0), 1.0 - 2.0 * 0.6744897501960817), (qd.Uniform(-1.0, 3.0), 0.0)]
)
def test_quantiles_of_the_named_distributions(initial: Any, at_quarter: float) -> None:
    with jax.enable_x64(True):
        assert float(initial.quantile(jnp.asarray(0.25))) == pytest.approx(at_quarter, abs=1e-14)


def test_a_plain_function_becomes_a_quantile() -> None:
    assert isinstance(read_initial(exponential), qd.Quantile)
    assert isinstance(read_initial(None), qd.Normal)
    start = qd.Uniform(0.0, 1.0)
    assert read_initial(start) is start


@pytest.mark.parametrize("power", [-0.5, -0.7, -1.0])
def test_infinite_variance_is_refused_at_either_end(power: float) -> None:
    for function in (lambda u: u**power, lambda u: -((1.0 - u) ** power)):
        with pytest.raises(ValueError, match=r"must be a distribution of finite variance.* does not fall"):
            qd.Quantile(function)


@pytest.mark.parametrize("power", [-0.45, -0.3])
def test_heavy_tails_of_finite_variance_pass(power: float) -> None:
    qd.Quantile(lambda u: u**power)


@pytest.mark.usefixtures("unchecked_types")
@pytest.mark.parametrize(
    ("function", "error", "message"),
    [
        (3.0, TypeError, r"`initial` must be qd\.Normal, qd\.Uniform or a function, but is 3\.0"),
        (lambda u: np.log(u), TypeError, r"`initial` must be a function of u in \(0, 1\) that JAX can trace"),
        (lambda u: jnp.sum(u), TypeError, r"`initial` must act element by element"),
        (lambda u: jnp.log(u - 0.5), ValueError, r"`initial` must be finite inside \(0, 1\), but is not at u = 0\.001"),
    ],
)
def test_bad_quantiles(function: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        read_initial(function)


@pytest.mark.slow
def test_any_distribution_serves_both_ways_of_two_times() -> None:
    """<x^2> at the start, by quadrature and by points."""
    model = qd.RandomNetwork(0.8, 0.0, 0.2)
    for sampled in (False, True):
        solver = qd.dmft.Population(256) if sampled else qd.dmft.Quadrature()
        found = qd.solve(model, qd.dmft.TwoTime(0.2, 0.1, initial=exponential), solver=solver).arrays
        value, error = float(found["mean_square_state"][0]), float(found["mean_square_state_error"][0])
        assert value == pytest.approx(2.0, abs=1e-9 if not sampled else 5 * error)
        assert error < 0.05


def wave(time: Any) -> Any:
    return 0.5 * jnp.sin(time)


def test_a_function_of_the_time_becomes_a_drive() -> None:
    model = qd.RandomNetwork(0.8, field=wave)
    assert isinstance(model.field, Drive)
    assert float(model.field_at(1.0)) == pytest.approx(0.5 * np.sin(1.0), rel=1e-6)
    assert model.field.name == "wave"
    assert "field=wave" in one_line(model)
    assert float(qd.RandomNetwork(0.8, field=0.3).field_at(7.0)) == 0.3


@pytest.mark.usefixtures("unchecked_types")
@pytest.mark.parametrize(
    ("function", "error", "message"),
    [
        (lambda time: np.sin(time), TypeError, r"`field` must be a number or a function of the time that JAX can trace"),
        (lambda: 0.0, TypeError, "`field` must be a number or a function"),
        (lambda time: jnp.ones(3) * time, ValueError, "`field` must return one finite number"),
        (lambda time: 1.0 / time, ValueError, "`field` must return one finite number, but returns inf at time 0"),
    ],
)
def test_bad_fields(function: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        qd.RandomNetwork(1.0, field=function)


def test_theories_of_steady_states_refuse_a_field_in_time() -> None:
    with pytest.raises(ValueError, match=r"`field` must be a number for .* but is the function 'wave' of the time"):
        qd.solve(qd.RandomNetwork(0.8, field=wave), qd.dmft.Static())


def test_trajectories_feel_the_field_of_each_time() -> None:
    """Without couplings x is the integral of the field, by Euler's scheme a sum."""
    step, experiment = 0.1, qd.simulate.Trajectories(3, 2, 1.0, 0.1, burn_in=0.9, initial=qd.Normal(0, 0), scheme="euler")
    found = qd.solve(qd.RandomNetwork(0.0, field=wave), experiment)
    state = 0.0
    for n in range(9):
        state += step * (-state + 0.5 * np.sin(step * n))
    assert float(found["mean_state"]) == pytest.approx(state, rel=1e-12)
