"""Processes are killed for real at random moments, and nothing that was written is computed again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import xarray as xr
from killed_sweep import OVER, sweep
from toys import assert_same_bits

import quenched as qd
from quenched.sweeps.lock import holder

POINTS = len(OVER["gain"])
SCRIPT = Path(__file__).with_name("killed_sweep.py")


@pytest.fixture(scope="module")
def whole() -> xr.Dataset:
    """Undisturbed."""
    return sweep()


@contextmanager
def running(*command: Any) -> Iterator[subprocess.Popen[str]]:
    words = [sys.executable, *map(str, command)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            kill_all(process)


def kill_all(process: subprocess.Popen[str]) -> None:
    """It and what it has started."""
    if process.poll() is None:
        for each in [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]:
            each.send_signal(signal.SIGKILL)


@contextmanager
def scheduler(folder: Path, workers: int = 2) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A scheduler of its own process, with workers."""
    about = folder / f"scheduler-{time.monotonic_ns()}.json"
    options = ("--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", about)
    with running("-m", "distributed.cli.dask_scheduler", *options) as process:
        while not about.exists():
            time.sleep(0.05)
        worker = ("-m", "distributed.cli.dask_worker", "--scheduler-file", about, "--nthreads", "1", "--nworkers", workers)
        with running(*worker, "--no-dashboard"):
            yield json.loads(about.read_text())["address"], process


def at_a_random_moment(process: subprocess.Popen[str], random: np.random.Generator) -> int:
    """Wait until so many points are done, and then somewhat."""
    assert process.stdout is not None
    wanted = int(random.integers(1, POINTS - 15))
    for line in process.stdout:
        done, total = map(int, line.split())
        if done * POINTS >= wanted * total:
            break
    time.sleep(float(random.uniform(0.0, 0.3)))
    return wanted


def done_in(store: Path) -> int:
    """Points that are done, as anybody reads them."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with xr.open_zarr(store) as stored:
            return int((stored["status"] == qd.Status.solved).sum())


def check_that_resuming_completes(store: Path, whole: xr.Dataset, **options: Any) -> None:
    done, told = done_in(store), list[int]()
    found = sweep(store, resume=True, progress=lambda done, total: told.append(done * POINTS // total), **options)
    assert told[0] == done
    assert told[-1] == POINTS
    assert_same_bits(found, whole)
    with xr.open_zarr(store) as stored:
        xr.testing.assert_identical(stored.load(), found)


@pytest.mark.slow
@pytest.mark.parametrize("moment", range(4))
@pytest.mark.parametrize("killed", ["client alone", "local workers", "client with workers", "scheduler", "everything"])
def test_a_kill_loses_nothing_that_was_written(tmp_path: Path, whole: xr.Dataset, killed: str, moment: int) -> None:
    random, store = np.random.default_rng((len(killed), moment)), tmp_path / "sweep.zarr"
    if killed in ("client alone", "client with workers", "local workers"):
        with running(SCRIPT, store, "none" if killed == "client alone" else 2) as process:
            at_a_random_moment(process, random)
            workers = psutil.Process(process.pid).children(recursive=True)
            if killed == "local workers":
                killed_ones = [worker for worker in workers if "spawn_main" in " ".join(worker.cmdline())]
                assert len(killed_ones) == 2
                for worker in killed_ones:
                    worker.send_signal(signal.SIGKILL)
                said, told = process.communicate(timeout=120)
                assert said.split()[-2] == said.split()[-1], told  # it goes on to the end
                assert process.returncode == 0
            else:
                os.kill(process.pid, signal.SIGKILL)
                process.wait()
                assert holder(store) is None
                _, alive = psutil.wait_procs(workers, timeout=40)
                assert not alive  # they end with it
    else:
        with scheduler(tmp_path) as (address, server), running(SCRIPT, store, address) as process:
            at_a_random_moment(process, random)
            if killed == "everything":
                kill_all(process)
            kill_all(server)
            _, told = process.communicate(timeout=60)
            assert killed == "everything" or "continue the sweep with resume=True" in told
    check_that_resuming_completes(store, whole)
