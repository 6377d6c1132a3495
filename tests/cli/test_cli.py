from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import quenched as qd
from quenched.cli import run
from quenched.sweeps import engine

SWEEP = """
title = "small"

[over]
gain = [0.5, 1.0, 1.5]

[theories.run]
theory = "simulate.Trajectories"
size = 10
networks = 2
duration = 2.0
step = 0.5

[output]
store = "small.zarr"
figure = "small.png"
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    (tmp_path / "small.toml").write_text(SWEEP)
    return tmp_path


def test_solve_prints_the_solution_and_writes_it(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["solve", "simulate.Trajectories", "--gain", "0.5", "--size", "10", "--networks", "2", "--duration", "2.0"]
    assert run([*command, "--step", "0.5", "--seed", "3", "--output", "out.nc"]) == 0
    expected = qd.solve(qd.RandomNetwork(0.5), qd.simulate.Trajectories(10, 2, 2.0, 0.5), key=3)
    assert repr(expected) in capsys.readouterr().out
    with xr.open_dataset("out.nc") as written:
        assert float(written["mean_square_rate"]) == float(expected["mean_square_rate"])
    assert run([*command, "--output", "out.nc"]) == 2
    assert "'out.nc' exists; --force replaces it" in capsys.readouterr().err


def test_sweep_stores_draws_and_tabulates(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["sweep", "small.toml"]) == 0
    out = capsys.readouterr().out
    stored = qd.sweep(qd.RandomNetwork(1.0), qd.simulate.Trajectories(10, 2, 2.0, 0.5), {"gain": [0.5, 1.0, 1.5]})
    from quenched.numerics.statistics import with_error

    for gain in (0.5, 1.0, 1.5):
        at = stored.sel(gain=gain)
        assert with_error(float(at["mean_square_rate"]), float(at["mean_square_rate_error"])) in out
    assert "g_c = 1" in out
    assert "small.zarr" in out
    assert (folder / "small.png").exists()
    assert run(["show", "small.zarr"]) == 0
    shown = capsys.readouterr().out
    assert "run: simulate.Trajectories" in shown
    assert "gain 0.5 to 1.5 (3 values)" in shown
    assert "3 of 3 points" in shown
    assert run(["cite", "small.zarr"]) == 0
    assert "@article{sompolinsky1988" in capsys.readouterr().out
    assert run(["sweep", "small.toml"]) == 2
    assert "(--resume on the command line)" in capsys.readouterr().err
    assert run(["sweep", "small.toml", "--resume"]) == 0
    assert run(["sweep", "small.toml", "--force"]) == 0


def test_an_interruption_has_its_code_and_says_how_to_go_on(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    measure, points = engine.measure_ensemble, []

    def interrupted(model: qd.RandomNetwork, *rest: object) -> object:
        points.append(model)
        if len(points) == 3:  # shapes, the first point, and now
            raise KeyboardInterrupt
        return measure(model, *rest)  # type: ignore[arg-type]

    (folder / "results").mkdir()
    with monkeypatch.context() as patched:
        patched.setattr(engine, "measure_ensemble", interrupted)
        assert run(["sweep", "small.toml", "--output", "results"]) == 130
    err = capsys.readouterr().err
    assert "Interrupted after 1 of 3 points" in err
    assert "Continue with: quenched sweep small.toml --resume --output results" in err
    assert run(["sweep", "small.toml", "--resume", "--output", "results"]) == 0


def test_the_program_ends_with_130_when_it_is_interrupted(folder: Path) -> None:
    program = (
        "import signal\n"
        # Python ignores Ctrl-C where it is started in the background.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from quenched.cli import main\n"
        "from quenched.sweeps import engine\n"
        "engine.measure_ensemble = lambda *_: signal.raise_signal(signal.SIGINT)\n"
        "import sys; sys.argv = ['quenched', 'sweep', 'small.toml']; main()"
    )
    ended = subprocess.run([sys.executable, "-c", program], cwd=folder, capture_output=True, text=True)
    assert ended.returncode == 130
    assert "Continue with: quenched sweep small.toml --resume" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_what_there_is_is_shown_and_written_even_if_it_is_not_all(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    command = ["solve", "dmft.TwoTime", "--gain", "0.9", "--symmetry", "0.5", "--duration", "1", "--step", "0.25"]
    command += ["--scramblings", "2", "--trajectories", "32", "--precision", "1e-7", "--time-limit", "1e-3"]
    assert run([*command, "--output", "best.nc"]) == 1
    shown = capsys.readouterr()
    assert "correlation" in shown.out
    assert "imprecise" in shown.err
    assert (folder / "best.nc").exists()


def test_a_numerical_failure_has_code_1(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    command = ["solve", "simulate.Trajectories", "--activation", "relu", "--gain", "9", "--size", "10", "--networks", "2"]
    assert run([*command, "--duration", "1000.0", "--step", "0.5"]) == 1
    assert "diverged" in capsys.readouterr().err
    text = (
        SWEEP.replace("[over]", '[model]\nactivation = "relu"\n[over]').replace("1.5]", "9.0]").replace("= 2.0", "= 1000.0")
    )
    (folder / "small.toml").write_text(text)
    assert run(["sweep", "small.toml"]) == 1
    assert "run: 1 of 3 points diverged" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["solve", "dmft.Static", "--gain", "-1"], "`gain` must be a finite number at least 0, but is -1"),
        (["solve", "dmft.Static", "--gain", "one"], "one"),
        (["solve", "dmft.Static"], "--gain is missing"),
        (["solve", "dmft.Static", "--gian", "1"], "no argument `gian`. Did you mean 'gain'?"),
        (["solve", "dmft.Statik", "--gain", "1"], "Did you mean 'dmft.Static'?"),
        (["solve", "FiniteTemperature", "--gain", "1", "--temperature", "0"], "`temperature` must be greater than 0"),
        (["solve", "FiniteTemperature", "--gain", "1"], "needs the argument `temperature`"),
        (["solve", "dmft.Static", "--gain", "1", "--activation", "tahn"], "Did you mean 'tanh'?"),
        (["solve", "dmft.Static", "--gain", "1", "--output", "a.txt"], "--output must end in .nc or .zarr"),
        (["solve", "dmft.Static", "--gain", "1", "--output", "no/a.nc"], "folder 'no' does not exist or cannot be written"),
        (["sweep", "none.toml"], "There is no file 'none.toml'"),
        (["sweep", "small.toml", "--output", "no"], "folder 'no' does not exist or cannot be written"),
        (["sweep", "small.toml", "--resume", "--force"], "exclude each other"),
        (["show", "none.zarr"], "There is no store 'none.zarr'"),
        (["show", "small.toml"], "'small.toml' is not a store of a sweep"),
        (["cite", "dmft.Statik"], "Did you mean 'dmft.Static'?"),
        (["fixed-points", "none.npy"], "There is no file 'none.npy'"),
        (["fixed-points", "small.toml"], "must end in one of .npy"),
        (["sovle"], "sovle"),
    ],
)
def test_bad_input_has_code_2_and_one_message(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == 2
    printed = capsys.readouterr()
    assert message in printed.err
    assert "Traceback" not in printed.err
    assert printed.out == ""


def test_a_folder_that_cannot_be_written_is_found_before_any_work(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # Permissions do not bind a superuser, so the answer of the system is put in its place.
    monkeypatch.setattr("os.access", lambda path, mode: False)
    assert run(["sweep", "small.toml"]) == 2
    assert "cannot be written; choose another by --output" in capsys.readouterr().err
    assert run(["solve", "dmft.Static", "--gain", "1", "--output", "a.nc"]) == 2


def test_fixed_points_of_a_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.savez("pair.npz", size=np.array([[0.0, 2.0], [2.0, 0.0]]), sign=np.ones((2, 2)))
    command = ["fixed-points", "pair.npz", "--array", "size", "--sign", "sign", "--starts", "20"]
    assert run([*command, "--output", "found.zarr"]) == 0
    out = capsys.readouterr().out
    assert "2 neurons, tanh: 3 fixed points from 20 starts" in out
    assert "index sum 1, as it must be for a complete list" in out
    with xr.open_zarr("found.zarr", consolidated=False) as written:
        assert written["stable"].values.tolist() == [True, True, False]
    assert run(["fixed-points", "pair.npz"]) == 2
    assert "holds 2 square arrays; choose one by `array`" in capsys.readouterr().err
    # The eigenvalues at the origin are -1 + 2 and -1 - 2.
    assert "leading eigenvalue" in out
    assert next(line for line in out.splitlines() if " no " in line).split()[4] == "1"


def test_complex_eigenvalues_survive_netcdf(folder: Path) -> None:
    np.save("turn.npy", np.array([[0.0, -0.5], [0.5, 0.0]]))
    assert run(["fixed-points", "turn.npy", "--starts", "4", "--output", "found.nc"]) == 0
    with xr.open_dataset("found.nc") as written:
        np.testing.assert_allclose(np.sort(written["eigenvalues"].values[0, :, 1]), [-0.5, 0.5])
        np.testing.assert_allclose(written["eigenvalues"].values[0, :, 0], -1.0)


def test_nothing_is_cut_off_in_a_narrow_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    np.save("pair.npy", np.array([[0.0, 2.0], [2.0, 0.0]]))
    assert run(["fixed-points", "pair.npy", "--starts", "20"]) == 0
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 40
    assert "leading eigenvalue: 1\n" in out
    assert "…" not in out
    for command in ([], ["solve"], ["sweep"], ["fixed-points"], ["show"], ["cite"]):
        assert run([*command, "--help"]) == 0
        assert max(map(len, capsys.readouterr().out.splitlines())) <= 40


def test_cite_gives_what_was_asked_for_and_everything_else_if_nothing_was(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["cite", "ZeroTemperature", "jax2018"]) == 0
    out = capsys.readouterr().out
    assert [line.split("{")[1] for line in out.splitlines() if line.startswith("@")] == ["qiu2025,", "jax2018,"]
    assert run(["cite"]) == 0
    assert capsys.readouterr().out.count("@") == len(qd.citation.BIBTEX)
