from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import pytest
from toys import Parabola, assert_same_bits

import quenched as qd
from quenched.dmft.two_time_gaussian import TwoTimeGaussian
from quenched.sweeps.grid import make_grid
from quenched.sweeps.plan import make_plan
from quenched.sweeps.tasks import lanes, lanes_compiled
from quenched.theory import AbstractTheory

MODEL = qd.RandomNetwork(gain=1.0, symmetry=0.2)
LANES = AbstractTheory.lanes
TRAJECTORIES = qd.simulate.Trajectories(size=10, networks=3, duration=2.0, step=0.5)


def test_points_have_the_values_of_solve() -> None:
    gains, symmetries = [0.6, 1.3, 1.8], [0.0, 0.4]
    found = qd.sweep(MODEL, qd.dmft.Static(), over={"gain": gains, "symmetry": symmetries})
    for gain in gains:
        for symmetry in symmetries:
            alone = qd.solve(qd.RandomNetwork(gain, symmetry), qd.dmft.Static())
            for name in ("correlation", "integrated_response", "stability_margin"):
                expected = float(alone.arrays[name])
                assert float(found[name].sel(gain=gain, symmetry=symmetry)) == pytest.approx(expected, rel=1e-12, abs=1e-14)


def test_axes_are_the_swept_parameters_in_order_with_their_values() -> None:
    found = qd.sweep(MODEL, Parabola(), over={"temperature": [1.0, 2.0], "gain": [0.1, 0.2, 0.3]})
    assert found["energy"].dims == ("temperature", "gain")
    expected = np.sin([0.1, 0.2, 0.3]) * np.array([[1.0], [2.0]]) + 0.2
    np.testing.assert_allclose(found["energy"], expected, rtol=1e-15)
    assert found["temperature"].attrs["symbol"] == "T"
    assert found.attrs["symmetry"] == 0.2
    assert "gain" not in found.attrs


def test_critical_gain_follows_the_symmetry() -> None:
    found = qd.sweep(MODEL, Parabola(), over={"gain": [1.0], "symmetry": [0.0, 0.25, 1.0]})
    np.testing.assert_allclose(found["critical_gain"], [1.0, 0.8, 0.5])
    assert float(qd.sweep(MODEL, Parabola(), over={"gain": [1.0]})["critical_gain"]) == pytest.approx(1 / 1.2)


def test_results_are_float64_in_a_program_in_float32() -> None:
    assert not jax.config.jax_enable_x64  # type: ignore[attr-defined]
    for theory in (Parabola(), TRAJECTORIES):
        found = qd.sweep(MODEL, theory, over={"gain": [1.0]})
        counted = ("status", "steps", "version")
        assert {values.dtype for name, values in found.items() if name not in counted} == {np.dtype(np.float64)}


def test_one_compilation_serves_every_grid() -> None:
    Parabola.traces.clear()
    for count in (3, LANES, 2 * LANES + 5):
        qd.sweep(MODEL, Parabola(), over={"gain": np.linspace(0.1, 1.0 + count, count)})
    compilations = len(lanes_compiled)
    qd.sweep(qd.RandomNetwork(0.7), Parabola(3.0), over={"symmetry": [0.1, 0.2], "temperature": [0.5, 4.0]})
    assert len(Parabola.traces) <= 1
    assert len(lanes_compiled) == compilations


def test_what_takes_much_memory_is_computed_fewer_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    theory, over = qd.dmft.TwoTime(0.4, 0.2), {"gain": [0.5, 0.6, 0.7]}
    plan = make_plan(qd.RandomNetwork(1.0), theory, over)
    assert isinstance(plan.theory, TwoTimeGaussian)
    assert plan.start is not None
    start = plan.start
    for fitting, expected in ((0.5, 1), (2.5, 2), (1e6, LANES)):
        monkeypatch.setattr(
            "quenched.sweeps.tasks.BATCH_BYTES", int(fitting * plan.theory.bytes_per_point(plan.solver, start))
        )
        assert lanes(plan) == expected
    monkeypatch.setattr("quenched.sweeps.tasks.BATCH_BYTES", 2 * plan.theory.bytes_per_point(plan.solver, start))
    found = qd.sweep(qd.RandomNetwork(1.0), theory, over=over)
    alone = [qd.solve(qd.RandomNetwork(gain), theory)["correlation"].values for gain in over["gain"]]
    np.testing.assert_allclose(found["correlation"], alone, rtol=1e-12)


def test_a_failing_point_leaves_its_status_and_the_rest_is_done() -> None:
    found = qd.sweep(MODEL, Parabola(), over={"gain": [1.0, 3.0, 1.5]})
    assert found["status"].values.tolist() == [qd.Status.solved, qd.Status.out_of_steps, qd.Status.solved]
    np.testing.assert_allclose(found["energy"], np.sin([1.0, 3.0, 1.5]) + 0.2)


def test_throw_raises_once_and_carries_the_dataset() -> None:
    with pytest.raises(qd.SolveError, match="2 out_of_steps of 3 points") as caught:
        qd.sweep(MODEL, Parabola(), over={"gain": [1.0, 3.0, 4.0]}, throw=True)
    assert caught.value.solution["energy"].shape == (3,)


def test_experiments_have_a_key_for_each_place_in_the_grid() -> None:
    over = {"gain": [0.5, 1.5]}
    found = qd.sweep(MODEL, TRAJECTORIES, over=over, key=7)
    for index, gain in enumerate(over["gain"]):
        with jax.enable_x64(True):
            key = jax.random.fold_in(jax.random.key(7), index)
        alone = qd.solve(qd.RandomNetwork(gain, 0.2), TRAJECTORIES, key=key)
        assert float(found["mean_square_rate"][index]) == float(alone.arrays["mean_square_rate"])
        assert float(found["mean_square_rate_error"][index]) == float(alone.arrays["mean_square_rate_error"])
    again = qd.sweep(MODEL, TRAJECTORIES, over=over, key=7)
    assert_same_bits(found, again)


def test_own_axes_follow_the_swept_ones() -> None:
    recorded = qd.simulate.Trajectories(size=4, networks=2, duration=2.0, step=0.5, record=True)
    found = qd.sweep(MODEL, recorded, over={"gain": [0.5, 1.5]})
    assert found["trajectory"].dims == ("gain", "network", "time", "trial", "neuron")
    assert found["time"].values.tolist() == [1.0, 1.5]


def test_progress_ends_with_everything_done() -> None:
    told: list[tuple[int, int]] = []
    qd.sweep(MODEL, Parabola(), over={"gain": np.linspace(0.1, 1, 2 * LANES)}, progress=lambda *done: told.append(done))
    assert told[0] == (0, 2 * LANES)
    assert told[-1] == (2 * LANES, 2 * LANES)
    told.clear()
    qd.sweep(MODEL, TRAJECTORIES, over={"gain": [0.5, 1.5]}, progress=lambda *done: told.append(done))
    assert told[-1] == (6, 6)


def test_an_interruption_returns_what_was_done(capsys: pytest.CaptureFixture[str]) -> None:
    over = {"gain": np.linspace(0.1, 1, 3 * LANES)}
    found = qd.sweep(MODEL, Parabola(), over=over, progress=interrupt_at(LANES))
    done = found["status"].values == qd.Status.solved
    assert done.sum() >= LANES
    assert not done.all()
    assert (found["status"].values[~done] == qd.Status.not_run).all()
    assert np.isnan(found["energy"].values[~done]).all()
    assert f"Interrupted after {done.sum()} of {3 * LANES} points" in capsys.readouterr().err


def interrupt_at(done: int) -> Callable[[int, int], None]:
    def progress(now: int, units: int) -> None:
        if now >= done:
            raise KeyboardInterrupt

    return progress


@pytest.mark.parametrize(
    ("over", "message"),
    [
        ({}, r"`over` must map parameters"),
        ({"gian": [1.0]}, r"names 'gian'\. Did you mean 'gain'\?"),
        ({"gain": []}, r"at least one value for 'gain'"),
        ({"gain": 1.0}, r"a list of numbers for 'gain', but gives 1\.0"),
        ({"gain": [1.0, 1.0]}, r"not repeat a value, but gives 1\.0"),
        ({"gain": [np.float64(1.0), 1]}, r"not repeat a value, but gives 1\.0 "),
        ({"gain": [1.0, [2.0]]}, "must give a list of numbers"),
        ({"gain": [True, 2.0]}, "must be a real number, but is True"),
        ({"gain": [1.0, -1.0]}, r"`gain` must be a finite number at least 0, but is -1"),
        ({"gain": [1.0, float("nan")]}, r"`gain` must be a finite number"),
        ({"symmetry": [0.0, 1.5]}, r"`symmetry` must be a finite number between -1 and 1, but is 1\.5"),
        ({"temperature": [1.0, 0.0]}, r"`temperature` must be a finite number greater than 0, but is 0"),
    ],
)
def test_bad_values_are_refused_before_any_work(over: dict[str, Any], message: str) -> None:
    told: list[int] = []
    with pytest.raises((ValueError, TypeError), match=message):
        qd.sweep(MODEL, Parabola(), over=over, progress=lambda done, units: told.append(done))
    assert not told


def test_values_that_a_theory_does_not_cover_are_refused() -> None:
    with pytest.raises(ValueError, match=r"`noise` must be 0 .* but is 0\.5"):
        qd.sweep(MODEL, qd.dmft.Static(), over={"noise": [0.0, 0.5]})
    with pytest.raises(ValueError, match="cannot vary 'size', which fixes the shape"):
        qd.sweep(MODEL, TRAJECTORIES, over={"size": [10, 20]})
    with pytest.raises(ValueError, match="`start` chooses a branch"):
        qd.sweep(MODEL, TRAJECTORIES, over={"gain": [1.0]}, start="active")


EI = qd.RandomNetwork(
    couplings=qd.couplings.Blocks((0.8, 0.2), gain=1.2, mean=[[1.0, -4.0], [1.0, -4.0]]),
    field=(0.3, 0.1),
    unit=(qd.units.Leaky(qd.Tanh()), qd.units.Leaky(qd.Erf())),
)
# Points side by side, where one takes long and most of them would only fill a batch.
FEW_LANES = 8
# As `rank_one`, so that one program serves both.
SLOW = qd.units.Leaky(time_constant=1.0)
SUM = qd.couplings.Elliptic(0.8) + qd.couplings.LowRank([[1.0, 2.0], [2.0, 5.0]])


@pytest.mark.slow
def test_matrices_are_swept_whole_and_kept_beside_their_number() -> None:
    gains = np.array([[[1.0, 2.0], [1.0, 2.0]], [[1.5, 2.0], [0.5, 1.0]]])
    found = qd.sweep(EI, qd.dmft.Static(), {"gain": gains, "field": [0.1, 0.3]})
    assert found["correlation"].dims == ("gain", "field", "population")
    assert found["gain"].values.tolist() == [0, 1]
    assert found["gain_values"].dims == ("gain", "gain_row", "gain_column")
    np.testing.assert_array_equal(found["gain_values"], gains)
    alone = qd.solve(EI.replace(gain=gains[1], field=0.3), qd.dmft.Static())
    np.testing.assert_allclose(found["correlation"][1, 1], alone.arrays["correlation"], rtol=1e-10)
    assert json.loads(found.attrs["mean"]) == [[1.0, -4.0], [1.0, -4.0]]
    assert "gain" not in found.attrs


def test_any_parameter_is_swept_by_its_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("quenched.theory.AbstractTheory.lanes", FEW_LANES)
    model = qd.RandomNetwork(couplings=SUM, unit=SLOW)
    found = qd.sweep(model, qd.dmft.Static(), {"couplings.first.gain": [0.5, 1.2], "time_constant": [1.0, 2.0]})
    assert found["correlation"].dims == ("couplings.first.gain", "time_constant")
    alone = qd.solve(model.replace(gain=1.2, time_constant=2.0), qd.dmft.Static())
    assert float(found["correlation"][1, 1]) == pytest.approx(float(alone.arrays["correlation"]), rel=1e-10)
    assert "gain" not in found.attrs
    assert found.attrs["couplings.second"] == "couplings.LowRank"


def test_a_point_costs_one_check_of_the_part_that_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    built: Counter[type] = Counter()
    for kind in (qd.RandomNetwork, qd.couplings.Elliptic, qd.units.Leaky):

        def count(self: Any, *args: Any, _kind: Any = kind, _plain: Any = kind.__init__, **kwargs: Any) -> None:
            built[_kind] += 1
            _plain(self, *args, **kwargs)

        monkeypatch.setattr(kind, "__init__", count)
    make_grid(MODEL, qd.dmft.Static(), {"gain": np.linspace(0.1, 1.0, 10), "symmetry": np.linspace(0.1, 1.0, 10)})
    assert built[qd.couplings.Elliptic] <= 102
    assert built[qd.RandomNetwork] + built[qd.units.Leaky] <= 3


@pytest.mark.slow
def test_a_parameter_that_was_left_out_is_swept_too() -> None:
    found = qd.sweep(MODEL, qd.dmft.Static(), {"mean": [-1.0, 2.0]})
    alone = qd.solve(MODEL.replace(mean=2.0), qd.dmft.Static())
    assert float(found["outlier"][1]) == pytest.approx(float(alone.arrays["outlier"]), rel=1e-10)
    with pytest.raises(ValueError, match=r"`mean` must be left out for replica\.ZeroTemperature"):
        qd.sweep(MODEL, qd.replica.ZeroTemperature(), {"mean": [-1.0, 2.0]})


def rank_one(strength: float, field: float = 0.1) -> qd.RandomNetwork:
    loadings = [[1.0, strength], [strength, 1.0 + strength**2]]
    return qd.RandomNetwork(couplings=qd.couplings.Elliptic(0.5) + qd.couplings.LowRank(loadings), field=field, unit=SLOW)


def test_a_function_of_the_swept_names_is_a_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("quenched.theory.AbstractTheory.lanes", FEW_LANES)
    found = qd.sweep(rank_one, qd.dmft.Static(), {"strength": [0.5, 2.0]})
    alone = qd.solve(rank_one(2.0), qd.dmft.Static())
    np.testing.assert_allclose(found["latent"][1], alone.arrays["latent"], rtol=1e-10)
    assert found["covariance"].dims == ("strength", "covariance_row", "covariance_column")
    assert found["covariance"].values[1].tolist() == [[1.0, 2.0], [2.0, 5.0]]
    assert found.attrs["field"] == 0.1
    both = qd.sweep(rank_one, qd.dmft.Static(), {"field": [0.1, 0.2], "strength": [0.5, 2.0]})
    np.testing.assert_allclose(both["latent"][0], found["latent"], rtol=1e-10)


def test_a_function_goes_with_experiments_and_parameters_of_the_theory() -> None:
    run = qd.sweep(lambda slope: qd.RandomNetwork(0.5 * slope), TRAJECTORIES, {"slope": [1.0, 2.0]}, key=7)
    direct = qd.sweep(qd.RandomNetwork(1.0), TRAJECTORIES, {"gain": [0.5, 1.0]}, key=7)
    np.testing.assert_array_equal(run["mean_square_rate"], direct["mean_square_rate"])
    found = qd.sweep(
        lambda slope: qd.RandomNetwork(0.5 * slope), Parabola(), {"slope": [1.0, 2.0], "temperature": [1.0, 3.0]}
    )
    np.testing.assert_allclose(found["energy"], np.sin([[0.5], [1.0]]) * [1.0, 3.0])


@pytest.mark.parametrize(
    ("model", "over", "message"),
    [
        (lambda strength: 3.0, {"strength": [1.0]}, r"a function that returns a qd\.RandomNetwork, but returns 3\.0"),
        (rank_one, {"strenght": [1.0]}, r"out of strength, field, but names 'strenght'\. Did you mean 'strength'\?"),
        (rank_one, {"field": [1.0]}, r"`model` is a function of 'strength', but .* no values for it"),
        (
            lambda count: qd.RandomNetwork(couplings=qd.couplings.Blocks(np.ones(int(count)) / count, gain=1.0)),
            {"count": [1, 2]},
            r"must have models of one structure.* at count = 1 and .* at count = 2",
        ),
        (qd.RandomNetwork(couplings=SUM + SUM), {"gain": [1.0]}, r"several parameters 'gain': say which, 'couplings\.first"),
        (qd.RandomNetwork(couplings=SUM), {"couplings.frist.gain": [1.0]}, r"Did you mean 'couplings\.first\.gain'\?"),
        (
            MODEL,
            {"gain": [1.0], "couplings.gain": [2.0]},
            r"must name a parameter once, but names 'gain', 'couplings\.gain'",
        ),
        (MODEL, {"activation": [1.0]}, r"cannot vary 'activation', which is no number"),
        (
            qd.RandomNetwork(couplings=qd.couplings.Sparse(20.0, qd.couplings.Elliptic(0.5))),
            {"degree": [20.0]},
            r"cannot vary 'degree', which .* fixes the structure of the model",
        ),
        (
            qd.RandomNetwork(couplings=SUM + SUM),
            {"couplings.second.first.gain": [1.0, -1.0]},
            r"'couplings\.second\.first\.gain' .*: Argument `gain` must be a finite number at least 0, but is -1",
        ),
        (EI, {"gain": [np.eye(3)]}, r"shape \(3, 3\) for 'gain': Argument `gain` must .* have shape \(2, 2\)"),
    ],
)
def test_what_is_wrong_with_a_model_or_a_path_is_said(model: Any, over: dict[str, Any], message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        qd.sweep(model, qd.dmft.Static(), over)
