"""What was saved is loaded as it was."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr

import quenched as qd
from quenched.models.parameters import kinds_of_parts
from quenched.storage import write
from quenched.stored_records import NotDefinedError, from_json, to_json
from quenched.sweeps.parts import part_classes


def cases() -> dict[str, tuple[qd.RandomNetwork, Any]]:
    wave = qd.RandomNetwork(0.8, 0.5, noise=0.3, field=lambda time: jnp.sin(time))
    mine = qd.RandomNetwork(1.2, field=0.1, activation=qd.Activation(lambda x: x / jnp.sqrt(1 + x**2), "mine"))
    return {
        "numbers": (qd.RandomNetwork(1.5), qd.dmft.Static()),
        "an activation of one's own": (mine, qd.dmft.Static()),
        "two times, a field in time": (
            wave,
            qd.dmft.TwoTime(1.0, step=0.25, initial=qd.Normal(0, 0.5)),
        ),
        "populations": (
            qd.RandomNetwork(couplings=qd.couplings.Blocks((0.8, 0.2), np.eye(2), mean=-1.0), field=(0.1, 0.2)),
            qd.dmft.Static(),
        ),
        "networks with trajectories": (
            qd.RandomNetwork(1.5),
            qd.simulate.Trajectories(size=5, networks=2, duration=1.0, record=True),
        ),
    }


COUPLINGS, UNITS = qd.couplings, qd.units
PARTS = {
    "blocks, a unit for each population": qd.RandomNetwork(
        couplings=COUPLINGS.Blocks((0.8, 0.2), [[1.0, 2.0], [1.0, 1.0]], 0.1, [[1.0, -4.0]] * 2, balanced_rows=True),
        field=(0.3, 0.1),
        noise=(0.0, 0.2),
        unit=(UNITS.Leaky(qd.ReLU(), time_constant=2.0), UNITS.Leaky(self_coupling=0.5)),
    ),
    "a sum": qd.RandomNetwork(couplings=COUPLINGS.Elliptic(0.5, mean=-1.0) + COUPLINGS.LowRank(np.eye(2), mean=[0.0, 1.0])),
    "redrawn, a map": qd.RandomNetwork(couplings=COUPLINGS.Redrawn(COUPLINGS.Elliptic(0.5)), unit=UNITS.Discrete(leak=0.5)),
    "sparse": qd.RandomNetwork(couplings=COUPLINGS.Sparse(20.0, COUPLINGS.Elliptic(0.5, mean=-1.0))),
    "a sinusoid": qd.RandomNetwork(0.5, field=qd.Sinusoid(0.5, 1.0 / 3.0)),
    "species": qd.RandomNetwork(couplings=COUPLINGS.Elliptic(0.5), unit=UNITS.LotkaVolterra(immigration=1e-3)),
    "adaptation": qd.RandomNetwork(couplings=COUPLINGS.Elliptic(0.5), unit=UNITS.Adaptive(qd.Erf(), 0.2)),
    "a reservoir": qd.RandomNetwork(couplings=COUPLINGS.Elliptic(0.5), unit=UNITS.Reservoir()),
}


@pytest.mark.parametrize("name", PARTS)
def test_every_part_of_a_model_comes_back_equal(name: str) -> None:
    again = from_json(to_json(PARTS[name]))
    assert eqx.tree_equal(again, PARTS[name])
    assert repr(again) == repr(PARTS[name])
    leaves, before = jax.tree.leaves(again), jax.tree.leaves(PARTS[name])
    assert [each.dtype for each in leaves] == [each.dtype for each in before]


def test_no_part_is_left_out() -> None:
    kinds = {type(part) for model in PARTS.values() for part in kinds_of_parts(model).values()}
    assert {*part_classes("").values()} <= kinds


def test_attributes_hold_arrays_whole_and_name_the_parts() -> None:
    model = PARTS["blocks, a unit for each population"].replace(gain=[[1.0 / 3.0, 2.0], [1.0, 1.0]], noise=0.0)
    attributes = qd.solve(model, qd.dmft.Static(), throw=False).to_dataset().attrs
    assert json.loads(attributes["gain"]) == [[1.0 / 3.0, 2.0], [1.0, 1.0]]
    assert json.loads(attributes["field"]) == [0.3, 0.1]
    assert attributes["couplings"] == "couplings.Blocks"
    assert attributes["unit.0.activation"] == "relu"
    assert attributes["unit.1.self_coupling"] == 0.5


@pytest.mark.slow
def test_of_a_unit_of_ones_own_the_names_of_its_functions_are_kept(tmp_path: Path) -> None:
    def drift(state: Any, field: Any) -> Any:
        return -state + field

    model = qd.RandomNetwork(couplings=COUPLINGS.Elliptic(0.5), unit=UNITS.Unit(drift, jnp.tanh))
    solution = qd.solve(model, qd.dmft.Static())
    assert solution.attributes()["unit"] == "units.Unit(drift=drift, rate=tanh)"
    loaded = qd.load(solution.save(tmp_path / "it.nc"))
    assert repr(loaded) == repr(solution)
    with pytest.raises(TypeError, match="The function 'drift' is not in the file"):
        loaded.model.unit.drift(jnp.zeros(3), jnp.zeros(3))


@pytest.mark.parametrize("name", cases())
@pytest.mark.parametrize("ending", [".nc", ".zarr"])
def test_a_solution_comes_back_as_it_was(name: str, ending: str, tmp_path: Path) -> None:
    model, theory = cases()[name]
    few = qd.dmft.Population(trajectories=8, tangents=8, scramblings=4) if isinstance(theory, qd.dmft.TwoTime) else None
    solution = qd.solve(model, theory, solver=few, key=5, throw=False)
    loaded = qd.load(solution.save(tmp_path / f"it{ending}"))
    assert loaded.solver == solution.solver
    assert isinstance(loaded, qd.Solution)
    assert repr(loaded) == repr(solution)
    assert loaded.seed == 5
    xr.testing.assert_identical(loaded.to_dataset(), solution.to_dataset())


def test_a_loaded_solution_is_a_start(tmp_path: Path) -> None:
    model = qd.RandomNetwork(1.5, 0.2)
    solution = qd.solve(model, qd.dmft.Static())
    solution.save(tmp_path / "it.nc")
    loaded = qd.load(tmp_path / "it.nc")
    again = qd.solve(qd.RandomNetwork(1.51, 0.2), qd.dmft.Static(), start=loaded)
    fresh = qd.solve(qd.RandomNetwork(1.51, 0.2), qd.dmft.Static())
    np.testing.assert_allclose(again.arrays["correlation"], fresh.arrays["correlation"], rtol=1e-10)
    # Solved again from the record alone, built-in functions included.
    np.testing.assert_array_equal(
        qd.solve(loaded.model, loaded.theory).arrays["correlation"], solution.arrays["correlation"]
    )


def test_a_function_that_is_not_in_the_file_says_so() -> None:
    model, _ = cases()["an activation of one's own"]
    again = from_json(to_json(model))
    assert again.activation.name == "mine"
    assert again.gain == 1.2
    with pytest.raises(TypeError, match=r"'<lambda>' is not in the file.*make the model anew with the function"):
        again.activation(jnp.zeros(3))


@pytest.mark.parametrize(
    "text",
    [
        '{"record": "quenched.nowhere:Thing", "fields": {}}',
        '{"record": "quenched.checks:number", "fields": {}}',
    ],
)
def test_a_file_makes_nothing_but_records_of_this_package(text: str) -> None:
    with pytest.raises(ValueError, match="is no model or theory that this version of the package knows"):
        from_json(text)


@pytest.mark.parametrize("kind", ["os:system", "equinox:Module", "antigravity:Module", "test_storage:not_there"])
def test_a_file_makes_and_imports_nothing_of_other_packages(kind: str) -> None:
    module, _, name = kind.partition(":")
    with pytest.raises(NotDefinedError, match=f"the class '{name}' of the module '{module}' is none of this package"):
        from_json(f'{{"record": "{kind}", "fields": {{}}}}')
    assert "antigravity" not in sys.modules


class Own(qd.Tanh):
    """An activation as a script defines it."""


class Scaled(COUPLINGS.Elliptic):
    """Couplings as a script defines them."""


class Slow(UNITS.Leaky):
    """A unit as a script defines it."""


OWN: dict[str, qd.RandomNetwork] = {
    "Own": qd.RandomNetwork(0.4, activation=Own()),
    "Scaled": qd.RandomNetwork(couplings=Scaled(0.4, 0.2, None)),
    "Slow": qd.RandomNetwork(0.4, unit=Slow(qd.Tanh(), 2.0, None)),
}


@pytest.mark.parametrize("name", OWN)
def test_a_class_of_ones_own_is_found_or_named(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Found where the program has it; elsewhere the numbers are there, and so are the model's attributes."""
    solution = qd.solve(OWN[name], qd.simulate.Trajectories(5, 2, 1.0))
    path = solution.save(tmp_path / "it.nc")
    again = qd.load(path)
    assert eqx.tree_equal(again.model, solution.model)
    assert repr(again) == repr(solution)
    monkeypatch.delattr(sys.modules[__name__], name)
    with pytest.warns(
        UserWarning, match=f"only the numbers are loaded: the class '{name}' of the module .* define or import"
    ):
        numbers = qd.load(path)
    xr.testing.assert_equal(numbers, solution.to_dataset())
    assert solution.to_dataset().attrs.items() <= numbers.attrs.items()


def test_a_sweep_with_a_class_of_ones_own_is_loaded_without_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = tmp_path / "it.zarr"
    swept = qd.sweep(OWN["Scaled"], qd.simulate.Trajectories(5, 2, 1.0), {"gain": [0.3, 0.5]}, store=store)
    monkeypatch.delattr(sys.modules[__name__], "Scaled")
    xr.testing.assert_identical(qd.load(store), swept)


def test_a_record_of_another_version_is_refused_by_name() -> None:
    stored = to_json(qd.Normal(0.0, 2.0)).replace('"std"', '"width"')
    with pytest.raises(ValueError, match=r"Normal was stored by another version: its parameters were mean, width and now"):
        from_json(stored)


def test_places_that_cannot_be_written_are_refused(tmp_path: Path) -> None:
    solution = qd.solve(qd.RandomNetwork(1.5), qd.dmft.Static())
    with pytest.raises(ValueError, match=r"Argument `path` must end in \.nc or \.zarr"):
        solution.save(tmp_path / "it.npz")
    with pytest.raises(OSError, match="does not exist or cannot be written"):
        solution.save(tmp_path / "nowhere" / "it.nc")
    path = solution.save(tmp_path / "it.zarr")
    with pytest.raises(FileExistsError, match=r"exists; force=True .* replaces it"):
        solution.save(path)
    assert solution.save(path, force=True) == path
    (tmp_path / "mine.zarr").mkdir()
    with pytest.raises(FileExistsError, match="holds no Zarr store"):
        solution.save(tmp_path / "mine.zarr", force=True)


def test_what_is_not_ours_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="There is no file"):
        qd.load(tmp_path / "nothing.nc")
    (tmp_path / "text.nc").write_text("some text")
    with pytest.raises(ValueError, match="must be a netCDF file or a Zarr store that this package wrote"):
        qd.load(tmp_path / "text.nc")


def test_sweeps_are_loaded_as_datasets(tmp_path: Path) -> None:
    swept = qd.sweep(qd.RandomNetwork(1.0), qd.dmft.Static(), {"gain": [0.5, 1.5]}, store=tmp_path / "it.zarr")
    loaded = qd.load(tmp_path / "it.zarr")
    assert isinstance(loaded, xr.Dataset)
    np.testing.assert_array_equal(loaded["correlation"], swept["correlation"])


def test_fixed_points_are_loaded_as_what_draws_itself(tmp_path: Path) -> None:
    found = qd.landscape.find_fixed_points(qd.Network(2.0 * np.eye(2)), 10, paths=2)
    found.to_netcdf(tmp_path / "it.nc")
    loaded = qd.load(tmp_path / "it.nc")
    xr.testing.assert_equal(loaded, found)
    assert loaded.plot().get_xlabel() == found.plot().get_xlabel()


@pytest.mark.parametrize("how", ["gone", "half", "flipped", "a folder"])
@pytest.mark.parametrize("name", ["status", "correlation"])
def test_a_solution_that_has_lost_a_piece_is_refused_by_name(name: str, how: str, tmp_path: Path) -> None:
    path = qd.solve(qd.RandomNetwork(1.5), qd.dmft.Static()).save(tmp_path / "it.zarr")
    damage(path / name / "c", how)
    must = r"it\.zarr/.*' *, must be a file" if how == "a folder" else rf"it\.zarr' is damaged: the array '{name}' has lost"
    with pytest.raises(ValueError, match=must):
        qd.load(path)


def damage(piece: Path, how: str) -> None:
    content = piece.read_bytes()
    piece.unlink()
    if how == "a folder":
        piece.mkdir()
    elif how != "gone":
        piece.write_bytes(content[: len(content) // 2] if how == "half" else content[:-6] + b"\x5a\xa5" + content[-4:])


def test_fixed_points_that_have_lost_a_piece_are_refused_and_those_of_xarray_are_not(tmp_path: Path) -> None:
    found = qd.landscape.find_fixed_points(qd.Network(2.0 * np.eye(2)), 10, paths=2)
    write(found, tmp_path / "it.zarr")
    xr.testing.assert_identical(qd.load(tmp_path / "it.zarr"), found)
    (tmp_path / "it.zarr" / "state" / "c" / "0" / "0").unlink()
    with pytest.raises(ValueError, match=r"it\.zarr' is damaged: the array 'state' has lost a piece"):
        qd.load(tmp_path / "it.zarr")
    # xarray leaves out pieces that hold only NaN.
    xr.Dataset({"x": ("trial", [np.nan, np.nan])}).to_zarr(tmp_path / "mine.zarr", consolidated=False)
    assert np.isnan(qd.load(tmp_path / "mine.zarr")["x"].values).all()


def test_attributes_that_are_torn_are_refused_by_name(tmp_path: Path) -> None:
    path = qd.solve(qd.RandomNetwork(1.5), qd.dmft.Static()).save(tmp_path / "it.nc")
    stored = xr.load_dataset(path)
    for name, text in (("stored_model", '{"record": "quen'), ("stored_theory", '{"fields": {}}')):
        stored.assign_attrs({name: text}).to_netcdf(tmp_path / "torn.nc")
        with pytest.raises(ValueError, match=r"The solution in '.*torn\.nc' is damaged"):
            qd.load(tmp_path / "torn.nc")


def test_a_netcdf_file_that_scipy_cannot_read_is_refused(tmp_path: Path) -> None:
    """An axis of length 0 that is not the first looks like the unlimited one."""
    none = xr.Dataset({"state": (("fixed_point", "neuron"), np.zeros((1, 2)))}).isel(fixed_point=slice(0, 0))
    xr.concat([none, none], "fixed_point").transpose("neuron", "fixed_point").to_netcdf(tmp_path / "none.nc", engine="scipy")
    with pytest.raises(ValueError, match=r"none\.nc' must be a netCDF file .* or damaged"):
        qd.load(tmp_path / "none.nc")
