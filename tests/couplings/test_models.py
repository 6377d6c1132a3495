"""Models in parts: what they are called, what they refuse, and networks that are drawn from them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import equinox as eqx
import jax
import numpy as np
import pytest

import quenched as qd
from quenched.couplings import Blocks, Elliptic, LowRank


class Forgetful(qd.units.Leaky):
    """A unit of the user's own."""


E_AND_I = qd.RandomNetwork(couplings=Blocks((0.8, 0.2), 0.5, mean=[[1.0, -4.0], [1.0, -4.0]]), noise=0.2)


def test_both_ways_to_write_one_model() -> None:
    short, long = (
        qd.RandomNetwork(1.5, 0.2, 0.1, 0.3, qd.Erf()),
        qd.RandomNetwork(couplings=Elliptic(1.5, 0.2), unit=qd.units.Leaky(qd.Erf()), noise=0.1, field=0.3),
    )
    assert repr(short) == repr(long) == "RandomNetwork(gain=1.5, symmetry=0.2, noise=0.1, field=0.3, activation=erf)"
    assert eqx.tree_equal(short, long)
    assert short.replace(gain=2.0, field=0.0).values() == qd.RandomNetwork(2.0, 0.2, 0.1, 0.0, qd.Erf()).values()
    assert repr(E_AND_I).startswith("RandomNetwork(couplings=couplings.Blocks(")


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: qd.RandomNetwork(1.0, couplings=Elliptic(1.0)), "say what `couplings` are"),
        (lambda: qd.RandomNetwork(1.0, activation=qd.Tanh(), unit=qd.units.Leaky()), "give it, or `unit=`, not both"),
        (lambda: qd.RandomNetwork(couplings=cast(Any, 1.5)), "must be couplings such as"),
        (lambda: qd.RandomNetwork(1.5, unit=cast(Any, qd.Tanh())), "must be a unit such as"),
        (lambda: qd.RandomNetwork(), "`gain` must be a real number, but is None; give it, or `couplings=`"),
    ],
)
def test_parts_that_do_not_fit(build: Callable[[], Any], message: str, unchecked_types: None) -> None:
    with pytest.raises(TypeError, match=message):
        build()


def test_changed_parameters_meet_their_checks() -> None:
    with pytest.raises(ValueError, match="`gain` must be a finite number at least 0"):
        qd.RandomNetwork(1.0).replace(gain=-1.0)
    with pytest.raises(ValueError, match=r"no parameter 'gian'. Did you mean 'gain'"):
        qd.RandomNetwork(1.0).replace(gian=1.0)
    with pytest.raises(AttributeError, match=r"with couplings couplings.Sum has no one `gain`; see model.couplings"):
        qd.RandomNetwork(couplings=E_AND_I.couplings + Elliptic(1.0)).gain  # noqa: B018


@pytest.mark.parametrize(
    "ask",
    [
        lambda model: qd.solve(model, qd.simulate.Cavity(10, 2, 1.0, 0.1)),
        lambda model: qd.sweep(model, qd.replica.FiniteTemperature(0.1), {"field": [0.1, 0.2]}),
        lambda model: qd.dmft.transitions(model),
        lambda model: qd.replica.complexity(model),
        lambda model: qd.observables.measure_response(model, 1.0, 0.1, size=10, networks=2),
    ],
)
def test_theories_of_one_population_refuse_others_by_name(ask: Callable[[Any], Any]) -> None:
    with pytest.raises(ValueError, match=r"`couplings` must be qd.couplings.Elliptic for \w+.*, but is couplings.Blocks"):
        ask(E_AND_I)
    with pytest.raises(ValueError, match="`mean` must be left out for"):
        ask(qd.RandomNetwork(couplings=Elliptic(1.0, 0.0, -1.0)))
    with pytest.raises(ValueError, match=r"`unit` must be qd.units.Leaky for \w+.*, but is Forgetful"):
        ask(qd.RandomNetwork(1.0, unit=Forgetful(qd.Tanh(), None, None)))


def test_a_seed_draws_what_its_key_does(unchecked_types: None) -> None:
    model: Any = qd.RandomNetwork(1.5, 0.3)
    np.testing.assert_array_equal(model.draw(3, 7).weights, model.draw(3, jax.random.key(7)).weights)
    for size, key, message in ((0, 7, "`size` must be at least 1"), (3, "a", "`key` must be a whole number or one JAX key")):
        with pytest.raises((ValueError, TypeError), match=message):
            model.draw(size, key)


def test_networks_are_drawn_of_all_laws() -> None:
    """Exponents at rest are the eigenvalues of J - 1: of a draw with an outlier, of inhibition and of a low rank."""
    for couplings in (E_AND_I.couplings, Elliptic(0.3, 0.5, 1.8), Elliptic(0.3) + LowRank([[1.0, 1.7], [1.7, 4.0]])):
        model = qd.RandomNetwork(couplings=couplings, activation=qd.Linear())
        network = model.draw(60, jax.random.key(1))
        exact = np.linalg.eigvals(np.asarray(network.weights) - np.eye(60)).real.max()
        found = qd.observables.lyapunov_spectrum(network, 300.0, 0.05, exponents=1, initial=np.zeros(60))
        assert float(found.lyapunov_exponent[0]) == pytest.approx(exact, abs=2e-3)


@pytest.mark.parametrize(
    ("ask", "instead"),
    [
        (lambda model: qd.solve(model, qd.simulate.Cavity(10, 2, 1.0, 0.1)), "qd.dmft.TwoTime has correlation and response"),
        (
            lambda model: qd.solve(model, qd.landscape.Sampling(8, 2, 0.2)),
            "qd.landscape.sample takes any network that is drawn",
        ),
        (
            lambda model: qd.observables.measure_response(model, 1.0, 0.1, size=10, networks=2),
            "qd.simulate.integrate runs their networks under a `field`",
        ),
        (
            lambda model: qd.observables.measure_response(model.draw(4, jax.random.key(0)), 1.0, 0.1),
            "qd.simulate.integrate runs their networks under a `field`",
        ),
    ],
)
def test_refusals_say_what_to_use_instead(ask: Callable[[Any], Any], instead: str) -> None:
    with pytest.raises(ValueError, match=f"must .* but .*; .*{instead}"):
        ask(qd.RandomNetwork(1.0, unit=qd.units.Adaptive()))


def test_a_map_has_no_kinetic_energy() -> None:
    network = qd.Network(np.eye(2), unit=qd.units.Discrete())
    with pytest.raises(
        ValueError, match=r"`velocity` must be that of a flow, but is the next state of the map units\.Discrete"
    ):
        qd.landscape.energy(network.velocity, np.zeros(2))
    found = qd.solve(qd.RandomNetwork(0.5, unit=qd.units.Discrete()), qd.simulate.Trajectories(10, 2, 10.0, 1.0))
    assert "kinetic_energy" not in found


def test_landscapes_of_drawn_networks_are_sampled_whatever_their_units() -> None:
    network = qd.RandomNetwork(0.5, unit=qd.units.Adaptive(qd.Linear())).draw(3, jax.random.key(0))
    with pytest.raises(ValueError, match="`rate` must be given for units of 2 variables"):
        qd.landscape.sample(network, 0.5)
    found = qd.landscape.sample(network, 0.5, chains=4, samples=300, warm_up=200, rate=lambda x: x, throw=False)
    # E is quadratic: T/2 for each of the variables.
    assert 0.0 < float(found.energy_error) < 0.02
    assert abs(float(found.energy) - 0.25) < 4 * float(found.energy_error)
