from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import quenched as qd
from quenched.cli import progress, run
from quenched.sweeps import tasks
from quenched.sweeps.registry import THEORIES, theories

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
figures = { edge_of_chaos = "small.png" }
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
    assert "'out.nc' exists; force=True (--force on the command line) replaces it" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--couplings", "elliptic", "--gain", "0.5", "--mean", "-2", "--unit", "lotka_volterra"],
         qd.RandomNetwork(couplings=qd.couplings.Elliptic(0.5, mean=-2.0), unit=qd.units.LotkaVolterra())),
        (["--couplings", '[{"elliptic": {"gain": 0.5}}, {"elliptic": {"gain": 0.1}}]',
          "--couplings.first.gain=0.7", "--time-constant", "2"],
         qd.RandomNetwork(couplings=qd.couplings.Elliptic(0.7) + qd.couplings.Elliptic(0.1),
                          unit=qd.units.Leaky(time_constant=2.0))),
        (["--couplings", '{"blocks": {"fractions": [0.5, 0.5]}}', "--gain", "[[0.5, 0.2], [0.1, 0.3]]",
          "--field", "[0.1, 0.2]",
          "--unit", '["leaky", { leaky = { activation = "relu" } }]', "--unit.0.activation", "erf"],
         qd.RandomNetwork(couplings=qd.couplings.Blocks((0.5, 0.5), [[0.5, 0.2], [0.1, 0.3]]), field=(0.1, 0.2),
                          unit=(qd.units.Leaky(qd.Erf()), qd.units.Leaky(qd.ReLU())))),
    ],
)  # fmt: skip
def test_options_reach_any_parameter(
    options: list[str], expected: qd.RandomNetwork, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["solve", "dmft.Static", *options]) == 0
    assert capsys.readouterr().out.startswith(repr(expected))


def test_init_prints_the_report(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["init", "erf", "--bias-std", "0.2", "--keep", "0.9", "--depth", "30"]) == 0
    found = qd.layers.critical_initialisation(qd.Erf(), 0.2, 0.9)
    assert capsys.readouterr().out == found.report(30) + "\n"
    wrong = {
        ("gleu",): "Did you mean 'gelu'?",
        ("erf", "--bias-std=-1"): "`bias_std` must be a finite number at least 0",
        ("erf", "--depth", "0"): "--depth must be at least 1, but is 0",
        ("erf", "--keep", "2"): "`keep`",
        ("hardshrink",): "must not jump",
        ("relu", "--bias-std", "1", "--lengths", "2", "1"): "`lengths`",
    }
    for arguments, message in wrong.items():
        assert run(["init", *arguments]) == 2
        assert message in capsys.readouterr().err


def test_sweep_takes_parameters_in_place_of_those_of_the_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["sweep", "small.toml", "--symmetry", "0.5", "--unit", "{leaky={activation='erf'}}"]) == 0
    stored = qd.load("small.zarr")
    assert stored.attrs["symmetry"] == 0.5
    assert stored.attrs["activation"] == "erf"
    capsys.readouterr()
    assert run(["sweep", "small.toml", "--rsume"]) == 2
    assert run(["sweep", "small.toml", "--rsume", "1"]) == 2
    assert "There is no option `rsume`. Did you mean 'resume'?" in capsys.readouterr().err
    assert run(["sweep", "small.toml", "--gain", "1.5"]) == 2
    assert "'gain' is swept in the file" in capsys.readouterr().err


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
    assert "points      3 of 3 solved" in shown
    assert run(["cite", "small.zarr"]) == 0
    assert "@article{sompolinsky1988" in capsys.readouterr().out
    assert run(["sweep", "small.toml"]) == 2
    assert "(--resume on the command line)" in capsys.readouterr().err
    assert run(["sweep", "small.toml", "--resume"]) == 0
    assert run(["sweep", "small.toml", "--force"]) == 0


def test_an_interruption_has_its_code_and_says_how_to_go_on(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    measure, points = tasks.measure_ensemble, []

    def interrupted(model: qd.RandomNetwork, *rest: object) -> object:
        points.append(model)
        if len(points) == 2:  # the first point, and now
            raise KeyboardInterrupt
        return measure(model, *rest)  # type: ignore[arg-type]

    (folder / "results").mkdir()
    with monkeypatch.context() as patched:
        patched.setattr(tasks, "measure_ensemble", interrupted)
        assert run(["sweep", "small.toml", "--output", "results"]) == 130
    err = capsys.readouterr().err
    assert "Interrupted after 1 of 3 points" in err
    assert "Continue with: quenched sweep small.toml --resume --output results" in err
    assert run(["sweep", "small.toml", "--resume", "--output", "results"]) == 0


def test_a_running_sweep_is_shown(folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    measure, points = tasks.measure_ensemble, []

    def shown_at_the_third(model: qd.RandomNetwork, *rest: object) -> object:
        points.append(model)
        if len(points) == 3:
            assert run(["show", "small.zarr"]) == 0
            assert run(["show", "small.zarr/run"]) == 0
        return measure(model, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(tasks, "measure_ensemble", shown_at_the_third)
    monkeypatch.setattr("quenched.sweeps.writer._SECONDS_BETWEEN_WRITES", 0.0)
    assert run(["sweep", "small.toml", "--quiet"]) == 0
    shown = capsys.readouterr().out
    assert shown.count(f"It is being written by process {os.getpid()} on ") == 2
    assert shown.count("points      2 of 3 solved, 1 left") == 2


def test_where_a_sweep_is_computed_is_one_place(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["sweep", "small.toml", "--workers", "2", "--scheduler", "tcp://127.0.0.1:9"]) == 2
    assert "--workers and --scheduler exclude each other" in capsys.readouterr().err
    (folder / "both.toml").write_text(SWEEP + '[run]\nworkers = 2\nscheduler = "tcp://127.0.0.1:9"\n')
    assert run(["sweep", "both.toml"]) == 2
    assert "both.toml: keys `run.workers` and `run.scheduler` exclude each other" in capsys.readouterr().err
    (folder / "many.toml").write_text(SWEEP + "[run]\nworkers = 0\nthreads = 2\n")
    assert run(["sweep", "many.toml"]) == 2
    told = capsys.readouterr().err
    assert "unknown key `run.threads`" in told
    assert "key `run.workers`" in told


@pytest.mark.slow
def test_a_sweep_in_several_processes_is_the_same(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["sweep", "small.toml"]) == 0
    here = qd.load("small.zarr")
    assert run(["sweep", "small.toml", "--force", "--workers", "2"]) == 0
    assert qd.load("small.zarr").drop_vars("wall_time").identical(here.drop_vars("wall_time"))
    (folder / "run.toml").write_text(SWEEP + "[run]\nworkers = 1\n")
    assert run(["sweep", "run.toml", "--force"]) == 0
    assert qd.load("small.zarr").drop_vars("wall_time").identical(here.drop_vars("wall_time"))


def test_the_program_ends_with_130_when_it_is_interrupted(folder: Path) -> None:
    program = (
        "import signal\n"
        # Python ignores Ctrl-C where it is started in the background.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from quenched.cli import main\n"
        "from quenched.sweeps import tasks\n"
        "tasks.measure_ensemble = lambda *_: signal.raise_signal(signal.SIGINT)\n"
        "import sys; sys.argv = ['quenched', 'sweep', 'small.toml']; main()"
    )
    ended = subprocess.run([sys.executable, "-c", program], cwd=folder, capture_output=True, text=True)
    assert ended.returncode == 130
    assert "Continue with: quenched sweep small.toml --resume" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_what_there_is_is_shown_and_written_even_if_it_is_not_all(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    command = ["solve", "dmft.TwoTime", "--gain", "0.9", "--symmetry", "0.5", "--duration", "1", "--step", "0.25"]
    command += ["--solver", "{ scramblings = 2, trajectories = 32, precision = 1e-7, time_limit = 1e-3 }"]
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
        (["solve", "dmft.Static", "--gan", "1"], "no argument `gan`. Did you mean 'gain'?\n"),
        (["solve", "dmft.Static", "--zzz", "1"], "no argument `zzz`. It takes no arguments."),
        (
            ["solve", "dmft.TwoTime", "--gain", "1", "--duration", "1", "--initial", "normal"],
            "`initial` must be {normal = [mean, std]} or {uniform = [low, high]}, but is 'normal'",
        ),
        (
            ["solve", "dmft.TwoTime", "--gain", "1", "--duration", "1", "--trajectories", "64"],
            "`trajectories`, which belongs to its solver: solver = { population = { trajectories = ... } }",
        ),
        (["solve", "dmft.Static", "--gain", "1", "--solver", "nodes"], "--solver must be a table, such as '{ nodes = 64 }'"),
        (["solve", "dmft.Static", "--gain", "1", "--couplings", "elliptik"], "'elliptik'. Did you mean 'elliptic'?"),
        (["solve", "dmft.Static", "--gain", "1", "--leak", "1"], "has no parameter 'leak'. It has gain, symmetry, mean"),
        (["solve", "dmft.Static", "--gain", "1", "--couplings.gian", "1"], "no argument `couplings.gian`. Did you mean"),
        (["solve", "dmft.Statik", "--gain", "1"], "Did you mean 'dmft.Static'?"),
        (["solve", "FiniteTemperature", "--gain", "1", "--temperature", "0"], "`temperature` must be greater than 0"),
        (["solve", "FiniteTemperature", "--gain", "1"], "needs the argument `temperature`"),
        (["solve", "dmft.Static", "--gain", "1", "--activation", "tahn"], "Did you mean 'tanh'?"),
        (["solve", "dmft.Static", "--gain", "1", "--output", "a.txt"], "--output must end in .nc or .zarr"),
        (["solve", "dmft.Static", "--gain", "1", "--output", "no/a.nc"], "folder 'no' does not exist or cannot be written"),
        (["sweep", "none.toml"], "There is no file 'none.toml'"),
        (["sweep", "small.toml", "--output", "no"], "folder 'no' does not exist or cannot be written"),
        (["sweep", "small.toml", "--resume", "--force"], "exclude each other"),
        (["show", "none.zarr"], "There is no file or store 'none.zarr'"),
        (["show", "small.toml"], "'small.toml' must be a netCDF file or a Zarr store"),
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
    # 3 pairs of points have a middle; searched once more while that finds none.
    assert "2 neurons, tanh: 3 fixed points from 39 searches: 20 starts, 16 paths and 3 from between points" in " ".join(
        out.split()
    )
    assert "starts: fixed_point 20; paths: fixed_point 16" in out
    assert "index sum 1, as it must be for a complete list" in out
    with xr.open_zarr("found.zarr", consolidated=False) as written:
        assert written["stable"].values.tolist() == [True, True, False]
    assert run(["cite", "found.zarr"]) == 0
    assert "sussillo2013" in capsys.readouterr().out
    assert run(["fixed-points", "pair.npz"]) == 2
    assert "holds 2 square arrays; choose one by `array`" in capsys.readouterr().err
    # The eigenvalues at the origin are -1 + 2 and -1 - 2.
    assert "leading eigenvalue" in out
    assert next(line for line in out.splitlines() if " no " in line).split()[4] == "1"


def test_a_search_ends_with_its_time(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.save("pair.npy", np.array([[0.0, 2.0], [2.0, 0.0]]))
    assert run(["fixed-points", "pair.npy", "--starts", "20", "--time-limit", "1e-9"]) == 1
    out = capsys.readouterr().out
    assert "starts: not_run 20" in out
    assert "The search ended early" in out
    assert run(["fixed-points", "pair.npy", "--time-limit", "-1"]) == 2
    assert "`time_limit` must be a finite number greater than 0" in capsys.readouterr().err


def test_roots_without_a_certificate_are_no_reason_for_more_starts(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    angle = 2 * np.pi * np.arange(32) / 32
    np.save("ring.npy", 2.6 / 32 * np.cos(angle[:, None] - angle))
    assert run(["fixed-points", "ring.npy", "--starts", "20", "--output", "ring.zarr"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    with xr.open_zarr("ring.zarr", consolidated=False) as written:
        number = written.sizes["uncertified_point"]
        assert number > 5
        assert written.sizes["fixed_point"] == 1
    assert f"{number} roots without a certificate where F' has 1 flat direction: a line or a ring" in out
    assert f"index sum 1, of the certified points alone: {number} roots without a certificate are not in it" in out
    assert "--starts" not in out
    np.save("rest.npy", np.array([[0.0, 0.5], [0.5, 0.0]]))
    assert run(["fixed-points", "rest.npy", "--activation", "relu", "--starts", "4"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "0 fixed points" in out
    assert "1 root without a certificate on a kink of the activation" in out


def test_complex_eigenvalues_survive_netcdf(folder: Path) -> None:
    np.save("turn.npy", np.array([[0.0, -0.5], [0.5, 0.0]]))
    assert run(["fixed-points", "turn.npy", "--starts", "4", "--output", "found.nc"]) == 0
    with xr.open_dataset("found.nc") as written:
        np.testing.assert_allclose(np.sort(written["eigenvalue_imag"].values[0]), [-0.5, 0.5])
        np.testing.assert_allclose(written["eigenvalue_real"].values[0], -1.0)


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
    of_theories = [["solve", name] for name in THEORIES]
    for command in ([], ["solve"], *of_theories, ["sweep"], ["fixed-points"], ["show"], ["cite"]):
        assert run([*command, "--help"]) == 0
        assert max(map(len, capsys.readouterr().out.splitlines())) <= 40


def test_cite_gives_what_was_asked_for_and_everything_else_if_nothing_was(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["cite", "ZeroTemperature", "jax2018"]) == 0
    out = capsys.readouterr().out
    assert [line.split("{")[1] for line in out.splitlines() if line.startswith("@")] == ["qiu2025,", "jax2018,"]
    assert run(["cite"]) == 0
    assert capsys.readouterr().out.count("@") == len(qd.citation.BIBTEX)


def test_help_lists_every_theory_with_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["solve", "--help"]) == 0
    shown = capsys.readouterr().out
    for name, words in THEORIES.items():
        assert f"{name:<27} {words}" in shown
    assert max(map(len, shown.splitlines())) <= 80


def test_every_theory_has_help_on_its_own_options(capsys: pytest.CaptureFixture[str]) -> None:
    for name, kind in theories().items():
        assert run(["solve", name, "--help"]) == 0
        shown = capsys.readouterr().out
        for option, parameter in inspect.signature(kind).parameters.items():
            (line,) = [line for line in shown.splitlines() if line.startswith(f"  --{option.replace('_', '-')} ")]
            assert ("must be given" in line) == (parameter.default is parameter.empty)
            if isinstance(parameter.default, int | float) and parameter.default not in (True, False, np.inf):
                assert f"; {parameter.default:g} if left out" in line
        if len(getattr(kind, "branches", ())) > 1:
            assert f"--start: {', '.join(kind.branches)}" in shown  # type: ignore[union-attr]
    assert run(["solve", "TwoTime", "--help"]) == 0
    shown = capsys.readouterr().out
    assert "how long, and the time step" in shown
    assert "  population = { trajectories, tangents, scramblings" in shown


def test_a_misspelt_theory_is_not_answered_with_another(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["cite", "dmft.Foo"]) == 2
    answer = capsys.readouterr().err
    assert "Did you mean" not in answer
    assert "Known: dmft.Static, " in answer
    assert "replica" not in answer
    for wrong in ("dmft.Statc", "replica.Static", "statik"):
        assert run(["cite", wrong]) == 2
        assert "Did you mean 'dmft.Static'?" in capsys.readouterr().err
        assert run(["solve", wrong, "--gain", "1"]) == 2
        assert "Did you mean 'dmft.Static'?" in capsys.readouterr().err


@pytest.mark.parametrize("command", [["solve", "dmft.Static", "--gain", "1"], ["fixed-points", "J.npy"]])
def test_a_bad_seed_is_called_by_its_flag(command: list[str], folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.save(folder / "J.npy", np.eye(2))
    assert run([*command, "--seed", "-1"]) == 2
    assert capsys.readouterr().err == "--seed must be between 0 and 2^63 - 1, but is -1.\n"


def test_a_bad_seed_in_a_file_is_called_by_its_key(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "small.toml").write_text("seed = -1\n" + SWEEP)
    assert run(["sweep", "small.toml"]) == 2
    answer = capsys.readouterr().err
    assert answer == "small.toml: key `seed`: Input should be greater than or equal to 0, but is -1.\n"


def test_show_reads_what_solve_wrote(capsys: pytest.CaptureFixture[str]) -> None:
    for output in ("out.nc", "out.zarr"):
        assert run(["solve", "dmft.Static", "--gain", "1.5", "--output", output]) == 0
        solved = capsys.readouterr().out
        assert run(["show", output]) == 0
        assert capsys.readouterr().out == solved.replace(f"Written to {output}.\n", "")


def test_show_of_fixed_points_is_what_the_search_printed(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    np.save("weights.npy", np.diag([0.5, 2.0, 3.0]))
    assert run(["fixed-points", "weights.npy", "--starts", "40", "--output", "points.nc"]) == 0
    found = capsys.readouterr().out
    assert "3 neurons, tanh: 9 fixed points" in found
    assert run(["show", "points.nc"]) == 0
    assert capsys.readouterr().out == found.replace("Written to points.nc.\n", "")


def test_show_lists_any_result(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    chain = qd.Network(np.diag(np.full(9, 3.0), -1), qd.Linear())
    qd.observables.lyapunov_spectrum(chain, duration=20.0, step=0.1).to_netcdf("exponents.nc")
    assert run(["show", "exponents.nc"]) == 0
    shown = capsys.readouterr().out
    assert re.search(r"entropy_rate +0\n", shown)
    assert re.search(r"lyapunov_exponent +(-0\.998203,\s+){6}\.\.\.\s+\(10\s+mode\)", shown)
    assert re.search(r"status +solved\n", shown)


def test_what_is_unknown_does_not_fill_the_screen(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["solve", "dmft.Static", "--gain", "1.5", "--activation", "linear"]) == 1
    shown = capsys.readouterr()
    assert "unknown (nan): mean_state, mean_rate" in shown.out
    assert "diverged" in shown.err
    assert "throw" not in shown.err


def test_show_has_numbers_before_names(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["sweep", "small.toml"]) == 0
    capsys.readouterr()
    assert run(["show", "small.zarr"]) == 0
    shown = capsys.readouterr().out
    assert shown.index("g_c = 1") < shown.index("quantities")


def test_long_work_without_a_terminal_writes_plain_lines(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "_FIRST", 0.0)
    monkeypatch.setattr(progress, "_BETWEEN", 0.01)
    written = threading.Event()
    with progress.Reporter("working") as tell:
        while "so far" not in (first := capsys.readouterr().err):
            written.wait(0.01)
        tell(1, 5)
        written.wait(0.05)
        tell(3, 5, "2 points")
        while "3 of 5, 2 points, " not in (later := capsys.readouterr().err):
            written.wait(0.01)
    assert first.startswith("working: 0 s so far\n")
    assert " a second, 0 s left, 0 s so far\n" in later
    capsys.readouterr()
    written.wait(0.05)
    assert capsys.readouterr().err == ""


def test_short_work_writes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.Reporter("working") as tell:
        tell(1, 1)
    assert capsys.readouterr().err == ""


def test_cite_reads_what_solve_wrote(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["solve", "replica.ZeroTemperature", "--gain", "1.5", "--output", "out.nc"]) == 0
    capsys.readouterr()
    assert run(["cite", "out.nc"]) == 0
    assert capsys.readouterr().out.startswith("@article{qiu2025")
