from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from test_sweep import EI, FEW_LANES, LANES, MODEL, TRAJECTORIES, interrupt_at, rank_one
from toys import Lagged, Parabola, assert_same_bits

import quenched as qd
from quenched.sweeps.damage import DamagedStoreError
from quenched.sweeps.store import read_sweeps

OVER = {"symmetry": [0.1, 0.3], "gain": np.linspace(0.1, 1.9, 2 * LANES)}


def test_a_store_holds_what_was_returned(tmp_path: Path) -> None:
    found = qd.sweep(MODEL, Parabola(), OVER, store=tmp_path / "sweep.zarr")
    with xr.open_zarr(tmp_path / "sweep.zarr", consolidated=False) as stored:
        assert_same_bits(stored.load(), found)


@pytest.mark.parametrize(
    ("theory", "over", "stop"),
    [(Parabola(), OVER, LANES), (TRAJECTORIES, {"gain": [0.5, 1.0, 1.5]}, 4)],
    ids=["theory", "experiment"],
)
def test_resuming_completes_and_has_the_bits_of_an_uninterrupted_run(
    tmp_path: Path, theory: Any, over: Any, stop: int
) -> None:
    whole = qd.sweep(MODEL, theory, over, key=3)
    place = tmp_path / "sweep.zarr"
    first = qd.sweep(MODEL, theory, over, key=3, store=place, progress=interrupt_at(stop))
    left = (first["status"].values == qd.Status.not_run).sum()
    assert 0 < left < first["status"].size
    with pytest.raises(
        FileExistsError, match=f"incomplete, {left} of {first['status'].size} points to do: pass resume=True"
    ):
        qd.sweep(MODEL, theory, over, key=3, store=place)
    told: list[tuple[int, int]] = []
    resumed = qd.sweep(MODEL, theory, over, key=3, store=place, resume=True, progress=lambda *done: told.append(done))
    assert_same_bits(resumed, whole)
    points = first["status"].size
    assert told[0][0] * points == told[-1][1] * (points - left)  # what was done is not done again
    with xr.open_zarr(place, consolidated=False) as stored:
        assert_same_bits(stored.load(), whole)


def test_a_complete_store_is_returned_by_resume_and_computes_nothing(tmp_path: Path) -> None:
    place = tmp_path / "sweep.zarr"
    whole = qd.sweep(MODEL, TRAJECTORIES, {"gain": [0.5]}, store=place)
    with pytest.raises(FileExistsError, match="is complete: pass resume=True"):
        qd.sweep(MODEL, TRAJECTORIES, {"gain": [0.5]}, store=place)
    told: list[tuple[int, int]] = []
    again = qd.sweep(
        MODEL, TRAJECTORIES, {"gain": [0.5]}, store=place, resume=True, progress=lambda *done: told.append(done)
    )
    assert_same_bits(again, whole)
    assert told == [(3, 3)]


@pytest.mark.parametrize(
    ("model", "theory", "over", "key", "difference"),
    [
        (MODEL, Parabola(), {"gain": [0.5, 0.75]}, 0, r"over\.gain is \[0\.5\] there and \[0\.5, 0\.75\] here"),
        (MODEL, Parabola(2.0), {"gain": [0.5]}, 0, r"temperature is 1\.0 there and 2\.0 here"),
        (qd.RandomNetwork(1.0), Parabola(), {"gain": [0.5]}, 0, r"symmetry is 0\.2 there and 0\.0 here"),
        (MODEL, Parabola(), {"gain": [0.5]}, 1, r"seed is 0 there and 1 here"),
        (MODEL, qd.dmft.Static(), {"gain": [0.5]}, 0, r"theory is 'Parabola' there and 'dmft\.Static' here"),
    ],
)
def test_a_store_of_another_sweep_is_refused(
    tmp_path: Path, model: Any, theory: Any, over: Any, key: int, difference: str
) -> None:
    place = tmp_path / "sweep.zarr"
    first = qd.sweep(MODEL, Parabola(), {"gain": [0.5]}, store=place)
    for resume in (False, True):
        with pytest.raises(FileExistsError, match=f"differs: {difference}; pass force=True"):
            qd.sweep(model, theory, over, key=key, store=place, resume=resume)
    with xr.open_zarr(place, consolidated=False) as stored:
        assert_same_bits(stored.load(), first)


@pytest.mark.slow
def test_several_populations_are_interrupted_resumed_and_mended(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("quenched.theory.AbstractTheory.lanes", FEW_LANES)
    monkeypatch.setattr("quenched.sweeps.writer._BYTES_OF_A_PIECE", 16)  # two numbers
    model, theory, over = EI, qd.dmft.Static(), {"couplings.gain": np.linspace(0.1, 1.9, FEW_LANES + 3), "field": [0.1, 0.2]}
    whole = qd.sweep(model, theory, over)
    assert whole["correlation"].dims == ("couplings.gain", "field", "population")
    place = tmp_path / "sweep.zarr"
    first = qd.sweep(model, theory, over, store=place, progress=interrupt_at(FEW_LANES))
    left = int((first["status"] == qd.Status.not_run).sum())
    assert 0 < left < first["status"].size
    resumed = qd.sweep(model, theory, over, store=place, resume=True)
    assert_same_bits(resumed, whole)
    assert_same_bits(qd.load(place), whole)
    tear(place / "correlation" / "c" / "1" / "0" / "0", "half")
    with pytest.raises(DamagedStoreError, match="array 'correlation' has lost 1 points"):
        qd.load(place)
    capsys.readouterr()
    assert_same_bits(qd.sweep(model, theory, over, store=place, resume=True), whole)
    assert f"the array 'correlation' has lost 1 of {first['status'].size} points" in capsys.readouterr().err


@pytest.mark.slow
def test_matrices_and_what_a_function_makes_are_stored(tmp_path: Path) -> None:
    gains = [np.eye(2), 2.0 * np.eye(2)]
    cases: dict[str, Any] = {"matrices": (EI, {"gain": gains}), "made": (rank_one, {"strength": [0.5, 2.0]})}
    for name, (model, over) in cases.items():
        found = qd.sweep(model, qd.dmft.Static(), over, store=tmp_path / name)
        assert_same_bits(qd.load(tmp_path / name), found)
        beside = {"matrices": "gain_values", "made": "covariance"}[name]
        tear(tmp_path / name / beside / "c" / "0" / "0" / "0", "half")
        with pytest.raises(DamagedStoreError, match=f"array '{beside}' has lost a piece"):
            qd.load(tmp_path / name)
        qd.sweep(model, qd.dmft.Static(), over, store=tmp_path / name, resume=True)
        assert_same_bits(qd.load(tmp_path / name), found)


@pytest.mark.slow
def test_another_function_or_another_part_is_another_sweep(tmp_path: Path) -> None:
    qd.sweep(rank_one, qd.dmft.Static(), {"strength": [0.5]}, store=tmp_path / "one")
    with pytest.raises(FileExistsError, match=r"differs: covariance is .* there and .* here"):
        qd.sweep(lambda strength: rank_one(2 * strength), qd.dmft.Static(), {"strength": [0.5]}, store=tmp_path / "one")
    over = {"strength": [0.5, 1.0]}
    qd.sweep(rank_one, qd.dmft.Static(), over, store=tmp_path / "two")
    with pytest.raises(FileExistsError, match=r"differs: made\.covariance is"):
        qd.sweep(lambda strength: rank_one(2 * strength), qd.dmft.Static(), over, store=tmp_path / "two")
    discrete, reservoir = (
        qd.RandomNetwork(couplings=qd.couplings.Elliptic(0.5), unit=unit)
        for unit in (qd.units.Discrete(), qd.units.Reservoir())
    )
    qd.sweep(discrete, qd.dmft.Static(), {"gain": [0.5]}, store=tmp_path / "maps")
    with pytest.raises(FileExistsError, match=r"differs: unit is 'units\.Discrete' there and 'units\.Reservoir' here"):
        qd.sweep(reservoir, qd.dmft.Static(), {"gain": [0.5]}, store=tmp_path / "maps", resume=True)


def test_force_replaces_a_store(tmp_path: Path) -> None:
    place = tmp_path / "sweep.zarr"
    qd.sweep(MODEL, Parabola(), {"gain": [0.5]}, store=place)
    second = qd.sweep(MODEL, Parabola(), {"gain": [0.6, 0.7]}, store=place, force=True)
    with xr.open_zarr(place, consolidated=False) as stored:
        assert_same_bits(stored.load(), second)


def test_force_removes_nothing_but_a_store(tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.tex").write_text("years of work")
    (tmp_path / "file.zarr").write_text("a file")
    xr.Dataset({"mine": ("x", [1.0])}).to_zarr(tmp_path / "other.zarr", consolidated=False)
    for name in ("thesis", "file.zarr", "other.zarr"):
        with pytest.raises(FileExistsError, match="is not a store of a sweep"):
            qd.sweep(MODEL, Parabola(), {"gain": [0.5]}, store=tmp_path / name, force=True)
    assert (tmp_path / "thesis" / "chapter.tex").read_text() == "years of work"
    assert (tmp_path / "file.zarr").read_text() == "a file"
    assert (tmp_path / "other.zarr" / "mine").is_dir()


def test_a_place_that_cannot_be_written_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match=r"The store '.*' cannot be written: "):
        qd.sweep(MODEL, Parabola(), {"gain": [0.5]}, store=tmp_path / "file" / "sweep.zarr")


@pytest.mark.parametrize("name", ["a.txt", "sweep.nc", "sweep.h5"])
def test_a_store_has_no_name_of_another_kind(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match=r"`store` must end in \.zarr, for it is a folder in Zarr's format, but is '.*'\."):
        qd.sweep(MODEL, Parabola(), {"gain": [0.5]}, store=tmp_path / name)
    assert not (tmp_path / name).exists()


@pytest.mark.parametrize("name", ["sweep", "gain_1.5"])
def test_a_store_needs_no_ending(tmp_path: Path, name: str) -> None:
    qd.sweep(MODEL, Parabola(), {"gain": [0.5]}, store=tmp_path / name)
    assert list(qd.load(tmp_path / name)["gain"].values) == [0.5]


def test_resume_and_force_need_a_store() -> None:
    with pytest.raises(ValueError, match="are about a `store`"):
        qd.sweep(MODEL, Parabola(), {"gain": [0.5]}, resume=True)


def test_a_point_of_an_experiment_that_was_cut_short_is_done_again(tmp_path: Path) -> None:
    # Two of three networks of the second point are done when the interruption comes.
    found = qd.sweep(MODEL, TRAJECTORIES, {"gain": [0.5, 1.0]}, progress=interrupt_at(5))
    assert set(found["status"].values.tolist()) <= {qd.Status.solved, qd.Status.not_run}


def tear(file: Path, how: str) -> None:
    content = file.read_bytes()
    if how == "gone":
        file.unlink()
    else:
        pieces = {"empty": b"", "half": content[: len(content) // 2], "flipped": content[:-6] + b"\x5a\xa5" + content[-4:]}
        file.write_bytes(pieces[how])


@pytest.mark.parametrize("how", ["gone", "empty", "half", "flipped"])
@pytest.mark.parametrize("name", ["energy", "status", "gain"])
def test_a_damaged_piece_is_named_and_computed_again(
    tmp_path: Path, name: str, how: str, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments: Any = (MODEL, Parabola(), {"gain": [0.5, 1.0]})
    place = tmp_path / "sweep.zarr"
    whole = qd.sweep(*arguments, store=place)
    tear(place / name / "c" / "0", how)
    if name == "energy":
        with pytest.raises(ValueError, match=r"store '.*sweep\.zarr' is damaged: the array 'energy' has lost 2 points"):
            read_sweeps(place)
    assert_same_bits(qd.sweep(*arguments, store=place, resume=True), whole)
    told = capsys.readouterr().err
    lost = f"sweep.zarr' is damaged: the array {name!r} has lost 2 of 2 points, which are computed again."
    assert told == "" if name == "gain" else lost in told
    with xr.open_zarr(place) as stored:
        assert_same_bits(stored.load(), whole)


def test_a_point_whose_piece_is_lost_is_the_only_one_computed_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others keep theirs, and an interruption on the way loses nothing that is still there."""
    monkeypatch.setattr("quenched.sweeps.writer._BYTES_OF_A_PIECE", 24)  # three numbers
    arguments: Any = (MODEL, Lagged(1.0), {"gain": [0.5, 1.0, 1.5]})
    place = tmp_path / "sweep.zarr"
    whole = qd.sweep(*arguments, store=place)
    tear(place / "correlation" / "c" / "1" / "0", "half")
    first = qd.sweep(*arguments, store=place, resume=True, progress=interrupt_at(2))
    assert "the array 'correlation' has lost 1 of 3 points" in capsys.readouterr().err
    assert first["status"].values.tolist() == [0, qd.Status.not_run, 0]
    others = [name for name in whole.data_vars if name not in ("status", "correlation")]
    assert_same_bits(first[others], whole[others])
    told: list[tuple[int, int]] = []
    again = qd.sweep(*arguments, store=place, resume=True, progress=lambda *done: told.append(done))
    assert_same_bits(again, whole)
    assert told[0] == (2, 3)
    with xr.open_zarr(place) as stored:
        assert_same_bits(stored.load(), whole)


@pytest.mark.parametrize(("name", "how"), [("energy", "gone"), ("energy", "empty"), ("status", "half")])
def test_an_array_that_nothing_is_known_of_is_named(tmp_path: Path, name: str, how: str) -> None:
    arguments: Any = (MODEL, Parabola(), {"gain": [0.5]})
    place = tmp_path / "sweep.zarr"
    whole = qd.sweep(*arguments, store=place)
    tear(place / name / "zarr.json", how)
    with pytest.raises(ValueError, match=rf"store '.*sweep\.zarr' is damaged: .* array '{name}' .*; force=True"):
        qd.sweep(*arguments, store=place, resume=True)
    assert_same_bits(qd.sweep(*arguments, store=place, force=True), whole)
    tear(place / "zarr.json", how)
    with pytest.raises(FileExistsError, match=r"its zarr\.json is damaged; .* or remove it by hand"):
        qd.sweep(*arguments, store=place, resume=True)


OVER_TWO: Any = (MODEL, Lagged(1.0), {"gain": [0.5, 1.0], "symmetry": [0.1, 0.2]})


@pytest.mark.parametrize("how", ["gone", "half", "flipped"])
@pytest.mark.parametrize("name", ["gain", "critical_gain", "lag"])
def test_a_lost_coordinate_is_named_and_written_again(tmp_path: Path, name: str, how: str) -> None:
    place = tmp_path / "sweep.zarr"
    whole = qd.sweep(*OVER_TWO, store=place)
    tear(place / name / "c" / "0", how)
    with pytest.raises(ValueError, match=rf"sweep\.zarr' is damaged: the array '{name}' has lost a piece; .* resume=True"):
        qd.load(place)
    qd.sweep(*OVER_TWO, store=place, resume=True)
    assert_same_bits(qd.load(place), whole)


@pytest.mark.parametrize("piece", ["gain/c/0", "energy/c/0/0", "status/c/0/0"])
def test_a_folder_in_place_of_a_piece_is_named(tmp_path: Path, piece: str) -> None:
    place = tmp_path / "sweep.zarr"
    whole = qd.sweep(*OVER_TWO, store=place)
    (place / piece).unlink()
    (place / piece).mkdir()
    with pytest.raises(ValueError, match=rf"{piece}', must be a file, but is a folder; remove it and try again"):
        qd.load(place)
    (place / piece).rmdir()
    assert_same_bits(qd.sweep(*OVER_TWO, store=place, resume=True), whole)


@pytest.mark.parametrize("name", ["gain", "energy", "lag"])
@pytest.mark.parametrize("also_in_the_group", [False, True])
def test_an_array_of_another_shape_is_named(tmp_path: Path, name: str, also_in_the_group: bool) -> None:
    place = tmp_path / "sweep.zarr"
    qd.sweep(*OVER_TWO, store=place)
    own = json.loads((place / name / "zarr.json").read_text())
    own["shape"] = [5] * len(own["shape"])
    (place / name / "zarr.json").write_text(json.dumps(own))
    if also_in_the_group:
        group = json.loads((place / "zarr.json").read_text())
        group["consolidated_metadata"]["metadata"][name] = own
        (place / "zarr.json").write_text(json.dumps(group))
    with pytest.raises(DamagedStoreError, match=rf"sweep\.zarr' is damaged: .*{name}'"):
        qd.load(place)
    with pytest.raises(DamagedStoreError, match=rf"sweep\.zarr' is damaged: .* '{name}' .*5.*force=True"):
        qd.sweep(*OVER_TWO, store=place, resume=True)


@pytest.mark.parametrize("definition", ['{"theory": "Para', "[1]"])
def test_a_torn_definition_is_named(tmp_path: Path, definition: str) -> None:
    place = tmp_path / "sweep.zarr"
    qd.sweep(*OVER_TWO, store=place)
    group = json.loads((place / "zarr.json").read_text())
    group["attributes"]["definition"] = definition
    (place / "zarr.json").write_text(json.dumps(group))
    with pytest.raises(ValueError, match=r"sweep\.zarr' is damaged: the attribute 'definition' .* must be a table in JSON"):
        qd.load(place)
    with pytest.raises(ValueError, match=r"the attribute 'definition' .* remove the store by hand"):
        qd.sweep(*OVER_TWO, store=place, resume=True)


def test_a_store_opens_without_a_warning_at_any_moment(tmp_path: Path) -> None:
    """While it fills, when it is full, and as one of several; pytest turns warnings into errors."""
    place = tmp_path / "sweep.zarr"
    seen: list[int] = []

    def look(done: int, _: int) -> None:
        if place.exists():
            with xr.open_zarr(place) as stored:
                seen.append(int((stored["status"] == qd.Status.not_run).sum()))

    qd.sweep(MODEL, TRAJECTORIES, {"gain": [0.5, 1.0]}, store=place, progress=look)
    assert seen[0] == 2
    look(0, 0)
    assert seen[-1] == 0
    qd.solve(MODEL, TRAJECTORIES).save(tmp_path / "solution.zarr")
    with xr.open_zarr(tmp_path / "solution.zarr") as stored:
        assert "mean_square_rate" in stored
    assert sorted(each.name for each in tmp_path.iterdir()) == ["solution.zarr", "sweep.zarr"]
