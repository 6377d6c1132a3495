"""Draws from exp(-E/T) against measures that are exactly known, and what the diagnostics say of chains that do not mix."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import quenched as qd
from quenched.dynamics.read import read_dynamics
from quenched.landscape.sampling import (
    HMC,
    Langevin,
    ReplicaExchange,
    Sampling,
    anneal,
    diagnostics,
    kernels,
    ladder,
    langevin_starts,
    sample,
)
from quenched.landscape.sampling.target import Chains, Target, identity, placed

run = importlib.import_module("quenched.landscape.sampling.sample")


def double_well(x: Any) -> Any:
    """E = (x^2 - 1)^2/2: minima at -1 and 1, between them a barrier of 1/2."""
    return x**2 - 1.0


DOUBLE_WELL = qd.landscape.Flow(double_well, size=1)


def density_moments(
    energy: Callable[[Any], Any], temperature: float, axes: list[np.ndarray], moments: dict[str, Callable[[Any], Any]]
) -> dict[str, float]:
    """By the trapezoid on a grid, far out where the density is nil."""
    points = np.stack(np.meshgrid(*axes, indexing="ij"))
    values = energy(points)
    weight = np.exp(-(values - values.min()) / temperature)
    return {name: float(np.sum(weight * moment(points)) / np.sum(weight)) for name, moment in moments.items()}


# diagnostics


def test_effective_sample_size_of_autoregressive_chains() -> None:
    """x' = a x + noise: 1 + 2 sum a^k = (1 + a)/(1 - a) draws count as one."""
    with jax.enable_x64(True):
        random = np.random.default_rng(3)
        for coefficient in (0.0, 0.5, 0.9, -0.5):
            noise = random.normal(size=(16, 4000)) * np.sqrt(1 - coefficient**2)
            series = np.empty_like(noise)
            series[:, 0] = random.normal(size=16)
            for step in range(1, 4000):
                series[:, step] = coefficient * series[:, step - 1] + noise[:, step]
            exact = series.size * (1 - coefficient) / (1 + coefficient)
            for size in (diagnostics.effective_sample_size, diagnostics.bulk_sample_size):
                assert float(jax.jit(size)(jnp.asarray(series))) == pytest.approx(exact, rel=0.12), coefficient
            assert 0.999 < float(diagnostics.split_r_hat(jnp.asarray(series))) < 1.01


def test_r_hat_sees_shifts_widths_and_drifts() -> None:
    with jax.enable_x64(True):
        draws = np.random.default_rng(1).normal(size=(4, 1000))
        shifted, wider, drifting = draws.copy(), draws.copy(), draws + np.linspace(-1, 1, 1000)
        shifted[0] += 1.0
        wider[0] *= 3.0
        for bad in (shifted, wider, drifting):
            assert float(diagnostics.split_r_hat(jnp.asarray(bad))) > 1.05
        # For normal draws the rank-normalised R-hat is the plain one: between and within variances by hand.
        halves = shifted.reshape(8, 500)
        plain = np.sqrt(499 / 500 + halves.mean(1).var(ddof=1) / halves.var(1, ddof=1).mean())
        assert float(diagnostics.split_r_hat(jnp.asarray(shifted))) == pytest.approx(plain, abs=0.01)


@pytest.mark.parametrize("value", [0.1, -3.0, 1e8])
def test_a_constant_is_known_by_every_draw(value: float) -> None:
    with jax.enable_x64(True):
        series = jnp.full((4, 500), value)
        assert float(diagnostics.split_r_hat(series)) == 1.0
        for size in (diagnostics.effective_sample_size, diagnostics.bulk_sample_size):
            assert float(size(series)) == series.size
        assert diagnostics.split_r_hat(series.at[1].set(2.0 * value)) == jnp.inf
        assert diagnostics.bulk_sample_size(series.at[1].set(2.0 * value)) < 10.0


def test_two_values_and_small_changes_of_a_large_one_are_judged_like_any_other() -> None:
    with jax.enable_x64(True):
        noise = np.random.default_rng(5).normal(size=(8, 1000))
        # The second: steps of rounding, at 1e8, of the size of the noise.
        for series in (np.sign(noise), 1e8 + 1e-8 * noise):
            assert 0.999 < float(diagnostics.split_r_hat(jnp.asarray(series))) < 1.01
            for size in (diagnostics.effective_sample_size, diagnostics.bulk_sample_size):
                assert float(size(jnp.asarray(series))) == pytest.approx(8000, rel=0.12)
            parted = series - 4.0 * np.std(series) * (np.arange(8) == 3)[:, None]
            assert float(diagnostics.split_r_hat(jnp.asarray(parted))) > 1.2


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_what_is_no_number_has_no_diagnostics(wrong: float) -> None:
    with jax.enable_x64(True):
        series = jnp.asarray(np.random.default_rng(6).normal(size=(4, 500))).at[2, 100:].set(wrong)
        for diagnostic in (diagnostics.split_r_hat, diagnostics.effective_sample_size, diagnostics.bulk_sample_size):
            assert jnp.isnan(diagnostic(series))


def test_rates_that_are_constant_do_not_keep_moving_chains_from_being_mixed() -> None:
    """phi(x) = 1 where x is near 50, and E = (x - 50)^2/2 is a Gaussian's."""
    saturated = qd.Network(np.zeros((3, 3)), qd.Tanh(), field=50.0)
    found = sample(saturated, 0.01, samples=500, warm_up=200, throw=False)
    assert int(found.status) == qd.Status.solved
    assert float(found.self_overlap) == 1.0
    assert float(found.self_overlap_error) == 0.0
    assert float(found.r_hat.sel(observable="mean_square_rate")) == 1.0
    assert float(found.sample_size.sel(observable="mean_square_rate")) == 8 * 500
    assert abs(float(found.energy) - 0.005) < 4 * float(found.energy_error)


@pytest.mark.parametrize("apart", [0.0, 1.0])
@pytest.mark.parametrize("stuck", [1, 8])
def test_chains_that_never_move_are_not_mixed_wherever_they_are(stuck: int, apart: float) -> None:
    """E = k x^2/2 with k = 1 or, left of -10, 1e12: where steps of 0.5 are never accepted."""
    stiff = qd.landscape.Flow(lambda x: jnp.where(x < -10.0, 1e6 * x, x), size=1)
    starts = np.where(np.arange(8) < stuck, -20.0 - apart * np.arange(8), 0.0)[:, None]
    options: dict[str, Any] = {"starts": starts, "samples": 500, "warm_up": 100, "throw": False}
    found = sample(stiff, 1.0, solver=Langevin(0.5, adjusted=True), **options)
    np.testing.assert_array_equal(found.chain_state[:stuck], starts[:stuck])
    assert int(found.status) == qd.Status.not_mixed
    assert np.all(found.r_hat == np.inf)
    assert np.all(found.sample_size == 0.0)


def test_unadjusted_dynamics_say_what_their_errors_leave_out() -> None:
    """Variance T/(1 - h/2) in a well of stiffness 1, of which Metropolis would accept less than all."""
    found = sample(qd.landscape.Flow(lambda x: -x, 4), 1.0, solver=Langevin(0.5), samples=500, warm_up=100, throw=False)
    assert abs(float(found.mean_square_state) - 4 / 3) < 4 * float(found.mean_square_state_error) < 0.2
    assert "step" in found.attrs["outside_errors"]
    assert 0.5 < float(found.acceptance[0]) < 0.99


def test_a_rate_that_is_no_number_is_not_finite() -> None:
    found = sample(qd.landscape.Flow(lambda x: -x, 1), 0.1, rate=lambda x: jnp.log(x), samples=100, warm_up=50, throw=False)
    assert int(found.status) == qd.Status.not_finite
    assert np.isnan(found.r_hat.sel(observable="mean_square_rate"))
    assert np.isnan(found.sample_size.sel(observable="mean_square_rate"))


# exact measures


@pytest.mark.parametrize(
    "solver", [HMC(), pytest.param(HMC(preconditioner="diagonal"), marks=pytest.mark.slow), Langevin(adjusted=True)]
)
def test_linear_network_has_its_exact_covariance(solver: Any) -> None:
    """E = x^T (A^T A + 2 c) x/2 with A = F'."""
    size, temperature, confinement = 5, 0.3, 0.2
    network = qd.Network(0.5 * np.random.default_rng(0).normal(size=(size, size)), qd.Linear())
    matrix = np.asarray(network.jacobian(np.zeros(size)))
    exact = temperature * np.linalg.inv(matrix.T @ matrix + 2 * confinement * np.eye(size))
    found = sample(network, temperature, confinement=confinement, solver=solver, record=True, key=1)
    states = found.chain_state.values.swapaxes(0, 1)
    for i in range(size):
        for j in range(i + 1):
            product = states[..., i] * states[..., j]
            with jax.enable_x64(True):
                independent = float(diagnostics.effective_sample_size(jnp.asarray(product)))
            assert abs(product.mean() - exact[i, j]) < 4 * product.std() / np.sqrt(independent)
    assert abs(found.mean_square_state - np.trace(exact) / size) < 3.5 * found.mean_square_state_error
    assert abs(found.energy - temperature / 2) < 3.5 * found.energy_error
    # d<x>/df = -(A^T A + 2c)^-1 A^T f; Q and R vanish for independent chains.
    response = -np.trace(np.linalg.solve(matrix.T @ matrix + 2 * confinement * np.eye(size), matrix.T)) / size
    assert abs(found.local_response - response) < 3.5 * found.local_response_error
    assert found.local_response_error < 0.1 * response
    assert abs(found.overlap) < 4 * found.overlap_error
    assert float(found.acceptance[0]) == pytest.approx(solver.acceptance, abs=0.1)


@pytest.mark.slow
@pytest.mark.parametrize("solver", [HMC(), pytest.param(ReplicaExchange(hottest=4.0), marks=pytest.mark.slow)])
def test_two_neurons_in_a_field_against_quadrature(solver: Any) -> None:
    weights, field, temperature = np.array([[0.0, 1.5], [-1.0, 0.5]]), np.array([0.3, -0.2]), 0.2
    network = qd.Network(weights, field=field)

    def energy(x: Any) -> Any:
        speed = -x + np.einsum("ij,j...->i...", weights, np.tanh(x)) + field[:, None, None]
        return 0.5 * np.sum(speed**2, axis=0)

    axes = [np.linspace(-8, 8, 801)] * 2
    moments: dict[str, Callable[[Any], Any]] = {
        "energy": lambda x: energy(x) / 2,
        "mean_square_state": lambda x: np.mean(x**2, axis=0),
        "mean_square_rate": lambda x: np.mean(np.tanh(x) ** 2, axis=0),
        "mean_state": lambda x: np.mean(x, axis=0),
        "mean_rate": lambda x: np.mean(np.tanh(x), axis=0),
    }
    exact = density_moments(energy, temperature, axes, moments)
    each = density_moments(energy, temperature, axes, {"0": lambda x: np.tanh(x[0]), "1": lambda x: np.tanh(x[1])})
    exact["overlap"] = (each["0"] ** 2 + each["1"] ** 2) / 2
    found = sample(network, temperature, solver=solver, key=2, samples=4000)
    assert float(found.r_hat.max()) < 1.01
    assert int(found.status) == qd.Status.solved
    for name, value in exact.items():
        error = float(found[f"{name}_error"])
        assert abs(float(found[name]) - value) < 3 * error, name
        assert error < 0.03 * max(abs(value), 0.05), name


@pytest.mark.slow
def test_reported_errors_are_honest() -> None:
    """Over independent runs (estimate - truth)/error has unit width: E, <x^2>, Q and S of F = -x."""
    rest = qd.Network(np.zeros((3, 3)), qd.Linear())
    exact = {"energy": 0.05, "mean_square_state": 0.1, "overlap": 0.0, "local_response": 1.0}
    runs = [sample(rest, 0.1, key=seed, samples=400, warm_up=200, throw=False) for seed in range(40)]
    for name, value in exact.items():
        scores = np.array([(float(each[name]) - value) / float(each[f"{name}_error"]) for each in runs])
        assert 0.6 < np.sqrt(np.mean(scores**2)) < 1.5, name


@pytest.mark.slow
@pytest.mark.parametrize("step", [0.1, 1.0])
def test_unadjusted_langevin_has_the_bias_of_its_step(step: float) -> None:
    """E = k x^2/2: variance T/(k (1 - h k/2)), k = 1 + 2 c; the adjusted one has none."""
    flow, temperature, confinement = qd.landscape.Flow(jnp.negative, size=1), 0.5, 0.1
    stiffness = 1.0 + 2.0 * confinement
    options: dict[str, Any] = {"confinement": confinement, "samples": 4000, "thinning": 5, "key": 5}
    biased = sample(flow, temperature, solver=Langevin(step), **options)
    exact = temperature / (stiffness * (1.0 - 0.5 * step * stiffness))
    assert abs(biased.mean_square_state - exact) < 3.5 * biased.mean_square_state_error
    adjusted = sample(flow, temperature, solver=Langevin(step, adjusted=True), **options)
    assert abs(adjusted.mean_square_state - temperature / stiffness) < 3.5 * adjusted.mean_square_state_error
    if step == 1.0:
        assert biased.mean_square_state > adjusted.mean_square_state + 20 * biased.mean_square_state_error


def test_a_langevin_step_too_long_is_named() -> None:
    with pytest.raises(qd.SolveError, match="not_finite"):
        sample(qd.landscape.Flow(lambda x: -x + x**3, size=2), 0.5, solver=Langevin(2.5))


# the kernels themselves


def kernel_input(count: int) -> tuple[Target, Chains, Any]:
    """Exact draws of a Gaussian in three dimensions at temperatures 0.5 and 2."""
    matrix = jnp.asarray([[1.0, 0.4, 0.0], [0.0, 1.5, -0.3], [0.2, 0.0, 0.7]])
    flow, _ = read_dynamics(qd.landscape.Flow(lambda x: matrix @ x, size=3))
    target = Target(flow, None, jnp.asarray(0.1), identity)
    temperatures = jnp.asarray([0.5, 2.0])
    factor = jnp.linalg.cholesky(jnp.linalg.inv(matrix.T @ matrix + 0.2 * jnp.eye(3)))
    normals = jax.random.normal(jax.random.key(7), (2, count, 3))
    return target, placed(target, jnp.sqrt(temperatures)[:, None, None] * normals @ factor.T), temperatures


@pytest.mark.slow
@pytest.mark.parametrize(
    ("solver", "length"),
    [(HMC(), 5), pytest.param(HMC(preconditioner="diagonal"), 3, marks=pytest.mark.slow), (Langevin(adjusted=True), 1)],
)
def test_each_adjusted_kernel_leaves_the_measure_as_it_is(solver: Any, length: int) -> None:
    """Long steps, half of them refused: without the test of Metropolis the moments would move by far more."""
    with jax.enable_x64(True):
        target, chains, temperatures = kernel_input(100_000)
        dense = jnp.asarray([[0.9, 0.0, 0.0], [0.2, 0.5, 0.0], [-0.3, 0.1, 1.2]])
        scale = dense if solver.preconditioner == "dense" else jnp.asarray([0.9, 0.6, 1.3])
        tuning = kernels.Tuning(jnp.asarray([1.2, 1.0]), jnp.stack([scale, scale]), jnp.asarray(length))
        for adjusted in (True, False):
            proposal = solver.proposal()._replace(adjusted=adjusted, jitter=0.2)
            after, probability = kernels.transition(proposal, target, chains, temperatures, tuning, jax.random.key(1))
            before_products = chains.state[..., :, None] * chains.state[..., None, :]
            change = after.state[..., :, None] * after.state[..., None, :] - before_products
            shift = jnp.mean(change, axis=1) / (jnp.std(change, axis=1) / jnp.sqrt(change.shape[1]))
            # To what the new state remembers of the old one: x x'^T stays symmetric by detailed balance.
            both = chains.state[..., :, None] * after.state[..., None, :]
            skew = both - jnp.swapaxes(both, -1, -2)
            turn = jnp.mean(skew, axis=1) / (jnp.std(skew, axis=1) / jnp.sqrt(change.shape[1]) + 1e-300)
            if adjusted:
                assert float(jnp.mean(probability)) < 0.93
                assert float(jnp.max(jnp.abs(shift))) < 4.0
                assert float(jnp.max(jnp.abs(turn))) < 4.0
            else:
                assert float(jnp.max(jnp.abs(shift))) > 20.0


def test_detailed_balance_of_joint_counts_on_bins() -> None:
    """On the double well: as many go from bin a to bin b as from b to a, and as many are in each bin after as before."""
    with jax.enable_x64(True):
        flow, _ = read_dynamics(DOUBLE_WELL)
        target, temperature, count = Target(flow, None, jnp.asarray(0.0), identity), 0.3, 400_000
        grid = np.linspace(-3, 3, 200_001)
        cumulative = np.cumsum(np.exp(-0.5 * (grid**2 - 1) ** 2 / temperature))
        places = np.interp(np.random.default_rng(0).uniform(size=count), cumulative / cumulative[-1], grid)
        chains = placed(target, jnp.asarray(places)[None, :, None])
        edges = np.linspace(-1.6, 1.6, 9)
        for proposal, length in ((HMC().proposal(), 4), (Langevin(adjusted=True).proposal(), 1)):
            tuning = kernels.Tuning(jnp.asarray([0.9]), jnp.ones((1, 1)), jnp.asarray(length))
            after, probability = kernels.transition(
                proposal, target, chains, jnp.asarray([temperature]), tuning, jax.random.key(3)
            )
            old, new = np.digitize(places, edges), np.digitize(np.asarray(after.state[0, :, 0]), edges)
            joint = np.zeros((10, 10))
            np.add.at(joint, (old, new), 1)
            pairs = np.triu_indices(10, 1)
            there, back = joint[pairs], joint.T[pairs]
            often = there + back > 50
            chi_square = np.sum((there - back)[often] ** 2 / (there + back)[often])
            assert often.sum() > 15
            assert abs(chi_square - often.sum()) < 4 * np.sqrt(2 * often.sum())
            assert float(jnp.mean(probability)) < 0.9


def test_exchange_leaves_both_measures_as_they_are() -> None:
    with jax.enable_x64(True):
        _, chains, temperatures = kernel_input(100_000)
        after, rate, turn = ladder.exchange(chains, temperatures, jnp.asarray(0), jax.random.key(2))
        assert turn.tolist() == [1.0]
        assert 0.1 < float(rate[0]) < 0.9
        change = after.energy - chains.energy
        shift = jnp.mean(change, axis=1) / (jnp.std(change, axis=1) / jnp.sqrt(change.shape[1]))
        assert float(jnp.max(jnp.abs(shift))) < 4.0
        # What trades places takes all it has along.
        moved = np.asarray(after.energy != chains.energy)[0]
        np.testing.assert_array_equal(after.state[0][moved], chains.state[1][moved])
        np.testing.assert_array_equal(after.gradient[1][moved], chains.gradient[0][moved])
        assert moved.mean() == pytest.approx(float(rate[0]), abs=0.01)
        # Equilibrium of N = 3 Gaussian dimensions: the closed form of the rate is for many.
        none, _, off = ladder.exchange(chains, temperatures, jnp.asarray(1), jax.random.key(2))
        assert off.tolist() == [0.0]
        np.testing.assert_array_equal(none.state, chains.state)


# chains that do not mix, and replica exchange


@pytest.mark.slow
def test_two_wells_part_the_chains_of_hmc_but_not_of_replica_exchange() -> None:
    temperature = 0.02
    stuck = sample(DOUBLE_WELL, temperature, throw=False, key=4)
    assert int(stuck.status) == qd.Status.not_mixed
    assert float(stuck.r_hat.max()) > 1.1
    # E and x^2 are the same in both wells: they alone would have seen nothing.
    assert float(stuck.r_hat.sel(observable="energy")) < 1.01
    with pytest.raises(qd.SolveError, match=r"not_mixed: .*ReplicaExchange"):
        sample(DOUBLE_WELL, temperature, key=4)

    mixed = sample(DOUBLE_WELL, temperature, solver=ReplicaExchange(hottest=100.0), samples=10_000, key=4)
    assert int(mixed.status) == qd.Status.solved
    rates = mixed.exchange_rate.values
    assert np.all((rates > 0.2) & (rates < 0.4)), rates
    axes = [np.linspace(-3, 3, 60_001)]
    moments: dict[str, Callable[[Any], Any]] = {
        "energy": lambda x: 0.5 * (x[0] ** 2 - 1) ** 2,
        "mean_square_state": lambda x: x[0] ** 2,
        "mean_state": lambda x: x[0],
    }
    exact = density_moments(moments["energy"], temperature, axes, moments)
    for name, value in exact.items():
        assert abs(mixed[name] - value) < 3.5 * mixed[f"{name}_error"], name
    # Q is as often +1 as -1: the distribution, not the mean, shows the wells.
    overlap = mixed.sampled_overlap.values
    assert abs(float(mixed.overlap)) < 0.2
    assert np.mean(np.abs(overlap)) > 0.8


@pytest.mark.slow
def test_exchange_rates_of_a_network_are_between_20_and_40_per_cent() -> None:
    network = qd.RandomNetwork(1.2).draw(30, jax.random.key(0))
    found = sample(network, 0.05, solver=ReplicaExchange(hottest=10.0), chains=4, samples=500, throw=False)
    rates, ladder_of = found.exchange_rate.values, found.ladder_temperature.values
    assert rates.size > 3
    assert np.all((rates > 0.2) & (rates < 0.4)), rates
    assert np.all(np.diff(ladder_of) > 0)
    assert 5.0 < ladder_of[-1] / ladder_of[0] < 20.0


# the engine


def test_the_gradient_never_forms_a_jacobian() -> None:
    """Apart from the weights themselves no (N, N) array appears in a gradient, and it is the gradient."""
    with jax.enable_x64(True):
        size = 37
        network = qd.RandomNetwork(1.5).draw(size, jax.random.key(0))
        dynamics, _ = read_dynamics(network)
        target = Target(dynamics, None, jnp.asarray(0.3), network.activation)
        x = jax.random.normal(jax.random.key(1), (size,))
        program = jax.make_jaxpr(target.energy_and_gradient)(x)
        square = [
            equation.primitive.name
            for equation in program.jaxpr.eqns
            for variable in equation.outvars
            if getattr(variable.aval, "shape", ()) == (size, size)
        ]
        assert set(square) <= {"transpose"}, square
        _, gradient = target.energy_and_gradient(x)
        direct = jax.grad(lambda y: qd.landscape.energy(network.velocity, y, 0.3))(x)
        np.testing.assert_allclose(gradient, direct, rtol=1e-12)


def test_the_same_key_gives_the_same_bits_and_nothing_is_compiled_twice() -> None:
    first = sample(DOUBLE_WELL, 0.5, key=1, samples=200, warm_up=100, throw=False)
    compiled = [each._cached._cache_size() for each in (run._warm_up_compiled, run._block_compiled)]
    again = sample(DOUBLE_WELL, 0.5, key=1, samples=200, warm_up=100, throw=False)
    assert first.identical(again)
    other = sample(DOUBLE_WELL, 0.4, key=2, samples=200, warm_up=100, confinement=0.1, throw=False)
    assert not np.array_equal(other.sampled_energy, first.sampled_energy)
    assert [each._cached._cache_size() for each in (run._warm_up_compiled, run._block_compiled)] == compiled


def test_an_interrupted_run_keeps_its_draws() -> None:
    seen = []

    def stop(done: int, total: int) -> None:
        seen.append((done, total))
        if done == 3:
            raise KeyboardInterrupt

    found = sample(DOUBLE_WELL, 0.5, samples=200, warm_up=100, progress=stop)
    assert seen == [(1, 20), (2, 20), (3, 20)]
    assert int(found.status) == qd.Status.interrupted
    assert found.sizes["draw"] == 30
    assert np.isfinite(found.energy)


# maps, inputs, starts


def test_a_map_with_inputs_and_rates_of_its_own() -> None:
    """step(x) = u: F = u - x, so x is Gaussian around u; phi = x^2 as told."""
    constant = qd.landscape.Map(lambda x, u: jnp.broadcast_to(u, x.shape), size=2)
    found = sample(constant, 0.1, inputs=[0.7], rate=jnp.square)
    assert abs(found.mean_state - 0.7) < 3.5 * found.mean_state_error
    assert abs(found.mean_rate - (0.49 + 0.1)) < 3.5 * found.mean_rate_error
    # <x^4> = u^4 + 6 u^2 T + 3 T^2
    assert abs(found.self_overlap - (0.7**4 + 6 * 0.049 + 0.03)) < 3.5 * found.self_overlap_error


@pytest.mark.slow
def test_annealing_ends_lower_the_more_slowly_it_cools() -> None:
    network = qd.RandomNetwork(1.5).draw(30, jax.random.key(2))
    states = {steps: anneal(network, 1e-5, 40, steps=steps) for steps in (20, 1000)}
    energies = {
        steps: np.mean([float(qd.landscape.energy(network.velocity, x)) for x in found]) / 30
        for steps, found in states.items()
    }
    assert energies[1000] < 0.3 * energies[20]


@pytest.mark.slow
def test_langevin_starts_are_cold_and_pass_through_jit() -> None:
    with jax.enable_x64(True):
        network = qd.RandomNetwork(1.5).draw(20, jax.random.key(2))
        dynamics, _ = read_dynamics(network)
        cool = jax.jit(lambda inputs, key: langevin_starts(dynamics, inputs, 12, key))
        energy = jax.vmap(lambda x: qd.landscape.energy(network.velocity, x) / 20)
        states = cool(None, jax.random.key(0))
        assert states.shape == (12, 20)
        assert float(jnp.median(energy(states))) < 0.02
        pulled = cool(jnp.linspace(-1, 1, 12)[:, None] * jnp.ones(20), jax.random.key(0))
        assert float(jnp.corrcoef(jnp.mean(pulled, axis=1), jnp.linspace(-1, 1, 12))[0, 1]) > 0.5


# the ensemble


@pytest.mark.slow
def test_networks_of_the_ensemble_below_the_transition_meet_the_replica_theory() -> None:
    model, temperature = qd.RandomNetwork(0.7), 0.1
    theory = qd.solve(model, qd.replica.FiniteTemperature(temperature))
    found = qd.solve(model, Sampling(100, 6, temperature, draws=300, warm_up=300))
    for name in ("energy", "self_overlap", "local_response", "self_response_overlap", "mean_square_state"):
        error = float(found[f"{name}_error"])
        # O(1/N): some per cent at N = 100.
        assert abs(float(found[name]) - float(theory[name])) < 3.5 * error + 0.03 * abs(float(theory[name])), name
    assert float(found["energy"]) == pytest.approx(temperature / 2, rel=0.02)
    assert float(found["r_hat"]) < 1.05


@pytest.mark.slow
@pytest.mark.parametrize("temperature", [1.0, 0.1, 0.01, 0.001])
def test_without_symmetry_the_energy_is_half_the_temperature_as_networks_grow(temperature: float) -> None:
    """At gain 0.8, where chains mix at every temperature (at gain 1.5 they do at T = 1 only, and say so)."""
    sizes = np.array([25, 50, 100])
    found = [
        qd.solve(qd.RandomNetwork(0.8), Sampling(size, 400 // size, temperature, draws=1500, warm_up=1000))
        for size in sizes.tolist()
    ]
    values = np.array([float(each["energy"]) for each in found]) / temperature
    errors = np.array([float(each["energy_error"]) for each in found]) / temperature
    fit, covariance = np.polyfit(1.0 / sizes, values, 1, w=1.0 / errors, cov="unscaled")
    assert np.sqrt(covariance[1, 1]) < 0.005
    assert abs(fit[1] - 0.5) < 3 * np.sqrt(covariance[1, 1])
    assert abs(values[-1] - 0.5) < 0.01


@pytest.mark.slow
def test_chains_parted_by_wells_of_a_network_say_so() -> None:
    found = qd.solve(qd.RandomNetwork(1.5), Sampling(50, 2, 0.001), throw=False)
    assert int(found.status) == qd.Status.not_mixed
    assert float(found["r_hat"]) > 1.2


# bad input


def test_bad_arguments() -> None:
    rest = qd.Network(np.zeros((2, 2)))
    with pytest.raises(ValueError, match=r"`temperature` must be greater than 0, but is 0; .*find_fixed_points"):
        sample(rest, 0.0)
    with pytest.raises(ValueError, match=r"`temperature` must be a finite number greater than 0, but is -1"):
        sample(rest, -1.0)
    with pytest.raises(ValueError, match=r"`confinement` must be .* at least 0, but is -0.1"):
        sample(rest, 1.0, confinement=-0.1)
    with pytest.raises(ValueError, match=r"`chains` must be at least 4, but is 1"):
        sample(rest, 1.0, chains=1)
    with pytest.raises(ValueError, match=r"`velocity` must be finite .* at the starts"):
        sample(qd.landscape.Flow(lambda x: jnp.sqrt(x - 100.0), size=2), 1.0)
    with pytest.raises(ValueError, match=r"`starts` must have shape \(any, 2\), but has \(4, 5\)"):
        sample(rest, 1.0, chains=4, starts=np.zeros((4, 5)))
    with pytest.raises(ValueError, match=r"`starts` must hold one state for each of 8 chains, but holds 3"):
        sample(rest, 1.0, starts=np.zeros((3, 2)))
    with pytest.raises(ValueError, match=r"`inputs` must be one set"):
        sample(rest, 1.0, inputs=np.zeros((3, 2)))
    with pytest.raises(ValueError, match=r"`step` must be given for unadjusted"):
        Langevin()
    with pytest.raises(ValueError, match=r"`noise` must be 0 for sampling"):
        qd.solve(qd.RandomNetwork(1.0, noise=0.1), Sampling(10, 2, 1.0))
    with pytest.raises(MemoryError, match="lower `chains`, `samples`, `warm_up` or `thinning`"):
        sample(rest, 1.0, chains=10**6)


@pytest.mark.usefixtures("unchecked_types")
def test_bad_types() -> None:
    rest = qd.Network(np.zeros((2, 2)))
    with pytest.raises(TypeError, match=r"`solver` must be a qd.landscape.HMC"):
        sample(rest, 1.0, solver="hmc")  # type: ignore[arg-type]
    for starts, message in ((3, r"shape \(any, 2\), but has \(\)"), ([[1.0], [1.0, 2.0]], "rows differ in length")):
        with pytest.raises(ValueError, match=f"`starts` must .*{message}"):
            sample(rest, 1.0, starts=starts)
    with pytest.raises(TypeError, match="`starts` must hold real numbers, but holds complex128"):
        sample(rest, 1.0, starts=np.full((8, 2), 1j))
    with pytest.raises(TypeError, match=r"`kernel` must be an HMC or a Langevin"):
        ReplicaExchange(Langevin(0.1))
    with pytest.raises(TypeError, match=r"`dynamics` must be a qd.Network"):
        sample(lambda x: -x, 1.0)
