"""The explorer's functions, in Node and in Chromium, against NumPy, SciPy and the package."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import explorer_page
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment
from scipy.special import erf

import quenched as qd
from quenched.couplings.elliptic import mixed_normals
from quenched.numerics.time_average import error_of_time_average

pytestmark = pytest.mark.browser

RNG = np.random.default_rng(7)
ACTIVATIONS: dict[str, Any] = {"tanh": qd.Tanh(), "erf": qd.Erf(), "relu": qd.ReLU(), "linear": qd.Linear()}
SIZES = (1, 2, 3, 20, 200)


@pytest.fixture(scope="module", params=["node", "chromium"])
def call(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Any]]:
    if request.param == "node":
        yield explorer_page.call_node
        return
    blank = tmp_path_factory.mktemp("scripts") / "numbers.html"
    blank.write_text("".join(f'<script src="{explorer_page.SCRIPTS / name}.js"></script>' for name in explorer_page.NUMBERS))
    with explorer_page.launched() as browser:
        page = browser.new_page()
        page.goto(blank.as_uri())
        yield explorer_page.call_browser(page)


def close(found: Any, wanted: Any, tolerance: float = 1e-10) -> None:
    """To `tolerance` of the largest."""
    wanted = np.asarray(wanted)
    np.testing.assert_allclose(
        np.asarray(found).reshape(wanted.shape), wanted, 0, tolerance * np.abs(wanted).max(initial=1e-300)
    )


# --- random numbers


def test_random_bits_are_those_of_xoshiro(call: Callable[..., Any]) -> None:
    """The first three from 1, 2, 3, 4 by hand."""
    program = "const bits = explorer.generator(given.words); return Array.from({ length: 1000 }, bits)"
    for words in ([1, 2, 3, 4], explorer_page.words(5, 1), [0xFFFFFFFF] * 4):
        found = call(program, words=words)
        assert found == list(islice(explorer_page.random_bits(words), 1000))
        if words == [1, 2, 3, 4]:
            assert found[:3] == [11520, 0, 5927040]


@pytest.mark.parametrize(("seed", "stream"), [(0, 1), (1, 1), (1, 2), (2**32 - 1, 3)])
def test_normals_are_normal_and_follow_from_the_seed(call: Callable[..., Any], seed: int, stream: int) -> None:
    count = 40_000
    program = "return Array.from({ length: given.count }, explorer.normals(given.seed, given.stream))"
    found = np.array(call(program, count=count, seed=seed, stream=stream))
    close(found, explorer_page.taken(explorer_page.normals(seed, stream), count))
    # Within five standard errors: Var z^k is E z^2k - (E z^k)^2.
    for power, mean, variance in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96)):
        assert abs(np.mean(found**power) - mean) < 5 * np.sqrt(variance / count)
    for lag in (1, 2):
        assert abs(np.mean(found[:-lag] * found[lag:])) < 5 / np.sqrt(count)


def test_streams_and_neighbouring_seeds_are_independent(call: Callable[..., Any]) -> None:
    program = "return given.of.map(([seed, stream]) => Array.from({ length: 10000 }, explorer.normals(seed, stream)))"
    correlation = np.corrcoef(call(program, of=[[1, 1], [1, 2], [1, 3], [2, 1], [3, 1], [2**31, 1]]))
    assert np.abs(correlation - np.eye(6)).max() < 5 / 100


# --- the network


@pytest.mark.parametrize("symmetry", [-1.0, -0.3, 0.0, 0.7, 1.0])
@pytest.mark.parametrize("size", [1, 2, 20])
def test_couplings_are_mixed_as_in_the_package(call: Callable[..., Any], size: int, symmetry: float) -> None:
    independent = RNG.standard_normal((size, size))
    program = """let place = 0;
        return explorer.couplings(given.size, 1.7, given.symmetry, () => given.independent[place++])"""
    found = call(program, size=size, symmetry=symmetry, independent=independent.ravel().tolist())
    with jax.enable_x64(True):
        mixed = mixed_normals(symmetry, jnp.asarray(independent), jnp.asarray(independent.T))[0]
        wanted = 1.7 / np.sqrt(size) * np.asarray(mixed)
    np.testing.assert_allclose(np.reshape(found, (size, size)), wanted, 0, 1e-14)


def test_couplings_have_the_variance_and_the_symmetry(call: Callable[..., Any]) -> None:
    size, gain, symmetry = 200, 1.5, -0.4
    found = call("return explorer.couplings(200, 1.5, -0.4, explorer.normals(3, 1))")
    weights = np.reshape(found, (size, size))
    np.testing.assert_allclose(weights, explorer_page.couplings(size, gain, symmetry, 3), 0, 1e-14)
    upper = np.triu_indices(size, 1)
    one, other = weights[upper] * np.sqrt(size) / gain, weights.T[upper] * np.sqrt(size) / gain
    pairs = len(one)
    assert abs(np.mean(one**2) - 1) < 5 * np.sqrt(2 / pairs)
    assert abs(np.mean(one * other) - symmetry) < 5 * np.sqrt((1 + symmetry**2) / pairs)


def test_erf_has_all_digits(call: Callable[..., Any]) -> None:
    z = np.concatenate([np.linspace(-7, 7, 401), np.geomspace(1e-300, 7, 200), [0.0]])
    np.testing.assert_allclose(call("return given.z.map(explorer.erf)", z=z.tolist()), erf(z), 1e-14, 0)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_rates_and_slopes_are_those_of_the_package(call: Callable[..., Any], name: str) -> None:
    x = np.concatenate([np.linspace(-6, 6, 121), [1e-9, -1e-9, 40.0, -40.0]])
    program = "const { rate, slope } = explorer.ACTIVATIONS[given.name]; return given.x.map((x) => [rate(x), slope(x)])"
    rates, slopes = np.transpose(call(program, name=name, x=x.tolist()))
    with jax.enable_x64(True):
        activation = ACTIVATIONS[name]
        wanted = np.asarray(activation(jnp.asarray(x))), np.asarray(activation.slope(jnp.asarray(x)))
    np.testing.assert_allclose(rates, wanted[0], 1e-10, 1e-15)
    np.testing.assert_allclose(slopes, wanted[1], 1e-10, 1e-15)


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("size", SIZES)
def test_steps_are_those_of_the_package(call: Callable[..., Any], size: int, name: str) -> None:
    weights = 1.2 / np.sqrt(size) * RNG.standard_normal((size, size))
    start = RNG.standard_normal(size)
    program = """const { rate } = explorer.ACTIVATIONS[given.name];
        const kick = new Float64Array(given.start.length);
        const states = [Float64Array.from(given.start)];
        for (let k = 0; k < 10; k++) states.push(explorer.step(given.weights, rate, 0.3, states[k], explorer.STEP, kick));
        return states.slice(1)"""
    found = call(program, name=name, weights=weights.ravel().tolist(), start=start.tolist())
    network = qd.Network(weights, ACTIVATIONS[name], field=0.3)
    wanted = qd.simulate.integrate(network, 1.0, 0.1, initial=start).trajectory.values[1:, 0]
    close(found, wanted)


def test_a_kick_is_in_both_halves_of_a_step(call: Callable[..., Any]) -> None:
    weights, start, kick = RNG.standard_normal((3, 3)), RNG.standard_normal(3), RNG.standard_normal(3)
    program = "return explorer.step(given.weights, Math.tanh, 0, Float64Array.from(given.start), 0.1, given.kick)"
    found = call(program, weights=weights.ravel().tolist(), start=start.tolist(), kick=kick.tolist())

    def drift(x: np.ndarray) -> np.ndarray:
        return -x + weights @ np.tanh(x)

    ahead = start + 0.1 * drift(start) + kick
    close(found, start + 0.05 * (drift(start) + drift(ahead)) + kick)


@pytest.mark.parametrize("size", SIZES)
def test_responses_at_rest_are_the_diagonal_of_the_inverse(call: Callable[..., Any], size: int) -> None:
    weights = 0.5 / np.sqrt(size) * RNG.standard_normal((size, size))
    weights[0, 0] = 1.0  # nothing to divide by without exchanging rows, unless it is alone
    found = call("return explorer.restingResponses(given.weights)", weights=weights.ravel().tolist())
    if size == 1:
        assert found == [None]
        return
    matrix = np.eye(size) - weights
    close(found, np.diag(np.linalg.inv(matrix)), 1e-14 * np.linalg.cond(matrix))


# --- eigenvalues


def distance(found: list[dict[str, float]], matrix: np.ndarray) -> float:
    """The largest between eigenvalues and those of NumPy, paired so that all are close."""
    ours = np.array([complex(each["re"], each["im"]) for each in found])
    theirs = np.linalg.eigvals(matrix)
    apart = np.abs(ours[:, None] - theirs)
    assert apart.shape == (len(matrix), len(matrix))
    return float(apart[linear_sum_assignment(apart)].max())


def matrices() -> dict[str, tuple[np.ndarray, float]]:
    """A matrix, and how much larger than rounding an error of its eigenvalues may be."""
    found: dict[str, tuple[np.ndarray, float]] = {}
    for size in SIZES:
        # Condition numbers of the eigenvalues of a random matrix grow like N (Chalker and Mehlig 1998).
        for symmetry in (-1.0, -0.5, 0.0, 0.5, 1.0):
            found[f"{size}, {symmetry}"] = explorer_page.couplings(size, 1.5, symmetry, 11), 100.0 * size
    size, eps = 20, sys.float_info.epsilon
    rotation = np.linalg.qr(RNG.standard_normal((size, size)))[0]
    found["zeros"] = np.zeros((size, size)), 0.0
    found["identity"] = np.eye(size), 10.0
    found["diagonal"] = np.diag(np.arange(size) - 5.0), 100.0
    found["permutation"] = np.roll(np.eye(size), 1, axis=0), 100.0
    found["triangular"] = np.triu(np.ones((size, size))) * np.arange(1, size + 1) / size, 0.0
    found["blocks"] = np.kron(np.eye(4), np.array([[0.0, 1.0], [-1.0, 0.0]])), 100.0
    found["outer product"] = np.outer(np.ones(size), np.arange(size)), 1e4
    # A chain of n equal eigenvalues moves by the n-th root of rounding.
    for length in (2, 3, 4):
        jordan = np.eye(length) + np.diag(np.ones(length - 1), 1)
        turned = np.linalg.qr(RNG.standard_normal((length, length)))[0]
        found[f"chain of {length}"] = turned @ jordan @ turned.T, 10.0 * eps ** (1.0 / length - 1.0)
    found["turned"] = rotation @ np.diag(np.linspace(-1, 1, size)) @ rotation.T, 100.0
    return found


MATRICES = matrices()


@pytest.mark.parametrize("name", MATRICES)
def test_eigenvalues_are_those_of_numpy(call: Callable[..., Any], name: str) -> None:
    matrix, factor = MATRICES[name]
    found = call("return explorer.eigenvalues(given.matrix)", matrix=matrix.ravel().tolist())
    tolerance = factor * sys.float_info.epsilon * np.linalg.norm(matrix) / np.sqrt(len(matrix))
    assert distance(found, matrix) <= tolerance
    if "chain" not in name:
        assert tolerance <= 1e-10 * max(1.0, float(np.linalg.norm(matrix)))


@pytest.mark.parametrize("symmetry", [-1.0, 1.0])
def test_eigenvalues_of_symmetric_matrices_lie_on_an_axis(call: Callable[..., Any], symmetry: float) -> None:
    matrix = explorer_page.couplings(200, 1.5, symmetry, 4)
    found = call("return explorer.eigenvalues(given.matrix)", matrix=matrix.ravel().tolist())
    off_axis = [each["re"] if symmetry < 0 else each["im"] for each in found]
    assert np.abs(off_axis).max() < 1e-12


# --- averages


@pytest.mark.parametrize("count", [1, 2, 5, 16, 51, 200, 500])
def test_errors_of_time_averages_are_those_of_the_package(call: Callable[..., Any], count: int) -> None:
    series = np.zeros((4, count))
    for place, memory in enumerate((-0.5, 0.0, 0.9)):
        for block in range(count):
            series[place, block] = 3.0 + memory * (series[place, block - 1] - 3.0) + RNG.standard_normal()
    series[3] = 0.7
    found = call("return given.series.map(explorer.errorOfTimeAverage)", series=series.tolist())
    wanted = error_of_time_average(series.T)
    if count == 1:
        assert found == [None] * 4
        return
    np.testing.assert_allclose(found, wanted, 1e-10, 1e-16)
    assert found[3] == 0.0


def test_means_and_standard_errors(call: Callable[..., Any]) -> None:
    numbers = RNG.standard_normal(30)
    found = call("return [explorer.mean(given.x), explorer.standardError(given.x)]", x=numbers.tolist())
    close(found, [numbers.mean(), numbers.std(ddof=1) / np.sqrt(30)])


def test_blocks_keep_the_mean_when_they_double(call: Callable[..., Any]) -> None:
    series = RNG.standard_normal(10 * 1100)
    program = """const blocks = new explorer.Blocks(10);
        given.series.forEach((each) => blocks.add(each)); return blocks"""
    blocks = call(program, series=series.tolist())
    assert blocks["length"] == 40
    close(blocks["means"], series.reshape(-1, 40).mean(axis=1))


# --- theory


def test_the_table_is_interpolated_as_its_script_says(call: Callable[..., Any]) -> None:
    """Halfway between points the cubic has the script's weights; on the points it has their values."""
    program = """const { gains, edge, fluctuation } = explorer.theoryOf(given.of).static;
        const at = (gain) => explorer.interpolate(gains, edge, fluctuation.values, gain);
        return { gains, edge, values: fluctuation.values, on: gains.map(at), between: given.between.map(at) }"""
    of = {"activation": "tanh", "field": 0, "noise": 0}
    for symmetry in (-1.0, -0.5, 0.3, 1.0):
        edge = 60 if symmetry == -1.0 else 24
        critical = 1 / (1 + symmetry) if edge == 24 else 3.0
        points = np.arange(60) + 0.5
        above = critical + (3 - critical) * ((points - edge) / max(60 - edge, 1)) ** 2
        gains = np.where(points < edge, critical * (1 - (1 - points / edge) ** 2), above)
        found = call(program, of=of | {"symmetry": symmetry}, between=gains.tolist())
        assert found["edge"] == edge
        np.testing.assert_allclose(found["on"], found["values"], 0, 1e-8)
        values, wanted = np.array(found["values"]), []
        for point in range(60):
            low, high = (0, edge) if point < edge else (edge, 60)
            first = min(max(point - 1, low), high - 3)
            wanted.append(np.polyval(np.polyfit(np.arange(4), values[first : first + 4], 3), point + 0.5 - first))
        # Gains have ten digits in the table, and the number of the point is the root of a difference of them.
        np.testing.assert_allclose(found["between"], wanted, 0, 1e-7)


@pytest.mark.parametrize(
    ("values", "stationary", "static"),
    [
        ({}, True, True),
        ({"noise": 0.3}, True, False),
        ({"symmetry": -0.3}, False, True),
        ({"symmetry": 0.2, "noise": 0.1}, False, False),
        ({"field": 0.5}, False, False),
        ({"activation": "erf"}, False, False),
    ],
)
def test_theory_is_shown_where_the_table_has_it(
    call: Callable[..., Any], values: dict[str, Any], stationary: bool, static: bool
) -> None:
    of = {"activation": "tanh", "field": 0, "symmetry": 0, "noise": 0} | values
    found = call("return explorer.theoryOf(given.of)", of=of)
    assert (found["stationary"] is not None, found["static"] is not None) == (stationary, static)


# --- a whole run


@pytest.mark.parametrize(
    ("gain", "symmetry", "noise", "field", "size"),
    [(0.8, 0.0, 0.3, 0.0, 20), (0.7, 0.2, 0.0, 0.0, 30), (1.0, -0.5, 0.2, 0.4, 2)],
)
def test_a_run_is_that_of_numpy(
    call: Callable[..., Any], gain: float, symmetry: float, noise: float, field: float, size: int
) -> None:
    """100 leak times without chaos: the last state, and the averages since the 50th."""
    parameters = {"gain": gain, "symmetry": symmetry, "noise": noise, "field": field, "size": size}
    program = """const run = new explorer.Run({ ...given.parameters, activation: "tanh", seed: 9 });
        run.advance(1000);
        return { ...run, fluctuation: run.fluctuation, response: run.response, rests: run.restIsStable }"""
    found = call(program, parameters=parameters)
    weights = explorer_page.couplings(size, gain, symmetry, 9)
    states = explorer_page.trajectory(weights, np.tanh, 1000, noise, field, 9)
    np.testing.assert_allclose(found["state"], states[-1], 1e-10, 1e-10)
    rates = np.tanh(states[500:1000])
    blocks = np.mean(rates**2, axis=1).reshape(50, 10).mean(axis=1)
    np.testing.assert_allclose(found["fluctuation"]["value"], blocks.mean(), 1e-10, 1e-14)
    np.testing.assert_allclose(found["fluctuation"]["error"], error_of_time_average(blocks), 1e-8, 1e-14)
    rests = noise == 0 and field == 0
    assert found["rests"] == rests
    if symmetry == 0:
        np.testing.assert_allclose(found["response"]["value"], np.mean(1 - rates**2), 1e-10)
    elif rests:
        responses = np.diag(np.linalg.inv(np.eye(size) - weights))
        np.testing.assert_allclose(found["response"]["value"], responses.mean(), 1e-10)
        np.testing.assert_allclose(found["response"]["error"], responses.std(ddof=1) / np.sqrt(size), 1e-10)
    else:
        assert found["response"] is None


@pytest.mark.parametrize(("activation", "gain"), [("linear", 1.5), ("relu", 3.0)])
def test_growth_without_bound_is_told(call: Callable[..., Any], activation: str, gain: float) -> None:
    program = """const run = new explorer.Run({
            gain: given.gain, symmetry: 0.5, noise: 0, field: 0.1, size: 50, activation: given.activation, seed: 1 });
        run.advance(2000);
        return { diverged: run.diverged, steps: run.steps, kept: run.kept, fluctuation: run.fluctuation }"""
    found = call(program, activation=activation, gain=gain)
    assert found["diverged"]
    assert found["steps"] < 2000
    assert found["fluctuation"] is None
    assert np.isfinite(np.array(found["kept"], dtype=float)).all()
