"""Fixed points of flows and maps that are given as functions, with inputs, periods, and what is refused."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import optimize

import quenched as qd
from quenched.landscape import Flow, Map, Outcome, find_fixed_points


@pytest.mark.slow
def test_a_flow_as_a_function_is_the_network_it_computes() -> None:
    weights = 1.8 / np.sqrt(8) * np.random.default_rng(3).normal(size=(8, 8))
    known = find_fixed_points(qd.Network(weights), 100)
    flow = find_fixed_points(Flow(lambda x: -x + weights @ jnp.tanh(x), size=8), 100)
    # x and -x are equally long: in the order of the first neuron.
    flow, known = (each.isel(fixed_point=np.argsort(each.state.values[:, 0])) for each in (flow, known))
    for name in ("state", "index", "log_weight"):
        np.testing.assert_allclose(flow[name], known[name], atol=1e-9, err_msg=name)
    np.testing.assert_allclose(
        np.sort_complex(qd.landscape.eigenvalues(flow)), np.sort_complex(qd.landscape.eigenvalues(known)), atol=1e-8
    )
    assert known.attrs["certificate_bound"] == "activation"
    assert flow.attrs["certificate_bound"] == "sampled"
    assert "not known" in flow.attrs["index_sum_means"]
    # Where Newton's step is zero no other root is within 2/(|F'^-1| L), and max|tanh''| = 4/(3 sqrt 3).
    lipschitz = np.max(np.abs(weights).sum(axis=1)) * 4 / (3 * np.sqrt(3))
    np.testing.assert_allclose(known.radius, [2 * spread(weights, x) / lipschitz for x in known.state.values], rtol=1e-4)
    # A sampled bound is not trusted further than it was sampled.
    assert np.all(flow.radius.values <= 0.01 * (1 + np.max(np.abs(flow.state.values), axis=1)))


def spread(weights: np.ndarray, x: np.ndarray) -> float:
    """1 / |F'^-1| in the largest-entry norm."""
    inverse = np.linalg.inv(weights / np.cosh(x) ** 2 - np.eye(len(x)))
    return float(1 / np.max(np.abs(inverse).sum(axis=1)))


@pytest.mark.slow
def test_stability_of_the_same_points_as_a_flow_and_as_maps() -> None:
    """x -> x + h F(x) has the fixed points of the flow; h beyond 2/|lambda| makes the map oscillate away from them."""
    for step, stable in ((0.1, [True, True, False]), (3.0, [False, False, False])):
        found = find_fixed_points(Map(lambda x, h=step: x + h * (0.5 * x - x**3), size=1), 60)
        np.testing.assert_allclose(np.sort(found.state.values.ravel()), [-np.sqrt(0.5), 0.0, np.sqrt(0.5)], atol=1e-12)
        places = np.argsort(np.abs(found.state.values.ravel()))[::-1]
        assert found.stable.values[places].tolist() == stable
        # S' = 1 + h F': 1 - h at the outer points, 1 + h/2 in the middle.
        expected = np.array([1 - step, 1 - step, 1 + step / 2])
        np.testing.assert_allclose(found.eigenvalue_real.values[places].ravel(), expected, atol=1e-9)
    flow = find_fixed_points(Flow(lambda x: 0.5 * x - x**3, size=1))
    np.testing.assert_allclose(np.sort(flow.eigenvalue_real.values.ravel()), [-1.0, -1.0, 0.5], atol=1e-12)


def test_points_of_period_two_are_found_and_told_from_fixed_points() -> None:
    """The logistic map at r = 3.3: x = (r + 1 +- sqrt((r - 3)(r + 1)))/(2 r)."""
    rate = 3.3
    logistic = Map(lambda x: rate * x * (1 - x), size=1)
    starts = np.linspace(0.05, 0.95, 30)[:, None]
    found = find_fixed_points(logistic, starts, period=2, paths=0)
    root = np.sqrt((rate - 3) * (rate + 1))
    expected = {0.0: 1, 1 - 1 / rate: 1, (rate + 1 - root) / (2 * rate): 2, (rate + 1 + root) / (2 * rate): 2}
    order = np.argsort(found.state.values.ravel())
    np.testing.assert_allclose(found.state.values.ravel()[order], sorted(expected), atol=1e-12)
    assert found.smallest_period.values[order].tolist() == [expected[x] for x in sorted(expected)]
    # The multiplier of the cycle: the product of slopes, 4 + 2 r - r^2.
    cycle = found.eigenvalue_real.values.ravel()[found.smallest_period.values == 2]
    np.testing.assert_allclose(cycle, 4 + 2 * rate - rate**2, atol=1e-9)
    assert found.stable.values[found.smallest_period.values == 2].all()


@pytest.mark.slow
def test_memories_that_are_two_cycles_have_no_fixed_point() -> None:
    """Antisymmetric couplings: a memory and its negative follow each other, and only the origin stays."""
    pattern = np.array([1.0, -1.0, 1.0, 1.0])
    step = Map(lambda x: jnp.tanh(-2.0 / 4 * pattern * (pattern @ x)), size=4)
    fixed = find_fixed_points(step, 60)
    assert fixed.sizes["fixed_point"] == 1
    assert not bool(fixed.stable[0])
    cycle = find_fixed_points(step, 60, period=2)
    amplitude = optimize.brentq(lambda m: np.tanh(2 * m) - m, 0.5, 1.0, xtol=1e-15)
    assert cycle.smallest_period.values.tolist() == [2, 2, 1]
    np.testing.assert_allclose(np.abs(cycle.state.values[:2]), amplitude, atol=1e-12)
    np.testing.assert_allclose(cycle.state.values[0], -cycle.state.values[1], atol=1e-12)


def test_inputs_one_for_all_and_one_for_each_start() -> None:
    cubic = Flow(lambda x, u: x - x**3 + u, size=1)
    for drive, count in ((0.0, 3), (0.3, 3), (0.5, 1)):
        assert find_fixed_points(cubic, 40, inputs=[drive]).sizes["fixed_point"] == count
    # The fold is at 2/(3 sqrt 3) = 0.385.
    found = find_fixed_points(cubic, inputs=np.repeat([[0.0], [0.3], [0.5]], 30, axis=0))
    np.testing.assert_array_equal(found.inputs.values.ravel(), [0.0, 0.3, 0.5])
    assert np.bincount(found.condition.values).tolist() == [3, 3, 1]
    assert found.index_sum.dims == ("condition",)
    np.testing.assert_array_equal(found.index_sum, 1.0)
    for state, condition in zip(found.state.values.ravel(), found.condition.values, strict=True):
        assert abs(state - state**3 + found.inputs.values[condition, 0]) < 1e-13


@pytest.mark.slow
def test_inputs_of_a_network_are_added_to_its_field() -> None:
    weights, drive = np.array([[0.0, 2.0], [2.0, 0.0]]), np.array([0.3, -0.1])
    by_input = find_fixed_points(qd.Network(weights), 40, inputs=drive)
    by_field = find_fixed_points(qd.Network(weights, field=drive), 40)
    np.testing.assert_allclose(by_input.state, by_field.state, atol=1e-12)


def test_a_list_survives_a_file(tmp_path: Any) -> None:
    import xarray as xr

    found = find_fixed_points(qd.Network(np.array([[0.0, 2.0], [2.0, 0.0]])), 20)
    found.to_zarr(tmp_path / "points.zarr", zarr_format=2)
    again = xr.open_zarr(tmp_path / "points.zarr", zarr_format=2).load()
    for name in found:
        np.testing.assert_array_equal(again[name], found[name])
    assert again.attrs == found.attrs
    assert len(qd.plots.fixed_points(again).lines) > 0


@pytest.mark.slow
@pytest.mark.parametrize(("size", "gain"), [(5, 2.5), (12, 2.5)])
def test_twenty_thousand_starts_find_nothing_new(size: int, gain: float) -> None:
    weights = gain / np.sqrt(size) * np.random.default_rng(size).normal(size=(size, size))
    network = qd.Network(weights, field=0.1)
    few = find_fixed_points(network)
    many = find_fixed_points(network, 20000, key=1)
    assert float(few.index_sum) == float(many.index_sum) == 1.0
    assert few.sizes["fixed_point"] == many.sizes["fixed_point"] > 1


def test_roots_closer_than_a_sampled_bound_sees_are_kept_apart() -> None:
    """-x + 0.002 tanh(10^4 x): three roots within 0.002, F' changing on a scale of 10^-4."""
    steep = Flow(lambda x: -x + 0.002 * jnp.tanh(1e4 * x), size=1)
    found = find_fixed_points(steep, paths=0, rounds=0)
    np.testing.assert_allclose(np.sort(found.state.values.ravel()), [-0.002, 0.0, 0.002], atol=1e-12)
    assert float(found.index_sum) == 1.0
    assert float(found.radius.max()) <= 0.002 + 1e-12


def test_all_points_of_period_six_of_the_full_logistic_map() -> None:
    """2^6 of them: 2 fixed points, 2 of period 2, 6 of period 3 and 54 of period 6."""
    starts = np.random.default_rng(0).uniform(0, 1, (2000, 1))
    found = find_fixed_points(Map(lambda x: 4 * x * (1 - x), size=1), starts, period=6, paths=0, rounds=0)
    assert np.bincount(found.smallest_period.values).tolist() == [0, 2, 2, 6, 0, 0, 54]
    exact = np.sort(np.sin(np.pi * np.arange(1, 32) / 63) ** 2)  # sin^2(pi k/(2^6 - 1)), and with 2^6 + 1
    for value in exact[:5]:
        assert np.min(np.abs(found.state.values - value)) < 1e-12


def test_where_fixed_points_form_a_line_none_is_certified() -> None:
    circle = find_fixed_points(Flow(lambda x: x * (1 - jnp.sum(x**2)), size=2), 60, paths=0, rounds=0)
    np.testing.assert_allclose(circle.state, [[0.0, 0.0]], atol=1e-12)
    assert np.sum(circle.outcome == Outcome.uncertified) > 20
    np.testing.assert_allclose(np.linalg.norm(circle.uncertified_state, axis=1), 1.0, atol=1e-14)
    turned = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    line = find_fixed_points(qd.Network(turned @ np.diag([1.0, 0.5, 0.2]) @ turned.T, qd.Linear()), 30, paths=0, rounds=0)
    assert line.sizes["fixed_point"] == 0
    assert np.all(line.outcome == Outcome.uncertified)


FLIP_FLOP = Path(__file__).parents[1] / "dynamics" / "flip_flop_gru.npz"


def test_a_trained_network_of_three_bits_has_its_27_points() -> None:
    """8 memories, and between them 12 saddles on edges, 6 on faces and 1 in the middle."""
    gru = qd.landscape.rnn.from_file(FLIP_FLOP)
    for key in range(3):
        found = find_fixed_points(gru, key=key)
        assert np.bincount(found.unstable_directions).tolist() == [8, 12, 6, 1]
        assert float(found.index_sum) == 1.0


@pytest.mark.slow
def test_a_trained_network_has_no_more_points_than_27() -> None:
    found = find_fixed_points(qd.landscape.rnn.from_file(FLIP_FLOP), 20000)
    # A long step may lead far out, where gates saturate and E is all but level: no start ends anywhere else.
    lost = found.outcome != Outcome.fixed_point
    assert np.sum(lost) <= 2
    assert np.all(found.outcome[lost] == Outcome.out_of_steps)
    assert found.sizes["fixed_point"] == 27


def test_the_same_function_compiles_once() -> None:
    traces: list[int] = []

    def velocity(x: Any) -> Any:
        traces.append(1)
        return x - x**3

    dynamics = Flow(velocity, size=1)
    find_fixed_points(dynamics, 10)
    before = len(traces)
    find_fixed_points(dynamics, 10, key=1)
    # Only shapes are looked at again, before any work: the value, its Jacobian, its pull-back.
    assert len(traces) - before <= 3


def test_results_are_float64_in_a_program_in_float32() -> None:
    assert not jax.config.jax_enable_x64  # type: ignore[attr-defined]
    found = find_fixed_points(Map(jnp.cos, size=1), 10)
    assert found.state.dtype == np.float64
    assert float(found.state[0, 0]) == pytest.approx(0.7390851332151607, abs=1e-15)


def test_a_ghost_is_a_minimum_and_a_saddle_of_the_speed_is_none() -> None:
    """x - x^3 + 1/2 has one root, and |F| a minimum 1/2 - 2/(3 sqrt 3) at -1/sqrt 3."""
    found = find_fixed_points(Flow(lambda x: x - x**3 + 0.5, size=1), 40, paths=0)
    np.testing.assert_allclose(found.slow_state, [[-1 / np.sqrt(3)]], atol=1e-12)
    counts = {name: int(np.sum(found.outcome == Outcome[name])) for name in ("fixed_point", "slow_point")}
    assert counts["slow_point"] > 5
    assert found.attrs["outcomes"] == ", ".join(f"{name} {count}" for name, count in counts.items())
    # E = (5 - x^2)^2/2 + (2 + x^2 + y^2)^2/2 has the Hessian diag(-6, 4) at the origin.
    flow = Flow(lambda x: jnp.array([5.0 - x[0] ** 2, 2.0 + x[0] ** 2 + x[1] ** 2]), size=2)
    saddle = find_fixed_points(flow, [[0.0, 0.0]], paths=0)
    assert saddle.sizes["slow_point"] == 0
    assert saddle.outcome.values.tolist() == [Outcome.stalled]
    # A whole line of minima, none of which is one for certain.
    line = find_fixed_points(Flow(lambda x: jnp.array([x[0] ** 2 + 1.0, 0.0 * x[1]]), size=2), 5, paths=0)
    assert line.sizes["slow_point"] == 0


def test_states_in_small_units_are_told_apart() -> None:
    """Three roots within 1e-7. Within 1e-8 a bound sampled at a distance of 1e-2 proves less, and says so."""
    found = find_fixed_points(Flow(lambda x: x - (x / 1e-7) ** 2 * x, size=1), [[-3e-7], [1e-8], [3e-7]], paths=0)
    np.testing.assert_allclose(np.sort(found.state.values.ravel()), [-1e-7, 0.0, 1e-7], rtol=1e-12, atol=1e-20)
    smaller = find_fixed_points(Flow(lambda x: x - (x / 1e-8) ** 2 * x, size=1), [[-3e-8], [1e-9], [3e-8]], paths=0)
    np.testing.assert_allclose(np.sort(smaller.state.values.ravel()), [-1e-8, 1e-8], rtol=1e-12)
    np.testing.assert_allclose(smaller.uncertified_state, [[0.0]], atol=1e-15)
    assert smaller.on_kink.values.tolist() == [False]


def test_starts_left_out_serve_every_input_in_the_order_given() -> None:
    cubic = Flow(lambda x, u: x - x**3 + u, size=1)
    found = find_fixed_points(cubic, inputs=[[0.5], [0.0], [0.3], [0.0]])
    assert found.inputs.values.ravel().tolist() == [0.5, 0.0, 0.3]
    assert np.bincount(found.condition.values).tolist() == [1, 3, 3]
    np.testing.assert_array_equal(found.index_sum, 1.0)
    one = find_fixed_points(cubic, 40, inputs=[[0.3]])
    assert one.sizes["fixed_point"] == 3
    assert "condition" not in one
    alone = found.isel(fixed_point=0)
    assert len(alone.plot().lines) == 1
    with pytest.raises(ValueError, match="must be a list: choose from it by"):
        qd.landscape.connections(cubic, alone)
    # Only beyond the fold, 0.385, a ghost is left.
    assert found.slow_condition.values.tolist() == [0]
    assert found.sizes["start"] == 200


@pytest.fixture
def ctrl_c() -> Any:
    """As in a terminal; a job in the background ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c")
def test_an_interrupted_search_keeps_what_it_found_and_says_so() -> None:
    network = qd.Network(2.0 / np.sqrt(20) * np.random.default_rng(0).normal(size=(20, 20)))

    def interrupt(done: int, total: int) -> None:
        # After two parts of paths, 16 in all, and the first part of descents.
        if done > 16:
            signal.raise_signal(signal.SIGINT)

    found = find_fixed_points(network, 200, progress=interrupt)
    assert found.attrs["interrupted"] == 1
    assert found.sizes["fixed_point"] > 0
    assert np.all(found.certificate < 0.5)
    assert "not_run" in found.attrs["outcomes"]
    assert find_fixed_points(network, 20).attrs["interrupted"] == 0


@pytest.mark.usefixtures("ctrl_c")
def test_an_interruption_while_points_are_described_loses_none(monkeypatch: pytest.MonkeyPatch) -> None:
    from quenched.fixed_points import describe

    plain = describe.spectrum

    def pressed(*arguments: Any) -> Any:
        if not pressed.calls:  # type: ignore[attr-defined]
            signal.raise_signal(signal.SIGINT)
        pressed.calls += 1  # type: ignore[attr-defined]
        return plain(*arguments)

    pressed.calls = 0  # type: ignore[attr-defined]
    monkeypatch.setattr(describe, "spectrum", pressed)
    before = signal.getsignal(signal.SIGINT)
    found = find_fixed_points(qd.Network(np.array([[0.0, 2.0], [2.0, 0.0]])), 20)
    assert (found.sizes["fixed_point"], found.attrs["interrupted"]) == (3, 1)
    assert signal.getsignal(signal.SIGINT) is before


def test_one_point_is_drawn_and_a_file_opened_again_too(tmp_path: Any) -> None:
    import xarray as xr

    found = find_fixed_points(qd.Network(np.array([[0.0, 2.0], [2.0, 0.0]])), 20)
    alone = found.isel(fixed_point=0)
    assert len(alone.plot().lines) == len(alone.plot.spectrum().lines) - 1 == 1
    found.to_zarr(tmp_path / "points.zarr", zarr_format=2)
    again = xr.open_zarr(tmp_path / "points.zarr", zarr_format=2)
    assert len(qd.plots.fixed_points(again).lines) > 1
    # What xarray makes of it, chosen, merged, written and read, is as good.
    for name, plain in (
        ("all", found),
        ("chosen", found.where(found.stable, drop=True)),
        ("masked", found.where(found.stable)),
        ("merged", xr.merge([found, xr.Dataset({"mine": ("fixed_point", [1.0, 2.0, 3.0])})])),
        ("concatenated", xr.concat([found, found], "fixed_point", data_vars="minimal", compat="override", coords="minimal")),
    ):
        plain.to_netcdf(tmp_path / f"{name}.nc")
        with xr.open_dataset(tmp_path / f"{name}.nc") as netcdf:
            np.testing.assert_array_equal(qd.landscape.eigenvalues(netcdf), qd.landscape.eigenvalues(plain))
            stable, saddles = {"all": (2, 1), "merged": (2, 1), "concatenated": (4, 2)}.get(name, (2, 0))
            markers = qd.plots.fixed_points(netcdf, modes=False).lines
            assert [len(np.asarray(line.get_xdata())) for line in markers] == [stable, saddles][: len(markers)]
            assert len(qd.plots.spectrum(netcdf).lines) == len(qd.plots.spectrum(plain).lines)
    with pytest.raises(TypeError, match="lacks eigenvalue_imag"):
        qd.landscape.eigenvalues(found.drop_vars("eigenvalue_imag"))


def test_steep_functions_are_followed_to_their_roots() -> None:
    """Far from them, where F and F' are enormous, nothing counts as small. The neuron is exponential integrate-and-fire."""
    neuron = find_fixed_points(Flow(lambda v: -(v + 65) + 2 * jnp.exp((v + 50) / 2) + 5, size=1))
    ends = ((-62.0, -55.0), (-50.0, -40.0))
    roots = [optimize.brentq(lambda v: -(v + 65) + 2 * np.exp((v + 50) / 2) + 5, *each, xtol=1e-13) for each in ends]
    np.testing.assert_allclose(np.sort(neuron.state.values.ravel()), roots, atol=1e-11)
    assert np.sum(neuron.outcome == Outcome.fixed_point) > 150
    slope = find_fixed_points(Flow(lambda x: 1 - jnp.exp(x), size=1), [[15.0], [20.0], [30.0]], paths=0)
    assert np.all(slope.outcome == Outcome.fixed_point)
    ghost = find_fixed_points(Flow(lambda x: x - x**3 + 0.5, size=1), [[-100.0]], paths=0)
    np.testing.assert_allclose(ghost.slow_state, [[-1 / np.sqrt(3)]], atol=1e-10)


def test_a_subclass_is_taken_as_it_is() -> None:
    class Pitchfork(Flow):
        def __init__(self, gain: float):
            super().__init__(lambda x: gain * x - x**3, 1)

    found = find_fixed_points(Pitchfork(4.0), [[-3.0], [0.1], [3.0]], paths=0)
    np.testing.assert_allclose(np.sort(found.state.values.ravel()), [-2.0, 0.0, 2.0], atol=1e-12)


@pytest.mark.parametrize("scale", [1e-2, 1e-4])
def test_each_start_counts_for_the_root_that_it_is_at(scale: float) -> None:
    # More roots than are polished at once: the other starts are near to none that is known by then, though F is as small.
    roots = np.pi * scale * np.arange(-40, 41)
    starts = (roots[:, None] + 0.02 * scale * np.arange(-1, 2)).reshape(-1, 1)
    wave = Flow(lambda x: scale * jnp.sin(x / scale), size=1)
    found = find_fixed_points(wave, starts, paths=0, rounds=0)
    np.testing.assert_allclose(np.sort(found.state.values.ravel()), roots, atol=1e-15)
    assert found.starts_reaching.values.tolist() == [3] * len(roots)


def test_an_interruption_while_points_are_certified_keeps_those_that_are(monkeypatch: pytest.MonkeyPatch) -> None:
    from quenched.fixed_points import collection, find

    def pressed(*_: Any) -> Any:
        raise KeyboardInterrupt

    # One start of each is certified by then, and the others are being compared with these.
    monkeypatch.setattr(collection, "bent_compiled", pressed)
    starts = np.repeat([[-3.0], [0.1], [3.0]], 40, axis=0)
    found = find_fixed_points(Flow(lambda x: x - x**3, size=1), starts, paths=0)
    assert (found.sizes["fixed_point"], found.attrs["interrupted"]) == (3, 1)
    # What the descents have reached is told all the same, unless Ctrl-C is pressed again.
    assert found.starts_reaching.values.tolist() == [40, 40, 40]
    monkeypatch.setattr(find, "settle_starts", pressed)
    found = find_fixed_points(Flow(lambda x: x - x**3, size=1), starts, paths=0)
    assert (found.sizes["fixed_point"], found.attrs["interrupted"]) == (3, 1)
    assert found.starts_reaching.values.tolist() == [1, 1, 1]
    assert np.sum(found.outcome == Outcome.fixed_point) == 3
    assert np.sum(found.outcome == Outcome.not_run) == 117


@pytest.mark.usefixtures("ctrl_c")
def test_where_ctrl_c_is_ignored_none_is_noted() -> None:
    from quenched.numerics.interrupts import held_interrupts

    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with held_interrupts() as held:
            signal.raise_signal(signal.SIGINT)
        assert not held.arrived
    finally:
        signal.signal(signal.SIGINT, before)
    with held_interrupts() as held:
        signal.raise_signal(signal.SIGINT)
        assert held.arrived
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


@pytest.mark.usefixtures("unchecked_types")
@pytest.mark.parametrize(
    ("dynamics", "options", "error", "message"),
    [
        (jnp.tanh, {}, TypeError, r"wrap it as qd\.landscape\.Flow\(velocity, size=\.\.\.\) or qd\.landscape\.Map"),
        (Flow(lambda x: x[:1], 2), {}, ValueError, r"`velocity` must return a state of shape \(2,\), but returns \(1,\)"),
        (Map(lambda x: x.sum(), 2), {}, ValueError, r"`step` must return a state of shape \(2,\), but returns \(\)"),
        (Flow(lambda x: np.tanh(np.asarray(x)), 2), {}, TypeError, "that JAX can trace, but calling it failed"),
        (
            Flow(lambda x: jax.pure_callback(np.tanh, x, x), 2),
            {},
            TypeError,
            "`velocity` must be differentiable by JAX in both modes",
        ),
        (
            Flow(lambda x: x * jnp.nan, 1),
            {},
            ValueError,
            r"must return finite numbers at the starts, but does not at start 0",
        ),
        (Flow(lambda x: x, 1), {"inputs": [1.0]}, TypeError, "of a state .1. and inputs .1,. that JAX can trace"),
        (Flow(lambda x, u: x * u, 1), {"inputs": np.zeros((0, 1))}, ValueError, "`inputs` must hold at least one number"),
        (Flow(lambda x, u: x * u, 1), {"inputs": [np.nan]}, ValueError, "`inputs` must be finite"),
        (
            Flow(lambda x, u: x * u, 1),
            {"inputs": np.ones((3, 1)), "starts": 4},
            ValueError,
            "one row for each of the 4 starts",
        ),
        (qd.Network(np.eye(2)), {"inputs": [1.0]}, ValueError, "added to its field and must have 2 entries"),
        (
            Flow(lambda x: (-x).astype(jnp.float32), 1),
            {},
            TypeError,
            "must compute in float64, as it is given, but returns float32",
        ),
        (Map(lambda x: x * 1j, 1), {}, TypeError, "must compute in float64, as it is given, but returns complex128"),
        (
            Flow(lambda x: -x, 1),
            {"starts": [[1.0], [2.0, 3.0]]},
            ValueError,
            "`starts` must be an array, but its rows differ",
        ),
        (Flow(lambda x: -x, 1), {"starts": [[1j]]}, TypeError, "`starts` must hold real numbers, but holds complex128"),
        (Flow(lambda x: -x, 1), {"starts": np.zeros((0, 1))}, ValueError, "`starts` must be at least 1, but is 0"),
        (Flow(lambda x: -x, 1), {"starts": 2.5}, TypeError, "`starts` must be a whole number"),
        (Flow(lambda x: -x, 1), {"starts": 0}, ValueError, "`starts` must be at least 1, but is 0"),
        (Flow(lambda x: -x, 1), {"starts": [[np.inf]]}, ValueError, "`starts` must be finite"),
        (Flow(lambda x: -x, 1), {"starts": "many"}, TypeError, "`starts` must be"),
        (Flow(lambda x: -x, 1), {"period": 2}, ValueError, "`period` must be 1 for a flow"),
        (Flow(lambda x: -x, 1), {"paths": -1}, ValueError, "`paths` must be at least 0"),
        (Flow(lambda x: -x, 1), {"follow": 3}, TypeError, r"`follow` must be a qd\.landscape\.Homotopy, but is 3"),
    ],
)
def test_bad_input_is_refused(dynamics: Any, options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        find_fixed_points(dynamics, **options)


def test_outcomes_of_an_unbounded_flow() -> None:
    """exp has no root: everything escapes to where it is flat, and is no fixed point there."""
    found = find_fixed_points(Flow(jnp.exp, size=1), 20)
    assert found.sizes["fixed_point"] == 0
    assert not np.any(found.outcome == Outcome.fixed_point)


@pytest.mark.usefixtures("unchecked_types")
@pytest.mark.parametrize("dynamics", [Flow(lambda x: -x, size=2), Map(lambda x: -x, size=2)], ids=["flow", "map"])
@pytest.mark.parametrize("state", [1.0, np.ones(1), np.ones((2, 1)), np.ones((2, 2)), np.ones(3)])
def test_a_state_has_as_many_numbers_as_the_dynamics(dynamics: Any, state: Any) -> None:
    for function in (dynamics.residual, dynamics.jacobian, dynamics.trajectory_step):
        with pytest.raises(ValueError, match=r"`state` must have shape \(2,\), but has .*use jax.vmap for many"):
            function(state, None)
