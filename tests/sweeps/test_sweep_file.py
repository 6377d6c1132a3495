from __future__ import annotations

import re
import tomllib
from pathlib import Path

import equinox as eqx
import numpy as np
import pytest
import xarray as xr
from toys import assert_same_bits

import quenched as qd
from quenched.sweeps import read_job, run_file
from quenched.sweeps.parts import build_model, part_classes
from quenched.sweeps.store import read_sweeps

GOOD = """
title = "small"
seed = 5

[model]
symmetry = 0.2

[over]
gain = { start = 0.5, stop = 1.5, points = 3 }

[theories.static]
theory = "dmft.Static"

[theories.run]
theory = "simulate.Trajectories"
over.gain = [0.5, 1.5]
size = 10
networks = 2
duration = 2.0
step = 0.5
initial = { uniform = [-0.5, 0.5] }

[output]
store = "small.zarr"
figures = { edge_of_chaos = "small.png" }
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "small.toml"
    path.write_text(text)
    return path


def test_a_file_gives_the_same_as_the_calls_it_stands_for(tmp_path: Path) -> None:
    tree = run_file(write(tmp_path, GOOD), output=tmp_path)
    model = qd.RandomNetwork(1.0, 0.2)
    static = qd.sweep(model, qd.dmft.Static(), {"gain": [0.5, 1.0, 1.5]}, key=5)
    experiment = qd.simulate.Trajectories(10, 2, 2.0, 0.5, initial=qd.Uniform(-0.5, 0.5))
    run = qd.sweep(model, experiment, {"gain": [0.5, 1.5]}, key=5)
    assert_same_bits(tree["static"].to_dataset(), static)
    assert_same_bits(tree["run"].to_dataset(), run)
    stored = read_sweeps(tmp_path / "small.zarr")
    assert_same_bits(stored["static"], static)
    assert_same_bits(stored["run"], run)
    assert (tmp_path / "small.png").read_bytes()[1:4] == b"PNG"


@pytest.mark.parametrize(
    "solver", ["solver.scramblings = 2", "solver.population = { scramblings = 2, trajectories = 8, tangents = 8 }"]
)
def test_a_file_says_which_solver_and_with_what(tmp_path: Path, solver: str) -> None:
    symmetry = 0.2 if "population" not in solver else 0.0
    text = GOOD.replace("symmetry = 0.2", f"symmetry = {symmetry}")
    text = text.replace('"dmft.Static"', f'"dmft.TwoTime"\nduration = 0.5\nstep = 0.25\n{solver}')
    plan = read_job(write(tmp_path, text), tmp_path).plans["static"]
    assert (plan.attributes["solver"], plan.attributes["scramblings"]) == ("Population", 2)
    assert plan.definition["solver"]["scramblings"] == 2
    assert plan.theory.samples == 2  # type: ignore[union-attr]
    if symmetry == 0.0:
        assert plan.attributes["trajectories"] == 8


def test_interrupted_and_resumed_it_has_the_bits_of_an_uninterrupted_run(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD)
    (tmp_path / "whole").mkdir()
    whole = run_file(path, output=tmp_path / "whole")

    def progress(name: str, done: int, units: int) -> None:
        if name == "run" and done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_file(path, output=tmp_path, progress=progress)
    left = read_sweeps(tmp_path / "small.zarr")
    assert (left["static"]["status"] == qd.Status.solved).all()
    assert (left["run"]["status"] == qd.Status.not_run).any()
    assert not (tmp_path / "small.png").exists()
    resumed = run_file(path, output=tmp_path, resume=True)
    assert_same_bits(resumed["run"].to_dataset(), whole["run"].to_dataset())
    with pytest.raises(FileExistsError, match=r"small\.zarr/static' exists and is complete: pass resume=True \(--resume"):
        run_file(path, output=tmp_path)


def test_a_changed_file_is_refused_until_forced(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD)
    run_file(path, output=tmp_path)
    write(tmp_path, GOOD.replace("symmetry = 0.2", "symmetry = 0.3"))
    with pytest.raises(FileExistsError, match=r"differs: symmetry is 0\.2 there and 0\.3 here; pass force=True \(--force"):
        run_file(path, output=tmp_path, resume=True)
    run_file(path, output=tmp_path, force=True)
    assert read_sweeps(tmp_path / "small.zarr")["static"].attrs["symmetry"] == 0.3


def test_a_range_holds_the_numbers_one_would_type(tmp_path: Path) -> None:
    text = GOOD.replace("start = 0.5, stop = 1.5, points = 3", "start = 0.4, stop = 2.0, points = 81")
    job = read_job(write(tmp_path, text))
    gains = job.plans["static"].grid.axes["gain"].tolist()
    assert {0.4, 0.7, 0.9, 1.1, 1.4, 2.0} <= set(gains)
    assert np.all(np.diff(gains) > 0)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[model]", "[modle]", r"small\.toml: unknown key `modle`\. Did you mean 'model'\? Known here: title, seed, "),
        ("symmetry =", "symetry =", r"unknown key `model\.symetry`\. Did you mean 'symmetry'\?"),
        ("figures =", "figurs =", r"unknown key `output\.figurs`\. Did you mean 'figures'\?"),
        (
            "edge_of_chaos =",
            "edge_of_chaso =",
            r"key `output\.figures`: it must name some of edge_of_chaos, but .* Did you mean 'edge_of_chaos'\?",
        ),
        ('"small.png"', "3", r"key `output\.figures\.edge_of_chaos` must be text in quotes, but is 3"),
        ("symmetry = 0.2", 'symmetry = "0.2"', r"key `model\.symmetry` must be a number, but is '0\.2'"),
        (
            "symmetry = 0.2",
            "symmetry = 2.0",
            r"in \[theories\.static\]: Argument `symmetry` must be .* between -1 and 1, but is 2",
        ),
        ("seed = 5", "seed = 1.5", r"key `seed` must be a whole number, but is 1\.5"),
        ('store = "small.zarr"', "", r"key `output\.store` is missing"),
        ('"small.zarr"', '"small.nc"', r"key `output\.store` must end in \.zarr, for it is a folder in Zarr's format"),
        ('theory = "dmft.Static"', "", r"key `theories\.static\.theory` is missing"),
        ("dmft.Static", "dmft.Statik", r"`theory` must be one of .* but is 'dmft\.Statik'\. Did you mean 'dmft\.Static'\?"),
        (
            "size = 10",
            "sise = 10",
            r"in \[theories\.run\]: simulate\.Trajectories has no argument `sise`\. Did you mean 'size'\?",
        ),
        ("size = 10", "", r"simulate\.Trajectories needs the argument `size`"),
        ("size = 10", "size = 0", r"`size` must be at least 1, but is 0"),
        ("over.gain", "ovr.gain", r"has no argument `ovr`\. Did you mean 'over'\?"),
        ("points = 3", "points = 1", r"key `over\.gain` must have a whole number of points, at least 2, but is \{"),
        (
            "points = 3",
            "pionts = 3",
            r"key `over\.gain` must be a list of numbers or \{start = \.\.\., stop = \.\.\., points",
        ),
        ("gain = { start", "gian = { start", r"names 'gian'\. Did you mean 'gain'\?"),
        (
            "over.gain = [0.5, 1.5]",
            'over.gain = [0.5, "a"]',
            r"key `theories\.run\.over\.gain\.1` must be a number, but is 'a'",
        ),
        (
            "uniform =",
            "unifrom =",
            r"`initial` must be one of 'normal', 'uniform', but is 'unifrom'\. Did you mean 'uniform'\?",
        ),
        ('"dmft.Static"', '"dmft.Static"\nsolver.nods = 9', r"Newton has no option `nods`\. Did you mean 'nodes'\?"),
        (
            '"dmft.Static"',
            '"dmft.TwoTime"\nduration = 1.0\nsolver.trajectoris = 9',
            r"Population has no option `trajectoris`\. Did you mean 'trajectories'\?",
        ),
        (
            '"dmft.Static"',
            '"dmft.TwoTime"\nduration = 1.0\ntrajectories = 64',
            r"no argument `trajectories`, which belongs to its solver: solver = \{ population = \{ trajectories = ",
        ),
        (
            '"dmft.Static"',
            '"dmft.TwoTime"\nduration = 1.0\nsolver.quadrature.nodes = 32',
            r"`solver` must be a Population for dmft\.TwoTime of symmetry 0\.2",
        ),
        ('"dmft.Static"', '"dmft.Static"\nstart = "activ"', r"`start` must be one of .* Did you mean 'active'\?"),
        ("[over]", "[over", r"small\.toml is not valid TOML: "),
    ],
)
def test_what_is_wrong_with_a_file_is_said_before_any_work(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in GOOD
    path = write(tmp_path, GOOD.replace(old, new, 1))
    with pytest.raises(ValueError, match=message):
        run_file(path, output=tmp_path)
    assert [each.name for each in tmp_path.iterdir()] == ["small.toml"]


def test_a_figure_that_no_sweep_would_be_in_is_refused(tmp_path: Path) -> None:
    text = GOOD.replace("gain = {", "noise = {").replace("over.gain", "over.noise").replace("dmft.Static", "dmft.Stationary")
    with pytest.raises(ValueError, match=r"'edge_of_chaos' is a figure of sweeps over 'gain', but nothing is swept over it"):
        read_job(write(tmp_path, text))


def test_every_problem_of_a_file_is_named_at_once(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD.replace("dmft.Static", "dmft.Statik").replace("size = 10", "size = 0"))
    with pytest.raises(ValueError, match=r"(?s)theories\.static.*theories\.run"):
        read_job(path)


def test_the_example_is_right() -> None:
    job = read_job(Path(__file__).parents[2] / "examples" / "edge_of_chaos.toml")
    for plan in job.plans.values():
        assert set(plan.grid.axes["symmetry"].tolist()) <= {0.0, 0.2, 0.5}
        for critical in plan.grid.critical_gain()[1]:
            assert critical < plan.grid.axes["gain"].max()


PARTS = """
[model]
couplings = [
    { blocks = { fractions = [0.8, 0.2], gain = [[1.0, 2.0], [1.0, 1.0]], mean = -0.5 } },
    { low_rank = { covariance = [[1.0, 0.0], [0.0, 1.0]] } },
]
unit = [{ leaky = { activation = "relu", time_constant = 2.0 } }, "leaky"]
field = [0.1, 0.3]

[over]
couplings.first.gain = [[[0.5, 0.5], [0.5, 0.5]], [[0.2, 0.5], [0.5, 0.5]]]
"unit.0.time_constant" = { start = 1.0, stop = 2.0, points = 3 }

[theories.static]
theory = "dmft.Static"

[output]
store = "small.zarr"
"""


def test_a_file_holds_any_model_made_of_parts(tmp_path: Path) -> None:
    plan = read_job(write(tmp_path, PARTS)).plans["static"]
    blocks = qd.couplings.Blocks((0.8, 0.2), [[0.2, 0.5], [0.5, 0.5]], mean=-0.5)
    expected = qd.RandomNetwork(
        couplings=blocks + qd.couplings.LowRank([[1.0, 0.0], [0.0, 1.0]]),
        unit=(qd.units.Leaky(qd.ReLU(), 1.5), qd.units.Leaky()),
        field=(0.1, 0.3),
    )
    assert plan.grid.shape == (2, 3)
    assert eqx.tree_equal(plan.grid.points[4][0], expected)
    # An experiment compiles in a tenth of the time.
    trajectories = 'theory = "simulate.Trajectories"\nsize = 10\nnetworks = 2\nduration = 2.0'
    found = run_file(write(tmp_path, PARTS.replace('theory = "dmft.Static"', trajectories)), output=tmp_path)["static"]
    assert found["mean_rate"].dims == ("couplings.first.gain", "unit.0.time_constant", "population")


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ('couplings = "elliptic"\ngain = 0.5', qd.RandomNetwork(couplings=qd.couplings.Elliptic(0.5))),
        (
            "couplings = { redrawn = { couplings = { elliptic = { gain = 0.5 } } } }\nunit = { reservoir = { leak = 0.5 } }",
            qd.RandomNetwork(couplings=qd.couplings.Redrawn(qd.couplings.Elliptic(0.5)), unit=qd.units.Reservoir(leak=0.5)),
        ),
        (
            "gain = 0.5\nfield = { sinusoid = { amplitude = 0.5, angular_frequency = 2.0 } }",
            qd.RandomNetwork(0.5, field=qd.Sinusoid(0.5, 2.0)),
        ),
        (
            'couplings = { elliptic = { gain = 0.5, mean = -2.0 } }\nunit = "lotka_volterra"',
            qd.RandomNetwork(couplings=qd.couplings.Elliptic(0.5, mean=-2.0), unit=qd.units.LotkaVolterra()),
        ),
        (
            'gain = 0.5\nactivation = "relu"\nunit = { adaptive = { adaptation_rate = 0.2 } }',
            qd.RandomNetwork(couplings=qd.couplings.Elliptic(0.5), unit=qd.units.Adaptive(qd.ReLU(), 0.2)),
        ),
    ],
)
def test_parts_are_what_their_tables_say(model: str, expected: qd.RandomNetwork) -> None:
    assert eqx.tree_equal(build_model(tomllib.loads(model)), expected)


def test_every_public_part_has_its_word() -> None:
    written = {*part_classes("couplings").values(), *part_classes("unit").values()}
    public = {getattr(chapter, name) for chapter in (qd.couplings, qd.units) for name in chapter.__all__}
    bases = {qd.couplings.AbstractCouplings, qd.units.AbstractUnit}
    parts = {each for each in public if issubclass(each, tuple(bases))} - bases
    assert parts - written == {qd.units.Unit, qd.units.Mixed}
    assert {"low_rank", "lotka_volterra"} <= {*part_classes("couplings"), *part_classes("unit")}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("blocks", "block", r"`couplings` must be one of 'blocks', .*, but is 'block'\. Did you mean 'blocks'\?"),
        ("fractions =", "fraction =", r"blocks has no argument `fraction`\. Did you mean 'fractions'\?"),
        ("[0.8, 0.2]", "[0.8, 0.3]", r"in \[theories\.static\]: Argument `fractions` must be .* of sum 1"),
        (
            "time_constant = 2.0",
            "time_constnt = 2.0",
            r"leaky has no argument `time_constnt`\. Did you mean 'time_constant'\?",
        ),
        ('"relu"', '"rleu"', r"`activation` must be one of .* Did you mean 'relu'\?"),
        ("couplings.first.gain", "couplings.frist.gain", r"names 'couplings\.frist\.gain'\. Did you mean 'couplings\.first"),
        ("[[0.5, 0.5]", '[["a", 0.5]', r"key `over\.couplings\.first\.gain\.0` must be a number, but is"),
        ("{ low_rank = {", "{ low_rank = 3, elliptic = {", r"`couplings` must be a table with one entry out of blocks, "),
        ("{ covariance = [[1.0, 0.0], [0.0, 1.0]] }", "3", r"low_rank must be a table of its arguments, but is 3"),
        ("field = [0.1, 0.3]", "field = [0.1]", r"`field` must be .* one number for each population, of which there are 2"),
    ],
)
def test_what_is_wrong_with_a_part_is_said(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in PARTS
    with pytest.raises(ValueError, match=message):
        read_job(write(tmp_path, PARTS.replace(old, new, 1)))


def test_parameters_in_place_of_those_of_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, PARTS)
    (model, _), *_ = read_job(path, model={"couplings.first.mean": 1.5, "noise": [0.0, 0.0]}).plans["static"].grid.points
    assert model.values()["couplings.first.mean"] == 1.5
    with pytest.raises(ValueError, match=r"'couplings\.first\.gain' is swept in the file"):
        read_job(path, model={"couplings.first.gain": 1.0})


def test_the_file_with_parts_of_the_docs_is_right(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "sweeps.md").read_text()
    (shown,) = re.findall(r"```toml\n(.*?)```", page, flags=re.DOTALL)
    plan = read_job(write(tmp_path, f'{shown}\n[theories.static]\ntheory = "dmft.Static"\n[output]\nstore = "it"')).plans[
        "static"
    ]
    assert plan.grid.shape == (4, 2)


LAYERS = """
[model]
activation = "erf"
bias_std = 0.3

[over]
weight_std = [1.0, 2.0]

[theories.layers]
theory = "layers.Propagation"
depth = 5
overlap = 0.5

[output]
store = "layers.zarr"
"""


def test_a_file_sweeps_deep_networks(tmp_path: Path) -> None:
    found = run_file(write(tmp_path, LAYERS), output=tmp_path, model={"keep": 0.9})["layers"].to_dataset()
    network = qd.FeedforwardNetwork(1.0, 0.3, qd.Erf(), keep=0.9)
    expected = qd.sweep(network, qd.layers.Propagation(5, overlap=0.5), {"weight_std": [1.0, 2.0]})
    xr.testing.assert_allclose(found.drop_vars("wall_time"), expected.drop_vars("wall_time"))
    assert found.overlap_coefficient.dims == ("weight_std", "layer")


@pytest.mark.parametrize(
    ("text", "changes", "message"),
    [
        (LAYERS.replace("bias_std = 0.3", "gain = 1.0"), {}, "key `model.gain` belongs to recurrent networks"),
        (LAYERS, {"symmetry": 0.5}, "--symmetry belongs to recurrent networks"),
        (GOOD.replace("symmetry = 0.2", "keep = 0.9"), {}, "key `model.keep` belongs to layered networks"),
        (LAYERS.replace("weight_std", "bias_std"), {}, "needs the argument `weight_std`"),
        (LAYERS.replace("depth = 5", "depth = 0"), {}, "`depth` must be at least 1"),
        (LAYERS.replace("0.3", "-0.3"), {}, "`bias_std`"),
    ],
)
def test_wrong_files_of_deep_networks_say_what_is_wrong(
    text: str, changes: dict[str, float], message: str, tmp_path: Path
) -> None:
    with pytest.raises((ValueError, TypeError), match=re.escape(message)):
        read_job(write(tmp_path, text), tmp_path, changes)
