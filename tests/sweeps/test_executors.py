"""Points computed by other processes, and what becomes of those that cannot be."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from distributed import Client, LocalCluster
from test_sweep import LANES, MODEL, TRAJECTORIES, interrupt_at
from toys import Fragile, Lagged, Parabola, assert_same_bits

import quenched as qd
from quenched.sweeps.executors import connect
from quenched.sweeps.table import Table
from quenched.sweeps.workers import local_client

GAINS = np.linspace(0.1, 1.9, LANES + 7)  # without 1
BROKEN = [0.25, 1.0, 0.75, 1.5]


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with local_client(2) as found:
        yield found


@pytest.mark.parametrize(
    ("theory", "over"),
    [
        (Parabola(), {"gain": GAINS, "symmetry": [0.1, 0.2]}),
        (Lagged(1.0), {"gain": GAINS}),
        (TRAJECTORIES, {"gain": [0.5, 1.0, 1.5]}),
    ],
    ids=["theory", "with an axis of its own", "experiment"],
)
def test_the_bits_do_not_depend_on_where_they_are_computed(tmp_path: Path, client: Client, theory: Any, over: Any) -> None:
    here = qd.sweep(MODEL, theory, over, key=5)
    told: list[tuple[int, int]] = []
    there = qd.sweep(MODEL, theory, over, key=5, executor=client, progress=lambda *done: told.append(done))
    assert_same_bits(there, here)
    assert told[0][0] == 0
    assert told[-1][0] == told[-1][1]
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    first = qd.sweep(MODEL, theory, over, key=5, store=tmp_path / "sweep.zarr", progress=interrupt_at(2))
    assert (first["status"] == qd.Status.not_run).any()
    assert_same_bits(qd.sweep(MODEL, theory, over, key=5, store=tmp_path / "sweep.zarr", resume=True, executor=client), here)


@pytest.mark.slow
def test_processes_of_this_machine_are_started_and_ended() -> None:
    here = qd.sweep(MODEL, Parabola(), {"gain": GAINS})
    assert_same_bits(qd.sweep(MODEL, Parabola(), {"gain": GAINS}, executor=1), here)


@pytest.mark.parametrize("where", ["here", "workers"])
def test_a_point_that_ends_with_an_error_is_the_only_one_that_is_given_up(
    tmp_path: Path, client: Client, where: str, capsys: pytest.CaptureFixture[str]
) -> None:
    place, executor = tmp_path / "sweep.zarr", None if where == "here" else client
    found = qd.sweep(MODEL, Fragile(), {"gain": BROKEN}, store=place, executor=executor)
    assert found["status"].values.tolist() == [0, qd.Status.failed, 0, 0]
    np.testing.assert_array_equal(np.isnan(found["energy"]), [False, True, False, False])
    assert "1 of 4 points failed 3 times: " in (told := capsys.readouterr().err)
    assert "the bridge is out" in told
    stored = qd.load(place)
    ((message, places),) = json.loads(stored["status"].attrs["failures"]).items()
    assert "the bridge is out" in message
    assert places == [[1]]
    with pytest.raises(FileExistsError, match="incomplete, 1 of 4 points to do"):
        qd.sweep(MODEL, Fragile(), {"gain": BROKEN}, store=place)
    again = qd.sweep(MODEL, Fragile(), {"gain": BROKEN}, store=place, resume=True)
    assert_same_bits(again, found)


@pytest.mark.parametrize("where", ["here", "workers"])
def test_resuming_leaves_the_neighbours_of_a_failed_point_as_they_are(
    tmp_path: Path, client: Client, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even if a neighbour in the same batch could not be computed now."""
    place, executor = tmp_path / "sweep.zarr", None if where == "here" else client
    first = qd.sweep(MODEL, Fragile(), {"gain": BROKEN}, store=place)
    written: list[list[int]] = []
    monkeypatch.setattr("quenched.sweeps.table.Table.fill", noted(Table.fill, written))
    again = qd.sweep(MODEL, Fragile(), {"gain": BROKEN}, store=place, resume=True, executor=executor)
    assert written == [[1]]
    assert first.identical(again)


def noted(fill: Any, written: list[list[int]]) -> Any:
    def fill_and_note(table: Table, part: Any) -> None:
        written.append(part.indices.tolist())
        fill(table, part)

    return fill_and_note


def test_an_interruption_before_a_failed_point_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "sweep.zarr"
    qd.sweep(MODEL, Fragile(), {"gain": BROKEN}, store=place)
    capsys.readouterr()

    def interrupt(*_: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr("quenched.sweeps.tasks.solve_points", interrupt)
    found = qd.sweep(MODEL, Fragile(), {"gain": BROKEN}, store=place, resume=True)
    assert found["status"].values.tolist() == [0, qd.Status.not_run, 0, 0]
    assert "Interrupted after 3 of 4 points" in capsys.readouterr().err


def test_a_connection_that_breaks_loses_nothing(client: Client) -> None:
    """As on a busy machine: Dask connects again, with all tasks forgotten."""
    broken = False

    def break_it(done: int, _: int) -> None:
        nonlocal broken
        if done and not broken:
            broken = True
            client.loop.add_callback(client.scheduler_comm.comm.abort)

    over = {"gain": np.linspace(0.5, 1.5, 12)}
    found = qd.sweep(MODEL, TRAJECTORIES, over, executor=client, progress=break_it)
    assert broken
    assert_same_bits(found, qd.sweep(MODEL, TRAJECTORIES, over))


@pytest.mark.slow
def test_a_point_that_kills_its_worker_is_the_only_one_that_is_given_up(client: Client) -> None:
    found = qd.sweep(MODEL, Fragile(kills=True), {"gain": BROKEN}, executor=client)
    assert found["status"].values.tolist() == [0, qd.Status.failed, 0, 0]
    assert "KilledWorker" in found["status"].attrs["failures"]
    client.wait_for_workers(2, timeout=60)  # the dead are replaced


def test_what_cannot_be_sent_is_told(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    lock = threading.Lock()
    model = qd.RandomNetwork(1.0, field=lambda time: 0.1 * time * (lock is not None))
    with pytest.raises(
        TypeError, match=r"such that they can be sent there, but cannot pickle '_thread\.lock' object; define"
    ):
        qd.sweep(model, TRAJECTORIES, {"gain": [0.5]}, executor=client)

    monkeypatch.setattr(Parabola, "__module__", "__main__")
    with pytest.raises(TypeError, match=r"The class Parabola is defined in the program itself, .*; put it into a file"):
        qd.sweep(MODEL, Parabola(), {"gain": [0.5]}, executor=client)


def test_another_server_is_told_from_a_scheduler() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 4)
            connection.close()

        threading.Thread(target=answer, daemon=True).start()
        with pytest.raises(ConnectionError, match="No Dask scheduler answers at"):
            connect(f"127.0.0.1:{server.getsockname()[1]}")


def test_a_scheduler_and_workers_with_another_version_are_refused_by_name(
    client: Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    place, before = tmp_path / "sweep.zarr", qd.sweep(MODEL, Parabola(), {"gain": [0.5]}, store=tmp_path / "sweep.zarr")
    monkeypatch.setattr("quenched.sweeps.executors.made_by", lambda: "quenched 99.0")
    for who in ("scheduler", "worker"):
        with pytest.raises(
            ConnectionError, match=rf"The Dask {who} tcp://.* has quenched .*, but this program has quenched 99"
        ):
            qd.sweep(MODEL, Parabola(), {"gain": [0.5]}, executor=client, store=place, force=True)
        monkeypatch.setattr(client, "run_on_scheduler", lambda *_: "quenched 99.0")
    assert qd.load(place).identical(before)


def test_a_worker_of_another_version_that_comes_later_ends_the_sweep(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("quenched.sweeps.executors._check_versions", lambda *_: None)
    monkeypatch.setattr("quenched.sweeps.executors.made_by", lambda: "quenched 99.0")
    with pytest.raises(qd.StoppedSweepError, match=r"A Dask worker has quenched .*, but this program has quenched 99\.0: "):
        qd.sweep(MODEL, Parabola(), {"gain": [0.5]}, executor=client)


def test_a_scheduler_without_workers_is_waited_for(capsys: pytest.CaptureFixture[str]) -> None:
    options: dict[str, Any] = {"processes": False, "dashboard_address": None, "protocol": "tcp", "host": "127.0.0.1"}
    with LocalCluster(n_workers=0, **options) as cluster, Client(cluster) as alone:
        later = threading.Timer(1.0, lambda: cluster.scale(1))
        later.start()
        found = qd.sweep(MODEL, Parabola(), {"gain": [0.5]}, executor=alone)
        later.join()
    assert found["status"].values.tolist() == [qd.Status.solved]
    assert "has no workers yet; waiting for one, which `dask worker tcp://" in capsys.readouterr().err
    with pytest.raises(ConnectionError, match="must be a running Client, but is closed; make a new one"):
        qd.sweep(MODEL, Parabola(), {"gain": [0.5]}, executor=alone)


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "nonsense", "ftp://127.0.0.1:80"])
def test_a_scheduler_that_cannot_be_reached_is_told(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("quenched.sweeps.executors._PATIENCE", 1)
    with pytest.raises(ConnectionError, match=f"No Dask scheduler answers at '{address}' within 1 s .*start one by `dask"):
        connect(address)


@pytest.mark.parametrize(
    ("executor", "error", "message"),
    [
        ("process", ValueError, "`executor` must be one of 'processes'"),
        (0, ValueError, "`executor` must be at least 1"),
        (True, TypeError, "a number of processes, or a dask.distributed.Client, but is True"),
        ([], TypeError, r"a dask.distributed.Client, but is \[\]"),
    ],
)
def test_what_is_no_executor_is_refused(executor: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        qd.sweep(MODEL, Parabola(), {"gain": [0.5]}, executor=executor)
