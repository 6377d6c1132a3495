"""Ctrl-C at any moment: one line, the code 130, and nothing lost that was computed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

# As the console script starts, told when it hears Ctrl-C; Python ignores that where it is started in the background.
PROGRAM = """
import _signal, sys
_signal.signal(_signal.SIGINT, _signal.default_int_handler)
from quenched.cli import interrupts, main
interrupts.listen()
{before}
print("listening", flush=True)
sys.argv = ["quenched", *sys.argv[1:]]
sys.exit(main())
"""
# A batch for each network, and Ctrl-C once four of twelve are averaged.
AFTER_FOUR = """
import signal, time
from quenched.numerics import memory, statistics
memory.BATCH_BYTES = 1
plain, done = statistics.RunningMean.add, set()
def add(self, values):
    plain(self, values)
    if self.count not in done:
        done.add(self.count)
        time.sleep(0.1)
        if self.count == 4:
            press()
statistics.RunningMean.add = add
"""
PRESSED = AFTER_FOUR + "def press(): signal.raise_signal(signal.SIGINT)\n"
PRESSED_IN_A_CALLBACK = PRESSED.replace("press", "_xla_gc_callback")
PRESSED_IN_A_DESTRUCTOR = AFTER_FOUR + "class press:\n    def __del__(self): signal.raise_signal(signal.SIGINT)\n"
NETWORKS = "solve simulate.Trajectories --gain 0.5 --size 10 --networks 12 --duration 2.0 --step 0.5 --output out.nc"


def start(command: str, folder: Path, before: str = "") -> subprocess.Popen[str]:
    program = [sys.executable, "-c", PROGRAM.format(before=before), *command.split()]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = subprocess.Popen(program, cwd=folder, text=True, env={**os.environ, "COLUMNS": "80"}, **pipes)  # type: ignore[call-overload]
    assert process.stdout.readline() == "listening\n"
    assert isinstance(process, subprocess.Popen)
    return process


def interrupted_after(seconds: float, command: str, folder: Path) -> bool:
    """Whether the command was still running then; it must end as it should."""
    process = start(command, folder)
    time.sleep(seconds)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    if process.returncode == 0:
        return False
    said = [line for line in err.splitlines() if not line.endswith("so far")]  # progress
    assert process.returncode == 130, err
    assert len(said) == 1, err
    assert said[0].startswith("Interrupted"), err
    return True


@pytest.mark.parametrize("seconds", [0.0, 0.3])
def test_it_ends_while_modules_are_imported(seconds: float, tmp_path: Path) -> None:
    assert interrupted_after(seconds, "solve dmft.Static --gain 1.5", tmp_path)


@pytest.mark.parametrize("before", [PRESSED, PRESSED_IN_A_CALLBACK, PRESSED_IN_A_DESTRUCTOR])
def test_what_is_computed_is_shown_and_written(before: str, tmp_path: Path) -> None:
    process = start(NETWORKS, tmp_path, before)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 130
    (said,) = (line for line in err.splitlines() if not line.endswith("so far"))
    assert "interrupted" in said.lower()
    assert "interrupted" in out
    assert "mean_square_rate" in out
    with xr.open_dataset(tmp_path / "out.nc") as written:
        assert float(written["mean_square_rate_error"]) > 0.0


SWEEP = """
[over]
gain = {start = 0.5, stop = 1.5, points = 40}
[theories.run]
theory = "simulate.Trajectories"
size = 200
networks = 4
duration = 40.0
step = 0.1
[output]
store = "small.zarr"
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    [
        "--help",
        "solve dmft.Static --gain 1.5",
        "solve replica.FiniteTemperature --gain 1.2 --temperature 0.1",
        "solve simulate.Trajectories --gain 1.5 --size 200 --networks 8 --duration 40 --step 0.05",
        "sweep small.toml --resume",
        "fixed-points pair.npy --output found.zarr --force",
        "show small.zarr",
    ],
)
def test_it_ends_at_any_moment(command: str, tmp_path: Path) -> None:
    (tmp_path / "small.toml").write_text(SWEEP)
    np.save(tmp_path / "pair.npy", 1.5 * np.random.default_rng(0).normal(size=(20, 20)) / np.sqrt(20))
    subprocess.run([sys.executable, "-c", PROGRAM.format(before=""), "sweep", "small.toml"], cwd=tmp_path, check=True)
    seconds = 0.0
    while interrupted_after(seconds, command, tmp_path):
        if "sweep" in command and seconds:
            shutil.rmtree(tmp_path / "small.zarr", ignore_errors=True)
        seconds = 1.15 * seconds + 0.05


def test_the_package_run_as_a_program_is_the_command(tmp_path: Path) -> None:
    ran = subprocess.run([sys.executable, "-m", "quenched", "cite", "jax2018"], capture_output=True, text=True, cwd=tmp_path)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.startswith("@software{jax2018,")
    wrong = subprocess.run([sys.executable, "-m", "quenched", "sovle"], capture_output=True, text=True, cwd=tmp_path)
    assert wrong.returncode == 2
    assert "sovle" in wrong.stderr


def test_the_package_run_as_a_program_hears_ctrl_c(tmp_path: Path) -> None:
    program = """
import _signal, runpy, sys
_signal.signal(_signal.SIGINT, _signal.default_int_handler)
import quenched.cli
quenched.cli.run = lambda arguments: _signal.raise_signal(_signal.SIGINT)
runpy.run_module("quenched", run_name="__main__")
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path)
    assert (ran.returncode, ran.stdout, ran.stderr) == (130, "", "Interrupted.\n")
