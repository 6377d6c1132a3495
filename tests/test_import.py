"""Importing the package is light: no heavy modules, no network, nothing written."""

from __future__ import annotations

import ast
import json
import pickle
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import quenched as qd

# Loaded on first use only.
HEAVY = {"jax", "numpy", "matplotlib", "zarr", "pydantic", "cyclopts", "rich", "xarray", "pandas", "scipy"}

SCRIPT = """
import json, os, sys

seen = []

def watch(event, arguments):
    if event == "socket.connect":
        seen.append([event, str(arguments[1])])
    elif event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
        seen.append([event, str(arguments[0])])
    elif event in ("os.mkdir", "os.rename", "os.remove"):
        seen.append([event, str(arguments[0])])

sys.addaudithook(watch)
if sys.argv[1] == "break":
    import pathlib, tempfile
    pathlib.Path(tempfile.mkdtemp(), "written").touch()
import quenched
print(json.dumps({"modules": [name for name in sys.modules if "." not in name], "seen": seen}))
"""


def import_in_a_new_process(how: str) -> dict[str, list[str]]:
    # -B: the bytecode cache is Python's own and would be written by any import.
    command = [sys.executable, "-B", "-c", SCRIPT, how]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


@pytest.fixture(scope="module")
def imported() -> dict[str, list[str]]:
    return import_in_a_new_process("as it is")


def test_import_loads_nothing_heavy(imported: dict[str, list[str]]) -> None:
    assert not HEAVY & set(imported["modules"])


def test_a_theory_loads_no_more_than_it_needs() -> None:
    script = "import quenched, sys; quenched.dmft.Static; quenched.solve; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout.split()
    assert "jax" in loaded
    assert not (HEAVY - {"jax", "numpy"}) & set(loaded)
    assert not {"quenched.fixed_points.find", "quenched.dmft.two_time", "quenched.replica.neuron", "psutil"} & set(loaded)


@pytest.mark.parametrize(
    "arguments",
    ["--help", "solve --help", "fixed-points --help", "sovle", "solve dmft.Statik --gain 1", "solve dmft.Static --gain one",
     "solve dmft.Static --gain 1 --output a.txt", "sweep none.toml", "show none.zarr", "fixed-points none.npy",
     "cite dmft.Statik", "cite"],
)  # fmt: skip
def test_help_and_typing_errors_load_nothing_that_computes(arguments: str) -> None:
    script = f"from quenched.cli import run; run({arguments.split()}); import sys; print(*sys.modules, file=sys.stderr)"
    ran = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert not {"jax", "numpy", "xarray", "matplotlib", "pydantic"} & set(ran.stderr.split())


def test_importing_a_file_does_not_hide_the_function_of_its_name() -> None:
    script = (
        "import quenched.solve, quenched.plots.solution, quenched.sweeps.sweep, quenched.replica.complexity\n"
        "import quenched as qd\n"
        "print(callable(qd.solve), callable(qd.plots.solution), callable(qd.sweeps.sweep), callable(qd.replica.complexity))"
    )
    shown = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout
    assert shown.split() == ["True"] * 4


@pytest.mark.parametrize(
    "package", [qd, qd.dmft, qd.landscape, qd.observables, qd.plots, qd.replica, qd.simulate, qd.sweeps]
)
def test_all_public_names_are_there_and_others_are_refused(package: ModuleType) -> None:
    stub = ast.parse(Path(str(package.__file__)).with_suffix(".pyi").read_text())
    (listed,) = (ast.literal_eval(node.value) for node in stub.body if isinstance(node, ast.Assign))
    assert sorted(listed) == sorted(package.__all__)
    for name in package.__all__:
        found = getattr(package, name)
        assert name in dir(package)
        assert not isinstance(found, ModuleType) or hasattr(found, "__path__")
    with pytest.raises(AttributeError, match=f"module '{package.__name__}' has no attribute 'nothing'"):
        package.nothing  # noqa: B018


@pytest.mark.parametrize(
    ("package", "wrong", "right"),
    [
        (qd, "slove", "solve"),
        (qd, "Static", "dmft.Static"),
        (qd.dmft, "TwoTimes", "TwoTime"),
        (qd.replica, "complexty", "complexity"),
    ],
)
def test_a_misspelt_name_suggests_the_nearest(package: ModuleType, wrong: str, right: str) -> None:
    with pytest.raises(AttributeError, match=rf"no attribute '{wrong}'\. Did you mean '{right}'\?$"):
        getattr(package, wrong)


def test_import_touches_neither_network_nor_disk(imported: dict[str, list[str]]) -> None:
    assert imported["seen"] == []


def test_the_watch_sees_a_write() -> None:
    assert import_in_a_new_process("break")["seen"]


def test_packages_are_sent_by_name() -> None:
    for package in (qd, qd.dmft, qd.landscape):
        assert pickle.loads(pickle.dumps(package)) is package
