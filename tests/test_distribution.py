"""What would be published: both distributions, and the wheel at work away from the sources."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist, and the wheel that is made of it."""
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--outdir", str(out), str(ROOT)]
    made = subprocess.run(command, capture_output=True, text=True)
    assert made.returncode == 0, made.stdout[-2000:] + made.stderr[-2000:]
    return out


# Python, its types, and the points read from figures of a paper.
KINDS = {".py", ".pyi", ".typed", ".csv"}


@pytest.mark.slow
def test_distributions_hold_the_package_and_nothing_else(built: Path) -> None:
    files = [path for path in (ROOT / "src" / "quenched").rglob("*.*") if path.suffix in KINDS]
    sources = {path.relative_to(ROOT / "src").as_posix() for path in files if "__pycache__" not in path.parts}
    with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
        names = {name for name in wheel.namelist() if ".dist-info/" not in name}
        metadata = next(wheel.read(name).decode() for name in wheel.namelist() if name.endswith("/METADATA"))
        licences = [name for name in wheel.namelist() if "LICENSE" in name]
    assert names == sources
    assert len(licences) == 1
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert f"\nVersion: {version}\n" in metadata
    with tarfile.open(next(built.glob("*.tar.gz"))) as sdist:
        inside = {member.name.partition("/")[2] for member in sdist.getmembers()}
    assert {"pyproject.toml", "README.md", "LICENSE", "src/quenched/__init__.py"} <= inside


@pytest.mark.slow
def test_the_wheel_solves_without_the_sources(built: Path, tmp_path: Path) -> None:
    target = tmp_path / "installed"
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(target)]
    subprocess.run([*install, str(next(built.glob("*.whl")))], check=True, capture_output=True)
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); import quenched as qd; print(qd.__file__);"
        "print(qd.solve(qd.RandomNetwork(1.5), qd.dmft.Static()).correlation.values)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program, str(target)], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    where, value = ran.stdout.split()
    assert Path(where).is_relative_to(target)
    assert re.fullmatch(r"0\.35260\d+", value)
    assert (target / "bin" / "quenched").exists()
