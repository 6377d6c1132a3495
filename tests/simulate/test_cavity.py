"""The cavity against linear networks: one network by powers of its matrix, N = infinity by the linear equations of DMFT."""

from __future__ import annotations

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array

import quenched as qd
from quenched.simulate.added_neurons import Added, draw_one_neuron, past_weights, respond, run_with_and_without
from quenched.simulate.cavity import excess_kurtosis

SIZE, ADDED, STEPS, STEP = 7, 3, 20, 0.1


@cache
def given() -> dict[str, np.ndarray]:
    draw = np.random.default_rng(5).normal
    return {
        "weights": 0.3 * draw(size=(SIZE, SIZE)),
        "outgoing": 0.3 * draw(size=(ADDED, SIZE)),
        "incoming": 0.3 * draw(size=(ADDED, SIZE)),
        "start": draw(size=SIZE + ADDED),
        "kicks": 0.1 * draw(size=(STEPS, SIZE + ADDED)),
        # Every neuron once: the trace is then exact.
        "signs": np.sqrt(SIZE) * np.broadcast_to(np.eye(SIZE), (STEPS + 1, SIZE, SIZE)),
    }


@cache
def measured(scheme: str) -> tuple[np.ndarray, ...]:
    with jax.enable_x64(True):
        arrays = {name: jnp.asarray(values) for name, values in given().items()}
        model = qd.RandomNetwork(1.0, activation=qd.Linear())
        added = Added(*(arrays[name] for name in Added._fields))

        @jax.jit
        def everything(start: Array) -> tuple[Array, ...]:
            alone, together, rate = run_with_and_without(model, added, start, arrays["kicks"], STEP, scheme)
            return alone, together, rate, *respond(model, added, alone, arrays["kicks"], arrays["signs"], STEP, scheme)

        return tuple(np.asarray(each) for each in everything(arrays["start"]))


def propagator(weights: np.ndarray, scheme: str) -> np.ndarray:
    velocity = STEP * (weights - np.eye(len(weights)))
    return np.eye(len(weights)) + velocity + (0.5 * velocity @ velocity if scheme == "second_order" else 0.0)


def by_hand(weights: np.ndarray, start: np.ndarray, kicks: np.ndarray, scheme: str) -> np.ndarray:
    move = propagator(weights, scheme)
    shake = np.eye(len(weights)) + (0.5 * STEP * (weights - np.eye(len(weights))) if scheme == "second_order" else 0.0)
    states = [start]
    for kick in kicks:
        states.append(move @ states[-1] + shake @ kick)
    return np.array(states)


@pytest.mark.parametrize("scheme", ["euler", "second_order"])
def test_networks_with_and_without_the_neuron(scheme: str) -> None:
    data = given()
    alone, together, rate, _, _ = measured(scheme)
    np.testing.assert_allclose(
        alone, by_hand(data["weights"], data["start"][:SIZE], data["kicks"][:, :SIZE], scheme), atol=1e-13
    )
    for index in range(ADDED):
        whole = np.zeros((SIZE + 1, SIZE + 1))
        whole[:SIZE, :SIZE], whole[:SIZE, SIZE], whole[SIZE, :SIZE] = (
            data["weights"],
            data["outgoing"][index],
            data["incoming"][index],
        )
        chosen = [*range(SIZE), SIZE + index]
        exact = by_hand(whole, data["start"][chosen], data["kicks"][:, chosen], scheme)
        np.testing.assert_allclose(together[:, index], exact[:, :SIZE], atol=1e-13)
        np.testing.assert_allclose(rate[:, index], exact[:, SIZE], atol=1e-13)


@pytest.mark.parametrize("scheme", ["euler", "second_order"])
def test_response_of_the_others_is_a_power_of_their_matrix(scheme: str) -> None:
    data = given()
    _, _, _, response, kernel = measured(scheme)
    late = scheme == "euler"  # the field of a step acts on the next state
    move = propagator(data["weights"], scheme)
    for time in range(STEPS + 1):
        for earlier in range(STEPS + 1):
            powers = time - earlier - late
            green = np.linalg.matrix_power(move, powers) if powers >= 0 else np.zeros((SIZE, SIZE))
            exact = np.einsum("mi,ij,mj->", data["incoming"], green, data["outgoing"]) / ADDED
            assert response[time, earlier] == pytest.approx(np.trace(green) / SIZE, abs=1e-13)
            assert kernel[time, earlier] == pytest.approx(exact, abs=1e-13)


def test_memory_is_the_kernel_applied_to_the_neurons_own_past() -> None:
    """Linear phi, Euler: m(t) = sum_s h K(t,s) x_0(s) to rounding, here with one added neuron at a time."""
    data = given()
    alone, together, rate, _, _ = measured("euler")
    move = propagator(data["weights"], "euler")
    weights = np.asarray(past_weights(STEPS + 1, STEP, "euler"))
    for index in range(ADDED):
        incoming, outgoing = data["incoming"][index], data["outgoing"][index]
        kernel = np.array(
            [
                [incoming @ np.linalg.matrix_power(move, max(t - s - 1, 0)) @ outgoing for s in range(STEPS + 1)]
                for t in range(STEPS + 1)
            ]
        )
        memory = (together[:, index] - alone) @ incoming
        np.testing.assert_allclose((kernel * weights) @ rate[:, index], memory, atol=1e-13)
        assert np.max(abs(memory)) > 1e-2


def test_weights_of_the_past() -> None:
    time = 0.1 * np.arange(11)
    np.testing.assert_allclose(np.asarray(past_weights(11, 0.1, "second_order")) @ time, time**2 / 2, atol=1e-7)
    np.testing.assert_allclose(np.asarray(past_weights(11, 0.1, "euler")) @ np.ones(11), time, atol=1e-7)


@pytest.mark.parametrize("symmetry", [-1.0, -0.3, 0.5, 1.0])
def test_couplings_of_an_added_neuron(symmetry: float) -> None:
    with jax.enable_x64(True):
        outgoing, incoming = (np.asarray(each) for each in draw_one_neuron(symmetry, (50, 1000), jax.random.key(0)))
    for product, exact in ((outgoing**2, 1.0), (incoming**2, 1.0), (outgoing * incoming, symmetry)):
        assert 1000 * product.mean() == pytest.approx(exact, abs=5 * np.sqrt(2 / outgoing.size))


def kurtosis_of(draws: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of (repetition, network, value)."""
    moments = [np.mean(draws**2, axis=2), np.mean(draws**4, axis=2), np.full(draws.shape[:2], float(draws.shape[2]))]
    with jax.enable_x64(True):
        values, errors = jax.jit(jax.vmap(excess_kurtosis))(jnp.asarray(np.stack(moments, axis=2))[..., None])
    return np.asarray(values)[:, 0], np.asarray(errors)[:, 0]


def test_excess_kurtosis_of_known_distributions() -> None:
    """A uniform number has kurtosis 9/5 - 3, a Gaussian 0."""
    generator = np.random.default_rng(1)
    uniform, _ = kurtosis_of(generator.uniform(-1, 1, size=(300, 40, 8)))
    assert np.mean(uniform) == pytest.approx(-1.2, abs=0.01)
    gaussian, errors = kurtosis_of(generator.normal(size=(300, 40, 8)))
    assert abs(np.mean(gaussian)) < 0.05
    assert 0.95 <= np.mean(abs(gaussian) < 2 * errors) <= 1.0
    assert np.std(gaussian) < np.mean(errors) < 1.5 * np.std(gaussian)


def linear_dmft(gain: float, symmetry: float, noise: float, steps: int, step: float) -> tuple[np.ndarray, np.ndarray]:
    """C and R of N = infinity in Euler's scheme from x(0) ~ N(0, 1): row by row, everything at n + 1 from what is before."""
    times = steps + 1
    response = np.zeros((times, times))
    for n in range(steps):
        for k in range(n + 1):
            memory = gain**2 * symmetry * step * response[n] @ response[:, k]
            response[n + 1, k] = (1 - step) * response[n, k] + step * memory + (1.0 if n == k else 0.0)
    # x = G x_0 + sum R(n, k) (h gamma_k + sigma sqrt(h) xi_k), with G the response to the initial state, a step later.
    start = np.zeros(times)
    start[0] = 1.0
    for n in range(steps):
        start[n + 1] = (1 - step) * start[n] + gain**2 * symmetry * step**2 * response[n] @ start
    correlation = np.zeros((times, times))
    for _ in range(times):  # each pass settles one more time
        force = gain**2 * step**2 * correlation + noise**2 * step * np.eye(times)
        correlation = np.outer(start, start) + response @ force @ response.T
    return correlation, response


def extrapolated(sizes: np.ndarray, values: np.ndarray, errors: np.ndarray) -> tuple[float, float]:
    """Value at N = infinity of a + b/N, by weighted least squares, and its error."""
    design = np.stack([np.ones(len(sizes)), 1.0 / sizes], axis=1) / errors[:, None]
    covariance = np.linalg.inv(design.T @ design)
    return float((covariance @ design.T @ (values / errors))[0]), float(np.sqrt(covariance[0, 0]))


SIZES = np.array([8, 16, 32])


@cache
def along_sizes() -> list[qd.Solution]:
    model = qd.RandomNetwork(0.6, 0.5, noise=0.5, activation=qd.Linear())
    settings = {"duration": 2.0, "step": 0.2, "scheme": "euler", "added": 4, "probes": 4}
    return [qd.solve(model, qd.simulate.Cavity(int(size), 9600 // int(size), **settings), key=int(size)) for size in SIZES]  # type: ignore[arg-type]


def test_dmft_written_for_this_file_is_causal_and_starts_right() -> None:
    correlation, response = linear_dmft(0.6, 0.5, 0.5, 10, 0.2)
    assert correlation[0, 0] == 1.0
    assert np.all(np.triu(response) == 0.0)
    np.testing.assert_allclose(response[1:, :-1].diagonal(), 1.0)
    np.testing.assert_allclose(correlation[1, 1], 0.8**2 + 0.2 * 0.25 + (0.2 * 0.6) ** 2)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["correlation", "cavity_field_correlation", "response", "memory_kernel"])
def test_both_terms_tend_to_those_of_dmft(name: str) -> None:
    correlation, response = linear_dmft(0.6, 0.5, 0.5, 10, 0.2)
    exact = {"response": response, "memory_kernel": 0.6**2 * 0.5 * response}.get(name, correlation)
    for place in [(10, 10), (10, 5), (10, 0), (5, 2)]:
        if name in ("response", "memory_kernel") and place[0] == place[1]:
            continue
        values = np.array([float(found.arrays[name][place]) for found in along_sizes()])
        errors = np.array([float(found.arrays[f"{name}_error"][place]) for found in along_sizes()])
        limit, error = extrapolated(SIZES, values, errors)
        assert error < 0.12 * abs(exact[place])  # else it could not fail
        assert abs(limit - exact[place]) < 3.5 * error, place


@pytest.mark.slow
def test_memory_is_seen_and_what_is_left_falls_as_one_over_n() -> None:
    """The mean square of m - g^2 eta int R phi(x_0) ds: N times it tends to a constant."""
    left, seen = (
        np.array([float(found.arrays[name][-1]) for found in along_sizes()])
        for name in ("memory_residual", "mean_square_memory")
    )
    errors = np.array([float(found.arrays["memory_residual_error"][-1]) for found in along_sizes()])
    design = np.stack([np.ones(len(SIZES)), np.log(SIZES)], axis=1) / (errors / left)[:, None]
    covariance = np.linalg.inv(design.T @ design)
    slope, slope_error = (covariance @ design.T @ (np.log(left) / (errors / left)))[1], np.sqrt(covariance[1, 1])
    assert slope_error < 0.12
    assert abs(slope + 1.0) < 3.0 * slope_error
    correlation, response = linear_dmft(0.6, 0.5, 0.5, 10, 0.2)
    kernel = 0.6**2 * 0.5 * 0.2 * response[10]
    limit = extrapolated(
        SIZES, seen, np.array([float(found.arrays["mean_square_memory_error"][-1]) for found in along_sizes()])
    )
    assert abs(limit[0] - kernel @ correlation @ kernel) < 3.5 * limit[1]


def test_at_symmetry_0_there_is_no_memory_but_a_fluctuation() -> None:
    found = qd.solve(qd.RandomNetwork(0.8, noise=0.5), EXPERIMENT)
    np.testing.assert_array_equal(found["memory_residual"], found["mean_square_memory"])
    off = abs(found["memory_kernel"]) - 4.5 * found["memory_kernel_error"]
    assert float(off.max()) <= 0.0
    assert float(abs(found["cavity_field_kurtosis"]).max()) < 1.0


@pytest.mark.slow
def test_truth_is_within_two_errors_of_what_is_measured() -> None:
    """300 keys, the truth being the mean of the others: 95 % of a Gaussian within two errors, less of squares, whose average
    over networks is skewed."""
    model, experiment = qd.RandomNetwork(0.8, 0.5, noise=0.5), qd.simulate.Cavity(12, 64, 1.0, 0.25, added=3, probes=2)
    found = [qd.solve(model, experiment, key=key).arrays for key in range(300)]
    names = ("correlation", "response", "memory_kernel", "cavity_field_correlation", "mean_square_memory", "memory_residual")
    pooled = []
    for name in names:
        values, errors = (np.stack([each[key] for each in found]) for key in (name, f"{name}_error"))
        others = (values.sum(axis=0) - values) / (len(found) - 1)
        measured = errors.mean(axis=0) > 1e-12
        inside = np.mean((abs(values - others) < 2.0 * errors)[:, measured])
        spread = values.std(axis=0)[measured] / np.sqrt(np.mean(errors**2, axis=0))[measured]
        assert (0.87 if name.startswith("me") and "kernel" not in name else 0.92) <= inside <= 0.99, name
        assert np.all(abs(spread - 1.0) < 0.15), name
        pooled.append(inside)
    assert 0.90 <= np.mean(pooled) <= 0.99


EXPERIMENT = qd.simulate.Cavity(12, 16, 1.0, 0.25, added=3, probes=2, record=True)


def test_kept_fields_average_to_the_numbers() -> None:
    found = qd.solve(qd.RandomNetwork(0.8, 0.5, noise=0.5, field=0.2), EXPERIMENT)
    memory, cavity = found["memory_field"], found["cavity_field"]
    assert memory.dims == ("network", "time", "trial")
    assert memory.shape == (16, 5, 3)
    np.testing.assert_allclose((memory**2).mean(("network", "trial")), found["mean_square_memory"], rtol=1e-12)
    rest = memory - found["predicted_memory_field"]
    np.testing.assert_allclose((rest**2).mean(("network", "trial")), found["memory_residual"], rtol=1e-12)
    covariance = np.einsum("ntm,nsm->ts", cavity, cavity) / (16 * 3) / 0.8**2
    np.testing.assert_allclose(np.tril(covariance), found["cavity_field_correlation"], rtol=1e-12)
    np.testing.assert_allclose(memory[:, 0], 0.0, atol=1e-15)
    np.testing.assert_allclose(memory.time, 0.25 * np.arange(5))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"size": 0}, "`size` must be at least 1, but is 0"),
        ({"networks": 1}, "`networks` must be at least 2, but is 1"),
        ({"step": 1.5}, "`step` must be a finite number at most 1"),
        ({"duration": 1.03}, "`duration` must be a multiple of `step` = 0.1, but is 1.03"),
        ({"duration": 0.0}, "`duration` must be at least one `step`"),
        ({"added": 0}, "`added` must be at least 1"),
        ({"probes": 0}, "`probes` must be at least 1"),
        ({"scheme": "heun"}, "`scheme` must be one of 'euler', 'second_order'"),
    ],
)
def test_bad_arguments(arguments: dict[str, object], message: str) -> None:
    good: dict[str, object] = {"size": 10, "networks": 2, "duration": 1.0, "step": 0.1}
    with pytest.raises(ValueError, match=message):
        qd.simulate.Cavity(**(good | arguments))  # type: ignore[arg-type]


def test_what_does_not_fit_is_refused_before_any_work() -> None:
    with pytest.raises(MemoryError, match=r"lower `size`, `added`, `probes` or `duration`"):
        qd.solve(qd.RandomNetwork(1.0), qd.simulate.Cavity(20_000, 2, 1000.0, 0.1))
