"""Compiled programs are kept for the next process, where the user wants them and nowhere else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import quenched as qd
from quenched import program_store as settings
from quenched.compiled import _HURRIED, Compiled, NotWritable, compiled, written
from quenched.solve import _brief_theory_compiled, chosen_way, read_start

# One theory that compiles in a second, and what was compiled for it. Without the settings of the tests around.
PROGRAM = """
import json, sys
import jax
programs = []
jax.monitoring.register_event_duration_secs_listener(
    lambda event, seconds, **about: programs.append(about["fun_name"]) if "backend_compile" in event else None)
import quenched as qd
{before}
solution = qd.solve(qd.RandomNetwork(1.5, {symmetry}), qd.dmft.Static())
jax.jit(lambda x: x + 1)(1.0)
print(json.dumps([programs, float(solution["correlation"]), str(qd.compile_cache()), jax.config.jax_compilation_cache_dir]))
"""


def start(
    home: Path, before: str = "", symmetry: float = 0.0, changed: Mapping[str, str] | None = None
) -> subprocess.Popen[str]:
    kept = {name: value for name, value in os.environ.items() if name not in ("QUENCHED_CACHE", "QUENCHED_CACHE_DIR")}
    environment = {**kept, "XDG_CACHE_HOME": str(home), **(changed or {})}
    command = [sys.executable, "-c", PROGRAM.format(before=before, symmetry=symmetry)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def result(process: subprocess.Popen[str]) -> Any:
    out, err = process.communicate()
    assert process.returncode == 0, err
    assert err == ""
    return json.loads(out)


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_two_processes_at_once_and_a_third_that_compiles_nothing(tmp_path: Path) -> None:
    both = [start(tmp_path), start(tmp_path)]
    first, second = map(result, both)
    (kept,) = files(tmp_path)
    assert kept.parent == tmp_path / "quenched"
    assert kept.parent.stat().st_mode & 0o077 == 0
    third = result(start(tmp_path))
    assert first[1] == second[1] == third[1]
    # Nothing is compiled eagerly beside the theory, and the program around is compiled as ever and not kept.
    assert [name for name in third[0] if "lambda" not in name] == []
    assert [name for name in first[0] if "lambda" not in name] == ["jit(_solve_theory)"]
    assert third[3] is None
    # Other parameters are the same program, a broken file is compiled anew.
    kept.write_bytes(kept.read_bytes()[:-100])
    assert [name for name in result(start(tmp_path, symmetry=0.1))[0] if "lambda" not in name] == ["jit(_solve_theory)"]
    assert [name for name in result(start(tmp_path, symmetry=0.2))[0] if "lambda" not in name] == []
    assert len(files(tmp_path)) == 1


@pytest.mark.parametrize(
    ("before", "environment"),
    [
        ("", {"QUENCHED_CACHE": "0"}),
        ("qd.compile_cache(False)", {}),
        ("jax.config.update('jax_enable_compilation_cache', False)", {}),
        ("jax.config.update('jax_compilation_cache_dir', '{own}')", {}),
        ("", {"QUENCHED_CACHE_DIR": "/proc/none"}),  # cannot be made, not even by a superuser
        ("", {"XDG_CACHE_HOME": "", "HOME": "/proc/none"}),
        ("import os; os.environ.pop('HOME'); import pwd; pwd.getpwuid = {}.__getitem__", {"XDG_CACHE_HOME": ""}),
    ],
)
@pytest.mark.slow
def test_nothing_is_kept_where_it_is_not_wanted_or_cannot_be(
    before: str, environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found = result(start(tmp_path, before.replace("{own}", str(tmp_path / "own")), changed=environment))
    assert "jit(_solve_theory)" in found[0]
    assert not [path for path in files(tmp_path) if path.suffix == ".program"]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    before = settings._chosen, settings._limit
    qd.compile_cache(tmp_path / "kept")
    yield tmp_path / "kept"
    settings._chosen, settings._limit = before


def test_who_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unchecked_types: None) -> None:
    for variable in ("QUENCHED_CACHE", "QUENCHED_CACHE_DIR"):  # of whoever runs the tests
        monkeypatch.delenv(variable, raising=False)
    # The tests have a cache of JAX's own.
    monkeypatch.setattr(settings, "_chosen", None)
    assert qd.compile_cache() is None
    monkeypatch.setenv("QUENCHED_CACHE_DIR", str(tmp_path))
    assert qd.compile_cache() == tmp_path
    monkeypatch.setenv("QUENCHED_CACHE", "off")
    assert qd.compile_cache() is None
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert qd.compile_cache(True) == tmp_path / "quenched"
    assert qd.compile_cache("here") == Path("here").absolute()
    assert str(Path("here").absolute()) in qd.about()
    assert qd.compile_cache(False) is None
    monkeypatch.setattr("platformdirs.user_cache_path", lambda *_, **__: Path("~/.cache/quenched"))
    assert qd.compile_cache(True) is None
    with pytest.raises(TypeError, match="`where` must be a folder, True or False, but is 3"):
        qd.compile_cache(3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="`limit` must be"):
        qd.compile_cache(limit=0.0)


def test_the_folder_is_bounded_and_what_was_used_last_stays(folder: Path) -> None:
    qd.compile_cache(limit=3500 / 2**30)
    noise = np.random.default_rng(0)
    for number, name in enumerate("abc"):
        settings.write(name, noise.bytes(1000))
        os.utime(folder / f"{name}.program", (number, number))
    (folder / "old.1.part").write_bytes(b"")
    os.utime(folder / "old.1.part", (0, 0))
    assert settings.read("a") is not None
    settings.write("d", noise.bytes(1000))
    assert sorted(path.stem for path in folder.iterdir()) == ["a", "c", "d"]
    settings.write("e", noise.bytes(4000))  # more than all of it
    assert settings.read("e") is None


def program(x: Any, scale: float = 1.0) -> dict[str, Any]:
    return {"sum": jnp.sum(x) * scale, "square": jnp.linalg.cholesky(x @ x.T + jnp.eye(len(x)))}


@pytest.mark.skipif(os.name != "posix", reason="elsewhere a folder's mode does not say who can write")
def test_nothing_is_read_from_a_folder_that_everybody_can_write_to(folder: Path) -> None:
    settings.write("it", b"program")
    assert settings.read("it") == b"program"
    folder.chmod(0o777)
    assert settings.read("it") is None
    folder.chmod(0o700)
    assert settings.read("it") == b"program"


def test_a_kept_program_gives_the_same_bits(folder: Path) -> None:
    x = np.random.default_rng(1).normal(size=(3, 3))
    with jax.enable_x64(True):
        expected = jax.jit(program)(x)
        for _ in range(2):  # compiled, and read by a wrapper that knows nothing of it
            found = compiled(static=("scale",))(program)(x)
            assert {name: np.asarray(value).tobytes() for name, value in found.items()} == {
                name: np.asarray(value).tobytes() for name, value in expected.items()
            }
    assert len(files(folder)) == 1


def test_shapes_types_and_static_arguments_are_told_apart(folder: Path) -> None:
    wrapped: Compiled[..., Any] = compiled(static=("scale",))(program)
    for x in (np.eye(2), np.eye(3), np.eye(2, dtype=np.float32)):
        for scale in (1.0, 2.0):
            with jax.enable_x64(True):
                assert float(wrapped(x, scale)["sum"]) == scale * len(x)
    assert len(files(folder)) == 6
    assert float(wrapped(np.eye(2))["sum"]) == 2.0  # in 32 bits
    assert len(files(folder)) == 7


def test_other_settings_of_jax_and_transformations_are_left_to_jax(folder: Path) -> None:
    wrapped: Compiled[..., Any] = compiled()(program)
    x = np.eye(2)
    with jax.debug_nans(True):
        wrapped(x)
    with jax.disable_jit(True):
        wrapped(x)
    jax.jit(wrapped)(x)
    jax.vmap(wrapped)(x[None])
    jax.grad(lambda x: wrapped(x)["sum"])(x)
    assert not folder.exists()
    wrapped(x)
    with jax.debug_nans(True), pytest.raises(FloatingPointError):
        wrapped(np.full((2, 2), np.nan))


def test_an_activation_of_the_users_own_is_found_by_its_text(folder: Path) -> None:
    def solve(factor: float) -> float:
        phi = qd.Activation(lambda x: jnp.tanh(factor * x))
        return float(qd.solve(qd.RandomNetwork(1.5, activation=phi), qd.dmft.Static())["correlation"])

    once = solve(1.0)
    assert solve(1.0) == once
    assert len(files(folder)) == 1
    assert solve(0.9) != once
    assert len(files(folder)) == 2


def test_only_what_has_a_lasting_name_is_written() -> None:
    start = (qd.RandomNetwork(1.0), qd.dmft.Static(), qd.Newton(nodes=20))
    assert written(start) == written(jax.tree.map(lambda leaf: leaf, start))
    assert written(qd.Newton(nodes=20)) != written(qd.Newton(nodes=24))
    assert "0x" not in repr(written(start))
    for thing in (lambda x: x, object(), qd.Activation(lambda x: jnp.tanh(x))):
        with pytest.raises(NotWritable):
            written(thing)


@pytest.mark.slow
@pytest.mark.parametrize(
    "theory",
    [qd.dmft.Static(), qd.dmft.Stationary(), qd.replica.FiniteTemperature(0.1), qd.replica.ZeroTemperature()],
    ids=lambda theory: type(theory).__name__,
)
def test_programs_of_first_answers_are_short(theory: Any, unchecked_types: None) -> None:
    # Every process loads them anew, in some 2e-5 s an instruction.
    with jax.enable_x64(True):
        model = qd.RandomNetwork(1.5)
        theory, solver, _ = chosen_way(theory, [model])
        start = read_start(theory, [model], None)
        lowered = _brief_theory_compiled.jitted.lower(model, theory, solver, start)
        text = str(lowered.compile(compiler_options=_HURRIED).as_text())
    assert 2000 < sum(" = " in line for line in text.splitlines()) < 10_000


def test_a_program_with_a_part_missing_is_compiled_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """XLA says so at its first run only."""

    def broken(leaves: list[Any]) -> Any:
        raise jax.errors.JaxRuntimeError("NOT_FOUND: Function multiply_subtract_fusion.3 not found (type id: 1)")

    def twice(x: Any) -> Any:
        return 2.0 * x

    monkeypatch.setattr("quenched.compiled.load", lambda content, number: broken)
    program = compiled()(twice)
    for value in (1.5, 2.5):
        assert float(program(jnp.asarray(value))) == 2 * value
    assert list(folder.glob("*"))
