"""One writer at a time, and what becomes of a sweep whose store cannot be written any more."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from test_sweep import LANES, MODEL
from toys import Parabola, assert_same_bits

import quenched as qd
from quenched.sweeps.lock import LockedStoreError, holder, lock_file, locked
from quenched.sweeps.writer import piece_of_points

OVER = {"gain": np.linspace(0.1, 1.9, 3 * LANES)}


@pytest.fixture(autouse=True)
def _write_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("quenched.sweeps.writer._SECONDS_BETWEEN_WRITES", 0.0)
    monkeypatch.setattr("quenched.sweeps.lock._PATIENCE", 0.1)


def once(action: Any) -> Any:
    """For `progress`: do this when some points are done."""
    done = False

    def tell(points: int, _: int) -> None:
        nonlocal done
        if points >= LANES and not done:
            done = True
            action()

    return tell


def test_two_sweeps_do_not_write_into_one_store(tmp_path: Path) -> None:
    place = tmp_path / "sweep.zarr"
    with locked(place):
        assert holder(place) == f"process {os.getpid()} on {os.uname().nodename}"
        message = rf"The store '.*sweep\.zarr' is being written by process {os.getpid()} on "
        every: list[dict[str, Any]] = [{}, {"resume": True}, {"force": True}]
        for options in every:
            with pytest.raises(LockedStoreError, match=message):
                qd.sweep(MODEL, Parabola(), OVER, store=place, **options)
    assert holder(place) is None
    assert list(tmp_path.iterdir()) == []
    qd.sweep(MODEL, Parabola(), OVER, store=place)
    assert [path.name for path in tmp_path.iterdir()] == ["sweep.zarr"]


def test_a_link_to_a_store_is_the_store(tmp_path: Path) -> None:
    place, link = tmp_path / "sweep.zarr", tmp_path / "link.zarr"
    found = qd.sweep(MODEL, Parabola(), {"gain": [0.5]}, store=place)
    link.symlink_to(place)
    with locked(place), pytest.raises(LockedStoreError, match=f"being written by process {os.getpid()}"):
        qd.sweep(MODEL, Parabola(), {"gain": [0.5]}, store=link, resume=True)
    assert_same_bits(qd.sweep(MODEL, Parabola(), {"gain": [0.5]}, store=link, force=True), found)
    assert link.is_symlink()
    assert_same_bits(qd.load(place), found)
    shutil.rmtree(place)
    qd.sweep(MODEL, Parabola(), {"gain": [0.5]}, store=link)
    assert_same_bits(qd.load(place), found)
    with pytest.raises(ValueError, match=r"`store` must name a folder of its own, such as sweep\.zarr, but is '\.'"):
        qd.sweep(MODEL, Parabola(), {"gain": [0.5]}, store=".")


def test_what_is_done_is_written_while_the_next_point_takes_its_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("quenched.sweeps.writer._SECONDS_BETWEEN_WRITES", 0.3)
    place, seen = tmp_path / "sweep.zarr", []

    def wait_until_it_is_written(done: int, _: int) -> None:
        if done == LANES:
            for _ in range(200):
                with xr.open_zarr(place) as stored:
                    seen.append(int((stored["status"] == qd.Status.solved).sum()))
                if seen[-1]:
                    return
                time.sleep(0.05)

    qd.sweep(MODEL, Parabola(), OVER, store=place, progress=wait_until_it_is_written)
    assert seen[-1] >= LANES


def test_a_lock_ends_with_its_process(tmp_path: Path) -> None:
    place = tmp_path / "sweep.zarr"
    script = f"""
import os, pathlib
from quenched.sweeps.lock import locked
with locked(pathlib.Path({str(place)!r})):
    os.kill(os.getpid(), 9)
"""
    subprocess.run([sys.executable, "-c", script], check=False, timeout=60)
    assert lock_file(place).exists()
    assert holder(place) is None
    qd.sweep(MODEL, Parabola(), OVER, store=place)


def test_a_store_that_is_removed_ends_the_sweep_with_its_results(tmp_path: Path) -> None:
    place = tmp_path / "sweep.zarr"
    with pytest.raises(qd.StoppedSweepError, match="was removed while the sweep ran; compute it again") as caught:
        qd.sweep(MODEL, Parabola(), OVER, store=place, progress=once(lambda: shutil.rmtree(place)))
    done = caught.value.solution
    solved = done["status"].values == qd.Status.solved
    assert solved.sum() >= LANES
    np.testing.assert_allclose(done["energy"].values[solved], np.sin(OVER["gain"])[solved] + 0.2)
    assert not (place / "energy").exists()


def test_a_store_that_is_replaced_ends_the_sweep_and_stays_as_it_is(tmp_path: Path) -> None:
    place, other = tmp_path / "sweep.zarr", tmp_path / "other.zarr"
    theirs = qd.sweep(MODEL, Parabola(2.0), {"gain": [0.5]}, store=other)

    def replace() -> None:
        shutil.rmtree(place)
        shutil.copytree(other, place)

    with pytest.raises(qd.StoppedSweepError, match="was replaced by another while the sweep ran"):
        qd.sweep(MODEL, Parabola(), OVER, store=place, progress=once(replace))
    assert_same_bits(qd.load(place), theirs)


@pytest.mark.parametrize(("code", "message"), [(errno.ENOSPC, "cannot hold more"), (errno.EROFS, "cannot be written")])
def test_a_full_disk_ends_the_sweep_and_it_can_go_on(
    tmp_path: Path, code: int, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system refuses in the midst of writing, here through a false `write`, below for real."""
    import zarr.storage._local as local

    place = tmp_path / "sweep.zarr"
    with monkeypatch.context() as broken:

        def refuse(*_: Any, **__: Any) -> None:
            raise OSError(code, os.strerror(code))

        with pytest.raises(qd.StoppedSweepError, match=rf"{message} \({os.strerror(code)}\).* of {3 * LANES} points"):
            qd.sweep(MODEL, Parabola(), OVER, store=place, progress=once(lambda: broken.setattr(local, "_put", refuse)))
    with xr.open_zarr(place) as stored:
        assert 0 < int((stored["status"] == qd.Status.solved).sum()) < 3 * LANES
    assert_same_bits(qd.sweep(MODEL, Parabola(), OVER, store=place, resume=True), qd.sweep(MODEL, Parabola(), OVER))


def test_the_system_refuses_a_file_that_is_too_large(tmp_path: Path) -> None:
    """As a full disk or a quota does."""
    place = tmp_path / "sweep.zarr"
    script = f"""
import resource, signal, sys, numpy as np, quenched as qd
import quenched.sweeps.writer as writer
sys.path.insert(0, {str(Path(__file__).parent)!r})
from toys import Lagged

def limit(done, total):
    if done:
        resource.setrlimit(resource.RLIMIT_FSIZE, (300, 300))

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
writer._SECONDS_BETWEEN_WRITES = 0.0
over = {{"gain": np.linspace(0.1, 1.9, 200)}}
qd.sweep(qd.RandomNetwork(1.0), Lagged(1.0), over, store={str(place)!r}, progress=limit)
"""
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 1
    assert "cannot hold more (File too large): make room, and continue the sweep with resume=True" in ended.stderr
    assert not list(place.rglob("*.partial"))
    with xr.open_zarr(place) as stored:
        assert stored.sizes["gain"] == 200


@pytest.mark.parametrize(
    ("there", "message"),
    [
        (99, r"is of a newer version of quenched \(format 99, .*\): pip install --upgrade quenched; xarray.open_zarr"),
        (1, r"is of an older version of quenched \(format 1, .*\): choose another place, or pass force=True"),
    ],
)
def test_a_store_of_another_version_is_told(tmp_path: Path, there: int, message: str) -> None:
    place = tmp_path / "sweep.zarr"
    found = qd.sweep(MODEL, Parabola(), {"gain": [0.5]}, store=place)
    about = json.loads((place / "zarr.json").read_text())
    definition = {**json.loads(about["attributes"]["definition"]), "format": there}
    about["attributes"]["definition"] = json.dumps(definition)
    (place / "zarr.json").write_text(json.dumps(about))
    every: list[dict[str, Any]] = [{}, {"resume": True}]
    for options in every:
        with pytest.raises(FileExistsError, match=message):
            qd.sweep(MODEL, Parabola(), {"gain": [0.5]}, store=place, **options)
    with pytest.raises(FileExistsError, match=message):
        qd.load(place)
    assert_same_bits(qd.sweep(MODEL, Parabola(), {"gain": [0.5]}, store=place, force=True), found)


@pytest.mark.parametrize(
    ("grid", "bytes_of_a_point", "piece"),
    [
        ((100_000,), 8, (16384,)),
        ((400, 250), 8, (65, 250)),
        ((400, 250), 1024, (1, 128)),
        ((3, 4), 10**9, (1, 1)),
        ((3, 4), 8, (3, 4)),
        ((7, 3, 5), 128 * 1024 // 30, (2, 3, 5)),
    ],
)
def test_neighbouring_points_share_a_piece(grid: tuple[int, ...], bytes_of_a_point: int, piece: tuple[int, ...]) -> None:
    assert piece_of_points(grid, bytes_of_a_point) == piece


def test_every_point_says_who_computed_it_and_how_long_that_took(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "sweep.zarr"

    def stop(done: int, _: int) -> None:
        if done:
            raise KeyboardInterrupt

    first_found = qd.sweep(MODEL, Parabola(), OVER, store=place, progress=stop)
    monkeypatch.setattr("quenched.sweeps.tasks.made_by", lambda: "quenched 99.0, jax 99")
    found = qd.sweep(MODEL, Parabola(), OVER, store=place, resume=True)
    first, second = found["version"].attrs["versions"].split("; ")
    assert second == "quenched 99.0, jax 99"
    assert first != second
    assert qd.load(place).identical(found)
    done = first_found["status"].values == qd.Status.solved
    np.testing.assert_array_equal(found["version"].values[done], 0)
    np.testing.assert_array_equal(found["wall_time"].values[done], first_found["wall_time"].values[done])
    assert set(found["version"].values.tolist()) == {0, 1}
    assert (found["wall_time"] > 0.0).all()
