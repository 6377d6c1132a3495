"""`qd.dmft.TwoTime` of models made of parts: against each other, networks and exact results."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from networks_in_time import distances, drive

import quenched as qd
from quenched.couplings import Blocks, Elliptic, LowRank, Redrawn
from quenched.dmft.linearised import going_back, linearised
from quenched.dmft.tangent import response_row
from quenched.dmft.two_time_parts import TwoTimeParts
from quenched.units import Adaptive, Discrete, Leaky, LotkaVolterra, Reservoir, Unit


def relaxation(state: Any, field: Any) -> Any:
    """FitzHugh's two variables."""
    v, w = state
    return v - v**3 / 3 - w + field, 0.3 * (v + 0.2 - 0.8 * w)


USERS = Unit(relaxation, lambda state: jnp.tanh(state[0] - 0.3 * state[1]), state_size=2)
THEORY = ("initial", "scheme", "response")
SMALL: dict[str, Any] = {"trajectories": 256, "scramblings": 4}


def solved(model: qd.RandomNetwork, duration: float = 2.0, step: float = 0.1, **options: Any) -> qd.Solution:
    given = SMALL | options
    theory = qd.dmft.TwoTime(duration, step, **{name: value for name, value in given.items() if name in THEORY})
    solver = qd.dmft.Population(**{name: value for name, value in given.items() if name not in THEORY})
    return qd.solve(model, theory, solver=solver)


def off(first: qd.Solution, second: qd.Solution, name: str, floor: float = 1e-12) -> float:
    """The largest difference of a quantity, in the errors of both."""
    values = [np.asarray(solution.arrays[name]) for solution in (first, second)]
    errors = [np.asarray(solution.arrays[f"{name}_error"]) for solution in (first, second)]
    return float(np.max(np.abs(values[0] - values[1]) / np.maximum(np.hypot(errors[0], errors[1]), floor)))


# The response of single neurons.


@pytest.mark.parametrize(
    ("unit", "scheme"),
    [
        (Leaky(time_constant=0.6, self_coupling=1.4), "second_order"),
        (LotkaVolterra(immigration=0.1), "euler"),
        (LotkaVolterra(growth=1.5), "second_order"),
        (Reservoir(leak=0.7), "map"),
        (Adaptive(), "euler"),
        (USERS, "second_order"),
    ],
    ids=lambda each: each if isinstance(each, str) else type(each).__name__,
)
def test_the_response_of_a_neuron_is_that_of_its_trajectory(unit: Any, scheme: str) -> None:
    """By finite differences of the trajectory, with a memory and a field of its own."""
    times, count, step = 40, 3, 1.0 if scheme == "map" else 0.1
    generator = np.random.default_rng(5)
    with jax.enable_x64(True):
        kernel = jnp.asarray(np.tril(generator.normal(size=(64, 64)) * 0.3, -1))
        field = jnp.asarray(generator.normal(size=(times, count)))
        first = jnp.asarray(generator.uniform(0.2, 1.0, size=count))
        first = first if unit.state_size == 1 else jnp.stack([first, 0.3 * first])

        @jax.jit
        def states(field: Any, kick: Any) -> tuple[list[Any], list[Any], list[Any]]:
            state, before, rates = first, jnp.zeros_like(first), jnp.zeros((64, count))
            found: list[Any] = []
            forces: list[Any] = []
            speeds: list[Any] = []
            for now in range(times):
                state = state + kick[now]
                rates = rates.at[now].set(unit.rate(state))
                force = field[now] + kernel[now] @ rates
                speed = unit.speed(state, force)
                found, forces = [*found, state], [*forces, force]
                average = speed if now == 0 or scheme != "second_order" else 1.5 * speed - 0.5 * before
                speeds.append(average)
                state, before = drive(unit, state, (speed, before), now, step, scheme), speed
            return found, forces, speeds

        kicks = jnp.zeros((times, *first.shape))
        found, forces, speeds = states(field, kicks)
        each = [linearised(unit, *now, step, scheme) for now in zip(found, speeds, forces, strict=True)]
        steps = jax.tree.map(lambda *rows: jnp.pad(jnp.stack(rows), ((0, 24), *[(0, 0)] * rows[0].ndim)), *each)
        slopes = jnp.pad(jnp.stack([unit.rate_slope(state) for state in found]), ((0, 24), *[(0, 0)] * first.ndim))
        # All but the last time are known.
        last = times - 1
        steps = jax.tree.map(lambda rows: rows.at[last:].set(0.0), steps)
        kick = 1.0 if unit.state_size == 1 else slopes[last]
        rows = response_row(going_back(steps, scheme == "second_order"), kernel, slopes, jnp.asarray(last), 32, "kick", kick)
        to_kicks, to_inputs = (row * slopes[last] if unit.state_size == 1 else row for row in rows)

        def rate(field: Any, kick: Any) -> Any:
            return unit.rate(states(field, kick)[0][-1])

        for at in (0, 7, 31, 32, last - 1):
            changed = [rate(field.at[at].add(sign * 1e-5), kicks) for sign in (1, -1)]
            np.testing.assert_allclose(to_inputs[at], (changed[0] - changed[1]) / 2e-5, rtol=1e-5, atol=1e-8)
            inside = (at,) if unit.state_size == 1 else (at, 1)
            changed = [rate(field, kicks.at[inside].add(sign * 1e-5)) for sign in (1, -1)]
            np.testing.assert_allclose(to_kicks[inside], (changed[0] - changed[1]) / 2e-5, rtol=1e-5, atol=1e-8)


# One thing written in two ways.


@pytest.mark.parametrize("symmetry", [0.5, -0.5])
def test_one_block_is_elliptic(symmetry: float) -> None:
    """From the same key the field is made of the same numbers; what is left is rounding over the smallest pivots."""
    usual = solved(qd.RandomNetwork(1.2, symmetry, field=0.2), scheme="euler")
    block = solved(qd.RandomNetwork(couplings=Blocks([1.0], 1.2, symmetry), field=0.2), scheme="euler")
    for name in ("correlation", "state_correlation", "response", "state_response", "mean_rate"):
        np.testing.assert_allclose(block.arrays[name], usual.arrays[name], atol=1e-6, err_msg=name)
    # The velocity at the end feels a field of its own.
    np.testing.assert_allclose(block.arrays["kinetic_energy"], usual.arrays["kinetic_energy"], atol=1e-4)


def test_without_symmetry_sampling_is_the_gaussian_theory() -> None:
    exact = qd.solve(qd.RandomNetwork(1.5, noise=0.4, field=0.2), qd.dmft.TwoTime(2.0, scheme="euler"))
    block = qd.RandomNetwork(couplings=Blocks([1.0], 1.5), noise=0.4, field=0.2)
    sampled = solved(block, scheme="euler", trajectories=1024, response=True)
    assert "response" not in solved(block).arrays
    for name in ("correlation", "response", "kinetic_energy", "mean_square_state"):
        assert off(sampled, exact, name, 1e-6) < 4.5, name
        assert np.max(sampled.arrays[f"{name}_error"]) < 0.02


def test_two_equal_blocks_are_one() -> None:
    one = solved(qd.RandomNetwork(1.2, 0.4, noise=0.3), scheme="euler")
    gain = np.full((2, 2), 1.2)
    two = solved(qd.RandomNetwork(couplings=Blocks([0.3, 0.7], gain, 0.4), noise=0.3), scheme="euler", trajectories=512)
    for name in ("correlation", "response", "mean_square_state"):
        for population in range(2):
            distance = np.abs(two.arrays[name][population] - one.arrays[name])
            common = np.hypot(two.arrays[f"{name}_error"][population], one.arrays[f"{name}_error"])
            assert np.max(distance / np.maximum(common, 1e-6)) < 5.0, name
    assert two["correlation"].dims == ("population", "time", "earlier_time")
    assert two["mean_rate"].dims == ("population", "time")


def test_low_rank_of_strength_zero_is_none() -> None:
    plain = Elliptic(1.2, 0.4, mean=0.5)
    with_it = solved(qd.RandomNetwork(couplings=plain + LowRank(np.zeros((2, 2))), noise=0.3))
    without = solved(qd.RandomNetwork(couplings=plain, noise=0.3))
    for name, values in without.arrays.items():
        np.testing.assert_allclose(with_it.arrays[name], values, rtol=1e-9, atol=1e-10, err_msg=name)
    assert np.all(with_it.arrays["latent"] == 0.0)
    assert with_it["latent"].dims == ("rank", "time")


def test_a_population_of_nobody_and_one_without_couplings_are_ordinary() -> None:
    """The others do not see them; they see the others."""
    alone = solved(qd.RandomNetwork(1.2, 0.4), scheme="euler")
    couplings = Blocks([1.0, 0.0], [[1.2, 0.7], [0.0, 0.0]], 0.4)
    both = solved(qd.RandomNetwork(couplings=couplings), scheme="euler", trajectories=512)
    for name in ("correlation", "response"):
        distance = np.abs(both.arrays[name][0] - alone.arrays[name])
        common = np.hypot(both.arrays[f"{name}_error"][0], alone.arrays[f"{name}_error"])
        assert np.max(distance / np.maximum(common, 1e-6)) < 5.0, name
    # Without a field x decays by itself.
    np.testing.assert_allclose(both.arrays["mean_square_state"][1], 0.81 ** np.arange(21), rtol=1e-9)
    assert float(both["conditioning"]) > 0.0


def test_a_leaky_map_is_eulers_scheme() -> None:
    leak = 0.25
    flow = solved(qd.RandomNetwork(couplings=Elliptic(1.3, 0.5, mean=0.2)), 5.0, leak, scheme="euler")
    map_ = solved(qd.RandomNetwork(couplings=Elliptic(1.3, 0.5, mean=0.2), unit=Discrete(leak=leak)), 20.0, 1.0)
    for name in ("correlation", "state_correlation", "mean_rate"):
        np.testing.assert_allclose(map_.arrays[name], flow.arrays[name], atol=1e-6, err_msg=name)
    # A step of the map is `leak` of a unit of time.
    np.testing.assert_allclose(map_.arrays["response"], leak * flow.arrays["response"], atol=1e-6)
    np.testing.assert_allclose(map_.coordinates["time"], np.arange(21))
    assert "kinetic_energy" not in map_.arrays


# Exact results.


def test_rank_one_of_a_linear_network_is_exact() -> None:
    """kappa = n.x/N grows by its own eigenvalue <n m> alone; sampled, and yet exact."""
    covariance, mean, start, step = [[0.7, 0.5], [0.5, 1.1]], [0.4, 0.9], 0.6, 0.1
    model = qd.RandomNetwork(couplings=Elliptic(0.5) + LowRank(covariance, mean), unit=Leaky(qd.Linear()))
    found = solved(model, step=step, scheme="euler", initial=qd.Normal(start, 0.5))
    outlier = covariance[0][1] + mean[0] * mean[1]
    steps = np.arange(21)
    expected = mean[1] * start * (1.0 + step * (outlier - 1.0)) ** steps
    np.testing.assert_allclose(found.arrays["latent"][0], expected, rtol=1e-9)
    decay = (1.0 - step) ** steps
    states = start * decay + mean[0] * np.array([np.sum(step * expected[:n] * decay[:n][::-1]) for n in steps])
    np.testing.assert_allclose(found.arrays["mean_state"], states, rtol=1e-7)


@pytest.mark.parametrize(("scheme", "trapezoid"), [("euler", (1.0, 0.0)), ("second_order", (1.5, -0.5))])
def test_a_linear_network_under_a_sinusoid_is_exact(scheme: str, trapezoid: tuple[float, float]) -> None:
    """At late time C_x(t, s) = (I^2/2) cos(w (t - s)) / (1 + w^2 - g^2), and its like in steps; phases differ by neuron."""
    gain, amplitude, frequency, step = 0.6, 0.8, 1.5, 0.1
    model = qd.RandomNetwork(gain, field=qd.Sinusoid(amplitude, frequency), activation=qd.Linear())
    found = solved(model, 30.0, step, scheme=scheme, initial=qd.Normal(0.0, 0.2), trajectories=512)
    now, before = trapezoid
    turn = np.exp(1j * frequency * step)
    # z x = x + step (now + before/z) (-x + J x + b) of each mode of J, whose squares average to g^2.
    forced = abs(step * (now + before / turn)) ** 2
    left = abs(turn - 1.0 + step * (now + before / turn)) ** 2
    in_steps = 0.5 * amplitude**2 * forced / (left - gain**2 * forced)
    wave = in_steps * np.cos(frequency * step * np.arange(100, -1, -1))
    # The beginning has decayed as exp(-(1 - g) t).
    np.testing.assert_allclose(found.arrays["state_correlation"][300, 200:301], wave, atol=2e-4 * in_steps)
    in_time = 0.5 * amplitude**2 / (1.0 + frequency**2 - gain**2)
    assert abs(in_steps - in_time) < (0.2 if scheme == "euler" else 0.02) * in_time


def test_a_smooth_state_without_noise_stays_bounded_for_long() -> None:
    """A strong sinusoid silences chaos, and every field is nearly a combination of its own past: |phi| < 1 bounds x."""
    model = qd.RandomNetwork(1.5, field=qd.Sinusoid(1.0, 1.5))
    found = solved(model, 60.0, 0.125, trajectories=1024, scramblings=2, response=False)
    assert np.max(found.arrays["mean_square_state"]) < 2.0


@pytest.mark.slow
def test_the_default_scheme_is_of_second_order() -> None:
    """Of every quantity, noise included: a linear network against a short step."""
    start: dict[str, Any] = {"initial": qd.Normal(0.4, 1.0), "scramblings": 2}

    def at(step: float) -> dict[str, Any]:
        model = qd.RandomNetwork(couplings=Blocks([1.0], 0.7, 0.5), unit=Leaky(qd.Linear()), noise=0.5)
        found = solved(model, step=step, **start).arrays
        names = ("correlation", "state_response", "response", "kinetic_energy", "mean_state")
        return {name: found[name][(slice(None, None, round(0.1 / step)),) * found[name].ndim] for name in names}

    usual = solved(qd.RandomNetwork(0.7, 0.5, 0.5, activation=qd.Linear()), step=0.0125, **start).arrays
    coarse, fine = at(0.1), at(0.05)
    for name, values in coarse.items():
        truth = usual[name][(slice(None, None, 8),) * values.ndim]
        worst, better = np.max(np.abs(values - truth)), np.max(np.abs(fine[name] - truth))
        assert worst < 0.02, name
        assert better < 0.3 * worst, name
        # Next to the diagonal, where what the scheme itself answers is off by a fifth of a step.
        if "response" in name:
            assert np.max(np.abs(np.diag(values - truth, -1))) < 0.01, name


# Networks.

E_AND_I = Blocks([0.6, 0.4], [[1.2, 0.8], [1.5, 0.6]], [[0.6, -0.5], [-0.5, -0.8]], [[1.0, -2.0], [1.5, -1.0]])
TWO_UNITS = (Leaky(), Leaky(qd.Erf(), time_constant=0.5))
SPECIES = qd.RandomNetwork(couplings=Elliptic(0.6, 0.4, mean=-2.0), unit=LotkaVolterra(immigration=1e-3))
FLOW: dict[str, Any] = {"duration": 3.0, "step": 0.15}
MAP: dict[str, Any] = {"duration": 20.0, "step": 1.0}
MODELS: dict[str, tuple[qd.RandomNetwork, dict[str, Any]]] = {
    "excitation and inhibition": (
        qd.RandomNetwork(couplings=E_AND_I, unit=TWO_UNITS, noise=[0.3, 0.0], field=[0.2, -0.1]),
        FLOW | {"scheme": "euler"},
    ),
    "excitation and inhibition, extrapolated": (qd.RandomNetwork(couplings=E_AND_I, unit=TWO_UNITS, noise=[0.3, 0.0]), FLOW),
    "balanced rows": (
        qd.RandomNetwork(
            couplings=Blocks([0.6, 0.4], [[1.2, 0.8], [1.5, 0.6]], 0.0, [[1.0, -1.5], [1.0, -1.5]], True), field=0.3
        ),
        FLOW,
    ),
    "low rank": (
        qd.RandomNetwork(couplings=Elliptic(0.8, 0.3) + LowRank([[1.0, 1.2], [1.2, 2.0]], [0.5, 0.8])),
        FLOW | {"initial": qd.Normal(0.5, 0.5)},
    ),
    "self-coupling": (
        qd.RandomNetwork(couplings=Elliptic(1.3, -0.4), unit=Leaky(self_coupling=1.5, time_constant=0.7), noise=0.2),
        FLOW,
    ),
    "species": (SPECIES, FLOW | {"initial": qd.Uniform(0, 1)}),
    "species, euler": (SPECIES, FLOW | {"initial": qd.Uniform(0, 1), "scheme": "euler"}),
    "map": (qd.RandomNetwork(couplings=Elliptic(1.5, 0.4), unit=Discrete(), field=0.1), MAP),
    "leaky map": (qd.RandomNetwork(couplings=Elliptic(1.5, -0.6), unit=Discrete(leak=0.5), noise=0.1), MAP),
    "reservoir": (qd.RandomNetwork(couplings=Elliptic(1.5, 0.5), unit=Reservoir(leak=0.6), noise=0.1), MAP),
    "adaptation": (
        qd.RandomNetwork(
            couplings=Elliptic(1.8, 0.3), unit=Adaptive(adaptation_rate=0.3, adaptation_strength=0.8), noise=0.1
        ),
        FLOW,
    ),
    "a user's unit": (qd.RandomNetwork(couplings=Elliptic(1.2, 0.5), unit=USERS, noise=0.1), FLOW | {"scheme": "euler"}),
    "layers": (qd.RandomNetwork(couplings=Redrawn(Elliptic(1.5, 0.5, mean=0.3)), unit=Discrete(), field=0.1), MAP),
    "sinusoid": (qd.RandomNetwork(1.5, 0.4, field=qd.Sinusoid(1.5, 2.0, 0.1)), FLOW),
}


def agrees(name: str, networks: int, trajectories: int = 4096, scramblings: int = 8) -> None:
    model, how = MODELS[name]
    theory, solver = qd.dmft.TwoTime(**how, response=True), qd.dmft.Population(trajectories, scramblings=scramblings)
    assert isinstance(theory.choose([model], solver), TwoTimeParts)
    found = distances(model, theory, networks, kicked=3, solver=solver)
    if "scheme" not in how and model.kind == "flow":
        # Reported is the response in continuous time, of second order in the step; that of the scheme is what acts.
        del found["response"]
    for quantity, (distance, error) in found.items():
        assert distance < 4.0, (quantity, distance)
        # Errors are small beside what is compared, which is of order one.
        assert error < (0.15 if quantity == "state_correlation" else 0.06), (quantity, error)


@pytest.mark.parametrize("name", ["excitation and inhibition", "reservoir"])
def test_networks_extrapolate_to_the_theory(name: str) -> None:
    agrees(name, networks=24, scramblings=4, trajectories=1024)


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_larger_networks_extrapolate_to_the_theory(name: str) -> None:
    agrees(name, networks=96)


@pytest.mark.parametrize("scheme", ["euler", "second_order"])
def test_abundances_stay_at_zero_or_above(scheme: str) -> None:
    """Also without immigration and where many die out."""
    model = qd.RandomNetwork(couplings=Elliptic(1.2, -0.5, mean=-3.0), unit=LotkaVolterra())
    found = solved(model, 20.0, 0.2, scheme=scheme, initial=qd.Uniform(0.0, 2.0))
    assert np.min(found.arrays["correlation"]) >= 0.0
    assert np.min(found.arrays["mean_state"]) > 0.0
    assert np.all(np.isfinite(found.arrays["response"]))
    # <x>^2 <= <x^2>, and only species that live on answer.
    assert np.all(found.arrays["mean_state"] ** 2 <= found.arrays["mean_square_state"])


def test_species_that_survive_are_told_from_those_that_do_not() -> None:
    """Species that hear nobody, in fields just below and above -K; beside others that are no species."""
    for field, alive in ((-1.02, 0.0), (-0.98, 1.0)):
        model = qd.RandomNetwork(couplings=Blocks((0.5, 0.5), 0.0), unit=(LotkaVolterra(), Leaky()), field=(field, 0.0))
        fraction = solved(model, 60.0, 1.0, initial=qd.Uniform(0.5, 1.0)).arrays["surviving_fraction"]
        assert np.all(fraction[0, 50:] == alive)
        assert np.all(np.isnan(fraction[1]))


def test_every_variable_may_begin_somewhere() -> None:
    """And abundances, if nothing is said, evenly between 0 and 1."""
    model = qd.RandomNetwork(couplings=Elliptic(0.0), unit=Adaptive(adaptation_rate=0.5, adaptation_strength=0.0))
    found = solved(model, scheme="euler", initial=(qd.Normal(0.0, 0.0), qd.Normal(1.0, 0.0)))
    # a decays by itself, and drives x down: x' = 0.9 x - 0.1 a.
    x, a, expected = 0.0, 1.0, []
    for _ in range(21):
        expected.append(x)
        x, a = 0.9 * x - 0.1 * a, 0.95 * a
    np.testing.assert_allclose(found.arrays["mean_state"], expected, atol=1e-12)
    species = solved(SPECIES, 0.2, 0.1)
    assert float(species.arrays["mean_state"][0]) == pytest.approx(0.5, abs=1e-3)


# What is refused, before any work.


@pytest.mark.usefixtures("unchecked_types")
@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        (
            qd.RandomNetwork(couplings=Elliptic(1.0), unit=Discrete()),
            {},
            r"`step` must be 1 for units that are maps, .* but is 0\.1",
        ),
        (
            qd.RandomNetwork(couplings=Elliptic(1.0), unit=Reservoir()),
            {},
            r"`step` must be 1 for units that are maps, .* but is 0\.1",
        ),
        (
            qd.RandomNetwork(couplings=Redrawn(Elliptic(1.0))),
            {},
            r"`couplings` must last .*couplings\.Redrawn is drawn anew",
        ),
        (
            qd.RandomNetwork(couplings=Elliptic(1.0), unit=LotkaVolterra(), noise=0.1),
            {},
            r"`noise` must be 0 .* but is 0\.1",
        ),
        (
            qd.RandomNetwork(couplings=Elliptic(1.0), unit=LotkaVolterra()),
            {"initial": qd.Normal()},
            r"`initial` must be at least 0 for abundances, but reaches -8",
        ),
        (
            qd.RandomNetwork(couplings=Elliptic(1.0), unit=Leaky(time_constant=0.05)),
            {},
            r"`step` must be at most the shortest time constant, 0\.05, but is 0\.1",
        ),
        (
            qd.RandomNetwork(couplings=Elliptic(1.0), unit=Unit(lambda x, h: h - 20.0 * x, jnp.tanh)),
            {},
            r"`step` must be at most 0\.05, the shortest time in which units\.Unit relaxes, but is 0\.1",
        ),
        (
            qd.RandomNetwork(couplings=Elliptic(1.0), unit=Adaptive()),
            {"initial": (qd.Normal(), qd.Normal(), qd.Normal())},
            r"`initial` must be one distribution, or a tuple of one for each of the 2 variables of a state, but holds 3",
        ),
        (qd.RandomNetwork(1.0), {"initial": (qd.Normal(), qd.Normal())}, r"`initial` must be one distribution, .* holds 2"),
        (
            qd.RandomNetwork(couplings=Elliptic(1.0, 0.3, mean=0.1), activation=qd.Activation(jnp.sign, breakpoints=(0.0,))),
            {},
            r"`activation` must not jump for dmft\.TwoTime with memory",
        ),
        (
            qd.RandomNetwork(couplings=Blocks([0.5, 0.5], 1.0)),
            {"trajectories": 3},
            r"`trajectories` must be at least 2 for each of the 2 populations, but is 3",
        ),
        (
            qd.RandomNetwork(couplings=Elliptic(1.0, mean=0.3)),
            {"memory_limit": 1e-6},
            r"`memory_limit` must allow \S+ GiB for 20 steps with 256 trajectories and 62 tangents, but is 1e-06",
        ),
    ],
)
def test_bad_input(model: qd.RandomNetwork, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        solved(model, **options)


def test_a_precision_is_reached_by_more_trajectories() -> None:
    model = qd.RandomNetwork(couplings=Elliptic(1.2, 0.4, mean=0.3), noise=0.2)
    rough = solved(model, 1.0)
    wanted = 0.7 * float(np.max(rough.arrays["correlation_error"]))
    finer = solved(model, 1.0, precision=wanted, scheme="euler")
    assert float(np.max(finer.arrays["correlation_error"])) <= wanted
