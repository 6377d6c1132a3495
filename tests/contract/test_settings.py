"""What a program forbids itself to find its mistakes does not stop the package, whose NaN and promotions are meant."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from subjects import SUBJECTS, Subject

import quenched as qd

# Compiled anew for these settings, which takes long.
_LONG = ("StationaryFilters", "StationarySampled", "Sampling")
every_subject = pytest.mark.parametrize(
    "subject",
    [pytest.param(each, marks=pytest.mark.slow) if each.slow or each.name in _LONG else each for each in SUBJECTS],
    ids=lambda subject: subject.name,
)


@pytest.fixture(autouse=True)
def _strict() -> Iterator[None]:
    with ExitStack() as settings:
        settings.enter_context(jax.debug_nans(True))
        settings.enter_context(jax.debug_infs(True))
        settings.enter_context(jax.numpy_dtype_promotion("strict"))
        settings.enter_context(jax.numpy_rank_promotion("raise"))
        yield


@every_subject
def test_theories_and_experiments(subject: Subject) -> None:
    """Where they work, and where they end without an answer."""
    found = qd.solve(subject.model(subject.gains[0]), subject.theory, start=subject.start, solver=subject.solver)
    assert int(found.status) == qd.Status.solved
    assert int(qd.solve(**subject.failing, throw=False).status) != qd.Status.solved


def test_the_settings_of_the_program_stay_its_own() -> None:
    qd.solve(qd.RandomNetwork(0.8), qd.dmft.Static(), start="active", throw=False)
    with pytest.raises(FloatingPointError):
        jnp.log(-jnp.ones(()))
    with pytest.raises(jax.dtypes.TypePromotionError):
        jnp.ones(2, jnp.float32) + jnp.ones(2, jnp.int32)


def test_functions_for_one_network() -> None:
    network = qd.Network(np.array([[0.0, 2.0], [-1.5, 0.5]]), qd.Activation(jnp.tanh))
    assert qd.landscape.find_fixed_points(network).sizes["fixed_point"] >= 1
    qd.observables.lyapunov_spectrum(network, 20.0, 0.1)
    qd.observables.measure_response(network, 1.0, 0.25)
    qd.simulate.integrate(network, 1.0, 0.1)
    network.jacobian(np.ones(2))
    qd.landscape.energy(network.velocity, np.ones(2))
    qd.landscape.energy_gradient(network.velocity, np.ones(2))
    qd.dmft.transitions(qd.RandomNetwork(1.0))
    qd.replica.complexity(qd.RandomNetwork(1.5), throw=False)
    qd.gaussian.average(jnp.tanh, 0.3, 1.0)
