"""Exponents of every unit and couplings, of driven networks and of fresh couplings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import digamma

import quenched as qd
from quenched.couplings import Blocks, Elliptic, Redrawn
from quenched.observables import lyapunov_spectrum
from quenched.observables.networks import _drive
from quenched.simulate import integrate
from quenched.simulate.schemes import unit_step
from quenched.units import Adaptive, Discrete, Leaky, LotkaVolterra, Mixed, Reservoir, Unit

SIZE = 5
SQUARE = np.random.default_rng(0).normal(size=(SIZE, SIZE))
SYMMETRIC = 0.15 * (SQUARE + SQUARE.T)


def two_variables(state: Any, h: Any) -> Any:
    x, a = state
    return -x - 0.3 * a + h, 0.2 * x - 3.0 * a + 0.5 * h


LINEAR = {
    "discrete": Discrete(qd.Linear(), leak=0.7),
    "reservoir": Reservoir(qd.Linear(), leak=0.7),
    "slow": Leaky(qd.Linear(), time_constant=2.0, self_coupling=0.3),
    "adaptive": Adaptive(qd.Linear(), adaptation_rate=3.0, adaptation_strength=0.05),
    "own": Unit(two_variables, lambda state: 0.8 * state[0] + 0.5 * state[1], 2),
    "mixed": Mixed((Leaky(qd.Linear()), Leaky(qd.Linear(), 3.0)), np.array([0, 0, 1, 1, 1])),
}


@pytest.mark.parametrize("name", LINEAR)
def test_linear_networks_have_the_eigenvalues_of_their_jacobian(name: str) -> None:
    """To rounding: those of the step of the scheme, 1 + h A + h^2 A^2/2, or of the map itself."""
    network = qd.Network(SYMMETRIC, unit=LINEAR[name])
    with jax.enable_x64(True):
        values = np.linalg.eigvals(np.asarray(network.jacobian(np.zeros(network.state_size))))
    assert np.abs(values.imag).max() < 1e-12  # turning pairs would settle as 1/t only
    is_map = LINEAR[name].kind == "map"
    step = 1.0 if is_map else 0.125
    grown = values.real if is_map else 1.0 + step * values.real + (step * values.real) ** 2 / 2
    found = lyapunov_spectrum(network, 2000.0, step, burn_in=1500.0, initial=np.zeros(SIZE))
    np.testing.assert_allclose(found.lyapunov_exponent, np.sort(np.log(np.abs(grown)) / step)[::-1], atol=1e-9)


CURVED = {
    "discrete": Discrete(leak=0.6),
    "reservoir": Reservoir(leak=0.6),
    "slow": Leaky(qd.Erf(), 1.7, 0.4),
    "adaptive": Adaptive(adaptation_rate=0.4),
    "own": Unit(
        lambda state, h: (-(state[0] ** 3) + h - state[1] ** 2, jnp.tanh(state[0]) - state[1] + 0.3 * h),
        lambda state: jnp.sin(state[0] - 0.4 * state[1]),
        2,
    ),
    "species": LotkaVolterra(0.8, 1.2, 0.01),
    "mixed species": Mixed((LotkaVolterra(0.8), LotkaVolterra(1.3, 2.0)), np.array([0, 0, 1, 1, 1])),
    "mixed": Mixed((Leaky(), Leaky(qd.Erf(), 3.0)), np.array([0, 0, 1, 1, 1])),
}


@pytest.mark.parametrize("scheme", ["euler", "second_order"])
@pytest.mark.parametrize("name", CURVED)
def test_exponents_add_up_to_the_growth_of_volumes(name: str, scheme: str) -> None:
    """sum_i lambda_i = <ln|det of the step's derivative|>, exact in any frame: by autodiff along the trajectory itself."""
    unit, duration = CURVED[name], 32
    step = 1.0 if unit.kind == "map" else 0.125
    network = qd.Network(SQUARE * (-0.1 if unit.nonnegative else 1.0), field=0.2, unit=unit)
    start = np.linspace(0.2, 1.0, SIZE)
    stream = lambda time: 0.3 * jnp.cos(0.7 * time) * jnp.arange(1.0, SIZE + 1)  # noqa: E731
    options: dict[str, Any] = {"field": stream, "scheme": scheme, "initial": start}
    found = lyapunov_spectrum(network, duration, step, burn_in=0.0, **options)
    run = integrate(network, duration, step, **options)
    states = (
        run.state_trajectory[:, :, 0].transpose("time", "variable", "neuron")
        if unit.state_size > 1
        else run.trajectory[:, 0]
    )

    def move(flat: Any, time: Any) -> Any:
        x = flat.reshape(unit.state_size, SIZE) if unit.state_size > 1 else flat
        field = network.received(x, stream(time))
        later = lambda ahead: network.received(ahead, stream(time + step))  # noqa: E731
        return jnp.ravel(unit_step(unit, x, field, later, step, 0.0, scheme))

    with jax.enable_x64(True):
        flat = jnp.asarray(states.values[:-1].reshape(round(duration / step), -1))
        derivatives = jax.vmap(jax.jacfwd(move))(flat, step * jnp.arange(len(flat)))
        volumes = np.linalg.slogdet(np.asarray(derivatives))[1] / step
    assert float(found.lyapunov_exponent.sum()) == pytest.approx(volumes.mean(), rel=1e-9)


def test_noise_of_each_neuron_is_part_of_the_trajectory() -> None:
    """A neuron without noise stays where its exponent is ln tanh'(0); with noise it falls."""
    network = qd.Network(np.diag([0.9, 0.9]), unit=Discrete())
    found = lyapunov_spectrum(network, 4000, noise=np.array([0.0, 1.0]), initial=np.zeros(2))
    assert float(found.lyapunov_exponent[0]) == pytest.approx(np.log(0.9), abs=1e-9)
    assert float(found.lyapunov_exponent[1]) < np.log(0.9) - 0.3


def closed_form(gain: float, noise: float) -> float:
    """ln(g^2 <phi'^2>)/2 with Delta = g^2 <phi^2> + sigma^2."""

    def average(function: Callable[[Any], Any], variance: float) -> float:
        density = lambda z: function(np.sqrt(variance) * z) * np.exp(-(z**2) / 2)  # noqa: E731
        return quad(density, -12, 12)[0] / np.sqrt(2 * np.pi)

    variance = 1.0
    for _ in range(300):
        variance = gain**2 * average(lambda x: np.tanh(x) ** 2, variance) + noise**2
    return 0.5 * np.log(gain**2 * average(lambda x: (1 - np.tanh(x) ** 2) ** 2, variance))


@pytest.mark.parametrize(("fresh", "noise"), [(False, 0.0), (False, 0.7), pytest.param(True, 0.0, marks=pytest.mark.slow)])
def test_maps_without_symmetry_meet_the_closed_form_along_sizes(fresh: bool, noise: float) -> None:
    """Molgedey, Schuchhardt & Schuster 1992; with fresh couplings too."""
    law = Redrawn(Elliptic(2.5)) if fresh else Elliptic(2.5)
    model, exact = qd.RandomNetwork(couplings=law, noise=noise, unit=Discrete()), closed_form(2.5, noise)
    sizes, values, errors = np.array([40, 80, 160]), [], []
    for size in sizes:
        found = lyapunov_spectrum(model, 600, size=int(size), networks=1280 // int(size), exponents=1, key=int(size))
        values.append(float(found.lyapunov_exponent[0]))
        errors.append(float(found.lyapunov_exponent_error[0]))
    design = np.stack([np.ones(3), 1.0 / sizes], axis=1) / np.array(errors)[:, None]
    covariance = np.linalg.inv(design.T @ design)
    limit, error = (covariance @ design.T @ (np.array(values) / errors))[0], np.sqrt(covariance[0, 0])
    assert error < 0.1 * abs(exact)
    assert abs(limit - exact) < 3.5 * error, (limit, error, exact)


def test_products_of_fresh_gaussian_matrices() -> None:
    """lambda_i = (ln(2 g^2/N) + psi((N - i + 1)/2))/2 at every N (Newman 1986)."""
    gain, size = 1.4, 6
    model = qd.RandomNetwork(couplings=Redrawn(Elliptic(gain)), unit=Discrete(qd.Linear()))
    found = lyapunov_spectrum(model, 3000, size=size, networks=8, initial=np.zeros(size))
    exact = 0.5 * (np.log(2 * gain**2 / size) + digamma(np.arange(size, 0, -1) / 2))
    assert float(found.lyapunov_exponent_error.max()) < 0.02
    np.testing.assert_array_less(np.abs(found.lyapunov_exponent - exact), 4 * found.lyapunov_exponent_error)


def test_a_sinusoid_silences_chaos() -> None:
    """Rajan, Abbott & Sompolinsky 2010: the exponent falls with the amplitude, through zero."""
    exponents = [
        lyapunov_spectrum(
            qd.RandomNetwork(3.0, field=qd.Sinusoid(amplitude, 1.5)), 120.0, 0.1, size=80, networks=8, exponents=1
        )
        for amplitude in (0.0, 6.0)
    ]
    alone, driven = ((float(each.lyapunov_exponent[0]), float(each.lyapunov_exponent_error[0])) for each in exponents)
    assert alone[0] > 3 * alone[1]
    assert driven[0] < -3 * driven[1]


def test_each_neuron_of_each_network_has_a_phase() -> None:
    model, size = qd.RandomNetwork(1.0, field=qd.Sinusoid(2.0, 1.0, mean=0.5)), 4000
    with jax.enable_x64(True):
        waves = _drive(model, size, jax.random.split(jax.random.key(0), 2))
        fields, later = np.asarray(waves(0.0)), np.asarray(waves(2 * np.pi))
    assert fields.shape == (2, size)
    np.testing.assert_allclose(later, fields, atol=1e-12)
    np.testing.assert_allclose(fields.mean(axis=1), 0.5, atol=5 * np.sqrt(2 / size))
    np.testing.assert_allclose(fields.var(axis=1), 2.0, atol=5 * 2 / np.sqrt(size))
    assert abs(np.corrcoef(fields)[0, 1]) < 5 / np.sqrt(size)


def test_drives_and_noise_of_populations_reach_their_neurons() -> None:
    """Two populations that do not hear each other: the exponents of both, one of them pushed into saturation in time."""
    couplings = Blocks((0.5, 0.5), [[0.8, 0.0], [0.0, 0.8]])
    drive = lambda time: jnp.stack([0.0 * time, 50.0 + time])  # noqa: E731
    model = qd.RandomNetwork(couplings=couplings, field=drive, noise=(0.0, 0.1))
    found = lyapunov_spectrum(model, 60.0, 0.1, size=20, networks=2, initial=np.zeros(20))
    # Ten neurons saturate: no slope, -1 up to what Heun's step makes of it.
    saturated = np.log(1.0 - 0.1 + 0.005) / 0.1
    assert np.sum(np.abs(found.lyapunov_exponent.values - saturated) < 1e-9) == 10


def test_an_ensemble_of_excitation_and_inhibition_is_its_networks() -> None:
    couplings = Blocks((0.75, 0.25), 0.4, mean=[[1.0, -3.0], [1.5, -2.0]])
    model = qd.RandomNetwork(couplings=couplings, unit=(Leaky(qd.Linear()), Leaky(qd.Linear(), 0.5)), field=(0.5, 0.1))
    found = lyapunov_spectrum(model, 300.0, 0.1, size=8, networks=2, exponents=8)
    keys = jax.random.split(jax.random.split(jax.random.key(0), 4)[0], 2)
    sums = []
    for key in keys:
        with jax.enable_x64(True):
            jacobian = np.asarray(model.draw(8, key).jacobian(np.zeros(8)))
        sums.append(np.linalg.slogdet(np.eye(8) + 0.1 * jacobian + 0.005 * jacobian @ jacobian)[1] / 0.1)
    assert float(found.lyapunov_exponent.sum()) == pytest.approx(np.mean(sums), rel=1e-9)


MAP = qd.Network(SQUARE, unit=Discrete())
TWO = qd.Network(SQUARE, unit=Adaptive())


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda: lyapunov_spectrum(MAP, 100.0, 0.5), "`step` must be 1 for units that are maps"),
        (lambda: lyapunov_spectrum([MAP, TWO], 100.0), "networks of one unit, but has units.Discrete.* and units.Adaptive"),
        (lambda: lyapunov_spectrum(TWO, 100.0, exponents=11), "the number of neurons, times their variables, 10, but is 11"),
        (lambda: lyapunov_spectrum(TWO, 100.0, initial=np.zeros(7)), r"or of all variables \(10\) or \(1, 10\), but has"),
        (
            lambda: lyapunov_spectrum(qd.RandomNetwork(1.0), 10.0, size=4, networks=2, field=jnp.cos),
            "`field` must be left out with a qd.RandomNetwork",
        ),
        (
            lambda: lyapunov_spectrum(qd.RandomNetwork(couplings=Redrawn(Elliptic(1.0))), 10.0, size=4, networks=2),
            "`couplings` must last for qd.observables.lyapunov_spectrum",
        ),
        (
            lambda: lyapunov_spectrum(qd.Network(SQUARE, unit=LotkaVolterra()), 10.0, noise=0.1),
            "`noise` must be 0 for abundances",
        ),
    ],
)
def test_what_has_no_exponents_is_refused(ask: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ask()
