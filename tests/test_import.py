"""Importing the package is light: no heavy modules, no network, nothing written."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

# Loaded on first use only; together they would take longer than everything else.
HEAVY = {"matplotlib", "zarr", "pydantic", "cyclopts", "rich", "xarray", "pandas", "scipy"}

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


def test_import_touches_neither_network_nor_disk(imported: dict[str, list[str]]) -> None:
    assert imported["seen"] == []


def test_the_watch_sees_a_write() -> None:
    assert import_in_a_new_process("break")["seen"]
