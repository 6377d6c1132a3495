"""`qd.papers.reproduce`: what is compared, and that the comparison says what is known about it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import quenched as qd
from quenched.cli import run
from quenched.papers.zou2024 import networks, two_time

EVERY = [(paper, name) for paper, known in qd.papers.FIGURES.items() for name in known]


def test_a_line_in_one_over_the_size_is_extrapolated_with_its_error() -> None:
    sizes, rng = (40, 80, 200), np.random.default_rng(0)
    errors = {size: rng.uniform(0.01, 0.02, 3) for size in sizes}
    limit, slope = np.array([0.3, 1.0, -2.0]), np.array([5.0, 0.0, 1.0])
    found, error = networks.extrapolated({size: (limit + slope / size, errors[size]) for size in sizes})
    np.testing.assert_allclose(found, limit, atol=1e-12)
    for place in range(3):
        weights = [1 / errors[size][place] for size in sizes]
        _, covariance = np.polyfit(1 / np.array(sizes), [1.0, 2.0, 3.0], 1, w=weights, cov="unscaled")
        assert error[place] == pytest.approx(np.sqrt(covariance[1, 1]), rel=1e-9)


def test_the_static_plot_follows_the_equation_with_averages_apart() -> None:
    table = qd.papers.reproduce("qiu2025", 11).table
    responses = table[table.quantity == "integrated_response"]
    above = responses[(responses.symmetry > 0) & (responses.gain * (1 + responses.symmetry) > 1.1)]
    assert len(above) > 5
    # Published numbers are nearer to the other equation, and below the right one by more than they can be misread.
    assert np.all(np.abs(above.published - above.with_averages_apart) < 4e-3)
    assert np.all(above.difference < -1.5 * above.published_error)
    without = responses[responses.symmetry == 0]
    assert np.all(np.abs(without.errors) < 1.5)


def test_energy_agrees_and_the_state_above_the_transition_does_not() -> None:
    found = qd.papers.reproduce("qiu2025", "7")
    table = found.table
    energy = table[table.quantity == "energy"]
    np.testing.assert_allclose(energy.recomputed, energy.temperature / 2, rtol=1e-10)
    assert np.all(np.abs(energy.errors) < 1.5)
    below, above = (table[(table.gain == gain) & (table.quantity == "mean_square_state")] for gain in (0.8, 1.2))
    assert np.all(np.abs(below.errors) < 1.5)
    assert above.errors.abs().max() > 200
    assert "mean_square_state" in repr(found)
    assert found._repr_png_().startswith(b"\x89PNG")


def test_readings_are_named_in_the_vocabulary_and_have_errors() -> None:
    for figure in (5, 6, 7, 8, 10, 11):
        points = qd.papers.readings(figure)
        assert set(points.quantity) <= {*qd.VOCABULARY}
        assert np.all(points.error[points.value != 0] > 0)
    with pytest.raises(ValueError, match="`figure` must be one of '5', '6', '7', '8', '10', '11', but is '9'"):
        qd.papers.readings(9)
    with pytest.raises(ValueError, match="Did you mean 'zou2024'"):
        qd.papers.reproduce("zou2023", "states")


def test_theory_lies_on_small_networks_extrapolated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(two_time, "SIZES", {20: 64, 60: 32})
    monkeypatch.setattr(two_time, "DURATION", 3.0)
    table = qd.papers.reproduce("zou2024", "states").table
    assert np.all(table.networks_error < 0.03)
    allowed = 4.0
    assert np.abs(table.errors).max() < allowed
    # Of another gain it does not: the comparison can fail.
    monkeypatch.setitem(networks.ACTIVATIONS, "linear", (0.1, qd.Linear()))
    wrong = two_time.model_of("linear")
    other = qd.solve(wrong, qd.dmft.TwoTime(3.0, 0.1, initial=networks.START, scheme="euler", response=False))
    linear = table[(table.activation == "linear") & (table.quantity == "mean_square_rate")]
    values = other["mean_square_rate"].sel(time=linear.time.values, method="nearest").values
    assert np.max(np.abs(values - linear.networks) / linear.networks_error) > allowed


def test_the_command_lists_writes_and_refuses(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["reproduce"]) == 0
    listed = capsys.readouterr().out
    assert all(name in listed for figures in qd.papers.FIGURES.values() for name in figures)
    assert run(["reproduce", "qiu2025", "--figure", "7", "--output", str(tmp_path / "new")]) == 0
    assert "1 of 8 figures of qiu2025, about" in capsys.readouterr().out
    written = pd.read_csv(tmp_path / "new" / "qiu2025_7.csv")
    assert len(written) == 42
    assert (tmp_path / "new" / "qiu2025_7.png").stat().st_size > 10_000
    assert run(["reproduce", "qiu2025", "--figure", "3"]) == 2
    assert "`figure` must be one of '1', '2', '5'" in capsys.readouterr().err
    (tmp_path / "file").touch()
    assert run(["reproduce", "qiu2025", "--figure", "7", "--output", str(tmp_path / "file")]) == 2
    assert "must be a folder" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize(
    ("paper", "figure"), [(paper, name) for paper, known in qd.papers.FIGURES.items() for name in known]
)
def test_every_figure_is_computed_and_saved(paper: str, figure: str, tmp_path: Path) -> None:
    found = qd.papers.reproduce(paper, figure)
    table, picture = found.save(tmp_path)
    assert len(pd.read_csv(table)) == len(found.table) > 0
    assert picture.stat().st_size > 10_000
    if paper == "zou2024":
        assert np.sqrt(np.mean(found.table.errors**2)) < 2.0
